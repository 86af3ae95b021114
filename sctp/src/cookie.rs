//! The state cookie: what an INIT said, with the time and a MAC, so that answering an INIT stores nothing.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::event::Discard;
use crate::state::Peer;

/// Bytes before the MAC.
const BODY: usize = 33;
const MAC: usize = 16;
pub(crate) const LEN: usize = BODY + MAC;

/// What a cookie holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// When it was made, since the association's start.
    pub(crate) made: Duration,
    /// The tag we chose.
    pub(crate) local_tag: u32,
    pub(crate) peer: Peer,
}

/// Signs and checks cookies. The key is secret and our own: a forged cookie is one that we did not make.
pub(crate) struct CookieKey([u8; 16]);

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(16 bytes)")
    }
}

impl CookieKey {
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    // RFC 9260, Section 5.1.3
    pub(crate) fn seal(&self, cookie: &Cookie) -> [u8; LEN] {
        let peer = &cookie.peer;
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(&u64::try_from(cookie.made.as_micros()).unwrap_or(u64::MAX).to_be_bytes());
        for word in [cookie.local_tag, peer.tag, peer.initial_tsn, peer.a_rwnd] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        for count in [peer.outbound_streams, peer.inbound_streams] {
            bytes.extend_from_slice(&count.to_be_bytes());
        }
        bytes.extend_from_slice(&[u8::from(peer.forward_tsn), u8::from(peer.reconfig), 0, 0, 0]);
        let mac = self.mac(&bytes);
        bytes.extend_from_slice(&mac);
        let mut sealed = [0; LEN];
        sealed.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        sealed
    }

    // RFC 9260, Section 5.1.5, steps 1 and 2
    pub(crate) fn open(&self, bytes: &[u8]) -> Result<Cookie, Discard> {
        let (body, mac) = bytes.split_at_checked(BODY).ok_or(Discard::ForgedCookie)?;
        let difference = self.mac(body).iter().zip(mac).fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs));
        if mac.len() != MAC || difference != 0 {
            return Err(Discard::ForgedCookie);
        }
        parse(body).ok_or(Discard::ForgedCookie)
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(body);
        hasher.finish128().as_bytes()
    }
}

fn parse(body: &[u8]) -> Option<Cookie> {
    let (made, rest) = body.split_first_chunk()?;
    let (words, rest) = rest.split_first_chunk::<16>()?;
    let [local_tag, tag, initial_tsn, a_rwnd] = *words.as_chunks::<4>().0 else { return None };
    let &[o0, o1, i0, i1, forward_tsn, reconfig, ..] = rest else { return None };
    Some(Cookie {
        made: Duration::from_micros(u64::from_be_bytes(*made)),
        local_tag: u32::from_be_bytes(local_tag),
        peer: Peer {
            tag: u32::from_be_bytes(tag),
            initial_tsn: u32::from_be_bytes(initial_tsn),
            a_rwnd: u32::from_be_bytes(a_rwnd),
            outbound_streams: u16::from_be_bytes([o0, o1]),
            inbound_streams: u16::from_be_bytes([i0, i1]),
            forward_tsn: forward_tsn != 0,
            reconfig: reconfig != 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_opens_with_its_key_alone_and_unchanged() {
        let peer = Peer {
            tag: 1,
            initial_tsn: 2,
            a_rwnd: 3,
            outbound_streams: 4,
            inbound_streams: 5,
            forward_tsn: true,
            reconfig: false,
        };
        let cookie = Cookie { made: Duration::from_micros(77), local_tag: 9, peer };
        let key = CookieKey::new([3; 16]);
        let sealed = key.seal(&cookie);
        assert_eq!(key.open(&sealed), Ok(cookie));
        assert_eq!(CookieKey::new([4; 16]).open(&sealed), Err(Discard::ForgedCookie));
        for bit in 0..LEN * 8 {
            let mut forged = sealed;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&forged), Err(Discard::ForgedCookie), "bit {bit}");
        }
        for len in 0..LEN {
            assert_eq!(key.open(&sealed[..len]), Err(Discard::ForgedCookie));
        }
    }
}
