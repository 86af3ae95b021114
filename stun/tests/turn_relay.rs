//! The TURN client's permissions, channels and data against a scripted server, on virtual time.
#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[expect(unreachable_pub, reason = "shared with other tests")]
#[path = "turn/server.rs"]
mod server;

use std::time::Duration;

use duologue_stun::turn::{
    ClientTransport, Discard, Event, Failure, Families, HEADROOM, PermitError, Refusal, SendError, TAILROOM,
};
use duologue_stun::{AttributeType, Class, ErrorCode, Message, Method, Writer};
use server::{Server, Step, World, address, config, data_indication};

const MINUTE: Duration = Duration::from_secs(60);

fn peer() -> std::net::SocketAddr {
    address("198.51.100.77:5000")
}

#[test]
fn a_datagram_may_follow_the_request_for_permission_at_once() {
    for channels in [true, false] {
        let mut config = config();
        config.channels = channels;
        let mut world = World::allocated(config, Server::new());
        assert_eq!(world.send(peer(), b"check"), Err(SendError::NotPermitted));
        world.client.permit(world.now, peer()).unwrap();
        assert_eq!(
            world.send(peer(), b"check"),
            Err(SendError::NotRequested),
            "it would overtake the request"
        );
        let request = world.transmit().unwrap();
        let response = world.server.handle(&request).unwrap();
        world.send(peer(), b"check").unwrap();
        assert_eq!(world.server.relayed_data, [(peer(), b"check".to_vec(), false)]);
        world.deliver(&response).unwrap();
        assert_eq!(world.events(), [Event::Permitted(peer())]);
        world.send(peer(), b"more").unwrap();
        assert_eq!(world.server.relayed_data[1], (peer(), b"more".to_vec(), channels));
        assert_eq!(world.client.headroom(peer()), if channels { 4 } else { 36 });
    }
}

#[test]
fn data_of_a_permitted_peer_comes_out_in_place_and_other_data_does_not() {
    for channels in [true, false] {
        let mut config = config();
        config.channels = channels;
        let mut world = World::allocated(config, Server::new());
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        for payload in [&b""[..], b"x", b"data of a peer"] {
            let datagram = world.server.data_from(peer(), payload);
            assert_eq!(world.receive(&datagram), Ok((peer(), payload.to_vec())));
        }
        // Another port of the same host is permitted, too.
        let sibling = address("198.51.100.77:6000");
        assert_eq!(world.receive(&data_indication(sibling, b"s")), Ok((sibling, b"s".to_vec())));
        world.send(sibling, b"to it").unwrap();
        assert_eq!(world.server.relayed_data.last().unwrap().0, sibling);
        let stranger = address("198.51.100.78:5000");
        assert_eq!(world.receive(&data_indication(stranger, b"s")), Err(Discard::NotPermitted));
        assert_eq!(world.receive(b"\x40\x09\x00\x00"), Err(Discard::UnknownChannel));
        assert_eq!(world.receive(b"\x40\x00\x00\x01"), Err(Discard::Malformed));
        assert_eq!(world.receive(b"\x50\x00\x00\x00"), Err(Discard::Malformed));
        let stats = world.client.stats();
        assert_eq!(stats.datagrams_received, 4);
        assert_eq!(stats.discarded(Discard::NotPermitted), 1);
    }
}

#[test]
fn every_payload_is_framed_in_place_with_its_padding_zero() {
    for (transport, channels) in [
        (ClientTransport::Datagram, true),
        (ClientTransport::Datagram, false),
        (ClientTransport::Stream, true),
        (ClientTransport::Stream, false),
    ] {
        let mut config = config();
        (config.transport, config.channels) = (transport, channels);
        config.families = Families::Both;
        let mut server = Server::new();
        server.relayed.push(address("[2001:db8::5]:49152"));
        let mut world = World::allocated(config, server);
        for peer in [peer(), address("[2001:db8::77]:5000")] {
            world.client.permit(world.now, peer).unwrap();
            world.exchange();
            for len in 0..9 {
                let payload = vec![0xdd; len];
                let framed = world.send(peer, &payload).unwrap();
                assert_eq!(world.server.relayed_data.pop(), Some((peer, payload, channels)));
                if channels {
                    let stream = transport == ClientTransport::Stream;
                    assert_eq!(framed.len(), if stream { (4 + len).next_multiple_of(4) } else { 4 + len });
                    assert!(framed[4 + len..].iter().all(|byte| *byte == 0));
                } else {
                    let head = if peer.is_ipv4() { 36 } else { 48 };
                    assert_eq!(framed.len(), (head + len).next_multiple_of(4));
                    assert!(framed[head + len..].iter().all(|byte| *byte == 0));
                }
            }
        }
    }
}

