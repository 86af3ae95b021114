//! How a connection leaves a path that has died for another one that works, and renomination.
//!
//! What tells that a path has died is payload: a stream of it that stops. Payload is not authenticated here, so it does no
//! more than set a trial going; what moves the connection is authentic STUN alone.
//!
//! 1. A stream of payload on the selected pair has been silent for [`SILENCE`]; or, the selected pair being silent, payload
//!    comes on another pair that works. The selected pair and the best others are checked at once: a trial.
//! 2. The selected pair answers: the trial is over, the peer had nothing to say.
//! 3. Another pair answers, and the selected one does not within its usual round trip: payload leaves on the other. A controlling
//!    agent nominates it. A controlled one asks its peer to.
//! 4. Once the new pair is nominated the old one has lost its nomination: when it returns it is a pair in reserve, and payload
//!    stays where it is. There is no way back but by another trial, or by the peer's nomination.
//!
//! A pair that goes with its interface needs no trial: payload leaves on the next at once, and 3 follows.
//!
//! # Renomination
//!
//! When both sides offer `a=ice-options:renomination` a nomination carries NOMINATION with a value that grows
//! (draft-thatcher-ice-renomination), the largest counts, and the controlled side follows at once. Otherwise a controlling agent
//! sends USE-CANDIDATE for the new pair nevertheless: RFC 8445, Section 8.1.1 would have it restart, which needs signalling,
//! while browsers accept a later USE-CANDIDATE. The peer, which may have two nominated pairs then, tries the old one
//! before it follows.
//!
//! A controlled agent that has moved puts NOMINATION into its checks of the new pair, which the draft gives to controlling agents
//! alone and which others ignore: with a value larger than any it has seen it asks to have that pair nominated.

use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::pair::{Pair, PairState};
use crate::path::{PairId, SourceId};
use crate::role::Role;
use crate::session::Session;
use crate::shared::Shared;
use crate::timer::Timer;
use crate::transaction::CheckKind;

/// How long a stream of payload may be silent. A round trip and an eighth later the connection has moved, if it has to, and half
/// a round trip after that the peer hears of it: 300 ms and a round trip in all.
const SILENCE: Duration = Duration::from_millis(180);
/// Payloads no further apart make a stream.
const STREAM_GAP: Duration = Duration::from_millis(100);
/// How many of them.
const STREAM_LENGTH: u8 = 4;
/// How many bytes of payload must have come for a trial, whose checks are some 400 bytes at most: no forger of payload gets
/// more than three times as much sent.
const TRIAL_BYTES: usize = 200;
/// How many pairs are checked beside the selected one.
const TRIED: usize = 2;
/// By when a round trip is overdue, at least and at most.
const LEAST_OVERDUE: Duration = Duration::from_millis(10);
const MOST_OVERDUE: Duration = Duration::from_secs(1);
/// Ta once a nominated pair works: what is checked from then on is in reserve.
pub(crate) const RESERVE_PACING: Duration = Duration::from_millis(500);
/// How many pairs are checked for the reserve at one time.
const AT_A_TIME: usize = 4;

/// The payload that comes on a pair.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    last: Option<Instant>,
    streak: u8,
    /// Since the last trial that it set going.
    bytes: usize,
}

impl Flow {
    fn note(&mut self, now: Instant, bytes: usize) {
        let follows = self.last.is_some_and(|last| now.saturating_duration_since(last) <= STREAM_GAP);
        self.streak = if follows { self.streak.saturating_add(1) } else { 0 };
        self.bytes = self.bytes.saturating_add(bytes);
        self.last = Some(now);
    }

    const fn is_stream(&self) -> bool {
        self.streak >= STREAM_LENGTH && self.bytes >= TRIAL_BYTES
    }
}

/// Checks that are to tell whether the selected pair still works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    doubted: PairId,
    started: Instant,
    /// When its answer should have come.
    overdue: Instant,
    /// Another pair has taken over.
    moved: bool,
}

impl Agent {
    /// Says whether the peer's description offers `a=ice-options:renomination`, and ours does
    /// ([draft-thatcher-ice-renomination]): nominations carry a value that grows, so that the nominated pair can change at once.
    /// Default `false`. A restart keeps it until told otherwise.
    ///
    /// [draft-thatcher-ice-renomination]: https://datatracker.ietf.org/doc/html/draft-thatcher-ice-renomination-01
    pub fn set_remote_renomination(&mut self, renomination: bool) {
        self.session.nominated.is_agreed = renomination;
    }

