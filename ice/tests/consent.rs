//! Consent, silence, failure and what survives them.

use std::time::Duration;

use crate::common::{Spec, World};
use duologue_ice::{Event, FailureReason, PairPhase, State};
use duologue_netsim::{Link, Loss, NatKind, Realm};
use duologue_stun::{Class, Message};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_cut_of_5_seconds_recovers() {
    for seed in 0..200 {
        let mut world =
            World::connected(&Spec::behind(seed, NatKind::PortRestricted, NatKind::AddressRestricted));
        world.wait(Duration::from_millis(seed * 50));
        world.set_cables(false);
        world.wait(SECOND * 5);
        world.set_cables(true);
        let back = world.run(SECOND * 10, |nodes| {
            nodes[..2].iter_mut().all(|node| node.host().agent.state() == State::Completed)
        });
        assert!(back);
        world.wait(SECOND * 60);
        for index in 0..2 {
            assert!(!world.host(index).states().iter().any(|state| matches!(state, State::Failed(_))));
            assert_eq!(world.state(index), State::Completed);
            assert!(world.host(index).agent.sending_path().is_some());
        }
    }
}

#[test]
fn a_cut_of_60_seconds_disconnects_within_10_and_fails_within_35_by_consent() {
    for seed in 0..200 {
        let mut world = World::connected(&Spec::behind(seed, NatKind::FullCone, NatKind::Symmetric));
        world.wait(Duration::from_millis(seed * 50));
        world.set_cables(false);
        let cut = world.now();
        world.wait(SECOND * 60);
        for index in 0..2 {
            let disconnected = world.nodes_reached(index, State::Disconnected) - cut;
            assert!(disconnected <= SECOND * 10, "{disconnected:?}");
            let failed = world.nodes_reached(index, State::Failed(FailureReason::ConsentLost)) - cut;
            assert!(failed <= SECOND * 35 && failed > SECOND * 20, "{failed:?}");
            assert_eq!(world.host(index).agent.sending_path(), None);
            assert_eq!(world.host(index).agent.poll_timeout(), None, "a failed agent waits for nothing");
        }
        let sent = world.network.stats().sent;
        world.set_cables(true);
        world.wait(SECOND * 60);
        assert_eq!(world.network.stats().sent, sent, "without consent nothing is sent");
        assert_eq!(world.state(0), State::Failed(FailureReason::ConsentLost));
    }
}

/// RFC 7675, Section 5.1: only answers to our own checks refresh consent.
#[test]
fn the_peers_own_checks_do_not_refresh_consent() {
    let mut world = World::connected(&Spec::new(3));
    let from_b = world.addresses[1];
    // What b sends still arrives, but a's requests are lost on their way: b answers nothing.
    let start = world.now();
    world.host(0).keep_sent = true;
    world.network.set_links(
        world.cables[0],
        Link { loss: Loss::All, ..Link::default() },
        Link { delay: Duration::from_millis(25), ..Link::default() },
    );
    world.wait(SECOND * 40);
    let failed = world.nodes_reached(0, State::Failed(FailureReason::ConsentLost)) - start;
    assert!(failed <= SECOND * 31, "{failed:?}");
    let received =
        world.host(0).agent.pairs().find(|pair| pair.path.remote == from_b).unwrap().requests_received;
    assert!(received > 3, "b's checks did arrive: {received}");
    let states = world.host(0).states();
    assert!(!states.contains(&State::Disconnected), "the peer was heard all the time: {states:?}");
}

/// RFC 7675, Section 5.1: checks 4 to 6 seconds apart, each with an id of its own and sent once.
#[test]
fn consent_checks_leave_every_4_to_6_seconds_with_new_ids() {
    let mut world = World::connected(&Spec::new(4));
    world.wait(SECOND);
    world.host(0).keep_sent = true;
    world.wait(SECOND * 300);
    let requests: Vec<_> = world
        .host(0)
        .sent
        .iter()
        .filter_map(|(at, _, bytes)| {
            let message = Message::parse(bytes).unwrap();
            (message.class() == Class::Request).then_some((*at, message.transaction_id()))
        })
        .collect();
    assert!((50..=75).contains(&requests.len()), "{}", requests.len());
    let gaps: Vec<_> = requests.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(gaps.iter().all(|gap| (SECOND * 4..=SECOND * 6).contains(gap)), "{gaps:?}");
    let different = gaps.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert!(different > 10, "intervals are random");
    let ids: std::collections::BTreeSet<_> = requests.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), requests.len());
    assert_eq!(
        world.host(0).agent.stats().consent_requests_sent,
        world.host(0).agent.pairs().map(|pair| pair.consent_requests_sent).sum::<u64>()
    );
}

#[test]
fn at_5_percent_loss_a_connection_lasts_for_ten_minutes() {
    let mut lost = 0;
    for seed in 0..20 {
        let spec = Spec::behind(seed, NatKind::PortRestricted, NatKind::PortRestricted);
        let mut world = World::connected(&spec.lossy(0.05));
        world.wait(SECOND * 600);
        lost += world.network.stats().lost;
        for index in 0..2 {
            assert!(!world.host(index).states().iter().any(|state| matches!(state, State::Failed(_))));
        }
    }
    assert!(lost > 0);
}

