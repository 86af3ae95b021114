//! Every attribute of TURN, of long-term credentials and of the discovery of NAT behaviour: written, read, cut.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use duologue_stun::{
    AddressFamily, Attribute, AttributeType, ChannelNumber, Class, ErrorCode, Message, Method, Opaque,
    PasswordAlgorithm, TransactionId, Writer,
};

const ID: TransactionId = TransactionId(*b"twelve bytes");

type Write = fn(Writer<'_>) -> Writer<'_>;

fn v4() -> SocketAddr {
    "192.0.2.1:32853".parse().unwrap()
}

fn v6() -> SocketAddr {
    "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap()
}

/// What is written, what is read of it, and the value's bytes where an RFC fixes them and no mask hides them.
fn cases() -> Vec<(Write, Attribute<'static>, Option<&'static [u8]>)> {
    vec![
        (
            |writer| writer.channel_number(ChannelNumber::new(0x4001).unwrap()),
            Attribute::ChannelNumber(0x4001),
            Some(&[0x40, 0x01, 0, 0]),
        ),
        (|writer| writer.lifetime(600), Attribute::Lifetime(600), Some(&[0, 0, 2, 0x58])),
        (|writer| writer.xor_peer_address(v4()), Attribute::XorPeerAddress(v4()), None),
        (|writer| writer.xor_peer_address(v6()), Attribute::XorPeerAddress(v6()), None),
        (|writer| writer.xor_relayed_address(v4()), Attribute::XorRelayedAddress(v4()), None),
        (|writer| writer.xor_relayed_address(v6()), Attribute::XorRelayedAddress(v6()), None),
        (|writer| writer.data(b"seven.."), Attribute::Data(Opaque(b"seven..")), Some(b"seven..")),
        (|writer| writer.data(b""), Attribute::Data(Opaque(b"")), Some(b"")),
        (
            |writer| writer.requested_address_family(AddressFamily::IPV6),
            Attribute::RequestedAddressFamily(AddressFamily::IPV6),
            Some(&[2, 0, 0, 0]),
        ),
        (
            |writer| writer.additional_address_family(AddressFamily::IPV6),
            Attribute::AdditionalAddressFamily(AddressFamily::IPV6),
            Some(&[2, 0, 0, 0]),
        ),
        (
            |writer| writer.address_error_code(AddressFamily::IPV6, ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
            Attribute::AddressErrorCode(
                AddressFamily::IPV6,
                ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
                b"Address Family not Supported",
            ),
            Some(b"\x02\x00\x04\x28Address Family not Supported"),
        ),
        (|writer| writer.even_port(true), Attribute::EvenPort { reserve: true }, Some(&[0x80])),
        (|writer| writer.even_port(false), Attribute::EvenPort { reserve: false }, Some(&[0])),
        (|writer| writer.requested_transport(17), Attribute::RequestedTransport(17), Some(&[17, 0, 0, 0])),
        (|writer| writer.dont_fragment(), Attribute::DontFragment, Some(b"")),
        (
            |writer| writer.reservation_token(*b"reserved"),
            Attribute::ReservationToken(*b"reserved"),
            Some(b"reserved"),
        ),
        (
            |writer| writer.icmp(3, 4, 1_280),
            Attribute::Icmp { kind: 3, code: 4, data: 1_280 },
            Some(&[0, 0, 3, 4, 0, 0, 5, 0]),
        ),
        (|writer| writer.access_token(b"token"), Attribute::AccessToken(Opaque(b"token")), Some(b"token")),
        (
            |writer| writer.third_party_authorization(b"turn.example"),
            Attribute::ThirdPartyAuthorization(b"turn.example"),
            Some(b"turn.example"),
        ),
        (|writer| writer.userhash(&[7; 32]), Attribute::Userhash(&[7; 32]), Some(&[7; 32])),
        (
            |writer| writer.password_algorithm(PasswordAlgorithm::SHA_256),
            Attribute::PasswordAlgorithm(PasswordAlgorithm::SHA_256, b""),
            Some(&[0, 2, 0, 0]),
        ),
        (
            |writer| writer.alternate_server(v4()),
            Attribute::AlternateServer(v4()),
            Some(&[0, 1, 0x80, 0x55, 192, 0, 2, 1]),
        ),
        (
            |writer| writer.alternate_domain(b"other.example"),
            Attribute::AlternateDomain(b"other.example"),
            Some(b"other.example"),
        ),
        (
            |writer| writer.change_request(true, false),
            Attribute::ChangeRequest { ip: true, port: false },
            Some(&[0, 0, 0, 4]),
        ),
        (
            |writer| writer.change_request(false, true),
            Attribute::ChangeRequest { ip: false, port: true },
            Some(&[0, 0, 0, 2]),
        ),
        (|writer| writer.response_origin(v6()), Attribute::ResponseOrigin(v6()), None),
        (
            |writer| writer.other_address(v4()),
            Attribute::OtherAddress(v4()),
            Some(&[0, 1, 0x80, 0x55, 192, 0, 2, 1]),
        ),
        (|writer| writer.response_port(32_853), Attribute::ResponsePort(32_853), Some(&[0x80, 0x55, 0, 0])),
        (|writer| writer.padding(5), Attribute::Padding(&[0; 5]), Some(&[0; 5])),
        (|writer| writer.realm(b"realm"), Attribute::Realm(b"realm"), Some(b"realm")),
        (|writer| writer.nonce(b"nonce"), Attribute::Nonce(b"nonce"), Some(b"nonce")),
        (|writer| writer.user(b"user"), Attribute::Username(b"user"), Some(b"user")),
        (|writer| writer.software(b"soft"), Attribute::Software(b"soft"), Some(b"soft")),
    ]
}

#[test]
fn what_is_written_is_read_again_and_padded_with_zeroes() {
    for (write, attribute, bytes) in cases() {
        let mut out = vec![];
        write(Writer::new(&mut out, Class::Request, Method::ALLOCATE, ID)).finish().unwrap();
        let message = Message::parse(&out).unwrap();
        let raw: Vec<_> = message.attributes().collect();
        let [raw] = raw[..] else { unreachable!("one was written") };
        assert_eq!(raw.decode(), Ok(attribute));
        assert!(raw.attribute.is_known());
        assert!(out[24 + raw.value.len()..].iter().all(|byte| *byte == 0), "{attribute:?}");
        if let Some(bytes) = bytes {
            assert_eq!(raw.value, bytes, "{attribute:?}");
        }
        assert_eq!(message.attribute(raw.attribute), Ok(Some(attribute)));
        assert_eq!(message.attribute(AttributeType(0x7fff)), Ok(None));
    }
}

/// Known fault 4, and the lengths of each form.
#[test]
fn a_value_cut_at_any_byte_is_refused_or_is_a_shorter_text() {
    for (write, attribute, _) in cases() {
        let mut out = vec![];
        write(Writer::new(&mut out, Class::Request, Method::ALLOCATE, ID)).finish().unwrap();
        let raw = Message::parse(&out).unwrap().attributes().next().unwrap();
        for len in 0..raw.value.len() {
            let cut = Attribute::decode(raw.attribute, &raw.value[..len], ID);
            let text = matches!(
                (cut, attribute),
                (Ok(Attribute::Data(_)), Attribute::Data(_))
                    | (Ok(Attribute::AccessToken(_)), Attribute::AccessToken(_))
                    | (Ok(Attribute::ThirdPartyAuthorization(_)), Attribute::ThirdPartyAuthorization(_))
                    | (Ok(Attribute::AlternateDomain(_)), Attribute::AlternateDomain(_))
                    | (Ok(Attribute::Padding(_)), Attribute::Padding(_))
                    | (Ok(Attribute::Realm(_)), Attribute::Realm(_))
                    | (Ok(Attribute::Nonce(_)), Attribute::Nonce(_))
                    | (Ok(Attribute::Username(_)), Attribute::Username(_))
                    | (Ok(Attribute::Software(_)), Attribute::Software(_))
                    | (Ok(Attribute::AddressErrorCode(..)), Attribute::AddressErrorCode(..))
            );
            assert!(text || cut.is_err(), "{attribute:?} cut to {len}");
        }
    }
}

#[test]
fn a_fixed_form_with_bytes_to_spare_is_refused() {
    for kind in [
        AttributeType::CHANNEL_NUMBER,
        AttributeType::LIFETIME,
        AttributeType::REQUESTED_ADDRESS_FAMILY,
        AttributeType::EVEN_PORT,
        AttributeType::REQUESTED_TRANSPORT,
        AttributeType::DONT_FRAGMENT,
        AttributeType::RESERVATION_TOKEN,
        AttributeType::ADDITIONAL_ADDRESS_FAMILY,
        AttributeType::ICMP,
        AttributeType::USERHASH,
        AttributeType::CHANGE_REQUEST,
        AttributeType::RESPONSE_PORT,
        AttributeType::MESSAGE_INTEGRITY_SHA256,
        AttributeType::XOR_PEER_ADDRESS,
        AttributeType::ALTERNATE_SERVER,
    ] {
        assert!(Attribute::decode(kind, &[1; 37], ID).is_err(), "{kind:?}");
    }
}

#[test]
fn payloads_and_tokens_are_printed_as_lengths() {
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Indication, Method::SEND, ID)
        .data(b"PPPPPPPP")
        .access_token(b"PPPPPPPP")
        .attribute(AttributeType(0xc070), b"PPPPPPPP");
    let written = format!("{writer:?}");
    writer.finish().unwrap();
    let message = Message::parse(&out).unwrap();
    let (raw, typed): (Vec<_>, Vec<_>) = message.attributes().map(|raw| (raw, raw.decode())).unzip();
    let all = format!("{written} {message:?} {raw:?} {typed:?} {:?}", message.attributes());
    assert!(!all.contains("80, 80") && !all.contains("PP"), "{all}");
    assert_eq!(format!("{:?}", typed[0]), "Ok(Data(Opaque { len: 8 }))");
    assert_eq!(format!("{:?}", raw[1]), "RawAttribute { attribute: 0x001b, len: 8, .. }");
}

#[test]
fn the_methods_of_turn_have_their_numbers() {
    let methods = [
        (Method::ALLOCATE, 3),
        (Method::REFRESH, 4),
        (Method::SEND, 6),
        (Method::DATA, 7),
        (Method::CREATE_PERMISSION, 8),
        (Method::CHANNEL_BIND, 9),
    ];
    for (method, number) in methods {
        assert_eq!(Method::new(number), Some(method));
    }
}

#[test]
fn a_padding_that_does_not_fit_is_refused() {
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Request, Method::BINDING, ID).padding(65_529);
    assert!(writer.finish().is_err());
    assert!(out.is_empty());
    let writer = Writer::new(&mut out, Class::Request, Method::BINDING, ID).padding(65_528);
    assert_eq!(writer.finish(), Ok(65_552));
}
