//! A server's challenge and a client's answer to it ([RFC 8489, Section 9.2.5]).
//!
//! [RFC 8489, Section 9.2.5]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2.5

use std::fmt;

use super::{Credentials, Integrity, Key, SecurityFeatures, userhash};
use crate::attribute::{Attribute, AttributeType, PasswordAlgorithm};
use crate::crypto::LongTermProvider;
use crate::error::IntegrityError;
use crate::message::Message;
use crate::writer::Writer;

/// What a 401 or 438 response asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Option<Vec<u8>>,
    nonce: Vec<u8>,
    /// PASSWORD-ALGORITHMS as it came, and which of them is taken.
    algorithms: Option<(Vec<u8>, PasswordAlgorithm)>,
    anonymous: bool,
    server_name: Option<Vec<u8>>,
}

/// A challenge that must not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ChallengeError {
    /// REALM or NONCE is missing.
    #[error("REALM or NONCE is missing")]
    Incomplete,
    /// REALM, NONCE, PASSWORD-ALGORITHMS or the server's name is longer than 763 bytes, or malformed.
    #[error("an attribute of the challenge is too long or malformed")]
    Malformed,
    /// The nonce says that there is a list of algorithms, and there is none: somebody took it out.
    #[error("the list of algorithms that the nonce speaks of was taken out")]
    BidDown,
    /// None of the server's algorithms is known here.
    #[error("none of the server's password algorithms is known")]
    UnknownAlgorithm,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("realm", &self.realm().map(String::from_utf8_lossy))
            .field("algorithm", &self.algorithms.as_ref().map(|(_, algorithm)| algorithm))
            .finish_non_exhaustive()
    }
}

impl Challenge {
    /// Reads an error response.
    ///
    /// # Errors
    /// The challenge must not be answered: see each variant.
    pub fn read(response: &Message<'_>) -> Result<Self, ChallengeError> {
        let value = |kind| match response.value(kind) {
            Some(value) if value.len() > MAX_LEN => Err(ChallengeError::Malformed),
            value => Ok(value),
        };
        let realm = value(AttributeType::REALM)?.map(<[u8]>::to_vec);
        let nonce = value(AttributeType::NONCE)?.ok_or(ChallengeError::Incomplete)?.to_vec();
        let server_name = value(AttributeType::THIRD_PARTY_AUTHORIZATION)?.map(<[u8]>::to_vec);
        let algorithms = value(AttributeType::PASSWORD_ALGORITHMS)?;
        let features = SecurityFeatures::of_nonce(&nonce).unwrap_or_default();
        // RFC 8489, Section 9.2.5: the bit set and no PASSWORD-ALGORITHMS, "the client MUST NOT retry the request".
        if features.password_algorithms && algorithms.is_none() {
            return Err(ChallengeError::BidDown);
        }
        let algorithms = match algorithms {
            Some(bytes) => Some((bytes.to_vec(), choose(response)?)),
            None => None,
        };
        Ok(Self { realm, nonce, algorithms, anonymous: features.username_anonymity, server_name })
    }

    /// The realm, by which a user name and a password are chosen.
    #[must_use]
    pub fn realm(&self) -> Option<&[u8]> {
        self.realm.as_deref()
    }

    /// The server's name for the authorization server, when it takes tokens of a third party ([RFC 7635, Section 6.1]).
    ///
    /// [RFC 7635, Section 6.1]: https://www.rfc-editor.org/rfc/rfc7635#section-6.1
    #[must_use]
    pub fn server_name(&self) -> Option<&[u8]> {
        self.server_name.as_deref()
    }
}

fn choose(response: &Message<'_>) -> Result<PasswordAlgorithm, ChallengeError> {
    let Ok(Some(Attribute::PasswordAlgorithms(list))) =
        response.attribute(AttributeType::PASSWORD_ALGORITHMS)
    else {
        return Err(ChallengeError::Malformed);
    };
    // RFC 8656, Section 6: with both MD5 and SHA-256 in the list, the request MUST say SHA-256.
    [PasswordAlgorithm::SHA_256, PasswordAlgorithm::MD5]
        .into_iter()
        .find(|known| list.iter().any(|(listed, _)| listed == *known))
        .ok_or(ChallengeError::UnknownAlgorithm)
}

/// Credentials put together with a challenge: seals requests, and tells the server's answers from others'.
#[derive(Debug)]
pub struct Authentication {
    challenge: Challenge,
    /// The nonce that the server has last taken.
    proven: Option<Vec<u8>>,
    realm: Vec<u8>,
    key: Key,
    userhash: Option<[u8; 32]>,
}

