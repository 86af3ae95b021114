//! Interfaces and their server-reflexive candidates (RFC 8445, Section 5.1.1.2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_stun::{Message, Retransmission, Transaction, canonical, mapped_address};

use crate::agent::Agent;
use crate::candidate::{Kind, LocalCandidate, Server, can_pair, is_usable, priority};
use crate::check::MIN_PACING;
use crate::config::{CandidatePolicy, Config};
use crate::event::{Discard, GatheringState, ServerError, ServerFailure};
use crate::interface::InterfaceOptions;
use crate::path::{BaseId, InterfaceId, SourceId, Transport};
use crate::session::Session;
use crate::shared::Shared;
use crate::transaction::{Purpose, Request};

/// RFC 8445, Section 11: a binding is refreshed after 15 seconds at the latest.
const BINDING_REFRESH: Duration = Duration::from_secs(15);

/// A server is asked after 0, 0.5, 1.5, 2.5 ... seconds, and given up after 13.5: without the doubling that RFC 8489,
/// Section 6.2.1 recommends, since the peer may wait for the candidate.
const QUERIES: u8 = 14;
const LONGEST_QUERY_WAIT: Duration = Duration::from_secs(1);

/// How often a STUN or TURN server is asked over UDP.
pub(crate) fn query_retransmission(first: Retransmission) -> Retransmission {
    Retransmission { count: QUERIES, longest_wait: LONGEST_QUERY_WAIT, last_wait: 2, ..first }
}

/// An address that the embedder can send from.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) id: InterfaceId,
    pub(crate) address: SocketAddr,
    pub(crate) preference: u16,
    pub(crate) options: InterfaceOptions,
    /// That of its host candidate, and of those that STUN servers show.
    pub(crate) base: BaseId,
    servers: Vec<StunServer>,
}

/// A STUN server as one interface sees it.
#[derive(Debug)]
struct StunServer {
    address: SocketAddr,
    query: Query,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    /// To be asked for the first time.
    Due,
    /// Asked, or asked again to keep a binding.
    Asked { first: bool },
    /// Answered; asked again then.
    Answered { refresh: Instant },
    /// It does not answer.
    Silent,
}

impl Interface {
    pub(crate) fn new(
        id: InterfaceId,
        address: SocketAddr,
        base: BaseId,
        (preference, options): (u16, InterfaceOptions),
        config: &Config,
    ) -> Self {
        let mut interface = Self { id, address, preference, options, base, servers: Vec::new() };
        interface.ask_all(config);
        interface
    }

    /// Every server is to be asked, whatever has come of it before.
    fn ask_all(&mut self, config: &Config) {
        let address = self.address;
        let servers = config.stun_servers.iter().take(Config::MAX_STUN_SERVERS).copied().map(canonical);
        let usable = servers.filter(|server| is_usable(*server) && can_pair(address.ip(), server.ip()));
        // RFC 8445, Section 5.1: lite agents gather host candidates alone.
        let wanted = usable.filter(|_| !config.lite && config.policy != CandidatePolicy::Relay);
        self.servers = wanted.map(|address| StunServer { address, query: Query::Due }).collect();
    }

    fn is_gathering(&self) -> bool {
        self.servers.iter().any(|server| matches!(server.query, Query::Due | Query::Asked { first: true }))
    }
}

impl Agent {
    /// The state of gathering over all interfaces.
    #[must_use]
    pub fn gathering(&self) -> GatheringState {
        match self.shared.interfaces.iter().any(Interface::is_gathering)
            || self.shared.is_allocating()
            || !self.shared.stream_queries.is_empty()
        {
            true => GatheringState::Gathering,
            false if self.shared.interfaces.is_empty() && self.told.gathering == GatheringState::New => {
                GatheringState::New
            }
            false => GatheringState::Complete,
        }
    }

    /// A server has answered. Nothing authenticates it but the transaction id and the path.
    pub(crate) fn on_query_answered(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        server: usize,
        message: &Message<'_>,
    ) -> Result<(), Discard> {
        let mapped = mapped_address(message).filter(|address| is_usable(*address));
        let Some(mapped) = mapped else {
            self.shared.on_query_failed(interface, server, ServerError::NoAddress);
            return Ok(());
        };
        let next = Query::Answered { refresh: now + BINDING_REFRESH };
        let Some(server) = self.shared.set_query(interface, server, next) else {
            return Err(Discard::Malformed);
        };
        let base = self.shared.interfaces.iter().find(|other| other.id == interface).map(|own| own.base);
        let server = Server { ip: server.ip(), transport: Transport::Udp };
        for base in base.into_iter() {
            self.each_session(|session, shared| session.add_reflexive(shared, base, server, mapped));
        }
        Ok(())
    }
}

impl Shared {
    /// Asks every server again, whatever has come of it before.
    pub(crate) fn gather_anew(&mut self) {
        let config = Arc::clone(&self.config);
        self.interfaces.iter_mut().for_each(|interface| interface.ask_all(&config));
        for interface in self.interfaces.iter().map(|interface| interface.id).collect::<Vec<_>>() {
            self.add_relays(interface);
        }
        self.ask_all_by_streams();
    }

