//! How much may be in flight: slow start with an early end, congestion avoidance, recovery.
//!
//! Slow start ends when the round-trip time of a round rises above that of the round before (HyStart++, RFC 9406),
//! which spares the burst of losses that ends it otherwise. Without pacing a round begins with an empty queue and ends with a
//! full one, so its smallest round-trip time rises late; therefore slow start also ends, at once, when eight samples in a row
//! lie half a round trip above the smallest ever. Growth and shrinking are those of RFC 9260, Section 7.2.

use std::time::{Duration, Instant};

/// Samples of a round before its smallest is believed.
const ROUND_SAMPLES: u32 = 8;
/// Rise of the round-trip time that ends slow start: an eighth, but within these.
const RISE_MIN: Duration = Duration::from_millis(4);
const RISE_MAX: Duration = Duration::from_millis(16);
/// Conservative slow start grows a quarter as fast, for this many rounds.
const CONSERVATIVE_DIVISOR: usize = 4;
const CONSERVATIVE_ROUNDS: u32 = 5;
/// Samples of which the smallest shows a queue, wherever in the round they lie.
const RECENT: usize = 8;

#[derive(Debug, Clone, Copy)]
enum Phase {
    SlowStart,
    /// The delay has risen; if it falls again below the baseline, slow start resumes.
    Conservative {
        baseline: Duration,
        rounds: u32,
    },
    Avoidance,
}

#[derive(Debug)]
pub(crate) struct Congestion {
    window: usize,
    threshold: usize,
    mtu: usize,
    initial: usize,
    phase: Phase,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    partial: usize,
    round_min: Option<Duration>,
    last_round_min: Option<Duration>,
    round_samples: u32,
    smallest: Duration,
    /// The last samples, and how many there were.
    recent: [Duration; RECENT],
    samples: usize,
    last_sent: Option<Instant>,
}

impl Congestion {
    pub(crate) fn new(mtu: usize, initial_packets: u16) -> Self {
        let initial = mtu.saturating_mul(usize::from(initial_packets.max(2)));
        Self {
            window: initial,
            threshold: usize::MAX,
            mtu,
            initial,
            phase: Phase::SlowStart,
            partial: 0,
            round_min: None,
            last_round_min: None,
            round_samples: 0,
            smallest: Duration::MAX,
            recent: [Duration::ZERO; RECENT],
            samples: 0,
            last_sent: None,
        }
    }

    pub(crate) const fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
    }

    pub(crate) const fn window(&self) -> usize {
        self.window
    }

    pub(crate) const fn threshold(&self) -> usize {
        self.threshold
    }

    /// A round trip has passed since the last call.
    pub(crate) fn on_round(&mut self) {
        if self.round_samples >= ROUND_SAMPLES || self.last_round_min.is_none() {
            self.last_round_min = self.round_min.or(self.last_round_min);
        }
        self.round_min = None;
        self.round_samples = 0;
        if let Phase::Conservative { rounds, .. } = &mut self.phase {
            *rounds = rounds.saturating_add(1);
            if *rounds >= CONSERVATIVE_ROUNDS {
                self.threshold = self.window;
                self.phase = Phase::Avoidance;
            }
        }
    }

    /// A round-trip time was measured.
    pub(crate) fn on_sample(&mut self, sample: Duration) {
        if matches!(self.phase, Phase::Avoidance) {
            return;
        }
        self.smallest = self.smallest.min(sample);
        if let Some(slot) = self.recent.get_mut(self.samples % RECENT) {
            *slot = sample;
        }
        self.samples = self.samples.wrapping_add(1);
        let lowest = self.recent.iter().min().copied().unwrap_or_default();
        if lowest > self.smallest.saturating_add((self.smallest / 2).max(RISE_MAX)) {
            self.threshold = self.window;
            self.phase = Phase::Avoidance;
            return;
        }
        self.round_min = Some(self.round_min.map_or(sample, |min| min.min(sample)));
        self.round_samples = self.round_samples.saturating_add(1);
        let (Some(round), Some(last)) = (self.round_min, self.last_round_min) else { return };
        if self.round_samples < ROUND_SAMPLES {
            return;
        }
        match self.phase {
            Phase::SlowStart if round >= last.saturating_add((last / 8).clamp(RISE_MIN, RISE_MAX)) => {
                self.phase = Phase::Conservative { baseline: round, rounds: 0 };
            }
            Phase::Conservative { baseline, .. } if round < baseline => self.phase = Phase::SlowStart,
            Phase::SlowStart | Phase::Conservative { .. } | Phase::Avoidance => {}
        }
    }

    /// Data was acknowledged while the window was in use to its end, outside of recovery.
    pub(crate) fn on_acknowledged(&mut self, bytes: usize) {
        match self.phase {
            // RFC 9260, Section 7.2.1: by what was acknowledged, at most L packets; L is 2, so that a SACK of every
            // second packet doubles the window each round trip.
            Phase::SlowStart => {
                self.window = self.window.saturating_add(bytes.min(self.mtu.saturating_mul(2)));
            }
            Phase::Conservative { .. } => {
                let grow = bytes.min(self.mtu.saturating_mul(2)) / CONSERVATIVE_DIVISOR;
                self.window = self.window.saturating_add(grow);
            }
            // RFC 9260, Section 7.2.2: one packet per window.
            Phase::Avoidance => {
                self.partial = self.partial.saturating_add(bytes);
                if self.partial >= self.window {
                    self.partial = self.partial.saturating_sub(self.window);
                    self.window = self.window.saturating_add(self.mtu);
                }
            }
        }
        if self.window >= self.threshold && !matches!(self.phase, Phase::Avoidance) {
            self.phase = Phase::Avoidance;
            self.partial = 0;
        }
    }

    /// Loss was detected, for the first time in a round trip.
    // RFC 9260, Section 7.2.3
    pub(crate) fn on_loss(&mut self) {
        self.threshold = (self.window / 2).max(self.mtu.saturating_mul(4));
        self.window = self.threshold;
        self.partial = 0;
        self.phase = Phase::Avoidance;
    }

    /// The retransmission timer expired. `again`: with nothing acknowledged since it expired last.
    // RFC 9260, Section 7.2.3
    pub(crate) fn on_timeout(&mut self, again: bool) {
        if !again {
            self.threshold = (self.window / 2).max(self.mtu.saturating_mul(4));
        }
        self.window = self.mtu;
        self.partial = 0;
        self.phase = Phase::SlowStart;
        self.round_min = None;
        self.last_round_min = None;
        self.round_samples = 0;
    }

    /// New data is about to leave at `now`; `idle`: nothing is in flight.
    // RFC 9260, Section 7.2.1: after an idle time the window shrinks by half each retransmission timeout.
    pub(crate) fn on_send(&mut self, now: Instant, idle: bool, rto: Duration) {
        if let Some(last) = self.last_sent.filter(|_| idle) {
            let mut left = now.saturating_duration_since(last);
            while left > rto && self.window > self.initial {
                self.window = (self.window / 2).max(self.initial);
                left = left.saturating_sub(rto);
            }
        }
        self.last_sent = Some(now);
    }
}
