//! The sender's record of what left, and what feedback tells of it.

use super::clock::{PeerClock, Reading};
use super::ecn::Ecn;
use super::record::{MOST, News, Record};
use super::sent_by_source::SentBySource;
use crate::rtcp::CongestionControlFeedback;
use crate::{ExtendedSequence, SequenceNumber, Ssrc};
use std::time::{Duration, Instant};

/// The packets that left, until feedback has told what became of them. Transport-wide feedback knows them by the number that
/// the transport gives to each, congestion control feedback ([RFC 8888](https://www.rfc-editor.org/rfc/rfc8888)) by source and
/// sequence number.
#[derive(Debug)]
// What every sent packet touches comes first.
#[repr(C)]
pub struct History {
    record: Record,
    sources: SentBySource,
    /// By which arrivals are told.
    clock: PeerClock,
    /// Whether any feedback came that knows packets by their sources.
    by_source: bool,
}

/// What transport-wide feedback says of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It has not arrived so far.
    Missing,
    /// It arrived, and its time is not told.
    Received,
    /// It arrived at this time of the peer's: units of 250 microseconds that wrap.
    ReceivedAt(u32),
}

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Its number in the order of all that left, without wrap.
    pub sequence: u64,
    /// When it left.
    pub sent: Instant,
    /// Its length.
    pub bytes: u32,
    /// Whose it is.
    pub ssrc: Ssrc,
    /// Whether it arrived.
    pub fate: Fate,
}

/// Whether a packet arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It had not when the feedback left. It may still be told as received.
    Lost,
    /// It did.
    Received {
        /// When, by the peer's clock, which starts anywhere and does not wrap. `None` when the peer did not tell, or
        /// something impossible.
        arrival: Option<Duration>,
        /// Whether it was told as lost before.
        after_loss: bool,
        /// The mark that it arrived with; transport-wide feedback tells none.
        ecn: Option<Ecn>,
    },
}

/// What was sent and told. A packet is in flight, received, lost or forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HistoryStats {
    /// Packets that left.
    pub sent: u64,
    /// Packets told as received.
    pub received: u64,
    /// Packets told as lost, and not received since.
    pub lost: u64,
    /// Packets of which nothing was told in time.
    pub forgotten: u64,
    /// Bytes of packets in flight.
    pub bytes_in_flight: u64,
    /// Packets told as having met congestion ([`Ecn::Ce`]).
    pub congestion_marks: u64,
    /// Statuses of packets that were forgotten, or received before.
    pub late_statuses: u64,
    /// Feedback on packets that were never sent. All it says from there on of their transport, or of their source, is ignored.
    pub never_sent: u64,
    /// Feedback whose times do not fit those told before. It is taken without them.
    pub clock_jumps: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            record: Record::new(),
            sources: SentBySource::new(),
            clock: PeerClock::new(TRANSPORT_RATE),
            by_source: false,
        }
    }
}

impl History {
    /// The number that the next packet is to carry, if packets carry any.
    #[must_use]
    pub fn next_sequence(&self) -> SequenceNumber {
        ExtendedSequence(self.record.end()).wire()
    }

    /// A packet of `bytes`, at most 65,535, leaves under [`next_sequence`](Self::next_sequence).
    pub fn sent(&mut self, now: Instant, bytes: u32, ssrc: Ssrc) {
        self.record.push(now, bytes, ssrc);
    }

    /// The same of a packet that feedback tells of by its source and its sequence number there. If it carries
    /// [`next_sequence`](Self::next_sequence) too, feedback of either kind is taken.
    pub fn sent_by_source(&mut self, now: Instant, bytes: u32, ssrc: Ssrc, sequence: ExtendedSequence) {
        let number = self.record.end();
        let sweeps = self.record.push(now, bytes, ssrc);
        let gone = self.record.first();
        if let Some(source) = self.sources.source(ssrc) {
            source.sent(sequence, number, gone);
            if sweeps {
                source.sweep(gone, number.saturating_add(1));
            }
        }
    }

