//! The retransmission timeout.

use std::time::Duration;

/// Clock granularity assumed for the variance.
const GRANULARITY: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Rto {
    min: Duration,
    max: Duration,
    srtt: Option<(Duration, Duration)>,
    base: Duration,
    current: Duration,
    smallest: Option<Duration>,
}

impl Rto {
    pub(crate) fn new(initial: Duration, min: Duration, max: Duration) -> Self {
        let max = max.max(Duration::from_millis(1));
        let min = min.clamp(Duration::from_millis(1), max);
        let initial = initial.clamp(min, max);
        Self { min, max, srtt: None, base: initial, current: initial, smallest: None }
    }

    pub(crate) const fn current(&self) -> Duration {
        self.current
    }

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.srtt.map(|(srtt, _)| srtt)
    }

    /// The smallest round-trip time seen.
    pub(crate) const fn smallest(&self) -> Option<Duration> {
        self.smallest
    }

    /// Notes a measure that does not enter the average.
    pub(crate) fn observe(&mut self, sample: Duration) {
        self.smallest = Some(self.smallest.map_or(sample, |smallest| smallest.min(sample)));
    }

    /// Takes a measure, at most one per round trip.
    // RFC 9260, Section 6.3.1, C2 to C7
    pub(crate) fn sample(&mut self, sample: Duration) {
        self.observe(sample);
        let (srtt, var) = match self.srtt {
            None => (sample, sample / 2),
            Some((srtt, var)) => (
                srtt.saturating_mul(7).saturating_add(sample) / 8,
                var.saturating_mul(3).saturating_add(srtt.abs_diff(sample)) / 4,
            ),
        };
        self.srtt = Some((srtt, var));
        let rto = srtt.saturating_add(var.max(GRANULARITY).saturating_mul(4));
        self.base = rto.clamp(self.min, self.max);
        self.current = self.base;
    }

    // RFC 9260, Section 6.3.3, E2
    pub(crate) fn back_off(&mut self) {
        self.current = self.current.saturating_mul(2).min(self.max);
    }

    /// Forgets the backing off.
    pub(crate) const fn restore(&mut self) {
        self.current = self.base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_second_sample_and_back_off() {
        let ms = Duration::from_millis;
        let mut rto = Rto::new(ms(500), ms(100), ms(2000));
        assert_eq!(rto.current(), ms(500));
        rto.sample(ms(100));
        assert_eq!(rto.current(), ms(300));
        rto.sample(ms(100));
        assert_eq!(rto.current(), ms(250));
        for _ in 0..9 {
            rto.back_off();
        }
        assert_eq!(rto.current(), ms(2000));
        rto.restore();
        assert_eq!(rto.current(), ms(250));
    }
}
