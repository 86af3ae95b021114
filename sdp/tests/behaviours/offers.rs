//! What offers have in them.

use crate::support::{create_offer, directed, exchange, lines, pair, peer, sections, state};
use duologue_sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use duologue_sdp::jsep::SignalingState::{Closed, HaveLocalOffer, Stable};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{
    Negotiator, OfferOptions, Operation, SdpType, StateError, TrackKind, TransceiverInit,
};
use duologue_sdp::{Attribute, MediaKind, SessionDescription};

const KINDS: [TrackKind; 2] = [Audio, Video];

fn to_receive(kind: TrackKind, wanted: bool) -> OfferOptions {
    let mut options = OfferOptions::default();
    match kind {
        Audio => options.offer_to_receive_audio = Some(wanted),
        Video => options.offer_to_receive_video = Some(wanted),
    }
    options
}

fn offer_to_receive(peer: &mut Negotiator, kind: TrackKind, wanted: bool) -> SessionDescription {
    peer.create_offer(to_receive(kind, wanted)).unwrap()
}

fn directions(peer: &Negotiator) -> Vec<(TrackKind, duologue_sdp::Direction)> {
    peer.transceivers().map(|one| (one.kind(), one.direction().unwrap())).collect()
}

fn kinds(offer: &SessionDescription) -> Vec<&str> {
    offer.media.iter().map(|media| media.kind.name()).collect()
}

mod create_offer_offer_to_receive {
    use super::*;

    #[test]
    fn create_offer_with_offer_to_receivecaps_kind_set_to_false_should_not_create_a_transceiver() {
        for kind in KINDS {
            let mut alice = peer("alice");
            assert_eq!(offer_to_receive(&mut alice, kind, false).media.len(), 0);
            assert_eq!(alice.transceivers().count(), 0);
        }
    }

    #[test]
    fn create_offer_with_offer_to_receivecaps_kind_should_create_a_recvonly_transceiver() {
        for kind in KINDS {
            let mut alice = peer("alice");
            let offer = offer_to_receive(&mut alice, kind, true);
            assert_eq!(directions(&alice), [(kind, RecvOnly)]);
            assert_eq!(offer.media[0].direction(), Some(RecvOnly));
        }
    }

    #[test]
    fn offer_to_receivecaps_kind_option_should_be_ignored_if_a_non_stopped_recvonly() {
        for kind in KINDS {
            let mut alice = peer("alice");
            offer_to_receive(&mut alice, kind, true);
            offer_to_receive(&mut alice, kind, true);
            assert_eq!(directions(&alice), [(kind, RecvOnly)]);
        }
    }

    #[test]
    fn offer_to_receivecaps_kind_option_should_be_ignored_if_a_non_stopped_sendrecv() {
        for kind in KINDS {
            let mut alice = peer("alice");
            alice.add_transceiver(kind, TransceiverInit::default()).unwrap();
            offer_to_receive(&mut alice, kind, true);
            assert_eq!(directions(&alice), [(kind, SendRecv)]);
        }
    }

    #[test]
    fn offer_to_receivecaps_kind_set_to_false_with_a_track_should_create_a_sendonly_transceiver() {
        for kind in KINDS {
            let mut alice = peer("alice");
            alice.add_track(kind, "track", &[]).unwrap();
            let offer = offer_to_receive(&mut alice, kind, false);
            assert_eq!(directions(&alice), [(kind, SendOnly)]);
            assert_eq!(offer.media[0].direction(), Some(SendOnly));
        }
    }

    #[test]
    fn offer_to_receivecaps_kind_set_to_false_with_a_recvonly_transceiver_should_change_the() {
        for kind in KINDS {
            let mut alice = peer("alice");
            alice.add_transceiver(kind, directed(RecvOnly)).unwrap();
            offer_to_receive(&mut alice, kind, false);
            assert_eq!(directions(&alice), [(kind, Inactive)]);
        }
    }

    #[test]
    fn subsequent_offer_to_receivecaps_kind_set_to_false_with_a_track_should_change_the() {
        for kind in KINDS {
            let (mut alice, mut bob) = pair();
            let id = alice.add_track(kind, "track", &[]).unwrap();
            exchange(&mut alice, &mut bob);
            assert_eq!(state(&alice, id).direction(), Some(SendRecv));
            offer_to_receive(&mut alice, kind, false);
            assert_eq!(state(&alice, id).direction(), Some(SendOnly));
        }
    }

    #[test]
    fn offer_to_receive_audio_and_video_should_create_two_recvonly_transceivers() {
        let mut alice = peer("alice");
        let mut options = to_receive(Audio, true);
        options.offer_to_receive_video = Some(true);
        alice.create_offer(options).unwrap();
        let mut directions = directions(&alice);
        directions.sort_by_key(|(kind, _)| *kind == Video);
        assert_eq!(directions, [(Audio, RecvOnly), (Video, RecvOnly)]);
    }
}

mod create_offer {
    use super::*;

    #[test]
    fn create_offer_with_no_argument_from_newly_created_rtc_peer_connection_should_succeed() {
        let offer = create_offer(&mut peer("alice"));
        assert_eq!(offer.media.len(), 0);
        assert!(offer.to_string().parse::<SessionDescription>().is_ok());
    }

