//! Relayed candidates: allocations on TURN servers (RFC 8445, Section 5.1.1.2; RFC 8656).
//!
//! 1. Each interface asks each server of its family, in turn with the questions to STUN servers. For a server that is
//!    reached over a stream the embedder opens one first.
//! 2. Each relayed address of an allocation is a base, with a candidate of its own. One that the server has lost goes with
//!    all that stands on it; the client asks for another.
//! 3. A peer is permitted when the first check of a pair with it begins: the check leaves right behind the request.
//! 4. What arrives from the server is unwrapped, and then as if it had come from the peer to the relayed address.
//! 5. A restart keeps the allocations, and asks again where there is none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_stun::auth::Credentials;
use duologue_stun::framing::Framing;
use duologue_stun::turn::{
    self, Client, ClientConfig, ClientTransport, Families, Refusal, Relayed, SendError, TAILROOM,
};
use duologue_stun::{Header, canonical};
use rand_core::Rng;

use crate::agent::Agent;
use crate::base::{Base, BaseKind};
use crate::candidate::{Server, can_pair, is_usable, relayed_preference};
use crate::config::{Config, TurnServer};
use crate::event::{Discard, Event, ServerError, ServerFailure};
use crate::gather::query_retransmission;
use crate::pair::Pair;
use crate::path::{BaseId, InterfaceId, Path, SourceId, Transmit, Transport};
use crate::session::Session;
use crate::shared::Shared;
use crate::stream::{Owner, StreamId};
use crate::timer::Timer;

/// How long a closed agent waits until its allocations are known to be gone.
const LINGER: Duration = Duration::from_secs(1);

/// An allocation by its place in the agent. An id is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RelayId(u32);

/// One server as one interface uses it.
#[derive(Debug)]
pub(crate) struct Relay {
    id: RelayId,
    interface: InterfaceId,
    /// The server's place in the configuration: earlier ones are liked better.
    index: usize,
    server: TurnServer,
    /// As on the wire.
    path: Path,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// To be asked for the first time.
    Due,
    /// The embedder opens a stream for it.
    Opening(StreamId),
    /// There is an allocation, or is about to be.
    Running(Running),
}

#[derive(Debug)]
struct Running {
    client: Box<Client>,
    stream: Option<StreamId>,
    /// There has been no allocation yet.
    first: bool,
}

impl Relay {
    const fn is_gathering(&self) -> bool {
        matches!(self.phase, Phase::Due | Phase::Opening(_) | Phase::Running(Running { first: true, .. }))
    }

    fn client(&self) -> Option<&Client> {
        match &self.phase {
            Phase::Running(running) => Some(&running.client),
            Phase::Due | Phase::Opening(_) => None,
        }
    }

    fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.phase {
            Phase::Running(running) => Some(&mut running.client),
            Phase::Due | Phase::Opening(_) => None,
        }
    }

    const fn stream(&self) -> Option<StreamId> {
        match self.phase {
            Phase::Opening(stream) => Some(stream),
            Phase::Running(Running { stream, .. }) => stream,
            Phase::Due => None,
        }
    }

    const fn framing(&self) -> ClientTransport {
        match self.path.transport {
            Transport::Udp => ClientTransport::Datagram,
            Transport::Tcp | Transport::Tls => ClientTransport::Stream,
        }
    }
}

impl Agent {
    /// Gives the credentials for a TURN server that has asked for a token by [`Event::TokenWanted`], or a token that takes
    /// the place of one about to expire.
    pub fn set_turn_credentials(&mut self, now: Instant, server: SocketAddr, credentials: &Credentials) {
        let now = self.advance(now);
        for relay in self.shared.relays.iter_mut().filter(|relay| relay.server.address == server) {
            relay.server.credentials = Some(credentials.clone());
            if let Some(client) = relay.client_mut() {
                client.set_credentials(now, credentials.clone());
            }
        }
        self.settle(now);
    }

    /// Whether TURN answers come on a path: a router of datagrams on a shared socket sends what comes on it here.
    #[must_use]
    pub fn is_server_path(&self, path: Path) -> bool {
        self.shared.relays.iter().any(|relay| relay.path == path)
    }

