//! From a path that has died to one that lives.
//!
//! 1. A selected pair that is taken away, or whose consent is lost, is followed at once by the best pair left: the warm
//!    one ([`crate::spare`]).
//! 2. A stream of payload on the selected pair that stops for 150 ms makes us check it, and 50 ms later the other pairs
//!    that work too. When 300 ms have passed since the last payload, a round trip of the pair with them, and another
//!    pair has answered but the selected one has not, it has died.
//! 3. Payload on another pair, the selected one being silent, is a sign that the peer has moved: both are checked at once.
//! 4. A controlling agent nominates the pair it has moved to. A controlled one asks for it by NOMINATION, if the peer has
//!    offered renomination; else the peer sees payload come on another pair.
//! 5. Who has moved stays, until that pair dies in turn or the peer moves: a path that comes back is the warm one.
//!
//! Payload is not authenticated here. It can cause checks, fewer bytes than three times its own; only their answers, and
//! authentic checks of the peer, move anything.

use std::time::{Duration, Instant};

use crate::attempts::Attempts;
use crate::flow::GAP;
use crate::pair::{Consent, PairState};
use crate::path::{PairId, SourceId};
use crate::role::Role;
use crate::session::Session;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::transaction::CheckKind;

/// How long after its last payload a pair is given up.
const VERDICT: Duration = Duration::from_millis(300);
/// How long payload may come by two paths at once, being under way when the peer moved.
const REORDERING: Duration = Duration::from_millis(40);
/// Between two rounds of checks, at first.
const ROUND: Duration = Duration::from_millis(50);
const MAX_ROUNDS: u32 = 7;
/// Between two times that payload from elsewhere makes us check.
const MIN_REST: Duration = Duration::from_secs(1);
/// What a check costs of the bytes that have come: a third of its own.
const CHECK_COST: usize = 48;
const MAX_CREDIT: usize = 4096;
/// The round trip of a pair that was never measured.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(150);

/// What is being watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Watch {
    /// Nothing: no stream of payload is coming.
    #[default]
    Idle,
    /// A stream is coming on the selected pair.
    Stream,
    /// It has stopped, or the peer seems to have moved: answers are waited for.
    Probing(Probing),
}

/// Checks that are to tell which pairs live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probing {
    /// Since when answers count.
    since: Instant,
    /// Not before then is the selected pair given up.
    verdict: Instant,
    rounds: u32,
    next: Instant,
    cause: Cause,
}

/// Why pairs are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A stream of payload has stopped. The selected pair comes first: mostly the peer has nothing to say.
    Stopped,
    /// Payload has come on another pair.
    Elsewhere,
    /// Payload was moved to a pair on trust.
    Trust,
}

/// What a session knows of its handovers.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    pub(crate) watch: Watch,
    /// The number of the last claim: see [`crate::pair::Pair::claim`].
    pub(crate) claims: u32,
    /// Of the nominations and requests sent, the last one's value; and the pair that it is for.
    pub(crate) value: u32,
    pub(crate) named: Option<PairId>,
    /// The largest value that the peer has sent.
    pub(crate) heard_value: u32,
    /// The pair that a controlled agent asks for.
    pub(crate) asking: Option<PairId>,
    /// When we last moved by ourselves.
    pub(crate) moved: Option<Instant>,
    /// When the peer first nominated a pair.
    pub(crate) nominated: Option<Instant>,
    /// How many times a warm pair was looked for.
    pub(crate) searches: u32,
    credit: usize,
    probed: Option<Instant>,
}

impl Session {
    /// Payload has come from a qualified source.
    pub(crate) fn on_payload(&mut self, shared: &mut Shared, now: Instant, source: SourceId, len: usize) {
        if len == 0 {
            return;
        }
        let selected = self.progress.selected;
        let known = selected.filter(|id| self.checklist.get(*id).is_some_and(|pair| pair.source() == source));
        let Some(id) = known.or_else(|| self.checklist.at(source).map(|pair| pair.id)) else { return };
        let Some(pair) = self.checklist.get_mut(id) else { return };
        pair.flow.on_payload(now);
        let (is_stream, is_valid) = (pair.flow.is_stream(), pair.is_valid());
        self.handover.credit = (self.handover.credit + len).min(MAX_CREDIT);
        if selected == Some(id) {
            if is_stream && self.handover.watch == Watch::Idle && !shared.config.lite {
                self.handover.watch = Watch::Stream;
                self.timers.set(Timer::Liveness, Some(now + GAP));
            }
        } else if is_valid && selected.is_some() && !shared.config.lite {
            self.on_payload_elsewhere(shared, now);
        }
    }

    fn on_payload_elsewhere(&mut self, shared: &mut Shared, now: Instant) {
        let last = self.selected().and_then(|pair| pair.flow.last());
        let is_silent = last.is_none_or(|last| now.saturating_duration_since(last) >= REORDERING);
        let is_rested =
            self.handover.probed.is_none_or(|probed| now.saturating_duration_since(probed) >= MIN_REST);
        let is_probing = matches!(self.handover.watch, Watch::Probing(_));
        if is_silent && is_rested && !is_probing && self.handover.credit >= 2 * CHECK_COST {
            self.probe(shared, now, now, Cause::Elsewhere);
        }
    }

    /// The stream may have stopped, the next round of checks may be due, or the time for a verdict may have come.
    pub(crate) fn on_liveness_due(&mut self, shared: &mut Shared, now: Instant) {
        match self.handover.watch {
            Watch::Idle => {}
            Watch::Stream => {
                let last =
                    self.selected().filter(|pair| pair.flow.is_stream()).and_then(|pair| pair.flow.last());
                match last {
                    Some(last) if now < last + GAP => self.timers.set(Timer::Liveness, Some(last + GAP)),
                    Some(last) => self.probe(shared, now, last + VERDICT, Cause::Stopped),
                    None => self.handover.watch = Watch::Idle,
                }
            }
            Watch::Probing(mut probing) if probing.next <= now => {
                self.probe_round(shared, now, &mut probing);
                self.handover.watch = Watch::Probing(probing);
            }
            Watch::Probing(_) => {}
        }
    }

