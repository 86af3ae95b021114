//! What one sender keeps of its packets, to send them again when they are asked for.

use crate::{ExtendedSequence, SequenceNumber};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// How much of a stream is kept. Whatever the bounds, numbers further back than 16,384 are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheConfig {
    /// How long a packet can be asked for (2 s). A receiver needs half a round trip and a gap between packets to see a
    /// loss, and a little more than a round trip for each try. At a round trip of 80 ms and a loss of 15% both ways one
    /// packet in 600 needs more than five tries, which take 500 ms; behind a satellite three tries take 2 s.
    pub max_age: Duration,
    /// How many bytes of packets (1 MiB): 2 s at 4 Mbit/s.
    pub max_bytes: usize,
    /// How many numbers, sent or left out (4,096).
    pub max_packets: usize,
    /// How often one packet is sent again (10): at a loss of 15% both ways three packets in a million need more.
    pub max_resends: u8,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(2), max_bytes: 1 << 20, max_packets: 4096, max_resends: 10 }
    }
}

/// Why a packet that was asked for is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No packet had this number.
    Unknown,
    /// It was sent again less than a round trip ago: whoever asks cannot know yet whether that one arrived.
    TooSoon,
    /// It is no longer kept, or too old to be of use.
    TooOld,
    /// It was sent again as often as one packet may be.
    Exhausted,
}

/// What a cache has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// Packets kept now.
    pub packets: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Packets handed out to be sent again.
    pub resent: u64,
    /// Their bytes.
    pub resent_bytes: u64,
    /// Requests for numbers that were not sent.
    pub unknown: u64,
    /// Requests that came within a round trip of the last answer.
    pub too_soon: u64,
    /// Requests for packets that are gone.
    pub too_old: u64,
    /// Requests for packets that were sent too often.
    pub exhausted: u64,
}

/// The packets a sender has sent lately. What a packet is, is the sender's: the cache looks at its number and length.
///
/// It grows with what is kept, so an audio stream's is small; it gives no memory back, and once grown allocates none.
// What every sent packet touches comes first.
#[repr(C)]
pub struct Cache<T> {
    /// The packet numbered `first` comes first; numbers that were left out have an empty place.
    slots: VecDeque<Option<Slot<T>>>,
    first: u64,
    /// When the first packet of all was kept: times are counted from it.
    epoch: Option<Instant>,
    /// When the oldest are next looked at.
    sweep: Option<Instant>,
    stats: CacheStats,
    config: CacheConfig,
}

/// A server with many streams finds no slot in its caches: one with a packet of 48 bytes fills one line of them.
#[repr(align(64))]
struct Slot<T> {
    packet: T,
    /// Nanoseconds since the epoch.
    sent: u64,
    /// Microseconds from then to when it was last sent again, or [`NEVER`].
    resent: u32,
    len: u16,
    resends: u8,
}

impl<T> Slot<T> {
    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_nanos(self.sent))
    }
}

impl<T> Cache<T> {
    /// An empty one.
    #[must_use]
    pub fn new(config: CacheConfig) -> Self {
        let stats = CacheStats::default();
        Self { config, slots: VecDeque::new(), first: 0, epoch: None, sweep: None, stats }
    }

