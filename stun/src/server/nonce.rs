//! Nonces that are computed, not stored ([RFC 8489, Section 9.2]): the cookie, then three bytes of time and five of a MAC over
//! the time and the client's address, in base64.
//!
//! [RFC 8489, Section 9.2]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::auth::SecurityFeatures;
use crate::crypto::{HmacSha256Key, LongTermProvider};

/// Short, for a challenge may not be much longer than its request.
pub(super) const NONCE_LEN: usize = 24;

/// Makes nonces and knows its own.
#[derive(Debug)]
pub(super) struct Nonces {
    key: Box<dyn HmacSha256Key>,
    cookie: [u8; 13],
    lifetime: Duration,
}

impl Nonces {
    pub(super) fn new(
        provider: &dyn LongTermProvider,
        secret: &[u8],
        features: SecurityFeatures,
        lifetime: Duration,
    ) -> Self {
        Self { key: provider.key_sha256(secret), cookie: features.cookie(), lifetime }
    }

    /// The nonce for a client, `age` after the server's start.
    ///
    /// RFC 8489, Section 9.2.4: the server MUST NOT choose the same nonce for two source addresses or ports.
    pub(super) fn make(&self, client: SocketAddr, age: Duration) -> [u8; NONCE_LEN] {
        self.at(client, age.as_secs())
    }

    /// Whether a nonce was made for the client, and not longer ago than nonces live.
    pub(super) fn is_valid(&self, nonce: &[u8], client: SocketAddr, age: Duration) -> bool {
        let now = age.as_secs();
        let time = nonce.get(self.cookie.len()..).and_then(<[u8]>::first_chunk::<4>).and_then(read_time);
        let Some(time) = time else { return false };
        // The seconds since it was made, were that less than 194 days ago.
        let past = now.wrapping_sub(time) & TIME_MASK;
        let Some(made) = now.checked_sub(past) else { return false };
        // The nonce is no secret of anybody's to whom it is given, so the comparison need not take constant time: guessing one
        // that was never given out gains nothing without the password.
        past < self.lifetime.as_secs().min(TIME_MASK) && nonce == self.at(client, made)
    }

    fn at(&self, client: SocketAddr, seconds: u64) -> [u8; NONCE_LEN] {
        let mut address = [0; 18];
        let ip = match client.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        for (to, from) in address.iter_mut().zip(ip.octets().into_iter().chain(client.port().to_be_bytes())) {
            *to = from;
        }
        let [m0, m1, m2, m3, m4, ..] = self.key.sign(&seconds.to_be_bytes(), &address);
        let [.., t0, t1, t2] = seconds.to_be_bytes();
        let bits = u64::from_be_bytes([t0, t1, t2, m0, m1, m2, m3, m4]);
        let mut nonce = [0; NONCE_LEN];
        // Ten digits of six bits, the last of four.
        let digits = (0..11).map(|at: u32| {
            let value = if at < 10 { bits >> (58 - 6 * at) } else { bits << 2 };
            digit(value & 0x3f)
        });
        for (to, from) in nonce.iter_mut().zip(self.cookie.into_iter().chain(digits)) {
            *to = from;
        }
        nonce
    }
}

/// RFC 8489, Section 18.1 takes base64 for the cookie; here any 64 characters would do.
fn digit(value: u64) -> u8 {
    let value = usize::try_from(value).unwrap_or_default();
    DIGITS.get(value).copied().unwrap_or(b'A')
}

fn read_time(digits: &[u8; 4]) -> Option<u64> {
    digits.iter().try_fold(0, |time, digit| {
        let value = DIGITS.iter().position(|one| one == digit)?;
        Some(time << 6 | u64::try_from(value).ok()?)
    })
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const TIME_MASK: u64 = 0x00ff_ffff;
