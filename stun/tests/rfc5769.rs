//! The test vectors of RFC 5769, and what truncation and bit flips make of them.
#![cfg(feature = "rust-crypto")]

#[expect(unreachable_pub, reason = "shared with other tests")]
mod vectors;

use duologue_stun::crypto::{HmacProvider, RUST_CRYPTO};
use duologue_stun::{
    Attribute, AttributeType, Class, Header, IntegrityError, Message, Method, TransactionId, Writer,
    mapped_address,
};
use vectors::{LONG_TERM, USERNAME};

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const ID: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

const REQUEST: &[u8] = &[
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
    0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
    0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
    0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
    0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
    0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

const RESPONSE_V4: &[u8] = &[
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00,
    0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53,
    0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

const RESPONSE_V6: &[u8] = &[
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1,
    0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e,
    0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80,
    0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
];

#[test]
fn the_sample_request_is_read_and_verified() {
    let message = Message::parse(REQUEST).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(message.transaction_id(), ID);
    message.verify_fingerprint().unwrap();
    message.verify_integrity(&*RUST_CRYPTO.key(PASSWORD)).unwrap();
    assert_eq!(message.verify_integrity(&*RUST_CRYPTO.key(b"other")), Err(IntegrityError::Mismatch));
    assert_eq!(message.username_local(), Some(&b"evtj"[..]));
    let typed: Vec<_> = message.attributes().map(|raw| raw.decode().unwrap()).collect();
    assert_eq!(
        typed[..4],
        [
            Attribute::Software(b"STUN test client"),
            Attribute::Priority(0x6e00_01ff),
            Attribute::IceControlled(0x932f_f9b1_5126_3b36),
            Attribute::Username(b"evtj:h6vY"),
        ]
    );
    assert_eq!(typed.len(), 6);
    assert_eq!(message.unknown_attributes().count(), 0);
}

#[test]
fn the_sample_responses_give_their_mapped_addresses() {
    for (vector, address) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let message = Message::parse(vector).unwrap();
        assert_eq!(message.class(), Class::Success);
        message.verify_fingerprint().unwrap();
        message.verify_integrity(&*RUST_CRYPTO.key(PASSWORD)).unwrap();
        assert_eq!(mapped_address(&message), Some(address.parse().unwrap()));
        assert_eq!(message.value(AttributeType::SOFTWARE), Some(&b"test vector"[..]));
    }
}

#[test]
fn the_request_with_long_term_authentication_verifies_under_its_digest() {
    let message = Message::parse(LONG_TERM).unwrap();
    // MD5("\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}:example.org:TheMatrIX"), RFC 8489, Section 9.2.2.
    let key =
        [0xe8, 0xca, 0x7a, 0xd5, 0x9d, 0x5e, 0xb0, 0x51, 0x8e, 0x31, 0x29, 0x11, 0xd2, 0xda, 0xb2, 0xa9];
    message.verify_integrity(&*RUST_CRYPTO.key(&key)).unwrap();
    assert_eq!(message.value(AttributeType::REALM), Some(&b"example.org"[..]));
    assert_eq!(message.verify_fingerprint(), Err(IntegrityError::Missing));
    let username = message.username().unwrap();
    assert_eq!(std::str::from_utf8(username), Ok(USERNAME));
}

#[test]
fn a_response_written_anew_differs_from_the_vector_in_its_padding_alone() {
    let key = RUST_CRYPTO.key(PASSWORD);
    let mut out = vec![];
    Writer::new(&mut out, Class::Success, Method::BINDING, ID)
        .attribute(AttributeType::SOFTWARE, b"test vector")
        .xor_mapped_address("192.0.2.1:32853".parse().unwrap())
        .integrity(&*key)
        .fingerprint()
        .finish()
        .unwrap();
    assert_eq!(out[..35], RESPONSE_V4[..35]);
    assert_eq!(out[35], 0, "the vector pads with a space");
    assert_eq!(out[36..52], RESPONSE_V4[36..52]);
    assert_eq!(out.len(), RESPONSE_V4.len());
    let message = Message::parse(&out).unwrap();
    message.verify_fingerprint().unwrap();
    message.verify_integrity(&*key).unwrap();
}

#[test]
fn a_message_cut_at_any_byte_is_refused() {
    for vector in [REQUEST, RESPONSE_V4, RESPONSE_V6, LONG_TERM] {
        for len in 0..vector.len() {
            assert!(Message::parse(&vector[..len]).is_err());
            assert!(Header::parse(&vector[..len]).is_err());
        }
    }
}

#[test]
fn a_message_whose_length_is_cut_with_it_is_refused_or_loses_its_integrity() {
    let key = RUST_CRYPTO.key(PASSWORD);
    for vector in [REQUEST, RESPONSE_V4, RESPONSE_V6] {
        for len in (20..vector.len() - 8).step_by(4) {
            let mut cut = vector[..len].to_vec();
            cut[2..4].copy_from_slice(&u16::try_from(len - 20).unwrap().to_be_bytes());
            if let Ok(message) = Message::parse(&cut) {
                assert!(message.verify_integrity(&*key).is_err());
                assert!(message.verify_fingerprint().is_err());
            }
        }
    }
}

#[test]
fn each_flipped_bit_is_seen() {
    let key = RUST_CRYPTO.key(PASSWORD);
    for vector in [REQUEST, RESPONSE_V4, RESPONSE_V6] {
        for bit in 0..vector.len() * 8 {
            let mut flipped = vector.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(message) = Message::parse(&flipped) else { continue };
            assert!(message.verify_fingerprint().is_err(), "bit {bit}");
            let sealed = vector.len() - 8;
            assert!(bit / 8 >= sealed || message.verify_integrity(&*key).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn attributes_after_the_integrity_are_not_seen() {
    let key = RUST_CRYPTO.key(PASSWORD);
    let mut out = vec![];
    Writer::new(&mut out, Class::Request, Method::BINDING, ID)
        .priority(1)
        .integrity(&*key)
        .use_candidate()
        .attribute(AttributeType(0x7fff), b"")
        .fingerprint()
        .finish()
        .unwrap();
    let message = Message::parse(&out).unwrap();
    message.verify_integrity(&*key).unwrap();
    message.verify_fingerprint().unwrap();
    let seen: Vec<_> = message.attributes().map(|raw| raw.attribute).collect();
    assert_eq!(seen, [AttributeType::PRIORITY, AttributeType::MESSAGE_INTEGRITY, AttributeType::FINGERPRINT]);
    assert_eq!(message.unknown_attributes().count(), 0);
}
