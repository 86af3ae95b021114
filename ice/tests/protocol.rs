//! Single rules of the RFCs, against a peer whose messages are written by hand.

use std::time::Duration;

use crate::common::scripted::{Ask, PWD, Scripted, UFRAG};
use duologue_ice::grammar::CandidateKind;
use duologue_ice::{
    Candidate, Config, Credentials, Discard, Event, FailureReason, Kind, PairPhase, Path, Received,
};
use duologue_ice::{RemoteCredentialsError, Role, State};
use duologue_stun::{AttributeType, Class, ErrorCode, Message};

const MS: Duration = Duration::from_millis(1);
const PEER: &str = "192.0.2.2:6000";
const OTHER: &str = "192.0.2.3:6000";

/// RFC 8445, Section 7.1.1 and 7.2.2.
#[test]
fn a_check_carries_what_the_rfc_asks_for() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut peer = Scripted::described(role);
        peer.add_candidate(PEER, 100);
        let sent = peer.sent();
        assert_eq!(sent.len(), 1, "the first check leaves at once");
        let message = sent[0].message();
        message.verify_fingerprint().unwrap();
        let username = format!("{UFRAG}:{}", peer.agent.local_credentials().ufrag());
        assert_eq!(message.username(), Some(username.as_bytes()));
        let priority =
            u32::from_be_bytes(message.value(AttributeType::PRIORITY).unwrap().try_into().unwrap());
        assert_eq!(priority >> 24, 110, "the type preference of peer-reflexive candidates");
        assert_eq!(sent[0].has(AttributeType::ICE_CONTROLLING), role == Role::Controlling);
        assert_eq!(sent[0].has(AttributeType::ICE_CONTROLLED), role == Role::Controlled);
        assert!(!sent[0].has(AttributeType::USE_CANDIDATE), "nomination is regular");
    }
}

#[test]
fn the_controlling_agent_nominates_after_a_success_and_the_controlled_one_follows_use_candidate() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    let check = peer.sent().remove(0);
    let answer = peer.success(&check);
    peer.receive(PEER, &answer).unwrap();
    assert_eq!(peer.agent.state(), State::Connected);
    let nomination = peer.sent().remove(0);
    assert!(nomination.has(AttributeType::USE_CANDIDATE), "at once, no better pair being left");
    assert!(!peer.agent.pairs().next().unwrap().nominated);
    let answer = peer.success(&nomination);
    peer.receive(PEER, &answer).unwrap();
    assert!(peer.agent.pairs().next().unwrap().nominated);

    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 100);
    let ask = Ask { use_candidate: true, ..peer.ask() };
    peer.receive_check(PEER, ask).unwrap();
    assert_eq!(peer.agent.sending_path(), None, "not before our own check has succeeded");
    peer.answer(100 * MS, &[PEER]);
    let pair = peer.agent.pairs().next().unwrap();
    assert!(pair.nominated && pair.selected);
}

/// RFC 8445, Section 7.3.1.1, all four cases, and Section 7.2.5.1.
#[test]
fn role_conflicts_end_with_one_controlling_agent() {
    for (ours, tie_breaker, switches) in [
        (Role::Controlling, 0, false),
        (Role::Controlling, u64::MAX, true),
        (Role::Controlled, 0, true),
        (Role::Controlled, u64::MAX, false),
    ] {
        let mut peer = Scripted::described(ours);
        let ask = Ask { role: ours, tie_breaker, ..peer.ask() };
        peer.receive_check(PEER, ask).unwrap();
        let answer = peer.sent().remove(0);
        assert_eq!(peer.agent.role() != ours, switches);
        assert_eq!(answer.message().class() == Class::Success, switches);
        if !switches {
            assert_eq!(answer.message().error_code().unwrap().0, ErrorCode::ROLE_CONFLICT);
        } else {
            let mut events = std::iter::from_fn(|| peer.agent.poll_event());
            assert!(events.any(|event| event == Event::RoleChanged(ours.opposite())));
        }
    }
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    let check = peer.sent().remove(0);
    let answer = peer.error(&check, ErrorCode::ROLE_CONFLICT);
    peer.receive(PEER, &answer).unwrap();
    assert_eq!(peer.agent.role(), Role::Controlled);
    let again = peer.wait(50 * MS).remove(0);
    assert!(again.has(AttributeType::ICE_CONTROLLED), "the pair is checked again in the new role");
}

