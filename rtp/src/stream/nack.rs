//! Which packets are missing, and when to ask for them.
//!
//! A gap is noticed with the first packet behind it. Its packets are asked for once those that were merely overtaken would
//! have come, and again when the answer is overdue: a round trip and a margin for its variation after the request, at first,
//! and later after each further one. What was asked for in vain is asked for twice each time, a little apart: a packet that is
//! late already must not wait for another round trip because one more request was lost. What has not come after
//! [`NackConfig::max_age`] is given up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ExtendedSequence;

mod timing;

use timing::Timing;

/// How missing packets are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NackConfig {
    /// How long a packet is asked for, from when it was noticed: 1 s.
    pub max_age: Duration,
    /// How often, each time with or without its copy: 10 times.
    pub max_requests: u8,
    /// How many packets may be missing at once: 1,000. The oldest are given up for the youngest.
    pub max_missing: usize,
    /// The longest gap that is asked for: 500 packets. A longer one is given up whole, with all before it.
    pub max_gap: u64,
    /// How long a first request waits, at most, for packets that were overtaken: 50 ms.
    pub max_reorder_wait: Duration,
    /// What the round trip is taken for until it is known: 100 ms.
    pub initial_round_trip: Duration,
}

impl Default for NackConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(1),
            max_requests: 10,
            max_missing: 1000,
            max_gap: 500,
            max_reorder_wait: Duration::from_millis(50),
            initial_round_trip: Duration::from_millis(100),
        }
    }
}

/// Totals since the stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NackCounters {
    /// Packets noticed missing.
    pub missing: u64,
    /// Requests for a packet, copies among them; one packet may be asked for several times.
    pub requests: u64,
    /// Missing packets that came after a request.
    pub repaired: u64,
    /// Missing packets that came of themselves: they had been overtaken.
    pub overtaken: u64,
    /// Missing packets that were given up.
    pub given_up: u64,
    /// Missing packets that had become useless: [`Nack::skip_before`].
    pub skipped: u64,
}

/// Notices what is missing of one stream and tells when to ask for it.
#[derive(Debug)]
pub struct Nack {
    config: NackConfig,
    timing: Timing,
    /// The highest number received.
    highest: Option<u64>,
    /// Nothing below is asked for.
    floor: u64,
    /// In the order of their numbers, those that have come since among them.
    missing: VecDeque<Missing>,
    /// How many of them have not come.
    outstanding: usize,
    /// No request and no end is due before this. `None` when nothing is missing.
    due: Option<Instant>,
    gave_up: bool,
    counters: NackCounters,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    sequence: u64,
    noticed: Instant,
    /// When it is asked for, for the next time; or given up.
    due: Instant,
    requests: Requests,
}

#[derive(Debug, Clone, Copy)]
enum Requests {
    None,
    Sent {
        count: u8,
        first: Instant,
        last: Instant,
        /// Whether the last is to be told once more.
        copy: bool,
    },
    /// It has come, or is not wanted any more.
    Over,
}

impl Nack {
    /// One for a stream that has not begun.
    #[must_use]
    pub fn new(config: NackConfig) -> Self {
        Self {
            timing: Timing::new(config.initial_round_trip, config.max_reorder_wait),
            missing: VecDeque::new(),
            config,
            highest: None,
            floor: 0,
            outstanding: 0,
            due: None,
            gave_up: false,
            counters: NackCounters::default(),
        }
    }