#[test]
fn a_buffer_without_room_is_refused_and_left_alone() {
    let mut config = config();
    config.channels = false;
    let mut world = World::allocated(config, Server::new());
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    let before = vec![0xaa; 80];
    for (payload, refused) in [
        (35..40, Some(SendError::NoRoom)),
        (36..41, None),
        (36..77, None),
        (36..80, None),
        (36..81, Some(SendError::NoRoom)),
        (usize::MAX - 1..usize::MAX, Some(SendError::NoRoom)),
    ] {
        let mut buffer = before.clone();
        assert_eq!(world.client.seal(peer(), &mut buffer, payload).err(), refused);
        assert_eq!(buffer == before, refused.is_some());
    }
    assert_eq!(world.client.seal(peer(), &mut [0; 79], 36..77), Err(SendError::NoRoom), "for padding");
    #[expect(clippy::reversed_empty_ranges, reason = "hostile")]
    let reversed = 40..36;
    assert_eq!(world.client.seal(peer(), &mut [0; 80], reversed), Err(SendError::NoRoom));
    let mut large = vec![0; HEADROOM + 65_536 + TAILROOM];
    for len in [65_536, 65_535, 65_520] {
        let refused = world.client.seal(peer(), &mut large, HEADROOM..HEADROOM + len);
        assert_eq!(refused, Err(SendError::TooLong), "{len}");
    }
    assert!(world.client.seal(peer(), &mut large, HEADROOM..HEADROOM + 65_500).is_ok());
}

#[test]
fn dont_fragment_is_asked_for_and_given_up_when_the_server_does_not_know_it() {
    for known in [true, false] {
        let mut config = config();
        config.dont_fragment = true;
        let mut server = Server::new();
        if !known {
            let unknown = vec![AttributeType::DONT_FRAGMENT];
            server
                .script
                .push_back(Step { unknown, ..Step::sealed(Method::ALLOCATE, ErrorCode::UNKNOWN_ATTRIBUTE) });
        }
        let mut world = World::allocated(config, server);
        let (_, asked) = world.server.log.last().unwrap();
        assert_eq!(asked.contains(&AttributeType::DONT_FRAGMENT), known);
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        world.send(peer(), b"data").unwrap();
        assert_eq!(world.server.dont_fragment, known);
        assert_eq!(world.server.relayed_data, [(peer(), b"data".to_vec(), !known)]);
    }
    let mut config = config();
    config.dont_fragment = true;
    let mut server = Server::new();
    server.script.push_back(Step::sealed(Method::ALLOCATE, ErrorCode::UNKNOWN_ATTRIBUTE));
    let mut world = World::new(config, server);
    world.exchange();
    assert_eq!(world.events(), [Event::Failed(Failure::Refused(ErrorCode::UNKNOWN_ATTRIBUTE))]);
}

#[test]
fn a_stale_nonce_costs_a_round_trip_and_no_data() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    world.events();
    for nonce in [&b"nonce-2"[..], b"nonce-3"] {
        world.server.nonce = nonce.to_vec();
        let other = address("198.51.100.80:1");
        world.client.permit(world.now, other).unwrap();
        let request = world.transmit().unwrap();
        let response = world.server.handle(&request).unwrap();
        let code = Message::parse(&response).unwrap().error_code().unwrap().0;
        assert_eq!(code, ErrorCode::STALE_NONCE);
        world.deliver(&response).unwrap();
        world.send(peer(), b"in between").unwrap();
        world.exchange();
        assert_eq!(world.events(), [Event::Permitted(other)]);
        world.client.forget(other);
    }
    assert_eq!(world.server.relayed_data.len(), 2);
}

