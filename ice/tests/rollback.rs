//! Restarts that come to nothing: rolled back, refused by the peer, or failed; and what is left of the session before.

use std::time::Duration;

use crate::common::scripted::{PWD, Scripted, UFRAG};
use crate::common::{Call, Spec, World};
use duologue_ice::{
    Credentials, Discard, Event, FailureReason, GatheringState, Path, Received, RemoteCredentialsError, Role,
    State,
};
use duologue_netsim::NatKind;
use duologue_stun::{Class, Message};

const SECOND: Duration = Duration::from_secs(1);

fn credentials(name: &str) -> Credentials {
    Credentials::new(name, format!("{name:x>24}")).unwrap()
}

fn abandon(world: &mut World, index: usize) {
    let now = world.now();
    world.host(index).agent.abandon_restart(now);
    world.host(index).drain_events(now);
}

/// The checks of consent go on as if nothing had happened, to the byte and to the microsecond.
#[test]
fn an_offer_to_restart_that_is_rolled_back_leaves_no_trace_on_the_wire() {
    let sent = |restart: bool| {
        let mut world = World::connected(&Spec::new(6));
        let start = world.now();
        let before = world.host(0).agent.local_credentials().clone();
        let path = world.host(0).agent.sending_path();
        world.host(0).keep_sent = true;
        world.wait(SECOND * 7);
        if restart {
            world.restart(0);
            assert_ne!(*world.host(0).agent.local_credentials(), before);
            assert_eq!(world.host(0).agent.local_ufrags().count(), 2);
            assert_eq!(world.state(0), State::Connected);
        }
        world.wait(SECOND * 20);
        if restart {
            abandon(&mut world, 0);
            assert_eq!(*world.host(0).agent.local_credentials(), before);
            assert!(world.host(0).agent.local_ufrags().eq([before.ufrag()]));
            let candidates: Vec<_> = world.host(0).agent.local_candidates().collect();
            assert_eq!(candidates.len(), 1);
            assert_eq!(candidates[0].ufrag(), Some(before.ufrag()));
            assert_eq!(world.state(0), State::Completed);
            assert_eq!(world.host(0).agent.gathering(), GatheringState::Complete);
        }
        assert_eq!(world.host(0).agent.sending_path(), path);
        world.wait(SECOND * 60);
        assert_eq!([world.state(0), world.state(1)], [State::Completed; 2]);
        assert_eq!(world.host(0).discards, []);
        let sent = &world.host(0).sent;
        sent.iter().map(|(at, addresses, bytes)| (*at - start, *addresses, bytes.clone())).collect::<Vec<_>>()
    };
    let plain = sent(false);
    assert!(plain.len() > 20);
    assert_eq!(sent(true), plain);
}

/// An answerer may have begun checks before its side, or the offerer, goes back.
#[test]
fn a_rollback_at_any_moment_before_the_restart_is_complete_leaves_no_gap() {
    for wait in [0, 10, 40, 60, 110, 1000, 9000].map(Duration::from_millis) {
        for controlling in [Role::Controlling, Role::Controlled] {
            let roles = [controlling, controlling.opposite()];
            let mut call = Call::new(World::connected(&Spec { roles, ..Spec::new(6) }));
            let path = call.world.host(1).agent.sending_path();
            call.talk(SECOND);
            call.world.restart(0);
            call.talk(wait);
            call.world.restart(1);
            call.world.describe(0, 1);
            call.talk(wait);
            abandon(&mut call.world, 1);
            call.talk(wait);
            abandon(&mut call.world, 0);
            call.talk(SECOND * 60);
            call.hear_the_rest();
            assert_eq!(call.unsendable, [0, 0]);
            assert_eq!(call.heard(), call.sent, "{wait:?} {roles:?}");
            assert_eq!([call.world.state(0), call.world.state(1)], [State::Completed; 2]);
            assert_eq!(call.world.host(1).agent.sending_path(), path);
            assert_eq!(call.world.host(1).agent.pairs().count(), 1);
            // And the next one completes.
            call.world.renegotiate(0);
            call.talk(SECOND * 15);
            call.hear_the_rest();
            assert_eq!((call.heard(), call.unsendable), (call.sent, [0, 0]));
            assert_ne!(call.world.host(1).agent.sending_path(), path);
        }
    }
}

