//! Long-term credentials: RFC 8489 Appendix B, RFC 5769 Section 2.4 from user name and password, and challenges.
#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(unreachable_pub, reason = "shared with other tests")]
mod vectors;

use duologue_stun::auth::{
    Authentication, Challenge, ChallengeError, Credentials, Integrity, Key, SecurityFeatures, userhash,
};
use duologue_stun::crypto::{LongTermProvider, RUST_CRYPTO};
use duologue_stun::{
    Attribute, AttributeType, Class, ErrorCode, IntegrityError, Message, Method, PasswordAlgorithm,
    TransactionId, Writer,
};
use vectors::{LONG_TERM, USERNAME};

const ID: TransactionId =
    TransactionId([0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e]);

/// RFC 8489, Appendix B.1, as printed: its header counts 20 bytes more than follow, and no PASSWORD-ALGORITHM says that
/// its key is made by SHA-256.
const PRINTED: &[u8] = &[
    0x00, 0x01, 0x00, 0x9c, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29,
    0xda, 0x41, 0x2e, 0x00, 0x1e, 0x00, 0x20, 0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd, 0xa9, 0x52,
    0xc6, 0x78, 0x04, 0x17, 0xda, 0x0f, 0x24, 0x81, 0x94, 0x15, 0x56, 0x9e, 0x60, 0xb2, 0x05, 0xc4, 0x6e,
    0x41, 0x40, 0x7f, 0x17, 0x04, 0x00, 0x15, 0x00, 0x29, 0x6f, 0x62, 0x4d, 0x61, 0x74, 0x4a, 0x6f, 0x73,
    0x32, 0x41, 0x41, 0x41, 0x43, 0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36,
    0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00,
    0x00, 0x00, 0x00, 0x14, 0x00, 0x0b, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67,
    0x00, 0x00, 0x1c, 0x00, 0x20, 0xe4, 0x68, 0x6c, 0x8f, 0x0e, 0xde, 0xb5, 0x90, 0x13, 0xe0, 0x70, 0x90,
    0x01, 0x0a, 0x93, 0xef, 0xcc, 0xbc, 0xcc, 0x54, 0x4c, 0x0a, 0x45, 0xd9, 0xf8, 0x30, 0xaa, 0x6d, 0x6f,
    0x73, 0x5a, 0x01,
];

/// The HMAC of the same request once the attribute is there and the length is right.
const MENDED_HMAC: [u8; 32] = [
    0xb5, 0xc7, 0xbf, 0x00, 0x5b, 0x6c, 0x52, 0xa2, 0x1c, 0x51, 0xc5, 0xe8, 0x92, 0xf8, 0x19, 0x24, 0x13,
    0x62, 0x96, 0xcb, 0x92, 0x7c, 0x43, 0x14, 0x93, 0x09, 0x27, 0x8c, 0xc6, 0x51, 0x8e, 0x65,
];

fn key(algorithm: PasswordAlgorithm) -> Key {
    let key = Key::long_term(&RUST_CRYPTO, algorithm, USERNAME.as_bytes(), b"example.org", b"TheMatrIX");
    key.unwrap()
}

fn write_mended(algorithm: PasswordAlgorithm) -> Vec<u8> {
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Request, Method::BINDING, ID)
        .userhash(&userhash(&RUST_CRYPTO, USERNAME.as_bytes(), b"example.org"))
        .nonce(b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA")
        .realm(b"example.org")
        .password_algorithm(algorithm);
    key(algorithm).sign(Integrity::Sha256, writer).finish().unwrap();
    out
}

