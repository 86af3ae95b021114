//! Transport-wide feedback.

use std::fmt;
use std::time::Duration;

use super::header::{FEEDBACK_HEADER_LEN, FeedbackBody, MAX_PACKET_LEN, kind, write_feedback};
use crate::{SequenceNumber, Ssrc};
use chunk::{ChunkWriter, Runs, Symbol};

mod chunk;

/// When packets arrived, by their transport-wide sequence numbers.
///
/// Source: [draft-holmer-rmcat-transport-wide-cc-extensions-01, Section 3.1](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01#section-3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// What stands before the statuses.
    pub header: TransportFeedbackHeader,
    /// The number of the first packet that is reported on.
    pub base_sequence: SequenceNumber,
    /// How many numbers are reported on.
    pub status_count: u16,
    reference: ArrivalTime,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

/// Who reports, and the report's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransportFeedbackHeader {
    /// Who received the packets.
    pub sender: Ssrc,
    /// One of those who sent them; which one has no meaning.
    pub media: Ssrc,
    /// Goes up by one with each report, so that lost ones are seen.
    pub feedback_count: u8,
}

/// When a packet arrived: units of 250 microseconds since a time that the receiver chose. It wraps after 12.4 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ArrivalTime(pub u32);

impl ArrivalTime {
    /// The time that is `since` after the receiver's chosen one, rounded down.
    #[must_use]
    pub const fn since_epoch(since: Duration) -> Self {
        Self(((since.as_micros() / 250) & 0xffff_ffff) as u32)
    }

    /// How far this time is ahead of `other`, the shorter way round, in units of 250 microseconds; negative when it is behind.
    #[must_use]
    pub const fn distance(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// How much later this time is than `earlier`; `None` when it is not later, the shorter way round.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Duration> {
        let distance = self.distance(earlier);
        if distance < 0 { None } else { Some(Duration::from_micros(distance.unsigned_abs() as u64 * 250)) }
    }
}

/// What is said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketStatus {
    /// It has not arrived so far.
    NotReceived,
    /// It arrived, and its time is not told.
    Received,
    /// It arrived at this time.
    ReceivedAt(ArrivalTime),
}

/// What [`TransportFeedback::write`] reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// Bytes that were appended.
    pub len: usize,
    /// How many of the arrivals are in it.
    pub arrivals: usize,
    /// The number after the last in it: the base of the next report.
    pub next: SequenceNumber,
}

/// The statuses of a report, in the order of their numbers; at most 65,535, however short the report is.
#[derive(Clone)]
pub struct PacketStatuses<'a> {
    runs: Runs<'a>,
    deltas: &'a [u8],
    sequence: SequenceNumber,
    time: ArrivalTime,
}

impl fmt::Debug for TransportFeedback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportFeedback")
            .field("header", &self.header)
            .field("base_sequence", &self.base_sequence)
            .field("status_count", &self.status_count)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PacketStatuses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketStatuses").field("next", &self.sequence).finish_non_exhaustive()
    }
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(feedback: &FeedbackBody<'a>) -> Option<Self> {
        let (&[b0, b1, c0, c1, r0, r1, r2, feedback_count], rest) = feedback.fci.split_first_chunk::<8>()?;
        let status_count = u16::from_be_bytes([c0, c1]);
        let (words, _) = rest.as_chunks::<2>();
        let mut runs = Runs::new(words, status_count);
        let deltas_len = runs.by_ref().map(|(symbol, count)| symbol.delta_len() * usize::from(count)).sum();
        if !runs.is_complete() {
            return None;
        }
        let chunks = words.get(..words.len() - runs.left().len())?;
        let deltas = rest.get(chunks.len() * 2..)?.get(..deltas_len)?;
        Some(Self {
            header: TransportFeedbackHeader {
                sender: feedback.sender,
                media: feedback.media,
                feedback_count,
            },
            base_sequence: SequenceNumber(u16::from_be_bytes([b0, b1])),
            status_count,
            // A unit of the reference time is 64 ms: 256 of the deltas' units.
            reference: ArrivalTime(u32::from_be_bytes([r0, r1, r2, 0])),
            chunks,
            deltas,
        })
    }

    /// What is said of each packet.
    #[must_use]
    pub const fn statuses(self) -> PacketStatuses<'a> {
        PacketStatuses {
            runs: Runs::new(self.chunks, self.status_count),
            deltas: self.deltas,
            sequence: self.base_sequence,
            time: self.reference,
        }
    }
}

