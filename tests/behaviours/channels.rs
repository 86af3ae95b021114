//! Data channels as they are created.

use crate::pair::{ALICE, BOB, Pair, negotiated, on_both_sides, with};
use duologue::sctp::Reliability;
use duologue::{ChannelConfig, ChannelState, CreateError, Event};
use std::time::Duration;

const LIMIT: usize = 65_535;

fn create(label: &str, config: ChannelConfig) -> Result<(), CreateError> {
    let mut pair = Pair::new();
    pair.peers[ALICE].create_data_channel(pair.now, label, config).map(drop)
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
