//! Which feedback on arrivals is agreed on (RFC 8888, Section 6).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "tests; not all of the support is used"
)]

use duologue_sdp::Feedback;
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{Config, Negotiator, SdpType, TransceiverInit};
use support::{
    TRANSPORT_CC, config, create_offer, edited, exchange, lines, local_offer, only, peer, peer_with, without,
};

#[path = "behaviours/support.rs"]
mod support;

/// With both kinds of feedback on arrivals, the one of RFC 8888 for all codecs.
fn able() -> Config {
    let mut config = config();
    for one in config.audio.codecs.iter_mut().chain(&mut config.video.codecs) {
        one.codec.feedback.push(Feedback::AckCcfb);
    }
    config
}

fn able_peer(name: &str) -> Negotiator {
    let mut peer = peer_with(name, able());
    peer.add_transceiver(Video, TransceiverInit::default()).unwrap();
    peer
}

/// The kinds of feedback on arrivals that both ways of a connection have, and whether packets are numbered for it.
fn agreed(peer: &Negotiator) -> (Vec<Feedback>, bool) {
    let one = only(peer);
    let on_arrivals = |feedback: &&Feedback| matches!(feedback, Feedback::AckCcfb | Feedback::TransportCc);
    let of = |codecs: &[duologue_sdp::Codec]| -> Vec<Feedback> {
        codecs[0].feedback.iter().filter(on_arrivals).cloned().collect()
    };
    let feedback = of(one.send_codecs());
    assert_eq!(of(one.receive_codecs()), feedback);
    (feedback, one.extensions().iter().any(|extension| extension.uri.as_str() == TRANSPORT_CC))
}

#[test]
fn an_offer_has_the_feedback_of_rfc_8888_for_all_payload_types_and_the_other_beside_it() {
    let mut alice = able_peer("alice");
    alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
    let offer = create_offer(&mut alice);
    for media in &offer.media {
        let text = media.to_string();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("ccfb")).collect();
        assert_eq!(lines, ["a=rtcp-fb:* ack ccfb"]);
        assert!(text.contains(" transport-cc") && text.contains(TRANSPORT_CC));
        assert!(media.codecs().iter().all(|codec| codec.feedback.contains(&Feedback::AckCcfb)));
    }
}

#[test]
fn of_two_kinds_of_feedback_an_answer_has_the_one_of_rfc_8888_and_has_it_again() {
    let (mut alice, mut bob) = (able_peer("alice"), peer_with("bob", able()));
    for _ in 0..2 {
        let (_, answer) = exchange(&mut alice, &mut bob);
        assert_eq!(lines(&answer, "a=rtcp-fb:* "), ["ack ccfb"]);
        assert!(!answer.to_string().contains("transport-cc") && !answer.to_string().contains(TRANSPORT_CC));
        for peer in [&alice, &bob] {
            assert_eq!(agreed(peer), (vec![Feedback::AckCcfb], false));
        }
    }
    // The other way round too.
    let (offer, _) = exchange(&mut bob, &mut alice);
    assert!(!offer.to_string().contains("transport-cc"));
    assert_eq!(agreed(&alice), (vec![Feedback::AckCcfb], false));
}

#[test]
fn who_does_not_know_the_feedback_of_rfc_8888_keeps_the_other() {
    for offers in [true, false] {
        let (mut alice, mut bob) = (able_peer("alice"), peer("bob"));
        if !offers {
            bob.add_transceiver(Video, TransceiverInit::default()).unwrap();
            alice = peer_with("alice", able());
        }
        let (_, answer) =
            if offers { exchange(&mut alice, &mut bob) } else { exchange(&mut bob, &mut alice) };
        assert!(!answer.to_string().contains("ccfb"));
        for peer in [&alice, &bob] {
            assert_eq!(agreed(peer), (vec![Feedback::TransportCc], true));
        }
    }
}

#[test]
fn browsers_that_name_each_payload_type_are_understood() {
    let (mut alice, mut bob) = (able_peer("alice"), peer_with("bob", able()));
    let each: Vec<String> = (96..=103).map(|number| format!("a=rtcp-fb:{number} ack ccfb")).collect();
    let offer = edited(&local_offer(&mut alice), "a=rtcp-fb:* ack ccfb", &each.join("\r\n"));
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    let answer = answer_text(&mut bob);
    assert!(answer.contains("a=rtcp-fb:* ack ccfb") && !answer.contains("transport-cc"));
    assert_eq!(agreed(&bob), (vec![Feedback::AckCcfb], false));
}

#[test]
fn an_offer_that_has_none_is_answered_with_none() {
    let (mut alice, mut bob) = (able_peer("alice"), peer_with("bob", able()));
    let offer = without(&local_offer(&mut alice), "a=rtcp-fb:");
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    assert!(!answer_text(&mut bob).contains("a=rtcp-fb:"));
    assert_eq!(agreed(&bob).0, []);
}

fn answer_text(peer: &mut Negotiator) -> String {
    let answer = peer.create_answer().unwrap();
    peer.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    answer.to_string()
}
