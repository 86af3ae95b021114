//! The receiver's record for transport-wide feedback.

use super::timer::FeedbackTimer;
use super::window::{Place, Window};
use crate::{ExtendedSequence, SequenceNumber};
use std::collections::vec_deque;
use std::time::{Duration, Instant};

/// When the packets of one transport arrived, by their transport-wide sequence numbers, until that was reported
/// ([draft-holmer-rmcat-transport-wide-cc-extensions-01](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01)).
///
/// Once [`deadline`](Self::deadline) has come, write reports while there is something [`pending`](Self::pending), and tell
/// of each that it was [`reported`](Self::reported).
#[derive(Debug)]
pub struct Arrivals {
    epoch: Instant,
    window: Window<Duration>,
    highest: Option<ExtendedSequence>,
    timer: FeedbackTimer,
    count: u8,
    stats: ArrivalsStats,
}

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ArrivalsStats {
    /// Packets.
    pub received: u64,
    /// Copies of packets: the first one's time is told.
    pub duplicates: u64,
    /// Packets that came when those around them were forgotten; they are never told.
    pub too_late: u64,
    /// Reports.
    pub reports: u64,
}

/// What the next report is made of.
#[derive(Debug, Clone)]
pub struct PendingReport<'a> {
    /// The number of the first packet to report on, whether it arrived or not.
    pub base: SequenceNumber,
    /// Goes up by one with each report.
    pub feedback_count: u8,
    /// The packets that arrived, in the order of their numbers, each with the time since the record began.
    pub arrivals: PendingArrivals<'a>,
}

/// The packets of a [`PendingReport`].
#[derive(Debug, Clone)]
pub struct PendingArrivals<'a> {
    slots: vec_deque::Iter<'a, Option<Duration>>,
    next: u64,
}

impl Arrivals {
    /// Times are told since `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            window: Window::new(MOST),
            highest: None,
            timer: FeedbackTimer::new(now),
            count: 0,
            stats: ArrivalsStats::default(),
        }
    }

    /// A packet arrived.
    pub fn received(&mut self, sequence: SequenceNumber, arrival: Instant) {
        // The second cycle, so that there are numbers below the first.
        let highest = self.highest.unwrap_or_else(|| ExtendedSequence(CYCLE + u64::from(sequence.0)));
        let extended = sequence.extend(highest);
        self.highest = Some(highest.max(extended));
        let count = match self.window.insert(extended.0, arrival.saturating_duration_since(self.epoch)) {
            Place::New => {
                self.timer.received(arrival);
                &mut self.stats.received
            }
            Place::Known(_) => &mut self.stats.duplicates,
            Place::Gone => &mut self.stats.too_late,
        };
        *count = count.saturating_add(1);
    }

    /// Sets the time between reports, 50 to 250 ms; 100 ms at first.
    pub fn set_interval(&mut self, interval: Duration) {
        self.timer.set_interval(interval);
    }

    /// When the next report is due. `None` while there is nothing to tell.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.timer.deadline()
    }

    /// What the next report is made of. `None` when all was told.
    #[must_use]
    pub fn pending(&self) -> Option<PendingReport<'_>> {
        let (base, slots) = self.window.pending()?;
        Some(PendingReport {
            base: ExtendedSequence(base).wire(),
            feedback_count: self.count,
            arrivals: PendingArrivals { slots, next: base },
        })
    }

    /// A report left that ends before `next`. What it did not hold is due at once.
    pub fn reported(&mut self, now: Instant, next: SequenceNumber) {
        let Some((base, _)) = self.window.pending() else { return };
        let told = next.distance(ExtendedSequence(base).wire());
        let next = base.saturating_add(u64::try_from(told).unwrap_or(0));
        let age = now.saturating_duration_since(self.epoch);
        let more = self.window.reported(next, |arrival| age.saturating_sub(*arrival) > KEPT);
        self.timer.reported(now, more);
        self.count = self.count.wrapping_add(1);
        self.stats.reports = self.stats.reports.saturating_add(1);
    }

    /// What was recorded.
    #[must_use]
    pub const fn stats(&self) -> ArrivalsStats {
        self.stats
    }
}

impl Iterator for PendingArrivals<'_> {
    type Item = (SequenceNumber, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let slot = self.slots.next()?;
            let number = ExtendedSequence(self.next).wire();
            self.next = self.next.saturating_add(1);
            if let Some(arrival) = *slot {
                return Some((number, arrival));
            }
        }
    }
}

const CYCLE: u64 = 1 << 16;
/// Numbers that are kept, arrived or not.
const MOST: usize = 8192;
/// How long packets are kept once they were reported. Until then what was missing among them may still come.
const KEPT: Duration = Duration::from_millis(500);
