//! STUN for WebRTC: messages, their integrity and the timing of transactions, without IO.
//!
//! [`Message`] is a view of received bytes: it is checked once, when it is made, borrows the datagram and allocates
//! nothing. [`Writer`] appends one message to a `Vec<u8>`. [`Retransmission`] and [`Transaction`] say when a request
//! is sent again and when it has failed. Nothing here opens a socket, reads a clock or draws randomness.
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
//! - Section 7, FINGERPRINT: [`Message::verify_fingerprint`], [`Writer::fingerprint`].
//! - Section 9.1, short-term credentials: [`Message::verify_integrity`], [`Writer::integrity`] (MESSAGE-INTEGRITY with
//!   HMAC-SHA1, as ICE uses it; MESSAGE-INTEGRITY-SHA256 is not negotiated by ICE and not built).
//! - Section 14, attributes: [`Attribute`], [`AttributeType`]; padding is written as zero and ignored when read.
//! - Section 15, attributes after MESSAGE-INTEGRITY are ignored, FINGERPRINT aside: [`Message::attributes`].
//!
//! Written text is never judged: USERNAME, SOFTWARE and reason phrases are bytes, valid UTF-8 or not.

mod address;
mod attribute;
pub mod auth;
mod binding;
pub mod crypto;
mod error;
pub mod framing;
mod integrity;
mod message;
#[cfg(feature = "server")]
pub mod server;
mod transaction;
pub mod turn;
mod writer;

pub use address::canonical;
pub use attribute::{
    AddressFamily, Attribute, AttributeType, ChannelNumber, ErrorCode, PasswordAlgorithm, PasswordAlgorithms,
};
pub use binding::{mapped_address, write_binding_request, write_binding_response};
pub use error::{AttributeError, IntegrityError, ParseError, WriteError};
pub use message::{
    Attributes, Class, Header, Message, Method, RawAttribute, TransactionId, UnknownAttributes,
};
pub use transaction::{Retransmission, Transaction, TransactionStep};
pub use writer::Writer;
