//! Faults that other stacks had: none of them here. Hostile input and the section "ICE".

use std::time::Duration;

use duologue_ice::{Config, Event, FailureReason, PairPhase, Role, State};
use duologue_netsim::NatKind;
use duologue_stun::{AttributeType, Class, ErrorCode};

use crate::common::scripted::{Ask, Scripted};
use crate::common::{Spec, World};

const MS: Duration = Duration::from_millis(1);
const PEER: &str = "192.0.2.2:6000";
const OTHER: &str = "192.0.2.3:6000";

/// 5: a Binding Indication, every class and method, text that is no UTF-8.
#[test]
fn any_class_and_method_with_any_text_is_taken_or_refused() {
    let mut peer = Scripted::described(Role::Controlled);
    let ask = Ask { extra: &[(0x8022, b"\xff\xfe\xfd"), (0x0009, b"\0\0\x04\x00\xff\xff")], ..peer.ask() };
    let bytes = peer.write(ask);
    for high in 0..4_u8 {
        for low in 0..=255 {
            let mut other = bytes.clone();
            (other[0], other[1]) = (high, low);
            let _ = peer.receive(PEER, &other);
        }
    }
    peer.receive(PEER, &bytes).unwrap();
    let answers = peer.sent();
    assert_eq!(answers[0].message().class(), Class::Success);
}

/// 6: an attribute of 0 to 64 KiB, known or not, never makes an answer longer than a datagram.
#[test]
fn long_and_many_attributes_do_not_make_long_answers() {
    let mut peer = Scripted::described(Role::Controlled);
    const LONG: &[u8] = &[0xaa; 60_000];
    const EMPTY: &[u8] = b"";
    const MANY: &[(u16, &[u8])] = &[(0x7abc, EMPTY); 5000];
    for extra in [&[(0x0006, LONG)][..], &[(0x7abc, LONG)], &[(0x0009, LONG)], &[(0x8022, LONG)], MANY] {
        let ask = Ask { extra, ..peer.ask() };
        let _ = peer.receive_check(PEER, ask);
        for sent in peer.wait(10 * MS) {
            assert!(sent.bytes.len() < 200);
        }
    }
}

#[test]
fn use_candidate_counts_when_the_mapped_address_differs_from_the_base() {
    // Behind NATs every mapped address differs.
    for (a, b) in
        [(NatKind::PortRestricted, NatKind::PortRestricted), (NatKind::Symmetric, NatKind::FullCone)]
    {
        for roles in [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]] {
            let mut world = World::connected(&Spec { roles, ..Spec::behind(1, a, b) });
            for index in 0..2 {
                let pair = world.host(index).agent.pairs().find(|pair| pair.selected).unwrap();
                assert!(pair.nominated);
                assert_ne!(pair.mapped, Some(pair.path.local));
            }
        }
    }
}

#[test]
fn a_peer_that_only_sends_nomination_selects_its_pair() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 2_000_000_000);
    peer.add_candidate(OTHER, 100);
    peer.answer(100 * MS, &[PEER, OTHER]);
    const FIRST: &[(u16, &[u8])] = &[(0xc001, b"\0\0\0\x01")];
    const SECOND: &[(u16, &[u8])] = &[(0xc001, b"\0\0\0\x02")];
    for (from, extra) in [(PEER, FIRST), (OTHER, SECOND)] {
        let ask = Ask { extra, ..peer.ask() };
        peer.receive_check(from, ask).unwrap();
        peer.answer(10 * MS, &[PEER, OTHER]);
        assert_eq!(
            peer.agent.sending_path().unwrap().path().remote,
            from.parse().unwrap(),
            "the later one counts"
        );
    }
}

#[test]
fn a_peer_reflexive_pair_survives_its_candidate_coming_just_as_it_is_nominated() {
    let mut peer = Scripted::described(Role::Controlling);
    let ask = peer.ask();
    peer.receive_check(PEER, ask).unwrap();
    let check = peer.sent().into_iter().find(|sent| sent.is_request()).unwrap_or_else(|| peer.next_sent());
    let answer = peer.success(&check);
    peer.receive(PEER, &answer).unwrap();
    let nomination = peer.sent().remove(0);
    assert!(nomination.has(AttributeType::USE_CANDIDATE));
    peer.add_candidate(PEER, 2_000_000_000);
    let answer = peer.success(&nomination);
    peer.receive(PEER, &answer).unwrap();
    let pair = peer.agent.pairs().next().unwrap();
    assert!(pair.nominated && pair.selected && peer.agent.pairs().count() == 1);
}

