//! Handshake messages and their fragments (RFC 6347, Section 4.2.2).

use super::certificate::{Certificate, CertificateRequest, CertificateVerify};
use super::hello::{ClientHello, HelloVerifyRequest, ServerHello};
use super::key_exchange::{ClientKeyExchange, ServerKeyExchange};
use crate::wire::{DecodeError, Reader, u24_bytes};

/// The length of a fragment's header on the wire.
pub const FRAGMENT_HEADER_LEN: usize = 12;

/// The kind of a handshake message; values that are not named here are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandshakeType(pub u8);

impl HandshakeType {
    /// ClientHello.
    pub const CLIENT_HELLO: Self = Self(1);
    /// ServerHello.
    pub const SERVER_HELLO: Self = Self(2);
    /// HelloVerifyRequest.
    pub const HELLO_VERIFY_REQUEST: Self = Self(3);
    /// Certificate.
    pub const CERTIFICATE: Self = Self(11);
    /// ServerKeyExchange.
    pub const SERVER_KEY_EXCHANGE: Self = Self(12);
    /// CertificateRequest.
    pub const CERTIFICATE_REQUEST: Self = Self(13);
    /// ServerHelloDone.
    pub const SERVER_HELLO_DONE: Self = Self(14);
    /// CertificateVerify.
    pub const CERTIFICATE_VERIFY: Self = Self(15);
    /// ClientKeyExchange.
    pub const CLIENT_KEY_EXCHANGE: Self = Self(16);
    /// Finished.
    pub const FINISHED: Self = Self(20);
}

/// A fragment of a handshake message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a fragment on the wire has these fields")]
pub struct Fragment<'a> {
    /// The message's kind.
    pub kind: HandshakeType,
    /// The length of the whole message, of 24 bits.
    pub length: u32,
    /// The message's number in the handshake.
    pub message_seq: u16,
    /// Where the fragment begins in the message.
    pub offset: u32,
    /// The fragment's bytes.
    pub bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads the first fragment of `content` and what stands behind it.
    ///
    /// # Errors
    /// A fragment that is cut short, reaches over its message's end, or has no bytes although its message has.
    pub fn parse(content: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut reader = Reader::new(content);
        let kind = HandshakeType(reader.u8("msg_type")?);
        let length = reader.u24("length")?;
        let message_seq = reader.u16("message_seq")?;
        let offset = reader.u24("fragment_offset")?;
        let bytes = reader.vec24("fragment_length")?;
        let fragment = Self { kind, length, message_seq, offset, bytes };
        if fragment.end() > length || (bytes.is_empty() && length > 0) {
            return Err(DecodeError::new("fragment_length"));
        }
        Ok((fragment, reader.rest()))
    }

    /// Where the fragment ends in the message.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.offset.saturating_add(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX))
    }

    /// Whether the fragment is the whole message.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.offset == 0 && self.end() == self.length
    }

    /// Appends the fragment.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind.0);
        out.extend_from_slice(&u24_bytes(self.length));
        out.extend_from_slice(&self.message_seq.to_be_bytes());
        out.extend_from_slice(&u24_bytes(self.offset));
        out.extend_from_slice(&u24_bytes(self.end().saturating_sub(self.offset)));
        out.extend_from_slice(self.bytes);
    }
}

/// A whole handshake message, not yet interpreted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) kind: HandshakeType,
    pub(crate) message_seq: u16,
    pub(crate) body: &'a [u8],
}

/// The body of a handshake message of DTLS 1.2.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Body<'a> {
    /// ClientHello.
    ClientHello(ClientHello<'a>),
    /// ServerHello.
    ServerHello(ServerHello<'a>),
    /// HelloVerifyRequest.
    HelloVerifyRequest(HelloVerifyRequest<'a>),
    /// Certificate.
    Certificate(Certificate<'a>),
    /// ServerKeyExchange.
    ServerKeyExchange(ServerKeyExchange<'a>),
    /// CertificateRequest.
    CertificateRequest(CertificateRequest<'a>),
    /// ServerHelloDone.
    ServerHelloDone,
    /// ClientKeyExchange.
    ClientKeyExchange(ClientKeyExchange<'a>),
    /// CertificateVerify.
    CertificateVerify(CertificateVerify<'a>),
    /// Finished, with its `verify_data`.
    Finished(&'a [u8; VERIFY_DATA_LEN]),
}

impl<'a> Body<'a> {
    /// Reads the body of a whole message.
    ///
    /// # Errors
    /// A kind that is unknown, or a body that is not of its kind.
    pub fn parse(kind: HandshakeType, body: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(match kind {
            HandshakeType::CLIENT_HELLO => Self::ClientHello(ClientHello::parse(body)?),
            HandshakeType::SERVER_HELLO => Self::ServerHello(ServerHello::parse(body)?),
            HandshakeType::HELLO_VERIFY_REQUEST => Self::HelloVerifyRequest(HelloVerifyRequest::parse(body)?),
            HandshakeType::CERTIFICATE => Self::Certificate(Certificate::parse(body)?),
            HandshakeType::SERVER_KEY_EXCHANGE => Self::ServerKeyExchange(ServerKeyExchange::parse(body)?),
            HandshakeType::CERTIFICATE_REQUEST => Self::CertificateRequest(CertificateRequest::parse(body)?),
            HandshakeType::SERVER_HELLO_DONE if body.is_empty() => Self::ServerHelloDone,
            HandshakeType::CLIENT_KEY_EXCHANGE => Self::ClientKeyExchange(ClientKeyExchange::parse(body)?),
            HandshakeType::CERTIFICATE_VERIFY => Self::CertificateVerify(CertificateVerify::parse(body)?),
            HandshakeType::FINISHED => {
                Self::Finished(body.try_into().map_err(|_| DecodeError::new("verify_data"))?)
            }
            _ => return Err(DecodeError::new("msg_type")),
        })
    }
}

/// The length of a Finished message (RFC 5246, Section 7.4.9).
pub const VERIFY_DATA_LEN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_round_trips_and_every_truncation_is_refused() {
        let fragment = Fragment {
            kind: HandshakeType::CERTIFICATE,
            length: 9,
            message_seq: 2,
            offset: 3,
            bytes: b"abc",
        };
        let mut out = Vec::new();
        fragment.write(&mut out);
        assert_eq!(out, [11, 0, 0, 9, 0, 2, 0, 0, 3, 0, 0, 3, b'a', b'b', b'c']);
        for len in 0..out.len() {
            assert!(Fragment::parse(&out[..len]).is_err(), "{len}");
        }
        out.push(77);
        assert_eq!(Fragment::parse(&out), Ok((fragment, &[77][..])));
    }

    #[test]
    fn fragments_beyond_their_message_or_without_bytes_are_refused() {
        let mut out = Vec::new();
        let kind = HandshakeType::CERTIFICATE;
        Fragment { kind, length: 5, message_seq: 0, offset: 3, bytes: b"abc" }.write(&mut out);
        assert_eq!(Fragment::parse(&out), Err(DecodeError { field: "fragment_length" }));
        out.clear();
        Fragment { kind, length: 5, message_seq: 0, offset: 3, bytes: b"" }.write(&mut out);
        assert_eq!(Fragment::parse(&out), Err(DecodeError { field: "fragment_length" }));
    }
}
