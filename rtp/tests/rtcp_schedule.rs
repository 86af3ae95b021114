#![expect(clippy::cast_possible_truncation, reason = "tests")]
//! When RTCP is sent, what a compound holds, and what is computed from reports.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use duologue_netsim::Network;
use duologue_rtp::rtcp::{
    ClockMapping, Compound, Due, Early, NtpShort, NtpTime, Packet, Pli, Profile, ReportBlock, Schedule,
    ScheduleConfig, SdesItemType, SenderInfo, Source, check_compound, packets, round_trip,
};
use duologue_rtp::{Ssrc, Timestamp};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const HALF: u32 = 1 << 31;

fn start() -> Instant {
    Network::new(1).now()
}

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }
}

fn config(change: impl FnOnce(&mut ScheduleConfig)) -> ScheduleConfig {
    let mut config = ScheduleConfig::default();
    change(&mut config);
    config
}

/// Runs a schedule until `end`; returns when regular compounds went out.
fn run(schedule: &mut Schedule, random: &mut Random, end: Instant, size: usize) -> Vec<Instant> {
    let mut sent = Vec::new();
    while schedule.next() < end {
        let now = schedule.next();
        let due = schedule.due(now, random.next());
        if due == Due::Nothing {
            assert!(schedule.next() > now, "a deadline that has passed is not one");
            continue;
        }
        if due == Due::Regular {
            sent.push(now);
        }
        schedule.sent(now, due, size, random.next());
    }
    sent
}

#[test]
fn reports_of_a_video_call_are_a_second_apart() {
    let (now, mut random) = (start(), Random(1));
    let mut schedule = Schedule::new(ScheduleConfig::default(), 100, now, random.next());
    schedule.set_members(now, 4, 4, true);
    let sent = run(&mut schedule, &mut random, now + 1000 * SECOND, 100);
    assert!((950..=1050).contains(&sent.len()), "{}", sent.len());
    assert!(sent[0] - now < Duration::from_millis(100), "the first one comes at once");
    for pair in sent.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((Duration::from_millis(500)..Duration::from_millis(1600)).contains(&gap), "{gap:?}");
    }
}

#[test]
fn the_interval_scales_with_the_sessions_bandwidth() {
    let of = |kilobits: u64| ScheduleConfig::for_session(NonZeroU64::new(kilobits * 1000).unwrap());
    assert_eq!(of(64).interval, 5 * SECOND);
    assert_eq!(of(120).interval, 3 * SECOND);
    assert_eq!(of(2500).interval, SECOND);
    assert_eq!(of(2500).bandwidth.get(), 125_000);
}

#[test]
fn without_feedback_the_rules_of_rfc_3550_hold() {
    let (now, mut random) = (start(), Random(2));
    let config = config(|config| {
        config.profile = Profile::Avp;
        config.interval = 5 * SECOND;
    });
    // The first interval is half of the minimum, 0.5 to 1.5 of it, divided by 1.21828.
    for (bits, millis) in [(0, 1026), (HALF, 2052), (u32::MAX, 3078)] {
        let first = Schedule::new(config.clone(), 100, now, bits).next() - now;
        assert_eq!(first.as_millis(), millis);
    }
    let mut schedule = Schedule::new(config, 100, now, random.next());
    let sent = run(&mut schedule, &mut random, now + 5000 * SECOND, 100);
    // Reconsideration makes the mean somewhat longer than the interval divided by 1.21828.
    assert!((950..=1150).contains(&sent.len()), "{}", sent.len());
    assert_eq!(schedule.member_timeout(), 25 * SECOND);
    assert_eq!(schedule.request_early(now + 6000 * SECOND, Duration::ZERO, 0), Early::Discard);
}

#[test]
fn many_members_together_keep_to_the_bandwidth() {
    let (now, mut random) = (start(), Random(3));
    let config = config(|config| config.point_to_point = false);
    let (members, end) = (200, now + 200 * SECOND);
    let mut total = 0;
    for _ in 0..members {
        let mut schedule = Schedule::new(config.clone(), 200, now, random.next());
        schedule.set_members(now, members, members, true);
        total += run(&mut schedule, &mut random, end, 200).len();
    }
    let rate = total as u64 * 228 * 8 / 200;
    assert!((55_000..=78_000).contains(&rate), "{rate} of 75,000 bit/s");
}

