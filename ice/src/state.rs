//! The connection's state as the W3C names it, when it is beyond hope (RFC 8863), and what of it is told.

use std::time::Instant;

use crate::agent::{Agent, Progress};
use crate::event::{Event, FailureReason, GatheringState, State};
use crate::pair::Pair;

impl Agent {
    pub(crate) fn working_state(&self, now: Instant) -> State {
        let selected = self.progress.selected.and_then(|id| self.checklist.get(id));
        match selected {
            Some(pair) if !pair.is_alive(now, self.config.disconnected_after) => State::Disconnected,
            Some(_) => {
                // A pair that takes over from a nominated one is nothing that checking waits for.
                let gathered = self.gathering() == GatheringState::Complete;
                let completed = self.progress.concluded && self.remote_done && gathered;
                if completed { State::Completed } else { State::Connected }
            }
            None if self.progress.first_valid.is_some() => State::Disconnected,
            None if self.progress.checking && self.remote.is_some() => State::Checking,
            None => State::New,
        }
    }

    /// Whether the session is beyond hope.
    pub(crate) fn failure(&self, now: Instant) -> Option<FailureReason> {
        let Progress { checking, patience_over, lost_consent, first_valid, .. } = self.progress;
        if !checking || self.remote.is_none() || self.checklist.iter().any(Pair::is_valid) {
            return None;
        }
        let silence = self.config.disconnected_after;
        if lost_consent && !self.checklist.iter().any(|pair| pair.is_pending() && pair.is_alive(now, silence))
        {
            return Some(FailureReason::ConsentLost);
        }
        let pending = !self.config.lite && self.checklist.iter().any(Pair::is_pending);
        if pending || !patience_over {
            return None;
        }
        Some(match self.checklist.iter().next() {
            _ if first_valid.is_some() => FailureReason::ConsentLost,
            Some(_) => FailureReason::NoAnswer,
            None => FailureReason::NoPairs,
        })
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let ufrag = self.local.ufrag();
        if let Some(candidate) = self.candidates.iter_mut().find(|candidate| !candidate.announced) {
            candidate.announced = true;
            return Some(Event::LocalCandidate(candidate.to_signalled(ufrag)));
        }
        let gathering = self.gathering();
        if self.told.gathering != gathering {
            self.told.gathering = gathering;
            return Some(Event::GatheringStateChanged(gathering));
        }
        let unannounced = |pair: &&mut Pair| pair.qualified && !pair.qualified_announced;
        if let Some(pair) = self.checklist.iter_mut().find(unannounced) {
            pair.qualified_announced = true;
            return Some(Event::SourceQualified { source: pair.source(), path: pair.path() });
        }
        if self.told.role != self.role {
            self.told.role = self.role;
            return Some(Event::RoleChanged(self.role));
        }
        let Progress { selected, state, .. } = self.progress;
        if let Some(pair) = selected.filter(|_| self.told.selected != selected) {
            self.told.selected = selected;
            return Some(Event::SelectedPairChanged(pair));
        }
        if self.told.state != state {
            self.told.state = state;
            return Some(Event::StateChanged(state));
        }
        if state == State::Closed && !self.told.closed {
            self.told.closed = true;
            return Some(Event::Closed);
        }
        None
    }
}
