//! What the parser refuses, with line and rule, and what it takes.

use duologue_sdp::{Attribute, Direction, Fingerprint, Limits, ParseError, Rule, SessionDescription};
use proptest::prelude::*;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

fn parse(tail: &str) -> Result<SessionDescription, ParseError> {
    format!("{HEAD}{tail}").parse()
}

#[track_caller]
fn refuses(text: &str, line: u32, rule: Rule) {
    assert_eq!(text.parse::<SessionDescription>(), Err(ParseError { line, rule }));
}

#[test]
fn errors_name_line_and_rule() {
    refuses("", 1, Rule::Version);
    refuses("v=1\n", 1, Rule::Version);
    refuses("v=0\no=- 1 1 IN IP4\n", 2, Rule::Origin);
    refuses("v=0\no=- 1 1 IN IP4 h\ns=-\n", 4, Rule::Missing);
    refuses("v=0\no=- 1 1 IN IP4 h\ns=-\nt=0\n", 4, Rule::Timing);
    let cases = [
        ("a=x\nt=0 0\n", 6, Rule::Order),
        ("nonsense\n", 5, Rule::Line),
        ("m=audio 9\n", 5, Rule::Media),
        ("m=audio 70000 RTP/AVP 0\n", 5, Rule::Media),
        ("m=audio 9 RTP/AVP 0\nt=0 0\n", 6, Rule::Order),
        ("m=audio 9 RTP/AVP 0\nc=IN IP4\n", 6, Rule::Connection),
        ("a=mid:two words\n", 5, Rule::Mid),
        ("a=group:\n", 5, Rule::Group),
        ("a=ice-ufrag:abc\n", 5, Rule::IceUfrag),
        ("a=ice-ufrag:abc%\n", 5, Rule::IceUfrag),
        ("a=ice-pwd:tooshort\n", 5, Rule::IcePwd),
        ("a=fingerprint:sha-256 AA:BB\n", 5, Rule::Fingerprint),
        ("a=fingerprint:sha-256\n", 5, Rule::Fingerprint),
        ("a=setup:perhaps\n", 5, Rule::Setup),
        ("a=tls-id:short\n", 5, Rule::TlsId),
        ("a=sctp-port:0\n", 5, Rule::SctpPort),
        ("a=sctp-port:+5\n", 5, Rule::SctpPort),
        ("a=max-message-size:many\n", 5, Rule::MaxMessageSize),
        ("a=candidate:\n", 5, Rule::Candidate),
        ("a= \n", 5, Rule::AttributeName),
        ("a=rtpmap\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 VP8\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 VP8/0\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 VP8/-1\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 VP8/4294967296\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 opus/48000/0\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 opus/48000/2/2\n", 5, Rule::Rtpmap),
        ("a=rtpmap:96 /48000\n", 5, Rule::Rtpmap),
        ("a=rtpmap:x VP8/90000\n", 5, Rule::PayloadType),
        ("a=fmtp\n", 5, Rule::Fmtp),
        ("a=fmtp:128 x\n", 5, Rule::PayloadType),
        ("a=rtcp-fb:96\n", 5, Rule::RtcpFb),
        ("a=rtcp-fb:96 \n", 5, Rule::RtcpFb),
        ("a=rtcp-fb:+9 nack\n", 5, Rule::PayloadType),
        ("a=extmap:1\n", 5, Rule::Extmap),
        ("a=extmap:0 urn:x\n", 5, Rule::Extmap),
        ("a=extmap:4352 urn:x\n", 5, Rule::Extmap),
        ("a=extmap:1/both urn:x\n", 5, Rule::Extmap),
        ("a=ssrc:1\n", 5, Rule::Ssrc),
        ("a=ssrc:4294967296 cname:x\n", 5, Rule::Ssrc),
        ("a=ssrc:-1 cname:x\n", 5, Rule::Ssrc),
        ("a=ssrc-group:\n", 5, Rule::SsrcGroup),
        ("a=ssrc-group:FID 1 x\n", 5, Rule::SsrcGroup),
        ("a=simulcast:send\n", 5, Rule::Simulcast),
        ("a=simulcast:send 1;;2\n", 5, Rule::Simulcast),
        ("a=simulcast:send 1,\n", 5, Rule::Simulcast),
        ("a=msid:\n", 5, Rule::Msid),
        ("a=msid:a b c\n", 5, Rule::Msid),
        ("a=imageattr:96\n", 5, Rule::Imageattr),
        ("m=audio 9 RTP/AVP 128\n", 5, Rule::PayloadType),
    ];
    for (tail, line, rule) in cases {
        assert_eq!(parse(tail), Err(ParseError { line, rule }), "{tail:?}");
    }
}

