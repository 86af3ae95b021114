//! Congestion control feedback.

use std::fmt;
use std::time::Duration;

use super::NtpShort;
use super::header::{MAX_PACKET_LEN, kind, split_ssrc, write_packet};
use crate::{SequenceNumber, Ssrc};

/// When the packets of streams arrived, and with which marks.
///
/// Source: [RFC 8888, Section 3.1](https://www.rfc-editor.org/rfc/rfc8888#section-3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CongestionControlFeedback<'a> {
    /// Who received the packets.
    pub sender: Ssrc,
    /// The time from which arrivals are counted back, in the clock of the receiver's SR.
    pub report_timestamp: NtpShort,
    blocks: &'a [u8],
}

/// What is said of one stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamFeedback<'a> {
    /// The stream.
    pub ssrc: Ssrc,
    /// The number of the first packet that is reported on.
    pub begin_seq: SequenceNumber,
    metrics: &'a [[u8; 2]],
}

/// What is said of a packet that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketMetric {
    /// Its ECN codepoint, two bits ([RFC 3168, Section 5](https://www.rfc-editor.org/rfc/rfc3168#section-5)); zero when ECN is
    /// not used.
    pub ecn: u8,
    /// When it arrived.
    pub arrival: ArrivalTimeOffset,
}

/// How long before the report's time a packet arrived: units of 1/1,024 of a second, 0 to 8,189, and two values of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArrivalTimeOffset(u16);

impl ArrivalTimeOffset {
    /// Longer than can be told.
    pub const OVER_RANGE: Self = Self(0x1ffe);
    /// Not known, or after the report's time.
    pub const UNAVAILABLE: Self = Self(0x1fff);

    /// A packet that arrived `before` the report's time, rounded to the nearest unit.
    #[must_use]
    pub fn new(before: Duration) -> Self {
        let units = (before.as_nanos() * 1024 + 500_000_000) / 1_000_000_000;
        // RFC 8888, Section 3.1: values above 8189/1024 seconds must be reported as 0x1FFE.
        match u16::try_from(units) {
            Ok(units @ ..=0x1ffd) => Self(units),
            _ => Self::OVER_RANGE,
        }
    }

    /// How long before, when it is told.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        (self < Self::OVER_RANGE).then(|| Duration::from_nanos(u64::from(self.0) * 1_000_000_000 / 1024))
    }
}

/// The most packets that one stream's block reports on: a quarter of the numbers.
const MAX_METRICS: usize = 16_384;

impl<'a> CongestionControlFeedback<'a> {
    /// Bytes of a report without streams.
    pub const LEN: usize = 12;

    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (sender, rest) = split_ssrc(body)?;
        let (words, _) = rest.as_chunks::<4>();
        let (timestamp, words) = words.split_last()?;
        let blocks = words.as_flattened();
        let mut rest = blocks;
        while !rest.is_empty() {
            (_, rest) = split_block(rest)?;
        }
        Some(Self { sender, report_timestamp: NtpShort(u32::from_be_bytes(*timestamp)), blocks })
    }

    /// The streams, in order; there may be none.
    pub fn streams(self) -> impl Iterator<Item = StreamFeedback<'a>> + Clone + use<'a> {
        let mut rest = self.blocks;
        std::iter::from_fn(move || {
            let (block, after) = split_block(rest)?;
            rest = after;
            Some(block)
        })
    }
}

impl fmt::Debug for CongestionControlFeedback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CongestionControlFeedback")
            .field("sender", &self.sender)
            .field("report_timestamp", &self.report_timestamp)
            .finish_non_exhaustive()
    }
}

impl<'a> StreamFeedback<'a> {
    /// The packets, in the order of their numbers; `None` for those that have not arrived so far. There may be none.
    pub fn packets(
        self,
    ) -> impl ExactSizeIterator<Item = (SequenceNumber, Option<PacketMetric>)> + Clone + use<'a> {
        let mut next = self.begin_seq;
        self.metrics.iter().map(move |&bytes| {
            let sequence = next;
            next = sequence.add(1);
            let word = u16::from_be_bytes(bytes);
            let [first, _] = bytes;
            // RFC 8888, Section 3.1: without R the other bits must be ignored.
            let metric = PacketMetric { ecn: first >> 5 & 0x03, arrival: ArrivalTimeOffset(word & 0x1fff) };
            (sequence, (word & RECEIVED != 0).then_some(metric))
        })
    }
}

