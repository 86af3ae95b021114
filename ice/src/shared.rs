//! What the sessions of an agent share: addresses, the role, the table of requests, randomness and counters.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use duologue_stun::TransactionId;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use crate::base::{Base, BaseKind};
use crate::candidate::{Foundations, Kind, LocalCandidate, Server, local_preference};
use crate::config::{CandidatePolicy, Config};
use crate::event::{Event, ServerFailure, Stats};
use crate::gather::Interface;
use crate::path::{BaseId, InterfaceId, PairId, SourceId, Transport};
use crate::relay::Relay;
use crate::role::Role;
use crate::stream::Stream;
use crate::stream_query::StreamQuery;
use crate::transaction::{Request, Requests};

/// How many failures of servers are remembered.
const MAX_SERVER_FAILURES: usize = 16;

/// One of an agent's sessions. An id is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId(u32);

/// What outlives a restart.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) now: Instant,
    pub(crate) rng: ChaCha12Rng,
    /// RFC 8445, Section 9: a restart keeps the role.
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) bases: Vec<Base>,
    pub(crate) foundations: Foundations,
    pub(crate) requests: Requests,
    /// Checks received of late, to tell replays.
    pub(crate) recent: VecDeque<(TransactionId, SourceId)>,
    /// When the last new request left: one Ta for all sessions.
    pub(crate) last_check: Option<Instant>,
    /// How many triggered checks have left since another did.
    pub(crate) triggered_run: u8,
    pub(crate) pair_ids: PairIds,
    pub(crate) stats: Stats,
    next_interface: u32,
    next_base: u32,
    pub(crate) relays: Vec<Relay>,
    pub(crate) next_relay: u32,
    pub(crate) streams: Vec<Stream>,
    pub(crate) stream_queries: Vec<StreamQuery>,
    pub(crate) next_stream: u32,
    /// What is to be told beside what shows in states.
    pub(crate) notices: VecDeque<Event>,
    /// Why servers were of no use, the newest last.
    pub(crate) server_failures: VecDeque<ServerFailure>,
    next_session: u32,
}

/// The source of pairs' identifiers.
#[derive(Debug, Default)]
pub(crate) struct PairIds(u32);

impl PairIds {
    pub(crate) const fn next(&mut self) -> PairId {
        let id = PairId(self.0);
        self.0 = self.0.wrapping_add(1);
        id
    }
}

impl Shared {
    pub(crate) fn new(config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        Self {
            config,
            now,
            rng: ChaCha12Rng::from_seed(seed),
            role: Role::Controlled,
            tie_breaker: 0,
            interfaces: Vec::new(),
            bases: Vec::new(),
            foundations: Foundations::default(),
            requests: Requests::default(),
            recent: VecDeque::new(),
            last_check: None,
            triggered_run: 0,
            pair_ids: PairIds::default(),
            stats: Stats::default(),
            next_interface: 0,
            next_base: 0,
            relays: Vec::new(),
            next_relay: 0,
            streams: Vec::new(),
            stream_queries: Vec::new(),
            next_stream: 0,
            notices: VecDeque::new(),
            server_failures: VecDeque::new(),
            next_session: 0,
        }
    }

    pub(crate) fn random_id(&mut self) -> TransactionId {
        let mut id = [0; 12];
        self.rng.fill_bytes(&mut id);
        TransactionId(id)
    }

    pub(crate) const fn next_session_id(&mut self) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session = self.next_session.wrapping_add(1);
        id
    }

    /// The id of a new interface, and how much its address is liked.
    pub(crate) fn next_interface_id(&mut self, ip: IpAddr) -> (InterfaceId, u16) {
        let index = self.next_interface;
        self.next_interface = index.wrapping_add(1);
        (InterfaceId(index), local_preference(ip, index))
    }

    pub(crate) const fn next_base_id(&mut self) -> BaseId {
        let id = BaseId(self.next_base);
        self.next_base = self.next_base.wrapping_add(1);
        id
    }

    /// The candidate that a base is by itself.
    pub(crate) fn own_candidate(&mut self, policy: CandidatePolicy, id: BaseId) -> Option<LocalCandidate> {
        let base = self.base(id)?;
        let Base { address, related, ref options, .. } = *base;
        let (network, cost) = (options.network, options.cost);
        let name = options.mdns_name.clone().filter(|_| !matches!(base.kind, BaseKind::Relayed(_)));
        let hides = options.mdns_name.is_some();
        let (kind, protocol, priority) = (base.candidate_kind(), base.kind.protocol(), base.priority());
        let server = match base.kind {
            BaseKind::Host | BaseKind::Tcp(_) if policy != CandidatePolicy::All => return None,
            BaseKind::Host => None,
            // RFC 6544, Section 5.1: candidates of different protocols have different foundations.
            BaseKind::Tcp(_) => Some(Server { ip: address.ip(), transport: Transport::Tcp }),
            BaseKind::Relayed(relay) => {
                self.relay_path(relay).map(|path| Server { ip: path.remote.ip(), transport: path.transport })
            }
        };
        let foundation = self.foundations.number(kind, address.ip(), server);
        let related = related.or_else(|| (kind != Kind::Host).then_some(address));
        Some(LocalCandidate {
            base: id,
            kind,
            protocol,
            address,
            related: related.map(|related| policy.disclosed(related, hides)),
            priority,
            name,
            network,
            cost,
            foundation,
            announced: false,
        })
    }

    /// A server is of no use.
    pub(crate) fn fail_server(&mut self, failure: ServerFailure) {
        if self.server_failures.len() >= MAX_SERVER_FAILURES {
            self.server_failures.pop_front();
        }
        self.server_failures.push_back(failure);
        self.notices.push_back(Event::CandidateError(failure));
    }

    /// Takes a role and withdraws what was sent in the other one. Sessions follow by [`crate::checklist::Checklist::rank`].
    pub(crate) fn take_role(&mut self, role: Role) {
        if self.role != role {
            self.role = role;
            self.requests.remove_where(Request::is_nomination);
        }
    }
}
