//! What an agent costs: a check handled and answered, beside the two HMACs in it; and ten thousand agents that only keep
//! their consent.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench that fails here measures nothing, and measures time"
)]

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use duologue_ice::{Agent, Config, Path, Role, State};
use duologue_stun::crypto::{HmacProvider, RUST_CRYPTO};
use duologue_stun::{Class, Method, TransactionId, Writer};

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// Two agents that have just met.
struct Pair {
    agents: [Agent; 2],
    now: Instant,
}

impl Pair {
    fn connected(config: &Arc<Config>, number: u64, now: Instant) -> Self {
        let mut agents = [0, 1].map(|who| {
            let mut seed = [who; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            Agent::new(Arc::clone(config), seed, now)
        });
        agents[0].set_role(now, Role::Controlling);
        for (agent, port) in agents.iter_mut().zip([1_000, 2_000]) {
            agent.add_interface(now, address(port)).unwrap();
        }
        for (one, other) in [(0, 1), (1, 0)] {
            let credentials = agents[other].local_credentials().clone();
            let candidates: Vec<_> = agents[other].local_candidates().collect();
            agents[one].set_remote_credentials(now, credentials).unwrap();
            candidates.iter().for_each(|candidate| agents[one].add_remote_candidate(now, candidate));
            agents[one].end_of_remote_candidates(now);
        }
        let mut pair = Self { agents, now };
        while pair.agents.iter().any(|agent| agent.state() != State::Completed) {
            pair.carry();
            pair.wait(Duration::from_millis(5));
        }
        pair
    }

    /// Hands over what is sent until nothing is.
    fn carry(&mut self) -> u64 {
        let mut datagrams = 0;
        let mut out = Vec::with_capacity(1_500);
        loop {
            let before = datagrams;
            for (from, to) in [(0, 1), (1, 0)] {
                while let Some(sent) = self.agents[from].poll_transmit(self.now, 1_500, &mut out) {
                    let arrived = Path::udp(sent.path.remote, sent.path.local);
                    let _ = self.agents[to].handle_datagram(self.now, arrived, &mut out);
                    out.clear();
                    datagrams += 1;
                }
                while self.agents[from].poll_event().is_some() {}
                while self.agents[from].poll_transaction().is_some() {}
            }
            if before == datagrams {
                return datagrams;
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.agents.iter_mut().for_each(|agent| agent.handle_timeout(self.now));
    }
}

/// As many checks as are needed to tell them apart from retransmissions.
const CHECKS: u32 = 1_024;

fn check(criterion: &mut Criterion) {
    let config = Arc::new(Config::default());
    let mut pair = Pair::connected(&config, 1, Instant::now());
    let [theirs, ours] = pair.agents.each_ref().map(|agent| agent.local_credentials().clone());
    let key = RUST_CRYPTO.key(ours.pwd().as_bytes());
    let checks: Vec<Vec<u8>> = (0..CHECKS)
        .map(|number| {
            let mut id = [0; 12];
            id[..4].copy_from_slice(&number.to_le_bytes());
            let mut check = vec![];
            Writer::new(&mut check, Class::Request, Method::BINDING, TransactionId(id))
                .username(ours.ufrag().as_bytes(), theirs.ufrag().as_bytes())
                .priority(1_862_270_975)
                .ice_controlling(7)
                .integrity(&*key)
                .fingerprint()
                .finish()
                .unwrap();
            check
        })
        .collect();
    let path = Path::udp(address(2_000), address(1_000));
    let (mut next, mut out) = (0, Vec::with_capacity(1_500));
    let mut group = criterion.benchmark_group("check");
    group.bench_function("handled and answered", |bencher| {
        bencher.iter(|| {
            let mut check = [0_u8; 128];
            let check = &mut check[..checks[next].len()];
            check.copy_from_slice(&checks[next]);
            next = (next + 1) % checks.len();
            let agent = &mut pair.agents[1];
            agent.handle_datagram(pair.now, path, check).unwrap();
            out.clear();
            let sent = agent.poll_transmit(pair.now, 1_500, &mut out).expect("an answer");
            while agent.poll_event().is_some() {}
            black_box((sent, agent.poll_timeout()))
        });
    });
    // The answer has 44 bytes before its MESSAGE-INTEGRITY, the check some more.
    let (question, answer) = (&checks[0][20..checks[0].len() - 32], [0_u8; 12]);
    group.bench_function("its two HMACs alone", |bencher| {
        let (header, tag) = ([7_u8; 20], [0_u8; 20]);
        bencher.iter(|| {
            black_box((key.verify(&header, black_box(question), &tag), key.sign(&header, black_box(&answer))))
        });
    });
    group.finish();
}

const IDLE: u64 = 10_000;

/// Ten thousand agents, five thousand pairs, for a minute of virtual time each round.
fn idle(criterion: &mut Criterion) {
    const MINUTE: Duration = Duration::from_secs(60);
    let config = Arc::new(Config::default());
    let start = Instant::now();
    let mut pairs: Vec<_> = (0..IDLE / 2).map(|number| Pair::connected(&config, number, start)).collect();
    let mut group = criterion.benchmark_group("10,000 idle agents");
    group.sample_size(10);
    group.bench_function("a minute of consent", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let began = Instant::now();
                let mut datagrams = 0;
                for pair in &mut pairs {
                    let end = pair.now + MINUTE;
                    while let Some(next) = pair.agents.iter().filter_map(Agent::poll_timeout).min() {
                        if next > end {
                            break;
                        }
                        pair.wait(next.saturating_duration_since(pair.now));
                        datagrams += pair.carry();
                    }
                    pair.wait(end.saturating_duration_since(pair.now));
                    assert!(pair.agents.iter().all(|agent| agent.state() == State::Completed));
                }
                assert!(datagrams > IDLE * 2 * 8, "{datagrams}: each asks, and is answered");
                spent += began.elapsed();
            }
            spent
        });
    });
    group.finish();
    println!("A core is busy for the time above divided by 60 s: 1.2 s are 2%.");
}

criterion_group!(benches, check, idle);
criterion_main!(benches);
