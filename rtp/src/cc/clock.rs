//! The clock by which a peer tells arrivals.

use std::time::{Duration, Instant};

/// Reads times of 32 bits that wrap.
#[derive(Debug)]
pub(super) struct PeerClock {
    /// Units of its times in a second.
    rate: u32,
    /// The latest time told, without wrap, and when that came.
    latest: Option<(u64, Instant)>,
}

/// Whether the times of one feedback can be true, which the first of them decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Unread,
    Fits,
    Jumped,
}

impl PeerClock {
    pub(super) const fn new(rate: u32) -> Self {
        Self { rate, latest: None }
    }

    /// The time without wrap; `None` in feedback whose times do not fit those told before.
    pub(super) fn read(&mut self, now: Instant, time: u32, reading: &mut Reading) -> Option<Duration> {
        let (latest, since) =
            *self.latest.get_or_insert_with(|| (FIRST_TIME.saturating_add(u64::from(time)), now));
        let wire = (latest & 0xffff_ffff) as u32;
        let ahead = i64::from(time.wrapping_sub(wire).cast_signed());
        let full = latest.saturating_add_signed(ahead);
        if *reading == Reading::Unread {
            let passed = now.saturating_duration_since(since).as_nanos() * u128::from(self.rate) / NANOS;
            let passed = i64::try_from(passed).unwrap_or(i64::MAX);
            let plausible = ahead.abs_diff(passed) <= FURTHEST_OFF * u64::from(self.rate);
            *reading = if plausible { Reading::Fits } else { Reading::Jumped };
            if !plausible {
                // The next feedback is measured by this one.
                self.latest = Some((full, now));
            }
        }
        if *reading == Reading::Jumped {
            return None;
        }
        if full > latest {
            self.latest = Some((full, now));
        }
        let rate = u64::from(self.rate);
        let nanos = (full % rate) * 1_000_000_000 / rate;
        Some(Duration::from_secs(full / rate) + Duration::from_nanos(nanos))
    }
}

/// A peer's time begins in its second cycle, so that there are times before the first.
const FIRST_TIME: u64 = 1 << 32;
/// How far the peer's clock may seem off, in seconds.
const FURTHEST_OFF: u64 = 20;
const NANOS: u128 = 1_000_000_000;
