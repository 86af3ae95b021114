//! Network address translation with the behaviours of [RFC 4787](https://www.rfc-editor.org/rfc/rfc4787).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, Instant};

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
    /// Whether a host inside reaches another one inside through the public address.
    pub hairpinning: bool,
    /// Whether the outside port equals the inside one where it is free.
    pub port_preservation: bool,
    /// How long a mapping lives without an outbound datagram (RFC 4787, Section 4.3: at least two minutes).
    pub timeout: Duration,
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
        }
    }
}

/// The part of a remote endpoint that a behaviour looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Anything,
    Address(IpAddr),
    Endpoint(SocketAddr),
}

impl Behaviour {
    fn sees(self, remote: SocketAddr) -> Seen {
        match self {
            Self::EndpointIndependent => Seen::Anything,
            Self::AddressDependent => Seen::Address(remote.ip()),
            Self::AddressAndPortDependent => Seen::Endpoint(remote),
        }
    }
}

#[derive(Debug)]
struct Mapping {
    inside: SocketAddr,
    key: Seen,
    contacted: BTreeSet<Seen>,
    used: Instant,
}

/// A NAT at work.
#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) config: NatConfig,
    pub(crate) public: IpAddr,
    mappings: BTreeMap<u16, Mapping>,
    next_port: u16,
}

/// The first port of those that a NAT hands out in turn.
const FIRST_PORT: u16 = 40_000;

impl Nat {
    pub(crate) fn new(config: NatConfig, public: IpAddr) -> Self {
        Self { config, public, mappings: BTreeMap::new(), next_port: FIRST_PORT }
    }

    /// Forgets all mappings, as a restart does; new ones get other ports.
    pub(crate) fn rebind(&mut self) {
        self.mappings.clear();
    }

    /// The public source of a datagram from inside. `None` when every port is taken.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        let timeout = self.config.timeout;
        self.mappings.retain(|_, mapping| now.saturating_duration_since(mapping.used) < timeout);
        let key = self.config.mapping.sees(remote);
        let known = self.mappings.iter().find(|(_, mapping)| mapping.inside == inside && mapping.key == key);
        let port = match known {
            Some((port, _)) => *port,
            None => self.free_port(inside.port())?,
        };
        let mapping = self.mappings.entry(port).or_insert_with(|| Mapping {
            inside,
            key,
            contacted: BTreeSet::new(),
            used: now,
        });
        mapping.used = now;
        mapping.contacted.insert(self.config.filtering.sees(remote));
        Some(SocketAddr::new(self.public, port))
    }

    /// The inside destination of a datagram that came from `remote` to the public `port`, if it may pass.
    pub(crate) fn inbound(&self, now: Instant, remote: SocketAddr, port: u16) -> Option<SocketAddr> {
        let mapping = self.mappings.get(&port)?;
        let alive = now.saturating_duration_since(mapping.used) < self.config.timeout;
        let passes = mapping.contacted.contains(&self.config.filtering.sees(remote));
        (alive && passes).then_some(mapping.inside)
    }

    fn free_port(&mut self, inside: u16) -> Option<u16> {
        if self.config.port_preservation && !self.mappings.contains_key(&inside) {
            return Some(inside);
        }
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.mappings.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }
}
