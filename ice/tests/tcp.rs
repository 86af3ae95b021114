//! TCP candidates (RFC 6544).

use std::net::SocketAddr;
use std::time::Duration;

use duologue_ice::{
    Candidate, Discard, Event, GatheringState, InterfaceOptions, Path, ServerError, State, StreamError,
    StunStreamServer, Transport,
};
use duologue_netsim::NatKind;

use crate::common::{Peer, SERVER, Spec, World};

/// What each side has: active candidates, passive ones, simultaneous-open ones.
#[derive(Clone, Copy)]
struct Side {
    active: bool,
    passive: bool,
    both: bool,
}

const ACTIVE: Side = Side { active: true, passive: false, both: false };
const PASSIVE: Side = Side { active: false, passive: true, both: false };
const BOTH: Side = Side { active: false, passive: true, both: true };

const LISTENING: u16 = 6_000;

/// Two hosts that signal TCP candidates alone.
fn world(mut spec: Spec, sides: [Side; 2]) -> World {
    for (config, side) in spec.configs.iter_mut().zip(sides) {
        config.tcp = side.active;
        config.simultaneous_open = side.both;
    }
    let mut world = World::new(&spec);
    world.gather();
    let now = world.now();
    for (index, side) in sides.into_iter().enumerate() {
        let address = SocketAddr::new(world.addresses[index].ip(), LISTENING);
        let host = world.host(index);
        if side.passive {
            host.agent.add_listener(now, address, &InterfaceOptions::default()).unwrap();
            host.streams.listen(address);
        }
        host.drain_events(now);
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let credentials = world.host(from).agent.local_credentials().clone();
        let candidates: Vec<_> = world.host(from).agent.local_candidates().filter(is_tcp).collect();
        let agent = &mut world.host(to).agent;
        agent.set_remote_credentials(now, credentials).unwrap();
        for candidate in candidates {
            agent.add_remote_candidate(now, &candidate.to_string().parse().unwrap());
        }
        agent.end_of_remote_candidates(now);
        world.host(to).drain_events(now);
    }
    world
}

fn is_tcp(candidate: &Candidate) -> bool {
    candidate.to_string().contains(" tcp ")
}

fn exchange_payload(world: &mut World) {
    for from in 0..2 {
        let before = world.host(1 - from).payloads.len();
        for len in [1, 1_200, 2] {
            assert!(world.host(from).send(&vec![200; len]));
        }
        let arrived = |nodes: &mut [Peer]| nodes[1 - from].host().payloads.len() == before + 3;
        assert!(world.run(Duration::from_secs(1), arrived));
        assert!(world.host(1 - from).payloads[before..].iter().all(|(_, qualified)| *qualified));
    }
}

#[test]
fn active_and_passive_candidates_connect_in_either_role_and_behind_a_nat() {
    for (nat, sides) in
        [(None, [ACTIVE, PASSIVE]), (None, [PASSIVE, ACTIVE]), (Some(NatKind::Symmetric), [ACTIVE, PASSIVE])]
    {
        let mut spec = Spec::new(1);
        spec.nats[0] = nat;
        let mut world = world(spec, sides);
        assert!(world.connect(), "{:?}", [world.state(0), world.state(1)]);
        for host in 0..2 {
            assert_eq!(world.host(host).selected_path().unwrap().transport, Transport::Tcp);
        }
        exchange_payload(&mut world);
        world.wait(Duration::from_secs(60));
        assert_eq!([world.state(0), world.state(1)], [State::Completed; 2], "consent is kept");
        exchange_payload(&mut world);
    }
}

#[test]
fn simultaneous_open_candidates_connect() {
    let mut world = world(Spec::new(2), [BOTH, BOTH]);
    assert!(world.connect(), "{:?}", [world.state(0), world.state(1)]);
    exchange_payload(&mut world);
}

#[test]
fn udp_is_preferred_and_tcp_candidates_are_told_as_rfc_6544_says() {
    let mut spec = Spec::new(3);
    spec.configs[0].tcp = true;
    spec.configs[0].simultaneous_open = true;
    let mut world = World::new(&spec);
    world.gather();
    let now = world.now();
    let address = SocketAddr::new(world.addresses[0].ip(), LISTENING);
    world.host(0).agent.add_listener(now, address, &InterfaceOptions::default()).unwrap();
    let mut candidates: Vec<_> = world.host(0).agent.local_candidates().collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let texts: Vec<_> = candidates.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains(" udp ") && texts.len() == 4, "{texts:#?}");
    assert!(texts[1].contains(" 9 typ host tcptype active"), "{texts:#?}");
    assert!(texts[2].contains(" 6000 typ host tcptype passive"), "{texts:#?}");
    assert!(texts[3].contains(" 6000 typ host tcptype so"), "{texts:#?}");
    // RFC 6544, Section 4.2: the direction is worth 6, 4 and 2 times 2^13.
    let directions: Vec<_> = candidates[1..].iter().map(|one| one.priority >> 21 & 7).collect();
    assert_eq!(directions, [6, 4, 2]);
}

