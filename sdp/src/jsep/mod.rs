//! Offer/answer negotiation of one peer connection ([RFC 8829](https://www.rfc-editor.org/rfc/rfc8829)).
//!
//! The policy is `max-bundle` (RFC 8829, Sections 4.1.1 and 5.3.1): all sections share one transport. Without a
//! `BUNDLE` group the first section is accepted alone; a section that is neither the first nor in the first's group
//! is answered as rejected. RTP and RTCP share the port. What can be sent and received is a list of [`Capabilities`]: the
//! negotiator knows no codec by heart.

mod answer;
mod bundle;
mod candidate;
mod changes;
mod codecs;
mod config;
mod descriptions;
mod error;
mod event;
mod local;
mod names;
mod needed;
mod negotiator;
mod numbers;
mod offer;
mod parameters;
mod remote;
mod section;
mod simulcast;
mod sources;
mod state;
mod transceiver;
mod transceivers;
mod transport;
mod write;

pub use candidate::{IceCandidate, RemoteCandidate};
pub use config::{
    Capabilities, CodecCapability, Config, ExtensionCapability, IceCredentials, LocalTransport,
};
pub use error::{CandidateError, DescriptionError, Operation, StateError, TransceiverError};
pub use event::Event;
pub use negotiator::{Negotiator, OfferOptions};
pub use parameters::Parameters;
pub use section::{DataSection, DtlsRole, RemoteTransport};
pub use sources::Sources;
pub use state::{SdpType, SignalingState};
pub use transceiver::{Encoding, TrackKind, Transceiver, TransceiverId, TransceiverInit};
