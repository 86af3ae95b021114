//! Who sees and injects datagrams and has no password changes nothing.
#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[expect(unreachable_pub, dead_code, reason = "shared with other tests")]
#[path = "turn/server.rs"]
mod server;

use std::time::Duration;

use duologue_stun::auth::{Integrity, Key};
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::turn::{Discard, Event, Failure};
use duologue_stun::{Class, ErrorCode, Message, Method, TransactionId, Writer};
use server::{Server, World, address, config, data_indication};

fn peer() -> std::net::SocketAddr {
    address("198.51.100.77:5000")
}

/// What an attacker answers to a request: all errors there are and a success, bare and sealed with another key.
fn forgeries(request: &[u8]) -> Vec<Vec<u8>> {
    let request = Message::parse(request).unwrap();
    let key = Key::from_secret(&RUST_CRYPTO, b"a guess");
    let mut all = vec![];
    let codes = [300, 400, 403, 420, 437, 440, 441, 442, 443, 486, 500, 508, 600];
    for code in codes.into_iter().map(ErrorCode::new) {
        for seal in [None, Some(Integrity::Sha1), Some(Integrity::Sha256)] {
            let mut out = vec![];
            let writer = Writer::new(&mut out, Class::Error, request.method(), request.transaction_id())
                .error_code(code.unwrap())
                .alternate_server(address("198.51.100.66:6666"));
            match seal {
                Some(seal) => key.sign(seal, writer),
                None => writer,
            }
            .finish()
            .unwrap();
            all.push(out);
        }
    }
    for seal in [None, Some(Integrity::Sha1), Some(Integrity::Sha256)] {
        let mut out = vec![];
        let writer = Writer::new(&mut out, Class::Success, request.method(), request.transaction_id())
            .xor_relayed_address(address("198.51.100.66:6666"))
            .xor_mapped_address(address("198.51.100.66:6666"))
            .lifetime(1);
        match seal {
            Some(seal) => key.sign(seal, writer),
            None => writer,
        }
        .finish()
        .unwrap();
        all.push(out);
    }
    all
}

/// A 401 or 438 with a realm and a nonce of the attacker's.
fn forged_challenge(request: &[u8], code: ErrorCode, realm: &[u8]) -> Vec<u8> {
    let request = Message::parse(request).unwrap();
    let mut out = vec![];
    Writer::new(&mut out, Class::Error, request.method(), request.transaction_id())
        .error_code(code)
        .realm(realm)
        .nonce(b"of an attacker")
        .finish()
        .unwrap();
    out
}

/// Carries all requests, every answer of the server's behind all forgeries.
fn exchange_under_attack(world: &mut World) -> usize {
    let mut refused = 0;
    while let Some(request) = world.transmit() {
        for forgery in forgeries(&request) {
            assert_eq!(world.deliver(&forgery), Err(Discard::Unauthenticated));
            refused += 1;
        }
        assert_eq!(world.transmit(), None, "a forgery makes the client send nothing");
        if let Some(response) = world.server.handle(&request) {
            let _ = world.deliver(&response);
        }
    }
    refused
}

#[test]
fn forged_answers_before_the_true_ones_change_nothing() {
    let mut world = World::new(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    assert!(exchange_under_attack(&mut world) > 100);
    let relayed = world.client.relayed().unwrap();
    assert_eq!(relayed.ipv4, Some(address("203.0.113.5:49152")));
    assert_eq!(world.events(), [Event::Allocated(relayed), Event::Permitted(peer())]);
    for _ in 0..3 {
        let end = world.now + Duration::from_secs(540);
        while let Some(next) = world.client.poll_timeout().filter(|next| *next <= end) {
            world.now = next;
            world.client.handle_timeout(next);
            exchange_under_attack(&mut world);
        }
        world.now = end;
    }
    assert_eq!(world.events(), []);
    assert!(world.server.count(Method::REFRESH) >= 2);
    assert_eq!(world.server.count(Method::ALLOCATE), 2);
}

#[test]
fn a_forged_challenge_costs_a_round_trip() {
    for code in [ErrorCode::UNAUTHENTICATED, ErrorCode::STALE_NONCE] {
        for realm in [server::REALM, b"elsewhere.example"] {
            let mut world = World::new(config(), Server::new());
            let request = world.transmit().unwrap();
            world.deliver(&forged_challenge(&request, code, realm)).unwrap();
            world.exchange();
            assert!(world.client.relayed().is_some(), "{code:?}");

            world.client.permit(world.now, peer()).unwrap();
            let request = world.transmit().unwrap();
            let handled = world.deliver(&forged_challenge(&request, code, realm));
            if realm != server::REALM {
                assert_eq!(
                    handled,
                    Err(Discard::Unauthenticated),
                    "the server has proved itself in its realm"
                );
                assert_eq!(world.transmit(), None);
            }
            if let Some(response) = world.server.handle(&request) {
                let _ = world.deliver(&response);
            }
            world.exchange();
            assert_eq!(world.events().last(), Some(&Event::Permitted(peer())), "{code:?}");
        }
    }
}

#[test]
fn challenges_without_end_are_answered_four_times() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    let (mut sent, mut ids) = (0, vec![]);
    while let Some(request) = world.transmit() {
        sent += 1;
        assert!(sent < 10);
        let id = Message::parse(&request).unwrap().transaction_id();
        assert!(!ids.contains(&id), "each is a transaction of its own");
        ids.push(id);
        let _ = world.deliver(&forged_challenge(&request, ErrorCode::STALE_NONCE, server::REALM));
    }
    assert_eq!(sent, 5);
    assert!(world.client.relayed().is_some());
}

