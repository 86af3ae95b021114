//! The server through its public API, on virtual time.
#![cfg(all(feature = "rust-crypto", feature = "server"))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[expect(unreachable_pub, reason = "shared with other tests")]
#[path = "server/world.rs"]
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::server::{Discard, Event, Path, Received, Release, Request, Transport};
use duologue_stun::turn::{self, ChannelData, Client, ClientConfig, ClientTransport, Families};
use duologue_stun::{
    AddressFamily, Attribute, AttributeType, ChannelNumber, Class, ErrorCode, Message, Method,
    PasswordAlgorithm, TransactionId, Writer, mapped_address, write_binding_request,
};
use world::{Login, UNIX_TIME, World, address, config, path, relayed, send_indication};

const MINUTE: Duration = Duration::from_secs(60);

fn peer() -> SocketAddr {
    address("203.0.113.77:5000")
}

fn channel(number: u16) -> ChannelNumber {
    ChannelNumber::new(number).unwrap()
}

fn lifetime(answer: &[u8]) -> u32 {
    match Message::parse(answer).unwrap().attribute(AttributeType::LIFETIME) {
        Ok(Some(Attribute::Lifetime(seconds))) => seconds,
        other => panic!("{other:?}"),
    }
}

fn udp(writer: Writer<'_>) -> Writer<'_> {
    writer.requested_transport(17)
}

#[test]
fn a_binding_request_is_answered_with_the_address_it_came_from() {
    let mut world = World::new(config());
    for transport in [Transport::Datagram, Transport::Stream] {
        for remote in ["198.51.100.9:9", "[2001:db8::9]:9", "[::ffff:198.51.100.9]:9"] {
            let path = Path { remote: address(remote), transport, ..path(1) };
            let mut request = vec![];
            write_binding_request(&mut request, TransactionId([1; 12])).unwrap();
            world.relay.handle_datagram(world.now, path, &mut request).unwrap();
            let (to, answer) = world.transmit().unwrap();
            assert_eq!(to.remote, duologue_stun::canonical(path.remote));
            let answer = Message::parse(&answer).unwrap();
            assert_eq!(mapped_address(&answer), Some(to.remote));
            assert_eq!(answer.verify_fingerprint(), Ok(()));
        }
    }
    let request = world.request(Method::BINDING, None, |writer| writer.change_request(true, true));
    let answer = world.exchange(path(1), &request).unwrap().unwrap();
    let answer = Message::parse(&answer).unwrap();
    assert_eq!(answer.error_code().unwrap().0, ErrorCode::UNKNOWN_ATTRIBUTE, "there is no other address");
}

/// The client of this crate, with both of its framings, over both transports.
#[test]
fn the_client_of_this_crate_relays_both_ways() {
    for (transport, client_transport) in
        [(Transport::Datagram, ClientTransport::Datagram), (Transport::Stream, ClientTransport::Stream)]
    {
        for channels in [true, false] {
            let mut config = config();
            config.ipv6 = true;
            let mut world = World::new(config);
            let path = Path { transport, ..path(1) };
            let mut config = ClientConfig::new(&RUST_CRYPTO, path.local);
            config.transport = client_transport;
            config.channels = channels;
            config.families = Families::Both;
            config.credentials =
                Some(Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() });
            let mut client = Client::new(Arc::new(config), [3; 32], world.now);
            let talk = |world: &mut World, client: &mut Client| {
                let mut request = vec![];
                while client.poll_transmit(world.now, 1_500, &mut request).is_some() {
                    let mut answer = world.exchange(path, &request).unwrap().unwrap();
                    client.handle_datagram(world.now, &mut answer).unwrap();
                    request.clear();
                }
            };
            talk(&mut world, &mut client);
            let addresses = client.relayed().unwrap();
            assert_eq!(addresses.mapped, Some(path.remote));
            let v6 = address("[2001:db8:7::7]:7");
            for (peer, relayed) in [(peer(), addresses.ipv4.unwrap()), (v6, addresses.ipv6.unwrap())] {
                client.permit(world.now, peer).unwrap();
                talk(&mut world, &mut client);
                for payload in [&b""[..], b"x", b"data", b"datum of a client"] {
                    let mut buffer = vec![0; turn::HEADROOM];
                    buffer.extend_from_slice(payload);
                    buffer.resize(buffer.len() + turn::TAILROOM, 0);
                    let data = turn::HEADROOM..turn::HEADROOM + payload.len();
                    let framed = client.seal(peer, &mut buffer, data).unwrap();
                    let sent = world.client_sends(path, &buffer[framed]).unwrap();
                    assert_eq!(sent, (relayed, peer, payload.to_vec()));
                    let mut framed = world.peer_sends(relayed, peer, payload).unwrap();
                    assert_eq!(ChannelData::is_first_byte(framed[0]), channels);
                    if transport == Transport::Stream {
                        assert!(framed.len().is_multiple_of(4));
                    }
                    let padding = if channels { &framed[4 + payload.len()..] } else { &[] };
                    assert!(padding.iter().all(|byte| *byte == 0), "padding tells nothing");
                    let received = client.handle_datagram(world.now, &mut framed).unwrap();
                    let expected = &mut payload.to_vec()[..];
                    assert_eq!(received, turn::Received::Data { peer, payload: expected });
                }
            }
            assert_eq!(world.relay.stats().datagrams_to_peers, 8);
            assert_eq!(world.relay.stats().bytes_to_clients, 44);
        }
    }
}

