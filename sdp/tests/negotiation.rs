//! Two negotiators agree, and what cannot be is refused and changes nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_sdp::jsep::{
    CandidateError, CodecCapability, Config, DescriptionError, DtlsRole, Event, IceCandidate, IceCredentials,
    LocalTransport, Negotiator, OfferOptions, RemoteCandidate, SdpType, SignalingState, TrackKind,
};
use duologue_sdp::{
    Attribute, Codec, Direction, FormatParameters, MediaKind, PayloadType, SessionDescription, Setup,
};
use std::sync::Arc;

fn negotiator(name: &str) -> Negotiator {
    let local = LocalTransport {
        ice: IceCredentials {
            ufrag: format!("{name}ufrag").into(),
            pwd: format!("{name}passwordpasswordpassword").as_str().into(),
        },
        ice_lite: false,
        fingerprints: vec![format!("sha-256 {}", ["A5"; 32].join(":")).parse().unwrap()],
        tls_id: format!("{name}0123456789abcdef0123").into(),
        sctp_port: 5000,
        max_message_size: 262_144,
    };
    Negotiator::new(Arc::new(Config::default()), local, [1; 32])
}

fn recorded(name: &str) -> SessionDescription {
    let path = format!("{}/tests/data/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn reparsed(description: &SessionDescription) -> SessionDescription {
    description.to_string().parse().unwrap()
}

fn negotiate(
    offerer: &mut Negotiator,
    answerer: &mut Negotiator,
) -> (SessionDescription, SessionDescription) {
    let offer = offerer.create_offer(OfferOptions::default()).unwrap();
    offerer.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
    answerer.set_remote_description(SdpType::Offer, &reparsed(&offer)).unwrap();
    let answer = answerer.create_answer().unwrap();
    answerer.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    offerer.set_remote_description(SdpType::Answer, &reparsed(&answer)).unwrap();
    (offer, answer)
}

fn connected() -> (Negotiator, Negotiator) {
    let (mut alice, mut bob) = (negotiator("alice"), negotiator("bob"));
    alice.request_data();
    negotiate(&mut alice, &mut bob);
    (alice, bob)
}

/// All that a caller can see.
fn snapshot(negotiator: &Negotiator) -> String {
    format!("{negotiator:?}")
}

#[test]
fn offer_and_answer_agree_on_roles_and_data() {
    let (alice, bob) = connected();
    assert_eq!((alice.dtls_role(), bob.dtls_role()), (Some(DtlsRole::Server), Some(DtlsRole::Client)));
    assert_eq!((alice.is_offerer(), bob.is_offerer()), (Some(true), Some(false)));
    for (one, other) in [(&alice, &bob), (&bob, &alice)] {
        assert_eq!(one.signaling_state(), SignalingState::Stable);
        assert!(!one.negotiation_needed());
        assert_eq!(one.data().unwrap().max_message_size, Some(262_144));
        let remote = one.remote_transport().unwrap();
        assert_eq!(&remote.ice, other.ice_credentials());
        assert_eq!(remote.fingerprints, other.local_transport().fingerprints);
    }
}

#[test]
fn later_offers_are_actpass_and_answers_keep_the_roles() {
    let (mut alice, mut bob) = connected();
    let (offer, answer) = negotiate(&mut bob, &mut alice);
    assert_eq!(offer.media[0].setup(), Some(Setup::ActPass));
    assert_eq!(answer.media[0].setup(), Some(Setup::Passive));
    assert_eq!((alice.dtls_role(), bob.dtls_role()), (Some(DtlsRole::Server), Some(DtlsRole::Client)));
    assert_eq!(offer.origin.session_id, bob.create_offer(OfferOptions::default()).unwrap().origin.session_id);
}

#[test]
fn an_offer_has_its_fingerprint_once_and_for_all_sections() {
    let (mut alice, _) = connected();
    let offer = alice.create_offer(OfferOptions::default()).unwrap();
    let is_fingerprint = |one: &&Attribute| matches!(one, Attribute::Fingerprint(_));
    assert_eq!(offer.attributes.iter().filter(is_fingerprint).count(), 1);
    assert_eq!(offer.media.iter().flat_map(|media| &media.attributes).filter(is_fingerprint).count(), 0);
}

#[test]
fn offers_of_real_clients_are_answered_with_their_sections_and_only_data_accepted() {
    let names = ["audio-video-data", "audio", "video", "data", "directions"];
    let names = ["chromium", "firefox", "aiortc"]
        .iter()
        .flat_map(|client| names.map(|name| format!("{client}-{name}")));
    for name in names {
        let offer = recorded(&name);
        let mut bob = negotiator("bob");
        bob.set_remote_description(SdpType::Offer, &offer).unwrap_or_else(|error| panic!("{name}: {error}"));
        let answer = bob.create_answer().unwrap();
        assert_eq!(answer.media.len(), offer.media.len(), "{name}");
        for (offered, answered) in offer.media.iter().zip(&answer.media) {
            assert_eq!((offered.mid(), &offered.kind), (answered.mid(), &answered.kind), "{name}");
            assert_eq!(answered.port != 0, offered.kind == MediaKind::Application, "{name}");
            assert_eq!(answered.formats, offered.formats);
        }
        bob.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
        assert_eq!(bob.data().is_some(), name.ends_with("data"), "{name}");
    }
}

#[test]
fn attributes_of_the_offer_are_never_echoed() {
    let mut offer = connected().0.create_offer(OfferOptions::default()).unwrap().to_string();
    offer.push_str("a=strange:thing\r\na=sendrecv\r\n");
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &offer.parse().unwrap()).unwrap();
    let answer = bob.create_answer().unwrap().to_string();
    assert!(!answer.contains("strange") && !answer.contains("sendrecv"), "{answer}");
}

