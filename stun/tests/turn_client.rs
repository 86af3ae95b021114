//! The TURN client against a scripted server, on virtual time.
#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[expect(unreachable_pub, dead_code, reason = "shared with other tests")]
#[path = "turn/server.rs"]
mod server;

use std::time::Duration;

use duologue_stun::auth::Credentials;
use duologue_stun::turn::{
    ClientTransport, Discard, Event, Failure, Families, PermitError, Refusal, Relayed, SendError,
};
use duologue_stun::{AddressFamily, Attribute, AttributeType, ErrorCode, Message, Method, PasswordAlgorithm};
use server::{Server, Step, World, address, config};

const MINUTE: Duration = Duration::from_secs(60);

fn peer() -> std::net::SocketAddr {
    address("198.51.100.77:5000")
}

#[test]
fn an_allocation_takes_two_round_trips_and_tells_its_addresses() {
    let mut world = World::new(config(), Server::new());
    let first = world.transmit().unwrap();
    let first = Message::parse(&first).unwrap();
    for absent in [AttributeType::USERNAME, AttributeType::REALM, AttributeType::MESSAGE_INTEGRITY] {
        assert_eq!(first.value(absent), None, "the first request has no credentials");
    }
    assert_eq!(first.value(AttributeType::SOFTWARE), Some(&b"duologue"[..]));
    let mut world = World::new(config(), Server::new());
    world.exchange();
    let relayed = Relayed {
        ipv4: Some(address("203.0.113.5:49152")),
        ipv6: None,
        mapped: Some(address("192.0.2.77:7777")),
    };
    assert_eq!(world.events(), [Event::Allocated(relayed)]);
    assert_eq!(world.client.relayed(), Some(relayed));
    assert_eq!(world.server.log.len(), 2);
}

#[test]
fn equal_seeds_and_inputs_give_equal_datagrams() {
    let run = || {
        let mut world = World::new(config(), Server::new());
        let mut all = vec![];
        while let Some(request) = world.transmit() {
            let response = world.server.handle(&request).unwrap();
            all.push(request);
            world.deliver(&response).unwrap();
        }
        world.client.permit(world.now, peer()).unwrap();
        all.push(world.transmit().unwrap());
        all.push(world.send(peer(), b"data").unwrap());
        all
    };
    assert_eq!(run(), run());
    assert_eq!(run().len(), 4);
}

#[test]
fn a_server_with_sha_256_is_answered_with_sha_256() {
    for algorithms in [vec![PasswordAlgorithm::MD5, PasswordAlgorithm::SHA_256], vec![PasswordAlgorithm::MD5]]
    {
        let server = Server { algorithms, ..Server::new() };
        let mut world = World::allocated(config(), server);
        world.client.permit(world.now, peer()).unwrap();
        world.exchange();
        assert_eq!(world.events(), [Event::Permitted(peer())]);
        let (_, attributes) = world.server.log.last().unwrap();
        assert!(attributes.contains(&AttributeType::MESSAGE_INTEGRITY_SHA256));
        assert!(!attributes.contains(&AttributeType::MESSAGE_INTEGRITY));
    }
}

/// Time to connect over a relay: nothing is waited for that need not be.

#[test]
fn a_server_that_never_takes_its_own_nonce_does_not_make_a_loop() {
    let mut world = World::new(config(), Server::new());
    let mut requests = 0;
    while let Some(request) = world.transmit() {
        requests += 1;
        assert!(requests < 20);
        world.server.nonce.push(b'x');
        let request = Message::parse(&request).unwrap();
        let response = world.server.challenge(&request, ErrorCode::STALE_NONCE);
        let _ = world.deliver(&response);
    }
    assert_eq!(requests, 5);
    world.deaf = true;
    world.wait(Duration::from_secs(2));
    assert_eq!(world.events(), [Event::Failed(Failure::Unauthenticated)]);
}

/// Known fault: TURN lifetime 0 and refresh storms.

