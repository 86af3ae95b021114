#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test panics")]
//! How soon frames are complete over a network that loses, swaps and doubles packets, repaired by requests alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter;
use std::time::{Duration, Instant};

use duologue_netsim::{Addresses, Link, Loss, Network, Node};
use duologue_rtp::ExtendedSequence;
use duologue_rtp::stream::nack::{Nack, NackConfig};

const SECONDS: u64 = 60;
const FRAMES: u64 = 30 * SECONDS;
const PACKET: usize = 1200;
/// 1.5 Mbit/s at 30 frames a second.
const MEAN: usize = 6250;
/// How long after a repeated request its copy follows.
const COPY_WAIT: Duration = Duration::from_millis(10);

#[derive(Clone, Copy)]
struct Part {
    frame: u64,
    len: usize,
}

struct Sender {
    to: Addresses,
    start: Instant,
    /// Every packet of the stream, by its number.
    parts: Vec<Part>,
    /// When each frame was sent, and of how many packets.
    frames: Vec<(Instant, u64)>,
    queue: VecDeque<u64>,
    answers: VecDeque<u64>,
    /// When each packet was last sent again.
    answered: BTreeMap<u64, Instant>,
    /// The length of each datagram sent.
    transmissions: Vec<usize>,
    repair_bytes: usize,
}

struct Receiver {
    to: Addresses,
    nack: Nack,
    had: BTreeSet<u64>,
    transmissions: BTreeSet<u64>,
    /// Packets of each frame that have come, and when the last of them did.
    frames: BTreeMap<u64, (u64, Instant)>,
    asked: Vec<ExtendedSequence>,
    requests: VecDeque<Vec<u8>>,
    /// When each packet was first asked for in this turn, and in which turn.
    turns: BTreeMap<u64, (Instant, u32)>,
    copies: u64,
    soonest_repeat: Option<Duration>,
    most_missing: usize,
}

enum Peer {
    Sender(Box<Sender>),
    Receiver(Box<Receiver>),
}

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Sender(sender) => sender.capture(now),
            Self::Receiver(receiver) => {
                receiver.ask(now);
                assert!(receiver.nack.deadline().is_none_or(|deadline| deadline > now));
            }
        }
    }

    fn handle_datagram(&mut self, now: Instant, _addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Sender(sender) => {
                for number in datagram.chunks_exact(8).map(|n| u64::from_be_bytes(n.try_into().unwrap())) {
                    sender.answer(now, number);
                }
            }
            Self::Receiver(receiver) => receiver.packet(now, datagram),
        }
    }

    fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Sender(sender) => sender.transmit(out),
            Self::Receiver(receiver) => {
                out.extend_from_slice(&receiver.requests.pop_front()?);
                Some(receiver.to)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Sender(sender) => sender.next_frame().map(|(_, at)| at),
            Self::Receiver(receiver) => receiver.nack.deadline(),
        }
    }
}

impl Sender {
    fn next_frame(&self) -> Option<(u64, Instant)> {
        let next = self.frames.len() as u64;
        (next < FRAMES).then(|| (next, self.start + Duration::from_nanos(next * 1_000_000_000 / 30)))
    }

    fn capture(&mut self, now: Instant) {
        while let Some((frame, _)) = self.next_frame().filter(|(_, at)| *at <= now) {
            // Of 120 frames one is five times the mean; the others make up for it.
            let len = if frame.is_multiple_of(120) { MEAN * 5 } else { MEAN * 115 / 119 };
            let count = len.div_ceil(PACKET);
            for part in 0..count {
                self.queue.push_back(self.parts.len() as u64);
                self.parts.push(Part { frame, len: len / count + usize::from(part < len % count) });
            }
            self.frames.push((now, count as u64));
        }
    }

