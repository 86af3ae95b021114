//! Consent to send, its loss, and what silence sets going (RFC 7675).

use std::time::{Duration, Instant};

use rand_core::Rng;

use crate::pair::{Consent, Pair, PairState};
use crate::path::PairId;
use crate::session::Session;
use crate::shared::Shared;
use crate::transaction::CheckKind;

/// RFC 7675, Section 5.1: the mean period; 0.8 of it is the least permitted, 4 s.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
/// RFC 7675, Section 5.1: "Consent expires after 30 seconds."
const MAX_EXPIRY: Duration = Duration::from_secs(30);
/// How many of the best pairs are kept usable, beside the one in reserve: each costs a check every 5 s and its answer, and as
/// much again by the peer. What is not kept cannot be used again before a restart (RFC 7675, Section 5.1).
const KEPT: usize = 1;
/// How many are checked when the selected one is silent.
const RECHECKED: usize = 8;

impl Shared {
    pub(crate) fn consent_expiry(&self) -> Duration {
        self.config.consent_expiry.min(MAX_EXPIRY)
    }

    /// RFC 7675, Section 5.1: "each interval MUST be randomized from between 0.8 and 1.2 times the basic period".
    pub(crate) fn consent_interval(&mut self) -> Duration {
        let per_mille = 800 + self.rng.next_u32() % 401;
        self.config.consent_interval.clamp(MIN_INTERVAL, Duration::from_secs(3600)) * per_mille / 1000
    }
}

impl Session {
    pub(crate) fn next_consent(&self) -> Option<Instant> {
        self.checklist.iter().filter_map(consent_deadline).min()
    }

    pub(crate) fn on_consent_due(&mut self, shared: &mut Shared, now: Instant) {
        let due = |pair: &Pair| consent_deadline(pair).is_some_and(|deadline| deadline <= now);
        let rank = |pair: &Pair| (pair.nomination, pair.preference());
        while let Some((id, state, of)) =
            self.checklist.find(due).map(|pair| (pair.id, pair.state, rank(pair)))
        {
            let expires = match state {
                PairState::Succeeded(Consent::Answered { expires, .. }) if expires > now => expires,
                _ => {
                    self.revoke(shared, id);
                    continue;
                }
            };
            let better = self.checklist.iter().filter(|other| other.is_valid() && rank(other) > of).count();
            let next_check = now + shared.consent_interval();
            if let Some(pair) = self.checklist.get_mut(id) {
                pair.state = PairState::Succeeded(Consent::Answered { expires, next_check });
            }
            let is_kept = better < KEPT
                || self.reserve().is_some_and(|pair| pair.id == id)
                || self.progress.selected == Some(id);
            if is_kept && !shared.requests.has_check(id, CheckKind::Consent) {
                let _ = self.start_check(shared, id, CheckKind::Consent);
            }
        }
    }

    /// RFC 7675, Section 5.1: "the endpoint MUST cease transmission on that 5-tuple", and "All outstanding STUN consent
    /// transactions for a candidate pair MUST be discarded when consent expires."
    pub(crate) fn revoke(&mut self, shared: &mut Shared, id: PairId) {
        if let Some(pair) = self.checklist.get_mut(id) {
            pair.state = PairState::Revoked;
            pair.nomination = None;
            pair.pending_nomination = None;
        }
        shared.requests.remove_where(|request| request.pair() == Some(id));
        if !self.checklist.iter().any(Pair::is_valid) {
            self.progress.lost_consent = true;
        }
    }

    /// A consent check went unanswered: the pair is checked anew, with retransmission, to tell a lost datagram from a
    /// lost path.
    pub(crate) fn recheck(&mut self, shared: &mut Shared, id: PairId) {
        let is_valid = self.checklist.get(id).is_some_and(Pair::is_valid);
        if is_valid && !shared.requests.has_check(id, CheckKind::Recheck) {
            let _ = self.start_check(shared, id, CheckKind::Recheck);
        }
    }

    /// The selected pair is silent: every other one gets a chance, those too that have failed before.
    pub(crate) fn on_silence(&mut self, shared: &mut Shared, now: Instant) {
        let Some(selected) = self.selected() else { return };
        if selected.is_alive(now, shared.config.disconnected_after) {
            return;
        }
        for pair in self.checklist.iter_mut().filter(|pair| pair.state == PairState::Failed) {
            pair.begin_anew();
        }
        let valid = self.checklist.iter().filter(|pair| pair.is_valid());
        for id in valid.map(|pair| pair.id).take(RECHECKED).collect::<Vec<_>>() {
            self.recheck(shared, id);
        }
    }
}

/// When something is to be done for a pair's consent.
fn consent_deadline(pair: &Pair) -> Option<Instant> {
    match pair.state {
        PairState::Succeeded(Consent::Answered { expires, next_check }) => Some(expires.min(next_check)),
        PairState::Succeeded(Consent::Asked { expires }) => Some(expires),
        PairState::Succeeded(Consent::Assumed)
        | PairState::Waiting
        | PairState::InProgress
        | PairState::Failed
        | PairState::Revoked => None,
    }
}
