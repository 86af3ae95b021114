//! Whole calls through a TURN server and over streams: they deliver, change ways and give back what they held.
use crate::support::{ALICE, BOB, Call, Host, STUN, Setup};
use crate::turn_server::{self, TurnServer};
use bytes::Bytes;
use duologue::ice::{self, CandidatePolicy, InterfaceOptions, Kind, Path, Transport, TurnServer as Server};
use duologue::rtp::PayloadType;
use duologue::rtp::codec::Codec;
use duologue::{ChannelConfig, ConnectionState, Event, OutgoingPacket, TrackKind, codec_of};
use duologue_netsim::{Link, Loss};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SERVER: usize = 2;
const MESSAGES: usize = 40;

/// A configuration with the TURN server, reached over `transport`.
fn with_server(before: &ice::Config, transport: Transport, policy: CandidatePolicy) -> Arc<ice::Config> {
    let mut config = before.clone();
    let (address, credentials) = (server(), Some(turn_server::credentials()));
    config.stun_servers.clear();
    config.turn_servers = vec![match transport {
        Transport::Tcp => Server::tcp(address, credentials),
        _ => Server::udp(address, credentials),
    }];
    config.policy = policy;
    Arc::new(config)
}

fn server() -> SocketAddr {
    STUN.parse().unwrap()
}

/// A call of two peers that are told of a TURN server, each over its transport.
fn call(mut setup: Setup, transports: [Transport; 2], policy: CandidatePolicy) -> Call {
    for (config, transport) in setup.configs.iter_mut().zip(transports) {
        config.ice = with_server(&config.ice, transport, policy);
    }
    let mut call = Call::new(&setup);
    let turn = TurnServer::new(turn_server::config(), &[server()], call.now());
    let listens = turn.listens().collect();
    call.hosts[SERVER] = Host::TurnServer(Box::new(turn), listens);
    call
}

/// Connects it, with a channel "chat".
fn connect(call: &mut Call) {
    let now = call.now();
    call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    call.negotiate();
    assert!(call.run(60, |call| call.is_open("chat")), "{:?}", call.peer(ALICE).events);
}

fn allocations(call: &Call) -> u64 {
    match &call.hosts[SERVER] {
        Host::TurnServer(server, _) => server.relay.stats().allocations,
        _ => panic!("no TURN server"),
    }
}

/// The way of what a peer sends.
fn way(call: &mut Call, who: usize) -> Option<Path> {
    call.peer(who).connection.candidate_pairs().find(|pair| pair.selected).map(|pair| pair.path)
}

/// Whether what a peer sends goes to the TURN server.
fn is_relayed(call: &mut Call, who: usize) -> bool {
    way(call, who).is_some_and(|path| path.remote == server())
}

/// Sends messages both ways, and looks whether each arrives once, in order, unchanged.
fn exchange(call: &mut Call) {
    let sent: Vec<Vec<u8>> = (0..MESSAGES).map(|number| vec![7; number * number + 1]).collect();
    for who in [ALICE, BOB] {
        let now = call.now();
        let peer = call.peer(who);
        peer.messages.clear();
        let channel = peer.channel("chat").unwrap();
        sent.iter().for_each(|message| peer.send(now, channel, message.clone()));
    }
    call.run(120, |call| [ALICE, BOB].iter().all(|who| call.peer(*who).messages.len() >= MESSAGES));
    for who in [ALICE, BOB] {
        let received: Vec<_> = call.peer(who).messages.iter().map(|one| one.payload.to_vec()).collect();
        assert!(received == sent, "{} of {MESSAGES} messages at {who}", received.len());
    }
}

/// A link as bad as 5% of loss makes it.
fn lossy() -> Link {
    Link { delay: Duration::from_millis(20), loss: Loss::Random(0.05), ..Link::default() }
}

#[test]
fn two_peers_that_may_use_relays_alone_deliver_in_order_at_five_percent_loss() {
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    for (seed, transports) in (1..).zip([[udp, udp], [tcp, tcp], [udp, tcp], [tcp, udp]]) {
        let setup = Setup { link: lossy(), ..Setup::new(seed) };
        let mut call = call(setup, transports, CandidatePolicy::Relay);
        connect(&mut call);
        exchange(&mut call);
        assert!(call.network.stats().lost > 0);
        for (who, transport) in [ALICE, BOB].into_iter().zip(transports) {
            let path = way(&mut call, who).unwrap();
            assert_eq!((path.remote, path.transport), (server(), transport), "{who}, {transports:?}");
            let told = call.peer(1 - who).connection.remote_description().unwrap().to_string();
            assert!(!told.contains("typ host") && !told.contains("typ srflx"), "{told}");
        }
        assert_eq!(allocations(&call), 2);
    }
}

