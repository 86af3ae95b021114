#![expect(clippy::unwrap_used, reason = "a failing test panics")]
//! Feedback that knows packets by source and sequence number: recorded, told, and taken by who sent them.

use duologue_netsim::Network;
use duologue_rtp::cc::{ArrivalsBySource, Ecn, Fate, History, Outcome, SourceArrival, Told};
use duologue_rtp::rtcp::{
    ArrivalTimeOffset, CongestionControlFeedbackWriter, NtpShort, NtpTime, Packet, PacketMetric, packets,
};
use duologue_rtp::{ExtendedSequence, SequenceNumber, Ssrc};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const A: Ssrc = Ssrc(1);
const B: Ssrc = Ssrc(2);

fn start() -> Instant {
    Network::new(0).now()
}

/// Takes what a report says, as it is on the wire.
fn take(history: &mut History, now: Instant, report: &[u8]) -> Vec<Outcome> {
    let Ok(Packet::CongestionControlFeedback(report)) = packets(report).next().unwrap() else {
        unreachable!()
    };
    let mut outcomes = Vec::new();
    history.feedback_by_source(now, &report, |outcome| outcomes.push(outcome));
    outcomes
}

/// Tells of packets of one source: each one's milliseconds before `time`, if it arrived.
fn tell(
    history: &mut History,
    now: Instant,
    time: NtpShort,
    (ssrc, begin): (Ssrc, u16),
    heard: &[Option<u32>],
) -> Vec<Outcome> {
    let mut report = Vec::new();
    let mut writer = CongestionControlFeedbackWriter::begin(&mut report, Ssrc(9), 60_000).unwrap();
    let metric = |ms: u32| PacketMetric { ecn: 1, arrival: ArrivalTimeOffset::new(MS * ms) };
    writer.stream(ssrc, SequenceNumber(begin), heard.iter().map(|ms| ms.map(metric))).unwrap();
    writer.finish(time);
    take(history, now, &report)
}

/// The numbers in the order of sending, and whether each arrived.
fn fates(outcomes: &[Outcome]) -> Vec<(u64, bool)> {
    let first = 1 << 16;
    outcomes.iter().map(|one| (one.sequence - first, one.fate != Fate::Lost)).collect()
}

#[test]
fn packets_are_known_by_their_numbers_across_wraps_gaps_and_changes_of_order() {
    let start = start();
    let mut history = History::default();
    // Two sources in turns; one leaves numbers out, across the wrap, and sends two late.
    for (ssrc, sequence) in
        [(A, 65_534), (B, 7), (A, 65_537), (B, 8), (A, 65_535), (A, 65_541), (A, 65_530), (B, 9)]
    {
        history.sent_by_source(start, 100, ssrc, ExtendedSequence(sequence));
    }
    let all = [Some(1); 12];
    let told = tell(&mut history, start, NtpShort(0), (A, 65_530), &all);
    assert_eq!(fates(&told), [(6, true), (0, true), (4, true), (2, true), (5, true)]);
    let told = tell(&mut history, start, NtpShort(0), (B, 6), &[None, Some(1), None, Some(1)]);
    assert_eq!(fates(&told), [(1, true), (3, false), (7, true)]);
    let stats = history.stats();
    assert_eq!((stats.sent, stats.received, stats.lost, stats.never_sent), (8, 7, 1, 0));
    // One ahead of all that was sent, and what stands behind it.
    assert_eq!(tell(&mut history, start, NtpShort(0), (B, 10), &all), []);
    assert_eq!((history.stats().never_sent, history.stats().bytes_in_flight), (1, 0));
}