#[test]
fn refreshes_come_in_time_and_a_lifetime_of_nothing_makes_no_storm() {
    for (lifetime, at_most) in [(600_u32, 7), (120, 61), (30, 241), (1, 361), (0, 361), (u32::MAX, 0)] {
        let server = Server { lifetime, ..Server::new() };
        let mut world = World::allocated(config(), server);
        world.wait(60 * MINUTE);
        let count = world.server.count(Method::REFRESH);
        assert!(count <= at_most, "{count} refreshes of {lifetime} s");
        assert!(lifetime > 1_000_000 || count >= at_most - 1, "{count} refreshes of {lifetime} s");
        assert!(world.client.relayed().is_some());
        assert_eq!(world.server.lifetimes.iter().flatten().count(), 0);
    }
}

#[test]
fn both_families_are_asked_for_at_once_and_one_alone_will_do() {
    let mut both = config();
    both.families = Families::Both;
    let v6 = address("[2001:db8::5]:49152");
    let v6_peer = address("[2001:db8::77]:5000");
    let mut server = Server::new();
    server.relayed.push(v6);
    let mut world = World::allocated(both.clone(), server);
    assert_eq!(world.client.relayed().unwrap().ipv6, Some(v6));
    let (_, asked) = world.server.log.last().unwrap();
    assert!(asked.contains(&AttributeType::ADDITIONAL_ADDRESS_FAMILY));
    assert!(asked.contains(&AttributeType(0x8032)), "as coturn knew it before September 2025");
    world.client.permit(world.now, v6_peer).unwrap();
    world.exchange();
    assert_eq!(world.events(), [Event::Permitted(v6_peer)]);

    let code = ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED;
    for old_numbers in [false, true] {
        let server = Server { refused_family: Some(code), old_numbers, ..Server::new() };
        let mut world = World::new(both.clone(), server);
        world.client.permit(world.now, v6_peer).unwrap();
        world.exchange();
        let relayed = world.client.relayed().unwrap();
        let expected = [
            Event::Allocated(relayed),
            Event::FamilyRefused(AddressFamily::IPV6, code),
            Event::PermissionRefused(v6_peer, Refusal::Family),
        ];
        assert_eq!(world.events(), expected);
        assert_eq!(world.client.permit(world.now, v6_peer), Err(PermitError::Family));
    }

    let mut v6_alone = config();
    v6_alone.families = Families::Ipv6;
    let world = World::allocated(v6_alone, Server { relayed: vec![v6], ..Server::new() });
    let (_, asked) = world.server.log.last().unwrap();
    assert!(asked.contains(&AttributeType::REQUESTED_ADDRESS_FAMILY));
    assert_eq!(world.client.relayed().unwrap().ipv4, None);
}

/// RFC 8656, Section 7.3: "the client MUST delete the allocation".

#[test]
fn an_allocation_of_a_family_not_asked_for_is_deleted() {
    for relayed in [vec![address("[2001:db8::5]:49152")], vec![]] {
        let mut world = World::new(config(), Server { relayed, ..Server::new() });
        world.exchange();
        assert_eq!(world.events(), [Event::Failed(Failure::UnusableAddress)]);
        assert!(!world.server.allocated);
        assert_eq!(world.server.lifetimes, [Some(0)]);
    }
}

