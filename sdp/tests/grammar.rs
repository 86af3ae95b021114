//! What the parser refuses, with line and rule, and what it takes.

use duologue_sdp::{Attribute, Fingerprint, Limits, ParseError, Rule, SessionDescription};
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
