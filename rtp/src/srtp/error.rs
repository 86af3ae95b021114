//! Why a packet was not protected, or not used.

use thiserror::Error;

/// Why a packet was not protected. The packet is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The lengths given do not fit the bytes: an RTP header below 12 bytes or beyond the packet's end, an RTCP packet
    /// below 8 bytes, or a packet above 65,535.
    #[error("the lengths given do not fit the packet")]
    Malformed,
    /// The key has protected as many packets as it may: 2^31 of SRTCP, or 2^48 of one source's SRTP. The session has to
    /// end ([RFC 3711, Section 9.2](https://www.rfc-editor.org/rfc/rfc3711#section-9.2)).
    #[error("the key has protected as many packets as it may")]
    KeyExhausted,
}

/// Why a packet was not used. Not an error: the network may deliver anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Too short for its header, the authentication tag and, in SRTCP, the index.
    Truncated,
    /// The tag is not that of the peer's key. The bytes of the packet may have been overwritten.
    NotAuthentic,
    /// The packet has been received before.
    Replayed,
    /// The packet is older than the replay window: whether it has been received before is no longer known.
    TooOld,
    /// The packet's source is new, and [`MAX_SOURCES`](crate::srtp::MAX_SOURCES) are known already. None of them is
    /// forgotten in its favour, as the packets of a forgotten source could be replayed.
    TooManySources,
    /// An SRTCP packet whose E flag says that it is not encrypted. No profile here leaves RTCP in the clear
    /// ([RFC 8827, Section 6.5](https://www.rfc-editor.org/rfc/rfc8827#section-6.5)).
    NotEncrypted,
}

impl Discard {
    /// Every reason, for tables of counters.
    pub const ALL: [Self; 6] = [
        Self::Truncated,
        Self::NotAuthentic,
        Self::Replayed,
        Self::TooOld,
        Self::TooManySources,
        Self::NotEncrypted,
    ];
}