#[test]
fn unknown_media_types_are_rejected_at_their_place() {
    let mut offer = connected().0.create_offer(OfferOptions::default()).unwrap().to_string();
    offer.push_str("m=message 2855 TCP/MSRP *\r\na=mid:x\r\n");
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &offer.parse().unwrap()).unwrap();
    let answer = bob.create_answer().unwrap();
    assert_eq!(
        (answer.media[1].port, answer.media[1].mid(), answer.media[1].kind.name()),
        (0, Some("x"), "message")
    );
}

#[test]
fn without_a_group_only_the_first_section_can_be_accepted() {
    let mut offer = recorded("chromium-audio-video-data");
    offer.attributes.retain(|attribute| !attribute.to_string().starts_with("a=group"));
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    assert!(bob.create_answer().unwrap().media.iter().all(|media| media.port == 0));
    let mut alone = recorded("chromium-data");
    alone.attributes.clear();
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &alone).unwrap();
    let answer = bob.create_answer().unwrap();
    assert_ne!(answer.media[0].port, 0);
    assert!(answer.bundle_groups().next().is_none());
}

#[test]
fn a_bundle_only_section_takes_the_transport_of_its_group() {
    let text = recorded("chromium-audio-video-data").to_string();
    let (head, data) = text.split_once("m=application").unwrap();
    let data: String = data
        .lines()
        .filter(|line| {
            !["a=ice-", "a=fingerprint", "a=setup", "a=candidate"].iter().any(|one| line.starts_with(one))
        })
        .map(|line| format!("{line}\r\n"))
        .collect();
    let data = data.replacen(" 37144 ", " 0 ", 1);
    let offer: SessionDescription = format!("{head}m=application{data}a=bundle-only\r\n").parse().unwrap();
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    assert_eq!(bob.remote_transport().unwrap().ice.ufrag, "7EIR");
    assert_ne!(bob.create_answer().unwrap().media[2].port, 0);
}

