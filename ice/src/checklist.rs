//! All pairs, and which of them is checked next (RFC 8445, Sections 6.1.2 and 6.1.4.2).

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::pair::{Pair, PairState};
use crate::path::{InterfaceId, PairId};

/// The checklist of the one stream and its one component.
#[derive(Debug, Default)]
pub(crate) struct Checklist {
    pairs: Vec<Pair>,
    triggered: VecDeque<PairId>,
    next_id: u32,
}

impl Checklist {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.pairs.iter_mut()
    }

    pub(crate) fn get(&self, id: PairId) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: PairId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.id == id)
    }

    pub(crate) fn at(&self, interface: InterfaceId, remote: SocketAddr) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.interface == interface && pair.remote == remote)
    }

    /// Adds a pair and gives it its id. When the list is full, the least pair that has never worked goes if the new
    /// one is better, or if `must` says that the peer itself has shown the new one; else the new one is refused
    /// (RFC 8445, Section 6.1.2.5).
    pub(crate) fn insert(&mut self, mut pair: Pair, max: usize, must: bool) -> Option<PairId> {
        if self.pairs.len() >= max {
            let idle = self.pairs.iter().enumerate().filter(|(_, other)| !other.is_valid());
            let least = idle.min_by_key(|(_, other)| (other.qualified, other.priority));
            let (index, _) =
                least.filter(|(_, other)| must || !other.qualified && other.priority < pair.priority)?;
            let id = self.pairs.swap_remove(index).id;
            self.triggered.retain(|other| *other != id);
        }
        let id = PairId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        pair.id = id;
        self.pairs.push(pair);
        Some(id)
    }

    pub(crate) fn remove_interface(&mut self, interface: InterfaceId) {
        self.pairs.retain(|pair| pair.interface != interface);
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

    /// The best pair that is waiting, or frozen with nothing to wait for. RFC 8445, Section 6.1.4.2 thaws a frozen pair
    /// while no other of its foundation is waiting or in progress; `is_stuck` tells of pairs in progress that have been
    /// left without an answer, and no longer hold others back.
    pub(crate) fn next_ordinary(&self, is_stuck: impl Fn(PairId) -> bool) -> Option<PairId> {
        let is_held = |pair: &Pair| {
            self.pairs.iter().any(|other| {
                other.foundation() == pair.foundation()
                    && match other.state {
                        PairState::Waiting => true,
                        PairState::InProgress => !is_stuck(other.id),
                        PairState::Frozen
                        | PairState::Succeeded(_)
                        | PairState::Failed
                        | PairState::Revoked => false,
                    }
            })
        };
        self.pairs
            .iter()
            .filter(|pair| match pair.state {
                PairState::Waiting => true,
                PairState::Frozen => !is_held(pair),
                PairState::InProgress | PairState::Succeeded(_) | PairState::Failed | PairState::Revoked => {
                    false
                }
            })
            .max_by_key(|pair| pair.priority)
            .map(|pair| pair.id)
    }

    /// RFC 8445, Section 7.2.5.3.3: a success thaws all pairs of its foundation.
    pub(crate) fn thaw(&mut self, foundation: (u32, u32)) {
        for pair in &mut self.pairs {
            if pair.state == PairState::Frozen && pair.foundation() == foundation {
                pair.state = PairState::Waiting;
            }
        }
    }
}
