//! A received message: a checked view of borrowed bytes (RFC 8489, Section 5).

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use crate::attribute::{Attribute, AttributeType, ErrorCode, Opaque};
use crate::error::{AttributeError, ParseError};

pub(crate) const MAGIC_COOKIE: u32 = 0x2112_a442;
pub(crate) const HEADER_LEN: usize = 20;

/// What a message is: a request, an indication, or one of the two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Asks for none.
    Indication,
    /// The good answer.
    Success,
    /// The bad answer; it carries an ERROR-CODE.
    Error,
}

/// A method, 0 to 0xFFF; unknown ones are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding (RFC 8489, Section 3).
    pub const BINDING: Self = Self(0x001);
    /// Allocate (RFC 8656, Section 17).
    pub const ALLOCATE: Self = Self(0x003);
    /// Refresh (RFC 8656, Section 17).
    pub const REFRESH: Self = Self(0x004);
    /// Send, indications alone (RFC 8656, Section 17).
    pub const SEND: Self = Self(0x006);
    /// Data, indications alone (RFC 8656, Section 17).
    pub const DATA: Self = Self(0x007);
    /// CreatePermission (RFC 8656, Section 17).
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// ChannelBind (RFC 8656, Section 17).
    pub const CHANNEL_BIND: Self = Self(0x009);

    /// A method, when it fits the header's 12 bits.
    #[must_use]
    pub const fn new(method: u16) -> Option<Self> {
        if method < 0x1000 { Some(Self(method)) } else { None }
    }

    /// The method as a number, 0 to 0xFFF.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// The 96 bits by which an answer finds its request. RFC 8489, Section 5 wants them uniformly random.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub [u8; 12]);

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The header alone: enough to route a datagram without reading its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Request, indication, success or error.
    pub class: Class,
    /// Binding, or another method.
    pub method: Method,
    /// The transaction that the message belongs to.
    pub transaction_id: TransactionId,
}

impl Header {
    /// Reads the header and compares its length with the datagram's; the attributes stay unread.
    ///
    /// # Errors
    /// The datagram is not STUN: see each variant.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let (header, rest) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(ParseError::Short)?;
        let [t0, t1, l0, l1, c0, c1, c2, c3, id @ ..] = *header;
        // RFC 8489, Section 5: "The most significant 2 bits of every STUN message MUST be zeroes."
        if t0 & 0xc0 != 0 {
            return Err(ParseError::FirstBits);
        }
        if u32::from_be_bytes([c0, c1, c2, c3]) != MAGIC_COOKIE {
            return Err(ParseError::Cookie);
        }
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if len != rest.len() || !len.is_multiple_of(4) {
            return Err(ParseError::Length);
        }
        let (class, method) = split_type(u16::from_be_bytes([t0, t1]));
        Ok(Self { class, method, transaction_id: TransactionId(id) })
    }
}

/// RFC 8489, Section 5, figure 3: the class's two bits stand between the method's twelve.
fn split_type(bits: u16) -> (Class, Method) {
    let class = match (bits >> 8 & 1, bits >> 4 & 1) {
        (0, 0) => Class::Request,
        (0, _) => Class::Indication,
        (_, 0) => Class::Success,
        (_, _) => Class::Error,
    };
    (class, Method(bits >> 2 & 0xf80 | bits >> 1 & 0x70 | bits & 0x0f))
}

/// The inverse of [`split_type`].
pub(crate) fn join_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x010,
        Class::Success => 0x100,
        Class::Error => 0x110,
    };
    let method = method.0;
    class | (method & 0xf80) << 2 | (method & 0x70) << 1 | method & 0x0f
}

/// A STUN message in a datagram: every length in it has been checked.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: Header,
    integrity: Option<usize>,
    integrity_sha256: Option<usize>,
    fingerprint: Option<usize>,
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("header", &self.header).field("len", &self.bytes.len()).finish()
    }
}