    /// A source ends: what feedback still says of it is ignored.
    pub fn forget_source(&mut self, ssrc: Ssrc) {
        self.sources.forget(ssrc);
    }

    /// Takes transport-wide feedback: what it says of each packet, in the order of their numbers. `outcome` is told of each
    /// packet once when it is lost, and once when it is received.
    ///
    /// Once congestion control feedback has come, the transport-wide kind only tells what was received: its times are those of
    /// another clock, and what it misses may have been told the other way.
    pub fn feedback(
        &mut self,
        now: Instant,
        statuses: impl IntoIterator<Item = (SequenceNumber, Told)>,
        mut outcome: impl FnMut(Outcome),
    ) {
        let mut reading = Reading::Unread;
        for (wire, told) in statuses.into_iter().take(MOST_STATUSES) {
            let latest = ExtendedSequence(self.record.end().saturating_sub(1));
            let sequence = wire.extend(latest);
            if sequence > latest || self.record.stats.sent == 0 {
                self.record.count_never_sent();
                break;
            }
            let news = match told {
                Told::Missing if self.by_source => continue,
                Told::Missing => News::Missing,
                Told::ReceivedAt(time) if !self.by_source => {
                    News::Received { arrival: self.clock.read(now, time, &mut reading), ecn: None }
                }
                Told::Received | Told::ReceivedAt(_) => News::Received { arrival: None, ecn: None },
            };
            self.record.tell(now, sequence.0, None, news).into_iter().for_each(&mut outcome);
        }
        self.count_jump(reading);
    }

    /// Takes congestion control feedback. `outcome` is told of each packet once when it is lost, and once when it is received.
    pub fn feedback_by_source(
        &mut self,
        now: Instant,
        report: &CongestionControlFeedback<'_>,
        mut outcome: impl FnMut(Outcome),
    ) {
        // Where nothing was agreed on that it could tell of, it changes nothing.
        if !self.by_source && !self.sources.is_empty() {
            self.by_source = true;
            self.clock = PeerClock::new(NTP_RATE);
        }
        let mut reading = Reading::Unread;
        let report_time = self.clock.read(now, report.report_timestamp.0, &mut reading);
        self.count_jump(reading);
        for stream in report.streams() {
            let Some(source) = self.sources.get(stream.ssrc) else {
                self.record.count_never_sent();
                continue;
            };
            let (latest, end) = (source.latest(), self.record.end());
            for (wire, metric) in stream.packets() {
                let sequence = wire.extend(latest);
                if sequence > latest {
                    self.record.count_never_sent();
                    break;
                }
                let news = metric.map_or(News::Missing, |metric| {
                    // RFC 8888, Section 3.1: arrivals are told as offsets before the report's time.
                    let before = metric.arrival.duration();
                    let arrival = report_time.zip(before).and_then(|(time, before)| time.checked_sub(before));
                    News::Received { arrival, ecn: Ecn::from_bits(metric.ecn) }
                });
                let number = source.number(sequence, end).unwrap_or(0);
                let told = self.record.tell(now, number, Some(stream.ssrc), news);
                told.into_iter().for_each(&mut outcome);
            }
        }
    }

    /// What was sent and told.
    #[must_use]
    pub const fn stats(&self) -> HistoryStats {
        self.record.stats
    }

    fn count_jump(&mut self, reading: Reading) {
        let jumped = u64::from(reading == Reading::Jumped);
        self.record.stats.clock_jumps = self.record.stats.clock_jumps.saturating_add(jumped);
    }
}

/// Units in a second of the times that transport-wide feedback tells, and of those in congestion control feedback.
const TRANSPORT_RATE: u32 = 4_000;
const NTP_RATE: u32 = 65_536;
/// As much as a report can say of what is kept. A short report may speak of 65,535 packets.
const MOST_STATUSES: usize = 2 * MOST;
