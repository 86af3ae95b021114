//! What a client is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use crate::attribute::AddressFamily;
use crate::auth::Credentials;
use crate::crypto::LongTermProvider;
use crate::transaction::Retransmission;

/// A client's configuration. Make one by [`Self::new`] and change its fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Makes keys and computes integrities.
    pub crypto: &'static dyn LongTermProvider,
    /// The server's address, which a redirection is compared with. The client itself sends nowhere.
    pub server: SocketAddr,
    /// How the server is reached. Default [`ClientTransport::Datagram`].
    pub transport: ClientTransport,
    /// User name and password, or a token. Without any, a server that asks for some ends the client, and one that asks for
    /// none is believed without authentication; with some, nothing is believed that is not sealed with them, and a server
    /// that does not ask for them is not used. Default `None`.
    pub credentials: Option<Credentials>,
    /// Which families of relayed addresses are asked for. Default [`Families::Ipv4`].
    pub families: Families,
    /// Whether relayed datagrams ask the server not to let them be fragmented on their way to the peer. Only Send indications
    /// can ask ([RFC 8656, Section 12]: ChannelData cannot), so no channels are bound then. A server that does not know the
    /// attribute is asked again without. Default `false`.
    ///
    /// [RFC 8656, Section 12]: https://www.rfc-editor.org/rfc/rfc8656#section-12
    pub dont_fragment: bool,
    /// Whether peers get a channel when they are permitted. Default `true`.
    pub channels: bool,
    /// The lifetime asked for, in seconds; servers take none below 600 s. Default `None`: the server's own.
    pub lifetime: Option<u32>,
    /// How long after its confirmation a peer's permission, with its channel, is asked for again; not below 1 s. A permission
    /// lasts five minutes ([RFC 8656, Section 9]) and a channel ten ([RFC 8656, Section 12]), and no message says otherwise: a
    /// server that was set up to keep them for a shorter time drops what it relays once they have ended, without a word. Who
    /// knows of such a server sets less than the shorter of the two here. Default 240 s, so that even an answer that takes all
    /// of its retransmissions comes in time.
    ///
    /// [RFC 8656, Section 9]: https://www.rfc-editor.org/rfc/rfc8656#section-9
    /// [RFC 8656, Section 12]: https://www.rfc-editor.org/rfc/rfc8656#section-12
    pub peer_refresh: Duration,
    /// When requests over UDP are sent again. Default: that of [RFC 8489, Section 6.2.1].
    ///
    /// [RFC 8489, Section 6.2.1]: https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1
    pub retransmission: Retransmission,
    /// How long an answer over a stream may take, Ti of [RFC 8489, Section 6.2.2]. Default 39.5 s.
    ///
    /// [RFC 8489, Section 6.2.2]: https://www.rfc-editor.org/rfc/rfc8489#section-6.2.2
    pub stream_timeout: Duration,
    /// The most peers that are permitted at one time. Default 256.
    pub max_peers: u16,
    /// SOFTWARE in Allocate and Refresh requests; at most 127 characters. Default `duologue`; empty sends none.
    pub software: &'static str,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientTransport {
    /// Over UDP: requests are sent again.
    Datagram,
    /// Over TCP or TLS: they are not, and ChannelData is padded. What [`super::Client::poll_transmit`] and
    /// [`super::Client::seal`] write goes onto the stream as it is; what comes goes through a
    /// [`crate::framing::Deframer`].
    Stream,
}

/// The families of the relayed addresses that an allocation is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Families {
    /// IPv4, what a server gives when nothing is said.
    Ipv4,
    /// IPv6, by REQUESTED-ADDRESS-FAMILY.
    Ipv6,
    /// IPv4, and IPv6 if the server has it, by ADDITIONAL-ADDRESS-FAMILY.
    Both,
}

impl Families {
    pub(super) const fn contains(self, family: AddressFamily) -> bool {
        match self {
            Self::Ipv4 => family.0 == AddressFamily::IPV4.0,
            Self::Ipv6 => family.0 == AddressFamily::IPV6.0,
            Self::Both => true,
        }
    }
}

impl ClientConfig {
    /// The defaults, with a provider of cryptography and a server.
    #[must_use]
    pub fn new(crypto: &'static dyn LongTermProvider, server: SocketAddr) -> Self {
        Self {
            crypto,
            server,
            transport: ClientTransport::Datagram,
            credentials: None,
            families: Families::Ipv4,
            dont_fragment: false,
            channels: true,
            lifetime: None,
            peer_refresh: Duration::from_secs(240),
            retransmission: Retransmission::default(),
            stream_timeout: Duration::from_millis(39_500),
            max_peers: 256,
            software: "duologue",
        }
    }

    pub(super) const fn request_retransmission(&self) -> Retransmission {
        match self.transport {
            ClientTransport::Datagram => self.retransmission,
            // RFC 8489, Section 6.2.2: over a stream a request is sent once, and given up after Ti.
            ClientTransport::Stream => Retransmission::once(self.stream_timeout),
        }
    }
}
