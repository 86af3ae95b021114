//! The sender's record of what left, and what feedback tells of it.

use crate::{ExtendedSequence, SequenceNumber, Ssrc};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The packets that left with a transport-wide sequence number, until feedback has told what became of them.
#[derive(Debug)]
// What every sent packet touches comes first.
#[repr(C)]
pub struct History {
    packets: VecDeque<Sent>,
    /// The number of the first in `packets`.
    first: u64,
    /// When the first packet of all left: times are counted from it.
    epoch: Option<Instant>,
    /// When the oldest are next looked at, in the same nanoseconds: they lie far back in memory.
    sweep: u64,
    stats: HistoryStats,
    /// The peer's clock, by its latest time told, and when that came.
    clock: Option<(u64, Instant)>,
}

/// Small, as a server keeps a thousand of them for each stream.
#[derive(Debug)]
struct Sent {
    /// Nanoseconds since the epoch.
    at: u64,
    ssrc: Ssrc,
    bytes: u16,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InFlight,
    Lost,
    Received,
}

/// What feedback says of one packet.
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
    /// Its number, without wrap.
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
    /// Statuses of packets that were forgotten, or received before.
    pub late_statuses: u64,
    /// Feedback on packets that were never sent. All it says from there on is ignored.
    pub never_sent: u64,
    /// Feedback whose times do not fit those told before. It is taken without them.
    pub clock_jumps: u64,
}

impl Default for History {
    fn default() -> Self {
        // The second cycle, so that a number below the first is taken for one.
        let stats = HistoryStats::default();
        Self { packets: VecDeque::new(), first: CYCLE, epoch: None, clock: None, sweep: 0, stats }
    }
}

impl History {
    /// The number that the next packet is to carry.
    #[must_use]
    pub fn next_sequence(&self) -> SequenceNumber {
        ExtendedSequence(self.end()).wire()
    }

    /// A packet of `bytes`, at most 65,535, leaves under [`next_sequence`](Self::next_sequence).
    pub fn sent(&mut self, now: Instant, bytes: u32, ssrc: Ssrc) {
        let at = now.saturating_duration_since(*self.epoch.get_or_insert(now)).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        if self.packets.len() >= MOST {
            self.forget();
        }
        if self.sweep <= at {
            self.sweep = at.saturating_add(SWEEP);
            while self.packets.front().is_some_and(|packet| at.saturating_sub(packet.at) > KEPT) {
                self.forget();
            }
        }
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.packets.push_back(Sent { at, ssrc, bytes, state: State::InFlight });
        self.stats.sent = self.stats.sent.saturating_add(1);
        self.stats.bytes_in_flight = self.stats.bytes_in_flight.saturating_add(u64::from(bytes));
    }

    /// Takes feedback: what it says of each packet, in the order of their numbers. `outcome` is told of each packet once when
    /// it is lost, and once when it is received.
    pub fn feedback(
        &mut self,
        now: Instant,
        statuses: impl IntoIterator<Item = (SequenceNumber, Told)>,
        mut outcome: impl FnMut(Outcome),
    ) {
        let mut clock = Clock::Unread;
        for (wire, told) in statuses.into_iter().take(MOST_STATUSES) {
            let latest = ExtendedSequence(self.end().saturating_sub(1));
            let sequence = wire.extend(latest);
            if sequence > latest || self.stats.sent == 0 {
                self.stats.never_sent = self.stats.never_sent.saturating_add(1);
                break;
            }
            let arrival = match told {
                Told::ReceivedAt(time) => self.arrival(now, time, &mut clock),
                Told::Missing | Told::Received => None,
            };
            let index = sequence.0.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
            let packet = index.and_then(|index| self.packets.get_mut(index));
            let Some(packet) = packet.filter(|packet| packet.state != State::Received) else {
                self.stats.late_statuses = self.stats.late_statuses.saturating_add(1);
                continue;
            };
            let stats = &mut self.stats;
            let fate = match (told, packet.state) {
                (Told::Missing, State::InFlight) => {
                    packet.state = State::Lost;
                    stats.lost = stats.lost.saturating_add(1);
                    stats.bytes_in_flight = stats.bytes_in_flight.saturating_sub(u64::from(packet.bytes));
                    Fate::Lost
                }
                (Told::Missing, State::Lost | State::Received) => continue,
                (Told::Received | Told::ReceivedAt(_), before) => {
                    let after_loss = before == State::Lost;
                    if after_loss {
                        stats.lost = stats.lost.saturating_sub(1);
                    } else {
                        stats.bytes_in_flight = stats.bytes_in_flight.saturating_sub(u64::from(packet.bytes));
                    }
                    packet.state = State::Received;
                    stats.received = stats.received.saturating_add(1);
                    Fate::Received { arrival, after_loss }
                }
            };
            let Sent { at, ssrc, bytes, .. } = *packet;
            let sent = self.epoch.map_or(now, |epoch| epoch + Duration::from_nanos(at));
            outcome(Outcome { sequence: sequence.0, sent, bytes: bytes.into(), ssrc, fate });
        }
    }

    /// What was sent and told.
    #[must_use]
    pub const fn stats(&self) -> HistoryStats {
        self.stats
    }

    /// The peer's time without wrap. The first of a feedback decides whether its times can be true.
    fn arrival(&mut self, now: Instant, time: u32, clock: &mut Clock) -> Option<Duration> {
        let (latest, since) =
            *self.clock.get_or_insert_with(|| (FIRST_TIME.saturating_add(u64::from(time)), now));
        let wire = (latest & 0xffff_ffff) as u32;
        let ahead = i64::from(time.wrapping_sub(wire).cast_signed());
        let full = latest.saturating_add_signed(ahead);
        if *clock == Clock::Unread {
            let passed = now.saturating_duration_since(since).as_micros() / u128::from(UNIT);
            let passed = i64::try_from(passed).unwrap_or(i64::MAX);
            let plausible = ahead.abs_diff(passed) <= FURTHEST_OFF;
            *clock = if plausible { Clock::Fits } else { Clock::Jumped };
            if !plausible {
                self.stats.clock_jumps = self.stats.clock_jumps.saturating_add(1);
                // The next feedback is measured by this one.
                self.clock = Some((full, now));
            }
        }
        if *clock == Clock::Jumped {
            return None;
        }
        if full > latest {
            self.clock = Some((full, now));
        }
        Some(Duration::from_micros(full.checked_mul(UNIT)?))
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(self.packets.len() as u64)
    }

    fn forget(&mut self) {
        let Some(packet) = self.packets.pop_front() else { return };
        self.first = self.first.saturating_add(1);
        if packet.state == State::InFlight {
            self.stats.forgotten = self.stats.forgotten.saturating_add(1);
            self.stats.bytes_in_flight = self.stats.bytes_in_flight.saturating_sub(u64::from(packet.bytes));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    Unread,
    Fits,
    Jumped,
}

const CYCLE: u64 = 1 << 16;
/// The peer's time begins in its second cycle, so that there are times before the first.
const FIRST_TIME: u64 = 1 << 32;
/// Microseconds of a unit of the peer's time.
const UNIT: u64 = 250;
/// Packets that are kept, and for how long in nanoseconds: what is told later is of no use to anyone.
const MOST: usize = 8192;
const KEPT: u64 = 5_000_000_000;
/// How often those that are older are dropped, in nanoseconds.
const SWEEP: u64 = 100_000_000;
/// As much as a report can say of what is kept. A short report may speak of 65,535 packets.
const MOST_STATUSES: usize = 2 * MOST;
/// How far the peer's clock may seem off, in units: 20 s.
const FURTHEST_OFF: u64 = 80_000;
