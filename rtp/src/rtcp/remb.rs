//! REMB.

use super::header::{FEEDBACK_HEADER_LEN, FeedbackBody, MAX_PACKET_LEN, kind, write_feedback};
use crate::Ssrc;

/// A receiver's estimate of the bit rate at which it can be sent to, over all the sources that are named.
///
/// Source: [draft-alvestrand-rmcat-remb-03, Section 2](https://datatracker.ietf.org/doc/html/draft-alvestrand-rmcat-remb-03#section-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who estimates.
    pub sender: Ssrc,
    /// Bits per second. The wire has 18 significant bits of it: what is written is rounded down, and what is read is at most
    /// `u64::MAX`.
    pub bit_rate: u64,
    sources: &'a [[u8; 4]],
}

impl<'a> Remb<'a> {
    /// The most sources that one message names.
    pub const MAX_SOURCES: usize = 255;

    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        let (&[count, a, b, c], sources) =
            feedback.fci.strip_prefix(IDENTIFIER).and_then(<[u8]>::split_first_chunk::<4>)?;
        let mantissa = u32::from_be_bytes([0, a & 0x03, b, c]);
        let (sources, _) = sources.as_chunks::<4>();
        Some(Self {
            sender: feedback.sender,
            bit_rate: read_bit_rate(u32::from(a >> 2), mantissa),
            sources: sources.get(..usize::from(count))?,
        })
    }

    /// The sources that the estimate is for.
    pub fn sources(self) -> impl ExactSizeIterator<Item = Ssrc> + Clone + use<'a> {
        self.sources.iter().map(|&word| Ssrc(u32::from_be_bytes(word)))
    }
}

impl Remb<'_> {
    /// Appends a message that names as many sources as fit into `max_len` bytes, at most [`Self::MAX_SOURCES`]; the others stay
    /// in the iterator. Returns its length: zero when there is no room, and nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        sender: Ssrc,
        bit_rate: u64,
        sources: impl Iterator<Item = Ssrc>,
        max_len: usize,
    ) -> usize {
        let Some(room) = max_len.min(MAX_PACKET_LEN).checked_sub(FEEDBACK_HEADER_LEN + 8) else { return 0 };
        write_feedback(out, kind::PSFB, FORMAT, [sender, Ssrc(0)], |out| {
            out.extend_from_slice(IDENTIFIER);
            let (exponent, mantissa) = split_bit_rate(bit_rate, 18);
            let start = out.len();
            out.extend_from_slice(&(exponent << 18 | mantissa).to_be_bytes());
            let mut count = 0_u8;
            for Ssrc(source) in sources.take(Self::MAX_SOURCES.min(room / 4)) {
                out.extend_from_slice(&source.to_be_bytes());
                count += 1;
            }
            if let Some(first) = out.get_mut(start) {
                *first = count;
            }
        })
    }
}

pub(super) const FORMAT: u8 = 15;

pub(super) const IDENTIFIER: &[u8] = b"REMB";

/// A bit rate from its two parts; the largest number when it is larger than that.
pub(super) const fn read_bit_rate(exponent: u32, mantissa: u32) -> u64 {
    if (mantissa as u64).leading_zeros() < exponent { u64::MAX } else { (mantissa as u64) << exponent }
}

/// A bit rate's exponent and its mantissa of `bits`, rounded down.
pub(super) const fn split_bit_rate(bit_rate: u64, bits: u32) -> (u32, u32) {
    let exponent = (u64::BITS - bit_rate.leading_zeros()).saturating_sub(bits);
    (exponent, (bit_rate >> exponent & 0xffff_ffff) as u32)
}
