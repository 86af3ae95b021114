//! Two agents, a server for STUN and TURN, and a signalling channel on a planned network.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{Agent, Candidate, Event, GatheringState, Path, Received, Role, State, Transport};
use duologue_netsim::{Addresses, Loss, Network, Node, Stats, StreamEvent, StreamRequest};

use crate::plan::Plan;
use crate::streams::Streams;
use crate::turn_server::{TurnServer, config};

/// What the signalling channel carries.
#[derive(Debug, Clone)]
enum Signal {
    Candidate(Candidate),
    NoMore,
}

/// A host with an agent, and what has been seen of it.
pub(crate) struct Host {
    agent: Agent,
    streams: Streams,
    signals: VecDeque<Signal>,
    /// How much payload is to be sent.
    owed: u32,
    /// How often the peer's payload has come from a qualified source.
    heard: u32,
    valid: Option<Instant>,
    nominated: Option<Instant>,
}

impl Host {
    fn new(agent: Agent) -> Self {
        let (streams, signals) = (Streams::default(), VecDeque::new());
        Self { agent, streams, signals, owed: 0, heard: 0, valid: None, nominated: None }
    }

    fn look(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            self.streams.follow(&event);
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

    fn hear(&mut self, payload: &[u8], qualified: bool) {
        assert_eq!(payload, PAYLOAD);
        self.heard += u32::from(qualified);
    }

    fn next_datagram(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Path> {
        if let Some(owed) = self.owed.checked_sub(1) {
            self.owed = owed;
            if let Some(sending) = self.agent.sending_path() {
                let start = out.len();
                out.resize(start + sending.headroom(), 0);
                out.extend_from_slice(PAYLOAD);
                return self.agent.seal(&sending, out, start);
            }
        }
        Some(self.agent.poll_transmit(now, 1500, out)?.path)
    }
}

/// Whoever is on the network.
pub(crate) enum Peer {
    Host(Box<Host>),
    /// The server, and what it wants of the network at first.
    Server(Box<TurnServer>, Vec<StreamRequest>),
}

impl Peer {
    fn host(&mut self) -> &mut Host {
        match self {
            Self::Host(host) => host,
            Self::Server(..) => panic!("a server"),
        }
    }
}

const PAYLOAD: &[u8] = &[128; 20];

impl Node for Peer {
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Host(host) => {
                host.agent.handle_timeout(now);
                host.look(now);
            }
            Self::Server(server, _) => server.handle_timeout(now),
        }
    }

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        match self {
            Self::Host(host) => {
                let path = Path::udp(addresses.destination, addresses.source);
                if let Ok(Received::Payload { qualified, bytes, .. }) =
                    host.agent.handle_datagram(now, path, datagram)
                {
                    host.hear(bytes, qualified);
                }
                host.look(now);
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
                    if path.transport == Transport::Udp {
                        return Some(Addresses { source: path.local, destination: path.remote });
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
                for (payload, qualified) in host.streams.handle(now, &mut host.agent, stream, event) {
                    host.hear(&payload, qualified);
                }
                host.look(now);
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
    /// When both had an outcome.
    pub(crate) over: Duration,
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
        let mut agents = [0, 1].map(|host: usize| {
            let mut seed = [u8::try_from(host).unwrap(); 32];
            seed[..8].copy_from_slice(&terms.seed.to_le_bytes());
            let config = plan.setups[host].config(terms.asks_server);
            let mut agent = Agent::new(Arc::new(config), seed, start);
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
        let mut config = config();
        config.ipv6 = true;
        config.max_allocations_per_user = 100;
        let server = TurnServer::new(config, &Plan::servers(), start);
        let listens = server.listens().collect();
        nodes.push(Peer::Server(Box::new(server), listens));
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
        let over = self.network.elapsed();
        let states = [0, 1].map(|host| self.nodes[host].host().agent.state());
        if states == [State::Completed; 2] {
            (0..2).for_each(|host| self.nodes[host].host().owed = 20);
            // A stream takes its time when segments are lost.
            self.run(Duration::from_secs(30), |node| node.heard > 0);
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
            over,
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