#[test]
fn refused_descriptions_change_nothing() {
    type Edit = fn(&str) -> String;
    let edits: [(Edit, DescriptionError); 6] = [
        (|sdp| without(sdp, "a=ice-pwd"), DescriptionError::MissingIceCredentials { section: 0 }),
        (|sdp| without(sdp, "a=fingerprint"), DescriptionError::MissingFingerprint { section: 0 }),
        (|sdp| sdp.replace("setup:active", "setup:actpass"), DescriptionError::Setup { section: 0 }),
        (|sdp| sdp.replace("mid:m0", "mid:m9"), DescriptionError::SectionMismatch { section: 0 }),
        (
            |sdp| sdp.replace("UDP/DTLS/SCTP", "UDP/TLS/RTP/SAVPF"),
            DescriptionError::SectionMismatch { section: 0 },
        ),
        (
            |sdp| format!("{sdp}m=audio 9 RTP/AVP 0\r\n"),
            DescriptionError::SectionCount { offered: 1, answered: 2 },
        ),
    ];
    for (edit, error) in edits {
        let (mut alice, mut bob) = (negotiator("alice"), negotiator("bob"));
        alice.request_data();
        let offer = alice.create_offer(OfferOptions::default()).unwrap();
        alice.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
        bob.set_remote_description(SdpType::Offer, &offer).unwrap();
        let answer = bob.create_answer().unwrap().to_string();
        let before = snapshot(&alice);
        let edited = edit(&answer).parse().unwrap();
        assert_eq!(alice.set_remote_description(SdpType::Answer, &edited), Err(error));
        assert_eq!(snapshot(&alice), before);
        alice.set_remote_description(SdpType::Answer, &answer.parse().unwrap()).unwrap();
    }
}

fn without(sdp: &str, start: &str) -> String {
    sdp.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn every_wrong_state_is_refused_and_changes_nothing() {
    let description = connected().0.local_description().unwrap();
    let mut bob = negotiator("bob");
    for kind in [SdpType::Answer, SdpType::PrAnswer, SdpType::Rollback] {
        let before = snapshot(&bob);
        assert!(matches!(bob.set_remote_description(kind, &description), Err(DescriptionError::State(_))));
        assert!(matches!(
            bob.set_local_description(kind, Some(&description)),
            Err(DescriptionError::State(_))
        ));
        assert_eq!(snapshot(&bob), before);
    }
    assert!(bob.create_answer().is_err());
    assert_eq!(
        bob.set_local_description(SdpType::Offer, Some(&description)),
        Err(DescriptionError::Modified)
    );
    bob.close();
    assert!(bob.create_offer(OfferOptions::default()).is_err());
    assert!(bob.set_remote_description(SdpType::Offer, &description).is_err());
}

#[test]
fn rollback_returns_to_the_last_stable_state() {
    let (mut alice, mut bob) = connected();
    let stable = (alice.local_description(), alice.data(), alice.dtls_role());
    let offer = alice.create_offer(OfferOptions::default()).unwrap();
    alice.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
    alice.set_local_description(SdpType::Rollback, Some(&offer)).unwrap();
    assert_eq!(alice.signaling_state(), SignalingState::Stable);
    assert_eq!((alice.local_description(), alice.data(), alice.dtls_role()), stable);
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    bob.set_remote_description(SdpType::Rollback, &offer).unwrap();
    negotiate(&mut bob, &mut alice);
}

#[test]
fn a_rolled_back_offer_leaves_nothing_behind() {
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &recorded("chromium-data")).unwrap();
    assert!(bob.remote_transport().is_some() && bob.is_offerer().is_some());
    bob.set_remote_description(SdpType::Rollback, &recorded("chromium-data")).unwrap();
    assert_eq!((bob.remote_transport(), bob.is_offerer(), bob.remote_description()), (None, None, None));
}

#[test]
fn an_offer_that_meets_ours_rolls_ours_back() {
    let (mut alice, mut bob) = (negotiator("alice"), negotiator("bob"));
    alice.request_data();
    bob.request_data();
    let ours = bob.create_offer(OfferOptions::default()).unwrap();
    bob.set_local_description(SdpType::Offer, Some(&ours)).unwrap();
    negotiate_onto(&mut alice, &mut bob);
    assert_eq!((alice.is_offerer(), bob.is_offerer()), (Some(true), Some(false)));
    assert!(bob.data().is_some() && !bob.negotiation_needed());
}

