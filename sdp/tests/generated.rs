//! Generated descriptions, with every attribute there is, survive printing and parsing.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_sdp::{
    Attribute, Bandwidth, Connection, Direction, ExtensionUri, Extmap, Feedback, Fingerprint, Fmtp,
    FormatParameters, HashFunction, Imageattr, Media, MediaKind, Msid, Origin, PayloadType, Rid,
    RidDirection, RtcpFb, Rtpmap, Secret, SessionDescription, Setup, Simulcast, SimulcastId, Ssrc, SsrcGroup,
    Text,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn matching(pattern: &'static str) -> impl Strategy<Value = Text> {
    pattern.prop_map(Text::from)
}

fn token() -> impl Strategy<Value = Text> {
    matching("[!#-'*+.0-9A-Z^-~-]{1,12}")
}

fn payload_type() -> impl Strategy<Value = PayloadType> {
    (0_u8..=127).prop_map(|number| PayloadType::new(number).unwrap())
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive])
}

fn rtp_attribute() -> impl Strategy<Value = Attribute> {
    let names = prop_oneof![select(vec!["VP8", "opus", "H264", "rtx", "red"]).prop_map(Text::from), token()];
    let rtpmap = (payload_type(), names, 1_u32.., option::of(1_u16..)).prop_map(
        |(payload_type, name, clock_rate, channels)| Rtpmap { payload_type, name, clock_rate, channels },
    );
    let parameters = prop_oneof![
        select(vec!["apt=96", "111/111", "0-15", "minptime=10;useinbandfec=1"]).prop_map(Text::from),
        matching("\\PC{0,40}"),
    ];
    let fmtp = (payload_type(), parameters).prop_map(|(payload_type, parameters)| Fmtp {
        payload_type,
        parameters: FormatParameters::new(parameters),
    });
    let kinds = "(nack|nack pli|nack sli|nack rpsi|ack rpsi|ack ccfb|ccm fir|ccm tmmbr|ccm tstr|goog-remb|transport-cc|\
                 [a-z-]{1,9}( [ -~]{0,9}[!-~])?)";
    let rtcp_fb = (option::of(payload_type()), kinds)
        .prop_map(|(payload_type, kind)| RtcpFb { payload_type, feedback: Feedback::from(kind.as_str()) });
    let uris =
        "(urn:ietf:params:rtp-hdrext:(sdes:mid|sdes:rtp-stream-id|ssrc-audio-level|toffset|x)|[!-~]{1,30})";
    let extmap = (1_u16..=4351, option::of(direction()), uris, option::of("[ -~]{0,20}[!-~]")).prop_map(
        |(id, direction, uri, attributes)| Extmap {
            id,
            direction,
            uri: ExtensionUri::from(uri.as_str()),
            attributes: attributes.map(Text::from),
        },
    );
    let imageattr = (option::of(payload_type()), matching("[ -~]{0,30}"))
        .prop_map(|(payload_type, sizes)| Imageattr { payload_type, sizes });
    prop_oneof![
        rtpmap.prop_map(Attribute::Rtpmap),
        fmtp.prop_map(Attribute::Fmtp),
        rtcp_fb.prop_map(Attribute::RtcpFb),
        extmap.prop_map(Attribute::Extmap),
        imageattr.prop_map(Attribute::Imageattr),
        direction().prop_map(Attribute::Direction),
        matching("[ -~]{0,30}").prop_map(Attribute::Rtcp),
        select(vec![
            Attribute::RtcpMux,
            Attribute::RtcpMuxOnly,
            Attribute::RtcpRsize,
            Attribute::ExtmapAllowMixed,
        ]),
    ]
}

fn stream_attribute() -> impl Strategy<Value = Attribute> {
    let rid_id = || matching("[A-Za-z0-9_-]{1,9}");
    let ssrc = (any::<u32>(), token(), option::of(matching("\\PC{0,40}")))
        .prop_map(|(ssrc, attribute, value)| Ssrc { ssrc, attribute, value });
    let group =
        (token(), vec(any::<u32>(), 0..4)).prop_map(|(semantics, ssrcs)| SsrcGroup { semantics, ssrcs });
    let stream = option::of(token().prop_filter("a dash is no stream", |token| token != "-"));
    let msid = (stream, option::of(token())).prop_map(|(stream, track)| Msid { stream, track });
    let restriction = ("[a-z-]{1,9}", option::of(matching("[!-:<-~]{0,9}")))
        .prop_filter("formats are no restriction", |(name, _)| name != "pt")
        .prop_map(|(name, value)| (Text::from(name), value));
    let rid_direction = select(vec![RidDirection::Send, RidDirection::Recv]);
    let rid = (rid_id(), rid_direction, vec(payload_type(), 0..3), vec(restriction, 0..3))
        .prop_map(|(id, direction, formats, restrictions)| Rid { id, direction, formats, restrictions });
    let simulcast_id = move || (rid_id(), any::<bool>()).prop_map(|(id, paused)| SimulcastId { id, paused });
    let streams = || vec(vec(simulcast_id(), 1..3), 0..4);
    let simulcast = (streams(), streams(), any::<bool>())
        .prop_filter("one direction at least", |(send, recv, _)| !send.is_empty() || !recv.is_empty())
        .prop_map(|(send, recv, recv_first)| {
            let both = !send.is_empty() && !recv.is_empty();
            Simulcast { send, recv, recv_first: recv_first && both }
        });
    prop_oneof![
        ssrc.prop_map(Attribute::Ssrc),
        group.prop_map(Attribute::SsrcGroup),
        msid.prop_map(Attribute::Msid),
        rid.prop_map(Attribute::Rid),
        simulcast.prop_map(Attribute::Simulcast),
    ]
}

