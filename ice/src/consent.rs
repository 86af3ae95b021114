//! Consent to send, its loss, and what silence sets going (RFC 7675).

use std::time::{Duration, Instant};

use rand_core::Rng;

use crate::agent::Agent;
use crate::pair::{Consent, Pair, PairState};
use crate::path::PairId;
use crate::transaction::CheckKind;

/// RFC 7675, Section 5.1: the mean period; 0.8 of it is the least permitted, 4 s.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
/// RFC 7675, Section 5.1: "Consent expires after 30 seconds."
const MAX_EXPIRY: Duration = Duration::from_secs(30);
/// How many pairs are kept usable beside one another.
const KEPT: usize = 8;

impl Agent {
    pub(crate) fn consent_expiry(&self) -> Duration {
        self.config.consent_expiry.min(MAX_EXPIRY)
    }

    /// RFC 7675, Section 5.1: "each interval MUST be randomized from between 0.8 and 1.2 times the basic period".
    pub(crate) fn consent_interval(&mut self) -> Duration {
        let per_mille = 800 + self.rng.next_u32() % 401;
        self.config.consent_interval.clamp(MIN_INTERVAL, Duration::from_secs(3600)) * per_mille / 1000
    }

    pub(crate) fn next_consent(&self) -> Option<Instant> {
        let deadline = |pair: &Pair| match pair.state {
            PairState::Succeeded(Consent::Answered { expires, next_check }) => Some(expires.min(next_check)),
            PairState::Succeeded(Consent::Asked { expires }) => Some(expires),
            PairState::Succeeded(Consent::Assumed)
            | PairState::Frozen
            | PairState::Waiting
            | PairState::InProgress
            | PairState::Failed
            | PairState::Revoked => None,
        };
        self.checklist.iter().filter_map(deadline).min()
    }

    pub(crate) fn on_consent_due(&mut self, now: Instant) {
        let mut valid: Vec<_> = self.checklist.iter().filter(|pair| pair.is_valid()).collect();
        valid.sort_by_key(|pair| std::cmp::Reverse((pair.nomination, pair.priority)));
        let valid: Vec<_> = valid.into_iter().map(|pair| (pair.id, pair.state)).collect();
        for (index, (id, state)) in valid.into_iter().enumerate() {
            match state {
                PairState::Succeeded(Consent::Answered { expires, .. } | Consent::Asked { expires })
                    if expires <= now =>
                {
                    self.revoke(id);
                }
                PairState::Succeeded(Consent::Answered { expires, next_check }) if next_check <= now => {
                    let next_check = now + self.consent_interval();
                    if let Some(pair) = self.checklist.get_mut(id) {
                        pair.state = PairState::Succeeded(Consent::Answered { expires, next_check });
                    }
                    if index < KEPT && !self.requests.has_check(id, CheckKind::Consent) {
                        let _ = self.start_check(id, CheckKind::Consent);
                    }
                }
                _ => {}
            }
        }
    }

    /// RFC 7675, Section 5.1: "the endpoint MUST cease transmission on that 5-tuple", and "All outstanding STUN consent
    /// transactions for a candidate pair MUST be discarded when consent expires."
    pub(crate) fn revoke(&mut self, id: PairId) {
        if let Some(pair) = self.checklist.get_mut(id) {
            pair.state = PairState::Revoked;
            pair.nomination = None;
            pair.pending_nomination = None;
        }
        self.requests.remove_where(|request| request.pair() == Some(id));
        if !self.checklist.iter().any(Pair::is_valid) {
            self.progress.lost_consent = true;
        }
    }

    /// A consent check went unanswered: the pair is checked anew, with retransmission, to tell a lost datagram from a
    /// lost path.
    pub(crate) fn recheck(&mut self, id: PairId) {
        let is_valid = self.checklist.get(id).is_some_and(Pair::is_valid);
        if is_valid && !self.requests.has_check(id, CheckKind::Recheck) {
            let _ = self.start_check(id, CheckKind::Recheck);
        }
    }

    /// The selected pair is silent: every other one gets a chance, those too that have failed before.
    pub(crate) fn on_silence(&mut self, now: Instant) {
        let Some(selected) = self.progress.selected.and_then(|id| self.checklist.get(id)) else { return };
        if selected.is_alive(now, self.config.disconnected_after) {
            return;
        }
        for pair in self.checklist.iter_mut().filter(|pair| pair.state == PairState::Failed) {
            pair.state = PairState::Waiting;
        }
        let valid = self.checklist.iter().filter(|pair| pair.is_valid());
        for id in valid.map(|pair| pair.id).take(KEPT).collect::<Vec<_>>() {
            self.recheck(id);
        }
    }
}