#[test]
fn the_vector_of_rfc_8489_appendix_b_has_our_hash_our_attributes_and_our_hmac() {
    assert!(Message::parse(PRINTED).is_err(), "its length is not that of what is printed");
    let secret = RUST_CRYPTO.sha256(&[USERNAME.as_bytes(), b":", b"example.org", b":", b"TheMatrIX"]);
    let (header, rest) = PRINTED.split_at(20);
    let (body, integrity) = rest.split_at(rest.len() - 36);
    let tag = integrity[4..].try_into().unwrap();
    assert!(RUST_CRYPTO.key_sha256(&secret).verify(header, body, tag));

    let out = write_mended(PasswordAlgorithm::SHA_256);
    assert_eq!(out[4..120], PRINTED[4..120]);
    assert_eq!(out[2..4], [0, 0x90]);
    assert_eq!(out[132..], MENDED_HMAC);
    let message = Message::parse(&out).unwrap();
    assert_eq!(key(PasswordAlgorithm::SHA_256).verify(&message), Ok(Integrity::Sha256));
    assert_eq!(key(PasswordAlgorithm::MD5).verify(&message), Err(IntegrityError::Mismatch));
}

#[test]
fn the_request_of_rfc_5769_is_made_of_user_name_and_password() {
    let message = Message::parse(LONG_TERM).unwrap();
    assert_eq!(key(PasswordAlgorithm::MD5).verify(&message), Ok(Integrity::Sha1));
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Request, Method::BINDING, ID)
        .user(USERNAME.as_bytes())
        .nonce(b"f//499k954d6OL34oL9FSTvy64sA")
        .realm(b"example.org");
    key(PasswordAlgorithm::MD5).sign(Integrity::Sha1, writer).finish().unwrap();
    assert_eq!(out, LONG_TERM);
}

#[test]
fn each_flipped_bit_and_each_cut_of_a_request_with_sha_256_is_seen() {
    let key = key(PasswordAlgorithm::SHA_256);
    let request = write_mended(PasswordAlgorithm::SHA_256);
    for bit in 0..request.len() * 8 {
        let mut flipped = request.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let verified = Message::parse(&flipped).is_ok_and(|message| key.verify(&message).is_ok());
        assert!(!verified, "bit {bit}");
    }
    for len in 0..request.len() {
        assert!(Message::parse(&request[..len]).is_err());
    }
}

/// RFC 8489, Section 14.6: whole, unless the usage of STUN says that it may be cut.
#[test]
fn a_cut_sha_256_integrity_is_refused() {
    let hmac = RUST_CRYPTO.key_sha256(b"secret");
    for len in [4_usize, 12, 16, 20, 28, 36] {
        let mut out = vec![];
        let writer = Writer::new(&mut out, Class::Request, Method::BINDING, ID);
        writer.attribute(AttributeType::MESSAGE_INTEGRITY_SHA256, &vec![0; len]).finish().unwrap();
        let mut header = out[..20].to_vec();
        header[2..4].copy_from_slice(&[0, 36]);
        let tag = hmac.sign(&header, b"");
        let count = len.min(32);
        out[24..24 + count].copy_from_slice(&tag[..count]);
        let message = Message::parse(&out).unwrap();
        assert_eq!(message.verify_integrity_sha256(&*hmac), Err(IntegrityError::Mismatch), "{len}");
    }
}

/// RFC 8489, Sections 14.5 and 14.6.
#[test]
fn after_the_sha_256_integrity_even_the_other_one_is_not_seen() {
    let (sha1, sha256) = (RUST_CRYPTO_KEY.as_slice(), RUST_CRYPTO_KEY.as_slice());
    let (sha1, sha256) = (hmac_sha1(sha1), RUST_CRYPTO.key_sha256(sha256));
    let mut out = vec![];
    Writer::new(&mut out, Class::Request, Method::BINDING, ID)
        .priority(1)
        .integrity(&*sha1)
        .use_candidate()
        .integrity_sha256(&*sha256)
        .use_candidate()
        .integrity(&*sha1)
        .fingerprint()
        .finish()
        .unwrap();
    let message = Message::parse(&out).unwrap();
    message.verify_integrity(&*sha1).unwrap();
    message.verify_integrity_sha256(&*sha256).unwrap();
    let seen: Vec<_> = message.attributes().map(|raw| raw.attribute).collect();
    let expected = [
        AttributeType::PRIORITY,
        AttributeType::MESSAGE_INTEGRITY,
        AttributeType::MESSAGE_INTEGRITY_SHA256,
        AttributeType::FINGERPRINT,
    ];
    assert_eq!(seen, expected);

    out.clear();
    let writer = Writer::new(&mut out, Class::Request, Method::BINDING, ID);
    writer.integrity_sha256(&*sha256).integrity(&*sha1).finish().unwrap();
    let message = Message::parse(&out).unwrap();
    message.verify_integrity_sha256(&*sha256).unwrap();
    assert_eq!(message.verify_integrity(&*sha1), Err(IntegrityError::Missing));
}

