//! SLI.

use super::header::{FeedbackBody, kind, write_entries};
use crate::Ssrc;

/// A decoder lost parts of pictures.
///
/// Source: [RFC 4585, Section 6.3.2](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sli<'a> {
    /// Whose decoder it is.
    pub sender: Ssrc,
    /// Whose pictures they are.
    pub media: Ssrc,
    entries: &'a [[u8; 4]],
}

/// A run of macroblocks that were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SliEntry {
    /// The first one's address, from 1; 13 bits.
    pub first: u16,
    /// How many; 13 bits.
    pub number: u16,
    /// The lower six bits of the picture's number.
    pub picture_id: u8,
}

impl<'a> Sli<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        Some(Self { sender: feedback.sender, media: feedback.media, entries: feedback.entries()? })
    }

    /// What was lost.
    pub fn entries(self) -> impl ExactSizeIterator<Item = SliEntry> + Clone + use<'a> {
        self.entries.iter().map(|&[a, b, c, d]| SliEntry {
            first: u16::from_be_bytes([a, b]) >> 3,
            number: u16::from_be_bytes([b & 0x07, c]) << 2 | u16::from(d >> 6),
            picture_id: d & 0x3f,
        })
    }
}

impl Sli<'_> {
    /// Appends a message of as many entries as fit into `max_len` bytes; the others stay in the iterator. Returns its length:
    /// zero when there is no entry or no room for one, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        media: Ssrc,
        entries: impl Iterator<Item = SliEntry>,
        max_len: usize,
    ) -> usize {
        let entries = entries.map(|SliEntry { first, number, picture_id }| {
            let word =
                u32::from(first) << 19 | u32::from(number & 0x1fff) << 6 | u32::from(picture_id & 0x3f);
            word.to_be_bytes()
        });
        write_entries(out, (kind::PSFB, FORMAT), [sender, media], entries, max_len)
    }
}

pub(super) const FORMAT: u8 = 2;
