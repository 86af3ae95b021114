//! A worse network than there is: datagrams of one peer that are lost or late on purpose.

use duologue::ice::Path;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::Deserialize;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest delay in one direction; what waits is then bounded too.
const MAX_DELAY: Duration = Duration::from_secs(2);
/// Datagrams that wait in one direction. What comes to a full queue is lost.
const MAX_WAITING: usize = 4096;

/// What is asked of the network. A wish changes what it names.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Weather {
    /// The share that is lost on the way to this program, from 0 to 1.
    loss_in: Option<f64>,
    /// The same on the way from it.
    loss_out: Option<f64>,
    /// How long each direction takes, in milliseconds.
    delay: Option<u64>,
}

/// One peer's network.
pub(crate) struct Network {
    pub(crate) inwards: Way<Path>,
    pub(crate) outwards: Way<Path>,
}

/// One direction. `T` says where a datagram goes.
pub(crate) struct Way<T> {
    random: ChaCha8Rng,
    loss: f64,
    delay: Duration,
    waiting: VecDeque<(Instant, T, Vec<u8>)>,
    passed: u64,
    lost: u64,
}

impl Network {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut random = ChaCha8Rng::from_seed(seed);
        let other = ChaCha8Rng::from_rng(&mut random);
        Self { inwards: Way::new(random), outwards: Way::new(other) }
    }

    pub(crate) fn set(&mut self, weather: Weather) {
        self.inwards.set(weather.loss_in, weather.delay);
        self.outwards.set(weather.loss_out, weather.delay);
    }

    /// When a datagram has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.inwards.deadline().into_iter().chain(self.outwards.deadline()).min()
    }
}

impl<T> Way<T> {
    fn new(random: ChaCha8Rng) -> Self {
        Self { random, loss: 0.0, delay: Duration::ZERO, waiting: VecDeque::new(), passed: 0, lost: 0 }
    }

    fn set(&mut self, loss: Option<f64>, delay: Option<u64>) {
        self.loss = loss.map_or(self.loss, |loss| loss.clamp(0.0, 1.0));
        self.delay = delay.map_or(self.delay, |delay| Duration::from_millis(delay).min(MAX_DELAY));
    }

    /// Whether a datagram passes at once. If not it waits, or is lost.
    pub(crate) fn pass(&mut self, now: Instant, to: T, datagram: &[u8]) -> bool {
        let share = f64::from(self.random.next_u32()) / (f64::from(u32::MAX) + 1.0);
        if share < self.loss || self.waiting.len() >= MAX_WAITING {
            self.lost += 1;
            return false;
        }
        self.passed += 1;
        if self.delay.is_zero() && self.waiting.is_empty() {
            return true;
        }
        // A delay that becomes shorter does not put datagrams out of their order.
        let last = self.waiting.back().map(|(due, ..)| *due);
        let due = last.map_or(now + self.delay, |last| last.max(now + self.delay));
        self.waiting.push_back((due, to, datagram.to_vec()));
        false
    }

    /// How many datagrams have passed, or will once they have waited, and how many were lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.passed, self.lost)
    }

    fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, ..)| *due)
    }

    /// The next datagram that has waited long enough.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(T, Vec<u8>)> {
        self.deadline().filter(|due| *due <= now)?;
        self.waiting.pop_front().map(|(_, to, datagram)| (to, datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(loss: f64, delay: u64) -> Way<usize> {
        let mut way = Way::new(ChaCha8Rng::from_seed([7; 32]));
        way.set(Some(loss), Some(delay));
        way
    }

    #[test]
    fn what_is_lost_is_about_the_share_that_was_asked_for() {
        let now = duologue_netsim::Network::new(1).now();
        let mut way = way(0.1, 0);
        let passed = (0..10_000).filter(|number| way.pass(now, *number, b"datagram")).count();
        assert!((8_900..9_100).contains(&passed), "{passed}");
        assert_eq!(way.counts(), (passed as u64, 10_000 - passed as u64));
    }

    #[test]
    fn what_is_delayed_comes_in_order_and_not_early() {
        let start = duologue_netsim::Network::new(1).now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut way = way(0.0, 50);
        assert!(!way.pass(at(0), 1, b"one"));
        assert!(!way.pass(at(10), 2, b"two"));
        way.set(None, Some(0));
        assert!(!way.pass(at(20), 3, b"three"), "those before it still wait");
        assert!(way.due(at(49)).is_none());
        assert_eq!(way.due(at(50)), Some((1, b"one".to_vec())));
        assert!(way.due(at(50)).is_none());
        assert_eq!(way.due(at(60)).map(|(number, _)| number), Some(2));
        assert_eq!(way.due(at(60)).map(|(number, _)| number), Some(3));
        assert!(way.pass(at(61), 4, b"four"), "nothing waits any more");
    }
}
