//! Restarts that are agreed to: payload goes on, whoever begins them, over whatever network.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::scripted::Scripted;
use crate::common::{Call, SERVER, Spec, World};
use duologue_ice::{Config, Credentials, Event, FailureReason, GatheringState, Role, State};
use duologue_netsim::{NatKind, Realm};

const SECOND: Duration = Duration::from_secs(1);

/// One call of the embedder, or of its signalling.
#[derive(Debug, Clone, Copy)]
enum Step {
    Restart(usize),
    /// A side's description arrives at the other.
    Describe(usize),
    Wait,
}

use Step::{Describe, Restart, Wait};

/// Begun by each side, and by both at once in every order of the calls.
const ORDERS: [&[Step]; 6] = [
    &[Restart(0), Wait, Restart(1), Describe(0), Wait, Describe(1)],
    &[Restart(1), Wait, Restart(0), Describe(1), Wait, Describe(0)],
    &[Restart(0), Wait, Restart(1), Wait, Describe(0), Wait, Describe(1)],
    &[Restart(0), Wait, Restart(1), Wait, Describe(1), Wait, Describe(0)],
    &[Restart(1), Restart(0), Wait, Describe(0), Describe(1)],
    &[Restart(1), Restart(0), Wait, Describe(1), Describe(0)],
];

fn play(call: &mut Call, steps: &[Step], gap: Duration) {
    for step in steps {
        match *step {
            Restart(who) => call.world.restart(who),
            Describe(from) => call.world.describe(from, 1 - from),
            Wait => call.talk(gap),
        }
    }
}

#[test]
fn payload_has_no_gap_whoever_restarts_and_however_slow_signalling_is() {
    for roles in [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]] {
        for steps in ORDERS {
            for gap in [0, 20, 300, 3_000, 20_000].map(Duration::from_millis) {
                let mut call = Call::new(World::connected(&Spec { roles, ..Spec::new(7) }));
                call.talk(SECOND);
                let before = [0, 1].map(|index| call.world.host(index).agent.sending_path().unwrap());
                let told = [0, 1].map(|index| call.world.host(index).events.len());
                play(&mut call, steps, gap);
                call.talk(SECOND * 15);
                call.hear_the_rest();
                assert_eq!(call.unsendable, [0, 0], "{steps:?} {gap:?}");
                assert_eq!(call.heard(), call.sent, "{steps:?} {gap:?}");
                for index in 0..2 {
                    let host = call.world.host(index);
                    assert_eq!(host.agent.state(), State::Completed, "{steps:?} {gap:?} {index}");
                    assert_ne!(host.agent.sending_path().unwrap().pair(), before[index].pair());
                    assert_eq!(host.agent.sending_path().unwrap().path(), before[index].path());
                    assert_eq!(host.agent.role(), roles[index], "RFC 8445, Section 9: the role stays");
                    assert_eq!(host.discards, [], "every check finds its session");
                    let events: Vec<_> = host.events[told[index]..].iter().map(|(_, event)| event).collect();
                    let count = |wanted: &Event| events.iter().filter(|event| **event == wanted).count();
                    assert_eq!(count(&Event::PreviousSessionEnded), 1);
                    assert_eq!(count(&Event::StateChanged(State::Connected)), 1, "{events:?}");
                    assert_eq!(count(&Event::StateChanged(State::Completed)), 1, "{events:?}");
                    let changes =
                        events.iter().filter(|event| matches!(event, Event::SelectedPairChanged(_)));
                    assert_eq!(changes.count(), 1);
                    assert!(!events.iter().any(|event| matches!(event, Event::SourceQualified { .. })));
                    assert_eq!(host.agent.local_ufrags().count(), 1);
                    assert_eq!(host.agent.pairs().count(), 1);
                }
            }
        }
    }
}

