//! Faults of other stacks' negotiators, one test for each.
#![expect(clippy::unwrap_used, reason = "tests")]

use capabilities::{Able, negotiator};
use duologue_sdp::jsep::{Encoding, Event, Negotiator, OfferOptions, SdpType, TrackKind, TransceiverInit};
use duologue_sdp::{Attribute, Direction, Media, SessionDescription, Setup};

#[path = "agreement/capabilities.rs"]
mod capabilities;

fn recorded(name: &str) -> SessionDescription {
    let path = format!("{}/tests/data/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn answer_to(peer: &mut Negotiator, offer: &SessionDescription) -> SessionDescription {
    peer.set_remote_description(SdpType::Offer, offer).unwrap();
    let answer = peer.create_answer().unwrap();
    peer.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
    answer
}

fn offer_of(peer: &mut Negotiator) -> SessionDescription {
    let offer = peer.create_offer(OfferOptions::default()).unwrap();
    peer.set_local_description(SdpType::Offer, Some(&offer)).unwrap();
    offer
}

fn negotiate(offerer: &mut Negotiator, answerer: &mut Negotiator) -> [SessionDescription; 2] {
    let offer = offer_of(offerer);
    let answer = answer_to(answerer, &offer);
    offerer.set_remote_description(SdpType::Answer, &answer).unwrap();
    [offer, answer]
}

fn peers() -> (Negotiator, Negotiator) {
    (negotiator(Able::Much, 0), negotiator(Able::Renumbered, 1))
}

fn add(peer: &mut Negotiator, kind: TrackKind) -> duologue_sdp::jsep::TransceiverId {
    peer.add_transceiver(kind, TransceiverInit::default()).unwrap()
}

fn mids(description: &SessionDescription) -> Vec<&str> {
    description.media.iter().map(|media| media.mid().unwrap()).collect()
}

fn numbers(media: &Media) -> Vec<u8> {
    media.codecs().iter().map(|codec| codec.payload_type.get()).collect()
}

/// pion/webrtc 3161
#[test]
fn an_rtx_goes_with_the_codec_that_it_repairs() {
    let (mut alice, mut bob) = peers();
    let id = add(&mut alice, TrackKind::Video);
    let all = alice.create_offer(OfferOptions::default()).unwrap().media[0].codecs();
    let without_vp8: Vec<_> = all.into_iter().filter(|codec| codec.name != "VP8").collect();
    alice.set_codec_preferences(id, &without_vp8).unwrap();
    let [offer, answer] = negotiate(&mut alice, &mut bob);
    for media in [&offer.media[0], &answer.media[0]] {
        let numbers = numbers(media);
        assert!(!numbers.contains(&96) && !numbers.contains(&97), "{media}");
        let apts = media.codecs().into_iter().filter_map(|codec| codec.apt());
        assert!(apts.map(|apt| apt.get()).all(|apt| numbers.contains(&apt)), "{media}");
    }
    // VP9 and its rtx are not the other's.
    assert_eq!(numbers(&answer.media[0]), [102, 103]);
}

/// pion/sdp 211
#[test]
fn one_payload_type_with_other_parameters_in_two_sections_is_taken() {
    let mut offer = recorded("chromium-directions").to_string();
    let at = offer.rfind("a=fmtp:111 ").unwrap();
    offer.replace_range(at.., &offer[at..].replacen("useinbandfec=1", "useinbandfec=0", 1));
    let offer: SessionDescription = offer.parse().unwrap();
    let answer = answer_to(&mut negotiator(Able::Much, 1), &offer);
    assert!(answer.media.iter().all(|media| media.port != 0));
}

/// rtc 58
#[test]
fn each_codec_is_sent_with_the_payload_type_that_its_receiver_gave_it() {
    let (mut alice, mut bob) = peers();
    add(&mut alice, TrackKind::Video);
    bob.add_track(TrackKind::Video, "track", &[]).unwrap();
    negotiate(&mut alice, &mut bob);
    let names = |peer: &Negotiator| -> Vec<(String, u8)> {
        let codecs = peer.transceivers().next().unwrap().send_codecs().to_vec();
        codecs.iter().map(|codec| (codec.name.to_string(), codec.payload_type.get())).collect()
    };
    let expected =
        [("VP8", 96), ("rtx", 97), ("H264", 102), ("rtx", 103)].map(|(name, number)| (name.into(), number));
    assert_eq!(names(&bob), expected);
    assert_eq!(names(&alice), expected);
}

/// str0m 730
#[test]
fn payload_types_of_firefox_keep_their_meaning_in_our_offers() {
    for able in [Able::Much, Able::Renumbered] {
        let mut peer = negotiator(able, 1);
        let theirs = recorded("firefox-audio-video-data");
        answer_to(&mut peer, &theirs);
        add(&mut peer, TrackKind::Audio);
        add(&mut peer, TrackKind::Video);
        let ours = offer_of(&mut peer);
        let learnt: Vec<_> = theirs.media.iter().flat_map(Media::codecs).collect();
        for codec in ours.media.iter().flat_map(Media::codecs) {
            let old = learnt.iter().find(|old| old.payload_type == codec.payload_type);
            assert!(
                old.is_none_or(|old| old.matches(&codec) && old.apt() == codec.apt()),
                "{codec:?} {old:?}"
            );
        }
        let opus = ours.media[3].codecs().into_iter().find(|codec| codec.name == "opus").unwrap();
        assert_eq!(opus.payload_type.get(), 109);
    }
}

/// str0m 345
#[test]
fn audio_has_no_source_of_retransmissions_and_what_does_not_send_has_none_at_all() {
    let (mut alice, mut bob) = peers();
    for kind in [TrackKind::Audio, TrackKind::Video] {
        alice.add_track(kind, format!("{kind:?}"), &["stream".into()]).unwrap();
    }
    let [offer, answer] = negotiate(&mut alice, &mut bob);
    let sources = |media: &Media| (media.ssrcs().count(), media.ssrc_groups().count());
    let of = |description: &SessionDescription| description.media.iter().map(sources).collect::<Vec<_>>();
    assert_eq!(of(&offer), [(1, 0), (2, 1)], "{offer}");
    assert_eq!(of(&answer), [(0, 0), (0, 0)], "{answer}");
}

/// str0m 940
#[test]
fn an_rtx_is_agreed_on_although_its_source_is_not_told() {
    let mut offer = recorded("firefox-video");
    let sources = offer.media[0].attributes.len();
    offer.media[0].attributes.retain(|one| !matches!(one, Attribute::Ssrc(_) | Attribute::SsrcGroup(_)));
    assert!(offer.media[0].attributes.len() < sources);
    let mut peer = negotiator(Able::Much, 1);
    answer_to(&mut peer, &offer);
    let one = peer.transceivers().next().unwrap();
    assert!(one.receive_codecs().iter().any(|codec| codec.apt().is_some()));
}

/// str0m 887
#[test]
fn sections_stay_where_they_are_whoever_adds_others() {
    let mut peer = negotiator(Able::Much, 1);
    let theirs = recorded("chromium-audio-video-data");
    answer_to(&mut peer, &theirs);
    // Ours come behind, in the order in which they were added, whatever the kinds.
    let added = [TrackKind::Video, TrackKind::Audio].map(|kind| add(&mut peer, kind));
    let ours = offer_of(&mut peer);
    assert_eq!(mids(&ours)[..3], mids(&theirs));
    let of_added = added.map(|id| peer.transceiver(id).unwrap().mid().unwrap());
    assert_eq!(mids(&ours)[3..], of_added);
}

/// str0m 941
#[test]
fn a_stopped_section_is_recycled_once_both_know_and_under_another_mid() {
    let (mut alice, mut bob) = peers();
    let first = add(&mut alice, TrackKind::Audio);
    add(&mut alice, TrackKind::Video);
    negotiate(&mut alice, &mut bob);
    alice.stop(first).unwrap();
    add(&mut alice, TrackKind::Video);
    let [stopping, _] = negotiate(&mut alice, &mut bob);
    assert_eq!((mids(&stopping), stopping.media[0].port), (vec!["m0", "m1", "m2"], 0));
    add(&mut bob, TrackKind::Video);
    let [recycled, answer] = negotiate(&mut bob, &mut alice);
    assert_eq!(mids(&recycled), ["m3", "m1", "m2"]);
    assert!(recycled.media[0].kind.name() == "video" && answer.media[0].port != 0);
}

/// str0m 772
#[test]
fn a_rejected_section_has_port_0_and_keeps_its_mid_and_formats() {
    let (mut alice, mut bob) = (negotiator(Able::Much, 0), negotiator(Able::Data, 1));
    add(&mut alice, TrackKind::Audio);
    alice.request_data();
    let [offer, answer] = negotiate(&mut alice, &mut bob);
    let (ours, theirs) = (&offer.media[0], &answer.media[0]);
    assert_eq!((theirs.port, theirs.mid(), &theirs.formats), (0, ours.mid(), &ours.formats));
    assert!(answer.bundle_groups().all(|mids| mids.iter().all(|mid| mid != "0")));
    let [later, _] = negotiate(&mut alice, &mut bob);
    assert_eq!((later.media[0].port, later.media[0].mid()), (0, ours.mid()));
}

/// str0m 893
#[test]
fn later_offers_are_actpass_from_both_sides() {
    let (mut alice, mut bob) = peers();
    add(&mut alice, TrackKind::Audio);
    negotiate(&mut alice, &mut bob);
    assert_eq!(offer_of(&mut alice).media[0].setup(), Some(Setup::ActPass));
    assert_eq!(offer_of(&mut bob).media[0].setup(), Some(Setup::ActPass));
}

/// rtc 181
#[test]
fn a_simulcast_answer_says_each_rid_and_each_direction_once() {
    let mut offer = recorded("chromium-simulcast").to_string();
    let rids: Vec<String> = offer.lines().filter(|line| line.starts_with("a=rid:")).map(Into::into).collect();
    assert!(rids.len() > 1);
    let answer = answer_to(&mut negotiator(Able::Much, 1), &offer.parse().unwrap()).to_string();
    let count = |text: &str, start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count(&answer, "a=rid:"), count(&answer, "a=simulcast:")), (rids.len(), 1));
    assert_eq!(answer.matches("simulcast:recv ").count(), 1);
    assert_eq!(answer.matches("simulcast:recv recv").count(), 0);
    // A rid that is there twice is answered at most once.
    offer.push_str(&format!("{}\r\n", rids[0]));
    let answer = answer_to(&mut negotiator(Able::Much, 1), &offer.parse().unwrap()).to_string();
    let id = rids[0].split([':', ' ']).nth(1).unwrap();
    assert!(count(&answer, &format!("a=rid:{id} ")) <= 1, "{answer}");
}

