//! Streams: bytes in order whatever the links lose, and the ways in which they begin and end.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_netsim::{
    Addresses, Behaviour, FirewallConfig, InterfaceId, Link, Loss, NatConfig, NatKind, Network, Node, Outage,
    Realm, StreamEnd, StreamEvent, StreamFailure, StreamRequest,
};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a program has seen of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Opened(Addresses),
    Failed(StreamFailure),
    Closed(StreamEnd),
}

/// Asks for streams, writes to each what is queued, and keeps what it hears.
#[derive(Default)]
struct Program {
    requests: VecDeque<StreamRequest>,
    to_write: VecDeque<u8>,
    most_at_once: usize,
    heard: Vec<u8>,
    seen: Vec<(Instant, Seen)>,
}

impl Program {
    fn asking(requests: &[StreamRequest]) -> Self {
        Self { requests: requests.iter().copied().collect(), ..Self::default() }
    }

    fn writing(mut self, bytes: &[u8]) -> Self {
        self.to_write.extend(bytes);
        self
    }

    fn outcomes(&self) -> Vec<Seen> {
        self.seen.iter().map(|(_, seen)| seen.clone()).collect()
    }
}

impl Node for Program {
    fn handle_timeout(&mut self, _now: Instant) {}

    fn handle_datagram(&mut self, _now: Instant, _addresses: Addresses, _datagram: &mut [u8]) {}

    fn poll_transmit(&mut self, _now: Instant, _out: &mut Vec<u8>) -> Option<Addresses> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_stream_request(&mut self, _now: Instant) -> Option<StreamRequest> {
        self.requests.pop_front()
    }

    fn handle_stream(&mut self, now: Instant, stream: Addresses, event: StreamEvent<'_>) {
        let seen = match event {
            StreamEvent::Opened => Seen::Opened(stream),
            StreamEvent::Failed(failure) => Seen::Failed(failure),
            StreamEvent::Closed(end) => Seen::Closed(end),
            StreamEvent::Bytes(bytes) => {
                assert!(!bytes.is_empty());
                self.heard.extend_from_slice(bytes);
                return;
            }
        };
        self.seen.push((now, seen));
    }

    fn poll_stream_bytes(&mut self, _now: Instant, _stream: Addresses, room: usize, out: &mut Vec<u8>) {
        let count = room.min(self.to_write.len());
        out.extend(self.to_write.drain(..count));
        self.most_at_once = self.most_at_once.max(count);
    }
}

const DELAY: Duration = Duration::from_millis(25);
const SECOND: Duration = Duration::from_secs(1);