#[test]
fn the_only_remaining_candidate_may_be_peer_reflexive() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    peer.agent.end_of_remote_candidates(peer.now);
    peer.wait(30_000 * MS);
    let ask = peer.ask();
    peer.receive_check(OTHER, ask).unwrap();
    peer.answer(100 * MS, &[OTHER]);
    assert_eq!(peer.agent.state(), State::Completed);
    let sent = peer.answer(60_000 * MS, &[OTHER]);
    assert!(sent.len() > 10);
    assert_eq!(peer.agent.state(), State::Completed, "it lasts");
}

#[test]
fn replacing_all_interfaces_at_once_comes_back_without_a_failure() {
    let mut world = World::connected(&Spec::new(6));
    let (host, link) = (world.hosts[0], Spec::new(6).link);
    let ip = "192.0.2.50".parse().unwrap();
    world.network.add_interface(host, ip, duologue_netsim::Realm::INTERNET, link.clone(), link);
    let (now, old) = (world.now(), world.interfaces[0]);
    world.host(0).agent.add_interface(now, "192.0.2.50:5000".parse().unwrap()).unwrap();
    world.host(0).agent.remove_interface(now, old);
    world.wait(Duration::from_secs(12));
    for index in 0..2 {
        assert_eq!(world.state(index), State::Completed, "{:?}", world.host(index).states());
    }
    let back = world.nodes_reached(0, State::Completed);
    assert!(back < world.now());
}

#[test]
fn remote_candidates_before_any_local_one_do_not_time_out_at_once() {
    let mut config = Config::default();
    config.patience = Duration::from_secs(10);
    let mut world = World::new(&Spec { configs: [config.clone(), config], ..Spec::new(8) });
    // b is known to a long before a has an address.
    let (now, address) = (world.now(), world.addresses[1]);
    world.host(1).agent.add_interface(now, address).unwrap();
    world.describe(1, 0);
    world.wait(Duration::from_secs(9));
    assert_eq!(world.state(0), State::Checking);
    let (now, address) = (world.now(), world.addresses[0]);
    world.host(0).agent.add_interface(now, address).unwrap();
    world.describe(0, 1);
    assert!(world.connect());
}

/// A peer may nominate every pair it checks, as Chromium does: the best of them is used, on both sides.
#[test]
fn aggressive_nomination_ends_on_the_best_pair_and_lasts() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 2_000_000_000);
    peer.add_candidate(OTHER, 100);
    for round in 0..100 {
        for from in [OTHER, PEER] {
            let ask = Ask { use_candidate: true, extra: &[(0xc057, b"\0\x01\0\x32")], ..peer.ask() };
            peer.receive_check(from, ask).unwrap();
        }
        peer.answer(2500 * MS, &[PEER, OTHER]);
        if round > 0 {
            assert_eq!(peer.agent.sending_path().unwrap().path().remote, PEER.parse().unwrap());
        }
    }
    assert!(peer.agent.stats().selected_pair_changes <= 2);
    let mut states = std::iter::from_fn(|| peer.agent.poll_event());
    assert!(!states.any(|event| event == Event::StateChanged(State::Disconnected)));
}

/// The peer stops answering on the nominated pair and nominates another one.
#[test]
fn a_controlled_agent_follows_when_the_peer_leaves_the_better_pair() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 2_000_000_000);
    peer.add_candidate(OTHER, 100);
    let ask = Ask { use_candidate: true, ..peer.ask() };
    peer.receive_check(PEER, ask).unwrap();
    peer.answer(200 * MS, &[PEER, OTHER]);
    for _ in 0..8 {
        let ask = Ask { use_candidate: true, ..peer.ask() };
        peer.receive_check(OTHER, ask).unwrap();
        peer.answer(2000 * MS, &[OTHER]);
    }
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, OTHER.parse().unwrap());
    assert!(matches!(peer.agent.state(), State::Connected));
}

/// As Chromium does: the pair that it has left still works and is still checked, without USE-CANDIDATE.
#[test]
fn a_controlled_agent_follows_the_later_nomination_though_the_earlier_pair_is_better_and_works() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 2_000_000_000);
    peer.add_candidate(OTHER, 100);
    let choose = |peer: &mut Scripted, chosen: &str, left: &str| {
        for _ in 0..3 {
            let asks = [Ask { use_candidate: true, ..peer.ask() }, peer.ask()];
            for (from, ask) in [chosen, left].into_iter().zip(asks) {
                peer.receive_check(from, ask).unwrap();
            }
            peer.answer(500 * MS, &[PEER, OTHER]);
        }
        assert_eq!(peer.agent.sending_path().unwrap().path().remote, chosen.parse().unwrap());
        assert_eq!(peer.agent.pairs().filter(|pair| pair.nominated).count(), 1);
    };
    for _ in 0..3 {
        choose(&mut peer, PEER, OTHER);
        choose(&mut peer, OTHER, PEER);
    }
}

