//! TURN ([RFC 8656]): relaying through a server. [`Client`] is one allocation on one server.
//!
//! [RFC 8656]: https://www.rfc-editor.org/rfc/rfc8656

mod allocation;
mod channel_data;
mod client;
mod config;
mod event;
mod pacer;
mod peers;
mod request;
mod response;
mod seal;

pub use channel_data::ChannelData;
pub use client::Client;
pub use config::{ClientConfig, ClientTransport, Families};
pub use event::{Discard, Event, Failure, PermitError, Received, Refusal, Relayed, SendError, Stats};
pub use seal::{HEADROOM, TAILROOM};
