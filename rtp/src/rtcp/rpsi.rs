//! RPSI.

use std::fmt;

use super::header::{FEEDBACK_HEADER_LEN, FeedbackBody, MAX_PACKET_LEN, kind, write_feedback};
use crate::{PayloadType, Ssrc};

/// A decoder names a picture that later ones should refer to.
///
/// Source: [RFC 4585, Section 6.3.3](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rpsi<'a> {
    /// Whose decoder it is.
    pub sender: Ssrc,
    /// Whose pictures they are.
    pub media: Ssrc,
    /// The format that the bits belong to.
    pub payload_type: PayloadType,
    /// The bits that name the picture, as the codec defines them.
    pub bits: &'a [u8],
    /// How many of the last byte's lower bits are not of them, 0 to 7.
    pub unused_bits: u8,
}

impl fmt::Debug for Rpsi<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpsi")
            .field("sender", &self.sender)
            .field("media", &self.media)
            .field("payload_type", &self.payload_type)
            .field("bits", &(self.bits.len() * 8).saturating_sub(usize::from(self.unused_bits)))
            .finish()
    }
}

impl<'a> Rpsi<'a> {
    /// The most bytes of bits that one message holds: the padding of a last word is counted in bits.
    pub const MAX_BITS_LEN: usize = MAX_PACKET_LEN - FEEDBACK_HEADER_LEN - 2;

    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        let (&[padding, payload_type], native) = feedback.fci.split_first_chunk::<2>()?;
        let len = native.len().checked_sub(usize::from(padding / 8))?;
        let bits = native.get(..len)?;
        // Bits that are not used must be some byte's.
        (padding % 8 == 0 || !bits.is_empty()).then_some(Self {
            sender: feedback.sender,
            media: feedback.media,
            payload_type: PayloadType::from_low_bits(payload_type),
            bits,
            unused_bits: padding % 8,
        })
    }

    /// Appends the message: at most [`Self::MAX_BITS_LEN`] bytes of bits. Returns its length.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let bits = self.bits.get(..Self::MAX_BITS_LEN).unwrap_or(self.bits);
        write_feedback(out, kind::PSFB, FORMAT, [self.sender, self.media], |out| {
            let unused = if bits.is_empty() { 0 } else { self.unused_bits & 0x07 };
            let bytes = u8::try_from((bits.len() + 2).wrapping_neg() & 3).unwrap_or_default();
            out.extend_from_slice(&[bytes * 8 + unused, self.payload_type.get()]);
            out.extend_from_slice(bits);
            // RFC 4585, Section 6.3.3.2: the bits that fill the message up are zero.
            if let Some(last) = out.last_mut() {
                *last &= 0xff << unused;
            }
        })
    }
}

pub(super) const FORMAT: u8 = 3;