#[test]
fn equal_seeds_and_inputs_give_equal_outputs() {
    let run = || {
        let mut world = World::new(config());
        let (login, relayed) = world.allocate(path(1));
        world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer())).unwrap();
        (login.nonce, relayed, world.peer_sends(relayed, peer(), b"data"), world.asked)
    };
    assert_eq!(run(), run());
}

#[test]
fn data_of_peers_without_permission_is_dropped_and_permissions_end_after_five_minutes() {
    let mut world = World::new(config());
    let (login, relayed) = world.allocate(path(1));
    assert_eq!(world.peer_sends(relayed, peer(), b"data"), Err(Discard::NotPermitted));
    assert_eq!(world.client_sends(path(1), &send_indication(peer(), b"data")), Err(Discard::NotPermitted));
    world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer())).unwrap();
    let other_port = SocketAddr::new(peer().ip(), 9);
    for peer in [peer(), other_port] {
        let message = world.peer_sends(relayed, peer, b"data").unwrap();
        let message = Message::parse(&message).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        assert_eq!(
            message.attribute(AttributeType::XOR_PEER_ADDRESS),
            Ok(Some(Attribute::XorPeerAddress(peer)))
        );
        assert_eq!(message.value(AttributeType::DATA), Some(&b"data"[..]));
        world.client_sends(path(1), &send_indication(peer, b"data")).unwrap();
    }
    assert_eq!(world.client_sends(path(2), &send_indication(peer(), b"data")), Err(Discard::NoAllocation));
    world.pass(5 * MINUTE - Duration::from_secs(1));
    world.peer_sends(relayed, peer(), b"data").unwrap();
    world.client_sends(path(1), &send_indication(peer(), b"data")).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.peer_sends(relayed, peer(), b"data"),
        Err(Discard::NotPermitted),
        "use refreshes nothing"
    );
    assert_eq!(world.client_sends(path(1), &send_indication(peer(), b"data")), Err(Discard::NotPermitted));
    assert_eq!(world.relay.stats().discarded(Discard::NotPermitted), 4);
}