#[test]
fn permissions_and_channels_are_refreshed_before_the_server_drops_them() {
    for channels in [true, false] {
        let mut config = config();
        config.channels = channels;
        let mut world = World::allocated(config, Server::new());
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        let method = if channels { Method::CHANNEL_BIND } else { Method::CREATE_PERMISSION };
        let mut seen = world.server.count(method);
        for _ in 0..10 {
            world.wait(5 * MINUTE - Duration::from_secs(1));
            assert!(world.server.count(method) > seen, "a permission lasts five minutes");
            seen = world.server.count(method);
        }
        assert!(seen <= 14, "{seen}");
        assert_eq!(world.events(), [Event::Permitted(peer())]);
        world.client.forget(peer());
        assert_eq!(world.send(peer(), b""), Err(SendError::NotPermitted));
        let datagram = world.server.data_from(peer(), b"late");
        assert_eq!(world.receive(&datagram), Err(Discard::NotPermitted));
        world.wait(20 * MINUTE);
        assert_eq!(world.server.count(method), seen);
    }
}

/// No message tells a client that a server keeps permissions for less than five minutes: the embedder does.
#[test]
fn a_server_that_keeps_permissions_for_a_shorter_time_is_asked_as_often_as_configured() {
    for (wait, asked) in [(Duration::from_secs(20), 15), (Duration::ZERO, 300)] {
        let mut config = config();
        config.peer_refresh = wait;
        let mut world = World::allocated(config, Server::new());
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        world.wait(5 * MINUTE);
        assert_eq!(world.server.count(Method::CHANNEL_BIND), 1 + asked, "no storm either");
    }
}

/// How many requests leave at each instant that anything does, counted from now.
fn departures(world: &mut World, end: Duration) -> Vec<(Duration, usize)> {
    let start = world.now;
    let mut departures = vec![];
    loop {
        let before = world.client.stats().requests_sent;
        world.exchange();
        let sent = usize::try_from(world.client.stats().requests_sent - before).unwrap();
        if sent > 0 {
            departures.push((world.now - start, sent));
        }
        let Some(next) = world.client.poll_timeout().filter(|next| *next <= start + end) else {
            return departures;
        };
        world.now = next;
        world.client.handle_timeout(next);
        assert!(world.client.poll_timeout().is_none_or(|after| after > next));
    }
}

#[test]
fn a_hundred_peers_are_asked_for_without_a_burst() {
    let mut world = World::allocated(config(), Server::new());
    let permit = |world: &mut World, net: u8| {
        for host in 0..100 {
            world.client.permit(world.now, address(&format!("198.51.{net}.{host}:5000"))).unwrap();
        }
    };
    let paced = |first: usize| {
        let later = (1..).map(|step| (step * Duration::from_millis(5), 1));
        std::iter::once((Duration::ZERO, first)).chain(later).take(101 - first).collect::<Vec<_>>()
    };
    permit(&mut world, 100);
    assert_eq!(departures(&mut world, Duration::from_secs(1)), paced(10));
    assert_eq!(world.server.channels.len(), 100);
    assert_eq!(world.events().len(), 100);

    // All of them again with another nonce, which the first request of the next hundred brings, and unanswered ones.
    world.wait(Duration::from_secs(1));
    permit(&mut world, 101);
    world.server.nonce = b"nonce-2".to_vec();
    let sent = departures(&mut world, Duration::from_secs(1));
    assert_eq!(sent.iter().map(|(_, count)| count).sum::<usize>(), 101);
    assert!(sent[1..].iter().all(|(_, count)| *count == 1), "{sent:?}");
    world.deaf = true;
    let now = world.now;
    world.wait(Duration::from_secs(240) - Duration::from_secs(2));
    assert!(world.client.poll_timeout().is_some_and(|next| next > now));
    let sent = departures(&mut world, Duration::from_secs(3));
    assert!(sent.iter().all(|(_, count)| *count <= 10) && sent.len() > 300, "{sent:?}");
}

