//! One stream out of several.

use duologue_netsim::Network;
use duologue_rtp::stream::forward::Forwarder;
use duologue_rtp::{ExtendedSequence, ExtendedTimestamp};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

struct Sut(Forwarder<char>, Instant);

impl Sut {
    fn new() -> Self {
        Self(Forwarder::new(90_000), Network::new(0).now())
    }

    fn forward(&mut self, ms: u32, source: char, sequence: u64, timestamp: u64) -> Option<(u64, u32)> {
        self.0.forward(self.1 + MS * ms, source, ExtendedSequence(sequence), ExtendedTimestamp(timestamp))
    }
}

#[test]
fn gaps_and_reordering_of_a_source_stay_as_they_are() {
    let mut sut = Sut::new();
    assert_eq!(sut.forward(0, 'a', 65_534, 1 << 32), Some((0, 0)));
    assert_eq!(sut.forward(0, 'a', 65_537, (1 << 32) + 3000), Some((3, 3000)));
    assert_eq!(sut.forward(0, 'a', 65_535, 1 << 32), Some((1, 0)));
    assert_eq!(sut.forward(0, 'a', 65_536, (1 << 32) - 9), Some((2, u32::MAX - 8)));
}

#[test]
fn a_switch_goes_on_with_the_next_number_and_the_time_passed() {
    let mut sut = Sut::new();
    assert_eq!(sut.forward(0, 'a', 1000, 5_000_000), Some((0, 0)));
    assert_eq!(sut.forward(33, 'a', 1001, 5_003_000), Some((1, 3000)));
    // The frame's last packet comes later: its time counts from its first.
    assert_eq!(sut.forward(40, 'a', 1002, 5_003_000), Some((2, 3000)));
    assert_eq!(sut.forward(63, 'b', 7, 90), Some((3, 3000 + 2700)));
    assert_eq!(sut.forward(63, 'b', 8, 90), Some((4, 3000 + 2700)));
    assert_eq!(sut.0.source(), Some('b'));
    // Without any time passed, still another frame.
    assert_eq!(sut.forward(63, 'c', u64::MAX, u64::MAX), Some((5, 3000 + 2701)));
}

#[test]
fn what_comes_from_before_a_switch_is_refused() {
    let mut sut = Sut::new();
    sut.forward(0, 'a', 100, 0).unwrap();
    sut.forward(0, 'a', 102, 0).unwrap();
    assert_eq!(sut.forward(10, 'b', 50, 0), Some((3, 900)));
    assert_eq!(sut.forward(11, 'b', 49, 0), None);
    assert_eq!(sut.forward(11, 'a', 101, 0), None);
    assert_eq!(sut.forward(11, 'a', 102, 0), None);
    assert_eq!(sut.0.source(), Some('b'));
    assert_eq!(sut.forward(12, 'b', 51, 0), Some((4, 900)));
    // Back to the first, whose late packets are still known.
    assert_eq!(sut.forward(20, 'a', 110, 900), Some((5, 1800)));
    assert_eq!(sut.forward(20, 'a', 109, 900), None);
    assert_eq!(sut.forward(20, 'b', 51, 900), None);
}

#[test]
fn what_is_skipped_leaves_no_gap() {
    let mut sut = Sut::new();
    sut.0.skip('a', ExtendedSequence(9));
    assert_eq!(sut.forward(0, 'a', 10, 0), Some((0, 0)));
    for number in [11, 12, 14] {
        sut.0.skip('a', ExtendedSequence(number));
    }
    sut.0.skip('b', ExtendedSequence(15));
    assert_eq!(sut.forward(0, 'a', 15, 0), Some((2, 0)));
    // The one that was missing has its number; those that were skipped have none.
    assert_eq!(sut.forward(0, 'a', 13, 0), Some((1, 0)));
    assert_eq!((sut.forward(0, 'a', 12, 0), sut.forward(0, 'a', 14, 0)), (None, None));
    // Skipped too late: the gap is seen already.
    assert_eq!(sut.forward(0, 'a', 17, 0), Some((4, 0)));
    sut.0.skip('a', ExtendedSequence(16));
    assert_eq!((sut.forward(0, 'a', 16, 0), sut.forward(0, 'a', 18, 0)), (None, Some((5, 0))));
    // A switch after a skip goes on without a gap too.
    sut.0.skip('a', ExtendedSequence(19));
    assert_eq!(sut.forward(0, 'b', 3, 0), Some((6, 1)));
}

