//! Several encodings of one track.

use crate::support::{create_offer, edited, exchange, lines, local_offer, only, pair, peer};
use duologue_sdp::jsep::TrackKind::Video;
use duologue_sdp::jsep::{Encoding, Negotiator, SdpType, TransceiverId, TransceiverInit};

fn simulcast(peer: &mut Negotiator, rids: &[&str]) -> TransceiverId {
    let mut init = TransceiverInit::default();
    init.track = Some("camera".into());
    init.send_encodings = rids.iter().map(|rid| Encoding::with_rid(*rid)).collect();
    peer.add_transceiver(Video, init).unwrap()
}

fn rids(peer: &Negotiator) -> Vec<&str> {
    only(peer).encodings().iter().filter_map(|encoding| encoding.rid.as_deref()).collect()
}

/// Bob's answer to an offer that asks to receive simulcast: what stands behind `a=simulcast:`.
fn receiving(list: &str, bob: &mut Negotiator) -> String {
    let mut alice = peer("alice");
    alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
    let rids: String =
        list.split([';', ',']).map(|rid| format!("a=rid:{} recv\r\n", rid.trim_start_matches('~'))).collect();
    let offer = edited(
        &local_offer(&mut alice),
        "a=rtcp-mux\r\n",
        &format!("a=rtcp-mux\r\n{rids}a=simulcast:recv {list}\r\n"),
    );
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    let answer = bob.create_answer().unwrap();
    bob.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    lines(&answer, "a=simulcast:").join(" and ")
}

mod simulcast_offer {
    use super::*;

    #[test]
    fn create_offer_with_multiple_send_encodings_should_create_simulcast_offer() {
        let mut alice = peer("alice");
        simulcast(&mut alice, &["foo", "bar", "baz"]);
        let offer = create_offer(&mut alice);
        assert_eq!(lines(&offer, "a=rid:"), ["foo send", "bar send", "baz send"]);
        assert_eq!(lines(&offer, "a=simulcast:"), ["send foo;bar;baz"]);
    }
}

mod simulcast_answer {
    use super::*;

    #[test]
    fn create_answer_with_multiple_send_encodings_should_create_simulcast_answer() {
        let mut bob = peer("bob");
        bob.add_track(Video, "camera", &[]).unwrap();
        assert_eq!(receiving("foo;bar;baz", &mut bob), "send foo;bar;baz");
        assert_eq!(rids(&bob), ["foo", "bar", "baz"]);
        let scales: Vec<_> = only(&bob).encodings().iter().map(|one| one.scale_resolution_down_by).collect();
        assert_eq!(scales, [Some(4.0), Some(2.0), Some(1.0)]);
    }

    #[test]
    fn using_the_rid_sdp_syntax_in_a_remote_offer_does_not_control_the_local_encodings_active() {
        let mut bob = peer("bob");
        bob.add_track(Video, "camera", &[]).unwrap();
        receiving("~foo;bar", &mut bob);
        assert!(only(&bob).encodings().iter().all(|encoding| encoding.active));
    }

    #[test]
    fn disabling_encodings_locally_does_not_change_the_sdp() {
        let (mut alice, mut bob) = pair();
        let id = simulcast(&mut alice, &["foo", "bar"]);
        let (_, answer) = exchange(&mut alice, &mut bob);
        let mut parameters = alice.parameters(id).unwrap();
        parameters.encodings.iter_mut().for_each(|encoding| encoding.active = false);
        alice.set_parameters(id, parameters).unwrap();
        assert!(!alice.negotiation_needed());
        let (again, answered) = exchange(&mut alice, &mut bob);
        assert_eq!(lines(&again, "a=simulcast:"), ["send foo;bar"]);
        assert_eq!(lines(&answered, "a=simulcast:"), lines(&answer, "a=simulcast:"));
        assert_eq!(lines(&answered, "a=simulcast:"), ["recv foo;bar"]);
        assert!(only(&alice).encodings().iter().all(|encoding| !encoding.active));
    }
}

mod set_remote_description_simulcast {
    use super::*;

    #[test]
    fn create_answer_attaches_to_an_existing_transceiver_with_a_remote_simulcast_offer() {
        let mut bob = peer("bob");
        let id = bob.add_track(Video, "camera", &[]).unwrap();
        assert_eq!(receiving("foo;bar", &mut bob), "send foo;bar");
        assert_eq!((only(&bob).id(), only(&bob).sender_track()), (id, Some("camera")));
        assert_eq!(only(&bob).mid(), Some("m0"));
    }
}
