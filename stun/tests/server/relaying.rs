//! What is relayed, and what is not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{World, address, config, path, send_indication};
use crate::{MINUTE, channel, peer};
use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::server::{Discard, Event, Path, Release, Transport};
use duologue_stun::turn::{self, ChannelData, Client, ClientConfig, ClientTransport, Families};
use duologue_stun::{
    Attribute, AttributeType, Class, ErrorCode, Message, Method, TransactionId, mapped_address,
    write_binding_request,
};

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
