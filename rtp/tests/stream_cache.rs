//! What a sender keeps, and what it sends again.

use duologue_netsim::Network;
use duologue_rtp::stream::cache::{Cache, CacheConfig, Refusal};
use duologue_rtp::{ExtendedSequence, SequenceNumber};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const ROUND_TRIP: Duration = Duration::from_millis(80);

fn config(change: impl Fn(&mut CacheConfig)) -> CacheConfig {
    let mut config = CacheConfig::default();
    change(&mut config);
    config
}

fn start() -> Instant {
    Network::new(0).now()
}

#[test]
fn a_packet_is_sent_again_once_a_round_trip_however_often_it_is_asked_for() {
    let now = start();
    let mut cache = Cache::new(CacheConfig::default());
    cache.insert(now, ExtendedSequence(65_535), 'a', 100);
    cache.insert(now, ExtendedSequence(65_536), 'b', 200);
    let mut resent = Vec::new();
    // Copies of requests, reordered, every 4 ms.
    for ms in (20..400).step_by(4) {
        if let Ok(packet) = cache.request(now + MS * ms, SequenceNumber(0), ROUND_TRIP) {
            assert_eq!(*packet, 'b');
            resent.push(ms);
        }
    }
    assert_eq!(resent, [20, 92, 164, 236, 308, 380]);
    assert_eq!(cache.request(now + MS * 400, SequenceNumber(65_535), ROUND_TRIP), Ok(&'a'));
    let stats = cache.stats();
    assert_eq!((stats.resent, stats.resent_bytes, stats.too_soon), (7, 1300, 95 - 6));
}

#[test]
fn one_who_asks_again_after_exactly_a_round_trip_is_heard() {
    let now = start();
    let mut cache = Cache::new(CacheConfig::default());
    cache.insert(now, ExtendedSequence(5), (), 1);
    for tries in 0..10 {
        assert_eq!(cache.request(now + ROUND_TRIP * tries, SequenceNumber(5), ROUND_TRIP), Ok(&()));
    }
    let last = now + ROUND_TRIP * 10;
    assert_eq!(cache.request(last, SequenceNumber(5), ROUND_TRIP), Err(Refusal::Exhausted));
    assert_eq!(cache.stats().exhausted, 1);
}

#[test]
fn copies_of_a_request_are_refused_though_the_round_trip_is_not_known() {
    let now = start();
    let mut cache = Cache::new(CacheConfig::default());
    cache.insert(now, ExtendedSequence(5), (), 1);
    assert!(cache.request(now, SequenceNumber(5), Duration::ZERO).is_ok());
    assert_eq!(cache.request(now + MS, SequenceNumber(5), Duration::ZERO), Err(Refusal::TooSoon));
    assert!(cache.request(now + MS * 5, SequenceNumber(5), Duration::ZERO).is_ok());
}

#[test]
fn what_was_never_sent_is_told_from_what_is_gone() {
    let now = start();
    let mut cache = Cache::new(config(|config| config.max_packets = 4));
    assert_eq!(cache.request(now, SequenceNumber(0), ROUND_TRIP), Err(Refusal::TooOld));
    for number in [10, 11, 13, 14] {
        cache.insert(now, ExtendedSequence(number), number, 1);
    }
    assert_eq!(cache.request(now, SequenceNumber(10), ROUND_TRIP), Err(Refusal::TooOld));
    assert_eq!(cache.request(now, SequenceNumber(11), ROUND_TRIP), Ok(&11));
    assert_eq!(cache.request(now, SequenceNumber(12), ROUND_TRIP), Err(Refusal::Unknown));
    assert_eq!(cache.request(now, SequenceNumber(15), ROUND_TRIP), Err(Refusal::Unknown));
    // One that was left out comes late.
    cache.insert(now, ExtendedSequence(12), 12, 1);
    assert_eq!(cache.request(now, SequenceNumber(12), ROUND_TRIP), Ok(&12));
    cache.insert(now, ExtendedSequence(9), 9, 1);
    assert_eq!(cache.request(now, SequenceNumber(9), ROUND_TRIP), Err(Refusal::TooOld));
    assert_eq!((cache.stats().packets, cache.stats().too_old, cache.stats().unknown), (4, 3, 2));
}

