//! Candidates that are signalled one by one.

use crate::support::{answer, edited, lines, local_offer, offer, pair, peer, signalled, without};
use duologue_sdp::jsep::{
    CandidateError, IceCandidate, Negotiator, RemoteCandidate, SdpType, TrackKind, TransceiverInit,
};
use duologue_sdp::{Attribute, Media};

const CANDIDATE: &str = "candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host";
const OTHER: &str = "candidate:2 1 udp 2122260222 192.0.2.2 6000 typ host";

/// A negotiator with an offer of audio and video, each section with an address and credentials of its own:
/// `first`, `second`.
fn offered() -> Negotiator {
    let (mut alice, mut bob) = pair();
    alice.add_transceiver(TrackKind::Audio, TransceiverInit::default()).unwrap();
    alice.add_transceiver(TrackKind::Video, TransceiverInit::default()).unwrap();
    let offer = local_offer(&mut alice);
    let transport: String = ["a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=rtcp-mux"]
        .iter()
        .map(|start| format!("{start}{}\r\n", lines(&offer, start)[0]))
        .collect();
    let offer = without(&edited(&offer, "m=video 0", "m=video 9"), "a=bundle-only");
    let offer = edited(&offer, "a=ice-ufrag:aliceUfrag", "a=ice-ufrag:first");
    let second = format!("a=mid:m1\r\na=ice-ufrag:second\r\n{transport}");
    bob.set_remote_description(SdpType::Offer, &edited(&offer, "a=mid:m1\r\n", &second)).unwrap();
    bob
}

fn candidate(text: &str, mid: Option<&str>, index: Option<u16>, ufrag: Option<&str>) -> IceCandidate {
    IceCandidate {
        candidate: text.into(),
        sdp_mid: mid.map(Into::into),
        sdp_m_line_index: index,
        username_fragment: ufrag.map(Into::into),
    }
}

fn section(peer: &Negotiator, index: usize) -> &Media {
    &peer.remote_description().unwrap().media[index]
}

/// The candidates of both sections of the peer's description.
fn candidates(peer: &Negotiator) -> [Vec<&str>; 2] {
    [0, 1].map(|index| section(peer, index).candidates().collect())
}

fn ended(peer: &Negotiator) -> [bool; 2] {
    [0, 1].map(|index| section(peer, index).has(&Attribute::EndOfCandidates))
}

fn value(text: &str) -> &str {
    text.strip_prefix("candidate:").unwrap()
}

mod ice_candidate_constructor {
    use super::*;

    #[test]
    fn new_rtc_ice_candidate_with_valid_candidate_string_only() {
        let init = candidate(CANDIDATE, None, None, None);
        assert_eq!(offered().add_remote_candidate(&init), Err(CandidateError::NoSection));
    }

    #[test]
    fn new_rtc_ice_candidate_with_valid_candidate_string_and_sdp_mid() {
        let init = candidate(CANDIDATE, Some("m0"), None, None);
        assert_eq!(offered().add_remote_candidate(&init), Ok(RemoteCandidate::Add(value(CANDIDATE).into())));
    }

    #[test]
    fn new_rtc_ice_candidate_with_invalid_sdp_mid() {
        let init = candidate(CANDIDATE, Some("no such mid"), None, None);
        assert_eq!(init.sdp_mid.as_deref(), Some("no such mid"));
        assert_eq!(offered().add_remote_candidate(&init), Err(CandidateError::UnknownSection));
    }

    #[test]
    fn new_rtc_ice_candidate_with_invalid_sdp_m_line_index() {
        let init = candidate(CANDIDATE, None, Some(u16::MAX), None);
        assert_eq!(init.sdp_m_line_index, Some(65_535));
        assert_eq!(offered().add_remote_candidate(&init), Err(CandidateError::UnknownSection));
    }
}

mod add_ice_candidate {
    use super::*;

    #[test]
    fn add_ice_candidate_before_setting_remote_description_should_reject_with_invalid_state() {
        let mut bob = peer("bob");
        let init = candidate(CANDIDATE, Some("m0"), Some(0), None);
        assert_eq!(bob.add_remote_candidate(&init), Err(CandidateError::NoRemoteDescription));
    }

