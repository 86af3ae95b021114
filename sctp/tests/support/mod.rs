//! Two peers on a simulated network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::{Addresses, InterfaceId, Link, Network, Node, Realm};
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Channels, DtlsRole, Event, Message};
use duologue_sctp::packet::{self, Chunk, PacketWriter, Sack};
use duologue_sctp::{Config, Discard};

/// Bytes that DTLS and UDP would add, so that rates are those of real packets.
const OVERHEAD: usize = 37;

/// Data channels as a node of the network; keeps what it heard.
pub(crate) struct Peer {
    pub(crate) channels: Channels,
    pub(crate) events: Vec<Event>,
    pub(crate) messages: Vec<Message>,
    pub(crate) read: bool,
    pub(crate) sent_packets: u64,
    pub(crate) refused: Vec<Discard>,
    /// SACKs that arrive here report no more gap blocks than this, as from a peer that limits them.
    pub(crate) most_gaps: Option<usize>,
    addresses: Addresses,
}

impl Peer {
    pub(crate) fn new(config: &Arc<Config>, seed: [u8; 32], now: Instant, role: DtlsRole) -> Self {
        let (own, other) = match role {
            DtlsRole::Client => ("192.0.2.1:5000", "192.0.2.2:5000"),
            DtlsRole::Server => ("192.0.2.2:5000", "192.0.2.1:5000"),
        };
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mut channels = Channels::new(config.clone(), seed, now);
        channels.set_dtls_role(now, role);
        channels.set_remote_max_message_size(262_144);
        Self {
            channels,
            events: Vec::new(),
            messages: Vec::new(),
            read: true,
            sent_packets: 0,
            refused: Vec::new(),
            most_gaps: None,
            addresses: Addresses { source: address(own), destination: address(other) },
        }
    }

    /// Takes everything that there is to take.
    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.channels.poll_event() {
            self.events.push(event);
        }
        if self.read {
            while let Some(message) = self.channels.recv() {
                self.messages.push(message);
            }
        }
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }

    /// Channels that the peer opened, in order.
    pub(crate) fn incoming(&self) -> Vec<ChannelId> {
        let incoming = |event: &Event| match event {
            Event::Incoming(id) => Some(*id),
            _ => None,
        };
        self.events.iter().filter_map(incoming).collect()
    }
}

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        self.channels.handle_timeout(now);
        self.collect();
    }

    fn handle_datagram(&mut self, now: Instant, _: Addresses, datagram: &mut [u8]) {
        let mut packet = datagram[..datagram.len() - OVERHEAD].to_vec();
        if let Some(most) = self.most_gaps {
            packet = limit_gaps(&packet, most);
        }
        if let Err(discard) = self.channels.handle_packet(now, &packet) {
            self.refused.push(discard);
        }
        self.collect();
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        self.channels.poll_transmit(now, 1500, out)?;
        self.sent_packets += 1;
        out.resize(out.len() + OVERHEAD, 0);
        Some(self.addresses)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.channels.poll_timeout()
    }
}

/// The packet with at most this many gap blocks in its SACK.
fn limit_gaps(bytes: &[u8], most: usize) -> Vec<u8> {
    let (header, chunks) = packet::parse(bytes).unwrap();
    let mut out = Vec::new();
    let mut writer = PacketWriter::begin(&mut out, header, 65_535);
    for chunk in chunks {
        writer.chunk(chunk.kind, chunk.flags, |out| match chunk.parse() {
            Some(Chunk::Sack(sack)) => {
                let gaps: Vec<_> = sack.gaps().take(most).collect();
                Sack::write(out, sack.cum_tsn_ack, sack.a_rwnd, gaps.into_iter(), &[]);
            }
            _ => out.extend_from_slice(chunk.value),
        });
    }
    writer.finish();
    out
}

/// A network and the two peers on it: the DTLS client, then the server.
pub(crate) struct Pair {
    pub(crate) network: Network,
    pub(crate) interfaces: [InterfaceId; 2],
    pub(crate) peers: [Peer; 2],
}

impl Pair {
    pub(crate) fn new(seed: u64, link: &Link) -> Self {
        Self::with_config(seed, link, Config::default())
    }

    pub(crate) fn with_config(seed: u64, link: &Link, config: Config) -> Self {
        let mut network = Network::new(seed);
        let interfaces = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|ip| {
            let host = network.add_host();
            network.add_interface(host, ip.into(), Realm::INTERNET, link.clone(), Link::default())
        });
        let config = Arc::new(config);
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        let mut other = secret;
        other[31] = 1;
        let now = network.now();
        let peers = [
            Peer::new(&config, secret, now, DtlsRole::Client),
            Peer::new(&config, other, now, DtlsRole::Server),
        ];
        Self { network, interfaces, peers }
    }

    /// A pair whose association is up.
    pub(crate) fn connected(seed: u64, link: &Link) -> Self {
        let mut pair = Self::new(seed, link);
        pair.connect();
        pair
    }

    pub(crate) fn connect(&mut self) {
        let now = self.network.now();
        self.peers.iter_mut().for_each(|peer| peer.channels.connect(now));
        assert!(self.run(60, |peers| peers.iter().all(|peer| peer.has(|e| *e == Event::Established))));
    }

    /// Runs until `done`, at most this many seconds.
    pub(crate) fn run(&mut self, seconds: u64, mut done: impl FnMut(&mut [Peer]) -> bool) -> bool {
        let limit = self.network.now() + Duration::from_secs(seconds);
        self.network.run_until(&mut self.peers, limit, |peers| {
            peers.iter_mut().for_each(Peer::collect);
            done(peers)
        })
    }

    /// Runs this long.
    pub(crate) fn wait(&mut self, time: Duration) {
        let limit = self.network.now() + time;
        self.network.run_to(&mut self.peers, limit);
    }

    /// Opens a channel from the first peer; returns both sides' identifiers.
    pub(crate) fn open(&mut self, config: ChannelConfig) -> [ChannelId; 2] {
        let id = self.peers[0].channels.create(self.network.now(), config).unwrap();
        let known = self.peers[1].incoming().len();
        assert!(self.run(60, |peers| peers[1].incoming().len() > known));
        [id, self.peers[1].incoming()[known]]
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Bytes that say where in which message they stand.
pub(crate) fn pattern(message: usize, len: usize) -> Bytes {
    (0..len).map(|at| (at.wrapping_mul(31) ^ message.wrapping_mul(131) ^ (at >> 8)) as u8).collect()
}
