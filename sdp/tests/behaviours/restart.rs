//! ICE restarts.

use crate::support::{answer, create_offer, events, exchange, local_offer, needed, offer, pair, peer};
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::{Negotiator, OfferOptions, SdpType};

fn ufrag(description: &SessionDescription) -> &str {
    description.media[0].ice_ufrag().unwrap()
}

/// A pair that is connected.
fn connected() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = pair();
    alice.request_data();
    exchange(&mut alice, &mut bob);
    events(&mut alice);
    events(&mut bob);
    (alice, bob)
}

/// The user name fragments of both, as their descriptions in use say.
fn ufrags(alice: &Negotiator, bob: &Negotiator) -> [String; 2] {
    [alice, bob].map(|one| ufrag(&one.current_local_description().unwrap()).to_owned())
}

/// Both have other credentials now, and know each other's.
fn assert_restarted(before: &[String; 2], alice: &Negotiator, bob: &Negotiator) {
    let after = ufrags(alice, bob);
    assert!(after[0] != before[0] && after[1] != before[1], "{before:?} {after:?}");
    assert_eq!(alice.remote_transport().unwrap().ice.ufrag, bob.ice_credentials().ufrag);
    assert_eq!(bob.remote_transport().unwrap().ice.ufrag, alice.ice_credentials().ufrag);
    assert_eq!([&alice.ice_credentials().ufrag, &bob.ice_credentials().ufrag], [&after[0], &after[1]]);
}

mod restart_ice {
    use super::*;

    #[test]
    fn restart_ice_does_not_trigger_negotiation_ahead_of_initial_negotiation() {
        let mut alice = peer("alice");
        alice.restart_ice();
        assert!(!alice.negotiation_needed() && !needed(&mut alice));
    }

    #[test]
    fn restart_ice_has_no_effect_on_initial_negotiation() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        alice.restart_ice();
        let mut options = OfferOptions::default();
        options.ice_restart = true;
        assert_eq!(ufrag(&alice.create_offer(options).unwrap()), "aliceUfrag");
        let (offer, _) = exchange(&mut alice, &mut bob);
        assert_eq!(ufrag(&offer), "aliceUfrag");
        assert!(!alice.negotiation_needed());
    }

    #[test]
    fn restart_ice_fires_negotiationneeded_after_initial_negotiation() {
        let (mut alice, _) = connected();
        alice.restart_ice();
        assert!(needed(&mut alice));
    }

    #[test]
    fn restart_ice_causes_fresh_ufrags() {
        let (mut alice, mut bob) = connected();
        let before = ufrags(&alice, &bob);
        alice.restart_ice();
        let (offer, _) = exchange(&mut alice, &mut bob);
        assert_ne!(offer.media[0].ice_pwd(), None);
        assert_restarted(&before, &alice, &bob);
        assert!(!alice.negotiation_needed());
        exchange(&mut alice, &mut bob);
        assert_eq!(ufrag(&offer), ufrags(&alice, &bob)[0]);
    }

    #[test]
    fn restart_ice_works_in_have_local_offer() {
        let (mut alice, mut bob) = connected();
        let before = ufrags(&alice, &bob);
        offer(&mut alice, &mut bob);
        alice.restart_ice();
        events(&mut alice);
        answer(&mut bob, &mut alice);
        assert_eq!(ufrags(&alice, &bob), before);
        assert!(needed(&mut alice));
        exchange(&mut alice, &mut bob);
        assert_restarted(&before, &alice, &bob);
    }

    #[test]
    fn restart_ice_works_in_initial_have_local_offer() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        offer(&mut alice, &mut bob);
        alice.restart_ice();
        answer(&mut bob, &mut alice);
        let before = ufrags(&alice, &bob);
        assert!(alice.negotiation_needed());
        exchange(&mut alice, &mut bob);
        assert_restarted(&before, &alice, &bob);
    }

    #[test]
    fn restart_ice_works_in_have_remote_offer() {
        let (mut alice, mut bob) = connected();
        let before = ufrags(&alice, &bob);
        offer(&mut bob, &mut alice);
        alice.restart_ice();
        events(&mut alice);
        answer(&mut alice, &mut bob);
        assert_eq!(ufrags(&alice, &bob), before);
        assert!(needed(&mut alice));
        exchange(&mut alice, &mut bob);
        assert_restarted(&before, &alice, &bob);
    }

    #[test]
    fn restart_ice_does_nothing_in_initial_have_remote_offer() {
        let (mut alice, mut bob) = pair();
        bob.request_data();
        offer(&mut bob, &mut alice);
        alice.restart_ice();
        answer(&mut alice, &mut bob);
        assert_eq!(ufrags(&alice, &bob), ["aliceUfrag", "bobUfrag"]);
        assert!(!alice.negotiation_needed());
    }

    #[test]
    fn restart_ice_survives_remote_offer() {
        let (mut alice, mut bob) = connected();
        let before = ufrags(&alice, &bob);
        alice.restart_ice();
        events(&mut alice);
        exchange(&mut bob, &mut alice);
        assert_eq!(ufrags(&alice, &bob), before);
        assert!(alice.negotiation_needed());
        exchange(&mut alice, &mut bob);
        assert_restarted(&before, &alice, &bob);
    }

    #[test]
    fn restart_ice_is_satisfied_by_remote_ice_restart() {
        let (mut alice, mut bob) = connected();
        let before = ufrags(&alice, &bob);
        alice.restart_ice();
        bob.restart_ice();
        exchange(&mut bob, &mut alice);
        assert_restarted(&before, &alice, &bob);
        assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    }

    #[test]
    fn restart_ice_trumps_ice_restart_false() {
        let (mut alice, _) = connected();
        alice.restart_ice();
        let mut options = OfferOptions::default();
        options.ice_restart = false;
        assert_ne!(ufrag(&alice.create_offer(options).unwrap()), "aliceUfrag");
    }

    #[test]
    fn restart_ice_survives_rollback() {
        let (mut alice, mut bob) = connected();
        let before = ufrags(&alice, &bob);
        alice.restart_ice();
        local_offer(&mut alice);
        alice.set_local_description(SdpType::Rollback, None).unwrap();
        assert!(alice.negotiation_needed());
        assert_ne!(ufrag(&create_offer(&mut alice)), before[0]);
        exchange(&mut alice, &mut bob);
        assert_restarted(&before, &alice, &bob);
    }
}
