//! No answer holds what its offer did not, and unusual offers get the answers that the RFCs ask.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use capabilities::{Able, negotiator};
use duologue_sdp::jsep::{Negotiator, SdpType, SignalingState};
use duologue_sdp::{
    Attribute, CodecRole, Direction, Media, MediaKind, RidDirection, SessionDescription, Text,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::RefCell;
use std::collections::BTreeSet;

#[path = "agreement/capabilities.rs"]
mod capabilities;

fn recorded() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20);
    let name = |path: &std::path::Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn offer(name: &str) -> String {
    recorded().into_iter().find(|(own, _)| own == name).unwrap().1
}

/// A peer that can do this much, and wants to send.
fn answerer(able: Able) -> Negotiator {
    let mut peer = negotiator(able, 1);
    for kind in [duologue_sdp::jsep::TrackKind::Audio, duologue_sdp::jsep::TrackKind::Video] {
        let _ = peer.add_track(kind, kind_name(kind), &["stream".into()]);
    }
    peer
}

fn kind_name(kind: duologue_sdp::jsep::TrackKind) -> &'static str {
    match kind {
        duologue_sdp::jsep::TrackKind::Audio => "sound",
        duologue_sdp::jsep::TrackKind::Video => "picture",
    }
}

/// Sets the offer, creates the answer, compares them and sets the answer; `None` when the offer is refused, which has
/// changed nothing.
fn answer(peer: &mut Negotiator, offer: &SessionDescription) -> Option<SessionDescription> {
    let before = format!("{peer:?}");
    if peer.set_remote_description(SdpType::Offer, offer).is_err() {
        assert_eq!(format!("{peer:?}"), before, "a refused description changes nothing");
        return None;
    }
    let answer = peer.create_answer().unwrap();
    let text = answer.to_string();
    assert_eq!(text.parse().as_ref(), Ok(&answer));
    holds_nothing_new(offer, &answer);
    assert_eq!(peer.set_local_description(SdpType::Answer, Some(&answer)), Ok(()));
    assert_eq!(peer.signaling_state(), SignalingState::Stable);
    Some(answer)
}

fn answered(able: Able, offer: &str) -> SessionDescription {
    answer(&mut answerer(able), &offer.parse().unwrap()).unwrap()
}

/// Each part of the answer has its counterpart in the offer.
fn holds_nothing_new(offer: &SessionDescription, answer: &SessionDescription) {
    assert_eq!(offer.media.len(), answer.media.len());
    for attribute in &answer.attributes {
        let known = match attribute {
            Attribute::Group { semantics, mids } => offer.attributes.iter().any(|one| {
                matches!(one, Attribute::Group { semantics: theirs, mids: all }
                    if theirs == semantics && mids.iter().all(|mid| all.contains(mid)))
            }),
            Attribute::ExtmapAllowMixed => offer.attributes.contains(attribute),
            Attribute::IceOptions(ours) => {
                let theirs = ice_options(offer);
                ours.split(' ').all(|option| theirs.contains(option))
            }
            _ => false,
        };
        assert!(known, "{attribute}");
    }
    for (offered, answered) in offer.media.iter().zip(&answer.media) {
        section_holds_nothing_new(offer, offered, answered);
    }
}

fn ice_options(offer: &SessionDescription) -> BTreeSet<&str> {
    let everywhere = offer.attributes.iter().chain(offer.media.iter().flat_map(|media| &media.attributes));
    let options = everywhere.filter_map(|attribute| match attribute {
        Attribute::IceOptions(options) => Some(options.split_ascii_whitespace()),
        _ => None,
    });
    options.flatten().collect()
}

fn section_holds_nothing_new(offer: &SessionDescription, offered: &Media, answered: &Media) {
    assert_eq!((&offered.kind, &offered.protocol), (&answered.kind, &answered.protocol));
    assert!(offered.mid().is_none() || offered.mid() == answered.mid());
    assert!(answered.formats.iter().all(|format| offered.formats.contains(format)), "{answered}");
    if answered.port == 0 {
        assert!(answered.attributes.iter().all(|one| matches!(one, Attribute::Mid(_))), "{answered}");
        return;
    }
    assert!(offered.port != 0 || offered.has(&Attribute::BundleOnly));
    for attribute in &answered.attributes {
        assert!(is_offered(offer, offered, attribute), "{attribute} is not in\n{offered}");
    }
}

