//! When a request over UDP is sent again, and when it has failed (RFC 8489, Section 6.2.1).

use std::time::{Duration, Instant};

/// The constants of retransmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retransmission {
    /// The wait after the first transmission; it doubles after each further one. Default 500 ms.
    pub rto: Duration,
    /// Rc, the number of transmissions. Default 7; zero counts as one.
    pub count: u8,
    /// Rm: the last wait is this many times the first. Default 16.
    pub last_wait: u8,
    /// No wait but the last is longer than this. Default: none is.
    pub longest_wait: Duration,
}

impl Default for Retransmission {
    fn default() -> Self {
        Self { rto: Duration::from_millis(500), count: 7, last_wait: 16, longest_wait: Duration::MAX }
    }
}

impl Retransmission {
    /// One transmission alone, given up after `wait`.
    #[must_use]
    pub const fn once(wait: Duration) -> Self {
        Self { rto: wait, count: 1, last_wait: 1, longest_wait: Duration::MAX }
    }
}

/// The timing of one request. It is made when the request is decided, and told of each transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction {
    retransmission: Retransmission,
    transmissions: u8,
    first_sent: Option<Instant>,
    deadline: Option<Instant>,
}

/// What a deadline asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStep {
    /// Nothing is due.
    Wait,
    /// The request is to be sent again.
    Retransmit,
    /// No answer has come in time.
    TimedOut,
}

impl Transaction {
    /// A request that has not been sent yet.
    #[must_use]
    pub const fn new(retransmission: Retransmission) -> Self {
        Self { retransmission, transmissions: 0, first_sent: None, deadline: None }
    }

    /// The request has been sent at `now`.
    pub fn on_sent(&mut self, now: Instant) {
        self.transmissions = self.transmissions.saturating_add(1);
        self.first_sent.get_or_insert(now);
        self.deadline = now.checked_add(self.wait());
    }

    /// When [`Self::handle_timeout`] is due. `None` while a transmission is owed.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// What is due at `now`. After [`TransactionStep::Retransmit`] nothing more is until [`Self::on_sent`].
    pub fn handle_timeout(&mut self, now: Instant) -> TransactionStep {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return TransactionStep::Wait;
        }
        self.deadline = None;
        if self.transmissions < self.retransmission.count {
            TransactionStep::Retransmit
        } else {
            TransactionStep::TimedOut
        }
    }

    /// How often the request has been sent.
    #[must_use]
    pub const fn transmissions(&self) -> u8 {
        self.transmissions
    }

    /// The time from the only transmission to `now`; `None` when there were several, since the answer does not say
    /// which it belongs to (RFC 8489, Section 6.2.1: Karn's algorithm).
    #[must_use]
    pub fn round_trip(&self, now: Instant) -> Option<Duration> {
        match (self.transmissions, self.first_sent) {
            (1, Some(sent)) => Some(now.saturating_duration_since(sent)),
            _ => None,
        }
    }

    fn wait(&self) -> Duration {
        let Retransmission { rto, count, last_wait, longest_wait } = self.retransmission;
        if self.transmissions >= count {
            // RFC 8489, Section 6.2.1: after the last request, Rm times the RTO.
            return rto.saturating_mul(u32::from(last_wait));
        }
        let doublings = u32::from(self.transmissions.saturating_sub(1)).min(31);
        rto.saturating_mul(1 << doublings).min(longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs one first instant, and reads the clock never again"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    /// RFC 8489, Section 6.2.1: "requests would be sent at times 0 ms, 500 ms, 1500 ms, 3500 ms, 7500 ms, 15500 ms,
    /// and 31500 ms. If the client has not received a response after 39500 ms, the client will consider the
    /// transaction to have timed out."
    #[test]
    fn requests_leave_at_the_times_of_the_rfc() {
        let start = start();
        let mut transaction = Transaction::new(Retransmission::default());
        let mut times = vec![];
        let mut now = start;
        loop {
            transaction.on_sent(now);
            times.push((now - start).as_millis());
            now = transaction.poll_timeout().unwrap();
            assert_eq!(transaction.handle_timeout(now - Duration::from_nanos(1)), TransactionStep::Wait);
            if transaction.handle_timeout(now) == TransactionStep::TimedOut {
                break;
            }
            assert_eq!(transaction.handle_timeout(now), TransactionStep::Wait, "nothing until it is sent");
        }
        assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!((now - start).as_millis(), 39_500);
    }

    #[test]
    fn a_round_trip_is_measured_from_a_single_transmission_alone() {
        let start = start();
        let mut transaction = Transaction::new(Retransmission::default());
        assert_eq!(transaction.round_trip(start), None);
        transaction.on_sent(start);
        let later = start + Duration::from_millis(30);
        assert_eq!(transaction.round_trip(later), Some(Duration::from_millis(30)));
        transaction.on_sent(later);
        assert_eq!(transaction.round_trip(later), None);
    }

    #[test]
    fn extreme_constants_neither_panic_nor_loop() {
        let start = start();
        let extreme =
            Retransmission { rto: Duration::MAX, count: 0, last_wait: 255, longest_wait: Duration::ZERO };
        let mut transaction = Transaction::new(extreme);
        for _ in 0..300 {
            transaction.on_sent(start);
        }
        assert_eq!(transaction.handle_timeout(start), TransactionStep::Wait);
    }
}
