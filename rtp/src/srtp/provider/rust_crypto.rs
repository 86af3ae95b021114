//! The provider in pure Rust, by crates of RustCrypto.

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use super::{Aead, AesKey, Cipher, Mac, Provider};

/// The primitives in pure Rust, with the processor's instructions for AES, SHA-1 and GHASH where it has them.
pub static RUST_CRYPTO: RustCrypto = RustCrypto;

/// The type of [`RUST_CRYPTO`].
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Provider for RustCrypto {
    fn cipher(&self, key: AesKey<'_>) -> Box<dyn Cipher> {
        match key {
            AesKey::Aes128(key) => Box::new(CounterMode(Aes128Enc::new(&(*key).into()))),
            AesKey::Aes256(key) => Box::new(CounterMode(Aes256Enc::new(&(*key).into()))),
        }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, key: &[u8; 20]) -> Box<dyn Mac> {
        Box::new(HmacSha1(Hmac::new_from_slice(key).expect("HMAC takes keys of any length")))
    }

    fn aead(&self, key: AesKey<'_>) -> Box<dyn Aead> {
        match key {
            AesKey::Aes128(key) => Box::new(Gcm(Aes128Gcm::new(&(*key).into()))),
            AesKey::Aes256(key) => Box::new(Gcm(Aes256Gcm::new(&(*key).into()))),
        }
    }
}

/// The round keys. A packet brings a counter alone.
struct CounterMode<C>(C);

impl<C> Cipher for CounterMode<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send + Sync,
{
    fn apply(&self, counter: &[u8; 16], in_out: &mut [u8]) {
        // No packet has 2^32 blocks, so that the lower 32 bits of the counter do as well as all of them.
        let core = CtrCore::<&C, Ctr32BE>::inner_iv_init(&self.0, &(*counter).into());
        core.apply_keystream_partial(in_out.into());
    }
}

impl<C> fmt::Debug for CounterMode<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterMode(RustCrypto)")
    }
}

/// The states after the inner and the outer key, copied for each packet.
struct HmacSha1(Hmac<Sha1>);

impl Mac for HmacSha1 {
    fn sign(&self, packet: &[u8], suffix: &[u8]) -> [u8; 20] {
        self.over(packet, suffix).finalize().into_bytes().into()
    }

    fn verify(&self, packet: &[u8], suffix: &[u8], tag: &[u8]) -> bool {
        self.over(packet, suffix).verify_truncated_left(tag).is_ok()
    }
}

impl HmacSha1 {
    fn over(&self, packet: &[u8], suffix: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.0.clone();
        mac.update(packet);
        mac.update(suffix);
        mac
    }
}

impl fmt::Debug for HmacSha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha1(RustCrypto)")
    }
}

struct Gcm<A>(A);

impl<A> Aead for Gcm<A>
where
    A: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync,
{
    #[expect(clippy::expect_used, reason = "GCM refuses lengths above 2^36 alone")]
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> [u8; 16] {
        let tag = self.0.encrypt_inout_detached(&(*nonce).into(), associated, in_out.into());
        tag.expect("a packet is shorter than 2^36 bytes").into()
    }

    fn open(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> bool {
        let Some((text, tag)) = in_out.split_last_chunk_mut::<16>() else { return false };
        self.0.decrypt_inout_detached(&(*nonce).into(), associated, text.into(), &(*tag).into()).is_ok()
    }
}

impl<A> fmt::Debug for Gcm<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm(RustCrypto)")
    }
}
