//! Bases: where the datagrams of a candidate leave from (RFC 8445, Section 5.1.1).

use std::net::SocketAddr;

use crate::agent::without_scope;
use crate::candidate::{CandidateProtocol, Kind, TcpKind, priority};
use crate::interface::InterfaceOptions;
use crate::pair::Link;
use crate::path::{BaseId, InterfaceId, Path, SourceId, Transport};
use crate::relay::RelayId;
use crate::shared::Shared;
use crate::stream::{STREAM_HEADROOM, seal_stream};

/// One base. Server-reflexive candidates send from that of their host candidate.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) id: BaseId,
    pub(crate) interface: InterfaceId,
    pub(crate) kind: BaseKind,
    pub(crate) address: SocketAddr,
    /// The local preference of its candidates.
    pub(crate) preference: u16,
    /// What a relayed address was asked from, as the server sees it.
    pub(crate) related: Option<SocketAddr>,
    pub(crate) options: InterfaceOptions,
}

/// How the datagrams of a base travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BaseKind {
    /// From an interface's socket to the peer.
    Host,
    /// By a TURN server.
    Relayed(RelayId),
    /// On streams to the peer (RFC 6544).
    Tcp(TcpKind),
}

impl BaseKind {
    /// The transport protocol of its candidates.
    pub(crate) const fn protocol(self) -> CandidateProtocol {
        match self {
            Self::Host | Self::Relayed(_) => CandidateProtocol::Udp,
            Self::Tcp(kind) => CandidateProtocol::Tcp(kind),
        }
    }

    pub(crate) const fn link(self) -> Link {
        match self {
            Self::Host => Link::Direct,
            Self::Relayed(_) => Link::Relayed,
            Self::Tcp(_) => Link::Stream,
        }
    }
}

/// Whether a path to the peer can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Now.
    Ready,
    /// When its stream is open.
    Opening,
    /// Not at all.
    Refused,
}

impl Base {
    /// The kind of the candidate that stands for the base in pairs.
    pub(crate) const fn candidate_kind(&self) -> Kind {
        match self.kind {
            BaseKind::Host | BaseKind::Tcp(_) => Kind::Host,
            BaseKind::Relayed(_) => Kind::Relayed,
        }
    }

    /// The priority of the candidate that stands for the base in pairs.
    pub(crate) fn priority(&self) -> u32 {
        priority(self.candidate_kind(), self.kind.protocol(), self.preference)
    }

    /// A remote address as seen from here: a link-local one is in this base's scope.
    pub(crate) fn scoped(&self, remote: SocketAddr) -> SocketAddr {
        match (self.address, without_scope(remote)) {
            (SocketAddr::V6(local), SocketAddr::V6(mut remote)) if remote.ip().is_unicast_link_local() => {
                remote.set_scope_id(local.scope_id());
                SocketAddr::V6(remote)
            }
            (_, plain) => plain,
        }
    }
}

impl Shared {
    pub(crate) fn base(&self, id: BaseId) -> Option<&Base> {
        self.bases.iter().find(|base| base.id == id)
    }

    /// Who has sent what arrived on `path`, not by a relay.
    pub(crate) fn source_of(&self, path: Path) -> Option<SourceId> {
        if path.transport != Transport::Udp {
            return self.stream_source(path);
        }
        let is_at = |address| address == path.local || without_scope(address) == without_scope(path.local);
        let mut hosts = self.bases.iter().filter(|base| base.kind == BaseKind::Host);
        let base = hosts.find(|base| is_at(base.address))?;
        Some(SourceId { base: base.id, remote: base.scoped(path.remote) })
    }

    /// Where what goes to a source leaves.
    pub(crate) fn route(&self, to: SourceId) -> Option<Path> {
        let base = self.base(to.base)?;
        match base.kind {
            BaseKind::Host => Some(Path::udp(base.address, to.remote)),
            BaseKind::Relayed(relay) => self.relay_path(relay),
            BaseKind::Tcp(_) => self.stream_path(to),
        }
    }

    /// Prepares a path to the peer for checks.
    pub(crate) fn admit(&mut self, to: SourceId) -> Admission {
        match self.base(to.base).map(|base| (base.kind, base.address)) {
            Some((BaseKind::Host, _)) => Admission::Ready,
            Some((BaseKind::Relayed(relay), _)) if self.permit(relay, to.remote) => Admission::Ready,
            Some((BaseKind::Tcp(kind), local)) => self.admit_stream(kind, local, to),
            Some((BaseKind::Relayed(_), _)) | None => Admission::Refused,
        }
    }

    /// How many bytes of framing stand before what goes to a source.
    pub(crate) fn headroom(&self, to: SourceId) -> usize {
        match self.base(to.base).map(|base| base.kind) {
            Some(BaseKind::Relayed(relay)) => self.relay_headroom(relay, to.remote),
            Some(BaseKind::Tcp(_)) => STREAM_HEADROOM,
            Some(BaseKind::Host) | None => 0,
        }
    }

    /// Writes the framing of what stands in `out` from `start` on, behind its headroom. When that cannot be sent, `out` is
    /// cut off at `start`.
    pub(crate) fn seal(&mut self, to: SourceId, out: &mut Vec<u8>, start: usize) -> Option<Path> {
        let Some(path) = self.route(to) else {
            out.truncate(start);
            return None;
        };
        let sealed = match self.base(to.base).map(|base| base.kind) {
            Some(BaseKind::Host) => true,
            Some(BaseKind::Relayed(relay)) => self.relay_seal(relay, to.remote, out, start).is_ok(),
            Some(BaseKind::Tcp(_)) => seal_stream(out, start),
            None => false,
        };
        if !sealed {
            out.truncate(start);
        }
        sealed.then_some(path)
    }
}
