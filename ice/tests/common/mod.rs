//! Agents, STUN servers and a signalling channel on the simulated network.

mod call;
pub(crate) mod scripted;
pub(crate) mod streams;
pub(crate) mod turn_server;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{Agent, Config, Credentials, Discard, Event, GatheringState, Path, Received, Role, State};
use duologue_ice::{Transmit, Transport};
use duologue_netsim::{
    Addresses, HostId, InterfaceId, Link, Loss, NatKind, Network, Node, Realm, StreamEvent, StreamRequest,
};

pub(crate) use call::Call;
use streams::Streams;
use turn_server::TurnServer;

pub(crate) const SERVER: &str = "198.51.100.1:3478";

/// A host with an agent.
pub(crate) struct Host {
    pub(crate) agent: Agent,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) discards: Vec<Discard>,
    pub(crate) payloads: Vec<(Vec<u8>, bool)>,
    pub(crate) outbox: Vec<(Path, Vec<u8>)>,
    pub(crate) sent: Vec<(Instant, Addresses, Vec<u8>)>,
    pub(crate) streams: Streams,
    pub(crate) keep_sent: bool,
}

impl Host {
    pub(crate) fn new(agent: Agent) -> Self {
        Self {
            agent,
            events: vec![],
            discards: vec![],
            payloads: vec![],
            outbox: vec![],
            sent: vec![],
            streams: Streams::default(),
            keep_sent: false,
        }
    }

    fn next_datagram(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Path> {
        if let Some((path, datagram)) = self.outbox.pop() {
            out.extend_from_slice(&datagram);
            return Some(path);
        }
        let start = out.len();
        let Some(Transmit { path, len, .. }) = self.agent.poll_transmit(now, 1500, out) else {
            assert!(self.agent.poll_transmit(now, 1500, out).is_none(), "a second drain is empty");
            return None;
        };
        assert_eq!(out.len() - start, len);
        Some(path)
    }

    pub(crate) fn drain_events(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            self.streams.follow(&event);
            self.events.push((now, event));
        }
        assert_eq!(self.agent.poll_event(), None, "a second drain is empty");
    }

    pub(crate) fn states(&self) -> Vec<State> {
        let states = self.events.iter().filter_map(|(_, event)| match event {
            Event::StateChanged(state) => Some(*state),
            _ => None,
        });
        states.collect()
    }

    /// When a state was first told.
    pub(crate) fn reached(&self, wanted: impl Fn(State) -> bool) -> Option<Instant> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::StateChanged(state) if wanted(*state) => Some(*at),
            _ => None,
        })
    }

    pub(crate) fn selected_path(&self) -> Option<Path> {
        self.agent.sending_path().map(|sending| sending.path())
    }

    /// Queues a payload on the sending path; false without one.
    pub(crate) fn send(&mut self, payload: &[u8]) -> bool {
        let Some(sending) = self.agent.sending_path() else { return false };
        let mut datagram = vec![0; sending.headroom()];
        datagram.extend_from_slice(payload);
        let Some(path) = self.agent.seal(&sending, &mut datagram, 0) else { return false };
        self.outbox.push((path, datagram));
        true
    }
}

/// Whoever is on the network.
pub(crate) enum Peer {
    Host(Box<Host>),
    /// A STUN and TURN server, and what it wants of the network at first.
    Server(Box<TurnServer>, Vec<StreamRequest>),
}

impl Peer {
    pub(crate) fn host(&mut self) -> &mut Host {
        match self {
            Self::Host(host) => host,
            Self::Server(..) => panic!("a server"),
        }
    }
}

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Host(host) => {
                host.agent.handle_timeout(now);
                assert!(
                    host.agent.poll_timeout().is_none_or(|next| next > now),
                    "the next deadline is later"
                );
                host.drain_events(now);
            }
            Self::Server(server, _) => server.handle_timeout(now),
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Host(host) => {
                let path = Path::udp(addresses.destination, addresses.source);
                match host.agent.handle_datagram(now, path, datagram) {
                    Ok(Received::Consumed) => {}
                    Ok(Received::Payload { qualified, bytes, .. }) => {
                        host.payloads.push((bytes.to_vec(), qualified));
                    }
                    Err(reason) => host.discards.push(reason),
                }
                host.drain_events(now);
            }
            Self::Server(server, _) => server.handle_datagram(now, addresses, datagram),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Host(host) => {
                let start = out.len();
                loop {
                    let path = host.next_datagram(now, out)?;
                    let addresses = Addresses { source: path.local, destination: path.remote };
                    if host.keep_sent {
                        host.sent.push((now, addresses, out[start..].to_vec()));
                    }
                    if path.transport == Transport::Udp {
                        return Some(addresses);
                    }
                    host.streams.send(path, &out[start..]);
                    out.truncate(start);
                }
            }
            Self::Server(server, _) => server.poll_transmit(out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Host(host) => host.agent.poll_timeout(),
            Self::Server(server, _) => server.poll_timeout(),
        }
    }

    fn poll_stream_request(&mut self, _now: Instant) -> Option<StreamRequest> {
        match self {
            Self::Host(host) => host.streams.poll_request(),
            Self::Server(_, wanted) => wanted.pop(),
        }
    }

    fn handle_stream(&mut self, now: Instant, stream: Addresses, event: StreamEvent<'_>) {
        match self {
            Self::Host(host) => {
                let payloads = host.streams.handle(now, &mut host.agent, stream, event);
                host.payloads.extend(payloads);
                host.drain_events(now);
            }
            Self::Server(server, _) => server.handle_stream(now, stream, event),
        }
    }

    fn poll_stream_bytes(&mut self, _now: Instant, stream: Addresses, room: usize, out: &mut Vec<u8>) {
        match self {
            Self::Host(host) => host.streams.poll_bytes(stream, room, out),
            Self::Server(server, _) => server.poll_stream_bytes(stream, room, out),
        }
    }
}

