//! Descriptions of our own.

use crate::support::{
    answer, create_offer, directed, events, exchange, local_offer, offer, only, pair, peer, signalled,
};
use duologue_sdp::Direction::{Inactive, SendRecv};
use duologue_sdp::jsep::Event::SignalingStateChange;
use duologue_sdp::jsep::SdpType::{Answer, Offer, PrAnswer, Rollback};
use duologue_sdp::jsep::SignalingState::{HaveLocalOffer, HaveLocalPrAnswer, HaveRemoteOffer, Stable};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{
    DescriptionError, Negotiator, OfferOptions, Operation, StateError, TransceiverInit,
};

/// A pair of which the first one has offered a section for data.
fn offered() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.request_data();
    offer(&mut alice, &mut bob);
    (alice, bob)
}

fn refused<T>(
    state: duologue_sdp::jsep::SignalingState,
    operation: Operation,
) -> Result<T, DescriptionError> {
    Err(DescriptionError::State(StateError { state, operation }))
}

mod set_local_description_answer {
    use super::*;

    #[test]
    fn set_local_description_with_valid_answer_should_succeed() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(Answer, Some(&answer)).unwrap();
        assert_eq!(bob.signaling_state(), Stable);
        assert_eq!(bob.local_description(), Some(answer.clone()));
        assert_eq!(bob.current_local_description(), Some(answer));
        assert!(bob.current_remote_description().is_some());
        assert!(bob.pending_local_description().is_none() && bob.pending_remote_description().is_none());
    }

    #[test]
    fn set_local_description_with_type_answer_and_null_sdp_should_use_last_answer_generated() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(Answer, None).unwrap();
        assert_eq!((bob.signaling_state(), bob.current_local_description()), (Stable, Some(answer)));
    }

    #[test]
    fn set_local_description_with_answer_not_created_by_own_create_answer_should_reject_with() {
        let (mut alice, mut bob) = offered();
        let foreign = bob.create_answer().unwrap();
        let mut carol = peer("carol");
        offer(&mut alice, &mut carol);
        carol.create_answer().unwrap();
        assert_eq!(carol.set_local_description(Answer, Some(&foreign)), Err(DescriptionError::Modified));
        assert_eq!((carol.signaling_state(), carol.local_description()), (HaveRemoteOffer, None));
    }

    #[test]
    fn calling_set_local_description_answer_from_stable_state_should_reject_with_invalid_state() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        let answer = bob.local_description().unwrap();
        let error = refused(Stable, Operation::SetLocal(Answer));
        assert_eq!(bob.set_local_description(Answer, Some(&answer)), error);
        assert_eq!(bob.set_local_description(Answer, None), error);
    }

    #[test]
    fn calling_set_local_description_answer_from_have_local_offer_state_should_reject_with() {
        let (mut alice, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        let error = refused(HaveLocalOffer, Operation::SetLocal(Answer));
        assert_eq!(alice.set_local_description(Answer, Some(&answer)), error);
        assert_eq!(alice.set_local_description(Answer, None), error);
        assert_eq!(alice.signaling_state(), HaveLocalOffer);
    }
}

mod set_local_description_offer {
    use super::*;

    #[test]
    fn set_local_description_with_valid_offer_should_succeed() {
        let mut alice = peer("alice");
        alice.request_data();
        let offer = create_offer(&mut alice);
        alice.set_local_description(Offer, Some(&offer)).unwrap();
        assert_eq!(alice.signaling_state(), HaveLocalOffer);
        assert_eq!(alice.local_description(), Some(offer.clone()));
        assert_eq!(alice.pending_local_description(), Some(offer));
        assert_eq!(alice.current_local_description(), None);
    }

    #[test]
    fn set_local_description_with_type_offer_and_null_sdp_should_use_last_offer_generated_from() {
        let mut alice = peer("alice");
        alice.request_data();
        let offer = create_offer(&mut alice);
        alice.set_local_description(Offer, None).unwrap();
        assert_eq!((alice.signaling_state(), alice.local_description()), (HaveLocalOffer, Some(offer)));
    }

    #[test]
    fn set_local_description_with_offer_not_created_by_own_create_offer_should_reject_with() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        bob.request_data();
        let foreign = create_offer(&mut bob);
        create_offer(&mut alice);
        assert_eq!(alice.set_local_description(Offer, Some(&foreign)), Err(DescriptionError::Modified));
        assert_eq!((alice.signaling_state(), alice.local_description()), (Stable, None));
    }

    #[test]
    fn set_created_offer_other_than_last_offer_should_reject_with_invalid_modification_error() {
        let mut alice = peer("alice");
        alice.request_data();
        let first = create_offer(&mut alice);
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let second = create_offer(&mut alice);
        assert_ne!(first, second);
        assert_eq!(alice.set_local_description(Offer, Some(&first)), Err(DescriptionError::Modified));
        assert_eq!(alice.set_local_description(Offer, Some(&second)), Ok(()));
        // An answer ends what the last offer was.
        let mut bob = peer("bob");
        bob.set_remote_description(Offer, &signalled(&second)).unwrap();
        answer(&mut bob, &mut alice);
        assert_eq!(alice.set_local_description(Offer, Some(&second)), Err(DescriptionError::Modified));
    }

    #[test]
    fn creating_and_setting_offer_multiple_times_should_succeed() {
        let mut alice = peer("alice");
        alice.request_data();
        local_offer(&mut alice);
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let second = local_offer(&mut alice);
        assert_eq!(second.media.len(), 2);
        assert_eq!(
            (alice.signaling_state(), alice.pending_local_description()),
            (HaveLocalOffer, Some(second))
        );
    }
}