fn negotiate_onto(offerer: &mut Negotiator, answerer: &mut Negotiator) {
    assert_eq!(answerer.signaling_state(), SignalingState::HaveLocalOffer);
    negotiate(offerer, answerer);
}

#[test]
fn a_provisional_answer_starts_the_transport_and_the_answer_ends_the_negotiation() {
    let (mut alice, mut bob) = (negotiator("alice"), negotiator("bob"));
    alice.request_data();
    let offer = alice.create_offer(OfferOptions::default()).unwrap();
    alice.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
    assert!(alice.data().is_none() && alice.dtls_role().is_none());
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    for kind in [SdpType::PrAnswer, SdpType::PrAnswer, SdpType::Answer] {
        let answer = bob.create_answer().unwrap();
        bob.set_local_description(kind, Some(&answer)).unwrap();
        alice.set_remote_description(kind, &answer).unwrap();
        assert!(alice.data().is_some() && bob.data().is_some());
        assert_eq!(alice.dtls_role(), Some(DtlsRole::Server));
    }
    assert_eq!(alice.signaling_state(), SignalingState::Stable);
}

#[test]
fn a_rejected_data_section_is_offered_anew_at_its_place_under_another_mid() {
    let mut alice = negotiator("alice");
    alice.request_data();
    let offer = alice.create_offer(OfferOptions::default()).unwrap();
    alice.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
    let mut answer = connected().1.local_description().unwrap();
    answer.media[0].port = 0;
    answer.media[0].attributes.truncate(1);
    alice.set_remote_description(SdpType::Answer, &answer).unwrap();
    assert!(alice.data().is_none() && !alice.negotiation_needed());
    alice.request_data();
    assert!(alice.negotiation_needed());
    let again = alice.create_offer(OfferOptions::default()).unwrap();
    assert_eq!((again.media.len(), again.media[0].mid()), (1, Some("m1")));
}

#[test]
fn another_certificate_in_a_later_offer_is_refused() {
    let (mut alice, mut bob) = connected();
    let offer = alice.create_offer(OfferOptions::default()).unwrap().to_string();
    let before = snapshot(&bob);
    let other = offer.replace("A5:A5", "5A:5A").parse().unwrap();
    let result = bob.set_remote_description(SdpType::Offer, &other);
    assert_eq!(result, Err(DescriptionError::NewAssociation { section: 0 }));
    assert_eq!(snapshot(&bob), before);
}

#[test]
fn our_description_carries_the_candidates_gathered_so_far() {
    let (mut alice, _) = connected();
    alice.add_local_candidate("aliceufrag", "1 1 udp 1 192.0.2.1 5 typ host".into());
    assert_eq!(alice.local_description().unwrap().media[0].candidates().count(), 1);
    alice.end_of_local_candidates("aliceufrag");
    assert!(alice.local_description().unwrap().to_string().ends_with("a=end-of-candidates\r\n"));
}

#[test]
fn trickled_candidates_find_their_section() {
    let (mut alice, _) = connected();
    let candidate = |mid: Option<&str>, index, ufrag: Option<&str>, candidate: &str| IceCandidate {
        candidate: candidate.into(),
        sdp_mid: mid.map(Into::into),
        sdp_m_line_index: index,
        username_fragment: ufrag.map(Into::into),
    };
    let line = "candidate:1 1 udp 1 192.0.2.1 5 typ host";
    let add = Ok(RemoteCandidate::Add("1 1 udp 1 192.0.2.1 5 typ host".into()));
    assert_eq!(alice.add_remote_candidate(&candidate(Some("m0"), None, None, line)), add);
    assert_eq!(alice.add_remote_candidate(&candidate(None, Some(0), Some("bobufrag"), line)), add);
    let old = candidate(Some("m0"), None, Some("older"), line);
    assert_eq!(alice.add_remote_candidate(&old), Err(CandidateError::UnknownGeneration));
    assert_eq!(alice.add_remote_candidate(&candidate(None, None, None, "")), Ok(RemoteCandidate::End));
    let unknown = Err(CandidateError::UnknownSection);
    assert_eq!(alice.add_remote_candidate(&candidate(Some("m7"), None, None, line)), unknown);
    assert_eq!(alice.add_remote_candidate(&candidate(None, Some(7), None, line)), unknown);
    let none = Err(CandidateError::NoSection);
    assert_eq!(alice.add_remote_candidate(&candidate(None, None, None, line)), none);
    let early = negotiator("x").add_remote_candidate(&candidate(Some("m0"), None, None, line));
    assert_eq!(early, Err(CandidateError::NoRemoteDescription));
}

