//! Numbered packets that arrived, those that were reported and those that are to be.

use std::collections::{VecDeque, vec_deque};

/// The latest numbers and what is known of each that arrived. The numbers from `unreported` on are to be reported.
#[derive(Debug)]
pub(super) struct Window<T> {
    slots: VecDeque<Option<T>>,
    first: u64,
    unreported: u64,
    /// Numbers below are gone. Until the first report some may come that are below the first to arrive.
    floor: u64,
    /// How many numbers are kept, arrived or not.
    most: usize,
}

/// What became of a number.
pub(super) enum Place<'w, T> {
    /// It is recorded.
    New,
    /// It is too far back.
    Gone,
    /// It was there; this is what was recorded.
    Known(&'w mut T),
}

impl<T: Copy> Window<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self { slots: VecDeque::new(), first: 0, unreported: 0, floor: 0, most }
    }

    /// The number after the highest that arrived.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.slots.len() as u64)
    }

    /// Records a number. One that comes late is reported, together with those above it, which are reported again.
    pub(super) fn insert(&mut self, number: u64, value: T) -> Place<'_, T> {
        if self.slots.is_empty() {
            (self.first, self.unreported) = (number, number);
            self.floor = number.saturating_sub(BEFORE_FIRST);
        }
        if number < self.floor {
            return Place::Gone;
        }
        while number < self.first {
            self.slots.push_front(None);
            self.first = self.first.saturating_sub(1);
        }
        if number.saturating_sub(self.end()) >= self.most as u64 {
            // Whoever sends began anew: a report cannot reach across.
            self.slots.clear();
            (self.first, self.unreported, self.floor) = (number, number, number);
        }
        while self.slots.len() <= self.index(number) {
            self.slots.push_back(None);
        }
        while self.slots.len() > self.most {
            self.slots.pop_front();
            self.first = self.first.saturating_add(1);
            self.floor = self.first;
        }
        if number < self.first {
            return Place::Gone;
        }
        self.unreported = self.unreported.max(self.first);
        let index = self.index(number);
        match self.slots.get_mut(index) {
            Some(Some(known)) => Place::Known(known),
            Some(slot) => {
                *slot = Some(value);
                self.unreported = self.unreported.min(number);
                Place::New
            }
            None => Place::Gone,
        }
    }

    /// The first number to report, and what is known from there on. `None` when all was reported.
    pub(super) fn pending(&self) -> Option<(u64, vec_deque::Iter<'_, Option<T>>)> {
        let range = self.slots.range(self.index(self.unreported).min(self.slots.len())..);
        (self.unreported < self.end()).then_some((self.unreported, range))
    }

    /// All numbers below `next` were reported. Those whose records are `old` are forgotten. Tells whether more is to be
    /// reported.
    pub(super) fn reported(&mut self, next: u64, old: impl Fn(&T) -> bool) -> bool {
        self.unreported = next.clamp(self.unreported, self.end());
        // What is missing is forgotten with what came after it, so that it can still come late.
        let reported = self.index(self.unreported);
        let known = (0..reported).zip(&self.slots).filter_map(|(index, slot)| Some((index, slot.as_ref()?)));
        let last = known.take_while(|(_, record)| old(record)).last();
        // The latest stays: numbers are extended by it.
        let gone = last.map_or(0, |(index, _)| index + 1).min(self.slots.len().saturating_sub(1));
        self.slots.drain(..gone);
        self.first = self.first.saturating_add(gone as u64);
        self.floor = self.first;
        self.unreported < self.end()
    }

    /// Reports a number again, and those above it.
    pub(super) fn report_again(&mut self, number: u64) {
        self.unreported = self.unreported.min(number.max(self.first));
    }

    fn index(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }
}

/// How far below the first to arrive a number may be that was sent before it.
const BEFORE_FIRST: u64 = 64;
