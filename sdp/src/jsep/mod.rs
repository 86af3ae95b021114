//! Offer/answer negotiation of one peer connection ([RFC 8829](https://www.rfc-editor.org/rfc/rfc8829)).
//!
//! The policy is `max-bundle` (RFC 8829, Sections 4.1.1 and 5.3.1): all sections share one transport. Without a
//! `BUNDLE` group the first section is accepted alone; a section that is neither the first nor in the first's group
//! is answered as rejected.

mod answer;
mod apply;
mod bundle;
mod candidate;
mod config;
mod error;
mod negotiator;
mod offer;
mod section;
mod state;

pub use candidate::{IceCandidate, RemoteCandidate};
pub use config::{Config, LocalTransport};
pub use error::{CandidateError, DescriptionError, Operation, StateError};
pub use negotiator::Negotiator;
pub use section::{DataSection, DtlsRole, RemoteTransport};
pub use state::{SdpType, SignalingState};