    #[test]
    fn add_ice_candidate_candidate_sdp_mid_null_sdp_m_line_index_null_should_work_and_add_a() {
        let mut bob = offered();
        assert_eq!(bob.add_remote_candidate(&IceCandidate::default()), Ok(RemoteCandidate::End));
        assert_eq!(ended(&bob), [true, true]);
    }

    #[test]
    fn add_ice_candidate_username_fragment_username_fragment1_sdp_mid_sdp_mid1_should_work_and() {
        let mut bob = offered();
        let end = candidate("", Some("m0"), None, Some("first"));
        assert_eq!(bob.add_remote_candidate(&end), Ok(RemoteCandidate::End));
        assert_eq!(ended(&bob), [true, false]);
    }

    #[test]
    fn add_ice_candidate_username_fragment_no_such_ufrag_should_not_work() {
        let mut bob = offered();
        for text in ["", CANDIDATE] {
            let init = candidate(text, Some("m0"), None, Some("nobody"));
            assert_eq!(bob.add_remote_candidate(&init), Err(CandidateError::UnknownGeneration));
        }
        let everywhere = candidate("", None, None, Some("nobody"));
        assert_eq!(bob.add_remote_candidate(&everywhere), Err(CandidateError::UnknownGeneration));
        assert_eq!((ended(&bob), candidates(&bob)), ([false; 2], [vec![], vec![]]));
    }

    #[test]
    fn add_candidate_with_only_valid_sdp_mid_should_succeed() {
        let mut bob = offered();
        let init = candidate(CANDIDATE, Some("m0"), None, None);
        assert_eq!(bob.add_remote_candidate(&init), Ok(RemoteCandidate::Add(value(CANDIDATE).into())));
    }

    #[test]
    fn add_candidate_with_only_valid_sdp_m_line_index_should_succeed() {
        let mut bob = offered();
        let init = candidate(CANDIDATE, None, Some(0), None);
        assert_eq!(bob.add_remote_candidate(&init), Ok(RemoteCandidate::Add(value(CANDIDATE).into())));
    }

    #[test]
    fn add_ice_candidate_after_setting_remote_description_should_succeed() {
        let mut bob = offered();
        let init = candidate(CANDIDATE, Some("m0"), Some(0), Some("first"));
        assert_eq!(bob.add_remote_candidate(&init), Ok(RemoteCandidate::Add(value(CANDIDATE).into())));
    }

    #[test]
    fn add_ice_candidate_with_first_sdp_mid_and_sdp_m_line_index_add_candidate_to_first_media() {
        let mut bob = offered();
        bob.add_remote_candidate(&candidate(CANDIDATE, Some("m0"), Some(0), None)).unwrap();
        assert_eq!(candidates(&bob), [vec![value(CANDIDATE)], vec![]]);
    }

    #[test]
    fn add_ice_candidate_with_second_sdp_mid_and_sdp_m_line_index_should_add_candidate_to() {
        let mut bob = offered();
        bob.add_remote_candidate(&candidate(CANDIDATE, Some("m1"), Some(1), Some("second"))).unwrap();
        assert_eq!(candidates(&bob), [vec![], vec![value(CANDIDATE)]]);
    }

    #[test]
    fn add_candidate_for_media_stream_2_with_null_ufrag_should_succeed() {
        let mut bob = offered();
        bob.add_remote_candidate(&candidate(CANDIDATE, Some("m1"), Some(1), None)).unwrap();
        assert_eq!(candidates(&bob), [vec![], vec![value(CANDIDATE)]]);
    }

    #[test]
    fn adding_multiple_candidates_should_add_candidates_to_their_corresponding_media_stream() {
        let mut bob = offered();
        bob.add_remote_candidate(&candidate(CANDIDATE, Some("m0"), Some(0), Some("first"))).unwrap();
        bob.add_remote_candidate(&candidate(OTHER, Some("m1"), Some(1), Some("second"))).unwrap();
        assert_eq!(candidates(&bob), [vec![value(CANDIDATE)], vec![value(OTHER)]]);
    }