#[test]
fn a_peer_waits_for_those_before_it_and_the_allocation_does_not() {
    let mut world = World::allocated(config(), Server::new());
    for host in 0..20 {
        world.client.permit(world.now, address(&format!("198.51.100.{host}:5000"))).unwrap();
    }
    world.exchange();
    let last = address("198.51.100.19:5000");
    assert_eq!(world.send(last, b"x"), Err(SendError::NotRequested));
    world.client.close(world.now);
    world.exchange();
    assert_eq!(world.events().pop(), Some(Event::Closed));
}

#[test]
fn over_a_stream_which_has_a_pace_of_its_own_all_peers_are_asked_for_at_once() {
    let mut config = config();
    config.transport = ClientTransport::Stream;
    let mut world = World::allocated(config, Server::new());
    for host in 0..100 {
        world.client.permit(world.now, address(&format!("198.51.100.{host}:5000"))).unwrap();
    }
    assert_eq!(departures(&mut world, Duration::from_secs(1)), [(Duration::ZERO, 100)]);
}

#[test]
fn a_peer_permitted_again_has_its_channel_again() {
    let mut world = World::allocated(config(), Server::new());
    for turn in 0..5 {
        for port in 1..4 {
            let peer = address(&format!("198.51.100.77:{port}"));
            world.client.permit(world.now, peer).unwrap();
            world.wait(Duration::from_millis(5));
            world.send(peer, b"data").unwrap();
            assert_eq!(world.server.relayed_data.last().unwrap(), &(peer, b"data".to_vec(), true));
            world.client.forget(peer);
        }
        assert_eq!(world.server.channels.len(), 3, "turn {turn}");
    }
}

#[test]
fn a_refused_channel_leaves_the_permission_and_a_refused_peer_is_told() {
    let mut world = World::allocated(config(), Server::new());
    for code in [ErrorCode::BAD_REQUEST, ErrorCode::INSUFFICIENT_CAPACITY] {
        world.server.script.push_back(Step::sealed(Method::CHANNEL_BIND, code));
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        assert_eq!(world.events(), [Event::Permitted(peer())]);
        world.send(peer(), b"data").unwrap();
        assert_eq!(world.server.relayed_data.pop(), Some((peer(), b"data".to_vec(), false)));
        world.client.forget(peer());
    }
    for code in [ErrorCode::FORBIDDEN, ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH] {
        world.server.script.push_back(Step::sealed(Method::CHANNEL_BIND, code));
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        assert_eq!(world.events(), [Event::PermissionRefused(peer(), Refusal::Refused(code))]);
        assert_eq!(world.send(peer(), b"data"), Err(SendError::NotPermitted));
    }
    world.deaf = true;
    world.client.permit(world.now, peer()).unwrap();
    world.wait(Duration::from_secs(40));
    assert_eq!(world.events(), [Event::PermissionRefused(peer(), Refusal::Timeout)]);
}

#[test]
fn an_icmp_error_is_told_and_the_last_one_alone() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    world.events();
    for (mtu, from) in [(1_000, peer()), (1_280, peer()), (9, address("198.51.100.78:1"))] {
        let mut out = vec![];
        let id = duologue_stun::TransactionId([9; 12]);
        let writer = Writer::new(&mut out, Class::Indication, Method::DATA, id);
        writer.xor_peer_address(from).icmp(3, 4, mtu).finish().unwrap();
        assert_eq!(world.deliver(&out).is_ok(), from == peer());
    }
    assert_eq!(world.events(), [Event::Icmp { peer: peer(), kind: 3, code: 4, data: 1_280 }]);
}

#[test]
fn peers_are_bounded_and_mapped_addresses_are_the_same_peer() {
    let mut config = config();
    config.max_peers = 3;
    let mut world = World::allocated(config, Server::new());
    for port in 1..4 {
        let mapped = address(&format!("[::ffff:198.51.100.9]:{port}"));
        world.client.permit(world.now, mapped).unwrap();
        world.client.permit(world.now, address(&format!("198.51.100.9:{port}"))).unwrap();
    }
    assert_eq!(world.client.permit(world.now, peer()), Err(PermitError::TooMany));
    world.exchange();
    assert_eq!(world.server.channels.len(), 3);
}