fn is_offered(offer: &SessionDescription, offered: &Media, attribute: &Attribute) -> bool {
    let codecs = offered.codecs();
    let has = |mids: &[Text], media: &Media| mids.iter().any(|mid| Some(mid.as_str()) == media.mid());
    let in_group = |media: &Media| offer.bundle_groups().any(|mids| has(mids, offered) && has(mids, media));
    // What belongs to the transport stands in the tagged section, or in another of the group that took its place.
    let for_transport = |wanted: &Attribute| {
        let elsewhere = |media: &Media| media.ice_ufrag().is_some() && in_group(media) && media.has(wanted);
        offered.has(wanted) || offer.attributes.contains(wanted) || offer.media.iter().any(elsewhere)
    };
    match attribute {
        Attribute::Mid(mid) => offered.mid().is_none_or(|theirs| theirs == mid),
        Attribute::Direction(ours) => {
            let allowed = direction(offer, offered).reversed();
            ours.intersection(allowed) == *ours
        }
        Attribute::Rtpmap(line) => codecs.iter().any(|codec| {
            codec.payload_type == line.payload_type
                && codec.name.eq_ignore_ascii_case(&line.name)
                && codec.clock_rate == line.clock_rate
                && codec.channels == line.channels.unwrap_or(1)
        }),
        Attribute::Fmtp(line) => codecs.iter().any(|codec| codec.payload_type == line.payload_type),
        Attribute::RtcpFb(line) => codecs.iter().any(|codec| {
            Some(codec.payload_type) == line.payload_type && codec.feedback.contains(&line.feedback)
        }),
        Attribute::Extmap(line) => {
            offered.extensions().any(|theirs| (theirs.id, &theirs.uri) == (line.id, &line.uri))
        }
        Attribute::Rid(line) => {
            let reversed = match line.direction {
                RidDirection::Send => RidDirection::Recv,
                RidDirection::Recv => RidDirection::Send,
            };
            offered.rids().any(|theirs| theirs.id == line.id && theirs.direction == reversed)
        }
        Attribute::Simulcast(ours) => offered.simulcast().is_some_and(|theirs| {
            let ids = |lists: &[Vec<duologue_sdp::SimulcastId>]| -> BTreeSet<Text> {
                lists.iter().flatten().map(|one| one.id.clone()).collect()
            };
            ids(&ours.send).is_subset(&ids(&theirs.recv)) && ids(&ours.recv).is_subset(&ids(&theirs.send))
        }),
        Attribute::RtcpMux | Attribute::RtcpRsize => for_transport(attribute),
        Attribute::TlsId(_) => {
            offer.media.iter().any(|media| media.tls_id().is_some())
                || offer.attributes.iter().any(|one| matches!(one, Attribute::TlsId(_)))
        }
        Attribute::Setup(setup) => {
            matches!(setup, duologue_sdp::Setup::Active | duologue_sdp::Setup::Passive)
        }
        // Fault str0m 345: an audio section had lines of a retransmission that only video has.
        Attribute::SsrcGroup(group) => group.semantics == "FID" && group.ssrcs.len() == 2 && repairs(offered),
        Attribute::Ssrc(line) => line.attribute == "cname",
        // Ours to say.
        Attribute::IceUfrag(_) | Attribute::IcePwd(_) | Attribute::Fingerprint(_) | Attribute::Msid(_) => {
            true
        }
        Attribute::SctpPort(_) | Attribute::MaxMessageSize(_) => offered.is_data_channel(),
        Attribute::Other { name, .. } if name == "sctpmap" => offered.sctpmap_port().is_some(),
        _ => false,
    }
}

fn repairs(media: &Media) -> bool {
    media.codecs().iter().any(|codec| codec.role() == CodecRole::Retransmission)
}

fn direction(offer: &SessionDescription, media: &Media) -> Direction {
    let of_session = offer.attributes.iter().find_map(|attribute| match attribute {
        Attribute::Direction(direction) => Some(*direction),
        _ => None,
    });
    media.direction().or(of_session).unwrap_or(Direction::SendRecv)
}

/// Which sections an answer accepts.
fn accepted(answer: &SessionDescription) -> Vec<bool> {
    answer.media.iter().map(|media| media.port != 0).collect()
}