#[test]
fn an_answer_to_no_request_of_ours_is_nothing() {
    let mut world = World::allocated(config(), Server::new());
    let key = world.server.key();
    for method in [Method::ALLOCATE, Method::REFRESH, Method::CHANNEL_BIND, Method::BINDING] {
        for class in [Class::Success, Class::Error] {
            let mut out = vec![];
            let writer = Writer::new(&mut out, class, method, TransactionId([3; 12])).lifetime(0);
            key.sign(Integrity::Sha1, writer).finish().unwrap();
            assert_eq!(world.deliver(&out), Err(Discard::UnknownTransaction));
        }
    }
    for (class, method) in
        [(Class::Request, Method::BINDING), (Class::Request, Method::DATA), (Class::Indication, Method::SEND)]
    {
        let mut out = vec![];
        Writer::new(&mut out, class, method, TransactionId([3; 12])).finish().unwrap();
        assert_eq!(world.deliver(&out), Err(Discard::Unexpected));
    }
    // The right id with another method.
    world.client.permit(world.now, peer()).unwrap();
    let request = world.transmit().unwrap();
    let id = Message::parse(&request).unwrap().transaction_id();
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Success, Method::REFRESH, id).lifetime(0);
    key.sign(Integrity::Sha1, writer).finish().unwrap();
    assert_eq!(world.deliver(&out), Err(Discard::UnknownTransaction));
    // A replayed answer.
    let response = world.server.handle(&request).unwrap();
    world.deliver(&response).unwrap();
    assert_eq!(world.deliver(&response), Err(Discard::UnknownTransaction));
}

#[test]
fn each_flipped_bit_and_each_cut_of_an_answer_is_seen() {
    for algorithms in [vec![], vec![duologue_stun::PasswordAlgorithm::SHA_256]] {
        let mut world = World::new(config(), Server { algorithms, ..Server::new() });
        let first = world.transmit().unwrap();
        let challenge = world.server.handle(&first).unwrap();
        world.deliver(&challenge).unwrap();
        let request = world.transmit().unwrap();
        let response = world.server.handle(&request).unwrap();
        for bit in 0..response.len() * 8 {
            let mut flipped = response.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if bit / 8 == 0 && bit % 8 >= 6 {
                continue; // No STUN any more: bits 6 and 7 say so.
            }
            assert!(world.deliver(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..response.len() {
            assert!(world.deliver(&response[..len]).is_err());
        }
        assert_eq!(world.client.relayed(), None);
        world.deliver(&response).unwrap();
        assert!(world.client.relayed().is_some());
    }
}

/// Without the server's own answer, a forged one is believed in the end: nobody can tell.
#[test]
fn a_forged_refusal_without_a_true_answer_is_believed_late_and_by_an_allocation_never() {
    let mut world = World::new(config(), Server::new());
    let request = world.transmit().unwrap();
    for forgery in forgeries(&request).iter().filter(|forgery| forgery[0] == 1 && forgery[1] & 0x10 != 0) {
        let _ = world.deliver(forgery);
    }
    world.deaf = true;
    world.wait(Duration::from_millis(999));
    assert_eq!(world.events(), []);
    world.wait(Duration::from_millis(1));
    assert_eq!(world.events().len(), 1);

    let mut world = World::allocated(config(), Server::new());
    world.deaf = true;
    world.wait(Duration::from_secs(540));
    let request = world.client.stats().requests_sent;
    assert!(request > 2);
    world.wait(Duration::from_secs(59));
    assert!(world.client.relayed().is_some(), "until it has run out");
}

#[test]
fn data_indications_without_peer_or_with_attributes_unknown_are_discarded() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    let indication = |write: &dyn Fn(Writer<'_>) -> Writer<'_>| {
        let mut out = vec![];
        write(Writer::new(&mut out, Class::Indication, Method::DATA, TransactionId([3; 12])))
            .finish()
            .unwrap();
        out
    };
    let unknown = duologue_stun::AttributeType(0x7ffe);
    for hostile in [
        indication(&|writer| writer.data(b"no peer")),
        indication(&|writer| writer.xor_peer_address(peer())),
        indication(&|writer| writer.xor_peer_address(peer()).data(b"x").attribute(unknown, b"")),
    ] {
        assert_eq!(world.receive(&hostile), Err(Discard::Malformed));
    }
    let datagram = data_indication(peer(), b"whole");
    for len in 0..datagram.len() {
        assert_eq!(world.receive(&datagram[..len]), Err(Discard::Malformed));
    }
    assert_eq!(world.receive(&datagram), Ok((peer(), b"whole".to_vec())));
    // Behind a seal nothing is read.
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Indication, Method::DATA, TransactionId([3; 12]));
    let writer =
        Key::from_secret(&RUST_CRYPTO, b"any").sign(Integrity::Sha1, writer.xor_peer_address(peer()));
    writer.data(b"behind").finish().unwrap();
    assert_eq!(world.receive(&out), Err(Discard::Malformed));
}

#[test]
fn a_bid_down_is_not_answered() {
    let mut world = World::new(config(), Server::new());
    let request = world.transmit().unwrap();
    let request = Message::parse(&request).unwrap();
    let mut out = vec![];
    Writer::new(&mut out, Class::Error, Method::ALLOCATE, request.transaction_id())
        .error_code(ErrorCode::UNAUTHENTICATED)
        .realm(server::REALM)
        .nonce(b"obMatJos2gAAAnonce")
        .finish()
        .unwrap();
    assert_eq!(world.deliver(&out), Err(Discard::Unauthenticated));
    assert_eq!(world.transmit(), None);
    world.deaf = true;
    world.wait(Duration::from_secs(1));
    let error = duologue_stun::auth::ChallengeError::BidDown;
    assert_eq!(world.events(), [Event::Failed(Failure::Challenge(error))]);
}
