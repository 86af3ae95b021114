//! Which of the packets that left are whose.

use crate::srtp::sources::Keyed;
use crate::{ExtendedSequence, Ssrc};
use std::collections::{HashMap, VecDeque};

/// The sources that packets left from, and where the record has those of each.
#[derive(Debug)]
pub(super) struct SentBySource {
    /// The one that sent last; most packets are followed by another of the same source.
    latest: usize,
    sources: Vec<Source>,
    /// Our sources, which nobody else chooses.
    places: HashMap<Ssrc, usize, Keyed>,
}

/// The latest packets of a source.
#[derive(Debug)]
pub(super) struct Source {
    ssrc: Ssrc,
    /// The sequence number of the first in `numbers`.
    first: u64,
    /// Each one's number in the record, the lower 32 bits of it; a number below the record's first where none left.
    numbers: VecDeque<u32>,
}

impl SentBySource {
    pub(super) fn new() -> Self {
        Self { latest: 0, sources: Vec::new(), places: HashMap::with_hasher(Keyed([0; 16])) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    pub(super) fn get(&self, ssrc: Ssrc) -> Option<&Source> {
        self.sources.get(*self.places.get(&ssrc)?)
    }

    /// The source, which may be a new one.
    pub(super) fn source(&mut self, ssrc: Ssrc) -> Option<&mut Source> {
        let is_latest = self.sources.get(self.latest).is_some_and(|source| source.ssrc == ssrc);
        if !is_latest {
            let Self { sources, places, .. } = self;
            self.latest = *places.entry(ssrc).or_insert_with(|| {
                sources.push(Source { ssrc, first: 0, numbers: VecDeque::new() });
                sources.len() - 1
            });
        }
        self.sources.get_mut(self.latest)
    }

    /// Nothing more is to be known of a source.
    pub(super) fn forget(&mut self, ssrc: Ssrc) {
        let Some(place) = self.places.remove(&ssrc) else { return };
        self.sources.swap_remove(place);
        if let Some(moved) = self.sources.get(place) {
            self.places.insert(moved.ssrc, place);
        }
    }
}

impl Source {
    /// A packet leaves under a number of the record, which has forgotten those below `gone`.
    pub(super) fn sent(&mut self, sequence: ExtendedSequence, number: u64, gone: u64) {
        let sequence = sequence.0;
        let none = low(gone.wrapping_sub(1));
        if sequence.saturating_sub(self.end()) >= MOST as u64 || self.first.saturating_sub(sequence) > LATEST
        {
            self.numbers.clear();
        }
        if self.numbers.is_empty() {
            self.first = sequence;
        }
        while sequence < self.first {
            self.numbers.push_front(none);
            self.first = self.first.saturating_sub(1);
        }
        while self.end() <= sequence {
            self.numbers.push_back(none);
        }
        if let Some(place) = self.index(sequence).and_then(|index| self.numbers.get_mut(index)) {
            *place = low(number);
        }
        while self.numbers.len() > MOST {
            self.numbers.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }

    /// Drops the oldest that the record has forgotten; the latest stays, since numbers are extended by it.
    pub(super) fn sweep(&mut self, gone: u64, end: u64) {
        let old = |number: &u32| full(*number, end) < gone;
        while self.numbers.len() > 1 && self.numbers.front().is_some_and(old) {
            self.numbers.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }

    /// The sequence number of the latest packet.
    pub(super) fn latest(&self) -> ExtendedSequence {
        ExtendedSequence(self.end().saturating_sub(1))
    }

    /// A packet's number in the record, which ends before `end`. `None` when it has been dropped.
    pub(super) fn number(&self, sequence: ExtendedSequence, end: u64) -> Option<u64> {
        let number = self.numbers.get(self.index(sequence.0)?)?;
        Some(full(*number, end))
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(self.numbers.len() as u64)
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.first)?).ok()
    }
}

const fn low(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}

/// The number below `end` that has these lower bits.
const fn full(low_bits: u32, end: u64) -> u64 {
    end.saturating_sub(1).saturating_sub(low(end.saturating_sub(1)).wrapping_sub(low_bits) as u64)
}

/// Sequence numbers of a source that are kept, sent or not.
const MOST: usize = super::record::MOST;
/// How far behind all others a number may be that leaves late.
const LATEST: u64 = 1024;