fn stream(source: &str, destination: &str) -> Addresses {
    Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn a_to_b() -> Addresses {
    stream("192.0.2.1:1000", "192.0.2.2:2000")
}

fn listen(address: &str) -> StreamRequest {
    StreamRequest::Listen(address.parse().unwrap())
}

/// Two programs, the second of which listens; the first opens a stream to it.
fn pair(link: &Link) -> (Network, [Program; 2]) {
    let network = Network::pair(3, link);
    let nodes =
        [Program::asking(&[StreamRequest::Open(a_to_b())]), Program::asking(&[listen("192.0.2.2:2000")])];
    (network, nodes)
}

fn run(network: &mut Network, nodes: &mut [Program], time: Duration) {
    let limit = network.now() + time;
    network.run_to(nodes, limit);
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

#[test]
fn a_stream_opens_after_a_round_trip_and_carries_bytes_both_ways() {
    let (mut network, [a, b]) = pair(&Link { delay: DELAY, ..Link::default() });
    let start = network.now();
    let mut nodes = [a.writing(b"question"), b.writing(b"answer")];
    run(&mut network, &mut nodes, SECOND);
    assert_eq!(nodes[0].seen, [(start + 2 * DELAY, Seen::Opened(a_to_b()))]);
    let b_to_a = stream("192.0.2.2:2000", "192.0.2.1:1000");
    assert_eq!(nodes[1].seen, [(start + 3 * DELAY, Seen::Opened(b_to_a))]);
    assert_eq!((&*nodes[0].heard, &*nodes[1].heard), (&b"answer"[..], &b"question"[..]));
}

#[test]
fn nobody_listening_refuses_and_silence_times_out() {
    let mut network = Network::pair(3, &Link { delay: DELAY, ..Link::default() });
    let start = network.now();
    let mut nodes = [
        Program::asking(&[
            StreamRequest::Open(a_to_b()),
            StreamRequest::Open(stream("192.0.2.1:1001", "192.0.2.99:1")),
            StreamRequest::Open(stream("192.0.2.77:1", "192.0.2.2:2000")),
        ]),
        Program::default(),
    ];
    run(&mut network, &mut nodes, 60 * SECOND);
    let expected = [
        (start, Seen::Failed(StreamFailure::NoInterface)),
        (start + 2 * DELAY, Seen::Failed(StreamFailure::Refused)),
        (start + 31 * SECOND, Seen::Failed(StreamFailure::TimedOut)),
    ];
    assert_eq!(nodes[0].seen, expected);
    assert!(nodes[1].seen.is_empty());
}

#[test]
fn loss_reordering_duplication_and_corruption_become_delay() {
    let clean = Link { delay: DELAY, rate: Some(8_000_000), ..Link::default() };
    let dirty =
        Link { loss: Loss::Random(0.05), reorder: 0.05, duplicate: 0.05, corrupt: 0.02, ..clean.clone() };
    let sent = bytes(300_000);
    let mut times = vec![];
    for link in [clean, dirty] {
        let (mut network, [a, b]) = pair(&link);
        let start = network.now();
        let mut nodes = [a.writing(&sent), b];
        let done = |nodes: &mut [Program]| nodes[1].heard.len() >= sent.len();
        assert!(network.run_until(&mut nodes, start + 300 * SECOND, done));
        assert!(nodes[1].heard == sent);
        assert!(nodes[0].most_at_once <= 65_536);
        times.push(network.now() - start);
        let stats = network.stats();
        if times.len() == 2 {
            assert!(stats.lost > 5 && stats.reordered > 5 && stats.duplicated > 5 && stats.corrupted > 2);
        } else {
            assert_eq!(stats.lost + stats.queue_dropped, 0);
        }
    }
    // 300,000 bytes and their headers at 8 Mbit/s take 311 ms; the window opens within a few round trips.
    assert!(times[0] > Duration::from_millis(311) && times[0] < Duration::from_millis(700), "{times:?}");
    assert!(times[1] > times[0] * 2, "{times:?}");
}

#[test]
fn a_slow_link_with_a_short_queue_is_filled_and_nothing_is_lost_for_good() {
    let slow = Link { delay: DELAY, rate: Some(1_000_000), ..Link::default() };
    let (mut network, [a, b]) = pair(&slow);
    let sent = bytes(500_000);
    let start = network.now();
    let mut nodes = [a.writing(&sent), b];
    let done = |nodes: &mut [Program]| nodes[1].heard.len() >= sent.len();
    assert!(network.run_until(&mut nodes, start + 60 * SECOND, done));
    assert!(nodes[1].heard == sent);
    assert!(network.stats().queue_dropped > 0);
    let time = network.now() - start;
    assert!(time > 4 * SECOND && time < 8 * SECOND, "{time:?}");
}

#[test]
fn what_a_node_can_write_is_bounded_until_it_is_acknowledged() {
    let (mut network, mut nodes) = pair(&Link { delay: DELAY, ..Link::default() });
    run(&mut network, &mut nodes, SECOND);
    nodes[0].to_write.extend(bytes(1_000_000));
    let just = network.now() + DELAY / 2;
    network.run_to(&mut nodes, just);
    assert_eq!(nodes[0].to_write.len(), 1_000_000 - 65_536);
}

#[test]
fn a_close_delivers_everything_first_and_a_reset_does_not() {
    let link = Link { delay: DELAY, loss: Loss::Random(0.1), ..Link::default() };
    for orderly in [true, false] {
        let (mut network, mut nodes) = pair(&link);
        run(&mut network, &mut nodes, 10 * SECOND);
        nodes[0].to_write.extend(bytes(60_000));
        let now = network.now();
        network.run_to(&mut nodes, now);
        let end = if orderly { StreamRequest::Close(a_to_b()) } else { StreamRequest::Reset(a_to_b()) };
        nodes[0].requests.push_back(end);
        run(&mut network, &mut nodes, 100 * SECOND);
        let ends = if orderly { StreamEnd::Finished } else { StreamEnd::Reset };
        assert_eq!(nodes[1].outcomes()[1..], [Seen::Closed(ends)]);
        assert_eq!(nodes[1].heard == bytes(60_000), orderly);
        assert_eq!(nodes[0].outcomes().len(), 1, "who ends a stream is told nothing");
        // The same addresses can be used again.
        nodes[0].requests.push_back(StreamRequest::Open(a_to_b()));
        run(&mut network, &mut nodes, 60 * SECOND);
        assert!(matches!(nodes[0].outcomes()[1], Seen::Opened(_)));
        assert_eq!(nodes[1].outcomes().len(), 3);
    }
}

#[test]
fn both_ends_opening_at_once_make_one_stream() {
    for link in [Link::default(), Link { loss: Loss::Random(0.2), ..Link::default() }] {
        let mut network = Network::pair(9, &Link { delay: DELAY, ..link });
        let b_to_a = stream("192.0.2.2:2000", "192.0.2.1:1000");
        let mut nodes = [a_to_b(), b_to_a]
            .map(|stream| Program::asking(&[StreamRequest::Open(stream)]).writing(b"hello"));
        run(&mut network, &mut nodes, 60 * SECOND);
        assert_eq!(nodes[0].outcomes(), [Seen::Opened(a_to_b())]);
        assert_eq!(nodes[1].outcomes(), [Seen::Opened(b_to_a)]);
        assert_eq!((&*nodes[0].heard, &*nodes[1].heard), (&b"hello"[..], &b"hello"[..]));
    }
}

/// A client behind a NAT or firewall at 203.0.113.1 or 192.0.2.9, and 192.0.2.2.
fn guarded(network: &mut Network, inside: Realm, ip: &str) -> InterfaceId {
    let link = Link { delay: DELAY, ..Link::default() };
    let (client, server) = (network.add_host(), network.add_host());
    let cable = network.add_interface(client, ip.parse().unwrap(), inside, link.clone(), link.clone());
    network.add_interface(server, "192.0.2.2".parse().unwrap(), Realm::INTERNET, link.clone(), link);
    cable
}

#[test]
fn streams_go_out_through_nats_and_firewalls_and_are_not_let_in() {
    let config = NatConfig { port_preservation: true, ..NatKind::PortRestricted.into() };
    for firewall in [false, true] {
        let mut network = Network::new(4);
        let blocked = FirewallConfig { datagrams: false, ..FirewallConfig::default() };
        let (inside, ip) = if firewall {
            (network.add_firewall(Realm::INTERNET, blocked), "192.0.2.9")
        } else {
            let public = "203.0.113.1".parse().unwrap();
            (network.add_nat(Realm::INTERNET, public, config.clone()), "10.0.0.1")
        };
        guarded(&mut network, inside, ip);
        let public = if firewall { "192.0.2.9:1000" } else { "203.0.113.1:1000" };
        let start = network.now();
        let in_again = stream("192.0.2.2:2001", public);
        let out = stream(&format!("{ip}:1000"), "192.0.2.2:2000");
        let mut nodes = [
            Program::asking(&[listen(&format!("{ip}:1000")), StreamRequest::Open(out)]).writing(b"out"),
            Program::asking(&[listen("192.0.2.2:2000"), StreamRequest::Open(in_again)]).writing(b"in"),
        ];
        run(&mut network, &mut nodes, 60 * SECOND);
        let seen = stream("192.0.2.2:2000", public);
        assert_eq!(nodes[0].outcomes(), [Seen::Opened(out)]);
        let timed_out = (start + 31 * SECOND, Seen::Failed(StreamFailure::TimedOut));
        assert_eq!(nodes[1].seen, [(start + 6 * DELAY, Seen::Opened(seen)), timed_out]);
        assert_eq!((&*nodes[0].heard, &*nodes[1].heard), (&b"in"[..], &b"out"[..]));
        assert_eq!(network.stats().nat_refused, 5, "the openings from outside");
    }
}

#[test]
fn a_simultaneous_open_passes_filters_that_refuse_the_first_of_the_two() {
    let mut network = Network::new(4);
    let config = NatConfig {
        port_preservation: true,
        filtering: Behaviour::AddressAndPortDependent,
        ..NatKind::FullCone.into()
    };
    let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), config);
    guarded(&mut network, inside, "10.0.0.1");
    let (a, b) = (stream("10.0.0.1:1000", "192.0.2.2:2000"), stream("192.0.2.2:2000", "203.0.113.1:1000"));
    let mut nodes = [Program::default(), Program::asking(&[StreamRequest::Open(b)])];
    run(&mut network, &mut nodes, SECOND / 2);
    assert_eq!(network.stats().nat_refused, 1);
    nodes[0].requests.push_back(StreamRequest::Open(a));
    run(&mut network, &mut nodes, SECOND);
    assert_eq!((nodes[0].outcomes(), nodes[1].outcomes()), (vec![Seen::Opened(a)], vec![Seen::Opened(b)]));
}

