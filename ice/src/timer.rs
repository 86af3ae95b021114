//! The table of deadlines, one for the agent and one for each session.

use std::time::Instant;

/// What an agent or a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The next new check may leave.
    Pacing,
    /// A request is to be sent again, or has failed.
    Transaction,
    /// A pair's consent is to be refreshed, or has expired.
    Consent,
    /// The selected pair has been silent for too long.
    Silence,
    /// The best valid pair is to be nominated though better ones are still being checked.
    Nomination,
    /// Failing is permitted from now on.
    Patience,
    /// The bindings behind server-reflexive candidates are to be refreshed.
    Binding,
    /// The session before a restart is no longer needed.
    Retirement,
    /// A TURN client, or a question on a stream, has something to do.
    Relay,
    /// A stream of payload may have stopped.
    Flow,
    /// The answer of a doubted pair is overdue.
    Trial,
}

impl Timer {
    pub(crate) const ALL: [Self; 11] = [
        Self::Pacing,
        Self::Transaction,
        Self::Consent,
        Self::Silence,
        Self::Nomination,
        Self::Patience,
        Self::Binding,
        Self::Retirement,
        Self::Relay,
        Self::Flow,
        Self::Trial,
    ];
}

/// A deadline for each [`Timer`].
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        if let Some(slot) = self.deadlines.get_mut(timer as usize) {
            *slot = deadline;
        }
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.deadlines.get(timer as usize).copied().flatten()
    }

    /// Whether the deadline has come; if so it is taken from the table.
    pub(crate) fn take_expired(&mut self, timer: Timer, now: Instant) -> bool {
        let expired = self.get(timer).is_some_and(|deadline| deadline <= now);
        if expired {
            self.set(timer, None);
        }
        expired
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().copied().flatten().min()
    }

    pub(crate) fn clear(&mut self) {
        self.deadlines = Default::default();
    }
}
