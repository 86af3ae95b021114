//! How long to wait for a packet that was overtaken, and how long for one that was asked for.

use std::time::{Duration, Instant};

/// Learns from what comes late.
#[derive(Debug)]
pub(super) struct Timing {
    /// Smoothed, and its variation ([RFC 6298, Section 2](https://www.rfc-editor.org/rfc/rfc6298#section-2)): from a request
    /// to what it asked for.
    round_trip: Duration,
    variation: Duration,
    measured: bool,
    /// How long after its first request the last packet came that had been asked for several times, and when.
    ambiguous: Option<(Duration, Instant)>,
    reorder_wait: Duration,
    max_reorder_wait: Duration,
    /// When the wait was last let shrink.
    decayed: Option<Instant>,
}

impl Timing {
    pub(super) fn new(round_trip: Duration, max_reorder_wait: Duration) -> Self {
        Self {
            round_trip,
            variation: round_trip / 4,
            measured: false,
            ambiguous: None,
            reorder_wait: MIN_REORDER_WAIT.min(max_reorder_wait),
            max_reorder_wait,
            decayed: None,
        }
    }

    /// How long a first request waits from now.
    pub(super) fn reorder_wait(&mut self, now: Instant) -> Duration {
        self.decay(now);
        self.reorder_wait
    }

    pub(super) const fn last_reorder_wait(&self) -> Duration {
        self.reorder_wait
    }

    /// A packet came of itself, `late` after it was noticed missing.
    pub(super) fn overtaken(&mut self, late: Duration, now: Instant) {
        self.decay(now);
        let needed = (late + late / 8 + REORDER_MARGIN).min(self.max_reorder_wait);
        self.reorder_wait = self.reorder_wait.max(needed);
    }

    /// What was asked for came, so long after it was asked for, for the first time and for the last.
    pub(super) fn repaired(&mut self, since_first: Duration, since_last: Duration, now: Instant) {
        // Karn's rule (RFC 6298, Section 3): of several requests any may have been answered.
        if since_first == since_last {
            self.round_trip(since_first);
            self.ambiguous = None;
        } else {
            self.ambiguous = Some((since_first, now));
        }
    }

    /// What was asked for came once more. When the answers to all requests come, at the distance of the requests, the first
    /// one was answered: the round trip is longer than thought. A copy made on the way is nearer.
    pub(super) fn repaired_again(&mut self, now: Instant) {
        if let Some((since_first, _)) =
            self.ambiguous.take_if(|(_, at)| now.saturating_duration_since(*at) > self.round_trip / 2)
        {
            self.round_trip(since_first);
        }
    }

    /// Whether it came too soon after a request to be its answer.
    pub(super) fn is_too_early(&self, delay: Duration) -> bool {
        delay < self.round_trip / 2
    }

    pub(super) fn round_trip(&mut self, sample: Duration) {
        let sample = sample.clamp(MIN_ROUND_TRIP, MAX_ROUND_TRIP);
        if self.measured {
            let error = self.round_trip.abs_diff(sample);
            self.variation = self.variation * 3 / 4 + error / 4;
            self.round_trip = self.round_trip * 7 / 8 + sample / 8;
        } else {
            self.measured = true;
            self.round_trip = sample;
            self.variation = sample / 8;
        }
    }

    /// How long after a request the next one may follow when `repeats` went before it.
    pub(super) fn retry(&self, repeats: u8) -> Duration {
        let overdue = self.round_trip + (self.variation * 2).max(MIN_MARGIN);
        // The first repeats come at once when the answer is overdue, for their loss is what they are for. Further ones
        // back off: the path may be broken.
        let backed_off = u32::from(repeats.saturating_sub(EAGER_REPEATS).min(MAX_BACK_OFF));
        (overdue + overdue * backed_off / 2).min(MAX_ROUND_TRIP)
    }

    /// How long after a repeated request its copy follows: not in the same burst of losses, and before whoever answers the
    /// first would answer again.
    pub(super) fn copy_wait(&self) -> Duration {
        (self.round_trip / 4).min(MAX_COPY_WAIT)
    }

    /// The wait shrinks by half in [`HALF_LIFE`], roughly.
    fn decay(&mut self, now: Instant) {
        let since = self.decayed.map_or(Duration::ZERO, |decayed| now.saturating_duration_since(decayed));
        if self.decayed.is_none() || since >= DECAY_STEP {
            self.decayed = Some(now);
            let excess = self.reorder_wait.saturating_sub(MIN_REORDER_WAIT);
            let since = u32::try_from(since.min(HALF_LIFE).as_millis()).unwrap_or(u32::MAX);
            let lost = excess.saturating_mul(since) / HALF_LIFE_MILLIS / 2;
            self.reorder_wait = self.reorder_wait.saturating_sub(lost);
        }
    }
}

/// Some networks swap neighbours now and then; almost none hold one back for long.
const MIN_REORDER_WAIT: Duration = Duration::from_millis(2);
const REORDER_MARGIN: Duration = Duration::from_millis(1);
const MAX_COPY_WAIT: Duration = Duration::from_millis(10);
const MIN_MARGIN: Duration = Duration::from_millis(2);
const MIN_ROUND_TRIP: Duration = Duration::from_millis(2);
const MAX_ROUND_TRIP: Duration = Duration::from_secs(2);
const EAGER_REPEATS: u8 = 3;
const MAX_BACK_OFF: u8 = 6;
const DECAY_STEP: Duration = Duration::from_millis(100);
const HALF_LIFE_MILLIS: u32 = 8000;
const HALF_LIFE: Duration = Duration::from_millis(HALF_LIFE_MILLIS as u64);
