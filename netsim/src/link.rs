//! One direction of a link: rate, delay, jitter, a drop-tail queue, loss, duplication, reordering, corruption.

use crate::loss::{Loss, LossState};
use crate::random::Random;
use std::time::{Duration, Instant};

/// Bytes of IPv4 and UDP headers that a datagram takes on the link besides its payload.
const HEADERS: u64 = 28;

/// One direction of a link. The default passes everything at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Bits per second; `None` is unlimited. IPv4 and UDP headers count.
    pub rate: Option<u64>,
    /// One-way propagation delay.
    pub delay: Duration,
    /// Extra delay per datagram, uniform from zero to this; it does not reorder.
    pub jitter: Duration,
    /// How long a datagram may wait for those before it; one that would wait longer is dropped (drop-tail).
    pub queue: Duration,
    /// What is lost.
    pub loss: Loss,
    /// Probability (0 to 1) that a datagram arrives twice.
    pub duplicate: f64,
    /// Probability (0 to 1) that a datagram is held back by `reorder_delay`, so that later ones overtake it.
    pub reorder: f64,
    /// How long a reordered datagram is held back.
    pub reorder_delay: Duration,
    /// Probability (0 to 1) that one bit of a datagram is flipped.
    pub corrupt: f64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            rate: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            queue: Duration::from_millis(100),
            loss: Loss::None,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(10),
            corrupt: 0.0,
        }
    }
}

/// What became of a datagram put on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Lost,
    QueueFull,
    Arrives { at: Instant, copy: Option<Instant>, reordered: bool, corrupt: bool },
}

/// A link at work.
#[derive(Debug)]
pub(crate) struct LinkState {
    pub(crate) link: Link,
    loss: LossState,
    busy_until: Option<Instant>,
    last_arrival: Option<Instant>,
}

impl LinkState {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, loss: LossState::default(), busy_until: None, last_arrival: None }
    }

    /// Puts a datagram of `len` bytes on the link at `now`.
    pub(crate) fn pass(&mut self, now: Instant, len: usize, random: &mut Random) -> Passage {
        if self.loss.loses(&self.link.loss, random) {
            return Passage::Lost;
        }
        let starts = self.busy_until.map_or(now, |busy| busy.max(now));
        if starts.saturating_duration_since(now) > self.link.queue {
            return Passage::QueueFull;
        }
        let sent = starts + self.serialisation(len);
        self.busy_until = Some(sent);
        let in_order = sent + self.link.delay + random.up_to(self.link.jitter);
        let in_order = self.last_arrival.map_or(in_order, |last| last.max(in_order));
        let reordered = random.chance(self.link.reorder);
        let at = if reordered {
            in_order + self.link.reorder_delay
        } else {
            self.last_arrival = Some(in_order);
            in_order
        };
        let copy = random.chance(self.link.duplicate).then(|| at + random.up_to(self.link.delay));
        Passage::Arrives { at, copy, reordered, corrupt: random.chance(self.link.corrupt) }
    }

    fn serialisation(&self, len: usize) -> Duration {
        let bits = (len as u64 + HEADERS) * 8;
        self.link.rate.map_or(Duration::ZERO, |rate| Duration::from_nanos(bits * 1_000_000_000 / rate.max(1)))
    }
}