#[test]
fn media_pass_two_relays_untouched() {
    for (seed, transport) in (1..).zip([Transport::Udp, Transport::Tcp]) {
        let mut call = call(Setup::new(seed), [transport; 2], CandidatePolicy::Relay);
        let id =
            call.peer(ALICE).connection.add_track(TrackKind::Audio, "track", &["stream".into()]).unwrap();
        call.negotiate();
        assert!(call.run(30, Call::is_connected), "{:?}", call.peer(ALICE).events);
        let alice = &mut call.peer(ALICE).connection;
        let codecs = alice.transceiver(id).unwrap().send_codecs();
        let opus = codecs.iter().find(|codec| codec_of(codec) == Some(Codec::Opus)).unwrap();
        let payload_type = PayloadType::new(opus.payload_type.get()).unwrap();
        let sender = alice.senders(id).next().unwrap();
        for number in 0..50u8 {
            let payload = Bytes::from(vec![0xfc, number, 3]);
            let packet = OutgoingPacket::new(payload_type, u32::from(number) * 960, payload);
            let now = call.now();
            call.peer(ALICE).connection.send_rtp(now, sender, packet).unwrap();
            call.run_for(Duration::from_millis(20), |_| false);
        }
        call.wait(1);
        assert!(is_relayed(&mut call, ALICE) && is_relayed(&mut call, BOB));
        let payloads: Vec<_> = call.peer(BOB).packets.iter().map(|packet| packet.payload.clone()).collect();
        let sent: Vec<_> = (0..50u8).map(|number| vec![0xfc, number, 3]).collect();
        assert_eq!(payloads, sent, "{transport:?}");
    }
}

#[test]
fn a_new_policy_and_an_ice_restart_move_a_call_onto_the_relay_and_back_with_its_channels_intact() {
    for (seed, transport) in (1..).zip([Transport::Udp, Transport::Tcp]) {
        let setup = Setup { link: lossy(), ..Setup::new(seed) };
        let mut call = call(setup, [transport; 2], CandidatePolicy::All);
        connect(&mut call);
        assert!(call.run(10, |call| !is_relayed(call, ALICE) && !is_relayed(call, BOB)));
        let channels = [ALICE, BOB].map(|who| call.peer(who).channel("chat"));
        for (policy, relayed) in [(CandidatePolicy::Relay, true), (CandidatePolicy::All, false)] {
            let now = call.now();
            for who in [ALICE, BOB] {
                let config = crate::support::config(who);
                let changed = with_server(&config.ice, transport, policy);
                call.peer(who).connection.set_configuration(now, changed);
            }
            assert_eq!(is_relayed(&mut call, ALICE), !relayed, "it counts from the restart on");
            call.peer(ALICE).connection.restart_ice();
            call.negotiate();
            exchange(&mut call);
            let moved = call.run(30, |call| [ALICE, BOB].iter().all(|who| is_relayed(call, *who) == relayed));
            assert!(moved, "{policy:?} over {transport:?}: {:?}", way(&mut call, ALICE));
            exchange(&mut call);
        }
        assert_eq!(channels, [ALICE, BOB].map(|who| call.peer(who).channel("chat")));
        let broken = |event: &Event| matches!(event, Event::ChannelClosed(..) | Event::SctpClosed(_));
        assert!(!call.peer(ALICE).told(broken) && !call.peer(BOB).told(broken));
    }
}

#[test]
fn an_interface_that_is_replaced_takes_the_call_along_by_an_ice_restart() {
    let mut setup = Setup::new(1);
    setup.configs.iter_mut().for_each(|config| Arc::make_mut(&mut config.ice).stun_servers.clear());
    let mut call = Call::connected(&setup);
    let channel = call.peer(ALICE).channel("chat");
    let old = way(&mut call, ALICE).unwrap().local;
    let new: SocketAddr = "198.51.100.77:7000".parse().unwrap();
    let now = call.now();
    let added = call.peer(ALICE).connection.add_interface(now, new).unwrap();
    let gone = call.peer(ALICE).interface;
    assert_ne!(added, gone);
    call.peer(ALICE).connection.remove_interface(now, gone);
    call.network.remove_interface(call.cables[ALICE]);
    call.add_cable(ALICE, new.ip(), &setup.link);
    call.peer(ALICE).connection.restart_ice();
    call.negotiate();
    exchange(&mut call);
    assert_ne!(old, new);
    assert_eq!(way(&mut call, ALICE).unwrap().local, new);
    assert_eq!(way(&mut call, BOB).unwrap().remote, new);
    assert_eq!(call.peer(ALICE).channel("chat"), channel);
}

#[test]
fn closing_gives_the_allocations_back() {
    for (seed, transport) in (1..).zip([Transport::Udp, Transport::Tcp]) {
        let mut call = call(Setup::new(seed), [transport; 2], CandidatePolicy::Relay);
        connect(&mut call);
        assert_eq!(allocations(&call), 2);
        let now = call.now();
        call.peer(ALICE).connection.close(now);
        call.peer(BOB).connection.close(now);
        assert!(call.run(2, |call| allocations(call) == 0), "{} over {transport:?}", allocations(&call));
    }
}

