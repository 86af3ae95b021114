//! Answers that wait to be polled, and how they are written.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::config::RelayConfig;
use super::event::Path;
use super::nonce::Nonces;
use super::user::{ALGORITHMS, Seal};
use crate::attribute::{AddressFamily, AttributeType, ErrorCode};
use crate::message::{Class, Method, TransactionId};
use crate::writer::Writer;

/// An answer, as state: its bytes are written when they can leave.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) path: Path,
    pub(super) method: Method,
    pub(super) id: TransactionId,
    pub(super) body: Body,
    /// None for strangers.
    pub(super) seal: Option<Seal>,
    /// The length of a stranger's request over UDP, of which the answer's is bounded.
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    Bound(SocketAddr),
    /// 401 or 438, with a realm, a nonce and the algorithms.
    Challenge(ErrorCode),
    Refused(ErrorCode),
    /// 420, with so many of the types.
    Unknown([AttributeType; MAX_UNKNOWN], usize),
    Allocated {
        relayed: [Option<SocketAddr>; 2],
        lifetime: u32,
        token: Option<[u8; 8]>,
        refused: Option<(AddressFamily, ErrorCode)>,
    },
    Refreshed(u32),
    /// A success that says nothing more.
    Done,
    /// A Data indication of an ICMP packet.
    Icmp {
        peer: SocketAddr,
        kind: u8,
        code: u8,
        data: u32,
    },
}

impl Body {
    pub(super) const fn is_error(&self) -> bool {
        matches!(self, Self::Challenge(_) | Self::Refused(_) | Self::Unknown(..))
    }

    const fn class(&self) -> Class {
        match self {
            Self::Icmp { .. } => Class::Indication,
            _ if self.is_error() => Class::Error,
            _ => Class::Success,
        }
    }
}

/// The answers that wait, and how many of them are strangers'.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: VecDeque<Response>,
    strangers: usize,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn strangers(&self) -> usize {
        self.strangers
    }

    pub(super) fn front(&self) -> Option<&Response> {
        self.queue.front()
    }

    pub(super) fn push(&mut self, response: Response) {
        self.strangers += usize::from(response.seal.is_none());
        self.queue.push_back(response);
    }

    pub(super) fn pop(&mut self) {
        if let Some(response) = self.queue.pop_front() {
            self.strangers -= usize::from(response.seal.is_none());
        }
    }

    /// Forgets the answers to a client that is gone.
    pub(super) fn forget(&mut self, path: Path) {
        self.queue.retain(|response| response.path != path);
        self.strangers = self.queue.iter().filter(|response| response.seal.is_none()).count();
    }
}

impl Response {
    /// Appends the answer and gives its length. `None`, and nothing is appended, when it would be too long for a stranger.
    pub(super) fn write(
        &self,
        config: &RelayConfig,
        nonces: &Nonces,
        age: Duration,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let start = out.len();
        let len = self.write_with(config, nonces, age, true, out)?;
        let Some(request) = self.limit else { return Some(len) };
        if len <= request.saturating_mul(AMPLIFICATION) {
            return Some(len);
        }
        // Without what may be left out.
        out.truncate(start);
        let len = self.write_with(config, nonces, age, false, out)?;
        if len + IP_UDP_LEN <= (request + IP_UDP_LEN).saturating_mul(AMPLIFICATION) {
            return Some(len);
        }
        out.truncate(start);
        None
    }

    fn write_with(
        &self,
        config: &RelayConfig,
        nonces: &Nonces,
        age: Duration,
        whole: bool,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let mut writer = Writer::new(out, self.body.class(), self.method, self.id);
        writer = match self.body {
            Body::Bound(client) => writer.xor_mapped_address(client),
            // RFC 8489, Section 9.2.4: REALM, NONCE and PASSWORD-ALGORITHMS go with 401 and 438.
            Body::Challenge(code) => error_code(writer, code, whole)
                .realm(config.realm.as_bytes())
                .nonce(&nonces.make(self.path.remote, age))
                .password_algorithms(&ALGORITHMS),
            Body::Refused(code) => error_code(writer, code, whole),
            Body::Unknown(list, count) => error_code(writer, ErrorCode::UNKNOWN_ATTRIBUTE, whole)
                .unknown_attributes(list.get(..count).unwrap_or_default()),
            Body::Allocated { relayed, lifetime, token, refused } => {
                writer = relayed.into_iter().flatten().fold(writer, Writer::xor_relayed_address);
                writer = writer.lifetime(lifetime).xor_mapped_address(self.path.remote);
                if let Some(token) = token {
                    writer = writer.reservation_token(token);
                }
                match refused {
                    Some((family, code)) => writer.address_error_code(family, code),
                    None => writer,
                }
            }
            Body::Refreshed(lifetime) => writer.lifetime(lifetime),
            Body::Done => writer,
            Body::Icmp { peer, kind, code, data } => writer.xor_peer_address(peer).icmp(kind, code, data),
        };
        // RFC 8656, Section 5: SOFTWARE SHOULD be in all Allocate and Refresh responses.
        if whole && matches!(self.method, Method::ALLOCATE | Method::REFRESH) && !config.software.is_empty() {
            writer = writer.software(config.software.as_bytes());
        }
        if let Some(seal) = &self.seal {
            writer = seal.sign(writer);
        }
        if whole {
            writer = writer.fingerprint();
        }
        writer.finish().ok()
    }
}

/// ERROR-CODE, with its phrase or without.
fn error_code(writer: Writer<'_>, code: ErrorCode, whole: bool) -> Writer<'_> {
    if whole {
        return writer.error_code(code);
    }
    let [class, number] =
        [code.get() / 100, code.get() % 100].map(|part| u8::try_from(part).unwrap_or_default());
    writer.attribute(AttributeType::ERROR_CODE, &[0, 0, class, number])
}

/// The most types that UNKNOWN-ATTRIBUTES lists.
pub(super) const MAX_UNKNOWN: usize = 8;
/// How many times as long as a stranger's request its answer may be.
const AMPLIFICATION: usize = 3;
/// The headers of IPv4 and UDP, the shortest that a datagram has.
const IP_UDP_LEN: usize = 28;
