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
use crate::handover::Watch;
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
/// After the peer's first nomination further ones without values do not mean that it changes its mind: aggressive
/// nomination, which older peers use, has many at once.
const SETTLING: Duration = Duration::from_secs(1);
/// A pair that is nominated again without a value after this time is meant anew; before, the check may be late, or one that
/// only keeps consent.
const RENEWAL: Duration = Duration::from_secs(10);
/// How long a controlled agent asks for a pair.
const ASKING: Duration = Duration::from_secs(3);

impl Session {
    /// Whether the pair that is to be used is nominated and works.
    pub(crate) fn has_nominated(&self, shared: &Shared) -> bool {
        let silence = shared.config.disconnected_after;
        let lives = |pair: &&Pair| pair.is_valid() && pair.is_sound(shared.now, silence);
        let newest = self.checklist.iter().filter(lives).map(|pair| pair.claim).max();
        self.checklist
            .iter()
            .filter(lives)
            .any(|pair| pair.nomination.is_some() && Some(pair.claim) == newest)
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
        let works = |pair: &&Pair| pair.is_valid() && !pair.refused_nomination && pair.is_sound(now, silence);
        let Some(best) =
            self.checklist.iter().filter(works).max_by_key(|pair| (pair.claim, pair.preference()))
        else {
            return;
        };
        let (session, id, preference) = (self.id, best.id, best.preference());
        let grace = best.round_trip.unwrap_or_default().clamp(GRACE, MAX_GRACE);
        let first_valid = self.progress.first_valid.unwrap_or(now);
        let is_better = |pair: &&Pair| pair.is_pending() && pair.preference() > preference;
        let better = self.checklist.iter().filter(|_| !self.progress.concluded).filter(is_better);
        let asked = better.map(|pair| pair.attempts.first().unwrap_or(first_valid).min(first_valid));
        if let Some(ready) = asked.max().map(|asked| asked + grace).filter(|ready| now < *ready) {
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
        if self.handover.named != Some(id) {
            self.handover.named = Some(id);
            self.handover.value = self.handover.value.saturating_add(1);
        }
        let is_due = match attempts.next() {
            Some(next) => next <= now,
            None => !shared.requests.has_check(id, CheckKind::Nomination),
        };
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

    /// The peer has answered our nomination.
    pub(crate) fn on_nomination_accepted(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        let Some(pair) = self.checklist.get_mut(id) else { return };
        pair.refused_nomination = false;
        if pair.nomination.replace(0).is_none() {
            self.conclude(shared, now);
        }
    }

    /// The peer nominates a pair that works, by USE-CANDIDATE alone if `value` is zero, or asks us to.
    pub(crate) fn on_nominated(&mut self, shared: &mut Shared, now: Instant, id: PairId, value: u32) {
        if shared.role == Role::Controlling {
            self.on_asked(shared, now, id, value);
            return;
        }
        let since = |at: Option<Instant>, time| at.is_none_or(|at| now.saturating_duration_since(at) >= time);
        let Some(pair) = self.checklist.get_mut(id) else { return };
        let is_first = pair.nomination.is_none();
        let is_new = is_first || since(pair.named, RENEWAL);
        pair.nomination = pair.nomination.max(Some(value));
        pair.named = Some(now);
        let is_suspect = pair.suspect;
        let first = *self.handover.nominated.get_or_insert(now);
        let counts = if value > self.handover.heard_value {
            self.handover.heard_value = value;
            true
        } else {
            value == 0 && self.handover.heard_value == 0 && is_new && since(Some(first), SETTLING)
        };
        if counts {
            self.claim(id);
            self.handover.asking = None;
        }
        if is_suspect {
            let _ = self.start_check(shared, id, CheckKind::Probe);
        }
        if is_first {
            self.conclude(shared, now);
        }
    }

    /// The controlled peer has lost its path, and asks for this one. Not right after a move of our own: it follows that, or
    /// asks again.
    fn on_asked(&mut self, shared: &Shared, now: Instant, id: PairId, value: u32) {
        if !shared.remote_renomination || value <= self.handover.heard_value {
            return;
        }
        let Some(pair) = self.checklist.get_mut(id).filter(|pair| !pair.suspect) else { return };
        let round_trip = pair.round_trip.unwrap_or(MAX_GRACE);
        let moved = self.handover.moved;
        if moved.is_some_and(|moved| now.saturating_duration_since(moved) < round_trip) {
            return;
        }
        self.handover.heard_value = value;
        if self.progress.selected != Some(id) {
            pair.nomination = None;
            pair.nominations = Attempts::default();
            pair.refused_nomination = false;
            self.claim(id);
            self.handover.watch = Watch::Idle;
        }
    }

    /// Asks, as the controlled agent, for the pair that we have moved to, until the peer nominates one.
    pub(crate) fn ask_for(&mut self, shared: &mut Shared, now: Instant) {
        let Some(id) = self.handover.asking else { return };
        let asked = self.checklist.get(id).filter(|pair| pair.is_valid()).map(|pair| pair.nominations);
        let is_over = |first: Instant| now.saturating_duration_since(first) >= ASKING;
        let Some(attempts) = asked.filter(|attempts| !attempts.first().is_some_and(is_over)) else {
            self.handover.asking = None;
            return;
        };
        if shared.role != Role::Controlled {
            self.handover.asking = None;
            return;
        }
        let is_due = match attempts.next() {
            Some(next) => next <= now,
            None => !shared.requests.has_check(id, CheckKind::Nomination),
        };
        if is_due {
            let _ = self.start_check(shared, id, CheckKind::Nomination);
        }
        self.timers.set(Timer::Nomination, attempts.next().filter(|_| !is_due));
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
    pub(crate) fn select(&mut self, shared: &mut Shared, now: Instant) {
        let silence = shared.config.disconnected_after;
        let rank = |pair: &&Pair| {
            (pair.is_sound(now, silence), pair.claim, pair.nomination.is_some(), pair.preference())
        };
        let best = self.checklist.iter().filter(|pair| pair.is_valid()).max_by_key(rank).map(|pair| pair.id);
        self.progress.concluded |= self.has_nominated(shared);
        let before = std::mem::replace(&mut self.progress.selected, best);
        if !self.progress.concluded || before == best || before.is_none() || shared.config.lite {
            return;
        }
        let before = before.and_then(|id| self.checklist.get(id)).filter(|pair| pair.is_valid());
        if before.is_some_and(|pair| pair.is_sound(now, silence)) {
            return;
        }
        let is_trusted = before.is_none();
        match best.and_then(|id| self.checklist.get(id)) {
            // The peer has just chosen it.
            Some(pair) if shared.role == Role::Controlled && pair.named == Some(now) => {}
            Some(pair) => {
                let id = pair.id;
                self.move_to(shared, now, id);
                if is_trusted {
                    self.doubt(shared, now);
                }
            }
            None => {
                let failed = self.checklist.iter_mut().filter(|pair| pair.state == PairState::Failed);
                failed.for_each(Pair::begin_anew);
            }
        }
    }

    /// When the selected pair will have been silent for too long.
    pub(crate) fn next_silence(&self, shared: &Shared, now: Instant) -> Option<Instant> {
        let pair = self.selected()?;
        let deadline = pair.heard?.checked_add(shared.config.disconnected_after)?;
        (deadline > now).then_some(deadline)
    }
}
