#![expect(clippy::unwrap_used, reason = "a failing test panics")]
//! In steady state neither feedback nor a stream's own records allocate.

use duologue_netsim::Network;
use duologue_rtp::cc::{Arrivals, ArrivalsBySource, Fate, History, SourceArrival, Told};
use duologue_rtp::rtcp::{NtpTime, Packet, packets};
use duologue_rtp::stream::cache::{Cache, CacheConfig};
use duologue_rtp::stream::forward::Forwarder;
use duologue_rtp::{ExtendedSequence, ExtendedTimestamp, SequenceNumber, Ssrc};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Work {
    now: Instant,
    next: u64,
    cache: Cache<[u8; 8]>,
    forwarder: Forwarder<bool>,
    history: History,
    arrivals: Arrivals,
    by_source: (History, ArrivalsBySource),
    report: Vec<u8>,
    resent: u64,
    forwarded: u64,
    received: u64,
    received_by_source: u64,
}

impl Work {
    fn new() -> Self {
        let now = Network::new(0).now();
        Self {
            now,
            next: 0,
            cache: Cache::new(CacheConfig::default()),
            forwarder: Forwarder::new(90_000),
            history: History::default(),
            arrivals: Arrivals::new(now),
            by_source: (History::default(), ArrivalsBySource::new(now, [0; 16])),
            report: Vec::with_capacity(2048),
            resent: 0,
            forwarded: 0,
            received: 0,
            received_by_source: 0,
        }
    }

    /// One packet each 5 ms; one in ten is lost, one in four left out, and the source changes each 1,000.
    fn run(&mut self, packets: u64) {
        for _ in 0..packets {
            self.now += Duration::from_millis(5);
            self.next += 1;
            let (now, sequence) = (self.now, ExtendedSequence(self.next));
            self.cache.insert(now, sequence, [0; 8], 1200);
            let lost = SequenceNumber(sequence.wire().0.wrapping_sub(20));
            self.resent += u64::from(self.cache.request(now, lost, Duration::from_millis(80)).is_ok());

            let source = (self.next / 1000).is_multiple_of(2);
            if self.next % 4 == 3 {
                self.forwarder.skip(source, sequence);
            } else {
                let timestamp = ExtendedTimestamp(self.next * 450);
                let place = self.forwarder.forward(now, source, sequence, timestamp);
                self.forwarded += u64::from(place.is_some());
            }

            let number = self.history.next_sequence();
            self.history.sent(now, 1200, Ssrc(1));
            if !self.next.is_multiple_of(10) {
                self.arrivals.received(number, now);
            }
            if self.arrivals.deadline().is_some_and(|deadline| deadline <= now) {
                let arrivals = self.arrivals.pending().unwrap().arrivals;
                let received = &mut self.received;
                let told = arrivals.map(|(number, at)| {
                    (number, Told::ReceivedAt(u32::try_from((at.as_micros() / 250) & 0xffff_ffff).unwrap()))
                });
                self.history.feedback(now, told, |outcome| {
                    *received += u64::from(matches!(outcome.fate, Fate::Received { arrival: Some(_), .. }));
                });
                self.arrivals.reported(now, number.add(1));
            }
            self.run_by_source(now);
        }
    }

    /// The same packets from one source after the other, and each one's third number left out.
    fn run_by_source(&mut self, now: Instant) {
        let (history, arrivals) = &mut self.by_source;
        let ssrc = Ssrc(u32::try_from(self.next % 3).unwrap());
        let sequence = ExtendedSequence(self.next / 3 * 3 / 2);
        history.sent_by_source(now, 1200, ssrc, sequence);
        if !self.next.is_multiple_of(10) {
            arrivals.received(ssrc, sequence, SourceArrival { at: now, ecn: None });
        }
        if arrivals.deadline().is_some_and(|deadline| deadline <= now) {
            self.report.clear();
            arrivals.write(&mut self.report, now, NtpTime(self.next << 32), Ssrc(9), 1200).unwrap();
            let Ok(Packet::CongestionControlFeedback(report)) = packets(&self.report).next().unwrap() else {
                unreachable!()
            };
            let received = &mut self.received_by_source;
            history.feedback_by_source(now, &report, |outcome| {
                *received += u64::from(matches!(outcome.fate, Fate::Received { .. }));
            });
        }
    }
}

/// Without the harness, whose threads allocate too.
fn main() {
    a_hundred_thousand_packets_allocate_nothing();
}

fn a_hundred_thousand_packets_allocate_nothing() {
    let mut work = Work::new();
    work.run(5_000);
    let before = (work.resent, work.forwarded, work.received, work.received_by_source);
    let region = Region::new(ALLOCATOR);
    work.run(100_000);
    let change = region.change();
    assert_eq!(work.resent - before.0, 100_000);
    assert_eq!(work.forwarded - before.1, 75_000);
    assert!(work.received - before.2 > 89_000);
    assert!(work.received_by_source - before.3 > 89_000);
    assert_eq!((change.allocations, change.reallocations), (0, 0));
}
