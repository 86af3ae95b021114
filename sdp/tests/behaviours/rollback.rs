//! Offers that are taken back.

use crate::support::{
    answer, create_offer, directed, events, exchange, local_offer, nth, offer, only, pair, peer, signalled,
    state, texts,
};
use duologue_sdp::Direction::{Inactive, RecvOnly, SendOnly};
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::Event::{AddTrack, NegotiationNeeded, RemoveTrack, SignalingStateChange, Track};
use duologue_sdp::jsep::SdpType::{Offer, Rollback};
use duologue_sdp::jsep::SignalingState::{HaveLocalOffer, HaveRemoteOffer, Stable};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{DescriptionError, Negotiator, Operation, StateError, TransceiverInit};

/// What a rollback is called with; it is not looked at.
fn nothing() -> SessionDescription {
    "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".parse().unwrap()
}

fn roll_back(peer: &mut Negotiator) {
    peer.set_remote_description(Rollback, &nothing()).unwrap();
}

/// The peer's offer of one audio track, set and waiting.
fn with_remote_audio() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
    offer(&mut alice, &mut bob);
    (alice, bob)
}

mod set_remote_description_rollback {
    use super::*;

    #[test]
    fn set_remote_description_rollback_in_have_remote_offer_state_should_revert_to_stable_state() {
        let (_, mut bob) = with_remote_audio();
        events(&mut bob);
        roll_back(&mut bob);
        assert!(events(&mut bob).contains(&SignalingStateChange(Stable)));
        assert_eq!((bob.signaling_state(), bob.remote_description()), (Stable, None));
        assert_eq!(bob.pending_remote_description(), None);
    }

    #[test]
    fn set_remote_description_rollback_from_stable_state_should_reject_with_invalid_state_error() {
        let error = StateError { state: Stable, operation: Operation::SetRemote(Rollback) };
        let result = peer("bob").set_remote_description(Rollback, &nothing());
        assert_eq!(result, Err(DescriptionError::State(error)));
    }

    #[test]
    fn set_remote_description_rollback_should_ignore_invalid_sdp_content_and_succeed() {
        let (_, mut bob) = with_remote_audio();
        bob.set_remote_description(Rollback, &nothing()).unwrap();
        assert_eq!(bob.signaling_state(), Stable);
    }

    #[test]
    fn local_offer_created_before_set_remote_description_remote_offer_then_rollback_should() {
        let (mut alice, mut bob) = pair();
        bob.add_track(Audio, "bob's", &[]).unwrap();
        let own = create_offer(&mut bob);
        alice.add_track(Audio, "alice's", &[]).unwrap();
        offer(&mut alice, &mut bob);
        roll_back(&mut bob);
        bob.set_local_description(Offer, Some(&own)).unwrap();
        assert_eq!((bob.signaling_state(), only(&bob).mid()), (HaveLocalOffer, own.media[0].mid()));
    }

    #[test]
    fn local_offer_created_before_set_remote_description_remote_offer_with_different() {
        let (mut alice, mut bob) = pair();
        bob.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        bob.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let own = create_offer(&mut bob);
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        offer(&mut alice, &mut bob);
        roll_back(&mut bob);
        bob.set_local_description(Offer, Some(&own)).unwrap();
        assert_eq!(nth(&bob, 0).mid(), own.media[0].mid());
        assert_eq!(nth(&bob, 1).mid(), own.media[1].mid());
        alice.set_local_description(Rollback, None).unwrap();
        alice.set_remote_description(Offer, &signalled(&own)).unwrap();
        answer(&mut alice, &mut bob);
        assert_eq!((alice.signaling_state(), bob.signaling_state()), (Stable, Stable));
    }

    #[test]
    fn rollback_of_a_remote_offer_should_remove_a_transceiver() {
        let (_, mut bob) = with_remote_audio();
        let id = only(&bob).id();
        roll_back(&mut bob);
        assert_eq!(bob.transceivers().count(), 0);
        assert!(bob.transceiver(id).is_none_or(|one| one.stopped()));
    }

    #[test]
    fn rollback_of_a_remote_offer_should_remove_touched_transceiver() {
        let (_, mut bob) = with_remote_audio();
        let id = only(&bob).id();
        bob.set_direction(id, Inactive).unwrap();
        bob.replace_track(id, Some("bob's".into())).unwrap();
        roll_back(&mut bob);
        assert_eq!(bob.transceivers().count(), 0);
    }

