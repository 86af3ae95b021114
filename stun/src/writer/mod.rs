//! Writes one message at the end of a buffer.

mod turn;

use std::fmt;
use std::net::SocketAddr;

use crate::attribute::{AttributeType, ErrorCode};
use crate::crypto::{HmacKey, HmacSha256Key};
use crate::error::WriteError;
use crate::integrity::{self, FINGERPRINT_LEN, INTEGRITY_LEN, INTEGRITY_SHA256_LEN};
use crate::message::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, join_type};

const MAX_LEN: usize = 65_532;

/// Appends one message to a buffer, attribute by attribute; [`Self::finish`] ends it. Padding is written as zero.
#[must_use = "a message is whole after `finish`"]
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    fits: bool,
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("start", &self.start)
            .field("len", &self.out.len())
            .finish_non_exhaustive()
    }
}

impl<'b> Writer<'b> {
    /// Starts a message at the end of `out`.
    pub fn new(out: &'b mut Vec<u8>, class: Class, method: Method, id: TransactionId) -> Self {
        let start = out.len();
        let [t0, t1] = join_type(class, method).to_be_bytes();
        let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
        out.extend_from_slice(&[t0, t1, 0, 0, c0, c1, c2, c3]);
        out.extend_from_slice(&id.0);
        Self { out, start, fits: true }
    }

    /// An attribute of any type.
    pub fn attribute(self, attribute: AttributeType, value: &[u8]) -> Self {
        self.joined(attribute, &[value])
    }

