//! Local and remote candidates and their priorities (RFC 8445, Section 5.1).

use std::net::{IpAddr, SocketAddr};

use crate::grammar::{Candidate, CandidateAddress, CandidateKind, Protocol, TcpType};
use crate::path::{BaseId, Transport};

/// What kinds of candidates a pair's ends are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An interface's own address.
    Host,
    /// As a STUN server sees it.
    ServerReflexive,
    /// As the peer sees it.
    PeerReflexive,
    /// On a TURN server.
    Relayed,
}

impl Kind {
    /// The kind of a signalled candidate, when it is a known one.
    pub(crate) const fn of(kind: &CandidateKind) -> Option<Self> {
        match kind {
            CandidateKind::Host => Some(Self::Host),
            CandidateKind::ServerReflexive => Some(Self::ServerReflexive),
            CandidateKind::PeerReflexive => Some(Self::PeerReflexive),
            CandidateKind::Relayed => Some(Self::Relayed),
            CandidateKind::Other(_) => None,
        }
    }

    /// RFC 8445, Section 5.1.2.2: the recommended type preferences. RFC 6544, Section 4.2: those of TCP are lower where UDP
    /// is preferred; these stand between a reflexive and a relayed address, as libwebrtc has it too.
    pub(crate) const fn preference(self, protocol: CandidateProtocol) -> u32 {
        match (self, protocol) {
            (Self::Host, CandidateProtocol::Udp) => 126,
            (Self::PeerReflexive, CandidateProtocol::Udp) => 110,
            (Self::ServerReflexive, CandidateProtocol::Udp) => 100,
            (Self::Host, CandidateProtocol::Tcp(_)) => 90,
            (Self::PeerReflexive, CandidateProtocol::Tcp(_)) => 80,
            (Self::ServerReflexive, CandidateProtocol::Tcp(_)) => 70,
            (Self::Relayed, _) => 0,
        }
    }
}

/// A candidate's transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CandidateProtocol {
    Udp,
    Tcp(TcpKind),
}

/// Who opens the streams of a TCP candidate (RFC 6544, Section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TcpKind {
    Active,
    Passive,
    SimultaneousOpen,
}

impl CandidateProtocol {
    /// The protocol of a signalled candidate, when it is a known one.
    pub(crate) const fn of(candidate: &Candidate) -> Option<Self> {
        match (&candidate.protocol, &candidate.tcp_type) {
            (Protocol::Udp, _) => Some(Self::Udp),
            (Protocol::Tcp, Some(TcpType::Active)) => Some(Self::Tcp(TcpKind::Active)),
            (Protocol::Tcp, Some(TcpType::Passive)) => Some(Self::Tcp(TcpKind::Passive)),
            (Protocol::Tcp, Some(TcpType::SimultaneousOpen)) => Some(Self::Tcp(TcpKind::SimultaneousOpen)),
            (Protocol::Tcp, Some(TcpType::Other(_)) | None) | (Protocol::Other(_), _) => None,
        }
    }

    /// What a candidate that shows itself to one of this protocol is.
    pub(crate) const fn opposite(self) -> Self {
        match self {
            Self::Tcp(TcpKind::Active) => Self::Tcp(TcpKind::Passive),
            Self::Tcp(TcpKind::Passive) => Self::Tcp(TcpKind::Active),
            Self::Udp | Self::Tcp(TcpKind::SimultaneousOpen) => self,
        }
    }

    /// RFC 6544, Section 6.2: whether a candidate of ours opens a way to one of the peer's. Who waits to be called opens none.
    pub(crate) const fn reaches(self, remote: Self) -> bool {
        matches!(
            (self, remote),
            (Self::Udp, Self::Udp)
                | (Self::Tcp(TcpKind::Active), Self::Tcp(TcpKind::Passive))
                | (Self::Tcp(TcpKind::SimultaneousOpen), Self::Tcp(TcpKind::SimultaneousOpen))
        )
    }
}

/// RFC 8445, Section 5.1.2.1, for component 1; RFC 6544, Section 4.2, for TCP, where the direction counts first.
pub(crate) fn priority(kind: Kind, protocol: CandidateProtocol, local_preference: u16) -> u32 {
    let local = match protocol {
        CandidateProtocol::Udp => local_preference,
        CandidateProtocol::Tcp(tcp) => {
            let direction: u16 = match tcp {
                TcpKind::Active => 6,
                TcpKind::Passive => 4,
                TcpKind::SimultaneousOpen => 2,
            };
            (direction << 13) | 0x1fff_u16.saturating_sub(u16::MAX - local_preference)
        }
    };
    (kind.preference(protocol) << 24) | (u32::from(local) << 8) | 255
}

/// How much the `index`th interface is liked among all: earlier ones more, IPv6 before IPv4 in turns
/// (RFC 8421, Section 4), link-local addresses after those, loopback last.
pub(crate) fn local_preference(address: IpAddr, index: u32) -> u16 {
    let class: u16 = match address {
        _ if address.is_loopback() => 0x2000,
        IpAddr::V4(ip) if ip.is_link_local() => 0x6000,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 0x6000,
        _ => 0xffff,
    };
    let turn = u16::try_from(index.saturating_mul(2)).unwrap_or(u16::MAX).min(0x1000);
    class - turn - u16::from(address.is_ipv4())
}

/// How much a relayed address is liked: less when TCP or TLS lies between us and the server, and the later the server
/// stands in the configuration.
pub(crate) fn relayed_preference(
    interface: u16,
    relayed: IpAddr,
    transport: Transport,
    server: usize,
) -> u16 {
    let detour = match transport {
        Transport::Udp => 0,
        Transport::Tcp => 0x400,
        Transport::Tls => 0x500,
    };
    let later = u16::try_from(server).unwrap_or(u16::MAX).saturating_mul(0x20).min(0xe0);
    (interface | 1).saturating_sub(detour + later + u16::from(relayed.is_ipv4()))
}