#[test]
fn a_nat_keeps_an_idle_stream_for_two_hours_and_its_reset_follows_what_the_inside_says_then() {
    for (idle, kept) in [(7_400, true), (7_500, false)] {
        let mut network = Network::new(4);
        let inside = network.add_nat(Realm::INTERNET, "203.0.113.1".parse().unwrap(), NatKind::FullCone);
        guarded(&mut network, inside, "10.0.0.1");
        let out = stream("10.0.0.1:1000", "192.0.2.2:2000");
        let mut nodes =
            [Program::asking(&[StreamRequest::Open(out)]), Program::asking(&[listen("192.0.2.2:2000")])];
        run(&mut network, &mut nodes, idle * SECOND);
        nodes[1].to_write.extend(b"still there?");
        run(&mut network, &mut nodes, SECOND);
        assert_eq!(nodes[0].heard.is_empty(), !kept);
        if kept {
            network.rebind_nat(inside);
        }
        assert_eq!(nodes[0].seen.len(), 1);
        nodes[0].to_write.extend(b"yes");
        run(&mut network, &mut nodes, SECOND);
        assert_eq!(nodes[0].outcomes()[1..], [Seen::Closed(StreamEnd::Reset)]);
        assert!(nodes[1].heard.is_empty());
    }
}

