//! Which TSNs have arrived: the cumulative one, the runs past it, duplicates.

use crate::ranges::Ranges;
use crate::serial::Tsn;

/// How far past the cumulative TSN data is taken.
// Below the 2^16 that a gap block's offsets can say; bounds the ring of what arrived ahead.
pub(crate) const MAX_AHEAD: u64 = 16_384;

/// Duplicates remembered between two SACKs; further ones are only counted.
const MAX_DUPLICATES: usize = 16;

/// Where a TSN stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The one right after the cumulative TSN.
    Next(Tsn),
    /// Past a gap. `highest`: past everything that has arrived.
    Ahead {
        tsn: Tsn,
        highest: bool,
    },
    Duplicate,
    TooFar,
}

#[derive(Debug)]
pub(crate) struct Tracker {
    cum: Tsn,
    ahead: Ranges,
    duplicates: [u32; MAX_DUPLICATES],
    duplicate_count: usize,
}

impl Tracker {
    pub(crate) fn new(initial: Tsn) -> Self {
        Self {
            cum: initial.previous(),
            ahead: Ranges::default(),
            duplicates: [0; MAX_DUPLICATES],
            duplicate_count: 0,
        }
    }

    pub(crate) const fn cum(&self) -> Tsn {
        self.cum
    }

    pub(crate) const fn ahead(&self) -> &Ranges {
        &self.ahead
    }

    pub(crate) fn classify(&mut self, wire: u32) -> Arrival {
        let tsn = self.cum.nearest(wire);
        if tsn == self.cum.next() {
            return Arrival::Next(tsn);
        }
        if tsn <= self.cum || self.ahead.contains(tsn) {
            if let Some(slot) = self.duplicates.get_mut(self.duplicate_count) {
                *slot = wire;
                self.duplicate_count = self.duplicate_count.saturating_add(1);
            }
            return Arrival::Duplicate;
        }
        if tsn.since(self.cum) > MAX_AHEAD {
            return Arrival::TooFar;
        }
        Arrival::Ahead { tsn, highest: self.ahead.last().is_none_or(|last| tsn > last) }
    }

    /// Notes a TSN that [`classify`](Self::classify) called `Next` or `Ahead`.
    pub(crate) fn accept(&mut self, tsn: Tsn) {
        if tsn == self.cum.next() {
            self.cum = if self.ahead.is_empty() { tsn } else { self.ahead.advance(tsn) };
        } else {
            self.ahead.insert(tsn, tsn, |_, _| {});
        }
    }

    /// Takes everything up to `cum` as arrived.
    pub(crate) fn forward(&mut self, cum: Tsn) {
        self.cum = self.ahead.advance(cum);
    }

    pub(crate) fn duplicates(&self) -> &[u32] {
        self.duplicates.get(..self.duplicate_count).unwrap_or_default()
    }

    pub(crate) const fn clear_duplicates(&mut self) {
        self.duplicate_count = 0;
    }
}
