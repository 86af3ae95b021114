//! Descriptions of the peer's.

use crate::support::{
    answer, create_offer, events, exchange, local_offer, offer, only, pair, peer, signalled, without,
};
use duologue_sdp::jsep::Event::{AddTrack, NegotiationNeeded, SignalingStateChange, Track};
use duologue_sdp::jsep::SdpType::{Answer, Offer, PrAnswer};
use duologue_sdp::jsep::SignalingState::{HaveLocalOffer, HaveRemoteOffer, HaveRemotePrAnswer, Stable};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{
    DescriptionError, Negotiator, Operation, SdpType, SignalingState, StateError, TransceiverInit,
};
use duologue_sdp::{ParseError, SessionDescription};

/// A pair of which the first one has offered a section for data.
fn offered() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.request_data();
    offer(&mut alice, &mut bob);
    (alice, bob)
}

fn refused(state: SignalingState, kind: SdpType) -> Result<(), DescriptionError> {
    Err(DescriptionError::State(StateError { state, operation: Operation::SetRemote(kind) }))
}

mod constructor {
    use super::*;

    #[test]
    fn initial_value() {
        let mut alice = peer("alice");
        assert_eq!((alice.signaling_state(), alice.can_trickle_ice_candidates()), (Stable, None));
        assert_eq!((alice.local_description(), alice.remote_description()), (None, None));
        assert_eq!((alice.current_local_description(), alice.current_remote_description()), (None, None));
        assert_eq!((alice.pending_local_description(), alice.pending_remote_description()), (None, None));
        assert_eq!((alice.data(), alice.dtls_role(), alice.is_offerer()), (None, None, None));
        assert!(!alice.negotiation_needed() && events(&mut alice).is_empty());
    }
}

mod create_answer {
    use super::*;

    #[test]
    fn create_answer_with_null_remote_description_should_reject_with_invalid_state_error() {
        let state = StateError { state: Stable, operation: Operation::CreateAnswer };
        assert_eq!(peer("alice").create_answer(), Err(state));
    }

    #[test]
    fn create_answer_after_setting_remote_description_should_succeed() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        assert_eq!(answer.media.len(), 1);
        assert_eq!(bob.signaling_state(), HaveRemoteOffer);
    }

    #[test]
    fn create_answer_when_connection_is_closed_reject_with_invalid_state_error() {
        let (_, mut bob) = offered();
        bob.close();
        let state = StateError { state: SignalingState::Closed, operation: Operation::CreateAnswer };
        assert_eq!(bob.create_answer(), Err(state));
    }
}

mod set_remote_description_answer {
    use super::*;

    #[test]
    fn set_remote_description_with_valid_state_and_answer_should_succeed() {
        let (mut alice, mut bob) = offered();
        events(&mut alice);
        let answer = answer(&mut bob, &mut alice);
        assert_eq!(events(&mut alice)[0], SignalingStateChange(Stable));
        assert_eq!(alice.remote_description(), Some(&answer));
        assert_eq!(alice.current_remote_description(), Some(&answer));
        assert!(alice.current_local_description().is_some());
        assert!(alice.pending_local_description().is_none() && alice.pending_remote_description().is_none());
    }

    #[test]
    fn calling_set_remote_description_answer_from_stable_state_should_reject_with_invalid() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        let mut carol = peer("carol");
        assert_eq!(carol.set_remote_description(Answer, &answer), refused(Stable, Answer));
    }

    #[test]
    fn calling_set_remote_description_answer_from_have_remote_offer_state_should_reject_with() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        assert_eq!(bob.set_remote_description(Answer, &answer), refused(HaveRemoteOffer, Answer));
        assert_eq!(bob.signaling_state(), HaveRemoteOffer);
    }
}

mod set_remote_description_offer {
    use super::*;

