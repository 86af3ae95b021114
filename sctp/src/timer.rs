//! One table of deadlines.

use std::time::Instant;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// T1-init, T1-cookie or T2-shutdown: the state says which.
    Handshake,
    /// T3-rtx: data unacknowledged.
    Retransmission,
    /// A SACK has waited long enough.
    Sack,
    /// The path was idle.
    Heartbeat,
    /// A stream reset is unanswered.
    Reconfig,
    /// The last packet was not polled in time.
    Farewell,
}

impl Timer {
    pub(crate) const ALL: [Self; 6] =
        [Self::Handshake, Self::Retransmission, Self::Sack, Self::Heartbeat, Self::Reconfig, Self::Farewell];
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.deadlines.get_mut(timer as usize) {
            *slot = Some(at);
        }
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        if let Some(slot) = self.deadlines.get_mut(timer as usize) {
            *slot = None;
        }
    }

    pub(crate) fn stop_all(&mut self) {
        self.deadlines = Default::default();
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.deadlines.get(timer as usize).is_some_and(Option::is_some)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().copied().flatten().min()
    }

    /// Stops a timer whose deadline has come and says so.
    pub(crate) fn take_expired(&mut self, timer: Timer, now: Instant) -> bool {
        match self.deadlines.get_mut(timer as usize) {
            Some(slot) if slot.is_some_and(|at| at <= now) => {
                *slot = None;
                true
            }
            _ => false,
        }
    }
}