    /// What arrived from a TURN server, unwrapped: who has sent it, and what. `Ok(None)` was the server's own.
    pub(crate) fn unframe<'d>(
        &mut self,
        now: Instant,
        id: RelayId,
        datagram: &'d mut [u8],
    ) -> Result<Option<(SourceId, &'d mut [u8])>, Discard> {
        let relay = self.shared.relays.iter_mut().find(|relay| relay.id == id);
        let client = relay.and_then(Relay::client_mut).ok_or(Discard::NotReady)?;
        match client.handle_datagram(now, datagram) {
            Ok(turn::Received::Consumed) => {
                self.settle(now);
                Ok(None)
            }
            Ok(turn::Received::Data { peer, payload }) => {
                let base = self.shared.relayed_base(id, peer).ok_or(Discard::Relay)?;
                Ok(Some((SourceId { base, remote: peer }, payload)))
            }
            Err(_) => Err(Discard::Relay),
        }
    }

    /// Takes in what the clients have to tell.
    pub(crate) fn serve_relays(&mut self, now: Instant) {
        while let Some((id, event)) = self.shared.next_relay_event() {
            match event {
                turn::Event::Allocated(relayed) => self.on_allocated(id, &relayed),
                turn::Event::Relocated(relayed) => {
                    self.remove_relayed_bases(now, id);
                    self.on_allocated(id, &relayed);
                }
                turn::Event::PermissionRefused(peer, refusal) => self.on_peer_refused(id, peer, refusal),
                turn::Event::Redirected { server, domain } => self.shared.on_redirected(id, server, domain),
                turn::Event::TokenWanted(name) => {
                    if let Some(relay) = self.shared.relay(id) {
                        let server = relay.server.address;
                        self.shared.notices.push_back(Event::TokenWanted { server, name });
                    }
                }
                turn::Event::Failed(reason) => self.lose_relay(now, id, Some(ServerError::Turn(reason))),
                turn::Event::Closed => self.lose_relay(now, id, None),
                // A family that the server does not have leaves the other; what is permitted shows in the checks; and
                // nothing authenticates an ICMP error.
                _ => {}
            }
        }
    }

    /// The server does not relay to a peer, or has not said that it does.
    fn on_peer_refused(&mut self, id: RelayId, peer: SocketAddr, refusal: Refusal) {
        let Some(base) = self.shared.relayed_base(id, peer) else { return };
        let source = SourceId { base, remote: peer };
        let works = self.sessions().any(|session| session.checklist.at(source).is_some_and(Pair::is_valid));
        if works && refusal == Refusal::Timeout && self.shared.permit(id, peer) {
            // The peer is reached all the same: answers alone were lost.
            return;
        }
        self.shared.requests.remove_where(|request| request.to == source);
        self.each_session(|session, _| session.on_unreachable(source));
    }

    fn on_allocated(&mut self, id: RelayId, relayed: &Relayed) {
        let Some(relay) = self.shared.relays.iter_mut().find(|relay| relay.id == id) else { return };
        if let Phase::Running(running) = &mut relay.phase {
            running.first = false;
        }
        let Relay { interface, index, path, .. } = *relay;
        let own = self.shared.interfaces.iter().find(|other| other.id == interface);
        let known = own.map(|own| (own.preference, own.base, own.options.clone()));
        let Some((preference, host, options)) = known else { return };
        for address in
            [relayed.ipv6, relayed.ipv4].into_iter().flatten().filter(|address| is_usable(*address))
        {
            let base = Base {
                id: self.shared.next_base_id(),
                interface,
                kind: BaseKind::Relayed(id),
                address,
                preference: relayed_preference(preference, address.ip(), path.transport, index),
                related: relayed.mapped,
                options: options.clone(),
            };
            self.add_base(base);
        }
        // What the server sees of our own address is what a STUN server would say.
        if let Some(mapped) = relayed.mapped.map(canonical).filter(|_| path.transport == Transport::Udp) {
            let server = Server { ip: path.remote.ip(), transport: path.transport };
            self.each_session(|session, shared| session.add_reflexive(shared, host, server, mapped));
        }
    }

    fn remove_relayed_bases(&mut self, now: Instant, id: RelayId) {
        while let Some(base) = self.shared.bases.iter().find(|base| base.kind == BaseKind::Relayed(id)) {
            self.remove_base(now, base.id);
        }
    }

    /// An allocation is gone, and what stood on it.
    fn lose_relay(&mut self, now: Instant, id: RelayId, error: Option<ServerError>) {
        self.remove_relayed_bases(now, id);
        let Some(index) = self.shared.relays.iter().position(|relay| relay.id == id) else { return };
        let relay = self.shared.relays.swap_remove(index);
        if let Some(error) = error {
            let Path { local, remote, transport } = relay.path;
            self.shared.fail_server(ServerFailure { local, server: remote, transport, error });
        }
        if let Some(stream) = relay.stream() {
            self.shared.close_stream(stream);
        }
    }

    pub(crate) fn on_relay_stream_closed(&mut self, now: Instant, id: RelayId) {
        self.lose_relay(now, id, Some(ServerError::Stream));
    }

    /// An interface goes: so do its allocations, without a word to the servers, who would not hear it.
    pub(crate) fn remove_relays(&mut self, now: Instant, interface: InterfaceId) {
        self.end_relays(now, |relay| relay.interface == interface);
    }

    fn end_relays(&mut self, now: Instant, which: impl Fn(&Relay) -> bool) {
        while let Some(relay) = self.shared.relays.iter().find(|relay| which(relay)) {
            self.lose_relay(now, relay.id, None);
            self.told.dirty = true;
        }
    }

    /// Appends what a client has to send.
    pub(crate) fn write_relays(
        &mut self,
        now: Instant,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let transmit = self.shared.relays.iter_mut().find_map(|relay| {
            let path = relay.path;
            let len = relay.client_mut()?.poll_transmit(now, max_len, out)?;
            Some(Transmit { path, len })
        })?;
        self.shared.stats.datagrams_sent += 1;
        self.shared.stats.bytes_sent += transmit.len as u64;
        if self.is_closed() {
            self.end_relays(now, |relay| relay.path == transmit.path);
        }
        self.timers.set(Timer::Relay, self.shared.next_relay_timeout());
        Some(transmit)
    }

    /// The agent closes: allocations are deleted, as far as one datagram each can do it.
    pub(crate) fn close_relays(&mut self, now: Instant) {
        for relay in &mut self.shared.relays {
            if let Some(client) = relay.client_mut() {
                client.close(now);
            }
        }
        self.end_relays(now, |relay| relay.client().is_none());
        self.serve_relays(now);
        self.timers.set(Timer::Relay, (!self.shared.relays.is_empty()).then_some(now + LINGER));
    }

    pub(crate) fn on_relays_due(&mut self, now: Instant) {
        if self.is_closed() {
            self.end_relays(now, |_| true);
            return;
        }
        for relay in &mut self.shared.relays {
            if let Some(client) = relay.client_mut() {
                client.handle_timeout(now);
            }
        }
        self.on_queries_due(now);
    }
}

