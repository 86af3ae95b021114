//! Data channels before, while and after they are open.

use crate::pair::{ALICE, BOB, Pair};
use bytes::Bytes;
use duologue::sctp::Reliability;
use duologue::{ChannelConfig, ChannelId, ChannelState, CreateError, Event, Kind, SendError};
use std::time::Duration;

const LIMIT: usize = 65_535;

fn with(change: impl FnOnce(&mut ChannelConfig)) -> ChannelConfig {
    let mut config = ChannelConfig::default();
    change(&mut config);
    config
}

fn negotiated(stream: u16) -> ChannelConfig {
    with(|one| {
        one.negotiated = Some(stream);
    })
}

fn create(label: &str, config: ChannelConfig) -> Result<(), CreateError> {
    let mut pair = Pair::new();
    pair.peers[ALICE].create_data_channel(pair.now, label, config).map(drop)
}

/// The configuration that a channel made of this one has, on our side and on the peer's.
fn on_both_sides(config: ChannelConfig) -> [ChannelConfig; 2] {
    let (pair, ids) = Pair::connected_with(config);
    [ALICE, BOB].map(|who| pair.peers[who].data_channel(ids[who]).unwrap().config().clone())
}

/// Sends messages one way, and returns what arrives.
fn sent(messages: &[(Kind, &[u8])]) -> Vec<(Kind, Vec<u8>)> {
    let (mut pair, ids) = Pair::connected();
    for (kind, payload) in messages {
        pair.send(ALICE, ids[ALICE], *kind, payload);
    }
    pair.run(|pair| pair.messages[BOB].len() == messages.len());
    let arrived = pair.messages[BOB].iter();
    arrived
        .inspect(|one| assert_eq!(one.channel, ids[BOB]))
        .map(|one| (one.kind, one.payload.to_vec()))
        .collect()
}

/// A pair with an open channel that both sides have created by agreement.
fn negotiated_pair() -> (Pair, [ChannelId; 2]) {
    let mut pair = Pair::new();
    pair.add_interfaces();
    let ids = [ALICE, BOB].map(|who| pair.create(who, "chat", negotiated(42)));
    pair.negotiate(ALICE, |_, text| text);
    pair.run(|pair| pair.is_open("chat"));
    (pair, ids)
}

fn channel_events(pair: &Pair, who: usize) -> Vec<&Event> {
    let about = |event: &&Event| {
        matches!(event, Event::ChannelClosing(_) | Event::ChannelClosed(..) | Event::DataChannel(_))
    };
    pair.events[who].iter().filter(about).collect()
}

fn is_closed(pair: &Pair, who: usize, id: ChannelId) -> bool {
    pair.events[who].iter().any(|event| matches!(event, Event::ChannelClosed(closed, _) if *closed == id))
}

/// Closes Alice's end: she closes, Bob hears of it, and both end.
fn closes_in_order(pair: &mut Pair, ids: [ChannelId; 2]) {
    pair.peers[ALICE].close_data_channel(pair.now, ids[ALICE]);
    assert_eq!(pair.state(ALICE, ids[ALICE]), Some(ChannelState::Closing));
    pair.run(|pair| is_closed(pair, ALICE, ids[ALICE]) && is_closed(pair, BOB, ids[BOB]));
    let of_bob: Vec<_> = channel_events(pair, BOB)
        .into_iter()
        .filter(|event| !matches!(event, Event::DataChannel(_)))
        .collect();
    assert!(matches!(of_bob[..], [Event::ChannelClosing(_), Event::ChannelClosed(..)]), "{of_bob:?}");
    assert_eq!((pair.state(ALICE, ids[ALICE]), pair.state(BOB, ids[BOB])), (None, None));
}

mod create_data_channel {
    use super::*;