#[test]
fn a_channel_binds_one_number_to_one_peer_for_ten_minutes() {
    let mut world = World::new(config());
    let (login, relayed) = world.allocate(path(1));
    let other = address("203.0.113.78:5000");
    let bind = |world: &mut World, number, peer| {
        let bound = world.ask(path(1), Method::CHANNEL_BIND, &login, |w| {
            w.channel_number(channel(number)).xor_peer_address(peer)
        });
        bound.map(|_| ())
    };
    bind(&mut world, 0x4000, peer()).unwrap();
    bind(&mut world, 0x4000, peer()).unwrap();
    assert_eq!(bind(&mut world, 0x4000, other), Err(ErrorCode::BAD_REQUEST));
    assert_eq!(bind(&mut world, 0x4001, peer()), Err(ErrorCode::BAD_REQUEST));
    bind(&mut world, 0x4fff, other).unwrap();
    let data = |number, payload: &[u8]| {
        let mut out = vec![];
        ChannelData { channel: channel(number), payload }.write(false, &mut out).unwrap();
        out
    };
    assert_eq!(world.client_sends(path(1), &data(0x4000, b"d")), Ok((relayed, peer(), b"d".to_vec())));
    assert_eq!(world.client_sends(path(1), &data(0x4fff, b"")), Ok((relayed, other, vec![])));
    assert_eq!(world.client_sends(path(1), &data(0x4001, b"d")), Err(Discard::UnknownChannel));
    assert_eq!(world.client_sends(path(2), &data(0x4000, b"d")), Err(Discard::NoAllocation));
    assert_eq!(world.peer_sends(relayed, peer(), b"d").unwrap(), data(0x4000, b"d"));
    // Another port of the peer has the permission, not the channel.
    let message = world.peer_sends(relayed, SocketAddr::new(peer().ip(), 9), b"d").unwrap();
    assert_eq!(Message::parse(&message).unwrap().method(), Method::DATA);
    world.pass(5 * MINUTE);
    assert_eq!(world.peer_sends(relayed, peer(), b"d"), Err(Discard::NotPermitted));
    world.ask(path(1), Method::REFRESH, &login, |w| w).unwrap();
    world.pass(5 * MINUTE);
    assert_eq!(world.client_sends(path(1), &data(0x4000, b"d")), Err(Discard::UnknownChannel));
    bind(&mut world, 0x4000, other).unwrap();
    // Clients of RFC 5766 have more numbers, where the configuration allows them.
    let mut config = config();
    config.highest_channel = u16::MAX;
    let mut wide = World::new(config);
    let (of_wide, at) = wide.allocate(path(1));
    for (number, taken) in [(0x5000_u16, true), (0x7fff, true), (0x3fff, false), (0x8000, false)] {
        let [high, low] = number.to_be_bytes();
        let peer = SocketAddr::new(peer().ip(), number);
        let bound = wide.ask(path(1), Method::CHANNEL_BIND, &of_wide, |w| {
            w.attribute(AttributeType::CHANNEL_NUMBER, &[high, low, 0, 0]).xor_peer_address(peer)
        });
        assert_eq!(bound.is_ok(), taken);
        if taken {
            let message = [high, low, 0, 1, b'd'];
            assert_eq!(wide.client_sends(path(1), &message), Ok((at, peer, b"d".to_vec())));
            assert_eq!(wide.peer_sends(at, peer, b"d").unwrap(), message);
        }
    }
    for bad in [0x3fff_u16, 0x5000, 0xffff] {
        let [high, low] = bad.to_be_bytes();
        let bound = world.ask(path(1), Method::CHANNEL_BIND, &login, |w| {
            w.attribute(AttributeType::CHANNEL_NUMBER, &[high, low, 0, 0]).xor_peer_address(peer())
        });
        assert_eq!(bound, Err(ErrorCode::BAD_REQUEST));
    }
}

#[test]
fn lifetimes_are_bounded_and_an_allocation_that_nobody_refreshes_ends() {
    let mut world = World::new(config());
    let (login, _) = world.allocate(path(1));
    for (asked, given) in [(None, 600), (Some(1), 600), (Some(1_000), 1_000), (Some(u32::MAX), 3_600)] {
        let answer = world
            .ask(path(1), Method::REFRESH, &login, |w| match asked {
                Some(asked) => w.lifetime(asked),
                None => w,
            })
            .unwrap();
        assert_eq!(lifetime(&answer), given);
    }
    world.client_sends(path(1), &send_indication(peer(), b"none")).unwrap_err();
    world.pass(60 * MINUTE - Duration::from_secs(1));
    assert_eq!(world.sockets.len(), 1);
    world.pass(Duration::from_secs(1));
    assert!(world.sockets.is_empty());
    assert_eq!(world.relay.poll_timeout(), None);
    let released = world.events().pop();
    assert!(matches!(released, Some(Event::Released { reason: Release::Expired, .. })));
    let refreshed = world.ask(path(1), Method::REFRESH, &login, |w| w);
    assert_eq!(refreshed, Err(ErrorCode::STALE_NONCE), "an hour is over");
}

