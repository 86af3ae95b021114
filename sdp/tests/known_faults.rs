//! Faults that other implementations had with descriptions, each shown not to be one here.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_sdp::{
    Attribute, Codec, ExtensionUri, Limits, Media, ParseError, PayloadType, Rule, SessionDescription,
};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

fn parse(lines: &str) -> Result<SessionDescription, ParseError> {
    format!("{HEAD}{lines}").parse()
}

fn section(lines: &str) -> Media {
    parse(lines).unwrap().media.remove(0)
}

fn codec(name: &str, parameters: &str) -> Codec {
    section(&format!("m=video 9 RTP/AVP 96\na=rtpmap:96 {name}/90000\na=fmtp:96 {parameters}\n"))
        .codecs()
        .remove(0)
}

/// Crashes of SDP parsers on huge input (Janus 2214).
#[test]
fn a_line_of_1_mib_is_refused_or_taken_as_the_limit_says() {
    let names =
        ["x", "rid", "simulcast", "ssrc-group", "fmtp", "extmap", "rtcp-fb", "group", "msid", "fingerprint"];
    let fillers = ["y", ";", ",", " 1", ":", "~1,", "a=b;", "1/", "AB:", "\u{20ac}"];
    let mut limits = Limits::default();
    limits.line_len = 2 << 20;
    for name in names {
        for filler in fillers {
            let text = format!("{HEAD}a={name}:1 send {}\r\n", filler.repeat((1 << 20) / filler.len()));
            let refused = Err(ParseError { line: 5, rule: Rule::LineTooLong });
            assert_eq!(text.parse::<SessionDescription>(), refused);
            if let Ok(parsed) = SessionDescription::parse(&text, &limits) {
                assert_eq!(SessionDescription::parse(&parsed.to_string(), &limits), Ok(parsed));
            }
        }
    }
}

/// Crashes of SDP parsers on huge input (Janus 2214).
#[test]
fn ten_thousand_sections_are_refused_or_taken_as_the_limit_says() {
    let text = format!("{HEAD}{}", "m=video 9 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n".repeat(10_000));
    let refused = Err(ParseError { line: 5 + 2 * 1000, rule: Rule::TooManySections });
    assert_eq!(text.parse::<SessionDescription>(), refused);
    let mut limits = Limits::default();
    limits.sections = 10_000;
    limits.lines = 20_004;
    let parsed = SessionDescription::parse(&text, &limits).unwrap();
    assert_eq!(parsed.media.len(), 10_000);
    assert!(parsed.media.iter().all(|media| media.codecs().len() == 1));
}

/// Crashes on format attributes (Asterisk ES2018-02).
#[test]
fn format_attributes_without_their_format_make_no_codec() {
    let media = section(
        "m=audio 9 RTP/AVP 96 97 98\na=fmtp:96\na=fmtp:97 \na=fmtp:97 ;;=;=x;\na=fmtp:98 a=b\na=fmtp:* x\na=rtcp-fb:98 nack\n",
    );
    assert_eq!(media.codecs(), []);
    assert_eq!(parse("a=fmtp:\n"), Err(ParseError { line: 5, rule: Rule::Fmtp }));
}

/// A payload type over 127 panics (str0m 983).
#[test]
fn a_payload_type_over_127_is_refused() {
    let section = "m=video 9 UDP/TLS/RTP/SAVPF 96\n";
    let lines = [
        "a=rtpmap:128 VP8/90000\n",
        "a=rtpmap:99999999999 VP8/90000\n",
        "a=fmtp:200 x=y\n",
        "a=rtcp-fb:255 nack\n",
        "a=imageattr:128 send *\n",
    ];
    for line in lines {
        let refused = Err(ParseError { line: 6, rule: Rule::PayloadType });
        assert_eq!(parse(&format!("{section}{line}")), refused, "{line}");
    }
    let refused = Err(ParseError { line: 5, rule: Rule::PayloadType });
    assert_eq!(parse("m=video 9 UDP/TLS/RTP/SAVPF 96 128\n"), refused);
    assert_eq!(parse("m=application 9 DTLS/SCTP 5000\n").unwrap().media[0].formats, ["5000"]);
    assert_eq!(PayloadType::new(128), None);
    assert!("128".parse::<PayloadType>().is_err());
}

/// A session name other than `-` is refused (str0m 969).
#[test]
fn a_session_name_other_than_a_dash_is_taken() {
    for name in ["session", "A call, with spaces", " ", "", "\u{1f600}"] {
        let text = HEAD.replace("s=-", &format!("s={name}"));
        let parsed: SessionDescription = text.parse().unwrap();
        assert_eq!(parsed.name, name);
        assert_eq!(parsed.to_string(), text);
    }
}

/// The same payload type with another fmtp in two sections is refused (pion/sdp 211).
#[test]
fn a_payload_type_may_have_other_parameters_in_another_section() {
    let lines = |parameters: &str| {
        format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 {parameters}\r\n")
    };
    let (first, second) = ("profile-level-id=42e01f;packetization-mode=1", "profile-level-id=640032");
    let parsed = parse(&format!("{}{}", lines(first), lines(second))).unwrap();
    let parameters = |index: usize| parsed.media[index].codecs().remove(0).parameters;
    assert_eq!((parameters(0).as_str(), parameters(1).as_str()), (first, second));
}

/// A duplicate `a=rid` (rtc 181).
#[test]
fn duplicate_rids_are_passed_over_all_of_them() {
    let media = section(
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:1 send\na=rid:2 send pt=96\na=rid:1 send max-br=1\na=rid:3 recv\n\
         a=rid:2 recv\na=rid:4 both\na=rid:2 send\n",
    );
    assert_eq!(media.rids().map(|rid| rid.id.as_str()).collect::<Vec<_>>(), ["3"]);
    // Each line is still there to be printed.
    assert_eq!(media.attributes.iter().filter(|one| matches!(one, Attribute::Rid(_))).count(), 6);
}