#[test]
fn a_rollback_of_nothing_or_after_completion_does_nothing() {
    let mut world = World::connected(&Spec::new(6));
    let before = world.host(0).agent.local_credentials().clone();
    abandon(&mut world, 0);
    assert_eq!(*world.host(0).agent.local_credentials(), before);
    world.renegotiate(0);
    let after = world.host(0).agent.local_credentials().clone();
    world.wait(SECOND * 15);
    let told = world.host(0).events.len();
    let path = world.host(0).agent.sending_path();
    abandon(&mut world, 0);
    assert_eq!(*world.host(0).agent.local_credentials(), after);
    assert_eq!(world.host(0).agent.sending_path(), path);
    assert_eq!(world.host(0).events.len(), told);
}

#[test]
fn a_rollback_to_a_failed_session_fails_again_and_the_next_restart_revives() {
    let mut world = World::connected(&Spec::behind(6, NatKind::FullCone, NatKind::FullCone));
    world.set_cables(false);
    world.wait(SECOND * 45);
    world.set_cables(true);
    let failed = world.host(0).agent.local_credentials().clone();
    world.restart(0);
    assert_eq!(world.state(0), State::Checking);
    assert_eq!(world.host(0).agent.local_ufrags().count(), 1, "a failed session answers nothing");
    world.wait(SECOND);
    // A second offer takes the place of the first, which nobody has answered; and an interface comes.
    world.restart(0);
    let now = world.now();
    world.host(0).agent.add_interface(now, "192.0.2.55:5000".parse().unwrap()).unwrap();
    abandon(&mut world, 0);
    assert_eq!(*world.host(0).agent.local_credentials(), failed);
    assert_eq!(world.state(0), State::Failed(FailureReason::ConsentLost));
    assert_eq!(world.host(0).agent.gathering(), GatheringState::Complete);
    assert_eq!(world.host(0).agent.poll_timeout(), None);
    // An answered one stays: both know it.
    world.restart(0);
    let answered = world.host(0).agent.local_credentials().clone();
    let now = world.now();
    world.host(0).agent.set_remote_credentials(now, credentials("agreed00")).unwrap();
    world.restart(0);
    abandon(&mut world, 0);
    assert_eq!(*world.host(0).agent.local_credentials(), answered);
    world.renegotiate_trickling(0);
    world.wait(SECOND * 5);
    assert_eq!([world.state(0), world.state(1)], [State::Completed; 2]);
}

/// What comes meanwhile gives a failed session nothing to do: it waits for a restart.
#[test]
fn a_rollback_to_a_session_that_was_never_answered_fails_again_whatever_came_meanwhile() {
    let mut world = World::new(&Spec::new(6));
    world.gather();
    world.set_cables(false);
    world.exchange();
    world.wait(SECOND * 60);
    let failed = State::Failed(FailureReason::NoAnswer);
    assert_eq!(world.state(0), failed);
    world.restart(0);
    let now = world.now();
    world.host(0).agent.add_interface(now, "192.0.2.55:5000".parse().unwrap()).unwrap();
    abandon(&mut world, 0);
    assert_eq!(world.state(0), failed);
    assert_eq!(world.host(0).agent.poll_timeout(), None);
}

#[test]
fn interfaces_and_reflexive_addresses_found_during_a_restart_survive_its_rollback() {
    let mut world = World::connected(&Spec::behind(6, NatKind::FullCone, NatKind::FullCone));
    let known = world.host(0).agent.local_candidates().count();
    world.restart(0);
    let now = world.now();
    world.host(0).agent.add_interface(now, "10.0.0.2:6000".parse().unwrap()).unwrap();
    world.wait(SECOND);
    let told = world.host(0).events.len();
    abandon(&mut world, 0);
    let host = world.host(0);
    let candidates: Vec<_> = host.agent.local_candidates().collect();
    assert_eq!(candidates.len(), known + 2, "{candidates:?}");
    assert_eq!(
        host.agent.pairs().count(),
        2 * known,
        "the peer's candidates are paired with the new interface"
    );
    let announced = host.events[told..].iter().filter_map(|(_, event)| match event {
        Event::LocalCandidate(candidate) => Some(candidate),
        _ => None,
    });
    assert!(announced.eq(&candidates[known..]), "told now, under the session's own user name");
}

#[test]
fn an_interface_that_goes_during_a_restart_takes_the_old_path_along() {
    let mut world = World::connected(&Spec::new(6));
    world.restart(0);
    assert!(world.host(0).agent.sending_path().is_some());
    let (now, interface) = (world.now(), world.interfaces[0]);
    world.host(0).agent.remove_interface(now, interface);
    assert_eq!(world.host(0).agent.sending_path(), None);
    assert_eq!(world.host(0).agent.pairs().count(), 0);
    abandon(&mut world, 0);
    assert_eq!(world.host(0).agent.local_candidates().count(), 0);
}