    #[test]
    fn create_data_channel_with_id_0_and_negotiated_true_should_succeed_and_set_the_channels_id() {
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "", negotiated(0));
        assert_eq!(pair.stream(ALICE, id), Some(0));
    }

    #[test]
    fn create_data_channel_with_id_65534_and_negotiated_true_should_succeed_and_set_the() {
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "", negotiated(65_534));
        assert_eq!(pair.stream(ALICE, id), Some(65_534));
    }

    #[test]
    fn create_data_channel_with_id_65535_should_throw_type_error() {
        assert_eq!(create("", negotiated(65_535)), Err(CreateError::NoSuchStream(65_535)));
    }

    #[test]
    fn create_data_channel_with_too_long_label_should_throw_type_error() {
        assert_eq!(create(&"l".repeat(LIMIT + 1), ChannelConfig::default()), Err(CreateError::TooLong));
    }

    #[test]
    fn create_data_channel_with_too_long_label_2_byte_unicode_should_throw_type_error() {
        assert_eq!(
            create(&"\u{b5}".repeat(LIMIT / 2 + 1), ChannelConfig::default()),
            Err(CreateError::TooLong)
        );
        assert_eq!(create(&"\u{b5}".repeat(LIMIT / 2), ChannelConfig::default()), Ok(()));
    }

    #[test]
    fn create_data_channel_with_too_long_protocol_should_throw_type_error() {
        let config = with(|one| {
            one.protocol = "p".repeat(LIMIT + 1);
        });
        assert_eq!(create("", config), Err(CreateError::TooLong));
    }

    #[test]
    fn create_data_channel_with_maximum_length_label_and_protocol_should_succeed() {
        let config = with(|one| {
            one.protocol = "p".repeat(LIMIT);
        });
        let mut pair = Pair::new();
        let id = pair.create(ALICE, &"l".repeat(LIMIT), config);
        let config = pair.peers[ALICE].data_channel(id).unwrap().config();
        assert_eq!((config.label.len(), config.protocol.len()), (LIMIT, LIMIT));
    }

    #[test]
    fn channels_created_after_set_remote_description_should_have_id_assigned() {
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "chat", ChannelConfig::default());
        assert_eq!(pair.stream(ALICE, id), None);
        pair.negotiate(ALICE, |_, text| text);
        assert!(pair.stream(ALICE, id).is_some());
    }

    #[test]
    fn reusing_a_data_channel_id_that_is_in_use_should_throw_operation_error() {
        let mut pair = Pair::new();
        pair.create(ALICE, "one", negotiated(42));
        let again = pair.peers[ALICE].create_data_channel(pair.now, "two", negotiated(42));
        assert_eq!(again, Err(CreateError::StreamInUse(42)));
    }

    #[test]
    fn reusing_a_data_channel_id_that_is_in_use_after_set_remote_description_should_throw() {
        let mut pair = Pair::new();
        pair.create(ALICE, "one", negotiated(42));
        pair.negotiate(ALICE, |_, text| text);
        let again = pair.peers[ALICE].create_data_channel(pair.now, "two", negotiated(42));
        assert_eq!(again, Err(CreateError::StreamInUse(42)));
    }

    #[test]
    fn reusing_a_data_channel_id_that_is_in_use_after_set_remote_description_negotiated_via() {
        let (mut pair, ids) = Pair::connected();
        for who in [ALICE, BOB] {
            let stream = pair.stream(who, ids[who]).unwrap();
            let again = pair.peers[who].create_data_channel(pair.now, "two", negotiated(stream));
            assert_eq!(again, Err(CreateError::StreamInUse(stream)));
        }
    }

    #[test]
    fn a_channel_on_an_established_association_is_open_at_once() {
        let (mut pair, _) = Pair::connected();
        let id = pair.create(ALICE, "second", ChannelConfig::default());
        assert_eq!(pair.state(ALICE, id), Some(ChannelState::Open));
        pair.run(|pair| pair.is_open("second") && pair.events[ALICE].contains(&Event::ChannelOpen(id)));
    }

    #[test]
    fn create_data_channel_with_closed_connection_should_throw_invalid_state_error() {
        let mut pair = Pair::new();
        pair.peers[ALICE].close(pair.now);
        let refused = pair.peers[ALICE].create_data_channel(pair.now, "", ChannelConfig::default());
        assert_eq!(refused, Err(CreateError::Closed));
    }

    #[test]
    fn create_data_channel_attribute_default_values() {
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "", ChannelConfig::default());
        let channel = pair.peers[ALICE].data_channel(id).unwrap();
        let config = channel.config();
        assert_eq!((config.label.as_str(), config.protocol.as_str()), ("", ""));
        assert_eq!(
            (config.ordered, config.reliability, config.negotiated),
            (true, Reliability::Reliable, None)
        );
        assert_eq!((channel.stream(), channel.state()), (None, ChannelState::Connecting));
        assert_eq!(pair.peers[ALICE].buffered_amount(id), 0);
    }

    #[test]
    fn create_data_channel_with_provided_parameters_should_initialize_attributes_to_provided() {
        let given = with(|one| {
            one.protocol = "custom".into();
            one.ordered = false;
            one.reliability = Reliability::MaxRetransmits(1);
            one.negotiated = Some(1);
        });
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "test", given.clone());
        let channel = pair.peers[ALICE].data_channel(id).unwrap();
        let mut expected = given;
        expected.label = "test".into();
        assert_eq!(*channel.config(), expected);
        assert_eq!(pair.stream(ALICE, id), Some(1));
    }

    #[test]
    fn create_data_channel_with_label_description_should_succeed() {
        for label in ["", "foo", "labél", "\u{1f600}", "\u{fffd}", "null"] {
            let mut pair = Pair::new();
            let id = pair.create(ALICE, label, ChannelConfig::default());
            assert_eq!(pair.peers[ALICE].data_channel(id).unwrap().config().label, label);
        }
    }

    #[test]
    fn create_data_channel_with_ordered_false_should_succeed() {
        let configs = on_both_sides(with(|one| {
            one.ordered = false;
        }));
        assert!(configs.iter().all(|config| !config.ordered));
    }

    #[test]
    fn create_data_channel_with_max_packet_life_time_0_should_succeed() {
        let reliability = Reliability::MaxLifetime(Duration::ZERO);
        let configs = on_both_sides(with(|one| {
            one.reliability = reliability;
        }));
        assert!(configs.iter().all(|config| config.reliability == reliability));
    }

    #[test]
    fn create_data_channel_with_max_retransmits_0_should_succeed() {
        let reliability = Reliability::MaxRetransmits(0);
        let configs = on_both_sides(with(|one| {
            one.reliability = reliability;
        }));
        assert!(configs.iter().all(|config| config.reliability == reliability));
    }

    #[test]
    fn create_data_channel_with_protocol_description_should_succeed() {
        for protocol in ["", "foo", "protocól", "\u{1f600}"] {
            let config = with(|one| {
                one.protocol = protocol.into();
            });
            assert!(on_both_sides(config).iter().all(|config| config.protocol == protocol));
        }
    }

    #[test]
    fn create_data_channel_with_negotiated_true_should_succeed() {
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "", negotiated(3));
        assert_eq!(pair.peers[ALICE].data_channel(id).unwrap().config().negotiated, Some(3));
    }

    #[test]
    fn create_data_channel_with_id_id_should_succeed() {
        for stream in [0, 1, 65_534] {
            assert_eq!(create("", negotiated(stream)), Ok(()));
        }
    }

    #[test]
    fn create_data_channel_with_priority_high_should_succeed() {
        let configs = on_both_sides(with(|one| {
            one.priority = 1024;
        }));
        assert!(configs.iter().all(|config| config.priority == 1024));
    }

    #[test]
    fn channels_created_after_sctp_transport_is_established_should_have_id_assigned() {
        let (mut pair, ids) = Pair::connected();
        let id = pair.create(ALICE, "second", ChannelConfig::default());
        assert!(pair.stream(ALICE, id).is_some());
        assert_ne!(pair.stream(ALICE, id), pair.stream(ALICE, ids[ALICE]));
    }
}

