//! Many clients of this crate on one server of this crate, each with its allocation and one peer: what the bench of relaying
//! and the proof that it allocates nothing share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use duologue_netsim::Network;
use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::server::{self, Path, Received, Relay, RelayConfig, RelayId, Request, Transport};
use duologue_stun::turn::{self, Client, ClientConfig};

/// The length of each payload, in bytes.
pub const LEN: usize = 1_200;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 3_478);
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)), 5_000);

pub struct Relayed {
    now: Instant,
    relay: Relay,
    clients: Vec<(Client, Path, RelayId)>,
    /// A payload with room around it on both machines.
    buffer: Vec<u8>,
}

impl Relayed {
    pub fn new(clients: u16, channels: bool) -> Self {
        let now = Network::new(1).now();
        let mut config = RelayConfig::new(&RUST_CRYPTO, "example.org");
        config.users.insert("user".to_owned(), "pass".to_owned());
        config.max_allocations = usize::from(clients);
        config.max_allocations_per_user = usize::from(clients);
        let buffer = vec![0xdd; turn::HEADROOM + LEN + turn::TAILROOM];
        let relay = Relay::new(Arc::new(config), [9; 32], now, 1_700_000_000);
        let mut relayed = Self { now, relay, clients: vec![], buffer };
        let mut config = ClientConfig::new(&RUST_CRYPTO, SERVER);
        config.credentials =
            Some(Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() });
        config.channels = channels;
        let config = Arc::new(config);
        for number in 0..clients {
            let [high, low] = number.to_be_bytes();
            let remote = SocketAddr::from(([10, 0, high, low], 4_000));
            let path = Path { local: SERVER, remote, transport: Transport::Datagram };
            let mut client = Client::new(Arc::clone(&config), [high ^ low; 32], now);
            client.permit(now, PEER).unwrap();
            let id = relayed.allocate(&mut client, path);
            relayed.clients.push((client, path, id));
        }
        relayed
    }

    fn allocate(&mut self, client: &mut Client, path: Path) -> RelayId {
        let (now, mut opened, mut out) = (self.now, None, vec![]);
        while client.poll_transmit(now, 1_500, &mut out).is_some() {
            assert_eq!(self.relay.handle_datagram(now, path, &mut out), Ok(Received::Consumed));
            while let Some(request) = self.relay.poll_request() {
                let Request::OpenRelay { id, port, .. } = request else { unreachable!() };
                self.relay.relay_opened(now, id, SocketAddr::new(SERVER.ip(), port));
                opened = Some(id);
            }
            out.clear();
            while self.relay.poll_transmit(now, 1_500, &mut out).is_some() {
                client.handle_datagram(now, &mut out).unwrap();
                out.clear();
            }
            while self.relay.poll_event().is_some() {}
        }
        while client.poll_event().is_some() {}
        opened.unwrap()
    }

    /// A client sends to its peer: framed by the client, unframed by the server.
    pub fn there(&mut self, client: usize) {
        let now = self.now;
        let (client, path, id) = &mut self.clients[client];
        let framed = client.seal(PEER, &mut self.buffer, turn::HEADROOM..turn::HEADROOM + LEN).unwrap();
        match self.relay.handle_datagram(now, *path, &mut self.buffer[framed]) {
            Ok(Received::ToPeer(data)) => {
                assert_eq!((data.relay, data.peer, data.payload.len()), (*id, PEER, LEN));
            }
            other => panic!("{other:?}"),
        }
    }

    /// The peer sends to a client: framed by the server, unframed by the client.
    pub fn back(&mut self, client: usize) {
        let now = self.now;
        let (client, path, id) = &mut self.clients[client];
        let data = server::HEADROOM..server::HEADROOM + LEN;
        let framed = self.relay.handle_relayed(now, *id, PEER, &mut self.buffer, data).unwrap();
        assert_eq!(framed.path, *path);
        match client.handle_datagram(now, framed.message) {
            Ok(turn::Received::Data { peer, payload }) => assert_eq!((peer, payload.len()), (PEER, LEN)),
            other => panic!("{other:?}"),
        }
    }

    pub fn relay(&self) -> &Relay {
        &self.relay
    }
}