#[test]
fn a_lifetime_of_zero_ends_the_allocation_at_once_and_frees_its_quota() {
    let mut config = config();
    config.max_allocations_per_user = 1;
    let mut world = World::new(config);
    for round in 0..20 {
        let (login, _) = world.allocate(path(round));
        let answer = world.ask(path(round), Method::REFRESH, &login, |w| w.lifetime(0)).unwrap();
        assert_eq!(lifetime(&answer), 0);
        assert!(world.sockets.is_empty());
        let again = world.ask(path(round), Method::REFRESH, &login, |w| w.lifetime(0));
        assert_eq!(again, Err(ErrorCode::ALLOCATION_MISMATCH));
    }
    assert_eq!(world.relay.stats().allocations, 0);
    assert_eq!(world.relay.poll_timeout(), None);
}

/// RFC 8656, Section 7.2.
#[test]
fn a_repeated_allocate_request_gets_the_same_answer_and_another_gets_437() {
    let mut world = World::new(config());
    let login = world.login(path(1), "user", "pass");
    world.held = true;
    let request = world.request(Method::ALLOCATE, Some(&login), |w| udp(w).even_port(true));
    assert_eq!(world.exchange(path(1), &request), Ok(None));
    assert_eq!(world.exchange(path(1), &request), Err(Discard::Pending));
    let ids: Vec<_> = world.asked.clone();
    for request in ids {
        let Request::OpenRelay { id, port, .. } = request else { panic!() };
        world.relay.relay_opened(world.now, id, SocketAddr::new("192.0.2.1".parse().unwrap(), port));
    }
    let (_, first) = world.transmit().unwrap();
    world::check(&first, &request, &login).unwrap();
    assert_eq!(world.exchange(path(1), &request).unwrap().unwrap(), first);
    assert_eq!(world.asked.len(), 2, "the pair, and no more");
    let other = world.ask(path(1), Method::ALLOCATE, &login, udp);
    assert_eq!(other, Err(ErrorCode::ALLOCATION_MISMATCH));
}

#[test]
fn even_port_gives_an_even_port_and_its_token_the_next_one() {
    let mut world = World::new(config());
    let login = world.login(path(1), "user", "pass");
    let answer = world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).even_port(true)).unwrap();
    let first = relayed(&answer)[0];
    assert!(first.port().is_multiple_of(2));
    let Ok(Some(Attribute::ReservationToken(token))) =
        Message::parse(&answer).unwrap().attribute(AttributeType::RESERVATION_TOKEN)
    else {
        panic!("no token");
    };
    let of_other = world.login(path(2), "other", "word");
    let stolen = world.ask(path(2), Method::ALLOCATE, &of_other, |w| udp(w).reservation_token(token));
    assert_eq!(stolen, Err(ErrorCode::INSUFFICIENT_CAPACITY));
    let login = world.login(path(3), "user", "pass");
    let both =
        world.ask(path(3), Method::ALLOCATE, &login, |w| udp(w).reservation_token(token).even_port(false));
    assert_eq!(both, Err(ErrorCode::BAD_REQUEST));
    let answer = world.ask(path(3), Method::ALLOCATE, &login, |w| udp(w).reservation_token(token)).unwrap();
    assert_eq!(relayed(&answer), [SocketAddr::new(first.ip(), first.port() + 1)]);
    let login = world.login(path(4), "user", "pass");
    let again = world.ask(path(4), Method::ALLOCATE, &login, |w| udp(w).reservation_token(token));
    assert_eq!(again, Err(ErrorCode::INSUFFICIENT_CAPACITY), "a token is good for once");
    // One that nobody brings ends after 30 seconds.
    world.ask(path(4), Method::ALLOCATE, &login, |w| udp(w).even_port(true)).unwrap();
    assert_eq!((world.sockets.len(), world.relay.stats().reservations), (4, 1));
    world.pass(Duration::from_secs(30));
    assert_eq!((world.sockets.len(), world.relay.stats().reservations), (3, 0));
}

