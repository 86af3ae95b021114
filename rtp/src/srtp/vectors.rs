//! The vectors of RFC 3711, RFC 6188 and RFC 7714 that name session keys; those of the derivation are beside it.

use zeroize::Zeroizing;

use super::aead::GaloisCounterMode;
use super::key::{OwnedKey, SessionKeys};
use super::provider::{AesKey, Provider, RUST_CRYPTO};
use super::transform::{PacketId, Transform};
use super::{Discard, MasterKey, Profile, Receiver, Sender};
use crate::sequence::{ExtendedSequence, SequenceNumber, Ssrc};

pub(super) fn providers() -> Vec<&'static dyn Provider> {
    vec![
        &RUST_CRYPTO,
        #[cfg(feature = "aws-lc-rs")]
        &super::AWS_LC_RS,
    ]
}

/// Bytes from digits, spaces left out.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// The key stream of Appendix B.2 and its like: where each part lies, in blocks of the counter, and the part.
fn key_stream(key: &[u8], parts: &[(usize, &str)]) {
    let counter = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
    let key = OwnedKey::new(key).unwrap();
    for provider in providers() {
        let mut stream = vec![0; 1_044_512];
        provider.cipher(key.as_aes_key()).apply(&counter, &mut stream);
        for (block, expected) in parts {
            assert_eq!(stream[16 * block..][..48], hex(expected), "block {block}");
        }
    }
}

// RFC 3711, Appendix B.2
#[test]
fn the_key_stream_of_rfc_3711_is_made() {
    let first =
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
    let last =
        "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44";
    key_stream(&hex("2B7E151628AED2A6ABF7158809CF4F3C"), &[(0, first), (0xfeff, last)]);
}

// RFC 6188, Section 7.1
#[test]
fn the_key_stream_of_rfc_6188_is_made() {
    let key = hex("57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98");
    let first =
        "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31";
    let last =
        "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f";
    key_stream(&key, &[(0, first), (0xfeff, last)]);
}

/// The session of RFC 7714, Section 16: a key of 0, 1, 2, ... and the salt "Quid pro quo".
fn quid_pro_quo(provider: &dyn Provider, key_len: u8) -> Transform {
    let key: Vec<u8> = (0..key_len).collect();
    let mut salt = [0; 16];
    salt[..12].copy_from_slice(b"Quid pro quo");
    let keys = SessionKeys {
        encryption: OwnedKey::new(&key).unwrap(),
        authentication: Zeroizing::new([0; 20]),
        salt: Zeroizing::new(salt),
    };
    Transform::GaloisCounterMode(GaloisCounterMode::new(provider, &keys))
}

// RFC 7714, Sections 16.1.1, 16.1.2, 16.2.1 and 16.2.2
#[test]
fn the_srtp_packets_of_rfc_7714_are_protected_and_unprotected() {
    let plain = hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
        69736120 696e2070 61727465 73207472 6573");
    let small = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
        0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    let large = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
        9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
    let id = PacketId { ssrc: Ssrc(0x5501_a0b2), index: 0xf17b };
    for provider in providers() {
        for (key_len, expected) in [(16, small), (32, large)] {
            let session = quid_pro_quo(provider, key_len);
            let mut packet = plain.clone();
            session.protect_rtp(&mut packet, 0, 12, id).unwrap();
            assert_eq!(packet, hex(expected));
            let len = session.unprotect_rtp(&mut packet, 12, id).unwrap();
            assert_eq!(packet[..len], plain);
        }
    }
}

// RFC 7714, Sections 17.1 and 17.2
#[test]
fn the_srtcp_packets_of_rfc_7714_are_protected_and_unprotected() {
    let plain = hex(SENDER_REPORT);
    let small = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
        c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
    let large = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
        a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";
    let id = PacketId { ssrc: Ssrc(0x4d61_7273), index: 0x5d4 };
    for provider in providers() {
        for (key_len, expected) in [(16, small), (32, large)] {
            let session = quid_pro_quo(provider, key_len);
            let mut packet = plain.clone();
            session.protect_rtcp(&mut packet, 0, id).unwrap();
            assert_eq!(packet, hex(expected));
            assert_eq!(session.rtcp_word(&packet), Some(0x8000_05d4));
            let len = session.unprotect_rtcp(&mut packet, id).unwrap();
            assert_eq!(packet[..len], plain);
        }
    }
}

