//! A sequence of operations on a TURN server: its clients' and peers' datagrams, its sockets, time.
//!
//! Requests are sealed with a provider whose MACs are zero, so that the fuzzer's are believed: what is checked is that nothing
//! panics, grows past its bound, or makes a deadline lie in the past.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use duologue_stun::server::{
    HEADROOM, Path, Received, Relay, RelayConfig, RelayId, Request, TAILROOM, Transport,
};
use duologue_stun::{AttributeType, ChannelNumber, Class, Message, Method, TransactionId, Writer};

use crate::null::{NULL, start};

/// An attribute: its type, its length, its bytes.
#[derive(Debug, Arbitrary)]
struct Value(u8, u8, [u8; 8]);

/// Some bytes, and how many of them count.
#[derive(Debug, Arbitrary)]
struct Bytes(u8, [u8; 32]);

impl Bytes {
    fn get(&self) -> &[u8] {
        self.1.get(..usize::from(self.0) % 33).unwrap_or_default()
    }
}

#[derive(Debug, Arbitrary)]
enum Op {
    Advance(u16),
    Bytes { client: u8, bytes: Bytes },
    Request { client: u8, method: u8, id: u8, attributes: [Value; 2] },
    Send { client: u8, attributes: [Value; 2] },
    Peer { relay: u8, host: u8, bytes: Bytes, headroom: u8 },
    Icmp { relay: u8, host: u8, kind: u8 },
    Serve { fail: bool },
    Lose { relay: u8 },
    Close { client: u8 },
    Drain { room: u16 },
}

struct World {
    now: Instant,
    relay: Relay,
    asked: BTreeSet<RelayId>,
    open: Vec<RelayId>,
    nonces: Vec<Vec<u8>>,
}

/// Runs the operations that the bytes spell.
pub fn run(data: &[u8]) {
    allocated(data);
}

/// The same; tells how many allocations there were.
pub fn allocated(data: &[u8]) -> u64 {
    let start = start();
    let mut config = RelayConfig::new(&NULL, "r");
    config.users.insert("u".to_owned(), "p".to_owned());
    config.ipv6 = true;
    config.max_allocations = MAX_ALLOCATIONS;
    config.max_allocations_per_user = MAX_ALLOCATIONS;
    config.max_permissions = 3;
    config.max_channels = 2;
    config.max_waiting = MAX_WAITING;
    config.ports = 50_000..=50_009;
    let relay = Relay::new(Arc::new(config), [1; 32], start, 1_700_000_000);
    let mut world =
        World { now: start, relay, asked: BTreeSet::new(), open: vec![], nonces: vec![vec![]; CLIENTS] };
    let mut input = Unstructured::new(data);
    while let Ok(op) = Op::arbitrary(&mut input) {
        world.apply(op);
        let stats = world.relay.stats();
        assert!(stats.allocations + stats.reservations <= u64::try_from(MAX_ALLOCATIONS).unwrap_or(0));
        assert!(stats.waiting <= u64::try_from(MAX_WAITING + MAX_ALLOCATIONS).unwrap_or(0) + stats.allocated);
        if input.is_empty() {
            break;
        }
    }
    // All ends, and every socket is closed.
    world.now += Duration::from_secs(4_000);
    world.relay.handle_timeout(world.now);
    world.serve(true);
    assert_eq!((world.relay.poll_timeout(), world.open.len()), (None, 0));
    assert_eq!(world.relay.stats().allocations, 0);
    world.relay.stats().allocated
}

impl World {
    fn apply(&mut self, op: Op) {
        match op {
            Op::Advance(seconds) => {
                self.now += Duration::from_secs(u64::from(seconds) % 700);
                self.relay.handle_timeout(self.now);
                assert!(self.relay.poll_timeout().is_none_or(|deadline| deadline > self.now));
            }
            Op::Bytes { client, bytes } => self.receive(client, &mut bytes.get().to_vec()),
            Op::Request { client, method, id, attributes } => {
                let methods =
                    [Method::ALLOCATE, Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND];
                let Some(method) = methods.get(usize::from(method) % methods.len()) else { return };
                self.learn(client);
                let Some(nonce) = self.nonces.get(usize::from(client) % CLIENTS) else { return };
                let mut out = vec![];
                let writer = Writer::new(&mut out, Class::Request, *method, TransactionId([id; 12]));
                let writer = with(writer.requested_transport(17), &attributes)
                    .user(b"u")
                    .realm(b"r")
                    .nonce(nonce)
                    .attribute(AttributeType::MESSAGE_INTEGRITY, &[0; 20]);
                if writer.finish().is_ok() {
                    self.receive(client, &mut out);
                }
            }
            Op::Send { client, attributes } => {
                let mut out = vec![];
                let writer = Writer::new(&mut out, Class::Indication, Method::SEND, TransactionId([0; 12]));
                if with(writer, &attributes).finish().is_ok() {
                    self.receive(client, &mut out);
                }
            }
            Op::Peer { relay, host, bytes, headroom } => {
                let Some(id) = pick(&self.open, relay) else { return };
                let start = usize::from(headroom) % (HEADROOM + 1);
                let mut buffer = vec![0; start];
                buffer.extend_from_slice(bytes.get());
                let end = buffer.len();
                buffer.resize(end + TAILROOM, 0xff);
                let _ = self.relay.handle_relayed(self.now, id, peer(host), &mut buffer, start..end);
            }
            Op::Icmp { relay, host, kind } => {
                let Some(id) = pick(&self.open, relay) else { return };
                let _ = self.relay.handle_icmp(self.now, id, peer(host), (kind, 0), 0);
            }
            Op::Serve { fail } => self.serve(fail),
            Op::Lose { relay } => {
                if let Some(id) = pick(&self.open, relay) {
                    self.open.retain(|open| *open != id);
                    self.relay.relay_failed(self.now, id);
                }
            }
            Op::Close { client } => self.relay.stream_closed(self.now, path(client)),
            Op::Drain { room } => self.drain(usize::from(room)),
        }
    }

