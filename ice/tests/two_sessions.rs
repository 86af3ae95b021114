//! While a restart is under way there are two sessions: what they share, and when the older one ends.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::scripted::{PWD, Scripted, UFRAG};
use crate::common::{Call, Spec, World};
use duologue_ice::{Config, Credentials, Event, Path, Received, Role, State, TransactionReport};
use duologue_stun::TransactionId;

const SECOND: Duration = Duration::from_secs(1);
const OLD: &str = "192.0.2.7:7000";
const NEW: &str = "192.0.2.8:8000";

fn restart(peer: &mut Scripted) {
    peer.agent.restart(peer.now, Credentials::new("second00", "s".repeat(24)).unwrap());
}

fn describe(peer: &mut Scripted) {
    peer.agent.set_remote_credentials(peer.now, Credentials::new("peer2", PWD).unwrap()).unwrap();
}

fn has_ended(peer: &mut Scripted) -> bool {
    std::iter::from_fn(|| peer.agent.poll_event()).any(|event| event == Event::PreviousSessionEnded)
}

/// RFC 8445, Section 14.2: one Ta, whatever is checked.
#[test]
fn both_sessions_share_one_pace() {
    let mut peer = Scripted::described(Role::Controlling);
    let candidates = |peer: &mut Scripted, port: u32| {
        for port in port..port + 30 {
            peer.add_candidate(&format!("192.0.2.2:{port}"), port);
        }
    };
    candidates(&mut peer, 6000);
    let mut seen: BTreeSet<_> =
        peer.wait(SECOND / 4).iter().map(|sent| sent.message().transaction_id()).collect();
    let last = peer.next_sent();
    assert!(seen.insert(last.message().transaction_id()));
    restart(&mut peer);
    describe(&mut peer);
    candidates(&mut peer, 7000);
    let mut times = vec![peer.now];
    let mut users = BTreeSet::new();
    let end = peer.now + SECOND * 2;
    while peer.now < end {
        for sent in peer.sent() {
            if seen.insert(sent.message().transaction_id()) {
                times.push(peer.now);
                users.insert(sent.message().username_local().unwrap().to_vec());
            }
        }
        peer.now = peer.agent.poll_timeout().unwrap();
        peer.agent.handle_timeout(peer.now);
    }
    assert_eq!(users, BTreeSet::from([UFRAG.into(), b"peer2".to_vec()]), "both sessions are at work");
    let gaps: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!(gaps[..10].iter().all(|gap| *gap == 5), "the new session's first checks: {gaps:?}");
    assert!(gaps[10..].iter().all(|gap| *gap == 50), "{gaps:?}");
}

#[test]
fn reports_close_the_ids_of_a_session_that_has_gone() {
    for rollback in [false, true] {
        let mut peer = Scripted::described(Role::Controlling);
        peer.add_candidate(OLD, 100);
        peer.answer(SECOND * 3, &[OLD]);
        let mut open: BTreeSet<TransactionId> = BTreeSet::new();
        let drain = |peer: &mut Scripted, open: &mut BTreeSet<TransactionId>| {
            while let Some(report) = peer.agent.poll_transaction() {
                match report {
                    TransactionReport::Opened(id) => assert!(open.insert(id)),
                    TransactionReport::Closed(id) => assert!(open.remove(&id)),
                    TransactionReport::Reset => open.clear(),
                }
            }
        };
        drain(&mut peer, &mut open);
        assert!(open.is_empty(), "{open:?}");
        restart(&mut peer);
        describe(&mut peer);
        peer.add_candidate(NEW, 100);
        peer.wait(SECOND / 25);
        drain(&mut peer, &mut open);
        assert_eq!(open.len(), 1, "a check of the new session");
        if rollback {
            peer.agent.abandon_restart(peer.now);
            drain(&mut peer, &mut open);
            assert!(open.is_empty());
        } else {
            peer.agent.restart(peer.now, Credentials::new("third000", "t".repeat(24)).unwrap());
            drain(&mut peer, &mut open);
            assert!(open.is_empty());
        }
        assert_eq!(peer.agent.sending_path().unwrap().path().remote, OLD.parse().unwrap());
    }
}

