//! What data channels tell the application.

use bytes::Bytes;

use super::channel::{ChannelCloseReason, ChannelId};
use crate::event::CloseReason;

/// Something the application should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association is up.
    Established,
    /// A channel of ours is open.
    Opened(ChannelId),
    /// The peer opened a channel; it is open.
    Incoming(ChannelId),
    /// Messages have arrived: call [`recv`](super::Channels::recv) until it returns `None`. Not repeated before that.
    Readable,
    /// A channel's buffered amount has come down to its threshold.
    BufferedAmountLow(ChannelId),
    /// A channel is closing by the peer's wish or by an error.
    Closing(ChannelId),
    /// A channel has closed. Its identifier means nothing from now on; messages that arrived before can still be
    /// received.
    Closed(ChannelId, ChannelCloseReason),
    /// The association has ended; the last event.
    Ended(CloseReason),
}

/// Text or binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8, by the sender's word: a receiver checks it.
    Text,
    /// Any bytes.
    Binary,
}

/// A message that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The channel it came on.
    pub channel: ChannelId,
    /// Text or binary.
    pub kind: Kind,
    /// The bytes, none for an empty message. They share memory with their neighbours: copy what is kept for long.
    pub payload: Bytes,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { channel, kind, payload } = self;
        write!(f, "Message {{ channel: {channel:?}, kind: {kind:?}, payload: {} bytes }}", payload.len())
    }
}

/// Why a channel was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The association is ending or has ended.
    #[error("the association takes no more channels")]
    Closed,
    /// Label or protocol is over 65,535 bytes.
    #[error("label or protocol is longer than 65,535 bytes")]
    TooLong,
    /// Another channel uses the stream.
    #[error("stream {0} is in use")]
    StreamInUse(u16),
    /// The association has no such stream.
    #[error("the association has no stream {0}")]
    NoSuchStream(u16),
    /// All streams are in use, or as many channels exist as the configuration allows.
    #[error("no stream is left")]
    NoStreamLeft,
}
