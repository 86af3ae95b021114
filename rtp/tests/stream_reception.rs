//! Loss and jitter, as reports tell them.

use std::time::{Duration, Instant};

use duologue_netsim::Network;
use duologue_rtp::stream::reception::{Received, Reception, ReceptionReport};
use duologue_rtp::{ExtendedSequence, SequenceNumber, Timestamp};

fn start() -> Instant {
    Network::new(0).now()
}

/// A source of 50 packets a second on a clock of 48 kHz.
fn receive(reception: &mut Reception, at: Instant, number: u64) -> Received {
    let timestamp = u32::try_from(number * 960 % (1 << 32)).unwrap_or(0);
    reception.receive(
        ExtendedSequence(number),
        Timestamp(timestamp),
        at + Duration::from_millis(20) * u32::try_from(number % 100_000).unwrap_or(0),
        100,
    )
}

#[test]
fn what_is_lost_is_told_in_whole_and_for_the_interval() {
    let at = start();
    let mut reception = Reception::new(48_000, ExtendedSequence(1));
    for number in (1..=100).filter(|number| number % 4 != 0 || *number == 100) {
        assert_eq!(receive(&mut reception, at, number), Received::Next);
    }
    let report = reception.report();
    // 24 of 100.
    assert_eq!(
        report,
        ReceptionReport { fraction_lost: 61, cumulative_lost: 24, extended_highest: 100, jitter: 0 }
    );
    for number in 101..=200 {
        receive(&mut reception, at, number);
    }
    let report = reception.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 24));
    let idle = reception.report();
    assert_eq!((idle.fraction_lost, idle.cumulative_lost, idle.extended_highest), (0, 24, 200));
    // What comes late is not lost, and makes up for a loss of another interval.
    assert_eq!(receive(&mut reception, at, 96), Received::Reordered);
    receive(&mut reception, at, 202);
    let report = reception.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 24));
    receive(&mut reception, at, 300);
    let report = reception.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (253, 24 + 97));
}

#[test]
fn duplicates_are_known_and_make_the_loss_negative() {
    let at = start();
    let mut reception = Reception::new(48_000, ExtendedSequence(70_000));
    for number in 70_000..72_000 {
        assert_eq!(receive(&mut reception, at, number), Received::Next);
        assert_eq!(receive(&mut reception, at, number), Received::Duplicate);
    }
    assert_eq!(receive(&mut reception, at, 72_000 - 1024), Received::Duplicate);
    let report = reception.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -2001));
    assert_eq!(report.extended_highest, 71_999);
    let counters = reception.counters();
    assert_eq!((counters.packets, counters.duplicates, counters.bytes), (4001, 2001, 400_100));
}

#[test]
fn the_total_stays_in_24_bits() {
    let at = start();
    let mut reception = Reception::new(48_000, ExtendedSequence(0));
    receive(&mut reception, at, 0);
    for jump in 1..=5000 {
        receive(&mut reception, at, jump * 2000);
    }
    assert_eq!(reception.lost(), 5000 * 1999);
    assert_eq!(reception.report().cumulative_lost, 0x7f_ffff);
    for _ in 0..20_000_000 {
        receive(&mut reception, at, 10_000_000);
    }
    assert_eq!(reception.report().cumulative_lost, -0x80_0000);
}

#[test]
fn one_stray_packet_changes_nothing_and_two_in_sequence_begin_anew() {
    let at = start();
    for far in [3050u64, 60_000, 500_000] {
        let mut reception = Reception::new(48_000, ExtendedSequence(100_000));
        for number in 100_000..100_050 {
            receive(&mut reception, at, number);
        }
        receive(&mut reception, at, 100_051);
        for stray in [100_051 + far, 100_051 - far.min(90_000)] {
            assert_eq!(receive(&mut reception, at, stray), Received::Suspect);
        }
        assert_eq!(receive(&mut reception, at, 100_052), Received::Next);
        let report = reception.report();
        assert_eq!((report.cumulative_lost, report.extended_highest), (1, 100_052));
        // Not in sequence.
        assert_eq!(receive(&mut reception, at, 5000), Received::Suspect);
        assert_eq!(receive(&mut reception, at, 5002), Received::Suspect);
        assert_eq!(receive(&mut reception, at, 5003), Received::Restarted);
        assert_eq!(receive(&mut reception, at, 5005), Received::Next);
        let report = reception.report();
        assert_eq!((report.cumulative_lost, report.extended_highest), (2, 5005));
        // One of four: 5002 to 5005.
        assert_eq!(report.fraction_lost, 64);
        assert_eq!((reception.counters().restarts, reception.counters().packets), (1, 55));
    }
}

