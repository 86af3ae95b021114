//! When feedback is due.

use std::time::{Duration, Instant};

/// Tells when to send feedback: nothing while nothing comes, each 100 ms while packets do, 50 ms after the first of them,
/// and at once when one report can hardly hold more.
#[derive(Debug)]
pub struct FeedbackTimer {
    interval: Duration,
    last: Instant,
    /// Packets since the last report.
    fresh: u32,
    due: Option<Instant>,
}

impl FeedbackTimer {
    /// Without any packet so far.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { interval: Duration::from_millis(100), last: now, fresh: 0, due: None }
    }

    /// Sets the time between reports, 50 to 250 ms, from the next report on
    /// ([RFC 8888, Section 4](https://www.rfc-editor.org/rfc/rfc8888#section-4)).
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = interval.clamp(SHORTEST, LONGEST);
    }

    /// A packet came that is to be reported.
    pub fn received(&mut self, arrival: Instant) {
        let regular = (self.last + self.interval).max(arrival + self.interval / 2);
        self.fresh = self.fresh.saturating_add(1);
        let due = self.due.get_or_insert(regular);
        if self.fresh >= FULL {
            *due = arrival.min(*due);
        }
    }

    /// A report left. `more` tells that it did not hold everything: another one is due at once.
    pub fn reported(&mut self, now: Instant, more: bool) {
        self.last = now;
        self.fresh = 0;
        self.due = more.then_some(now);
    }

    /// When the next report is due. `None` while there is nothing to tell.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.due
    }
}

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(250);
/// As many packets as a report of 1,200 bytes holds at over two bytes for each.
const FULL: u32 = 500;
