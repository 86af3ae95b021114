//! Transceivers from their beginning to their end.

use crate::support::{
    answer, create_offer, directed, exchange, lines, local_offer, offer, only, pair, peer, state, texts,
    tracks,
};
use duologue_sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{Encoding, Negotiator, SdpType, TransceiverInit};

/// A pair after the first one has offered a track of the stream "stream".
fn offered() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
    offer(&mut alice, &mut bob);
    (alice, bob)
}

/// The streams that arrive with a transceiver of these streams.
fn arriving(streams: &[&str], by_track: bool) -> Vec<duologue_sdp::Text> {
    let (mut alice, mut bob) = pair();
    if by_track {
        alice.add_track(Audio, "microphone", &texts(streams)).unwrap();
    } else {
        let mut init = TransceiverInit::default();
        init.track = Some("microphone".into());
        init.streams = texts(streams);
        alice.add_transceiver(Audio, init).unwrap();
    }
    offer(&mut alice, &mut bob);
    assert_eq!(tracks(&mut bob), [only(&bob).id()]);
    only(&bob).remote_streams().to_vec()
}

mod transceivers {
    use super::*;

    #[test]
    fn add_track_creates_a_transceiver_for_the_sender() {
        let mut alice = peer("alice");
        let id = alice.add_track(Audio, "microphone", &[]).unwrap();
        let transceiver = only(&alice);
        assert_eq!((transceiver.id(), transceiver.sender_track()), (id, Some("microphone")));
        assert_eq!(transceiver.kind(), Audio);
    }