impl<'a> Message<'a> {
    /// Checks a datagram's header and the lengths of all its attributes. Neither integrity nor fingerprint is
    /// verified: see [`Self::verify_integrity`] and [`Self::verify_fingerprint`].
    ///
    /// # Errors
    /// The datagram is not STUN: see each variant.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let header = Header::parse(datagram)?;
        let mut message =
            Self { bytes: datagram, header, integrity: None, integrity_sha256: None, fingerprint: None };
        let mut rest = datagram.get(HEADER_LEN..).unwrap_or_default();
        while !rest.is_empty() {
            let offset = datagram.len() - rest.len();
            let (attribute, _, after) = split_attribute(rest).ok_or(ParseError::AttributeLength)?;
            match attribute {
                // RFC 8489, Section 14.6: after MESSAGE-INTEGRITY-SHA256 all but FINGERPRINT is ignored.
                AttributeType::MESSAGE_INTEGRITY
                    if message.integrity.is_none() && message.integrity_sha256.is_none() =>
                {
                    message.integrity = Some(offset);
                }
                AttributeType::MESSAGE_INTEGRITY_SHA256 if message.integrity_sha256.is_none() => {
                    message.integrity_sha256 = Some(offset);
                }
                // RFC 8489, Section 14.7: FINGERPRINT MUST be the last attribute.
                AttributeType::FINGERPRINT if after.is_empty() => message.fingerprint = Some(offset),
                _ => {}
            }
            rest = after;
        }
        Ok(message)
    }

    /// Request, indication, success or error.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.header.class
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.header.method
    }

    /// The transaction id.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        self.header.transaction_id
    }

    /// The attributes in their order, up to and including MESSAGE-INTEGRITY, then MESSAGE-INTEGRITY-SHA256 and
    /// FINGERPRINT alone.
    ///
    /// RFC 8489, Sections 14.5 and 14.6: other attributes after one of the two are ignored, for nothing authenticates
    /// them.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: Opaque(self.bytes.get(HEADER_LEN..).unwrap_or_default()),
            transaction_id: self.header.transaction_id,
            seal: Seal::Open,
        }
    }

    /// The value of the first attribute of a type.
    #[must_use]
    pub fn value(&self, attribute: AttributeType) -> Option<&'a [u8]> {
        self.attributes().find(|raw| raw.attribute == attribute).map(|raw| raw.value)
    }

    /// The first attribute of a type, in its typed form.
    ///
    /// # Errors
    /// There is one, and its value's length or form is not that of its type.
    pub fn attribute(&self, attribute: AttributeType) -> Result<Option<Attribute<'a>>, AttributeError> {
        let raw = self.attributes().find(|raw| raw.attribute == attribute);
        raw.map(|raw| raw.decode()).transpose()
    }

    /// Where in the datagram the value of the first attribute of a type lies.
    pub(crate) fn value_range(&self, attribute: AttributeType) -> Option<Range<usize>> {
        let mut attributes = self.attributes();
        let raw = attributes.find(|raw| raw.attribute == attribute)?;
        let start =
            (self.bytes.len() - attributes.rest.0.len()).checked_sub(raw.value.len().next_multiple_of(4))?;
        Some(start..start + raw.value.len())
    }

    /// USERNAME's value.
    #[must_use]
    pub fn username(&self) -> Option<&'a [u8]> {
        self.value(AttributeType::USERNAME)
    }

    /// The part of USERNAME before its first colon: in a request, the receiver's own user name fragment
    /// (RFC 8445, Section 7.2.2). `None` without a USERNAME or without a colon.
    #[must_use]
    pub fn username_local(&self) -> Option<&'a [u8]> {
        let username = self.username()?;
        let colon = username.iter().position(|byte| *byte == b':')?;
        username.get(..colon)
    }

    /// XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS from servers that know that alone.
    #[must_use]
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        let mut plain = None;
        for raw in self.attributes() {
            match raw.decode() {
                Ok(Attribute::XorMappedAddress(address)) => return Some(address),
                Ok(Attribute::MappedAddress(address)) => plain = Some(address),
                _ => {}
            }
        }
        plain
    }

    /// ERROR-CODE's code and its reason phrase, which need not be UTF-8.
    #[must_use]
    pub fn error_code(&self) -> Option<(ErrorCode, &'a [u8])> {
        self.attributes().find_map(|raw| match raw.decode() {
            Ok(Attribute::ErrorCode(code, reason)) => Some((code, reason)),
            _ => None,
        })
    }

    /// The types that the peer requires us to know and that nothing here knows
    /// (RFC 8489, Section 6.3.1: such a request is answered with 420).
    #[must_use]
    pub fn unknown_attributes(&self) -> UnknownAttributes<'a> {
        UnknownAttributes { attributes: self.attributes() }
    }

    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) const fn integrity_offset(&self) -> Option<usize> {
        self.integrity
    }

    pub(crate) const fn integrity_sha256_offset(&self) -> Option<usize> {
        self.integrity_sha256
    }

    pub(crate) const fn fingerprint_offset(&self) -> Option<usize> {
        self.fingerprint
    }
}

