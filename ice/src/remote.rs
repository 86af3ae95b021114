//! The peer's candidates: which are taken, and the pairs they make (RFC 8445, Section 6.1.2; RFC 8838).

use std::net::SocketAddr;

use duologue_stun::canonical;

use crate::agent::without_scope;
use crate::attempts::Attempts;
use crate::base::{Base, BaseKind};
use crate::candidate::{CandidateProtocol, Kind, RemoteCandidate, TcpKind, can_pair, is_usable};
use crate::grammar::{Candidate, CandidateAddress};
use crate::handover::Flow;
use crate::pair::{Pair, PairCounters, PairState};
use crate::path::{BaseId, PairId, Path, SourceId, Transport};
use crate::role::Role;
use crate::session::Session;
use crate::shared::Shared;

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    New,
    Known,
    Ignored,
}

impl Session {
    /// Whether the candidate is one to make pairs with.
    pub(crate) fn accept_remote(&mut self, shared: &mut Shared, candidate: &Candidate) -> Accepted {
        let (Some(kind), Some(protocol)) = (Kind::of(&candidate.kind), CandidateProtocol::of(candidate))
        else {
            return Accepted::Ignored;
        };
        let ufrag = self.remote.as_ref().map(|remote| remote.credentials.ufrag());
        let is_current = match (candidate.ufrag(), ufrag) {
            (Some(theirs), Some(known)) => theirs == known,
            _ => true,
        };
        if candidate.component != 1 || !is_current {
            return Accepted::Ignored;
        }
        if let CandidateAddress::Mdns(name) = &candidate.address {
            return self.ask_for_name(shared, name, candidate);
        }
        let address = candidate.socket_address().map(canonical).filter(|address| is_usable(*address));
        let Some(address) = address else { return Accepted::Ignored };
        if protocol == CandidateProtocol::Tcp(TcpKind::Active) {
            // It tells no port: its stream, and the check on it, will.
            let awaited = shared.bases.iter().any(|base| base.kind == BaseKind::Tcp(TcpKind::Passive));
            return if awaited { Accepted::New } else { Accepted::Ignored };
        }
        let is_known = |known: &RemoteCandidate| known.address == address && known.protocol == protocol;
        let (priority, cost) = (candidate.priority, network_cost(candidate));
        let signalled = RemoteCandidate { protocol, address, kind, priority, cost };
        if let Some(index) = self.remotes.iter().position(is_known) {
            let Some(known) = self.remotes.get_mut(index) else { return Accepted::Known };
            if known.kind != Kind::PeerReflexive || kind == Kind::PeerReflexive {
                return Accepted::Known;
            }
            // One that was found as peer-reflexive before: its pairs stay as they are, and others join them
            // (RFC 8445, Section 7.3.1.3).
            *known = signalled;
            self.update_pairs(shared.role, address, kind, priority);
            self.pair_with_all(shared, index);
            return Accepted::New;
        }
        if self.remotes.len() >= usize::from(shared.config.max_remote_candidates) {
            // What was found by checks alone gives way, the oldest first.
            let found = self.remotes.iter().position(|known| known.kind == Kind::PeerReflexive);
            let Some(found) = found else { return Accepted::Ignored };
            self.remotes.remove(found);
        }
        self.remotes.push(signalled);
        self.pair_with_all(shared, self.remotes.len() - 1);
        Accepted::New
    }

    fn pair_with_all(&mut self, shared: &mut Shared, remote: usize) {
        for base in shared.bases.iter().map(|base| base.id).collect::<Vec<_>>() {
            self.pair_up(shared, base, remote);
        }
    }

    fn update_pairs(&mut self, role: Role, remote: SocketAddr, kind: Kind, priority: u32) {
        for pair in self.checklist.iter_mut().filter(|pair| without_scope(pair.remote) == remote) {
            pair.remote_kind = kind;
            pair.remote_priority = priority;
            pair.set_priority(role);
        }
    }

    /// RFC 8445, Section 6.1.2.2: a pair of a signalled remote candidate and one of our bases.
    pub(crate) fn pair_up(&mut self, shared: &mut Shared, base: BaseId, remote: usize) {
        let Some(base) = shared.base(base) else { return };
        let Some(remote) = self.remotes.get(remote) else { return };
        let possible = base.kind.protocol().reaches(remote.protocol);
        if possible && self.admits(base) && can_pair(base.address.ip(), remote.address.ip()) {
            let pair = new_pair(shared, base, remote);
            if self.checklist.at(pair.source()).is_none() {
                let _ = self.checklist.insert(shared, pair, false);
            }
        }
    }
}

/// The `network-cost` extension, as libwebrtc tells it.
fn network_cost(candidate: &Candidate) -> u16 {
    let told = candidate.extensions.iter().find(|(name, _)| name == "network-cost");
    told.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

/// A pair on which nothing has happened; its id comes with its place in the checklist.
pub(crate) fn new_pair(shared: &Shared, base: &Base, remote: &RemoteCandidate) -> Pair {
    let (local, to) = (base.address, base.scoped(remote.address));
    let mut pair = Pair {
        id: PairId(0),
        base: base.id,
        local,
        cost: u32::from(base.options.cost) + u32::from(remote.cost),
        network_cost: (u32::from(base.options.network) << 16) | u32::from(base.options.cost),
        local_kind: base.candidate_kind(),
        remote: to,
        // A stream that is not open yet has no port of ours.
        path: shared.route(SourceId { base: base.id, remote: to }).unwrap_or(Path {
            local,
            remote: to,
            transport: Transport::Tcp,
        }),
        link: base.kind.link(),
        local_priority: base.priority(),
        remote_priority: remote.priority,
        remote_kind: remote.kind,
        priority: 0,
        state: PairState::Waiting,
        mapped: None,
        nomination: None,
        nominated_at: None,
        pending_nomination: None,
        refused_nomination: false,
        attempts: Attempts::default(),
        nominations: Attempts::default(),
        heard: None,
        flow: Flow::default(),
        qualified: false,
        qualified_announced: false,
        round_trip: None,
        last_round_trip: None,
        counters: PairCounters::default(),
    };
    pair.set_priority(shared.role);
    pair
}