const RUST_CRYPTO_KEY: [u8; 4] = *b"both";

fn hmac_sha1(secret: &[u8]) -> Box<dyn duologue_stun::crypto::HmacKey> {
    duologue_stun::crypto::HmacProvider::key(&RUST_CRYPTO, secret)
}

fn credentials() -> Credentials {
    Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() }
}

/// A 401 response with what `attributes` adds.
fn challenged(attributes: impl FnOnce(Writer<'_>) -> Writer<'_>) -> Result<Challenge, ChallengeError> {
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Error, Method::ALLOCATE, ID);
    attributes(writer.error_code(ErrorCode::UNAUTHENTICATED)).finish().unwrap();
    Challenge::read(&Message::parse(&out).unwrap())
}

fn nonce(password_algorithms: bool, username_anonymity: bool) -> Vec<u8> {
    let features = SecurityFeatures { password_algorithms, username_anonymity };
    [&features.cookie()[..], b"rest"].concat()
}

fn answer(challenge: Challenge, credentials: &Credentials) -> Vec<u8> {
    let authentication = Authentication::new(&RUST_CRYPTO, credentials, challenge).unwrap();
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Request, Method::ALLOCATE, ID);
    authentication.sign(writer, credentials, true).finish().unwrap();
    out
}

#[test]
fn a_challenge_of_old_is_answered_with_md5_and_message_integrity() {
    let challenge = challenged(|writer| writer.realm(b"realm").nonce(b"nonce")).unwrap();
    let out = answer(challenge, &credentials());
    let message = Message::parse(&out).unwrap();
    let seen: Vec<_> = message.attributes().map(|raw| raw.attribute).collect();
    let expected = [
        AttributeType::USERNAME,
        AttributeType::REALM,
        AttributeType::NONCE,
        AttributeType::MESSAGE_INTEGRITY,
    ];
    assert_eq!(seen, expected);
    let key = Key::long_term(&RUST_CRYPTO, PasswordAlgorithm::MD5, b"user", b"realm", b"pass").unwrap();
    assert_eq!(key.verify(&message), Ok(Integrity::Sha1));
}

#[test]
fn a_list_with_both_algorithms_is_answered_with_sha_256_and_the_list() {
    let both = [PasswordAlgorithm::MD5, PasswordAlgorithm::SHA_256];
    for (list, chosen) in
        [(&both[..], PasswordAlgorithm::SHA_256), (&[PasswordAlgorithm::MD5], PasswordAlgorithm::MD5)]
    {
        let challenge =
            challenged(|writer| writer.realm(b"realm").nonce(&nonce(true, true)).password_algorithms(list));
        let out = answer(challenge.unwrap(), &credentials());
        let message = Message::parse(&out).unwrap();
        let hash = userhash(&RUST_CRYPTO, b"user", b"realm");
        assert_eq!(message.attribute(AttributeType::USERHASH), Ok(Some(Attribute::Userhash(&hash))));
        assert_eq!(message.username(), None, "the server wants it hidden");
        assert_eq!(
            message.attribute(AttributeType::PASSWORD_ALGORITHM),
            Ok(Some(Attribute::PasswordAlgorithm(chosen, &[])))
        );
        let Ok(Some(Attribute::PasswordAlgorithms(echoed))) =
            message.attribute(AttributeType::PASSWORD_ALGORITHMS)
        else {
            unreachable!("the list is sent back");
        };
        assert!(echoed.iter().map(|(algorithm, _)| algorithm).eq(list.iter().copied()));
        let key = Key::long_term(&RUST_CRYPTO, chosen, b"user", b"realm", b"pass").unwrap();
        assert_eq!(key.verify(&message), Ok(Integrity::Sha256));
        assert_eq!(message.value(AttributeType::MESSAGE_INTEGRITY), None);
    }
}