    /// Asks for a nonce if the client has none.
    fn learn(&mut self, client: u8) {
        if self.nonces.get(usize::from(path(client).remote.port())).is_some_and(Vec::is_empty) {
            let mut out = vec![];
            let writer = Writer::new(&mut out, Class::Request, Method::ALLOCATE, TransactionId([0; 12]));
            if writer.requested_transport(17).finish().is_ok() {
                self.receive(client, &mut out);
                self.drain(1_500);
            }
        }
    }

    fn receive(&mut self, client: u8, datagram: &mut [u8]) {
        let len = datagram.len();
        if let Ok(Received::ToPeer(data)) = self.relay.handle_datagram(self.now, path(client), datagram) {
            assert!(data.payload.len() < len);
            assert!(self.open.contains(&data.relay) || self.asked.contains(&data.relay));
            assert!(!data.peer.ip().is_loopback());
        }
    }

    fn serve(&mut self, fail: bool) {
        while let Some(request) = self.relay.poll_request() {
            match request {
                Request::OpenRelay { id, .. } if fail => self.relay.relay_failed(self.now, id),
                Request::OpenRelay { id, family, port, .. } => {
                    assert!(self.asked.insert(id), "no id is used twice");
                    self.open.push(id);
                    let ip: IpAddr = if family.0 == 1 {
                        [192, 0, 2, 1].into()
                    } else {
                        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()
                    };
                    self.relay.relay_opened(self.now, id, SocketAddr::new(ip, port));
                }
                Request::CloseRelay { id } => self.open.retain(|open| *open != id),
                _ => {}
            }
        }
    }

    /// Polls all answers; clients keep the nonces.
    fn drain(&mut self, room: usize) {
        let mut out = vec![];
        while let Some(transmit) = self.relay.poll_transmit(self.now, room, &mut out) {
            assert!(transmit.len == out.len() && transmit.len <= room);
            let nonce = Message::parse(&out).ok().and_then(|message| message.value(AttributeType::NONCE));
            let client = usize::from(transmit.path.remote.port()) % CLIENTS;
            if let (Some(nonce), Some(kept)) = (nonce, self.nonces.get_mut(client)) {
                *kept = nonce.to_vec();
            }
            out.clear();
        }
        assert!(out.is_empty(), "what has no room leaves nothing behind");
        while self.relay.poll_event().is_some() {}
    }
}

fn with<'b>(writer: Writer<'b>, attributes: &[Value]) -> Writer<'b> {
    attributes.iter().fold(writer, |writer, Value(kind, len, bytes)| match kind % 12 {
        0 | 1 => writer.xor_peer_address(peer(*len)),
        2 => writer.channel_number(
            [ChannelNumber::MIN, ChannelNumber::MAX]
                .get(usize::from(len % 2))
                .copied()
                .unwrap_or(ChannelNumber::MIN),
        ),
        kind => {
            let value = bytes.get(..usize::from(*len) % (bytes.len() + 1)).unwrap_or_default();
            let kinds = [
                AttributeType::DATA,
                AttributeType::LIFETIME,
                AttributeType::EVEN_PORT,
                AttributeType::RESERVATION_TOKEN,
                AttributeType::REQUESTED_ADDRESS_FAMILY,
                AttributeType::ADDITIONAL_ADDRESS_FAMILY,
                AttributeType::DONT_FRAGMENT,
                AttributeType::USERHASH,
                AttributeType::PASSWORD_ALGORITHM,
            ];
            match kinds.get(usize::from(kind) - 3) {
                Some(kind) => writer.attribute(*kind, value),
                None => writer,
            }
        }
    })
}

fn path(client: u8) -> Path {
    let port = u16::from(client) % 4;
    let transport = if port < 2 { Transport::Datagram } else { Transport::Stream };
    Path { local: ([192, 0, 2, 1], 3_478).into(), remote: ([198, 51, 100, 7], port).into(), transport }
}

fn peer(host: u8) -> SocketAddr {
    match host % 8 {
        0 => ([127, 0, 0, 1], 9).into(),
        1 => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 9).into(),
        last => ([203, 0, 113, last], 9).into(),
    }
}

fn pick(all: &[RelayId], which: u8) -> Option<RelayId> {
    all.get(usize::from(which) % all.len().max(1)).copied()
}

const CLIENTS: usize = 4;
const MAX_ALLOCATIONS: usize = 3;
const MAX_WAITING: usize = 6;
