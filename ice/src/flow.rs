//! Payload that comes in on a pair, as far as it tells whether the pair lives.

use std::time::{Duration, Instant};

/// Payloads that follow one another faster than this are a stream, and a stream that stops for so long is looked after.
pub(crate) const GAP: Duration = Duration::from_millis(150);
/// How long they have to come to make one. Bursts do not.
const STREAM: Duration = Duration::from_millis(100);

/// When payload has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    began: Option<Instant>,
    last: Option<Instant>,
}

impl Flow {
    pub(crate) fn on_payload(&mut self, now: Instant) {
        let follows = self.last.is_some_and(|last| now.saturating_duration_since(last) < GAP);
        if !follows || self.began.is_none() {
            self.began = Some(now);
        }
        self.last = Some(now);
    }

    pub(crate) const fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Whether a stream was coming when the last payload came.
    pub(crate) fn is_stream(&self) -> bool {
        let lasted = self.last.zip(self.began).map(|(last, began)| last.saturating_duration_since(began));
        lasted.is_some_and(|lasted| lasted >= STREAM)
    }

    /// What came so far says no more.
    pub(crate) const fn end(&mut self) {
        self.began = None;
    }
}