    #[test]
    fn set_remote_description_with_valid_offer_should_succeed() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        let offer = signalled(&create_offer(&mut alice));
        bob.set_remote_description(Offer, &offer).unwrap();
        assert_eq!(events(&mut bob), [SignalingStateChange(HaveRemoteOffer)]);
        assert_eq!(bob.remote_description(), Some(&offer));
        assert_eq!(bob.pending_remote_description(), Some(&offer));
        assert_eq!(bob.current_remote_description(), None);
    }

    #[test]
    fn set_remote_description_multiple_times_should_succeed() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        let offer = offer(&mut alice, &mut bob);
        bob.set_remote_description(Offer, &offer).unwrap();
        bob.set_remote_description(Offer, &offer).unwrap();
        assert_eq!((bob.signaling_state(), bob.transceivers().count()), (HaveRemoteOffer, 1));
        answer(&mut bob, &mut alice);
        assert_eq!((alice.signaling_state(), bob.signaling_state()), (Stable, Stable));
    }

    #[test]
    fn set_remote_description_multiple_times_with_different_offer_should_succeed() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        offer(&mut alice, &mut bob);
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let second = offer(&mut alice, &mut bob);
        assert_eq!(bob.pending_remote_description(), Some(&second));
        assert_eq!(bob.transceivers().map(|one| one.kind()).collect::<Vec<_>>(), [Audio, Video]);
    }

    #[test]
    fn set_remote_description_offer_with_invalid_sdp_should_reject_with_rtc_error() {
        let error = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nThis is no line of a description\r\n";
        let error: Result<SessionDescription, ParseError> = error.parse();
        assert_eq!(error.unwrap_err().line, 5);
    }

    #[test]
    fn set_remote_description_offer_from_have_local_offer_should_roll_back_and_succeed() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        local_offer(&mut alice);
        bob.add_track(Video, "camera", &[]).unwrap();
        let offer = offer(&mut bob, &mut alice);
        assert_eq!((alice.signaling_state(), alice.pending_local_description()), (HaveRemoteOffer, None));
        assert_eq!(alice.pending_remote_description(), Some(&offer));
        answer(&mut alice, &mut bob);
        assert_eq!((alice.signaling_state(), bob.signaling_state()), (Stable, Stable));
    }

    #[test]
    fn set_remote_description_offer_from_have_local_offer_fires_signalingstatechange_twice() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        local_offer(&mut alice);
        events(&mut alice);
        bob.request_data();
        offer(&mut bob, &mut alice);
        assert_eq!(events(&mut alice), [SignalingStateChange(Stable), SignalingStateChange(HaveRemoteOffer)]);
    }

    #[test]
    fn set_remote_description_offer_in_stable_should_update_internal_state_with_a_queued_task() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &["stream".into()]).unwrap();
        offer(&mut alice, &mut bob);
        let id = only(&bob).id();
        assert!(bob.pending_remote_description().is_some());
        let expected = [
            SignalingStateChange(HaveRemoteOffer),
            AddTrack { transceiver: id, stream: "stream".into() },
            Track(id),
        ];
        assert_eq!(events(&mut bob), expected);
    }

    #[test]
    fn set_remote_description_offer_in_have_local_offer_should_update_internal_state_with_a() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &["stream".into()]).unwrap();
        bob.add_track(Video, "camera", &[]).unwrap();
        local_offer(&mut bob);
        events(&mut bob);
        offer(&mut alice, &mut bob);
        let id = bob.transceivers().find(|one| one.kind() == Audio).unwrap().id();
        assert_eq!(bob.pending_local_description(), None);
        let expected = [
            SignalingStateChange(Stable),
            SignalingStateChange(HaveRemoteOffer),
            AddTrack { transceiver: id, stream: "stream".into() },
            Track(id),
        ];
        assert_eq!(events(&mut bob), expected);
    }

    #[test]
    fn set_remote_description_offer_from_have_local_offer_is_glare_proof() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        bob.add_track(Video, "camera", &[]).unwrap();
        let (alices, bobs) = (local_offer(&mut alice), local_offer(&mut bob));
        // Alice is polite; Bob drops what crosses his offer.
        alice.set_remote_description(Offer, &signalled(&bobs)).unwrap();
        answer(&mut alice, &mut bob);
        assert!(events(&mut alice).contains(&NegotiationNeeded));
        let (again, _) = exchange(&mut alice, &mut bob);
        assert_eq!((alices.media.len(), again.media.len()), (1, 2));
        for one in [&alice, &bob] {
            assert_eq!(one.transceivers().count(), 2);
            assert!(one.transceivers().all(|one| one.current_direction().is_some()));
        }
    }
}