mod data_channel_buffered_amount {
    use super::*;

    #[test]
    fn buffered_amount_should_increase_to_byte_length_of_encoded_unicode_string_sent() {
        let (mut pair, ids) = Pair::connected();
        let text = "helló wörld \u{1f600}";
        pair.send(ALICE, ids[ALICE], Kind::Text, text.as_bytes());
        assert_eq!(pair.peers[ALICE].buffered_amount(ids[ALICE]), text.len());
        pair.run(|pair| pair.messages[BOB].len() == 1);
        pair.wait(1);
        assert_eq!(pair.peers[ALICE].buffered_amount(ids[ALICE]), 0);
    }

    #[test]
    fn buffered_amount_should_increase_to_byte_length_of_buffer_sent() {
        let (mut pair, ids) = Pair::connected();
        pair.send(ALICE, ids[ALICE], Kind::Binary, &[1, 2, 3, 4, 5]);
        assert_eq!(pair.peers[ALICE].buffered_amount(ids[ALICE]), 5);
    }

    #[test]
    fn buffered_amount_should_increase_by_byte_length_for_each_message_sent() {
        let (mut pair, ids) = Pair::connected();
        let mut total = 0;
        for size in [1, 1_000, 30_000] {
            pair.send(ALICE, ids[ALICE], Kind::Binary, &vec![7; size]);
            total += size;
            assert_eq!(pair.peers[ALICE].buffered_amount(ids[ALICE]), total);
        }
    }
}