impl TransportFeedback<'_> {
    /// Bytes of a report before its statuses.
    pub const LEN: usize = FEEDBACK_HEADER_LEN + 8;

    /// Appends a report of packets from number `base` on, in at most `max_len` bytes. `arrivals` are those that arrived, in
    /// ascending order of their numbers; the others are reported as not received, and there are fewer than 32,768 between two.
    /// An arrival that is not ahead of the one before it is passed over. Reports of 36 bytes hold at least one arrival.
    ///
    /// The report ends where the room does, at 8 s between two arrivals, which is as much as a delta can tell, and after
    /// 32,767 numbers. `None` when there is no arrival, or no room for the first; nothing is appended then.
    pub fn write(
        out: &mut Vec<u8>,
        header: TransportFeedbackHeader,
        base: SequenceNumber,
        arrivals: impl Iterator<Item = (SequenceNumber, ArrivalTime)> + Clone,
        max_len: usize,
    ) -> Option<Reported> {
        let start = out.len();
        let (_, first) = arrivals.clone().find(|(sequence, _)| sequence.distance(base) >= 0)?;
        let reference = first.0 >> 8;
        let mut plan = Plan {
            base,
            time: ArrivalTime(reference << 8),
            next: 0,
            deltas_len: 0,
            max_len: max_len.min(MAX_PACKET_LEN),
        };
        let mut reported = 0;
        let ssrcs = [header.sender, header.media];
        let len = write_feedback(out, kind::RTPFB, FORMAT, ssrcs, |out| {
            out.extend_from_slice(&base.0.to_be_bytes());
            let count_at = out.len();
            let [_, r0, r1, r2] = reference.to_be_bytes();
            out.extend_from_slice(&[0, 0, r0, r1, r2, header.feedback_count]);
            reported = plan.write_chunks(out, start, arrivals.clone());
            let mut time = ArrivalTime(reference << 8);
            let mut next = 0;
            for (sequence, arrival) in arrivals.clone() {
                let offset = match plan.place(sequence, next) {
                    Place::Behind => continue,
                    Place::At(offset) if offset < plan.next => offset,
                    Place::At(_) | Place::Beyond => break,
                };
                write_delta(out, arrival.distance(time));
                (next, time) = (offset + 1, arrival);
            }
            if let Some(count) = out.get_mut(count_at..count_at + 2) {
                count.copy_from_slice(&plan.next.to_be_bytes());
            }
        });
        if reported == 0 {
            out.truncate(start);
            return None;
        }
        Some(Reported { len, arrivals: reported, next: base.add(plan.next) })
    }
}

/// What a report holds so far.
struct Plan {
    base: SequenceNumber,
    /// The last arrival in it, or its reference time.
    time: ArrivalTime,
    /// How far the first number that is not in it is from its base.
    next: u16,
    deltas_len: usize,
    max_len: usize,
}

impl Plan {
    /// Writes the chunks of as many arrivals as there is room for, with their deltas; returns how many.
    fn write_chunks(
        &mut self,
        out: &mut Vec<u8>,
        start: usize,
        arrivals: impl Iterator<Item = (SequenceNumber, ArrivalTime)>,
    ) -> usize {
        let mut writer = ChunkWriter::default();
        let mut reported = 0;
        for (sequence, arrival) in arrivals {
            let offset = match self.place(sequence, self.next) {
                Place::Behind => continue,
                Place::At(offset) => offset,
                Place::Beyond => break,
            };
            let Some(symbol) = Symbol::of_delta(arrival.distance(self.time)) else { break };
            let (written, before) = (out.len(), writer.clone());
            for _ in self.next..offset {
                writer.push(out, Symbol::NotReceived);
            }
            writer.push(out, symbol);
            // One chunk is still held back.
            let deltas_len = self.deltas_len + symbol.delta_len();
            if (out.len() - start + 2 + deltas_len).next_multiple_of(4) > self.max_len {
                out.truncate(written);
                writer = before;
                break;
            }
            (self.next, self.time, self.deltas_len) = (offset + 1, arrival, deltas_len);
            reported += 1;
        }
        writer.finish(out);
        reported
    }

    /// Where a packet stands that comes at `next` or after.
    fn place(&self, sequence: SequenceNumber, next: u16) -> Place {
        // Counted from `next`, so that a list which goes all the way round does not begin anew.
        match u16::try_from(sequence.distance(self.base.add(next))) {
            Err(_) => Place::Behind,
            Ok(ahead) if ahead < MAX_STATUSES - next => Place::At(next + ahead),
            Ok(_) => Place::Beyond,
        }
    }
}

/// Where a packet stands in a report.
enum Place {
    /// Behind one that is in it already.
    Behind,
    /// So far from the base.
    At(u16),
    /// Further than its count can tell.
    Beyond,
}

fn write_delta(out: &mut Vec<u8>, delta: i32) {
    match u8::try_from(delta) {
        Ok(small) => out.push(small),
        Err(_) => out.extend_from_slice(&i16::try_from(delta).unwrap_or_default().to_be_bytes()),
    }
}

impl Iterator for PacketStatuses<'_> {
    type Item = (SequenceNumber, PacketStatus);

    fn next(&mut self) -> Option<Self::Item> {
        let symbol = self.runs.next_symbol()?;
        let sequence = self.sequence;
        self.sequence = sequence.add(1);
        let delta = match symbol {
            Symbol::NotReceived => return Some((sequence, PacketStatus::NotReceived)),
            Symbol::NoDelta => return Some((sequence, PacketStatus::Received)),
            Symbol::Small => {
                let (&delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                i32::from(delta)
            }
            Symbol::Large => {
                let (&delta, rest) = self.deltas.split_first_chunk()?;
                self.deltas = rest;
                i32::from(i16::from_be_bytes(delta))
            }
        };
        self.time = ArrivalTime(self.time.0.wrapping_add_signed(delta));
        Some((sequence, PacketStatus::ReceivedAt(self.time)))
    }
}

pub(super) const FORMAT: u8 = 15;

const MAX_STATUSES: u16 = 32_767;
