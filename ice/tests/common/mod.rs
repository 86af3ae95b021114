//! Agents, STUN servers and a signalling channel on the simulated network.

mod call;
pub(crate) mod scripted;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{Agent, Config, Credentials, Discard, Event, GatheringState, Path, Received, Role, State};
use duologue_netsim::{Addresses, HostId, InterfaceId, Link, Loss, NatKind, Network, Node, Realm};
use duologue_stun::{Class, Message, Method, Writer};

pub(crate) use call::Call;

pub(crate) const SERVER: &str = "198.51.100.1:3478";

/// A host with an agent.
pub(crate) struct Host {
    pub(crate) agent: Agent,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) discards: Vec<Discard>,
    pub(crate) payloads: Vec<(Vec<u8>, bool)>,
    pub(crate) outbox: Vec<(Addresses, Vec<u8>)>,
    pub(crate) sent: Vec<(Instant, Addresses, Vec<u8>)>,
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
            keep_sent: false,
        }
    }

    pub(crate) fn drain_events(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
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
        let Some(path) = self.selected_path() else { return false };
        let addresses = Addresses { source: path.local, destination: path.remote };
        self.outbox.push((addresses, payload.to_vec()));
        true
    }
}

/// Whoever is on the network.
pub(crate) enum Peer {
    Host(Box<Host>),
    /// A STUN server, with the answers that it owes.
    Server(Vec<(Addresses, Vec<u8>)>),
}

impl Peer {
    pub(crate) fn host(&mut self) -> &mut Host {
        match self {
            Self::Host(host) => host,
            Self::Server(_) => panic!("a server"),
        }
    }
}

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        let Self::Host(host) = self else { return };
        host.agent.handle_timeout(now);
        assert!(host.agent.poll_timeout().is_none_or(|next| next > now), "the next deadline is later");
        host.drain_events(now);
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
            Self::Server(answers) => {
                let Ok(message) = Message::parse(datagram) else { return };
                let mut answer = vec![];
                Writer::new(&mut answer, Class::Success, Method::BINDING, message.transaction_id())
                    .xor_mapped_address(addresses.source)
                    .fingerprint()
                    .finish()
                    .unwrap();
                let back = Addresses { source: addresses.destination, destination: addresses.source };
                answers.push((back, answer));
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Host(host) => {
                if let Some((addresses, payload)) = host.outbox.pop() {
                    out.extend_from_slice(&payload);
                    return Some(addresses);
                }
                let start = out.len();
                let Some(transmit) = host.agent.poll_transmit(now, 1500, out) else {
                    assert!(host.agent.poll_transmit(now, 1500, out).is_none(), "a second drain is empty");
                    return None;
                };
                assert_eq!(out.len() - start, transmit.len);
                let addresses = Addresses { source: transmit.path.local, destination: transmit.path.remote };
                if host.keep_sent {
                    host.sent.push((now, addresses, out[start..].to_vec()));
                }
                Some(addresses)
            }
            Self::Server(answers) => {
                let (addresses, answer) = answers.pop()?;
                out.extend_from_slice(&answer);
                Some(addresses)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Host(host) => host.agent.poll_timeout(),
            Self::Server(_) => None,
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
        nodes.push(Peer::Server(vec![]));
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
            Peer::Server(_) => panic!("a server"),
        }
    }
}
