//! Streams, which the embedder opens, accepts and closes: to TURN servers, and between TCP candidates (RFC 6544).
//!
//! 1. The pair of an active candidate asks for its stream when it is its turn to be checked, and is checked when the stream
//!    is open.
//! 2. A passive candidate waits: the embedder listens at its address and hands over who calls. The first check on a stream
//!    makes its pair.
//! 3. With simultaneous-open candidates both sides connect from where they listen. Which of the two streams lasts is the
//!    operating systems' to say; either is good.
//! 4. Datagrams stand behind two bytes of length (RFC 4571).

use std::net::SocketAddr;
use std::time::Instant;

use duologue_stun::canonical;
use duologue_stun::framing::Framing;

use crate::agent::Agent;
use crate::base::{Admission, Base, BaseKind};
use crate::candidate::TcpKind;
use crate::event::{Event, ServerError, StreamError};
use crate::pair::PairState;
use crate::path::{Path, SourceId, Transport};
use crate::relay::RelayId;
use crate::session::Session;
use crate::shared::Shared;

/// The length before each datagram.
pub(crate) const STREAM_HEADROOM: usize = 2;

/// A stream, by the name that the agent gives it. An id is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub(crate) u32);

/// A stream to be opened. The answer is [`Agent::stream_opened`] or [`Agent::stream_failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamRequest {
    /// What the stream is called from now on.
    pub id: StreamId,
    /// The address to connect from; port 0 leaves the port to the system.
    pub local: SocketAddr,
    /// The address to connect to.
    pub remote: SocketAddr,
    /// [`Transport::Tcp`], or [`Transport::Tls`].
    pub transport: Transport,
    /// With TLS the name that the server's certificate has to have; `None`: its address.
    pub server_name: Option<String>,
    /// How datagrams stand on it: what is received goes through a [`duologue_stun::framing::Deframer`] of this kind, and each
    /// datagram on to [`Agent::handle_datagram`]. What [`Agent::poll_transmit`] writes is framed already.
    pub framing: Framing,
}

#[derive(Debug)]
pub(crate) struct Stream {
    id: StreamId,
    owner: Owner,
    /// Its ends; that of ours is not known before the stream is open.
    path: Path,
    is_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Relay(RelayId),
    Peer(SourceId),
    /// A question to a STUN server.
    Query,
}

impl Agent {
    /// The stream is open; with TLS, its handshake is done. `local` is the address that it is bound to.
    pub fn stream_opened(&mut self, now: Instant, id: StreamId, local: SocketAddr) {
        let now = self.advance(now);
        let Some(stream) = self.shared.streams.iter_mut().find(|stream| stream.id == id) else { return };
        stream.is_open = true;
        stream.path.local = canonical(local);
        let Stream { owner, path, .. } = *stream;
        match owner {
            Owner::Relay(relay) => self.shared.on_relay_stream_opened(now, relay, path),
            Owner::Peer(source) => self.each_session(|session, _| session.on_stream_opened(source, path)),
            Owner::Query => self.on_query_stream_opened(id),
        }
        self.settle(now);
    }

    /// Takes a stream that has been accepted at the address of a listener, and gives it its name.
    ///
    /// # Errors
    /// Nobody waits for streams there, or there are too many; the stream is to be closed.
    pub fn stream_accepted(&mut self, now: Instant, path: Path) -> Result<StreamId, StreamError> {
        let now = self.advance(now);
        let path = Path { transport: Transport::Tcp, ..path.canonical() };
        if self.is_over() {
            return Err(StreamError::Closed);
        }
        let listens =
            |base: &&Base| base.kind == BaseKind::Tcp(TcpKind::Passive) && base.address == path.local;
        let base =
            self.shared.bases.iter().find(listens).map(|base| base.id).ok_or(StreamError::NoListener)?;
        self.make_room_for_stream()?;
        let source = SourceId { base, remote: path.remote };
        let id = self.shared.next_stream_id();
        self.shared.streams.push(Stream { id, owner: Owner::Peer(source), path, is_open: true });
        self.settle(now);
        Ok(id)
    }

    /// The stream could not be opened.
    pub fn stream_failed(&mut self, now: Instant, id: StreamId) {
        self.stream_closed(now, id);
    }

    /// The stream has been closed by the other end, or has broken.
    pub fn stream_closed(&mut self, now: Instant, id: StreamId) {
        let now = self.advance(now);
        let Some(index) = self.shared.streams.iter().position(|stream| stream.id == id) else { return };
        match self.shared.streams.swap_remove(index).owner {
            Owner::Query => self.on_query_stream_closed(id, ServerError::Stream),
            Owner::Relay(relay) => self.on_relay_stream_closed(now, relay),
            Owner::Peer(source) => {
                self.shared.requests.remove_where(|request| request.to == source);
                self.each_session(|session, shared| session.on_stream_closed(shared, now, source));
            }
        }
        self.settle(now);
    }

