//! What a client tells: events, failures, refusals, errors and counters.

use std::net::SocketAddr;
use std::time::Duration;

use crate::attribute::{AddressFamily, ErrorCode};
use crate::auth::ChallengeError;

/// The addresses of an allocation. At least one relayed address is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed {
    /// The relayed IPv4 address.
    pub ipv4: Option<SocketAddr>,
    /// The relayed IPv6 address.
    pub ipv6: Option<SocketAddr>,
    /// Our address as the server sees it, if it says so.
    pub mapped: Option<SocketAddr>,
}

impl Relayed {
    pub(super) const fn has(&self, family: AddressFamily) -> bool {
        match family {
            AddressFamily::IPV4 => self.ipv4.is_some(),
            AddressFamily::IPV6 => self.ipv6.is_some(),
            _ => false,
        }
    }
}

/// Something the embedder should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is an allocation.
    Allocated(Relayed),
    /// The server had lost the allocation, and there is another, whose addresses are others. The permitted peers are being
    /// permitted again.
    Relocated(Relayed),
    /// Of the two families asked for, the server does not give this one ([RFC 8656, Section 7.3]).
    ///
    /// [RFC 8656, Section 7.3]: https://www.rfc-editor.org/rfc/rfc8656#section-7.3
    FamilyRefused(AddressFamily, ErrorCode),
    /// The server wants another to be asked: what is sent from now on goes to `server`. Over a stream the client waits for
    /// [`super::Client::stream_opened`].
    Redirected {
        /// The other server.
        server: SocketAddr,
        /// The name in its certificate, if it is not the first server's: bytes of a DNS name, as they came.
        domain: Option<Vec<u8>>,
    },
    /// The server takes tokens of a third party, and there are no credentials; the client waits for
    /// [`super::Client::set_credentials`]. The server's name is for the authorization server.
    TokenWanted(Vec<u8>),
    /// The server has confirmed that a peer is permitted.
    Permitted(SocketAddr),
    /// A peer is not, or no longer, permitted.
    PermissionRefused(SocketAddr, Refusal),
    /// A relayed datagram could not be delivered. Nothing authenticates this; an unpolled one is replaced by the next.
    Icmp {
        /// The peer that it was for.
        peer: SocketAddr,
        /// The ICMP type, by the peer's family.
        kind: u8,
        /// The ICMP code.
        code: u8,
        /// The next link's MTU in bytes, when type and code say that the datagram was too big.
        data: u32,
    },
    /// The client has been closed. Nothing follows.
    Closed,
    /// The client cannot go on. Nothing follows.
    Failed(Failure),
}

/// Why a peer is not permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The server has not answered.
    #[error("the server has not answered")]
    Timeout,
    /// The server has refused.
    #[error("the server has refused with {}", .0.get())]
    Refused(ErrorCode),
    /// The allocation has no relayed address of the peer's family.
    #[error("the allocation has no address of the peer's family")]
    Family,
}

/// Why a client cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server has not answered.
    #[error("the server has not answered")]
    Timeout,
    /// Answers have come, none of them sealed by the server.
    #[error("no answer was the server's own")]
    IntegrityViolated,
    /// The server wants credentials, or others than ours (401, 438).
    #[error("the server does not accept the credentials")]
    Unauthenticated,
    /// The server's challenge must not be answered.
    #[error("the server's challenge must not be answered: {0}")]
    Challenge(ChallengeError),
    /// The server sees our address as in use (437): another local address may work.
    #[error("the server has an allocation for our address already")]
    AllocationMismatch,
    /// The server does not relay for the family asked for (440).
    #[error("the server does not relay for the address family")]
    FamilyNotSupported,
    /// The allocation belongs to another user (441).
    #[error("the allocation belongs to another user")]
    WrongCredentials,
    /// The server does not relay UDP (442).
    #[error("the server does not relay UDP")]
    UnsupportedTransport,
    /// The user has as many allocations as may be (486).
    #[error("the user has as many allocations as may be")]
    QuotaReached,
    /// The server has no address left (508).
    #[error("the server has no address left")]
    InsufficientCapacity,
    /// Any other error of the server.
    #[error("the server has refused with {}", .0.get())]
    Refused(ErrorCode),
    /// The redirection leads back, too far, or nowhere.
    #[error("the server's redirection leads nowhere")]
    Redirection,
    /// The server's success response has no relayed address of a family that was asked for.
    #[error("the server has given no usable relayed address")]
    UnusableAddress,
    /// Token, user name or realm are too long for a message.
    #[error("the credentials do not fit into a message")]
    TooLong,
    /// The server loses each allocation soon after it has been made.
    #[error("the server loses its allocations")]
    Unstable,
}

