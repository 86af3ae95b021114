//! TURN (RFC 8656): relaying through a server.

mod channel_data;

pub use channel_data::ChannelData;
