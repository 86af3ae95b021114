//! The server against strangers and against clients with credentials and bad intentions.
#![cfg(all(feature = "rust-crypto", feature = "server"))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[expect(dead_code, unreachable_pub, reason = "shared with other tests")]
#[path = "server/world.rs"]
mod world;

use std::net::IpAddr;
use std::time::Duration;

use duologue_stun::server::{Discard, HEADROOM, PRIVATE, Path, PeerPolicy, Prefix, Received, Transport};
use duologue_stun::turn::ChannelData;
use duologue_stun::{AttributeType, ChannelNumber, Class, ErrorCode, Message, Method, TransactionId, Writer};
use world::{World, address, config, path, send_indication};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Known fault 2.
#[test]
fn the_policy_refuses_what_leads_inside_by_whatever_name() {
    let refused = [
        "127.0.0.1",
        "127.255.255.255",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::c0a8:1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2002:7f00:1::",
        "2002:cb00:714d::1",
        "2001::1",
        "2001:0:7f00:1::",
        "64:ff9b::127.0.0.1",
        "64:ff9b::0.0.0.0",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "::ffff:0:127.0.0.1",
        "::ffff:0:203.0.113.77",
    ];
    let allowed = [
        "203.0.113.77",
        "8.8.8.8",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "1.0.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "223.255.255.255",
        "2001:db8::1",
        "2001:1::1",
        "fd00::1",
        "2003::1",
        "64:ff9b::8.8.8.8",
    ];
    let policy = PeerPolicy::default();
    for (list, expected) in [(&refused[..], false), (&allowed[..], true)] {
        for text in list {
            assert_eq!(policy.allows(ip(text)), expected, "{text}");
            if let IpAddr::V4(v4) = ip(text) {
                assert_eq!(policy.allows(IpAddr::V6(v4.to_ipv6_mapped())), expected, "{text} mapped");
            }
        }
    }
    // Whatever the lists say, a mapped address is the IPv4 address.
    let mut policy = PeerPolicy::default();
    policy.allowed = vec![Prefix::new(ip("127.0.0.0"), 8).unwrap(), Prefix::new(ip("::1"), 128).unwrap()];
    policy.refused = PRIVATE.to_vec();
    policy.refused.push(Prefix::new(ip("127.0.0.9"), 32).unwrap());
    for bits in (0..=u32::MAX).step_by(65_537) {
        let v4 = std::net::Ipv4Addr::from_bits(bits);
        assert_eq!(policy.allows(IpAddr::V4(v4)), policy.allows(IpAddr::V6(v4.to_ipv6_mapped())), "{v4}");
    }
    for (text, expected) in [
        ("127.0.0.1", true),
        ("::ffff:127.0.0.1", true),
        ("127.0.0.9", false),
        ("::ffff:127.0.0.9", false),
        ("::1", true),
        ("::2", false),
        ("64:ff9b::10.0.0.1", false),
        ("100.64.0.1", false),
        ("100.128.0.1", true),
        ("172.32.0.1", true),
        ("fdff::1", false),
    ] {
        assert_eq!(policy.allows(ip(text)), expected, "{text}");
    }
    assert_eq!(Prefix::new(ip("1.2.3.4"), 33), None);
    assert_eq!(Prefix::new(ip("::1"), 129), None);
    assert_eq!(Prefix::new(ip("::ffff:127.0.0.0"), 104), None);
    assert!(Prefix::new(ip("1.2.3.4"), 0).unwrap().contains(ip("9.9.9.9")));
}

