//! Generic NACK.

use std::iter::Peekable;

use super::header::{FeedbackBody, kind, write_entries};
use crate::{SequenceNumber, Ssrc};

/// Packets that a receiver misses.
///
/// Source: [RFC 4585, Section 6.2.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender: Ssrc,
    /// Whose packets they are.
    pub media: Ssrc,
    entries: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        Some(Self { sender: feedback.sender, media: feedback.media, entries: feedback.entries()? })
    }

    /// The numbers of the packets, in the order in which they were written: at most 17 for each word. A peer may name one
    /// twice.
    pub fn lost(self) -> impl Iterator<Item = SequenceNumber> + Clone + use<'a> {
        self.entries.iter().flat_map(|&[p0, p1, b0, b1]| {
            let pid = SequenceNumber(u16::from_be_bytes([p0, p1]));
            let blp = u32::from(u16::from_be_bytes([b0, b1]));
            // The packet itself, and those of the 16 after it whose bit is set, the lowest first.
            let mask = blp << 1 | 1;
            (0..17_u16).filter(move |&bit| mask >> bit & 1 == 1).map(move |bit| pid.add(bit))
        })
    }
}

impl Nack<'_> {
    /// Appends a message that names as many of the packets as fit into `max_len` bytes; the others stay in the iterator. They
    /// come in ascending order; such as do not are still named, at the cost of a word each. Returns the message's length: zero
    /// when nothing is lost or there is no room for one word, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        media: Ssrc,
        lost: &mut Peekable<impl Iterator<Item = SequenceNumber>>,
        max_len: usize,
    ) -> usize {
        let entries = std::iter::from_fn(|| {
            let pid = lost.next()?;
            let mut blp = 0_u16;
            while let Some(next) = lost.next_if(|next| (1..=16).contains(&next.distance(pid))) {
                blp |= 1 << (next.distance(pid) - 1);
            }
            let ([p0, p1], [b0, b1]) = (pid.0.to_be_bytes(), blp.to_be_bytes());
            Some([p0, p1, b0, b1])
        });
        write_entries(out, (kind::RTPFB, FORMAT), [sender, media], entries, max_len)
    }
}

pub(super) const FORMAT: u8 = 1;
