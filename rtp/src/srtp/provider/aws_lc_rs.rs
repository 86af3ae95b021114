//! The fastest kept crate for each primitive: the AEADs of `aws-lc-rs`, the rest of RustCrypto.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Aead, AesKey, Cipher, Mac, Provider, RUST_CRYPTO};

/// The AEADs by `aws-lc-rs`; counter mode and HMAC-SHA1 by [`RUST_CRYPTO`], which is faster at them.
pub static AWS_LC_RS: AwsLcRs = AwsLcRs;

/// The type of [`AWS_LC_RS`].
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsLcRs;

impl Provider for AwsLcRs {
    fn cipher(&self, key: AesKey<'_>) -> Box<dyn Cipher> {
        RUST_CRYPTO.cipher(key)
    }

    fn mac(&self, key: &[u8; 20]) -> Box<dyn Mac> {
        RUST_CRYPTO.mac(key)
    }

    #[expect(clippy::expect_used, reason = "each key has its algorithm's length")]
    fn aead(&self, key: AesKey<'_>) -> Box<dyn Aead> {
        let key = match key {
            AesKey::Aes128(key) => UnboundKey::new(&AES_128_GCM, key),
            AesKey::Aes256(key) => UnboundKey::new(&AES_256_GCM, key),
        };
        Box::new(Gcm(LessSafeKey::new(key.expect("the key has the algorithm's length"))))
    }
}

struct Gcm(LessSafeKey);

impl Aead for Gcm {
    #[expect(
        clippy::expect_used,
        reason = "GCM refuses lengths above 2^36 alone, and every tag has 16 bytes"
    )]
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), in_out);
        tag.expect("a packet is shorter than 2^36 bytes").as_ref().try_into().expect("a tag has 16 bytes")
    }

    fn open(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place(nonce, Aad::from(associated), in_out).is_ok()
    }
}

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm(aws-lc-rs)")
    }
}
