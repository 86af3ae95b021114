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
/// How many pairs are kept usable beside one another until one is nominated.
const KEPT: usize = 8;
/// How many times as long the warm pair's intervals are.
const SPARE_REST: u32 = 3;

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
        while let Some((id, state)) = self.checklist.find(due).map(|pair| (pair.id, pair.state)) {
            let expires = match state {
                PairState::Succeeded(Consent::Answered { expires, .. }) if expires > now => expires,
                _ => {
                    self.on_consent_expired(shared, id);
                    continue;
                }
            };
            let is_selected = self.progress.selected == Some(id);
            let rest = if is_selected || !self.progress.concluded { 1 } else { SPARE_REST };
            let next_check = now + shared.consent_interval() * rest;
            if let Some(pair) = self.checklist.get_mut(id) {
                pair.state = PairState::Succeeded(Consent::Answered { expires, next_check });
            }
            if self.is_kept(shared, id) && !shared.requests.has_check(id, CheckKind::Consent) {
                let _ = self.start_check(shared, id, CheckKind::Consent);
            }
        }
    }

    /// Whether a pair that works is to be kept so: until one is nominated the best are, later the selected one and the
    /// warm one.
    fn is_kept(&self, shared: &Shared, id: PairId) -> bool {
        if self.progress.concluded {
            return self.progress.selected == Some(id) || self.spare(shared) == Some(id);
        }
        let rank = |pair: &Pair| (pair.nomination, pair.preference());
        let Some(of) = self.checklist.get(id).map(rank) else { return false };
        self.checklist.iter().filter(|other| other.is_valid() && rank(other) > of).count() < KEPT
    }

    /// Consent that was asked for in vain is lost. That of a pair nobody wanted any more is let go: nothing was sent there,
    /// and the pair may be checked again.
    fn on_consent_expired(&mut self, shared: &mut Shared, id: PairId) {
        let wanted = self.progress.selected == Some(id) || self.spare(shared) == Some(id);
        match self.checklist.get_mut(id) {
            Some(pair) if self.progress.concluded && !wanted && !pair.suspect => {
                pair.break_off();
                pair.begin_anew();
            }
            _ => self.revoke(shared, id),
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
        for id in valid.map(|pair| pair.id).take(KEPT).collect::<Vec<_>>() {
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