impl fmt::Debug for StreamFeedback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamFeedback")
            .field("ssrc", &self.ssrc)
            .field("begin_seq", &self.begin_seq)
            .field("num_reports", &self.metrics.len())
            .finish()
    }
}

fn split_block(bytes: &[u8]) -> Option<(StreamFeedback<'_>, &[u8])> {
    let (ssrc, rest) = split_ssrc(bytes)?;
    let (&[b0, b1, n0, n1], rest) = rest.split_first_chunk::<4>()?;
    // The RFC's text counts from begin_seq to begin_seq + num_reports inclusive, and in the next line allows num_reports to be
    // zero for no block at all: it is a count, as the browsers take it.
    let count = usize::from(u16::from_be_bytes([n0, n1]));
    if count > MAX_METRICS {
        return None;
    }
    let (metrics, rest) = rest.split_at_checked(count.next_multiple_of(2) * 2)?;
    let metrics = metrics.as_chunks().0.get(..count)?;
    Some((StreamFeedback { ssrc, begin_seq: SequenceNumber(u16::from_be_bytes([b0, b1])), metrics }, rest))
}

/// Appends a report stream by stream. It must be finished: without its last word the report cannot be read.
#[derive(Debug)]
#[must_use = "a report ends with its time"]
pub struct CongestionControlFeedbackWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    end: usize,
}

impl<'o> CongestionControlFeedbackWriter<'o> {
    /// Begins a report of at most `max_len` bytes; `None` when an empty one is longer.
    pub fn begin(out: &'o mut Vec<u8>, sender: Ssrc, max_len: usize) -> Option<Self> {
        let room = max_len.min(MAX_PACKET_LEN).checked_sub(CongestionControlFeedback::LEN)?;
        let start = out.len();
        write_packet(out, kind::RTPFB, |out| {
            out.extend_from_slice(&sender.0.to_be_bytes());
            FORMAT
        });
        let end = out.len() + room;
        Some(Self { out, start, end })
    }

    /// Appends a block of a stream's packets from number `begin_seq` on, one item for each, and returns how many were taken;
    /// the others stay in the iterator. A block of no packets tells that none arrived since `begin_seq`. `None`, and no
    /// block, when there is no room for one packet.
    pub fn stream(
        &mut self,
        ssrc: Ssrc,
        begin_seq: SequenceNumber,
        packets: impl Iterator<Item = Option<PacketMetric>>,
    ) -> Option<u16> {
        let room = self.end.saturating_sub(self.out.len() + 8) / 4 * 2;
        if room == 0 {
            return None;
        }
        self.out.extend_from_slice(&ssrc.0.to_be_bytes());
        self.out.extend_from_slice(&begin_seq.0.to_be_bytes());
        let count_at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        let mut count = 0_u16;
        for packet in packets.take(room.min(MAX_METRICS)) {
            let word = packet.map_or(0, |PacketMetric { ecn, arrival }| {
                RECEIVED | u16::from(ecn & 0x03) << 13 | arrival.0
            });
            self.out.extend_from_slice(&word.to_be_bytes());
            count += 1;
        }
        if !count.is_multiple_of(2) {
            self.out.extend_from_slice(&[0, 0]);
        }
        if let Some(place) = self.out.get_mut(count_at..count_at + 2) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        Some(count)
    }

    /// Ends the report: `now` is the time from which the arrivals were counted back. Returns its length.
    pub fn finish(self, now: NtpShort) -> usize {
        self.out.extend_from_slice(&now.0.to_be_bytes());
        let len = self.out.len() - self.start;
        if let Some(place) = self.out.get_mut(self.start + 2..self.start + 4) {
            place.copy_from_slice(&u16::try_from(len / 4 - 1).unwrap_or(u16::MAX).to_be_bytes());
        }
        len
    }
}

pub(super) const FORMAT: u8 = 11;

/// The bit that tells that a packet arrived.
const RECEIVED: u16 = 0x8000;
