//! The network: its hosts and what they send, moved along on virtual time.

use crate::clock;
use crate::firewall::{Firewall, FirewallConfig, Transport};
use crate::link::{Link, LinkState, Passage};
use crate::mapping::Nat;
use crate::nat::NatConfig;
use crate::node::{Addresses, Node};
use crate::pcap::Pcap;
use crate::random::Random;
use crate::stats::Stats;
use crate::stream::{Segment, StreamEvent, StreamRequest, Streams, Told};
use crate::topology::{Destination, Gateway, HostId, Interface, InterfaceId, Outage, Realm, Topology};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

#[derive(Debug)]
enum Stage {
    /// At the far end of the sender's link.
    Routed { from: Realm },
    /// On the internet, with public addresses, after the time that it takes across.
    Crossed,
    /// At the near end of the receiver.
    Arrived { interface: InterfaceId },
}

/// What is under way.
#[derive(Debug, Clone)]
enum Payload {
    Datagram(Vec<u8>),
    Segment(Segment),
}

impl Payload {
    fn len(&self) -> usize {
        match self {
            Self::Datagram(bytes) => bytes.len(),
            Self::Segment(segment) => segment.bytes.len() + Segment::HEADERS,
        }
    }

    const fn transport(&self) -> Transport {
        match self {
            Self::Datagram(_) => Transport::Datagram,
            Self::Segment(_) => Transport::Stream,
        }
    }
}

#[derive(Debug)]
struct InFlight {
    addresses: Addresses,
    payload: Payload,
    stage: Stage,
}

/// A simulated network on virtual time.
#[derive(Debug)]
pub struct Network {
    start: Instant,
    now: Instant,
    random: Random,
    hosts: usize,
    topology: Topology,
    streams: Streams,
    transit: Duration,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    in_flight: BTreeMap<u64, InFlight>,
    sequence: u64,
    scratch: Vec<u8>,
    stats: Stats,
    pcap: Option<Pcap>,
}

