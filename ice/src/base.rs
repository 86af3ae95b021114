//! Bases: where the datagrams of a candidate leave from (RFC 8445, Section 5.1.1).

use std::net::SocketAddr;

use crate::agent::without_scope;
use crate::candidate::{Kind, priority};
use crate::path::{BaseId, InterfaceId, Path, SourceId};
use crate::relay::RelayId;
use crate::shared::Shared;

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
}

/// How the datagrams of a base travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BaseKind {
    /// From an interface's socket to the peer.
    Host,
    /// By a TURN server.
    Relayed(RelayId),
}

impl Base {
    /// The kind of the candidate that stands for the base in pairs.
    pub(crate) const fn candidate_kind(&self) -> Kind {
        match self.kind {
            BaseKind::Host => Kind::Host,
            BaseKind::Relayed(_) => Kind::Relayed,
        }
    }

    /// The priority of the candidate that stands for the base in pairs.
    pub(crate) const fn priority(&self) -> u32 {
        priority(self.candidate_kind(), self.preference)
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
        }
    }

    /// Prepares a path to the peer for checks. Whether there can be one.
    pub(crate) fn admit(&mut self, to: SourceId) -> bool {
        match self.base(to.base).map(|base| base.kind) {
            Some(BaseKind::Host) => true,
            Some(BaseKind::Relayed(relay)) => self.permit(relay, to.remote),
            None => false,
        }
    }

    /// How many bytes of framing stand before what goes to a source.
    pub(crate) fn headroom(&self, to: SourceId) -> usize {
        match self.base(to.base).map(|base| base.kind) {
            Some(BaseKind::Relayed(relay)) => self.relay_headroom(relay, to.remote),
            Some(BaseKind::Host) | None => 0,
        }
    }

    /// Writes the framing of what stands in `out` from `start` on, behind its headroom. When that cannot be sent, `out` is
    /// cut off at `start`.
    pub(crate) fn seal(&mut self, to: SourceId, out: &mut Vec<u8>, start: usize) -> Option<Path> {
        let path = self.route(to);
        let sealed = match self.base(to.base).map(|base| base.kind) {
            Some(BaseKind::Host) => true,
            Some(BaseKind::Relayed(relay)) => self.relay_seal(relay, to.remote, out, start).is_ok(),
            None => false,
        };
        if !sealed {
            out.truncate(start);
        }
        path.filter(|_| sealed)
    }
}
