//! Fingerprints of certificates (RFC 8122, Section 5).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::crypto::{Hash, Provider};

/// The hash of a certificate, as `a=fingerprint` carries it: `sha-256 4A:AD:B9:...`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    hash: FingerprintHash,
    bytes: Vec<u8>,
}

/// The hash function of a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FingerprintHash {
    /// SHA-512, the most preferred.
    Sha512,
    /// SHA-384.
    Sha384,
    /// SHA-256, which every implementation has.
    Sha256,
    /// Any other, by its name in lower case. None of these verifies a certificate, `sha-1` and `md5` included.
    Other(String),
}

impl FingerprintHash {
    /// The name in a session description.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Sha512 => "sha-512",
            Self::Sha384 => "sha-384",
            Self::Sha256 => "sha-256",
            Self::Other(name) => name,
        }
    }

    /// The function itself, if a fingerprint by it can verify a certificate.
    fn function(&self) -> Option<Hash> {
        match self {
            Self::Sha512 => Some(Hash::Sha512),
            Self::Sha384 => Some(Hash::Sha384),
            Self::Sha256 => Some(Hash::Sha256),
            Self::Other(_) => None,
        }
    }
}

impl Fingerprint {
    /// Takes a hash function and the hash.
    ///
    /// # Errors
    /// The length is not the function's, or there are no bytes at all.
    pub fn new(hash: FingerprintHash, bytes: Vec<u8>) -> Result<Self, FingerprintError> {
        let expected = hash.function().map(Hash::output_len);
        if bytes.is_empty() || expected.is_some_and(|len| len != bytes.len()) {
            return Err(FingerprintError::Length);
        }
        Ok(Self { hash, bytes })
    }

    /// The fingerprint of a certificate in DER; an unknown hash gives the one of SHA-256.
    #[must_use]
    pub fn of(provider: &dyn Provider, hash: &FingerprintHash, certificate: &[u8]) -> Self {
        let (name, function) = match hash.function() {
            Some(function) => (hash.clone(), function),
            None => (FingerprintHash::Sha256, Hash::Sha256),
        };
        Self { hash: name, bytes: provider.digest(function, &[certificate]).as_ref().to_vec() }
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> &FingerprintHash {
        &self.hash
    }

    /// The hash.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it can verify a certificate: SHA-256, SHA-384 and SHA-512 can.
    #[must_use]
    pub fn is_acceptable(&self) -> bool {
        self.hash.function().is_some()
    }

    /// Whether `certificate` is one of those described by `fingerprints`.
    ///
    // RFC 8122, Section 5.1: an endpoint MUST select the set of fingerprints that use its most preferred hash
    // function, out of those offered, and verify that the certificate matches one fingerprint out of that set.
    pub(crate) fn verify(provider: &dyn Provider, fingerprints: &[Self], certificate: &[u8]) -> bool {
        for hash in [Hash::Sha512, Hash::Sha384, Hash::Sha256] {
            let mut set = fingerprints.iter().filter(|f| f.hash.function() == Some(hash)).peekable();
            if set.peek().is_some() {
                let actual = provider.digest(hash, &[certificate]);
                return set.any(|fingerprint| fingerprint.bytes == actual.as_ref());
            }
        }
        false
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        let mut separator = ' ';
        for byte in &self.bytes {
            write!(f, "{separator}{byte:02X}")?;
            separator = ':';
        }
        Ok(())
    }
}

/// Why a text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// The form is not `hash-func SP 2UHEX *(":" 2UHEX)`.
    #[error("a fingerprint is a hash function, a space, and bytes in hexadecimal separated by colons")]
    Syntax,
    /// The number of bytes is not the hash function's.
    #[error("the fingerprint's length is not its hash function's")]
    Length,
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads the value of `a=fingerprint`; hexadecimal digits of either case are taken.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (name, digits) = text.split_once(' ').ok_or(FingerprintError::Syntax)?;
        // RFC 8866, Section 9: token-char.
        let is_token_char = |c: char| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]".contains(c);
        if name.is_empty() || !name.chars().all(is_token_char) {
            return Err(FingerprintError::Syntax);
        }
        let name = name.to_ascii_lowercase();
        let hash = match name.as_str() {
            "sha-512" => FingerprintHash::Sha512,
            "sha-384" => FingerprintHash::Sha384,
            "sha-256" => FingerprintHash::Sha256,
            _ => FingerprintHash::Other(name),
        };
        let bytes = digits.split(':').map(hex_byte).collect::<Option<Vec<u8>>>();
        Self::new(hash, bytes.ok_or(FingerprintError::Syntax)?)
    }
}

fn hex_byte(digits: &str) -> Option<u8> {
    let is_hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdp_form_round_trips_and_cases_are_equal() {
        let text = "sha-256 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD";
        let fingerprint: Fingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.to_lowercase().parse(), Ok(fingerprint.clone()));
        assert_eq!(text.replace("sha", "SHA").parse(), Ok(fingerprint));
    }

    #[test]
    fn unknown_hashes_are_kept_and_not_acceptable() {
        for text in ["sha-1 4A:AD:B9", "md5 00", "x-new 01:02"] {
            let fingerprint: Fingerprint = text.parse().unwrap();
            assert_eq!(fingerprint.to_string(), text);
            assert!(!fingerprint.is_acceptable());
        }
    }

    #[test]
    fn malformed_fingerprints_are_refused() {
        for text in [
            "",
            "sha-256",
            "sha-1 ",
            "sha-1 4",
            "sha-1 4A:",
            "sha-1 :4A",
            "sha-1 +1",
            " 4A",
            "a(b 4A",
            "sha-1 4A 4B",
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError::Syntax), "{text:?}");
        }
        assert_eq!("sha-256 4A:AD".parse::<Fingerprint>(), Err(FingerprintError::Length));
    }
}
