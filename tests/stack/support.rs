//! Two peer connections on the simulated network, each perhaps behind a NAT, a STUN server, and signalling between them.

use crate::streams::Streams;
use crate::turn_server::TurnServer;
use bytes::Bytes;
use duologue::ice::Transport;
use duologue::ice::{self, Path};
use duologue::rtp::packet::Header;
use duologue::sdp::jsep::IceCandidate;
use duologue::stun::write_binding_response;
use duologue::{
    Arrival, ChannelConfig, ChannelId, CloseReason, Config, ConnectionState, Description, Discard, Event,
    Frame, Kind, Message, NtpTime, PeerConnection, Received, RtpPacket,
};
use duologue_netsim::{
    Addresses, HostId, InterfaceId, Link, NatKind, Network, Node, Realm, StreamEvent, StreamRequest,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
pub(crate) const STUN: &str = "192.0.2.1:3478";
const PRIVATE: [&str; 2] = ["10.0.0.2:5000", "192.168.1.2:6000"];
const PUBLIC: [&str; 2] = ["198.51.100.1:5000", "203.0.113.1:6000"];

/// A virtual call begins on 1 January 2026.
const WALL: Duration = Duration::from_secs(1_767_225_600);

/// The certificates of all calls: making them is not what the tests are about.
static CONFIGS: LazyLock<[Config; 2]> = LazyLock::new(|| {
    [1, 2].map(|seed| {
        let provider = duologue::dtls::crypto::rust_crypto();
        let mut config = Config::generate(provider, [seed; 32], UNIX_EPOCH + WALL).unwrap();
        Arc::make_mut(&mut config.ice).stun_servers = vec![STUN.parse().unwrap()];
        config
    })
});

/// The configuration that a peer has unless a test changes it.
pub(crate) fn config(who: usize) -> Config {
    CONFIGS[who].clone()
}

/// A seed of this test's and peer's own.
pub(crate) fn seed(seed: u64, who: usize) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8] = u8::try_from(who).unwrap();
    bytes
}

/// An RTP packet that was handed out.
#[derive(Debug)]
pub(crate) struct ReceivedPacket {
    pub(crate) header: Header,
    pub(crate) repaired: bool,
    pub(crate) payload: Vec<u8>,
}

/// A peer and what it has told so far.
pub(crate) struct Peer {
    pub(crate) connection: PeerConnection,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) messages: Vec<Message>,
    pub(crate) packets: Vec<ReceivedPacket>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) discards: Vec<Discard>,
    /// Messages are left unread while this is false.
    pub(crate) reads: bool,
    streams: Streams,
    /// What it sends from.
    pub(crate) interface: ice::InterfaceId,
    /// Signals for the other peer.
    candidates: VecDeque<IceCandidate>,
    /// Every datagram that was sent, when a test wants them.
    pub(crate) sent: Option<Vec<(Addresses, Vec<u8>)>>,
}

impl Peer {
    pub(crate) fn new(connection: PeerConnection, interface: ice::InterfaceId) -> Self {
        Self {
            connection,
            events: Vec::new(),
            messages: Vec::new(),
            packets: Vec::new(),
            frames: Vec::new(),
            discards: Vec::new(),
            reads: true,
            streams: Streams::default(),
            interface,
            candidates: VecDeque::new(),
            sent: None,
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match &event {
                Event::IceCandidate(candidate) => self.candidates.push_back(candidate.clone()),
                Event::IceGatheringStateChange(ice::GatheringState::Complete) => {
                    self.candidates.push_back(IceCandidate::default());
                }
                _ => {}
            }
            self.streams.follow(&event);
            assert_eq!(self.closed(), None, "nothing follows the end, but {event:?}");
            self.events.push((now, event));
        }
        while let Some(frame) = self.connection.recv_frame() {
            self.frames.push(frame);
        }
        while self.reads
            && let Some(message) = self.connection.recv()
        {
            self.messages.push(message);
        }
    }