// RFC 7714, Sections 16.1.3, 16.2.3, 17.3 and 17.4: tags over packets that are not encrypted. We neither send nor take
// these, but the AEADs must make their tags.
#[test]
fn the_tags_of_rfc_7714_over_plaintext_are_made() {
    let rtp = hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
        69736120 696e2070 61727465 73207472 6573");
    let rtcp = [hex(SENDER_REPORT), hex("000005d4")].concat();
    let key: [u8; 32] = (0..32).collect::<Vec<u8>>().try_into().unwrap();
    let nonces = [hex("51753c6580c2726f20718414"), hex("517524055203726f207170bb")];
    let small = AesKey::Aes128(key.first_chunk().unwrap());
    let cases = [
        (small, &nonces[0], &rtp, "22493f82 d2bce397 e9d79e3b 19aa4216"),
        (AesKey::Aes256(&key), &nonces[0], &rtp, "a866d591 0f887463 067ceefe c45215d4"),
        (small, &nonces[1], &rtcp, "841dd968 3dd78ec9 2ae58790 125f62b3"),
        (AesKey::Aes256(&key), &nonces[1], &rtcp, "91db4afb feee5a97 8fab4393 ed2615fe"),
    ];
    for provider in providers() {
        for (key, nonce, packet, expected) in cases {
            let (aead, nonce) = (provider.aead(key), nonce.as_slice().try_into().unwrap());
            let mut tag = aead.seal(nonce, packet, &mut []);
            assert_eq!(tag.to_vec(), hex(expected));
            assert!(aead.open(nonce, packet, &mut tag));
        }
    }
}

/// Whole packets under a master key, as libsrtp makes them (its test driver's reference packets): an SRTP packet with
/// the sequence number 0x1234, and an SRTCP packet with the index 1.
#[test]
fn the_packets_of_libsrtp_are_unprotected() {
    let cm =
        (Profile::Aes128CmHmacSha1_80, "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6");
    let gcm = (Profile::AeadAes128Gcm, "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab");
    let cases = [
        (
            cm,
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            gcm,
            "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
            "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
        ),
    ];
    let rtp = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let rtcp = hex("81c8000bcafebabe abababababababababababababababab");
    for provider in providers() {
        for ((profile, key, salt), srtp, srtcp) in cases {
            let key = MasterKey::new(profile, &hex(key), &hex(salt)).unwrap();
            let (mut sender, mut receiver) =
                (Sender::new(provider, &key), Receiver::new(provider, &key, [0; 16]));

            let mut packet = hex(srtp);
            let sequence = SequenceNumber(0x1234);
            let unprotected = receiver.unprotect_rtp(&mut packet, 12, Ssrc(0xcafe_babe), sequence).unwrap();
            assert_eq!(packet[..unprotected.len], rtp);
            let mut packet = rtp.clone();
            sender.protect_rtp(&mut packet, 0, 12, Ssrc(0xcafe_babe), ExtendedSequence(0x1234)).unwrap();
            assert_eq!(packet, hex(srtp));

            let mut packet = hex(srtcp);
            let len = receiver.unprotect_rtcp(&mut packet).unwrap();
            assert_eq!(packet[..len], rtcp);
            assert_eq!(receiver.unprotect_rtcp(&mut hex(srtcp)), Err(Discard::Replayed));
            // Ours have the indices 0 and 1.
            let mut packet = rtcp.clone();
            sender.protect_rtcp(&mut packet, 0).unwrap();
            let mut packet = rtcp.clone();
            sender.protect_rtcp(&mut packet, 0).unwrap();
            assert_eq!(packet, hex(srtcp));
        }
    }
}

const SENDER_REPORT: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";