#[test]
fn an_answer_that_comes_after_the_old_session_has_ended_still_completes_the_restart() {
    for first in 0..2 {
        let mut call = Call::new(World::connected(&Spec::new(7)));
        play(&mut call, &[Restart(first), Restart(1 - first), Describe(first)], SECOND);
        call.talk(SECOND * 150);
        assert_eq!(call.world.state(first), State::Checking, "its consent is lost, its restart not answered");
        call.world.describe(1 - first, first);
        call.world.wait(SECOND * 15);
        for index in 0..2 {
            assert_eq!(call.world.state(index), State::Completed);
            assert!(call.world.host(index).agent.sending_path().is_some());
        }
    }
}

#[test]
fn every_restart_completes_at_20_percent_loss_and_loses_no_payload_of_its_own() {
    let mut lost = 0;
    for seed in 0..200 {
        let spec = Spec::behind(seed, NatKind::PortRestricted, NatKind::AddressRestricted).lossy(0.2);
        let mut call = Call::new(World::connected(&spec));
        let before = [0, 1].map(|index| call.world.host(index).agent.sending_path().unwrap().pair());
        let lost_before = call.world.network.stats().lost;
        let steps = ORDERS[usize::try_from(seed).unwrap() % ORDERS.len()];
        play(&mut call, steps, Duration::from_millis(40 * (seed % 50)));
        let mut seconds = 0;
        let both_moved = |call: &mut Call| {
            (0..2).all(|index| {
                let sending = call.world.host(index).agent.sending_path();
                sending.is_some_and(|sending| sending.pair() != before[index])
            })
        };
        while !both_moved(&mut call) || seconds < 12 {
            call.talk(SECOND);
            seconds += 1;
            assert!(seconds < 30, "seed {seed}: {:?}", [call.world.state(0), call.world.state(1)]);
        }
        call.hear_the_rest();
        assert_eq!(call.unsendable, [0, 0], "seed {seed}");
        let missing: u64 = (0..2).map(|index| call.sent[index] - call.heard()[index]).sum();
        let lost_since = call.world.network.stats().lost - lost_before;
        assert!(missing <= lost_since, "seed {seed}: {missing} of {lost_since}");
        assert!(
            (0..2).all(|index| !call
                .world
                .host(index)
                .discards
                .contains(&duologue_ice::Discard::UnknownUser))
        );
        lost += missing;
    }
    assert!(lost > 10_000, "the links did lose: {lost}");
}

