//! The deadlines of a connection.

use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The flight goes out again.
    Retransmit,
    /// The handshake is given up.
    Handshake,
    /// A farewell that nobody polled no longer holds back the end.
    Linger,
}

impl Timer {
    pub(crate) const ALL: [Self; 3] = [Self::Retransmit, Self::Handshake, Self::Linger];
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, deadline: Instant) {
        if let Some(slot) = self.deadlines.get_mut(timer as usize) {
            *slot = Some(deadline);
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

    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Stops `timer` and says whether its deadline has come.
    pub(crate) fn take_expired(&mut self, timer: Timer, now: Instant) -> bool {
        let Some(slot) = self.deadlines.get_mut(timer as usize) else { return false };
        if slot.is_some_and(|deadline| deadline <= now) {
            *slot = None;
            return true;
        }
        false
    }
}
