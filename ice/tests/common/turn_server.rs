//! A TURN server on the simulated network, over UDP and TCP.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use duologue_netsim::{Addresses, StreamEvent, StreamRequest};
use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::framing::{Deframer, Framing};
use duologue_stun::server::{self, HEADROOM, Received, Relay, RelayConfig, RelayId, Request, TAILROOM};

/// The server, the sockets it relays from, and what it owes.
pub(crate) struct TurnServer {
    pub(crate) relay: Relay,
    /// Where clients find it, one address of each IP version.
    addresses: Vec<SocketAddr>,
    relayed: BTreeMap<SocketAddr, RelayId>,
    sockets: BTreeMap<RelayId, SocketAddr>,
    outbox: VecDeque<(Addresses, Vec<u8>)>,
    streams: BTreeMap<Addresses, Stream>,
}

struct Stream {
    deframer: Deframer,
    outbox: Vec<u8>,
}

pub(crate) fn credentials() -> Credentials {
    Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() }
}

pub(crate) fn config() -> RelayConfig {
    let mut config = RelayConfig::new(&RUST_CRYPTO, "example.org");
    config.users.insert("user".to_owned(), "pass".to_owned());
    config
}

impl TurnServer {
    pub(crate) fn new(config: RelayConfig, addresses: &[SocketAddr], now: Instant) -> Self {
        Self {
            relay: Relay::new(Arc::new(config), [77; 32], now, 1_700_000_000),
            addresses: addresses.to_vec(),
            relayed: BTreeMap::new(),
            sockets: BTreeMap::new(),
            outbox: VecDeque::new(),
            streams: BTreeMap::new(),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.relay.handle_timeout(now);
        self.serve(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.relay.poll_timeout()
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        let Addresses { source, destination } = addresses;
        if let Some(relay) = self.relayed.get(&destination) {
            let mut buffer = vec![0; HEADROOM];
            buffer.extend_from_slice(datagram);
            buffer.resize(buffer.len() + TAILROOM, 0);
            let payload = HEADROOM..HEADROOM + datagram.len();
            if let Ok(to) = self.relay.handle_relayed(now, *relay, source, &mut buffer, payload) {
                let (path, message) = (to.path, to.message.to_vec());
                self.send(path, message);
            }
        } else {
            let path =
                server::Path { local: destination, remote: source, transport: server::Transport::Datagram };
            self.receive(now, path, datagram);
        }
    }

    fn receive(&mut self, now: Instant, path: server::Path, datagram: &mut [u8]) {
        if let Ok(Received::ToPeer(data)) = self.relay.handle_datagram(now, path, datagram) {
            let source = self.sockets[&data.relay];
            self.outbox.push_back((Addresses { source, destination: data.peer }, data.payload.to_vec()));
        }
        self.serve(now);
    }

    fn send(&mut self, path: server::Path, message: Vec<u8>) {
        let addresses = Addresses { source: path.local, destination: path.remote };
        match path.transport {
            server::Transport::Datagram => self.outbox.push_back((addresses, message)),
            server::Transport::Stream => {
                if let Some(stream) = self.streams.get_mut(&addresses) {
                    stream.outbox.extend(message);
                }
            }
        }
    }

    fn serve(&mut self, now: Instant) {
        while let Some(request) = self.relay.poll_request() {
            match request {
                Request::OpenRelay { id, family, port, .. } => {
                    let wanted = |address: &&SocketAddr| address.is_ipv4() == (family.0 == 1);
                    let ip: IpAddr = self.addresses.iter().find(wanted).unwrap().ip();
                    let address = SocketAddr::new(ip, port);
                    self.sockets.insert(id, address);
                    self.relayed.insert(address, id);
                    self.relay.relay_opened(now, id, address);
                }
                Request::CloseRelay { id } => {
                    let address = self.sockets.remove(&id).unwrap();
                    self.relayed.remove(&address);
                }
                _ => panic!("{request:?}"),
            }
        }
        let mut out = vec![];
        while let Some(transmit) = self.relay.poll_transmit(now, 1_500, &mut out) {
            let message = std::mem::take(&mut out);
            self.send(transmit.path, message);
        }
    }

    pub(crate) fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<Addresses> {
        let (addresses, datagram) = self.outbox.pop_front()?;
        out.extend_from_slice(&datagram);
        Some(addresses)
    }
}

/// Streams.
impl TurnServer {
    /// Where it wants to be found by streams.
    pub(crate) fn listens(&self) -> impl Iterator<Item = StreamRequest> {
        self.addresses.iter().map(|address| StreamRequest::Listen(*address))
    }

    pub(crate) fn handle_stream(&mut self, now: Instant, stream: Addresses, event: StreamEvent<'_>) {
        let path = server::Path {
            local: stream.source,
            remote: stream.destination,
            transport: server::Transport::Stream,
        };
        match event {
            StreamEvent::Opened => {
                let deframer = Deframer::new(Framing::Stun, 4_096);
                self.streams.insert(stream, Stream { deframer, outbox: vec![] });
            }
            StreamEvent::Bytes(mut bytes) => {
                let Some(mut open) = self.streams.remove(&stream) else { return };
                let mut datagrams = vec![];
                while let Ok(Some(datagram)) = open.deframer.read(&mut bytes) {
                    datagrams.push(datagram.to_vec());
                }
                self.streams.insert(stream, open);
                for mut datagram in datagrams {
                    self.receive(now, path, &mut datagram);
                }
            }
            StreamEvent::Failed(_) | StreamEvent::Closed(_) => {
                self.streams.remove(&stream);
                self.relay.stream_closed(now, path);
                self.serve(now);
            }
        }
    }

    pub(crate) fn poll_stream_bytes(&mut self, stream: Addresses, room: usize, out: &mut Vec<u8>) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            take(&mut stream.outbox, room, out);
        }
    }
}

/// Moves at most `room` bytes.
pub(crate) fn take(from: &mut Vec<u8>, room: usize, out: &mut Vec<u8>) {
    let count = from.len().min(room);
    out.extend(from.drain(..count));
}