/// A pair whose first stream is open, and whose first host then loses exactly these of its segments. Those that open the
/// stream are its first two.
fn open_losing(lost: &[u64]) -> (Network, [Program; 2]) {
    let mut network = Network::new(3);
    let link = Link { delay: DELAY, ..Link::default() };
    let up = Link { loss: Loss::Listed(lost.iter().copied().collect()), ..link.clone() };
    let (a, b) = (network.add_host(), network.add_host());
    network.add_interface(a, "192.0.2.1".parse().unwrap(), Realm::INTERNET, up, Link::default());
    network.add_interface(b, "192.0.2.2".parse().unwrap(), Realm::INTERNET, link, Link::default());
    let mut nodes =
        [Program::asking(&[StreamRequest::Open(a_to_b())]), Program::asking(&[listen("192.0.2.2:2000")])];
    run(&mut network, &mut nodes, SECOND);
    assert_eq!(nodes[1].outcomes().len(), 1);
    (network, nodes)
}

#[test]
fn one_lost_segment_of_many_costs_a_round_trip() {
    let (mut network, mut nodes) = open_losing(&[3]);
    let start = network.now();
    nodes[0].to_write.extend(bytes(14_480));
    let done = |nodes: &mut [Program]| nodes[1].heard == bytes(14_480);
    assert!(network.run_until(&mut nodes, start + SECOND, done));
    assert_eq!((network.now() - start, network.stats().lost), (3 * DELAY, 1));
}

