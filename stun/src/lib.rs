//! STUN and TURN for WebRTC: messages, their integrity, the timing of transactions, and a TURN client, without IO.
//!
//! [`Message`] is a view of received bytes: it is checked once, when it is made, borrows the datagram and allocates
//! nothing. [`Writer`] appends one message to a `Vec<u8>`. [`Retransmission`] and [`Transaction`] say when a request
//! is sent again and when it has failed. [`turn::Client`] is an allocation on a relay, [`discovery::Discovery`] finds out
//! how NATs behave, and [`framing`] carries all of it on streams. Nothing here opens a socket, reads a clock or draws
//! randomness.
//!
//! Integrity is computed through the small traits of [`crypto`], so that an embedder may bring its own HMAC; the
//! feature `rust-crypto` (contained in the default) provides one.
//!
//! # Example
//!
//! A request is written, received and verified.
//!
//! ```
//! # #[cfg(feature = "rust-crypto")] {
//! use duologue_stun::crypto::{HmacProvider, RUST_CRYPTO};
//! use duologue_stun::{Class, Message, Method, TransactionId, Writer};
//!
//! let key = RUST_CRYPTO.key(b"VOkJxbRl1RmTxUk/WvJxBt");
//! let mut datagram = Vec::new();
//! Writer::new(&mut datagram, Class::Request, Method::BINDING, TransactionId([7; 12]))
//!     .username(b"evtj", b"h6vY")
//!     .priority(0x6e00_01ff)
//!     .integrity(&*key)
//!     .fingerprint()
//!     .finish()?;
//!
//! let message = Message::parse(&datagram)?;
//! assert_eq!(message.username(), Some(&b"evtj:h6vY"[..]));
//! message.verify_integrity(&*key)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # RFC 8489 checklist
//!
//! - Section 5, message structure: [`Message::parse`], [`Writer`].
//! - Section 6.2.1, retransmission over UDP: [`Retransmission`], [`Transaction`].
//! - Section 6.2.2, messages over TCP and TLS: [`framing::Deframer`], [`Retransmission::once`].
//! - Section 7, FINGERPRINT: [`Message::verify_fingerprint`], [`Writer::fingerprint`].
//! - Section 9.1, short-term credentials: [`Message::verify_integrity`], [`Writer::integrity`] (MESSAGE-INTEGRITY with
//!   HMAC-SHA1, as ICE uses it; MESSAGE-INTEGRITY-SHA256 is not negotiated by ICE).
//! - Section 9.2, long-term credentials, with SHA-256, USERHASH and the nonce cookie: [`auth`]. OpaqueString (RFC 8265) is the
//!   caller's.
//! - Section 10, ALTERNATE-SERVER: [`turn::Event::Redirected`].
//! - Section 14, attributes: [`Attribute`], [`AttributeType`]; padding is written as zero and ignored when read.
//! - Sections 14.5 and 14.6, attributes after the integrity are ignored, FINGERPRINT aside: [`Message::attributes`].
//!
//! # TURN checklist
//!
//! - RFC 8656, Section 7, allocations, of one family or of both, with DONT-FRAGMENT: [`turn::Client`]. EVEN-PORT and
//!   RESERVATION-TOKEN are read and written, and the client has no use for them.
//! - RFC 8656, Sections 8 to 10 and 12.1, lifetimes, permissions, channels: [`turn::Client::permit`] and the client's own
//!   deadlines. One CreatePermission request carries one peer.
//! - RFC 8656, Section 12: channel numbers are 0x4000 to 0x4FFF; each stays with its peer while the allocation lives. After a
//!   400 to ChannelBind the peer is reached by Send indications; the allocation is not thrown away for it.
//! - RFC 8656, Sections 11 and 12, data: [`turn::Client::seal`], [`turn::Received::Data`], [`turn::ChannelData`]; ICMP
//!   errors: [`turn::Event::Icmp`].
//! - RFC 7635, third-party tokens: [`auth::Credentials::ThirdParty`], [`turn::Event::TokenWanted`].
//! - RFC 5780, mapping and filtering: [`discovery`]. Its tests of hairpinning, fragments and binding lifetimes are not built.
//! - RFC 4571, framing of ICE-TCP: [`framing::Framing::Rfc4571`].
//! - RFC 7064 and RFC 7065, URIs: [`uri::Uri`]. The look-up of names, by RFC 5928 or plainly, is the embedder's.
//!
//! 401 and 438 responses are never sealed: who sees a request can forge them. The client then asks again, a bounded number of
//! times, and believes an unsealed refusal only when the server's own answer does not come. That much the protocol cannot
//! tell from the truth; what needs the password, an attacker without it cannot do. The server's own answer to an earlier
//! transmission counts behind any challenge, each request begins with the nonce that the server has last taken, and no
//! challenge over UDP is answered at once with more than three times its length.
//!
//! # The contract
//!
//! The machines, [`turn::Client`] and [`discovery::Discovery`], take time and a seed as arguments: `now` is the largest that
//! they have seen; equal configurations, seeds and inputs give equal outputs. What cannot be used is a small `Copy`
//! `Discard`, no error. After `handle_timeout(t)` the next deadline is later than `t`; `None` waits for input. A machine
//! ends with one event, after which its inputs do nothing.
//!
//! Written text is never judged: USERNAME, SOFTWARE and reason phrases are bytes, valid UTF-8 or not.

mod address;
mod attribute;
pub mod auth;
mod binding;
pub mod crypto;
pub mod discovery;
mod error;
pub mod framing;
mod integrity;
mod message;
#[cfg(feature = "server")]
pub mod server;
mod transaction;
pub mod turn;
pub mod uri;
mod writer;

pub use address::canonical;
pub use attribute::{
    AddressFamily, Attribute, AttributeType, ChannelNumber, ErrorCode, Opaque, PasswordAlgorithm,
    PasswordAlgorithms,
};
pub use binding::{mapped_address, write_binding_request, write_binding_response};
pub use error::{AttributeError, IntegrityError, ParseError, WriteError};
pub use message::{
    Attributes, Class, Header, Message, Method, RawAttribute, TransactionId, UnknownAttributes,
};
pub use transaction::{Retransmission, Transaction, TransactionStep};
pub use writer::Writer;