#[test]
fn ports_are_drawn_from_the_range_and_a_failed_socket_is_tried_elsewhere() {
    let mut config = config();
    config.ports = 50_001..=50_004;
    let mut world = World::new(config);
    world.failing = 3;
    let login = world.login(path(1), "user", "pass");
    let answer = world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).even_port(true)).unwrap();
    assert_eq!(relayed(&answer)[0].port(), 50_002, "the one pair that there is");
    let login = world.login(path(2), "user", "pass");
    let answer = world.ask(path(2), Method::ALLOCATE, &login, |w| udp(w).even_port(false)).unwrap();
    assert_eq!(relayed(&answer)[0].port(), 50_004);
    let login = world.login(path(3), "user", "pass");
    world.ask(path(3), Method::ALLOCATE, &login, udp).unwrap();
    let login = world.login(path(4), "user", "pass");
    assert_eq!(world.ask(path(4), Method::ALLOCATE, &login, udp), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    world.pass(Duration::from_secs(30));
    world.failing = 100;
    assert_eq!(world.ask(path(4), Method::ALLOCATE, &login, udp), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    assert_eq!(world.failing, 92, "eight attempts");
    assert_eq!(world.relay.stats().allocations, 3);
}

#[test]
fn an_embedder_that_opens_no_socket_leaves_nothing_behind() {
    let mut world = World::new(config());
    let login = world.login(path(1), "user", "pass");
    world.held = true;
    let request = world.request(Method::ALLOCATE, Some(&login), udp);
    assert_eq!(world.exchange(path(1), &request), Ok(None));
    world.pass(Duration::from_secs(5));
    let (_, answer) = world.transmit().unwrap();
    assert_eq!(world::check(&answer, &request, &login), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    assert!(matches!(world.asked[..], [Request::OpenRelay { .. }, Request::CloseRelay { .. }]));
    assert_eq!((world.relay.stats().allocations, world.relay.poll_timeout()), (0, None));
}

#[test]
fn families_are_given_as_asked_for() {
    let v6 = AddressFamily::IPV6;
    let mut world = World::new(config());
    let login = world.login(path(1), "user", "pass");
    let refused = world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).requested_address_family(v6));
    assert_eq!(refused, Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED));
    let refused =
        world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).requested_address_family(AddressFamily(9)));
    assert_eq!(refused, Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED));
    let partly =
        world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).additional_address_family(v6)).unwrap();
    assert_eq!(relayed(&partly).len(), 1);
    let code = Message::parse(&partly).unwrap().attribute(AttributeType::ADDRESS_ERROR_CODE);
    let expected = ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED;
    assert!(
        matches!(code, Ok(Some(Attribute::AddressErrorCode(AddressFamily::IPV6, code, _))) if code == expected)
    );
    let mut config = config();
    config.ipv6 = true;
    let mut world = World::new(config);
    let login = world.login(path(1), "user", "pass");
    for (with, code) in [
        ((Some(v6), Some(v6), false), ErrorCode::BAD_REQUEST),
        ((None, Some(AddressFamily::IPV4), false), ErrorCode::BAD_REQUEST),
        ((None, Some(v6), true), ErrorCode::BAD_REQUEST),
    ] {
        let asked = world.ask(path(1), Method::ALLOCATE, &login, |w| {
            let (requested, additional, reserve) = with;
            let w = requested.into_iter().fold(udp(w), Writer::requested_address_family);
            let w = additional.into_iter().fold(w, Writer::additional_address_family);
            if reserve { w.even_port(true) } else { w }
        });
        assert_eq!(asked, Err(code));
    }
    let both =
        world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).additional_address_family(v6)).unwrap();
    let [first, second] = relayed(&both)[..] else { panic!("two addresses") };
    assert!(first.is_ipv4() && second.is_ipv6());
    // Each family has its own peers, and its own end.
    let v6_peer = address("[2001:db8:7::7]:7");
    for peer in [peer(), v6_peer] {
        world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer)).unwrap();
    }
    let ended = world.ask(path(1), Method::REFRESH, &login, |w| w.lifetime(0).requested_address_family(v6));
    assert_eq!(lifetime(&ended.unwrap()), 0);
    assert_eq!(world.sockets.values().collect::<Vec<_>>(), [&first]);
    world.peer_sends(first, peer(), b"data").unwrap();
    let permitted = world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(v6_peer));
    assert_eq!(permitted, Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
    let bound = world.ask(path(1), Method::CHANNEL_BIND, &login, |w| {
        w.channel_number(channel(0x4000)).xor_peer_address(v6_peer)
    });
    assert_eq!(bound, Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
    let refreshed = world.ask(path(1), Method::REFRESH, &login, |w| w.requested_address_family(v6));
    assert_eq!(refreshed, Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
}

#[test]
fn requests_are_refused_with_the_codes_of_rfc_8656() {
    let mut world = World::new(config());
    let login = world.login(path(1), "user", "pass");
    let none = world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer()));
    assert_eq!(none, Err(ErrorCode::ALLOCATION_MISMATCH));
    assert_eq!(world.ask(path(1), Method::ALLOCATE, &login, |w| w), Err(ErrorCode::BAD_REQUEST));
    let malformed = world.ask(path(1), Method::ALLOCATE, &login, |w| {
        w.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0])
    });
    assert_eq!(malformed, Err(ErrorCode::BAD_REQUEST));
    let tcp = world.ask(path(1), Method::ALLOCATE, &login, |w| w.requested_transport(6));
    assert_eq!(tcp, Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL));
    let unknown = world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).dont_fragment());
    assert_eq!(unknown, Err(ErrorCode::UNKNOWN_ATTRIBUTE));
    world.ask(path(1), Method::ALLOCATE, &login, udp).unwrap();
    assert_eq!(world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w), Err(ErrorCode::BAD_REQUEST));
    let other = world.login(path(1), "other", "word");
    for method in [Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
        let taken = world.ask(path(1), method, &other, |w| w.xor_peer_address(peer()));
        assert_eq!(taken, Err(ErrorCode::WRONG_CREDENTIALS));
    }
    // All or none.
    let forbidden = world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| {
        w.xor_peer_address(peer()).xor_peer_address(address("127.0.0.1:9"))
    });
    assert_eq!(forbidden, Err(ErrorCode::FORBIDDEN));
    assert_eq!(world.client_sends(path(1), &send_indication(peer(), b"")), Err(Discard::NotPermitted));
    for peer in ["203.0.113.77:0", "192.0.2.1:3478", "[::ffff:127.0.0.1]:9"] {
        let bound = world.ask(path(1), Method::CHANNEL_BIND, &login, |w| {
            w.channel_number(channel(0x4000)).xor_peer_address(address(peer))
        });
        let mapped = peer.contains("ffff");
        assert_eq!(bound, Err(ErrorCode::FORBIDDEN), "{peer} {mapped}");
    }
}

