//! The messages that the handshake is signed and confirmed over (RFC 6347, Section 4.2.6).

use super::message::{Fragment, HandshakeType};
use crate::crypto::{Digest, Hash, Provider};

/// All messages of the handshake as if none had been fragmented.
///
/// They are kept as bytes until the handshake ends: the hash is known only once the suite is chosen, and signatures
/// are made over the messages themselves.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    bytes: Vec<u8>,
}

impl Transcript {
    /// RFC 6347, Section 4.2.1: a first ClientHello and its HelloVerifyRequest are not part of it.
    pub(crate) fn restart(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn push(&mut self, kind: HandshakeType, message_seq: u16, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Fragment { kind, length, message_seq, offset: 0, bytes: body }.write(&mut self.bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn hash(&self, provider: &dyn Provider, hash: Hash) -> Digest {
        provider.digest(hash, &[&self.bytes])
    }
}
