//! Session descriptions and offer/answer negotiation for WebRTC, without IO.
//!
//! [`SessionDescription`] is a description as a typed value: it parses from text ([`FromStr`](std::str::FromStr),
//! or [`SessionDescription::parse`] with other [`Limits`]) and prints back ([`Display`](std::fmt::Display)) with
//! every attribute it had, the unknown ones included. [`jsep::Negotiator`] keeps the signalling state of one peer
//! connection: it creates offers and answers, takes in those of the peer, and says what both agreed upon.
//!
//! # Sources
//! - [RFC 8866](https://www.rfc-editor.org/rfc/rfc8866) SDP; [RFC 3264](https://www.rfc-editor.org/rfc/rfc3264) offer/answer
//! - [RFC 8829](https://www.rfc-editor.org/rfc/rfc8829) JSEP: signalling states, rollback, the `max-bundle` policy
//! - [RFC 8839](https://www.rfc-editor.org/rfc/rfc8839) ICE; candidates are kept whole, `duologue-ice` types them
//! - [RFC 8841](https://www.rfc-editor.org/rfc/rfc8841) SCTP over DTLS; [RFC 8842](https://www.rfc-editor.org/rfc/rfc8842)
//!   DTLS roles; [RFC 8122](https://www.rfc-editor.org/rfc/rfc8122) fingerprints
//! - [RFC 9143](https://www.rfc-editor.org/rfc/rfc9143) BUNDLE; [RFC 5888](https://www.rfc-editor.org/rfc/rfc5888) groups
//! - [RFC 4585](https://www.rfc-editor.org/rfc/rfc4585) feedback; [RFC 8285](https://www.rfc-editor.org/rfc/rfc8285)
//!   header extensions; [RFC 5576](https://www.rfc-editor.org/rfc/rfc5576) sources;
//!   [RFC 8830](https://www.rfc-editor.org/rfc/rfc8830) MediaStreams
//! - [RFC 8851](https://www.rfc-editor.org/rfc/rfc8851) and [RFC 8853](https://www.rfc-editor.org/rfc/rfc8853) simulcast
//! - [RFC 4588](https://www.rfc-editor.org/rfc/rfc4588), [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184),
//!   [RFC 7587](https://www.rfc-editor.org/rfc/rfc7587), [RFC 7798](https://www.rfc-editor.org/rfc/rfc7798) and others:
//!   what a [`Format`]'s parameters mean, and what an answer says of them
//!
//! ```
//! use duologue_sdp::jsep::{Config, IceCredentials, LocalTransport, Negotiator, OfferOptions, SdpType};
//! use std::sync::Arc;
//!
//! # fn transport(name: &str) -> LocalTransport {
//! #     LocalTransport {
//! #         ice: IceCredentials {
//! #             ufrag: format!("{name}ufrag").into(),
//! #             pwd: format!("{name}passwordpasswordpassword").as_str().into(),
//! #         },
//! #         ice_lite: false,
//! #         fingerprints: vec![format!("sha-256 {}", ["AA"; 32].join(":")).parse().unwrap()],
//! #         tls_id: "0123456789abcdef0123".into(),
//! #         sctp_port: 5000,
//! #         max_message_size: 262_144,
//! #     }
//! # }
//! let mut alice = Negotiator::new(Arc::new(Config::default()), transport("alice"), [1; 32]);
//! let mut bob = Negotiator::new(Arc::new(Config::default()), transport("bob"), [2; 32]);
//!
//! alice.request_data();
//! let offer = alice.create_offer(OfferOptions::default())?;
//! alice.set_local_description(SdpType::Offer, Some(&offer))?;
//! bob.set_remote_description(SdpType::Offer, &offer.to_string().parse()?)?;
//! let answer = bob.create_answer()?;
//! bob.set_local_description(SdpType::Answer, Some(&answer))?;
//! alice.set_remote_description(SdpType::Answer, &answer.to_string().parse()?)?;
//! assert!(alice.data().is_some() && bob.data().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attribute;
mod codec;
mod codecs;
mod direction;
mod error;
mod extension;
mod feedback;
mod format;
pub mod jsep;
mod lexer;
mod media;
mod parameters;
mod session;
mod simulcast;
mod source;
mod transport;
mod words;
mod writer;

pub use attribute::{Attribute, Imageattr};
pub use codec::{Codec, CodecRole, Fmtp, Rtpmap};
pub use direction::Direction;
pub use error::{Limits, ParseError, Rule};
pub use extension::{ExtensionUri, Extmap};
pub use feedback::{Feedback, RtcpFb};
pub use format::{FormatParameters, ParsePayloadTypeError, PayloadType};
pub use media::{Media, MediaKind};
pub use parameters::{
    Av1, FlexFec, Format, H264, H264Level, H264Profile, H265, Opus, ParseProfileLevelIdError, ProfileLevelId,
    Rtx, TelephoneEvent, TxMode, Vp8, Vp9,
};
pub use session::{Bandwidth, Connection, Origin, SessionDescription};
pub use simulcast::{Rid, RidDirection, Simulcast, SimulcastId};
pub use source::{Msid, Ssrc, SsrcGroup};
pub use transport::{Fingerprint, HashFunction, MAX_DIGEST, ParseFingerprintError, Secret, Setup};

/// A short text; up to 24 bytes stay off the heap.
pub use compact_str::CompactString as Text;
