//! The primitives that SRTP needs, and who provides them.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

use std::fmt::{self, Debug};

#[cfg(feature = "aws-lc-rs")]
pub use aws_lc_rs::{AWS_LC_RS, AwsLcRs};
#[cfg(feature = "rust-crypto")]
pub use rust_crypto::{RUST_CRYPTO, RustCrypto};

/// Sets up keys. A configuration carries it as `&'static dyn Provider`. All of it is deterministic.
pub trait Provider: Debug + Send + Sync {
    /// AES in counter mode: the encryption of the profiles that are not AEADs, and the derivation of keys for all.
    fn cipher(&self, key: AesKey<'_>) -> Box<dyn Cipher>;

    /// HMAC-SHA1, for the profiles that are not AEADs.
    fn mac(&self, key: &[u8; 20]) -> Box<dyn Mac>;

    /// AES in Galois/counter mode.
    fn aead(&self, key: AesKey<'_>) -> Box<dyn Aead>;
}

/// AES in counter mode with its key in place.
pub trait Cipher: Debug + Send + Sync {
    /// Exclusive-ors the key stream onto `in_out`. `counter` is the first block's input as a big-endian number, which
    /// each further block adds one to; its lower 16 bits are zero and no caller has more than 2^16 blocks
    /// ([RFC 3711, Section 4.1.1](https://www.rfc-editor.org/rfc/rfc3711#section-4.1.1)).
    fn apply(&self, counter: &[u8; 16], in_out: &mut [u8]);
}

/// HMAC-SHA1 with its key in place.
pub trait Mac: Debug + Send + Sync {
    /// The whole HMAC over `packet` followed by `suffix`.
    fn sign(&self, packet: &[u8], suffix: &[u8]) -> [u8; 20];

    /// Whether `tag`, of 1 to 20 bytes, is the beginning of the HMAC over `packet` followed by `suffix`; compared in
    /// constant time.
    fn verify(&self, packet: &[u8], suffix: &[u8], tag: &[u8]) -> bool;
}

/// AES in Galois/counter mode with its key in place.
pub trait Aead: Debug + Send + Sync {
    /// Encrypts `in_out` and returns the tag over `associated` and the ciphertext.
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> [u8; 16];

    /// Decrypts `in_out`, a ciphertext with its tag of 16 bytes at the end; the plaintext is all but these last 16
    /// bytes. `false` if it is not authentic: what is in `in_out` then has no meaning.
    fn open(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> bool;
}

/// A key of AES.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum AesKey<'a> {
    /// Of 128 bits.
    Aes128(&'a [u8; 16]),
    /// Of 256 bits.
    Aes256(&'a [u8; 32]),
}

impl Debug for AesKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes128(_) => "AesKey(16 bytes)",
            Self::Aes256(_) => "AesKey(32 bytes)",
        })
    }
}
