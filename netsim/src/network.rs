//! The network: hosts, their interfaces, the realms they stand in, and the datagrams under way.

use crate::clock;
use crate::link::{Link, LinkState, Passage};
use crate::nat::{Nat, NatConfig};
use crate::node::{Addresses, Node};
use crate::pcap::Pcap;
use crate::random::Random;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A host: the node of the same index in the slice given to [`Network::step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(usize);

impl HostId {
    /// The host's place in the slice of nodes.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// One of a host's attachments to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(usize);

/// A space of addresses: the internet, or what lies behind a NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Realm(usize);

impl Realm {
    /// The public internet.
    pub const INTERNET: Self = Self(0);
}

/// What the network did so far, in datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sent by nodes, and injected.
    pub sent: u64,
    /// Handed to nodes, copies included.
    pub delivered: u64,
    /// Lost by a link.
    pub lost: u64,
    /// Dropped because a queue was full.
    pub queue_dropped: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Held back, so that others overtook them.
    pub reordered: u64,
    /// Changed by one bit.
    pub corrupted: u64,
    /// Refused by a NAT's filter, or sent to a port without a mapping.
    pub nat_refused: u64,
    /// Sent to or from an address that nobody has.
    pub unroutable: u64,
}

#[derive(Debug)]
struct Interface {
    host: HostId,
    ip: IpAddr,
    realm: Realm,
    up: LinkState,
    down: LinkState,
    connected: bool,
}

/// The NAT between an inner realm and the realm around it.
#[derive(Debug)]
struct Gateway {
    nat: Nat,
    outside: Realm,
}

#[derive(Debug)]
enum Stage {
    /// At the far end of the sender's link.
    Routed { from: Realm },
    /// At the near end of the receiver.
    Arrived { interface: InterfaceId },
}

#[derive(Debug)]
struct InFlight {
    addresses: Addresses,
    bytes: Vec<u8>,
    stage: Stage,
}

/// A simulated network on virtual time.
#[derive(Debug)]
pub struct Network {
    start: Instant,
    now: Instant,
    random: Random,
    hosts: usize,
    interfaces: Vec<Interface>,
    /// The gateway of realm `n + 1` at index `n`.
    gateways: Vec<Gateway>,
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
            interfaces: Vec::new(),
            gateways: Vec::new(),
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

    /// Attaches a host to a realm under `ip`: what it sends takes the link `up`, what it receives `down`.
    pub fn add_interface(
        &mut self,
        host: HostId,
        ip: IpAddr,
        realm: Realm,
        up: Link,
        down: Link,
    ) -> InterfaceId {
        let id = InterfaceId(self.interfaces.len());
        let (up, down) = (LinkState::new(up), LinkState::new(down));
        self.interfaces.push(Interface { host, ip, realm, up, down, connected: true });
        id
    }

    /// Adds a NAT with the address `public` in the realm `outside`; returns the realm behind it.
    pub fn add_nat(&mut self, outside: Realm, public: IpAddr, config: impl Into<NatConfig>) -> Realm {
        self.gateways.push(Gateway { nat: Nat::new(config.into(), public), outside });
        Realm(self.gateways.len())
    }

    /// Makes the NAT in front of `realm` forget its mappings, so that those inside get new public ports.
    pub fn rebind_nat(&mut self, realm: Realm) {
        if let Some(gateway) = self.gateway_mut(realm) {
            gateway.nat.rebind();
        }
    }

    /// Pulls an interface's cable out, or puts it back. What is under way to it is lost on arrival.
    pub fn set_connected(&mut self, interface: InterfaceId, connected: bool) {
        if let Some(interface) = self.interfaces.get_mut(interface.0) {
            interface.connected = connected;
        }
    }

    /// Changes the links of an interface from now on.
    pub fn set_links(&mut self, interface: InterfaceId, up: Link, down: Link) {
        if let Some(interface) = self.interfaces.get_mut(interface.0) {
            interface.up.link = up;
            interface.down.link = down;
        }
    }

    /// Puts a datagram on the internet as an off-path attacker does: with any source.
    pub fn inject(&mut self, addresses: Addresses, bytes: &[u8]) {
        self.stats.sent += 1;
        let stage = Stage::Routed { from: Realm::INTERNET };
        self.schedule(self.now, InFlight { addresses, bytes: bytes.to_vec(), stage });
    }

    /// Records from now on each datagram as it crosses the middle of the network: between NATs, with public addresses.
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
        let datagram = self.queue.peek().map(|Reverse((at, _))| *at);
        let deadline = nodes.iter().filter_map(Node::poll_timeout).min();
        datagram.into_iter().chain(deadline).min()
    }

    /// Moves time to `next`, does one thing that is due, and sends what the nodes concerned have to say.
    fn advance<N: Node>(&mut self, nodes: &mut [N], next: Instant) {
        self.now = self.now.max(next);
        if self.queue.peek().is_some_and(|Reverse((at, _))| *at <= self.now) {
            let Some(Reverse((_, sequence))) = self.queue.pop() else { return };
            let Some(datagram) = self.in_flight.remove(&sequence) else { return };
            match datagram.stage {
                Stage::Routed { from } => self.route(datagram, from),
                Stage::Arrived { interface } => self.deliver(nodes, datagram, interface),
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

    fn deliver<N: Node>(&mut self, nodes: &mut [N], mut datagram: InFlight, interface: InterfaceId) {
        let Some(interface) = self.interfaces.get(interface.0) else { return };
        if !interface.connected {
            self.stats.lost += 1;
            return;
        }
        let host = interface.host;
        if let Some(node) = nodes.get_mut(host.0) {
            self.stats.delivered += 1;
            node.handle_datagram(self.now, datagram.addresses, &mut datagram.bytes);
            self.drain_node(host, node);
        }
    }

    fn drain<N: Node>(&mut self, nodes: &mut [N]) {
        for (index, node) in nodes.iter_mut().enumerate() {
            self.drain_node(HostId(index), node);
        }
    }

    /// Takes what a node wants to send and puts it on its link.
    fn drain_node<N: Node>(&mut self, host: HostId, node: &mut N) {
        let mut scratch = std::mem::take(&mut self.scratch);
        loop {
            scratch.clear();
            let Some(addresses) = node.poll_transmit(self.now, &mut scratch) else { break };
            self.send(host, addresses, &scratch);
        }
        self.scratch = scratch;
    }

    fn send(&mut self, host: HostId, addresses: Addresses, bytes: &[u8]) {
        self.stats.sent += 1;
        let found =
            self.interfaces.iter().position(|one| one.host == host && one.ip == addresses.source.ip());
        let Some(interface) = found.and_then(|index| self.interfaces.get_mut(index)) else {
            self.stats.unroutable += 1;
            return;
        };
        if !interface.connected {
            self.stats.lost += 1;
            return;
        }
        let realm = interface.realm;
        let passage = interface.up.pass(self.now, bytes.len(), &mut self.random);
        self.put_through(passage, addresses, bytes.to_vec(), || Stage::Routed { from: realm });
    }

    /// Finds the way of a datagram that has left the sender's link: to a neighbour, or out or in through a NAT.
    fn route(&mut self, mut datagram: InFlight, mut realm: Realm) {
        let mut recorded = false;
        // A datagram crosses at most each NAT once outwards and once inwards.
        for _ in 0..=2 * self.gateways.len() {
            let destination = datagram.addresses.destination;
            let interface = self.find_interface(realm, destination.ip());
            let inner = self.find_nat(realm, destination.ip());
            // Where it stops going outwards is the middle of the network.
            if (interface.is_some() || inner.is_some()) && !std::mem::replace(&mut recorded, true) {
                self.record(&datagram);
            }
            if let Some(interface) = interface {
                self.arrive(interface, datagram);
                return;
            }
            if let Some(inner) = inner {
                let source = datagram.addresses.source;
                let Some(inside) = self.enter(inner, source, destination.port()) else {
                    self.stats.nat_refused += 1;
                    return;
                };
                datagram.addresses.destination = inside;
                realm = inner;
                continue;
            }
            let now = self.now;
            let Some(gateway) = self.gateway_mut(realm) else { break };
            let (source, outside) = (datagram.addresses.source, gateway.outside);
            let hairpin = destination.ip() == gateway.nat.public;
            if hairpin && !gateway.nat.config.hairpinning {
                self.stats.nat_refused += 1;
                return;
            }
            let Some(public) = gateway.nat.outbound(now, source, destination) else { break };
            datagram.addresses.source = public;
            realm = outside;
        }
        self.stats.unroutable += 1;
    }

    fn record(&mut self, datagram: &InFlight) {
        if let Some(pcap) = &mut self.pcap {
            let since_start = self.now.saturating_duration_since(self.start);
            pcap.record(since_start, datagram.addresses, &datagram.bytes);
        }
    }

    fn enter(&self, inner: Realm, source: SocketAddr, port: u16) -> Option<SocketAddr> {
        let gateway = self.gateways.get(inner.0.checked_sub(1)?)?;
        gateway.nat.inbound(self.now, source, port)
    }

    fn arrive(&mut self, id: InterfaceId, datagram: InFlight) {
        let Some(interface) = self.interfaces.get_mut(id.0) else { return };
        let passage = interface.down.pass(self.now, datagram.bytes.len(), &mut self.random);
        self.put_through(passage, datagram.addresses, datagram.bytes, || Stage::Arrived { interface: id });
    }

    /// Counts what a link did to a datagram, and schedules what comes out of it.
    fn put_through(
        &mut self,
        passage: Passage,
        addresses: Addresses,
        mut bytes: Vec<u8>,
        stage: impl Fn() -> Stage,
    ) {
        match passage {
            Passage::Lost => self.stats.lost += 1,
            Passage::QueueFull => self.stats.queue_dropped += 1,
            Passage::Arrives { at, copy, reordered, corrupt } => {
                self.stats.reordered += u64::from(reordered);
                if corrupt && !bytes.is_empty() {
                    self.stats.corrupted += 1;
                    let (byte, bit) = (self.random.below(bytes.len()), self.random.below(8));
                    if let Some(byte) = bytes.get_mut(byte) {
                        *byte ^= 1 << bit;
                    }
                }
                if let Some(again) = copy {
                    self.stats.duplicated += 1;
                    self.schedule(again, InFlight { addresses, bytes: bytes.clone(), stage: stage() });
                }
                self.schedule(at, InFlight { addresses, bytes, stage: stage() });
            }
        }
    }

    fn schedule(&mut self, at: Instant, datagram: InFlight) {
        self.queue.push(Reverse((at, self.sequence)));
        self.in_flight.insert(self.sequence, datagram);
        self.sequence += 1;
    }

    fn find_interface(&self, realm: Realm, ip: IpAddr) -> Option<InterfaceId> {
        self.interfaces.iter().position(|one| one.realm == realm && one.ip == ip).map(InterfaceId)
    }

    /// The realm behind the NAT that has the address `public` in `outside`.
    fn find_nat(&self, outside: Realm, public: IpAddr) -> Option<Realm> {
        let index =
            self.gateways.iter().position(|one| one.outside == outside && one.nat.public == public)?;
        Some(Realm(index + 1))
    }

    fn gateway_mut(&mut self, realm: Realm) -> Option<&mut Gateway> {
        self.gateways.get_mut(realm.0.checked_sub(1)?)
    }
}

/// A deadline that stays in the past would hold the run for ever.
#[expect(clippy::panic, reason = "a node under test that breaks the contract must stop the test")]
fn check_progress<N: Node>(index: usize, node: &N, now: Instant) {
    if node.poll_timeout().is_some_and(|deadline| deadline <= now) {
        panic!("node {index}: the deadline did not move after handle_timeout");
    }
}
