//! XR.

use std::fmt;

use super::header::{MAX_PACKET_LEN, kind, split_ssrc, write_packet};
use super::{NtpShort, NtpTime};
use crate::Ssrc;

/// Extended reports: a block for each.
///
/// Source: [RFC 3611, Section 2](https://www.rfc-editor.org/rfc/rfc3611#section-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xr<'a> {
    /// Who reports.
    pub ssrc: Ssrc,
    blocks: XrBlocks<'a>,
}

/// A block of an extended report.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum XrBlock<'a> {
    /// Receiver reference time: the time of one who sends no SR, for its own round trip
    /// ([RFC 3611, Section 4.4](https://www.rfc-editor.org/rfc/rfc3611#section-4.4)).
    ReceiverReferenceTime(NtpTime),
    /// DLRR: the answer to that
    /// ([RFC 3611, Section 4.5](https://www.rfc-editor.org/rfc/rfc3611#section-4.5)).
    Dlrr(Dlrr<'a>),
    /// A block that is not known here, or whose length is not that of its type.
    Unknown {
        /// Its type.
        block_type: u8,
        /// The byte after it, which each type uses as it likes.
        type_specific: u8,
        /// What follows, a whole number of words.
        content: &'a [u8],
    },
}

impl fmt::Debug for XrBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReceiverReferenceTime(ntp) => f.debug_tuple("ReceiverReferenceTime").field(ntp).finish(),
            Self::Dlrr(dlrr) => dlrr.fmt(f),
            Self::Unknown { block_type, content, .. } => {
                write!(f, "Unknown {{ block_type: {block_type}, content: {} bytes }}", content.len())
            }
        }
    }
}

/// The sub-blocks of a DLRR block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dlrr<'a> {
    entries: &'a [[u8; 12]],
}

impl fmt::Debug for Dlrr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dlrr ")?;
        f.debug_list().entries(self.entries()).finish()
    }
}

/// What one receiver needs to compute its round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DlrrEntry {
    /// The receiver.
    pub ssrc: Ssrc,
    /// The middle of the NTP time in its last receiver reference time block; zero when none has come.
    pub last_rr: NtpShort,
    /// The time from the arrival of that block to this report; zero when none has come.
    pub delay_since_last_rr: NtpShort,
}

/// The blocks of an extended report, in order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct XrBlocks<'a> {
    rest: &'a [u8],
}

impl fmt::Debug for XrBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl<'a> Xr<'a> {
    /// Bytes of a report without blocks.
    pub const LEN: usize = 8;
    /// Bytes of a receiver reference time block.
    pub const RECEIVER_REFERENCE_TIME_LEN: usize = 12;

    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (ssrc, blocks) = split_ssrc(body)?;
        let mut rest = blocks;
        while !rest.is_empty() {
            (_, rest) = split_block(rest)?;
        }
        Some(Self { ssrc, blocks: XrBlocks { rest: blocks } })
    }

    /// The blocks; there may be none.
    #[must_use]
    pub const fn blocks(self) -> XrBlocks<'a> {
        self.blocks
    }
}