#[test]
fn paused_layers_are_answered_too() {
    let offer = recorded("chromium-simulcast").to_string().replace("simulcast:send ", "simulcast:send ~");
    assert!(offer.contains("send ~"));
    let mut peer = negotiator(Able::Much, 1);
    answer_to(&mut peer, &offer.parse().unwrap());
    let expected = recorded("chromium-simulcast").media[0].rids().count();
    assert_eq!(peer.transceivers().next().unwrap().receive_rids().len(), expected);
}

/// str0m 573
#[test]
fn extension_ids_are_answered_section_by_section() {
    let mut offer = recorded("chromium-audio-video-data");
    let id = |media: &Media| {
        media.extensions().find(|one| one.uri.as_str().ends_with("sdes:mid")).map(|one| one.id)
    };
    for attribute in &mut offer.media[1].attributes {
        if let Attribute::Extmap(one) = attribute {
            one.id = 15 - one.id;
        }
    }
    let answer = answer_to(&mut negotiator(Able::Much, 1), &offer);
    assert_ne!(id(&offer.media[0]), id(&offer.media[1]));
    for index in [0, 1] {
        assert!(id(&offer.media[index]).is_some());
        assert_eq!(id(&answer.media[index]), id(&offer.media[index]));
    }
}

/// rtc 54
#[test]
fn other_tracks_ask_for_no_negotiation() {
    let (mut alice, mut bob) = peers();
    let id = alice.add_track(TrackKind::Audio, "first", &["stream".into()]).unwrap();
    bob.add_track(TrackKind::Audio, "other", &["stream".into()]).unwrap();
    let [offer, _] = negotiate(&mut alice, &mut bob);
    alice.replace_track(id, Some("second".into())).unwrap();
    assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    // Nor does another track identification in the peer's description.
    let renamed = offer.to_string().replace("a=msid:stream\r\n", "a=msid:stream renamed\r\n");
    assert_ne!(renamed, offer.to_string());
    answer_to(&mut bob, &renamed.parse().unwrap());
    assert!(!bob.negotiation_needed());
    let told = std::iter::from_fn(|| bob.poll_event()).filter(|event| *event == Event::NegotiationNeeded);
    assert_eq!(told.count(), 0);
}

