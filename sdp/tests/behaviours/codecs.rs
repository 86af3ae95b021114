//! Codecs, payload types and header extensions.

use crate::support::{
    AUDIO_LEVEL, MID, TRANSPORT_CC, VIDEO_ORIENTATION, answer, codecs, config, create_offer, directed,
    edited, exchange, lines, local_offer, offer, only, pair, peer, peer_with, without,
};
use duologue_sdp::Direction::{RecvOnly, SendOnly};
use duologue_sdp::jsep::TrackKind::{Audio, Video};
use duologue_sdp::jsep::{
    CodecCapability, Config, DescriptionError, SdpType, TrackKind, TransceiverError, TransceiverInit,
};
use duologue_sdp::{Codec, CodecRole, Direction, Media, SessionDescription};
use std::collections::HashSet;

fn capable(kind: TrackKind) -> Vec<Codec> {
    config().capabilities(kind).codecs.iter().map(|one| one.codec.clone()).collect()
}

fn names(media: &Media) -> Vec<String> {
    media.codecs().iter().map(|codec| codec.name.to_string()).collect()
}

/// Sets preferences, and returns the codecs that the offer then has.
fn preferring(kind: TrackKind, codecs: &[Codec]) -> Result<Vec<Codec>, TransceiverError> {
    let mut alice = peer("alice");
    let id = alice.add_transceiver(kind, TransceiverInit::default()).unwrap();
    alice.set_codec_preferences(id, codecs)?;
    Ok(create_offer(&mut alice).media[0].codecs())
}

fn user_defined() -> Codec {
    codecs("m=audio 9 UDP/TLS/RTP/SAVPF 120\r\na=rtpmap:120 data/2000\r\na=fmtp:120 0-15\r\n").remove(0)
}

/// Each `rtx` of a section repairs another codec of it, and each media codec has at most one.
fn assert_sensible_rtx(media: &Media) {
    let codecs = media.codecs();
    let mut repaired = HashSet::new();
    for rtx in codecs.iter().filter(|codec| codec.role() == CodecRole::Retransmission) {
        let apt = rtx.apt().unwrap();
        let codec = codecs.iter().find(|codec| codec.payload_type == apt).unwrap();
        assert_eq!(codec.role(), CodecRole::Media);
        assert!(repaired.insert(apt), "{apt} has two");
    }
    assert!(!repaired.is_empty());
}

/// The media codecs offered in this direction, when one is both sent and received, one only sent and one only received.
fn filtered(direction: Direction) -> Vec<String> {
    let mut config = config();
    config.video.codecs.retain(|one| one.codec.role() == CodecRole::Media);
    config.video.codecs.truncate(3);
    config.video.codecs[1].direction = SendOnly;
    config.video.codecs[2].direction = RecvOnly;
    let mut alice = peer_with("alice", config);
    alice.add_transceiver(Video, directed(direction)).unwrap();
    names(&create_offer(&mut alice).media[0])
}

/// The extensions that both agree on, by the one that offered them.
fn agreed_extensions(kind: TrackKind) -> Vec<String> {
    let (mut alice, mut bob) = pair();
    alice.add_transceiver(kind, TransceiverInit::default()).unwrap();
    offer(&mut alice, &mut bob);
    answer(&mut bob, &mut alice);
    only(&alice).extensions().iter().map(|extension| extension.uri.as_str().to_owned()).collect()
}

/// The payload type in the answer to Opus with this number.
fn answered(number: u8) -> Result<u8, DescriptionError> {
    let (mut alice, mut bob) = pair();
    alice.add_track(Audio, "microphone", &[]).unwrap();
    let offer = local_offer(&mut alice);
    let offer = edited(&offer, "SAVPF 111 0", &format!("SAVPF {number}"));
    let offer = edited(&offer, ":111 ", &format!(":{number} "));
    bob.set_remote_description(SdpType::Offer, &offer)?;
    let codecs = bob.create_answer().unwrap().media[0].codecs();
    assert_eq!((codecs.len(), codecs[0].name.as_str()), (1, "opus"));
    Ok(codecs[0].payload_type.get())
}

/// The answer to an offer of video with these formats.
fn answer_to(codecs: &str) -> SessionDescription {
    let (mut alice, mut bob) = pair();
    alice.add_track(Video, "camera", &[]).unwrap();
    let text = create_offer(&mut alice).to_string();
    let formats = text.lines().find_map(|line| line.strip_prefix("m=video 9 UDP/TLS/RTP/SAVPF ")).unwrap();
    let is_codec =
        |line: &str| ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().any(|name| line.starts_with(name));
    let rest: String = text.split_inclusive('\n').filter(|line| !is_codec(line)).collect();
    let offer = rest.replace(&format!("{formats}\r\n"), codecs);
    bob.set_remote_description(SdpType::Offer, &offer.parse().unwrap()).unwrap();
    bob.create_answer().unwrap()
}