/// A server that does not answer must not leave a failed agent gathering for ever.
#[test]
fn a_failed_agent_gathers_no_more() {
    let mut spec = Spec::new(6);
    spec.configs[0].patience = SECOND;
    spec.configs[0].stun_servers.push("203.0.113.1:3478".parse().unwrap());
    let mut world = World::new(&spec);
    let (now, address) = (world.now(), world.addresses[0]);
    let agent = &mut world.host(0).agent;
    agent.add_interface(now, address).unwrap();
    agent.set_remote_credentials(now, credentials("nobody")).unwrap();
    agent.end_of_remote_candidates(now);
    world.wait(SECOND * 2);
    assert_eq!(world.state(0), State::Failed(FailureReason::NoPairs));
    assert_eq!(world.host(0).agent.gathering(), GatheringState::Complete);
    let complete = Event::GatheringStateChanged(GatheringState::Complete);
    assert!(world.host(0).events.iter().any(|(_, event)| *event == complete));
}

/// RFC 8829, Section 5.10: an answer to a restart with the credentials of before is an error.
#[test]
fn a_peer_that_does_not_restart_keeps_the_session_before() {
    let mut call = Call::new(World::connected(&Spec::new(6)));
    let path = call.world.host(0).agent.sending_path();
    call.world.restart(0);
    let now = call.world.now();
    let old = call.world.host(1).agent.local_credentials().clone();
    let candidates: Vec<_> = call.world.host(1).agent.local_candidates().collect();
    let agent = &mut call.world.host(0).agent;
    assert_eq!(agent.set_remote_credentials(now, old), Err(RemoteCredentialsError::Unchanged));
    let ignored = agent.stats().candidates_ignored;
    candidates.iter().for_each(|candidate| agent.add_remote_candidate(now, candidate));
    assert_eq!(agent.stats().candidates_ignored, ignored + 1, "they belong to the session before");
    call.talk(SECOND * 120);
    call.hear_the_rest();
    assert_eq!((call.heard(), call.unsendable), (call.sent, [0, 0]));
    assert_eq!([call.world.state(0), call.world.state(1)], [State::Connected, State::Completed]);
    assert_eq!(call.world.host(0).agent.sending_path(), path);
}

/// A peer that has agreed keeps the old path no longer than it needs; so the agent does not live on it either.
#[test]
fn a_new_session_that_fails_fails_the_agent_when_its_patience_ends_though_the_old_path_works() {
    let mut call = Call::new(World::connected(&Spec::new(6)));
    call.world.restart(0);
    let now = call.world.now();
    let agent = &mut call.world.host(0).agent;
    agent.set_remote_credentials(now, credentials("nobody")).unwrap();
    let nowhere = "1 1 udp 2130706431 203.0.113.77 9 typ host".parse().unwrap();
    agent.add_remote_candidate(now, &nowhere);
    agent.end_of_remote_candidates(now);
    call.talk(SECOND * 38);
    call.hear_the_rest();
    assert_eq!((call.heard(), call.unsendable), (call.sent, [0, 0]));
    assert_eq!(call.world.state(0), State::Connected);
    call.world.wait(SECOND * 10);
    assert_eq!(call.world.state(0), State::Failed(FailureReason::NoAnswer));
    let host = call.world.host(0);
    assert_eq!(host.agent.sending_path(), None);
    assert_eq!(host.agent.poll_timeout(), None);
    assert!(host.events.iter().any(|(_, event)| *event == Event::PreviousSessionEnded));
    abandon(&mut call.world, 0);
    assert!(matches!(call.world.state(0), State::Failed(_)), "there is nothing left to go back to");
    call.world.renegotiate(0);
    call.world.wait(SECOND * 5);
    assert_eq!([call.world.state(0), call.world.state(1)], [State::Completed; 2]);
}

#[test]
fn a_restart_changes_both_user_name_and_password_or_nothing() {
    let mut world = World::connected(&Spec::new(6));
    let old = world.host(0).agent.local_credentials().clone();
    let same_pwd = Credentials::new("another0", old.pwd()).unwrap();
    let same_ufrag = Credentials::new(old.ufrag(), "p".repeat(24)).unwrap();
    for refused in [old.clone(), same_pwd, same_ufrag] {
        let now = world.now();
        world.host(0).agent.restart(now, refused);
        assert_eq!(*world.host(0).agent.local_credentials(), old);
        assert_eq!(world.state(0), State::Completed);
        assert_eq!(world.host(0).agent.local_ufrags().count(), 1);
    }
}

