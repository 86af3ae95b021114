//! URIs of servers: the examples of RFC 7064 and RFC 7065, what else the grammar takes, and what it does not.

use duologue_stun::uri::{Host, Protocol, Scheme, Transport, Uri, UriError};
use proptest::prelude::*;

/// Text, scheme, host, port to use, protocol to use.
const TAKEN: [(&str, Scheme, &str, u16, Protocol); 22] = [
    // RFC 7064, Appendix A.
    ("stun:example.org", Scheme::Stun, "example.org", 3478, Protocol::Udp),
    ("stuns:example.org", Scheme::Stuns, "example.org", 5349, Protocol::Tls),
    ("stun:example.org:8000", Scheme::Stun, "example.org", 8000, Protocol::Udp),
    // RFC 7065, Appendix A.
    ("turn:example.org", Scheme::Turn, "example.org", 3478, Protocol::Udp),
    ("turns:example.org", Scheme::Turns, "example.org", 5349, Protocol::Tls),
    ("turn:example.org:8000", Scheme::Turn, "example.org", 8000, Protocol::Udp),
    ("turn:example.org?transport=udp", Scheme::Turn, "example.org", 3478, Protocol::Udp),
    ("turn:example.org?transport=tcp", Scheme::Turn, "example.org", 3478, Protocol::Tcp),
    ("turns:example.org?transport=tcp", Scheme::Turns, "example.org", 5349, Protocol::Tls),
    // RFC 7350, Section 4.6.1 gives the last combination its meaning.
    ("turns:example.org?transport=udp", Scheme::Turns, "example.org", 5349, Protocol::Dtls),
    ("turn:192.0.2.1", Scheme::Turn, "192.0.2.1", 3478, Protocol::Udp),
    ("turn:192.0.2.1:1?transport=tcp", Scheme::Turn, "192.0.2.1", 1, Protocol::Tcp),
    ("turn:[2001:db8::1]", Scheme::Turn, "[2001:db8::1]", 3478, Protocol::Udp),
    ("stuns:[2001:db8::1]:65535", Scheme::Stuns, "[2001:db8::1]", 65535, Protocol::Tls),
    ("turn:[::]:9?transport=udp", Scheme::Turn, "[::]", 9, Protocol::Udp),
    ("turn:[::ffff:192.0.2.1]", Scheme::Turn, "[::ffff:192.0.2.1]", 3478, Protocol::Udp),
    ("turn:xn--mgbh0fb.example", Scheme::Turn, "xn--mgbh0fb.example", 3478, Protocol::Udp),
    ("turn:a_b~c!$&'()*+,;=d%C3%A4", Scheme::Turn, "a_b~c!$&'()*+,;=d%C3%A4", 3478, Protocol::Udp),
    // No IPv4 address, and so a name.
    ("stun:256.0.2.1", Scheme::Stun, "256.0.2.1", 3478, Protocol::Udp),
    ("stun:192.0.2.01", Scheme::Stun, "192.0.2.01", 3478, Protocol::Udp),
    ("stun:localhost", Scheme::Stun, "localhost", 3478, Protocol::Udp),
    ("turn:t", Scheme::Turn, "t", 3478, Protocol::Udp),
];

#[test]
fn what_the_grammar_takes_is_read_and_printed_as_it_was() {
    for (text, scheme, host, port, protocol) in TAKEN {
        let uri: Uri = text.parse().unwrap();
        assert_eq!((uri.scheme, uri.host.to_string().as_str()), (scheme, host), "{text}");
        assert_eq!((uri.port(), uri.protocol()), (port, protocol), "{text}");
        assert_eq!(uri.to_string(), text);
        let is_address = matches!(uri.host, Host::Ip(_));
        assert_eq!(is_address, text.contains('[') || text.contains(":192.0.2.1"), "{text}");
    }
}

#[test]
fn what_may_be_written_in_several_ways_is_printed_in_one() {
    let cases = [
        ("TURN:example.org?Transport=UDP", "turn:example.org?transport=udp"),
        ("StUnS:Example.org:", "stuns:Example.org"),
        ("turn:[2001:DB8:0::1]:003478", "turn:[2001:db8::1]:3478"),
    ];
    for (text, printed) in cases {
        assert_eq!(text.parse::<Uri>().unwrap().to_string(), printed);
    }
}

#[test]
fn what_the_grammar_does_not_take_is_refused_by_its_part() {
    let cases = [
        (UriError::Scheme, &["", "turn", "example.org", "http:example.org", "turnx:a", ":a", " turn:a"][..]),
        (UriError::Slashes, &["turn://example.org", "stun://example.org:3478"]),
        (
            UriError::Host,
            &[
                "turn:",
                "turn::3478",
                "turn:?transport=udp",
                "turn:user@example.org",
                "turn:example.org/",
                "turn:/example.org",
                "turn:exa mple.org",
                "turn:example.org ",
                "turn:b\u{fc}cher.example",
                "turn:example.org#f",
                "turn:a%",
                "turn:a%4",
                "turn:a%4g",
                "turn:[2001:db8::1",
                "turn:[]",
                "turn:[192.0.2.1]",
                "turn:[fe80::1%25eth0]",
                "turn:[v1.a]",
                "turn:a[::1]",
            ],
        ),
        (
            UriError::Port,
            &[
                "turn:a:0",
                "turn:a:65536",
                "turn:a:-1",
                "turn:a:+1",
                "turn:a:1:2",
                "turn:a: 1",
                "turn:2001:db8::1",
                "turn:[::1]1",
                "turn:[::1]:x",
                "turn:a:99999999999999999999",
            ],
        ),
        (
            UriError::Query,
            &[
                "stun:a?transport=udp",
                "stuns:a?transport=tcp",
                "turn:a?",
                "turn:a?transport",
                "turn:a?x=udp",
                "turn:a?x=1&transport=udp",
            ],
        ),
        (
            UriError::Transport,
            &[
                "turn:a?transport=",
                "turn:a?transport=sctp",
                "turn:a?transport=udp&x=1",
                "turns:a?transport=tls",
            ],
        ),
    ];
    for (error, texts) in cases {
        for text in texts {
            assert_eq!(text.parse::<Uri>(), Err(error), "{text}");
        }
    }
}

#[test]
fn a_uri_put_together_is_printed_by_its_parts() {
    let mut uri = Uri {
        scheme: Scheme::Turns,
        host: Host::Ip([192, 0, 2, 7].into()),
        port: Some(443),
        transport: Some(Transport::Tcp),
    };
    assert_eq!(uri.to_string(), "turns:192.0.2.7:443?transport=tcp");
    uri.host = Host::Ip("2001:db8::7".parse().unwrap());
    (uri.port, uri.transport) = (None, None);
    assert_eq!(uri.to_string(), "turns:[2001:db8::7]");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5_000) })]

    /// Any text near the grammar: nothing panics, and what is taken is itself again when it is printed.
    #[test]
    fn what_is_taken_is_itself_again(
        scheme in "(stun|stuns|turn|turns|TURN|tur)",
        rest in "[:]?[a-z0-9%.\\[\\]:~/@?= ]{0,24}([:?][0-9a-z=]{0,14})?",
    ) {
        if let Ok(uri) = format!("{scheme}:{rest}").parse::<Uri>() {
            prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri));
        }
    }
}