/// A candidate of ours.
#[derive(Debug)]
pub(crate) struct LocalCandidate {
    pub(crate) base: BaseId,
    pub(crate) kind: Kind,
    pub(crate) protocol: CandidateProtocol,
    pub(crate) address: SocketAddr,
    /// What the candidate was found from, to be told with it.
    pub(crate) related: Option<SocketAddr>,
    pub(crate) priority: u32,
    pub(crate) foundation: u32,
    /// What is told in place of the address.
    pub(crate) name: Option<String>,
    pub(crate) network: u16,
    pub(crate) cost: u16,
    pub(crate) announced: bool,
}

impl LocalCandidate {
    pub(crate) fn to_signalled(&self, ufrag: &str) -> Candidate {
        let kind = match self.kind {
            Kind::Host => CandidateKind::Host,
            Kind::ServerReflexive => CandidateKind::ServerReflexive,
            Kind::PeerReflexive => CandidateKind::PeerReflexive,
            Kind::Relayed => CandidateKind::Relayed,
        };
        let mut candidate = Candidate::udp(&self.foundation.to_string(), self.priority, self.address, kind);
        if let Some(name) = &self.name {
            candidate.address = CandidateAddress::Mdns(name.clone());
        }
        if let CandidateProtocol::Tcp(tcp) = self.protocol {
            candidate.protocol = Protocol::Tcp;
            candidate.tcp_type = Some(match tcp {
                TcpKind::Active => TcpType::Active,
                TcpKind::Passive => TcpType::Passive,
                TcpKind::SimultaneousOpen => TcpType::SimultaneousOpen,
            });
        }
        candidate.related_address = self.related.map(|related| CandidateAddress::Ip(related.ip()));
        candidate.related_port = self.related.map(|related| related.port());
        candidate.extensions.push(("ufrag".to_owned(), ufrag.to_owned()));
        if self.network != 0 || self.cost != 0 {
            candidate.extensions.push(("network-id".to_owned(), self.network.to_string()));
            candidate.extensions.push(("network-cost".to_owned(), self.cost.to_string()));
        }
        candidate
    }
}

/// A candidate of the peer, signalled or found by its checks.
#[derive(Debug)]
pub(crate) struct RemoteCandidate {
    pub(crate) protocol: CandidateProtocol,
    pub(crate) address: SocketAddr,
    pub(crate) kind: Kind,
    pub(crate) priority: u32,
    /// What the peer says its network costs.
    pub(crate) cost: u16,
}

/// The server that a candidate was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) ip: IpAddr,
    pub(crate) transport: Transport,
}

/// Numbers for our foundations, the same for the same thing.
#[derive(Debug, Default)]
pub(crate) struct Foundations {
    known: Vec<(Kind, IpAddr, Option<Server>)>,
}

impl Foundations {
    /// RFC 8445, Section 5.1.1.3: equal for equal kind, base address and server, reached in the same way.
    pub(crate) fn number(&mut self, kind: Kind, base: IpAddr, server: Option<Server>) -> u32 {
        let key = (kind, base, server);
        let index = self.known.iter().position(|other| *other == key).unwrap_or_else(|| {
            self.known.push(key);
            self.known.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Whether checks from `local` could reach `remote` at all: equal families, loopback and link-local each among
/// themselves (RFC 8445, Section 6.1.2.2).
pub(crate) fn can_pair(local: IpAddr, remote: IpAddr) -> bool {
    let scope = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => (ip.is_loopback(), v4.is_link_local()),
        IpAddr::V6(v6) => (ip.is_loopback(), v6.is_unicast_link_local()),
    };
    local.is_ipv4() == remote.is_ipv4() && scope(local) == scope(remote)
}

/// Whether a peer could be at the address.
pub(crate) fn is_usable(address: SocketAddr) -> bool {
    let ip = address.ip();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_stands_before_reflexive_and_earlier_interfaces_before_later_ones() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        let order = [(v6, 0), (v4, 0), (v6, 1), (v4, 1), (v4, 31), (loopback, 0), (loopback, 40_000)];
        let preferences: Vec<_> = order.into_iter().map(|(ip, index)| local_preference(ip, index)).collect();
        assert!(preferences.is_sorted_by(|a, b| a > b), "{preferences:?}");
        let udp = |kind, preference| priority(kind, CandidateProtocol::Udp, preference);
        let tcp = |kind, preference| priority(kind, CandidateProtocol::Tcp(TcpKind::Active), preference);
        assert!(udp(Kind::Host, 0) > udp(Kind::PeerReflexive, u16::MAX));
        assert!(udp(Kind::PeerReflexive, 0) > udp(Kind::ServerReflexive, u16::MAX));
        assert!(udp(Kind::ServerReflexive, 0) > tcp(Kind::Host, u16::MAX));
        assert!(tcp(Kind::PeerReflexive, 0) > udp(Kind::Relayed, u16::MAX), "relays come last");
        assert_eq!(udp(Kind::Host, 65_535), 2_130_706_431);
    }

    #[test]
    fn loopback_pairs_with_loopback_alone() {
        let [loopback, plain, v6] = ["127.0.0.1", "192.0.2.1", "::1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert!(can_pair(loopback, loopback) && can_pair(plain, plain) && can_pair(v6, v6));
        assert!(!can_pair(loopback, plain) && !can_pair(plain, loopback) && !can_pair(loopback, v6));
    }
}
