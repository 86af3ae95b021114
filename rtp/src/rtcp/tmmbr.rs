//! TMMBR and TMMBN, whose entries are alike.

use super::header::{FEEDBACK_HEADER_LEN, FeedbackBody, kind, write_entries, write_feedback};
use super::remb::{read_bit_rate, split_bit_rate};
use crate::Ssrc;

/// Requests to send no more than a bit rate.
///
/// Source: [RFC 5104, Section 4.2.1](https://www.rfc-editor.org/rfc/rfc5104#section-4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmmbr<'a> {
    /// Who asks.
    pub sender: Ssrc,
    entries: &'a [[u8; 8]],
}

/// The bit rates that a sender was asked to heed, and heeds.
///
/// Source: [RFC 5104, Section 4.2.2](https://www.rfc-editor.org/rfc/rfc5104#section-4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tmmbn<'a> {
    /// Who heeds them.
    pub sender: Ssrc,
    entries: &'a [[u8; 8]],
}

/// A bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TmmbrEntry {
    /// In a request, the source that is asked; in a notification, the one that asked.
    pub ssrc: Ssrc,
    /// Bits per second at most. The wire has 17 significant bits of it: what is written is rounded down, and what is read is
    /// at most `u64::MAX`.
    pub bit_rate: u64,
    /// Bytes that each packet costs beside its payload, as measured; 0 to 511, of which a larger value becomes the last.
    pub overhead: u16,
}

impl TmmbrEntry {
    fn read(&[s0, s1, s2, s3, a, b, c, d]: &[u8; 8]) -> Self {
        let word = u32::from_be_bytes([a, b, c, d]);
        Self {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            bit_rate: read_bit_rate(word >> 26, word >> 9 & 0x1_ffff),
            overhead: u16::from_be_bytes([c & 0x01, d]),
        }
    }

    fn bytes(self) -> [u8; 8] {
        let (exponent, mantissa) = split_bit_rate(self.bit_rate, 17);
        let word = exponent << 26 | mantissa << 9 | u32::from(self.overhead.min(0x1ff));
        let ([s0, s1, s2, s3], [a, b, c, d]) = (self.ssrc.0.to_be_bytes(), word.to_be_bytes());
        [s0, s1, s2, s3, a, b, c, d]
    }
}

impl<'a> Tmmbr<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        Some(Self { sender: feedback.sender, entries: feedback.entries()? })
    }

    /// The requests.
    pub fn entries(self) -> impl ExactSizeIterator<Item = TmmbrEntry> + Clone + use<'a> {
        self.entries.iter().map(TmmbrEntry::read)
    }
}

impl Tmmbr<'_> {
    /// Appends a message of as many requests as fit into `max_len` bytes; the others stay in the iterator. Returns its length:
    /// zero when there is no request or no room for one, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        entries: impl Iterator<Item = TmmbrEntry>,
        max_len: usize,
    ) -> usize {
        let entries = entries.map(TmmbrEntry::bytes);
        // RFC 5104, Section 4.2.1.2: the SSRC of the media source is not used and is zero.
        write_entries(out, (kind::RTPFB, REQUEST), [sender, Ssrc(0)], entries, max_len)
    }
}

impl<'a> Tmmbn<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Self {
        Self { sender: feedback.sender, entries: feedback.entries().unwrap_or_default() }
    }

    /// The bit rates; there are none when no request binds the sender.
    pub fn entries(self) -> impl ExactSizeIterator<Item = TmmbrEntry> + Clone + use<'a> {
        self.entries.iter().map(TmmbrEntry::read)
    }
}

impl Tmmbn<'_> {
    /// Appends a message of as many bit rates as fit into `max_len` bytes, which may be none; the others stay in the iterator.
    /// Returns its length: zero when there is no room for an empty message, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        entries: impl Iterator<Item = TmmbrEntry>,
        max_len: usize,
    ) -> usize {
        if max_len < FEEDBACK_HEADER_LEN {
            return 0;
        }
        let ssrcs = [sender, Ssrc(0)];
        match write_entries(out, (kind::RTPFB, NOTIFICATION), ssrcs, entries.map(TmmbrEntry::bytes), max_len)
        {
            0 => write_feedback(out, kind::RTPFB, NOTIFICATION, ssrcs, |_| {}),
            len => len,
        }
    }
}

pub(super) const REQUEST: u8 = 3;
pub(super) const NOTIFICATION: u8 = 4;
