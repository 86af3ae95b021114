//! BYE.

use super::header::{kind, write_packet};
use crate::Ssrc;

/// Sources that leave.
///
/// Source: [RFC 3550, Section 6.6](https://www.rfc-editor.org/rfc/rfc3550#section-6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    sources: &'a [[u8; 4]],
    /// Why they leave, in UTF-8 if the sender keeps to the RFC; empty when it is not said.
    pub reason: &'a [u8],
}

impl<'a> Bye<'a> {
    /// The most sources that one packet holds.
    pub const MAX_SOURCES: usize = 31;

    pub(super) fn parse(count: usize, body: &'a [u8]) -> Option<Self> {
        let (sources, rest) = body.split_at_checked(count * 4)?;
        let reason = match rest {
            [] => &[],
            [len, rest @ ..] => rest.get(..usize::from(*len))?,
        };
        Some(Self { sources: sources.as_chunks().0, reason })
    }

    /// Those who leave; there may be none.
    pub fn sources(self) -> impl ExactSizeIterator<Item = Ssrc> + Clone + use<'a> {
        self.sources.iter().map(|&word| Ssrc(u32::from_be_bytes(word)))
    }
}

impl Bye<'_> {
    /// Appends a packet for at most [`Self::MAX_SOURCES`], with at most 255 bytes of the reason. Returns its length.
    pub fn write(out: &mut Vec<u8>, sources: impl Iterator<Item = Ssrc>, reason: &[u8]) -> usize {
        write_packet(out, kind::BYE, |out| {
            let mut count = 0;
            for Ssrc(source) in sources.take(Self::MAX_SOURCES) {
                out.extend_from_slice(&source.to_be_bytes());
                count += 1;
            }
            let len = u8::try_from(reason.len()).unwrap_or(u8::MAX);
            if len > 0 {
                out.push(len);
                out.extend(reason.iter().take(usize::from(len)));
            }
            count
        })
    }
}
