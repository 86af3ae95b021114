//! Descriptions of our own that are made when they are set, and what descriptions make of transceivers.

use crate::support::{create_offer, events, exchange, local_offer, offer, only, pair, peer, signalled};
use duologue_sdp::Direction::{RecvOnly, SendOnly};
use duologue_sdp::jsep::Event::SignalingStateChange;
use duologue_sdp::jsep::SdpType::{Answer, Offer, Rollback};
use duologue_sdp::jsep::SignalingState::{Closed, HaveLocalOffer, Stable};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{DescriptionError, Negotiator, StateError, TransceiverInit};

/// A pair of which the first one has offered a section for data.
fn offered() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.request_data();
    offer(&mut alice, &mut bob);
    (alice, bob)
}

mod set_local_description_parameterless {
    use super::*;

    #[test]
    fn parameterless_sld_in_stable_goes_to_have_local_offer() {
        let mut alice = peer("alice");
        assert_eq!(alice.set_implicit_local_description(), Ok(Offer));
        assert_eq!(events(&mut alice), [SignalingStateChange(HaveLocalOffer)]);
        assert_eq!(alice.signaling_state(), HaveLocalOffer);
    }

    #[test]
    fn parameterless_sld_in_stable_sets_pending_local_description() {
        let mut alice = peer("alice");
        alice.request_data();
        alice.set_implicit_local_description().unwrap();
        assert_eq!(alice.pending_local_description().unwrap().media.len(), 1);
        assert_eq!(alice.local_description(), alice.pending_local_description());
    }

    #[test]
    fn parameterless_sld_in_stable_assigns_transceiver_mid() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(only(&alice).mid(), None);
        alice.set_implicit_local_description().unwrap();
        assert!(only(&alice).mid().is_some());
        assert_eq!(only(&alice).mid(), alice.local_description().unwrap().media[0].mid());
    }

    #[test]
    fn parameterless_sld_in_have_remote_offer_goes_to_stable() {
        let (_, mut bob) = offered();
        events(&mut bob);
        assert_eq!(bob.set_implicit_local_description(), Ok(Answer));
        assert_eq!(events(&mut bob), [SignalingStateChange(Stable)]);
    }

    #[test]
    fn parameterless_sld_in_have_remote_offer_sets_current_local_description() {
        let (_, mut bob) = offered();
        bob.set_implicit_local_description().unwrap();
        assert!(bob.current_local_description().unwrap().media[0].is_data_channel());
        assert_eq!(bob.pending_local_description(), None);
    }

    #[test]
    fn parameterless_sld_in_have_remote_offer_sets_transceiver_current_direction() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!(only(&bob).current_direction(), None);
        bob.set_implicit_local_description().unwrap();
        assert_eq!(only(&bob).current_direction(), Some(RecvOnly));
    }

    #[test]
    fn parameterless_sld_uses_last_created_offer_if_it_is_still_valid() {
        let mut alice = peer("alice");
        alice.request_data();
        let offer = create_offer(&mut alice);
        alice.set_implicit_local_description().unwrap();
        assert_eq!(alice.local_description(), Some(offer));
    }

    #[test]
    fn parameterless_sld_uses_last_created_answer_if_it_is_still_valid() {
        let (_, mut bob) = offered();
        let answer = bob.create_answer().unwrap();
        bob.set_implicit_local_description().unwrap();
        assert_eq!(bob.local_description(), Some(answer));
    }

    #[test]
    fn parameterless_sld_rejects_with_invalid_state_error_if_already_closed() {
        let mut alice = peer("alice");
        alice.close();
        assert!(matches!(
            alice.set_implicit_local_description(),
            Err(DescriptionError::State(StateError { state: Closed, .. }))
        ));
    }

    #[test]
    fn parameterless_sld_in_a_full_o_a_exchange_succeeds() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        alice.set_implicit_local_description().unwrap();
        bob.set_remote_description(Offer, &signalled(&alice.local_description().unwrap())).unwrap();
        bob.set_implicit_local_description().unwrap();
        alice.set_remote_description(Answer, &signalled(&bob.local_description().unwrap())).unwrap();
        assert_eq!((alice.signaling_state(), bob.signaling_state()), (Stable, Stable));
        assert_eq!(only(&alice).current_direction(), Some(SendOnly));
        assert_eq!(only(&bob).current_direction(), Some(RecvOnly));
    }
}

mod set_description_transceiver {
    use super::*;

    #[test]
    fn set_local_description_offer_with_m_section_should_assign_mid_to_corresponding() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let offer = create_offer(&mut alice);
        assert_eq!(only(&alice).mid(), None);
        alice.set_local_description(Offer, Some(&offer)).unwrap();
        assert_eq!(only(&alice).mid(), offer.media[0].mid());
        assert!(only(&alice).mid().is_some());
    }

    #[test]
    fn set_remote_description_offer_with_m_section_and_no_existing_transceiver_should_create() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        offer(&mut alice, &mut bob);
        assert_eq!((only(&bob).mid(), only(&bob).kind()), (only(&alice).mid(), Audio));
        assert_eq!(only(&bob).direction(), Some(RecvOnly));
    }

    #[test]
    fn set_local_description_rollback_should_unset_transceiver_mid() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        local_offer(&mut alice);
        assert!(only(&alice).mid().is_some());
        alice.set_local_description(Rollback, None).unwrap();
        assert_eq!(only(&alice).mid(), None);
    }

    #[test]
    fn set_local_description_rollback_should_only_unset_transceiver_mids_associated_with() {
        let (mut alice, mut bob) = pair();
        let first = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        exchange(&mut alice, &mut bob);
        let mid = alice.transceiver(first).unwrap().mid().unwrap().to_owned();
        let second = alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        local_offer(&mut alice);
        assert!(alice.transceiver(second).unwrap().mid().is_some());
        alice.set_local_description(Rollback, None).unwrap();
        assert_eq!(alice.transceiver(second).unwrap().mid(), None);
        assert_eq!(alice.transceiver(first).unwrap().mid(), Some(mid.as_str()));
    }

    #[test]
    fn set_remote_description_rollback_should_remove_newly_created_transceiver_from() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let offer = offer(&mut alice, &mut bob);
        let id = only(&bob).id();
        bob.set_remote_description(Rollback, &offer).unwrap();
        assert_eq!(bob.transceivers().count(), 0);
        assert!(bob.transceiver(id).is_none_or(duologue_sdp::jsep::Transceiver::stopped));
    }
}
