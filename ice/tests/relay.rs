//! Relayed candidates (RFC 8445, Section 5.1.1.2; RFC 8656).

use std::net::SocketAddr;
use std::time::Duration;

use duologue_ice::{
    CandidatePolicy, Config, Discard, Event, GatheringState, Kind, ServerError, State, Transport, TurnServer,
};
use duologue_netsim::NatKind;
use duologue_stun::auth::Credentials;
use duologue_stun::turn::Failure;

use crate::common::turn_server::credentials;
use crate::common::{Peer, SERVER, Spec, World};

fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

/// A configuration with the server as a TURN server, reached in one way.
fn config(transport: Transport, policy: CandidatePolicy) -> Config {
    let credentials = Some(credentials());
    let mut config = Config::default();
    config.turn_servers = vec![match transport {
        Transport::Udp => TurnServer::udp(server(), credentials),
        Transport::Tcp => TurnServer::tcp(server(), credentials),
        _ => TurnServer::tls(server(), "turn.example.org".to_owned(), credentials),
    }];
    config.policy = policy;
    config
}

fn spec(transports: [Transport; 2], policy: CandidatePolicy) -> Spec {
    let mut spec = Spec::new(1);
    spec.configs = transports.map(|transport| config(transport, policy));
    spec
}

/// Sends a payload each way on what is selected, and asserts that it arrives whole.
fn exchange_payload(world: &mut World) {
    for from in 0..2 {
        for len in [1, 2, 3, 4, 1_200] {
            assert!(world.host(from).send(&vec![200; len]));
            let before = world.host(1 - from).payloads.len();
            assert!(
                world.run(Duration::from_secs(1), |nodes| nodes[1 - from].host().payloads.len() > before)
            );
            assert_eq!(world.host(1 - from).payloads[before], (vec![200; len], true));
        }
    }
}

#[test]
fn agents_that_may_only_be_relayed_connect_over_udp_tcp_and_tls() {
    use Transport::{Tcp, Tls, Udp};
    for transports in [[Udp, Udp], [Tcp, Udp], [Tcp, Tcp], [Tls, Tls]] {
        let mut world = World::connected(&spec(transports, CandidatePolicy::Relay));
        exchange_payload(&mut world);
        for (host, transport) in transports.into_iter().enumerate() {
            let agent = &world.host(host).agent;
            assert!(
                agent
                    .local_candidates()
                    .all(|candidate| candidate.to_string().contains(" typ relay raddr 0.0.0.0 rport 9"))
            );
            assert!(
                agent
                    .pairs()
                    .all(|pair| pair.local_kind == Kind::Relayed && pair.path.transport == transport)
            );
            let path = world.host(host).selected_path().unwrap();
            assert_eq!((path.remote, path.transport), (server(), transport));
        }
    }
}

#[test]
fn what_comes_around_the_relay_is_not_taken_when_all_is_to_be_relayed() {
    let mut spec = Spec::new(2);
    spec.configs[0] = config(Transport::Udp, CandidatePolicy::Relay);
    let mut world = World::connected(&spec);
    assert_eq!(world.host(0).selected_path().unwrap().remote, server());
    exchange_payload(&mut world);
    // The peer knows the hidden address all the same, and checks it.
    let hidden = world.addresses[0];
    let text = format!("candidate:1 1 udp 2130706431 {} {} typ host", hidden.ip(), hidden.port());
    let now = world.now();
    world.host(1).agent.add_remote_candidate(now, &text.parse().unwrap());
    world.restart(1);
    world.restart(0);
    world.describe(0, 1);
    world.describe(1, 0);
    world.host(1).agent.add_remote_candidate(now, &text.parse().unwrap());
    world.wait(Duration::from_secs(5));
    assert!(world.host(0).discards.contains(&Discard::Policy));
    assert!(world.host(0).agent.pairs().all(|pair| pair.local_kind == Kind::Relayed));
}

#[test]
fn symmetric_nats_connect_by_a_relay_on_one_side() {
    let mut spec = Spec::behind(3, NatKind::Symmetric, NatKind::Symmetric);
    spec.configs[0].turn_servers = config(Transport::Udp, CandidatePolicy::All).turn_servers;
    let mut world = World::connected(&spec);
    exchange_payload(&mut world);
    let kinds: Vec<_> =
        world.host(0).agent.pairs().filter(|pair| pair.selected).map(|pair| pair.local_kind).collect();
    assert_eq!(kinds, [Kind::Relayed]);
}

