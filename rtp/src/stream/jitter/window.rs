//! Packets that wait for those before them.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Incoming, JitterDiscard, Place};
use crate::codec::Codec;
use crate::extension::Set;
use crate::{ExtendedSequence, ExtendedTimestamp, PayloadType};

/// The packets from the next in order on, as far as they have come. The memory of payloads is used again.
#[derive(Debug)]
pub(super) struct Window {
    /// The number that is next in order.
    base: u64,
    /// Slot n is for the number n above `base`; the last one is not empty.
    slots: VecDeque<Option<Stored>>,
    len: usize,
    max_len: usize,
    max_bytes: usize,
    /// The capacity of all payloads' buffers, those in use and those not.
    capacity: usize,
    unused: Vec<Vec<u8>>,
    /// The packets that were the highest when they came, and when that was: whatever is missing below one, and above the one
    /// before it, was noticed then.
    highest: VecDeque<(u64, Instant)>,
    /// The packets that start a frame which a decoder can begin with.
    entries: VecDeque<u64>,
    /// The frame of the first entry is there up to here.
    run: Run,
    /// Which of the 128 numbers below `base` have come: bit 0 is for the one next to it.
    past: u128,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    /// All numbers from the entry to this one have come.
    UpTo(u64),
    Whole,
}

pub(super) struct Stored {
    timestamp: ExtendedTimestamp,
    codec: Codec,
    payload_type: PayloadType,
    marker: bool,
    arrival: Instant,
    extensions: Set,
    pub(super) place: Place,
    pub(super) payload: Vec<u8>,
}

impl Stored {
    pub(super) fn incoming(&self, sequence: u64) -> Incoming<'_> {
        Incoming {
            sequence: ExtendedSequence(sequence),
            timestamp: self.timestamp,
            codec: self.codec,
            payload_type: self.payload_type,
            marker: self.marker,
            payload: &self.payload,
            arrival: self.arrival,
            extensions: self.extensions.clone(),
        }
    }
}

