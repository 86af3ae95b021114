//! What an agent is told at its start.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use duologue_stun::auth::Credentials;
use duologue_stun::crypto::LongTermProvider;

use crate::path::Transport;

/// An agent's configuration. Make one by [`Self::new`] or `default()` and change its fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Computes MESSAGE-INTEGRITY, and the keys for TURN servers.
    pub crypto: &'static dyn LongTermProvider,
    /// Whether the agent is lite: it answers checks and sends none ([RFC 8445, Section 2.5]). Default `false`.
    ///
    /// [RFC 8445, Section 2.5]: https://www.rfc-editor.org/rfc/rfc8445#section-2.5
    pub lite: bool,
    /// STUN servers that each interface of their family asks for its server-reflexive address; the first
    /// [`Self::MAX_STUN_SERVERS`] are used. Default none.
    pub stun_servers: Vec<SocketAddr>,
    /// STUN servers that are asked over TCP or TLS from a listener's address, where [`Self::simultaneous_open`] says that sockets
    /// may share it; the first [`Self::MAX_STUN_SERVERS`] are used. Default none.
    pub stun_stream_servers: Vec<StunStreamServer>,
    /// TURN servers that each interface of their family asks for a relayed address; the first [`Self::MAX_TURN_SERVERS`] are
    /// used, earlier ones before later ones and those over UDP before others. Default none.
    pub turn_servers: Vec<TurnServer>,
    /// Whether streams are opened to the peer's passive TCP candidates ([RFC 6544]); the embedder opens them when
    /// [`crate::Event::OpenStream`] asks for it. Default `false`.
    ///
    /// [RFC 6544]: https://www.rfc-editor.org/rfc/rfc6544
    pub tcp: bool,
    /// Whether a listener's address is also a simultaneous-open candidate: then streams are asked for from that very address,
    /// which needs sockets that share it. Default `false`.
    pub simultaneous_open: bool,
    /// The most streams with peers at one time, those asked for included. Default 32.
    pub max_streams: u16,
    /// Which candidates are made and told. Default [`CandidatePolicy::All`].
    pub policy: CandidatePolicy,
    /// Ta, the time between two new checks once the first [`Self::fast_checks`] have left; at least 5 ms.
    /// Default 50 ms ([RFC 8445, Section 14.2]).
    ///
    /// [RFC 8445, Section 14.2]: https://www.rfc-editor.org/rfc/rfc8445#section-14.2
    pub pacing: Duration,
    /// How many of a session's first checks may leave 5 ms after one another, the shortest time that RFC 8445,
    /// Section 14.2 permits. Default 10.
    pub fast_checks: u8,
    /// The first wait of a transaction that is sent again, a question to a STUN server or the doubt of a pair that has worked;
    /// at least 500 ms. Default 500 ms ([RFC 8445, Section 14.3]).
    ///
    /// [RFC 8445, Section 14.3]: https://www.rfc-editor.org/rfc/rfc8445#section-14.3
    pub rto: Duration,
    /// How long the agent waits for a working pair before it may fail, even when it has no pair left to check; it starts
    /// with the first remote candidate (or their end) and again with each further candidate. Zero: it fails as soon as
    /// every check has. Pairs that are still being checked then put the failure off by 39.5 s at most. Default 39.5 s
    /// ([RFC 8863, Section 4]).
    ///
    /// [RFC 8863, Section 4]: https://www.rfc-editor.org/rfc/rfc8863#section-4
    pub patience: Duration,
    /// The mean time between two consent checks on a pair, each wait drawn from 0.8 to 1.2 of it; at least 5 s.
    /// Default 5 s ([RFC 7675, Section 5.1]).
    ///
    /// [RFC 7675, Section 5.1]: https://www.rfc-editor.org/rfc/rfc7675#section-5.1
    pub consent_interval: Duration,
    /// How long a pair may be sent on after its last answered check; at most 30 s. Default 30 s.
    pub consent_expiry: Duration,
    /// After how much silence, neither a check nor an answer of the peer arriving, the agent is
    /// [`crate::State::Disconnected`]. Default 9 s.
    pub disconnected_after: Duration,
    /// The most pairs of a session; a further one takes the place of the least, or is refused. Default 100
    /// ([RFC 8445, Section 6.1.2.5]).
    ///
    /// [RFC 8445, Section 6.1.2.5]: https://www.rfc-editor.org/rfc/rfc8445#section-6.1.2.5
    pub max_pairs: u16,
    /// The most remote candidates of a session, signalled and found. Default 64.
    pub max_remote_candidates: u16,
    /// The most interfaces at one time. Default 32.
    pub max_interfaces: u16,
}