    /// Keeps a packet of `len` bytes, at most 65,535, that leaves now. Numbers may be left out and come late; one that is further back
    /// than what is kept, or was kept before, is dropped.
    pub fn insert(&mut self, now: Instant, sequence: ExtendedSequence, packet: T, len: usize) {
        // The oldest lie far back in memory: they are looked at in groups, and refused meanwhile.
        if self.sweep.is_none_or(|due| due <= now) {
            self.expire(now);
            self.sweep = now.checked_add(self.config.max_age / SWEEPS);
        }
        let sent = now.saturating_duration_since(*self.epoch.get_or_insert(now)).as_nanos();
        let sent = u64::try_from(sent).unwrap_or(u64::MAX);
        if self.slots.is_empty() {
            self.first = sequence.0;
        }
        let Some(ahead) = sequence.0.checked_sub(self.first) else { return };
        let bound = self.max_packets();
        let index = usize::try_from(ahead).unwrap_or(usize::MAX);
        if index.saturating_sub(self.slots.len()) >= bound {
            // Nothing of what is kept would stay.
            self.clear();
            self.first = sequence.0;
        } else {
            while self.slots.len() < index {
                self.slots.push_back(None);
            }
        }
        let index = usize::try_from(sequence.0.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        let slot = Some(Slot { packet, sent, resent: NEVER, len, resends: 0 });
        // The next number as a rule: its place is only written to, and need not be fetched first.
        let new = index == self.slots.len();
        if new {
            self.slots.push_back(slot);
        } else if let Some(free @ None) = self.slots.get_mut(index) {
            *free = slot;
        } else {
            return;
        }
        self.stats.packets = self.stats.packets.saturating_add(1);
        self.stats.bytes = self.stats.bytes.saturating_add(len.into());
        while self.slots.len() > bound || self.stats.bytes > self.config.max_bytes {
            self.pop();
        }
    }

    /// The packet that was asked for, to be sent again now. `round_trip` is the path's; zero when it is not known.
    ///
    /// # Errors
    ///
    /// Tells why it is not to be sent. A refusal is counted.
    pub fn request(
        &mut self,
        now: Instant,
        sequence: SequenceNumber,
        round_trip: Duration,
    ) -> Result<&T, Refusal> {
        match self.check(now, sequence, round_trip) {
            Ok(index) => {
                let since = self.since_epoch(now);
                let slot = self.slots.get_mut(index).and_then(Option::as_mut).ok_or(Refusal::Unknown)?;
                slot.resent = u32::try_from(slot.age(since).as_micros()).unwrap_or(NEVER).min(NEVER - 1);
                slot.resends = slot.resends.saturating_add(1);
                self.stats.resent = self.stats.resent.saturating_add(1);
                self.stats.resent_bytes = self.stats.resent_bytes.saturating_add(slot.len.into());
                Ok(&slot.packet)
            }
            Err(refusal) => {
                let count = match refusal {
                    Refusal::Unknown => &mut self.stats.unknown,
                    Refusal::TooSoon => &mut self.stats.too_soon,
                    Refusal::TooOld => &mut self.stats.too_old,
                    Refusal::Exhausted => &mut self.stats.exhausted,
                };
                *count = count.saturating_add(1);
                Err(refusal)
            }
        }
    }

    /// Drops what has become too old. [`insert`](Self::insert) does it too, a little later: a stream that pauses needs the
    /// call.
    pub fn expire(&mut self, now: Instant) {
        let now = self.since_epoch(now);
        let max_age = self.config.max_age;
        while self.slots.front().is_some_and(|slot| slot.as_ref().is_none_or(|slot| slot.age(now) > max_age))
        {
            self.pop();
        }
    }

    /// The number of the oldest packet that is kept.
    #[must_use]
    pub const fn first(&self) -> ExtendedSequence {
        ExtendedSequence(self.first)
    }

    /// Drops everything: what was sent is of no more use to the receiver.
    pub fn clear(&mut self) {
        self.slots.clear();
        (self.stats.packets, self.stats.bytes) = (0, 0);
    }

    /// What has been done.
    #[must_use]
    pub const fn stats(&self) -> CacheStats {
        self.stats
    }

    fn check(&self, now: Instant, wire: SequenceNumber, round_trip: Duration) -> Result<usize, Refusal> {
        let last = self.slots.len().checked_sub(1).ok_or(Refusal::TooOld)?;
        let last = ExtendedSequence(self.first.saturating_add(last as u64));
        let sequence = wire.extend(last);
        if sequence > last {
            return Err(Refusal::Unknown);
        }
        let ahead = sequence.0.checked_sub(self.first).ok_or(Refusal::TooOld)?;
        let index = usize::try_from(ahead).map_err(|_| Refusal::Unknown)?;
        let slot = self.slots.get(index).and_then(Option::as_ref).ok_or(Refusal::Unknown)?;
        let age = slot.age(self.since_epoch(now));
        if age > self.config.max_age {
            return Err(Refusal::TooOld);
        }
        if slot.resends >= self.config.max_resends {
            return Err(Refusal::Exhausted);
        }
        // A receiver that asks again after exactly one round trip may seem early, as both measure it with an error.
        let wait = (round_trip - round_trip / 8).max(SHORTEST_WAIT);
        let since = age.saturating_sub(Duration::from_micros(slot.resent.into()));
        if slot.resent != NEVER && since < wait { Err(Refusal::TooSoon) } else { Ok(index) }
    }

    fn since_epoch(&self, now: Instant) -> Duration {
        self.epoch.map_or(Duration::ZERO, |epoch| now.saturating_duration_since(epoch))
    }

    fn max_packets(&self) -> usize {
        self.config.max_packets.clamp(1, FURTHEST_BACK)
    }

    fn pop(&mut self) {
        self.first = self.first.saturating_add(1);
        if let Some(Some(slot)) = self.slots.pop_front() {
            self.stats.packets = self.stats.packets.saturating_sub(1);
            self.stats.bytes = self.stats.bytes.saturating_sub(slot.len.into());
        }
    }
}

impl<T> fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// It was not sent again.
const NEVER: u32 = u32::MAX;
/// How often within the time that packets are kept the old ones are dropped.
const SWEEPS: u32 = 16;
/// A request names a packet by 16 bits; half of them must lie ahead.
const FURTHEST_BACK: usize = 1 << 14;
/// Copies of one request come within this time, however short the round trip.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