/// The payload prints as its length.
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("timestamp", &self.timestamp)
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl Window {
    pub(super) fn new(max_len: usize, max_bytes: usize) -> Self {
        Self {
            base: 0,
            slots: VecDeque::new(),
            len: 0,
            max_len,
            max_bytes,
            capacity: 0,
            unused: Vec::new(),
            highest: VecDeque::new(),
            entries: VecDeque::new(),
            run: Run::UpTo(0),
            past: 0,
        }
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// The number of packets.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether a number is further from all that have come than the window is long.
    pub(super) fn is_beyond(&self, sequence: u64) -> bool {
        let end = self.base.saturating_add(self.slots.len() as u64);
        sequence >= end.saturating_add(self.span() as u64)
    }

    /// Whether the next in order is missing, and others are there.
    pub(super) fn is_gap(&self) -> bool {
        self.slots.front().is_some_and(Option::is_none)
    }

    /// When it was noticed that the next in order is missing.
    pub(super) fn noticed(&self) -> Option<Instant> {
        self.highest.front().map(|(_, at)| *at)
    }

    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.slot(sequence).is_some()
    }

    /// Whether a number below the base has come. `false` when it is too far below to be known.
    pub(super) const fn was_received(&self, sequence: u64) -> bool {
        match self.base.saturating_sub(sequence) {
            distance @ 1..=128 => self.past >> (distance - 1) & 1 == 1,
            _ => false,
        }
    }

    pub(super) fn first_entry(&self) -> Option<u64> {
        self.entries.front().copied()
    }

    /// Whether all of the first entry's frame is there.
    pub(super) const fn has_whole_entry(&self) -> bool {
        matches!(self.run, Run::Whole)
    }

    /// Forgets everything; the next in order is `base`.
    pub(super) fn restart(&mut self, base: u64) {
        while let Some(slot) = self.slots.pop_front() {
            self.discard(slot);
        }
        self.base = base;
        self.past = 0;
        self.highest.clear();
        self.entries.clear();
        self.run = Run::UpTo(base);
    }

    /// The next in order has come, and is not stored.
    pub(super) fn advance(&mut self) {
        let slot = self.slots.pop_front().flatten();
        self.step(true);
        self.discard(slot);
        self.forget_past();
    }

    /// Stores a packet whose slot is empty, at `base` or above. There is no room for one too far above.
    pub(super) fn store(
        &mut self,
        now: Instant,
        packet: &Incoming<'_>,
        place: Place,
    ) -> Result<(), JitterDiscard> {
        let sequence = packet.sequence.0;
        let index = usize::try_from(sequence.saturating_sub(self.base)).map_err(|_| JitterDiscard::Full)?;
        if self.len >= self.max_len || index >= self.span() {
            return Err(JitterDiscard::Full);
        }
        let payload = self.copy(packet.payload).ok_or(JitterDiscard::Full)?;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
            self.highest.push_back((sequence, now));
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Some(Stored {
                timestamp: packet.timestamp,
                codec: packet.codec,
                payload_type: packet.payload_type,
                marker: packet.marker,
                arrival: packet.arrival,
                extensions: packet.extensions.clone(),
                place,
                payload,
            });
            self.len += 1;
        }
        if place.entry {
            let at = self.entries.partition_point(|entry| *entry < sequence);
            self.entries.insert(at, sequence);
            if at == 0 {
                self.run = Run::UpTo(sequence);
            }
        }
        self.follow_run();
        Ok(())
    }

    /// Takes the next in order out. Its payload is given back by [`recycle`](Self::recycle).
    pub(super) fn pop(&mut self) -> Option<(u64, Stored)> {
        let stored = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.len -= 1;
        let sequence = self.base;
        self.step(true);
        self.forget_past();
        Some((sequence, stored))
    }

    pub(super) fn recycle(&mut self, payload: Vec<u8>) {
        self.unused.push(payload);
    }

    /// Moves the base over what is missing, to the first packet that is there.
    pub(super) fn skip_gap(&mut self) {
        while self.is_gap() {
            self.slots.pop_front();
            self.step(false);
        }
        self.forget_past();
    }

    /// Moves the base up to a number; returns how many packets before it are thrown away.
    pub(super) fn skip_to(&mut self, sequence: u64) -> u64 {
        let mut thrown = 0;
        while self.base < sequence {
            let Some(slot) = self.slots.pop_front() else {
                self.base = sequence;
                self.past = 0;
                break;
            };
            thrown += u64::from(slot.is_some());
            self.step(slot.is_some());
            self.discard(slot);
        }
        self.forget_past();
        thrown
    }

    const fn span(&self) -> usize {
        self.max_len.saturating_mul(SPARSENESS)
    }

    fn slot(&self, sequence: u64) -> Option<&Stored> {
        let index = usize::try_from(sequence.checked_sub(self.base)?).ok()?;
        self.slots.get(index)?.as_ref()
    }

    const fn step(&mut self, received: bool) {
        self.base = self.base.saturating_add(1);
        self.past = self.past << 1 | received as u128;
    }

    fn discard(&mut self, slot: Option<Stored>) {
        if let Some(stored) = slot {
            self.len -= 1;
            self.recycle(stored.payload);
        }
    }

    fn forget_past(&mut self) {
        while self.highest.front().is_some_and(|(sequence, _)| *sequence < self.base) {
            self.highest.pop_front();
        }
        let entries = self.entries.len();
        while self.entries.front().is_some_and(|entry| *entry < self.base) {
            self.entries.pop_front();
        }
        if self.entries.len() != entries {
            self.run = Run::UpTo(self.first_entry().unwrap_or(0));
            self.follow_run();
        }
    }

    /// Finds how much of the first entry's frame is there, from where it was last known.
    fn follow_run(&mut self) {
        let Some(entry) = self.first_entry() else { return };
        let timestamp = self.slot(entry).map(|stored| stored.timestamp);
        while let Run::UpTo(sequence) = self.run {
            let Some(stored) = self.slot(sequence) else { return };
            let is_other = !stored.payload.is_empty() && Some(stored.timestamp) != timestamp;
            self.run = if is_other || stored.place.ends {
                Run::Whole
            } else {
                Run::UpTo(sequence.saturating_add(1))
            };
        }
    }

    /// A copy of a payload in a buffer used before, or in a new one; `None` when there may be no more.
    fn copy(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = self.unused.pop().unwrap_or_default();
        if buffer.capacity() < payload.len() {
            self.capacity -= buffer.capacity();
            let wanted = payload.len().next_multiple_of(GRANULARITY);
            while self.capacity.saturating_add(wanted) > self.max_bytes {
                self.capacity -= self.unused.pop()?.capacity();
            }
            buffer = Vec::with_capacity(wanted);
            self.capacity += buffer.capacity();
        }
        buffer.clear();
        buffer.extend_from_slice(payload);
        Some(buffer)
    }
}

/// How many numbers the window spans for each packet that it may hold.
const SPARSENESS: usize = 2;
/// Buffers have sizes that fit most packets of a stream.
const GRANULARITY: usize = 512;
