//! Data channels that are open, and their end.

use crate::pair::{ALICE, BOB, Pair, negotiated, on_both_sides, with};
use bytes::Bytes;
use duologue::sctp::Reliability;
use duologue::{ChannelConfig, ChannelId, ChannelState, Event, Kind, SendError};

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
