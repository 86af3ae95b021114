//! The types of attributes.

use std::fmt;

/// Makes the type's constants, and [`AttributeType::is_known`] of the same list.
macro_rules! types {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal;)+) => {
        impl AttributeType {
            $($(#[doc = $doc])+ pub const $name: Self = Self($value);)+

            /// Whether [`crate::Attribute`] has a form for the type, or the message's own fields have.
            #[must_use]
            pub const fn is_known(self) -> bool {
                matches!(self, $(Self::$name)|+)
            }
        }
    };
}

/// The type of an attribute; unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeType(pub u16);

types! {
    /// MAPPED-ADDRESS (RFC 8489, Section 14.1).
    MAPPED_ADDRESS = 0x0001;
    /// CHANGE-REQUEST (RFC 5780, Section 7.2).
    CHANGE_REQUEST = 0x0003;
    /// USERNAME (RFC 8489, Section 14.3).
    USERNAME = 0x0006;
    /// MESSAGE-INTEGRITY (RFC 8489, Section 14.5).
    MESSAGE_INTEGRITY = 0x0008;
    /// ERROR-CODE (RFC 8489, Section 14.8).
    ERROR_CODE = 0x0009;
    /// UNKNOWN-ATTRIBUTES (RFC 8489, Section 14.13).
    UNKNOWN_ATTRIBUTES = 0x000a;
    /// CHANNEL-NUMBER (RFC 8656, Section 18.1).
    CHANNEL_NUMBER = 0x000c;
    /// LIFETIME (RFC 8656, Section 18.2).
    LIFETIME = 0x000d;
    /// XOR-PEER-ADDRESS (RFC 8656, Section 18.3).
    XOR_PEER_ADDRESS = 0x0012;
    /// DATA (RFC 8656, Section 18.4).
    DATA = 0x0013;
    /// REALM (RFC 8489, Section 14.9).
    REALM = 0x0014;
    /// NONCE (RFC 8489, Section 14.10).
    NONCE = 0x0015;
    /// XOR-RELAYED-ADDRESS (RFC 8656, Section 18.5).
    XOR_RELAYED_ADDRESS = 0x0016;
    /// REQUESTED-ADDRESS-FAMILY (RFC 8656, Section 18.6).
    REQUESTED_ADDRESS_FAMILY = 0x0017;
    /// EVEN-PORT (RFC 8656, Section 18.7).
    EVEN_PORT = 0x0018;
    /// REQUESTED-TRANSPORT (RFC 8656, Section 18.8).
    REQUESTED_TRANSPORT = 0x0019;
    /// DONT-FRAGMENT (RFC 8656, Section 18.9).
    DONT_FRAGMENT = 0x001a;
    /// ACCESS-TOKEN (RFC 7635, Section 6.2).
    ACCESS_TOKEN = 0x001b;
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489, Section 14.6).
    MESSAGE_INTEGRITY_SHA256 = 0x001c;
    /// PASSWORD-ALGORITHM (RFC 8489, Section 14.12).
    PASSWORD_ALGORITHM = 0x001d;
    /// USERHASH (RFC 8489, Section 14.4).
    USERHASH = 0x001e;
    /// XOR-MAPPED-ADDRESS (RFC 8489, Section 14.2).
    XOR_MAPPED_ADDRESS = 0x0020;
    /// RESERVATION-TOKEN (RFC 8656, Section 18.10).
    RESERVATION_TOKEN = 0x0022;
    /// PRIORITY (RFC 8445, Section 16.1).
    PRIORITY = 0x0024;
    /// USE-CANDIDATE (RFC 8445, Section 16.1).
    USE_CANDIDATE = 0x0025;
    /// PADDING (RFC 5780, Section 7.6).
    PADDING = 0x0026;
    /// RESPONSE-PORT (RFC 5780, Section 7.5).
    RESPONSE_PORT = 0x0027;
    /// ADDITIONAL-ADDRESS-FAMILY (RFC 8656, Section 18.11).
    ADDITIONAL_ADDRESS_FAMILY = 0x8000;
    /// ADDRESS-ERROR-CODE (RFC 8656, Section 18.12).
    ADDRESS_ERROR_CODE = 0x8001;
    /// PASSWORD-ALGORITHMS (RFC 8489, Section 14.11).
    PASSWORD_ALGORITHMS = 0x8002;
    /// ALTERNATE-DOMAIN (RFC 8489, Section 14.16).
    ALTERNATE_DOMAIN = 0x8003;
    /// ICMP (RFC 8656, Section 18.13).
    ICMP = 0x8004;
    /// SOFTWARE (RFC 8489, Section 14.14).
    SOFTWARE = 0x8022;
    /// ALTERNATE-SERVER (RFC 8489, Section 14.15).
    ALTERNATE_SERVER = 0x8023;
    /// FINGERPRINT (RFC 8489, Section 14.7).
    FINGERPRINT = 0x8028;
    /// ICE-CONTROLLED (RFC 8445, Section 16.1).
    ICE_CONTROLLED = 0x8029;
    /// ICE-CONTROLLING (RFC 8445, Section 16.1).
    ICE_CONTROLLING = 0x802a;
    /// RESPONSE-ORIGIN (RFC 5780, Section 7.3).
    RESPONSE_ORIGIN = 0x802b;
    /// OTHER-ADDRESS (RFC 5780, Section 7.4).
    OTHER_ADDRESS = 0x802c;
    /// THIRD-PARTY-AUTHORIZATION (RFC 7635, Section 6.1).
    THIRD_PARTY_AUTHORIZATION = 0x802e;
    /// NOMINATION, a draft's counter of nominations that some peers send beside or in place of USE-CANDIDATE.
    NOMINATION = 0xc001;
    /// NETWORK-COST, as Chromium sends it.
    NETWORK_COST = 0xc057;
}

impl AttributeType {
    /// Whether a receiver that does not know the type must refuse the message
    /// (RFC 8489, Section 14: types 0x0000 to 0x7FFF).
    #[must_use]
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}
