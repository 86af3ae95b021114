//! Where datagrams come from and go to.

use std::net::SocketAddr;

use duologue_stun::canonical;

/// How datagrams of a path travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP: a stream that the embedder has opened or accepted.
    Tcp,
    /// TLS over TCP, to a server.
    Tls,
}

/// The two ends of a datagram as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The address of one of the agent's interfaces, or that of a stream's near end.
    pub local: SocketAddr,
    /// The other end: the TURN server's when it relays.
    pub remote: SocketAddr,
    /// How the datagram travels.
    pub transport: Transport,
}

impl Path {
    /// A path over UDP, its addresses made canonical: IPv4 mapped into IPv6 becomes IPv4.
    #[must_use]
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local: canonical(local), remote: canonical(remote), transport: Transport::Udp }
    }

    /// The same path with canonical addresses.
    #[must_use]
    pub fn canonical(self) -> Self {
        Self { local: canonical(self.local), remote: canonical(self.remote), ..self }
    }
}

/// One of an agent's interfaces. An id is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub(crate) u32);

/// A base of local candidates. An id is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BaseId(pub(crate) u32);

/// A pair of a base and a remote address. An id is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairId(pub(crate) u32);

/// A sender of datagrams as one local candidate sees it. The same sender keeps its id; a removed and added interface
/// gives it a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId {
    pub(crate) base: BaseId,
    pub(crate) remote: SocketAddr,
}

/// What became of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// It was the agent's own.
    Consumed,
    /// It is for the layer above.
    Payload {
        /// Who sent it.
        source: SourceId,
        /// Whether an authenticated check or response of this session, or of the one before during a restart, has come from that source. DTLS and SRTP are to
        /// be taken from such sources alone; [`crate::Event::SourceQualified`] tells when one becomes so.
        qualified: bool,
        /// The payload, borrowed from the datagram.
        bytes: &'d mut [u8],
    },
}

/// A datagram that [`crate::Agent::poll_transmit`] has appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// Where it goes.
    pub path: Path,
    /// How many bytes were appended.
    pub len: usize,
}

/// The path on which payload leaves, consent being given.
///
/// What leaves is written behind [`Self::headroom`] bytes and then sealed:
///
/// ```
/// # fn send(agent: &mut duologue_ice::Agent, payload: &[u8], out: &mut Vec<u8>) -> Option<duologue_ice::Path> {
/// let path = agent.sending_path()?;
/// let start = out.len();
/// out.resize(start + path.headroom(), 0);
/// out.extend_from_slice(payload);
/// agent.seal(&path, out, start) // the datagram is `out[start..]`
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingPath {
    pub(crate) path: Path,
    pub(crate) pair: PairId,
    pub(crate) source: SourceId,
    pub(crate) headroom: usize,
}

impl SendingPath {
    /// Where payload goes.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The pair that it belongs to.
    #[must_use]
    pub const fn pair(&self) -> PairId {
        self.pair
    }

    /// How many bytes of framing stand before a payload on this path: none on a direct one, 4 or at most 48 on one by a
    /// TURN server.
    #[must_use]
    pub const fn headroom(&self) -> usize {
        self.headroom
    }
}
