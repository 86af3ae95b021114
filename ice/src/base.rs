//! Bases: where the datagrams of a candidate leave from (RFC 8445, Section 5.1.1).

use std::net::SocketAddr;

use crate::agent::without_scope;
use crate::candidate::{Kind, priority};
use crate::path::{BaseId, InterfaceId, Path, SourceId};
use crate::shared::Shared;

/// One base. Server-reflexive candidates send from that of their host candidate.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) id: BaseId,
    pub(crate) interface: InterfaceId,
    pub(crate) address: SocketAddr,
    /// The local preference of its candidates.
    pub(crate) preference: u16,
}

impl Base {
    /// The priority of the candidate that stands for the base in pairs.
    pub(crate) const fn priority(&self) -> u32 {
        priority(Kind::Host, self.preference)
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

    /// Who has sent what arrived on `path`.
    pub(crate) fn source_of(&self, path: Path) -> Option<SourceId> {
        let base = self.bases.iter().find(|base| {
            base.address == path.local || without_scope(base.address) == without_scope(path.local)
        })?;
        Some(SourceId { base: base.id, remote: base.scoped(path.remote) })
    }

    /// Where what goes to a source leaves.
    pub(crate) fn route(&self, to: SourceId) -> Option<Path> {
        let base = self.base(to.base)?;
        Some(Path::udp(base.address, to.remote))
    }
}
