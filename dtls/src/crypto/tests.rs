//! Each backend against published vectors, and against the other.

use super::prf::prf;
use super::*;

fn providers() -> Vec<&'static dyn Provider> {
    vec![
        #[cfg(feature = "aws-lc-rs")]
        aws_lc_rs(),
        #[cfg(feature = "rust-crypto")]
        rust_crypto(),
    ]
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn prf_gives_the_published_sha256_vector() {
    for provider in providers() {
        let mut out = [0; 100];
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        prf(provider, Hash::Sha256, &secret, "test label", &[&seed], &mut out);
        let expected = hex("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
            6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789ba
            a48082d122ee42c5a72e5a5110fff70187347b66");
        assert_eq!(out.to_vec(), expected, "{provider:?}");
    }
}

#[test]
fn x25519_shares_of_small_order_are_refused() {
    for provider in providers() {
        let share = provider.key_exchange(NamedGroup::X25519, &[7; 32]).unwrap();
        assert!(share.agree(&[0; 32]).is_err(), "{provider:?}");
        assert!(share.agree(&[1; 31]).is_err(), "{provider:?}");
    }
}

#[test]
fn p256_shares_off_the_curve_or_compressed_are_refused() {
    for provider in providers() {
        let share = provider.key_exchange(NamedGroup::Secp256r1, &[7; 32]).unwrap();
        let mut point = share.public_key().to_vec();
        assert!(share.agree(&point).is_ok());
        point[64] ^= 1;
        assert!(share.agree(&point).is_err(), "{provider:?}");
        point[0] = 2;
        assert!(share.agree(&point[..33]).is_err(), "{provider:?}");
    }
}

#[test]
fn both_sides_of_an_exchange_agree_across_providers() {
    for group in [NamedGroup::X25519, NamedGroup::Secp256r1] {
        for a in providers() {
            for b in providers() {
                let one = a.key_exchange(group, &[1; 32]).unwrap();
                let two = b.key_exchange(group, &[2; 32]).unwrap();
                assert_eq!(*one.agree(two.public_key()).unwrap(), *two.agree(one.public_key()).unwrap());
            }
        }
    }
}

#[test]
fn signatures_verify_across_providers_and_not_over_other_bytes() {
    for a in providers() {
        for b in providers() {
            let key = a.signing_key(&[9; 32]).unwrap();
            assert_eq!(key.public_key(), b.signing_key(&[9; 32]).unwrap().public_key());
            let signature = key.sign(b"message").unwrap();
            assert!(b.verify(key.public_key(), b"message", &signature).is_ok());
            assert!(b.verify(key.public_key(), b"messagf", &signature).is_err());
            assert!(b.verify(key.public_key(), b"message", &signature[..signature.len() - 1]).is_err());
        }
    }
}

#[test]
fn private_keys_out_of_range_are_refused() {
    for provider in providers() {
        assert!(provider.signing_key(&[0; 32]).is_err(), "{provider:?}");
        assert!(provider.signing_key(&[0xff; 32]).is_err(), "{provider:?}");
    }
}

#[test]
fn sealed_bytes_open_across_providers_and_a_flipped_bit_is_refused() {
    let algorithms = [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305];
    for algorithm in algorithms {
        let key = vec![3; algorithm.key_len()];
        for a in providers() {
            for b in providers() {
                let mut bytes = b"attack at dawn".to_vec();
                let tag = a.aead(algorithm, &key).unwrap().seal(&[4; 12], b"header", &mut bytes).unwrap();
                bytes.extend_from_slice(&tag);
                let opener = b.aead(algorithm, &key).unwrap();
                for bit in 0..bytes.len() * 8 {
                    let mut changed = bytes.clone();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    assert!(opener.open(&[4; 12], b"header", &mut changed).is_err());
                }
                assert!(opener.open(&[4; 12], b"headed", &mut bytes.clone()).is_err());
                assert!(opener.open(&[4; 12], b"header", &mut [0; 15]).is_err());
                opener.open(&[4; 12], b"header", &mut bytes).unwrap();
                assert_eq!(&bytes[..14], b"attack at dawn");
            }
        }
        assert!(providers()[0].aead(algorithm, &key[1..]).is_err());
    }
}