#[test]
fn the_lack_of_trickle_says_that_all_candidates_are_there() {
    let mut offer = recorded("chromium-data").to_string();
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &offer.parse().unwrap()).unwrap();
    let transport = bob.remote_transport().unwrap();
    assert!(!transport.end_of_candidates);
    assert_eq!(transport.candidates.len(), 4);
    offer = without(&offer, "a=ice-options");
    let mut bob = negotiator("bob");
    bob.set_remote_description(SdpType::Offer, &offer.parse().unwrap()).unwrap();
    assert!(bob.remote_transport().unwrap().end_of_candidates);
}

#[test]
fn renomination_is_offered_and_answered_to_those_that_offer_it() {
    let (alice, bob) = connected();
    for side in [&alice, &bob] {
        assert!(
            side.local_description().unwrap().to_string().contains("a=ice-options:trickle ice2 renomination")
        );
        assert!(side.remote_transport().unwrap().renomination);
    }
    let mut carol = negotiator("carol");
    carol.set_remote_description(SdpType::Offer, &recorded("chromium-data")).unwrap();
    carol.set_implicit_local_description().unwrap();
    assert!(!carol.remote_transport().unwrap().renomination);
    assert!(!carol.local_description().unwrap().to_string().contains("renomination"));
}

#[test]
fn a_restart_that_was_rolled_back_is_offered_anew_under_other_credentials_and_without_its_candidates() {
    let (mut alice, _) = connected();
    alice.restart_ice();
    let mut seen = vec![alice.ice_credentials().clone()];
    for _ in 0..3 {
        alice.set_implicit_local_description().unwrap();
        let ice = alice.ice_credentials().clone();
        assert!(!seen.contains(&ice));
        alice.add_local_candidate(&ice.ufrag, "1 1 udp 1 192.0.2.1 5 typ host".into());
        assert_eq!(alice.local_description().unwrap().media[0].candidates().count(), 1);
        seen.push(ice);
        alice.set_local_description(SdpType::Rollback, None).unwrap();
        assert_eq!(*alice.ice_credentials(), seen[0]);
    }
}

#[test]
fn the_end_of_a_transceiver_is_told_once_on_each_side() {
    let config = || {
        let codec = Codec {
            payload_type: PayloadType::new(0).unwrap(),
            name: "PCMU".into(),
            clock_rate: 8_000,
            channels: 1,
            parameters: FormatParameters::default(),
            feedback: Vec::new(),
        };
        let mut config = Config::default();
        config.audio.codecs = vec![CodecCapability { codec, direction: Direction::SendRecv }];
        Arc::new(config)
    };
    let new =
        |name: &str, seed| Negotiator::new(config(), negotiator(name).local_transport().clone(), [seed; 32]);
    let (mut alice, mut bob) = (new("alice", 1), new("bob", 2));
    let audio = alice.add_track(TrackKind::Audio, "track", &[]).unwrap();
    negotiate(&mut alice, &mut bob);
    alice.stop(audio).unwrap();
    negotiate(&mut alice, &mut bob);
    for peer in [&mut alice, &mut bob] {
        let ended = std::iter::from_fn(|| peer.poll_event()).filter(|event| matches!(event, Event::Ended(_)));
        assert_eq!(ended.count(), 1);
        assert_eq!(peer.transceivers().count(), 0);
    }
}