    #[test]
    fn create_offer_and_then_set_local_description_should_succeed() {
        let mut alice = peer("alice");
        let offer = create_offer(&mut alice);
        assert_eq!(alice.signaling_state(), Stable);
        alice.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
        assert_eq!((alice.signaling_state(), alice.local_description()), (HaveLocalOffer, Some(offer)));
    }

    #[test]
    fn create_offer_after_connection_is_closed_should_reject_with_invalid_state_error() {
        let mut alice = peer("alice");
        alice.close();
        let error = StateError { state: Closed, operation: Operation::CreateOffer };
        assert_eq!(alice.create_offer(OfferOptions::default()), Err(error));
    }

    #[test]
    fn create_offer_with_offer_to_receive_audio_should_add_audio_line_to_all_subsequent() {
        let mut alice = peer("alice");
        assert_eq!(kinds(&offer_to_receive(&mut alice, Audio, true)), ["audio"]);
        assert_eq!(kinds(&create_offer(&mut alice)), ["audio"]);
        assert_eq!(kinds(&create_offer(&mut alice)), ["audio"]);
    }

    #[test]
    fn create_offer_with_offer_to_receive_video_should_add_video_line_to_all_subsequent() {
        let mut alice = peer("alice");
        assert_eq!(kinds(&offer_to_receive(&mut alice, Video, true)), ["video"]);
        assert_eq!(kinds(&create_offer(&mut alice)), ["video"]);
        assert_eq!(kinds(&create_offer(&mut alice)), ["video"]);
    }

    #[test]
    fn create_offer_with_offer_to_receive_audio_true_then_offer_to_receive_video_true_should() {
        let mut alice = peer("alice");
        offer_to_receive(&mut alice, Audio, true);
        assert_eq!(kinds(&offer_to_receive(&mut alice, Video, true)), ["audio", "video"]);
    }
}

mod jsep_initial_offer {
    use super::*;

    #[test]
    fn offer_conforms_to_basic_sdp_requirements() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        alice.request_data();
        let offer = create_offer(&mut alice);
        let text = offer.to_string();
        // RFC 8829, Section 5.2.1: these lines come first, in this order.
        let head: Vec<&str> = text.lines().take(4).collect();
        assert_eq!((head[0], head[2], head[3]), ("v=0", "s=-", "t=0 0"));
        let origin: Vec<&str> = head[1].split(' ').collect();
        assert_eq!((origin.len(), origin[0], origin[3], origin[4]), (6, "o=-", "IN", "IP4"));
        assert_eq!(origin[1].parse::<u64>().unwrap() >> 63, 0);
        assert!(text.lines().all(|line| line.len() > 2 && line.as_bytes()[1] == b'='));
        assert!(text.ends_with("\r\n") && text.matches('\n').count() == text.matches("\r\n").count());
        assert!(lines(&offer, "a=ice-options:")[0].split(' ').any(|option| option == "trickle"));
        let mids = lines(&offer, "a=mid:");
        assert_eq!(mids.len(), 3);
        assert_eq!(lines(&offer, "a=group:BUNDLE "), [mids.join(" ")]);
        assert!(
            ["a=crypto", "a=key-mgmt", "a=ice-lite"].iter().all(|banned| lines(&offer, banned).is_empty())
        );
        for (section, media) in sections(&offer).iter().zip(&offer.media) {
            assert!(section.contains("\r\nc=IN IP4 0.0.0.0\r\n"), "{section}");
            let rtp = media.kind != MediaKind::Application;
            assert_eq!(media.protocol, if rtp { "UDP/TLS/RTP/SAVPF" } else { "UDP/DTLS/SCTP" });
            assert_eq!(section.contains("\r\na=sendrecv\r\n"), rtp);
        }
        // Section 5.2.1: what belongs to the transport stands where the bundle's tag is.
        let tagged = &sections(&offer)[0];
        for line in ["ice-ufrag:", "ice-pwd:", "setup:actpass", "tls-id:", "rtcp-mux", "rtcp-mux-only"] {
            assert!(tagged.contains(&format!("\r\na={line}")), "{line} in {tagged}");
        }
        // For all sections: libwebrtc wants it so.
        let fingerprint = offer.attributes.iter().filter(|one| matches!(one, Attribute::Fingerprint(_)));
        assert_eq!((fingerprint.count(), lines(&offer, "a=fingerprint:sha-256 ").len()), (1, 1));
        assert!(sections(&offer)[1..].iter().all(|section| section.contains("\r\na=bundle-only\r\n")));
    }
}

mod sctp_format {
    use super::*;

    #[test]
    fn generated_datachannel_sdp_uses_correct_sctp_offer_syntax() {
        let mut alice = peer("alice");
        alice.request_data();
        let offer = create_offer(&mut alice);
        let section = &sections(&offer)[0];
        assert!(section.starts_with("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "{section}");
        assert_eq!(lines(&offer, "a=sctp-port:"), ["5000"]);
        assert!(lines(&offer, "a=sctpmap").is_empty());
        assert!(lines(&offer, "a=max-message-size:")[0].parse::<u64>().is_ok());
    }
}