#[test]
fn a_rebound_nat_is_followed_by_the_same_agents() {
    for kind in NatKind::ALL.into_iter().filter(|kind| kind.reaches(NatKind::FullCone)) {
        for (moved, other) in [(0, 1), (1, 0)] {
            let nats = if moved == 0 { (kind, NatKind::FullCone) } else { (NatKind::FullCone, kind) };
            let mut world = World::connected(&Spec::behind(7, nats.0, nats.1));
            world.wait(SECOND * 3);
            let before = world.host(other).selected_path().unwrap();
            let realm = world.realms[moved];
            world.network.rebind_nat(realm);
            world.wait(SECOND * 30);
            for index in 0..2 {
                assert!(
                    matches!(world.state(index), State::Completed),
                    "{kind:?} {index} {:?}",
                    world.state(index)
                );
                assert!(!world.host(index).states().iter().any(|state| matches!(state, State::Failed(_))));
            }
            let after = world.host(other).selected_path().unwrap();
            assert_ne!(before.remote, after.remote, "the peer has moved");
            assert!(world.host(moved).send(b"hello"));
            world.wait(SECOND);
            assert_eq!(world.host(other).payloads.last().unwrap(), &(b"hello".to_vec(), true));
            assert!(world.host(other).send(b"back"));
            world.wait(SECOND);
            assert_eq!(world.host(moved).payloads.last().unwrap(), &(b"back".to_vec(), true));
        }
    }
}

/// A second path between the same hosts takes over when the nominated one dies.
#[test]
fn a_path_that_dies_fails_over_to_another_valid_pair() {
    for seed in 0..50 {
        let spec = Spec::new(seed);
        let mut world = World::new(&spec);
        let host = world.hosts[1];
        let second = world.network.add_interface(
            host,
            "192.0.2.77".parse().unwrap(),
            Realm::INTERNET,
            spec.link.clone(),
            spec.link.clone(),
        );
        let now = world.now();
        world.gather();
        world.host(1).agent.add_interface(now, "192.0.2.77:5000".parse().unwrap()).unwrap();
        world.exchange();
        assert!(world.connect());
        world.wait(SECOND * 2);
        let first = world.host(0).selected_path().unwrap();
        let (dead, alive) = if first.remote.ip() == world.addresses[1].ip() {
            (world.cables[1], "192.0.2.77:5000")
        } else {
            (second, "192.0.2.2:5000")
        };
        world.network.set_connected(dead, false);
        world.wait(SECOND * 15);
        for index in 0..2 {
            assert_eq!(
                world.state(index),
                State::Completed,
                "seed {seed}, {index}: {:?}",
                world.host(index).states()
            );
            let nominated = world.host(index).agent.pairs().find(|pair| pair.selected).unwrap();
            assert!(nominated.nominated);
        }
        assert_eq!(world.host(0).selected_path().unwrap().remote, alive.parse().unwrap());
        assert_eq!(world.host(1).selected_path().unwrap().local, alive.parse().unwrap());
        world.wait(SECOND * 60);
        assert_eq!(world.state(0), State::Completed);
        assert!(world.host(0).agent.pairs().any(|pair| pair.phase == PairPhase::Failed));
        assert!(!world.host(0).states().contains(&State::Failed(FailureReason::ConsentLost)));
    }
}

#[test]
fn removing_the_selected_interface_moves_to_another_or_ends_in_failure() {
    let mut world = World::new(&Spec::new(9));
    let spec = Spec::new(9);
    let host = world.hosts[0];
    let second_ip = "192.0.2.99".parse().unwrap();
    world.network.add_interface(host, second_ip, Realm::INTERNET, spec.link.clone(), spec.link);
    world.gather();
    let now = world.now();
    let second = world.host(0).agent.add_interface(now, "192.0.2.99:5000".parse().unwrap()).unwrap();
    world.exchange();
    assert!(world.connect());
    world.wait(SECOND);
    let local = world.addresses[0];
    assert_eq!(world.host(0).selected_path().unwrap().local, local);
    let now = world.now();
    let first = world.interfaces[0];
    world.host(0).agent.remove_interface(now, first);
    world.wait(SECOND * 15);
    assert_eq!(world.state(0), State::Completed);
    assert_eq!(world.host(0).selected_path().unwrap().local, "192.0.2.99:5000".parse().unwrap());
    let now = world.now();
    world.host(0).agent.remove_interface(now, second);
    assert_eq!(world.host(0).agent.sending_path(), None);
    world.wait(SECOND * 60);
    assert!(matches!(world.state(0), State::Failed(FailureReason::ConsentLost)), "{:?}", world.state(0));
}

#[test]
fn nothing_is_told_twice_and_close_is_the_end() {
    let mut world = World::connected(&Spec::new(2));
    let now = world.now();
    world.host(0).agent.close(now);
    world.host(0).drain_events(now);
    assert_eq!(world.host(0).events.last().unwrap().1, Event::Closed);
    assert_eq!(world.state(0), State::Closed);
    let told = world.host(0).events.len();
    let sent = world.host(0).agent.stats().requests_sent;
    world.wait(SECOND * 60);
    assert_eq!(world.host(0).events.len(), told);
    assert_eq!(world.host(0).agent.stats().requests_sent, sent);
    assert_eq!(world.state(1), State::Failed(FailureReason::ConsentLost));
    let states = world.host(1).states();
    assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "{states:?}");
}