fn bundled(answer: &SessionDescription) -> Vec<Vec<&str>> {
    answer.bundle_groups().map(|mids| mids.iter().map(Text::as_str).collect()).collect()
}

#[test]
fn every_recorded_offer_is_answered_with_nothing_new_by_every_peer() {
    for (name, text) in recorded() {
        for able in Able::ALL {
            let answer = answered(able, &text);
            let much = able == Able::Much;
            assert!(!much || accepted(&answer).contains(&true), "{name}: {answer}");
        }
    }
}

/// What is done to the lines of an offer.
#[derive(Debug, Clone)]
enum Edit {
    Drop(prop::sample::Index),
    Duplicate(prop::sample::Index, prop::sample::Index),
    /// Two attributes change places.
    Swap(prop::sample::Index, prop::sample::Index),
    /// An attribute that nobody knows comes in.
    Unknown(prop::sample::Index, &'static str),
    /// A line of another offer comes in.
    Foreign(prop::sample::Index, prop::sample::Index, prop::sample::Index),
}

const UNKNOWN: [&str; 8] = [
    "a=strange",
    "a=strange:thing",
    "a=x-google-flag:conference",
    "a=rtcp-xr:rcvr-rtt=all",
    "a=group:FID 0 1",
    "a=extmap:9 urn:strange",
    "a=rtcp-fb:* strange thing",
    "a=rid:strange send max-strange=1",
];

fn edits() -> impl Strategy<Value = Edit> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Edit::Drop),
        (index(), index()).prop_map(|(from, to)| Edit::Duplicate(from, to)),
        (index(), index()).prop_map(|(one, other)| Edit::Swap(one, other)),
        (index(), prop::sample::select(UNKNOWN.to_vec())).prop_map(|(at, line)| Edit::Unknown(at, line)),
        (index(), index(), index()).prop_map(|(at, from, line)| Edit::Foreign(at, from, line)),
    ]
}

fn edit(lines: &mut Vec<String>, all: &[(String, String)], edit: &Edit) {
    let is_attribute = |line: &String| line.starts_with("a=");
    match edit {
        Edit::Drop(at) => drop(lines.remove(at.index(lines.len()))),
        Edit::Duplicate(from, to) => {
            let line = lines[from.index(lines.len())].clone();
            lines.insert(to.index(lines.len()), line);
        }
        Edit::Swap(one, other) => {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            if is_attribute(&lines[one]) && is_attribute(&lines[other]) {
                lines.swap(one, other);
            }
        }
        Edit::Unknown(at, line) => lines.insert(at.index(lines.len()) + 1, (*line).to_owned()),
        Edit::Foreign(at, from, line) => {
            let other: Vec<&str> = all[from.index(all.len())].1.lines().collect();
            lines.insert(at.index(lines.len()) + 1, other[line.index(other.len())].to_owned());
        }
    }
}

