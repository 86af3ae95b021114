//! When a pair without an answer is checked again, and when it is given up.
//!
//! Each check is a transaction of its own, sent once. RFC 8445, Section 14.3 lets one transaction be sent again after 500 ms
//! at the earliest, but new ones leave each Ta; so an unanswered check is followed by another one of the same pair. An answer
//! to any of them counts. Those to a pair that stays silent become rare: some thirty in all, not many more than one
//! transaction's retransmissions over the same time would be.

use std::time::{Duration, Instant};

/// From the first check of a pair until it is given up: as long as the retransmissions of one transaction would take
/// (RFC 8489, Section 6.2.1).
pub(crate) const CHECK_LIFE: Duration = Duration::from_millis(39_500);
/// How many checks follow one another without the waits becoming longer.
const STEADY: u32 = 6;
/// Waits double up to this one: on lossy paths an answer needs both directions at once, and longer waits decide whether
/// there is one in time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The checks of a pair, of one kind, that nothing has come of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attempts {
    first: Option<Instant>,
    count: u32,
    next: Option<Instant>,
}

impl Attempts {
    /// A check is decided, and will leave when it can.
    pub(crate) const fn decide(&mut self) {
        self.next = None;
    }

    /// A check leaves. `pacing` is Ta; `None` on a stream, where nothing gets lost.
    pub(crate) fn begin(&mut self, now: Instant, pacing: Option<Duration>) {
        self.first.get_or_insert(now);
        self.count = self.count.saturating_add(1);
        let doublings = self.count.saturating_sub(STEADY).min(16);
        let wait = pacing.map(|pacing| pacing.saturating_mul(1 << doublings).min(LONGEST_WAIT.max(pacing)));
        self.next = now.checked_add(wait.unwrap_or(CHECK_LIFE)).min(self.end());
    }

    /// When the first check left.
    pub(crate) const fn first(&self) -> Option<Instant> {
        self.first
    }

    /// When there is something to do: another check, or the end. `None` until the one that is decided has left.
    pub(crate) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether it is time to give up.
    pub(crate) fn are_over(&self, now: Instant) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    fn end(&self) -> Option<Instant> {
        self.first?.checked_add(CHECK_LIFE)
    }
}