    #[test]
    fn add_with_empty_candidate_string_end_of_candidate_should_succeed() {
        let mut bob = offered();
        bob.add_remote_candidate(&candidate(CANDIDATE, Some("m0"), Some(0), Some("first"))).unwrap();
        let end = candidate("", Some("m0"), Some(0), Some("first"));
        assert_eq!(bob.add_remote_candidate(&end), Ok(RemoteCandidate::End));
        assert_eq!((candidates(&bob), ended(&bob)), ([vec![value(CANDIDATE)], vec![]], [true, false]));
    }

    #[test]
    fn add_candidate_with_both_sdp_mid_and_sdp_m_line_index_manually_set_to_null_should_reject() {
        let mut bob = offered();
        for text in [CANDIDATE, "(Invalid) candidate \r\n string"] {
            let init = candidate(text, None, None, None);
            assert_eq!(bob.add_remote_candidate(&init), Err(CandidateError::NoSection));
            let init = candidate(text, None, None, Some("first"));
            assert_eq!(bob.add_remote_candidate(&init), Err(CandidateError::NoSection));
        }
    }

    #[test]
    fn add_candidate_with_invalid_sdp_mid_should_reject_with_operation_error() {
        let init = candidate(CANDIDATE, Some("invalid"), Some(0), Some("first"));
        assert_eq!(offered().add_remote_candidate(&init), Err(CandidateError::UnknownSection));
    }

    #[test]
    fn add_candidate_with_invalid_sdp_m_line_index_should_reject_with_operation_error() {
        let init = candidate(CANDIDATE, None, Some(2), Some("first"));
        assert_eq!(offered().add_remote_candidate(&init), Err(CandidateError::UnknownSection));
    }

    #[test]
    fn invalid_sdp_m_line_index_should_be_ignored_if_valid_sdp_mid_is_provided() {
        let init = candidate(CANDIDATE, Some("m0"), Some(2), Some("first"));
        assert_eq!(offered().add_remote_candidate(&init), Ok(RemoteCandidate::Add(value(CANDIDATE).into())));
    }

    #[test]
    fn add_candidate_with_sdp_mid_belonging_to_different_username_fragment_should_reject_with() {
        let mut bob = offered();
        for (mid, ufrag) in [("m0", "second"), ("m1", "first")] {
            let init = candidate(CANDIDATE, Some(mid), None, Some(ufrag));
            assert_eq!(bob.add_remote_candidate(&init), Err(CandidateError::UnknownGeneration));
        }
    }
}

mod can_trickle_ice_candidates {
    use super::*;

    #[test]
    fn can_trickle_ice_candidates_property_is_null_prior_to_set_remote_description() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        assert_eq!(bob.can_trickle_ice_candidates(), None);
        local_offer(&mut alice);
        assert_eq!(alice.can_trickle_ice_candidates(), None);
        offer(&mut alice, &mut bob);
        assert!(bob.can_trickle_ice_candidates().is_some());
        answer(&mut bob, &mut alice);
        assert_eq!(alice.can_trickle_ice_candidates(), Some(true));
    }

    #[test]
    fn can_trickle_ice_candidates_property_is_true_after_set_remote_description_with_a_ice() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        let offer = local_offer(&mut alice);
        assert!(offer.to_string().contains("a=ice-options:trickle"));
        bob.set_remote_description(SdpType::Offer, &signalled(&offer)).unwrap();
        assert_eq!(bob.can_trickle_ice_candidates(), Some(true));
    }

    #[test]
    fn can_trickle_ice_candidates_property_is_false_after_set_remote_description_without_a_ice() {
        let (mut alice, mut bob) = pair();
        alice.request_data();
        let offer = without(&local_offer(&mut alice), "a=ice-options");
        bob.set_remote_description(SdpType::Offer, &offer).unwrap();
        assert_eq!(bob.can_trickle_ice_candidates(), Some(false));
    }
}
