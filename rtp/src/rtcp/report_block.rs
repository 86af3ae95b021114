//! The report blocks of SR and RR.

use std::time::Duration;

use super::{NtpShort, NtpTime};
use crate::Ssrc;

/// The most blocks that one report holds: the count has five bits.
pub const MAX_REPORT_BLOCKS: usize = 31;

/// What a receiver says of one source since its last report
/// ([RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: Ssrc,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets expected less packets received, since the beginning; duplicates can make it negative. The wire has 24 bits:
    /// what is written is held within -8,388,608 and 8,388,607.
    pub cumulative_lost: i32,
    /// The highest sequence number received, the count of its cycles in the upper 16 bits.
    pub highest_sequence: u32,
    /// The variance of the packets' arrival, in units of the media's clock.
    pub jitter: u32,
    /// The middle of the NTP time in the source's last SR; zero when none has come.
    pub last_sr: NtpShort,
    /// The time from the arrival of that SR to this report; zero when none has come.
    pub delay_since_last_sr: NtpShort,
}

impl ReportBlock {
    /// Bytes of a block.
    pub const LEN: usize = 24;

    /// The round trip to the receiver that made this block, which arrived at `arrival`. See [`super::round_trip`].
    #[must_use]
    pub fn round_trip(&self, arrival: NtpTime) -> Option<Duration> {
        super::round_trip(arrival.middle(), self.last_sr, self.delay_since_last_sr)
    }

    #[rustfmt::skip]
    pub(super) fn read(
        &[s0, s1, s2, s3, fraction_lost, c0, c1, c2, h0, h1, h2, h3, j0, j1, j2, j3, l0, l1, l2, l3, d0, d1, d2, d3]:
            &[u8; Self::LEN],
    ) -> Self {
        Self {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            fraction_lost,
            // The sign is drawn down from the highest of 24 bits.
            cumulative_lost: i32::from_be_bytes([c0, c1, c2, 0]) >> 8,
            highest_sequence: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sr: NtpShort(u32::from_be_bytes([l0, l1, l2, l3])),
            delay_since_last_sr: NtpShort(u32::from_be_bytes([d0, d1, d2, d3])),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [_, c0, c1, c2] = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        out.extend_from_slice(&[self.fraction_lost, c0, c1, c2]);
        for word in [self.highest_sequence, self.jitter, self.last_sr.0, self.delay_since_last_sr.0] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// The first `count` blocks of what follows a report's fixed part. What comes after them is an extension of the profile's
/// ([RFC 3550, Section 6.4.3](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.3)).
pub(super) fn split_blocks(bytes: &[u8], count: usize) -> Option<&[[u8; ReportBlock::LEN]]> {
    let (blocks, _) = bytes.as_chunks::<{ ReportBlock::LEN }>();
    blocks.get(..count)
}

/// Appends at most [`MAX_REPORT_BLOCKS`]; returns how many.
pub(super) fn write_blocks(out: &mut Vec<u8>, blocks: impl Iterator<Item = ReportBlock>) -> u8 {
    let mut count = 0;
    for block in blocks.take(MAX_REPORT_BLOCKS) {
        block.write(out);
        count += 1;
    }
    count
}