#[test]
fn bytes_that_are_sent_again_in_other_segments_are_heard_once() {
    let (mut network, mut nodes) = open_losing(&[2]);
    nodes[0].to_write.extend(b"abc");
    run(&mut network, &mut nodes, DELAY);
    nodes[0].to_write.extend(b"def");
    run(&mut network, &mut nodes, DELAY);
    assert!(nodes[1].heard.is_empty(), "the second waits for the first");
    run(&mut network, &mut nodes, 10 * SECOND);
    assert_eq!((&*nodes[1].heard, network.stats().lost), (&b"abcdef"[..], 1));
}

#[test]
fn a_stream_takes_the_place_of_one_that_its_opener_has_lost() {
    let mut network = Network::new(4);
    let cable = guarded(&mut network, Realm::INTERNET, "192.0.2.1");
    let mut nodes =
        [Program::asking(&[StreamRequest::Open(a_to_b())]), Program::asking(&[listen("192.0.2.2:2000")])];
    run(&mut network, &mut nodes, SECOND);
    network.remove_interface(cable);
    network.restore_interface(cable);
    nodes[0].requests.push_back(StreamRequest::Open(a_to_b()));
    nodes[0].to_write.extend(b"again");
    run(&mut network, &mut nodes, 10 * SECOND);
    assert_eq!(nodes[0].outcomes()[1..], [Seen::Closed(StreamEnd::Reset), Seen::Opened(a_to_b())]);
    assert_eq!(nodes[1].outcomes()[1], Seen::Closed(StreamEnd::Reset));
    assert_eq!((nodes[1].outcomes().len(), &*nodes[1].heard), (3, &b"again"[..]));
}

#[test]
fn a_removed_interface_resets_its_streams_and_silence_ends_those_with_bytes_under_way() {
    let mut network = Network::new(4);
    let cable = guarded(&mut network, Realm::INTERNET, "192.0.2.1");
    let mut nodes =
        [Program::asking(&[StreamRequest::Open(a_to_b())]), Program::asking(&[listen("192.0.2.2:2000")])];
    run(&mut network, &mut nodes, SECOND);
    // A short silence is survived.
    network.set_outage(cable, Outage::Both);
    nodes[0].to_write.extend(b"one");
    run(&mut network, &mut nodes, 3 * SECOND);
    network.set_outage(cable, Outage::None);
    run(&mut network, &mut nodes, 10 * SECOND);
    assert_eq!(nodes[1].heard, b"one");
    network.remove_interface(cable);
    run(&mut network, &mut nodes, SECOND);
    assert_eq!(nodes[0].outcomes()[1..], [Seen::Closed(StreamEnd::Reset)]);
    nodes[1].to_write.extend(b"two");
    run(&mut network, &mut nodes, 600 * SECOND);
    assert_eq!(nodes[1].outcomes()[1..], [Seen::Closed(StreamEnd::TimedOut)]);
    nodes[0].requests.push_back(StreamRequest::Open(a_to_b()));
    run(&mut network, &mut nodes, SECOND);
    assert_eq!(nodes[0].outcomes()[2..], [Seen::Failed(StreamFailure::NoInterface)]);
}

#[test]
fn equal_seeds_give_equal_streams() {
    let trace = |seed: u64| {
        let link = Link { delay: DELAY, loss: Loss::Random(0.2), ..Link::default() };
        let mut network = Network::pair(seed, &link);
        let start = network.now();
        let mut nodes =
            [Program::asking(&[StreamRequest::Open(a_to_b())]), Program::asking(&[listen("192.0.2.2:2000")])];
        nodes[0].to_write.extend(bytes(50_000));
        let done = |nodes: &mut [Program]| nodes[1].heard.len() >= 50_000;
        assert!(network.run_until(&mut nodes, start + 600 * SECOND, done));
        (network.now() - start, network.stats())
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}
