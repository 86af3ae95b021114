//! One ICE session: its credentials, candidates and pairs, and how far it has come.
//!
//! An agent has one, and during a restart the one before beside it (RFC 8445, Section 9).

use std::time::Instant;

use duologue_stun::crypto::HmacKey;

use crate::attempts::CHECK_LIFE;
use crate::base::{Base, BaseKind};
use crate::candidate::{LocalCandidate, RemoteCandidate};
use crate::checklist::Checklist;
use crate::config::CandidatePolicy;
use crate::credentials::Credentials;
use crate::event::FailureReason;
use crate::grammar::Candidate;
use crate::handover::{Nominated, Trial};
use crate::pair::Pair;
use crate::path::{BaseId, PairId};
use crate::role::Role;
use crate::shared::{SessionId, Shared};
use crate::timer::{Timer, Timers};

/// What begins anew with a restart.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) local: Credentials,
    pub(crate) local_key: Box<dyn HmacKey>,
    /// What was asked for when the session began.
    pub(crate) policy: CandidatePolicy,
    pub(crate) remote: Option<Remote>,
    pub(crate) remote_lite: bool,
    pub(crate) remote_done: bool,
    pub(crate) candidates: Vec<LocalCandidate>,
    pub(crate) remotes: Vec<RemoteCandidate>,
    /// Candidates whose names are to be resolved.
    pub(crate) unresolved: Vec<Candidate>,
    pub(crate) checklist: Checklist,
    pub(crate) timers: Timers,
    pub(crate) progress: Progress,
    pub(crate) nominated: Nominated,
    pub(crate) trial: Option<Trial>,
    /// A pair on which payload has come while the selected one was silent.
    pub(crate) seen_elsewhere: Option<PairId>,
}

/// The peer's credentials, and its password set up as a key.
pub(crate) struct Remote {
    pub(crate) credentials: Credentials,
    pub(crate) key: Box<dyn HmacKey>,
}

/// How far a session has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) failed: Option<FailureReason>,
    pub(crate) selected: Option<PairId>,
    /// How many requests have left.
    pub(crate) checks: u32,
    pub(crate) checking: bool,
    pub(crate) patience: Patience,
    pub(crate) first_valid: Option<Instant>,
    pub(crate) lost_consent: bool,
    pub(crate) concluded: bool,
    /// The peer has sent a check, so it has our credentials.
    pub(crate) asked: bool,
    /// Another session carries the payload: this one answers, and asks nothing any more.
    pub(crate) quiet: bool,
}

/// How long a working pair is still waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Patience {
    /// Others may come (RFC 8863, Section 4).
    #[default]
    Lasting,
    /// For those that are being checked.
    Over,
    /// No more: behind NATs that show a new address with each datagram there is always one to be checked.
    Exhausted,
}

impl Session {
    /// A session in which nothing has happened. The host candidates are those of the interfaces present.
    pub(crate) fn new(shared: &mut Shared, local: Credentials, remote_lite: bool) -> Self {
        let local_key = shared.config.crypto.key(local.pwd().as_bytes());
        let policy = shared.config.policy;
        let bases: Vec<_> = shared.bases.iter().map(|base| base.id).collect();
        let candidates = bases.into_iter().filter_map(|base| shared.own_candidate(policy, base)).collect();
        Self {
            id: shared.next_session_id(),
            local,
            local_key,
            policy,
            remote: None,
            remote_lite,
            remote_done: false,
            candidates,
            remotes: Vec::new(),
            unresolved: Vec::new(),
            checklist: Checklist::new(shared.role),
            timers: Timers::default(),
            progress: Progress::default(),
            nominated: Nominated::default(),
            trial: None,
            seen_elsewhere: None,
        }
    }

    /// RFC 8445, Section 6.1.1: a lite agent is controlled by a full one.
    pub(crate) fn forced_role(&self, shared: &Shared) -> Option<Role> {
        match (shared.config.lite, self.remote_lite) {
            (false, true) => Some(Role::Controlling),
            (true, false) => Some(Role::Controlled),
            (true, true) | (false, false) => None,
        }
    }