/// The policy holds for permissions, channels and indications alike.
#[test]
fn no_request_relays_to_a_refused_address() {
    let mut config = config();
    config.ipv6 = true;
    let mut world = World::new(config);
    let login = world.login(path(1), "user", "pass");
    let both = world.ask(path(1), Method::ALLOCATE, &login, |w| {
        w.requested_transport(17).additional_address_family(duologue_stun::AddressFamily::IPV6)
    });
    both.unwrap();
    for text in ["127.0.0.1:80", "[::ffff:127.0.0.1]:80", "[::1]:80", "0.0.0.0:80", "[::]:80", "[fe80::1]:80"]
    {
        let peer = address(text);
        let permitted = world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer));
        assert_eq!(permitted, Err(ErrorCode::FORBIDDEN), "{text}");
        let bound = world.ask(path(1), Method::CHANNEL_BIND, &login, |w| {
            w.channel_number(ChannelNumber::MIN).xor_peer_address(peer)
        });
        assert_eq!(bound, Err(ErrorCode::FORBIDDEN), "{text}");
        let sent = world.client_sends(path(1), &send_indication(peer, b"data"));
        assert_eq!(sent, Err(Discard::NotPermitted), "{text}");
    }
    // A permission is of an address; these ports are refused even so.
    world
        .ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(address("192.0.2.1:1")))
        .unwrap();
    for port in [0, 3_478] {
        let peer = std::net::SocketAddr::new(ip("192.0.2.1"), port);
        assert_eq!(world.client_sends(path(1), &send_indication(peer, b"data")), Err(Discard::PeerRefused));
    }
}

/// A stranger's requests, whole and in many lengths: no answer is longer than the bound, and memory does not grow.
#[test]
fn no_stranger_is_answered_with_more_than_three_times_its_request() {
    for realm in ["example.org", "turn.quite-long-name.example.org", &"r".repeat(120)] {
        let mut config = config();
        config.realm = realm.to_owned();
        let mut world = World::new(config);
        let methods = [
            Method::ALLOCATE,
            Method::REFRESH,
            Method::CREATE_PERMISSION,
            Method::CHANNEL_BIND,
            Method::BINDING,
        ];
        let mut answered = 0;
        for method in methods {
            for attributes in 0..40_u16 {
                for v6 in [false, true] {
                    let remote = if v6 { "[2001:db8::9]:9" } else { "198.51.100.9:9" };
                    let path = Path { remote: address(remote), ..path(1) };
                    let mut request = world.request(method, None, |w| {
                        (0..attributes).fold(w, |w, kind| w.attribute(AttributeType(0x7f00 + kind), &[]))
                    });
                    world.relay.handle_datagram(world.now, path, &mut request).unwrap();
                    let Some((_, answer)) = world.transmit() else { continue };
                    answered += 1;
                    assert!(answer.len() + 28 <= 3 * (request.len() + 28), "{method:?} {attributes}");
                    if realm.len() <= 12 && attributes >= 2 {
                        assert!(answer.len() <= 3 * request.len(), "{method:?} {attributes}");
                    }
                }
            }
        }
        let stats = world.relay.stats();
        assert_eq!(stats.discarded(Discard::Amplification) + answered, 400);
        assert_eq!(stats.discarded(Discard::Amplification) > 0, realm.len() > 44);
        assert_eq!((stats.allocations, world.relay.poll_timeout()), (0, None));
    }
}

/// The first request of common clients, 28 bytes, is answered within three times its payload.
#[test]
fn the_shortest_allocate_request_is_challenged_within_the_bound() {
    let mut world = World::new(config());
    let request = world.request(Method::ALLOCATE, None, |w| w.requested_transport(17));
    assert_eq!(request.len(), 28);
    let answer = world.exchange(path(1), &request).unwrap().unwrap();
    assert!(answer.len() <= 84, "{}", answer.len());
    // A stream is not bounded: its client is where it says.
    let stream = Path { transport: Transport::Stream, ..path(1) };
    let answer = world.exchange(stream, &request).unwrap().unwrap();
    let answer = Message::parse(&answer).unwrap();
    assert_eq!(answer.error_code().unwrap().1, b"Unauthenticated");
    assert_eq!(answer.value(AttributeType::SOFTWARE), Some(&b"duologue"[..]));
}

#[test]
fn strangers_fill_no_more_than_their_half_of_the_answers() {
    let mut config = config();
    config.max_waiting = 8;
    let mut world = World::new(config);
    let login = world.login(path(1), "user", "pass");
    let request = world.request(Method::ALLOCATE, None, |w| w.requested_transport(17));
    for port in 0..10_000 {
        let mut request = request.clone();
        let handled = world.relay.handle_datagram(world.now, path(port), &mut request);
        assert_eq!(handled.is_ok(), port < 4, "{port}");
    }
    assert_eq!((world.relay.stats().waiting, world.relay.stats().discarded(Discard::Busy)), (4, 9_996));
    let mut request = world.request(Method::ALLOCATE, Some(&login), |w| w.requested_transport(17));
    world.relay.handle_datagram(world.now, path(1), &mut request).unwrap();
    world.serve();
    assert_eq!(world.relay.stats().allocated, 1, "who has credentials is served");
}