#[test]
fn a_stream_that_breaks_is_opened_anew_by_a_restart() {
    let mut world = world(Spec::new(4), [ACTIVE, PASSIVE]);
    assert!(world.connect());
    let now = world.now();
    let opened = world.host(0).events.iter().find_map(|(_, event)| match event {
        Event::OpenStream(request) => Some(request.id),
        _ => None,
    });
    world.host(0).agent.stream_closed(now, opened.unwrap());
    world.host(0).drain_events(now);
    assert_eq!(world.host(0).selected_path(), None, "nothing leaves on a broken stream");
    world.restart(0);
    world.restart(1);
    for (from, to) in [(0, 1), (1, 0)] {
        let credentials = world.host(from).agent.local_credentials().clone();
        let candidates: Vec<_> = world.host(from).agent.local_candidates().filter(is_tcp).collect();
        let agent = &mut world.host(to).agent;
        agent.set_remote_credentials(now, credentials).unwrap();
        candidates.iter().for_each(|candidate| agent.add_remote_candidate(now, candidate));
        agent.end_of_remote_candidates(now);
        world.host(to).drain_events(now);
    }
    assert!(world.connect(), "{:?}", [world.state(0), world.state(1)]);
    exchange_payload(&mut world);
}

#[test]
fn a_passive_peer_that_does_not_listen_fails_the_pair_and_not_the_call() {
    let mut spec = Spec::new(5);
    spec.configs[0].tcp = true;
    let mut world = World::new(&spec);
    world.gather();
    world.exchange();
    let now = world.now();
    let dead = "candidate:9 1 tcp 1518280447 192.0.2.2 6000 typ host tcptype passive";
    world.host(0).agent.add_remote_candidate(now, &dead.parse().unwrap());
    assert!(world.connect());
    assert_eq!(world.host(0).selected_path().unwrap().transport, Transport::Udp);
}

#[test]
fn strange_callers_cannot_hold_the_listeners_streams() {
    let mut world = world(Spec::new(6), [ACTIVE, PASSIVE]);
    assert!(world.connect());
    let now = world.now();
    let local = SocketAddr::new(world.addresses[1].ip(), LISTENING);
    let agent = &mut world.host(1).agent;
    for port in 1..200 {
        let remote = SocketAddr::from(([203, 0, 113, 9], port));
        let path = Path { local, remote, transport: Transport::Tcp };
        assert!(agent.stream_accepted(now, path).is_ok(), "the oldest stranger gives way");
        let mut noise = [0_u8; 20];
        assert!(agent.handle_datagram(now, path, &mut noise).is_err());
    }
    world.host(1).drain_events(now);
    let closed = world.host(1).events.iter().filter(|(_, event)| matches!(event, Event::CloseStream(_)));
    assert_eq!(closed.count(), 199 - 31, "32 may be, one of them the peer's");
    exchange_payload(&mut world);
    let nowhere = Path { local: world.addresses[1], remote: local, transport: Transport::Tcp };
    assert_eq!(world.host(1).agent.stream_accepted(now, nowhere), Err(StreamError::NoListener));
    assert_eq!(world.host(1).agent.gathering(), GatheringState::Complete);
    let unknown = Path { local, remote: "203.0.113.9:999".parse().unwrap(), transport: Transport::Tcp };
    let refused = world.host(1).agent.handle_datagram(now, unknown, &mut [200; 3]).unwrap_err();
    assert_eq!(refused, Discard::UnknownInterface);
}

#[test]
fn a_listener_behind_a_nat_learns_its_address_over_a_stream_from_its_own_port() {
    let mut spec = Spec::new(7);
    spec.nats[0] = Some(NatKind::FullCone);
    let server = |address: &str| StunStreamServer {
        address: address.parse().unwrap(),
        transport: Transport::Tcp,
        server_name: None,
    };
    spec.configs[0].stun_stream_servers = vec![server(SERVER), server("198.51.100.9:3478")];
    spec.configs[0].simultaneous_open = true;
    let mut world = World::new(&spec);
    let (now, local) = (world.now(), SocketAddr::new(world.addresses[0].ip(), LISTENING));
    let host = world.host(0);
    host.agent.add_listener(now, local, &InterfaceOptions::default()).unwrap();
    host.streams.listen(local);
    host.drain_events(now);
    assert_eq!(world.host(0).agent.gathering(), GatheringState::Gathering);
    world.run(Duration::from_secs(60), |nodes| nodes[0].host().agent.gathering() == GatheringState::Complete);
    let texts: Vec<_> = world.host(0).agent.local_candidates().map(|one| one.to_string()).collect();
    let reflexive: Vec<_> =
        texts.iter().filter(|text| text.contains(" tcp ") && text.contains(" typ srflx ")).collect();
    assert_eq!(reflexive.len(), 2, "{texts:#?}");
    for (text, kind) in reflexive.iter().zip(["passive", "so"]) {
        assert!(text.contains(" 192.0.2.1 ") && text.contains(" raddr 10.0.0.2 rport 6000 "), "{text}");
        assert!(text.contains(&format!("tcptype {kind}")), "{text}");
    }
    let events = &world.host(0).events;
    let failures = events.iter().filter(
        |(_, event)| matches!(event, Event::CandidateError(failure) if failure.error == ServerError::Silent),
    );
    assert_eq!(failures.count(), 1, "the server that is not there");
    let opened = events.iter().filter(|(_, event)| matches!(event, Event::OpenStream(_))).count();
    let closed = events.iter().filter(|(_, event)| matches!(event, Event::CloseStream(_))).count();
    assert_eq!((opened, closed), (2, 2), "what has answered, and what was waited for in vain");
}
