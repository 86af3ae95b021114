//! A connectivity check of 100 bytes: USERNAME, PRIORITY, ICE-CONTROLLING, USE-CANDIDATE, MESSAGE-INTEGRITY, FINGERPRINT. Both
//! sides keep the key between messages; the password is 24 bytes long.

use crate::table::{Work, row};
use duologue::stun::crypto::{HmacKey, HmacProvider, RUST_CRYPTO};
use duologue::stun::{Class, Message, Method, TransactionId, Writer};
use std::hint::black_box;
use stun_types::attribute::{AttributeType, RawAttribute, Username};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, IntegrityKey, MessageClass, MessageType, MessageWrite, MessageWriteExt,
    MessageWriteMutSlice, ShortTermCredentials,
};

const COUNT: u64 = 50_000;
const LEN: usize = 100;
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBtab";

fn ours(out: &mut Vec<u8>, key: &dyn HmacKey) -> usize {
    Writer::new(out, Class::Request, Method::BINDING, TransactionId([7; 12]))
        .username(b"h6vYevtj", b"evtjh6vY")
        .priority(0x6e00_01ff)
        .ice_controlling(0x932f_f9b1_5126_3b36)
        .use_candidate()
        .integrity(key)
        .fingerprint()
        .finish()
        .unwrap()
}

fn theirs(out: &mut [u8], key: &IntegrityKey) -> usize {
    // This release has no types for ICE's attributes: they are written raw, which is the least work.
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let mut message = stun_types::message::Message::builder(kind, 7.into(), MessageWriteMutSlice::new(out));
    message.add_attribute(&Username::new("h6vYevtj:evtjh6vY").unwrap()).unwrap();
    message
        .add_attribute(&RawAttribute::new(AttributeType::new(0x0024), &0x6e00_01ff_u32.to_be_bytes()))
        .unwrap();
    let tie_breaker = 0x932f_f9b1_5126_3b36_u64.to_be_bytes();
    message.add_attribute(&RawAttribute::new(AttributeType::new(0x802a), &tie_breaker)).unwrap();
    message.add_attribute(&RawAttribute::new(AttributeType::new(0x0025), &[])).unwrap();
    message.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1).unwrap();
    message.add_fingerprint().unwrap();
    message.finish()
}

/// The check parsed and verified.
pub fn check() {
    let key = RUST_CRYPTO.key(PASSWORD.as_bytes());
    let mut datagram = Vec::new();
    assert_eq!(ours(&mut datagram, &*key), LEN);
    let mut round = || {
        for _ in 0..COUNT {
            let message = Message::parse(black_box(&datagram)).unwrap();
            message.verify_fingerprint().unwrap();
            message.verify_integrity(&*key).unwrap();
            assert_eq!(message.attributes().filter(|raw| raw.decode().is_ok()).count(), 6);
        }
        COUNT
    };
    let credentials = ShortTermCredentials::new(PASSWORD.to_owned()).make_key();
    let mut peer = || {
        for _ in 0..COUNT {
            // It verifies the fingerprint as it parses.
            let message = stun_types::message::Message::from_bytes(black_box(&datagram)).unwrap();
            message.validate_integrity_with_key(&credentials).unwrap();
            assert_eq!(message.iter_attributes().count(), 6);
        }
        COUNT
    };
    row("STUN check", "parsed and verified", Work { name: "stun-types 2.0.4", round: &mut peer }, &mut round);
}

/// The check built.
pub fn build() {
    let key = RUST_CRYPTO.key(PASSWORD.as_bytes());
    let mut out = Vec::with_capacity(1500);
    let mut round = || {
        for _ in 0..COUNT {
            out.clear();
            assert_eq!(ours(black_box(&mut out), &*key), LEN);
        }
        COUNT
    };
    let credentials = ShortTermCredentials::new(PASSWORD.to_owned()).make_key();
    let mut buffer = [0; 1500];
    let mut peer = || {
        for _ in 0..COUNT {
            assert_eq!(theirs(black_box(&mut buffer), &credentials), LEN);
        }
        COUNT
    };
    row("STUN check", "built", Work { name: "stun-types 2.0.4", round: &mut peer }, &mut round);
}
