//! Whole frames.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use crate::codec::{Codec, Description};
use crate::extension::Set;
use crate::{ExtendedSequence, ExtendedTimestamp, PayloadType};

/// A stream that arrives. Never used twice in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiverId(pub u32);

/// A whole frame, put together from packets.
#[derive(Clone)]
pub struct Frame {
    /// The stream it came in.
    pub receiver: ReceiverId,
    /// What it is coded with.
    pub codec: Codec,
    /// The payload type that its packets had.
    pub payload_type: PayloadType,
    /// When it was sampled, by the media's clock.
    pub timestamp: ExtendedTimestamp,
    /// The coded frame.
    pub payload: Bytes,
    /// What the payload format tells of it.
    pub description: Description,
    /// Its first packet.
    pub first_sequence: ExtendedSequence,
    /// Its last packet.
    pub last_sequence: ExtendedSequence,
    /// When the earliest of its packets arrived.
    pub first_arrival: Instant,
    /// When the latest of its packets arrived.
    pub last_arrival: Instant,
    /// The header extensions of its packets; of a kind that several carried, the last one's.
    pub extensions: Set,
    /// Whether frames right before it were lost and given up.
    pub after_gap: bool,
}

/// The payload prints as its length.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("receiver", &self.receiver)
            .field("codec", &self.codec)
            .field("timestamp", &self.timestamp)
            .field("payload", &self.payload.len())
            .field("first_sequence", &self.first_sequence)
            .field("last_sequence", &self.last_sequence)
            .field("after_gap", &self.after_gap)
            .finish_non_exhaustive()
    }
}
