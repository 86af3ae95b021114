//! The streams of all hosts: who listens, which end a segment belongs to, what is to be told.

use super::connection::{Connection, Outcome};
use super::segment::{Kind, Segment};
use super::{StreamEnd, StreamFailure, StreamRequest};
use crate::node::Addresses;
use crate::random::Random;
use crate::topology::HostId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::Bound;
use std::time::Instant;

/// Something to tell a node of one of its streams.
#[derive(Debug)]
pub(crate) enum Told {
    Opened,
    Failed(StreamFailure),
    Bytes(Vec<u8>),
    Closed(StreamEnd),
}

/// Every end of every stream.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    listening: BTreeSet<(HostId, SocketAddr)>,
    connections: BTreeMap<(HostId, Addresses), Connection>,
    outgoing: VecDeque<(HostId, Addresses, Segment)>,
    told: VecDeque<(HostId, Addresses, Told)>,
}

impl Streams {
    /// Does what a node asks for; `reachable` says whether the host has an interface with a stream's source.
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        host: HostId,
        request: StreamRequest,
        reachable: bool,
        random: &mut Random,
    ) {
        match request {
            StreamRequest::Listen(address) => {
                self.listening.insert((host, address));
            }
            StreamRequest::Open(stream) if !reachable => {
                self.told.push_back((host, stream, Told::Failed(StreamFailure::NoInterface)));
            }
            StreamRequest::Open(stream) => {
                let new = || Connection::open(now, random.number());
                self.connections.entry((host, stream)).and_modify(Connection::ask).or_insert_with(new);
            }
            StreamRequest::Close(stream) => {
                let connection = self.connections.get_mut(&(host, stream));
                if connection.is_some_and(|connection| connection.close(now)) {
                    self.remove(host, stream);
                }
            }
            StreamRequest::Reset(stream) => {
                if let Some(connection) = self.connections.get_mut(&(host, stream)) {
                    connection.reset();
                    self.remove(host, stream);
                }
            }
        }
        if let StreamRequest::Open(stream) | StreamRequest::Close(stream) | StreamRequest::Reset(stream) =
            request
        {
            self.flush(host, stream);
        }
    }

    /// Takes a segment that has arrived at a host.
    pub(crate) fn handle_segment(
        &mut self,
        now: Instant,
        host: HostId,
        stream: Addresses,
        segment: Segment,
        random: &mut Random,
    ) {
        let key = (host, stream);
        let listens = self.listening.contains(&(host, stream.source));
        if let Some(connection) = self.connections.get_mut(&key) {
            let outcome = connection.handle_segment(now, segment);
            self.conclude(host, stream, outcome);
        } else if segment.kind == Kind::Open && listens {
            self.connections.insert(key, Connection::accept(now, random.number(), segment.tag));
        } else if let Some(refusal) = segment.refusal() {
            self.outgoing.push_back((host, stream, refusal));
        }
        self.flush(host, stream);
    }

    /// The next end whose deadline has come does what it waited for.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<HostId> {
        let due = self.connections.iter_mut().find(|(_, one)| one.deadline().is_some_and(|at| at <= now));
        let (&(host, stream), connection) = due?;
        let outcome = connection.handle_timeout(now);
        self.conclude(host, stream, outcome);
        self.flush(host, stream);
        Some(host)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.connections.values().filter_map(Connection::deadline).min()
    }

    /// The first stream of a host after `last` that takes bytes, and how many.
    pub(crate) fn next_writable(&self, host: HostId, last: Option<Addresses>) -> Option<(Addresses, usize)> {
        let after = match last {
            Some(stream) => Bound::Excluded((host, stream)),
            None => Bound::Unbounded,
        };
        let of_host = self.connections.range((after, Bound::Unbounded)).filter(|((one, _), _)| *one == host);
        of_host.map(|((_, stream), one)| (*stream, one.room())).find(|(_, room)| *room > 0)
    }

    pub(crate) fn write(&mut self, now: Instant, host: HostId, stream: Addresses, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&(host, stream)) {
            connection.write(now, bytes);
        }
        self.flush(host, stream);
    }

    /// The host has lost an address: its streams end, and it listens there no more.
    pub(crate) fn remove_address(&mut self, host: HostId, ip: IpAddr) {
        self.listening.retain(|(one, address)| *one != host || address.ip() != ip);
        let concerned =
            self.connections.iter().filter(|((one, stream), _)| *one == host && stream.source.ip() == ip);
        let outcomes: Vec<_> = concerned.map(|((_, stream), one)| (*stream, one.lose_address())).collect();
        for (stream, outcome) in outcomes {
            self.conclude(host, stream, outcome);
        }
    }

    pub(crate) fn next_outgoing(&mut self) -> Option<(HostId, Addresses, Segment)> {
        self.outgoing.pop_front()
    }

    pub(crate) fn next_told(&mut self, host: HostId) -> Option<(Addresses, Told)> {
        let index = self.told.iter().position(|(one, _, _)| *one == host)?;
        self.told.remove(index).map(|(_, stream, told)| (stream, told))
    }

    /// Keeps what is to be told of an outcome and of what follows it.
    fn conclude(&mut self, host: HostId, stream: Addresses, mut outcome: Outcome) {
        loop {
            let (told, over) = match outcome {
                Outcome::Nothing => (None, false),
                Outcome::Opened => (Some(Told::Opened), false),
                Outcome::Arrived(bytes) => (Some(Told::Bytes(bytes)), false),
                Outcome::Failed(failure) => (Some(Told::Failed(failure)), true),
                Outcome::Ended(end) => (Some(Told::Closed(end)), true),
                Outcome::Gone => (None, true),
            };
            let more = told.is_some() && !over;
            self.told.extend(told.map(|told| (host, stream, told)));
            if over {
                self.remove(host, stream);
            }
            if !more {
                return;
            }
            let Some(connection) = self.connections.get_mut(&(host, stream)) else { return };
            outcome = connection.progress();
        }
    }

    fn flush(&mut self, host: HostId, stream: Addresses) {
        if let Some(connection) = self.connections.get_mut(&(host, stream)) {
            while let Some(segment) = connection.next_outgoing() {
                self.outgoing.push_back((host, stream, segment));
            }
        }
    }

    /// Its last segments still leave.
    fn remove(&mut self, host: HostId, stream: Addresses) {
        self.flush(host, stream);
        self.connections.remove(&(host, stream));
    }
}