mod rtp_transceiver_set_codec_preferences {
    use super::*;

    #[test]
    fn set_codec_preferences_on_audio_transceiver_with_codecs_returned_from_rtc_rtp_sender_get() {
        assert_eq!(preferring(Audio, &capable(Audio)), Ok(capable(Audio)));
    }

    #[test]
    fn set_codec_preferences_on_video_transceiver_with_codecs_returned_from_rtc_rtp_receiver() {
        assert_eq!(preferring(Video, &capable(Video)), Ok(capable(Video)));
    }

    #[test]
    fn set_codec_preferences_with_both_sender_receiver_codecs_combined_should_succeed() {
        let mut combined = capable(Video);
        combined.extend(capable(Video));
        assert_eq!(preferring(Video, &combined), Ok(capable(Video)));
    }

    #[test]
    fn set_codec_preferences_should_succeed() {
        let mut alice = peer("alice");
        let id = alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.set_codec_preferences(id, &capable(Audio)[1..]).unwrap();
        assert_eq!(create_offer(&mut alice).media[0].codecs().len(), 1);
        alice.set_codec_preferences(id, &[]).unwrap();
        assert_eq!(create_offer(&mut alice).media[0].codecs(), capable(Audio));
    }

    #[test]
    fn set_codec_preferences_with_reordered_codecs_should_succeed() {
        let mut reordered = capable(Audio);
        reordered.reverse();
        assert_eq!(preferring(Audio, &reordered), Ok(reordered));
    }

    #[test]
    fn set_codec_preferences_on_audio_transceiver_with_codecs_returned_from_get_capabilities() {
        assert_eq!(preferring(Audio, &capable(Video)), Err(TransceiverError::UnsupportedCodec));
    }

    #[test]
    fn set_codec_preferences_with_user_defined_codec_should_throw_invalid_access_error() {
        assert_eq!(preferring(Audio, &[user_defined()]), Err(TransceiverError::UnsupportedCodec));
    }

    #[test]
    fn set_codec_preferences_with_user_defined_codec_together_with_codecs_returned_from_get() {
        let mut codecs = capable(Audio);
        codecs.push(user_defined());
        assert_eq!(preferring(Audio, &codecs), Err(TransceiverError::UnsupportedCodec));
    }

    #[test]
    fn set_codec_preferences_with_modified_codecs_returned_from_get_capabilities_should_throw() {
        let mut codecs = capable(Audio);
        codecs[0].clock_rate /= 2;
        assert_eq!(preferring(Audio, &codecs), Err(TransceiverError::UnsupportedCodec));
        let mut codecs = capable(Audio);
        codecs[0].channels += 11;
        assert_eq!(preferring(Audio, &codecs), Err(TransceiverError::UnsupportedCodec));
    }
}

mod payload_types {
    use super::*;

    #[test]
    fn create_offer_with_the_maximum_set_of_codecs_does_not_generate_invalid_payload_types() {
        let mut config = Config::default();
        for number in 0..60 {
            let name = format!("codec{number}");
            let section = format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 {name}/90000\r\n");
            let codec = codecs(&section).remove(0);
            config.video.codecs.push(CodecCapability { codec, direction: Direction::SendRecv });
        }
        let mut alice = peer_with("alice", config);
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let codecs = create_offer(&mut alice).media[0].codecs();
        let numbers: HashSet<u8> = codecs.iter().map(|codec| codec.payload_type.get()).collect();
        assert_eq!((codecs.len(), numbers.len()), (60, 60));
        // RFC 8843, Section 9.1.1, and RFC 5761, Section 4: the numbers that RTCP needs are not used.
        assert!(numbers.iter().all(|number| matches!(number, 35..=63 | 96..=127)), "{numbers:?}");
    }
}

mod codecs_filtered_by_direction {
    use super::*;

    #[test]
    fn codecs_get_filtered_by_direction_for_sendonly() {
        assert_eq!(filtered(SendOnly), ["VP8", "VP9"]);
    }

    #[test]
    fn codecs_get_filtered_by_direction_for_recvonly() {
        assert_eq!(filtered(RecvOnly), ["VP8", "H264"]);
    }
}

mod codecs_subsequent_offer {
    use super::*;

    #[test]
    fn a_subsequent_offer_after_a_vp8_only_negotiation_includes_at_least_all_mandatory_to() {
        let (mut alice, mut bob) = pair();
        let id = bob.add_track(Video, "camera", &[]).unwrap();
        let vp8: Vec<Codec> = capable(Video).into_iter().take(2).collect();
        bob.set_codec_preferences(id, &vp8).unwrap();
        alice.add_track(Video, "camera", &[]).unwrap();
        let (_, answer) = exchange(&mut alice, &mut bob);
        assert_eq!(names(&answer.media[0]), ["VP8", "rtx"]);
        let again = create_offer(&mut alice);
        assert!(["VP8", "H264"].iter().all(|name| names(&again.media[0]).iter().any(|one| one == name)));
    }
}