#[test]
fn edited_offers_are_answered_with_nothing_new_or_refused_without_effect() {
    let all = recorded();
    let config = ProptestConfig::with_cases(4_000);
    let index = any::<prop::sample::Index>;
    let able = prop::sample::select(Able::ALL.to_vec());
    let input = (index(), able, prop::collection::vec(edits(), 1..6), any::<bool>());
    // What became of the offers: not parsed, refused, answered.
    let counts = RefCell::new([0usize; 3]);
    let outcome = TestRunner::new(config).run(&input, |(from, able, edits, again)| {
        let original = &from.get(&all).1;
        let mut lines: Vec<String> = original.lines().map(ToOwned::to_owned).collect();
        for one in &edits {
            edit(&mut lines, &all, one);
        }
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let Ok(parsed) = text.parse::<SessionDescription>() else {
            counts.borrow_mut()[0] += 1;
            return Ok(());
        };
        let mut peer = answerer(able);
        if again {
            // The edited one is a later offer.
            prop_assert!(answer(&mut peer, &original.parse().unwrap()).is_some());
        }
        let answered = answer(&mut peer, &parsed).is_some();
        counts.borrow_mut()[1 + usize::from(answered)] += 1;
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    println!("not parsed, refused, answered: {counts:?}");
    assert!(counts.borrow().iter().all(|count| *count > 100), "{counts:?}");
}

/// An offer without lines that begin like this.
fn without(offer: &str, start: &str) -> String {
    offer.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn without_a_bundle_the_first_section_is_accepted_alone() {
    for client in ["chromium", "firefox", "aiortc"] {
        let answer = answered(Able::Much, &without(&offer(&format!("{client}-audio-video-data")), "a=group"));
        assert_eq!(accepted(&answer), [true, false, false], "{client}");
        assert!(bundled(&answer).is_empty(), "{client}");
        assert!(answer.media[0].ice_ufrag().is_some() && answer.media[0].setup().is_some());
    }
}

#[test]
fn of_two_groups_the_one_of_the_first_section_is_answered() {
    let offer = offer("chromium-audio-video-data").replace("BUNDLE 0 1 2", "BUNDLE 1\r\na=group:BUNDLE 2 0");
    let answer = answered(Able::Much, &offer);
    assert_eq!(accepted(&answer), [true, false, true]);
    assert_eq!(bundled(&answer), [["2", "0"]]);
    let tagged: Vec<_> = answer.media.iter().map(|media| media.ice_ufrag().is_some()).collect();
    assert_eq!(tagged, [false, false, true], "RFC 9143, Section 7.3.1: the offerer's tag is the answerer's");
}

#[test]
fn a_section_outside_of_the_group_is_rejected() {
    let offer = offer("chromium-audio-video-data").replace("BUNDLE 0 1 2", "BUNDLE 0 2");
    let answer = answered(Able::Much, &offer);
    assert_eq!(accepted(&answer), [true, false, true]);
    assert_eq!(bundled(&answer), [["0", "2"]]);
}

#[test]
fn unknown_media_types_and_protocols_are_rejected_at_their_places() {
    let strange = [
        "m=message 2855 TCP/MSRP *",
        "m=text 9 UDP/TLS/RTP/SAVPF 98",
        "m=image 9 udptl t38",
        "m=audio 9 UDP/STRANGE 0",
        "m=application 9 UDP/DTLS/SCTP strange",
        "m=application 9 UDP/BFCP *",
    ];
    for line in strange {
        let mut text = offer("chromium-audio").replace("BUNDLE 0", "BUNDLE 0 strange");
        text.push_str(line);
        text.push_str("\r\na=mid:strange\r\n");
        let answer = answered(Able::Much, &text);
        assert_eq!(accepted(&answer), [true, false], "{line}");
        assert_eq!(bundled(&answer), [["0"]], "{line}");
        let (head, formats) = line.rsplit_once(' ').unwrap();
        let rejected = format!("m={} 0 {} {formats}", &answer.media[1].kind.name(), answer.media[1].protocol);
        assert_eq!(answer.media[1].to_string().lines().next().unwrap(), rejected);
        assert!(head.ends_with(answer.media[1].protocol.as_str()));
    }
}

#[test]
fn a_section_without_a_direction_is_sendrecv_and_the_session_may_say_another() {
    let silent = without(&offer("chromium-audio"), "a=sendrecv");
    assert!(silent.len() < offer("chromium-audio").len());
    let said = |text: &str| answered(Able::Much, text).media[0].direction();
    assert_eq!(said(&silent), Some(Direction::SendRecv));
    for (theirs, ours) in [
        ("sendonly", Direction::RecvOnly),
        ("recvonly", Direction::SendOnly),
        ("inactive", Direction::Inactive),
        ("sendrecv", Direction::SendRecv),
    ] {
        let text = silent.replacen("t=0 0\r\n", &format!("t=0 0\r\na={theirs}\r\n"), 1);
        assert_eq!(said(&text), Some(ours), "{theirs}");
    }
}

#[test]
fn recvonly_is_never_answered_with_recvonly_nor_sendonly_with_sendonly() {
    for (_, text) in recorded() {
        let offer: SessionDescription = text.parse().unwrap();
        for able in Able::ALL {
            let answer = answered(able, &text);
            for (offered, answered) in offer.media.iter().zip(&answer.media) {
                let (theirs, ours) = (direction(&offer, offered), answered.direction());
                let one_way = matches!(theirs, Direction::SendOnly | Direction::RecvOnly);
                assert!(!one_way || ours != Some(theirs), "{answered}");
            }
        }
    }
}

#[test]
fn bundled_sections_with_other_credentials_use_those_of_the_tagged_one() {
    let text = offer("chromium-audio-video-data");
    let ufrag = |media: &Media| media.ice_ufrag().unwrap().to_owned();
    let parsed: SessionDescription = text.parse().unwrap();
    let own = ufrag(&parsed.media[0]);
    let mut other = parsed.clone();
    for (index, media) in other.media.iter_mut().enumerate().skip(1) {
        for attribute in &mut media.attributes {
            if let Attribute::IceUfrag(ufrag) = attribute {
                *ufrag = format!("other{index}").into();
            }
        }
    }
    let mut peer = answerer(Able::Much);
    let first = answer(&mut peer, &other).unwrap();
    assert_eq!(accepted(&first), [true, true, true]);
    assert_eq!(peer.remote_transport().unwrap().ice.ufrag, own);
    assert_eq!(first.media.iter().filter(|media| media.ice_ufrag().is_some()).count(), 1);
    // What they are does not matter either when they change: it is no restart.
    let second = answer(&mut peer, &parsed).unwrap();
    assert_eq!(ufrag(&second.media[0]), ufrag(&first.media[0]));
}

#[test]
fn offered_as_rejected_is_answered_as_rejected_and_the_next_section_has_the_transport() {
    for rejected in 0..3 {
        let mut offer: SessionDescription = offer("chromium-audio-video-data").parse().unwrap();
        offer.media[rejected].port = 0;
        let mids: Vec<Text> = ["0", "1", "2"]
            .iter()
            .filter(|mid| **mid != rejected.to_string())
            .map(|mid| (*mid).into())
            .collect();
        for attribute in &mut offer.attributes {
            if let Attribute::Group { mids: own, .. } = attribute {
                own.clone_from(&mids);
            }
        }
        let mut peer = answerer(Able::Much);
        let answer = answer(&mut peer, &offer).unwrap();
        let expected: Vec<bool> = (0..3).map(|index| index != rejected).collect();
        assert_eq!(accepted(&answer), expected);
        let first = expected.iter().position(|live| *live).unwrap();
        assert!(answer.media[first].ice_ufrag().is_some());
        let sections = peer.transceivers().filter(|one| one.mid().is_some()).count();
        assert_eq!(sections, expected[..2].iter().filter(|live| **live).count());
    }
}

#[test]
fn feedback_is_answered_as_far_as_we_have_it_and_groups_name_each_section_once() {
    let text = offer("chromium-audio-video-data").replace("BUNDLE 0 1 2", "BUNDLE 0 0 1 2 1");
    let answer = answered(Able::Much, &text);
    assert_eq!(bundled(&answer), [["0", "1", "2"]]);
    let codecs = answer.media[1].codecs();
    let feedback = |name: &str| codecs.iter().find(|codec| codec.name == name).unwrap().feedback.len();
    assert_eq!((feedback("VP8"), feedback("H264")), (5, 3));
}

#[test]
fn older_profiles_are_taken_as_they_are_and_answered_as_they_are() {
    for profile in [
        "RTP/AVP",
        "RTP/AVPF",
        "RTP/SAVP",
        "RTP/SAVPF",
        "TCP/DTLS/RTP/SAVP",
        "TCP/DTLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
    ] {
        let answer = answered(Able::Much, &offer("chromium-audio").replace("UDP/TLS/RTP/SAVPF", profile));
        assert_eq!(accepted(&answer), [true], "{profile}");
        assert_eq!(answer.media[0].protocol, profile);
    }
}

#[test]
fn a_legacy_data_section_is_answered_under_its_own_profile_and_does_not_harm_the_others() {
    let (head, _) = {
        let text = offer("chromium-audio-video-data");
        let at = text.find("m=application").unwrap();
        (text[..at].to_owned(), ())
    };
    let legacy = "m=application 9 DTLS/SCTP 5000\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n\
                  a=sctpmap:5000 webrtc-datachannel 1024\r\n";
    let answer = answered(Able::Much, &format!("{head}{legacy}"));
    assert_eq!(accepted(&answer), [true, true, true]);
    let media = &answer.media[2];
    assert_eq!((media.sctpmap_port(), media.sctp_port()), (Some(5000), None));
    assert_eq!((&media.kind, media.protocol.as_str()), (&MediaKind::Application, "DTLS/SCTP"));
    assert_eq!((media.formats.as_slice(), media.mid()), (["5000".into()].as_slice(), Some("2")));
}
