//! The streams of a peer: what an embedder does for its connection, on the simulated network.

use crate::turn_server::take;
use duologue::ice::{Path, StreamId, Transport};
use duologue::stun::framing::{Deframer, Framing};
use duologue::{Event, PeerConnection};
use duologue_netsim::{Addresses, StreamEvent, StreamRequest};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// The longest datagram on a stream.
const MAX_LEN: usize = 4_096;

#[derive(Default)]
pub(crate) struct Streams {
    requests: VecDeque<StreamRequest>,
    open: BTreeMap<Addresses, Stream>,
    ports: u16,
}

struct Stream {
    id: StreamId,
    transport: Transport,
    deframer: Deframer,
    outbox: Vec<u8>,
}

impl Streams {
    /// Accepts streams at an address from now on.
    pub(crate) fn listen(&mut self, address: SocketAddr) {
        self.requests.push_back(StreamRequest::Listen(address));
    }

    /// Does what the connection asks for by an event.
    pub(crate) fn follow(&mut self, event: &Event) {
        match event {
            Event::OpenStream(wanted) => {
                let mut source = wanted.local;
                if source.port() == 0 {
                    self.ports += 1;
                    source.set_port(40_000 + self.ports);
                }
                let addresses = Addresses { source, destination: wanted.remote };
                self.insert(addresses, wanted.id, wanted.transport, wanted.framing);
                self.requests.push_back(StreamRequest::Open(addresses));
            }
            Event::CloseStream(id) => {
                let found = self.open.iter().find(|(_, open)| open.id == *id);
                if let Some(addresses) = found.map(|(addresses, _)| *addresses) {
                    self.open.remove(&addresses);
                    self.requests.push_back(StreamRequest::Close(addresses));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn poll_request(&mut self) -> Option<StreamRequest> {
        self.requests.pop_front()
    }

    /// Tells the connection what has become of a stream; gives the datagrams that are whole.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        connection: &mut PeerConnection,
        addresses: Addresses,
        event: StreamEvent<'_>,
    ) -> Vec<(Path, Vec<u8>)> {
        let Addresses { source: local, destination: remote } = addresses;
        let Some(stream) = self.open.get_mut(&addresses) else {
            if event == StreamEvent::Opened {
                let path = Path { local, remote, transport: Transport::Tcp };
                match connection.stream_accepted(now, path) {
                    Ok(id) => self.insert(addresses, id, Transport::Tcp, Framing::Rfc4571),
                    Err(_) => self.requests.push_back(StreamRequest::Reset(addresses)),
                }
            }
            return Vec::new();
        };
        match event {
            StreamEvent::Opened => connection.stream_opened(now, stream.id, local),
            StreamEvent::Failed(_) => connection.stream_failed(now, stream.id),
            StreamEvent::Closed(_) => connection.stream_closed(now, stream.id),
            StreamEvent::Bytes(mut bytes) => {
                let path = Path { local, remote, transport: stream.transport };
                let mut datagrams = Vec::new();
                while let Some(datagram) = stream.deframer.read(&mut bytes).unwrap() {
                    datagrams.push((path, datagram.to_vec()));
                }
                return datagrams;
            }
        }
        if event != StreamEvent::Opened {
            self.open.remove(&addresses);
        }
        Vec::new()
    }

    /// Queues what the connection sends on a stream.
    pub(crate) fn send(&mut self, path: Path, bytes: &[u8]) {
        let addresses = Addresses { source: path.local, destination: path.remote };
        if let Some(stream) = self.open.get_mut(&addresses) {
            stream.outbox.extend_from_slice(bytes);
        }
    }

    pub(crate) fn poll_bytes(&mut self, addresses: Addresses, room: usize, out: &mut Vec<u8>) {
        if let Some(stream) = self.open.get_mut(&addresses) {
            take(&mut stream.outbox, room, out);
        }
    }

    fn insert(&mut self, addresses: Addresses, id: StreamId, transport: Transport, framing: Framing) {
        let deframer = Deframer::new(framing, MAX_LEN);
        self.open.insert(addresses, Stream { id, transport, deframer, outbox: Vec::new() });
    }
}
