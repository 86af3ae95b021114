//! Who we are and who the peer must be: certificates and their fingerprints.

mod fingerprint;
pub(crate) mod x509;

use std::fmt;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::{Zeroize, Zeroizing};

pub use fingerprint::{Fingerprint, FingerprintError, FingerprintHash};
pub use x509::{CertificateError, Validity, public_key as certificate_key};

use crate::crypto::{CryptoError, Provider, SigningKey};

/// A certificate and its private key, made by one function and shared by as many connections as wanted.
///
/// The certificate is self-signed with ECDSA on P-256 and SHA-256, as RFC 8827, Section 6.5 asks for; a peer
/// knows it by its fingerprint alone.
pub struct Identity {
    certificate: Vec<u8>,
    key: Box<dyn SigningKey>,
}

impl Identity {
    /// Makes a key and a certificate from `seed`.
    ///
    /// Equal arguments give the equal key; with a deterministic provider also the equal certificate. The seed is
    /// a secret from a cryptographic generator: whoever knows it knows the private key.
    ///
    /// # Errors
    /// The provider's failure, or a `validity` outside of the years 1970 to 9999.
    pub fn generate(
        provider: &dyn Provider,
        mut seed: [u8; 32],
        validity: Validity,
    ) -> Result<Self, CryptoError> {
        let mut rng = ChaCha12Rng::from_seed(seed);
        seed.zeroize();
        let mut serial = [0; 16];
        rng.fill_bytes(&mut serial);
        let key = loop_for_key(provider, &mut rng)?;
        let certificate = x509::self_signed(&*key, serial, validity)?;
        Ok(Self { certificate, key })
    }

    /// The certificate in its DER form.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate's fingerprint, for `a=fingerprint` of a session description.
    ///
    /// A hash that is unknown here gives the one of SHA-256.
    #[must_use]
    pub fn fingerprint(&self, provider: &dyn Provider, hash: &FingerprintHash) -> Fingerprint {
        Fingerprint::of(provider, hash, &self.certificate)
    }

    pub(crate) fn key(&self) -> &dyn SigningKey {
        &*self.key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(certificate of {} bytes)", self.certificate.len())
    }
}

/// Tries scalars until one is in range; each is refused with a chance of 2^-32.
fn loop_for_key(provider: &dyn Provider, rng: &mut ChaCha12Rng) -> Result<Box<dyn SigningKey>, CryptoError> {
    let mut result = Err(CryptoError);
    for _ in 0..8 {
        let mut scalar = Zeroizing::new([0; 32]);
        rng.fill_bytes(scalar.as_mut_slice());
        result = provider.signing_key(&scalar);
        if result.is_ok() {
            break;
        }
    }
    result
}
