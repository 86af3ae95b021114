//! The warm pair: a second one that works, kept for when the selected one dies.
//!
//! It differs from the selected pair in our interface, in the peer's address, or best in both. When none that works does,
//! or another would differ in more, those that might do are checked now and then until one answers: after 500 ms at first,
//! later once a minute.
//! It is asked for consent a third as often as the selected pair, which suffices for the 30 s that consent lasts and for what
//! NATs remember. All other pairs are let go.

use std::time::{Duration, Instant};

use crate::pair::{Pair, PairState};
use crate::path::PairId;
use crate::session::Session;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::transaction::CheckKind;

/// Until a warm pair is looked for; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Session {
    /// The pair to move to, should the selected one die.
    pub(crate) fn spare(&self, shared: &Shared) -> Option<PairId> {
        let selected = self.selected()?;
        let works = |pair: &&Pair| pair.is_valid() && !pair.suspect && distance(shared, selected, pair) > 0;
        let rank = |pair: &&Pair| (distance(shared, selected, pair), pair.preference());
        self.checklist.iter().filter(works).max_by_key(rank).map(|pair| pair.id)
    }

    /// There are other candidates than before: the search begins anew.
    pub(crate) fn search_anew(&mut self) {
        self.handover.searches = 0;
        self.timers.set(Timer::Spare, None);
    }

    /// Sees to it that a warm pair is looked for if there is none, or a better one might be had.
    pub(crate) fn plan_search(&mut self, shared: &Shared, now: Instant) {
        if !self.progress.concluded || self.next_search(shared).is_none() {
            self.search_anew();
        } else if self.timers.get(Timer::Spare).is_none() {
            let wait = (FIRST_WAIT * (1 << self.handover.searches.min(7))).min(LONGEST_WAIT);
            self.handover.searches = self.handover.searches.saturating_add(1);
            self.timers.set(Timer::Spare, Some(now + wait));
        }
    }

    /// Checks one pair that might become the warm one.
    pub(crate) fn search(&mut self, shared: &mut Shared, now: Instant) {
        if let Some(id) = self.next_search(shared)
            && self.start_check(shared, id, CheckKind::Probe)
            && let Some(pair) = self.checklist.get_mut(id)
        {
            pair.searched = Some(now);
        }
    }

    /// Of those that might, the one whose last turn is the longest ago.
    fn next_search(&self, shared: &Shared) -> Option<PairId> {
        let selected = self.selected()?;
        let spare = self.spare(shared).and_then(|id| self.checklist.get(id));
        let least = spare.map_or(0, |spare| distance(shared, selected, spare));
        let might = |pair: &&Pair| {
            let is_idle = match pair.state {
                PairState::Waiting | PairState::Failed => true,
                PairState::Succeeded(_) => pair.suspect,
                PairState::InProgress | PairState::Revoked => false,
            };
            is_idle && distance(shared, selected, pair) > least
        };
        let turn = |pair: &&Pair| (pair.searched, std::cmp::Reverse(pair.preference()));
        self.checklist.iter().filter(might).min_by_key(turn).map(|pair| pair.id)
    }
}

/// In how many of our interface and the peer's address two pairs differ.
fn distance(shared: &Shared, one: &Pair, other: &Pair) -> u8 {
    let interface = |pair: &Pair| shared.base(pair.base).map(|base| base.interface);
    u8::from(interface(one) != interface(other)) + u8::from(one.remote.ip() != other.remote.ip())
}
