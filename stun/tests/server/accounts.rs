//! Who may have them, and how many.

use std::net::SocketAddr;
use std::time::Duration;

use crate::world::{Login, UNIX_TIME, World, config, path};
use crate::{MINUTE, channel, udp};
use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::{AttributeType, ErrorCode, Message, Method, PasswordAlgorithm};

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
