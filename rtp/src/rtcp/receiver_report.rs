//! RR.

use super::ReportBlock;
use super::header::{kind, split_ssrc, write_packet};
use super::report_block::{split_blocks, write_blocks};
use crate::Ssrc;

/// What a participant received that has sent nothing of late. An extension of a profile's is passed over.
///
/// Source: [RFC 3550, Section 6.4.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub ssrc: Ssrc,
    blocks: &'a [[u8; ReportBlock::LEN]],
}

impl<'a> ReceiverReport<'a> {
    /// Bytes of a report without blocks.
    pub const LEN: usize = 8;

    pub(super) fn parse(count: usize, body: &'a [u8]) -> Option<Self> {
        let (ssrc, rest) = split_ssrc(body)?;
        Some(Self { ssrc, blocks: split_blocks(rest, count)? })
    }

    /// What it says of others.
    pub fn blocks(self) -> impl ExactSizeIterator<Item = ReportBlock> + Clone + use<'a> {
        self.blocks.iter().map(ReportBlock::read)
    }
}

impl ReceiverReport<'_> {
    /// Appends a report with at most [`super::MAX_REPORT_BLOCKS`]; the others stay in the iterator, for a further report.
    /// Returns its length.
    pub fn write(out: &mut Vec<u8>, ssrc: Ssrc, blocks: impl Iterator<Item = ReportBlock>) -> usize {
        write_packet(out, kind::RECEIVER_REPORT, |out| {
            out.extend_from_slice(&ssrc.0.to_be_bytes());
            write_blocks(out, blocks)
        })
    }
}
