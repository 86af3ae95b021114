//! The packets that left, in their order, and what was told of each.

use super::ecn::Ecn;
use super::history::{Fate, HistoryStats, Outcome};
use crate::Ssrc;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The latest packets, numbered as they left.
#[derive(Debug)]
// What every sent packet touches comes first.
#[repr(C)]
pub(super) struct Record {
    packets: VecDeque<Sent>,
    /// The number of the first in `packets`.
    first: u64,
    /// When the first packet of all left: times are counted from it.
    epoch: Option<Instant>,
    /// When the oldest are next looked at, in the same nanoseconds: they lie far back in memory.
    sweep: u64,
    pub(super) stats: HistoryStats,
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
    /// Received with a mark of congestion.
    Marked,
}

/// What is told of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum News {
    Missing,
    Received { arrival: Option<Duration>, ecn: Option<Ecn> },
}

impl Record {
    pub(super) fn new() -> Self {
        // The second cycle, so that a number below the first is taken for one.
        Self { packets: VecDeque::new(), first: CYCLE, epoch: None, sweep: 0, stats: HistoryStats::default() }
    }

    /// The number of the oldest packet that is kept.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next packet.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.packets.len() as u64)
    }

    /// A packet leaves. Tells whether it was time to drop the oldest.
    pub(super) fn push(&mut self, now: Instant, bytes: u32, ssrc: Ssrc) -> bool {
        let at = now.saturating_duration_since(*self.epoch.get_or_insert(now)).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        if self.packets.len() >= MOST {
            self.forget();
        }
        let sweeps = self.sweep <= at;
        if sweeps {
            self.sweep = at.saturating_add(SWEEP);
            while self.packets.front().is_some_and(|packet| at.saturating_sub(packet.at) > KEPT) {
                self.forget();
            }
        }
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.packets.push_back(Sent { at, ssrc, bytes, state: State::InFlight });
        self.stats.sent = self.stats.sent.saturating_add(1);
        self.stats.bytes_in_flight = self.stats.bytes_in_flight.saturating_add(u64::from(bytes));
        sweeps
    }

    /// Takes what is told of a packet, by its number and, where that is known, its source.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        number: u64,
        source: Option<Ssrc>,
        news: News,
    ) -> Option<Outcome> {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let packet = index.and_then(|index| self.packets.get_mut(index));
        let packet = packet.filter(|packet| source.is_none_or(|source| packet.ssrc == source));
        let stats = &mut self.stats;
        let Some(packet) = packet else {
            stats.late_statuses = stats.late_statuses.saturating_add(1);
            return None;
        };
        let before = packet.state;
        if let News::Received { ecn: Some(Ecn::Ce), .. } = news
            && before != State::Marked
        {
            packet.state = State::Marked;
            stats.congestion_marks = stats.congestion_marks.saturating_add(1);
        }
        let fate = match (news, before) {
            (_, State::Received | State::Marked) => {
                stats.late_statuses = stats.late_statuses.saturating_add(1);
                return None;
            }
            (News::Missing, State::Lost) => return None,
            (News::Missing, State::InFlight) => {
                packet.state = State::Lost;
                stats.lost = stats.lost.saturating_add(1);
                Fate::Lost
            }
            (News::Received { arrival, ecn }, State::InFlight | State::Lost) => {
                if packet.state == before {
                    packet.state = State::Received;
                }
                stats.received = stats.received.saturating_add(1);
                Fate::Received { arrival, after_loss: before == State::Lost, ecn }
            }
        };
        if before == State::Lost {
            stats.lost = stats.lost.saturating_sub(1);
        } else {
            stats.bytes_in_flight = stats.bytes_in_flight.saturating_sub(u64::from(packet.bytes));
        }
        let Sent { at, ssrc, bytes, .. } = *packet;
        let sent = self.epoch.map_or(now, |epoch| epoch + Duration::from_nanos(at));
        Some(Outcome { sequence: number, sent, bytes: bytes.into(), ssrc, fate })
    }

    /// Feedback speaks of what never left.
    pub(super) fn count_never_sent(&mut self) {
        self.stats.never_sent = self.stats.never_sent.saturating_add(1);
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

const CYCLE: u64 = 1 << 16;
/// Packets that are kept, and for how long in nanoseconds: what is told later is of no use to anyone.
pub(super) const MOST: usize = 8192;
const KEPT: u64 = 5_000_000_000;
/// How often those that are older are dropped, in nanoseconds.
const SWEEP: u64 = 100_000_000;