impl Authentication {
    /// Answers a challenge.
    ///
    /// # Errors
    /// [`ChallengeError::Incomplete`]: the challenge names no realm.
    pub fn new(
        provider: &dyn LongTermProvider,
        credentials: &Credentials,
        challenge: Challenge,
    ) -> Result<Self, ChallengeError> {
        let realm = challenge.realm.clone().ok_or(ChallengeError::Incomplete)?;
        let key = match credentials {
            Credentials::LongTerm { username, password } => {
                let algorithm =
                    challenge.algorithms.as_ref().map_or(PasswordAlgorithm::MD5, |(_, chosen)| *chosen);
                Key::long_term(provider, algorithm, username.as_bytes(), &realm, password.as_bytes())
                    .ok_or(ChallengeError::UnknownAlgorithm)?
            }
            // RFC 7635, Section 5: mac_key is the key as it is, without a hash over the credentials.
            Credentials::ThirdParty { mac_key, .. } => Key::from_secret(provider, mac_key),
        };
        let userhash =
            challenge.anonymous.then(|| userhash(provider, credentials.username().as_bytes(), &realm));
        Ok(Self { challenge, proven: None, realm, key, userhash })
    }

    /// The realm that the key belongs to.
    #[must_use]
    pub fn realm(&self) -> &[u8] {
        &self.realm
    }

    /// Whether a challenge asks for another nonce alone, in the same realm and with the same algorithms.
    #[must_use]
    pub fn is_renewed_by(&self, challenge: &Challenge) -> bool {
        challenge.realm().is_none_or(|realm| realm == self.realm)
            && challenge.algorithms == self.challenge.algorithms
            && challenge.anonymous == self.challenge.anonymous
    }

    /// Takes the nonce of a challenge that [`Self::is_renewed_by`] has accepted.
    pub fn renew(&mut self, challenge: Challenge) {
        self.challenge.nonce = challenge.nonce;
    }

    /// The server has taken the nonce.
    pub(crate) fn prove(&mut self) {
        if self.proven.as_ref() != Some(&self.challenge.nonce) {
            self.proven = Some(self.challenge.nonce.clone());
        }
    }

    /// Goes back to the nonce that the server has last taken; says whether it was another.
    pub(crate) fn return_to_proven(&mut self) -> bool {
        match &self.proven {
            Some(proven) if *proven != self.challenge.nonce => {
                self.challenge.nonce.clone_from(proven);
                true
            }
            _ => false,
        }
    }

    /// The same challenge answered with other credentials.
    ///
    /// # Errors
    /// None that the challenge has not shown before; the type is that of [`Self::new`].
    pub fn with_credentials(
        &self,
        provider: &dyn LongTermProvider,
        credentials: &Credentials,
    ) -> Result<Self, ChallengeError> {
        Self::new(provider, credentials, self.challenge.clone())
    }

    /// Appends the credentials and seals the request; only FINGERPRINT may follow. `with_token` is for Allocate and
    /// Refresh requests, which alone carry a third party's token ([RFC 7635, Section 9]).
    ///
    /// [RFC 7635, Section 9]: https://www.rfc-editor.org/rfc/rfc7635#section-9
    pub fn sign<'b>(&self, writer: Writer<'b>, credentials: &Credentials, with_token: bool) -> Writer<'b> {
        // RFC 8489, Section 9.2.5: USERHASH if the nonce says so, else USERNAME.
        let mut writer = match &self.userhash {
            Some(hash) => writer.userhash(hash),
            None => writer.user(credentials.username().as_bytes()),
        };
        writer = writer.realm(&self.realm).nonce(&self.challenge.nonce);
        if let (Credentials::ThirdParty { token, .. }, true) = (credentials, with_token) {
            writer = writer.access_token(token);
        }
        let integrity = match &self.challenge.algorithms {
            Some((algorithms, chosen)) => {
                writer = writer
                    .attribute(AttributeType::PASSWORD_ALGORITHMS, algorithms)
                    .password_algorithm(*chosen);
                // RFC 8489, Section 9.2.5: after PASSWORD-ALGORITHMS, MESSAGE-INTEGRITY-SHA256 only.
                Integrity::Sha256
            }
            None => Integrity::Sha1,
        };
        self.key.sign(integrity, writer)
    }

    /// Whether a response is the server's.
    ///
    /// # Errors
    /// It is not sealed, or not with our key, or its nonce speaks of a list of algorithms that is missing
    /// (RFC 8489, Section 9.2.5: such a response is ignored).
    pub fn verify(&self, response: &Message<'_>) -> Result<(), IntegrityError> {
        let features = response.value(AttributeType::NONCE).and_then(SecurityFeatures::of_nonce);
        if features.is_some_and(|features| features.password_algorithms)
            && response.value(AttributeType::PASSWORD_ALGORITHMS).is_none()
        {
            return Err(IntegrityError::Mismatch);
        }
        self.key.verify(response).map(|_| ())
    }
}

/// RFC 8489, Sections 14.9 and 14.10: fewer than 128 characters, which are up to 763 bytes.
const MAX_LEN: usize = 763;
