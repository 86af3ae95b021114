//! The provider in pure Rust.

use std::fmt;

use aes_gcm::aead::{AeadCore, AeadInOut, Nonce, Tag};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey as EcdsaKey, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Sha256, Sha384, Sha512};
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize, Zeroizing};

use super::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, KeyExchange, NONCE_LEN, PUBLIC_KEY_LEN, Provider,
    SigningKey, TAG_LEN,
};
use crate::config::NamedGroup;

#[derive(Debug)]
pub(super) struct RustCrypto;

impl Provider for RustCrypto {
    fn is_deterministic(&self) -> bool {
        true
    }

    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Digest {
        match hash {
            Hash::Sha256 => digest::<Sha256>(parts),
            Hash::Sha384 => digest::<Sha384>(parts),
            Hash::Sha512 => digest::<Sha512>(parts),
        }
    }

    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Digest {
        match hash {
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            Hash::Sha384 => mac::<Hmac<Sha384>>(key, parts),
            Hash::Sha512 => mac::<Hmac<Sha512>>(key, parts),
        }
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        Ok(match algorithm {
            AeadAlgorithm::Aes128Gcm => Box::new(record_key::<Aes128Gcm>(key)?),
            AeadAlgorithm::Aes256Gcm => Box::new(record_key::<Aes256Gcm>(key)?),
            AeadAlgorithm::ChaCha20Poly1305 => Box::new(record_key::<ChaCha20Poly1305>(key)?),
        })
    }

    fn key_exchange(&self, group: NamedGroup, seed: &[u8; 32]) -> Result<Box<dyn KeyExchange>, CryptoError> {
        Ok(match group {
            NamedGroup::X25519 => {
                let private = StaticSecret::from(*seed);
                let public = x25519_dalek::PublicKey::from(&private).to_bytes();
                Box::new(X25519 { private, public })
            }
            NamedGroup::Secp256r1 => {
                let private = p256_secret(seed)?;
                let point = private.public_key().to_sec1_point(false);
                let public = point.as_bytes().try_into().map_err(|_| CryptoError)?;
                Box::new(P256 { private, public })
            }
        })
    }

    fn signing_key(&self, private_key: &[u8; 32]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let key = EcdsaKey::from_slice(private_key).map_err(|_| CryptoError)?;
        let point = key.verifying_key().to_sec1_point(false);
        let public = point.as_bytes().try_into().map_err(|_| CryptoError)?;
        Ok(Box::new(Signer { key, public }))
    }

    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| CryptoError)?;
        let signature = Signature::from_der(signature).map_err(|_| CryptoError)?;
        key.verify(message, &signature).map_err(|_| CryptoError)
    }
}

fn digest<D: sha2::Digest>(parts: &[&[u8]]) -> Digest {
    let mut hasher = D::new();
    for part in parts {
        hasher.update(part);
    }
    Digest::new(&hasher.finalize())
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Digest {
    // HMAC takes keys of every length, so this never fails.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Digest::new(&[]) };
    for part in parts {
        mac.update(part);
    }
    Digest::new(&mac.finalize().into_bytes())
}

fn record_key<A: KeyInit>(key: &[u8]) -> Result<RecordKey<A>, CryptoError> {
    A::new_from_slice(key).map(RecordKey).map_err(|_| CryptoError)
}

/// A scalar of P-256 by rejection: the chance that the first candidate is refused is 2^-32.
fn p256_secret(seed: &[u8; 32]) -> Result<p256::SecretKey, CryptoError> {
    let mut rng = ChaCha12Rng::from_seed(*seed);
    for _ in 0..8 {
        let mut candidate = Zeroizing::new([0; 32]);
        rng.fill_bytes(candidate.as_mut_slice());
        if let Ok(key) = p256::SecretKey::from_slice(candidate.as_slice()) {
            return Ok(key);
        }
    }
    Err(CryptoError)
}

struct RecordKey<A>(A);

impl<A: AeadInOut + AeadCore + Send + Sync> Aead for RecordKey<A> {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        let nonce = Nonce::<A>::try_from(nonce.as_slice()).map_err(|_| CryptoError)?;
        let tag = self.0.encrypt_inout_detached(&nonce, aad, in_out.into()).map_err(|_| CryptoError)?;
        tag.as_slice().try_into().map_err(|_| CryptoError)
    }

    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let nonce = Nonce::<A>::try_from(nonce.as_slice()).map_err(|_| CryptoError)?;
        let (body, tag) = in_out.split_last_chunk_mut::<TAG_LEN>().ok_or(CryptoError)?;
        let tag = Tag::<A>::try_from(tag.as_slice()).map_err(|_| CryptoError)?;
        self.0.decrypt_inout_detached(&nonce, aad, body.into(), &tag).map_err(|_| CryptoError)
    }
}

impl<A> fmt::Debug for RecordKey<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(rust-crypto)")
    }
}

struct X25519 {
    private: StaticSecret,
    public: [u8; 32],
}

impl KeyExchange for X25519 {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| CryptoError)?;
        let secret = self.private.diffie_hellman(&peer.into());
        // RFC 8422, Section 5.11: a shared secret of zeros comes from a point of small order.
        if !secret.was_contributory() {
            return Err(CryptoError);
        }
        Ok(Zeroizing::new(secret.to_bytes()))
    }
}

impl fmt::Debug for X25519 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519(rust-crypto)")
    }
}

struct P256 {
    private: p256::SecretKey,
    public: [u8; PUBLIC_KEY_LEN],
}

impl KeyExchange for P256 {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        // RFC 8422, Section 5.4.1: only the uncompressed form of a point.
        if peer.len() != PUBLIC_KEY_LEN {
            return Err(CryptoError);
        }
        let peer = p256::PublicKey::from_sec1_bytes(peer).map_err(|_| CryptoError)?;
        let secret = self.private.diffie_hellman(&peer);
        let mut bytes: [u8; 32] = (*secret.raw_secret_bytes()).into();
        let shared = Zeroizing::new(bytes);
        bytes.zeroize();
        Ok(shared)
    }
}

impl fmt::Debug for P256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256(rust-crypto)")
    }
}

struct Signer {
    key: EcdsaKey,
    public: [u8; PUBLIC_KEY_LEN],
}

impl SigningKey for Signer {
    fn public_key(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        // RFC 6979: the nonce follows from the key and the message.
        let signature: Signature = self.key.try_sign(message).map_err(|_| CryptoError)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(rust-crypto)")
    }
}