/// Two hosts, `a` controlling, and a STUN server.
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) nodes: Vec<Peer>,
    pub(crate) cables: [InterfaceId; 2],
    pub(crate) addresses: [SocketAddr; 2],
    pub(crate) realms: [Realm; 2],
    pub(crate) hosts: [HostId; 2],
    /// The agents' own ids of their first interfaces, once gathered.
    pub(crate) interfaces: Vec<duologue_ice::InterfaceId>,
    told: [usize; 2],
    restarts: u32,
}

/// What a world is like.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) seed: u64,
    pub(crate) nats: [Option<NatKind>; 2],
    pub(crate) link: Link,
    pub(crate) configs: [Config; 2],
    pub(crate) roles: [Role; 2],
}

impl Spec {
    pub(crate) fn new(seed: u64) -> Self {
        let link = Link { delay: Duration::from_millis(25), ..Link::default() };
        Self {
            seed,
            nats: [None, None],
            link,
            configs: [Config::default(), Config::default()],
            roles: [Role::Controlling, Role::Controlled],
        }
    }

    /// Both behind NATs, asking the server for their addresses.
    pub(crate) fn behind(seed: u64, a: NatKind, b: NatKind) -> Self {
        let mut spec = Self { nats: [Some(a), Some(b)], ..Self::new(seed) };
        for config in &mut spec.configs {
            config.stun_servers.push(SERVER.parse().unwrap());
        }
        spec
    }

    pub(crate) fn lossy(mut self, probability: f64) -> Self {
        self.link.loss = if probability > 0.0 { Loss::Random(probability) } else { Loss::None };
        self
    }
}

