//! How allocations are made, changed and ended.

use std::net::SocketAddr;
use std::time::Duration;

use crate::world::{World, address, check, config, path, relayed, send_indication};
use crate::{MINUTE, channel, lifetime, peer, udp};
use duologue_stun::server::{Discard, Event, Received, Release, Request};
use duologue_stun::{
    AddressFamily, Attribute, AttributeType, Class, ErrorCode, Message, Method, TransactionId, Writer,
};

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
    check(&first, &request, &login).unwrap();
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
    assert_eq!(check(&answer, &request, &login), Err(ErrorCode::INSUFFICIENT_CAPACITY));
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
