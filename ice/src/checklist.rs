//! All pairs, and which of them is checked next (RFC 8445, Sections 6.1.2 and 6.1.4.2).
//!
//! No pair is ever frozen. With one stream of one component, pairs of one foundation differ in ports alone; to check them
//! one after another would only delay the one that works.

use std::collections::VecDeque;

use crate::attempts::Attempts;
use crate::pair::{Pair, PairState};
use crate::path::{BaseId, PairId, SourceId};
use crate::role::Role;
use crate::shared::PairIds;

/// A session's checklist, of the one stream and its one component.
#[derive(Debug)]
pub(crate) struct Checklist {
    pairs: Vec<Pair>,
    triggered: VecDeque<PairId>,
    /// The role that the priorities are computed for.
    role: Role,
}

impl Checklist {
    pub(crate) const fn new(role: Role) -> Self {
        Self { pairs: Vec::new(), triggered: VecDeque::new(), role }
    }

    /// Computes every pair's priority anew when the role has changed.
    pub(crate) fn rank(&mut self, role: Role) {
        if self.role != role {
            self.role = role;
            for pair in &mut self.pairs {
                pair.set_priority(role);
                pair.nominations = Attempts::default();
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.pairs.iter_mut()
    }

    pub(crate) fn find(&self, which: impl Fn(&Pair) -> bool) -> Option<&Pair> {
        self.pairs.iter().find(|pair| which(pair))
    }

    pub(crate) fn get(&self, id: PairId) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: PairId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.id == id)
    }

    pub(crate) fn at(&self, source: SourceId) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.source() == source)
    }

    /// A pair whose source has qualified without that having been told.
    pub(crate) fn unannounced(&mut self) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.qualified && !pair.qualified_announced)
    }

    /// Adds a pair and gives it its id. When the list is full, the least pair that has never worked goes if the new
    /// one is better, or if `must` says that the peer itself has shown the new one; else the new one is refused
    /// (RFC 8445, Section 6.1.2.5).
    pub(crate) fn insert(
        &mut self,
        ids: &mut PairIds,
        mut pair: Pair,
        max: usize,
        must: bool,
    ) -> Option<PairId> {
        if self.pairs.len() >= max {
            let idle = self.pairs.iter().enumerate().filter(|(_, other)| !other.is_valid());
            let least = idle.min_by_key(|(_, other)| (other.qualified, other.priority));
            let (index, _) =
                least.filter(|(_, other)| must || !other.qualified && other.priority < pair.priority)?;
            let id = self.pairs.swap_remove(index).id;
            self.triggered.retain(|other| *other != id);
        }
        let id = ids.next();
        pair.id = id;
        self.pairs.push(pair);
        Some(id)
    }

    pub(crate) fn remove_base(&mut self, base: BaseId) {
        self.pairs.retain(|pair| pair.base != base);
        let Self { pairs, triggered, .. } = self;
        triggered.retain(|id| pairs.iter().any(|pair| pair.id == *id));
    }

    /// RFC 8445, Section 7.3.1.4: the pair is checked before all ordinary ones.
    pub(crate) fn trigger(&mut self, id: PairId) {
        if !self.triggered.contains(&id) {
            self.triggered.push_back(id);
        }
    }

    pub(crate) fn has_triggered(&self) -> bool {
        !self.triggered.is_empty()
    }

    pub(crate) fn next_triggered(&mut self) -> Option<PairId> {
        self.triggered.pop_front()
    }

    pub(crate) fn untrigger(&mut self, mut which: impl FnMut(&Pair) -> bool) {
        let Self { pairs, triggered, .. } = self;
        triggered.retain(|id| !pairs.iter().any(|pair| pair.id == *id && which(pair)));
    }

    pub(crate) fn clear_triggered(&mut self) {
        self.triggered.clear();
    }

    /// The best pair that is waiting.
    pub(crate) fn next_ordinary(&self) -> Option<PairId> {
        let waiting = self.pairs.iter().filter(|pair| pair.state == PairState::Waiting);
        waiting.max_by_key(|pair| pair.priority).map(|pair| pair.id)
    }
}