    /// A packet has come: as part of the stream, or (`repaired`) by retransmission in a stream of its own
    /// ([RFC 4588](https://www.rfc-editor.org/rfc/rfc4588)).
    pub fn received(&mut self, sequence: ExtendedSequence, now: Instant, repaired: bool) {
        let sequence = sequence.0;
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return;
        };
        if sequence <= highest {
            self.fill(sequence, now, repaired);
            return;
        }
        self.highest = Some(sequence);
        let gap = sequence.saturating_sub(highest).saturating_sub(1);
        if gap == 0 {
            return;
        }
        if gap > self.config.max_gap {
            self.abandon();
            self.counters.missing += gap;
            self.counters.given_up += gap;
            self.gave_up = true;
            return;
        }
        let wait = self.timing.reorder_wait(now);
        for missing in highest.saturating_add(1).max(self.floor)..sequence {
            self.add(missing, now, wait);
        }
    }

    /// The stream begins anew with the next packet: its source has restarted.
    pub fn restart(&mut self) {
        self.abandon();
        self.highest = None;
        self.floor = 0;
    }

    /// A round trip was measured otherwise, as by reports. The delay of repairs is measured here already.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.timing.round_trip(round_trip);
    }

    /// Packets below this number are of no use any more: they are not asked for.
    pub fn skip_before(&mut self, sequence: ExtendedSequence) {
        self.floor = self.floor.max(sequence.0);
        while self.missing.front().is_some_and(|missing| missing.sequence < self.floor) {
            if self.drop_front() {
                self.counters.skipped += 1;
            }
        }
        self.tidy();
    }

    /// Appends the numbers to ask for now, in ascending order; returns how many. A request counts as sent: its next time is
    /// a round trip away.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<ExtendedSequence>) -> usize {
        if self.due.is_none_or(|due| now < due) {
            return 0;
        }
        let before = out.len();
        let mut next_due: Option<Instant> = None;
        for missing in &mut self.missing {
            if matches!(missing.requests, Requests::Over) {
                continue;
            }
            if missing.due <= now {
                let end = missing.noticed + self.config.max_age;
                if missing.requests.is_last(self.config.max_requests) || end <= now {
                    missing.requests = Requests::Over;
                    self.outstanding -= 1;
                    self.counters.given_up += 1;
                    self.gave_up = true;
                    continue;
                }
                let wait = missing.requests.send(now, &self.timing);
                missing.due = (now + wait).min(end);
                self.counters.requests += 1;
                out.push(ExtendedSequence(missing.sequence));
            }
            next_due = Some(next_due.map_or(missing.due, |due| due.min(missing.due)));
        }
        self.due = next_due;
        self.tidy();
        out.len() - before
    }

    /// When [`poll`](Self::poll) may next have something to do; `None` while nothing is missing.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether packets were given up since this was last asked. What they carried is lost: of video, a key frame is needed.
    #[must_use]
    pub const fn take_gave_up(&mut self) -> bool {
        std::mem::replace(&mut self.gave_up, false)
    }

    /// How many packets are missing now.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.outstanding
    }

    /// How long the first request for a packet waits for it to come of itself, as was last decided.
    #[must_use]
    pub const fn reorder_wait(&self) -> Duration {
        self.timing.last_reorder_wait()
    }

    /// Totals since the stream began.
    #[must_use]
    pub const fn counters(&self) -> NackCounters {
        self.counters
    }

    fn add(&mut self, sequence: u64, now: Instant, wait: Duration) {
        // Only when there is something to take out: whoever leaves one hole after another does not buy a search for each.
        if self.missing.len() >= self.config.max_missing && self.missing.len() > self.outstanding {
            self.missing.retain(|missing| !matches!(missing.requests, Requests::Over));
        }
        if self.missing.len() >= self.config.max_missing && self.drop_front() {
            self.counters.given_up += 1;
            self.gave_up = true;
        }
        let due = now + wait;
        self.missing.push_back(Missing { sequence, noticed: now, due, requests: Requests::None });
        self.outstanding += 1;
        self.counters.missing += 1;
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn fill(&mut self, sequence: u64, now: Instant, repaired: bool) {
        let found = self.missing.binary_search_by_key(&sequence, |missing| missing.sequence);
        let missing = found.ok().and_then(|at| self.missing.get_mut(at));
        let Some(missing) = missing.filter(|missing| !matches!(missing.requests, Requests::Over)) else {
            if repaired {
                self.timing.repaired_again(now);
            }
            return;
        };
        let requests = std::mem::replace(&mut missing.requests, Requests::Over);
        let waited = now.saturating_duration_since(missing.noticed);
        match requests {
            Requests::Over => {}
            Requests::None if repaired => self.counters.repaired += 1,
            Requests::None => {
                self.timing.overtaken(waited, now);
                self.counters.overtaken += 1;
            }
            Requests::Sent { first, last, .. } => {
                let since_first = now.saturating_duration_since(first);
                if !repaired && self.timing.is_too_early(since_first) {
                    self.timing.overtaken(waited, now);
                    self.counters.overtaken += 1;
                } else {
                    self.timing.repaired(since_first, now.saturating_duration_since(last), now);
                    self.counters.repaired += 1;
                }
            }
        }
        self.outstanding -= 1;
        self.tidy();
    }

    /// Takes the oldest out; returns whether it was still missing.
    fn drop_front(&mut self) -> bool {
        let front = self.missing.pop_front();
        let outstanding = front.is_some_and(|missing| !matches!(missing.requests, Requests::Over));
        self.outstanding -= usize::from(outstanding);
        outstanding
    }

    /// Gives everything up.
    fn abandon(&mut self) {
        self.counters.given_up += self.outstanding as u64;
        self.gave_up |= self.outstanding > 0;
        self.outstanding = 0;
        self.tidy();
    }

    fn tidy(&mut self) {
        if self.outstanding == 0 {
            self.missing.clear();
            self.due = None;
        }
        while self.missing.front().is_some_and(|missing| matches!(missing.requests, Requests::Over)) {
            self.missing.pop_front();
        }
    }
}

impl Requests {
    /// Whether no further one follows those that were sent.
    const fn is_last(self, max: u8) -> bool {
        match self {
            Self::None | Self::Over => max == 0,
            Self::Sent { count, copy, .. } => !copy && count >= max,
        }
    }

    /// Another one leaves; returns after how long the next may follow.
    fn send(&mut self, now: Instant, timing: &Timing) -> Duration {
        match self {
            Self::None | Self::Over => {
                *self = Self::Sent { count: 1, first: now, last: now, copy: false };
                timing.retry(0)
            }
            Self::Sent { count, copy, .. } if *copy => {
                *copy = false;
                timing.retry(count.saturating_sub(1)).saturating_sub(timing.copy_wait())
            }
            Self::Sent { count, last, copy, .. } => {
                *count = count.saturating_add(1);
                (*last, *copy) = (now, true);
                timing.copy_wait()
            }
        }
    }
}