    /// Payload has come from a source that is trusted. What follows from it follows at a deadline, perhaps at once: who takes
    /// payload looks at nothing else.
    pub(crate) fn on_payload(&mut self, now: Instant, source: SourceId, bytes: usize) {
        let selected = self.selected;
        self.each_session(|session, _| session.on_payload(now, selected, source, bytes));
    }
}

impl Session {
    fn on_payload(&mut self, now: Instant, selected: Option<PairId>, source: SourceId, bytes: usize) {
        let Some(pair) = self.checklist.iter_mut().find(|pair| pair.source() == source) else { return };
        pair.flow.note(now, bytes);
        let (id, flow, is_valid) = (pair.id, pair.flow, pair.is_valid());
        if Some(id) == selected {
            if flow.is_stream() && self.timers.get(Timer::Flow).is_none() {
                self.timers.set(Timer::Flow, now.checked_add(SILENCE));
            }
            return;
        }
        let is_quiet =
            |pair: &Pair| pair.flow.last.is_none_or(|last| now.saturating_duration_since(last) > STREAM_GAP);
        let silent = self.selected().is_some_and(|pair| Some(pair.id) == selected && is_quiet(pair));
        if is_valid && silent && self.trial.is_none() && flow.bytes >= TRIAL_BYTES {
            self.seen_elsewhere = Some(id);
            self.timers.set(Timer::Flow, Some(now));
        }
    }

    /// The stream on the selected pair may have stopped, or payload has come on another one.
    pub(crate) fn on_flow_due(&mut self, shared: &mut Shared, now: Instant) {
        if let Some(seen) = self.seen_elsewhere.take() {
            self.start_trial(shared, now, Some(seen));
            return;
        }
        let Some(pair) = self.selected().filter(|pair| pair.flow.is_stream()) else { return };
        match pair.flow.last.and_then(|last| last.checked_add(SILENCE)) {
            Some(at) if at > now => self.timers.set(Timer::Flow, Some(at)),
            _ => self.start_trial(shared, now, None),
        }
    }

    /// Checks the selected pair and the best of the others, that one first on which the peer has been seen.
    pub(crate) fn start_trial(&mut self, shared: &mut Shared, now: Instant, seen: Option<PairId>) {
        let Some(selected) = self.selected() else { return };
        if self.trial.is_some() || shared.config.lite {
            return;
        }
        let doubted = selected.id;
        let trip = selected.round_trip.unwrap_or(MOST_OVERDUE);
        let overdue = now + (trip + trip / 8).clamp(LEAST_OVERDUE, MOST_OVERDUE);
        let mut others: Vec<_> =
            self.checklist.iter().filter(|pair| pair.is_valid() && pair.id != doubted).collect();
        others.sort_by_key(|pair| {
            std::cmp::Reverse((Some(pair.id) == seen, self.diversity(pair), pair.preference()))
        });
        let others: Vec<_> = others.into_iter().take(TRIED).map(|pair| pair.id).collect();
        for pair in self.checklist.iter_mut() {
            pair.flow = Flow { last: pair.flow.last, ..Flow::default() };
        }
        if others.is_empty() {
            return;
        }
        self.trial = Some(Trial { doubted, started: now, overdue, moved: false });
        self.timers.set(Timer::Trial, Some(overdue));
        for id in std::iter::once(doubted).chain(others) {
            let _ = self.start_check(shared, id, CheckKind::Recheck);
        }
    }

    /// What has come of a trial so far.
    pub(crate) fn judge_trial(&mut self, now: Instant) {
        let Some(trial) = self.trial else { return };
        let Some(doubted) = self.checklist.get(trial.doubted) else {
            self.trial = None;
            return;
        };
        // A forger of payload could delay a move by this, not cause one.
        let has_answered = doubted.heard.max(doubted.flow.last) >= Some(trial.started);
        let taken =
            self.checklist.iter().any(|pair| pair.id != trial.doubted && self.is_confirmed(pair, now));
        let nominated =
            |pair: &Pair| pair.id != trial.doubted && pair.is_valid() && pair.nomination.is_some();
        if trial.moved && self.checklist.iter().any(|pair| nominated(pair) && self.is_confirmed(pair, now)) {
            if let Some(pair) = self.checklist.get_mut(trial.doubted) {
                pair.nomination = None;
            }
            self.trial = None;
        } else if has_answered && !trial.moved {
            self.trial = None;
        } else if taken && now >= trial.overdue {
            self.trial = Some(Trial { moved: true, ..trial });
        }
    }

    /// Whether a pair works as far as the trial has shown; without one all do.
    pub(crate) fn is_confirmed(&self, pair: &Pair, now: Instant) -> bool {
        match self.trial {
            Some(trial) if trial.moved && pair.id == trial.doubted => false,
            Some(trial) if now >= trial.overdue => pair.is_valid() && pair.heard >= Some(trial.started),
            _ => true,
        }
    }