    /// Begins to check which pairs live.
    fn probe(&mut self, shared: &mut Shared, now: Instant, earliest: Instant, cause: Cause) {
        let round_trip = self.selected().and_then(|pair| pair.round_trip).unwrap_or(UNKNOWN_ROUND_TRIP);
        let verdict = earliest.max(now + round_trip + round_trip / 4 + Duration::from_millis(20));
        let mut probing = Probing { since: now, verdict, rounds: 0, next: now, cause };
        self.handover.probed = Some(now);
        self.probe_round(shared, now, &mut probing);
        self.handover.watch = Watch::Probing(probing);
        self.timers.set(Timer::Liveness, self.next_liveness(now));
    }

    /// A pair that payload was moved to on trust is to prove itself.
    pub(crate) fn doubt(&mut self, shared: &mut Shared, now: Instant) {
        self.probe(shared, now, now, Cause::Trust);
    }

    fn probe_round(&mut self, shared: &mut Shared, now: Instant, probing: &mut Probing) {
        let selected = self.progress.selected;
        let others = || self.checklist.iter().filter(|pair| pair.is_valid() && selected != Some(pair.id));
        let shown =
            others().max_by_key(|pair| pair.flow.last()).filter(|_| probing.cause == Cause::Elsewhere);
        // The likeliest comes first, then all in turn.
        let turn = usize::try_from(probing.rounds).ok().and_then(|round| round.checked_rem(others().count()));
        let other = match probing.rounds {
            0 | 1 => shown.map(|pair| pair.id).or_else(|| self.spare(shared)),
            _ => None,
        };
        let other = other.or_else(|| others().nth(turn?).map(|pair| pair.id));
        let other = other.filter(|_| probing.cause != Cause::Stopped || probing.rounds > 0);
        for id in [selected, other].into_iter().flatten() {
            let left = match probing.cause {
                Cause::Trust => Some(self.handover.credit),
                Cause::Stopped | Cause::Elsewhere => self.handover.credit.checked_sub(CHECK_COST),
            };
            if let Some(left) = left.filter(|_| self.start_check(shared, id, CheckKind::Probe)) {
                self.handover.credit = left;
            } else if selected == Some(id) {
                // Who was not asked cannot be said to be silent.
                probing.rounds = MAX_ROUNDS;
                break;
            }
        }
        probing.next = now + ROUND * (1 << probing.rounds.saturating_sub(2).min(8));
        probing.rounds += 1;
    }

    /// Judges by the answers that have come.
    pub(crate) fn judge(&mut self, shared: &mut Shared, now: Instant) {
        let Watch::Probing(probing) = self.handover.watch else { return };
        let lives = |answered: Option<Instant>| answered.is_some_and(|at| at >= probing.since);
        let selected = self.progress.selected;
        let is_fine = self.selected().is_none_or(|pair| {
            let goes_on = pair.flow.last().is_some_and(|last| last >= probing.since);
            lives(pair.answered) || probing.cause == Cause::Stopped && goes_on
        });
        if is_fine || probing.rounds > MAX_ROUNDS {
            self.handover.watch = Watch::Idle;
            if let Some(pair) = selected.and_then(|id| self.checklist.get_mut(id)) {
                pair.flow.end();
            }
            return;
        }
        if now >= probing.verdict {
            let others = self.checklist.iter().filter(|pair| pair.is_valid() && lives(pair.answered));
            if let Some(id) = others.max_by_key(|pair| pair.preference()).map(|pair| pair.id) {
                self.suspect_selected();
                self.move_to(shared, now, id);
            }
        }
    }

    /// When the next step is due.
    pub(crate) fn next_liveness(&self, now: Instant) -> Option<Instant> {
        match self.handover.watch {
            Watch::Idle => None,
            Watch::Stream => self.timers.get(Timer::Liveness),
            Watch::Probing(probing) if now < probing.verdict => Some(probing.next.min(probing.verdict)),
            Watch::Probing(probing) => Some(probing.next),
        }
    }

    fn suspect_selected(&mut self) {
        if let Some(pair) = self.progress.selected.and_then(|id| self.checklist.get_mut(id)) {
            pair.suspect = true;
        }
    }

    /// A pair goes before all that have been claimed so far.
    pub(crate) fn claim(&mut self, id: PairId) {
        self.handover.claims = self.handover.claims.saturating_add(1);
        let claim = self.handover.claims;
        if let Some(pair) = self.checklist.get_mut(id) {
            pair.claim = claim;
        }
    }

    /// Payload leaves on another pair from now on, by our own decision, and the peer is to be told.
    pub(crate) fn move_to(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        self.claim(id);
        self.handover.watch = Watch::Idle;
        self.handover.moved = Some(now);
        self.handover.asking = None;
        let soon = now + shared.consent_interval();
        let Some(pair) = self.checklist.get_mut(id) else { return };
        pair.chosen = Some(now);
        pair.refused_nomination = false;
        pair.nominations = Attempts::default();
        if let PairState::Succeeded(Consent::Answered { next_check, .. }) = &mut pair.state {
            *next_check = soon.min(*next_check);
        }
        match shared.role {
            Role::Controlling => pair.nomination = None,
            Role::Controlled if shared.remote_renomination => {
                self.handover.asking = Some(id);
                self.handover.value = self.handover.value.saturating_add(1);
            }
            Role::Controlled => {}
        }
    }
}
