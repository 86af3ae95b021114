//! The nine rules of the contract, each as a property over random sessions.
//!
//! A session is a list of operations on two agents over a network that loses, duplicates and reorders. It is run twice:
//! plainly, and with a disturbance that the rule says must not matter; both runs must show the same.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_ice::{
    Agent, Config, Credentials, Discard, Event, InterfaceId, Path, Received, RemoteCredentialsError, Role,
    State,
};
use duologue_netsim::Network;
use proptest::prelude::*;

use crate::common::seed;

#[derive(Debug, Clone)]
enum Op {
    Wait(u16),
    Cut(u16),
    Interface(bool, u8),
    RemoveInterface(bool),
    Describe(bool),
    Candidates(bool),
    Done(bool),
    Conflict(bool),
    Restart(bool),
    AbandonRestart(bool),
    Close(bool),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0_u16..3000).prop_map(Op::Wait),
        1 => (0_u16..40_000).prop_map(Op::Cut),
        3 => (any::<bool>(), 0_u8..4).prop_map(|(who, which)| Op::Interface(who, which)),
        1 => any::<bool>().prop_map(Op::RemoveInterface),
        3 => any::<bool>().prop_map(Op::Describe),
        4 => any::<bool>().prop_map(Op::Candidates),
        2 => any::<bool>().prop_map(Op::Done),
        1 => any::<bool>().prop_map(Op::Conflict),
        2 => any::<bool>().prop_map(Op::Restart),
        1 => any::<bool>().prop_map(Op::AbandonRestart),
    ];
    // What connects, then whatever comes.
    let connect = Just(vec![
        Op::Interface(false, 0),
        Op::Interface(true, 1),
        Op::Describe(false),
        Op::Describe(true),
        Op::Candidates(false),
        Op::Candidates(true),
    ]);
    let close = prop::option::weighted(0.3, any::<bool>().prop_map(Op::Close));
    (connect.prop_shuffle(), prop::collection::vec(op, 0..20), close).prop_map(|(mut ops, more, close)| {
        ops.extend(more);
        ops.extend(close);
        ops.push(Op::Wait(5000));
        ops
    })
}

/// What must not matter.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Disturbance {
    None,
    Noise,
    SmallRoom,
    BackInTime,
    EarlyTimeouts,
}

#[derive(Debug, Default, PartialEq)]
struct Shown {
    datagrams: Vec<(Duration, usize, Path, Vec<u8>)>,
    events: Vec<(Duration, usize, Event)>,
    ends: Vec<(State, u64)>,
}

struct Sim {
    start: Instant,
    now: Instant,
    random: u64,
    noise: u64,
    loss: u64,
    cut_until: Instant,
    agents: [Agent; 2],
    interfaces: [Vec<InterfaceId>; 2],
    wire: VecDeque<(Instant, usize, Path, Vec<u8>)>,
    disturbance: Disturbance,
    restarts: u32,
    shown: Shown,
}