mod set_remote_description_pranswer {
    use super::*;

    #[test]
    fn set_remote_description_pranswer_from_stable_state_should_reject_with_invalid_state_error() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        let mut carol = peer("carol");
        assert_eq!(carol.set_remote_description(PrAnswer, &answer), refused(Stable, PrAnswer));
    }

    #[test]
    fn set_remote_description_pranswer_from_have_local_offer_state_should_succeed() {
        let (mut alice, mut bob) = offered();
        events(&mut alice);
        let answer = signalled(&bob.create_answer().unwrap());
        alice.set_remote_description(PrAnswer, &answer).unwrap();
        assert_eq!(events(&mut alice), [SignalingStateChange(HaveRemotePrAnswer)]);
        assert_eq!(alice.remote_description(), Some(&answer));
        assert_eq!(alice.pending_remote_description(), Some(&answer));
        assert_eq!(alice.current_remote_description(), None);
        assert!(alice.pending_local_description().is_some() && alice.current_local_description().is_none());
    }

    #[test]
    fn set_remote_description_pranswer_multiple_times_should_succeed() {
        let (mut alice, mut bob) = offered();
        let answer = signalled(&bob.create_answer().unwrap());
        alice.set_remote_description(PrAnswer, &answer).unwrap();
        let second = signalled(&bob.create_answer().unwrap());
        alice.set_remote_description(PrAnswer, &second).unwrap();
        assert_eq!(
            (alice.signaling_state(), alice.pending_remote_description()),
            (HaveRemotePrAnswer, Some(&second))
        );
    }

    #[test]
    fn set_remote_description_answer_from_have_remote_pranswer_state_should_succeed() {
        let (mut alice, mut bob) = offered();
        let answer = signalled(&bob.create_answer().unwrap());
        alice.set_remote_description(PrAnswer, &answer).unwrap();
        alice.set_remote_description(Answer, &answer).unwrap();
        assert_eq!((alice.signaling_state(), alice.current_remote_description()), (Stable, Some(&answer)));
        assert_eq!(alice.pending_remote_description(), None);
    }
}

mod set_remote_description {
    use super::*;

    #[test]
    fn set_remote_description_with_invalid_type_and_invalid_sdp_should_reject_with_type_error() {
        assert_eq!("invalid".parse::<SdpType>(), Err(()));
        assert!("Invalid SDP".parse::<SessionDescription>().is_err());
    }

    #[test]
    fn set_remote_description_with_invalid_sdp_and_stable_state_should_reject_with_invalid() {
        let (_, mut bob) = offered();
        let invalid = without(&bob.create_answer().unwrap(), "a=fingerprint");
        let mut carol = peer("carol");
        for kind in [Answer, PrAnswer] {
            assert_eq!(carol.set_remote_description(kind, &invalid), refused(Stable, kind));
        }
    }

    #[test]
    fn negotiation_should_fire_signalingsstate_events() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        assert_eq!(events(&mut alice), [SignalingStateChange(HaveLocalOffer), SignalingStateChange(Stable)]);
        assert_eq!(events(&mut bob), [SignalingStateChange(HaveRemoteOffer), SignalingStateChange(Stable)]);
    }

    #[test]
    fn calling_set_remote_description_again_after_one_round_of_remote_offer_local_answer() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let second = offer(&mut alice, &mut bob);
        assert_eq!(
            (bob.signaling_state(), bob.pending_remote_description()),
            (HaveRemoteOffer, Some(&second))
        );
        assert!(bob.current_remote_description().is_some());
    }

    #[test]
    fn switching_role_from_offerer_to_answerer_after_going_back_to_stable_state_should_succeed() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        exchange(&mut bob, &mut alice);
        assert_eq!((alice.signaling_state(), bob.signaling_state()), (Stable, Stable));
        assert!(alice.is_offerer() == Some(true) && alice.data().is_some());
    }
}
