//! What identifies and keys a transport: fingerprints, passwords and DTLS roles.

use crate::Text;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The longest digest a fingerprint can carry, in bytes (SHA-512).
pub const MAX_DIGEST: usize = 64;

/// A hash function of RFC 8122, Section 5, in the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HashFunction {
    /// `sha-512`
    Sha512,
    /// `sha-384`
    Sha384,
    /// `sha-256`
    Sha256,
    /// `sha-224`
    Sha224,
    /// `sha-1`: parsed, never sufficient.
    Sha1,
    /// Another one, in lower case.
    Other(Text),
}

impl HashFunction {
    /// The name in a description.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Sha512 => "sha-512",
            Self::Sha384 => "sha-384",
            Self::Sha256 => "sha-256",
            Self::Sha224 => "sha-224",
            Self::Sha1 => "sha-1",
            Self::Other(name) => name,
        }
    }

    /// The digest's length in bytes, where it is known.
    #[must_use]
    pub fn digest_len(&self) -> Option<usize> {
        match self {
            Self::Sha512 => Some(64),
            Self::Sha384 => Some(48),
            Self::Sha256 => Some(32),
            Self::Sha224 => Some(28),
            Self::Sha1 => Some(20),
            Self::Other(_) => None,
        }
    }

    fn from_name(name: &str) -> Self {
        // RFC 8122, Section 5: hash function names are case-insensitive.
        let known = [Self::Sha512, Self::Sha384, Self::Sha256, Self::Sha224, Self::Sha1];
        known
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Self::Other(name.to_ascii_lowercase().into()))
    }
}

/// A certificate's fingerprint ([RFC 8122, Section 5](https://www.rfc-editor.org/rfc/rfc8122#section-5)), in text
/// `sha-256 AB:CD:...`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    hash: HashFunction,
    digest: [u8; MAX_DIGEST],
    len: u8,
}

/// A text or digest that is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a fingerprint has a hash function and colon-separated hexadecimal bytes, as many as the hash has")]
pub struct ParseFingerprintError;

impl Fingerprint {
    /// A fingerprint from its parts. Refuses a digest of the wrong length for its hash function.
    pub fn new(hash: HashFunction, bytes: &[u8]) -> Result<Self, ParseFingerprintError> {
        let wrong_len = hash.digest_len().is_some_and(|len| len != bytes.len());
        let mut digest = [0; MAX_DIGEST];
        let space = digest.get_mut(..bytes.len()).ok_or(ParseFingerprintError)?;
        if wrong_len || bytes.is_empty() {
            return Err(ParseFingerprintError);
        }
        space.copy_from_slice(bytes);
        let len = u8::try_from(bytes.len()).map_err(|_| ParseFingerprintError)?;
        Ok(Self { hash, digest, len })
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> &HashFunction {
        &self.hash
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.digest.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, hex) = text.split_once(' ').ok_or(ParseFingerprintError)?;
        if !crate::lexer::is_token(name) {
            return Err(ParseFingerprintError);
        }
        let mut digest = [0; MAX_DIGEST];
        let mut len = 0;
        for byte in hex.trim_end().split(':') {
            let [high, low] = byte.as_bytes() else { return Err(ParseFingerprintError) };
            let place = digest.get_mut(len).ok_or(ParseFingerprintError)?;
            *place = nibble(*high)? << 4 | nibble(*low)?;
            len += 1;
        }
        Self::new(HashFunction::from_name(name), digest.get(..len).unwrap_or_default())
    }
}

fn nibble(digit: u8) -> Result<u8, ParseFingerprintError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseFingerprintError),
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (index, byte) in self.digest().iter().enumerate() {
            let separator = if index == 0 { ' ' } else { ':' };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Who opens the DTLS connection ([RFC 4145, Section 4](https://www.rfc-editor.org/rfc/rfc4145#section-4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The sender of this description is the client.
    Active,
    /// The sender of this description is the server.
    Passive,
    /// The sender leaves the choice to the answerer.
    ActPass,
    /// Not yet.
    HoldConn,
}

impl Setup {
    /// The word in a description.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn]
            .into_iter()
            .find(|setup| setup.name() == name)
    }
}

/// A password. `Debug` prints its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Text);

impl Secret {
    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Text> for Secret {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}