/// rtc 45
#[test]
fn a_browser_may_offer_again_and_again() {
    for name in
        ["chromium-audio-video-data", "chromium-simulcast", "firefox-audio-video-data", "firefox-directions"]
    {
        let mut offer = recorded(name);
        let mut peer = negotiator(Able::Much, 1);
        let first = answer_to(&mut peer, &offer);
        for version in 3..6 {
            offer.origin.version = version.to_string().into();
            let mut again = answer_to(&mut peer, &offer);
            again.origin.version.clone_from(&first.origin.version);
            assert_eq!(again, first, "{name}");
        }
    }
}

/// pion/webrtc 2416
#[test]
fn rollbacks_are_taken_in_both_directions() {
    let (mut alice, mut bob) = peers();
    add(&mut alice, TrackKind::Audio);
    negotiate(&mut alice, &mut bob);
    let stable = [alice.local_description(), bob.local_description()];
    add(&mut alice, TrackKind::Video);
    let offer = offer_of(&mut alice);
    bob.set_remote_description(SdpType::Offer, &offer).unwrap();
    bob.set_remote_description(SdpType::Rollback, &offer).unwrap();
    alice.set_local_description(SdpType::Rollback, None).unwrap();
    assert_eq!([alice.local_description(), bob.local_description()], stable);
    assert_eq!(bob.transceivers().count(), 1);
    assert!(alice.negotiation_needed());
}