    #[test]
    fn rollback_of_a_remote_offer_should_keep_a_transceiver() {
        let (_, mut bob) = with_remote_audio();
        let id = only(&bob).id();
        assert_eq!(bob.add_track(Audio, "bob's", &[]), Ok(id));
        roll_back(&mut bob);
        let kept = only(&bob);
        assert_eq!((kept.id(), kept.mid(), kept.sender_track()), (id, None, Some("bob's")));
        assert_eq!((kept.stopped(), kept.current_direction()), (false, None));
    }

    #[test]
    fn rollback_of_a_remote_offer_should_keep_a_transceiver_created_by_addtrack() {
        let (mut alice, mut bob) = pair();
        let id = bob.add_track(Audio, "bob's", &[]).unwrap();
        alice.add_track(Audio, "alice's", &[]).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(only(&bob).mid(), Some("m0"));
        roll_back(&mut bob);
        assert_eq!((only(&bob).id(), only(&bob).mid(), only(&bob).stopped()), (id, None, false));
    }

    #[test]
    fn rollback_of_a_remote_offer_should_keep_a_transceiver_without_tracks() {
        let (_, mut bob) = with_remote_audio();
        let id = bob.add_track(Audio, "bob's", &[]).unwrap();
        bob.remove_track(id).unwrap();
        roll_back(&mut bob);
        let kept = only(&bob);
        assert_eq!((kept.id(), kept.mid(), kept.sender_track(), kept.stopped()), (id, None, None, false));
    }