    /// Once a round trip, as a packet cache does.
    fn answer(&mut self, now: Instant, number: u64) {
        if self.answered.get(&number).is_none_or(|last| now - *last >= Duration::from_millis(70)) {
            self.answered.insert(number, now);
            self.answers.push_back(number);
        }
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Option<Addresses> {
        let answer = self.answers.pop_front();
        let number = answer.or_else(|| self.queue.pop_front())?;
        let part = self.parts[usize::try_from(number).unwrap()];
        for field in [u64::from(answer.is_some()), number, part.frame, self.transmissions.len() as u64] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.resize(part.len, 0);
        self.transmissions.push(part.len);
        if answer.is_some() {
            self.repair_bytes += part.len;
        }
        Some(self.to)
    }
}

impl Receiver {
    fn packet(&mut self, now: Instant, datagram: &[u8]) {
        let field = |at: usize| u64::from_be_bytes(datagram[at * 8..at * 8 + 8].try_into().unwrap());
        let (repaired, number, frame) = (field(0) == 1, field(1), field(2));
        self.transmissions.insert(field(3));
        self.nack.received(ExtendedSequence(number), now, repaired);
        if self.had.insert(number) {
            let entry = self.frames.entry(frame).or_insert((0, now));
            *entry = (entry.0 + 1, now);
        }
        self.most_missing = self.most_missing.max(self.nack.missing());
        self.ask(now);
    }

