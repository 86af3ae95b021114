//! The cryptography that DTLS needs, as one small trait, and the backends that fulfil it.
//!
//! A [`Provider`] is named in [`Config`](crate::Config) as `&'static dyn Provider`; there is no process-wide
//! default. The backends of this crate are features: `aws-lc-rs` and `rust-crypto`.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
pub(crate) mod prf;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

use std::fmt;

use thiserror::Error;
use zeroize::Zeroize;
pub use zeroize::Zeroizing;

use crate::config::NamedGroup;

/// The provider on `aws-lc-rs`: the fastest; it draws its signatures' and key shares' randomness itself.
#[cfg(feature = "aws-lc-rs")]
#[must_use]
pub fn aws_lc_rs() -> &'static dyn Provider {
    &aws_lc_rs::AwsLcRs
}

/// The provider in pure Rust: deterministic (RFC 6979 signatures, key shares from the seed).
#[cfg(feature = "rust-crypto")]
#[must_use]
pub fn rust_crypto() -> &'static dyn Provider {
    &rust_crypto::RustCrypto
}

/// What DTLS asks of a cryptographic library.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Whether equal inputs give equal outputs, signatures and key shares included.
    fn is_deterministic(&self) -> bool;

    /// The hash of the concatenated parts.
    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Digest;

    /// The HMAC of the concatenated parts.
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Digest;

    /// Sets up a key for sealing or opening records; `key` has [`AeadAlgorithm::key_len`] bytes.
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError>;

    /// Makes a key share. A provider that is not deterministic may draw its own randomness instead of `seed`.
    fn key_exchange(&self, group: NamedGroup, seed: &[u8; 32]) -> Result<Box<dyn KeyExchange>, CryptoError>;

    /// Sets up an ECDSA P-256 key from its private scalar, big-endian.
    ///
    /// Fails for a scalar that is zero or not below the group's order.
    fn signing_key(&self, private_key: &[u8; 32]) -> Result<Box<dyn SigningKey>, CryptoError>;

    /// Checks a signature by ECDSA with P-256 and SHA-256, in its DER form, by an uncompressed public key.
    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError>;
}

/// An AEAD under a fixed key.
pub trait Aead: fmt::Debug + Send + Sync {
    /// Encrypts in place and returns the tag.
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError>;

    /// Decrypts in place; `in_out` ends with the tag, and the plaintext is what stands before it.
    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError>;
}

/// One side's ephemeral key of a Diffie-Hellman exchange.
pub trait KeyExchange: fmt::Debug + Send + Sync {
    /// The public share as it stands on the wire: 32 bytes of X25519, an uncompressed point of P-256.
    fn public_key(&self) -> &[u8];

    /// The secret shared with the peer's share; a share of the wrong form or of small order is refused.
    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}

/// A private key of ECDSA with P-256.
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The public key as an uncompressed point.
    fn public_key(&self) -> &[u8; PUBLIC_KEY_LEN];

    /// Signs the SHA-256 of `message`; the signature is in its DER form.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// The length of a nonce of every AEAD in use.
pub const NONCE_LEN: usize = 12;
/// The length of a tag of every AEAD in use.
pub const TAG_LEN: usize = 16;
/// The length of an uncompressed point of P-256.
pub const PUBLIC_KEY_LEN: usize = 65;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The length of the output in bytes.
    #[must_use]
    pub fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// An AEAD algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AeadAlgorithm {
    /// AES-128 in Galois/Counter Mode.
    Aes128Gcm,
    /// AES-256 in Galois/Counter Mode.
    Aes256Gcm,
    /// ChaCha20 with Poly1305.
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// The length of the key in bytes.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// The output of a hash or of an HMAC; erased when dropped, as an HMAC may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; 64],
    len: usize,
}

impl Digest {
    /// Takes the bytes of a digest; what exceeds 64 bytes is left out.
    #[must_use]
    pub fn new(output: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let len = output.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(output) {
            *to = *from;
        }
        Self { bytes, len }
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} bytes)", self.len)
    }
}

impl Drop for Digest {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// A cryptographic operation did not succeed: a wrong tag, signature, key or key share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cryptographic operation failed")]
pub struct CryptoError;

#[cfg(test)]
mod tests;