#[test]
fn a_crowd_that_joins_puts_the_first_report_off() {
    let now = start();
    let mut schedule = Schedule::new(config(|config| config.point_to_point = false), 200, now, HALF);
    let first = schedule.next();
    schedule.set_members(now, 10_000, 10_000, true);
    assert_eq!(schedule.due(first, HALF), Due::Nothing);
    // 10,000 packets of 228 bytes take 243 s at 75,000 bit/s.
    assert!(schedule.next() - now > 190 * SECOND, "{:?}", schedule.next() - now);
    // They leave again: reverse reconsideration brings it near.
    schedule.set_members(first, 100, 100, true);
    assert!(schedule.next() - now < 4 * SECOND, "{:?}", schedule.next() - now);
}

#[test]
fn senders_have_a_quarter_of_the_bandwidth() {
    let now = start();
    let config = config(|config| config.point_to_point = false);
    let first = |senders, we_sent| {
        let mut schedule = Schedule::new(config.clone(), 200, now, HALF);
        schedule.set_members(now, 1000, senders, we_sent);
        let _ = schedule.due(schedule.next(), HALF);
        (schedule.next() - now).as_millis()
    };
    // A packet takes 24.32 ms of the whole bandwidth; by the divisor, 19.96 ms.
    assert_eq!(first(100, true), 7_985);
    assert_eq!(first(100, false), 23_955);
    assert_eq!(first(251, true), 19_962);
    assert_eq!(first(251, false), 19_962);
}

#[test]
fn feedback_goes_out_at_once_and_then_once_in_two_intervals() {
    let (now, mut random) = (start(), Random(4));
    let mut schedule = Schedule::new(ScheduleConfig::default(), 100, now, HALF);
    schedule.set_members(now, 2, 2, true);
    run(&mut schedule, &mut random, now + 10 * SECOND, 100);
    let delay = Duration::from_millis(200);
    let now = now + 10 * SECOND;
    assert_eq!(schedule.request_early(now, delay, HALF), Early::At(now));
    assert_eq!(schedule.request_early(now, delay, HALF), Early::At(now), "it is the same packet");
    assert_eq!(schedule.next(), now);
    assert_eq!(schedule.due(now, HALF), Due::Feedback);
    schedule.sent(now, Due::Feedback, 60, HALF);
    assert_eq!(schedule.due(now, HALF), Due::Nothing);
    // A millisecond later early feedback is not allowed, and goes with what would be the next regular compound.
    let later = now + Duration::from_millis(1);
    assert_eq!(schedule.request_early(later, Duration::ZERO, HALF), Early::Discard);
    let Early::WithRegular(then) = schedule.request_early(later, delay, HALF) else { unreachable!() };
    assert!(then > later && then < now + Duration::from_millis(100), "{:?}", then - now);
    assert_eq!(schedule.next(), then);
    assert_eq!(schedule.due(then, 0), Due::Feedback, "a report's time has not come");
    schedule.sent(then, Due::Feedback, 60, HALF);
    assert!(schedule.next() > then + Duration::from_millis(100));
    // Early feedback is allowed again.
    assert_eq!(schedule.request_early(then, delay, HALF), Early::At(then));
}

#[test]
fn in_a_group_feedback_is_dithered() {
    let (now, mut random) = (start(), Random(5));
    let mut times = Vec::new();
    for bits in [0, HALF, u32::MAX] {
        let mut schedule = Schedule::new(config(|config| config.point_to_point = false), 200, now, HALF);
        schedule.set_members(now, 500, 500, true);
        let sent = run(&mut schedule, &mut random, now + 60 * SECOND, 200);
        let last = *sent.last().unwrap();
        match schedule.request_early(last, 100 * SECOND, bits) {
            Early::At(at) => times.push(at - last),
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(times[0], Duration::ZERO);
    // T_rr is 0.41 to 1.23 times 12.16 s, and half of it is the most.
    assert!(times[1] > SECOND && times[2] > times[1] && times[2] < Duration::from_millis(7600), "{times:?}");
}

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sr: NtpShort(0),
        delay_since_last_sr: NtpShort(0),
    }
}

