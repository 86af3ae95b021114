//! What can be wrong with a message, by whose fault.

use crate::attribute::AttributeType;

/// Received bytes are not a STUN message (RFC 8489, Section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Shorter than the header of 20 bytes.
    #[error("shorter than the header of 20 bytes")]
    Short,
    /// The first two bits are not zero.
    #[error("the first two bits are not zero")]
    FirstBits,
    /// The magic cookie is not 0x2112A442.
    #[error("the magic cookie is not 0x2112A442")]
    Cookie,
    /// The header's length is not a multiple of four, or not that of the datagram.
    #[error("the length in the header is not that of the datagram")]
    Length,
    /// An attribute's length leads past the end of the message.
    #[error("an attribute's length leads past the end of the message")]
    AttributeLength,
}

/// An attribute's value does not have the form that its type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of attribute {attribute:?} is malformed")]
pub struct AttributeError {
    /// The attribute's type.
    pub attribute: AttributeType,
}

/// A message's MESSAGE-INTEGRITY or FINGERPRINT does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// The attribute is absent.
    #[error("the attribute is absent")]
    Missing,
    /// The attribute's value has the wrong length, or is not the one computed.
    #[error("the attribute's value is not the one computed")]
    Mismatch,
}

/// A message cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The attributes need more than the 65,532 bytes that the header's length can say.
    #[error("the attributes need more than 65,532 bytes")]
    TooLong,
}