/// Known faults 1, 4 and 6: every attribute's length, the message's and every truncation, before and after authentication.
#[test]
fn no_length_field_is_believed() {
    let mut world = World::new(config());
    let (login, relayed) = world.allocate(path(1));
    let peer = address("203.0.113.77:5000");
    world
        .ask(path(1), Method::CHANNEL_BIND, &login, |w| {
            w.channel_number(ChannelNumber::MIN).xor_peer_address(peer)
        })
        .unwrap();
    let mut channel = vec![];
    ChannelData { channel: ChannelNumber::MIN, payload: b"data of sixteen " }
        .write(false, &mut channel)
        .unwrap();
    let mut seeds = vec![channel, send_indication(peer, b"data of sixteen ")];
    for login in [None, Some(&login)] {
        for method in [
            Method::ALLOCATE,
            Method::REFRESH,
            Method::CREATE_PERMISSION,
            Method::CHANNEL_BIND,
            Method::BINDING,
        ] {
            seeds.push(world.request(method, login, |w| {
                w.requested_transport(17)
                    .lifetime(700)
                    .channel_number(ChannelNumber::MIN)
                    .xor_peer_address(peer)
                    .even_port(true)
                    .data(b"four")
            }));
        }
    }
    let lengths = [0, 1, 3, 4, 5, 7, 8, 19, 20, 21, 255, 256, 0x7fff, 0x8000, 0xfffc, 0xfffd, 0xffff_u16];
    let before = world.sockets.clone();
    for seed in seeds {
        let mut variants: Vec<Vec<u8>> = (0..seed.len()).map(|len| seed[..len].to_vec()).collect();
        for at in (2..seed.len() - 1).step_by(2) {
            for len in lengths {
                let mut changed = seed.clone();
                changed[at..at + 2].copy_from_slice(&len.to_be_bytes());
                variants.push(changed);
            }
        }
        for port in [1, 2] {
            for variant in &mut variants.clone() {
                let whole = variant.len();
                if let Ok(Received::ToPeer(data)) =
                    world.relay.handle_datagram(world.now, path(port), variant)
                {
                    assert!(port == 1 && data.payload.len() < whole && data.peer.ip() == peer.ip());
                }
                world.serve();
                while world.transmit().is_some() {}
            }
        }
        assert_eq!(world.sockets, before, "a changed request is nobody's");
        assert_eq!(world.relay.stats().allocations, 1);
    }
    world.peer_sends(relayed, peer, b"data").unwrap();
}

/// The same under a seal that stands: attributes of any length that a client with credentials may send.
#[test]
fn no_attribute_of_an_authentic_request_is_believed() {
    let mut world = World::new(config());
    let (login, _) = world.allocate(path(1));
    let kinds = [
        AttributeType::REQUESTED_TRANSPORT,
        AttributeType::LIFETIME,
        AttributeType::EVEN_PORT,
        AttributeType::RESERVATION_TOKEN,
        AttributeType::REQUESTED_ADDRESS_FAMILY,
        AttributeType::ADDITIONAL_ADDRESS_FAMILY,
        AttributeType::XOR_PEER_ADDRESS,
        AttributeType::CHANNEL_NUMBER,
        AttributeType::DATA,
        AttributeType::DONT_FRAGMENT,
    ];
    for method in [Method::ALLOCATE, Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
        for kind in kinds {
            for len in [0, 1, 2, 3, 4, 5, 7, 8, 9, 19, 20, 21, 1_000, 60_000] {
                for fill in [0_u8, 1, 0x40, 0xff] {
                    let value = vec![fill; len];
                    let request = world.request(method, Some(&login), |w| w.attribute(kind, &value));
                    let answer = world.exchange(path(1), &request).unwrap().unwrap();
                    let _ = world::check(&answer, &request, &login);
                    if world.relay.stats().allocations == 0 {
                        world.ask(path(1), Method::ALLOCATE, &login, |w| w.requested_transport(17)).unwrap();
                    }
                    assert_eq!((world.relay.stats().allocations, world.sockets.len()), (1, 1));
                }
            }
        }
    }
}