#[test]
fn arrivals_are_told_by_the_peer_s_clock_to_a_thousandth_of_a_second() {
    let start = start();
    let mut history = History::default();
    for sequence in 0..4 {
        history.sent_by_source(start + MS * 10, 100, A, ExtendedSequence(sequence));
    }
    let arrival = |outcome: &Outcome| match outcome.fate {
        Fate::Received { arrival, ecn: Some(Ecn::Ect1), .. } => arrival,
        Fate::Received { .. } | Fate::Lost => None,
    };
    // The second report comes 100 ms after the first, across the wrap of its time.
    let told = tell(&mut history, start + MS * 50, NtpShort(u32::MAX), (A, 0), &[Some(30), Some(10)]);
    let (first, second) = (arrival(&told[0]).unwrap(), arrival(&told[1]).unwrap());
    assert!((second - first).abs_diff(MS * 20) < MS);
    assert_eq!((told[0].sent, told[0].ssrc, told[0].bytes), (start + MS * 10, A, 100));
    let told = tell(&mut history, start + MS * 150, NtpShort(6_552), (A, 2), &[Some(0), Some(9_000)]);
    let third = arrival(&told[0]).unwrap();
    assert!((third - first).abs_diff(MS * 130) < MS, "{:?}", third - first);
    assert_eq!(arrival(&told[1]), None, "too long ago to be told");
}

#[test]
fn once_feedback_by_source_has_come_the_transport_wide_kind_tells_no_loss_and_no_time() {
    let start = start();
    let mut history = History::default();
    let first = history.next_sequence();
    history.sent_by_source(start, 100, A, ExtendedSequence(50));
    history.sent_by_source(start, 100, A, ExtendedSequence(51));
    history.sent(start, 100, B);
    history.sent(start, 100, B);
    let transport_wide = |history: &mut History, ahead: u16, told: &[Told]| {
        let mut outcomes = Vec::new();
        let statuses = (ahead..).zip(told).map(|(ahead, told)| (first.add(ahead), *told));
        history.feedback(start, statuses, |outcome| outcomes.push(outcome));
        outcomes
    };
    assert_eq!(fates(&transport_wide(&mut history, 0, &[Told::Missing])), [(0, false)]);
    tell(&mut history, start, NtpShort(0), (A, 50), &[Some(1)]);
    let told =
        transport_wide(&mut history, 0, &[Told::Missing, Told::Missing, Told::Missing, Told::ReceivedAt(5)]);
    assert_eq!(fates(&told), [(3, true)]);
    assert!(matches!(told[0].fate, Fate::Received { arrival: None, ecn: None, .. }));
    assert_eq!((history.stats().lost, history.stats().bytes_in_flight), (0, 200));
}

#[test]
fn sources_that_end_are_forgotten_and_others_keep_their_places() {
    let start = start();
    let mut history = History::default();
    for ssrc in 0..100 {
        history.sent_by_source(start, 100, Ssrc(ssrc), ExtendedSequence(u64::from(ssrc)));
    }
    for ssrc in (0..100).filter(|ssrc| ssrc % 3 == 0) {
        history.forget_source(Ssrc(ssrc));
    }
    for ssrc in 0..100_u16 {
        let told = tell(&mut history, start, NtpShort(0), (Ssrc(ssrc.into()), ssrc), &[Some(1)]);
        assert_eq!(told.len(), usize::from(ssrc % 3 != 0), "{ssrc}");
        assert!(told.iter().all(|outcome| outcome.ssrc == Ssrc(ssrc.into())));
    }
    history.sent_by_source(start, 100, Ssrc(3), ExtendedSequence(70_000));
    assert_eq!(tell(&mut history, start, NtpShort(0), (Ssrc(3), 4_464), &[Some(1)]).len(), 1);
}

#[test]
fn a_record_of_sources_that_leap_and_fall_silent_stays_small_and_right() {
    let start = start();
    let mut history = History::default();
    let mut sequence = 0;
    for step in 0..60_000_u32 {
        let now = start + MS * step;
        sequence += if step % 1000 == 0 { 16_000 } else { 1 };
        history.sent_by_source(now, 100, A, ExtendedSequence(sequence));
        if step % 100 == 99 {
            let begin = ExtendedSequence(sequence - 19).wire().0;
            let heard = [Some(0); 20];
            let told = tell(&mut history, now, NtpShort(step * 66), (A, begin), &heard);
            assert_eq!(told.len(), 20, "{step}");
        }
    }
    let stats = history.stats();
    assert_eq!((stats.received, stats.lost, stats.never_sent), (12_000, 0, 0));
    assert!(stats.bytes_in_flight <= 8_192 * 100);
    // What the record has forgotten is told too late.
    let begin = ExtendedSequence(sequence - 900).wire().0;
    let before = stats.late_statuses;
    history.sent_by_source(start + MS * 90_000, 100, A, ExtendedSequence(sequence + 1));
    assert_eq!(tell(&mut history, start + MS * 90_000, NtpShort(0), (A, begin), &[Some(0); 100]), []);
    assert_eq!(history.stats().late_statuses, before + 100);
}