mod data_channel_close {
    use super::*;

    #[test]
    fn close_datachannel_causes_onclosing_and_onclose_to_be_called() {
        let (mut pair, ids) = Pair::connected();
        closes_in_order(&mut pair, ids);
    }

    #[test]
    fn close_negotiated_datachannel_causes_onclosing_and_onclose_to_be_called() {
        let (mut pair, ids) = negotiated_pair();
        closes_in_order(&mut pair, ids);
    }

    #[test]
    fn close_peerconnection_causes_close_event_and_error_to_be_called_on_datachannel() {
        for (mut pair, ids) in [Pair::connected(), negotiated_pair()] {
            pair.peers[ALICE].close(pair.now);
            pair.run(|pair| is_closed(pair, BOB, ids[BOB]));
            let ended = duologue::ChannelCloseReason::AssociationEnded;
            assert!(
                pair.events[BOB].contains(&Event::ChannelClosed(ids[BOB], ended)),
                "{:?}",
                pair.events[BOB]
            );
        }
    }

    #[test]
    fn close_peerconnection_after_datachannel_close_causes_no_events() {
        for (mut pair, ids) in [Pair::connected(), negotiated_pair()] {
            closes_in_order(&mut pair, ids);
            pair.events.iter_mut().for_each(Vec::clear);
            pair.peers[ALICE].close(pair.now);
            pair.wait(2);
            assert_eq!([ALICE, BOB].map(|who| channel_events(&pair, who).len()), [0, 0]);
        }
    }
}

mod data_channel_id {
    use super::*;

    #[test]
    fn odd_even_role_should_not_be_violated_when_mixing_with_negotiated_channels() {
        let (mut pair, ids) = Pair::connected();
        let parity = pair.stream(ALICE, ids[ALICE]).unwrap() % 2;
        // Streams of both parities are taken by agreement.
        for stream in [2, 3, 4] {
            for who in [ALICE, BOB] {
                pair.create(who, &format!("by agreement {stream}"), negotiated(stream));
            }
        }
        for who in [ALICE, BOB] {
            let own = if who == ALICE { parity } else { 1 - parity };
            for number in 0..3 {
                let id = pair.create(who, &format!("{who} in band {number}"), ChannelConfig::default());
                let stream = pair.stream(who, id).unwrap();
                assert!(stream % 2 == own && !(2..=4).contains(&stream), "{who} {stream}");
            }
        }
        pair.run(|pair| pair.is_open("0 in band 2") && pair.is_open("1 in band 2"));
    }