    /// Accepts streams at an address.
    pub(crate) fn listen(&mut self, now: Instant, address: SocketAddr, options: &ice::InterfaceOptions) {
        self.connection.add_listener(now, address, options).unwrap();
        self.streams.listen(address);
    }

    fn receive(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        match self.connection.handle_datagram(now, Arrival::new(path, now), datagram) {
            Ok(Received::Rtp(RtpPacket { packet, .. })) => {
                self.packets.push(ReceivedPacket {
                    header: packet.header,
                    repaired: packet.repaired,
                    payload: packet.payload.to_vec(),
                });
            }
            Ok(_) => {}
            Err(reason) => self.discards.push(reason),
        }
    }

    /// Whether an event was told that satisfies `wanted`.
    pub(crate) fn told(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(|(_, event)| wanted(event))
    }

    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::Closed(reason) => Some(*reason),
            _ => None,
        })
    }

    /// The channel with this label.
    pub(crate) fn channel(&self, label: &str) -> Option<ChannelId> {
        self.connection.data_channels().find(|(_, one)| one.config().label == label).map(|(id, _)| id)
    }

    /// Queues a message before the connection is up.
    pub(crate) fn send_early(&mut self, now: Instant, channel: ChannelId) {
        let _ = self.connection.send(now, channel, Kind::Text, Bytes::from_static(b"early"));
    }

    pub(crate) fn send(&mut self, now: Instant, channel: ChannelId, payload: impl Into<Bytes>) {
        self.connection.send(now, channel, Kind::Binary, payload.into()).unwrap();
    }
}

/// A program on a host of the network.
pub(crate) enum Host {
    Peer(Box<Peer>),
    StunServer(VecDeque<(Addresses, Vec<u8>)>),
    /// A TURN server, and what it wants done about streams.
    TurnServer(Box<TurnServer>, VecDeque<StreamRequest>),
}

impl Node for Host {
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Peer(peer) => {
                peer.connection.handle_timeout(now);
                peer.drain(now);
            }
            Self::StunServer(_) => {}
            Self::TurnServer(server, _) => server.handle_timeout(now),
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Peer(peer) => {
                let path = Path::udp(addresses.destination, addresses.source);
                peer.receive(now, path, datagram);
                peer.drain(now);
            }
            Self::StunServer(answers) => {
                let mut answer = Vec::new();
                if write_binding_response(datagram, addresses.source, &mut answer).is_some() {
                    let back = Addresses { source: addresses.destination, destination: addresses.source };
                    answers.push_back((back, answer));
                }
            }
            Self::TurnServer(server, _) => server.handle_datagram(now, addresses, datagram),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Peer(peer) => {
                let path = loop {
                    let transmit = peer.connection.poll_transmit(now, NonZeroUsize::MIN, out);
                    peer.drain(now);
                    let path = transmit?.path;
                    if path.transport == Transport::Udp {
                        break path;
                    }
                    peer.streams.send(path, out);
                    out.clear();
                };
                let addresses = Addresses { source: path.local, destination: path.remote };
                if let Some(sent) = &mut peer.sent {
                    sent.push((addresses, out.clone()));
                }
                Some(addresses)
            }
            Self::StunServer(answers) => {
                let (addresses, bytes) = answers.pop_front()?;
                out.extend_from_slice(&bytes);
                Some(addresses)
            }
            Self::TurnServer(server, _) => server.poll_transmit(out),
        }
    }

    fn poll_stream_request(&mut self, _now: Instant) -> Option<StreamRequest> {
        match self {
            Self::Peer(peer) => peer.streams.poll_request(),
            Self::StunServer(_) => None,
            Self::TurnServer(_, requests) => requests.pop_front(),
        }
    }

    fn handle_stream(&mut self, now: Instant, stream: Addresses, event: StreamEvent<'_>) {
        match self {
            Self::Peer(peer) => {
                for (path, mut datagram) in peer.streams.handle(now, &mut peer.connection, stream, event) {
                    peer.receive(now, path, &mut datagram);
                }
                peer.drain(now);
            }
            Self::StunServer(_) => {}
            Self::TurnServer(server, _) => server.handle_stream(now, stream, event),
        }
    }

    fn poll_stream_bytes(&mut self, _now: Instant, stream: Addresses, room: usize, out: &mut Vec<u8>) {
        match self {
            Self::Peer(peer) => peer.streams.poll_bytes(stream, room, out),
            Self::StunServer(_) => {}
            Self::TurnServer(server, _) => server.poll_stream_bytes(stream, room, out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Peer(peer) => peer.connection.poll_timeout(),
            Self::StunServer(_) => None,
            Self::TurnServer(server, _) => server.poll_timeout(),
        }
    }
}

