//! An idle connection and payload in both directions allocate nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;

use duologue_ice::{Agent, Config, Path, Received, Role, State};
use duologue_netsim::Network;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Without the harness, whose threads allocate too.
fn main() {
    an_hour_of_consent_and_a_hundred_thousand_payloads_allocate_nothing();
}

fn an_hour_of_consent_and_a_hundred_thousand_payloads_allocate_nothing() {
    let mut now = Network::new(0).now();
    let config = Arc::new(Config::default());
    let mut agents = [1, 2].map(|seed| Agent::new(Arc::clone(&config), [seed; 32], now));
    let first = [("192.0.2.1:5000", Role::Controlling), ("192.0.2.2:6000", Role::Controlled)];
    for (agent, (address, role)) in agents.iter_mut().zip(first) {
        agent.set_role(now, role);
        agent.add_interface(now, address.parse().unwrap()).unwrap();
    }
    let describe =
        |agent: &Agent| (agent.local_credentials().clone(), agent.local_candidates().collect::<Vec<_>>());
    let described = agents.each_ref().map(describe);
    for (agent, (credentials, candidates)) in agents.iter_mut().zip(described.into_iter().rev()) {
        agent.set_remote_credentials(now, credentials).unwrap();
        candidates.iter().for_each(|candidate| agent.add_remote_candidate(now, candidate));
        agent.end_of_remote_candidates(now);
    }
    let mut datagram = Vec::with_capacity(1500);
    let mut sent = 0_u32;
    let mut step = |agents: &mut [Agent; 2], sent: &mut u32| {
        for from in [0, 1] {
            let [a, b] = agents;
            let (from, to) = if from == 0 { (a, b) } else { (b, a) };
            from.handle_timeout(now);
            datagram.clear();
            while let Some(transmit) = from.poll_transmit(now, 1500, &mut datagram) {
                *sent += 1;
                let path = Path::udp(transmit.path.remote, transmit.path.local);
                to.handle_datagram(now, path, &mut datagram).unwrap();
                datagram.clear();
            }
            while from.poll_event().is_some() {}
            while from.poll_transaction().is_some() {}
            if let Some(path) = from.sending_path() {
                datagram.extend_from_slice(&[0x80; 1200]);
                let path = Path::udp(path.path().remote, path.path().local);
                match to.handle_datagram(now, path, &mut datagram).unwrap() {
                    Received::Payload { qualified: true, bytes, .. } => assert_eq!(bytes.len(), 1200),
                    other => panic!("{other:?}"),
                }
            }
        }
        now += Duration::from_millis(72);
    };
    // Long enough for every queue and table to have found its size: the memory of requests is the slowest.
    for _ in 0..20_000 {
        step(&mut agents, &mut sent);
    }
    assert!(agents.iter().all(|agent| agent.state() == State::Completed));
    let warm = sent;
    let region = Region::new(ALLOCATOR);
    for _ in 0..50_000 {
        step(&mut agents, &mut sent);
    }
    let change = region.change();
    assert!(sent - warm > 2000, "checks and answers did leave: {}", sent - warm);
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
}