proptest! {
    #[test]
    fn a_full_compound_keeps_the_rules_and_the_room(
        max_len in 0..3000_usize, count in 0..100_u32, sender: bool, cname in prop::collection::vec(1..=255_u8, 0..300),
    ) {
        let mut out = vec![1, 2, 3];
        let mut blocks = (0..count).map(block);
        let mut compound = Compound::full(&mut out, max_len);
        prop_assert!(compound.packet(|out, _| Pli { sender: Ssrc(1), media: Ssrc(2) }.write(out)).is_none(), "no report yet");
        let source = Source { ssrc: Ssrc(1), info: sender.then(SenderInfo::default), cname: &cname };
        let written = compound.source(&source, &mut blocks);
        let room = compound.room();
        let fed_back = compound.packet(|out, _| Pli { sender: Ssrc(1), media: Ssrc(2) }.write(out)).is_some();
        prop_assert_eq!(fed_back, written && room >= 12);
        let len = compound.finish();
        prop_assert!(len <= max_len && out.len() == 3 + len);
        prop_assert_eq!(written, len > 0);
        if written {
            let datagram = out.get(3..).unwrap();
            prop_assert_eq!(check_compound(datagram, false), Ok(()));
            let mut reported = 0;
            let mut named = false;
            for packet in packets(datagram) {
                match packet.unwrap() {
                    Packet::SenderReport(report) => reported += report.blocks().len(),
                    Packet::ReceiverReport(report) => reported += report.blocks().len(),
                    Packet::Sdes(sdes) => {
                        let value = sdes.chunks().next().unwrap().value(SdesItemType::CNAME).unwrap();
                        named = value == cname.get(..cname.len().min(255)).unwrap();
                    }
                    other => prop_assert!(matches!(other, Packet::Pli(_))),
                }
            }
            prop_assert!(named);
            prop_assert_eq!(reported + blocks.count(), count as usize, "none is lost");
            prop_assert!(reported == count as usize || room < 24 + 8, "room is used");
        }
    }

    #[test]
    fn round_trips_are_found_whatever_the_clock(ntp: u64, held in 0..20_000_u64, trip in 0..59_000_u64) {
        let (held, trip) = (Duration::from_millis(held), Duration::from_millis(trip));
        let sent = NtpTime(ntp);
        prop_assume!(sent.middle().0 != 0);
        let arrival = sent.add(trip).add(held);
        let found = round_trip(arrival.middle(), sent.middle(), NtpShort::from_duration(held)).unwrap();
        prop_assert!(found.abs_diff(trip) < Duration::from_micros(50), "{:?} for {:?}", found, trip);
    }

    #[test]
    fn ntp_times_add_up(ntp: u64, millis in 0..100_000_000_u64) {
        let elapsed = Duration::from_millis(millis);
        let (early, late) = (NtpTime(ntp), NtpTime(ntp).add(elapsed));
        prop_assert!(late.since(early).unwrap().abs_diff(elapsed) < Duration::from_nanos(2));
        prop_assert!(millis == 0 || early.since(late).is_none());
    }
}

#[test]
fn a_compound_of_reduced_size_needs_no_report() {
    let mut out = Vec::new();
    let mut compound = Compound::reduced_size(&mut out, 20);
    assert!(compound.packet(|out, _| Pli { sender: Ssrc(1), media: Ssrc(2) }.write(out)).is_some());
    assert!(compound.packet(|out, _| Pli { sender: Ssrc(1), media: Ssrc(2) }.write(out)).is_none());
    assert_eq!(compound.finish(), 12);
    assert_eq!(check_compound(&out, true), Ok(()));
}