impl Xr<'_> {
    /// Appends a report of the blocks that the length field can tell: 65,535 words. Content that is not a whole number of
    /// words gets zeroes. Returns its length.
    pub fn write<'b>(out: &mut Vec<u8>, ssrc: Ssrc, blocks: impl IntoIterator<Item = XrBlock<'b>>) -> usize {
        let start = out.len();
        write_packet(out, kind::XR, |out| {
            out.extend_from_slice(&ssrc.0.to_be_bytes());
            for block in blocks {
                let before = out.len();
                write_block(out, &block);
                if out.len() - start > MAX_PACKET_LEN {
                    out.truncate(before);
                }
            }
            0
        })
    }

    /// Appends a report of one DLRR block with as many entries as fit into `max_len` bytes; the others stay in the iterator.
    /// Returns its length: zero when there is no entry or no room for one, and nothing is appended then.
    pub fn write_dlrr(
        out: &mut Vec<u8>,
        ssrc: Ssrc,
        entries: impl Iterator<Item = DlrrEntry>,
        max_len: usize,
    ) -> usize {
        let start = out.len();
        let most = max_len.min(MAX_PACKET_LEN).saturating_sub(Self::LEN + 4) / 12;
        let len = write_packet(out, kind::XR, |out| {
            out.extend_from_slice(&ssrc.0.to_be_bytes());
            let block = out.len();
            out.extend_from_slice(&[DLRR, 0, 0, 0]);
            for DlrrEntry { ssrc, last_rr, delay_since_last_rr } in entries.take(most) {
                for word in [ssrc.0, last_rr.0, delay_since_last_rr.0] {
                    out.extend_from_slice(&word.to_be_bytes());
                }
            }
            let words = u16::try_from((out.len() - block) / 4 - 1).unwrap_or(u16::MAX);
            if let Some(length) = out.get_mut(block + 2..block + 4) {
                length.copy_from_slice(&words.to_be_bytes());
            }
            0
        });
        if len == Self::LEN + 4 {
            out.truncate(start);
            return 0;
        }
        len
    }
}

impl<'a> Dlrr<'a> {
    /// The sub-blocks; there may be none.
    pub fn entries(self) -> impl ExactSizeIterator<Item = DlrrEntry> + Clone + use<'a> {
        self.entries.iter().map(|&[s0, s1, s2, s3, l0, l1, l2, l3, d0, d1, d2, d3]| DlrrEntry {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            last_rr: NtpShort(u32::from_be_bytes([l0, l1, l2, l3])),
            delay_since_last_rr: NtpShort(u32::from_be_bytes([d0, d1, d2, d3])),
        })
    }
}

impl<'a> Iterator for XrBlocks<'a> {
    type Item = XrBlock<'a>;

    fn next(&mut self) -> Option<XrBlock<'a>> {
        let (block, rest) = split_block(self.rest)?;
        self.rest = rest;
        Some(block)
    }
}

fn split_block(bytes: &[u8]) -> Option<(XrBlock<'_>, &[u8])> {
    let (&[block_type, type_specific, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    let (content, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])) * 4)?;
    let block = match (block_type, content.as_chunks::<12>()) {
        (DLRR, (entries, [])) => XrBlock::Dlrr(Dlrr { entries }),
        // RFC 3611, Section 2: a block of a type that is not known is passed over by its length.
        _ => match <[u8; 8]>::try_from(content) {
            Ok(ntp) if block_type == RECEIVER_REFERENCE_TIME => {
                XrBlock::ReceiverReferenceTime(NtpTime(u64::from_be_bytes(ntp)))
            }
            _ => XrBlock::Unknown { block_type, type_specific, content },
        },
    };
    Some((block, rest))
}

fn write_block(out: &mut Vec<u8>, block: &XrBlock<'_>) {
    let (block_type, type_specific) = match block {
        XrBlock::ReceiverReferenceTime(_) => (RECEIVER_REFERENCE_TIME, 0),
        XrBlock::Dlrr(_) => (DLRR, 0),
        XrBlock::Unknown { block_type, type_specific, .. } => (*block_type, *type_specific),
    };
    let start = out.len();
    out.extend_from_slice(&[block_type, type_specific, 0, 0]);
    match block {
        XrBlock::ReceiverReferenceTime(NtpTime(ntp)) => out.extend_from_slice(&ntp.to_be_bytes()),
        XrBlock::Dlrr(dlrr) => out.extend_from_slice(dlrr.entries.as_flattened()),
        XrBlock::Unknown { content, .. } => out.extend(content.iter().take(MAX_PACKET_LEN)),
    }
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    let words = u16::try_from((out.len() - start) / 4 - 1).unwrap_or(u16::MAX);
    if let Some(length) = out.get_mut(start + 2..start + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

const RECEIVER_REFERENCE_TIME: u8 = 4;
const DLRR: u8 = 5;
