//! Transceivers that are stopped, and what becomes of their sections.

use crate::support::{create_offer, directed, exchange, lines, nth, only, pair, peer, texts};
use duologue_sdp::Direction::{Inactive, SendOnly};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::TransceiverInit;

/// The port and the first `a=msid` of the section of a stopped transceiver that was `direction`.
fn stopped(direction: duologue_sdp::Direction) -> (u16, Option<String>) {
    let (mut alice, mut bob) = pair();
    let mut init = directed(direction);
    init.streams = texts(&["stream"]);
    let id = alice.add_transceiver(Audio, init).unwrap();
    exchange(&mut alice, &mut bob);
    alice.stop(id).unwrap();
    let offer = create_offer(&mut alice);
    let direction = offer.media[0].direction();
    assert!(direction.is_none_or(|direction| direction == Inactive), "{direction:?}");
    (offer.media[0].port, lines(&offer, "a=msid:").pop())
}

mod rtp_transceiver_stop {
    use super::*;

    #[test]
    fn a_transceiver_added_and_stopped_before_the_initial_offer_generation_should_not_trigger() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.stop(id).unwrap();
        assert_eq!(create_offer(&mut alice).media.len(), 0);
    }

    #[test]
    fn during_renegotiation_adding_and_stopping_a_transceiver_should_not_trigger_a() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        exchange(&mut alice, &mut bob);
        let id = alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        alice.stop(id).unwrap();
        let offer = create_offer(&mut alice);
        assert_eq!(offer.media.len(), 1);
        assert_eq!(offer.media[0].mid(), nth(&alice, 0).mid());
    }

    #[test]
    fn a_stopped_sendonly_transceiver_has_a_rejected_section_in_the_offer() {
        assert_eq!(stopped(SendOnly), (0, None));
    }

    #[test]
    fn a_stopped_inactive_transceiver_has_a_rejected_section_in_the_offer() {
        assert_eq!(stopped(Inactive), (0, None));
    }
}

mod transceiver_mline_recycling {
    use super::*;

    #[test]
    fn reuses_m_lines_in_local_negotiation() {
        let (mut alice, mut bob) = pair();
        let first = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        exchange(&mut alice, &mut bob);
        alice.stop(first).unwrap();
        let (offer, _) = exchange(&mut alice, &mut bob);
        assert_eq!((offer.media.len(), offer.media[0].port), (1, 0));
        assert_eq!((alice.transceivers().count(), bob.transceivers().count()), (0, 0));
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let (recycled, _) = exchange(&mut alice, &mut bob);
        assert_eq!(recycled.media.len(), 2);
        assert_ne!(recycled.media[0].port, 0);
        assert_ne!(recycled.media[0].mid(), offer.media[0].mid());
        assert_eq!(recycled.media[0].mid(), nth(&alice, 0).mid());
        assert!(alice.transceivers().all(|one| one.current_direction().is_some()));
    }

    #[test]
    fn reuses_m_lines_in_remote_negotiation() {
        let (mut alice, mut bob) = pair();
        let first = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        exchange(&mut alice, &mut bob);
        alice.stop(first).unwrap();
        exchange(&mut alice, &mut bob);
        // The other side takes the section up.
        bob.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let (recycled, answer) = exchange(&mut bob, &mut alice);
        assert_eq!((recycled.media.len(), answer.media.len()), (1, 1));
        assert_ne!(answer.media[0].port, 0);
        assert_eq!(
            (only(&alice).mid(), only(&bob).mid()),
            (recycled.media[0].mid(), recycled.media[0].mid())
        );
    }
}