    /// When there are as many as may be, an accepted stream on which no check has come gives way: anybody can call.
    fn make_room_for_stream(&mut self) -> Result<(), StreamError> {
        let with_peers = self.shared.streams.iter().filter(|stream| matches!(stream.owner, Owner::Peer(_)));
        if with_peers.clone().count() < usize::from(self.shared.config.max_streams) {
            return Ok(());
        }
        let is_known = |source| self.sessions().any(|session| session.checklist.at(source).is_some());
        let strange =
            with_peers.filter(|stream| matches!(stream.owner, Owner::Peer(source) if !is_known(source)));
        let oldest = strange.min_by_key(|stream| stream.id).map(|stream| stream.id);
        self.shared.close_stream(oldest.ok_or(StreamError::Limit)?);
        Ok(())
    }
}

impl Shared {
    pub(crate) const fn next_stream_id(&mut self) -> StreamId {
        let id = StreamId(self.next_stream);
        self.next_stream = self.next_stream.wrapping_add(1);
        id
    }

    /// Asks the embedder for a stream.
    pub(crate) fn open_stream(
        &mut self,
        owner: Owner,
        path: Path,
        server_name: Option<String>,
        framing: Framing,
    ) -> StreamId {
        let id = self.next_stream_id();
        self.streams.push(Stream { id, owner, path, is_open: false });
        let Path { local, remote, transport } = path;
        let request = StreamRequest { id, local, remote, transport, server_name, framing };
        self.notices.push_back(Event::OpenStream(request));
        id
    }

    /// Tells the embedder that a stream is no longer needed.
    pub(crate) fn close_stream(&mut self, id: StreamId) {
        let before = self.streams.len();
        self.streams.retain(|stream| stream.id != id);
        if self.streams.len() < before {
            self.notices.push_back(Event::CloseStream(id));
        }
    }

    /// Closes streams with peers.
    pub(crate) fn close_streams_where(&mut self, which: impl Fn(SourceId) -> bool) {
        let gone = |stream: &&Stream| matches!(stream.owner, Owner::Peer(source) if which(source));
        while let Some(id) = self.streams.iter().find(gone).map(|stream| stream.id) {
            self.close_stream(id);
        }
    }

    /// Whether there is a stream for a pair's check; if not, one is asked for.
    pub(crate) fn admit_stream(&mut self, kind: TcpKind, local: SocketAddr, to: SourceId) -> Admission {
        let owner = Owner::Peer(to);
        if let Some(stream) = self.streams.iter().find(|stream| stream.owner == owner) {
            return if stream.is_open { Admission::Ready } else { Admission::Opening };
        }
        let local = match kind {
            TcpKind::Active => SocketAddr::new(local.ip(), 0),
            TcpKind::SimultaneousOpen => local,
            TcpKind::Passive => return Admission::Refused,
        };
        let with_peers = self.streams.iter().filter(|stream| matches!(stream.owner, Owner::Peer(_)));
        if with_peers.count() >= usize::from(self.config.max_streams) {
            return Admission::Refused;
        }
        let path = Path { local, remote: to.remote, transport: Transport::Tcp };
        self.open_stream(owner, path, None, Framing::Rfc4571);
        Admission::Opening
    }

    /// Who sends on an open stream.
    pub(crate) fn stream_source(&self, path: Path) -> Option<SourceId> {
        let stream = self.streams.iter().find(|stream| stream.is_open && stream.path == path)?;
        match stream.owner {
            Owner::Peer(source) => Some(source),
            Owner::Relay(_) | Owner::Query => None,
        }
    }

    /// The open stream to a peer.
    pub(crate) fn stream_path(&self, to: SourceId) -> Option<Path> {
        let to = Owner::Peer(to);
        Some(self.streams.iter().find(|stream| stream.is_open && stream.owner == to)?.path)
    }
}

impl Session {
    /// The pair that has waited for its stream is checked now.
    fn on_stream_opened(&mut self, source: SourceId, path: Path) {
        let Some(pair) = self.checklist.iter_mut().find(|pair| pair.source() == source) else { return };
        pair.path = path;
        if pair.state == PairState::InProgress {
            pair.state = PairState::Waiting;
            let id = pair.id;
            self.checklist.trigger(id);
        }
    }

    /// What went on the stream has ended with it.
    fn on_stream_closed(&mut self, shared: &Shared, now: Instant, source: SourceId) {
        let Some(pair) = self.checklist.iter_mut().find(|pair| pair.source() == source) else { return };
        let worked = pair.is_valid();
        pair.break_off();
        if worked {
            self.restart_patience(shared, now);
        }
    }
}

/// Writes the length of what stands behind [`STREAM_HEADROOM`] bytes at `start`. Whether it can be told.
pub(crate) fn seal_stream(out: &mut [u8], start: usize) -> bool {
    let len = out.len().saturating_sub(start + STREAM_HEADROOM);
    let prefix = Framing::Rfc4571.prefix(len);
    match (prefix, out.get_mut(start..start + STREAM_HEADROOM)) {
        (Some(prefix), Some(head)) => {
            head.copy_from_slice(&prefix);
            true
        }
        _ => false,
    }
}