pub(crate) fn seed(seed: u64, who: u8) -> [u8; 32] {
    let mut bytes = [who; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}

impl World {
    pub(crate) fn new(spec: &Spec) -> Self {
        let mut network = Network::new(spec.seed);
        let now = network.now();
        let mut nodes = vec![];
        let mut cables = vec![];
        let mut addresses = vec![];
        let mut realms = vec![];
        let mut hosts = vec![];
        for (index, nat) in spec.nats.iter().enumerate() {
            let public: IpAddr = format!("192.0.2.{}", index + 1).parse().unwrap();
            let (realm, ip) = match nat {
                None => (Realm::INTERNET, public),
                Some(kind) => {
                    let realm = network.add_nat(Realm::INTERNET, public, *kind);
                    (realm, format!("10.0.{index}.2").parse().unwrap())
                }
            };
            let host = network.add_host();
            cables.push(network.add_interface(host, ip, realm, spec.link.clone(), spec.link.clone()));
            let config = Arc::new(spec.configs[index].clone());
            let who = u8::try_from(index).unwrap();
            let mut agent = Agent::new(config, seed(spec.seed, who), now);
            agent.set_role(now, spec.roles[index]);
            nodes.push(Peer::Host(Box::new(Host::new(agent))));
            addresses.push(SocketAddr::new(ip, 5000));
            realms.push(realm);
            hosts.push(host);
        }
        let server = network.add_host();
        let ip: SocketAddr = SERVER.parse().unwrap();
        network.add_interface(server, ip.ip(), Realm::INTERNET, spec.link.clone(), spec.link.clone());
        let turn = TurnServer::new(turn_server::config(), &[ip], now);
        let listens = turn.listens().collect();
        nodes.push(Peer::Server(Box::new(turn), listens));
        Self {
            network,
            nodes,
            cables: cables.try_into().unwrap(),
            addresses: addresses.try_into().unwrap(),
            realms: realms.try_into().unwrap(),
            hosts: hosts.try_into().unwrap(),
            interfaces: vec![],
            told: [0, 0],
            restarts: 0,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.network.now()
    }

    pub(crate) fn host(&mut self, index: usize) -> &mut Host {
        self.nodes[index].host()
    }

    pub(crate) fn state(&mut self, index: usize) -> State {
        self.host(index).agent.state()
    }

    /// Both add their interface and gather to the end.
    pub(crate) fn gather(&mut self) {
        let now = self.now();
        for index in 0..2 {
            let address = self.addresses[index];
            let interface = self.host(index).agent.add_interface(now, address).unwrap();
            self.interfaces.push(interface);
            self.host(index).drain_events(now);
        }
        self.run(Duration::from_secs(20), |nodes| {
            nodes[..2].iter_mut().all(|node| node.host().agent.gathering() == GatheringState::Complete)
        });
    }

    /// Carries both descriptions over at once, candidates and their end inside.
    pub(crate) fn exchange(&mut self) {
        self.describe(0, 1);
        self.describe(1, 0);
    }

    /// One side restarts, with credentials that nobody has had.
    pub(crate) fn restart(&mut self, index: usize) {
        let now = self.now();
        self.restarts += 1;
        let local = Credentials::new(format!("restart{}", self.restarts), format!("{:024}", self.restarts));
        self.host(index).agent.restart(now, local.unwrap());
        self.host(index).drain_events(now);
    }

    /// A whole restart: an offer, its answer, and the candidates of both.
    pub(crate) fn renegotiate(&mut self, offerer: usize) {
        self.restart(offerer);
        self.restart(1 - offerer);
        self.describe(offerer, 1 - offerer);
        self.describe(1 - offerer, offerer);
    }

    /// A whole restart whose reflexive candidates are trickled.
    pub(crate) fn renegotiate_trickling(&mut self, offerer: usize) {
        self.trickle();
        self.restart(offerer);
        self.restart(1 - offerer);
        for from in [offerer, 1 - offerer] {
            let now = self.now();
            let credentials = self.host(from).agent.local_credentials().clone();
            self.host(1 - from).agent.set_remote_credentials(now, credentials).unwrap();
        }
        self.run(Duration::from_secs(20), |nodes| {
            nodes[..2].iter_mut().all(|node| node.host().agent.gathering() == GatheringState::Complete)
        });
        self.trickle();
        for index in 0..2 {
            let now = self.now();
            self.host(index).agent.end_of_remote_candidates(now);
        }
    }

    pub(crate) fn set_cables(&mut self, connected: bool) {
        for cable in self.cables {
            self.network.set_connected(cable, connected);
        }
    }

    /// Carries one description over.
    pub(crate) fn describe(&mut self, from: usize, to: usize) {
        let now = self.now();
        let agent = &self.host(from).agent;
        let credentials = agent.local_credentials().clone();
        let candidates: Vec<_> = agent.local_candidates().collect();
        let agent = &mut self.host(to).agent;
        agent.set_remote_credentials(now, credentials).unwrap();
        for candidate in candidates {
            agent.add_remote_candidate(now, &candidate.to_string().parse().unwrap());
        }
        agent.end_of_remote_candidates(now);
        self.host(to).drain_events(now);
    }

    /// Carries over what candidates have been told since the last call.
    pub(crate) fn trickle(&mut self) {
        for (from, to) in [(0, 1), (1, 0)] {
            let now = self.now();
            let told = self.told[from];
            let candidates: Vec<_> = self.host(from).events[told..]
                .iter()
                .filter_map(|(_, event)| match event {
                    Event::LocalCandidate(candidate) => Some(candidate.clone()),
                    _ => None,
                })
                .collect();
            self.told[from] = self.host(from).events.len();
            for candidate in candidates {
                self.host(to).agent.add_remote_candidate(now, &candidate);
            }
        }
    }

    pub(crate) fn run(&mut self, time: Duration, done: impl FnMut(&mut [Peer]) -> bool) -> bool {
        let limit = self.now() + time;
        self.network.run_until(&mut self.nodes, limit, done)
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.run(time, |_| false);
    }

    /// Runs until both have a nominated pair, or have failed.
    pub(crate) fn connect(&mut self) -> bool {
        self.run(Duration::from_secs(120), |nodes| {
            nodes[..2]
                .iter_mut()
                .all(|node| matches!(node.host().agent.state(), State::Completed | State::Failed(_)))
        });
        (0..2).all(|index| self.state(index) == State::Completed)
    }

    pub(crate) fn connected(spec: &Spec) -> Self {
        let mut world = Self::new(spec);
        world.gather();
        world.exchange();
        assert!(world.connect(), "{:?}", [world.state(0), world.state(1)]);
        world
    }
}

impl World {
    /// When a host first told a state.
    pub(crate) fn nodes_reached(&self, index: usize, wanted: State) -> Instant {
        match &self.nodes[index] {
            Peer::Host(host) => host.reached(|state| state == wanted).unwrap(),
            Peer::Server(..) => panic!("a server"),
        }
    }
}
