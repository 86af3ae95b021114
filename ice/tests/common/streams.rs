//! The streams of a host: what an embedder does for its agent.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use duologue_ice::{Agent, Event, Path, Received, StreamId, Transport};
use duologue_netsim::{Addresses, StreamEvent, StreamRequest};
use duologue_stun::framing::{Deframer, Framing};

use super::turn_server::take;

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
    /// Does what the agent asks for by an event.
    pub(crate) fn follow(&mut self, event: &Event) {
        match event {
            Event::OpenStream(wanted) => {
                let mut local = wanted.local;
                if local.port() == 0 {
                    self.ports += 1;
                    local.set_port(40_000 + self.ports);
                }
                let addresses = Addresses { source: local, destination: wanted.remote };
                let deframer = Deframer::new(wanted.framing, MAX_LEN);
                let stream = Stream { id: wanted.id, transport: wanted.transport, deframer, outbox: vec![] };
                self.open.insert(addresses, stream);
                self.requests.push_back(StreamRequest::Open(addresses));
            }
            Event::CloseStream(id) => {
                let addresses =
                    self.open.iter().find(|(_, open)| open.id == *id).map(|(addresses, _)| *addresses);
                if let Some(addresses) = addresses {
                    self.open.remove(&addresses);
                    self.requests.push_back(StreamRequest::Close(addresses));
                }
            }
            _ => {}
        }
    }

    /// Accepts streams at an address from now on.
    pub(crate) fn listen(&mut self, address: SocketAddr) {
        self.requests.push_back(StreamRequest::Listen(address));
    }

    pub(crate) fn poll_request(&mut self) -> Option<StreamRequest> {
        self.requests.pop_front()
    }

    /// Hands the agent what has become of a stream; gives what is for the layer above, and whether it is from a qualified source.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        agent: &mut Agent,
        addresses: Addresses,
        event: StreamEvent<'_>,
    ) -> Vec<(Vec<u8>, bool)> {
        let mut payloads = vec![];
        if event == StreamEvent::Opened && !self.open.contains_key(&addresses) {
            self.accept(now, agent, addresses);
            return payloads;
        }
        let Some(stream) = self.open.get_mut(&addresses) else { return payloads };
        match event {
            StreamEvent::Opened => agent.stream_opened(now, stream.id, addresses.source),
            StreamEvent::Failed(_) => {
                agent.stream_failed(now, stream.id);
                self.open.remove(&addresses);
            }
            StreamEvent::Closed(_) => {
                agent.stream_closed(now, stream.id);
                self.open.remove(&addresses);
            }
            StreamEvent::Bytes(mut bytes) => {
                let Addresses { source: local, destination: remote } = addresses;
                let path = Path { local, remote, transport: stream.transport };
                while let Some(datagram) = stream.deframer.read(&mut bytes).unwrap() {
                    if let Ok(Received::Payload { qualified, bytes, .. }) =
                        agent.handle_datagram(now, path, datagram)
                    {
                        payloads.push((bytes.to_vec(), qualified));
                    }
                }
                return payloads;
            }
        }
        payloads
    }

    fn accept(&mut self, now: Instant, agent: &mut Agent, addresses: Addresses) {
        let Addresses { source: local, destination: remote } = addresses;
        let path = Path { local, remote, transport: Transport::Tcp };
        match agent.stream_accepted(now, path) {
            Ok(id) => {
                let deframer = Deframer::new(Framing::Rfc4571, MAX_LEN);
                let stream = Stream { id, transport: Transport::Tcp, deframer, outbox: vec![] };
                self.open.insert(addresses, stream);
            }
            Err(_) => self.requests.push_back(StreamRequest::Reset(addresses)),
        }
    }

    /// Queues what the agent sends on a stream.
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
}