    /// RFC 8445, Section 7.2.5.1: with the role the priorities of all pairs change.
    pub(crate) fn take_role(&mut self, shared: &mut Shared, role: Role) {
        shared.take_role(role);
        self.checklist.rank(role);
    }

    pub(crate) const fn has_failed(&self) -> bool {
        self.progress.failed.is_some()
    }

    pub(crate) fn selected(&self) -> Option<&Pair> {
        self.checklist.get(self.progress.selected?)
    }

    pub(crate) fn start_checking(&mut self, shared: &Shared, now: Instant) {
        self.progress.checking = true;
        self.restart_patience(shared, now);
    }

    /// RFC 8863, Section 4: an agent does not fail before it has waited for peer-reflexive candidates.
    pub(crate) fn restart_patience(&mut self, shared: &Shared, now: Instant) {
        if self.has_failed() {
            return;
        }
        self.progress.patience = Patience::Lasting;
        if shared.config.patience.is_zero() {
            self.lose_patience(now);
        } else {
            self.timers.set(Timer::Patience, now.checked_add(shared.config.patience));
        }
    }

    /// What is being checked by now has the time that one check takes.
    fn lose_patience(&mut self, now: Instant) {
        self.progress.patience = match self.progress.patience {
            Patience::Lasting => Patience::Over,
            Patience::Over | Patience::Exhausted => Patience::Exhausted,
        };
        let last_check = Some(now + CHECK_LIFE).filter(|_| self.progress.patience == Patience::Over);
        self.timers.set(Timer::Patience, last_check);
    }

    /// Whether datagrams of the session may leave from a base.
    pub(crate) fn admits(&self, base: &Base) -> bool {
        self.policy != CandidatePolicy::Relay || matches!(base.kind, BaseKind::Relayed(_))
    }

    /// A base is there: it is a candidate, and makes pairs with those of the peer.
    pub(crate) fn add_base(&mut self, shared: &mut Shared, id: BaseId) {
        self.candidates.extend(shared.own_candidate(self.policy, id));
        for remote in 0..self.remotes.len() {
            self.pair_up(shared, id, remote);
        }
    }

    /// A base has gone: so have its candidates and its pairs. What is in flight on it is the agent's to forget.
    pub(crate) fn remove_base(&mut self, shared: &Shared, now: Instant, id: BaseId, is_over: bool) {
        self.candidates.retain(|candidate| candidate.base != id);
        self.checklist.remove_base(id);
        if self.progress.checking && !is_over {
            self.restart_patience(shared, now);
        }
    }

    /// Takes what came of the time that has passed.
    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared, timer: Timer, now: Instant) -> bool {
        let expired = self.timers.take_expired(timer, now);
        if expired {
            match timer {
                Timer::Consent => self.on_consent_due(shared, now),
                Timer::Silence => self.on_silence(shared, now),
                Timer::Patience => self.lose_patience(now),
                Timer::Flow => self.on_flow_due(shared, now),
                // What follows every input does what the others wait for.
                Timer::Nomination
                | Timer::Pacing
                | Timer::Transaction
                | Timer::Binding
                | Timer::Retirement
                | Timer::Relay
                | Timer::Trial => {}
            }
        }
        expired
    }

    /// Nominates and selects, after an input.
    pub(crate) fn settle(&mut self, shared: &mut Shared, now: Instant) {
        self.checklist.rank(shared.role);
        if self.has_failed() {
            return;
        }
        self.assume(shared);
        self.judge_trial(now);
        self.nominate(shared, now);
        self.select(shared, now);
        self.ask(shared);
    }

    pub(crate) fn set_timers(&mut self, shared: &Shared, now: Instant) {
        if self.has_failed() {
            return;
        }
        self.timers.set(Timer::Consent, self.next_consent());
        self.timers.set(Timer::Silence, self.next_silence(shared, now));
    }

    /// Nothing is waited for or sent any more.
    pub(crate) fn stop(&mut self) {
        self.progress.selected = None;
        self.timers.clear();
        self.checklist.clear_triggered();
    }
}
