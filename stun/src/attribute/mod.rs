//! Attributes: their types and their typed values (RFC 8489, Section 14; RFC 8445, Section 16.1; RFC 8656, Section 18;
//! RFC 7635, Section 6; RFC 5780, Section 7).

mod error_code;
mod kind;
mod value;

use std::net::SocketAddr;

pub use error_code::ErrorCode;
pub use kind::AttributeType;
pub use value::{AddressFamily, ChannelNumber, Opaque, PasswordAlgorithm, PasswordAlgorithms};

use crate::address;
use crate::error::AttributeError;
use crate::message::TransactionId;

/// An attribute's value in its typed form. Text is bytes: what a peer sends need not be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// MAPPED-ADDRESS.
    MappedAddress(SocketAddr),
    /// CHANGE-REQUEST: whence the answer shall come.
    ChangeRequest {
        /// From the server's other IP address.
        ip: bool,
        /// From the server's other port.
        port: bool,
    },
    /// USERNAME.
    Username(&'a [u8]),
    /// MESSAGE-INTEGRITY; [`crate::Message::verify_integrity`] checks it.
    MessageIntegrity(&'a [u8; 20]),
    /// ERROR-CODE with its reason phrase.
    ErrorCode(ErrorCode, &'a [u8]),
    /// UNKNOWN-ATTRIBUTES: types of two bytes each.
    UnknownAttributes(&'a [u8]),
    /// CHANNEL-NUMBER, any 16 bits; [`ChannelNumber::new`] says whether a channel can have it.
    ChannelNumber(u16),
    /// LIFETIME, in seconds.
    Lifetime(u32),
    /// XOR-PEER-ADDRESS, the mask taken off.
    XorPeerAddress(SocketAddr),
    /// DATA.
    Data(Opaque<'a>),
    /// REALM.
    Realm(&'a [u8]),
    /// NONCE.
    Nonce(&'a [u8]),
    /// XOR-RELAYED-ADDRESS, the mask taken off.
    XorRelayedAddress(SocketAddr),
    /// REQUESTED-ADDRESS-FAMILY.
    RequestedAddressFamily(AddressFamily),
    /// EVEN-PORT.
    EvenPort {
        /// The R bit: the next higher port is to be reserved.
        reserve: bool,
    },
    /// REQUESTED-TRANSPORT with the number of the protocol; 17 is UDP.
    RequestedTransport(u8),
    /// DONT-FRAGMENT.
    DontFragment,
    /// ACCESS-TOKEN.
    AccessToken(Opaque<'a>),
    /// MESSAGE-INTEGRITY-SHA256, whole or cut; [`crate::Message::verify_integrity_sha256`] checks it.
    MessageIntegritySha256(&'a [u8]),
    /// PASSWORD-ALGORITHM with its parameters.
    PasswordAlgorithm(PasswordAlgorithm, &'a [u8]),
    /// USERHASH.
    Userhash(&'a [u8; 32]),
    /// XOR-MAPPED-ADDRESS, the mask taken off.
    XorMappedAddress(SocketAddr),
    /// RESERVATION-TOKEN.
    ReservationToken([u8; 8]),
    /// PRIORITY.
    Priority(u32),
    /// USE-CANDIDATE.
    UseCandidate,
    /// PADDING.
    Padding(&'a [u8]),
    /// RESPONSE-PORT.
    ResponsePort(u16),
    /// ADDITIONAL-ADDRESS-FAMILY.
    AdditionalAddressFamily(AddressFamily),
    /// ADDRESS-ERROR-CODE with its reason phrase.
    AddressErrorCode(AddressFamily, ErrorCode, &'a [u8]),
    /// PASSWORD-ALGORITHMS.
    PasswordAlgorithms(PasswordAlgorithms<'a>),
    /// ALTERNATE-DOMAIN.
    AlternateDomain(&'a [u8]),
    /// ICMP.
    Icmp {
        /// The ICMP type.
        kind: u8,
        /// The ICMP code.
        code: u8,
        /// The next link's MTU in bytes, when type and code say that a datagram was too big; else zero.
        data: u32,
    },
    /// SOFTWARE.
    Software(&'a [u8]),
    /// ALTERNATE-SERVER.
    AlternateServer(SocketAddr),
    /// FINGERPRINT; [`crate::Message::verify_fingerprint`] checks it.
    Fingerprint(u32),
    /// ICE-CONTROLLED with its tie-breaker.
    IceControlled(u64),
    /// ICE-CONTROLLING with its tie-breaker.
    IceControlling(u64),
    /// RESPONSE-ORIGIN.
    ResponseOrigin(SocketAddr),
    /// OTHER-ADDRESS.
    OtherAddress(SocketAddr),
    /// THIRD-PARTY-AUTHORIZATION with the server's name.
    ThirdPartyAuthorization(&'a [u8]),
    /// NOMINATION with its counter.
    Nomination(u32),
    /// NETWORK-COST: network id and cost.
    NetworkCost(u32),
    /// A type not known here.
    Unknown(AttributeType, Opaque<'a>),
}

impl<'a> Attribute<'a> {
    /// Types a value. `id` is the message's transaction id, under which the XOR addresses stand.
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
            AttributeType::MESSAGE_INTEGRITY_SHA256 => integrity_sha256(value),
            AttributeType::PASSWORD_ALGORITHM => password_algorithm(value),
            AttributeType::USERHASH => value.try_into().ok().map(Self::Userhash),
            AttributeType::XOR_MAPPED_ADDRESS => address::read_xor(value, id).map(Self::XorMappedAddress),
            AttributeType::PRIORITY => read_u32(value).map(Self::Priority),
            AttributeType::USE_CANDIDATE => value.is_empty().then_some(Self::UseCandidate),
            AttributeType::PASSWORD_ALGORITHMS => {
                PasswordAlgorithms::parse(value).map(Self::PasswordAlgorithms)
            }
            AttributeType::ALTERNATE_DOMAIN => (value.len() < 256).then_some(Self::AlternateDomain(value)),
            AttributeType::SOFTWARE => Some(Self::Software(value)),
            AttributeType::ALTERNATE_SERVER => address::read(value).map(Self::AlternateServer),
            AttributeType::FINGERPRINT => read_u32(value).map(Self::Fingerprint),
            AttributeType::ICE_CONTROLLED => read_u64(value).map(Self::IceControlled),
            AttributeType::ICE_CONTROLLING => read_u64(value).map(Self::IceControlling),
            AttributeType::NOMINATION => read_u32(value).map(Self::Nomination),
            AttributeType::NETWORK_COST => read_u32(value).map(Self::NetworkCost),
            _ => Self::decode_turn(attribute, value, id),
        };
        typed.ok_or(AttributeError { attribute })
    }

    /// The attributes of TURN, of third-party authorization and of the discovery of NAT behaviour.
    fn decode_turn(attribute: AttributeType, value: &'a [u8], id: TransactionId) -> Option<Self> {
        match attribute {
            AttributeType::CHANNEL_NUMBER => high_half(value).map(Self::ChannelNumber),
            AttributeType::LIFETIME => read_u32(value).map(Self::Lifetime),
            AttributeType::XOR_PEER_ADDRESS => address::read_xor(value, id).map(Self::XorPeerAddress),
            AttributeType::DATA => Some(Self::Data(Opaque(value))),
            AttributeType::XOR_RELAYED_ADDRESS => address::read_xor(value, id).map(Self::XorRelayedAddress),
            AttributeType::REQUESTED_ADDRESS_FAMILY => family(value).map(Self::RequestedAddressFamily),
            AttributeType::EVEN_PORT => {
                let [flags] = value else { return None };
                Some(Self::EvenPort { reserve: flags & 0x80 != 0 })
            }
            AttributeType::REQUESTED_TRANSPORT => {
                let [protocol, _, _, _] = value else { return None };
                Some(Self::RequestedTransport(*protocol))
            }
            AttributeType::DONT_FRAGMENT => value.is_empty().then_some(Self::DontFragment),
            AttributeType::RESERVATION_TOKEN => value.try_into().ok().map(Self::ReservationToken),
            AttributeType::ADDITIONAL_ADDRESS_FAMILY => family(value).map(Self::AdditionalAddressFamily),
            AttributeType::ADDRESS_ERROR_CODE => {
                let [family, _, class, number, reason @ ..] = value else { return None };
                let code = ErrorCode::read(*class, *number)?;
                Some(Self::AddressErrorCode(AddressFamily(*family), code, reason))
            }
            AttributeType::ICMP => {
                let [_, _, kind, code, data @ ..] = value else { return None };
                Some(Self::Icmp { kind: *kind, code: *code, data: read_u32(data)? })
            }
            AttributeType::ACCESS_TOKEN => Some(Self::AccessToken(Opaque(value))),
            AttributeType::THIRD_PARTY_AUTHORIZATION => Some(Self::ThirdPartyAuthorization(value)),
            AttributeType::CHANGE_REQUEST => {
                let flags = read_u32(value)?;
                Some(Self::ChangeRequest { ip: flags & 4 != 0, port: flags & 2 != 0 })
            }
            AttributeType::RESPONSE_ORIGIN => address::read(value).map(Self::ResponseOrigin),
            AttributeType::OTHER_ADDRESS => address::read(value).map(Self::OtherAddress),
            AttributeType::RESPONSE_PORT => high_half(value).map(Self::ResponsePort),
            AttributeType::PADDING => Some(Self::Padding(value)),
            _ => Some(Self::Unknown(attribute, Opaque(value))),
        }
    }
}

fn read_u32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

fn read_u64(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// 16 bits that mean something, 16 that do not.
fn high_half(value: &[u8]) -> Option<u16> {
    let [high, low, _, _] = value else { return None };
    Some(u16::from_be_bytes([*high, *low]))
}

/// RFC 8656, Section 18.6: the family, three bytes that are ignored.
fn family(value: &[u8]) -> Option<AddressFamily> {
    let [family, _, _, _] = value else { return None };
    Some(AddressFamily(*family))
}

/// RFC 8489, Section 14.8: 21 reserved bits, the hundreds, the rest, the phrase.
fn error_code(value: &[u8]) -> Option<Attribute<'_>> {
    let [_, _, class, number, reason @ ..] = value else { return None };
    Some(Attribute::ErrorCode(ErrorCode::read(*class, *number)?, reason))
}

/// RFC 8489, Section 14.6: 16 to 32 bytes, a multiple of four.
fn integrity_sha256(value: &[u8]) -> Option<Attribute<'_>> {
    let valid = (16..=32).contains(&value.len()) && value.len().is_multiple_of(4);
    valid.then_some(Attribute::MessageIntegritySha256(value))
}

fn password_algorithm(value: &[u8]) -> Option<Attribute<'_>> {
    let (algorithm, parameters, rest) = value::split_algorithm(value)?;
    rest.is_empty().then_some(Attribute::PasswordAlgorithm(algorithm, parameters))
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
                    assert_eq!(decoded, Ok(Attribute::Unknown(kind, Opaque(&value[..len]))));
                } else if let Ok(Attribute::Unknown(..)) = decoded {
                    panic!("{kind:?} is known and has no form");
                }
            }
        }
    }
}
