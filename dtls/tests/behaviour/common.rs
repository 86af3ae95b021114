//! Two peers on a simulated network.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use duologue_dtls::{
    Config, Connected, Connection, Discard, Event, Fingerprint, FingerprintHash, Identity, Role, Validity,
    crypto,
};
use duologue_netsim::{Addresses, Link, Network, Node};

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// The identity of one side; made once, as keys are slow to make.
pub(crate) fn identity(side: usize) -> Arc<Identity> {
    static IDENTITIES: OnceLock<[Arc<Identity>; 3]> = OnceLock::new();
    let make = |seed| {
        let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(4_000_000_000) };
        Arc::new(Identity::generate(crypto::rust_crypto(), [seed; 32], validity).unwrap())
    };
    Arc::clone(&IDENTITIES.get_or_init(|| [make(1), make(2), make(3)])[side])
}

pub(crate) fn fingerprint(side: usize) -> Fingerprint {
    identity(side).fingerprint(crypto::rust_crypto(), &FingerprintHash::Sha256)
}

pub(crate) fn config(side: usize) -> Config {
    Config::new(crypto::rust_crypto(), identity(side))
}

pub(crate) fn role(side: usize) -> Role {
    if side == CLIENT { Role::Client } else { Role::Server }
}

/// A connection as a node of the network, with all that came out of it.
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    pub(crate) events: Vec<Event>,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) discards: Vec<Discard>,
    /// Application data to send once connected.
    pub(crate) outbox: VecDeque<Vec<u8>>,
    addresses: Addresses,
}

impl Peer {
    pub(crate) fn new(side: usize, config: Config, seed: u8, now: Instant) -> Self {
        let remote = vec![fingerprint(1 - side)];
        let connection =
            Connection::new(Arc::new(config), role(side), remote, [seed ^ (side as u8) << 7; 32], now);
        Self::of(side, connection)
    }

    pub(crate) fn of(side: usize, connection: Connection) -> Self {
        let address = |side: usize| format!("192.0.2.{}:4000", side + 1).parse().unwrap();
        Self {
            connection,
            events: Vec::new(),
            received: Vec::new(),
            discards: Vec::new(),
            outbox: VecDeque::new(),
            addresses: Addresses { source: address(side), destination: address(1 - side) },
        }
    }

    pub(crate) fn connected(&self) -> Option<Connected> {
        self.events.iter().find_map(|event| match event {
            Event::Connected(connected) => Some(*connected),
            _ => None,
        })
    }

    pub(crate) fn ended(&self) -> Option<&Event> {
        self.events.iter().find(|event| matches!(event, Event::Closed(_) | Event::Failed(_)))
    }

    /// The next datagram that it has to send.
    pub(crate) fn transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let len = self.connection.poll_transmit(now, 1500, &mut out);
        self.collect();
        assert_eq!(len.unwrap_or(0), out.len());
        len.map(|_| out)
    }

    pub(crate) fn take(&mut self, now: Instant, datagram: &mut [u8]) {
        match self.connection.handle_datagram(now, datagram) {
            Ok(plaintext) => self.received.extend(plaintext.map(<[u8]>::to_vec)),
            Err(discard) => self.discards.push(discard),
        }
        self.collect();
    }

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
        while let Some(early) = self.connection.recv() {
            self.received.push(early);
        }
    }
}

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.collect();
    }

    fn handle_datagram(&mut self, now: Instant, _addresses: Addresses, datagram: &mut [u8]) {
        self.take(now, datagram);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        if self.connection.poll_transmit(now, 1500, out).is_some() {
            self.collect();
            return Some(self.addresses);
        }
        self.connected()?;
        let data = self.outbox.pop_front()?;
        self.connection.send(&data, out).ok()?;
        Some(self.addresses)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }
}

/// A client and a server with their configurations, on a link in each direction.
pub(crate) fn network(link: &Link, configs: [Config; 2], seed: u8) -> (Network, [Peer; 2]) {
    let network = Network::pair(u64::from(seed), link);
    let now = network.now();
    let [client, server] = configs;
    let peers = [Peer::new(CLIENT, client, seed, now), Peer::new(SERVER, server, seed, now)];
    (network, peers)
}

/// Both sides, connected over a network that loses nothing and takes no time.
pub(crate) fn connected_pair(configs: [Config; 2]) -> ([Peer; 2], Instant) {
    let (mut network, mut peers) = network(&Link::default(), configs, 7);
    let limit = network.now() + Duration::from_secs(1);
    assert!(network.run_until(&mut peers, limit, both_connected));
    (peers, network.now())
}

pub(crate) fn both_connected(peers: &mut [Peer]) -> bool {
    peers.iter().all(|peer| peer.connected().is_some())
}

/// One record of application data from a side.
pub(crate) fn sealed(peer: &mut Peer, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    peer.connection.send(data, &mut out).unwrap();
    out
}
