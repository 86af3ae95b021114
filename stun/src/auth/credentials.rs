//! What a client is known by.

use std::fmt;

use super::base64;
use crate::crypto::HmacProvider;

/// A client's credentials for one server. `Debug` prints secrets as lengths.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user name and a password ([RFC 8489, Section 9.2]).
    ///
    /// [RFC 8489, Section 9.2]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2
    LongTerm {
        /// USERNAME's value, prepared by OpaqueString.
        username: String,
        /// The password, prepared likewise.
        password: String,
    },
    /// A token that an authorization server has issued ([RFC 7635]).
    ///
    /// [RFC 7635]: https://www.rfc-editor.org/rfc/rfc7635
    ThirdParty {
        /// The key's id, `kid`: USERNAME's value.
        key_id: String,
        /// The token, opaque: ACCESS-TOKEN's value.
        token: Vec<u8>,
        /// The session's key, `mac_key`.
        mac_key: Vec<u8>,
    },
}

impl Credentials {
    /// Credentials of the REST kind, made from a secret that application and server share, as coturn's
    /// `use-auth-secret` takes them: the user name is the second at which they expire and `user`, joined by a colon, and
    /// the password the HMAC-SHA1 of that name in base64.
    ///
    /// `expires_at` counts seconds since 1970. An empty `user` is left out, with its colon. The secret belongs on a server
    /// that hands such credentials to clients, not into the clients.
    #[must_use]
    pub fn from_shared_secret(
        provider: &dyn HmacProvider,
        secret: &[u8],
        expires_at: u64,
        user: &str,
    ) -> Self {
        let username = if user.is_empty() { expires_at.to_string() } else { format!("{expires_at}:{user}") };
        let password = base64(&provider.key(secret).sign(username.as_bytes(), b""));
        Self::LongTerm { username, password }
    }

    /// USERNAME's value.
    #[must_use]
    pub fn username(&self) -> &str {
        match self {
            Self::LongTerm { username, .. } => username,
            Self::ThirdParty { key_id, .. } => key_id,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongTerm { username, password } => f
                .debug_struct("LongTerm")
                .field("username", username)
                .field("password_len", &password.len())
                .finish(),
            Self::ThirdParty { key_id, token, mac_key } => f
                .debug_struct("ThirdParty")
                .field("key_id", key_id)
                .field("token_len", &token.len())
                .field("mac_key_len", &mac_key.len())
                .finish(),
        }
    }
}

#[cfg(all(test, feature = "rust-crypto"))]
mod tests {
    use super::*;
    use crate::crypto::RUST_CRYPTO;

    /// The expected passwords come of `printf %s NAME | openssl dgst -sha1 -hmac north -binary | base64`.
    #[test]
    fn credentials_of_a_shared_secret_are_those_that_coturn_computes() {
        let made = Credentials::from_shared_secret(&RUST_CRYPTO, b"north", 1_700_000_000, "alice");
        let expected = Credentials::LongTerm {
            username: "1700000000:alice".to_owned(),
            password: "Cd/49soE35ICqcJF/bCTn8Z4OyE=".to_owned(),
        };
        assert_eq!(made, expected);
        let made = Credentials::from_shared_secret(&RUST_CRYPTO, b"north", 1_700_000_000, "");
        let expected = Credentials::LongTerm {
            username: "1700000000".to_owned(),
            password: "CWyHi3zCeWqXBir9thl4m+iZPRY=".to_owned(),
        };
        assert_eq!(made, expected);
    }

    #[test]
    fn debug_prints_no_secret() {
        let long_term = Credentials::LongTerm { username: "u".to_owned(), password: "hidden".to_owned() };
        let third_party = Credentials::ThirdParty {
            key_id: "k".to_owned(),
            token: b"hidden".to_vec(),
            mac_key: b"hidden".to_vec(),
        };
        assert_eq!(format!("{long_term:?}"), r#"LongTerm { username: "u", password_len: 6 }"#);
        assert_eq!(format!("{third_party:?}"), r#"ThirdParty { key_id: "k", token_len: 6, mac_key_len: 6 }"#);
    }
}
