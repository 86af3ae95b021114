//! Two agents, a STUN server and a signalling channel on a planned network.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{Agent, Candidate, Config, Event, GatheringState, Path, Received, Role, State};
use duologue_netsim::{Addresses, Loss, Network, Node, Stats};
use duologue_stun::{Class, Message, Method, Writer};

use crate::plan::Plan;

/// What the signalling channel carries.
#[derive(Debug, Clone)]
enum Signal {
    Candidate(Candidate),
    NoMore,
}

/// A host with an agent, and what has been seen of it.
pub(crate) struct Host {
    agent: Agent,
    signals: VecDeque<Signal>,
    outbox: Vec<Addresses>,
    /// How often the peer's payload has come from a qualified source.
    heard: u32,
    valid: Option<Instant>,
    nominated: Option<Instant>,
}

impl Host {
    fn new(agent: Agent) -> Self {
        let (signals, outbox) = (VecDeque::new(), vec![]);
        Self { agent, signals, outbox, heard: 0, valid: None, nominated: None }
    }

    fn look(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::LocalCandidate(candidate) => self.signals.push_back(Signal::Candidate(candidate)),
                Event::GatheringStateChanged(GatheringState::Complete) => {
                    self.signals.push_back(Signal::NoMore);
                }
                _ => {}
            }
        }
        if self.agent.sending_path().is_some() {
            self.valid.get_or_insert(now);
        }
        if self.nominated.is_none() && self.agent.pairs().any(|pair| pair.nominated) {
            self.nominated = Some(now);
        }
    }
}

/// Whoever is on the network.
pub(crate) enum Peer {
    Host(Box<Host>),
    /// The STUN server, with the answers that it owes.
    Server(VecDeque<(Addresses, Vec<u8>)>),
}

impl Peer {
    fn host(&mut self) -> &mut Host {
        match self {
            Self::Host(host) => host,
            Self::Server(_) => panic!("a server"),
        }
    }
}