/// How many packets a report tells as received.
fn received(report: &[u8]) -> usize {
    let Ok(Packet::CongestionControlFeedback(report)) = packets(report).next().unwrap() else {
        unreachable!()
    };
    report.streams().flat_map(|stream| stream.packets()).filter(|(_, metric)| metric.is_some()).count()
}

proptest! {
    /// Packets of several sources cross a link that loses, delays and doubles them; reports are short and some are lost. What
    /// the sender is told is what happened.
    #[test]
    fn what_the_sender_is_told_is_what_happened(
        steps in prop::collection::vec((0..40_u32, 0..100_usize, 40..400_usize, any::<bool>()), 50..150),
        first in 0..70_000_u64,
    ) {
        let start = start();
        let (mut history, mut arrivals) = (History::default(), ArrivalsBySource::new(start, [7; 16]));
        let (mut now, mut next, mut sent) = (start, [first; 3], Vec::new());
        let (mut in_air, mut truth, mut told) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let mut unheard = 0;
        for (step, (delay, loss, room, heard)) in steps.into_iter().enumerate() {
            for packet in 0..6_u32 {
                now += MS;
                let source = (packet as usize + step) % 3;
                let (ssrc, sequence) = (Ssrc(u32::try_from(source).unwrap()), next[source]);
                next[source] += if loss % 7 == 0 { 3 } else { 1 };
                history.sent_by_source(now, 100, ssrc, ExtendedSequence(sequence));
                sent.push((ssrc, sequence));
                let luck = (loss + packet as usize * 37 + step) % 100;
                if luck >= 10 {
                    in_air.insert((now + MS * (20 + delay * packet % 41), ssrc, sequence));
                }
                if luck >= 90 {
                    in_air.insert((now + MS * 70, ssrc, sequence));
                }
            }
            let rest = in_air.split_off(&(now, Ssrc(0), 0));
            for (at, ssrc, sequence) in std::mem::replace(&mut in_air, rest) {
                arrivals.received(ssrc, ExtendedSequence(sequence), SourceArrival { at, ecn: None });
                truth.entry((ssrc, sequence)).or_insert(at);
            }
            while arrivals.deadline().is_some_and(|deadline| deadline <= now) {
                let mut report = Vec::new();
                let ntp = NtpTime(0xfeed_ffff_0000_0000).add(now - start);
                let len = arrivals.write(&mut report, now, ntp, Ssrc(9), room).unwrap();
                prop_assert!(len == report.len() && len <= room);
                if !heard {
                    unheard += received(&report);
                    continue;
                }
                for outcome in take(&mut history, now, &report) {
                    let key = sent[usize::try_from(outcome.sequence - (1 << 16)).unwrap()];
                    match outcome.fate {
                        Fate::Received { arrival, .. } => {
                            prop_assert_eq!(told.insert(key, arrival.unwrap()), None);
                        }
                        Fate::Lost => prop_assert!(!told.contains_key(&key)),
                    }
                }
            }
        }
        let mut offset = None;
        for (key, arrival) in &told {
            let since = truth[key] - start;
            let offset = *offset.get_or_insert_with(|| arrival.saturating_sub(since));
            prop_assert!(arrival.abs_diff(offset + since) <= MS * 2);
        }
        let stats = history.stats();
        prop_assert_eq!(stats.received, told.len() as u64);
        prop_assert_eq!((stats.never_sent, stats.clock_jumps), (0, 0));
        let mut rest = Vec::new();
        let mut waiting = 0;
        while arrivals.write(&mut rest, now, NtpTime(0), Ssrc(9), 1200).is_some() {
            waiting += received(&rest);
            rest.clear();
        }
        let untold = truth.len() - told.len();
        prop_assert!(untold <= unheard + waiting, "{} of {} untold", untold, truth.len());
    }
}