fn transport_attribute() -> impl Strategy<Value = Attribute> {
    let known = vec![HashFunction::Sha512, HashFunction::Sha384, HashFunction::Sha256, HashFunction::Sha224];
    let hash = prop_oneof![
        3 => select(known),
        1 => Just(HashFunction::Sha1),
        1 => matching("md[0-9a-z-]{1,9}").prop_map(HashFunction::Other),
    ];
    let fingerprint = (hash, vec(any::<u8>(), 64)).prop_map(|(hash, mut digest)| {
        digest.truncate(hash.digest_len().unwrap_or(16));
        Attribute::Fingerprint(Box::new(Fingerprint::new(hash, &digest).unwrap()))
    });
    prop_oneof![
        (token(), vec(token(), 0..5)).prop_map(|(semantics, mids)| Attribute::Group { semantics, mids }),
        token().prop_map(Attribute::Mid),
        matching("[A-Za-z0-9+/]{4,30}").prop_map(Attribute::IceUfrag),
        matching("[A-Za-z0-9+/]{22,60}").prop_map(|pwd| Attribute::IcePwd(Secret::from(pwd))),
        matching("[ -~]{0,20}").prop_map(Attribute::IceOptions),
        matching("[ -~]{0,40}[!-~]").prop_map(Attribute::Candidate),
        fingerprint,
        select(vec![Setup::Active, Setup::Passive, Setup::ActPass, Setup::HoldConn])
            .prop_map(Attribute::Setup),
        matching("[A-Za-z0-9+/_-]{20,60}").prop_map(Attribute::TlsId),
        (1_u16..).prop_map(Attribute::SctpPort),
        any::<u64>().prop_map(Attribute::MaxMessageSize),
        select(vec![Attribute::BundleOnly, Attribute::IceLite, Attribute::EndOfCandidates]),
    ]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let other = (matching("x-[a-z]{0,9}"), option::of(matching("\\PC{0,40}")))
        .prop_map(|(name, value)| Attribute::Other { name, value });
    prop_oneof![4 => rtp_attribute(), 3 => stream_attribute(), 3 => transport_attribute(), 1 => other]
}

fn connection() -> impl Strategy<Value = Connection> {
    (token(), matching("IP[46]"), matching("[!-~]{1,40}"))
        .prop_map(|(net_type, addr_type, address)| Connection { net_type, addr_type, address })
}

fn bandwidth() -> impl Strategy<Value = Bandwidth> {
    (matching("(AS|TIAS|X-[a-z]{1,5})"), any::<u64>()).prop_map(|(kind, value)| Bandwidth { kind, value })
}

fn media() -> impl Strategy<Value = Media> {
    let rtp = (
        select(vec![MediaKind::Audio, MediaKind::Video]),
        matching("(UDP/TLS/|TCP/DTLS/|)RTP/SAVPF?|RTP/AVPF?"),
        vec(payload_type().prop_map(|payload_type| payload_type.to_string().into()), 1..8),
    );
    let data = (
        Just(MediaKind::Application),
        matching("(UDP|TCP)/DTLS/SCTP"),
        Just(vec![Text::from("webrtc-datachannel")]),
    );
    let other =
        (matching("x[a-z]{1,9}").prop_map(MediaKind::Other), token(), vec(matching("[!-~]{1,9}"), 1..4));
    let line =
        (prop_oneof![4 => rtp, 1 => data, 1 => other], any::<u16>(), option::weighted(0.1, any::<u32>()));
    let text = || option::weighted(0.2, matching("\\PC{0,20}"));
    (line, text(), vec(connection(), 0..3), vec(bandwidth(), 0..3), text(), vec(attribute(), 0..20)).prop_map(
        |(line, title, connections, bandwidths, key, attributes)| {
            let ((kind, protocol, formats), port, port_count) = line;
            Media {
                kind,
                port,
                port_count,
                protocol,
                formats,
                title,
                connections,
                bandwidths,
                key,
                attributes,
            }
        },
    )
}