#[test]
fn each_error_to_an_allocate_request_has_its_failure_and_its_wait() {
    let minutes = |count: u64| Some(Duration::from_secs(60 * count));
    for (code, failure, wait) in [
        (400, Failure::Refused(ErrorCode::BAD_REQUEST), None),
        (403, Failure::Refused(ErrorCode::FORBIDDEN), None),
        (437, Failure::AllocationMismatch, minutes(2)),
        (440, Failure::FamilyNotSupported, None),
        (441, Failure::WrongCredentials, None),
        (442, Failure::UnsupportedTransport, None),
        (486, Failure::QuotaReached, minutes(1)),
        (508, Failure::InsufficientCapacity, minutes(1)),
        (600, Failure::Refused(ErrorCode::new(600).unwrap()), None),
    ] {
        let mut server = Server::new();
        server.script.push_back(Step::sealed(Method::ALLOCATE, ErrorCode::new(code).unwrap()));
        let mut world = World::new(config(), server);
        world.exchange();
        assert_eq!(world.events(), [Event::Failed(failure)]);
        assert_eq!(failure.retry_after(), wait);
        assert_eq!(world.client.poll_timeout(), None);
        assert_eq!(world.client.permit(world.now, peer()), Err(PermitError::Closed));
        assert_eq!(world.transmit(), None);
        assert_eq!(world.receive(b"\x40\x00\x00\x00"), Err(Discard::Closed));
    }
}

#[test]
fn a_wrong_password_is_told_a_second_after_the_server_says_so() {
    let server = Server { password: Some("other"), ..Server::new() };
    let mut world = World::new(config(), server);
    world.exchange();
    assert_eq!(world.server.log.len(), 2, "the same credentials are not sent again");
    assert_eq!(world.events(), []);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.events(), [Event::Failed(Failure::Unauthenticated)]);
}

#[test]
fn without_credentials_a_server_that_wants_none_is_used_and_one_that_wants_some_is_not() {
    let mut open = config();
    open.credentials = None;
    let mut world = World::allocated(open.clone(), Server { password: None, ..Server::new() });
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    assert_eq!(world.events(), [Event::Permitted(peer())]);
    let mut world = World::new(open, Server::new());
    world.exchange();
    assert_eq!(world.events(), [Event::Failed(Failure::Unauthenticated)]);
    // With credentials, nothing that is not sealed makes an allocation.
    let mut world = World::new(config(), Server { password: None, ..Server::new() });
    world.exchange();
    world.deaf = true;
    world.wait(Duration::from_secs(1));
    assert_eq!(world.events(), [Event::Failed(Failure::IntegrityViolated)]);
}

#[test]
fn a_lost_allocation_is_made_again_with_its_peers() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    world.events();
    world.wait(2 * MINUTE);
    world.server.forget();
    world.server.relayed = vec![address("203.0.113.5:50000")];
    world.wait(2 * MINUTE + Duration::from_secs(1));
    let relayed = world.client.relayed().unwrap();
    assert_eq!(relayed.ipv4, Some(address("203.0.113.5:50000")));
    assert_eq!(world.events(), [Event::Relocated(relayed), Event::Permitted(peer())]);
    world.send(peer(), b"again").unwrap();
    assert_eq!(world.server.relayed_data, [(peer(), b"again".to_vec(), true)]);
    assert_eq!(world.client.stats().relocations, 1);
}

#[test]
fn a_server_that_loses_every_allocation_is_given_up() {
    let server = Server { lifetime: 20, ..Server::new() };
    let mut world = World::allocated(config(), server);
    for _ in 0..10 {
        world.server.forget();
        world.wait(Duration::from_secs(11));
    }
    let events = world.events();
    assert_eq!(events.last(), Some(&Event::Failed(Failure::Unstable)));
    assert_eq!(world.client.stats().relocations, 3);
}

#[test]
fn a_silent_server_ends_the_client_when_the_allocation_has_run_out() {
    let mut world = World::new(config(), Server::new());
    world.deaf = true;
    world.wait(Duration::from_millis(39_499));
    assert_eq!(world.events(), []);
    world.wait(Duration::from_millis(1));
    assert_eq!(world.events(), [Event::Failed(Failure::Timeout)]);

    let mut world = World::allocated(config(), Server::new());
    world.deaf = true;
    world.wait(9 * MINUTE + Duration::from_secs(59));
    assert!(world.client.relayed().is_some());
    world.wait(MINUTE);
    assert_eq!(world.events(), [Event::Failed(Failure::Timeout)]);
}