mod set_local_description_pranswer {
    use super::*;

    #[test]
    fn set_local_description_pranswer_from_stable_state_should_reject_with_invalid_state_error() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        let answer = bob.local_description().unwrap();
        let error = refused(Stable, Operation::SetLocal(PrAnswer));
        assert_eq!(bob.set_local_description(PrAnswer, Some(&answer)), error);
        assert_eq!(bob.signaling_state(), Stable);
    }

    #[test]
    fn set_local_description_pranswer_should_succeed() {
        let (_, mut bob) = offered();
        events(&mut bob);
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(PrAnswer, Some(&answer)).unwrap();
        assert_eq!(events(&mut bob), [SignalingStateChange(HaveLocalPrAnswer)]);
        assert_eq!(
            (bob.local_description(), bob.pending_local_description()),
            (Some(answer.clone()), Some(answer))
        );
        assert_eq!(bob.current_local_description(), None);
    }

    #[test]
    fn set_local_description_pranswer_can_be_applied_multiple_times_while_still_in_have_local() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        offer(&mut alice, &mut bob);
        let first = bob.create_answer().unwrap();
        bob.set_local_description(PrAnswer, Some(&first)).unwrap();
        let id = only(&bob).id();
        bob.set_direction(id, Inactive).unwrap();
        let second = bob.create_answer().unwrap();
        assert_ne!(first, second);
        bob.set_local_description(PrAnswer, Some(&second)).unwrap();
        assert_eq!(
            (bob.signaling_state(), bob.pending_local_description()),
            (HaveLocalPrAnswer, Some(second))
        );
        assert_eq!(only(&bob).current_direction(), Some(Inactive));
    }

    #[test]
    fn set_local_description_answer_from_have_local_pranswer_state_should_succeed() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(PrAnswer, Some(&answer)).unwrap();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(Answer, Some(&answer)).unwrap();
        assert_eq!((bob.signaling_state(), bob.current_local_description()), (Stable, Some(answer)));
        assert_eq!(bob.pending_local_description(), None);
    }
}

mod set_local_description_rollback {
    use super::*;

    #[test]
    fn set_local_description_rollback_from_have_local_offer_state_should_reset_back_to_stable() {
        let mut alice = peer("alice");
        alice.request_data();
        local_offer(&mut alice);
        events(&mut alice);
        alice.set_local_description(Rollback, None).unwrap();
        assert_eq!(events(&mut alice)[0], SignalingStateChange(Stable));
        assert_eq!((alice.local_description(), alice.pending_local_description()), (None, None));
    }

    #[test]
    fn set_local_description_rollback_from_stable_state_should_reject_with_invalid_state_error() {
        let mut alice = peer("alice");
        let error = refused(Stable, Operation::SetLocal(Rollback));
        assert_eq!(alice.set_local_description(Rollback, None), error);
    }

    #[test]
    fn set_local_description_rollback_after_setting_answer_description_should_reject_with() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        let error = refused(Stable, Operation::SetLocal(Rollback));
        assert_eq!(bob.set_local_description(Rollback, None), error);
        assert_eq!(alice.set_local_description(Rollback, None), error);
    }

    #[test]
    fn set_local_description_rollback_should_ignore_invalid_sdp_content_and_succeed() {
        let (mut alice, mut bob) = offered();
        let foreign = bob.create_answer().unwrap();
        alice.set_local_description(Rollback, Some(&foreign)).unwrap();
        assert_eq!((alice.signaling_state(), alice.local_description()), (Stable, None));
    }
}

mod set_local_description {
    use super::*;

    #[test]
    fn calling_create_offer_and_set_local_description_again_after_one_round_of_local_offer() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        alice.add_transceiver(Video, directed(SendRecv)).unwrap();
        let second = local_offer(&mut alice);
        assert_eq!(second.origin.session_id, alice.current_local_description().unwrap().origin.session_id);
        assert_eq!(
            (alice.signaling_state(), alice.pending_local_description()),
            (HaveLocalOffer, Some(second))
        );
    }

    #[test]
    fn switching_role_from_answerer_to_offerer_after_going_back_to_stable_state_should_succeed() {
        let (mut alice, mut bob) = offered();
        answer(&mut bob, &mut alice);
        bob.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let (offer, _) = exchange(&mut bob, &mut alice);
        assert_eq!(offer.media.len(), 2);
        assert_eq!((alice.signaling_state(), bob.signaling_state()), (Stable, Stable));
        assert_eq!(bob.current_local_description(), Some(offer));
    }

    #[test]
    fn onsignalingstatechange_fires_before_set_local_description_resolves() {
        let mut alice = peer("alice");
        let offer = alice.create_offer(OfferOptions::default()).unwrap();
        assert_eq!(events(&mut alice), []);
        alice.set_local_description(Offer, Some(&offer)).unwrap();
        assert_eq!(alice.poll_event(), Some(SignalingStateChange(HaveLocalOffer)));
    }
}