    fn ask(&mut self, now: Instant) {
        self.asked.clear();
        if self.nack.poll(now, &mut self.asked) == 0 {
            return;
        }
        assert!(self.asked.is_sorted());
        let mut request = Vec::new();
        for number in &self.asked {
            assert!(!self.had.contains(&number.0), "asked for what is there");
            let turn = self.turns.entry(number.0).or_insert((now, 0));
            let pause = now - turn.0;
            if turn.1 > 1 && pause <= COPY_WAIT {
                self.copies += 1;
            } else {
                if turn.1 > 0 {
                    let soonest = self.soonest_repeat.unwrap_or(pause);
                    self.soonest_repeat = Some(soonest.min(pause));
                }
                *turn = (now, turn.1 + 1);
            }
            request.extend_from_slice(&number.0.to_be_bytes());
        }
        self.requests.push_back(request);
    }
}

/// What a run came to.
#[derive(Debug)]
struct Outcome {
    /// Frames complete within 300 and within 400 ms, in percent.
    within: [f64; 2],
    /// Bytes of repairs sent, by the bytes lost, lost repairs among them.
    repair_ratio: f64,
    lost: u64,
    overtaken: u64,
    /// Requests that were told twice.
    copies: u64,
    soonest_repeat: Duration,
    most_missing: usize,
    reorder_wait: Duration,
}

fn run(seed: u64, loss: &Loss) -> Outcome {
    let link = Link {
        rate: Some(10_000_000),
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(1),
        loss: loss.clone(),
        duplicate: 0.01,
        reorder: 0.02,
        reorder_delay: Duration::from_millis(6),
        ..Link::default()
    };
    let mut network = Network::pair(seed, &link);
    let (a, b) = ("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:2000".parse().unwrap());
    let start = network.now();
    let mut peers = [
        Peer::Sender(Box::new(Sender {
            to: Addresses { source: a, destination: b },
            start,
            parts: Vec::new(),
            frames: Vec::new(),
            queue: VecDeque::new(),
            answers: VecDeque::new(),
            answered: BTreeMap::new(),
            transmissions: Vec::new(),
            repair_bytes: 0,
        })),
        Peer::Receiver(Box::new(Receiver {
            to: Addresses { source: b, destination: a },
            nack: Nack::new(NackConfig::default()),
            had: BTreeSet::new(),
            transmissions: BTreeSet::new(),
            frames: BTreeMap::new(),
            asked: Vec::new(),
            requests: VecDeque::new(),
            turns: BTreeMap::new(),
            copies: 0,
            soonest_repeat: None,
            most_missing: 0,
        })),
    ];
    network.run_to(&mut peers, start + Duration::from_secs(SECONDS + 2));
    let [Peer::Sender(sender), Peer::Receiver(receiver)] = &peers else { unreachable!() };
    assert_eq!(sender.frames.len() as u64, FRAMES);
    let within = [300, 400].map(|limit| {
        let limit = Duration::from_millis(limit);
        let complete = (0..).zip(&sender.frames).filter(|(frame, (sent, count))| {
            receiver.frames.get(frame).is_some_and(|(had, at)| had == count && *at - *sent <= limit)
        });
        complete.count() as f64 / FRAMES as f64 * 100.0
    });
    let lost_bytes: usize = (0..)
        .zip(&sender.transmissions)
        .filter(|(number, _)| !receiver.transmissions.contains(number))
        .map(|(_, len)| len)
        .sum();
    let counters = receiver.nack.counters();
    Outcome {
        within,
        repair_ratio: sender.repair_bytes as f64 / lost_bytes as f64,
        lost: network.stats().lost,
        overtaken: counters.overtaken,
        copies: receiver.copies,
        soonest_repeat: receiver.soonest_repeat.unwrap_or_default(),
        most_missing: receiver.most_missing,
        reorder_wait: receiver.nack.reorder_wait(),
    }
}

fn check(name: &str, loss: &Loss, limit: usize, least: f64) {
    let mut worst = (100.0f64, 0.0f64);
    for seed in 0..8 {
        let outcome = run(seed, loss);
        println!("{name}, seed {seed}: {outcome:?}");
        worst = (worst.0.min(outcome.within[limit]), worst.1.max(outcome.repair_ratio));
        assert!(outcome.lost > 400 && outcome.overtaken > 20, "the network did its worst");
        assert!(outcome.copies > 20, "what was asked for in vain is asked for twice");
        assert!(outcome.soonest_repeat >= Duration::from_millis(80), "twice in one round trip");
        assert!(outcome.most_missing < 200);
        assert!(outcome.reorder_wait >= Duration::from_millis(6), "as long as packets are overtaken by");
    }
    println!("{name}, worst: {:.2}% in time, repairs {:.2} times the lost", worst.0, worst.1);
    assert!(worst.0 >= least, "{name}: {:.2}%", worst.0);
    assert!(worst.1 < 1.5, "{name}: {:.2} times the bytes lost", worst.1);
}

#[test]
fn frames_are_complete_within_300_ms_at_5_percent_loss() {
    check("5%", &Loss::Random(0.05), 0, 99.5);
}

#[test]
fn frames_are_complete_within_400_ms_at_15_percent_loss() {
    check("15%", &Loss::Random(0.15), 1, 97.0);
}

/// A first instant, and the one that is so many milliseconds later.
fn clock() -> impl Fn(u64) -> Instant {
    let start = Network::new(0).now();
    move |millis| start + Duration::from_millis(millis)
}

/// What is asked for, until nothing more is due before `until`; with the time of each request.
fn asked(nack: &mut Nack, until: Instant) -> Vec<(u64, Instant)> {
    let mut all = Vec::new();
    while let Some(deadline) = nack.deadline().filter(|deadline| *deadline <= until) {
        let mut out = Vec::new();
        nack.poll(deadline, &mut out);
        assert!(nack.deadline().is_none_or(|next| next > deadline), "progress");
        all.extend(out.iter().map(|number| (number.0, deadline)));
    }
    all
}

#[test]
fn a_missing_packet_is_asked_for_until_it_comes() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    nack.set_round_trip(Duration::from_millis(50));
    for number in [10, 11, 14] {
        nack.received(ExtendedSequence(number), at(0), false);
    }
    let first = asked(&mut nack, at(20));
    assert_eq!(first.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [12, 13]);
    nack.received(ExtendedSequence(12), at(55), true);
    let again = asked(&mut nack, at(120));
    assert_eq!(again.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [13, 13]);
    assert!(again[0].1 >= at(50) && again[0].1 <= at(100));
    assert_eq!(again[1].1, again[0].1 + COPY_WAIT, "a repeated request is told twice");
    nack.received(ExtendedSequence(13), at(150), true);
    assert_eq!((nack.deadline(), nack.missing()), (None, 0));
    assert_eq!(nack.poll(at(10_000), &mut Vec::new()), 0);
    let counters = nack.counters();
    assert_eq!((counters.missing, counters.requests, counters.repaired), (2, 4, 2));
    assert!(!nack.take_gave_up());
}