fn session() -> impl Strategy<Value = SessionDescription> {
    let number = || matching("[0-9]{1,20}");
    let origin =
        (matching("[!-~]{1,12}"), number(), number(), token(), matching("IP[46]"), matching("[!-~]{1,20}"))
            .prop_map(|(username, session_id, version, net_type, addr_type, address)| Origin {
                username,
                session_id,
                version,
                net_type,
                addr_type,
                address,
            });
    let name = prop_oneof![Just(Text::from("-")), matching("\\PC{0,20}")];
    (
        origin,
        name,
        option::of(connection()),
        vec(bandwidth(), 0..2),
        any::<(u64, u64)>(),
        vec(attribute(), 0..6),
        vec(media(), 0..4),
    )
        .prop_map(|(origin, name, connection, bandwidths, timing, attributes, media)| {
            SessionDescription { origin, name, connection, bandwidths, timing, attributes, media }
        })
}

/// Lines that are valid and that nobody should write.
fn odd_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "a=rtpmap:0{0,2}[0-9]  ?(opus|VP8)/0?48000(/0?2)? {0,2}",
        "a=fmtp:0{0,2}[0-9]( {0,3}[a-z=; ]{0,20})?",
        "a=rtcp-fb:(\\*|0{0,2}[0-9]) {1,3}nack {0,2}(pli)? ?",
        "a=extmap:0{0,2}[1-9](/sendonly)? {1,3}urn:x {0,3}[a-z ]{0,9}",
        "a=ssrc:0{0,2}[1-9] {1,3}cname(: {0,2}[a-z ]{0,9})? ?",
        "a=ssrc-group:(FID|SIM)( {1,2}0?[1-9]){0,4} ?",
        "a=msid: {0,2}(-|[a-z]{1,5})( {1,2}[a-z-]{1,5})? ?",
        "a=rid: ?[a-z] {1,2}(send|recv) ?[a-z=;]{0,12}(;?pt=0?[1-9],[1-9])?[a-z=;]{0,9} ?",
        "a=simulcast: {0,2}send {1,2}(~?1;2,~3|1)( {1,2}recv ~4)? ?",
        "a=imageattr:(\\*|0?9) {1,2}(send|recv)[ -~]{0,20}",
        "a=group:BUNDLE( {1,2}[a-z]){0,3} ?",
        "a=fingerprint:SHA-1( [0-9A-Fa-f]{2})(:[0-9a-fA-F]{2}){19} ?",
        "a=candidate: {0,2}[ -~]{0,30}[!-~] {0,2}",
        "a=mid:[a-z]{1,4} {0,3}",
        "a=(rtcp|ice-options|rid)(:[0-9]{0,9})? ?",
        "a=max-message-size:0{0,2}[0-9]{1,9} ?",
        "a=sctp-port:0{0,2}[1-9][0-9]{0,3} ?",
        "b=(AS|TIAS):[0-9]{1,9} ?",
    ]
}

/// An offer of a real client, with a few characters changed.
fn changed_offer() -> impl Strategy<Value = String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let offers: Vec<_> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let changes = vec((any::<prop::sample::Index>(), option::of("[ -~\n]{0,2}")), 1..4);
    (select(offers), changes).prop_map(|(mut offer, changes)| {
        for (place, inserted) in changes {
            let place = place.index(offer.len());
            match inserted {
                Some(text) => offer.insert_str(place, &text),
                None => drop(offer.remove(place)),
            }
        }
        offer
    })
}

fn survives(text: &str) -> Result<SessionDescription, TestCaseError> {
    let parsed: SessionDescription =
        text.parse().map_err(|error| TestCaseError::fail(format!("{error} in {text}")))?;
    let again = parsed.to_string().parse::<SessionDescription>();
    prop_assert_eq!(again.as_ref(), Ok(&parsed));
    Ok(parsed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_printed_parses_to_the_same_value_and_prints_the_same_bytes(session in session()) {
        let text = session.to_string();
        let parsed = survives(&text)?;
        prop_assert_eq!(parsed.to_string(), text);
        prop_assert_eq!(parsed, session);
    }

    #[test]
    fn odd_but_valid_lines_survive_a_round_trip(lines in vec(odd_line(), 1..6)) {
        let mut text = String::from("v=0\no=- 1 1 IN IP4 h\ns=-\nt=0 0\nm=video 9 RTP/AVP 96\n");
        text.extend(lines.iter().flat_map(|line| [line, "\n"]));
        survives(&text)?;
    }

    #[test]
    fn a_changed_offer_of_a_real_client_is_refused_or_survives(offer in changed_offer()) {
        if offer.parse::<SessionDescription>().is_ok() {
            survives(&offer)?;
        }
    }

    #[test]
    fn codecs_are_those_of_the_m_line_in_its_order(media in media()) {
        let numbers: Vec<String> = media.codecs().iter().map(|codec| codec.payload_type.to_string()).collect();
        let mut places = Vec::new();
        for number in &numbers {
            places.push(media.formats.iter().position(|format| format == number).unwrap());
        }
        prop_assert!(places.is_sorted_by(|one, next| one < next), "{:?}", places);
    }
}