/// What a stranger or a late datagram finds: the old user name is answered until the old session ends, and its source is
/// trusted as long.
#[test]
fn checks_and_payload_of_the_old_session_count_until_it_ends_and_are_discarded_after() {
    let mut peer = Scripted::described(Role::Controlled);
    let old = "192.0.2.7:7000";
    let first = peer.agent.local_credentials().clone();
    peer.receive_nomination(old).unwrap();
    peer.answer(SECOND, &[old]);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, old.parse().unwrap());
    let [late, later, last] = [0; 3].map(|_| {
        let ask = peer.ask();
        peer.write(ask)
    });
    peer.agent.restart(peer.now, credentials("second00"));
    assert!(peer.agent.local_ufrags().eq(["second00", first.ufrag()]));
    peer.agent.set_remote_credentials(peer.now, Credentials::new("peer2", PWD).unwrap()).unwrap();
    // Neither password goes with another user name than its own.
    let second = peer.agent.local_credentials().clone();
    let users = [(second.ufrag(), first.pwd()), (first.ufrag(), second.pwd()), ("third000", second.pwd())];
    for (user, pwd) in users {
        let ask = peer.ask();
        let forged = peer.write_as(ask, &Credentials::new(user, pwd).unwrap());
        assert!(peer.receive("192.0.2.8:1", &forged).is_err());
    }
    assert_eq!(peer.agent.stats().discarded(Discard::BadIntegrity), 2);
    assert_eq!(peer.agent.stats().discarded(Discard::UnknownUser), 1);
    // The peer shows itself elsewhere in the new session.
    let new = "192.0.2.8:8000";
    peer.receive_nomination(new).unwrap();
    peer.answer(SECOND, &[new]);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, new.parse().unwrap());
    let payload = |peer: &mut Scripted, from: &str| {
        let path = Path::udp(peer.local, from.parse().unwrap());
        match peer.agent.handle_datagram(peer.now, path, &mut [128, 1]) {
            Ok(Received::Payload { qualified, .. }) => qualified,
            other => panic!("{other:?}"),
        }
    };
    assert!(payload(&mut peer, old) && payload(&mut peer, new));
    peer.receive(old, &late).unwrap();
    peer.answer(SECOND * 5, &[new]);
    peer.receive(old, &later).unwrap();
    let answers = peer.sent();
    assert!(answers.iter().any(|sent| {
        let answer = sent.message();
        answer.class() == Class::Success
            && answer.transaction_id() == Message::parse(&later).unwrap().transaction_id()
    }));
    assert!(
        !answers.iter().any(|sent| sent.to == old.parse().unwrap() && sent.is_request()),
        "it asks no more"
    );
    assert!(payload(&mut peer, old), "late payload on the old path is taken");
    while peer.agent.poll_event().is_some() {}
    peer.answer(SECOND * 5, &[new]);
    assert!(std::iter::from_fn(|| peer.agent.poll_event()).any(|event| event == Event::PreviousSessionEnded));
    assert!(peer.agent.local_ufrags().eq(["second00"]));
    let unknown = peer.agent.stats().discarded(Discard::UnknownUser);
    assert_eq!(peer.receive(old, &last), Err(Discard::UnknownUser));
    assert_eq!(peer.receive(old, &later), Err(Discard::UnknownUser), "and so is a replay");
    assert_eq!(peer.agent.stats().discarded(Discard::UnknownUser), unknown + 2);
    assert!(peer.sent().is_empty());
    assert!(!payload(&mut peer, old) && payload(&mut peer, new));
}

/// A peer's checks may come before its description does: they are answered, and followed up when it comes.
#[test]
fn checks_of_the_new_session_count_before_its_description() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.receive_nomination("192.0.2.7:7000").unwrap();
    peer.answer(SECOND, &["192.0.2.7:7000"]);
    peer.agent.restart(peer.now, credentials("second00"));
    peer.receive_nomination("192.0.2.8:8000").unwrap();
    let answers = peer.sent();
    assert!(answers.iter().any(|sent| sent.message().class() == Class::Success));
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, "192.0.2.7:7000".parse().unwrap());
    assert_eq!(
        peer.agent.set_remote_credentials(peer.now, Credentials::new(UFRAG, PWD).unwrap()),
        Err(RemoteCredentialsError::Unchanged)
    );
    peer.agent.set_remote_credentials(peer.now, Credentials::new("peer2", PWD).unwrap()).unwrap();
    peer.answer(SECOND, &["192.0.2.8:8000"]);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, "192.0.2.8:8000".parse().unwrap());
    assert_eq!(
        peer.agent.set_remote_credentials(peer.now, Credentials::new("peer3", PWD).unwrap()),
        Err(RemoteCredentialsError::Restart)
    );
}