    /// Whether the pair was the selected one, and another has taken over.
    pub(crate) fn is_left(&self, id: PairId) -> bool {
        self.trial.is_some_and(|trial| trial.moved && trial.doubted == id)
    }

    /// The controlled peer has moved to a pair, and asks to have it nominated.
    pub(crate) fn on_asked(&mut self, shared: &Shared, now: Instant, id: PairId, value: u32) {
        let is_valid = self.checklist.get(id).is_some_and(Pair::is_valid);
        let is_new = value > self.nominated.value && self.progress.selected.is_some_and(|known| known != id);
        if shared.role != Role::Controlling || !self.nominated.is_agreed || !is_valid || !is_new {
            return;
        }
        if let Some(doubted) = self.progress.selected {
            self.nominated.value = value - 1;
            self.trial = Some(Trial { doubted, started: now, overdue: now, moved: true });
        }
    }

    /// As the controlled agent, asks for the nomination of the pair that payload has moved to.
    pub(crate) fn ask(&mut self, shared: &mut Shared) {
        if shared.role != Role::Controlled
            || !self.progress.concluded
            || self.nominated.asked == self.progress.selected
        {
            return;
        }
        self.nominated.asked = self.progress.selected;
        if let Some(pair) = self.selected().filter(|pair| pair.nomination.is_none()) {
            let id = pair.id;
            let _ = self.start_check(shared, id, CheckKind::Recheck);
        }
    }

    /// What NOMINATION says in a check of ours.
    pub(crate) fn nomination_value(&self, pair: &Pair, kind: CheckKind, role: Role) -> Option<u32> {
        let asks = self.progress.concluded
            && kind == CheckKind::Recheck
            && self.progress.selected == Some(pair.id)
            && pair.nomination.is_none();
        match role {
            _ if !self.nominated.is_agreed => None,
            Role::Controlling => (kind == CheckKind::Nomination).then_some(self.nominated.value),
            Role::Controlled => asks.then(|| self.nominated.value.saturating_add(1)),
        }
    }

    /// How far a pair is another way than the selected one: from another base of ours, to another host, or both.
    fn diversity(&self, pair: &Pair) -> u8 {
        self.selected().map_or(2, |selected| {
            u8::from(selected.base != pair.base) + u8::from(selected.remote.ip() != pair.remote.ip())
        })
    }

    /// The pair in reserve: of those that work the one that has least in common with the selected one.
    pub(crate) fn reserve(&self) -> Option<&Pair> {
        let valid = self.checklist.iter().filter(|pair| pair.is_valid() && self.diversity(pair) > 0);
        valid.max_by_key(|pair| (self.diversity(pair), pair.preference()))
    }

    /// The next pair that may become a better one in reserve, while a nominated pair works; few at a time.
    fn next_for_reserve(&self, shared: &Shared) -> Option<PairId> {
        let is_open = |pair: &&Pair| pair.state == PairState::InProgress;
        if !self.can_check(shared)
            || !self.has_nominated(shared)
            || self.checklist.iter().filter(is_open).count() >= AT_A_TIME
        {
            return None;
        }
        let least = self.reserve().map_or(0, |pair| self.diversity(pair));
        let waiting = self.checklist.iter().filter(|pair| pair.state == PairState::Waiting);
        let better = waiting.filter(|pair| self.diversity(pair) > least);
        better.max_by_key(|pair| (self.diversity(pair), pair.preference())).map(|pair| pair.id)
    }

    /// When a pair is to be checked for the reserve.
    pub(crate) fn reserve_due(&self, shared: &Shared) -> Option<Instant> {
        self.next_for_reserve(shared)?;
        Some(shared.last_check.map_or(shared.now, |last| last + RESERVE_PACING))
    }

    pub(crate) fn start_reserve(&mut self, shared: &mut Shared) -> bool {
        if self.reserve_due(shared).is_none_or(|due| due > shared.now) {
            return false;
        }
        self.next_for_reserve(shared).is_some_and(|id| self.start_check(shared, id, CheckKind::Connectivity))
    }
}

/// What has been nominated, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nominated {
    /// Whether both sides speak of renomination.
    pub(crate) is_agreed: bool,
    /// The largest value that has been sent or seen.
    pub(crate) value: u32,
    /// The pair that the last nomination of ours was for.
    pub(crate) last: Option<PairId>,
    /// The selected pair of which the controlled agent has last thought whether to ask for it.
    asked: Option<PairId>,
}
