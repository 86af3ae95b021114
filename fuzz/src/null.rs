//! Cryptography whose every digest and MAC is zero, so that the fuzzer's messages are believed. Included by path, like the
//! targets' bodies.

use std::time::Instant;

use duologue_stun::crypto::{HmacKey, HmacProvider, HmacSha256Key, LongTermProvider};

pub static NULL: Null = Null;

#[derive(Debug)]
pub struct Null;

impl HmacProvider for Null {
    fn key(&self, _secret: &[u8]) -> Box<dyn HmacKey> {
        Box::new(Self)
    }
}

impl LongTermProvider for Null {
    fn key_sha256(&self, _secret: &[u8]) -> Box<dyn HmacSha256Key> {
        Box::new(Self)
    }

    fn md5(&self, _parts: &[&[u8]]) -> [u8; 16] {
        [0; 16]
    }

    fn sha256(&self, _parts: &[&[u8]]) -> [u8; 32] {
        [0; 32]
    }
}

impl HmacKey for Null {
    fn sign(&self, _header: &[u8], _body: &[u8]) -> [u8; 20] {
        [0; 20]
    }

    fn verify(&self, _header: &[u8], _body: &[u8], tag: &[u8; 20]) -> bool {
        *tag == [0; 20]
    }
}

impl HmacSha256Key for Null {
    fn sign(&self, _header: &[u8], _body: &[u8]) -> [u8; 32] {
        [0; 32]
    }

    fn verify(&self, _header: &[u8], _body: &[u8], tag: &[u8; 32]) -> bool {
        *tag == [0; 32]
    }
}

/// A first instant.
#[expect(clippy::disallowed_methods, reason = "time begins somewhere; the clock is not read again")]
pub fn start() -> Instant {
    Instant::now()
}