#[test]
fn a_direct_path_is_taken_before_a_relayed_one() {
    let mut world = World::connected(&spec([Transport::Udp; 2], CandidatePolicy::All));
    let path = world.host(0).selected_path().unwrap();
    assert_eq!(path.remote, world.addresses[1]);
}

#[test]
fn relayed_candidates_tell_how_the_server_sees_us_and_stand_behind_all_others() {
    let mut spec = Spec::behind(4, NatKind::FullCone, NatKind::FullCone);
    spec.configs[0].turn_servers = [Transport::Tcp, Transport::Udp]
        .into_iter()
        .flat_map(|transport| config(transport, CandidatePolicy::All).turn_servers)
        .collect();
    let mut world = World::new(&spec);
    world.gather();
    let mut candidates: Vec<_> = world.host(0).agent.local_candidates().collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let texts: Vec<_> = candidates.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 4, "host, reflexive, and two relays: {texts:#?}");
    assert!(texts[0].contains(" typ host") && texts[1].contains(" typ srflx"), "{texts:#?}");
    assert!(texts[2..].iter().all(|text| text.contains(" typ relay raddr 192.0.2.1 ")), "{texts:#?}");
    let priorities: Vec<_> = candidates.iter().map(|candidate| candidate.priority).collect();
    assert!(priorities.is_sorted_by(|a, b| a > b), "priorities differ: {priorities:?}");
    let foundations: std::collections::BTreeSet<_> =
        candidates.iter().map(|one| one.foundation.clone()).collect();
    assert_eq!(foundations.len(), 4, "as kinds and transports differ: {texts:#?}");
}

#[test]
fn host_candidates_are_hidden_on_request_and_still_send() {
    let mut spec = Spec::behind(5, NatKind::PortRestricted, NatKind::PortRestricted);
    spec.configs[0].policy = CandidatePolicy::NoHost;
    let mut world = World::connected(&spec);
    let texts: Vec<_> = world.host(0).agent.local_candidates().map(|one| one.to_string()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains(" typ srflx raddr 0.0.0.0 rport 9"), "{texts:?}");
    exchange_payload(&mut world);
}

#[test]
fn a_server_that_refuses_or_is_silent_is_told_and_does_not_hold_gathering_up_for_ever() {
    let mut spec = spec([Transport::Udp, Transport::Tcp], CandidatePolicy::All);
    let wrong = Credentials::LongTerm { username: "user".to_owned(), password: "wrong".to_owned() };
    spec.configs[0].turn_servers[0].credentials = Some(wrong);
    spec.configs[1].turn_servers[0].address = "198.51.100.9:3478".parse().unwrap();
    let mut world = World::new(&spec);
    world.gather();
    world.wait(Duration::from_secs(60));
    let told = [0, 1].map(|host| {
        let errors = world.host(host).events.iter().filter_map(|(_, event)| match event {
            Event::CandidateError(failure) => Some(*failure),
            _ => None,
        });
        errors.collect::<Vec<_>>()
    });
    assert_eq!(told[0].len(), 1);
    assert_eq!((told[0][0].server, told[0][0].transport), (server(), Transport::Udp));
    assert_eq!(
        (told[0][0].error, told[0][0].error.code()),
        (ServerError::Turn(Failure::Unauthenticated), 401)
    );
    assert_eq!(told[1].len(), 1);
    assert_eq!((told[1][0].error, told[1][0].error.code()), (ServerError::Stream, 701));
    for host in 0..2 {
        assert_eq!(world.host(host).agent.gathering(), GatheringState::Complete);
    }
    world.exchange();
    assert!(world.connect());
}