#[test]
fn unknown_comprehension_required_attributes_are_answered_with_420() {
    let mut peer = Scripted::described(Role::Controlled);
    let ask = Ask {
        extra: &[(0x7abc, b"x"), (0x0bad, b""), (0xc057, b"\0\x01\0\x0a"), (0x8abc, b"y")],
        ..peer.ask()
    };
    peer.receive_check(PEER, ask).unwrap();
    let answer = peer.sent().remove(0);
    assert_eq!(answer.message().error_code().unwrap().0, ErrorCode::UNKNOWN_ATTRIBUTE);
    let listed = answer.message().value(AttributeType::UNKNOWN_ATTRIBUTES);
    assert_eq!(listed, Some(&[0x7a, 0xbc, 0x0b, 0xad][..]));
    assert_eq!(peer.agent.pairs().count(), 0, "nothing else comes of it");
    let ask = Ask { extra: &[(0xc057, b"\0\x01\0\x0a")], ..peer.ask() };
    peer.receive_check(PEER, ask).unwrap();
    assert_eq!(peer.sent()[0].message().class(), Class::Success, "Chromium's network cost is optional");
}

/// RFC 8445, Section 7.3: the answer does not wait for the peer's description.
#[test]
fn checks_before_the_description_are_answered_and_used_when_it_comes() {
    let mut peer = Scripted::new(Role::Controlled);
    let ask = Ask { use_candidate: true, ..peer.ask() };
    peer.receive_check(PEER, ask).unwrap();
    let sent = peer.wait(2000 * MS);
    assert_eq!(sent.len(), 1, "an answer, no check without credentials");
    assert_eq!(sent[0].message().mapped_address(), Some(PEER.parse().unwrap()));
    let mut events = std::iter::from_fn(|| peer.agent.poll_event());
    assert!(events.any(|event| matches!(event, Event::SourceQualified { .. })));
    peer.describe();
    let sent = peer.answer(100 * MS, &[PEER]);
    assert!(sent[0].is_request(), "the triggered check leaves at once");
    let pair = peer.agent.pairs().next().unwrap();
    assert!(pair.nominated && pair.selected && pair.remote_kind == Kind::PeerReflexive);
}

#[test]
fn early_checks_are_bounded() {
    let mut peer = Scripted::new(Role::Controlled);
    let mut refused = 0;
    for port in 1000..1200 {
        let ask = peer.ask();
        refused += usize::from(peer.receive_check(&format!("192.0.2.2:{port}"), ask) == Err(Discard::Limit));
        peer.sent();
    }
    assert_eq!(peer.agent.pairs().count(), 16);
    assert_eq!(refused, 200 - 16);
    assert_eq!(peer.agent.stats().discarded(Discard::Limit), 184);
}

/// Some NATs show a new address with each check.
#[test]
fn addresses_without_end_leave_room_for_what_is_signalled() {
    let mut peer = Scripted::described(Role::Controlled);
    for burst in 0_u16..8 {
        for port in 0..60 {
            let check = peer.ask();
            peer.receive_check(&format!("192.0.2.2:{}", 1_000 + 60 * burst + port), check).unwrap();
            peer.now += 50 * MS;
            peer.agent.handle_timeout(peer.now);
        }
        peer.sent();
    }
    assert_eq!(peer.agent.pairs().count(), 16, "the last of one IP address");
    peer.add_candidate(OTHER, 100);
    assert_eq!(peer.agent.stats().candidates_ignored, 0);
    let sent = peer.wait(2_000 * MS);
    assert!(sent.iter().any(|sent| sent.is_request() && sent.to == OTHER.parse().unwrap()));
}

/// RFC 8445, Section 7.3.1.3: what a check shows is paired with no other local candidate; what is signalled is with all.
#[test]
fn a_peer_reflexive_candidate_that_is_signalled_later_is_paired_with_every_base() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.agent.add_interface(peer.now, "192.0.2.7:5000".parse().unwrap()).unwrap();
    let check = peer.ask();
    peer.receive_check(PEER, check).unwrap();
    assert_eq!(peer.agent.pairs().count(), 1);
    peer.add_candidate(PEER, 100);
    let locals: std::collections::BTreeSet<_> = peer.agent.pairs().map(|pair| pair.local).collect();
    assert_eq!((locals.len(), peer.agent.pairs().count()), (2, 2));
}

