//! A STUN and TURN server ([RFC 8489], [RFC 8656]): [`Relay`] is a machine that serves many clients, without IO.
//!
//! The embedder owns the sockets: those that clients speak to, and one for each relayed address, which the machine asks for
//! by [`Relay::poll_request`]. It gives each datagram to [`Relay::handle_datagram`] or [`Relay::handle_relayed`], and what is
//! to be relayed comes back framed in the same buffer: data is neither queued nor copied. Answers to requests leave by
//! [`Relay::poll_transmit`].
//!
//! # What a stranger can do
//!
//! Without credentials a client gets Binding responses and challenges, and nothing that it sends makes memory grow: nonces
//! are computed, not stored, and of the bounded queue of answers strangers get half. Over UDP no answer to a stranger is longer
//! than three times its request, the 28 bytes of IPv4 and UDP headers counted on both sides; what would be longer is not
//! sent. With a realm of at most 12 bytes the same holds of the payloads alone, for each request with one attribute or
//! more. Permissions keep strangers' datagrams from the clients ([RFC 8656, Section 9]).
//!
//! # RFC 8656 checklist
//!
//! - Section 5, authentication, 437 and 441: every request but Binding; nonces are bound to the client's address and expire.
//! - Section 7.2, Allocate: lifetimes, EVEN-PORT, RESERVATION-TOKEN, REQUESTED-ADDRESS-FAMILY, ADDITIONAL-ADDRESS-FAMILY,
//!   DONT-FRAGMENT, quotas (486, 508), a repeated request answered the same. Not built: redirection (300).
//! - Section 8.2, Refresh, of one family of two as well.
//! - Sections 9 and 10.2, permissions, with a [`PeerPolicy`].
//! - Sections 11.2, 11.3 and 11.5, Send and Data indications, and ICMP.
//! - Sections 12.2, 12.6 and 12.7, channels.
//! - Section 14: the machine says when a datagram must not be fragmented; other header fields are the embedder's.
//! - RFC 7635 (third-party tokens) and RFC 6062 (TCP to peers) are not built.
//!
//! # The contract
//!
//! It is that of the client: `now` is an argument and the largest one seen counts; equal configurations, seeds and inputs give
//! equal outputs; after `handle_timeout(t)` the next deadline is later than `t`; nothing here ends the machine.
//!
//! [RFC 8489]: https://www.rfc-editor.org/rfc/rfc8489
//! [RFC 8656]: https://www.rfc-editor.org/rfc/rfc8656
//! [RFC 8656, Section 9]: https://www.rfc-editor.org/rfc/rfc8656#section-9

mod allocate;
mod allocation;
mod config;
mod event;
mod forward;
mod nonce;
mod policy;
mod ports;
mod relay;
mod request;
mod response;
mod user;

pub use config::RelayConfig;
pub use event::{
    Discard, Event, Path, Received, RelayId, Release, Request, Stats, ToClient, ToPeer, Transmit, Transport,
};
pub use forward::{HEADROOM, TAILROOM};
pub use policy::{PRIVATE, PeerPolicy, Prefix};
pub use relay::Relay;