#[test]
fn packets_are_kept_for_two_seconds_and_a_megabyte() {
    let now = start();
    let mut cache = Cache::new(CacheConfig::default());
    cache.insert(now, ExtendedSequence(1), (), 1200);
    cache.insert(now + MS * 1000, ExtendedSequence(2), (), 1200);
    assert!(cache.request(now + MS * 2000, SequenceNumber(1), ROUND_TRIP).is_ok());
    assert_eq!(cache.request(now + MS * 2001, SequenceNumber(1), ROUND_TRIP), Err(Refusal::TooOld));
    cache.expire(now + MS * 2001);
    assert_eq!(cache.stats().packets, 1);
    for number in 3..2000 {
        cache.insert(now + MS * 2001, ExtendedSequence(number), (), 1200);
        assert!(cache.stats().bytes <= 1 << 20);
    }
    assert_eq!(cache.stats().packets, (1 << 20) / 1200);
    cache.insert(now + MS * 4002, ExtendedSequence(2000), (), 1200);
    assert_eq!(cache.stats().packets, 1);
    cache.clear();
    assert_eq!((cache.stats().packets, cache.stats().bytes), (0, 0));
    assert!(cache.request(now + MS * 4002, SequenceNumber(2000), ROUND_TRIP).is_err());
}

#[test]
fn numbers_may_jump_anywhere() {
    let now = start();
    let mut cache = Cache::new(config(|config| config.max_packets = usize::MAX));
    for number in [0, 20_000, u64::MAX - 2, 3, u64::MAX - 1] {
        cache.insert(now, ExtendedSequence(number), number, 1);
    }
    assert_eq!(cache.request(now, SequenceNumber(65_534), ROUND_TRIP), Ok(&(u64::MAX - 1)));
    assert_eq!(cache.stats().packets, 2);
}

proptest! {
    /// Against a map of all that was sent.
    #[test]
    fn what_is_handed_out_is_what_was_sent_under_the_number(
        first in prop_oneof![0u64..10, 65_400..65_600u64, (1 << 40)..(1u64 << 41)],
        steps in prop::collection::vec((0..3u64, 0..60u64, 1..2000usize, 0..300u64), 1..300),
    ) {
        let mut now = start();
        let bounds = config(|config| {
            config.max_age = MS * 500;
            config.max_bytes = 50_000;
            config.max_packets = 100;
        });
        let mut cache = Cache::new(bounds);
        let (mut sent, mut asked) = (BTreeMap::new(), BTreeMap::<u64, Instant>::new());
        let mut next = first;
        for (gap, wait, len, back) in steps {
            now += Duration::from_millis(wait);
            next += gap + 1;
            sent.insert(next, (now, len));
            cache.insert(now, ExtendedSequence(next), (next, len), len);
            let stats = cache.stats();
            prop_assert!(stats.bytes <= 50_000 && stats.packets <= 100);

            let wanted = ExtendedSequence(next.saturating_sub(back));
            let newer: usize = sent.range(wanted.0..).map(|(_, (_, len))| len).sum();
            match cache.request(now, wanted.wire(), ROUND_TRIP) {
                Ok((number, len)) => {
                    let (at, expected) = sent.get(&wanted.0).copied().unwrap();
                    prop_assert_eq!((*number, *len), (wanted.0, expected));
                    prop_assert!(now - at <= MS * 500);
                    if let Some(before) = asked.insert(wanted.0, now) {
                        prop_assert!(now - before >= MS * 70);
                    }
                }
                Err(Refusal::Unknown) => prop_assert!(!sent.contains_key(&wanted.0)),
                Err(Refusal::TooSoon) => prop_assert!(now - *asked.get(&wanted.0).unwrap() < MS * 70),
                // An empty place before the first that is kept may be gone too.
                Err(Refusal::TooOld) => prop_assert!(
                    wanted.0 + 100 <= next
                        || newer > 50_000
                        || sent.get(&wanted.0).is_none_or(|(at, _)| now - *at > MS * 500)
                ),
                Err(Refusal::Exhausted) => prop_assert!(asked.contains_key(&wanted.0)),
            }
        }
    }
}
