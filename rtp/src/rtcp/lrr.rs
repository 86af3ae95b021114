//! LRR.

use super::header::{FeedbackBody, kind, write_entries};
use crate::{PayloadType, Ssrc};

/// Requests to refresh layers of a stream, so that they can be decoded without what was lost.
///
/// Source: [RFC 9627, Section 3](https://www.rfc-editor.org/rfc/rfc9627#section-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lrr<'a> {
    /// Who asks.
    pub sender: Ssrc,
    entries: &'a [[u8; 12]],
}

/// A request to one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LrrEntry {
    /// The source that is asked.
    pub ssrc: Ssrc,
    /// Goes up by one with each new request, and stays with a repeated one; each pair of sources counts for itself.
    pub sequence: u8,
    /// The format by which the layers are counted.
    pub payload_type: PayloadType,
    /// The layer that is wanted.
    pub target: LayerId,
    /// The layer that is decoded now. Without it the source must refresh all layers up to the target.
    pub current: Option<LayerId>,
}

/// A layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LayerId {
    /// The temporal layer, 0 to 7.
    pub temporal: u8,
    /// The layer in all other respects, as the format counts it.
    pub layer: u8,
}

impl<'a> Lrr<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        Some(Self { sender: feedback.sender, entries: feedback.entries()? })
    }

    /// The requests.
    pub fn entries(self) -> impl ExactSizeIterator<Item = LrrEntry> + Clone + use<'a> {
        self.entries.iter().map(|&[s0, s1, s2, s3, sequence, format, _, _, ttid, tlid, ctid, clid]| {
            LrrEntry {
                ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
                sequence,
                payload_type: PayloadType::from_low_bits(format),
                target: LayerId { temporal: ttid & 0x07, layer: tlid },
                current: (format & CURRENT != 0).then_some(LayerId { temporal: ctid & 0x07, layer: clid }),
            }
        })
    }
}

impl Lrr<'_> {
    /// Appends a message of as many requests as fit into `max_len` bytes; the others stay in the iterator. Returns its length:
    /// zero when there is no request or no room for one, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        entries: impl Iterator<Item = LrrEntry>,
        max_len: usize,
    ) -> usize {
        let entries = entries.map(|LrrEntry { ssrc, sequence, payload_type, target, current }| {
            let [s0, s1, s2, s3] = ssrc.0.to_be_bytes();
            let format = payload_type.get() | if current.is_some() { CURRENT } else { 0 };
            let current = current.unwrap_or_default();
            let [ttid, ctid] = [target, current].map(|id| id.temporal & 0x07);
            [s0, s1, s2, s3, sequence, format, 0, 0, ttid, target.layer, ctid, current.layer]
        });
        // RFC 9627, Section 3.2: the SSRC of the media source is not used and is zero.
        write_entries(out, (kind::PSFB, FORMAT), [sender, Ssrc(0)], entries, max_len)
    }
}

pub(super) const FORMAT: u8 = 10;

/// The bit that tells of a current layer.
const CURRENT: u8 = 0x80;