#[test]
fn an_outage_shorter_than_the_lifetime_is_survived() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    world.wait(3 * MINUTE);
    world.deaf = true;
    world.wait(3 * MINUTE);
    world.deaf = false;
    world.wait(MINUTE);
    assert_eq!(world.events(), [Event::Permitted(peer())]);
    assert!(world.client.relayed().is_some());
}

#[test]
fn a_request_over_a_stream_is_sent_once_and_given_up_after_ti() {
    let mut config = config();
    config.transport = ClientTransport::Stream;
    let mut world = World::new(config, Server::new());
    world.deaf = true;
    world.wait(Duration::from_millis(39_499));
    assert_eq!(world.client.stats().requests_sent, 1);
    assert_eq!(world.events(), []);
    world.wait(Duration::from_millis(1));
    assert_eq!(world.events(), [Event::Failed(Failure::Timeout)]);
}

#[test]
fn a_temporary_error_to_a_refresh_is_asked_again() {
    let mut world = World::allocated(config(), Server::new());
    world.server.script.push_back(Step::sealed(Method::REFRESH, ErrorCode::SERVER_ERROR));
    world.wait(60 * MINUTE);
    assert!(world.client.relayed().is_some());
    assert_eq!(world.events(), []);
    world.server.script.push_back(Step::sealed(Method::REFRESH, ErrorCode::WRONG_CREDENTIALS));
    world.wait(10 * MINUTE);
    assert_eq!(world.events(), [Event::Failed(Failure::WrongCredentials)]);
}

#[test]
fn closing_deletes_the_allocation_and_ends_within_a_second() {
    let mut world = World::allocated(config(), Server::new());
    world.client.close(world.now);
    assert_eq!(world.client.permit(world.now, peer()), Err(PermitError::Closed));
    assert_eq!(world.send(peer(), b""), Err(SendError::NotAllocated));
    assert_eq!(world.events(), []);
    world.server.nonce = b"a stale nonce does not matter".to_vec();
    world.exchange();
    assert!(!world.server.allocated);
    assert_eq!(world.server.lifetimes, [Some(0)]);
    assert_eq!(world.events(), [Event::Closed]);

    let mut world = World::allocated(config(), Server::new());
    world.deaf = true;
    world.client.close(world.now);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.events(), [Event::Closed]);
    assert_eq!(world.client.poll_timeout(), None);

    let mut world = World::new(config(), Server::new());
    world.client.close(world.now);
    assert_eq!(world.events(), [Event::Closed], "nothing was allocated");
    assert_eq!(world.transmit(), None);
}

#[test]
fn a_redirection_is_followed_and_one_that_leads_back_is_not() {
    let other = address("198.51.100.2:3478");
    let redirected = |server| Event::Redirected { server, domain: Some(b"other.example.org".to_vec()) };
    let step = |alternate, sealed| Step {
        sealed,
        alternate: Some(alternate),
        ..Step::sealed(Method::ALLOCATE, ErrorCode::TRY_ALTERNATE)
    };
    for sealed in [true, false] {
        let mut server = Server::new();
        server.script.push_back(step(other, sealed));
        if !sealed {
            server.script.push_back(step(other, sealed)); // The answer to the retransmission.
        }
        let mut world = World::new(config(), server);
        world.exchange();
        assert_eq!(world.client.relayed().is_some(), sealed, "one that is not sealed waits a second");
        world.wait(Duration::from_secs(1));
        let relayed = world.client.relayed().unwrap();
        assert_eq!(world.events(), [redirected(other), Event::Allocated(relayed)]);
        assert_eq!(world.client.server(), other);
    }
    let mut server = Server::new();
    server.script.push_back(step(other, true));
    server.script.push_back(step(address("198.51.100.1:3478"), true));
    let mut world = World::new(config(), server);
    world.exchange();
    assert_eq!(world.events(), [redirected(other), Event::Failed(Failure::Redirection)]);
    let mut server = Server::new();
    for port in 1..100 {
        server.script.push_back(step(address(&format!("198.51.100.1:{port}")), true));
    }
    let mut world = World::new(config(), server);
    world.exchange();
    assert_eq!(world.events().len(), 8, "seven others, then the end");
    for useless in ["0.0.0.0:1", "224.0.0.1:1", "198.51.100.2:0", "[2001:db8::1]:1"] {
        let mut server = Server::new();
        server.script.push_back(step(address(useless), true));
        let mut world = World::new(config(), server);
        world.exchange();
        assert_eq!(world.events(), [Event::Failed(Failure::Redirection)], "{useless}");
    }
}