#[test]
fn a_signalled_candidate_takes_over_a_peer_reflexive_one_without_touching_its_pair() {
    let mut peer = Scripted::described(Role::Controlled);
    let ask = Ask { use_candidate: true, ..peer.ask() };
    peer.receive_check(PEER, ask).unwrap();
    peer.answer(100 * MS, &[PEER]);
    let before = peer.agent.pairs().next().unwrap();
    assert_eq!(before.remote_kind, Kind::PeerReflexive);
    peer.add_candidate(PEER, 2_130_706_431);
    let after = peer.agent.pairs().next().unwrap();
    assert_eq!((peer.agent.pairs().count(), after.id), (1, before.id));
    assert_eq!(after.remote_kind, Kind::Host);
    assert!(after.priority > before.priority && after.nominated && after.selected);
}

#[test]
fn better_pairs_get_a_moment_before_a_lesser_one_is_nominated() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    peer.add_candidate(OTHER, 2_000_000_000);
    // The better one never answers.
    let start = peer.now;
    let sent = peer.answer(600 * MS, &[PEER]);
    let nominations: Vec<_> = sent.iter().filter(|sent| sent.has(AttributeType::USE_CANDIDATE)).collect();
    assert_eq!(nominations.len(), 1);
    assert_eq!(nominations[0].to, PEER.parse().unwrap());
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, PEER.parse().unwrap());
    // The better one answers in time.
    let mut peer = Scripted::new(Role::Controlling);
    peer.add_candidate(PEER, 100);
    peer.add_candidate(OTHER, 2_000_000_000);
    peer.describe();
    let sent = peer.wait(5 * MS);
    assert_eq!(sent.len(), 2, "the first checks leave 5 ms apart");
    assert_eq!(sent[0].to, OTHER.parse().unwrap(), "the better first");
    let lesser = peer.success(&sent[1]);
    peer.receive(PEER, &lesser).unwrap();
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, PEER.parse().unwrap(), "it is used at once");
    let sent_meanwhile = peer.wait(20 * MS);
    assert!(sent_meanwhile.iter().all(|sent| !sent.has(AttributeType::USE_CANDIDATE)));
    let better = peer.success(&sent[0]);
    peer.receive(OTHER, &better).unwrap();
    let nomination = peer.sent().remove(0);
    assert_eq!(nomination.to, OTHER.parse().unwrap());
    assert!(nomination.has(AttributeType::USE_CANDIDATE) && start < peer.now);
}

/// RFC 8445, Section 14.2.
#[test]
fn checks_are_paced() {
    let mut peer = Scripted::described(Role::Controlling);
    for port in 0..40 {
        peer.add_candidate(&format!("192.0.2.2:{}", 6000 + port), 1000 + port);
    }
    let mut times = vec![];
    let start = peer.now;
    let mut seen = std::collections::BTreeSet::new();
    while times.len() < 30 {
        for sent in peer.sent() {
            if seen.insert(sent.message().transaction_id()) {
                times.push((peer.now - start).as_millis());
            }
        }
        let next = peer.agent.poll_timeout().unwrap();
        peer.now = next;
        peer.agent.handle_timeout(next);
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[..9].iter().all(|gap| *gap == 5), "{gaps:?}");
    assert!(gaps[9..].iter().all(|gap| *gap == 50), "{gaps:?}");
}

#[test]
fn what_cannot_be_paired_is_ignored_and_counted() {
    let mut peer = Scripted::described(Role::Controlling);
    for text in [
        "1 1 udp 2113937151 7a5a1c3e-5a4e-4a0f-9e0e-1f2f3f4f5f6f.local 54321 typ host generation 0",
        "1 1 udp 2113937151 host.example.org 54321 typ host",
        "1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active",
        "1 2 udp 2113937150 192.0.2.2 6001 typ host",
        "1 1 udp 2113937151 0.0.0.0 6000 typ host",
        "1 1 udp 2113937151 192.0.2.2 0 typ host",
        "1 1 udp 2113937151 192.0.2.2 6000 typ host ufrag other",
        "1 1 udp 2113937151 192.0.2.2 6000 typ future",
    ] {
        peer.agent.add_remote_candidate(peer.now, &text.parse().unwrap());
    }
    assert_eq!(peer.agent.stats().candidates_ignored, 7, "all but the name, which is asked for");
    assert_eq!((peer.agent.pairs().count(), peer.agent.state()), (0, State::Checking));
    // The peer behind the name shows itself.
    let ask = peer.ask();
    peer.receive_check(PEER, ask).unwrap();
    peer.answer(100 * MS, &[PEER]);
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, PEER.parse().unwrap());
}

