//! Tracks and transceivers are added, and tracks removed.

use crate::support::{
    create_offer, directed, events, exchange, lines, needed, only, pair, peer, state, texts,
};
use duologue_sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{Encoding, Negotiator, TransceiverError, TransceiverId, TransceiverInit};

fn with_encodings(encodings: Vec<Encoding>) -> TransceiverInit {
    let mut init = TransceiverInit::default();
    init.send_encodings = encodings;
    init
}

fn with_track(track: &str) -> TransceiverInit {
    let mut init = TransceiverInit::default();
    init.track = Some(track.into());
    init
}

/// A transceiver of `peer`'s that `other` has not: `other` has fewer.
fn foreign(peer: &mut Negotiator, by_track: bool) -> TransceiverId {
    peer.add_transceiver(Audio, TransceiverInit::default()).unwrap();
    match by_track {
        true => peer.add_track(Video, "camera", &[]).unwrap(),
        false => peer.add_transceiver(Video, with_track("camera")).unwrap(),
    }
}

/// Two peers of which the first one's transceiver is `direction` by agreement.
fn agreed(direction: duologue_sdp::Direction) -> (Negotiator, TransceiverId) {
    let (mut alice, mut bob) = pair();
    let mut init = directed(direction);
    init.track = Some("microphone".into());
    let id = alice.add_transceiver(Audio, init).unwrap();
    if direction.receives() {
        bob.add_track(Audio, "other microphone", &[]).unwrap();
    }
    exchange(&mut alice, &mut bob);
    assert_eq!(state(&alice, id).current_direction(), Some(direction));
    (alice, id)
}

mod add_track {
    use super::*;

    #[test]
    fn add_track_when_pc_is_closed_should_throw_invalid_state_error() {
        let mut alice = peer("alice");
        alice.close();
        assert_eq!(alice.add_track(Audio, "microphone", &[]), Err(TransceiverError::Closed));
    }

    #[test]
    fn add_track_with_single_track_argument_and_no_stream_should_succeed() {
        let mut alice = peer("alice");
        let id = alice.add_track(Audio, "microphone", &[]).unwrap();
        let transceiver = only(&alice);
        assert_eq!((transceiver.id(), transceiver.sender_track()), (id, Some("microphone")));
        assert!(transceiver.streams().is_empty());
    }

    #[test]
    fn add_track_with_single_track_argument_and_single_stream_should_succeed() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &texts(&["one"])).unwrap();
        assert_eq!(only(&alice).sender_track(), Some("microphone"));
        assert_eq!(only(&alice).streams(), texts(&["one"]));
    }

    #[test]
    fn add_track_with_single_track_argument_and_multiple_streams_should_succeed() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &texts(&["one", "two", "three"])).unwrap();
        assert_eq!(only(&alice).sender_track(), Some("microphone"));
        assert_eq!(only(&alice).streams(), texts(&["one", "two", "three"]));
    }

    #[test]
    fn adding_the_same_track_multiple_times_should_throw_invalid_access_error() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &texts(&["one"])).unwrap();
        let again = alice.add_track(Audio, "microphone", &texts(&["one"]));
        assert_eq!(again, Err(TransceiverError::TrackTaken));
        only(&alice);
    }

    #[test]
    fn add_track_with_existing_sender_with_null_track_same_kind_and_recvonly_direction_should() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        assert_eq!(alice.add_track(Audio, "microphone", &[]), Ok(id));
        assert_eq!(only(&alice).sender_track(), Some("microphone"));
        assert_eq!(only(&alice).direction(), Some(SendRecv));
    }

    #[test]
    fn add_track_with_existing_sender_that_has_not_been_used_to_send_should_reuse_the_sender() {
        let (mut alice, mut bob) = pair();
        let id = alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        exchange(&mut alice, &mut bob);
        alice.set_direction(id, Inactive).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!(alice.add_track(Audio, "microphone", &[]), Ok(id));
        assert_eq!(only(&alice).sender_track(), Some("microphone"));
        assert_eq!(only(&alice).direction(), Some(SendOnly));
    }

    #[test]
    fn add_track_with_existing_sender_that_has_been_used_to_send_should_create_new_sender() {
        let (mut alice, mut bob) = pair();
        let used = alice.add_track(Audio, "microphone", &[]).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!(state(&alice, used).current_direction(), Some(SendOnly));
        alice.remove_track(used).unwrap();
        exchange(&mut alice, &mut bob);
        let id = alice.add_track(Audio, "microphone", &[]).unwrap();
        assert_ne!(id, used);
        assert_eq!(alice.transceivers().count(), 2);
    }

    #[test]
    fn add_track_with_existing_sender_with_null_track_different_kind_and_recvonly_direction() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Video, directed(RecvOnly)).unwrap();
        assert_ne!(alice.add_track(Audio, "microphone", &[]), Ok(id));
        assert_eq!(state(&alice, id).sender_track(), None);
        assert_eq!(state(&alice, id).direction(), Some(RecvOnly));
        assert_eq!(alice.transceivers().map(|one| one.kind()).collect::<Vec<_>>(), [Video, Audio]);
    }
}