#[test]
fn restarts_complete_behind_every_pair_of_nats_that_lets_peers_meet() {
    let mut refused = 0;
    for a in NatKind::ALL {
        for b in NatKind::ALL.into_iter().filter(|b| a.reaches(*b)) {
            for first in 0..2 {
                let mut call = Call::new(World::connected(&Spec::behind(3, a, b)));
                call.world.renegotiate_trickling(first);
                call.talk(SECOND * 20);
                call.hear_the_rest();
                assert_eq!(call.unsendable, [0, 0]);
                assert_eq!(call.heard(), call.sent, "{a:?} {b:?}");
                assert_eq!([call.world.state(0), call.world.state(1)], [State::Completed; 2], "{a:?} {b:?}");
                refused += call.world.network.stats().nat_refused;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn candidates_are_gathered_and_told_anew() {
    let mut world = World::connected(&Spec::behind(3, NatKind::FullCone, NatKind::FullCone));
    let old: Vec<_> = world.host(0).agent.local_candidates().collect();
    let told = world.host(0).events.len();
    world.restart(0);
    assert_eq!(world.host(0).agent.gathering(), GatheringState::Gathering);
    world.wait(SECOND);
    let host = world.host(0);
    let events: Vec<_> = host.events[told..].iter().map(|(_, event)| event.clone()).collect();
    let [gathering, Event::LocalCandidate(host_candidate), ..] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*gathering, Event::GatheringStateChanged(GatheringState::Gathering));
    let [.., Event::LocalCandidate(reflexive), complete] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*complete, Event::GatheringStateChanged(GatheringState::Complete));
    for (new, old) in [host_candidate, reflexive].into_iter().zip(&old) {
        assert_eq!(new.ufrag(), Some(host.agent.local_credentials().ufrag()));
        assert_ne!(new.ufrag(), old.ufrag());
        assert_eq!(new.socket_address(), old.socket_address());
    }
    assert_eq!(host.agent.local_candidates().count(), old.len());
    // Without servers there is nothing to wait for, and the same is told.
    let mut world = World::connected(&Spec::new(1));
    let told = world.host(0).events.len();
    world.restart(0);
    let states: Vec<_> = world.host(0).events[told..]
        .iter()
        .filter(|(_, event)| matches!(event, Event::GatheringStateChanged(_)))
        .map(|(_, event)| event.clone())
        .collect();
    let expected = [GatheringState::Gathering, GatheringState::Complete].map(Event::GatheringStateChanged);
    assert_eq!(states, expected);
}

/// Known fault: gathering wedged by a restart half-way.
#[test]
fn a_restart_or_a_rollback_half_way_through_gathering_does_not_wedge_it() {
    for rollback in [false, true] {
        for wait in [0, 10, 60, 120] {
            let mut world = World::new(&Spec::behind(3, NatKind::FullCone, NatKind::FullCone));
            let (now, address) = (world.now(), world.addresses[0]);
            world.host(0).agent.add_interface(now, address).unwrap();
            world.wait(Duration::from_millis(wait));
            world.restart(0);
            world.wait(Duration::from_millis(wait * 3));
            if rollback {
                let now = world.now();
                world.host(0).agent.abandon_restart(now);
            }
            world.wait(SECOND);
            let host = world.host(0);
            assert_eq!(host.agent.gathering(), GatheringState::Complete);
            let ufrag = host.agent.local_credentials().ufrag().to_owned();
            let candidates: Vec<_> = host.agent.local_candidates().collect();
            assert_eq!(candidates.len(), 2, "the reflexive one too, {SERVER} being asked");
            assert!(candidates.iter().all(|candidate| candidate.ufrag() == Some(&ufrag)));
            let (_, last) = host.events.last().unwrap();
            assert_eq!(*last, Event::GatheringStateChanged(GatheringState::Complete));
        }
    }
}

/// The same when there are more servers to ask than requests may be in flight.
#[test]
fn gathering_ends_however_many_servers_are_silent() {
    let mut config = Config::default();
    config.max_interfaces = 40;
    config.stun_servers = (1..=8).map(|n| format!("198.51.100.{n}:3478").parse().unwrap()).collect();
    let mut peer = Scripted::with(Role::Controlling, config);
    for port in 6001..6040 {
        peer.agent.add_interface(peer.now, format!("192.0.2.1:{port}").parse().unwrap()).unwrap();
    }
    peer.wait(SECOND * 5);
    peer.agent.restart(peer.now, Credentials::new("second00", "s".repeat(24)).unwrap());
    let sent = peer.wait(SECOND * 60);
    assert_eq!(peer.agent.gathering(), GatheringState::Complete);
    let asked: BTreeSet<_> = sent.iter().map(|sent| sent.message().transaction_id()).collect();
    assert_eq!(asked.len(), 40 * 8, "every server from every interface");
}

#[test]
fn a_restart_after_consent_was_lost_revives_the_connection() {
    for first in 0..2 {
        let mut world = World::connected(&Spec::behind(5, NatKind::PortRestricted, NatKind::FullCone));
        world.set_cables(false);
        world.wait(SECOND * 45);
        world.set_cables(true);
        for index in 0..2 {
            assert_eq!(world.state(index), State::Failed(FailureReason::ConsentLost));
        }
        let told = world.host(0).states().len();
        world.renegotiate_trickling(first);
        world.wait(SECOND * 10);
        assert_eq!(world.host(0).states()[told..], [State::Checking, State::Connected, State::Completed]);
        let mut call = Call::new(world);
        call.talk(SECOND * 30);
        call.hear_the_rest();
        assert_eq!((call.heard(), call.unsendable), (call.sent, [0, 0]));
        assert_eq!([call.world.state(0), call.world.state(1)], [State::Completed; 2]);
    }
}

#[test]
fn a_restart_while_disconnected_or_once_consent_expires_during_it_completes_when_the_network_is_back() {
    for cut in [12, 45] {
        let mut world = World::connected(&Spec::new(5));
        world.set_cables(false);
        world.wait(SECOND * 12);
        assert_eq!(world.state(0), State::Disconnected);
        world.restart(0);
        assert_eq!(world.state(0), State::Checking, "W3C: disconnected is forgotten");
        world.wait(SECOND * (cut - 12));
        world.set_cables(true);
        world.restart(1);
        world.describe(0, 1);
        world.describe(1, 0);
        world.wait(SECOND * 10);
        assert_eq!([world.state(0), world.state(1)], [State::Completed; 2]);
    }
}

#[test]
fn a_restart_after_a_session_that_never_worked_connects() {
    let mut world = World::new(&Spec::new(5));
    world.gather();
    world.set_cables(false);
    world.exchange();
    world.wait(SECOND * 60);
    for index in 0..2 {
        assert_eq!(world.state(index), State::Failed(FailureReason::NoAnswer));
    }
    world.set_cables(true);
    world.renegotiate(1);
    world.wait(SECOND * 5);
    assert_eq!([world.state(0), world.state(1)], [State::Completed; 2]);
}

/// Known fault: all candidates replaced at once flaps to disconnected.
#[test]
fn a_restart_moves_the_connection_to_another_network() {
    for first in 0..2 {
        let spec = Spec::new(9);
        let mut call = Call::new(World::connected(&spec));
        call.talk(SECOND);
        call.hear_the_rest();
        assert_eq!(call.heard(), call.sent);
        let world = &mut call.world;
        let (host, now, first_interface) = (world.hosts[0], world.now(), world.interfaces[0]);
        let link = spec.link;
        world.network.add_interface(host, "192.0.2.99".parse().unwrap(), Realm::INTERNET, link.clone(), link);
        world.network.set_connected(world.cables[0], false);
        world.host(0).agent.remove_interface(now, first_interface);
        world.host(0).agent.add_interface(now, "192.0.2.99:5000".parse().unwrap()).unwrap();
        world.renegotiate(first);
        assert_eq!(world.state(0), State::Checking, "nothing works");
        world.wait(SECOND * 5);
        for index in 0..2 {
            let states = world.host(index).states();
            assert_eq!(world.state(index), State::Completed, "{states:?}");
            assert!(!states.contains(&State::Disconnected), "{index} {states:?}");
        }
        assert_eq!(world.host(0).selected_path().unwrap().local, "192.0.2.99:5000".parse().unwrap());
        assert_eq!(world.host(1).selected_path().unwrap().remote, "192.0.2.99:5000".parse().unwrap());
        let mut call = Call::new(call.world);
        call.talk(SECOND * 30);
        call.hear_the_rest();
        assert_eq!((call.heard(), call.unsendable), (call.sent, [0, 0]));
    }
}

#[test]
fn restarts_upon_restarts_at_any_moment_leave_no_gap_and_complete() {
    for first in 0..2 {
        for pause in [0, 10, 40, 60, 110, 500, 4000, 11_000].map(Duration::from_millis) {
            let mut call = Call::new(World::connected(&Spec::new(4)));
            call.world.restart(first);
            call.talk(pause);
            // An offer that is never answered, and then three that are.
            for round in 0..3 {
                call.world.renegotiate((first + round) % 2);
                call.talk(pause);
                for index in 0..2 {
                    let host = call.world.host(index);
                    assert!(host.agent.local_ufrags().count() <= 2);
                    assert!(host.agent.pairs().count() <= 2);
                }
            }
            call.talk(SECOND * 15);
            call.hear_the_rest();
            assert_eq!(call.unsendable, [0, 0], "{pause:?}");
            assert_eq!(call.heard(), call.sent, "{pause:?}");
            assert_eq!([call.world.state(0), call.world.state(1)], [State::Completed; 2]);
            for index in 0..2 {
                assert_eq!(call.world.host(index).agent.pairs().count(), 1);
            }
        }
    }
}
