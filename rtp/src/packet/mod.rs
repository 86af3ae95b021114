//! The RTP packet: a view of received bytes, and a writer of headers.
//!
//! A view borrows its bytes and has checked every length in them; the writer appends to a caller's buffer. Nothing here
//! has state, and nothing allocates beyond that buffer.

mod view;
mod writer;

pub use view::{Csrcs, Packet, is_rtcp, peek};
pub use writer::{pad, write};

use crate::sequence::{PayloadType, SequenceNumber, Ssrc, Timestamp};

/// Length in bytes of the fields that every header has.
pub const FIXED_HEADER_LEN: usize = 12;

/// The fields that every packet has.
///
/// Source: [RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1). The version, the padding bit, the
/// extension bit and the CSRC count follow from the rest of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// What it means is the payload format's to say: the last packet of a video frame, the first of a talk spurt.
    pub marker: bool,
    /// The payload's format.
    pub payload_type: PayloadType,
    /// The packet's number.
    pub sequence_number: SequenceNumber,
    /// When the payload was sampled, in ticks of the payload format's clock.
    pub timestamp: Timestamp,
    /// The synchronization source.
    pub ssrc: Ssrc,
}

/// Why bytes are no RTP packet. Not an error: the network may carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Shorter than the fixed header, or than the CSRC list that it announces.
    TooShort,
    /// A version other than 2.
    Version,
    /// The header extension is longer than the packet.
    Extension,
    /// The padding count is zero or larger than what follows the header.
    Padding,
}