#[test]
fn the_number_of_pairs_and_remote_candidates_is_bounded() {
    let mut peer = Scripted::described(Role::Controlling);
    for port in 0..500_u32 {
        peer.add_candidate(&format!("192.0.2.2:{}", 6000 + port), 1000 + port);
    }
    assert_eq!(peer.agent.pairs().count(), 64);
    assert_eq!(peer.agent.stats().candidates_ignored, 500 - 64);
    for host in 2..9 {
        peer.agent.add_interface(peer.now, format!("192.0.2.{host}:7").parse().unwrap()).unwrap();
    }
    assert_eq!(peer.agent.pairs().count(), 100);
    for port in 1000..3000 {
        let ask = peer.ask();
        peer.receive_check(&format!("192.0.2.3:{port}"), ask).unwrap();
        peer.wait(10 * MS);
        assert!(peer.agent.pairs().count() <= 100);
    }
}

#[test]
fn a_lite_agent_answers_and_sends_no_check() {
    let mut config = Config::default();
    config.lite = true;
    let mut peer = Scripted::with(Role::Controlling, config);
    assert_eq!(peer.agent.role(), Role::Controlled, "a lite agent is controlled by a full one");
    peer.describe();
    peer.add_candidate(PEER, 100);
    assert!(peer.wait(5000 * MS).is_empty());
    for round in 0..20 {
        let ask = Ask { use_candidate: round > 0, ..peer.ask() };
        peer.receive_check(PEER, ask).unwrap();
        let sent = peer.wait(5000 * MS);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].message().class(), Class::Success);
        assert_eq!(peer.agent.pairs().next().unwrap().nominated, round > 0);
        assert!(peer.agent.sending_path().is_some());
    }
    let ask = Ask { role: Role::Controlled, tie_breaker: 0, ..peer.ask() };
    peer.receive_check(PEER, ask).unwrap();
    assert_eq!(peer.agent.role(), Role::Controlled);
    assert_eq!(peer.sent()[0].message().error_code().unwrap().0, ErrorCode::ROLE_CONFLICT);
    peer.wait(31_000 * MS);
    assert_eq!(peer.agent.state(), State::Failed(FailureReason::ConsentLost), "nobody asks any more");
}

#[test]
fn a_full_agent_controls_a_lite_one() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.agent.set_remote_lite(peer.now, true);
    assert_eq!(peer.agent.role(), Role::Controlling);
    peer.agent.set_role(peer.now, Role::Controlled);
    assert_eq!(peer.agent.role(), Role::Controlling);
    peer.add_candidate(PEER, 100);
    let sent = peer.answer(100 * MS, &[PEER]);
    assert!(sent.iter().any(|sent| sent.has(AttributeType::USE_CANDIDATE)));
    assert!(peer.agent.pairs().next().unwrap().nominated);
}

#[test]
fn two_lite_agents_take_the_best_pair_unchecked() {
    let mut config = Config::default();
    config.lite = true;
    let mut peer = Scripted::with(Role::Controlling, config);
    peer.agent.set_remote_lite(peer.now, true);
    peer.add_candidate(PEER, 100);
    peer.add_candidate(OTHER, 200);
    assert_eq!(peer.agent.sending_path(), None);
    peer.describe();
    assert_eq!(peer.agent.sending_path().unwrap().path().remote, OTHER.parse().unwrap());
    assert!(peer.wait(100_000 * MS).is_empty());
    assert_eq!(peer.agent.state(), State::Connected);
    let mut payload = [200];
    let path = Path::udp(peer.local, OTHER.parse().unwrap());
    let received = peer.agent.handle_datagram(peer.now, path, &mut payload).unwrap();
    assert!(matches!(received, Received::Payload { qualified: true, .. }));
}