#[test]
fn what_cannot_be_kept_whole_is_refused_unless_the_embedder_can() {
    let mut indication = vec![];
    Writer::new(&mut indication, Class::Indication, Method::SEND, TransactionId([5; 12]))
        .dont_fragment()
        .xor_peer_address(peer())
        .data(b"data")
        .finish()
        .unwrap();
    for can in [true, false] {
        let mut config = config();
        config.dont_fragment = can;
        let mut world = World::new(config);
        let (login, _) = world.allocate(path(1));
        world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer())).unwrap();
        let mut datagram = indication.clone();
        let received = world.relay.handle_datagram(world.now, path(1), &mut datagram);
        match received {
            Ok(Received::ToPeer(data)) => assert!(can && data.dont_fragment),
            other => assert_eq!((can, other), (false, Err(Discard::UnknownAttribute))),
        }
    }
}

#[test]
fn clients_old_and_new_are_answered_with_the_integrity_they_know() {
    for algorithm in [None, Some(PasswordAlgorithm::MD5), Some(PasswordAlgorithm::SHA_256)] {
        let mut world = World::new(config());
        let login = Login { algorithm, ..world.login(path(1), "user", "pass") };
        world.ask(path(1), Method::ALLOCATE, &login, udp).unwrap();
        world.ask(path(1), Method::REFRESH, &login, |w| w).unwrap();
    }
    // The list of algorithms with the better one taken out.
    let mut world = World::new(config());
    let login = Login { algorithm: None, ..world.login(path(1), "user", "pass") };
    let cut = world.request(Method::ALLOCATE, Some(&login), |w| {
        udp(w).password_algorithms(&[PasswordAlgorithm::MD5]).password_algorithm(PasswordAlgorithm::MD5)
    });
    let answer = world.exchange(path(1), &cut).unwrap().unwrap();
    assert_eq!(Message::parse(&answer).unwrap().error_code().unwrap().0, ErrorCode::BAD_REQUEST);
}