    #[test]
    fn test_that_ids_are_reusable_after_close_event() {
        let (mut pair, ids) = Pair::connected();
        let stream = pair.stream(ALICE, ids[ALICE]).unwrap();
        closes_in_order(&mut pair, ids);
        let again = [ALICE, BOB].map(|who| pair.create(who, "again", negotiated(stream)));
        pair.run(|pair| pair.is_open("again"));
        pair.send(BOB, again[BOB], Kind::Text, b"hello");
        pair.run(|pair| pair.messages[ALICE].len() == 1);
    }
}

mod data_channel_send {
    use super::*;

    #[test]
    fn data_channel_should_be_able_to_send_simple_string_and_receive_as_string() {
        assert_eq!(sent(&[(Kind::Text, b"hello")]), [(Kind::Text, b"hello".to_vec())]);
    }

    #[test]
    fn data_channel_should_be_able_to_send_unicode_string_and_receive_as_unicode_string() {
        let text = "\u{4e16}\u{754c}\u{4f60}\u{597d}".as_bytes();
        assert_eq!(sent(&[(Kind::Text, text)]), [(Kind::Text, text.to_vec())]);
    }

    #[test]
    fn data_channel_should_be_able_to_send_uint8_array_message_and_receive_as_array_buffer() {
        assert_eq!(sent(&[(Kind::Binary, &[0, 1, 255])]), [(Kind::Binary, vec![0, 1, 255])]);
    }

    #[test]
    fn sending_multiple_messages_with_different_types_should_succeed_and_be_received() {
        let messages: [(Kind, &[u8]); 4] = [
            (Kind::Text, b"hello"),
            (Kind::Binary, &[1, 2]),
            (Kind::Text, "\u{1f600}".as_bytes()),
            (Kind::Binary, b""),
        ];
        let expected: Vec<_> = messages.iter().map(|(kind, payload)| (*kind, payload.to_vec())).collect();
        assert_eq!(sent(&messages), expected);
    }

    #[test]
    fn sending_on_a_connecting_channel_without_a_stream_is_refused() {
        let mut pair = Pair::new();
        let id = pair.create(ALICE, "chat", ChannelConfig::default());
        let early = Bytes::from_static(b"early");
        let refused = pair.peers[ALICE].send(pair.now, id, Kind::Text, early.clone());
        assert_eq!(refused, Err(SendError::NoSuchStream(early)));
    }
}

mod datachannel_emptystring {
    use super::*;

    #[test]
    fn can_send_empty_strings_across_a_web_rtc_data_channel() {
        assert_eq!(
            sent(&[(Kind::Text, b""), (Kind::Text, b"x")]),
            [(Kind::Text, vec![]), (Kind::Text, b"x".to_vec())]
        );
    }
}

mod ondatachannel {
    use super::*;

    #[test]
    fn datachannel_event_should_fire_when_new_data_channel_is_announced_to_the_remote_peer() {
        let (pair, ids) = Pair::connected();
        assert_eq!(channel_events(&pair, BOB), [&Event::DataChannel(ids[BOB])]);
        let channel = pair.peers[BOB].data_channel(ids[BOB]).unwrap();
        assert!(channel.is_opened_by_peer() && channel.state() == ChannelState::Open);
        assert!(channel_events(&pair, ALICE).is_empty());
    }

    #[test]
    fn data_channel_created_on_remote_peer_should_match_the_same_configuration_as_local_peer() {
        let config = with(|one| {
            one.protocol = "custom".into();
            one.ordered = false;
            one.reliability = Reliability::MaxRetransmits(1);
            one.priority = 512;
        });
        let [ours, theirs] = on_both_sides(config);
        assert_eq!(ours, theirs);
        assert_eq!(theirs.label, "chat");
    }

    #[test]
    fn data_channel_created_with_negotiated_set_to_true_should_not_fire_datachannel_event_on() {
        let (mut pair, _) = negotiated_pair();
        pair.wait(1);
        assert_eq!([ALICE, BOB].map(|who| channel_events(&pair, who).len()), [0, 0]);
    }
}