    /// USERNAME of a check: the receiver's fragment, a colon, the sender's (RFC 8445, Section 7.2.2).
    pub fn username(self, receiver: &[u8], sender: &[u8]) -> Self {
        self.joined(AttributeType::USERNAME, &[receiver, b":", sender])
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn xor_mapped_address(self, address: SocketAddr) -> Self {
        self.masked_address(AttributeType::XOR_MAPPED_ADDRESS, address)
    }

    /// PRIORITY.
    pub fn priority(self, priority: u32) -> Self {
        self.fixed(AttributeType::PRIORITY, priority.to_be_bytes())
    }

    /// NETWORK-COST: the network's number in the upper half, what it costs in the lower.
    pub fn network_cost(self, value: u32) -> Self {
        self.fixed(AttributeType::NETWORK_COST, value.to_be_bytes())
    }

    /// USE-CANDIDATE.
    pub fn use_candidate(self) -> Self {
        self.fixed(AttributeType::USE_CANDIDATE, [])
    }

    /// ICE-CONTROLLING with its tie-breaker.
    pub fn ice_controlling(self, tie_breaker: u64) -> Self {
        self.fixed(AttributeType::ICE_CONTROLLING, tie_breaker.to_be_bytes())
    }

    /// ICE-CONTROLLED with its tie-breaker.
    pub fn ice_controlled(self, tie_breaker: u64) -> Self {
        self.fixed(AttributeType::ICE_CONTROLLED, tie_breaker.to_be_bytes())
    }

    /// ERROR-CODE with the phrase that [`ErrorCode::reason`] gives.
    pub fn error_code(self, code: ErrorCode) -> Self {
        self.joined(AttributeType::ERROR_CODE, &[&[0, 0], &code.write(), code.reason().as_bytes()])
    }

    /// UNKNOWN-ATTRIBUTES.
    pub fn unknown_attributes(self, attributes: &[AttributeType]) -> Self {
        let len = attributes.len().saturating_mul(2);
        let mut writer = self.head(AttributeType::UNKNOWN_ATTRIBUTES, len);
        if writer.fits {
            for attribute in attributes {
                writer.out.extend_from_slice(&attribute.0.to_be_bytes());
            }
            writer.pad();
        }
        writer
    }

    /// MESSAGE-INTEGRITY over all that stands before it. Only [`Self::integrity_sha256`] and [`Self::fingerprint`] may
    /// follow.
    pub fn integrity(mut self, key: &dyn HmacKey) -> Self {
        match self.covered(INTEGRITY_LEN).map(|(header, body)| key.sign(header, body)) {
            Some(tag) => self.fixed(AttributeType::MESSAGE_INTEGRITY, tag),
            None => self,
        }
    }

    /// MESSAGE-INTEGRITY-SHA256, whole, over all that stands before it. Only [`Self::fingerprint`] may follow.
    pub fn integrity_sha256(mut self, key: &dyn HmacSha256Key) -> Self {
        match self.covered(INTEGRITY_SHA256_LEN).map(|(header, body)| key.sign(header, body)) {
            Some(tag) => self.fixed(AttributeType::MESSAGE_INTEGRITY_SHA256, tag),
            None => self,
        }
    }

    /// FINGERPRINT over all that stands before it. Nothing may follow.
    pub fn fingerprint(mut self) -> Self {
        let offset = self.out.len() - self.start;
        self.set_len(offset + FINGERPRINT_LEN);
        let value = integrity::fingerprint(self.out.get(self.start..).unwrap_or_default());
        self.fixed(AttributeType::FINGERPRINT, value.to_be_bytes())
    }

    /// Ends the message and gives its length in bytes.
    ///
    /// # Errors
    /// The attributes need more room than the header's length can say; the buffer is then as it was.
    pub fn finish(mut self) -> Result<usize, WriteError> {
        if !self.fits {
            self.out.truncate(self.start);
            return Err(WriteError::TooLong);
        }
        let len = self.out.len() - self.start;
        self.set_len(len);
        Ok(len)
    }

    /// Header and body so far, the header's length that after an attribute of `len` bytes more.
    fn covered(&mut self, len: usize) -> Option<(&[u8], &[u8])> {
        let offset = self.out.len() - self.start;
        self.set_len(offset + len);
        self.out.get(self.start..)?.split_at_checked(HEADER_LEN)
    }

    /// A value whose length is known when this is compiled, and a multiple of four.
    fn fixed<const LEN: usize>(self, attribute: AttributeType, value: [u8; LEN]) -> Self {
        const { assert!(LEN.is_multiple_of(4)) };
        let writer = self.head(attribute, LEN);
        if writer.fits {
            writer.out.extend_from_slice(&value);
        }
        writer
    }

    fn joined(self, attribute: AttributeType, parts: &[&[u8]]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum();
        let mut writer = self.head(attribute, len);
        if writer.fits {
            for part in parts {
                writer.out.extend_from_slice(part);
            }
            writer.pad();
        }
        writer
    }

    #[inline]
    fn head(mut self, attribute: AttributeType, len: usize) -> Self {
        let used = self.out.len() - self.start - HEADER_LEN;
        let value_len = u16::try_from(len).ok().filter(|_| used + 4 + len.next_multiple_of(4) <= MAX_LEN);
        match value_len {
            Some(value_len) if self.fits => {
                let ([t0, t1], [l0, l1]) = (attribute.0.to_be_bytes(), value_len.to_be_bytes());
                self.out.extend_from_slice(&[t0, t1, l0, l1]);
            }
            _ => self.fits = false,
        }
        self
    }

    fn pad(&mut self) {
        const ZEROES: [u8; 3] = [0; 3];
        let len = self.out.len() - self.start;
        let padding = ZEROES.get(..len.next_multiple_of(4) - len).unwrap_or_default();
        self.out.extend_from_slice(padding);
    }

    fn set_len(&mut self, message_len: usize) {
        let Ok(len) = u16::try_from(message_len - HEADER_LEN) else {
            self.fits = false;
            return;
        };
        if let Some([_, _, l0, l1, ..]) = self.out.get_mut(self.start..) {
            [*l0, *l1] = len.to_be_bytes();
        }
    }

    fn id(&self) -> TransactionId {
        let header = self.out.get(self.start..).and_then(<[u8]>::first_chunk::<HEADER_LEN>);
        header
            .and_then(|header| header.last_chunk::<12>())
            .map_or(TransactionId([0; 12]), |id| TransactionId(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    const ID: TransactionId = TransactionId([3; 12]);

    #[test]
    fn padding_is_zero_whatever_the_buffer_held() {
        for len in 0..9 {
            let mut out = vec![0xee; 64];
            out.clear();
            out.push(0xaa);
            let value = vec![0xff; len];
            let written = Writer::new(&mut out, Class::Request, Method::BINDING, ID)
                .attribute(AttributeType::SOFTWARE, &value)
                .finish()
                .unwrap();
            assert_eq!(written + 1, out.len());
            assert!(out[1 + 24 + len..].iter().all(|byte| *byte == 0));
            assert_eq!(Message::parse(&out[1..]).unwrap().value(AttributeType::SOFTWARE), Some(&value[..]));
        }
    }

    #[test]
    fn what_does_not_fit_leaves_the_buffer_as_it_was() {
        let mut out = b"before".to_vec();
        let refused = Writer::new(&mut out, Class::Request, Method::BINDING, ID)
            .attribute(AttributeType::SOFTWARE, &[1; 65_000])
            .attribute(AttributeType::REALM, &[1; 600])
            .finish();
        assert_eq!(refused, Err(WriteError::TooLong));
        assert_eq!(out, b"before");
        let fits = Writer::new(&mut out, Class::Request, Method::BINDING, ID)
            .attribute(AttributeType::SOFTWARE, &[1; MAX_LEN - 4])
            .finish();
        assert_eq!(fits, Ok(HEADER_LEN + MAX_LEN));
    }
}
