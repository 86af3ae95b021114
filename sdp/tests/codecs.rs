//! Codecs put together from a section, their typed parameters, and which of them agree.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_sdp::{
    Av1, Codec, CodecRole, Feedback, FlexFec, Format, FormatParameters, H264, H264Level, H264Profile, H265,
    Media, Opus, PayloadType, ProfileLevelId, Rtx, SessionDescription, TelephoneEvent, TxMode, Vp8, Vp9,
};

fn section(lines: &str) -> Media {
    let text = format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{lines}");
    text.parse::<SessionDescription>().unwrap().media.remove(0)
}

fn recorded(name: &str) -> SessionDescription {
    let path = format!("{}/tests/data/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn codec(encoding: &str, parameters: &str) -> Codec {
    section(&format!("m=video 9 RTP/AVP 96\na=rtpmap:96 {encoding}\na=fmtp:96 {parameters}\n"))
        .codecs()
        .remove(0)
}

fn pt(number: u8) -> PayloadType {
    PayloadType::new(number).unwrap()
}

#[test]
fn codecs_stand_in_the_order_of_the_m_line_with_parameters_and_feedback() {
    let media = section(
        "m=video 9 UDP/TLS/RTP/SAVPF 97 96 97 98 * 99\n\
         a=rtcp-fb:* transport-cc\na=rtpmap:96 VP8/90000\na=rtpmap:97 H264/90000\na=fmtp:97 packetization-mode=1\n\
         a=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\na=rtcp-fb:96 nack\na=rtpmap:100 AV1/90000\na=fmtp:99 x=y\n",
    );
    let codecs = media.codecs();
    assert_eq!(codecs.iter().map(|codec| codec.payload_type.get()).collect::<Vec<_>>(), [97, 96]);
    assert_eq!(codecs[0].parameters.get("packetization-mode"), Some("1"));
    assert_eq!(codecs[0].feedback, [Feedback::TransportCc]);
    assert_eq!(codecs[1].feedback, [Feedback::TransportCc, Feedback::Nack, Feedback::NackPli]);
}

#[test]
fn fixed_payload_types_need_no_rtpmap() {
    let codecs = section("m=audio 9 UDP/TLS/RTP/SAVPF 0 8 9 10 13 96\n").codecs();
    let named: Vec<_> =
        codecs.iter().map(|codec| (codec.name.as_str(), codec.clock_rate, codec.channels)).collect();
    let expected =
        [("PCMU", 8000, 1), ("PCMA", 8000, 1), ("G722", 8000, 1), ("L16", 44_100, 2), ("CN", 8000, 1)];
    assert_eq!(named, expected);
}

#[test]
fn a_data_section_has_no_codecs() {
    assert!(recorded("chromium-data").media[0].codecs().is_empty());
    assert!(section("m=application 9 DTLS/SCTP 0\n").codecs().is_empty());
}

#[test]
fn every_format_of_a_recorded_offer_is_a_codec() {
    for client in ["chromium", "chromium-fieldtrials", "firefox", "aiortc"] {
        for media in
            recorded(&format!("{client}-audio-video-data")).media.iter().filter(|media| media.is_rtp())
        {
            let codecs = media.codecs();
            assert_eq!(codecs.len(), media.formats.len(), "{client}");
            assert!(codecs.iter().all(|codec| codec.format() != Format::Invalid), "{client}");
            let own = |wanted: PayloadType| codecs.iter().any(|codec| codec.payload_type == wanted);
            assert!(codecs.iter().filter_map(Codec::apt).all(own), "{client}");
            let rtx = codecs.iter().filter(|codec| codec.role() == CodecRole::Retransmission);
            assert!(rtx.clone().all(|codec| codec.apt().is_some()), "{client}");
        }
    }
}

#[test]
fn roles_are_told_by_name_in_any_case() {
    let roles = [
        ("VP8", CodecRole::Media),
        ("RTX", CodecRole::Retransmission),
        ("Red", CodecRole::Redundancy),
        ("ulpfec", CodecRole::ForwardErrorCorrection),
        ("flexfec-03", CodecRole::ForwardErrorCorrection),
        ("FlexFEC", CodecRole::ForwardErrorCorrection),
        ("cn", CodecRole::Auxiliary),
        ("Telephone-Event", CodecRole::Auxiliary),
    ];
    for (name, role) in roles {
        assert_eq!(codec(&format!("{name}/90000"), "").role(), role, "{name}");
    }
}

#[test]
fn rtx_and_red_name_the_payload_types_they_are_tied_to() {
    assert_eq!(codec("rtx/90000", "rtx-time=3000;apt=97").apt(), Some(pt(97)));
    assert_eq!(codec("rtx/90000", "apt=200").apt(), None);
    assert_eq!(codec("VP8/90000", "apt=97").apt(), None);
    assert!(codec("red/48000/2", "111/111/9").redundant().eq([pt(111), pt(111), pt(9)]));
    assert_eq!(codec("red/90000", "").redundant().count(), 0);
    assert_eq!(codec("VP8/90000", "111/111").redundant().count(), 0);
}

#[test]
fn parameters_are_read_by_name_in_any_case_with_spaces_around() {
    let parameters = FormatParameters::new(" a = 1 ;B=2;; flag; b=3");
    assert_eq!((parameters.get("A"), parameters.get("b")), (Some("1"), Some("2")));
    assert_eq!((parameters.get("flag"), parameters.get("c")), (Some(""), None));
    assert!(parameters.iter().eq([("a", "1"), ("B", "2"), ("flag", ""), ("b", "3")]));
    assert_eq!(parameters.as_str(), " a = 1 ;B=2;; flag; b=3");
}

#[test]
fn absent_parameters_have_the_values_of_their_rfcs() {
    let formats = [
        ("VP8/90000", Format::Vp8(Vp8 { max_fr: None, max_fs: None })),
        ("vp9/90000", Format::Vp9(Vp9 { profile_id: 0, max_fr: None, max_fs: None })),
        (
            "H264/90000",
            Format::H264(H264 {
                profile_level_id: ProfileLevelId { profile_idc: 0x42, profile_iop: 0, level_idc: 10 },
                packetization_mode: 0,
                level_asymmetry_allowed: false,
            }),
        ),
        (
            "H265/90000",
            Format::H265(H265 {
                profile_space: 0,
                profile_id: 1,
                tier_flag: 0,
                level_id: 93,
                tx_mode: TxMode::SingleStream,
            }),
        ),
        ("AV1/90000", Format::Av1(Av1 { profile: 0, level_idx: 5, tier: 0 })),
        ("opus/48000/2", Format::Opus(Opus::default())),
        ("rtx/90000", Format::Rtx(Rtx { apt: None, rtx_time: None })),
        ("red/90000", Format::Red),
        ("ulpfec/90000", Format::Ulpfec),
        ("flexfec-03/90000", Format::FlexFec(FlexFec { repair_window: None })),
        ("telephone-event/8000", Format::TelephoneEvent(TelephoneEvent::default())),
        ("PCMU/8000", Format::Other),
    ];
    for (encoding, format) in formats {
        assert_eq!(codec(encoding, "").format(), format, "{encoding}");
    }
}

#[test]
fn parameters_that_are_there_are_typed() {
    let parameters = "maxplaybackrate=16000;stereo=1;useinbandfec=1;usedtx=1;cbr=1;minptime=10;maxaveragebitrate=9000;\
                      maxptime=60;ptime=40;sprop-stereo=1;sprop-maxcapturerate=8000";
    let opus = Opus {
        max_playback_rate: 16_000,
        sprop_max_capture_rate: 8_000,
        max_ptime: 60,
        ptime: 40,
        min_ptime: 10,
        max_average_bitrate: Some(9000),
        stereo: true,
        sprop_stereo: true,
        cbr: true,
        use_inband_fec: true,
        use_dtx: true,
    };
    assert_eq!(codec("opus/48000/2", parameters).format(), Format::Opus(opus));
    let vp8 = Vp8 { max_fr: Some(60), max_fs: Some(12_288) };
    assert_eq!(codec("VP8/90000", "max-fs=12288;max-fr=60").format(), Format::Vp8(vp8));
    let vp9 = Vp9 { profile_id: 2, ..Vp9::default() };
    assert_eq!(codec("VP9/90000", "profile-id=2").format(), Format::Vp9(vp9));
    let av1 = Av1 { profile: 1, level_idx: 8, tier: 1 };
    assert_eq!(codec("AV1/90000", "level-idx=8;profile=1;tier=1").format(), Format::Av1(av1));
    let rtx = Rtx { apt: Some(pt(97)), rtx_time: Some(3000) };
    assert_eq!(codec("rtx/90000", "apt=97;rtx-time=3000").format(), Format::Rtx(rtx));
    let flexfec = FlexFec { repair_window: Some(10_000_000) };
    assert_eq!(codec("flexfec-03/90000", "repair-window=10000000").format(), Format::FlexFec(flexfec));
    let h265 = H265 {
        profile_space: 1,
        profile_id: 2,
        tier_flag: 1,
        level_id: 156,
        tx_mode: TxMode::MultipleStreams,
    };
    let parameters = "profile-space=1;profile-id=2;tier-flag=1;level-id=156;tx-mode=MRST";
    assert_eq!(codec("H265/90000", parameters).format(), Format::H265(h265));
}

#[test]
fn telephone_events_are_a_list_of_numbers_and_ranges() {
    let taken = |parameters| match codec("telephone-event/8000", parameters).format() {
        Format::TelephoneEvent(events) => {
            (0..=255).filter(|event| events.contains(*event)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(taken(""), (0..=15).collect::<Vec<_>>());
    assert_eq!(taken("0-2,66, 254-255"), [0, 1, 2, 66, 254, 255]);
    assert_eq!(taken("events=3"), [3]);
    assert_eq!(taken("300,x,5-4,-"), []);
}

#[test]
fn h264_profiles_are_those_of_the_rfcs_table() {
    let profiles = [
        ("42e01f", H264Profile::ConstrainedBaseline),
        ("42c01f", H264Profile::ConstrainedBaseline),
        ("4d801f", H264Profile::ConstrainedBaseline),
        ("58f01f", H264Profile::ConstrainedBaseline),
        ("42001f", H264Profile::Baseline),
        ("58a01f", H264Profile::Baseline),
        ("4D001F", H264Profile::Main),
        ("4d401f", H264Profile::Main),
        ("58201f", H264Profile::Extended),
        ("64001f", H264Profile::High),
        ("640c1f", H264Profile::ConstrainedHigh),
        ("6e001f", H264Profile::High10),
        ("7a001f", H264Profile::High422),
        ("f4001f", H264Profile::High444Predictive),
        ("6e101f", H264Profile::High10Intra),
        ("7a101f", H264Profile::High422Intra),
        ("f4101f", H264Profile::High444Intra),
        ("2c101f", H264Profile::Cavlc444Intra),
        ("64081f", H264Profile::Other { profile_idc: 0x64, profile_iop: 0x08 }),
    ];
    for (text, profile) in profiles {
        let id: ProfileLevelId = text.parse().unwrap();
        assert_eq!(id.profile(), profile, "{text}");
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    for text in ["", "42e01", "42e01ff", "42e01g", "+42e01", "0x42e0"] {
        assert!(text.parse::<ProfileLevelId>().is_err(), "{text}");
    }
}

#[test]
fn h264_level_1b_lies_between_1_and_1_1() {
    let level = |text: &str| text.parse::<ProfileLevelId>().unwrap().level();
    assert_eq!((level("42f00b"), level("640009")), (H264Level::LEVEL_1B, H264Level::LEVEL_1B));
    assert_eq!((level("42e00b"), level("64100b")), (H264Level::from_tenths(11), H264Level::from_tenths(11)));
    assert!(
        H264Level::from_tenths(10) < H264Level::LEVEL_1B && H264Level::LEVEL_1B < H264Level::from_tenths(11)
    );
    let id = |text: &str| text.parse::<ProfileLevelId>().unwrap();
    assert_eq!(id("42e01f").with_level(H264Level::LEVEL_1B).to_string(), "42f00b");
    assert_eq!(id("42f00b").with_level(H264Level::from_tenths(31)).to_string(), "42e01f");
    assert_eq!(id("64001f").with_level(H264Level::LEVEL_1B).to_string(), "640009");
}

#[test]
fn codecs_match_by_the_parameters_that_both_sides_share() {
    let same = [
        ("VP8/90000", "max-fs=1", "vp8/90000", "max-fs=2"),
        ("VP9/90000", "", "VP9/90000", "profile-id=0"),
        (
            "H264/90000",
            "profile-level-id=42e01f",
            "H264/90000",
            "profile-level-id=42c034;packetization-mode=0",
        ),
        ("H265/90000", "level-id=93", "H265/90000", "level-id=156;tx-mode=SRST;profile-id=1"),
        ("AV1/90000", "level-idx=5", "AV1/90000", "profile=0;level-idx=8;tier=1"),
        ("opus/48000/2", "stereo=1", "OPUS/48000/2", "minptime=10"),
        ("rtx/90000", "apt=96", "rtx/90000", "apt=97"),
        ("telephone-event/8000", "0-15", "telephone-event/8000", ""),
        ("G722/8000", "", "G722/8000/1", ""),
    ];
    for (ours, our_parameters, theirs, their_parameters) in same {
        let (ours, theirs) = (codec(ours, our_parameters), codec(theirs, their_parameters));
        assert!(ours.matches(&theirs) && theirs.matches(&ours), "{ours:?} {theirs:?}");
    }
    let different = [
        ("VP8/90000", "", "VP9/90000", ""),
        ("telephone-event/8000", "", "telephone-event/48000", ""),
        ("opus/48000/2", "", "opus/48000", ""),
        ("VP9/90000", "profile-id=0", "VP9/90000", "profile-id=2"),
        ("H264/90000", "packetization-mode=0", "H264/90000", "packetization-mode=1"),
        ("H264/90000", "profile-level-id=42e01f", "H264/90000", "profile-level-id=42001f"),
        ("H264/90000", "profile-level-id=42e01f", "H264/90000", "profile-level-id=nonsense"),
        ("H265/90000", "profile-id=1", "H265/90000", "profile-id=2"),
        ("H265/90000", "profile-space=1", "H265/90000", ""),
        ("H265/90000", "tier-flag=0", "H265/90000", "tier-flag=1"),
        ("H265/90000", "tx-mode=SRST", "H265/90000", "tx-mode=MRST"),
        ("AV1/90000", "profile=0", "AV1/90000", "profile=1"),
    ];
    for (ours, our_parameters, theirs, their_parameters) in different {
        let (ours, theirs) = (codec(ours, our_parameters), codec(theirs, their_parameters));
        assert!(!ours.matches(&theirs) && !theirs.matches(&ours), "{ours:?} {theirs:?}");
        assert_eq!(ours.answer(&theirs), None);
    }
}

#[test]
fn a_value_that_a_codecs_rfc_does_not_allow_matches_nothing() {
    let invalid = [
        ("VP9/90000", "profile-id=4"),
        ("H264/90000", "profile-level-id=42e0"),
        ("H264/90000", "packetization-mode=3"),
        ("H264/90000", "packetization-mode=-1"),
        ("H265/90000", "profile-id=32"),
        ("H265/90000", "tx-mode=srst"),
        ("H265/90000", "level-id=256"),
        ("AV1/90000", "profile=3"),
    ];
    for (encoding, parameters) in invalid {
        let codec = codec(encoding, parameters);
        assert_eq!(codec.format(), Format::Invalid, "{parameters}");
        assert!(!codec.matches(&codec), "{parameters}");
    }
}

#[test]
fn an_answer_has_the_offers_payload_type_and_name_and_the_common_feedback() {
    let ours = section(
        "m=video 9 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=fmtp:96 max-fs=3600\n\
         a=rtcp-fb:96 goog-remb\na=rtcp-fb:96 nack pli\na=rtcp-fb:96 nack\n",
    );
    let offered = section(
        "m=video 9 RTP/AVP 120\na=rtpmap:120 vp8/90000\na=fmtp:120 max-fs=12288\n\
         a=rtcp-fb:120 nack\na=rtcp-fb:120 x-strange\na=rtcp-fb:120 nack pli\n",
    );
    let answer = ours.codecs()[0].answer(&offered.codecs()[0]).unwrap();
    assert_eq!((answer.payload_type, answer.name.as_str()), (pt(120), "vp8"));
    assert_eq!(answer.feedback, [Feedback::Nack, Feedback::NackPli]);
    assert_eq!(answer.parameters.as_str(), "max-fs=3600");
}

#[test]
fn an_answer_repeats_what_ties_a_codec_to_others() {
    for (encoding, ours, offered) in [
        ("rtx/90000", "apt=96", "apt=120"),
        ("red/48000/2", "111/111", "109/109"),
        ("telephone-event/8000", "0-15", "0-16"),
    ] {
        let answer = codec(encoding, ours).answer(&codec(encoding, offered)).unwrap();
        assert_eq!(answer.parameters.as_str(), offered);
    }
}