mod add_transceiver {
    use super::*;

    #[test]
    fn add_transceiver_audio_should_return_an_audio_transceiver() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let transceiver = only(&alice);
        assert_eq!((transceiver.id(), transceiver.kind()), (id, Audio));
        assert_eq!((transceiver.mid(), transceiver.sender_track()), (None, None));
        assert_eq!((transceiver.direction(), transceiver.current_direction()), (Some(SendRecv), None));
        assert!(!transceiver.stopped() && !transceiver.receiver_track().is_empty());
    }

    #[test]
    fn add_transceiver_video_should_return_a_video_transceiver() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let transceiver = only(&alice);
        assert_eq!((transceiver.id(), transceiver.kind()), (id, Video));
        assert_eq!((transceiver.mid(), transceiver.sender_track()), (None, None));
        assert_eq!((transceiver.direction(), transceiver.current_direction()), (Some(SendRecv), None));
        assert!(!transceiver.stopped() && !transceiver.receiver_track().is_empty());
    }

    #[test]
    fn add_transceiver_with_direction_sendonly_should_have_result_transceiver_direction_be_the() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, directed(SendOnly)).unwrap();
        assert_eq!(only(&alice).direction(), Some(SendOnly));
        assert_eq!(lines(&create_offer(&mut alice), "a=sendonly"), [""]);
    }

    #[test]
    fn add_transceiver_with_direction_inactive_should_have_result_transceiver_direction_be_the() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, directed(Inactive)).unwrap();
        assert_eq!(only(&alice).direction(), Some(Inactive));
        assert_eq!(lines(&create_offer(&mut alice), "a=inactive"), [""]);
    }

    #[test]
    fn add_transceiver_track_should_have_result_with_sender_track_be_given_track() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, with_track("microphone")).unwrap();
        let transceiver = only(&alice);
        assert_eq!(transceiver.sender_track(), Some("microphone"));
        assert_ne!(transceiver.receiver_track(), "microphone");
        assert_eq!((transceiver.kind(), transceiver.direction()), (Audio, Some(SendRecv)));
    }

    #[test]
    fn add_transceiver_track_multiple_times_should_create_multiple_transceivers() {
        let mut alice = peer("alice");
        let ids = [0, 1].map(|_| alice.add_transceiver(Audio, with_track("microphone")).unwrap());
        assert_ne!(ids[0], ids[1]);
        let transceivers: Vec<_> = alice.transceivers().collect();
        assert_eq!(transceivers.len(), 2);
        assert!(transceivers.iter().all(|one| one.sender_track() == Some("microphone")));
        assert_ne!(transceivers[0].receiver_track(), transceivers[1].receiver_track());
    }

    #[test]
    fn add_transceiver_with_rid_containing_invalid_non_alphanumeric_characters_should_throw() {
        let mut alice = peer("alice");
        for rid in ["@Invalid!", "a b", "é", ""] {
            let init = with_encodings(vec![Encoding::with_rid(rid)]);
            assert_eq!(alice.add_transceiver(Video, init), Err(TransceiverError::Rid), "{rid}");
        }
        assert_eq!(alice.transceivers().count(), 0);
    }

    #[test]
    fn add_transceiver_with_rid_longer_than_16_characters_should_throw_type_error() {
        let mut alice = peer("alice");
        let init = with_encodings(vec![Encoding::with_rid("a".repeat(17))]);
        assert_eq!(alice.add_transceiver(Video, init), Err(TransceiverError::Rid));
        let init = with_encodings(vec![Encoding::with_rid("a".repeat(16))]);
        assert!(alice.add_transceiver(Video, init).is_ok());
    }

    #[test]
    fn add_transceiver_with_valid_rid_value_should_succeed() {
        let mut alice = peer("alice");
        alice.add_transceiver(Video, with_encodings(vec![Encoding::with_rid("foo")])).unwrap();
        assert_eq!(only(&alice).encodings()[0].rid.as_deref(), Some("foo"));
    }

    #[test]
    fn add_transceiver_with_valid_send_encodings_should_succeed() {
        let mut alice = peer("alice");
        let mut encoding = Encoding::default();
        encoding.active = false;
        encoding.max_bitrate = Some(8);
        encoding.max_framerate = Some(25.0);
        alice.add_transceiver(Video, with_encodings(vec![encoding])).unwrap();
        let [encoding] = only(&alice).encodings() else { panic!("one encoding") };
        assert_eq!(
            (encoding.active, encoding.max_bitrate, encoding.max_framerate),
            (false, Some(8), Some(25.0))
        );
    }
}

mod get_transceivers {
    use super::*;