/// libdatachannel 1620
#[test]
fn unknown_attributes_are_not_echoed() {
    let strange = "a=strange:thing\r\n";
    let offer = recorded("chromium-audio-video-data").to_string();
    let offer = offer
        .replace("t=0 0\r\n", &format!("t=0 0\r\n{strange}"))
        .replace("a=setup", &format!("{strange}a=setup"));
    assert_eq!(offer.matches(strange).count(), 4);
    for able in Able::ALL {
        let answer = answer_to(&mut negotiator(able, 1), &offer.parse().unwrap());
        let everything =
            answer.attributes.iter().chain(answer.media.iter().flat_map(|media| &media.attributes));
        assert!(everything.into_iter().all(|one| !matches!(one, Attribute::Other { .. })));
    }
}

#[test]
fn recvonly_is_not_answered_with_recvonly() {
    let (mut alice, mut bob) = peers();
    let mut init = TransceiverInit::default();
    init.direction = Direction::RecvOnly;
    alice.add_transceiver(TrackKind::Audio, init).unwrap();
    let [_, answer] = negotiate(&mut alice, &mut bob);
    assert_eq!(answer.media[0].direction(), Some(Direction::Inactive));
}

/// rtpengine 641
#[test]
fn every_section_of_ours_has_a_mid_and_one_without_is_understood() {
    let (mut alice, mut bob) = peers();
    add(&mut alice, TrackKind::Audio);
    alice.request_data();
    for description in negotiate(&mut alice, &mut bob) {
        assert_eq!(mids(&description), ["m0", "m1"]);
    }
    let mut offer = recorded("chromium-audio");
    offer.attributes.clear();
    offer.media[0].attributes.retain(|one| !matches!(one, Attribute::Mid(_)));
    let mut peer = negotiator(Able::Much, 1);
    let answer = answer_to(&mut peer, &offer);
    assert!(answer.media[0].port != 0 && answer.bundle_groups().next().is_none());
    assert!(peer.transceivers().next().unwrap().mid().is_some());
    answer_to(&mut peer, &offer);
}

/// rtpengine 1128
#[test]
fn feedback_goes_with_its_codec() {
    let mut offer = recorded("chromium-video").to_string();
    offer.push_str("a=rtcp-fb:* nack\r\n");
    let mut peer = negotiator(Able::Renumbered, 1);
    let answer = answer_to(&mut peer, &offer.parse().unwrap());
    let left = numbers(&answer.media[0]);
    assert!(left.len() < numbers(&offer.parse::<SessionDescription>().unwrap().media[0]).len());
    let lines = answer.media[0].attributes.iter().filter_map(|one| match one {
        Attribute::RtcpFb(line) => Some(line.payload_type),
        _ => None,
    });
    let lines: Vec<_> = lines.collect();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|number| number.is_some_and(|number| left.contains(&number.get()))), "{answer}");
}

/// str0m 872
#[test]
fn levels_of_h264_are_answered_as_both_allow() {
    let level = |able: Able, theirs: &str| {
        let mut offer = recorded("chromium-video").to_string();
        offer =
            offer.replace("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", theirs);
        let answer = answer_to(&mut negotiator(able, 1), &offer.parse().unwrap());
        let codecs = answer.media[0].codecs();
        let h264 = codecs.iter().find(|one| one.payload_type.get() == 102).unwrap();
        h264.parameters.get("profile-level-id").unwrap().to_owned()
    };
    // Ours is 3.1 with asymmetry: kept whatever the offer has, if that allows it, and lowered if not.
    let (with, without) = ("level-asymmetry-allowed=1;", "");
    let offered =
        |asymmetry: &str, id: &str| format!("{asymmetry}packetization-mode=1;profile-level-id={id}");
    assert_eq!(level(Able::Much, &offered(with, "42000b")), "42001f");
    assert_eq!(level(Able::Much, &offered(without, "42000b")), "42000b");
    assert_eq!(level(Able::Much, &offered(without, "420033")), "42001f");
}

#[test]
fn an_encoding_that_the_peer_does_not_take_is_given_up() {
    let (mut alice, mut bob) = peers();
    let mut init = TransceiverInit::default();
    init.send_encodings = ["q", "h", "f"].map(Encoding::with_rid).to_vec();
    let id = alice.add_transceiver(TrackKind::Video, init).unwrap();
    let [offer, answer] = negotiate(&mut alice, &mut bob);
    assert!(offer.media[0].simulcast().is_some() && answer.media[0].simulcast().is_none());
    assert_eq!(alice.transceiver(id).unwrap().encodings().len(), 1);
}
