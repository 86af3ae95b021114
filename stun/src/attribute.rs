//! Attributes: their types and their typed values (RFC 8489, Section 14; RFC 8445, Section 16.1).

use std::fmt;
use std::net::SocketAddr;

use crate::address;
use crate::error::AttributeError;
use crate::message::TransactionId;

/// The type of an attribute; unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeType(pub u16);

impl AttributeType {
    /// MAPPED-ADDRESS (RFC 8489, Section 14.1).
    pub const MAPPED_ADDRESS: Self = Self(0x0001);
    /// USERNAME (RFC 8489, Section 14.3).
    pub const USERNAME: Self = Self(0x0006);
    /// MESSAGE-INTEGRITY (RFC 8489, Section 14.5).
    pub const MESSAGE_INTEGRITY: Self = Self(0x0008);
    /// ERROR-CODE (RFC 8489, Section 14.8).
    pub const ERROR_CODE: Self = Self(0x0009);
    /// UNKNOWN-ATTRIBUTES (RFC 8489, Section 14.13).
    pub const UNKNOWN_ATTRIBUTES: Self = Self(0x000a);
    /// REALM (RFC 8489, Section 14.9).
    pub const REALM: Self = Self(0x0014);
    /// NONCE (RFC 8489, Section 14.10).
    pub const NONCE: Self = Self(0x0015);
    /// XOR-MAPPED-ADDRESS (RFC 8489, Section 14.2).
    pub const XOR_MAPPED_ADDRESS: Self = Self(0x0020);
    /// PRIORITY (RFC 8445, Section 16.1).
    pub const PRIORITY: Self = Self(0x0024);
    /// USE-CANDIDATE (RFC 8445, Section 16.1).
    pub const USE_CANDIDATE: Self = Self(0x0025);
    /// SOFTWARE (RFC 8489, Section 14.14).
    pub const SOFTWARE: Self = Self(0x8022);
    /// FINGERPRINT (RFC 8489, Section 14.7).
    pub const FINGERPRINT: Self = Self(0x8028);
    /// ICE-CONTROLLED (RFC 8445, Section 16.1).
    pub const ICE_CONTROLLED: Self = Self(0x8029);
    /// ICE-CONTROLLING (RFC 8445, Section 16.1).
    pub const ICE_CONTROLLING: Self = Self(0x802a);
    /// NOMINATION, a draft's counter of nominations that some peers send beside or in place of USE-CANDIDATE.
    pub const NOMINATION: Self = Self(0xc001);
    /// NETWORK-COST, as Chromium sends it.
    pub const NETWORK_COST: Self = Self(0xc057);

    /// Whether a receiver that does not know the type must refuse the message
    /// (RFC 8489, Section 14: types 0x0000 to 0x7FFF).
    #[must_use]
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }

    /// Whether [`Attribute`] has a form for the type, or the message's own fields have.
    #[must_use]
    pub const fn is_known(self) -> bool {
        matches!(
            self,
            Self::MAPPED_ADDRESS
                | Self::USERNAME
                | Self::MESSAGE_INTEGRITY
                | Self::ERROR_CODE
                | Self::UNKNOWN_ATTRIBUTES
                | Self::REALM
                | Self::NONCE
                | Self::XOR_MAPPED_ADDRESS
                | Self::PRIORITY
                | Self::USE_CANDIDATE
                | Self::SOFTWARE
                | Self::FINGERPRINT
                | Self::ICE_CONTROLLED
                | Self::ICE_CONTROLLING
                | Self::NOMINATION
                | Self::NETWORK_COST
        )
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// The code of an ERROR-CODE attribute, 300 to 699; unknown ones are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(u16);

impl ErrorCode {
    /// 400, Bad Request.
    pub const BAD_REQUEST: Self = Self(400);
    /// 401, Unauthenticated.
    pub const UNAUTHENTICATED: Self = Self(401);
    /// 403, Forbidden; as an answer to a consent check it revokes consent (RFC 7675, Section 5.2).
    pub const FORBIDDEN: Self = Self(403);
    /// 420, Unknown Attribute.
    pub const UNKNOWN_ATTRIBUTE: Self = Self(420);
    /// 487, Role Conflict (RFC 8445, Section 16.2).
    pub const ROLE_CONFLICT: Self = Self(487);
    /// 500, Server Error.
    pub const SERVER_ERROR: Self = Self(500);

    /// A code, when it is one of 300 to 699.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if 300 <= code && code < 700 { Some(Self(code)) } else { None }
    }

    /// The code as a number, 300 to 699.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The reason phrase that RFC 8489, Section 14.8 suggests; empty for codes it does not know.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BAD_REQUEST => "Bad Request",
            Self::UNAUTHENTICATED => "Unauthenticated",
            Self::FORBIDDEN => "Forbidden",
            Self::UNKNOWN_ATTRIBUTE => "Unknown Attribute",
            Self::ROLE_CONFLICT => "Role Conflict",
            Self::SERVER_ERROR => "Server Error",
            _ => "",
        }
    }
}

