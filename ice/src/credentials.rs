//! User name fragments and passwords (RFC 8445, Section 5.3; RFC 8839, Section 5.4).

use std::fmt;

use rand_core::Rng;
use zeroize::Zeroize;

use crate::event::CredentialsError;

/// A user name fragment and its password. The password is overwritten when it is dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: String,
    pwd: String,
}

impl Credentials {
    /// Credentials as a description carries them.
    ///
    /// # Errors
    /// RFC 8839, Section 5.4: the fragment has 4 to 256 and the password 22 to 256 characters, each a letter, a digit,
    /// `+` or `/`.
    pub fn new(ufrag: impl Into<String>, pwd: impl Into<String>) -> Result<Self, CredentialsError> {
        let credentials = Self { ufrag: ufrag.into(), pwd: pwd.into() };
        if !(4..=256).contains(&credentials.ufrag.len()) {
            return Err(CredentialsError::UfragLength);
        }
        if !(22..=256).contains(&credentials.pwd.len()) {
            return Err(CredentialsError::PwdLength);
        }
        if !credentials.ufrag.bytes().chain(credentials.pwd.bytes()).all(is_ice_char) {
            return Err(CredentialsError::Character);
        }
        Ok(credentials)
    }

    /// The user name fragment.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password.
    #[must_use]
    pub fn pwd(&self) -> &str {
        &self.pwd
    }

    /// RFC 8445, Section 5.3: at least 24 and 128 bits of randomness; these have 48 and 144.
    pub(crate) fn random(rng: &mut impl Rng) -> Self {
        Self { ufrag: ice_chars(rng, 8), pwd: ice_chars(rng, 24) }
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.pwd.zeroize();
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .field("pwd", &format_args!("{} characters", self.pwd.len()))
            .finish()
    }
}

pub(crate) const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

fn ice_chars(rng: &mut impl Rng, len: usize) -> String {
    (0..len).filter_map(|_| ALPHABET.get((rng.next_u32() % 64) as usize)).copied().map(char::from).collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_characters_are_those_of_the_grammar() {
        let pwd = "a".repeat(22);
        assert!(Credentials::new("abcd", &pwd).is_ok());
        assert_eq!(Credentials::new("abc", &pwd), Err(CredentialsError::UfragLength));
        assert_eq!(Credentials::new("a".repeat(257), &pwd), Err(CredentialsError::UfragLength));
        assert_eq!(Credentials::new("abcd", &pwd[1..]), Err(CredentialsError::PwdLength));
        assert_eq!(Credentials::new("ab:d", &pwd), Err(CredentialsError::Character));
        assert!(ALPHABET.iter().all(|byte| is_ice_char(*byte)));
    }

    #[test]
    fn debug_hides_the_password() {
        let credentials = Credentials::new("abcd", "secretsecretsecretsecret").unwrap();
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
