//! When an offer is due, and when that is told.

use crate::support::{answer, directed, events, exchange, local_offer, needed, offer, pair, peer, texts};
use duologue_sdp::Direction::{RecvOnly, SendOnly};
use duologue_sdp::jsep::Event::{NegotiationNeeded, SignalingStateChange};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{Event, Negotiator, SdpType, SignalingState, TransceiverInit};

fn count(events: &[Event]) -> usize {
    events.iter().filter(|event| **event == NegotiationNeeded).count()
}

/// A pair that has agreed on a track of the first one's.
fn with_track() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &texts(&["stream"])).unwrap();
    exchange(&mut alice, &mut bob);
    events(&mut alice);
    events(&mut bob);
    assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    (alice, bob)
}

mod onnegotiationneeded {
    use super::*;

    #[test]
    fn creating_first_data_channel_should_fire_negotiationneeded_event() {
        let mut alice = peer("alice");
        assert!(!needed(&mut alice));
        alice.request_data();
        assert_eq!(events(&mut alice), [NegotiationNeeded]);
    }

    #[test]
    fn calling_create_data_channel_twice_should_fire_negotiationneeded_event_once() {
        let mut alice = peer("alice");
        alice.request_data();
        alice.request_data();
        assert_eq!(count(&events(&mut alice)), 1);
        alice.request_data();
        assert_eq!(count(&events(&mut alice)), 0);
    }

    #[test]
    fn add_transceiver_should_fire_negotiationneeded_event() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(events(&mut alice), [NegotiationNeeded]);
    }

    #[test]
    fn calling_add_transceiver_twice_should_fire_negotiationneeded_event_once() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        assert_eq!(count(&events(&mut alice)), 1);
        assert_eq!(count(&events(&mut alice)), 0);
    }

    #[test]
    fn calling_both_add_transceiver_and_create_data_channel_should_fire_negotiationneeded() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(count(&events(&mut alice)), 1);
        alice.request_data();
        assert_eq!(count(&events(&mut alice)), 0);
    }

    #[test]
    fn negotiationneeded_event_should_not_fire_if_signaling_state_is_not_stable() {
        let mut alice = peer("alice");
        alice.request_data();
        events(&mut alice);
        local_offer(&mut alice);
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(events(&mut alice), [SignalingStateChange(SignalingState::HaveLocalOffer)]);
    }

    #[test]
    fn negotiationneeded_event_should_fire_only_after_signaling_state_goes_back_to_stable() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        events(&mut alice);
        offer(&mut alice, &mut bob);
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(events(&mut alice), [SignalingStateChange(SignalingState::HaveLocalOffer)]);
        answer(&mut bob, &mut alice);
        assert_eq!(events(&mut alice), [SignalingStateChange(SignalingState::Stable), NegotiationNeeded]);
    }

    #[test]
    fn negotiationneeded_should_fire_only_after_going_back_to_stable_in_set_local_description() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        offer(&mut alice, &mut bob);
        bob.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        assert_eq!(events(&mut bob), [SignalingStateChange(SignalingState::HaveRemoteOffer)]);
        let answer = bob.create_answer().unwrap();
        assert_eq!(events(&mut bob), []);
        bob.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
        assert_eq!(events(&mut bob), [SignalingStateChange(SignalingState::Stable), NegotiationNeeded]);
    }

    #[test]
    fn add_track_should_cause_negotiationneeded_to_fire() {
        let mut alice = peer("alice");
        alice.add_track(Audio, "microphone", &[]).unwrap();
        assert_eq!(events(&mut alice), [NegotiationNeeded]);
    }

    #[test]
    fn remove_track_should_cause_negotiationneeded_to_fire_on_the_caller() {
        let (mut alice, _) = with_track();
        let id = alice.transceivers().next().unwrap().id();
        alice.remove_track(id).unwrap();
        assert_eq!(events(&mut alice), [NegotiationNeeded]);
    }

    #[test]
    fn remove_track_should_cause_negotiationneeded_to_fire_on_the_callee() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        offer(&mut alice, &mut bob);
        let id = bob.add_track(Audio, "microphone", &[]).unwrap();
        answer(&mut bob, &mut alice);
        assert!(!needed(&mut bob));
        bob.remove_track(id).unwrap();
        assert_eq!(events(&mut bob), [NegotiationNeeded]);
    }

    #[test]
    fn updating_the_direction_of_the_transceiver_should_cause_negotiationneeded_to_fire() {
        let (mut alice, mut bob) = pair();
        let id = alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        exchange(&mut alice, &mut bob);
        events(&mut alice);
        alice.set_direction(id, SendOnly).unwrap();
        assert_eq!(events(&mut alice), [NegotiationNeeded]);
    }

    #[test]
    fn calling_set_streams_should_cause_negotiationneeded_to_fire() {
        let (mut alice, _) = with_track();
        let id = alice.transceivers().next().unwrap().id();
        alice.set_streams(id, &texts(&["stream"])).unwrap();
        assert_eq!(events(&mut alice), []);
        alice.set_streams(id, &texts(&["other"])).unwrap();
        assert_eq!(events(&mut alice), [NegotiationNeeded]);
    }

    #[test]
    fn adding_two_transceivers_one_at_a_time_results_in_the_expected_number_of() {
        let (mut alice, mut bob) = pair();
        let mut told = 0;
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        told += count(&events(&mut alice));
        exchange(&mut alice, &mut bob);
        told += count(&events(&mut alice));
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        told += count(&events(&mut alice));
        exchange(&mut alice, &mut bob);
        told += count(&events(&mut alice));
        assert_eq!(told, 2);
    }
}
