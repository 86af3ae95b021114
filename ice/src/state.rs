//! The connection's state as the W3C names it, when it is beyond hope (RFC 8863), and what of it is told.

use std::time::Instant;

use crate::agent::Agent;
use crate::event::{Event, FailureReason, GatheringState, State};
use crate::pair::Pair;
use crate::path::{Path, SourceId};
use crate::session::{Patience, Progress, Session};
use crate::shared::Shared;

impl Session {
    fn working_state(&self, shared: &Shared, gathering: GatheringState, now: Instant) -> State {
        match self.selected() {
            _ if self.has_failed() => State::Disconnected,
            Some(pair) if !pair.is_alive(now, shared.config.disconnected_after) => State::Disconnected,
            Some(_) => {
                // A pair that takes over from a nominated one is nothing that checking waits for.
                let gathered = gathering == GatheringState::Complete;
                let completed = self.progress.concluded && self.remote_done && gathered;
                if completed { State::Completed } else { State::Connected }
            }
            None if self.progress.first_valid.is_some() => State::Disconnected,
            None if self.progress.checking && self.remote.is_some() => State::Checking,
            None => State::New,
        }
    }

    /// Whether the session is beyond hope.
    pub(crate) fn failure(&self, shared: &Shared, now: Instant) -> Option<FailureReason> {
        let Progress { checking, patience, lost_consent, first_valid, .. } = self.progress;
        if !checking || self.remote.is_none() || self.checklist.iter().any(Pair::is_valid) {
            return None;
        }
        let silence = shared.config.disconnected_after;
        if lost_consent && !self.checklist.iter().any(|pair| pair.is_pending() && pair.is_alive(now, silence))
        {
            return Some(FailureReason::ConsentLost);
        }
        let pending = !shared.config.lite && self.checklist.iter().any(Pair::is_pending);
        match patience {
            Patience::Lasting => return None,
            Patience::Over if pending => return None,
            Patience::Over | Patience::Exhausted => {}
        }
        Some(match self.checklist.iter().next() {
            _ if first_valid.is_some() => FailureReason::ConsentLost,
            Some(_) => FailureReason::NoAnswer,
            None => FailureReason::NoPairs,
        })
    }
}

impl Agent {
    /// The state to be shown. During a restart it is `Connected` while either session has a path that works, else
    /// `Checking`, as the W3C's states go on from `completed` and `disconnected`.
    pub(crate) fn working_state(&self, now: Instant) -> State {
        let gathering = self.gathering();
        let newest = self.session.working_state(&self.shared, gathering, now);
        let Some(previous) = self.previous.as_deref().filter(|_| self.session.progress.selected.is_none())
        else {
            return newest;
        };
        match previous.working_state(&self.shared, gathering, now) {
            State::Connected | State::Completed => State::Connected,
            State::New => newest,
            _ if newest == State::Disconnected => newest,
            _ => State::Checking,
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.told.gathering_anew) && self.told.gathering != GatheringState::Gathering {
            self.told.gathering = GatheringState::Gathering;
            return Some(Event::GatheringStateChanged(GatheringState::Gathering));
        }
        let Session { candidates, local, .. } = &mut self.session;
        if let Some(candidate) = candidates.iter_mut().find(|candidate| !candidate.announced) {
            candidate.announced = true;
            return Some(Event::LocalCandidate(candidate.to_signalled(local.ufrag())));
        }
        if let Some(notice) = self.shared.notices.pop_front() {
            return Some(notice);
        }
        let gathering = self.gathering();
        if self.told.gathering != gathering {
            self.told.gathering = gathering;
            return Some(Event::GatheringStateChanged(gathering));
        }
        if let Some((source, path)) = self.next_qualified() {
            return Some(Event::SourceQualified { source, path });
        }
        if self.told.role != self.shared.role {
            self.told.role = self.shared.role;
            return Some(Event::RoleChanged(self.shared.role));
        }
        let Self { selected, state, .. } = *self;
        if let Some(pair) = selected.filter(|_| self.told.selected != selected) {
            self.told.selected = selected;
            return Some(Event::SelectedPairChanged(pair));
        }
        if self.told.state != state {
            self.told.state = state;
            return Some(Event::StateChanged(state));
        }
        if self.told.previous && self.previous.is_none() {
            self.told.previous = false;
            return Some(Event::PreviousSessionEnded);
        }
        if state == State::Closed && !self.told.closed && self.shared.relays.is_empty() {
            self.told.closed = true;
            return Some(Event::Closed);
        }
        None
    }

    fn next_qualified(&mut self) -> Option<(SourceId, Path)> {
        let newest = take_qualified(&mut self.session, self.previous.as_deref());
        newest.or_else(|| take_qualified(self.previous.as_deref_mut()?, Some(&self.session)))
    }
}

/// A source that has qualified and was not told of; one that both sessions know is told once.
fn take_qualified(session: &mut Session, other: Option<&Session>) -> Option<(SourceId, Path)> {
    loop {
        let pair = session.checklist.unannounced()?;
        pair.qualified_announced = true;
        let (source, path) = (pair.source(), pair.path);
        let known = other.and_then(|other| other.checklist.at(source));
        if !known.is_some_and(|pair| pair.qualified_announced) {
            return Some((source, path));
        }
    }
}