#[test]
fn any_session_name_is_taken() {
    let text = HEAD.replace("s=-", "s=A call with spaces");
    assert_eq!(text.parse::<SessionDescription>().unwrap().name, "A call with spaces");
    let text = HEAD.replace("s=-", "s=");
    assert_eq!(text.parse::<SessionDescription>().unwrap().name, "");
}

#[test]
fn limits_stop_long_lines_many_lines_and_many_sections() {
    let long = format!("{HEAD}a=x:{}\r\n", "y".repeat(1 << 20));
    refuses(&long, 5, Rule::LineTooLong);
    let many = format!("{HEAD}{}", "a=x\r\n".repeat(30_000));
    refuses(&many, 20_001, Rule::TooManyLines);
    let sections = format!("{HEAD}{}", "m=audio 9 RTP/AVP 0\r\n".repeat(10_000));
    refuses(&sections, 1_005, Rule::TooManySections);
    let mut limits = Limits::default();
    limits.sections = 10_000;
    assert_eq!(SessionDescription::parse(&sections, &limits).unwrap().media.len(), 10_000);
}

#[test]
fn unknown_attributes_and_media_types_are_kept() {
    let text = format!("{HEAD}a=strange:thing here\r\nm=message 2855 TCP/MSRP *\r\na=flag\r\na=empty:\r\n");
    let parsed: SessionDescription = text.parse().unwrap();
    assert_eq!(parsed.to_string(), text);
    assert_eq!(parsed.media[0].kind.name(), "message");
}

#[test]
fn an_fmtp_of_a_named_format_and_a_malformed_rid_are_kept_as_they_stand() {
    // RFC 8851, Section 6.2.2: a malformed `a=rid` is discarded, the description is not.
    let lines = [
        "fmtp:webrtc-datachannel max=1",
        "rid:1",
        "rid:a.b send",
        "rid:1 both",
        "rid:1 send pt=128",
        "rid:1 send a b",
    ];
    for line in lines {
        let text = format!("{HEAD}m=video 9 RTP/AVP 96\r\na={line}\r\n");
        let parsed: SessionDescription = text.parse().unwrap();
        assert!(matches!(parsed.media[0].attributes[0], Attribute::Other { .. }), "{line}");
        assert_eq!((parsed.to_string(), parsed.media[0].rids().count()), (text, 0));
    }
    let longest = "a".repeat(255);
    let parsed =
        parse(&format!("m=video 9 RTP/AVP 96\na=rid:{longest} send\na=rid:{longest}a send\n")).unwrap();
    assert_eq!(parsed.media[0].rids().count(), 1);
}

#[test]
fn spaces_at_the_end_of_a_line_are_taken() {
    let lines = [
        "rtcp-mux",
        "sendonly",
        "mid:0",
        "setup:active",
        "rtpmap:96 VP8/90000",
        "rtcp-fb:96 nack",
        "extmap:1 urn:x",
        "msid:a b",
        "ssrc-group:FID 1 2",
        "rid:1 send",
        "simulcast:send 1",
        "sctp-port:5000",
    ];
    for line in lines {
        let plain = parse(&format!("m=video 9 RTP/AVP 96\na={line}\n")).unwrap();
        assert!(!matches!(plain.media[0].attributes[0], Attribute::Other { .. }), "{line}");
        assert_eq!(parse(&format!("m=video 9 RTP/AVP 96 \na={line}  \n")), Ok(plain));
    }
}