#[test]
fn no_number_is_given_twice_and_none_long_after() {
    let mut sut = Sut::new();
    sut.forward(0, 'a', 0, 0).unwrap();
    assert_eq!(sut.forward(0, 'a', 0, 0), None);
    sut.forward(0, 'a', 1024, 0).unwrap();
    assert_eq!(sut.forward(0, 'a', 1, 0), Some((1, 0)));
    assert_eq!(sut.forward(0, 'a', 1, 0), None);
    sut.forward(0, 'a', 1027, 0).unwrap();
    assert_eq!((sut.forward(0, 'a', 3, 0), sut.forward(0, 'a', 4, 0)), (None, Some((4, 0))));
}

#[test]
fn a_jump_within_a_source_becomes_a_gap_of_one() {
    let mut sut = Sut::new();
    sut.forward(0, 'a', 5, 0).unwrap();
    sut.0.skip('a', ExtendedSequence(90_000));
    assert_eq!(sut.forward(10, 'a', 40_000, 77), Some((2, 900)));
    assert_eq!(sut.forward(10, 'a', 40_001, 77), Some((3, 900)));
    assert_eq!(sut.forward(10, 'a', 39_999, 77), None);
    assert_eq!(sut.forward(10, 'a', 6, 77), None);
}

#[test]
fn a_stream_goes_on_through_thousands_of_runs_of_skipped_packets() {
    let mut sut = Sut::new();
    for number in 0..10_000 {
        let (source, place) = (number * 3, (number, u32::try_from(number).unwrap()));
        assert_eq!(sut.forward(0, 'a', source, number), Some(place));
        sut.0.skip('a', ExtendedSequence(source + 1));
        sut.0.skip('a', ExtendedSequence(source + 2));
    }
}

#[derive(Debug, Clone)]
enum Op {
    /// The source's next number, ahead by so many.
    Next(u64),
    /// One from further back.
    Late(u64),
    Skip(u64),
    Switch(usize, u64),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1..4u64).prop_map(Op::Next),
        3 => (0..12u64).prop_map(Op::Late),
        3 => (1..3u64).prop_map(Op::Skip),
        1 => (0..3usize, 1..50u64).prop_map(|(source, ahead)| Op::Switch(source, ahead)),
        2 => (0..100u64).prop_map(Op::Wait),
    ]
}

proptest! {
    /// The model keeps every number of the current source since its switch: ours is the first one's, and one more for each
    /// number up to it that was not skipped in time.
    #[test]
    fn numbers_are_those_of_a_model_that_remembers_everything(ops in prop::collection::vec(op(), 1..400)) {
        let mut now = Network::new(0).now();
        let mut forwarder = Forwarder::<usize>::new(90_000);
        let mut highest = [1_000_u64, 65_500, 1 << 33];
        let (mut source, mut start, mut base) = (0, u64::MAX, 0);
        let (mut taken, mut given) = (BTreeSet::new(), BTreeMap::new());
        let mut seen = BTreeSet::new();
        let mut latest_timestamp: Option<u32> = None;
        for op in ops {
            let mut switched = start == u64::MAX;
            let number = match op {
                Op::Next(ahead) => highest[source] + ahead,
                Op::Late(back) => highest[source] - back,
                Op::Switch(to, ahead) => {
                    switched |= to != source;
                    source = to;
                    highest[source] + ahead
                }
                Op::Skip(ahead) => {
                    let number = highest[source] + ahead;
                    forwarder.skip(source, ExtendedSequence(number));
                    if start != u64::MAX {
                        highest[source] = number;
                        taken.insert(number);
                        seen.insert(number);
                    }
                    continue;
                }
                Op::Wait(ms) => {
                    now += Duration::from_millis(ms);
                    continue;
                }
            };
            if switched {
                base = given.keys().next_back().map_or(0, |last| last + 1);
                start = number;
                taken.clear();
                seen.clear();
            }
            highest[source] = highest[source].max(number);
            let got = forwarder.forward(now, source, ExtendedSequence(number), ExtendedTimestamp(number * 100));
            if number < start || !seen.insert(number) {
                prop_assert_eq!(got, None);
                continue;
            }
            let (ours, timestamp) = got.unwrap();
            prop_assert_eq!(ours, base + (number - start) - taken.range(..number).count() as u64);
            prop_assert_eq!(given.insert(ours, number), None);
            if switched && let Some(before) = latest_timestamp {
                let ahead = timestamp.wrapping_sub(before);
                prop_assert!((1..1 << 31).contains(&ahead), "{timestamp} after {before}");
            }
            let later = |before: u32| timestamp.wrapping_sub(before) < 1 << 31;
            if latest_timestamp.is_none_or(later) {
                latest_timestamp = Some(timestamp);
            }
        }
    }
}
