//! Streams, which the embedder opens and closes: to TURN servers, and between ICE-TCP candidates (RFC 6544).

use std::net::SocketAddr;
use std::time::Instant;

use duologue_stun::canonical;
use duologue_stun::framing::Framing;

use crate::agent::Agent;
use crate::event::Event;
use crate::path::{Path, Transport};
use crate::relay::RelayId;
use crate::shared::Shared;

/// A stream that the agent has asked for. An id is never used twice.
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
    owner: RelayId,
    remote: SocketAddr,
    transport: Transport,
}

impl Agent {
    /// The stream is open; with TLS, its handshake is done. `local` is the address that it is bound to.
    pub fn stream_opened(&mut self, now: Instant, id: StreamId, local: SocketAddr) {
        let now = self.advance(now);
        let Some(stream) = self.shared.streams.iter().find(|stream| stream.id == id) else { return };
        let path = Path { local: canonical(local), remote: stream.remote, transport: stream.transport };
        self.shared.on_relay_stream_opened(now, stream.owner, path);
        self.settle(now);
    }

    /// The stream could not be opened.
    pub fn stream_failed(&mut self, now: Instant, id: StreamId) {
        self.stream_closed(now, id);
    }

    /// The stream has been closed by the other end, or has broken.
    pub fn stream_closed(&mut self, now: Instant, id: StreamId) {
        let now = self.advance(now);
        let Some(index) = self.shared.streams.iter().position(|stream| stream.id == id) else { return };
        let stream = self.shared.streams.swap_remove(index);
        self.on_relay_stream_closed(now, stream.owner);
        self.settle(now);
    }
}

impl Shared {
    /// Asks the embedder for a stream.
    pub(crate) fn open_stream(
        &mut self,
        owner: RelayId,
        path: Path,
        server_name: Option<String>,
        framing: Framing,
    ) -> StreamId {
        let id = StreamId(self.next_stream);
        self.next_stream = self.next_stream.wrapping_add(1);
        let Path { local, remote, transport } = path;
        self.streams.push(Stream { id, owner, remote, transport });
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
}