impl Network {
    /// An empty network. Equal seeds and equal nodes give equal runs.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let start = clock::start();
        Self {
            start,
            now: start,
            random: Random::new(seed),
            hosts: 0,
            topology: Topology::default(),
            streams: Streams::default(),
            transit: Duration::ZERO,
            queue: BinaryHeap::new(),
            in_flight: BTreeMap::new(),
            sequence: 0,
            scratch: Vec::new(),
            stats: Stats::default(),
            pcap: None,
        }
    }

    /// Two hosts on the internet, 192.0.2.1 and 192.0.2.2, with `link` from each to the other.
    #[must_use]
    pub fn pair(seed: u64, link: &Link) -> Self {
        let mut network = Self::new(seed);
        for ip in [[192, 0, 2, 1], [192, 0, 2, 2]] {
            let host = network.add_host();
            network.add_interface(host, ip.into(), Realm::INTERNET, link.clone(), Link::default());
        }
        network
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The virtual time since the network was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    /// What the network did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Adds a host without an interface. Hosts are numbered in the order of these calls.
    pub fn add_host(&mut self) -> HostId {
        let host = HostId(self.hosts);
        self.hosts += 1;
        host
    }

    /// Attaches a host to a realm under `ip`: what it sends takes the link `up`, what it receives `down`. What it sends to an
    /// address of its own arrives at once and takes neither.
    pub fn add_interface(
        &mut self,
        host: HostId,
        ip: IpAddr,
        realm: Realm,
        up: Link,
        down: Link,
    ) -> InterfaceId {
        let (up, down) = (LinkState::new(up), LinkState::new(down));
        let outage = Outage::None;
        self.topology.add_interface(Interface { host, ip, realm, up, down, outage, present: true })
    }

    /// Takes an interface away from its host: what is sent from its address goes nowhere, what is under way to it is lost,
    /// its streams are reset without the other end being told. The host's program has to be told by the test.
    pub fn remove_interface(&mut self, interface: InterfaceId) {
        if let Some(interface) = self.topology.interface_mut(interface) {
            interface.present = false;
            self.streams.remove_address(interface.host, interface.ip);
        }
    }

    /// Gives a removed interface back, with the address it had.
    pub fn restore_interface(&mut self, interface: InterfaceId) {
        if let Some(interface) = self.topology.interface_mut(interface) {
            interface.present = true;
        }
    }

    /// Adds a NAT with the address `public` in the realm `outside`; returns the realm behind it. It translates addresses
    /// of `public`'s IP version alone.
    pub fn add_nat(&mut self, outside: Realm, public: IpAddr, config: impl Into<NatConfig>) -> Realm {
        self.topology.add_gateway(outside, Gateway::Nat(Nat::new(config.into(), public)))
    }

    /// Adds a firewall; returns the realm behind it, whose addresses are as good outside as inside.
    pub fn add_firewall(&mut self, outside: Realm, config: FirewallConfig) -> Realm {
        self.topology.add_gateway(outside, Gateway::Firewall(Firewall::new(config)))
    }

    /// Sets how long whatever crosses the internet takes there, beside the links of its hosts: after all gateways on its way
    /// out, before those on its way in. Zero at first, so that two datagrams that leave behind NATs at the same time meet
    /// them as if one had been sent before the other.
    pub fn set_transit(&mut self, transit: Duration) {
        self.transit = transit;
    }

    /// Makes the NAT in front of `realm` forget its mappings, so that those inside get new public ports; or a firewall
    /// its flows.
    pub fn rebind_nat(&mut self, realm: Realm) {
        match self.topology.gateway_mut(realm) {
            Some(Gateway::Nat(nat)) => nat.rebind(),
            Some(Gateway::Firewall(firewall)) => firewall.forget(),
            None => {}
        }
    }

    /// Pulls an interface's cable out, or puts it back. What is under way to it is lost on arrival.
    pub fn set_connected(&mut self, interface: InterfaceId, connected: bool) {
        self.set_outage(interface, if connected { Outage::None } else { Outage::Both });
    }

    /// Lets an interface die in silence, one way or both, or live again.
    pub fn set_outage(&mut self, interface: InterfaceId, outage: Outage) {
        if let Some(interface) = self.topology.interface_mut(interface) {
            interface.outage = outage;
        }
    }

    /// Changes the links of an interface from now on.
    pub fn set_links(&mut self, interface: InterfaceId, up: Link, down: Link) {
        if let Some(interface) = self.topology.interface_mut(interface) {
            interface.up.link = up;
            interface.down.link = down;
        }
    }

    /// Puts a datagram on the internet as an off-path attacker does: with any source.
    pub fn inject(&mut self, addresses: Addresses, bytes: &[u8]) {
        self.stats.sent += 1;
        let stage = Stage::Routed { from: Realm::INTERNET };
        self.schedule(self.now, InFlight { addresses, payload: Payload::Datagram(bytes.to_vec()), stage });
    }

    /// Records from now on each datagram as it crosses the middle of the network: between NATs, with public addresses.
    /// Streams are left out.
    pub fn start_capture(&mut self) {
        self.pcap = Some(Pcap::new());
    }

    /// The capture so far, a pcap file with nanosecond timestamps since the network was made.
    #[must_use]
    pub fn capture(&self) -> Option<&[u8]> {
        self.pcap.as_ref().map(Pcap::bytes)
    }

    /// Runs until `done` says so, and returns true, or until `limit`, and returns false. When nothing is left to
    /// happen before `limit`, time goes on to `limit` all the same.
    pub fn run_until<N: Node>(
        &mut self,
        nodes: &mut [N],
        limit: Instant,
        mut done: impl FnMut(&mut [N]) -> bool,
    ) -> bool {
        loop {
            self.drain(nodes);
            if done(nodes) {
                return true;
            }
            // What `done` did may have given the nodes something to send.
            self.drain(nodes);
            match self.next_event(nodes) {
                Some(next) if next <= limit => self.advance(nodes, next),
                _ => {
                    self.now = self.now.max(limit);
                    return false;
                }
            }
        }
    }

    /// Runs until `limit`.
    pub fn run_to<N: Node>(&mut self, nodes: &mut [N], limit: Instant) {
        self.drain(nodes);
        while let Some(next) = self.next_event(nodes).filter(|next| *next <= limit) {
            self.advance(nodes, next);
        }
        self.now = self.now.max(limit);
    }

    /// Lets the next thing happen: a datagram's move, or the deadlines that come first. Returns the time of it;
    /// `None` when nothing is left to happen.
    pub fn step<N: Node>(&mut self, nodes: &mut [N]) -> Option<Instant> {
        self.drain(nodes);
        let next = self.next_event(nodes)?;
        self.advance(nodes, next);
        Some(self.now)
    }

    /// When something next happens.
    fn next_event<N: Node>(&self, nodes: &[N]) -> Option<Instant> {
        let packet = self.queue.peek().map(|Reverse((at, _))| *at);
        let deadline = nodes.iter().filter_map(Node::poll_timeout).min();
        packet.into_iter().chain(deadline).chain(self.streams.deadline()).min()
    }

    /// Moves time to `next`, does one thing that is due, and sends what the nodes concerned have to say.
    fn advance<N: Node>(&mut self, nodes: &mut [N], next: Instant) {
        self.now = self.now.max(next);
        if self.queue.peek().is_some_and(|Reverse((at, _))| *at <= self.now) {
            let Some(Reverse((_, sequence))) = self.queue.pop() else { return };
            let Some(packet) = self.in_flight.remove(&sequence) else { return };
            match packet.stage {
                Stage::Routed { from } => self.route(packet, Some(from)),
                Stage::Crossed => self.route(packet, None),
                Stage::Arrived { interface } => self.deliver(nodes, packet, interface),
            }
        } else if let Some(host) = self.streams.handle_timeout(self.now) {
            if let Some(node) = nodes.get_mut(host.0) {
                self.drain_node(host, node);
            }
        } else {
            for (index, node) in nodes.iter_mut().enumerate() {
                if node.poll_timeout().is_some_and(|deadline| deadline <= self.now) {
                    node.handle_timeout(self.now);
                    check_progress(index, node, self.now);
                    self.drain_node(HostId(index), node);
                }
            }
        }
    }

    fn deliver<N: Node>(&mut self, nodes: &mut [N], packet: InFlight, interface: InterfaceId) {
        let Some(interface) = self.topology.interface(interface) else { return };
        if interface.outage.stops_inbound() || !interface.present {
            self.stats.lost += 1;
            return;
        }
        let host = interface.host;
        let Some(node) = nodes.get_mut(host.0) else { return };
        let InFlight { addresses, payload, .. } = packet;
        match payload {
            Payload::Datagram(mut bytes) => {
                self.stats.delivered += 1;
                node.handle_datagram(self.now, addresses, &mut bytes);
            }
            Payload::Segment(segment) => {
                let stream = Addresses { source: addresses.destination, destination: addresses.source };
                self.streams.handle_segment(self.now, host, stream, segment, &mut self.random);
            }
        }
        self.drain_node(host, node);
    }

    fn drain<N: Node>(&mut self, nodes: &mut [N]) {
        for (index, node) in nodes.iter_mut().enumerate() {
            self.drain_node(HostId(index), node);
        }
    }

    /// Takes what a node wants to send and puts it on its link, and tells it of its streams.
    fn drain_node<N: Node>(&mut self, host: HostId, node: &mut N) {
        let mut scratch = std::mem::take(&mut self.scratch);
        loop {
            loop {
                scratch.clear();
                let Some(addresses) = node.poll_transmit(self.now, &mut scratch) else { break };
                self.stats.sent += 1;
                self.send(host, addresses, Payload::Datagram(scratch.clone()));
            }
            while let Some(request) = node.poll_stream_request(self.now) {
                self.request_stream(host, request);
            }
            self.pull_streams(host, node, &mut scratch);
            while let Some((host, addresses, segment)) = self.streams.next_outgoing() {
                self.stats.segments += 1;
                self.send(host, addresses, Payload::Segment(segment));
            }
            let Some((stream, told)) = self.streams.next_told(host) else { break };
            match told {
                Told::Opened => node.handle_stream(self.now, stream, StreamEvent::Opened),
                Told::Failed(failure) => node.handle_stream(self.now, stream, StreamEvent::Failed(failure)),
                Told::Bytes(mut bytes) => {
                    node.handle_stream(self.now, stream, StreamEvent::Bytes(&mut bytes));
                }
                Told::Closed(end) => node.handle_stream(self.now, stream, StreamEvent::Closed(end)),
            }
        }
        self.scratch = scratch;
    }

    fn request_stream(&mut self, host: HostId, request: StreamRequest) {
        let reachable = match request {
            StreamRequest::Open(stream) => self.topology.source(host, stream.source.ip()).is_some(),
            StreamRequest::Listen(_) | StreamRequest::Close(_) | StreamRequest::Reset(_) => true,
        };
        self.streams.handle_request(self.now, host, request, reachable, &mut self.random);
    }

    /// Takes the bytes that a node has for its streams.
    fn pull_streams<N: Node>(&mut self, host: HostId, node: &mut N, scratch: &mut Vec<u8>) {
        let mut last = None;
        while let Some((stream, room)) = self.streams.next_writable(host, last) {
            last = Some(stream);
            scratch.clear();
            node.poll_stream_bytes(self.now, stream, room, scratch);
            if !scratch.is_empty() {
                check_room(host, scratch.len(), room);
                self.streams.write(self.now, host, stream, scratch);
            }
        }
    }

    fn send(&mut self, host: HostId, addresses: Addresses, payload: Payload) {
        let own = self.topology.interface_of(host, addresses.destination.ip());
        let Some(interface) = self.topology.source(host, addresses.source.ip()) else {
            self.stats.unroutable += 1;
            return;
        };
        if let Some(interface) = own {
            self.schedule(self.now, InFlight { addresses, payload, stage: Stage::Arrived { interface } });
            return;
        }
        if interface.outage.stops_outbound() {
            self.stats.lost += 1;
            return;
        }
        let realm = interface.realm;
        let passage = interface.up.pass(self.now, payload.len(), &mut self.random);
        self.put_through(passage, addresses, payload, || Stage::Routed { from: realm });
    }

    /// Finds the way of a packet that has left the sender's link in realm `from`, or has crossed the internet: to a
    /// neighbour, or out or in through gateways.
    fn route(&mut self, packet: InFlight, from: Option<Realm>) {
        let InFlight { mut addresses, payload, .. } = packet;
        let (now, since_start) = (self.now, self.elapsed());
        let stays = from.is_some() && !self.transit.is_zero();
        let pcap = &mut self.pcap;
        let middle = |addresses| {
            if let (Some(pcap), Payload::Datagram(bytes), Some(_)) = (pcap, &payload, from) {
                pcap.record(since_start, addresses, bytes);
            }
            stays
        };
        let realm = from.unwrap_or(Realm::INTERNET);
        match self.topology.route(now, payload.transport(), &mut addresses, realm, middle) {
            Destination::Interface(interface) => self.arrive(interface, addresses, payload),
            Destination::Refused => self.stats.nat_refused += 1,
            Destination::Nowhere => self.stats.unroutable += 1,
            Destination::Across => {
                self.schedule(now + self.transit, InFlight { addresses, payload, stage: Stage::Crossed });
            }
        }
    }

    fn arrive(&mut self, id: InterfaceId, addresses: Addresses, payload: Payload) {
        let Some(interface) = self.topology.interface_mut(id) else { return };
        let passage = interface.down.pass(self.now, payload.len(), &mut self.random);
        self.put_through(passage, addresses, payload, || Stage::Arrived { interface: id });
    }

    /// Counts what a link did to a packet, and schedules what comes out of it.
    fn put_through(
        &mut self,
        passage: Passage,
        addresses: Addresses,
        mut payload: Payload,
        stage: impl Fn() -> Stage,
    ) {
        match passage {
            Passage::Lost => self.stats.lost += 1,
            Passage::QueueFull => self.stats.queue_dropped += 1,
            Passage::Arrives { at, copy, reordered, corrupt } => {
                self.stats.reordered += u64::from(reordered);
                if corrupt {
                    let Payload::Datagram(bytes) = &mut payload else {
                        self.stats.corrupted += 1;
                        return;
                    };
                    if !bytes.is_empty() {
                        self.stats.corrupted += 1;
                        let (byte, bit) = (self.random.below(bytes.len()), self.random.below(8));
                        if let Some(byte) = bytes.get_mut(byte) {
                            *byte ^= 1 << bit;
                        }
                    }
                }
                if let Some(again) = copy {
                    self.stats.duplicated += 1;
                    self.schedule(again, InFlight { addresses, payload: payload.clone(), stage: stage() });
                }
                self.schedule(at, InFlight { addresses, payload, stage: stage() });
            }
        }
    }

    fn schedule(&mut self, at: Instant, packet: InFlight) {
        self.queue.push(Reverse((at, self.sequence)));
        self.in_flight.insert(self.sequence, packet);
        self.sequence += 1;
    }
}

/// A deadline that stays in the past would hold the run for ever.
#[expect(clippy::panic, reason = "a node under test that breaks the contract must stop the test")]
fn check_progress<N: Node>(index: usize, node: &N, now: Instant) {
    if node.poll_timeout().is_some_and(|deadline| deadline <= now) {
        panic!("node {index}: the deadline did not move after handle_timeout");
    }
}

#[expect(clippy::panic, reason = "a node under test that breaks the contract must stop the test")]
fn check_room(host: HostId, len: usize, room: usize) {
    if len > room {
        panic!("node {}: {len} bytes for a stream with room for {room}", host.0);
    }
}