#[test]
fn a_redirection_over_a_stream_waits_for_the_stream() {
    let mut config = config();
    config.transport = ClientTransport::Stream;
    let mut server = Server::new();
    let alternate = Some(address("198.51.100.2:3478"));
    server.script.push_back(Step { alternate, ..Step::sealed(Method::ALLOCATE, ErrorCode::TRY_ALTERNATE) });
    let mut world = World::new(config, server);
    world.exchange();
    assert_eq!(world.events().len(), 1);
    assert_eq!((world.transmit(), world.client.poll_timeout()), (None, None));
    world.client.stream_opened(world.now);
    world.exchange();
    assert!(world.client.relayed().is_some());
}

/// RFC 7635.

#[test]
fn a_token_is_asked_for_by_the_servers_name_and_renewed_while_in_use() {
    let token = |token: &[u8]| Credentials::ThirdParty {
        key_id: "kid".to_owned(),
        token: token.to_vec(),
        mac_key: b"session key".to_vec(),
    };
    let mut without = config();
    without.credentials = None;
    let mut world = World::new(without, Server { third_party: true, ..Server::new() });
    world.exchange();
    assert_eq!(world.events(), [Event::TokenWanted(b"turn.example.org".to_vec())]);
    assert_eq!(world.client.poll_timeout(), None);
    world.client.set_credentials(world.now, token(b"one"));
    world.exchange();
    assert!(matches!(world.events()[..], [Event::Allocated(_)]));
    world.client.permit(world.now, peer()).unwrap();
    world.exchange();
    world.client.set_credentials(world.now, token(b"two"));
    world.wait(10 * MINUTE);
    assert!(world.client.relayed().is_some());
    for (method, attributes) in world.server.log.iter().skip(2) {
        let has = attributes.contains(&AttributeType::ACCESS_TOKEN);
        assert_eq!(has, [Method::ALLOCATE, Method::REFRESH].contains(method), "{method:?}");
    }
    assert!(world.server.count(Method::REFRESH) > 0);
}

#[test]
fn a_request_that_finds_no_room_is_not_lost() {
    let mut world = World::new(config(), Server::new());
    let mut out = b"before".to_vec();
    assert_eq!(world.client.poll_transmit(world.now, 10, &mut out), None);
    assert_eq!(out, b"before");
    assert_eq!(world.client.poll_timeout(), None, "nothing has been sent");
    let request = world.transmit().unwrap();
    assert!(Message::parse(&request).is_ok());
    assert_eq!(world.transmit(), None);
}

#[test]
fn retransmissions_are_the_same_to_the_byte() {
    let mut world = World::allocated(config(), Server::new());
    world.client.permit(world.now, peer()).unwrap();
    let first = world.transmit().unwrap();
    let mut sent = 1;
    while let Some(next) =
        world.client.poll_timeout().filter(|next| *next < world.now + Duration::from_secs(39))
    {
        world.now = next;
        world.client.handle_timeout(next);
        if let Some(again) = world.transmit() {
            assert_eq!(again, first);
            sent += 1;
        }
    }
    assert_eq!(sent, 7);
    let Ok(Some(Attribute::XorPeerAddress(address))) =
        Message::parse(&first).unwrap().attribute(AttributeType::XOR_PEER_ADDRESS)
    else {
        unreachable!("it names its peer")
    };
    assert_eq!(address, peer());
}
