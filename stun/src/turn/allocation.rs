//! The allocation as the client knows it ([RFC 8656, Sections 6 and 8]).
//!
//! [RFC 8656, Sections 6 and 8]: https://www.rfc-editor.org/rfc/rfc8656#section-6

use std::time::{Duration, Instant};

use super::event::{Event, Relayed};

/// Where a client stands.
#[derive(Debug)]
pub(super) enum State {
    /// An Allocate request is under way; `again` after an allocation was lost.
    Allocating {
        again: bool,
    },
    /// The embedder is to bring credentials.
    WaitingForToken {
        again: bool,
    },
    /// The embedder is to open a stream to another server.
    WaitingForStream {
        again: bool,
    },
    Allocated(Allocation),
    /// The allocation is being deleted; `last` ends the client.
    Closing {
        until: Instant,
        last: Event,
    },
    Ended,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) relayed: Relayed,
    /// When it was made.
    pub(super) since: Instant,
    /// When it ends unless it is refreshed. `None`: never, as far as can be counted.
    pub(super) expires: Option<Instant>,
    /// When it is to be refreshed. `None` while that is under way.
    pub(super) refresh_at: Option<Instant>,
}

impl Allocation {
    pub(super) fn new(relayed: Relayed, lifetime: u32, now: Instant) -> Self {
        let mut allocation = Self { relayed, since: now, expires: None, refresh_at: None };
        allocation.extend(lifetime, now);
        allocation
    }

    /// Takes the lifetime, in seconds, of an Allocate or Refresh response.
    pub(super) fn extend(&mut self, lifetime: u32, now: Instant) {
        let lifetime = Duration::from_secs(u64::from(lifetime));
        self.expires = now.checked_add(lifetime);
        // RFC 8656, Section 8: "roughly 1 minute before it expires"; half-way where that is later, and never at once.
        let wait = lifetime.saturating_sub(MARGIN).max(lifetime / 2).max(SHORTEST_WAIT);
        self.refresh_at = now.checked_add(wait);
    }

    /// The server has refused a refresh for reasons that may pass. Says whether there is time to ask again.
    pub(super) fn ask_again(&mut self, now: Instant) -> bool {
        let left = self.expires.map_or(Duration::MAX, |expires| expires.saturating_duration_since(now));
        if left <= SHORTEST_WAIT {
            return false;
        }
        self.refresh_at = now.checked_add((left / 2).clamp(SHORTEST_WAIT, MARGIN));
        true
    }

    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

const MARGIN: Duration = Duration::from_secs(60);
/// A lifetime of next to nothing makes no storm of requests.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);