#[test]
fn requests_back_off_and_end() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    nack.set_round_trip(Duration::from_millis(30));
    nack.received(ExtendedSequence(1), at(0), false);
    nack.received(ExtendedSequence(3), at(0), false);
    let all: Vec<_> = asked(&mut nack, at(5000)).iter().map(|(_, at)| *at).collect();
    // A quarter of the round trip after each but the first.
    let (first, repeats) = all.split_first().unwrap();
    let repeats: Vec<_> = repeats.chunks(2).collect();
    let near = Duration::from_micros(7500);
    assert!(repeats.iter().all(|pair| matches!(pair, [one, copy] if *copy - *one == near)), "{repeats:?}");
    let times: Vec<_> = iter::once(*first).chain(repeats.iter().map(|pair| pair[0])).collect();
    assert!(times.len() > 4 && times.len() <= 10, "{}", times.len());
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.is_sorted() && pauses[0] >= Duration::from_millis(30));
    assert!(pauses[pauses.len() - 1] > pauses[0] * 2, "{pauses:?}");
    assert!(times[times.len() - 1] <= at(1000));
    assert!(nack.take_gave_up() && !nack.take_gave_up());
    assert_eq!((nack.counters().given_up, nack.missing(), nack.deadline()), (1, 0, None));
    // It comes after all.
    nack.received(ExtendedSequence(2), at(5000), true);
    assert_eq!(nack.missing(), 0);
}

#[test]
fn requests_wait_for_as_long_as_packets_are_overtaken_by() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    nack.set_round_trip(Duration::from_millis(100));
    nack.received(ExtendedSequence(0), at(0), false);
    assert!(nack.reorder_wait() < Duration::from_millis(5), "a link that keeps the order is asked soon");
    // Each second packet comes 12 ms late.
    let mut out = Vec::new();
    let mut wrong = Vec::new();
    for pair in 0..100u64 {
        let now = 20 * pair;
        nack.received(ExtendedSequence(pair * 2 + 2), at(now), false);
        for step in 0..12 {
            nack.poll(at(now + step), &mut out);
        }
        nack.received(ExtendedSequence(pair * 2 + 1), at(now + 12), false);
        wrong.push(out.len());
        out.clear();
    }
    assert_eq!(wrong.iter().sum::<usize>(), 1, "only the first was asked for in vain: {wrong:?}");
    assert_eq!(nack.counters().overtaken, 100);
    assert!(nack.reorder_wait() >= Duration::from_millis(12));
    // And the wait shrinks again.
    for second in 3..60u64 {
        nack.received(ExtendedSequence(200 + second * 2), at(second * 1000), false);
        nack.received(ExtendedSequence(199 + second * 2), at(second * 1000), true);
    }
    assert!(nack.reorder_wait() < Duration::from_millis(5), "{:?}", nack.reorder_wait());
}

#[test]
fn a_long_gap_is_given_up_and_not_asked_for() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    for number in [1, 3, 5003] {
        nack.received(ExtendedSequence(number), at(0), false);
    }
    assert!(nack.take_gave_up());
    assert_eq!((nack.missing(), nack.deadline()), (0, None));
    assert_eq!(nack.counters().given_up, 5000);
    nack.received(ExtendedSequence(5005), at(1), false);
    assert_eq!(asked(&mut nack, at(30)), [(5004, at(3))]);
    // 500 are the longest.
    nack.received(ExtendedSequence(5005 + 501), at(31), false);
    assert_eq!(asked(&mut nack, at(35)).len(), 500);
    nack.received(ExtendedSequence(5506 + 502), at(36), false);
    assert_eq!((nack.missing(), nack.deadline()), (0, None));
}

#[test]
fn so_many_are_missing_at_once_and_no_more() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    for number in 0..100_000u64 {
        nack.received(ExtendedSequence(number * 2), at(0), false);
        assert!(nack.missing() <= 1000);
    }
    assert!(nack.take_gave_up());
    assert_eq!(nack.counters().given_up, 100_000 - 1 - 1000);
    let mut out = Vec::new();
    assert_eq!(nack.poll(at(5), &mut out), 1000);
    assert_eq!(out[999], ExtendedSequence(199_997));
}

#[test]
fn holes_that_were_filled_take_no_room_from_one_that_was_not() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    nack.received(ExtendedSequence(0), at(0), false);
    // The first hole stays; of each further pair the first is overtaken by the second.
    for number in (2..20_000u64).step_by(2) {
        nack.received(ExtendedSequence(number + 1), at(0), false);
        nack.received(ExtendedSequence(number), at(0), false);
        assert_eq!(nack.missing(), 1);
    }
    assert!(!nack.take_gave_up());
    assert_eq!(nack.counters().given_up, 0);
    assert_eq!(asked(&mut nack, at(3)).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1]);
}

