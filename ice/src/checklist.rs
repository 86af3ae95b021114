//! All pairs, and which of them is checked next (RFC 8445, Sections 6.1.2 and 6.1.4.2).
//!
//! No pair is ever frozen. With one stream of one component, pairs of one foundation differ in ports alone; to check them
//! one after another would only delay the one that works.

use std::collections::VecDeque;

use crate::attempts::Attempts;
use crate::pair::{Pair, PairState};
use crate::path::{BaseId, PairId, SourceId};
use crate::role::Role;
use crate::shared::Shared;

/// How many pairs of one base and peer-reflexive candidates of one IP address are kept that have never worked.
const MAX_FOUND: usize = 16;

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

    /// Adds a pair and gives it its id, in the place of another that has never worked when there is no room
    /// (RFC 8445, Section 6.1.2.5); without one it is refused. `must`: the peer itself has shown it.
    pub(crate) fn insert(&mut self, shared: &mut Shared, mut pair: Pair, must: bool) -> Option<PairId> {
        let is_full = self.pairs.len() >= usize::from(shared.config.max_pairs);
        if let Some(id) = self.superseded(&pair) {
            self.remove(shared, id);
        } else if is_full {
            let id = self.dispensable(&pair, must)?;
            self.remove(shared, id);
        }
        let id = shared.pair_ids.next();
        pair.id = id;
        self.pairs.push(pair);
        Some(id)
    }

    fn remove(&mut self, shared: &mut Shared, id: PairId) {
        self.pairs.retain(|pair| pair.id != id);
        self.triggered.retain(|other| *other != id);
        shared.requests.remove_where(|request| request.pair() == Some(id));
    }

    /// Some NATs show a new address with each datagram, and two of them to each other without end. The last of them are kept.
    fn superseded(&self, new: &Pair) -> Option<PairId> {
        let alike = |pair: &&Pair| {
            pair.is_found()
                && pair.base == new.base
                && pair.remote.ip() == new.remote.ip()
                && !pair.is_valid()
        };
        let alike = || self.pairs.iter().filter(alike);
        let too_many = new.is_found() && alike().count() >= MAX_FOUND;
        alike().map(|pair| pair.id).min().filter(|_| too_many)
    }

    /// Signalled candidates, and what the peer shows, stand before what it has shown earlier; then comes the priority.
    fn dispensable(&self, new: &Pair, must: bool) -> Option<PairId> {
        let idle = || self.pairs.iter().filter(|other| !other.is_valid());
        let oldest = idle().filter(|other| other.is_found()).map(|other| other.id).min();
        if let Some(oldest) = oldest.filter(|_| must || !new.is_found()) {
            return Some(oldest);
        }
        let least = idle().min_by_key(|other| (other.qualified, other.priority))?;
        (must || !least.qualified && least.priority < new.priority).then_some(least.id)
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

    /// The best pair that is waiting, other than for a triggered check.
    pub(crate) fn next_ordinary(&self) -> Option<PairId> {
        let waits = |pair: &&Pair| pair.state == PairState::Waiting && !self.triggered.contains(&pair.id);
        let waiting = self.pairs.iter().filter(waits);
        waiting.max_by_key(|pair| pair.priority).map(|pair| pair.id)
    }
}
