//! What the peer's descriptions must, may and must not have in them.

use crate::support::{
    create_offer, directed, edited, local_offer, offer, only, pair, peer, signalled, tracks, without,
};
use duologue_sdp::Direction::{RecvOnly, SendOnly};
use duologue_sdp::jsep::SdpType::{Answer, Offer};
use duologue_sdp::jsep::SignalingState::{HaveLocalOffer, Stable};
use duologue_sdp::jsep::TrackKind::Audio;
use duologue_sdp::jsep::{DescriptionError, TransceiverInit};
use duologue_sdp::{SessionDescription, Text};

mod configuration_rtcp_mux_policy {
    use super::*;

    #[test]
    fn set_remote_description_throws_invalid_access_error_when_called_with_an_offer_without() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let offer = without(&local_offer(&mut alice), "a=rtcp-mux");
        let error = bob.set_remote_description(Offer, &offer);
        assert_eq!(error, Err(DescriptionError::MissingRtcpMux { section: 0 }));
        assert_eq!((bob.signaling_state(), bob.transceivers().count()), (Stable, 0));
    }

    #[test]
    fn set_remote_description_throws_invalid_access_error_when_called_with_an_answer_without() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        offer(&mut alice, &mut bob);
        let answer = without(&bob.create_answer().unwrap(), "a=rtcp-mux");
        let error = alice.set_remote_description(Answer, &answer);
        assert_eq!(error, Err(DescriptionError::MissingRtcpMux { section: 0 }));
        assert_eq!(alice.signaling_state(), HaveLocalOffer);
    }
}

mod direction {
    use super::*;

    #[test]
    fn rejects_invalid_modification_of_send_direction() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, directed(RecvOnly)).unwrap();
        offer(&mut alice, &mut bob);
        let answer = bob.create_answer().unwrap();
        let direction = if answer.to_string().contains("a=inactive") { "a=inactive" } else { "a=sendonly" };
        for invalid in ["a=recvonly", "a=sendrecv"] {
            let error = alice.set_remote_description(Answer, &edited(&answer, direction, invalid));
            assert_eq!(error, Err(DescriptionError::AnswerDirection { section: 0 }));
        }
        assert_eq!(alice.signaling_state(), HaveLocalOffer);
    }

    #[test]
    fn rejects_invalid_modification_of_receive_direction() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        let id = only(&alice).id();
        alice.set_direction(id, SendOnly).unwrap();
        offer(&mut alice, &mut bob);
        let answer = bob.create_answer().unwrap();
        for invalid in ["a=sendonly", "a=sendrecv"] {
            let error = alice.set_remote_description(Answer, &edited(&answer, "a=recvonly", invalid));
            assert_eq!(error, Err(DescriptionError::AnswerDirection { section: 0 }));
        }
        assert_eq!(alice.signaling_state(), HaveLocalOffer);
    }
}

mod ice_ufragpwd {
    use super::*;

    #[test]
    fn set_remote_description_with_a_ice_ufrag_containing_a_non_ice_char_fails() {
        let mut alice = peer("alice");
        alice.request_data();
        let offer = create_offer(&mut alice).to_string().replace("aliceUfrag", "not an-ice-char!");
        assert!(offer.parse::<SessionDescription>().is_err());
    }

    #[test]
    fn set_remote_description_with_a_ice_pwd_containing_a_non_ice_char_fails() {
        let mut alice = peer("alice");
        alice.request_data();
        let text = create_offer(&mut alice).to_string();
        let offer = text.replace("alicePasswordPasswordPassword", "alicePasswordPassword-Password");
        assert_ne!(text, offer);
        assert!(offer.parse::<SessionDescription>().is_err());
    }
}

mod missing_fields {
    use super::*;

    #[test]
    fn offer_description_with_no_mid_is_accepted() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        let offer = without(&without(&local_offer(&mut alice), "a=mid"), "a=group");
        bob.set_remote_description(Offer, &offer).unwrap();
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(Answer, Some(&answer)).unwrap();
        assert_eq!(tracks(&mut bob).len(), 1);
        assert_eq!(answer.media.len(), 1);
        assert_ne!(answer.media[0].port, 0);
        alice.set_remote_description(Answer, &signalled(&answer)).unwrap();
        assert!(only(&alice).current_direction().unwrap().sends());
    }

    #[test]
    fn answer_description_with_no_mid_is_accepted() {
        let (mut alice, mut bob) = pair();
        alice.add_track(Audio, "microphone", &[]).unwrap();
        offer(&mut alice, &mut bob);
        let answer = bob.create_answer().unwrap();
        let answer = without(&without(&answer, "a=mid"), "a=group");
        alice.set_remote_description(Answer, &answer).unwrap();
        assert!(only(&alice).current_direction().unwrap().sends());
    }
}

mod unknown_mediatypes {
    use super::*;

    #[test]
    fn unknown_media_types_are_rejected_with_the_port_set_to_0() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        let mut text = create_offer(&mut alice).to_string();
        text.push_str(
            "m=text 9 UDP/TLS/RTP/SAVPF 100\r\na=rtpmap:100 t140/1000\r\na=mid:t\r\na=rtcp-mux\r\n",
        );
        text = text.replace("a=group:BUNDLE m0", "a=group:BUNDLE m0 t");
        bob.set_remote_description(Offer, &text.parse().unwrap()).unwrap();
        let answer = bob.create_answer().unwrap();
        let kinds: Vec<Text> = answer.media.iter().map(|media| media.kind.name().into()).collect();
        assert_eq!((kinds, answer.media[1].port), (vec!["application".into(), "text".into()], 0));
        assert_ne!(answer.media[0].port, 0);
        bob.set_local_description(Answer, Some(&answer)).unwrap();
        assert!(bob.transceivers().count() == 0 && bob.data().is_some());
    }
}