#[test]
fn a_packet_sent_before_the_first_was_expected_too() {
    let at = start();
    let mut reception = Reception::new(48_000, ExtendedSequence(11));
    for number in [11, 10, 12] {
        receive(&mut reception, at, number);
    }
    assert_eq!(reception.lost(), 0);
    receive(&mut reception, at, 14);
    assert_eq!(reception.lost(), 1);
}

#[test]
fn jitter_follows_the_formula() {
    let at = start();
    let mut reception = Reception::new(8_000, ExtendedSequence(0));
    let mut expected = 0f64;
    let mut last = None;
    for number in 0..500u32 {
        // Late by 0 to 12 ms, in a fixed disorder.
        let late = u64::from(number * 7919 % 97) / 8;
        let arrival = Duration::from_millis(u64::from(number) * 20 + late);
        let sequence = ExtendedSequence(u64::from(number));
        reception.receive(
            sequence,
            Timestamp(number.wrapping_mul(160).wrapping_sub(30_000)),
            at + arrival,
            1,
        );
        let transit = late as f64 * 8.0;
        if let Some(last) = last.replace(transit) {
            expected += (f64::abs(transit - last) - expected) / 16.0;
        }
        assert!((f64::from(reception.jitter()) - expected).abs() <= 1.5, "{number}: {expected}");
    }
    assert!(expected > 20.0);
    // The source's clock is set anew, which is no jitter.
    reception.receive(ExtendedSequence(500), Timestamp(0x9000_0000), at + Duration::from_secs(10), 1);
    assert!((f64::from(reception.jitter()) - expected).abs() <= 1.5);
    // In seconds it is the same on another clock.
    reception.set_clock_rate(48_000);
    assert!((f64::from(reception.jitter()) - expected * 6.0).abs() <= 9.0);
}

#[test]
fn arrivals_may_go_back() {
    let at = start() + Duration::from_secs(100);
    let mut reception = Reception::new(48_000, ExtendedSequence(0));
    for number in 0..100u32 {
        let arrival = at + Duration::from_millis(20) * number - Duration::from_secs(1);
        let first = if number == 0 { at } else { arrival };
        let timestamp = Timestamp(number * 960).add(if number == 0 { 48_000 } else { 0 });
        reception.receive(ExtendedSequence(u64::from(number)), timestamp, first, 1);
        assert_eq!(reception.jitter(), 0);
    }
}

#[test]
fn nothing_drifts_in_25_hours() {
    let at = start();
    // The numbers wrap each 22 minutes, the timestamps after 24.9 hours, or shortly after the start.
    for first_timestamp in [0u32, u32::MAX - 48_000] {
        let first = ExtendedSequence::first(SequenceNumber(65_500));
        let mut reception = Reception::new(48_000, first);
        let mut highest = first;
        let (mut expected, mut lost) = (0i64, 0i64);
        for number in 0..25 * 3600 * 50u64 {
            // One in 100 is lost, and each is up to 3 ms late.
            expected += 1;
            if number % 100 == 99 {
                lost += 1;
                continue;
            }
            let low = u16::try_from((65_500 + number) & 0xffff).unwrap_or(0);
            highest = SequenceNumber(low).extend(highest);
            let ticks = u32::try_from(number * 960 % (1 << 32)).unwrap_or(0);
            let arrival = Duration::from_millis(number * 20 + number % 4);
            let timestamp = Timestamp(first_timestamp).add(ticks);
            assert_eq!(reception.receive(highest, timestamp, at + arrival, 80), Received::Next);
            if number == 20_000 || number == 25 * 3600 * 50 - 2 {
                // A steady 1, 1, 1, 3 milliseconds: 72 ticks.
                assert!(reception.jitter().abs_diff(72) < 12, "{}", reception.jitter());
                let report = reception.report();
                assert!((1..=3).contains(&report.fraction_lost));
                assert_eq!(i64::from(report.cumulative_lost), lost);
            }
        }
        assert_eq!(highest.0, 65_500 + u64::try_from(expected).unwrap_or(0) - 2);
    }
}