#[test]
fn payload_is_qualified_by_authentic_stun_from_its_own_source_alone() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 100);
    let qualified = |peer: &mut Scripted, from: &str| {
        let mut payload = [22, 254, 253];
        let path = Path::udp(peer.local, from.parse().unwrap());
        match peer.agent.handle_datagram(peer.now, path, &mut payload).unwrap() {
            Received::Payload { qualified, source, bytes } => {
                assert_eq!(bytes, [22, 254, 253]);
                (qualified, source)
            }
            Received::Consumed => panic!("consumed"),
        }
    };
    let (before, source) = qualified(&mut peer, PEER);
    assert!(!before, "a signalled candidate alone is none");
    let ask = peer.ask();
    peer.receive_check(PEER, ask).unwrap();
    assert_eq!(qualified(&mut peer, PEER), (true, source), "the same source keeps its id");
    assert!(!qualified(&mut peer, OTHER).0);
    assert!(qualified(&mut peer, "[::ffff:192.0.2.2]:6000").0, "a mapped address is the same source");
    let mut events = std::iter::from_fn(|| peer.agent.poll_event());
    let path = Path::udp("192.0.2.1:5000".parse().unwrap(), PEER.parse().unwrap());
    assert!(events.any(|event| event == Event::SourceQualified { source, path }));
}

/// RFC 7675, Section 5.2.
#[test]
fn an_authentic_403_to_a_consent_check_takes_consent_back_at_once() {
    let mut peer = Scripted::described(Role::Controlled);
    peer.add_candidate(PEER, 100);
    peer.answer(100 * MS, &[PEER]);
    let consent = peer.next_sent();
    let mut forged = peer.error(&consent, ErrorCode::FORBIDDEN);
    let last = forged.len() - 10;
    forged[last] ^= 1;
    assert!(peer.receive(PEER, &forged).is_err());
    assert!(peer.agent.sending_path().is_some());
    let answer = peer.error(&consent, ErrorCode::FORBIDDEN);
    peer.receive(PEER, &answer).unwrap();
    assert_eq!(peer.agent.sending_path(), None);
    assert_eq!(peer.agent.state(), State::Failed(FailureReason::ConsentLost));
}

#[test]
fn other_credentials_need_a_restart() {
    let mut peer = Scripted::described(Role::Controlled);
    assert_eq!(peer.agent.set_remote_credentials(peer.now, Credentials::new(UFRAG, PWD).unwrap()), Ok(()));
    let other = Credentials::new("other", PWD).unwrap();
    assert_eq!(peer.agent.set_remote_credentials(peer.now, other), Err(RemoteCredentialsError::Restart));
}

#[test]
fn reports_tell_the_ids_in_flight_and_are_bounded() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    let mut open = std::collections::BTreeSet::new();
    let drain = |peer: &mut Scripted, open: &mut std::collections::BTreeSet<_>| {
        let mut count = 0;
        while let Some(report) = peer.agent.poll_transaction() {
            count += 1;
            match report {
                duologue_ice::TransactionReport::Opened(id) => assert!(open.insert(id)),
                duologue_ice::TransactionReport::Closed(id) => assert!(open.remove(&id)),
                duologue_ice::TransactionReport::Reset => open.clear(),
            }
        }
        count
    };
    drain(&mut peer, &mut open);
    for sent in peer.sent() {
        assert!(open.contains(&sent.message().transaction_id()));
    }
    peer.answer(3600 * 1000 * MS, &[PEER]);
    let count = drain(&mut peer, &mut open);
    assert!(count <= 600, "{count}");
    assert!(open.len() <= 2, "{open:?}");
    let consent = peer.next_sent();
    drain(&mut peer, &mut open);
    assert!(open.contains(&consent.message().transaction_id()));
}

#[test]
fn a_link_local_peer_is_reached_in_the_interfaces_scope() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.agent.add_interface(peer.now, "[fe80::1%7]:5000".parse().unwrap()).unwrap();
    peer.add_candidate("[fe80::2]:6000", 100);
    let sent = peer.sent().remove(0);
    assert_eq!(sent.to, "[fe80::2%7]:6000".parse().unwrap());
    let answer = peer.success(&sent);
    let mut bytes = answer;
    let path = Path::udp("[fe80::1]:5000".parse().unwrap(), "[fe80::2%7]:6000".parse().unwrap());
    peer.agent.handle_datagram(peer.now, path, &mut bytes).unwrap();
    assert_eq!(peer.agent.pairs().next().unwrap().phase, PairPhase::Succeeded);
}

