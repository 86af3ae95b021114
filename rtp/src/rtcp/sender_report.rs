//! SR.

use super::header::{kind, split_ssrc, write_packet};
use super::report_block::{split_blocks, write_blocks};
use super::{NtpTime, ReportBlock};
use crate::{Ssrc, Timestamp};

/// What a sender sent and received. An extension of a profile's is passed over.
///
/// Source: [RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The sender.
    pub ssrc: Ssrc,
    /// What it sent.
    pub info: SenderInfo,
    blocks: &'a [[u8; ReportBlock::LEN]],
}

/// What a sender has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SenderInfo {
    /// When the report was sent.
    pub ntp: NtpTime,
    /// The same time in the media's clock.
    pub rtp: Timestamp,
    /// Packets sent since the beginning.
    pub packet_count: u32,
    /// Bytes of payload in them.
    pub octet_count: u32,
}

impl<'a> SenderReport<'a> {
    /// Bytes of a report without blocks.
    pub const LEN: usize = 28;

    pub(super) fn parse(count: usize, body: &'a [u8]) -> Option<Self> {
        let (ssrc, rest) = split_ssrc(body)?;
        let (ntp, rest) = rest.split_first_chunk::<8>()?;
        let (&[t0, t1, t2, t3, p0, p1, p2, p3, o0, o1, o2, o3], rest) = rest.split_first_chunk::<12>()?;
        let info = SenderInfo {
            ntp: NtpTime(u64::from_be_bytes(*ntp)),
            rtp: Timestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            packet_count: u32::from_be_bytes([p0, p1, p2, p3]),
            octet_count: u32::from_be_bytes([o0, o1, o2, o3]),
        };
        Some(Self { ssrc, info, blocks: split_blocks(rest, count)? })
    }

    /// What the sender says of others.
    pub fn blocks(self) -> impl ExactSizeIterator<Item = ReportBlock> + Clone + use<'a> {
        self.blocks.iter().map(ReportBlock::read)
    }
}

impl SenderReport<'_> {
    /// Appends a report with at most [`super::MAX_REPORT_BLOCKS`]; the others stay in the iterator, for a further
    /// [`super::ReceiverReport`]. Returns its length.
    pub fn write(
        out: &mut Vec<u8>,
        ssrc: Ssrc,
        info: &SenderInfo,
        blocks: impl Iterator<Item = ReportBlock>,
    ) -> usize {
        write_packet(out, kind::SENDER_REPORT, |out| {
            out.extend_from_slice(&ssrc.0.to_be_bytes());
            out.extend_from_slice(&info.ntp.0.to_be_bytes());
            for word in [info.rtp.0, info.packet_count, info.octet_count] {
                out.extend_from_slice(&word.to_be_bytes());
            }
            write_blocks(out, blocks)
        })
    }
}
