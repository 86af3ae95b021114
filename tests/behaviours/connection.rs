//! The states of connections, and what they were agreed on.

use crate::pair::{ALICE, BOB, Pair};
use duologue::dtls::Connected;
use duologue::ice::{GatheringState, State};
use duologue::{ChannelConfig, CloseReason, ConnectionState, Event};

/// A pair that has negotiated a channel, with candidates carried over as told.
fn negotiated(signals: [bool; 2]) -> Pair {
    let mut pair = Pair::new();
    pair.signals = signals;
    pair.add_interfaces();
    pair.create(ALICE, "chat", ChannelConfig::default());
    pair.negotiate(ALICE, |_, text| text);
    pair
}

fn index(pair: &Pair, who: usize, wanted: impl Fn(&Event) -> bool) -> Option<usize> {
    pair.events[who].iter().position(wanted)
}

/// What both agreed on.
fn secured() -> [Connected; 2] {
    let (pair, _) = Pair::connected();
    [ALICE, BOB].map(|who| {
        let found = pair.events[who].iter().find_map(|event| match event {
            Event::Secured(connected) => Some(*connected),
            _ => None,
        });
        found.unwrap()
    })
}

mod ice_transport {
    use super::*;

    #[test]
    fn two_connected_ice_transports_should_has_matching_local_remote_candidates_returned() {
        let (pair, _) = Pair::connected();
        let selected =
            [ALICE, BOB].map(|who| pair.peers[who].candidate_pairs().find(|one| one.selected).unwrap());
        assert_eq!(selected[0].path.local, selected[1].path.remote);
        assert_eq!(selected[1].path.local, selected[0].path.remote);
    }

    #[test]
    fn unconnected_ice_transport_should_have_empty_remote_candidates_and_selected_pair() {
        let mut pair = Pair::new();
        pair.add_interfaces();
        pair.wait(1);
        assert_eq!(pair.peers[ALICE].candidate_pairs().count(), 0);
        assert_eq!(pair.peers[ALICE].ice_connection_state(), State::New);
    }
}

mod connection_state {
    use super::*;

    #[test]
    fn initial_connection_state_should_be_new() {
        assert_eq!(Pair::new().peers[ALICE].connection_state(), ConnectionState::New);
    }

    #[test]
    fn connection_with_one_data_channel_should_eventually_have_connected_connection_state() {
        let mut pair = negotiated([true, true]);
        pair.run(|pair| pair.peers.iter().all(|one| one.connection_state() == ConnectionState::Connected));
        for who in [ALICE, BOB] {
            let told = pair.events[who].iter().filter_map(|event| match event {
                Event::ConnectionStateChange(state) => Some(*state),
                _ => None,
            });
            let told: Vec<_> = told.collect();
            assert_eq!(told, [ConnectionState::Connecting, ConnectionState::Connected]);
        }
    }
}

mod ice_connection_state {
    use super::*;

    #[test]
    fn initial_ice_connection_state_should_be_new() {
        assert_eq!(Pair::new().peers[ALICE].ice_connection_state(), State::New);
    }

    #[test]
    fn connection_with_one_data_channel_should_eventually_have_connected_connection_state() {
        let mut pair = negotiated([true, true]);
        let works = |state| matches!(state, State::Connected | State::Completed);
        pair.run(|pair| pair.peers.iter().all(|one| works(one.ice_connection_state())));
        for who in [ALICE, BOB] {
            let told =
                |event: &Event| matches!(event, Event::IceConnectionStateChange(state) if works(*state));
            assert!(index(&pair, who, told).is_some(), "{:?}", pair.events[who]);
        }
    }
}

mod ice_gathering_state {
    use super::*;

    #[test]
    fn initial_ice_gathering_state_should_be_new() {
        let mut pair = Pair::new();
        pair.drain();
        assert!(pair.events[ALICE].is_empty(), "{:?}", pair.events[ALICE]);
    }

    #[test]
    fn ice_gathering_state_should_eventually_become_complete_after_set_local_description() {
        let mut pair = Pair::new();
        pair.add_interfaces();
        pair.create(ALICE, "chat", ChannelConfig::default());
        let offer = pair.peers[ALICE].create_offer().unwrap();
        pair.peers[ALICE].set_local_description(pair.now, &offer).unwrap();
        let complete = Event::IceGatheringStateChange(GatheringState::Complete);
        pair.run(|pair| pair.events[ALICE].contains(&complete));
    }

    #[test]
    fn connection_with_one_data_channel_should_eventually_have_connected_connection_state() {
        let (pair, _) = Pair::connected();
        let complete = Event::IceGatheringStateChange(GatheringState::Complete);
        for who in [ALICE, BOB] {
            assert!(pair.events[who].contains(&complete));
            assert_eq!(pair.peers[who].connection_state(), ConnectionState::Connected);
        }
    }
}

mod candidate_exchange {
    use super::*;

    #[test]
    fn two_way_ice_exchange_works() {
        let mut pair = negotiated([true, true]);
        pair.run(|pair| pair.is_open("chat"));
    }

    #[test]
    fn adding_only_caller_callee_candidates_gives_a_connection() {
        let mut pair = negotiated([true, false]);
        pair.run(|pair| pair.is_open("chat"));
    }

