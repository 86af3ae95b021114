//! Network address translation with the behaviours of [RFC 4787](https://www.rfc-editor.org/rfc/rfc4787).

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// What a NAT looks at when it reuses a mapping or lets a datagram in (RFC 4787, Sections 4.1 and 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// Nothing of the other side.
    EndpointIndependent,
    /// The other side's address.
    AddressDependent,
    /// The other side's address and port.
    AddressAndPortDependent,
}

/// The four kinds of NAT by their old names (RFC 3489), as users still call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NatKind {
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address- and port-dependent filtering.
    PortRestricted,
    /// Address- and port-dependent mapping and filtering.
    Symmetric,
}

impl Behaviour {
    /// All three.
    pub const ALL: [Self; 3] =
        [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];

    pub(crate) fn sees(self, remote: SocketAddr) -> Seen {
        match self {
            Self::EndpointIndependent => Seen::Anything,
            Self::AddressDependent => Seen::Address(remote.ip()),
            Self::AddressAndPortDependent => Seen::Endpoint(remote),
        }
    }
}

/// The part of a remote endpoint that a behaviour looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    Anything,
    Address(IpAddr),
    Endpoint(SocketAddr),
}

impl NatKind {
    /// All four.
    pub const ALL: [Self; 4] =
        [Self::FullCone, Self::AddressRestricted, Self::PortRestricted, Self::Symmetric];

    /// Whether two peers behind these two kinds can reach each other with server-reflexive candidates alone.
    #[must_use]
    pub fn reaches(self, other: Self) -> bool {
        use NatKind::{PortRestricted, Symmetric};
        !matches!((self, other), (Symmetric, Symmetric | PortRestricted) | (PortRestricted, Symmetric))
    }

    /// The name that [`FromStr`] reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FullCone => "full-cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
        }
    }
}

/// A word that names no [`NatKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseNatKindError;

impl std::fmt::Display for ParseNatKindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a NAT kind is one of full-cone, address-restricted, port-restricted, symmetric")
    }
}

impl std::error::Error for ParseNatKindError {}

impl FromStr for NatKind {
    type Err = ParseNatKindError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == word).ok_or(ParseNatKindError)
    }
}

/// How a NAT behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatConfig {
    /// What besides the inside address a mapping belongs to.
    pub mapping: Behaviour,
    /// From whom a mapping accepts datagrams.
    pub filtering: Behaviour,
    /// Whether a host inside reaches another one inside through the public address. What comes back in has the sender's
    /// public source ([RFC 4787, Section 6](https://www.rfc-editor.org/rfc/rfc4787#section-6)).
    pub hairpinning: bool,
    /// Whether the outside port equals the inside one where it is free.
    pub port_preservation: bool,
    /// How long a mapping lives without an outbound datagram (RFC 4787, Section 4.3: at least two minutes). Those of
    /// streams live for 2 hours and 4 minutes ([RFC 5382, Section 5](https://www.rfc-editor.org/rfc/rfc5382#section-5)).
    pub timeout: Duration,
    /// Whether an inbound datagram prolongs a mapping's life as well (RFC 4787, Section 4.3).
    pub inbound_refresh: bool,
}

impl From<NatKind> for NatConfig {
    fn from(kind: NatKind) -> Self {
        use Behaviour::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
        let (mapping, filtering) = match kind {
            NatKind::FullCone => (EndpointIndependent, EndpointIndependent),
            NatKind::AddressRestricted => (EndpointIndependent, AddressDependent),
            NatKind::PortRestricted => (EndpointIndependent, AddressAndPortDependent),
            NatKind::Symmetric => (AddressAndPortDependent, AddressAndPortDependent),
        };
        Self {
            mapping,
            filtering,
            hairpinning: false,
            port_preservation: false,
            timeout: Duration::from_secs(120),
            inbound_refresh: false,
        }
    }
}
