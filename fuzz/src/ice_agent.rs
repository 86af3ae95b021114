//! A sequence of operations on two agents whose datagrams a hostile network carries.
//!
//! The HMAC is a null provider, so that the fuzzer's messages are believed: what is checked is that nothing panics,
//! grows past its bound, or makes a deadline lie in the past.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::null::{NULL, start};
use arbitrary::{Arbitrary, Unstructured};
use duologue_ice::{
    Agent, Candidate, CandidatePolicy, Config, Credentials, Event, InterfaceId, InterfaceOptions, Path, Role,
    State, StreamId, Transport, TurnServer,
};

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    Advance(u16),
    Back(u16),
    Transmit { who: bool, room: u16 },
    Deliver { duplicate: bool },
    DeliverElsewhere { port: u8 },
    Drop,
    Mutate { at: u8, value: u8 },
    Inject { who: bool, port: u8, bytes: &'a [u8] },
    Candidate { who: bool, port: u8, kind: u8 },
    CandidateText { who: bool, text: &'a str },
    Describe { who: bool },
    Role { who: bool, controlling: bool },
    Lite { who: bool, lite: bool },
    Interface { who: bool, port: u8 },
    RemoveInterface { who: bool, index: u8 },
    Done { who: bool },
    Events { who: bool },
    Close { who: bool },
    Restart { who: bool, name: u8 },
    AbandonRestart { who: bool },
    Renegotiate { name: u8 },
    Exchange,
    Listen { who: bool, port: u8 },
    Accept { who: bool, port: u8, from: u8 },
    Opened { who: bool, index: u8, port: u8 },
    Ended { who: bool, index: u8 },
    OnStream { who: bool, port: u8, from: u8, tls: bool, bytes: &'a [u8] },
    Passive { who: bool, port: u8, kind: u8 },
    Resolve { who: bool, name: u8 },
    Configure { who: bool, policy: u8 },
    Payload { who: bool },
}

struct World {
    now: Instant,
    agents: [Agent; 2],
    interfaces: [Vec<InterfaceId>; 2],
    /// All that were asked for or accepted.
    streams: [Vec<StreamId>; 2],
    config: Config,
    wire: VecDeque<(usize, Path, Vec<u8>)>,
}

/// Runs the operations that the bytes spell.
pub fn run(data: &[u8]) {
    moved(data);
}

/// The same; tells how often the agents have selected another pair.
pub fn moved(data: &[u8]) -> u64 {
    let mut input = Unstructured::new(data);
    let flags = u8::arbitrary(&mut input).unwrap_or_default();
    let mut config = Config::new(&NULL);
    config.lite = flags & 1 != 0;
    config.max_pairs = if flags & 2 != 0 { 3 } else { 100 };
    config.patience = Duration::from_secs(u64::from(flags >> 4));
    if flags & 4 != 0 {
        config.stun_servers = vec![address(200), address(201)];
        let credentials = duologue_stun::auth::Credentials::LongTerm {
            username: "user".to_owned(),
            password: "pass".to_owned(),
        };
        config.turn_servers = vec![
            TurnServer::udp(address(201), Some(credentials.clone())),
            TurnServer::tcp(address(202), Some(credentials)),
        ];
        config.tcp = true;
        config.simultaneous_open = true;
        config.max_streams = 4;
    }
    let lite = Arc::new(config.clone());
    config.lite = false;
    let now = start();
    let agents = [Agent::new(lite, [1; 32], now), Agent::new(Arc::new(config.clone()), [2; 32], now)];
    let mut world = World {
        now,
        agents,
        interfaces: [vec![], vec![]],
        streams: [vec![], vec![]],
        config,
        wire: VecDeque::new(),
    };
    if flags & 8 != 0 {
        world.connect();
    }
    let mut steps = 0;
    while let Ok(op) = Op::arbitrary(&mut input) {
        world.step(op);
        world.check();
        steps += 1;
        if steps > 2000 || input.is_empty() {
            break;
        }
    }
    world.agents.iter().map(|agent| agent.stats().selected_pair_changes).sum()
}

impl World {
    /// A pair that works, for the operations that need one.
    fn connect(&mut self) {
        self.step(Op::Role { who: false, controlling: true });
        for who in [false, true] {
            self.step(Op::Interface { who, port: 0 });
        }
        self.describe();
        for _ in 0..20 {
            self.exchange();
        }
    }

    fn describe(&mut self) {
        for who in [false, true] {
            self.step(Op::Describe { who });
            self.step(Op::Candidate { who, port: u8::from(!who), kind: 0 });
        }
    }

    /// Carries everything that is sent to the other side, and lets some time pass.
    fn exchange(&mut self) {
        self.transmit(0, 1500);
        self.transmit(1, 1500);
        while !self.wire.is_empty() {
            self.step(Op::Deliver { duplicate: false });
        }
        self.step(Op::Advance(25));
    }

    fn step(&mut self, op: Op<'_>) {
        match op {
            Op::Advance(ms) => {
                self.now += Duration::from_millis(u64::from(ms));
                for agent in &mut self.agents {
                    agent.handle_timeout(self.now);
                    assert!(agent.poll_timeout().is_none_or(|next| next > self.now));
                }
            }
            // Time that goes back does nothing.
            Op::Back(ms) => {
                let before = self.now.checked_sub(Duration::from_millis(u64::from(ms))).unwrap_or(self.now);
                self.agents.iter_mut().for_each(|agent| agent.handle_timeout(before));
            }
            Op::Transmit { who, room } => self.transmit(usize::from(who), usize::from(room)),
            Op::Deliver { duplicate } => {
                if let Some((to, path, bytes)) = self.wire.pop_front() {
                    self.deliver(to, path, &bytes);
                    if duplicate {
                        self.deliver(to, path, &bytes);
                    }
                }
            }
            Op::DeliverElsewhere { port } => {
                if let Some((to, path, bytes)) = self.wire.pop_front() {
                    self.deliver(to, Path::udp(path.local, address(port)), &bytes);
                }
            }
            Op::Drop => drop(self.wire.pop_front()),
            Op::Mutate { at, value } => {
                if let Some(byte) =
                    self.wire.front_mut().and_then(|(.., bytes)| bytes.get_mut(usize::from(at)))
                {
                    *byte = value;
                }
            }
            Op::Inject { who, port, bytes } => {
                let path = Path::udp(address(u8::from(who)), address(port));
                self.deliver(usize::from(who), path, bytes);
            }
            Op::Exchange => self.exchange(),
            Op::Renegotiate { name } => {
                for who in [false, true] {
                    self.step(Op::Restart { who, name: name ^ u8::from(who) });
                }
                self.describe();
            }
            other => self.control(other),
        }
    }

    fn control(&mut self, op: Op<'_>) {
        let now = self.now;
        match op {
            Op::Candidate { who, port, kind } => {
                let kind = ["host", "srflx", "prflx", "relay"][usize::from(kind % 4)];
                let port = address(port).port();
                let host =
                    if usize::from(port) % 7 == 0 { format!("{port}.local") } else { "192.0.2.1".to_owned() };
                let text = format!("{kind} 1 udp {} {host} {port} typ {kind}", u32::from(port) << 12);
                if let Ok(candidate) = text.parse::<Candidate>() {
                    self.agent(who).add_remote_candidate(now, &candidate);
                }
            }
            Op::CandidateText { who, text } => {
                if let Ok(candidate) = text.parse::<Candidate>() {
                    self.agent(who).add_remote_candidate(now, &candidate);
                }
            }
            Op::Describe { who } => {
                let credentials = self.agents[usize::from(!who)].local_credentials().clone();
                let _ = self.agent(who).set_remote_credentials(now, credentials);
            }
            Op::Role { who, controlling } => {
                let role = if controlling { Role::Controlling } else { Role::Controlled };
                self.agent(who).set_role(now, role);
            }
            Op::Lite { who, lite } => self.agent(who).set_remote_lite(now, lite),
            Op::Interface { who, port } => {
                // The first one is where injected datagrams go.
                let own = if self.interfaces[usize::from(who)].is_empty() { u8::from(who) } else { port };
                if let Ok(id) = self.agent(who).add_interface(now, address(own)) {
                    self.interfaces[usize::from(who)].push(id);
                }
            }
            Op::RemoveInterface { who, index } => {
                if let Some(id) = self.interfaces[usize::from(who)].get(usize::from(index)).copied() {
                    self.agent(who).remove_interface(now, id);
                }
            }
            Op::Done { who } => self.agent(who).end_of_remote_candidates(now),
            Op::Events { who } => {
                for count in 0.. {
                    assert!(count < 1000, "a drain ends");
                    match self.agent(who).poll_event() {
                        Some(Event::OpenStream(request)) => self.streams[usize::from(who)].push(request.id),
                        Some(_) => {}
                        None => break,
                    }
                }
                assert_eq!(self.agent(who).poll_event(), None);
            }
            Op::Close { who } => self.agent(who).close(now),
            Op::Restart { who, name } => {
                if let Ok(local) = Credentials::new(format!("{name:08}"), format!("{name:024}")) {
                    self.agent(who).restart(now, local);
                }
            }
            Op::AbandonRestart { who } => self.agent(who).abandon_restart(now),
            other => self.stream(other),
        }
    }

    fn stream(&mut self, op: Op<'_>) {
        let now = self.now;
        match op {
            Op::Listen { who, port } => {
                let _ = self.agent(who).add_listener(now, address(port), &InterfaceOptions::default());
            }
            Op::Accept { who, port, from } => {
                let path = Path { transport: Transport::Tcp, ..Path::udp(address(port), address(from)) };
                if let Ok(id) = self.agent(who).stream_accepted(now, path) {
                    self.streams[usize::from(who)].push(id);
                }
            }
            Op::Opened { who, index, port } => {
                if let Some(id) = self.streams[usize::from(who)].get(usize::from(index)).copied() {
                    self.agent(who).stream_opened(now, id, address(port));
                }
            }
            Op::Ended { who, index } => {
                if let Some(id) = self.streams[usize::from(who)].get(usize::from(index)).copied() {
                    self.agent(who).stream_closed(now, id);
                }
            }
            Op::OnStream { who, port, from, tls, bytes } => {
                let transport = if tls { Transport::Tls } else { Transport::Tcp };
                let path = Path { transport, ..Path::udp(address(port), address(from)) };
                self.deliver(usize::from(who), path, bytes);
            }
            Op::Passive { who, port, kind } => {
                let kind = ["active", "passive", "so"][usize::from(kind % 3)];
                let port = address(port).port();
                let text = format!("{kind} 1 tcp {port} 192.0.2.1 {port} typ host tcptype {kind}");
                if let Ok(candidate) = text.parse::<Candidate>() {
                    self.agent(who).add_remote_candidate(now, &candidate);
                }
            }
            Op::Resolve { who, name } => {
                self.agent(who).name_resolved(now, &format!("{name}.local"), address(name).ip());
            }
            Op::Configure { who, policy } => {
                let mut config = self.config.clone();
                config.policy = [CandidatePolicy::All, CandidatePolicy::Relay, CandidatePolicy::NoHost]
                    [usize::from(policy % 3)];
                self.agent(who).set_config(now, Arc::new(config));
            }
            Op::Payload { who } => {
                let agent = self.agent(who);
                if let Some(path) = agent.sending_path() {
                    let mut out = vec![0; path.headroom()];
                    out.extend_from_slice(&[200; 9]);
                    let sealed = agent.seal(&path, &mut out, 0);
                    assert!(sealed.is_some() || out.is_empty());
                }
            }
            _ => {}
        }
    }

    fn agent(&mut self, who: bool) -> &mut Agent {
        &mut self.agents[usize::from(who)]
    }

    fn transmit(&mut self, who: usize, room: usize) {
        for _ in 0..1000 {
            let mut out = b"before".to_vec();
            let Some(transmit) = self.agents[who].poll_transmit(self.now, room, &mut out) else {
                assert_eq!(out, b"before");
                return;
            };
            assert!(transmit.len <= room && out.len() == transmit.len + 6);
            let arrived = Path::udp(transmit.path.remote, transmit.path.local);
            if self.wire.len() < 500 {
                self.wire.push_back((1 - who, arrived, out.split_off(6)));
            }
        }
        panic!("a drain does not end");
    }

    fn deliver(&mut self, to: usize, path: Path, bytes: &[u8]) {
        let before = self.agents[to].stats().discarded_total();
        let outcome = self.agents[to].handle_datagram(self.now, path, &mut bytes.to_vec()).map(drop);
        let after = self.agents[to].stats().discarded_total();
        assert_eq!(after - before, u64::from(outcome.is_err()));
    }

    fn check(&mut self) {
        for agent in &mut self.agents {
            // Those of two sessions.
            assert!(agent.pairs().count() <= 200);
            assert!((1..=2).contains(&agent.local_ufrags().count()));
            assert!(agent.local_candidates().count() <= 32 * (10 + 2 * 2) + 64);
            assert!(agent.pairs().filter(|pair| pair.selected).count() <= 1);
            let over = matches!(agent.state(), State::Closed | State::Failed(_));
            assert!(!over || agent.sending_path().is_none());
            // Allocations outlive a failure, and are given back within a second of the end.
            let relays = !self.config.turn_servers.is_empty();
            assert!(!over || relays || agent.poll_timeout().is_none());
            let working = matches!(agent.state(), State::Connected | State::Completed);
            assert!(!working || agent.sending_path().is_some());
        }
    }
}

fn address(port: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5000 + u16::from(port)))
}