    #[test]
    fn adding_only_callee_caller_candidates_gives_a_connection() {
        let mut pair = negotiated([false, true]);
        pair.run(|pair| pair.is_open("chat"));
    }

    #[test]
    fn adding_callee_caller_candidates_from_end_of_candidates_gives_a_connection() {
        let mut pair = negotiated([false, false]);
        // Bob's candidates come in his description alone, with their end.
        pair.run(|pair| pair.events[BOB].contains(&Event::IceGatheringStateChange(GatheringState::Complete)));
        let description = pair.peers[BOB].local_description().unwrap().to_string();
        assert!(description.contains("a=candidate:") && description.contains("a=end-of-candidates"));
        assert!(!pair.is_open("chat"));
        pair.signals = [false, true];
        pair.run(|pair| pair.is_open("chat"));
    }

    #[test]
    fn explicit_offer_answer_exchange_gives_a_connection() {
        let mut pair = Pair::new();
        pair.signals = [false, false];
        pair.add_interfaces();
        pair.create(ALICE, "chat", ChannelConfig::default());
        // Whole descriptions, candidates included, and nothing else.
        let described = |who: usize, pair: &mut Pair| {
            pair.wait(1);
            pair.peers[who].local_description().unwrap().to_string()
        };
        let offer = pair.peers[ALICE].create_offer().unwrap();
        pair.peers[ALICE].set_local_description(pair.now, &offer).unwrap();
        let text = described(ALICE, &mut pair);
        let offer = duologue::Description::parse(offer.kind, &text).unwrap();
        pair.peers[BOB].set_remote_description(pair.now, &offer).unwrap();
        let answer = pair.peers[BOB].create_answer().unwrap();
        pair.peers[BOB].set_local_description(pair.now, &answer).unwrap();
        let text = described(BOB, &mut pair);
        let answer = duologue::Description::parse(answer.kind, &text).unwrap();
        pair.peers[ALICE].set_remote_description(pair.now, &answer).unwrap();
        pair.run(|pair| pair.is_open("chat"));
    }

    #[test]
    fn candidates_always_arrive_after_set_local_description_offer_resolves() {
        let mut pair = negotiated([true, true]);
        for _ in 0..3 {
            pair.turn();
        }
        for who in [ALICE, BOB] {
            let state = index(&pair, who, |event| matches!(event, Event::SignalingStateChange(_)));
            let candidate = index(&pair, who, |event| matches!(event, Event::IceCandidate(_)));
            assert!(state.unwrap() < candidate.unwrap(), "{:?}", pair.events[who]);
        }
        // Nothing is told before there is a description to go with.
        let mut pair = Pair::new();
        pair.add_interfaces();
        pair.wait(1);
        assert_eq!(index(&pair, ALICE, |event| matches!(event, Event::IceCandidate(_))), None);
    }
}

mod crypto_suite {
    use super::*;

    #[test]
    fn tls_version_is_acceptable_on_data_only() {
        use duologue::dtls::Version;
        let [ours, theirs] = secured();
        assert_eq!(ours.version, theirs.version);
        assert_eq!(ours.version, Version::Dtls12);
    }

    #[test]
    fn dtls_cipher_is_acceptable_on_data_only() {
        let [ours, theirs] = secured();
        assert_eq!(ours.cipher_suite, theirs.cipher_suite);
        let name = format!("{:?}", ours.cipher_suite).to_uppercase();
        assert!(name.contains("AES") || name.contains("CHACHA"), "{name}");
        assert!(name.contains("GCM") || name.contains("POLY1305"), "{name}");
    }

    #[test]
    fn srtp_cipher_is_acceptable_on_data_only() {
        let (pair, _) = Pair::connected();
        let [ours, theirs] = secured();
        assert_eq!(ours.srtp_profile, theirs.srtp_profile);
        assert_eq!(pair.peers[ALICE].srtp_profile(), ours.srtp_profile);
    }

    #[test]
    fn tls_group_is_acceptable_on_data_only() {
        let [ours, theirs] = secured();
        assert_eq!(ours.group, theirs.group);
    }
}

mod dtls_fingerprint_validation {
    use super::*;

    #[test]
    fn connection_fails_if_one_side_provides_a_wrong_dtls_fingerprint() {
        for liar in [ALICE, BOB] {
            let mut pair = Pair::new();
            pair.add_interfaces();
            pair.create(ALICE, "chat", ChannelConfig::default());
            pair.negotiate(ALICE, |who, text| {
                let start = text.find("a=fingerprint:sha-256 ").unwrap() + "a=fingerprint:sha-256 ".len();
                let wrong = if &text[start..start + 2] == "00" { "01" } else { "00" };
                if who == liar { format!("{}{wrong}{}", &text[..start], &text[start + 2..]) } else { text }
            });
            let failed = |event: &Event| matches!(event, Event::Closed(CloseReason::Dtls(_)));
            pair.run(|pair| pair.events[1 - liar].iter().any(failed));
            assert_eq!(index(&pair, 1 - liar, |event| matches!(event, Event::Secured(_))), None);
            assert!(!pair.is_open("chat"));
        }
    }
}
