//! Who may use the server, and how a request shows it ([RFC 8489, Section 9.2.4]).
//!
//! [RFC 8489, Section 9.2.4]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2.4

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::config::RelayConfig;
use crate::attribute::{Attribute, AttributeType, ErrorCode, PasswordAlgorithm};
use crate::auth::{Credentials, Integrity, Key, SecurityFeatures, userhash};
use crate::message::Message;

/// A user with the keys of both password algorithms.
pub(super) struct User {
    pub(super) username: Vec<u8>,
    /// The name that quotas count by: without the time that credentials of the REST kind have in front.
    pub(super) quota: Vec<u8>,
    md5: Key,
    sha256: Key,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("username_len", &self.username.len()).finish_non_exhaustive()
    }
}

impl User {
    fn new(config: &RelayConfig, username: &[u8], quota: &[u8], password: &[u8]) -> Option<Self> {
        let key =
            |algorithm| Key::long_term(config.crypto, algorithm, username, config.realm.as_bytes(), password);
        Some(Self {
            username: username.to_vec(),
            quota: quota.to_vec(),
            md5: key(PasswordAlgorithm::MD5)?,
            sha256: key(PasswordAlgorithm::SHA_256)?,
        })
    }

    const fn key(&self, algorithm: PasswordAlgorithm) -> &Key {
        match algorithm {
            PasswordAlgorithm::SHA_256 => &self.sha256,
            _ => &self.md5,
        }
    }
}

/// What an answer to an authentic request is sealed with.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    pub(super) user: Arc<User>,
    algorithm: PasswordAlgorithm,
    integrity: Integrity,
}

impl Seal {
    pub(super) fn sign<'b>(&self, writer: crate::writer::Writer<'b>) -> crate::writer::Writer<'b> {
        self.user.key(self.algorithm).sign(self.integrity, writer)
    }
}

/// The users of the table, and the way to those of shared secrets.
#[derive(Debug)]
pub(super) struct Users {
    by_name: BTreeMap<Vec<u8>, Arc<User>>,
    by_hash: BTreeMap<[u8; 32], Arc<User>>,
}

impl Users {
    pub(super) fn new(config: &RelayConfig) -> Self {
        let users = config.users.iter().filter_map(|(username, password)| {
            let name = username.as_bytes();
            Some((name.to_vec(), Arc::new(User::new(config, name, name, password.as_bytes())?)))
        });
        let by_name: BTreeMap<_, _> = users.collect();
        let by_hash = if config.username_anonymity {
            let hash = |name: &[u8]| userhash(config.crypto, name, config.realm.as_bytes());
            by_name.iter().map(|(name, user)| (hash(name), Arc::clone(user))).collect()
        } else {
            BTreeMap::new()
        };
        Self { by_name, by_hash }
    }

    /// Checks a request's credentials, its nonce aside. `known` is the user of the allocation on the same path, whose
    /// credentials hold on after their time; `unix_time` counts seconds since 1970.
    ///
    /// # Errors
    /// The code of the answer: 400, or 401 with a challenge.
    pub(super) fn authenticate(
        &self,
        config: &RelayConfig,
        request: &Message<'_>,
        known: Option<&Arc<User>>,
        unix_time: u64,
    ) -> Result<Seal, ErrorCode> {
        let sealed = [AttributeType::MESSAGE_INTEGRITY, AttributeType::MESSAGE_INTEGRITY_SHA256];
        // RFC 8489, Section 9.2.4: without either attribute 401, without the other three 400.
        if sealed.into_iter().all(|kind| request.value(kind).is_none()) {
            return Err(ErrorCode::UNAUTHENTICATED);
        }
        let nonce = request.value(AttributeType::NONCE).ok_or(ErrorCode::BAD_REQUEST)?;
        request.value(AttributeType::REALM).ok_or(ErrorCode::BAD_REQUEST)?;
        let algorithm = algorithm(request, nonce)?;
        let taken = algorithm.unwrap_or(PasswordAlgorithm::MD5);
        let verified = |user: &Arc<User>| user.key(taken).verify(request).is_ok();
        let user = match (request.username(), request.attribute(AttributeType::USERHASH)) {
            (Some(name), _) => self
                .by_name
                .get(name)
                .or_else(|| known.filter(|user| user.username == name))
                .filter(|user| verified(user))
                .cloned()
                .or_else(|| shared(config, name, unix_time, verified)),
            (None, Ok(Some(Attribute::Userhash(hash)))) => {
                self.by_hash.get(hash).filter(|user| verified(user)).cloned()
            }
            (None, _) => return Err(ErrorCode::BAD_REQUEST),
        };
        let user = user.ok_or(ErrorCode::UNAUTHENTICATED)?;
        // RFC 8489, Section 9.2.4: MESSAGE-INTEGRITY-SHA256, unless neither PASSWORD-ALGORITHM nor -ALGORITHMS came.
        let integrity = if algorithm.is_some() { Integrity::Sha256 } else { Integrity::Sha1 };
        Ok(Seal { user, algorithm: taken, integrity })
    }
}

/// The algorithm that a request names; `None` when it knows of none, which means MD5.
fn algorithm(request: &Message<'_>, nonce: &[u8]) -> Result<Option<PasswordAlgorithm>, ErrorCode> {
    if !SecurityFeatures::of_nonce(nonce).is_some_and(|features| features.password_algorithms) {
        return Ok(None);
    }
    let list = request.value(AttributeType::PASSWORD_ALGORITHMS);
    let chosen = request.attribute(AttributeType::PASSWORD_ALGORITHM);
    match (list, chosen) {
        (None, Ok(None)) => Ok(None),
        // RFC 8489, Section 9.2.4: both are there, the list is the one that was sent, the one is in it; else 400.
        (Some(list), Ok(Some(Attribute::PasswordAlgorithm(chosen, []))))
            if list == LISTED && ALGORITHMS.contains(&chosen) =>
        {
            Ok(Some(chosen))
        }
        _ => Err(ErrorCode::BAD_REQUEST),
    }
}

/// A user of a shared secret, by a name of seconds, a colon and anything.
fn shared(
    config: &RelayConfig,
    username: &[u8],
    unix_time: u64,
    verified: impl Fn(&Arc<User>) -> bool,
) -> Option<Arc<User>> {
    let text = std::str::from_utf8(username).ok()?;
    let (seconds, rest) = text.split_once(':').unwrap_or((text, ""));
    let expires_at = seconds.parse::<u64>().ok().filter(|expires_at| unix_time < *expires_at)?;
    config.shared_secrets.iter().find_map(|secret| {
        let made = Credentials::from_shared_secret(config.crypto, secret, expires_at, rest);
        let Credentials::LongTerm { username: made_of, password } = made else { return None };
        let quota = if rest.is_empty() { username } else { rest.as_bytes() };
        // Another way to write the same seconds makes another name, with another password.
        let user = (made_of == text).then(|| User::new(config, username, quota, password.as_bytes()))??;
        Some(Arc::new(user)).filter(&verified)
    })
}

/// What PASSWORD-ALGORITHMS lists, the one liked best first.
pub(super) const ALGORITHMS: [PasswordAlgorithm; 2] = [PasswordAlgorithm::SHA_256, PasswordAlgorithm::MD5];

/// The attribute's value.
const LISTED: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];