/// A STUN server over a stream. Resolving its name is the embedder's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StunStreamServer {
    /// Its address.
    pub address: SocketAddr,
    /// [`Transport::Tcp`] or [`Transport::Tls`].
    pub transport: Transport,
    /// With TLS the name that its certificate has to have; `None`: its address.
    pub server_name: Option<String>,
}

/// A TURN server. Resolving its name is the embedder's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnServer {
    /// Its address.
    pub address: SocketAddr,
    /// How it is reached. Default [`Transport::Udp`].
    pub transport: Transport,
    /// With TLS the name that its certificate has to have; `None`: its address. Default `None`.
    pub server_name: Option<String>,
    /// User name and password, or a token. Default none.
    pub credentials: Option<Credentials>,
}

impl TurnServer {
    /// A server over UDP.
    #[must_use]
    pub const fn udp(address: SocketAddr, credentials: Option<Credentials>) -> Self {
        Self { address, transport: Transport::Udp, server_name: None, credentials }
    }

    /// A server over TCP.
    #[must_use]
    pub const fn tcp(address: SocketAddr, credentials: Option<Credentials>) -> Self {
        Self { address, transport: Transport::Tcp, server_name: None, credentials }
    }

    /// A server over TLS, whose certificate has to have a name.
    #[must_use]
    pub const fn tls(address: SocketAddr, server_name: String, credentials: Option<Credentials>) -> Self {
        Self { address, transport: Transport::Tls, server_name: Some(server_name), credentials }
    }
}

/// Which candidates an agent makes and tells (the W3C's `iceTransportPolicy`, and the modes of [RFC 8828]).
///
/// [RFC 8828]: https://www.rfc-editor.org/rfc/rfc8828#section-5.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CandidatePolicy {
    /// All there are.
    #[default]
    All,
    /// Relayed ones alone: nothing goes to the peer but by a TURN server, and nothing is taken from it on another way.
    Relay,
    /// All but host candidates, and no related address: the peer learns our local addresses only by checks that come from
    /// them unchanged.
    NoHost,
}

impl CandidatePolicy {
    /// The related address that may be told of a candidate; `hides`: its interface tells a name in place of its address.
    pub(crate) fn disclosed(self, related: SocketAddr, hides: bool) -> SocketAddr {
        match (self, related) {
            (Self::All, _) if !hides => related,
            // RFC 8839, Section 5.1: 0.0.0.0 or "::" and port 9 in its place.
            (_, SocketAddr::V4(_)) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9)),
            (_, SocketAddr::V6(_)) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9)),
        }
    }
}

impl Config {
    /// How many of [`Self::stun_servers`] are used.
    pub const MAX_STUN_SERVERS: usize = 8;
    /// How many of [`Self::turn_servers`] are used.
    pub const MAX_TURN_SERVERS: usize = 8;

    /// The defaults, with a provider of cryptography.
    #[must_use]
    pub const fn new(crypto: &'static dyn LongTermProvider) -> Self {
        Self {
            crypto,
            lite: false,
            stun_servers: Vec::new(),
            stun_stream_servers: Vec::new(),
            turn_servers: Vec::new(),
            policy: CandidatePolicy::All,
            tcp: false,
            simultaneous_open: false,
            max_streams: 32,
            pacing: Duration::from_millis(50),
            fast_checks: 10,
            rto: Duration::from_millis(500),
            patience: Duration::from_millis(39_500),
            consent_interval: Duration::from_secs(5),
            consent_expiry: Duration::from_secs(30),
            disconnected_after: Duration::from_secs(9),
            max_pairs: 100,
            max_remote_candidates: 64,
            max_interfaces: 32,
        }
    }
}

#[cfg(feature = "rust-crypto")]
impl Default for Config {
    fn default() -> Self {
        Self::new(&duologue_stun::crypto::RUST_CRYPTO)
    }
}
