//! FIR.

use super::header::{FeedbackBody, kind, write_entries};
use crate::Ssrc;

/// Requests for key frames.
///
/// Source: [RFC 5104, Section 4.3.1](https://www.rfc-editor.org/rfc/rfc5104#section-4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who asks.
    pub sender: Ssrc,
    entries: &'a [[u8; 8]],
}

/// A request to one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FirEntry {
    /// The source that is asked.
    pub ssrc: Ssrc,
    /// Goes up by one with each new request, and stays with a repeated one; each pair of sources counts for itself.
    pub sequence: u8,
}

impl<'a> Fir<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        Some(Self { sender: feedback.sender, entries: feedback.entries()? })
    }

    /// The requests.
    pub fn entries(self) -> impl ExactSizeIterator<Item = FirEntry> + Clone + use<'a> {
        self.entries.iter().map(|&[s0, s1, s2, s3, sequence, ..]| FirEntry {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            sequence,
        })
    }
}

impl Fir<'_> {
    /// Appends a message of as many requests as fit into `max_len` bytes; the others stay in the iterator. Returns its length:
    /// zero when there is no request or no room for one, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        entries: impl Iterator<Item = FirEntry>,
        max_len: usize,
    ) -> usize {
        let entries = entries.map(|FirEntry { ssrc, sequence }| {
            let [s0, s1, s2, s3] = ssrc.0.to_be_bytes();
            [s0, s1, s2, s3, sequence, 0, 0, 0]
        });
        // RFC 5104, Section 4.3.1.2: the SSRC of the media source is not used and is zero.
        write_entries(out, (kind::PSFB, FORMAT), [sender, Ssrc(0)], entries, max_len)
    }
}

pub(super) const FORMAT: u8 = 4;
