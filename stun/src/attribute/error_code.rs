//! The codes of ERROR-CODE (RFC 8489, Section 14.8; RFC 8656, Section 19).

/// The code of an ERROR-CODE attribute, 300 to 699; unknown ones are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(u16);

impl ErrorCode {
    /// 300, Try Alternate.
    pub const TRY_ALTERNATE: Self = Self(300);
    /// 400, Bad Request.
    pub const BAD_REQUEST: Self = Self(400);
    /// 401, Unauthenticated.
    pub const UNAUTHENTICATED: Self = Self(401);
    /// 403, Forbidden; as an answer to a consent check it revokes consent (RFC 7675, Section 5.2).
    pub const FORBIDDEN: Self = Self(403);
    /// 420, Unknown Attribute.
    pub const UNKNOWN_ATTRIBUTE: Self = Self(420);
    /// 437, Allocation Mismatch.
    pub const ALLOCATION_MISMATCH: Self = Self(437);
    /// 438, Stale Nonce.
    pub const STALE_NONCE: Self = Self(438);
    /// 440, Address Family not Supported.
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: Self = Self(440);
    /// 441, Wrong Credentials.
    pub const WRONG_CREDENTIALS: Self = Self(441);
    /// 442, Unsupported Transport Protocol.
    pub const UNSUPPORTED_TRANSPORT_PROTOCOL: Self = Self(442);
    /// 443, Peer Address Family Mismatch.
    pub const PEER_ADDRESS_FAMILY_MISMATCH: Self = Self(443);
    /// 486, Allocation Quota Reached.
    pub const ALLOCATION_QUOTA_REACHED: Self = Self(486);
    /// 487, Role Conflict (RFC 8445, Section 16.2).
    pub const ROLE_CONFLICT: Self = Self(487);
    /// 500, Server Error.
    pub const SERVER_ERROR: Self = Self(500);
    /// 508, Insufficient Capacity.
    pub const INSUFFICIENT_CAPACITY: Self = Self(508);

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

    /// The reason phrase that RFC 8489, Section 14.8, and RFC 8656, Section 19, suggest; empty for codes they do not know.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TRY_ALTERNATE => "Try Alternate",
            Self::BAD_REQUEST => "Bad Request",
            Self::UNAUTHENTICATED => "Unauthenticated",
            Self::FORBIDDEN => "Forbidden",
            Self::UNKNOWN_ATTRIBUTE => "Unknown Attribute",
            Self::ALLOCATION_MISMATCH => "Allocation Mismatch",
            Self::STALE_NONCE => "Stale Nonce",
            Self::ADDRESS_FAMILY_NOT_SUPPORTED => "Address Family not Supported",
            Self::WRONG_CREDENTIALS => "Wrong Credentials",
            Self::UNSUPPORTED_TRANSPORT_PROTOCOL => "Unsupported Transport Protocol",
            Self::PEER_ADDRESS_FAMILY_MISMATCH => "Peer Address Family Mismatch",
            Self::ALLOCATION_QUOTA_REACHED => "Allocation Quota Reached",
            Self::ROLE_CONFLICT => "Role Conflict",
            Self::SERVER_ERROR => "Server Error",
            Self::INSUFFICIENT_CAPACITY => "Insufficient Capacity",
            _ => "",
        }
    }

    /// RFC 8489, Section 14.8: the hundreds in three bits, then the rest, 0 to 99.
    pub(crate) fn read(class: u8, number: u8) -> Option<Self> {
        if number > 99 {
            return None;
        }
        Self::new(u16::from(class & 0x07) * 100 + u16::from(number))
    }

    /// The inverse of [`Self::read`].
    pub(crate) fn write(self) -> [u8; 2] {
        [self.0 / 100, self.0 % 100].map(|part| u8::try_from(part).unwrap_or_default())
    }
}
