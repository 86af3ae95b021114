//! What acknowledgements and the retransmission timer do.
//!
//! Decision: loss is found by the order of transmissions (see `outstanding`) and recovered as RFC 6675 does: what is known
//! to have arrived or to be lost is not in flight, and the window, halved once per round trip, is filled with lost data
//! first. A SACK has room for some 280 gap blocks, and some peers report only 20; when a burst loss leaves more, what lies
//! behind the last block is unknown, is not taken as lost, and would hold the window for ever. So in recovery, each such full SACK that says nothing new stands for two
//! packets that have left the network: the one that caused it, and, as its gaps show, about one lost beside it.

use std::time::Instant;

use super::Sender;
use super::outstanding::Outstanding;
use crate::event::{Discard, Stats};
use crate::packet::Sack;
use crate::serial::Tsn;

/// A SACK with at least this many gap blocks may have left some out: so many Chromium reports at most, others as many as a
/// packet holds.
const MANY_GAPS: usize = 20;

/// The present recovery from losses.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Losses up to here belong to a window that was already shrunk for.
    until: Tsn,
    /// One packet may leave whatever the window says.
    free_packet: bool,
    /// Bytes counted in flight that have left the network unreported.
    unreported: usize,
    /// The window was shrunk by the timer: it grows again at once.
    by_timeout: bool,
    /// The timer expired and nothing was acknowledged since.
    timed_out: bool,
}

impl Recovery {
    pub(super) const fn new(until: Tsn) -> Self {
        Self { until, free_packet: false, unreported: 0, by_timeout: false, timed_out: false }
    }

    pub(super) const fn take_free_packet(&mut self) -> bool {
        std::mem::replace(&mut self.free_packet, false)
    }

    pub(super) const fn allow_free_packet(&mut self) {
        self.free_packet = true;
    }

    pub(super) const fn in_flight(&self, outstanding: &Outstanding) -> usize {
        outstanding.in_flight().saturating_sub(self.unreported)
    }
}

/// What a SACK means for the timers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SackOutcome {
    /// Something was acknowledged for the first time.
    pub(crate) progress: bool,
}

impl Sender {
    /// Takes a SACK.
    // RFC 9260, Section 6.2.1
    pub(crate) fn sack(
        &mut self,
        now: Instant,
        sack: &Sack<'_>,
        stats: &mut Stats,
    ) -> Result<SackOutcome, Discard> {
        let last = self.outstanding.next_tsn().previous();
        let cum = self.outstanding.cum().nearest(sack.cum_tsn_ack);
        // i: an older cumulative TSN is a SACK out of order; a TSN never sent is nonsense.
        if cum < self.outstanding.cum() || cum > last {
            return Err(Discard::BadSack);
        }
        let gaps = sack.gaps().filter(|gap| gap.start >= 2 && gap.start <= gap.end);
        let gaps = gaps.map(|gap| (cum.plus(u64::from(gap.start)), cum.plus(u64::from(gap.end))));
        if gaps.clone().any(|(_, end)| end > last) {
            return Err(Discard::BadSack);
        }
        let was_full =
            self.recovery.in_flight(&self.outstanding) >= self.congestion.window().saturating_sub(self.mtu);
        let news = self.outstanding.acknowledge(now, cum, gaps, self.rto.smallest());
        self.used = self.used.saturating_sub(news.released);
        let closed = self.a_rwnd < self.mtu;
        self.a_rwnd = usize::try_from(sack.a_rwnd).unwrap_or(usize::MAX);
        self.measure(cum, news.round_trip);
        if news.bytes > 0 {
            self.recovery.timed_out = false;
        }
        if closed && self.a_rwnd >= self.mtu && news.bytes == 0 {
            // A window probe was refused for lack of room; there is room now.
            self.lose_all();
        }
        self.grow_or_shrink(cum, news.bytes, was_full, sack.gaps().len() >= MANY_GAPS, stats);
        self.note_advance(now, false);
        Ok(SackOutcome { progress: news.cum_advanced || news.bytes > 0 })
    }

    /// Takes a cumulative acknowledgement without a window and gap blocks, as SHUTDOWN carries it.
    pub(crate) fn acknowledge_up_to(
        &mut self,
        now: Instant,
        cum: u32,
        stats: &mut Stats,
    ) -> Result<(), Discard> {
        let last = self.outstanding.next_tsn().previous();
        let cum = self.outstanding.cum().nearest(cum);
        if cum < self.outstanding.cum() || cum > last {
            return Err(Discard::BadSack);
        }
        let news = self.outstanding.acknowledge(now, cum, std::iter::empty(), self.rto.smallest());
        self.used = self.used.saturating_sub(news.released);
        self.measure(cum, news.round_trip);
        self.grow_or_shrink(cum, news.bytes, false, false, stats);
        self.note_advance(now, false);
        Ok(())
    }

    fn measure(&mut self, cum: Tsn, round_trip: Option<std::time::Duration>) {
        if let Some(sample) = round_trip {
            self.rto.observe(sample);
            self.congestion.on_sample(sample);
        }
        if cum >= self.round_end {
            // RFC 9260, Section 6.3.1, C4: one measure per round trip.
            if let Some(sample) = round_trip {
                self.rto.sample(sample);
            }
            self.congestion.on_round();
            self.round_end = self.outstanding.next_tsn();
        }
    }

    fn grow_or_shrink(&mut self, cum: Tsn, bytes: usize, was_full: bool, many_gaps: bool, stats: &mut Stats) {
        let recovering = cum < self.recovery.until && !self.recovery.by_timeout;
        if recovering && bytes == 0 && many_gaps {
            self.recovery.unreported = self
                .recovery
                .unreported
                .saturating_add(self.mtu.saturating_mul(2))
                .min(self.outstanding.in_flight());
        } else {
            self.recovery.unreported = self.recovery.unreported.saturating_sub(bytes);
        }
        let (losses, last_lost) = self.outstanding.detect_losses(many_gaps);
        stats.losses_detected = stats.losses_detected.saturating_add(losses);
        if last_lost.is_some_and(|tsn| tsn > self.recovery.until) {
            // RFC 9260, Section 7.2.4: once per round trip, up to the highest TSN outstanding now.
            self.recovery.until = self.outstanding.next_tsn().previous();
            self.recovery.unreported = 0;
            self.recovery.by_timeout = false;
            self.recovery.free_packet = true;
            self.congestion.on_loss();
            stats.congestion_events = stats.congestion_events.saturating_add(1);
        } else if !recovering {
            self.recovery.unreported = 0;
            if bytes > 0 && was_full {
                self.congestion.on_acknowledged(bytes);
            }
        }
    }

    /// The retransmission timer has expired.
    // RFC 9260, Section 6.3.3
    pub(crate) fn timed_out(&mut self, now: Instant, stats: &mut Stats) {
        stats.timeouts = stats.timeouts.saturating_add(1);
        self.congestion.on_timeout(std::mem::replace(&mut self.recovery.timed_out, true));
        self.rto.back_off();
        self.lose_all();
        self.forward_sent = None;
        self.note_advance(now, true);
    }

    /// Sends everything outstanding again, at the pace of the window.
    pub(crate) fn lose_all(&mut self) {
        self.outstanding.lose_all();
        self.recovery.by_timeout = true;
        self.recovery.until = self.outstanding.next_tsn().previous();
        self.recovery.unreported = 0;
        self.recovery.free_packet = self.outstanding.has_lost();
    }
}