#[test]
fn a_server_that_refuses_is_told_and_the_call_goes_on_without() {
    let mut setup = Setup::new(1);
    for config in &mut setup.configs {
        let ice = with_server(&config.ice, Transport::Udp, CandidatePolicy::All);
        config.ice = ice;
        let wrong =
            duologue::stun::auth::Credentials::LongTerm { username: "user".into(), password: "no".into() };
        Arc::make_mut(&mut config.ice).turn_servers = vec![Server::udp(server(), Some(wrong))];
    }
    let mut call = Call::new(&setup);
    let turn = TurnServer::new(turn_server::config(), &[server()], call.now());
    call.hosts[SERVER] = Host::TurnServer(Box::new(turn), std::collections::VecDeque::new());
    connect(&mut call);
    exchange(&mut call);
    for who in [ALICE, BOB] {
        let refused = |event: &Event| matches!(event, Event::IceCandidateError(failure) if failure.error.code() == 401 && failure.server == server());
        assert!(call.run(10, |call| call.peer(who).told(refused)), "{:?}", call.peer(who).events);
    }
    assert_eq!(allocations(&call), 0);
}

#[test]
fn without_udp_a_call_goes_over_tcp_and_delivers_in_order() {
    let mut setup = Setup { link: lossy(), ..Setup::new(1) };
    for config in &mut setup.configs {
        let ice = Arc::make_mut(&mut config.ice);
        ice.stun_servers.clear();
        ice.tcp = true;
    }
    let mut call = Call::new(&setup);
    let listener = SocketAddr::new(Call::address(BOB), 9_000);
    let now = call.now();
    let options = InterfaceOptions::default();
    call.peer(BOB).listen(now, listener, &options);
    // Nobody signals a candidate for UDP.
    call.tcp_only = true;
    let now = call.now();
    call.peer(ALICE).connection.create_data_channel(now, "chat", ChannelConfig::default()).unwrap();
    call.negotiate_with(|_, sdp| {
        let keeps = |line: &&str| !line.starts_with("a=candidate:") || line.to_lowercase().contains(" tcp ");
        sdp.split_inclusive("\r\n").filter(keeps).collect()
    });
    assert!(call.run(60, |call| call.is_open("chat")), "{:?}", call.peer(ALICE).events);
    exchange(&mut call);
    assert!(call.network.stats().lost > 0);
    let paths = [ALICE, BOB].map(|who| way(&mut call, who).unwrap());
    assert_eq!(paths.map(|path| path.transport), [Transport::Tcp; 2]);
    assert_eq!((paths[ALICE].remote, paths[BOB].local), (listener, listener));
    let kinds = call.peer(ALICE).connection.candidate_pairs().map(|pair| pair.remote_candidate_type);
    assert!(kinds.into_iter().all(|kind| kind == Kind::Host));
    assert_eq!(call.peer(BOB).connection.connection_state(), ConnectionState::Connected);
}

#[test]
fn a_path_that_dies_under_traffic_is_left_and_nothing_reliable_is_lost() {
    let mut setup = Setup::new(2);
    setup.configs.iter_mut().for_each(|config| Arc::make_mut(&mut config.ice).stun_servers.clear());
    let mut call = Call::connected(&setup);
    let channel = [ALICE, BOB].map(|who| call.peer(who).channel("chat").unwrap());
    let old = way(&mut call, ALICE).unwrap().local;
    let (now, second) = (call.now(), "198.51.100.77:7000".parse::<SocketAddr>().unwrap());
    let first_cable = call.cables[ALICE];
    call.add_cable(ALICE, second.ip(), &setup.link);
    call.peer(ALICE).connection.add_interface(now, second).unwrap();
    call.wait(20);
    assert_eq!(way(&mut call, ALICE).unwrap().local, old, "a pair in reserve changes nothing");
    let (mut sent, mut longest) = (0_u32, [Duration::ZERO; 2]);
    let mut last = [call.now(); 2];
    let mut arrived = [ALICE, BOB].map(|who| call.peer(who).messages.len());
    for tick in 0..200 {
        if tick == 60 {
            call.network.set_connected(first_cable, false);
        }
        let now = call.now();
        for who in [ALICE, BOB] {
            let payload = Bytes::from(sent.to_be_bytes().to_vec());
            call.peer(who).send(now, channel[who], payload);
        }
        sent += 1;
        call.run_for(Duration::from_millis(50), |_| false);
        let now = call.now();
        for who in [ALICE, BOB] {
            let count = call.peer(who).messages.len();
            if count > arrived[who] {
                longest[who] = longest[who].max(now - last[who]);
                (last[who], arrived[who]) = (now, count);
            }
        }
    }
    call.wait(5);
    for who in [ALICE, BOB] {
        let messages = &call.peer(who).messages;
        let received: Vec<_> = messages.iter().map(|one| one.payload.to_vec()).collect();
        let wanted: Vec<_> = (0..sent).map(|number| number.to_be_bytes().to_vec()).collect();
        assert!(received.ends_with(&wanted), "every message, in order");
        assert!(longest[who] < Duration::from_millis(900), "{longest:?}");
    }
    println!("longest gaps: {longest:?}");
    assert_eq!(way(&mut call, ALICE).unwrap().local, second);
    assert_eq!(way(&mut call, BOB).unwrap().remote, second);
}