#[test]
fn round_trips_that_cannot_be_are_refused() {
    let at = |seconds: u32| NtpShort(seconds << 16);
    // RFC 3550, Figure 2: A at 0xb710:8000, LSR 0xb705:2000, DLSR 0x0005:4000, which is 6.125 s.
    let figure = round_trip(NtpShort(0xb710_8000), NtpShort(0xb705_2000), NtpShort(0x0005_4000));
    assert_eq!(figure, Some(Duration::from_millis(6125)));
    assert_eq!(round_trip(at(10), at(0), at(1)), None, "no report was seen");
    assert_eq!(round_trip(at(10), at(9), at(2)), None, "held for longer than it was away");
    assert_eq!(round_trip(at(10), at(9), NtpShort(0x1_0020)), Some(Duration::ZERO), "by rounding");
    assert_eq!(round_trip(at(100), at(10), at(1)), None, "longer than a minute");
    assert_eq!(round_trip(at(10), at(11), at(0)), None, "from the future");
}

#[test]
fn ntp_wraps_in_february_2036() {
    // 2036-02-07 06:28:16 UTC is 2,085,978,496 s after 1970, and second zero of the next era.
    let wrap = NtpTime::from_unix(Duration::from_secs(2_085_978_496));
    assert_eq!(wrap, NtpTime(0));
    let before = NtpTime::from_unix(Duration::from_secs(2_085_978_495));
    assert_eq!(before, NtpTime(u64::MAX << 32));
    assert_eq!(wrap.add(SECOND).since(before), Some(2 * SECOND));
    assert_eq!(before.since(wrap), None);
    assert_eq!(NtpTime(0x0102_0304_0506_0708).middle(), NtpShort(0x0304_0506));
}

#[test]
fn timestamps_are_mapped_by_a_clock_that_drifts_through_both_wraps() {
    // 48 kHz, 200 parts per million fast, for 25 hours from just before both wraps.
    let mut mapping = ClockMapping::new(NonZeroU32::new(48_000).unwrap());
    assert_eq!(mapping.ntp(Timestamp(0)), None);
    let first = NtpTime(u64::MAX << 32);
    let ticks = |millis: u64| (millis * 48_000 * 1_000_200 / 1_000_000_000) as u32;
    for second in 0..90_000_u64 {
        let rtp = Timestamp(u32::MAX - 100).add(ticks(second * 1000));
        mapping.update(&SenderInfo { ntp: first.add(second as u32 * SECOND), rtp, ..SenderInfo::default() });
        // A packet half a second later.
        let mapped = mapping.ntp(Timestamp(u32::MAX - 100).add(ticks(second * 1000 + 500))).unwrap();
        let expected = first.add(Duration::from_millis(second * 1000 + 500));
        let error = mapped.distance(expected).unsigned_abs();
        // 120 microseconds is what 200 parts per million of 500 ms would be by the nominal rate, and some rounding.
        let limit: u64 = if second < 2 { 130 } else { 40 };
        assert!(error < (limit << 32) / 1_000_000, "second {second}: {error}");
    }
}

#[test]
fn a_source_that_changes_its_clock_begins_anew() {
    let mut mapping = ClockMapping::new(NonZeroU32::new(90_000).unwrap());
    let report = |seconds: u32, rtp| SenderInfo {
        ntp: NtpTime(u64::from(seconds) << 32),
        rtp: Timestamp(rtp),
        ..SenderInfo::default()
    };
    mapping.update(&report(1000, 0));
    mapping.update(&report(1010, 900_000));
    assert_eq!(mapping.ntp(Timestamp(990_000)), Some(NtpTime(1011 << 32)));
    // An old report again, and one of the same time, change nothing.
    mapping.update(&report(1000, 0));
    mapping.update(&report(1010, 5));
    assert_eq!(mapping.ntp(Timestamp(990_000)), Some(NtpTime(1011 << 32)));
    // Another clock: a second is 10 s by it.
    mapping.update(&report(1011, 1_800_000));
    assert_eq!(mapping.ntp(Timestamp(1_890_000)), Some(NtpTime(1012 << 32)), "by the nominal rate again");
}
