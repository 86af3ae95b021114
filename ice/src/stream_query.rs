//! Server-reflexive TCP candidates (RFC 6544, Section 5.2): a STUN server is asked over TCP or TLS from the very address at which
//! a listener accepts streams, since a NAT shows another one for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_stun::framing::Framing;
use duologue_stun::{Class, Message, TransactionId, canonical, mapped_address, write_binding_request};

use crate::agent::Agent;
use crate::base::BaseKind;
use crate::candidate::{Server, TcpKind, can_pair, is_usable};
use crate::config::Config;
use crate::event::{Discard, ServerError, ServerFailure};
use crate::path::{BaseId, InterfaceId, Path, Transmit};
use crate::shared::Shared;
use crate::stream::{Owner, StreamId};

/// How long a server may take, the opening of its stream included.
const PATIENCE: Duration = Duration::from_secs(15);

/// A question to one server.
#[derive(Debug)]
pub(crate) struct StreamQuery {
    stream: StreamId,
    interface: InterfaceId,
    /// Its near end, and its far end.
    path: Path,
    id: TransactionId,
    /// The stream is open, and the question has yet to leave.
    owed: bool,
    deadline: Instant,
}

impl Agent {
    /// The stream of a question is open.
    pub(crate) fn on_query_stream_opened(&mut self, stream: StreamId) {
        let query = self.shared.stream_queries.iter_mut().find(|query| query.stream == stream);
        query.into_iter().for_each(|query| query.owed = true);
    }

    /// The stream of a question is gone, or there has been no answer.
    pub(crate) fn on_query_stream_closed(&mut self, stream: StreamId, error: ServerError) {
        if let Some(query) = self.shared.take_query(stream) {
            let Path { local, remote: server, transport } = query.path;
            self.shared.fail_server(ServerFailure { local, server, transport, error });
        }
    }

    /// Takes what has come on the stream of a question.
    pub(crate) fn on_stream_answer(&mut self, stream: StreamId, datagram: &[u8]) -> Result<(), Discard> {
        let message = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        let asked = self.shared.stream_queries.iter().find(|query| query.stream == stream);
        if asked.is_none_or(|query| query.owed || query.id != message.transaction_id()) {
            return Err(Discard::UnknownTransaction);
        }
        let mapped = mapped_address(&message).map(canonical).filter(|address| is_usable(*address));
        let Some(mapped) = mapped.filter(|_| message.class() == Class::Success) else {
            self.on_query_stream_closed(stream, ServerError::NoAddress);
            return Ok(());
        };
        let Some(query) = self.shared.take_query(stream) else { return Ok(()) };
        let server = Server { ip: query.path.remote.ip(), transport: query.path.transport };
        for base in self.shared.listening_bases(query.interface) {
            self.each_session(|session, shared| session.add_reflexive(shared, base, server, mapped));
        }
        Ok(())
    }

    /// Appends a question whose stream is open.
    pub(crate) fn write_query(&mut self, max_len: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let query = self.shared.stream_queries.iter_mut().find(|query| query.owed)?;
        let start = out.len();
        let len = write_binding_request(out, query.id).ok().filter(|len| *len <= max_len);
        if len.is_none() {
            out.truncate(start);
        }
        query.owed = len.is_none();
        Some(Transmit { path: query.path, len: len? })
    }

    pub(crate) fn on_queries_due(&mut self, now: Instant) {
        while let Some(query) = self.shared.stream_queries.iter().find(|query| query.deadline <= now) {
            self.on_query_stream_closed(query.stream, ServerError::Silent);
        }
    }
}

impl Shared {
    /// Asks the servers from a listener's address, if sockets may share it.
    pub(crate) fn ask_by_streams(&mut self, interface: InterfaceId) {
        let config = Arc::clone(&self.config);
        let from =
            self.listening_bases(interface).first().and_then(|id| self.base(*id)).map(|base| base.address);
        let Some(local) = from.filter(|_| config.simultaneous_open && !config.lite) else { return };
        for server in config.stun_stream_servers.iter().take(Config::MAX_STUN_SERVERS) {
            let (remote, transport) = (canonical(server.address), server.transport);
            let path = Path { local, remote, transport };
            let is_asked = self.stream_queries.iter().any(|query| query.path == path);
            if is_asked || !is_usable(remote) || !can_pair(local.ip(), remote.ip()) {
                continue;
            }
            let stream = self.open_stream(Owner::Query, path, server.server_name.clone(), Framing::Stun);
            let (id, deadline) = (self.random_id(), self.now + PATIENCE);
            self.stream_queries.push(StreamQuery { stream, interface, path, id, owed: false, deadline });
        }
    }

    /// Asks them all again.
    pub(crate) fn ask_all_by_streams(&mut self) {
        let is_listener = |kind| kind == BaseKind::Tcp(TcpKind::Passive);
        let listeners = self.bases.iter().filter(|base| is_listener(base.kind));
        for interface in listeners.map(|base| base.interface).collect::<Vec<_>>() {
            self.ask_by_streams(interface);
        }
    }

    /// Forgets a question, and its stream.
    fn take_query(&mut self, stream: StreamId) -> Option<StreamQuery> {
        let index = self.stream_queries.iter().position(|query| query.stream == stream)?;
        self.close_stream(stream);
        Some(self.stream_queries.swap_remove(index))
    }

    /// Whoever has not answered is not waited for; nor are those asked from an interface that goes.
    pub(crate) fn end_queries(&mut self, of: Option<InterfaceId>) {
        let gone = |query: &&StreamQuery| of.is_none_or(|interface| query.interface == interface);
        while let Some(stream) = self.stream_queries.iter().find(gone).map(|query| query.stream) {
            let _ = self.take_query(stream);
        }
    }

    pub(crate) fn next_query_timeout(&self) -> Option<Instant> {
        self.stream_queries.iter().map(|query| query.deadline).min()
    }

    /// The question that an open stream is for.
    pub(crate) fn query_at(&self, path: Path) -> Option<StreamId> {
        self.stream_queries.iter().find(|query| query.path == path).map(|query| query.stream)
    }

    fn listening_bases(&self, interface: InterfaceId) -> Vec<BaseId> {
        let of_interface = self.bases.iter().filter(|base| base.interface == interface);
        let listening = of_interface
            .filter(|base| matches!(base.kind, BaseKind::Tcp(TcpKind::Passive | TcpKind::SimultaneousOpen)));
        listening.map(|base| base.id).collect()
    }
}