#[test]
fn directions_combine_as_sending_and_receiving_do() {
    let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    for one in all {
        assert_eq!(Direction::from_flags(one.sends(), one.receives()), one);
        assert_eq!((one.reversed().sends(), one.reversed().receives()), (one.receives(), one.sends()));
        for other in all {
            let both = one.intersection(other);
            assert_eq!(both.sends(), one.sends() && other.sends());
            assert_eq!(both.receives(), one.receives() && other.receives());
        }
        let media = parse(&format!("m=audio 9 RTP/AVP 0\na={}\n", one.name())).unwrap().media.remove(0);
        assert_eq!(media.direction(), Some(one));
    }
    assert!(Direction::SendOnly.sends() && !Direction::SendOnly.receives());
    assert_eq!(parse("m=audio 9 RTP/AVP 0\n").unwrap().media[0].direction(), None);
}

#[test]
fn the_protocols_of_rfc_8829_are_rtp_and_others_are_not() {
    let is_rtp = |protocol: &str| parse(&format!("m=audio 9 {protocol} 0\n")).unwrap().media[0].is_rtp();
    for protocol in ["UDP/TLS/RTP/", "TCP/DTLS/RTP/", "RTP/"] {
        assert!(is_rtp(&format!("{protocol}SAVP")) && is_rtp(&format!("{protocol}SAVPF")));
    }
    assert!(is_rtp("RTP/AVP") && is_rtp("RTP/AVPF"));
    for protocol in ["UDP/DTLS/SCTP", "TCP/MSRP", "UDP", "UDP/TLS/RTP/AVP", "rtp/avp"] {
        assert!(!is_rtp(protocol), "{protocol}");
    }
}

#[test]
fn bandwidths_are_in_bits_per_second() {
    let media =
        parse("m=video 9 RTP/AVP 96\nb=TIAS:1500000\nb=AS:1600\nb=X-OLD:5\n").unwrap().media.remove(0);
    assert_eq!((media.bandwidth_tias(), media.bandwidth_as()), (Some(1_500_000), Some(1_600_000)));
    let media = parse("m=video 9 RTP/AVP 96\nb=AS:18446744073709551615\n").unwrap().media.remove(0);
    assert_eq!((media.bandwidth_tias(), media.bandwidth_as()), (None, Some(u64::MAX)));
}

#[test]
fn fingerprints_read_any_case_and_print_upper() {
    let lower = format!("SHA-256 {}", ["ab"; 32].join(":"));
    let fingerprint: Fingerprint = lower.parse().unwrap();
    assert_eq!(fingerprint.to_string(), format!("sha-256 {}", ["AB"; 32].join(":")));
    assert!("sha-256 ".parse::<Fingerprint>().is_err());
    assert!(format!("md9 {}", ["00"; 65].join(":")).parse::<Fingerprint>().is_err());
}

#[test]
fn a_password_is_not_printed_by_debug() {
    let parsed = parse("a=ice-pwd:0123456789abcdefghijkl\n").unwrap();
    assert!(matches!(&parsed.attributes[0], Attribute::IcePwd(pwd) if pwd.expose().starts_with("0123")));
    assert!(!format!("{parsed:?}").contains("0123456789abcdefghijkl"));
}

fn line() -> impl Strategy<Value = String> {
    let values = prop::sample::select(vec![
        "a=mid:0",
        "a=ice-ufrag:abcd",
        "a=setup:actpass",
        "a=sendrecv",
        "a=group:BUNDLE 0 1",
        "b=AS:30",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=sctp-port:5000",
        "a=max-message-size:0",
        "a=end-of-candidates",
        "i=title",
        "k=clear:x",
        "a=bundle-only",
    ]);
    prop_oneof![4 => values.prop_map(str::to_owned), 1 => "[a-z]=[ -~]{0,40}", 1 => "[ -~]{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_parses_prints_and_parses_to_the_same(lines in prop::collection::vec(line(), 0..20)) {
        if let Ok(parsed) = parse(&lines.join("\n")) {
            prop_assert_eq!(parsed.to_string().parse::<SessionDescription>(), Ok(parsed));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,300}") {
        let _ = text.parse::<SessionDescription>();
        let _ = parse(&text);
    }
}
