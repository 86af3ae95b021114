//! Feedback of what arrived: recorded, told, and taken by who sent it.

use duologue_netsim::Network;
use duologue_rtp::cc::{
    Arrivals, Ecn, Fate, FeedbackTimer, History, Outcome, SourceArrival, SourceArrivals, Told,
};
use duologue_rtp::{ExtendedSequence, SequenceNumber, Ssrc};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

fn start() -> Instant {
    Network::new(0).now()
}

/// What the next report tells: its base, and each number that arrived with its milliseconds.
fn pending(arrivals: &Arrivals) -> Option<(u16, Vec<(u16, u128)>)> {
    let report = arrivals.pending()?;
    Some((report.base.0, report.arrivals.map(|(number, at)| (number.0, at.as_millis())).collect()))
}

#[test]
fn feedback_is_due_50_ms_after_the_first_packet_and_each_100_ms_while_packets_come() {
    let start = start();
    let mut arrivals = Arrivals::new(start);
    let mut reports = Vec::new();
    for ms in 0..1500 {
        let now = start + MS * ms;
        if (200..500).contains(&ms) && ms % 20 == 0 {
            arrivals.received(SequenceNumber(u16::try_from(ms / 20).unwrap()), now);
        }
        if arrivals.deadline().is_some_and(|deadline| deadline <= now) {
            arrivals.reported(now, SequenceNumber(u16::try_from(ms / 20).unwrap() + 1));
            reports.push(ms);
        }
    }
    assert_eq!(reports, [250, 350, 450, 550]);
    assert_eq!((arrivals.stats().received, arrivals.stats().reports), (15, 4));
}

#[test]
fn feedback_that_would_be_full_is_due_at_once() {
    let now = start();
    let mut timer = FeedbackTimer::new(now);
    timer.set_interval(MS * 1000);
    for _ in 0..499 {
        timer.received(now);
    }
    assert_eq!(timer.deadline(), Some(now + MS * 250));
    timer.received(now + MS);
    assert_eq!(timer.deadline(), Some(now + MS));
    timer.reported(now + MS, true);
    assert_eq!(timer.deadline(), Some(now + MS));
    timer.reported(now + MS, false);
    assert_eq!(timer.deadline(), None);
}

#[test]
fn a_packet_that_comes_late_is_told_with_those_above_it() {
    let start = start();
    let mut arrivals = Arrivals::new(start);
    assert_eq!(pending(&arrivals), None);
    for (number, ms) in [(65_534, 1), (0, 2), (1, 3), (0, 9)] {
        arrivals.received(SequenceNumber(number), start + MS * ms);
    }
    assert_eq!(pending(&arrivals), Some((65_534, vec![(65_534, 1), (0, 2), (1, 3)])));
    arrivals.reported(start + MS * 50, SequenceNumber(2));
    assert_eq!((pending(&arrivals), arrivals.deadline()), (None, None));
    // A copy is no news.
    arrivals.received(SequenceNumber(1), start + MS * 60);
    assert_eq!((pending(&arrivals), arrivals.deadline()), (None, None));
    arrivals.received(SequenceNumber(4), start + MS * 70);
    assert_eq!(pending(&arrivals), Some((2, vec![(4, 70)])));
    arrivals.received(SequenceNumber(65_535), start + MS * 71);
    assert_eq!(pending(&arrivals), Some((65_535, vec![(65_535, 71), (0, 2), (1, 3), (4, 70)])));
    let stats = arrivals.stats();
    assert_eq!((stats.received, stats.duplicates, stats.too_late), (5, 2, 0));
}

#[test]
fn the_first_to_arrive_need_not_be_the_first_that_was_sent() {
    let start = start();
    let mut arrivals = Arrivals::new(start);
    for (number, ms) in [(2, 1), (65_535, 2), (65_473, 3)] {
        arrivals.received(SequenceNumber(number), start + MS * ms);
    }
    // 64 numbers below the first, and no more.
    assert_eq!(pending(&arrivals), Some((65_535, vec![(65_535, 2), (2, 1)])));
    arrivals.reported(start + MS * 50, SequenceNumber(3));
    arrivals.received(SequenceNumber(65_534), start + MS * 51);
    assert_eq!((pending(&arrivals), arrivals.stats().too_late), (None, 2));
    arrivals.received(SequenceNumber(1), start + MS * 51);
    assert_eq!(pending(&arrivals), Some((1, vec![(1, 51), (2, 1)])));
}