/// An attacker who sees everything and knows no password.
#[test]
fn without_the_password_nothing_changes() {
    let mut world = World::new(config());
    let (login, relayed) = world.allocate(path(1));
    let seen = world.request(Method::REFRESH, Some(&login), |w| w.lifetime(0));
    for at in 20..seen.len() {
        let mut changed = seen.clone();
        changed[at] ^= 0x01;
        let _ = world.exchange(path(1), &changed);
        // From elsewhere the nonce is another's.
        let _ = world.exchange(path(2), &seen);
    }
    for (username, password) in [("user", ""), ("user", "word"), ("nobody", "pass"), ("", "")] {
        let wrong = world.login(path(1), username, password);
        for method in [Method::ALLOCATE, Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
            let asked = world.ask(path(1), method, &wrong, |w| {
                w.lifetime(0)
                    .xor_peer_address(address("203.0.113.77:5000"))
                    .channel_number(ChannelNumber::MIN)
            });
            assert_eq!(asked, Err(ErrorCode::UNAUTHENTICATED));
        }
    }
    assert_eq!(world.sockets.values().collect::<Vec<_>>(), [&relayed]);
    let peer = address("203.0.113.77:5000");
    assert_eq!(world.peer_sends(relayed, peer, b"data"), Err(Discard::NotPermitted));
    // What was seen does what it says where it was sent from, for as long as its nonce lives.
    world.pass(Duration::from_secs(1));
    world.exchange(path(1), &seen).unwrap();
    assert!(world.sockets.is_empty());
}

#[test]
fn other_messages_and_noise_are_counted_and_dropped() {
    let mut world = World::new(config());
    for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
        for method in (0..0x1000).filter_map(Method::new) {
            let mut message = vec![];
            Writer::new(&mut message, class, method, TransactionId([1; 12])).finish().unwrap();
            let handled = world.relay.handle_datagram(world.now, path(1), &mut message);
            let expected = match (class, method) {
                (Class::Request | Class::Indication, Method::BINDING) => Ok(Received::Consumed),
                (
                    Class::Request,
                    Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND,
                ) => Ok(Received::Consumed),
                (Class::Indication, Method::SEND) => Err(Discard::Malformed),
                _ => Err(Discard::Unexpected),
            };
            assert_eq!(handled, expected, "{class:?} {method:?}");
        }
    }
    for first in 0..=255 {
        let mut noise = [first; 64];
        assert!(world.relay.handle_datagram(world.now, path(1), &mut noise).is_err());
        assert!(world.relay.handle_datagram(world.now, path(1), &mut noise[..1]).is_err());
    }
    assert!(world.relay.handle_datagram(world.now, path(1), &mut []).is_err());
    let mut wrong = world.request(Method::BINDING, None, |w| w.fingerprint());
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(world.exchange(path(1), &wrong), Err(Discard::Malformed));
}

#[test]
fn a_buffer_without_room_or_data_without_bounds_is_refused() {
    let mut world = World::new(config());
    let (login, relayed) = world.allocate(path(1));
    let peer = address("203.0.113.77:5000");
    world.ask(path(1), Method::CREATE_PERMISSION, &login, |w| w.xor_peer_address(peer)).unwrap();
    let id = world.id_of(relayed);
    let mut buffer = vec![0; 100_000];
    // An IPv4 address needs less than the most.
    let head = HEADROOM - 12;
    for (range, fits) in [
        (head..head + 5, true),
        (head - 1..head + 5, false),
        (head..100_000, false),
        (head..head + 65_535, false),
        (99_990..99_999, false),
        (0..4, false),
        (99_999..100_001, false),
    ] {
        let framed = world.relay.handle_relayed(world.now, id, peer, &mut buffer, range.clone());
        assert_eq!(framed.is_ok(), fits, "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "it is refused")]
    let reversed = world.relay.handle_relayed(world.now, id, peer, &mut buffer, 60..50);
    assert_eq!(reversed, Err(Discard::NoRoom));
}
