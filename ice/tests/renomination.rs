//! The peer nominates again, with values (draft-thatcher-ice-renomination) or without.

use std::time::Duration;

use crate::common::scripted::{Ask, Scripted};
use duologue_ice::Role;
use duologue_stun::{AttributeType, ErrorCode};

const MS: Duration = Duration::from_millis(1);
const FIRST: &str = "192.0.2.2:6000";
const OTHER: &str = "192.0.2.3:6000";
const ONE: &[(u16, &[u8])] = &[(0xc001, &[0, 0, 0, 1])];
const TWO: &[(u16, &[u8])] = &[(0xc001, &[0, 0, 0, 2])];
const THREE: &[(u16, &[u8])] = &[(0xc001, &[0, 0, 0, 3])];

/// An agent with two pairs that work.
fn with_two_pairs(role: Role) -> Scripted {
    let mut peer = Scripted::described(role);
    peer.add_candidate(FIRST, 200);
    peer.add_candidate(OTHER, 100);
    peer.answer(2000 * MS, &[FIRST, OTHER]);
    peer
}

fn name(peer: &mut Scripted, from: &str, extra: &'static [(u16, &'static [u8])]) {
    let ask = Ask { extra, use_candidate: extra.is_empty(), ..peer.ask() };
    peer.receive_check(from, ask).unwrap();
}

fn remote(peer: &Scripted) -> String {
    peer.agent.sending_path().unwrap().path().remote.to_string()
}

#[test]
fn as_controlled_agent_the_largest_value_wins_without_use_candidate() {
    let mut peer = with_two_pairs(Role::Controlled);
    name(&mut peer, FIRST, ONE);
    assert_eq!(remote(&peer), FIRST);
    name(&mut peer, OTHER, THREE);
    assert_eq!(remote(&peer), OTHER);
    for late in [ONE, TWO, THREE] {
        name(&mut peer, FIRST, late);
        assert_eq!(remote(&peer), OTHER, "a late one changes nothing");
    }
    peer.answer(Duration::from_secs(60), &[FIRST, OTHER]);
    assert_eq!(remote(&peer), OTHER);
}

/// Older peers nominate every pair at first, and mean the best.
#[test]
fn aggressive_nomination_takes_the_best_pair() {
    let mut peer = with_two_pairs(Role::Controlled);
    name(&mut peer, FIRST, &[]);
    peer.answer(100 * MS, &[FIRST, OTHER]);
    name(&mut peer, OTHER, &[]);
    assert_eq!(remote(&peer), FIRST);
    for _ in 0..10 {
        peer.answer(5000 * MS, &[FIRST, OTHER]);
        name(&mut peer, FIRST, &[]);
        name(&mut peer, OTHER, &[]);
        assert_eq!(remote(&peer), FIRST);
    }
}

#[test]
fn as_controlling_agent_nominations_carry_values_if_the_peer_has_offered_it() {
    for offered in [true, false] {
        let mut peer = Scripted::described(Role::Controlling);
        peer.agent.set_remote_renomination(offered);
        peer.add_candidate(FIRST, 200);
        let sent = peer.answer(200 * MS, &[FIRST]);
        let named: Vec<_> = sent.iter().filter(|sent| sent.has(AttributeType::USE_CANDIDATE)).collect();
        assert!(!named.is_empty());
        for sent in named {
            let value = sent.message().value(AttributeType::NOMINATION).map(<[u8]>::to_vec);
            assert_eq!(value, offered.then(|| vec![0, 0, 0, 1]));
        }
    }
}

/// A controlled agent that asks is heard if renomination was agreed to, once, and not after a larger value.
#[test]
fn as_controlling_agent_a_request_for_another_pair_is_answered_by_its_nomination() {
    for offered in [true, false] {
        let mut peer = with_two_pairs(Role::Controlling);
        peer.agent.set_remote_renomination(offered);
        assert_eq!(remote(&peer), FIRST);
        name(&mut peer, OTHER, TWO);
        assert_eq!(remote(&peer), if offered { OTHER } else { FIRST });
        let sent = peer.answer(100 * MS, &[FIRST, OTHER]);
        let value = sent.iter().find_map(|sent| sent.message().value(AttributeType::NOMINATION));
        assert_eq!(value.is_some_and(|value| value > &[0, 0, 0, 1][..]), offered, "a larger one");
        name(&mut peer, FIRST, TWO);
        name(&mut peer, FIRST, ONE);
        assert_eq!(remote(&peer), if offered { OTHER } else { FIRST });
    }
}

/// RFC 8445, Section 7.2.5.1.
#[test]
fn a_role_conflict_renews_the_tie_breaker() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(FIRST, 100);
    let first = peer.next_sent();
    let tie = first.message().value(AttributeType::ICE_CONTROLLING).unwrap().to_vec();
    let answer = peer.error(&first, ErrorCode::ROLE_CONFLICT);
    peer.receive(FIRST, &answer).unwrap();
    let second = peer.next_sent();
    let other = second.message().value(AttributeType::ICE_CONTROLLED).unwrap().to_vec();
    assert_ne!(tie, other);
}