/// One attribute as it stands in the message. `Debug` prints its value as a length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Its type.
    pub attribute: AttributeType,
    /// Its value without padding.
    pub value: &'a [u8],
    transaction_id: TransactionId,
}

impl fmt::Debug for RawAttribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAttribute")
            .field("attribute", &self.attribute)
            .field("len", &self.value.len())
            .finish_non_exhaustive()
    }
}

impl<'a> RawAttribute<'a> {
    /// The value in its typed form.
    ///
    /// # Errors
    /// The value's length or form is not that of its type.
    pub fn decode(&self) -> Result<Attribute<'a>, AttributeError> {
        Attribute::decode(self.attribute, self.value, self.transaction_id)
    }
}

/// Iterates a message's attributes: see [`Message::attributes`].
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: Opaque<'a>,
    transaction_id: TransactionId,
    seal: Seal,
}

/// Which attributes may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seal {
    /// All.
    Open,
    /// MESSAGE-INTEGRITY has come: MESSAGE-INTEGRITY-SHA256 and FINGERPRINT.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 has come: FINGERPRINT.
    Sha256,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<RawAttribute<'a>> {
        loop {
            let (attribute, value, rest) = split_attribute(self.rest.0)?;
            self.rest = Opaque(rest);
            self.seal = match (self.seal, attribute) {
                (seal, AttributeType::FINGERPRINT) if rest.is_empty() => seal,
                (Seal::Open | Seal::Sha1, AttributeType::MESSAGE_INTEGRITY_SHA256) => Seal::Sha256,
                (Seal::Open, AttributeType::MESSAGE_INTEGRITY) => Seal::Sha1,
                (Seal::Open, _) => Seal::Open,
                (Seal::Sha1 | Seal::Sha256, _) => continue,
            };
            return Some(RawAttribute { attribute, value, transaction_id: self.transaction_id });
        }
    }
}

/// Iterates the unknown comprehension-required types: see [`Message::unknown_attributes`].
#[derive(Debug, Clone)]
pub struct UnknownAttributes<'a> {
    attributes: Attributes<'a>,
}

impl Iterator for UnknownAttributes<'_> {
    type Item = AttributeType;

    fn next(&mut self) -> Option<AttributeType> {
        self.attributes
            .by_ref()
            .map(|raw| raw.attribute)
            .find(|attribute| attribute.is_comprehension_required() && !attribute.is_known())
    }
}

/// RFC 8489, Section 14: type, length, value, padding to a multiple of four.
fn split_attribute(bytes: &[u8]) -> Option<(AttributeType, &[u8], &[u8])> {
    let ([t0, t1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let value = rest.get(..len)?;
    let rest = rest.get(len.next_multiple_of(4)..)?;
    Some((AttributeType(u16::from_be_bytes([*t0, *t1])), value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_split_and_join_for_every_class_and_method() {
        for method in 0..0x1000 {
            for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
                let bits = join_type(class, Method(method));
                assert!(bits < 0x4000);
                assert_eq!(split_type(bits), (class, Method(method)));
            }
        }
        assert_eq!(join_type(Class::Success, Method::BINDING), 0x0101);
        assert_eq!(join_type(Class::Error, Method::BINDING), 0x0111);
        assert_eq!(join_type(Class::Indication, Method::BINDING), 0x0011);
    }

    #[test]
    fn a_header_says_why_it_is_refused() {
        let mut datagram = [0_u8; 20];
        datagram[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        assert!(Header::parse(&datagram).is_ok());
        assert_eq!(Header::parse(&datagram[..19]), Err(ParseError::Short));
        let mut other = datagram;
        other[0] = 0x40;
        assert_eq!(Header::parse(&other), Err(ParseError::FirstBits));
        other = datagram;
        other[5] ^= 1;
        assert_eq!(Header::parse(&other), Err(ParseError::Cookie));
        other = datagram;
        other[3] = 4;
        assert_eq!(Header::parse(&other), Err(ParseError::Length));
    }
}
