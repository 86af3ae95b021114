//! PLI.

use super::header::{FeedbackBody, kind, write_feedback};
use crate::Ssrc;

/// A decoder lost a picture and needs one that stands alone.
///
/// Source: [RFC 4585, Section 6.3.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pli {
    /// Whose decoder it is.
    pub sender: Ssrc,
    /// Whose pictures they are.
    pub media: Ssrc,
}

impl Pli {
    /// Bytes of a message.
    pub const LEN: usize = 12;

    pub(super) const fn parse(feedback: &FeedbackBody<'_>) -> Self {
        Self { sender: feedback.sender, media: feedback.media }
    }

    /// Appends the message. Returns its length.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        write_feedback(out, kind::PSFB, FORMAT, [self.sender, self.media], |_| {})
    }
}

pub(super) const FORMAT: u8 = 1;