/// A doubled direction in `a=simulcast` (rtc 181).
#[test]
fn a_direction_stands_in_simulcast_once() {
    for value in ["send 1 send 2", "recv 1 recv 2", "send 1 recv 2 send 3", "send", "1", "", "send 1 recv"] {
        let refused = Err(ParseError { line: 6, rule: Rule::Simulcast });
        assert_eq!(parse(&format!("m=video 9 RTP/AVP 96\na=simulcast:{value}\n")), refused, "{value}");
    }
}

/// Hostile descriptions exhaust memory: a list in `a=simulcast` is bounded.
#[test]
fn a_simulcast_list_of_more_than_256_rids_is_refused() {
    let list =
        |count: usize| format!("m=video 9 RTP/AVP 96\na=simulcast:send {}\n", vec!["1"; count].join(";"));
    assert_eq!(section(&list(256)).simulcast().unwrap().send.len(), 256);
    assert_eq!(parse(&list(257)), Err(ParseError { line: 6, rule: Rule::Simulcast }));
}

/// Paused layers (`~`) are not understood.
#[test]
fn paused_layers_and_alternatives_are_told_apart() {
    let line = "a=simulcast:recv ~a send 1,~2;~3;4\r\n";
    let media = section(&format!("m=video 9 RTP/AVP 96\r\n{line}"));
    let simulcast = media.simulcast().unwrap();
    let ids = |streams: &[Vec<duologue_sdp::SimulcastId>]| -> Vec<Vec<(String, bool)>> {
        let stream = |ids: &Vec<duologue_sdp::SimulcastId>| {
            ids.iter().map(|id| (id.id.to_string(), id.paused)).collect::<Vec<_>>()
        };
        streams.iter().map(stream).collect()
    };
    let id = |id: &str, paused| (id.to_owned(), paused);
    assert_eq!(
        ids(&simulcast.send),
        [vec![id("1", false), id("2", true)], vec![id("3", true)], vec![id("4", false)]]
    );
    assert_eq!(ids(&simulcast.recv), [vec![id("a", true)]]);
    assert!(simulcast.recv_first);
    assert!(media.to_string().ends_with(line));
}

/// H.264 level asymmetry is overlooked (str0m 872).
#[test]
fn an_h264_answer_has_our_level_only_if_both_sides_allow_asymmetry() {
    let level = |ours: (&str, u8), offered: (&str, u8)| {
        let codec = |(id, asymmetry): (&str, u8)| {
            codec("H264", &format!("level-asymmetry-allowed={asymmetry};profile-level-id={id};max-br=9"))
        };
        let parameters = codec(ours).answer(&codec(offered)).unwrap().parameters;
        assert_eq!(parameters.get("max-br"), Some("9"));
        assert_eq!(parameters.get("level-asymmetry-allowed"), Some(ours.1.to_string().as_str()));
        parameters.get("profile-level-id").unwrap().to_owned()
    };
    assert_eq!(level(("42e034", 1), ("42e01f", 1)), "42e034");
    assert_eq!(level(("42e01f", 1), ("42e034", 1)), "42e01f");
    for (ours, offered) in [(0, 1), (1, 0), (0, 0)] {
        assert_eq!(level(("42e034", ours), ("42e01f", offered)), "42e01f");
        assert_eq!(level(("42e01f", ours), ("42e034", offered)), "42e01f");
    }
    // The offer's way to write the profile is kept, and level 1b is written in that way.
    assert_eq!(level(("42e01f", 1), ("4d8034", 1)), "4d801f");
    assert_eq!(level(("42f00b", 0), ("4d801f", 0)), "4d900b");
    assert_eq!(level(("42e00b", 0), ("42f00b", 0)), "42f00b");
    assert_eq!(level(("640009", 0), ("64000b", 0)), "640009");
}

/// H.264 without parameters is Baseline at level 1.
#[test]
fn an_h264_answer_to_an_offer_without_a_level_says_the_lowest() {
    let answer =
        codec("H264", "profile-level-id=42001f").answer(&codec("H264", "packetization-mode=0")).unwrap();
    assert_eq!(answer.parameters.as_str(), "profile-level-id=42000a");
    let answer = codec("H264", "").answer(&codec("H264", "profile-level-id=42001f")).unwrap();
    assert_eq!(answer.parameters.as_str(), "profile-level-id=42000a");
}

/// H.265 levels are overlooked (str0m 1016).
#[test]
fn an_h265_answer_has_the_lower_level() {
    let answer = |ours: &str, offered: &str| {
        codec("H265", ours).answer(&codec("H265", offered)).unwrap().parameters.as_str().to_owned()
    };
    assert_eq!(answer("level-id=156;tx-mode=SRST", "level-id=93"), "level-id=93;tx-mode=SRST");
    assert_eq!(answer("level-id=93;tx-mode=SRST", "level-id=156"), "level-id=93;tx-mode=SRST");
    assert_eq!(answer("level-id=156", ""), "level-id=93");
    assert_eq!(answer("", "level-id=60"), "level-id=60");
}

/// Extension numbers are taken to be the same in all sections (str0m 573).
#[test]
fn extension_ids_belong_to_their_section() {
    let mid = ExtensionUri::Mid;
    let lines = |id: u16| format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=extmap:{id} {mid}\r\n");
    let parsed = parse(&format!("{}{}", lines(3), lines(14))).unwrap();
    let ids = parsed.media.iter().map(|media| media.extensions().next().unwrap().id);
    assert_eq!(ids.collect::<Vec<_>>(), [3, 14]);
}