#[test]
fn a_failed_nomination_leaves_the_other_valid_pairs() {
    let mut peer = Scripted::new(Role::Controlling);
    peer.add_candidate(PEER, 2_000_000_000);
    peer.add_candidate(OTHER, 100);
    peer.describe();
    let sent = peer.wait(6 * MS);
    for check in &sent {
        let answer = peer.success(check);
        let from = check.to.to_string();
        peer.receive(&from, &answer).unwrap();
    }
    let nomination = peer.next_sent();
    assert_eq!(nomination.to, PEER.parse().unwrap());
    assert!(nomination.has(AttributeType::USE_CANDIDATE));
    let refusal = peer.error(&nomination, ErrorCode::BAD_REQUEST);
    peer.receive(PEER, &refusal).unwrap();
    let other = peer.next_sent();
    assert!(other.has(AttributeType::USE_CANDIDATE));
    assert_eq!(other.to, OTHER.parse().unwrap());
    let answer = peer.success(&other);
    peer.receive(OTHER, &answer).unwrap();
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, OTHER.parse().unwrap());
}

#[test]
fn a_pair_is_not_selected_without_its_own_success() {
    let mut peer = Scripted::described(Role::Controlled);
    for _ in 0..10 {
        let ask = Ask { use_candidate: true, ..peer.ask() };
        peer.receive_check(PEER, ask).unwrap();
        peer.wait(3000 * MS);
        assert_eq!(peer.agent.sending_path(), None);
        assert_eq!(peer.agent.pairs().next().unwrap().phase, PairPhase::InProgress);
    }
}

/// A controlled agent's deadlines do not run hot, whatever the peer does or leaves out.
#[test]
fn a_controlled_agent_does_not_spin() {
    let mut peer = Scripted::described(Role::Controlled);
    for port in 0..60 {
        peer.add_candidate(&format!("192.0.2.2:{}", 6000 + port), 1000 + port);
    }
    let mut steps = 0;
    let end = peer.now + Duration::from_secs(120);
    while let Some(next) = peer.agent.poll_timeout().filter(|next| *next <= end) {
        assert!(next > peer.now || steps == 0);
        peer.now = next;
        peer.agent.handle_timeout(next);
        peer.sent();
        steps += 1;
    }
    assert!(steps < 60 * 25, "{steps}");
    assert_eq!(peer.agent.state(), State::Failed(FailureReason::NoAnswer));
}

#[test]
fn an_agent_whose_every_remote_candidate_is_a_name_is_reached_all_the_same() {
    let mut world = World::new(&Spec::new(11));
    world.gather();
    world.describe(0, 1);
    // b hides behind a name: a learns nothing but credentials.
    let now = world.now();
    let credentials = world.host(1).agent.local_credentials().clone();
    let agent = &mut world.host(0).agent;
    agent.set_remote_credentials(now, credentials).unwrap();
    let name = "1 1 udp 2113937151 7a5a1c3e-5a4e-4a0f-9e0e-1f2f3f4f5f6f.local 6000 typ host";
    agent.add_remote_candidate(now, &name.parse().unwrap());
    agent.end_of_remote_candidates(now);
    assert!(world.connect());
}

/// Old indices or ids are never used for new things.
#[test]
fn ids_of_removed_interfaces_and_pairs_come_back_never() {
    let mut peer = Scripted::described(Role::Controlling);
    let mut pairs = std::collections::BTreeSet::new();
    let mut interfaces = std::collections::BTreeSet::new();
    peer.add_candidate(PEER, 100);
    for _ in 0..50 {
        let id = peer.agent.add_interface(peer.now, "192.0.2.10:1".parse().unwrap()).unwrap();
        assert!(interfaces.insert(id));
        let local = "192.0.2.10:1".parse().unwrap();
        let pair = peer.agent.pairs().find(|pair| pair.path.local == local).unwrap();
        assert!(pairs.insert(pair.id));
        peer.wait(100 * MS);
        peer.agent.remove_interface(peer.now, id);
        assert!(peer.agent.pairs().all(|other| other.id != pair.id));
    }
}