mod rtp_headerextensions {
    use super::*;

    #[test]
    fn mid_header_extension_is_supported() {
        let mut alice = peer("alice");
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let offer = create_offer(&mut alice);
        for media in &offer.media {
            assert!(media.extensions().any(|extension| extension.uri.as_str() == MID));
        }
        assert_eq!(agreed_extensions(Audio)[0], MID);
    }

    #[test]
    fn audio_level_header_extension_is_supported() {
        assert!(agreed_extensions(Audio).contains(&AUDIO_LEVEL.to_owned()));
        assert!(!agreed_extensions(Video).contains(&AUDIO_LEVEL.to_owned()));
    }

    #[test]
    fn video_orientation_header_extension_is_supported() {
        assert!(agreed_extensions(Video).contains(&VIDEO_ORIENTATION.to_owned()));
        assert!(!agreed_extensions(Audio).contains(&VIDEO_ORIENTATION.to_owned()));
    }

    #[test]
    fn negotiates_the_subset_of_supported_extensions_offered() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Audio, TransceiverInit::default()).unwrap();
        let offer = without(&local_offer(&mut alice), "a=extmap:2");
        let offer = edited(&offer, "a=extmap:4", "a=extmap:9 urn:unknown\r\na=extmap:7");
        bob.set_remote_description(SdpType::Offer, &offer).unwrap();
        let answer = bob.create_answer().unwrap();
        let mut extensions = lines(&answer, "a=extmap:");
        extensions.sort_unstable();
        assert_eq!(extensions, [format!("1 {MID}"), format!("7 {TRANSPORT_CC}")]);
    }
}

mod rtp_payloadtypes {
    use super::*;

    #[test]
    fn set_remote_description_with_a_codec_in_the_range_96_127_works() {
        for number in 96..=127 {
            assert_eq!(answered(number), Ok(number));
        }
    }

    #[test]
    fn set_remote_description_with_a_codec_in_the_range_35_63_works() {
        for number in 35..=63 {
            assert_eq!(answered(number), Ok(number));
        }
    }

    #[test]
    fn set_remote_description_with_a_codec_in_the_range_64_95_throws_an_invalid_access_error() {
        for number in 64..=95 {
            assert_eq!(answered(number), Err(DescriptionError::PayloadType { section: 0 }));
        }
    }
}

mod rtx_codecs {
    use super::*;

    #[test]
    fn initial_offer_should_have_sensible_rtx_mappings() {
        let mut alice = peer("alice");
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        assert_sensible_rtx(&create_offer(&mut alice).media[0]);
    }

    #[test]
    fn self_negotiated_answer_should_have_sensible_rtx_parameters() {
        let (mut alice, mut bob) = pair();
        alice.add_transceiver(Video, TransceiverInit::default()).unwrap();
        let (_, answer) = exchange(&mut alice, &mut bob);
        assert_sensible_rtx(&answer.media[0]);
        assert_eq!(answer.media[0].codecs().len(), 8);
    }

    #[test]
    fn a_remote_offer_generates_sensible_rtx_references_in_answer() {
        // The offerer numbers otherwise, and knows one codec that we do not.
        let codecs = "97 98 96 99 100 101\r\na=rtpmap:97 VP8/90000\r\na=rtpmap:98 rtx/90000\r\na=fmtp:98 apt=97\r\n\
            a=rtpmap:96 VP9/90000\r\na=fmtp:96 profile-id=0\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n\
            a=rtpmap:100 new/90000\r\na=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n";
        let answer = answer_to(codecs);
        assert_sensible_rtx(&answer.media[0]);
        assert_eq!(answer.media[0].formats, ["97", "98", "96", "99"]);
        assert_eq!(lines(&answer, "a=fmtp:98 "), ["apt=97"]);
        assert_eq!(lines(&answer, "a=fmtp:99 "), ["apt=96"]);
    }

    #[test]
    fn a_remote_offer_with_duplicate_codecs_generates_sensible_rtx_references_in_answer() {
        let codecs = "96 97 98 99\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=98\r\n\
            a=rtpmap:98 VP8/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n";
        let answer = answer_to(codecs);
        assert_sensible_rtx(&answer.media[0]);
        let apt: Vec<_> = answer.media[0].codecs().iter().filter_map(|codec| codec.apt()).collect();
        let numbers: Vec<_> = answer.media[0].codecs().iter().map(|codec| codec.payload_type).collect();
        assert!(apt.iter().all(|one| numbers.contains(one)), "{answer}");
    }
}