#[test]
fn a_nonce_is_of_one_address_and_ends_and_the_allocation_goes_on_with_the_next() {
    let mut world = World::new(config());
    let (login, _) = world.allocate(path(1));
    let elsewhere = world.request(Method::ALLOCATE, Some(&login), udp);
    let answer = world.exchange(path(2), &elsewhere).unwrap().unwrap();
    let answer = Message::parse(&answer).unwrap();
    assert_eq!(answer.error_code().unwrap().0, ErrorCode::STALE_NONCE);
    assert_ne!(answer.value(AttributeType::NONCE), Some(&login.nonce[..]));
    for _ in 0..6 {
        world.ask(path(1), Method::REFRESH, &login, |w| w.lifetime(1_200)).unwrap();
        world.pass(10 * MINUTE - Duration::from_millis(100));
    }
    world.ask(path(1), Method::REFRESH, &login, |w| w).unwrap();
    world.pass(Duration::from_secs(1));
    let stale = world.request(Method::REFRESH, Some(&login), |w| w);
    let answer = world.exchange(path(1), &stale).unwrap().unwrap();
    let answer = Message::parse(&answer).unwrap();
    assert_eq!(answer.error_code().unwrap().0, ErrorCode::STALE_NONCE);
    assert!(answer.value(AttributeType::PASSWORD_ALGORITHMS).is_some());
    let nonce = answer.value(AttributeType::NONCE).unwrap().to_vec();
    let login = Login { nonce, ..login };
    world.ask(path(1), Method::REFRESH, &login, |w| w).unwrap();
    // A changed nonce is none.
    for at in 0..login.nonce.len() {
        let mut nonce = login.nonce.clone();
        nonce[at] ^= 1;
        let changed = Login { nonce, algorithm: None, ..world.login(path(1), "user", "pass") };
        let asked = world.ask(path(1), Method::REFRESH, &changed, |w| w);
        assert_eq!(asked, Err(ErrorCode::STALE_NONCE));
    }
}

#[test]
fn credentials_of_a_shared_secret_hold_until_their_second_and_their_allocation_after_it() {
    let mut config = config();
    config.shared_secrets = vec![b"old".to_vec(), b"north".to_vec()];
    config.max_allocations_per_user = 1;
    let mut world = World::new(config);
    let made = |secret: &[u8], seconds: u64, user: &str| {
        let made = Credentials::from_shared_secret(&RUST_CRYPTO, secret, seconds, user);
        let Credentials::LongTerm { username, password } = made else { panic!() };
        (&*username.leak(), &*password.leak())
    };
    let (name, password) = made(b"north", UNIX_TIME + 60, "alice");
    let login = world.login(path(1), name, password);
    world.ask(path(1), Method::ALLOCATE, &login, udp).unwrap();
    // Another second makes no other user.
    let (name, password) = made(b"old", UNIX_TIME + 61, "alice");
    let again = world.login(path(2), name, password);
    assert_eq!(world.ask(path(2), Method::ALLOCATE, &again, udp), Err(ErrorCode::ALLOCATION_QUOTA_REACHED));
    let (name, password) = made(b"south", UNIX_TIME + 61, "bob");
    let wrong = world.login(path(2), name, password);
    assert_eq!(world.ask(path(2), Method::ALLOCATE, &wrong, udp), Err(ErrorCode::UNAUTHENTICATED));
    world.pass(MINUTE);
    world.ask(path(1), Method::REFRESH, &login, |w| w).unwrap();
    let (name, password) = made(b"north", UNIX_TIME + 60, "carol");
    let late = world.login(path(2), name, password);
    assert_eq!(world.ask(path(2), Method::ALLOCATE, &late, udp), Err(ErrorCode::UNAUTHENTICATED));
}