#[test]
fn a_server_is_asked_for_longer_than_ten_seconds_of_silence_last() {
    let mut world = World::new(&spec([Transport::Udp; 2], CandidatePolicy::Relay));
    world.set_cables(false);
    let (start, addresses) = (world.now(), world.addresses);
    for (index, address) in addresses.into_iter().enumerate() {
        world.host(index).agent.add_interface(start, address).unwrap();
    }
    world.wait(Duration::from_secs(11));
    world.set_cables(true);
    world.wait(Duration::from_secs(3));
    world.exchange();
    assert!(world.connect(), "{:?}", [world.state(0), world.state(1)]);
}

#[test]
fn an_allocation_outlives_its_lifetime_and_a_restart() {
    let mut world = World::connected(&spec([Transport::Udp, Transport::Tcp], CandidatePolicy::Relay));
    let before: Vec<_> = world.host(0).agent.local_candidates().map(|one| (one.address, one.port)).collect();
    for _ in 0..40 {
        world.wait(Duration::from_secs(60));
        exchange_payload(&mut world);
    }
    world.renegotiate(1);
    assert!(world.connect());
    exchange_payload(&mut world);
    let after: Vec<_> = world.host(0).agent.local_candidates().map(|one| (one.address, one.port)).collect();
    assert_eq!(before, after, "the allocation is kept");
}

#[test]
fn a_lost_stream_to_the_server_ends_what_stood_on_it_and_a_restart_asks_again() {
    let mut world = World::connected(&spec([Transport::Tcp, Transport::Udp], CandidatePolicy::Relay));
    let cable = world.cables[0];
    world.network.remove_interface(cable);
    world.wait(Duration::from_secs(60));
    assert!(matches!(world.state(0), State::Disconnected | State::Failed(_)), "{:?}", world.state(0));
    assert_eq!(world.host(0).agent.local_candidates().count(), 0);
    world.network.restore_interface(cable);
    world.restart(0);
    world.restart(1);
    assert!(world.run(Duration::from_secs(20), |nodes| {
        nodes[..2].iter_mut().all(|node| node.host().agent.gathering() == GatheringState::Complete)
    }));
    world.exchange();
    assert!(world.connect(), "{:?}", [world.state(0), world.state(1)]);
    exchange_payload(&mut world);
}

#[test]
fn a_closed_agent_gives_its_allocations_back_before_its_last_event() {
    let mut world = World::connected(&spec([Transport::Udp, Transport::Tcp], CandidatePolicy::Relay));
    let allocations = |world: &World| match &world.nodes[2] {
        Peer::Server(server, _) => server.relay.stats().allocations,
        Peer::Host(_) => unreachable!(),
    };
    assert_eq!(allocations(&world), 2);
    let now = world.now();
    for host in 0..2 {
        world.host(host).agent.close(now);
        world.host(host).drain_events(now);
        assert!(!world.host(host).events.iter().any(|(_, event)| *event == Event::Closed));
    }
    world
        .network
        .inject(duologue_netsim::Addresses { source: server(), destination: world.addresses[0] }, b"wake");
    world.wait(Duration::from_secs(2));
    assert_eq!(allocations(&world), 0);
    for host in 0..2 {
        assert_eq!(world.host(host).events.last().map(|(_, event)| event), Some(&Event::Closed));
        assert_eq!(world.host(host).agent.poll_timeout(), None);
    }
}

#[test]
fn a_failure_tells_what_there_was_to_work_with() {
    let wrong = Credentials::LongTerm { username: "user".to_owned(), password: "wrong".to_owned() };
    let mut spec = spec([Transport::Udp; 2], CandidatePolicy::All);
    spec.configs[0].turn_servers[0].credentials = Some(wrong.clone());
    spec.configs[0].turn_servers.push(TurnServer::tcp(server(), Some(wrong)));
    spec.configs[0].stun_servers.push("198.51.100.9:3478".parse().unwrap());
    spec.configs[1].turn_servers.clear();
    let mut world = World::new(&spec);
    world.gather();
    assert_eq!(world.host(0).agent.failure_report(), None);
    world.set_cables(false);
    world.exchange();
    assert!(!world.connect());
    let report = world.host(0).agent.failure_report().unwrap();
    assert_eq!(
        report.to_string(),
        "no response from the only remote candidate; 1 STUN server without an answer; 2 relay allocations refused: 401"
    );
    assert_eq!(
        world.host(1).agent.failure_report().unwrap().to_string(),
        "no response from the only remote candidate"
    );
}