#[test]
fn patience_ends_a_session_without_candidates_or_answers() {
    for (patience, candidate, reason) in [
        (39_500, true, FailureReason::NoAnswer),
        (39_500, false, FailureReason::NoPairs),
        (0, false, FailureReason::NoPairs),
        (0, true, FailureReason::NoAnswer),
    ] {
        let mut config = Config::default();
        config.patience = patience * MS;
        let mut peer = Scripted::with(Role::Controlling, config);
        peer.describe();
        if candidate {
            peer.add_candidate(PEER, 100);
        }
        peer.agent.end_of_remote_candidates(peer.now);
        let checks = if candidate { 39_500 } else { 0 };
        let end = patience.max(checks);
        if end > 0 {
            peer.wait((end - 100) * MS);
            assert_eq!(peer.agent.state(), State::Checking, "not before its time");
        }
        peer.wait(200 * MS);
        assert_eq!(peer.agent.state(), State::Failed(reason));
    }
}

/// RFC 8445, Section 6.1.4.2: triggered checks leave before ordinary ones.
#[test]
fn a_triggered_check_leaves_before_better_ordinary_ones() {
    let mut peer = Scripted::new(Role::Controlling);
    for port in 0..30 {
        peer.add_candidate(&format!("192.0.2.3:{}", 6000 + port), 2_000_000_000 + port);
    }
    peer.describe();
    peer.sent();
    let ask = peer.ask();
    peer.receive_check(PEER, ask).unwrap();
    assert_eq!(peer.sent()[0].message().class(), Class::Success);
    assert_eq!(peer.next_sent().to, PEER.parse().unwrap());
}

/// An authentic answer from elsewhere than the request went to is no sign that the path works.
#[test]
fn an_answer_from_another_address_changes_nothing() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    let check = peer.sent().remove(0);
    let answer = peer.success(&check);
    assert_eq!(peer.receive(OTHER, &answer), Err(Discard::WrongSource));
    assert_eq!((peer.agent.sending_path(), peer.agent.state()), (None, State::Checking));
    peer.receive(PEER, &answer).unwrap();
    assert!(peer.agent.sending_path().is_some(), "the request was still in flight");
}

#[test]
fn a_candidate_told_again_does_not_start_patience_anew() {
    let mut peer = Scripted::described(Role::Controlling);
    for _ in 0..50 {
        peer.add_candidate(PEER, 100);
        peer.wait(1000 * MS);
    }
    assert_eq!(peer.agent.state(), State::Failed(FailureReason::NoAnswer));
    assert_eq!(peer.agent.pairs().count(), 1);
}

#[test]
fn a_candidates_text_survives_the_round_trip() {
    let candidate = Candidate::udp("f", 7, PEER.parse().unwrap(), CandidateKind::Host);
    assert_eq!(candidate.to_string(), "candidate:f 1 udp 7 192.0.2.2 6000 typ host");
    assert_eq!(candidate.value(), "f 1 udp 7 192.0.2.2 6000 typ host");
    assert_eq!(candidate.value().parse(), Ok(candidate.clone()));
    assert_eq!(candidate.to_string().parse(), Ok(candidate));
}

/// A pair is checked each Ta at first, by transactions of their own; one that stays silent costs little.
#[test]
fn an_unanswered_check_is_followed_by_new_ones_that_become_rare_and_end() {
    let mut peer = Scripted::described(Role::Controlling);
    peer.add_candidate(PEER, 100);
    let (mut times, mut ids) = (vec![], std::collections::BTreeSet::new());
    let start = peer.now;
    while peer.now < start + Duration::from_secs(60) {
        let mut out = vec![];
        while peer.agent.poll_transmit(peer.now, 1500, &mut out).is_some() {
            let message = Message::parse(&out).unwrap();
            assert!(ids.insert(message.transaction_id()), "no transaction is sent twice");
            times.push((peer.now - start).as_millis());
            out.clear();
        }
        let Some(next) = peer.agent.poll_timeout() else { break };
        peer.now = next;
        peer.agent.handle_timeout(next);
    }
    assert_eq!(times[..8], [0, 50, 100, 150, 200, 250, 300, 400], "{times:?}");
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.is_sorted() && gaps.last() == Some(&2_000), "{gaps:?}");
    assert!((25..35).contains(&times.len()) && *times.last().unwrap() < 39_500, "{}", times.len());
}