#[test]
fn quotas_bound_allocations_permissions_and_channels() {
    let mut config = config();
    config.max_allocations = 3;
    config.max_allocations_per_user = 2;
    config.max_permissions = 2;
    config.max_channels = 1;
    let mut world = World::new(config);
    let (login, _) = world.allocate(path(1));
    let second = world.login(path(2), "user", "pass");
    let pair = world.ask(path(2), Method::ALLOCATE, &second, |w| udp(w).even_port(true));
    assert_eq!(pair, Err(ErrorCode::ALLOCATION_QUOTA_REACHED), "a reservation counts");
    world.ask(path(2), Method::ALLOCATE, &second, udp).unwrap();
    let third = world.login(path(3), "user", "pass");
    assert_eq!(world.ask(path(3), Method::ALLOCATE, &third, udp), Err(ErrorCode::ALLOCATION_QUOTA_REACHED));
    for (port, expected) in [(4, Ok(())), (5, Err(ErrorCode::INSUFFICIENT_CAPACITY))] {
        let login = world.login(path(port), "other", "word");
        assert_eq!(world.ask(path(port), Method::ALLOCATE, &login, udp).map(|_| ()), expected);
    }
    let permit = |world: &mut World, last: u8| {
        let peer = SocketAddr::from(([203, 0, 113, last], 1));
        world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer)).map(|_| ())
    };
    permit(&mut world, 1).unwrap();
    permit(&mut world, 2).unwrap();
    assert_eq!(permit(&mut world, 3), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    permit(&mut world, 1).unwrap();
    let bind = |world: &mut World, number, last: u8| {
        let peer = SocketAddr::from(([203, 0, 113, last], 1));
        let bound = world.ask(path(1), Method::CHANNEL_BIND, &login, |w| {
            w.channel_number(channel(number)).xor_peer_address(peer)
        });
        bound.map(|_| ())
    };
    bind(&mut world, 0x4001, 1).unwrap();
    assert_eq!(bind(&mut world, 0x4002, 2), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    world.pass(5 * MINUTE);
    permit(&mut world, 3).unwrap();
    assert_eq!(world.sockets.len(), 3);
}

#[test]
fn a_closed_stream_or_a_failed_socket_ends_the_allocation() {
    let mut world = World::new(config());
    let stream = Path { transport: Transport::Stream, ..path(1) };
    let (_, relayed) = world.allocate(stream);
    world.relay.stream_closed(world.now, stream);
    world.serve();
    assert!(world.sockets.is_empty());
    let (_, other) = world.allocate(path(2));
    let id = world.id_of(other);
    world.relay.relay_failed(world.now, id);
    world.serve();
    let reasons: Vec<_> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Released { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [Release::StreamClosed, Release::RelayFailed]);
    assert_ne!(relayed, other);
}

#[test]
fn an_icmp_error_about_a_permitted_peer_is_told_to_the_client() {
    let mut world = World::new(config());
    let (login, relayed) = world.allocate(path(1));
    let id = world.id_of(relayed);
    assert_eq!(world.relay.handle_icmp(world.now, id, peer(), (3, 4), 1_280), Err(Discard::NotPermitted));
    world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer())).unwrap();
    assert_eq!(world.relay.handle_icmp(world.now, id, peer(), (8, 0), 0), Err(Discard::Unexpected));
    world.relay.handle_icmp(world.now, id, peer(), (3, 4), 1_280).unwrap();
    let (to, message) = world.transmit().unwrap();
    assert_eq!(to, path(1));
    let message = Message::parse(&message).unwrap();
    let icmp = message.attribute(AttributeType::ICMP);
    assert_eq!(icmp, Ok(Some(Attribute::Icmp { kind: 3, code: 4, data: 1_280 })));
}

#[test]
fn a_reservation_that_has_ended_counts_no_longer() {
    let mut config = config();
    config.max_allocations_per_user = 2;
    let mut world = World::new(config);
    let login = world.login(path(1), "user", "pass");
    world.ask(path(1), Method::ALLOCATE, &login, |w| udp(w).even_port(true)).unwrap();
    let login = world.login(path(2), "user", "pass");
    assert_eq!(world.ask(path(2), Method::ALLOCATE, &login, udp), Err(ErrorCode::ALLOCATION_QUOTA_REACHED));
    world.pass(Duration::from_secs(30));
    world.ask(path(2), Method::ALLOCATE, &login, udp).unwrap();
}