#[test]
fn what_was_sent_before_the_first_to_arrive_is_not_taken_for_another_when_the_record_is_full() {
    let start = start();
    let at = |bits| SourceArrival { at: start, ecn: Ecn::from_bits(bits) };
    let mut source = SourceArrivals::default();
    for number in 100..100 + 2048 {
        assert!(source.received(ExtendedSequence(number), at(1)));
    }
    assert!(!source.received(ExtendedSequence(99), at(3)));
    assert!(source.pending().unwrap().1.all(|packet| packet == Some(at(1))));
}

#[test]
fn what_a_report_did_not_hold_is_due_at_once_under_the_next_count() {
    let start = start();
    let mut arrivals = Arrivals::new(start);
    for number in 0..10 {
        arrivals.received(SequenceNumber(number), start);
    }
    assert_eq!(arrivals.pending().unwrap().feedback_count, 0);
    arrivals.reported(start + MS * 100, SequenceNumber(4));
    assert_eq!(arrivals.deadline(), Some(start + MS * 100));
    assert_eq!(arrivals.pending().unwrap().feedback_count, 1);
    assert_eq!(pending(&arrivals).unwrap().0, 4);
    for _ in 0..300 {
        arrivals.received(SequenceNumber(10), start);
        arrivals.reported(start + MS * 100, SequenceNumber(11));
    }
    assert_eq!(arrivals.deadline(), None);
}

#[test]
fn what_was_told_is_forgotten_but_a_gap_among_the_latest_stays_open() {
    let start = start();
    let mut arrivals = Arrivals::new(start);
    for (number, ms) in [(10, 0), (12, 10), (14, 900)] {
        arrivals.received(SequenceNumber(number), start + MS * ms);
    }
    arrivals.reported(start + MS * 1000, SequenceNumber(15));
    arrivals.received(SequenceNumber(11), start + MS * 1001);
    assert_eq!((pending(&arrivals), arrivals.stats().too_late), (None, 1));
    arrivals.received(SequenceNumber(13), start + MS * 1001);
    assert_eq!(pending(&arrivals), Some((13, vec![(13, 1001), (14, 900)])));
}

#[test]
fn a_jump_over_thousands_begins_anew() {
    let start = start();
    let mut arrivals = Arrivals::new(start);
    for number in [0, 30_000, 60_000, 100, 8_000] {
        arrivals.received(SequenceNumber(number), start + MS);
        let (base, told) = pending(&arrivals).unwrap();
        assert_eq!(told.last(), Some(&(number, 1)));
        assert!(number.wrapping_sub(base) < 8192);
    }
    // Ahead by more than half of all numbers is back.
    arrivals.received(SequenceNumber(45_000), start + MS);
    assert_eq!(arrivals.stats().too_late, 1);
}

#[test]
fn one_source_tells_the_first_copy_s_time_and_congestion_that_any_copy_met() {
    let start = start();
    let at = |ms, bits| SourceArrival { at: start + MS * ms, ecn: Ecn::from_bits(bits) };
    let mut source = SourceArrivals::default();
    assert!(source.received(ExtendedSequence(65_535), at(1, 2)));
    assert!(source.received(ExtendedSequence(65_537), at(2, 2)));
    let told = |source: &SourceArrivals| {
        source.pending().map(|(begin, packets)| (begin.0, packets.collect::<Vec<_>>()))
    };
    assert_eq!(told(&source), Some((65_535, vec![Some(at(1, 2)), None, Some(at(2, 2))])));
    assert!(source.reported(start + MS * 10, 2));
    assert_eq!(told(&source), Some((1, vec![Some(at(2, 2))])));
    assert!(!source.reported(start + MS * 10, 1));
    assert!(!source.received(ExtendedSequence(65_535), at(20, 1)));
    assert_eq!(told(&source), None);
    assert!(source.received(ExtendedSequence(65_535), at(21, 3)));
    assert!(!source.received(ExtendedSequence(65_535), at(22, 3)));
    assert_eq!(told(&source), Some((65_535, vec![Some(at(1, 3)), None, Some(at(2, 2))])));
    assert!(source.received(ExtendedSequence(65_536), at(30, 0)));
    assert_eq!(told(&source).unwrap().1[1], Some(at(30, 0)));
    assert!(source.received(ExtendedSequence(u64::MAX - 1), at(40, 0)));
    assert_eq!(told(&source), Some((65_534, vec![Some(at(40, 0))])));
}