const PAYLOAD: &[u8] = &[128; 20];

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Host(host) = self {
            host.agent.handle_timeout(now);
            host.look(now);
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Host(host) => {
                let path = Path::udp(addresses.destination, addresses.source);
                if let Ok(Received::Payload { qualified: true, bytes, .. }) =
                    host.agent.handle_datagram(now, path, datagram)
                {
                    assert_eq!(bytes, PAYLOAD);
                    host.heard += 1;
                }
                host.look(now);
            }
            Self::Server(answers) => {
                let Ok(message) = Message::parse(datagram) else { return };
                if message.class() != Class::Request {
                    return;
                }
                let mut answer = vec![];
                Writer::new(&mut answer, Class::Success, Method::BINDING, message.transaction_id())
                    .xor_mapped_address(addresses.source)
                    .finish()
                    .unwrap();
                let back = Addresses { source: addresses.destination, destination: addresses.source };
                answers.push_back((back, answer));
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        match self {
            Self::Host(host) => {
                if let Some(addresses) = host.outbox.pop() {
                    out.extend_from_slice(PAYLOAD);
                    return Some(addresses);
                }
                let path = host.agent.poll_transmit(now, 1500, out)?.path;
                Some(Addresses { source: path.local, destination: path.remote })
            }
            Self::Server(answers) => {
                let (addresses, answer) = answers.pop_front()?;
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

/// How a call is made.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) seed: u64,
    pub(crate) one_way: Duration,
    pub(crate) loss: Loss,
    /// How long a candidate takes to the peer.
    pub(crate) signalling: Duration,
    pub(crate) roles: [Role; 2],
    pub(crate) asks_server: bool,
    /// Both hold the other's host candidates at the beginning, and their end.
    pub(crate) described: bool,
}

/// A call under way.
pub(crate) struct Call {
    network: Network,
    nodes: Vec<Peer>,
    signalling: Duration,
    under_way: VecDeque<(Instant, usize, Signal)>,
    start: Instant,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) states: [State; 2],
    /// When each host had a pair that works, and when each knew of a nomination.
    pub(crate) valid: [Option<Duration>; 2],
    pub(crate) nominated: [Option<Duration>; 2],
    /// Whether payload gets from each host to the other.
    pub(crate) heard: [bool; 2],
    pub(crate) stats: Stats,
}

impl Outcome {
    pub(crate) fn is_connected(&self) -> bool {
        self.states == [State::Completed; 2] && self.heard == [true; 2]
    }
}

impl Call {
    /// Both hosts hold each other's credentials, and begin to gather.
    pub(crate) fn new(plan: &Plan, terms: &Terms) -> Self {
        let mut network = Network::new(terms.seed);
        plan.build(&mut network, terms.one_way, &terms.loss);
        let start = network.now();
        let mut config = Config::default();
        if terms.asks_server {
            config.stun_servers = Plan::servers().into();
        }
        let config = Arc::new(config);
        let mut agents = [0, 1].map(|host: usize| {
            let mut seed = [u8::try_from(host).unwrap(); 32];
            seed[..8].copy_from_slice(&terms.seed.to_le_bytes());
            let mut agent = Agent::new(Arc::clone(&config), seed, start);
            agent.set_role(start, terms.roles[host]);
            agent
        });
        let credentials = agents.each_ref().map(|agent| agent.local_credentials().clone());
        for (agent, theirs) in agents.iter_mut().zip(credentials.into_iter().rev()) {
            agent.set_remote_credentials(start, theirs).unwrap();
        }
        for (host, agent) in agents.iter_mut().enumerate() {
            for socket in plan.sockets_of(host) {
                agent.add_interface(start, socket.address).unwrap();
            }
        }
        let mut nodes: Vec<_> =
            agents.into_iter().map(|agent| Peer::Host(Box::new(Host::new(agent)))).collect();
        nodes.push(Peer::Server(VecDeque::new()));
        let (signalling, under_way) = (terms.signalling, VecDeque::new());
        let mut call = Self { network, nodes, signalling, under_way, start };
        if terms.described {
            call.signalling = Duration::ZERO;
            call.collect();
            call.carry();
            call.signalling = terms.signalling;
        }
        call
    }

    /// Runs until both have an outcome, and sends payload on what they have chosen.
    pub(crate) fn make(mut self) -> Outcome {
        self.run(Duration::from_secs(120), |node| {
            matches!(node.agent.state(), State::Completed | State::Failed(_))
        });
        let states = [0, 1].map(|host| self.nodes[host].host().agent.state());
        if states == [State::Completed; 2] {
            for host in 0..2 {
                let host = self.nodes[host].host();
                if let Some(path) = host.agent.sending_path().map(|sending| sending.path()) {
                    host.outbox = vec![Addresses { source: path.local, destination: path.remote }; 20];
                }
            }
            self.run(Duration::from_secs(2), |node| node.heard > 0);
        }
        let since = |at: Option<Instant>| at.map(|at| at - self.start);
        let [a, b] = [0, 1].map(|host| {
            let host = self.nodes[host].host();
            (since(host.valid), since(host.nominated), host.heard > 0)
        });
        Outcome {
            states,
            valid: [a.0, b.0],
            nominated: [a.1, b.1],
            heard: [b.2, a.2],
            stats: self.network.stats(),
        }
    }

    /// Runs until both hosts are as wanted, and carries signals meanwhile.
    fn run(&mut self, time: Duration, wanted: impl Fn(&Host) -> bool) {
        let limit = self.network.now() + time;
        loop {
            self.collect();
            self.carry();
            let next = self.under_way.front().map_or(limit, |(at, _, _)| (*at).min(limit));
            let mut over = false;
            self.network.run_until(&mut self.nodes, next, |nodes| {
                over = nodes[..2].iter_mut().all(|node| wanted(node.host()));
                over || nodes[..2].iter_mut().any(|node| !node.host().signals.is_empty())
            });
            if over || self.network.now() >= limit {
                return;
            }
        }
    }

    /// Takes what is to be signalled.
    fn collect(&mut self) {
        let now = self.network.now();
        for from in 0..2 {
            let host = self.nodes[from].host();
            host.look(now);
            for signal in host.signals.drain(..) {
                self.under_way.push_back((now + self.signalling, 1 - from, signal));
            }
        }
    }

    /// Hands over what has arrived.
    fn carry(&mut self) {
        let now = self.network.now();
        while self.under_way.front().is_some_and(|(at, _, _)| *at <= now) {
            let Some((_, to, signal)) = self.under_way.pop_front() else { return };
            let host = self.nodes[to].host();
            match signal {
                Signal::Candidate(candidate) => host.agent.add_remote_candidate(now, &candidate),
                Signal::NoMore => host.agent.end_of_remote_candidates(now),
            }
            host.look(now);
        }
    }
}
