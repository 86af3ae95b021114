//! Peers that lie with their cryptography: each is refused, and for the right reason.

use std::sync::Arc;
use std::time::Duration;

use duologue_dtls::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, KeyExchange, PUBLIC_KEY_LEN, Provider, SigningKey,
    Zeroizing,
};
use duologue_dtls::*;
use duologue_netsim::Link;

use crate::common::*;

/// What a liar does otherwise than the honest provider that it builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// It shows a public key whose private key it does not have.
    PublicKey,
    /// It computes `client finished` wrongly.
    ClientFinished,
    /// It computes `server finished` wrongly.
    ServerFinished,
    /// Its key share is not a point.
    KeyShare,
}

#[derive(Debug)]
struct Liar(Lie);

impl Provider for Liar {
    fn is_deterministic(&self) -> bool {
        true
    }

    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Digest {
        crypto::rust_crypto().digest(hash, parts)
    }

    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Digest {
        let seed = parts.concat();
        let label = match self.0 {
            Lie::ClientFinished => b"client finished",
            Lie::ServerFinished => b"server finished",
            Lie::PublicKey | Lie::KeyShare => b"no such label..",
        };
        if seed.windows(label.len()).any(|window| window == label) {
            return self.digest(hash, &[key]);
        }
        crypto::rust_crypto().hmac(hash, key, parts)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        crypto::rust_crypto().aead(algorithm, key)
    }

    fn key_exchange(&self, group: NamedGroup, seed: &[u8; 32]) -> Result<Box<dyn KeyExchange>, CryptoError> {
        let share = crypto::rust_crypto().key_exchange(group, seed)?;
        Ok(if self.0 == Lie::KeyShare {
            Box::new(Nowhere(vec![0; share.public_key().len()], share))
        } else {
            share
        })
    }

    fn signing_key(&self, private_key: &[u8; 32]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let key = crypto::rust_crypto().signing_key(private_key)?;
        let others = crypto::rust_crypto().signing_key(&[0x55; 32])?;
        Ok(if self.0 == Lie::PublicKey { Box::new(Stolen(key, others)) } else { key })
    }

    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        crypto::rust_crypto().verify(public_key, message, signature)
    }
}

#[derive(Debug)]
struct Stolen(Box<dyn SigningKey>, Box<dyn SigningKey>);

impl SigningKey for Stolen {
    fn public_key(&self) -> &[u8; PUBLIC_KEY_LEN] {
        self.1.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(message)
    }
}

#[derive(Debug)]
struct Nowhere(Vec<u8>, Box<dyn KeyExchange>);

impl KeyExchange for Nowhere {
    fn public_key(&self) -> &[u8] {
        &self.0
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        self.1.agree(peer)
    }
}

/// How the honest side ends when `liar` lies.
fn meet(liar: usize, lie: Lie) -> Vec<Event> {
    let provider: &'static Liar = match lie {
        Lie::PublicKey => &Liar(Lie::PublicKey),
        Lie::ClientFinished => &Liar(Lie::ClientFinished),
        Lie::ServerFinished => &Liar(Lie::ServerFinished),
        Lie::KeyShare => &Liar(Lie::KeyShare),
    };
    let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(1) };
    let identity = Arc::new(Identity::generate(provider, [8; 32], validity).unwrap());
    let shown = identity.fingerprint(provider, &FingerprintHash::Sha256);
    let (mut network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now();
    let lying = Arc::new(Config::new(provider, identity));
    let honest = vec![fingerprint(1 - liar)];
    peers[liar] = Peer::of(liar, Connection::new(lying, role(liar), honest, [4; 32], now));
    let honest = Connection::new(Arc::new(config(1 - liar)), role(1 - liar), vec![shown], [5; 32], now);
    peers[1 - liar] = Peer::of(1 - liar, honest);
    peers[liar].outbox.push_back(b"lies".to_vec());
    network.run_to(&mut peers, now + Duration::from_secs(5));
    assert!(peers[1 - liar].received.is_empty());
    peers[1 - liar].events.clone()
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    for liar in [CLIENT, SERVER] {
        assert_eq!(meet(liar, Lie::PublicKey), [Event::Failed(Failure::BadSignature)]);
    }
}

#[test]
fn a_finished_message_over_another_handshake_is_refused() {
    assert_eq!(meet(CLIENT, Lie::ClientFinished), [Event::Failed(Failure::BadFinished)]);
    assert_eq!(meet(SERVER, Lie::ServerFinished), [Event::Failed(Failure::BadFinished)]);
}

#[test]
fn a_key_share_that_is_no_point_is_refused() {
    for liar in [CLIENT, SERVER] {
        assert_eq!(meet(liar, Lie::KeyShare), [Event::Failed(Failure::BadKeyShare)]);
    }
}
