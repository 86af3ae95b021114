//! The pace of requests for peers ([RFC 8489, Section 6.2]).
//!
//! [RFC 8489, Section 6.2]: https://www.rfc-editor.org/rfc/rfc8489#section-6.2

use std::time::{Duration, Instant};

/// Lets a few requests leave at once and each further one a while after the last, so that many peers permitted in one go, or
/// all of them asked for again with another nonce, are no burst.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    /// Until when the requests that have left take, were they spread evenly.
    busy_until: Option<Instant>,
}

impl Pacer {
    /// When the next request may leave; `None`: at once.
    pub(super) fn ready_at(&self, now: Instant) -> Option<Instant> {
        // RFC 8489, Section 6.2: ten outstanding transactions at most, "absent other limits to the rate of new transactions",
        // of which this is one.
        let ready_at = self.busy_until?.checked_sub(INTERVAL * (AT_ONCE - 1))?;
        (now < ready_at).then_some(ready_at)
    }

    pub(super) fn on_sent(&mut self, now: Instant) {
        let from = self.busy_until.map_or(now, |until| until.max(now));
        self.busy_until = from.checked_add(INTERVAL);
    }
}

/// How many requests may leave at once after a while without any.
const AT_ONCE: u32 = 10;
const INTERVAL: Duration = Duration::from_millis(5);
