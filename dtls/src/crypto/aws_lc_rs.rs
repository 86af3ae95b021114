//! The provider on `aws-lc-rs`.

use std::fmt;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use super::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, KeyExchange, NONCE_LEN, PUBLIC_KEY_LEN, Provider,
    SigningKey, TAG_LEN,
};
use crate::config::NamedGroup;

#[derive(Debug)]
pub(super) struct AwsLcRs;

impl Provider for AwsLcRs {
    fn is_deterministic(&self) -> bool {
        false
    }

    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Digest {
        let algorithm = match hash {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        };
        let mut context = digest::Context::new(algorithm);
        for part in parts {
            context.update(part);
        }
        Digest::new(context.finish().as_ref())
    }

    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Digest {
        let algorithm = match hash {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        for part in parts {
            context.update(part);
        }
        Digest::new(context.sign().as_ref())
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        let algorithm = match algorithm {
            AeadAlgorithm::Aes128Gcm => &aead::AES_128_GCM,
            AeadAlgorithm::Aes256Gcm => &aead::AES_256_GCM,
            AeadAlgorithm::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| CryptoError)?;
        Ok(Box::new(RecordKey(LessSafeKey::new(key))))
    }

    fn key_exchange(&self, group: NamedGroup, _seed: &[u8; 32]) -> Result<Box<dyn KeyExchange>, CryptoError> {
        let algorithm = match group {
            NamedGroup::X25519 => &agreement::X25519,
            NamedGroup::Secp256r1 => &agreement::ECDH_P256,
        };
        let private = PrivateKey::generate(algorithm).map_err(|_| CryptoError)?;
        let public = private.compute_public_key().map_err(|_| CryptoError)?;
        Ok(Box::new(KeyShare { private, public }))
    }

    fn signing_key(&self, private_key: &[u8; 32]) -> Result<Box<dyn SigningKey>, CryptoError> {
        // RFC 5915, Section 3: ECPrivateKey, version 1, with the named curve and without the public key.
        let mut der = Zeroizing::new([0u8; 51]);
        let parts: [&[u8]; 3] = [
            &[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20],
            private_key,
            &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        ];
        for (to, from) in der.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        let pair =
            EcdsaKeyPair::from_private_key_der(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, der.as_slice())
                .map_err(|_| CryptoError)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| CryptoError)?;
        Ok(Box::new(Signer { pair, public }))
    }

    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, public_key)
            .verify(message, signature)
            .map_err(|_| CryptoError)
    }
}

struct RecordKey(LessSafeKey);

impl Aead for RecordKey {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag =
            self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), in_out).map_err(|_| CryptoError)?;
        tag.as_ref().try_into().map_err(|_| CryptoError)
    }

    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Result<(), CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place(nonce, Aad::from(aad), in_out).map(|_| ()).map_err(|_| CryptoError)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(aws-lc-rs)")
    }
}

#[derive(Debug)]
struct KeyShare {
    private: PrivateKey,
    public: agreement::PublicKey,
}

impl KeyExchange for KeyShare {
    fn public_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        // RFC 8422, Section 5.4.1: only the uncompressed form of a point; Section 5.11: an all-zero secret of
        // X25519 is refused by the library.
        let peer_key = UnparsedPublicKey::new(self.private.algorithm(), peer);
        if peer.len() != self.public.as_ref().len() {
            return Err(CryptoError);
        }
        agreement::agree(&self.private, peer_key, CryptoError, |secret| {
            secret.try_into().map(Zeroizing::new).map_err(|_| CryptoError)
        })
    }
}

struct Signer {
    pair: EcdsaKeyPair,
    public: [u8; PUBLIC_KEY_LEN],
}

impl SigningKey for Signer {
    fn public_key(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| CryptoError)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(aws-lc-rs)")
    }
}