    #[test]
    fn initial_peer_connection_should_have_list_of_zero_senders_receivers_and_transceivers() {
        let alice = peer("alice");
        assert_eq!(alice.transceivers().count(), 0);
    }
}

mod remove_track {
    use super::*;

    #[test]
    fn add_transceiver_calling_remove_track_when_connection_is_closed_should_throw_invalid() {
        for by_track in [false, true] {
            let mut alice = peer("alice");
            let id = foreign(&mut alice, by_track);
            alice.close();
            assert_eq!(alice.remove_track(id), Err(TransceiverError::Closed));
            assert_eq!(state(&alice, id).sender_track(), Some("camera"));
        }
    }

    #[test]
    fn add_transceiver_calling_remove_track_on_different_connection_that_is_closed_should() {
        for by_track in [false, true] {
            let (mut alice, mut bob) = pair();
            let id = foreign(&mut alice, by_track);
            bob.close();
            assert_eq!(bob.remove_track(id), Err(TransceiverError::Closed));
            assert_eq!(state(&alice, id).sender_track(), Some("camera"));
        }
    }

    #[test]
    fn add_transceiver_calling_remove_track_on_different_connection_should_throw_invalid() {
        for by_track in [false, true] {
            let (mut alice, mut bob) = pair();
            let id = foreign(&mut alice, by_track);
            assert_eq!(bob.remove_track(id), Err(TransceiverError::Unknown));
            assert_eq!(state(&alice, id).sender_track(), Some("camera"));
        }
    }

    #[test]
    fn add_transceiver_calling_remove_track_with_valid_sender_should_set_sender_track_to_null() {
        for by_track in [false, true] {
            let mut alice = peer("alice");
            let id = foreign(&mut alice, by_track);
            assert_eq!(alice.remove_track(id), Ok(()));
            assert_eq!(state(&alice, id).sender_track(), None);
            assert_eq!(state(&alice, id).direction(), Some(RecvOnly));
        }
    }

    #[test]
    fn calling_remove_track_with_current_direction_sendrecv_should_set_direction_to_recvonly() {
        let (mut alice, id) = agreed(SendRecv);
        alice.remove_track(id).unwrap();
        let transceiver = state(&alice, id);
        assert_eq!((transceiver.sender_track(), transceiver.direction()), (None, Some(RecvOnly)));
        assert_eq!(transceiver.current_direction(), Some(SendRecv));
    }

    #[test]
    fn calling_remove_track_with_current_direction_sendonly_should_set_direction_to_inactive() {
        let (mut alice, id) = agreed(SendOnly);
        alice.remove_track(id).unwrap();
        let transceiver = state(&alice, id);
        assert_eq!((transceiver.sender_track(), transceiver.direction()), (None, Some(Inactive)));
        assert_eq!(transceiver.current_direction(), Some(SendOnly));
    }

    #[test]
    fn calling_remove_track_with_current_direction_recvonly_should_not_change_direction() {
        let (mut alice, id) = agreed(RecvOnly);
        alice.remove_track(id).unwrap();
        let transceiver = state(&alice, id);
        assert_eq!((transceiver.sender_track(), transceiver.direction()), (None, Some(RecvOnly)));
        assert_eq!(transceiver.current_direction(), Some(RecvOnly));
    }

    #[test]
    fn calling_remove_track_with_current_direction_inactive_should_not_change_direction() {
        let (mut alice, id) = agreed(Inactive);
        alice.remove_track(id).unwrap();
        let transceiver = state(&alice, id);
        assert_eq!((transceiver.sender_track(), transceiver.direction()), (None, Some(Inactive)));
        assert_eq!(transceiver.current_direction(), Some(Inactive));
    }
}

mod rtp_transceiver_set_direction {
    use super::*;

    #[test]
    fn set_direction_should_change_transceiver_direction() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        for direction in [Inactive, RecvOnly, SendOnly, SendRecv] {
            alice.set_direction(id, direction).unwrap();
            assert_eq!(only(&alice).direction(), Some(direction));
            assert_eq!(only(&alice).current_direction(), None);
        }
    }

    #[test]
    fn set_direction_with_same_direction_should_have_no_effect() {
        let (mut alice, id) = agreed(SendOnly);
        events(&mut alice);
        alice.set_direction(id, SendOnly).unwrap();
        assert_eq!(state(&alice, id).direction(), Some(SendOnly));
        assert!(!alice.negotiation_needed() && !needed(&mut alice));
    }

    #[test]
    fn set_direction_should_change_transceiver_direction_independent_of_transceiver_current() {
        let (mut alice, id) = agreed(RecvOnly);
        alice.set_direction(id, SendRecv).unwrap();
        assert_eq!(state(&alice, id).direction(), Some(SendRecv));
        assert_eq!(state(&alice, id).current_direction(), Some(RecvOnly));
    }
}
