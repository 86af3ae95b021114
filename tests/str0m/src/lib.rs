//! A Duologue connection and one of str0m on the simulated network, for the tests of this package.
//!
//! Both are sans-IO, so that nothing here sleeps. The network and our side are the same in each run; str0m draws its
//! randomness itself.

mod ours;
mod theirs;

pub use ours::Ours;
pub use theirs::Theirs;

use duologue_netsim::{Addresses, Link, Network, Node, Realm};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const OUR_ADDRESS: &str = "198.51.100.1:5000";
const THEIR_ADDRESS: &str = "203.0.113.1:6000";
/// Longer than ICE and DTLS take with a lost datagram at each step.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message that arrived, by the label of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The channel's label.
    pub label: String,
    /// Whether it was sent as binary.
    pub binary: bool,
    /// What was sent.
    pub payload: Vec<u8>,
}

/// Who offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offerer {
    /// Duologue.
    Ours,
    /// str0m.
    Theirs,
}

/// What a call is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Of the network and of our side.
    pub seed: u64,
    /// Who offers, and opens the channel "chat".
    pub offerer: Offerer,
    /// Each peer's uplink.
    pub link: Link,
    /// Whether we are ICE-lite.
    pub our_lite: bool,
    /// Whether str0m is ICE-lite.
    pub their_lite: bool,
}

impl Setup {
    /// Two peers, 20 ms apart, both with full ICE.
    pub fn new(offerer: Offerer) -> Self {
        let link = Link { delay: Duration::from_millis(10), ..Link::default() };
        Self { seed: 1, offerer, link, our_lite: false, their_lite: false }
    }
}

/// A program on a host of the network.
enum Host {
    Ours(Box<Ours>),
    Theirs(Box<Theirs>),
}

impl Node for Host {
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Ours(peer) => peer.handle_timeout(now),
            Self::Theirs(peer) => peer.handle_timeout(now),
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Ours(peer) => peer.handle_datagram(now, addresses, datagram),
            Self::Theirs(peer) => peer.handle_datagram(now, addresses, datagram),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Ours(peer) => peer.poll_transmit(now, out),
            Self::Theirs(peer) => peer.poll_transmit(out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Ours(peer) => peer.poll_timeout(),
            Self::Theirs(peer) => Some(peer.poll_timeout()),
        }
    }
}

/// A call under way. Signalling takes no time.
pub struct Call {
    /// The network between the peers.
    pub network: Network,
    hosts: [Host; 2],
}

impl Call {
    /// Two peers that have each other's descriptions; nothing has been sent yet.
    pub fn new(setup: &Setup) -> Self {
        let mut network = Network::new(setup.seed);
        let now = network.now();
        let [our_address, their_address] = [OUR_ADDRESS, THEIR_ADDRESS].map(address);
        for address in [our_address, their_address] {
            let host = network.add_host();
            network.add_interface(host, address.ip(), Realm::INTERNET, setup.link.clone(), Link::default());
        }
        let ours = Ours::new(setup.seed, setup.our_lite, our_address, now);
        let theirs = Theirs::new(setup.their_lite, their_address, now);
        let mut call = Self { network, hosts: [Host::Ours(Box::new(ours)), Host::Theirs(Box::new(theirs))] };
        match setup.offerer {
            Offerer::Ours => {
                let offer = call.ours().offer(now, "chat");
                let answer = call.theirs().answer(now, &offer);
                call.ours().accept(now, &answer);
            }
            Offerer::Theirs => {
                let (offer, pending) = call.theirs().offer(now, "chat");
                let answer = call.ours().answer(now, &offer);
                call.theirs().accept(now, pending, &answer);
            }
        }
        call
    }

    /// A call in which the channel "chat" is open on both sides.
    pub fn connected(setup: &Setup) -> Self {
        let mut call = Self::new(setup);
        let open = call.run(|call| call.is_open("chat"));
        let told = call.ours().events.clone();
        assert!(open, "ours: {told:?}\ntheirs: {:?}", call.theirs().events);
        call
    }

    /// Duologue's side.
    pub fn ours(&mut self) -> &mut Ours {
        match &mut self.hosts {
            [Host::Ours(peer), _] | [_, Host::Ours(peer)] => peer,
            [Host::Theirs(_), Host::Theirs(_)] => unreachable!("the first host is ours"),
        }
    }

    /// str0m's side.
    pub fn theirs(&mut self) -> &mut Theirs {
        match &mut self.hosts {
            [_, Host::Theirs(peer)] | [Host::Theirs(peer), _] => peer,
            [Host::Ours(_), Host::Ours(_)] => unreachable!("the second host is theirs"),
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.network.now()
    }

    /// Lets time pass until `done`, a minute at most; whether it came to that.
    pub fn run(&mut self, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let limit = self.now() + PATIENCE;
        loop {
            if done(self) {
                return true;
            }
            let mut steps = 0;
            if !self.network.run_until(&mut self.hosts, limit, |_| std::mem::replace(&mut steps, 1) == 1) {
                return done(self);
            }
        }
    }

    /// Whether both sides have an open channel with this label.
    pub fn is_open(&mut self, label: &str) -> bool {
        self.ours().is_open(label) && self.theirs().is_open(label)
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is an address"))
}