    /// Whoever has not answered is not waited for.
    pub(crate) fn end_gathering(&mut self) {
        let servers = self.interfaces.iter_mut().flat_map(|interface| &mut interface.servers);
        let open = servers.filter(|server| matches!(server.query, Query::Due | Query::Asked { .. }));
        open.for_each(|server| server.query = Query::Silent);
        self.end_queries(None);
    }

    pub(crate) fn has_query_due(&self) -> bool {
        self.interfaces
            .iter()
            .flat_map(|interface| &interface.servers)
            .any(|server| server.query == Query::Due)
            || self.has_relay_due()
    }

    /// Asks the next server that has not been asked.
    pub(crate) fn start_query(&mut self, now: Instant) -> bool {
        let due = self.interfaces.iter_mut().find_map(|interface| {
            let (index, server) =
                interface.servers.iter_mut().enumerate().find(|(_, server)| server.query == Query::Due)?;
            server.query = Query::Asked { first: true };
            Some((interface.id, index))
        });
        let Some((interface, server)) = due else { return self.start_relay(now) };
        let asked = self.ask(interface, server);
        if !asked {
            // It waits for room in the table.
            self.set_query(interface, server, Query::Due);
        }
        asked
    }

    fn ask(&mut self, interface: InterfaceId, server: usize) -> bool {
        let to = self.interfaces.iter().find(|other| other.id == interface).and_then(|interface| {
            let server = interface.servers.get(server)?;
            Some(SourceId { base: interface.base, remote: server.address })
        });
        let Some(to) = to.filter(|_| self.requests.has_room()) else { return false };
        let id = self.random_id();
        let timing = Transaction::new(query_retransmission(self.retransmission()));
        let purpose = Purpose::Gather { interface, server };
        self.requests.start(Request { id, to, purpose, timing, cancelled: None });
        true
    }

    /// A server has not answered. That is told of its first question: later ones only keep a binding.
    pub(crate) fn on_query_failed(&mut self, interface: InterfaceId, server: usize, error: ServerError) {
        let asked = self.interfaces.iter().find(|other| other.id == interface);
        let was_first = asked
            .and_then(|interface| interface.servers.get(server))
            .is_some_and(|server| server.query == Query::Asked { first: true });
        let local = asked.map(|interface| interface.address);
        let server = self.set_query(interface, server, Query::Silent);
        if let (true, Some(local), Some(server)) = (was_first, local, server) {
            self.fail_server(ServerFailure { local, server, transport: Transport::Udp, error });
        }
    }

    fn set_query(&mut self, interface: InterfaceId, server: usize, query: Query) -> Option<SocketAddr> {
        let interface = self.interfaces.iter_mut().find(|other| other.id == interface)?;
        let server = interface.servers.get_mut(server)?;
        server.query = query;
        Some(server.address)
    }

    /// RFC 8445, Section 5.1.1.4: bindings are kept alive until the peer's checks can do without.
    pub(crate) fn next_binding(&self, now: Instant) -> Option<Instant> {
        let servers = self.interfaces.iter().flat_map(|interface| &interface.servers);
        let refreshes = servers.filter_map(|server| match server.query {
            Query::Answered { refresh } => Some(refresh),
            Query::Due | Query::Asked { .. } | Query::Silent => None,
        });
        // A refresh that was left out while a pair was nominated is made up for soon, not in the past.
        refreshes.min().map(|refresh| refresh.max(now + MIN_PACING))
    }

    pub(crate) fn on_bindings_due(&mut self, now: Instant) {
        let mut due = Vec::new();
        for interface in &mut self.interfaces {
            for (index, server) in interface.servers.iter_mut().enumerate() {
                if matches!(server.query, Query::Answered { refresh } if refresh <= now) {
                    server.query = Query::Asked { first: false };
                    due.push((interface.id, index));
                }
            }
        }
        for (interface, server) in due {
            if !self.ask(interface, server) {
                self.on_query_failed(interface, server, ServerError::Silent);
            }
        }
    }
}

impl Session {
    pub(crate) fn add_reflexive(
        &mut self,
        shared: &mut Shared,
        base: BaseId,
        server: Server,
        mapped: SocketAddr,
    ) {
        let Some(base) = shared.base(base).filter(|base| self.admits(base)) else { return };
        let (id, address, preference) = (base.id, base.address, base.preference);
        let protocol = base.kind.protocol();
        let (network, cost) = (base.options.network, base.options.cost);
        let hides = base.options.mdns_name.is_some();
        // RFC 8445, Section 5.1.3: the same address with the same base is redundant, also that of the host.
        let known = |candidate: &LocalCandidate| candidate.address == mapped && candidate.base == id;
        let of_base = self.candidates.iter().filter(|candidate| candidate.base == id);
        if self.candidates.iter().any(known) || of_base.count() > Config::MAX_STUN_SERVERS {
            return;
        }
        let foundation = shared.foundations.number(Kind::ServerReflexive, address.ip(), Some(server));
        self.candidates.push(LocalCandidate {
            base: id,
            kind: Kind::ServerReflexive,
            protocol,
            address: mapped,
            related: Some(self.policy.disclosed(address, hides)),
            priority: priority(Kind::ServerReflexive, protocol, preference),
            foundation,
            name: None,
            network,
            cost,
            announced: false,
        });
    }
}
