//! Received packets, borrowed from their datagrams.

use std::fmt;
use std::iter::FusedIterator;

use super::{Discard, FIXED_HEADER_LEN, Header};
use crate::extension::Extensions;
use crate::sequence::{PayloadType, SequenceNumber, Ssrc, Timestamp};

/// A packet whose lengths have all been checked: no part of it reaches beyond its bytes.
///
/// Source: [RFC 3550, Section 5](https://www.rfc-editor.org/rfc/rfc3550#section-5).
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    head: Head<'a>,
    payload: &'a [u8],
    padding_len: u8,
}

impl<'a> Packet<'a> {
    /// Reads a whole packet that is not encrypted.
    ///
    /// # Errors
    /// A [`Discard`] when a length in it, the padding's included, does not fit.
    #[inline]
    pub fn parse(packet: &'a [u8]) -> Result<Self, Discard> {
        let (head, rest) = Head::split(packet)?;
        if head.fixed[0] & PADDING == 0 {
            return Ok(Self { head, payload: rest, padding_len: 0 });
        }
        // RFC 3550, Section 5.1: the last octet of the padding counts the padding octets, itself included. More than
        // follows the header cannot be true; all of it is a packet of padding alone.
        let padding_len = rest.last().copied().unwrap_or_default();
        let payload_len = rest.len().checked_sub(usize::from(padding_len)).ok_or(Discard::Padding)?;
        if padding_len == 0 {
            return Err(Discard::Padding);
        }
        let payload = rest.get(..payload_len).ok_or(Discard::Padding)?;
        Ok(Self { head, payload, padding_len })
    }

    /// The fixed fields.
    #[must_use]
    pub const fn header(&self) -> Header {
        fixed_fields(self.head.fixed)
    }

    /// The contributing sources: those that a mixer made the payload from.
    #[must_use]
    pub const fn csrcs(&self) -> Csrcs<'a> {
        Csrcs(self.head.csrcs)
    }

    /// The header extension's elements.
    #[must_use]
    pub const fn extensions(&self) -> Extensions<'a> {
        self.head.extensions
    }

    /// What the packet carries, without padding.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// How many bytes of padding follow the payload, the count itself included; 0 when there is no padding.
    #[must_use]
    pub const fn padding_len(&self) -> u8 {
        self.padding_len
    }

    /// Length of the header in bytes, CSRCs and extension included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.head.len
    }
}

/// The payload and the extension's values print as lengths.
impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("header", &self.header())
            .field("csrcs", &self.csrcs())
            .field("extensions", &self.extensions())
            .field("payload_len", &self.payload.len())
            .field("padding_len", &self.padding_len)
            .finish()
    }
}

/// The fixed fields and the length of the whole header, which is what SRTP needs before it decrypts: the padding, being
/// encrypted, is not looked at, and the bytes may end in an authentication tag.
///
/// # Errors
/// A [`Discard`] when the header does not fit.
pub fn peek(packet: &[u8]) -> Result<(Header, usize), Discard> {
    let (head, _) = Head::split(packet)?;
    Ok((fixed_fields(head.fixed), head.len))
}

/// Whether bytes that share a transport with RTP are RTCP.
///
/// Source: [RFC 5761, Section 4](https://www.rfc-editor.org/rfc/rfc5761#section-4): RTCP packet types are 192 to 223,
/// where an RTP packet would have its marker set and a payload type of 64 to 95, which are not to be used then.
#[must_use]
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [_, 192..=223, ..])
}

/// The contributing sources of a packet, at most 15.
#[derive(Clone, Copy)]
pub struct Csrcs<'a>(&'a [[u8; 4]]);

impl Iterator for Csrcs<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(Ssrc(u32::from_be_bytes(*first)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Csrcs<'_> {}
impl FusedIterator for Csrcs<'_> {}

impl fmt::Debug for Csrcs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// A header, split off.
#[derive(Clone, Copy)]
struct Head<'a> {
    fixed: &'a [u8; FIXED_HEADER_LEN],
    csrcs: &'a [[u8; 4]],
    extensions: Extensions<'a>,
    len: usize,
}

impl<'a> Head<'a> {
    /// The header, and what follows it.
    #[inline]
    fn split(packet: &'a [u8]) -> Result<(Self, &'a [u8]), Discard> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED_HEADER_LEN>().ok_or(Discard::TooShort)?;
        if fixed[0] >> 6 != VERSION {
            return Err(Discard::Version);
        }
        let csrcs_len = usize::from(fixed[0] & CSRC_COUNT) * 4;
        let (csrcs, rest) = rest.split_at_checked(csrcs_len).ok_or(Discard::TooShort)?;
        let (csrcs, _) = csrcs.as_chunks();
        let mut len = FIXED_HEADER_LEN + csrcs_len;
        if fixed[0] & EXTENSION == 0 {
            return Ok((Self { fixed, csrcs, extensions: Extensions::default(), len }, rest));
        }
        // RFC 3550, Section 5.3.1: 16 bits for the profile, then the number of 32-bit words that follow these four octets.
        let (&[p0, p1, l0, l1], rest) = rest.split_first_chunk().ok_or(Discard::Extension)?;
        let data_len = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let (data, rest) = rest.split_at_checked(data_len).ok_or(Discard::Extension)?;
        len += 4 + data_len;
        let extensions = Extensions::new(u16::from_be_bytes([p0, p1]), data);
        Ok((Self { fixed, csrcs, extensions, len }, rest))
    }
}

const fn fixed_fields(bytes: &[u8; FIXED_HEADER_LEN]) -> Header {
    let [_, kind, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3] = *bytes;
    Header {
        marker: kind & MARKER != 0,
        payload_type: PayloadType::from_low_bits(kind),
        sequence_number: SequenceNumber(u16::from_be_bytes([n0, n1])),
        timestamp: Timestamp(u32::from_be_bytes([t0, t1, t2, t3])),
        ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
    }
}

pub(super) const VERSION: u8 = 2;
pub(super) const PADDING: u8 = 0x20;
pub(super) const EXTENSION: u8 = 0x10;
pub(super) const CSRC_COUNT: u8 = 0x0f;
pub(super) const MARKER: u8 = 0x80;