/// Ten seconds after the new session is nominated and the peer has been heard in it; a minute after the switch when the
/// peer never shows that it has the new credentials.
#[test]
fn the_session_before_ends_in_time() {
    for follows in [true, false] {
        let mut peer = Scripted::described(Role::Controlling);
        peer.add_candidate(OLD, 100);
        peer.answer(SECOND, &[OLD]);
        restart(&mut peer);
        describe(&mut peer);
        peer.add_candidate(NEW, 100);
        peer.answer(SECOND, &[NEW]);
        assert_eq!(peer.agent.sending_path().unwrap().path().remote, NEW.parse().unwrap());
        if follows {
            let ask = peer.ask();
            peer.receive_check(NEW, ask).unwrap();
        }
        let ends = SECOND * if follows { 10 } else { 59 };
        peer.answer(ends - SECOND / 2, &[NEW]);
        assert!(!has_ended(&mut peer), "{follows}");
        assert_eq!(peer.agent.local_ufrags().count(), 2);
        peer.answer(SECOND, &[NEW]);
        assert!(has_ended(&mut peer), "{follows}");
        assert_eq!(peer.agent.local_ufrags().count(), 1);
        assert_eq!(peer.agent.pairs().count(), 1);
    }
}

#[test]
fn a_source_keeps_its_id_through_a_restart_and_is_told_once() {
    let mut peer = Scripted::described(Role::Controlled);
    let source = |peer: &mut Scripted| {
        let path = Path::udp(peer.local, OLD.parse().unwrap());
        match peer.agent.handle_datagram(peer.now, path, &mut [128, 1]) {
            Ok(Received::Payload { source, qualified, .. }) => (source, qualified),
            other => panic!("{other:?}"),
        }
    };
    peer.receive_nomination(OLD).unwrap();
    peer.answer(SECOND, &[OLD]);
    let first = source(&mut peer);
    assert!(first.1);
    while peer.agent.poll_event().is_some() {}
    restart(&mut peer);
    assert_eq!(source(&mut peer), first);
    describe(&mut peer);
    peer.receive_nomination(OLD).unwrap();
    let mut events = vec![];
    for _ in 0..20 {
        assert_eq!(source(&mut peer), first);
        peer.answer(SECOND, &[OLD]);
        events.extend(std::iter::from_fn(|| peer.agent.poll_event()));
    }
    assert!(events.contains(&Event::PreviousSessionEnded));
    assert!(events.iter().any(|event| matches!(event, Event::SelectedPairChanged(_))));
    assert!(!events.iter().any(|event| matches!(event, Event::SourceQualified { .. })), "{events:?}");
}

/// The session before has pairs of its own to fall back on until it ends.
#[test]
fn a_new_session_that_loses_its_path_at_once_leaves_payload_to_the_one_before() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(OLD, 100);
    peer.answer(SECOND, &[OLD]);
    let second: std::net::SocketAddr = "192.0.2.1:5001".parse().unwrap();
    let interface = peer.agent.add_interface(peer.now, second).unwrap();
    restart(&mut peer);
    describe(&mut peer);
    // The peer shows itself on the second interface alone.
    let ask = peer.ask();
    let mut check = peer.write(ask);
    let path = Path::udp(second, NEW.parse().unwrap());
    peer.agent.handle_datagram(peer.now, path, &mut check).unwrap();
    peer.answer_on(second, SECOND, NEW);
    assert_eq!(peer.agent.sending_path().unwrap().path(), path);
    peer.agent.remove_interface(peer.now, interface);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, OLD.parse().unwrap());
    assert_eq!(peer.agent.state(), State::Connected);
    peer.answer(SECOND * 35, &[OLD]);
    assert_eq!(
        peer.agent.sending_path().unwrap().path().remote,
        OLD.parse().unwrap(),
        "its consent is asked again"
    );
}

#[test]
fn lite_agents_restart_too() {
    let mut lite = Config::default();
    lite.lite = true;
    for first in 0..2 {
        let configs = [Config::default(), lite.clone()];
        let mut world = World::new(&Spec { configs, ..Spec::new(8) });
        let now = world.now();
        world.host(0).agent.set_remote_lite(now, true);
        world.gather();
        world.exchange();
        world.wait(SECOND * 2);
        let mut call = Call::new(world);
        call.talk(SECOND);
        call.world.renegotiate(first);
        call.talk(SECOND * 40);
        call.hear_the_rest();
        assert_eq!((call.heard(), call.unsendable), (call.sent, [0, 0]));
        assert_eq!([call.world.state(0), call.world.state(1)], [State::Completed; 2]);
        for index in 0..2 {
            let host = call.world.host(index);
            assert_eq!(host.agent.local_ufrags().count(), 1);
            assert!(host.agent.local_credentials().ufrag().starts_with("restart"));
        }
    }
    // Two lite agents check nothing: the new session's best pair is taken with the description.
    let mut peer = Scripted::with(Role::Controlling, lite);
    peer.agent.set_remote_lite(peer.now, true);
    peer.add_candidate(OLD, 100);
    peer.describe();
    restart(&mut peer);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, OLD.parse().unwrap());
    peer.add_candidate(NEW, 100);
    describe(&mut peer);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, NEW.parse().unwrap());
    peer.wait(SECOND * 11);
    assert!(has_ended(&mut peer));
}
