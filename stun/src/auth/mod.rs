//! Long-term credentials ([RFC 8489, Section 9.2]) and those of a third party ([RFC 7635]).
//!
//! User names, realms and passwords are bytes as they go into hashes: who has text beyond ASCII prepares it by the profile
//! OpaqueString ([RFC 8265, Section 4.2]) beforehand.
//!
//! [RFC 8489, Section 9.2]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2
//! [RFC 7635]: https://www.rfc-editor.org/rfc/rfc7635
//! [RFC 8265, Section 4.2]: https://www.rfc-editor.org/rfc/rfc8265#section-4.2

mod challenge;
mod credentials;
mod key;

pub use challenge::{Authentication, Challenge, ChallengeError};
pub use credentials::Credentials;
pub use key::{Integrity, Key, userhash};

/// What a nonce says that the server can do, so that nobody on the path can take it out of the other attributes
/// ([RFC 8489, Section 9.2.1]).
///
/// [RFC 8489, Section 9.2.1]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2.1
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SecurityFeatures {
    /// The server sends PASSWORD-ALGORITHMS.
    pub password_algorithms: bool,
    /// The server wants USERHASH in place of USERNAME.
    pub username_anonymity: bool,
}

impl SecurityFeatures {
    /// What the cookie at the front of a nonce says; `None` when the nonce has none.
    #[must_use]
    pub fn of_nonce(nonce: &[u8]) -> Option<Self> {
        let [a, b, c, d, ..] = nonce.strip_prefix(COOKIE)? else { return None };
        for digit in [b, c, d] {
            base64_value(*digit)?;
        }
        // RFC 8489, Section 18.1: bit 0 is the leftmost of the 24; the first digit holds bits 0 to 5.
        let first = base64_value(*a)?;
        Some(Self { password_algorithms: first & 0x20 != 0, username_anonymity: first & 0x10 != 0 })
    }

    /// The 13 bytes that a server puts before its nonce.
    #[must_use]
    pub fn cookie(self) -> [u8; 13] {
        let first = u8::from(self.password_algorithms) << 5 | u8::from(self.username_anonymity) << 4;
        let mut cookie = *b"obMatJos2AAAA";
        let [.., digit, _, _, _] = &mut cookie;
        *digit = base64_digit(first);
        cookie
    }
}

/// Base64 with padding ([RFC 4648, Section 4]).
///
/// [RFC 4648, Section 4]: https://www.rfc-editor.org/rfc/rfc4648#section-4
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let (a, b, c) = match *group {
            [a] => (a, 0, 0),
            [a, b] => (a, b, 0),
            [a, b, c, ..] => (a, b, c),
            [] => continue,
        };
        let digits = [a >> 2, (a & 3) << 4 | b >> 4, (b & 15) << 2 | c >> 6, c & 63];
        for (position, digit) in digits.into_iter().enumerate() {
            text.push(if position <= group.len() { char::from(base64_digit(digit)) } else { '=' });
        }
    }
    text
}

/// The digit of a value below 64.
const fn base64_digit(value: u8) -> u8 {
    match value {
        0..=25 => b'A' + value,
        26..=51 => b'a' + (value - 26),
        52..=61 => b'0' + (value - 52),
        62 => b'+',
        _ => b'/',
    }
}

const fn base64_value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// RFC 8489, Section 9.2: what a server prepends to its nonces, before four digits.
const COOKIE: &[u8] = b"obMatJos2";

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, Section 10.
    #[test]
    fn the_vectors_of_base64_pass() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
        for value in 0..64 {
            assert_eq!(base64_value(base64_digit(value)), Some(value));
        }
        let digits = (0..=255).filter(|byte| base64_value(*byte).is_some()).count();
        assert_eq!(digits, 64);
    }

    #[test]
    fn the_cookie_says_what_went_into_it_and_other_nonces_have_none() {
        for password_algorithms in [false, true] {
            for username_anonymity in [false, true] {
                let features = SecurityFeatures { password_algorithms, username_anonymity };
                let nonce = [&features.cookie()[..], b"and the rest"].concat();
                assert_eq!(SecurityFeatures::of_nonce(&nonce), Some(features));
                for len in 0..13 {
                    assert_eq!(SecurityFeatures::of_nonce(&nonce[..len]), None);
                }
            }
        }
        let none = SecurityFeatures::default();
        assert_eq!(&none.cookie(), b"obMatJos2AAAA");
        let algorithms = SecurityFeatures { password_algorithms: true, ..none };
        assert_eq!(&algorithms.cookie(), b"obMatJos2gAAA", "0x80 0x00 0x00");
        assert_eq!(SecurityFeatures::of_nonce(b"obmatjos2gAAA"), None);
        assert_eq!(SecurityFeatures::of_nonce(b"obMatJos2gA=A"), None);
    }
}