/// An attribute's value in its typed form. Text is bytes: what a peer sends need not be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// MAPPED-ADDRESS.
    MappedAddress(SocketAddr),
    /// USERNAME.
    Username(&'a [u8]),
    /// MESSAGE-INTEGRITY; [`crate::Message::verify_integrity`] checks it.
    MessageIntegrity(&'a [u8; 20]),
    /// ERROR-CODE with its reason phrase.
    ErrorCode(ErrorCode, &'a [u8]),
    /// UNKNOWN-ATTRIBUTES: types of two bytes each.
    UnknownAttributes(&'a [u8]),
    /// REALM.
    Realm(&'a [u8]),
    /// NONCE.
    Nonce(&'a [u8]),
    /// XOR-MAPPED-ADDRESS, the mask taken off.
    XorMappedAddress(SocketAddr),
    /// PRIORITY.
    Priority(u32),
    /// USE-CANDIDATE.
    UseCandidate,
    /// SOFTWARE.
    Software(&'a [u8]),
    /// FINGERPRINT; [`crate::Message::verify_fingerprint`] checks it.
    Fingerprint(u32),
    /// ICE-CONTROLLED with its tie-breaker.
    IceControlled(u64),
    /// ICE-CONTROLLING with its tie-breaker.
    IceControlling(u64),
    /// NOMINATION with its counter.
    Nomination(u32),
    /// NETWORK-COST: network id and cost.
    NetworkCost(u32),
    /// A type not known here.
    Unknown(AttributeType, &'a [u8]),
}

impl<'a> Attribute<'a> {
    /// Types a value. `id` is the message's transaction id, under which XOR-MAPPED-ADDRESS stands.
    ///
    /// # Errors
    /// The value's length or form is not that of the type.
    pub fn decode(
        attribute: AttributeType,
        value: &'a [u8],
        id: TransactionId,
    ) -> Result<Self, AttributeError> {
        let typed = match attribute {
            AttributeType::MAPPED_ADDRESS => address::read(value).map(Self::MappedAddress),
            AttributeType::USERNAME => Some(Self::Username(value)),
            AttributeType::MESSAGE_INTEGRITY => value.try_into().ok().map(Self::MessageIntegrity),
            AttributeType::ERROR_CODE => error_code(value),
            AttributeType::UNKNOWN_ATTRIBUTES => {
                value.len().is_multiple_of(2).then_some(Self::UnknownAttributes(value))
            }
            AttributeType::REALM => Some(Self::Realm(value)),
            AttributeType::NONCE => Some(Self::Nonce(value)),
            AttributeType::XOR_MAPPED_ADDRESS => address::read_xor(value, id).map(Self::XorMappedAddress),
            AttributeType::PRIORITY => read_u32(value).map(Self::Priority),
            AttributeType::USE_CANDIDATE => value.is_empty().then_some(Self::UseCandidate),
            AttributeType::SOFTWARE => Some(Self::Software(value)),
            AttributeType::FINGERPRINT => read_u32(value).map(Self::Fingerprint),
            AttributeType::ICE_CONTROLLED => read_u64(value).map(Self::IceControlled),
            AttributeType::ICE_CONTROLLING => read_u64(value).map(Self::IceControlling),
            AttributeType::NOMINATION => read_u32(value).map(Self::Nomination),
            AttributeType::NETWORK_COST => read_u32(value).map(Self::NetworkCost),
            _ => Some(Self::Unknown(attribute, value)),
        };
        typed.ok_or(AttributeError { attribute })
    }
}

fn read_u32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

fn read_u64(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// RFC 8489, Section 14.8: 21 reserved bits, the hundreds, the rest, the phrase.
fn error_code(value: &[u8]) -> Option<Attribute<'_>> {
    let [_, _, class, number, reason @ ..] = value else { return None };
    if *number > 99 {
        return None;
    }
    let code = ErrorCode::new(u16::from(class & 0x07) * 100 + u16::from(*number))?;
    Some(Attribute::ErrorCode(code, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_outside_300_to_699_are_refused() {
        let id = TransactionId([0; 12]);
        let decode = |value: [u8; 4]| Attribute::decode(AttributeType::ERROR_CODE, &value, id).is_ok();
        assert!(decode([0, 0, 4, 87]));
        assert!(decode([0xff, 0xff, 0xfb, 0]), "reserved bits are ignored");
        assert!(!decode([0, 0, 2, 99]));
        assert!(!decode([0, 0, 7, 0]));
        assert!(!decode([0, 0, 4, 100]));
    }

    #[test]
    fn any_value_of_any_known_type_is_typed_or_refused_without_a_panic() {
        let value = [0xff_u8; 64];
        for kind in (0..=u16::MAX).map(AttributeType) {
            for len in [0, 1, 2, 3, 4, 5, 8, 19, 20, 21, 64] {
                let decoded = Attribute::decode(kind, &value[..len], TransactionId([9; 12]));
                if !kind.is_known() {
                    assert_eq!(decoded, Ok(Attribute::Unknown(kind, &value[..len])));
                }
            }
        }
    }
}