    #[test]
    fn add_track_transceiver_is_not_associated_with_an_m_section() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        assert_eq!(only(&alice).mid(), None);
    }

    #[test]
    fn add_track_transceiver_is_not_stopped() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        assert!(!only(&alice).stopped());
    }

    #[test]
    fn add_track_transceivers_direction_is_sendrecv() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        assert_eq!(only(&alice).direction(), Some(SendRecv));
    }

    #[test]
    fn add_track_transceivers_current_direction_is_null() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        assert_eq!(only(&alice).current_direction(), None);
    }

    #[test]
    fn add_track_transceiver_sender_is_associated_with_the_track() {
        let mut alice = peer("alice");
        let id = alice.add_track(Audio, "microphone", &[]).unwrap();
        assert_eq!(state(&alice, id).sender_track(), Some("microphone"));
    }

    #[test]
    fn add_track_transceiver_receiver_has_its_own_track() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        alice.add_track(Audio, "other microphone", &[]).unwrap();
        let tracks: Vec<_> = alice.transceivers().map(|one| one.receiver_track()).collect();
        assert!(tracks.iter().all(|track| !track.is_empty() && *track != "microphone"));
        assert_ne!(tracks[0], tracks[1]);
    }

    #[test]
    fn set_local_description_offer_transceiver_gets_associated_with_an_m_section() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        local_offer(&mut alice);
        assert!(only(&alice).mid().is_some());
    }

    #[test]
    fn set_local_description_offer_transceiver_mid_matches_the_offer_sdp() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        let offer = local_offer(&mut alice);
        assert_eq!(lines(&offer, "a=mid:"), [only(&alice).mid().unwrap()]);
    }

    #[test]
    fn set_remote_description_offer_ontrack_fires_with_a_track() {
        let (_, mut bob) = offered();
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
        let transceiver = only(&bob);
        assert_eq!((transceiver.kind(), transceiver.sender_track()), (Audio, None));
        assert!(!transceiver.receiver_track().is_empty());
    }

    #[test]
    fn set_remote_description_offer_ontracks_stream_id_is_the_same_as_stream_id() {
        let (_, bob) = offered();
        assert_eq!(only(&bob).remote_streams(), texts(&["stream"]));
    }

    #[test]
    fn set_remote_description_offer_transceiver_mid_is_the_same_on_both_ends() {
        let (alice, bob) = offered();
        assert_eq!(only(&alice).mid(), only(&bob).mid());
        assert!(only(&bob).mid().is_some());
    }

    #[test]
    fn set_remote_description_offer_transceiver_direction_is_recvonly() {
        let (_, bob) = offered();
        assert_eq!(only(&bob).direction(), Some(RecvOnly));
    }

    #[test]
    fn set_remote_description_offer_transceiver_current_direction_is_null() {
        let (_, bob) = offered();
        assert_eq!(only(&bob).current_direction(), None);
    }

    #[test]
    fn set_remote_description_offer_transceiver_stopped_is_false() {
        let (_, bob) = offered();
        assert!(!only(&bob).stopped());
    }

    #[test]
    fn set_local_description_answer_transceiver_current_direction_is_recvonly() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        assert_eq!(only(&bob).current_direction(), None);
        bob.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
        assert_eq!(only(&bob).current_direction(), Some(RecvOnly));
    }

    #[test]
    fn set_local_description_answer_transceiver_current_direction_is_sendonly() {
        let (mut alice, mut bob) = offered();
        assert_eq!(only(&alice).current_direction(), None);
        answer(&mut bob, &mut alice);
        assert_eq!(only(&alice).current_direction(), Some(SendOnly));
        assert_eq!(only(&alice).direction(), Some(SendRecv));
    }

    #[test]
    fn add_transceiver_track_init_initialize_direction_to_inactive() {
        let mut alice = peer("alice");
        let mut init = directed(Inactive);
        init.track = Some("microphone".into());
        alice.add_transceiver(Audio, init).unwrap();
        assert_eq!(only(&alice).direction(), Some(Inactive));
    }

    #[test]
    fn add_transceiver_track_init_initialize_send_encodings_0_active_to_false() {
        let mut alice = peer("alice");
        let mut init = TransceiverInit::default();
        init.track = Some("microphone".into());
        init.send_encodings = vec![Encoding::default()];
        init.send_encodings[0].active = false;
        let id = alice.add_transceiver(Audio, init).unwrap();
        assert!(!alice.parameters(id).unwrap().encodings[0].active);
    }

    #[test]
    fn add_transceiver_0_streams_ontrack_fires_with_no_stream() {
        assert_eq!(arriving(&[], false), texts(&[]));
    }

    #[test]
    fn add_transceiver_1_stream_ontrack_fires_with_corresponding_stream() {
        assert_eq!(arriving(&["one"], false), texts(&["one"]));
    }

    #[test]
    fn add_transceiver_2_streams_ontrack_fires_with_corresponding_two_streams() {
        assert_eq!(arriving(&["one", "two"], false), texts(&["one", "two"]));
    }

    #[test]
    fn add_track_0_streams_ontrack_fires_with_no_stream() {
        assert_eq!(arriving(&[], true), texts(&[]));
    }

    #[test]
    fn add_track_1_stream_ontrack_fires_with_corresponding_stream() {
        assert_eq!(arriving(&["one"], true), texts(&["one"]));
    }

    #[test]
    fn add_track_2_streams_ontrack_fires_with_corresponding_two_streams() {
        assert_eq!(arriving(&["one", "two"], true), texts(&["one", "two"]));
    }

    #[test]
    fn add_transceiver_track_creates_a_transceiver_for_the_track() {
        let mut alice = peer("alice");
        let mut init = TransceiverInit::default();
        init.track = Some("microphone".into());
        let id = alice.add_transceiver(Audio, init).unwrap();
        assert_eq!((only(&alice).id(), only(&alice).sender_track()), (id, Some("microphone")));
        assert!(!only(&alice).receiver_track().is_empty());
    }

    #[test]
    fn add_transceiver_audio_creates_a_transceiver_with_direction_sendrecv() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(only(&alice).direction(), Some(SendRecv));
    }

    #[test]
    fn add_transceiver_audio_transceiver_receiver_track_kind_audio() {
        for kind in [Audio, Video] {
            let mut alice = peer("alice");
            alice.add_transceiver(kind, TransceiverInit::default()).unwrap();
            assert_eq!(only(&alice).kind(), kind);
            let offer = create_offer(&mut alice).media[0].kind.name().to_owned();
            assert_eq!(offer, if kind == Audio { "audio" } else { "video" });
        }
    }

    #[test]
    fn add_transceiver_audio_transceiver_sender_track_null() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(only(&alice).sender_track(), None);
    }

    #[test]
    fn add_transceiver_audio_transceiver_current_direction_is_null() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(only(&alice).current_direction(), None);
    }

    #[test]
    fn add_transceiver_audio_transceiver_stopped_is_false() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert!(!only(&alice).stopped());
    }

    #[test]
    fn add_track_reuses_reusable_transceivers() {
        let (_, mut bob) = offered();
        let id = only(&bob).id();
        assert_eq!(bob.add_track(Audio, "other", &[]), Ok(id));
        assert_eq!((only(&bob).sender_track(), only(&bob).direction()), (Some("other"), Some(SendRecv)));
    }

    #[test]
    fn add_transceiver_does_not_reuse_reusable_transceivers() {
        let (_, mut bob) = offered();
        let id = only(&bob).id();
        let added = bob.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_ne!(added, id);
        assert_eq!(bob.transceivers().map(|one| one.id()).collect::<Vec<_>>(), [id, added]);
        assert_eq!(state(&bob, id).direction(), Some(RecvOnly));
    }

    #[test]
    fn can_setup_two_way_call_using_a_single_transceiver() {
        let (mut alice, mut bob) = offered();
        bob.add_track(Audio, "other", &texts(&["back"])).unwrap();
        answer(&mut bob, &mut alice);
        for one in [&alice, &bob] {
            assert_eq!(only(one).current_direction(), Some(SendRecv));
        }
        assert_eq!(tracks(&mut alice), [only(&alice).id()]);
        assert_eq!(only(&alice).remote_streams(), texts(&["back"]));
    }

    #[test]
    fn closing_the_pc_stops_the_transceivers() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        let id = only(&alice).id();
        alice.close();
        let closed = state(&alice, id);
        assert!(closed.stopped());
        assert_eq!((closed.direction(), closed.current_direction()), (None, None));
    }

    #[test]
    fn changing_transceiver_direction_to_sendrecv_makes_ontrack_fire() {
        let (mut alice, mut bob) = pair();
        let id = alice.add_transceiver(Audio, directed(Inactive)).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), []);
        alice.set_direction(id, SendRecv).unwrap();
        exchange(&mut alice, &mut bob);
        assert_eq!(tracks(&mut bob), [only(&bob).id()]);
    }

    #[test]
    fn transceiver_sender_track_does_not_revert_to_an_old_state() {
        let (mut alice, mut bob) = offered();
        let id = only(&alice).id();
        alice.replace_track(id, Some("other".into())).unwrap();
        answer(&mut bob, &mut alice);
        assert_eq!(only(&alice).sender_track(), Some("other"));
        alice.replace_track(id, None).unwrap();
        local_offer(&mut alice);
        alice.set_local_description(SdpType::Rollback, None).unwrap();
        assert_eq!(only(&alice).sender_track(), None);
    }

    #[test]
    fn transceiver_direction_does_not_revert_to_an_old_state() {
        let (mut alice, mut bob) = offered();
        let id = only(&alice).id();
        alice.set_direction(id, RecvOnly).unwrap();
        answer(&mut bob, &mut alice);
        assert_eq!(only(&alice).direction(), Some(RecvOnly));
        alice.set_direction(id, Inactive).unwrap();
        local_offer(&mut alice);
        alice.set_local_description(SdpType::Rollback, None).unwrap();
        assert_eq!(only(&alice).direction(), Some(Inactive));
        assert_eq!(only(&alice).current_direction(), Some(SendOnly));
    }
}