/// Sends `count` packets of 100 bytes, one each millisecond.
fn history(start: Instant, count: u32) -> History {
    let mut history = History::default();
    for ms in 0..count {
        history.sent(start + MS * ms, 100, Ssrc(ms));
    }
    history
}

fn feedback(history: &mut History, now: Instant, statuses: &[(u16, Told)]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let statuses = statuses.iter().map(|(number, told)| (SequenceNumber(*number), *told));
    history.feedback(now, statuses, |outcome| outcomes.push(outcome));
    outcomes
}

#[test]
fn each_packet_is_told_once_as_lost_and_once_as_received() {
    let start = start();
    let mut history = history(start, 4);
    assert_eq!((history.next_sequence(), history.stats().bytes_in_flight), (SequenceNumber(4), 400));
    let told = [(0, Told::ReceivedAt(u32::MAX)), (1, Told::Missing), (2, Told::ReceivedAt(7))];
    let outcomes = feedback(&mut history, start + MS * 50, &told);
    let arrival = |outcome: &Outcome| match outcome.fate {
        Fate::Received { arrival, after_loss: false, .. } => arrival,
        Fate::Received { .. } | Fate::Lost => None,
    };
    assert_eq!((outcomes.len(), outcomes[1].fate), (3, Fate::Lost));
    assert_eq!((outcomes[2].sent, outcomes[2].bytes, outcomes[2].ssrc), (start + MS * 2, 100, Ssrc(2)));
    // The peer's clock wrapped between the two.
    assert_eq!(arrival(&outcomes[2]).unwrap() - arrival(&outcomes[0]).unwrap(), MS * 2);
    assert_eq!(feedback(&mut history, start + MS * 60, &told), []);
    let late = feedback(&mut history, start + MS * 70, &[(1, Told::Received), (3, Told::Received)]);
    assert_eq!(late[0].fate, Fate::Received { arrival: None, after_loss: true, ecn: None });
    assert_eq!(late[1].fate, Fate::Received { arrival: None, after_loss: false, ecn: None });
    let stats = history.stats();
    assert_eq!((stats.sent, stats.received, stats.lost, stats.bytes_in_flight), (4, 4, 0, 0));
    assert_eq!(stats.late_statuses, 2);
}

#[test]
fn feedback_on_what_was_never_sent_is_ignored_from_there_on() {
    let start = start();
    let mut unused = History::default();
    assert_eq!(feedback(&mut unused, start, &[(65_535, Told::Received), (0, Told::Received)]), []);
    assert_eq!(unused.stats().never_sent, 1);
    let mut history = history(start, 10);
    let all: Vec<_> = (0..=u16::MAX).map(|number| (number.wrapping_add(8), Told::Received)).collect();
    assert_eq!(feedback(&mut history, start + MS * 50, &all).len(), 2);
    assert_eq!(history.stats().never_sent, 1);
    // Half of all numbers, before the first that was sent.
    let before: Vec<_> = (40_000..=u16::MAX).map(|number| (number, Told::Missing)).collect();
    assert_eq!(feedback(&mut history, start + MS * 50, &before), []);
    assert_eq!(history.stats().late_statuses, 16_384);
}

#[test]
fn times_that_jump_are_not_believed_and_the_next_are_measured_by_them() {
    let start = start();
    let mut history = history(start, 5);
    let mut tell = |ms: u32, number, time| {
        feedback(&mut history, start + MS * ms, &[(number, Told::ReceivedAt(time))])[0].fate
    };
    let fate = |arrival| Fate::Received { arrival, after_loss: false, ecn: None };
    assert!(matches!(tell(10, 0, 1000), Fate::Received { arrival: Some(_), .. }));
    assert_eq!(tell(110, 1, 1_000_000), fate(None));
    let Fate::Received { arrival: Some(first), .. } = tell(210, 2, 1_000_400) else { unreachable!() };
    let Fate::Received { arrival: Some(second), .. } = tell(310, 3, 1_000_800) else { unreachable!() };
    assert_eq!(second - first, MS * 100);
    assert_eq!(tell(410, 4, 0x8000_0000), fate(None));
    assert_eq!(history.stats().clock_jumps, 2);
}

