//! What passes between the machine and its embedder.

use std::fmt;
use std::net::SocketAddr;

use crate::address::canonical;
use crate::attribute::AddressFamily;

/// A client's 5-tuple: what identifies its allocation ([RFC 8656, Section 3.2]).
///
/// [RFC 8656, Section 3.2]: https://www.rfc-editor.org/rfc/rfc8656#section-3.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The server's address, to which the client speaks.
    pub local: SocketAddr,
    /// The client's.
    pub remote: SocketAddr,
    /// How they speak.
    pub transport: Transport,
}

impl Path {
    pub(super) fn canonical(self) -> Self {
        Self { local: canonical(self.local), remote: canonical(self.remote), transport: self.transport }
    }
}

/// How a client speaks to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Datagram,
    /// TCP or TLS: what comes goes through a [`crate::framing::Deframer`], what is written goes onto the stream as it is.
    Stream,
}

/// A relayed address's socket, or one that is asked for. None is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub(super) u64);

/// What the embedder is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Open a UDP socket to relay from, and answer with [`super::Relay::relay_opened`] or [`super::Relay::relay_failed`]
    /// within five seconds.
    OpenRelay {
        /// The socket's name in all calls.
        id: RelayId,
        /// The family of its address.
        family: AddressFamily,
        /// Its port. Where one host has several addresses, equal families and `local` must give the same.
        port: u16,
        /// The address that the client speaks to.
        local: SocketAddr,
    },
    /// Close a socket; the id is known no longer.
    CloseRelay {
        /// The socket.
        id: RelayId,
    },
}

/// What a client's datagram was.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// It was for the server, whose answer, if there is one, is to be polled.
    Consumed,
    /// It is to be sent to a peer.
    ToPeer(ToPeer<'d>),
}

/// Data to be sent to a peer, borrowed from the client's datagram.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub struct ToPeer<'d> {
    /// The socket to send from.
    pub relay: RelayId,
    /// The peer, canonical.
    pub peer: SocketAddr,
    /// The datagram must not be fragmented on its way ([RFC 8656, Section 14]).
    ///
    /// [RFC 8656, Section 14]: https://www.rfc-editor.org/rfc/rfc8656#section-14
    pub dont_fragment: bool,
    /// The data; it may be empty, and is sent then as well.
    pub payload: &'d mut [u8],
}

impl fmt::Debug for ToPeer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToPeer")
            .field("relay", &self.relay)
            .field("peer", &self.peer)
            .field("dont_fragment", &self.dont_fragment)
            .field("len", &self.payload.len())
            .finish()
    }
}

/// Data to be sent to a client, framed in the buffer in which it came.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub struct ToClient<'d> {
    /// The client, canonical.
    pub path: Path,
    /// The whole message.
    pub message: &'d mut [u8],
}

impl fmt::Debug for ToClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToClient").field("path", &self.path).field("len", &self.message.len()).finish()
    }
}

/// One message that [`super::Relay::poll_transmit`] has appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// The client, canonical.
    pub path: Path,
    /// The message's length in bytes.
    pub len: usize,
}

/// Something the embedder should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client has an allocation.
    Allocated {
        /// The client.
        path: Path,
        /// USERNAME, or the table's name for a hash: bytes as they came.
        username: Vec<u8>,
        /// A relayed address.
        relayed: SocketAddr,
        /// The other relayed address, of an allocation of two.
        additional: Option<SocketAddr>,
    },
    /// A client's allocation is gone.
    Released {
        /// The client.
        path: Path,
        /// Why.
        reason: Release,
        /// Payload bytes relayed to peers.
        bytes_to_peers: u64,
        /// Payload bytes relayed to the client.
        bytes_to_client: u64,
    },
}

/// Why an allocation is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Release {
    /// The client did not refresh it.
    Expired,
    /// The client has let it go.
    Refreshed,
    /// The stream to the client was closed.
    StreamClosed,
    /// The socket of its relayed address has failed.
    RelayFailed,
}

/// Why a datagram was not used. It is no error: [`Stats::discarded`] counts each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Neither STUN nor ChannelData, or one whose lengths or attributes are wrong.
    Malformed,
    /// A response, or an indication of another method than Send.
    Unexpected,
    /// ChannelData or a Send indication of a client without an allocation, or a datagram at an unknown relayed address.
    NoAllocation,
    /// ChannelData on a channel that is not bound.
    UnknownChannel,
    /// To or from a peer that is not permitted.
    NotPermitted,
    /// A Send indication to an address that is refused, or that has no port.
    PeerRefused,
    /// A Send indication with an attribute that is not known and must be.
    UnknownAttribute,
    /// A request whose answer would be too long for a stranger's: see [the bound](super).
    Amplification,
    /// As many answers wait as may.
    Busy,
    /// A repeated Allocate request whose socket is not yet open.
    Pending,
    /// The buffer has too little room around the data, or the data is too long for a message.
    NoRoom,
}

impl Discard {
    pub(super) const COUNT: usize = Self::NoRoom as usize + 1;
}

/// Counters since the server's start, and gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Allocations now, those whose sockets are yet to open among them.
    pub allocations: u64,
    /// Reserved ports now.
    pub reservations: u64,
    /// Answers that wait now.
    pub waiting: u64,
    /// Allocations made.
    pub allocated: u64,
    /// Requests that were answered with an error, challenges among them.
    pub refused: u64,
    /// Answers written.
    pub responses: u64,
    /// Datagrams handed out for peers.
    pub datagrams_to_peers: u64,
    /// Their payload bytes.
    pub bytes_to_peers: u64,
    /// Datagrams handed out for clients.
    pub datagrams_to_clients: u64,
    /// Their payload bytes.
    pub bytes_to_clients: u64,
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