#[test]
fn a_list_taken_out_is_seen_by_the_nonce_and_not_answered() {
    let bid_down = challenged(|writer| writer.realm(b"realm").nonce(&nonce(true, false)));
    assert_eq!(bid_down, Err(ChallengeError::BidDown));
    let unknown = challenged(|writer| {
        let list = [PasswordAlgorithm(0x7fff)];
        writer.realm(b"realm").nonce(&nonce(true, false)).password_algorithms(&list)
    });
    assert_eq!(unknown, Err(ChallengeError::UnknownAlgorithm));
    let malformed = challenged(|writer| {
        let writer = writer.realm(b"realm").nonce(&nonce(true, false));
        writer.attribute(AttributeType::PASSWORD_ALGORITHMS, &[0, 2, 0, 9])
    });
    assert_eq!(malformed, Err(ChallengeError::Malformed));
    assert_eq!(challenged(|writer| writer.realm(b"realm")), Err(ChallengeError::Incomplete));
    let long = challenged(|writer| writer.realm(b"realm").nonce(&[b'n'; 764]));
    assert_eq!(long, Err(ChallengeError::Malformed));
}

#[test]
fn responses_without_the_list_that_their_nonce_speaks_of_are_refused() {
    let challenge = challenged(|writer| writer.realm(b"realm").nonce(b"nonce")).unwrap();
    let authentication = Authentication::new(&RUST_CRYPTO, &credentials(), challenge).unwrap();
    let key = Key::long_term(&RUST_CRYPTO, PasswordAlgorithm::MD5, b"user", b"realm", b"pass").unwrap();
    for (nonce, list, stands) in [
        (nonce(false, false), false, true),
        (nonce(true, false), true, true),
        (nonce(true, false), false, false),
    ] {
        let mut out = vec![];
        let mut writer = Writer::new(&mut out, Class::Success, Method::ALLOCATE, ID).nonce(&nonce);
        if list {
            writer = writer.password_algorithms(&[PasswordAlgorithm::MD5]);
        }
        key.sign(Integrity::Sha1, writer).finish().unwrap();
        assert_eq!(authentication.verify(&Message::parse(&out).unwrap()).is_ok(), stands);
    }
}

/// RFC 7635, Sections 5 and 9.
#[test]
fn a_token_is_sent_with_its_key_id_and_its_key_seals_as_it_is() {
    let challenge = challenged(|writer| {
        writer.realm(b"realm").nonce(b"nonce").third_party_authorization(b"turn.example.org")
    });
    let challenge = challenge.unwrap();
    assert_eq!(challenge.server_name(), Some(&b"turn.example.org"[..]));
    let credentials = Credentials::ThirdParty {
        key_id: "kid".to_owned(),
        token: b"opaque".to_vec(),
        mac_key: b"twenty bytes of key.".to_vec(),
    };
    let out = answer(challenge.clone(), &credentials);
    let message = Message::parse(&out).unwrap();
    assert_eq!(message.username(), Some(&b"kid"[..]));
    assert_eq!(message.value(AttributeType::ACCESS_TOKEN), Some(&b"opaque"[..]));
    let key = Key::from_secret(&RUST_CRYPTO, b"twenty bytes of key.");
    assert_eq!(key.verify(&message), Ok(Integrity::Sha1));

    let authentication = Authentication::new(&RUST_CRYPTO, &credentials, challenge).unwrap();
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Request, Method::CHANNEL_BIND, ID);
    authentication.sign(writer, &credentials, false).finish().unwrap();
    assert_eq!(Message::parse(&out).unwrap().value(AttributeType::ACCESS_TOKEN), None);
}