#[test]
fn a_history_without_feedback_forgets() {
    let start = start();
    let mut history = history(start, 20_000);
    let stats = history.stats();
    // Five seconds of them are kept, and some that are not dropped yet.
    let kept = 20_000 - stats.forgotten;
    assert!((5001..5101).contains(&kept), "{kept}");
    assert_eq!(stats.bytes_in_flight, kept * 100);
    for _ in 0..20_000 {
        history.sent(start + MS * 20_000, 100, Ssrc(0));
    }
    assert_eq!(history.stats().bytes_in_flight, 819_200);
}

proptest! {
    /// Packets cross a link that loses, delays and doubles them, for several cycles of their numbers; reports are lost and
    /// cut short. What the sender is told is what happened.
    #[test]
    fn what_the_sender_is_told_is_what_happened(
        seed_steps in prop::collection::vec((0..40u32, 0..100u8, 1..400usize, any::<bool>()), 50..200),
        skipped in 0..70_000u32,
    ) {
        let start = start();
        let (mut history, mut arrivals) = (History::default(), Arrivals::new(start));
        for _ in 0..skipped {
            history.sent(start, 1, Ssrc(0));
        }
        let before = history.stats();
        let mut now = start;
        let (mut truth, mut told) = (BTreeMap::new(), BTreeMap::new());
        let (mut in_air, mut reports_lost) = (BTreeMap::new(), 0);
        for (step, (delay, loss, room, heard)) in seed_steps.into_iter().enumerate() {
            for packet in 0..5u32 {
                now += MS;
                let number = history.next_sequence();
                history.sent(now, 100, Ssrc(1));
                let luck = (usize::from(loss) + packet as usize * 37 + step) % 100;
                if luck >= 10 {
                    in_air.insert((now + MS * (20 + delay * packet % 41), number.0), ());
                }
                if luck >= 90 {
                    in_air.insert((now + MS * 70, number.0), ());
                }
            }
            let rest = in_air.split_off(&(now, 0));
            for (at, number) in std::mem::replace(&mut in_air, rest).into_keys() {
                arrivals.received(SequenceNumber(number), at);
                truth.entry(number).or_insert(at);
            }
            while arrivals.deadline().is_some_and(|deadline| deadline <= now) {
                let report = arrivals.pending().unwrap();
                let base = report.base;
                let mut statuses = Vec::new();
                for (number, at) in report.arrivals {
                    while statuses.len() < usize::from(number.0.wrapping_sub(base.0)) {
                        let missing = base.add(u16::try_from(statuses.len()).unwrap());
                        statuses.push((missing.0, Told::Missing));
                    }
                    statuses.push((number.0, Told::ReceivedAt(u32::try_from(at.as_micros() / 250).unwrap())));
                }
                statuses.truncate(room);
                arrivals.reported(now, base.add(u16::try_from(statuses.len()).unwrap()));
                if !heard {
                    reports_lost += statuses.len();
                    continue;
                }
                for outcome in feedback(&mut history, now, &statuses) {
                    let number = ExtendedSequence(outcome.sequence).wire().0;
                    match outcome.fate {
                        Fate::Received { arrival, .. } => {
                            prop_assert_eq!(told.insert(number, arrival.unwrap()), None);
                        }
                        Fate::Lost => prop_assert!(!told.contains_key(&number)),
                    }
                }
            }
        }
        let mut offset = None;
        for (number, arrival) in &told {
            let since = truth[number] - start;
            let offset = *offset.get_or_insert(*arrival - since);
            prop_assert_eq!(*arrival, offset + since);
        }
        let stats = history.stats();
        prop_assert_eq!(stats.received - before.received, told.len() as u64);
        prop_assert_eq!((stats.never_sent, stats.clock_jumps), (0, 0));
        let unheard = truth.len() - told.len();
        let waiting = arrivals.pending().map_or(0, |report| report.arrivals.count());
        prop_assert!(unheard <= reports_lost + waiting, "{unheard} of {} unheard", truth.len());
    }
}
