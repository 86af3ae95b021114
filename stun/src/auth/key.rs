//! Keys made of passwords.

use crate::attribute::PasswordAlgorithm;
use crate::crypto::{HmacKey, HmacSha256Key, LongTermProvider};
use crate::error::IntegrityError;
use crate::message::Message;
use crate::writer::Writer;

/// Which of the two attributes seals a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY, HMAC-SHA1.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256, HMAC-SHA256.
    Sha256,
}

/// A key, set up for both attributes.
#[derive(Debug)]
pub struct Key {
    sha1: Box<dyn HmacKey>,
    sha256: Box<dyn HmacSha256Key>,
}

impl Key {
    /// The key of a long-term credential ([RFC 8489, Section 9.2.2]). `None` when the algorithm is not known here.
    ///
    /// [RFC 8489, Section 9.2.2]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2.2
    #[must_use]
    pub fn long_term(
        provider: &dyn LongTermProvider,
        algorithm: PasswordAlgorithm,
        username: &[u8],
        realm: &[u8],
        password: &[u8],
    ) -> Option<Self> {
        // RFC 8489, Section 9.2.2: quotes (around user name and realm) and trailing nulls are removed.
        let (username, realm) = (unquoted(username), unquoted(realm));
        let parts = [username, b":", realm, b":", without_nulls(password)];
        match algorithm {
            PasswordAlgorithm::MD5 => Some(Self::from_secret(provider, &provider.md5(&parts))),
            PasswordAlgorithm::SHA_256 => Some(Self::from_secret(provider, &provider.sha256(&parts))),
            _ => None,
        }
    }

    /// The key of a third party's token ([RFC 7635, Section 5]: `mac_key`), or any other that is a key already.
    ///
    /// [RFC 7635, Section 5]: https://www.rfc-editor.org/rfc/rfc7635#section-5
    #[must_use]
    pub fn from_secret(provider: &dyn LongTermProvider, secret: &[u8]) -> Self {
        Self { sha1: provider.key(secret), sha256: provider.key_sha256(secret) }
    }

    /// Seals a message. Only FINGERPRINT may follow.
    pub fn sign<'b>(&self, integrity: Integrity, writer: Writer<'b>) -> Writer<'b> {
        match integrity {
            Integrity::Sha1 => writer.integrity(&*self.sha1),
            Integrity::Sha256 => writer.integrity_sha256(&*self.sha256),
        }
    }

    /// Whether the message is sealed with this key, and by which attribute: MESSAGE-INTEGRITY-SHA256 where there is one.
    ///
    /// # Errors
    /// [`IntegrityError::Missing`] without either attribute, [`IntegrityError::Mismatch`] otherwise.
    pub fn verify(&self, message: &Message<'_>) -> Result<Integrity, IntegrityError> {
        match message.verify_integrity_sha256(&*self.sha256) {
            Ok(()) => Ok(Integrity::Sha256),
            Err(IntegrityError::Missing) => message.verify_integrity(&*self.sha1).map(|()| Integrity::Sha1),
            Err(IntegrityError::Mismatch) => Err(IntegrityError::Mismatch),
        }
    }
}

/// The value of USERHASH ([RFC 8489, Section 14.4]).
///
/// [RFC 8489, Section 14.4]: https://www.rfc-editor.org/rfc/rfc8489#section-14.4
#[must_use]
pub fn userhash(provider: &dyn LongTermProvider, username: &[u8], realm: &[u8]) -> [u8; 32] {
    provider.sha256(&[username, b":", realm])
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = without_nulls(text);
    match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => text,
    }
}

fn without_nulls(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = text {
        text = rest;
    }
    text
}

#[cfg(all(test, feature = "rust-crypto"))]
mod tests {
    use super::*;
    use crate::crypto::RUST_CRYPTO;
    use crate::message::{Class, Method, TransactionId};

    #[test]
    fn quotes_and_trailing_nulls_do_not_change_the_key_and_an_unknown_algorithm_has_none() {
        let key = |algorithm, username: &[u8], realm: &[u8], password: &[u8]| {
            Key::long_term(&RUST_CRYPTO, algorithm, username, realm, password)
        };
        let sealed = |key: &Key| {
            let mut out = vec![];
            let writer = Writer::new(&mut out, Class::Request, Method::ALLOCATE, TransactionId([1; 12]));
            key.sign(Integrity::Sha1, writer).finish().unwrap();
            out
        };
        for algorithm in [PasswordAlgorithm::MD5, PasswordAlgorithm::SHA_256] {
            let plain = key(algorithm, b"user", b"realm", b"pass").unwrap();
            let quoted = key(algorithm, b"user\0", b"\"realm\"\0\0", b"pass\0").unwrap();
            assert_eq!(sealed(&plain), sealed(&quoted));
            let other = key(algorithm, b"user", b"realm", b"\"pass\"").unwrap();
            assert_ne!(sealed(&plain), sealed(&other));
        }
        assert!(key(PasswordAlgorithm(3), b"user", b"realm", b"pass").is_none());
        // RFC 8489, Section 9.2.2: the example.
        let digest = RUST_CRYPTO.md5(&[b"user", b":", b"realm", b":", b"pass"]);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "8493fbc53ba582fb4c044c456bdc40eb");
        let raw = Key::from_secret(&RUST_CRYPTO, &digest);
        let made = key(PasswordAlgorithm::MD5, b"user", b"realm", b"pass").unwrap();
        assert_eq!(sealed(&raw), sealed(&made));
    }
}