impl Shared {
    /// The servers that an interface is to ask.
    pub(crate) fn add_relays(&mut self, interface: InterfaceId) {
        let Some(local) =
            self.interfaces.iter().find(|other| other.id == interface).map(|interface| interface.address)
        else {
            return;
        };
        let config = Arc::clone(&self.config);
        if config.lite {
            return;
        }
        for (index, server) in config.turn_servers.iter().take(Config::MAX_TURN_SERVERS).enumerate() {
            let remote = canonical(server.address);
            let known =
                self.relays.iter().any(|relay| relay.interface == interface && relay.server == *server);
            if known || !is_usable(remote) || !can_pair(local.ip(), remote.ip()) {
                continue;
            }
            let id = RelayId(self.next_relay);
            self.next_relay = self.next_relay.wrapping_add(1);
            let path = Path { local, remote, transport: server.transport };
            self.relays.push(Relay { id, interface, index, server: server.clone(), path, phase: Phase::Due });
        }
    }

    pub(crate) fn is_allocating(&self) -> bool {
        self.relays.iter().any(Relay::is_gathering)
    }

    pub(crate) fn has_relay_due(&self) -> bool {
        self.relays.iter().any(|relay| matches!(relay.phase, Phase::Due))
    }

    /// Asks the next server that has not been asked.
    pub(crate) fn start_relay(&mut self, now: Instant) -> bool {
        let Some(relay) = self.relays.iter().find(|relay| matches!(relay.phase, Phase::Due)) else {
            return false;
        };
        let (id, path) = (relay.id, relay.path);
        if path.transport == Transport::Udp {
            self.run(now, id, path, None);
            return true;
        }
        let name = relay.server.server_name.clone();
        let stream = self.open_stream(Owner::Relay(id), with_any_port(path), name, Framing::Stun);
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.id == id) {
            relay.phase = Phase::Opening(stream);
        }
        true
    }

    fn run(&mut self, now: Instant, id: RelayId, path: Path, stream: Option<StreamId>) {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let crypto = self.config.crypto;
        let Some(relay) = self.relays.iter_mut().find(|relay| relay.id == id) else { return };
        relay.path = path;
        let mut config = ClientConfig::new(crypto, path.remote);
        config.transport = relay.framing();
        config.credentials = relay.server.credentials.clone();
        config.families = Families::Both;
        config.retransmission = query_retransmission(config.retransmission);
        let client = Box::new(Client::new(Arc::new(config), seed, now));
        relay.phase = Phase::Running(Running { client, stream, first: true });
    }

    /// The stream to a server is open: it is asked, or a client goes on there.
    pub(crate) fn on_relay_stream_opened(&mut self, now: Instant, id: RelayId, path: Path) {
        let Some(relay) = self.relays.iter_mut().find(|relay| relay.id == id) else { return };
        match &mut relay.phase {
            Phase::Opening(stream) => {
                let stream = *stream;
                self.run(now, id, path, Some(stream));
            }
            Phase::Running(running) => {
                relay.path = path;
                running.client.stream_opened(now);
            }
            Phase::Due => {}
        }
    }

    fn on_redirected(&mut self, id: RelayId, server: SocketAddr, domain: Option<Vec<u8>>) {
        let Some(relay) = self.relays.iter_mut().find(|relay| relay.id == id) else { return };
        relay.path.remote = server;
        let Phase::Running(running) = &mut relay.phase else { return };
        let Some(old) = running.stream else { return };
        let path = with_any_port(relay.path);
        let name = match domain {
            Some(domain) => String::from_utf8(domain).ok(),
            None => relay.server.server_name.clone(),
        };
        self.close_stream(old);
        let stream = self.open_stream(Owner::Relay(id), path, name, Framing::Stun);
        if let Some(Relay { phase: Phase::Running(running), .. }) =
            self.relays.iter_mut().find(|relay| relay.id == id)
        {
            running.stream = Some(stream);
        }
    }

    fn relay(&self, id: RelayId) -> Option<&Relay> {
        self.relays.iter().find(|relay| relay.id == id)
    }

    /// The allocation whose server is at the other end of a path, unless what has come is the answer to a question of ours.
    pub(crate) fn relay_at(&self, path: Path, datagram: &[u8]) -> Option<RelayId> {
        let relay = self.relays.iter().find(|relay| relay.path == path)?;
        let is_ours =
            Header::parse(datagram).is_ok_and(|header| self.requests.get(header.transaction_id).is_some());
        (!is_ours).then_some(relay.id)
    }

    pub(crate) fn relay_path(&self, id: RelayId) -> Option<Path> {
        Some(self.relay(id)?.path)
    }

    /// The base that a peer's datagrams come to.
    fn relayed_base(&self, id: RelayId, peer: SocketAddr) -> Option<BaseId> {
        let of_relay = self.bases.iter().filter(|base| base.kind == BaseKind::Relayed(id));
        of_relay.into_iter().find(|base| base.address.is_ipv4() == peer.is_ipv4()).map(|base| base.id)
    }

    fn next_relay_event(&mut self) -> Option<(RelayId, turn::Event)> {
        self.relays.iter_mut().find_map(|relay| Some((relay.id, relay.client_mut()?.poll_event()?)))
    }

    /// When a TURN client, or a question on a stream, has something to do.
    pub(crate) fn next_relay_timeout(&self) -> Option<Instant> {
        let relays = self.relays.iter().filter_map(|relay| relay.client()?.poll_timeout());
        relays.chain(self.next_query_timeout()).min()
    }

    /// Asks a server to let a peer's datagrams through. Whether that can be.
    pub(crate) fn permit(&mut self, id: RelayId, peer: SocketAddr) -> bool {
        let now = self.now;
        let relay = self.relays.iter_mut().find(|relay| relay.id == id);
        relay.and_then(Relay::client_mut).is_some_and(|client| client.permit(now, peer).is_ok())
    }

    /// How many bytes of framing stand before a datagram to a peer.
    pub(crate) fn relay_headroom(&self, id: RelayId, peer: SocketAddr) -> usize {
        self.relay(id).and_then(Relay::client).map_or(0, |client| client.headroom(peer))
    }

    /// Frames what stands in `out` from `start` on, behind the headroom.
    pub(crate) fn relay_seal(
        &mut self,
        id: RelayId,
        peer: SocketAddr,
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), SendError> {
        let relay = self.relays.iter_mut().find(|relay| relay.id == id);
        let client = relay.and_then(Relay::client_mut).ok_or(SendError::NotAllocated)?;
        let (head, end) = (client.headroom(peer), out.len() - start);
        out.resize(out.len() + TAILROOM, 0);
        let framed = client.seal(peer, out.get_mut(start..).unwrap_or_default(), head..end)?;
        out.truncate(start + framed.end);
        Ok(())
    }
}

impl Session {
    /// The server does not relay to a peer.
    fn on_unreachable(&mut self, source: SourceId) {
        if let Some(pair) = self.checklist.iter_mut().find(|pair| pair.source() == source) {
            pair.break_off();
        }
    }
}

const fn with_any_port(mut path: Path) -> Path {
    path.local.set_port(0);
    path
}