    #[test]
    fn explicit_rollback_of_local_offer_should_remove_transceivers_and_transport() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.request_data();
        local_offer(&mut alice);
        alice.set_local_description(Rollback, None).unwrap();
        // A transceiver that the application made stays, without its section.
        assert_eq!((only(&alice).id(), only(&alice).mid()), (id, None));
        assert_eq!((alice.local_transport_mid(), alice.is_offerer(), alice.data()), (None, None, None));
    }

    #[test]
    fn when_using_add_transceiver_implicit_rollback_of_a_local_offer_should_visit_stable_state() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        local_offer(&mut alice);
        events(&mut alice);
        bob.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        offer(&mut bob, &mut alice);
        let told = events(&mut alice);
        assert_eq!(told[..2], [SignalingStateChange(Stable), SignalingStateChange(HaveRemoteOffer)]);
        assert!(!told.contains(&NegotiationNeeded));
        // Its own transceiver was not taken up for the peer's section, so there is more to say.
        answer(&mut alice, &mut bob);
        assert_eq!(events(&mut alice), [SignalingStateChange(Stable), NegotiationNeeded]);
    }

    #[test]
    fn when_using_add_track_implicit_rollback_of_a_local_offer_should_visit_stable_state_but() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "alice's", &[]).unwrap();
        local_offer(&mut alice);
        events(&mut alice);
        bob.add_track(Audio, "bob's", &[]).unwrap();
        offer(&mut bob, &mut alice);
        let told = events(&mut alice);
        assert_eq!(told[..2], [SignalingStateChange(Stable), SignalingStateChange(HaveRemoteOffer)]);
        // The track is carried by the peer's section: nothing is left to say.
        answer(&mut alice, &mut bob);
        assert!(!told.contains(&NegotiationNeeded) && events(&mut alice) == [SignalingStateChange(Stable)]);
    }

    #[test]
    fn rollback_of_a_remote_offer_to_negotiated_stable_state_should_enable_applying_of_a_local() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        exchange(&mut alice, &mut bob);
        let id = only(&bob).id();
        let mut second = directed(RecvOnly);
        second.track = Some("camera".into());
        alice.add_transceiver(Video, second).unwrap();
        offer(&mut alice, &mut bob);
        roll_back(&mut bob);
        assert_eq!((bob.signaling_state(), only(&bob).id()), (Stable, id));
        alice.set_local_description(Rollback, None).unwrap();
        bob.set_direction(id, Inactive).unwrap();
        exchange(&mut bob, &mut alice);
        assert_eq!(only(&bob).current_direction(), Some(Inactive));
    }

    #[test]
    fn rollback_of_a_local_offer_to_negotiated_stable_state_should_enable_applying_of_a_remote() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        exchange(&mut alice, &mut bob);
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        local_offer(&mut alice);
        alice.set_local_description(Rollback, None).unwrap();
        bob.add_track(Video, "camera", &[]).unwrap();
        exchange(&mut bob, &mut alice);
        assert_eq!(nth(&bob, 1).current_direction(), Some(SendOnly));
        assert_eq!(alice.current_remote_description().unwrap().media.len(), 2);
    }

    #[test]
    fn rollback_a_local_offer_with_audio_direction_change_to_negotiated_stable_state_and_then() {
        let (mut alice, mut bob) = pair();
        let audio = alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        exchange(&mut alice, &mut bob);
        alice.set_direction(audio, Inactive).unwrap();
        local_offer(&mut alice);
        alice.set_local_description(Rollback, None).unwrap();
        assert_eq!(state(&alice, audio).direction(), Some(Inactive));
        let video = alice.add_transceiver(Video, directed(RecvOnly)).unwrap();
        let (offer, _) = exchange(&mut alice, &mut bob);
        assert_eq!(offer.media.len(), 2);
        assert_eq!(state(&alice, audio).current_direction(), Some(Inactive));
        assert_eq!(state(&alice, video).mid(), offer.media[1].mid());
    }

    #[test]
    fn two_transceivers_with_same_mids() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        bob.add_transceiver(Video, TransceiverInit::default()).unwrap();
        local_offer(&mut bob);
        assert_eq!(only(&bob).mid(), Some("m0"));
        // The peer's offer has the mid that ours had.
        offer(&mut alice, &mut bob);
        let mids: Vec<_> = bob.transceivers().map(|one| (one.kind(), one.mid())).collect();
        assert_eq!(mids, [(Video, None), (Audio, Some("m0"))]);
        answer(&mut bob, &mut alice);
        let (offer, _) = exchange(&mut bob, &mut alice);
        assert_eq!(nth(&bob, 0).mid(), offer.media[1].mid());
        assert_ne!(nth(&bob, 0).mid(), nth(&bob, 1).mid());
    }

    #[test]
    fn onremovetrack_fires_during_remote_rollback() {
        let (_, mut bob) = with_remote_audio();
        let id = only(&bob).id();
        events(&mut bob);
        roll_back(&mut bob);
        let told = events(&mut bob);
        assert!(told.contains(&RemoveTrack { transceiver: id, stream: "stream".into() }), "{told:?}");
    }

    #[test]
    fn rollback_of_a_remote_offer_with_stream_changes() {
        let (mut alice, mut bob) = pair();
        let id = alice.add_track(Audio, "microphone", &texts(&["first"])).unwrap();
        exchange(&mut alice, &mut bob);
        let theirs = only(&bob).id();
        alice.set_streams(id, &texts(&["second"])).unwrap();
        events(&mut bob);
        offer(&mut alice, &mut bob);
        let into = |stream: &str| AddTrack { transceiver: theirs, stream: stream.into() };
        let out_of = |stream: &str| RemoveTrack { transceiver: theirs, stream: stream.into() };
        let told = events(&mut bob);
        assert!(told.contains(&into("second")) && told.contains(&out_of("first")), "{told:?}");
        assert!(told.contains(&Track(theirs)), "{told:?}");
        assert_eq!(only(&bob).remote_streams(), texts(&["second"]));
        roll_back(&mut bob);
        let told = events(&mut bob);
        assert!(told.contains(&into("first")) && told.contains(&out_of("second")), "{told:?}");
        assert_eq!(only(&bob).remote_streams(), texts(&["first"]));
    }

    #[test]
    fn remove_track_with_a_sender_being_rolled_back_does_not_crash_or_throw() {
        let (_, mut bob) = with_remote_audio();
        let id = only(&bob).id();
        roll_back(&mut bob);
        // The W3C: nothing happens when the sender is no longer among the senders.
        assert_eq!(bob.remove_track(id), Ok(()));
    }

    #[test]
    fn implicit_rollback_with_only_a_datachannel_works() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        bob.request_data();
        local_offer(&mut alice);
        offer(&mut bob, &mut alice);
        answer(&mut alice, &mut bob);
        assert!(alice.data().is_some() && bob.data().is_some());
        assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    }
}