impl Failure {
    /// How long to wait before another allocation is asked for on the server ([RFC 8656, Section 7.4]). `None`: not before
    /// something else has changed, the credentials or the transport say.
    ///
    /// [RFC 8656, Section 7.4]: https://www.rfc-editor.org/rfc/rfc8656#section-7.4
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            // RFC 8656, Section 7.4: "SHOULD wait at least 1 minute".
            Self::QuotaReached | Self::InsufficientCapacity => Some(Duration::from_secs(60)),
            // RFC 8656, Section 7.4: after three local addresses, "SHOULD NOT try ... for 2 minutes".
            Self::AllocationMismatch | Self::Unstable => Some(Duration::from_secs(120)),
            _ => None,
        }
    }

    /// The server's error code, when there was one.
    #[must_use]
    pub const fn code(self) -> Option<ErrorCode> {
        match self {
            Self::Unauthenticated => Some(ErrorCode::UNAUTHENTICATED),
            Self::AllocationMismatch => Some(ErrorCode::ALLOCATION_MISMATCH),
            Self::FamilyNotSupported => Some(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
            Self::WrongCredentials => Some(ErrorCode::WRONG_CREDENTIALS),
            Self::UnsupportedTransport => Some(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
            Self::QuotaReached => Some(ErrorCode::ALLOCATION_QUOTA_REACHED),
            Self::InsufficientCapacity => Some(ErrorCode::INSUFFICIENT_CAPACITY),
            Self::Refused(code) => Some(code),
            Self::Timeout
            | Self::IntegrityViolated
            | Self::Challenge(_)
            | Self::Redirection
            | Self::UnusableAddress
            | Self::TooLong
            | Self::Unstable => None,
        }
    }

    pub(super) const fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE => Self::Unauthenticated,
            ErrorCode::ALLOCATION_MISMATCH => Self::AllocationMismatch,
            ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED => Self::FamilyNotSupported,
            ErrorCode::WRONG_CREDENTIALS => Self::WrongCredentials,
            ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL => Self::UnsupportedTransport,
            ErrorCode::ALLOCATION_QUOTA_REACHED => Self::QuotaReached,
            ErrorCode::INSUFFICIENT_CAPACITY => Self::InsufficientCapacity,
            other => Self::Refused(other),
        }
    }
}

/// What a datagram of the server's was.
#[derive(PartialEq, Eq)]
pub enum Received<'d> {
    /// It was for the client.
    Consumed,
    /// It has come from a peer.
    Data {
        /// The peer, canonical.
        peer: SocketAddr,
        /// What the peer has sent.
        payload: &'d mut [u8],
    },
}

impl std::fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Consumed => f.write_str("Consumed"),
            Self::Data { peer, payload } => {
                f.debug_struct("Data").field("peer", peer).field("len", &payload.len()).finish()
            }
        }
    }
}

/// Why a datagram was not used. It is no error: [`Stats::discarded`] counts each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Neither STUN nor ChannelData, or one whose lengths or attributes are wrong.
    Malformed,
    /// A method or class that the client does not expect.
    Unexpected,
    /// A response to no request in flight.
    UnknownTransaction,
    /// A response that is not sealed with our credentials.
    Unauthenticated,
    /// ChannelData on a channel that is not bound.
    UnknownChannel,
    /// Data of a peer that is not permitted.
    NotPermitted,
    /// The client has ended.
    Closed,
}

impl Discard {
    pub(super) const COUNT: usize = Self::Closed as usize + 1;
}

/// A datagram cannot be sent to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SendError {
    /// There is no allocation: not yet, none at the moment, or no longer.
    #[error("there is no allocation")]
    NotAllocated,
    /// The peer is not permitted: see [`super::Client::permit`].
    #[error("the peer is not permitted")]
    NotPermitted,
    /// The request for the peer's permission has yet to leave: see [`super::Client::poll_transmit`].
    #[error("the request for the peer's permission has yet to leave")]
    NotRequested,
    /// The buffer has too little room before or behind the payload, or the payload is not in it.
    #[error("the buffer has too little room around the payload")]
    NoRoom,
    /// The payload is longer than a message can say.
    #[error("the payload is too long")]
    TooLong,
}

/// A peer cannot be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PermitError {
    /// As many peers are permitted as the configuration allows.
    #[error("as many peers are permitted as may be")]
    TooMany,
    /// No allocation of this client can have a relayed address of the peer's family.
    #[error("the allocation has no address of the peer's family")]
    Family,
    /// The client has ended.
    #[error("the client has ended")]
    Closed,
}

/// Counters since the client's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Requests written, retransmissions among them.
    pub requests_sent: u64,
    /// Authentic responses.
    pub responses_received: u64,
    /// Datagrams sealed for peers.
    pub datagrams_sent: u64,
    /// Datagrams received from peers.
    pub datagrams_received: u64,
    /// How often an allocation was lost and asked for again.
    pub relocations: u64,
    /// Events that were dropped since too many waited.
    pub events_dropped: u64,
    pub(super) discards: [u64; Discard::COUNT],
}

impl Stats {
    /// How many datagrams were discarded for a reason.
    #[must_use]
    pub fn discarded(&self, reason: Discard) -> u64 {
        self.discards.get(reason as usize).copied().unwrap_or_default()
    }
}