impl Sim {
    fn run(seed_number: u64, loss: u64, ops: &[Op], disturbance: Disturbance) -> Shown {
        let start = Network::new(0).now();
        let config = Arc::new(Config::default());
        let mut agents = [0, 1].map(|who| Agent::new(Arc::clone(&config), seed(seed_number, who), start));
        agents[0].set_role(start, Role::Controlling);
        let mut sim = Self {
            start,
            now: start + Duration::from_secs(60),
            random: seed_number | 1,
            noise: 77,
            loss,
            cut_until: start,
            agents,
            interfaces: [vec![], vec![]],
            wire: VecDeque::new(),
            disturbance,
            restarts: 0,
            shown: Shown::default(),
        };
        for op in ops {
            sim.apply(op);
            sim.collect();
        }
        for agent in &sim.agents {
            sim.shown.ends.push((agent.state(), agent.stats().responses_received));
        }
        sim.shown
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Wait(ms) => self.wait(Duration::from_millis(u64::from(ms))),
            Op::Cut(ms) => self.cut_until = now + Duration::from_millis(u64::from(ms)),
            Op::Interface(who, which) => {
                let address = SocketAddr::from(([192, 0, 2, which + 1], 5000 + u16::from(who)));
                if let Ok(id) = self.agents[usize::from(who)].add_interface(now, address) {
                    self.interfaces[usize::from(who)].push(id);
                }
            }
            Op::RemoveInterface(who) => {
                if let Some(id) = self.interfaces[usize::from(who)].pop() {
                    self.agents[usize::from(who)].remove_interface(now, id);
                }
            }
            Op::Describe(who) => {
                // As a peer that is asked to restart does.
                let credentials = self.agents[usize::from(!who)].local_credentials().clone();
                let agent = &mut self.agents[usize::from(who)];
                let known = agent.set_remote_credentials(now, credentials.clone());
                if known == Err(RemoteCredentialsError::Restart) {
                    self.restart(who);
                    let _ = self.agents[usize::from(who)].set_remote_credentials(now, credentials);
                }
            }
            Op::Candidates(who) => {
                let candidates: Vec<_> = self.agents[usize::from(!who)].local_candidates().collect();
                for candidate in candidates {
                    self.agents[usize::from(who)].add_remote_candidate(now, &candidate);
                }
            }
            Op::Done(who) => self.agents[usize::from(who)].end_of_remote_candidates(now),
            Op::Conflict(who) => {
                let role = self.agents[usize::from(!who)].role();
                self.agents[usize::from(who)].set_role(now, role);
            }
            Op::Restart(who) => self.restart(who),
            Op::AbandonRestart(who) => self.agents[usize::from(who)].abandon_restart(now),
            Op::Close(who) => self.agents[usize::from(who)].close(now),
        }
    }

    fn restart(&mut self, who: bool) {
        self.restarts += 1;
        let local = Credentials::new(format!("{:08}", self.restarts), format!("{:024}", self.restarts));
        let agent = &mut self.agents[usize::from(who)];
        let worked = agent.sending_path();
        agent.restart(self.now, local.unwrap());
        assert_eq!(agent.sending_path(), worked, "payload goes on");
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for steps in 0.. {
            assert!(steps < 20_000, "a session does not spin");
            self.collect();
            let deadlines = self.agents.iter().filter_map(Agent::poll_timeout);
            let next = deadlines.chain(self.wire.iter().map(|(at, ..)| *at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.disturb(next);
            self.now = self.now.max(next);
            while let Some(index) = self.wire.iter().position(|(at, ..)| *at <= self.now) {
                let (_, to, path, mut bytes) = self.wire.remove(index).unwrap();
                // The agent has seen this time, so an earlier one must count as this one.
                self.agents[to].handle_timeout(self.now);
                let stale =
                    Duration::from_secs(if self.disturbance == Disturbance::BackInTime { 30 } else { 0 });
                let _ = self.agents[to].handle_datagram(self.now - stale, path, &mut bytes);
            }
            for agent in &mut self.agents {
                agent.handle_timeout(self.now);
                assert!(agent.poll_timeout().is_none_or(|deadline| deadline > self.now), "rule 7");
            }
        }
        self.now = end;
    }

    fn disturb(&mut self, next: Instant) {
        match self.disturbance {
            Disturbance::None | Disturbance::SmallRoom | Disturbance::BackInTime => {}
            Disturbance::EarlyTimeouts => {
                let between = self.now + next.saturating_duration_since(self.now) / 2;
                if between < next {
                    self.agents.iter_mut().for_each(|agent| agent.handle_timeout(between));
                }
            }
            Disturbance::Noise => {
                for who in 0..2 {
                    for _ in 0..3 {
                        let len = random(&mut self.noise) % 120;
                        let mut bytes: Vec<_> = (0..len).map(|_| random(&mut self.noise) as u8).collect();
                        if let [first, ..] = &mut bytes[..] {
                            *first &= 1;
                        }
                        if let Some((_, _, path, real)) = self.wire.front() {
                            let mut cut = real[..(real.len() - 1).min(len as usize)].to_vec();
                            let _ = self.agents[who].handle_datagram(self.now, *path, &mut cut);
                        }
                        let to = SocketAddr::from(([192, 0, 2, 1], 5000 + who as u16));
                        let path = Path::udp(to, SocketAddr::from(([192, 0, 2, 9], 7)));
                        let before = self.agents[who].stats().discarded_total();
                        let outcome = self.agents[who].handle_datagram(self.now, path, &mut bytes).map(drop);
                        let after = self.agents[who].stats().discarded_total();
                        assert_eq!(after - before, u64::from(outcome.is_err()), "rule 4: one counter");
                    }
                }
            }
        }
    }

    fn collect(&mut self) {
        for who in 0..2 {
            let mut count = 0;
            loop {
                let mut out = vec![1, 2, 3];
                if self.disturbance == Disturbance::SmallRoom {
                    for room in [0, 20, 40] {
                        assert!(self.agents[who].poll_transmit(self.now, room, &mut out).is_none());
                        assert_eq!(out, [1, 2, 3], "rule 6: nothing is written without room");
                    }
                }
                let Some(transmit) = self.agents[who].poll_transmit(self.now, 1500, &mut out) else { break };
                count += 1;
                assert!(count < 500, "rule 7: a drain ends");
                assert_eq!(out.len(), 3 + transmit.len, "rule 6: one datagram is appended");
                let bytes = out.split_off(3);
                self.shown.datagrams.push((self.now - self.start, who, transmit.path, bytes.clone()));
                self.carry(1 - who, Path::udp(transmit.path.remote, transmit.path.local), bytes);
            }
            assert!(self.agents[who].poll_transmit(self.now, 1500, &mut vec![]).is_none(), "rule 7");
            let users = self.agents[who].local_ufrags().count();
            assert!((1..=2).contains(&users));
            assert!(self.agents[who].pairs().filter(|pair| pair.selected).count() <= 1);
            while let Some(event) = self.agents[who].poll_event() {
                self.shown.events.push((self.now - self.start, who, event));
            }
        }
    }

    fn carry(&mut self, to: usize, path: Path, bytes: Vec<u8>) {
        let [lost, again, delay] = [0; 3].map(|_| random(&mut self.random) % 100);
        if lost < self.loss || self.now < self.cut_until {
            return;
        }
        let at = self.now + Duration::from_millis(10 + delay);
        if again < self.loss {
            self.wire.push_back((at + Duration::from_millis(7), to, path, bytes.clone()));
        }
        self.wire.push_back((at, to, path, bytes));
    }
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 11
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Rule 1: the agent keeps the largest time that it has seen.
    #[test]
    fn time_that_goes_back_does_not_matter(seed in any::<u64>(), ops in ops()) {
        prop_assert_eq!(
            Sim::run(seed, 10, &ops, Disturbance::None),
            Sim::run(seed, 10, &ops, Disturbance::BackInTime)
        );
    }

    /// Rule 2: equal configuration, seed and inputs give equal outputs; another seed gives others.
    #[test]
    fn equal_seeds_give_equal_bytes(seed in any::<u64>(), ops in ops()) {
        let one = Sim::run(seed, 15, &ops, Disturbance::None);
        prop_assert_eq!(&one, &Sim::run(seed, 15, &ops, Disturbance::None));
        let other = Sim::run(seed ^ 6, 15, &ops, Disturbance::None);
        prop_assert!(one.datagrams.is_empty() || one.datagrams != other.datagrams);
    }

    /// Rule 4: datagrams of no use change nothing but a counter.
    #[test]
    fn noise_does_not_matter(seed in any::<u64>(), ops in ops()) {
        prop_assert_eq!(
            Sim::run(seed, 10, &ops, Disturbance::None),
            Sim::run(seed, 10, &ops, Disturbance::Noise)
        );
    }

    /// Rule 6: `None` for lack of room loses nothing.
    #[test]
    fn a_lack_of_room_does_not_matter(seed in any::<u64>(), ops in ops()) {
        prop_assert_eq!(
            Sim::run(seed, 10, &ops, Disturbance::None),
            Sim::run(seed, 10, &ops, Disturbance::SmallRoom)
        );
    }

    /// Rule 7: an early call does nothing.
    #[test]
    fn early_timeouts_do_not_matter(seed in any::<u64>(), ops in ops()) {
        prop_assert_eq!(
            Sim::run(seed, 10, &ops, Disturbance::None),
            Sim::run(seed, 10, &ops, Disturbance::EarlyTimeouts)
        );
    }
}

fn agent() -> (Agent, Instant, SocketAddr) {
    let now = Network::new(0).now();
    let local = "192.0.2.1:5000".parse().unwrap();
    let mut agent = Agent::new(Arc::new(Config::default()), [3; 32], now);
    agent.add_interface(now, local).unwrap();
    (agent, now, local)
}

/// Rule 3: a payload is the datagram's own bytes, and the agent is free while they are in use.
#[test]
fn payload_is_borrowed_from_the_datagram() {
    let (mut agent, now, local) = agent();
    let mut datagram = [128, 1, 2, 3];
    let start = datagram.as_ptr();
    let path = Path::udp(local, "192.0.2.2:1".parse().unwrap());
    let received = agent.handle_datagram(now, path, &mut datagram).unwrap();
    agent.handle_timeout(now);
    match received {
        Received::Payload { bytes, .. } => {
            assert_eq!((bytes.as_ptr(), bytes.len()), (start, 4));
            bytes[0] = 0;
        }
        Received::Consumed => panic!("consumed"),
    }
}

/// Rule 5: one terminal event, and after it nothing.
#[test]
fn after_close_inputs_are_no_ops_and_polls_return_none() {
    let (mut agent, now, local) = agent();
    agent.close(now);
    let events: Vec<_> = std::iter::from_fn(|| agent.poll_event()).collect();
    assert_eq!(events.last(), Some(&Event::Closed));
    assert_eq!(events.iter().filter(|event| **event == Event::Closed).count(), 1);
    let later = now + Duration::from_secs(5);
    agent.close(later);
    agent.set_role(later, Role::Controlling);
    agent.set_remote_lite(later, true);
    agent.end_of_remote_candidates(later);
    agent.restart(later, Credentials::new("another0", "p".repeat(24)).unwrap());
    agent.abandon_restart(later);
    assert!(agent.add_interface(later, "192.0.2.3:1".parse().unwrap()).is_err());
    let path = Path::udp(local, "192.0.2.2:1".parse().unwrap());
    assert_eq!(agent.handle_datagram(later, path, &mut [128]), Err(Discard::Closed));
    agent.handle_timeout(later);
    assert_eq!((agent.poll_event(), agent.poll_timeout(), agent.sending_path()), (None, None, None));
    assert!(agent.poll_transmit(later, 1500, &mut vec![]).is_none());
}

/// Rules 6 and 7: a socket that is full for a minute makes no deadline lie in the past, and no queue grow.
#[test]
fn a_socket_that_stays_full_neither_spins_nor_grows_anything() {
    let (mut agent, mut now, _) = agent();
    agent.set_role(now, Role::Controlling);
    let other = Agent::new(Arc::new(Config::default()), [4; 32], now);
    agent.set_remote_credentials(now, other.local_credentials().clone()).unwrap();
    for port in 1..60 {
        let text = format!("1 1 udp {} 192.0.2.2 {port} typ host", 1000 + port);
        agent.add_remote_candidate(now, &text.parse().unwrap());
    }
    let end = now + Duration::from_secs(60);
    let mut steps = 0;
    while let Some(next) = agent.poll_timeout().filter(|next| *next < end) {
        assert!(next > now || steps == 0);
        now = next;
        agent.handle_timeout(now);
        steps += 1;
    }
    assert!(steps < 200, "{steps}");
    let mut sent = 0;
    while agent.poll_transmit(now, 1500, &mut vec![]).is_some() {
        sent += 1;
    }
    assert_eq!(sent, 59, "each check once, late");
}

/// Rule 8: events that nobody polls do not pile up.
#[test]
fn events_are_coalesced() {
    let (mut agent, mut now, _) = agent();
    for round in 0..10_000_u32 {
        now += Duration::from_millis(1);
        agent.set_role(now, if round % 2 == 0 { Role::Controlling } else { Role::Controlled });
        let id = agent.add_interface(now, "192.0.2.9:1".parse().unwrap()).unwrap();
        agent.restart(now, Credentials::new(format!("{round:08}"), format!("{round:024}")).unwrap());
        agent.remove_interface(now, id);
    }
    assert!(std::iter::from_fn(|| agent.poll_event()).count() < 10);
}

/// Rule 9.
#[test]
fn public_types_can_be_sent() {
    fn check<T: Send + 'static>() {}
    check::<Agent>();
    check::<Config>();
    check::<Event>();
    check::<duologue_ice::Candidate>();
    check::<Credentials>();
    check::<duologue_ice::Stats>();
    check::<duologue_ice::PairStats>();
    check::<duologue_ice::SendingPath>();
}