/// What a call is made of.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// Each peer's uplink; the other direction passes everything at once.
    pub(crate) link: Link,
    /// Each peer's NAT; without one a peer has a public address.
    pub(crate) nats: [Option<NatKind>; 2],
    pub(crate) configs: [Config; 2],
}

impl Setup {
    /// Two public peers, 20 ms apart.
    pub(crate) fn new(seed: u64) -> Self {
        let link = Link { delay: Duration::from_millis(10), ..Link::default() };
        Self { seed, link, nats: [None, None], configs: [config(ALICE), config(BOB)] }
    }
}

/// A call under way. Signalling takes no time.
pub(crate) struct Call {
    pub(crate) network: Network,
    pub(crate) hosts: [Host; 3],
    pub(crate) cables: [InterfaceId; 2],
    host_ids: [HostId; 2],
    /// Candidates for UDP get lost on their way to the other peer.
    pub(crate) tcp_only: bool,
}

impl Call {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut network = Network::new(setup.seed);
        let now = network.now();
        let (mut cables, mut host_ids) = (Vec::new(), Vec::new());
        let mut hosts = Vec::new();
        for who in [ALICE, BOB] {
            let host = network.add_host();
            host_ids.push(host);
            let public: SocketAddr = PUBLIC[who].parse().unwrap();
            let mut realm = Realm::INTERNET;
            let address = match setup.nats[who] {
                Some(kind) => {
                    realm = network.add_nat(Realm::INTERNET, public.ip(), kind);
                    PRIVATE[who].parse().unwrap()
                }
                None => public,
            };
            let up = setup.link.clone();
            cables.push(network.add_interface(host, address.ip(), realm, up, Link::default()));
            let config = Arc::new(setup.configs[who].clone());
            let ntp = NtpTime::from(UNIX_EPOCH + WALL);
            let mut connection = PeerConnection::new(config, seed(setup.seed, who), now, ntp);
            let interface = connection.add_interface(now, address).unwrap();
            hosts.push(Host::Peer(Box::new(Peer::new(connection, interface))));
        }
        let server = network.add_host();
        let stun: SocketAddr = STUN.parse().unwrap();
        network.add_interface(server, stun.ip(), Realm::INTERNET, Link::default(), Link::default());
        hosts.push(Host::StunServer(VecDeque::new()));
        let Ok(hosts) = hosts.try_into() else { panic!("three hosts") };
        let (cables, host_ids) = ([cables[0], cables[1]], [host_ids[0], host_ids[1]]);
        Self { network, hosts, cables, host_ids, tcp_only: false }
    }

    /// Gives a peer another address on the network.
    pub(crate) fn add_cable(&mut self, who: usize, address: IpAddr, link: &Link) {
        let host = self.host_ids[who];
        self.cables[who] =
            self.network.add_interface(host, address, Realm::INTERNET, link.clone(), Link::default());
    }

    /// A call in which Alice has a channel "chat", connected and open on both sides.
    pub(crate) fn connected(setup: &Setup) -> Self {
        let mut call = Self::new(setup);
        let now = call.now();
        call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
        call.negotiate();
        assert!(call.run(60, |call| call.is_open("chat")), "{:?}", call.peer(ALICE).events);
        call
    }

    pub(crate) fn peer(&mut self, who: usize) -> &mut Peer {
        match &mut self.hosts[who] {
            Host::Peer(peer) => peer,
            Host::StunServer(_) | Host::TurnServer(..) => panic!("a server is no peer"),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.network.now()
    }

    pub(crate) fn address(who: usize) -> IpAddr {
        PUBLIC[who].parse::<SocketAddr>().unwrap().ip()
    }

    /// Offer and answer, as text, Alice being the offerer.
    pub(crate) fn negotiate(&mut self) {
        self.negotiate_with(|_, sdp| sdp);
    }

    /// The same, with somebody who changes the descriptions on their way.
    pub(crate) fn negotiate_with(&mut self, change: impl Fn(usize, String) -> String) {
        self.negotiate_from(ALICE, change);
    }

    /// Offer and answer, `offerer` being the offerer.
    pub(crate) fn negotiate_from(&mut self, offerer: usize, change: impl Fn(usize, String) -> String) {
        let now = self.now();
        let answerer = 1 - offerer;
        let signalled = |who, description: &Description| {
            Description::parse(description.kind, &change(who, description.sdp.to_string())).unwrap()
        };
        let offer = self.peer(offerer).connection.set_implicit_local_description(now).unwrap();
        let bob = &mut self.peer(answerer).connection;
        bob.set_remote_description(now, &signalled(offerer, &offer)).unwrap();
        let answer = bob.set_implicit_local_description(now).unwrap();
        let answer = signalled(answerer, &answer);
        self.peer(offerer).connection.set_remote_description(now, &answer).unwrap();
        self.signal();
    }

    /// Carries candidates over.
    fn signal(&mut self) {
        let now = self.now();
        for who in [ALICE, BOB] {
            self.peer(who).drain(now);
            if self.peer(1 - who).connection.remote_description().is_none() {
                continue;
            }
            let candidates = std::mem::take(&mut self.peer(who).candidates);
            let told = candidates.into_iter().filter(|one| !self.tcp_only || !is_udp(one));
            for candidate in told.collect::<Vec<_>>() {
                self.peer(1 - who).connection.add_ice_candidate(now, &candidate).unwrap();
            }
        }
    }

    /// Lets at most `seconds` pass until `done`; whether it came to that.
    pub(crate) fn run(&mut self, seconds: u64, done: impl FnMut(&mut Self) -> bool) -> bool {
        self.run_for(Duration::from_secs(seconds), done)
    }

    /// Lets at most this time pass until `done`; whether it came to that.
    pub(crate) fn run_for(&mut self, time: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let limit = self.now() + time;
        loop {
            self.signal();
            if done(self) {
                return true;
            }
            let mut steps = 0;
            let ran =
                self.network.run_until(&mut self.hosts, limit, |_| std::mem::replace(&mut steps, 1) == 1);
            if !ran {
                self.signal();
                return done(self);
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.run(seconds, |_| false);
    }

    pub(crate) fn is_connected(&mut self) -> bool {
        [ALICE, BOB]
            .iter()
            .all(|who| self.peer(*who).connection.connection_state() == ConnectionState::Connected)
    }

    /// Whether both sides have an open channel with this label.
    pub(crate) fn is_open(&mut self, label: &str) -> bool {
        [ALICE, BOB].into_iter().all(|who| {
            let channels = &self.peer(who).connection;
            channels
                .data_channels()
                .any(|(_, one)| one.config().label == label && one.state() == duologue::ChannelState::Open)
        })
    }
}

fn is_udp(candidate: &IceCandidate) -> bool {
    candidate.candidate.to_string().to_lowercase().contains(" udp ")
}