/// With a search of all that is missing for each hole this would take a billion steps.
#[test]
fn whatever_a_peer_leaves_out_what_is_missing_is_bounded_and_each_packet_is_accounted_for() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    let mut number = 0u64;
    let mut out = Vec::new();
    for turn in 0..3000u64 {
        // Bursts of the longest gaps that are asked for, at times a longer one, short ones after it, and late packets that fill
        // a few.
        number += match turn % 100 {
            99 => 30_000,
            98 => 502,
            30.. => 501,
            _ => 10,
        };
        let now = at(turn * 4);
        nack.received(ExtendedSequence(number), now, false);
        nack.received(ExtendedSequence(number.saturating_sub(turn % 700)), now, turn % 2 == 0);
        out.clear();
        if turn % 7 == 0 {
            assert!(nack.poll(now, &mut out) <= 1000);
        }
        assert!(nack.missing() <= 1000);
        let counters = nack.counters();
        let over = counters.repaired + counters.overtaken + counters.given_up + counters.skipped;
        assert_eq!(counters.missing, over + nack.missing() as u64);
    }
    let counters = nack.counters();
    assert!(counters.repaired > 100 && counters.overtaken > 100 && counters.requests > 1000, "{counters:?}");
    // Nothing of it outlives its age.
    assert!(asked(&mut nack, at(20_000)).iter().all(|(_, when)| *when < at(3000 * 4 + 1000)));
    assert_eq!((nack.missing(), nack.deadline()), (0, None));
}

#[test]
fn a_leap_to_the_last_number_of_all_is_survived() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    for number in [0, 2, u64::MAX - 2, u64::MAX, 5] {
        nack.received(ExtendedSequence(number), at(0), false);
    }
    assert_eq!((nack.missing(), nack.take_gave_up()), (1, true));
    assert_eq!(asked(&mut nack, at(3)), [(u64::MAX - 1, at(2))]);
}

#[test]
fn what_is_of_no_use_is_not_asked_for() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    for number in [0, 2, 4, 6] {
        nack.received(ExtendedSequence(number), at(0), false);
    }
    nack.skip_before(ExtendedSequence(5));
    assert!(!nack.take_gave_up());
    assert_eq!(nack.counters().skipped, 2);
    assert_eq!(asked(&mut nack, at(20)), [(5, at(2))]);
    nack.skip_before(ExtendedSequence(9));
    nack.received(ExtendedSequence(11), at(30), false);
    assert_eq!(asked(&mut nack, at(40)), [(9, at(32)), (10, at(32))]);
    nack.skip_before(ExtendedSequence(3));
    assert_eq!(nack.missing(), 2, "what was skipped does not come back");
}

#[test]
fn a_source_that_begins_anew_is_followed() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    for number in [9000, 9002] {
        nack.received(ExtendedSequence(number), at(0), false);
    }
    nack.restart();
    assert_eq!(nack.deadline(), None);
    for number in [100, 102] {
        nack.received(ExtendedSequence(number), at(1), false);
    }
    assert_eq!(asked(&mut nack, at(20)), [(101, at(3))]);
}

#[test]
fn a_round_trip_that_grows_is_learnt_from_repairs() {
    let at = clock();
    let mut nack = Nack::new(NackConfig::default());
    nack.set_round_trip(Duration::from_millis(20));
    nack.received(ExtendedSequence(0), at(0), false);
    let mut counts = Vec::new();
    // Each second packet is lost, and each request for it is answered after 200 ms.
    for round in 0..60u64 {
        let now = round * 1000;
        nack.received(ExtendedSequence(round * 2 + 2), at(now), false);
        let (mut count, mut answers) = (0, VecDeque::new());
        for step in 0..900 {
            let mut out = Vec::new();
            count += nack.poll(at(now + step), &mut out);
            answers.extend(out.iter().map(|number| (now + step + 200, *number)));
            while let Some((due, number)) = answers.front().copied()
                && due <= now + step
            {
                answers.pop_front();
                nack.received(number, at(now + step), true);
            }
        }
        counts.push(count);
    }
    assert!(counts[0] > 3, "{counts:?}");
    assert!(counts[20..].iter().all(|count| *count == 1), "once in a round trip: {counts:?}");
}
