//! Which pair is nominated, and which one payload leaves on (RFC 8445, Section 8).
//!
//! 1. A controlling agent nominates the best pair that works: at once when no better one is still being checked, else
//!    when those have had a round trip since their first check, or since the first pair worked.
//! 2. It sends a check with USE-CANDIDATE; the answer makes the pair nominated here.
//! 3. A controlled agent marks the pair when that check arrives, or when its own check of the pair succeeds.
//! 4. Payload leaves on the best of: pairs that are heard, nominated pairs, pairs on cheaper networks, pairs of higher priority.

use std::time::{Duration, Instant};

use crate::attempts::Attempts;
use crate::check::MIN_PACING;
use crate::pair::{Consent, Pair, PairState};
use crate::path::PairId;
use crate::role::Role;
use crate::session::Session;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::transaction::{CheckKind, Request};

/// How long better pairs are waited for at least.
const GRACE: Duration = Duration::from_millis(50);
const MAX_GRACE: Duration = Duration::from_millis(500);

impl Session {
    /// Whether a nominated pair works.
    pub(crate) fn has_nominated(&self, shared: &Shared) -> bool {
        let silence = shared.config.disconnected_after;
        self.checklist
            .iter()
            .filter(|pair| pair.nomination.is_some() && pair.is_valid() && !self.is_left(pair.id))
            .any(|pair| pair.is_alive(shared.now, silence))
    }

    /// Nominates, as the controlling agent, when it is time to.
    pub(crate) fn nominate(&mut self, shared: &mut Shared, now: Instant) {
        self.timers.set(Timer::Nomination, None);
        if shared.role != Role::Controlling
            || shared.config.lite
            || self.remote.is_none()
            || self.has_nominated(shared)
        {
            return;
        }
        let silence = shared.config.disconnected_after;
        let works = |pair: &&Pair| {
            pair.is_valid()
                && !pair.refused_nomination
                && pair.is_alive(now, silence)
                && self.is_confirmed(pair, now)
        };
        let Some(best) = self.checklist.iter().filter(works).max_by_key(|pair| pair.preference()) else {
            return;
        };
        let (session, id, preference) = (self.id, best.id, best.preference());
        let grace = best.round_trip.unwrap_or_default().clamp(GRACE, MAX_GRACE);
        let first_valid = self.progress.first_valid.unwrap_or(now);
        let better = self.checklist.iter().filter(|pair| pair.is_pending() && pair.preference() > preference);
        let asked = better.map(|pair| pair.attempts.first().unwrap_or(first_valid).min(first_valid));
        // What takes over from a nominated pair waits for none.
        let waits = !self.progress.concluded;
        if let Some(ready) = asked.max().map(|asked| asked + grace).filter(|ready| waits && now < *ready) {
            self.timers.set(Timer::Nomination, Some(ready));
            return;
        }
        let is_other = |request: &Request| request.is_nomination() && request.pair() != Some(id);
        shared.requests.remove_where(|request| is_other(request) && request.session() == Some(session));
        let Some(attempts) = self.checklist.get(id).map(|pair| pair.nominations) else { return };
        if attempts.are_over(now) {
            self.on_nomination_refused(id);
            self.timers.set(Timer::Nomination, Some(now + MIN_PACING));
            return;
        }
        let is_due = match attempts.next() {
            Some(next) => next <= now,
            None => !shared.requests.has_check(id, CheckKind::Nomination),
        };
        if self.nominated.last != Some(id) {
            self.nominated.last = Some(id);
            self.nominated.value = self.nominated.value.saturating_add(1);
        }
        if is_due {
            let _ = self.start_check(shared, id, CheckKind::Nomination);
        }
        // That of one that has yet to leave is set when it does.
        self.timers.set(Timer::Nomination, attempts.next().filter(|_| !is_due));
    }

    /// A nomination went without an answer, or was answered by an error: another pair is to be tried.
    pub(crate) fn on_nomination_refused(&mut self, id: PairId) {
        if let Some(pair) = self.checklist.get_mut(id) {
            pair.refused_nomination = true;
            pair.nominations = Attempts::default();
        }
        let works = |pair: &Pair| pair.is_valid() && !pair.refused_nomination;
        if !self.checklist.iter().any(works) {
            self.checklist.iter_mut().for_each(|pair| pair.refused_nomination = false);
        }
    }

    /// RFC 8445, Section 8.1.2: once a pair is nominated, the checks of others stop, those aside that the peer has
    /// nominated too.
    pub(crate) fn conclude(&mut self, shared: &mut Shared, now: Instant) {
        let is_idle = |pair: &&Pair| pair.state == PairState::InProgress && pair.pending_nomination.is_none();
        self.checklist.untrigger(|pair| pair.pending_nomination.is_none());
        let in_progress = self.checklist.iter().filter(is_idle);
        for id in in_progress.map(|pair| pair.id).collect::<Vec<_>>() {
            self.cancel_checks(shared, now, id);
            if let Some(pair) = self.checklist.get_mut(id) {
                pair.begin_anew();
            }
        }
    }

    /// Plain nominations have no order. Chromium, whose choice moves, puts USE-CANDIDATE into each check of the pair that it has
    /// chosen and into no other: a nominated pair that is checked without, after another one was nominated, is not meant any
    /// more. Who nominates aggressively puts it into all, and whoever does once and for all has one nominated pair.
    pub(crate) fn withdraw_superseded(&mut self, id: PairId) {
        let Some(pair) = self.checklist.get(id).filter(|pair| pair.nomination == Some(0)) else { return };
        let is_later = |other: &Pair| other.is_valid() && other.nominated_at > pair.nominated_at;
        let superseded = self.checklist.iter().any(|other| other.nomination.is_some() && is_later(other));
        if let Some(pair) = self.checklist.get_mut(id).filter(|_| superseded) {
            pair.nomination = None;
        }
    }

    /// RFC 8445, Section 6.1.1: two lite agents check nothing; each takes the best pair there is.
    pub(crate) fn assume(&mut self, shared: &Shared) {
        if !(shared.config.lite && self.remote_lite && self.remote.is_some()) {
            return;
        }
        let best = self.checklist.iter_mut().max_by_key(|pair| pair.priority);
        if let Some(pair) = best.filter(|pair| !pair.is_valid()) {
            pair.state = PairState::Succeeded(Consent::Assumed);
            pair.nomination = Some(0);
            pair.qualified = true;
            self.progress.first_valid.get_or_insert(shared.now);
        }
    }

    /// Chooses the pair that payload of this session leaves on.
    pub(crate) fn select(&mut self, shared: &Shared, now: Instant) {
        let silence = shared.config.disconnected_after;
        let rank = |pair: &&Pair| {
            let confirmed = self.is_confirmed(pair, now);
            (pair.is_alive(now, silence), confirmed, pair.nomination, pair.preference())
        };
        let best = self.checklist.iter().filter(|pair| pair.is_valid()).max_by_key(rank).map(|pair| pair.id);
        self.progress.concluded |= self.has_nominated(shared);
        self.progress.selected = best;
    }

    /// When the selected pair will have been silent for too long.
    pub(crate) fn next_silence(&self, shared: &Shared, now: Instant) -> Option<Instant> {
        let pair = self.selected()?;
        let deadline = pair.heard?.checked_add(shared.config.disconnected_after)?;
        (deadline > now).then_some(deadline)
    }
}
