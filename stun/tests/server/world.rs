//! A server, its sockets, and clients with the TURN client of this crate or with requests made by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_netsim::Network;
use duologue_stun::auth::{Integrity, Key, SecurityFeatures};
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::server::{
    Discard, Event, HEADROOM, Path, Received, Relay, RelayConfig, RelayId, Request, TAILROOM, Transport,
};
use duologue_stun::{
    AttributeType, Class, ErrorCode, Message, Method, PasswordAlgorithm, TransactionId, Writer,
};

pub const REALM: &str = "example.org";
pub const UNIX_TIME: u64 = 1_700_000_000;

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn config() -> RelayConfig {
    let mut config = RelayConfig::new(&RUST_CRYPTO, REALM);
    config.users.insert("user".to_owned(), "pass".to_owned());
    config.users.insert("other".to_owned(), "word".to_owned());
    config
}

pub fn path(port: u16) -> Path {
    Path {
        local: address("192.0.2.1:3478"),
        remote: SocketAddr::from(([198, 51, 100, 7], port)),
        transport: Transport::Datagram,
    }
}

pub struct World {
    pub now: Instant,
    pub relay: Relay,
    /// Open sockets, by the address that peers see.
    pub sockets: BTreeMap<RelayId, SocketAddr>,
    /// What the embedder was asked, and how many of the next sockets cannot be opened.
    pub asked: Vec<Request>,
    pub failing: usize,
    /// Sockets are not opened unless told so.
    pub held: bool,
    id: u8,
}

/// What a client knows to seal its requests with.
pub struct Login {
    pub username: &'static str,
    pub password: &'static str,
    pub nonce: Vec<u8>,
    /// `None`: as a client of RFC 5389 does.
    pub algorithm: Option<PasswordAlgorithm>,
}

impl World {
    pub fn new(config: RelayConfig) -> Self {
        let now = Network::new(7).now();
        Self {
            now,
            relay: Relay::new(Arc::new(config), [9; 32], now, UNIX_TIME),
            sockets: BTreeMap::new(),
            asked: vec![],
            failing: 0,
            held: false,
            id: 0,
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.relay.handle_timeout(self.now);
        assert!(self.relay.poll_timeout().is_none_or(|deadline| deadline > self.now));
        self.serve();
    }

    /// Does what the machine asks for.
    pub fn serve(&mut self) {
        while let Some(request) = self.relay.poll_request() {
            self.asked.push(request);
            match request {
                Request::OpenRelay { id, .. } if self.failing > 0 => {
                    self.failing -= 1;
                    self.relay.relay_failed(self.now, id);
                }
                Request::OpenRelay { .. } if self.held => {}
                Request::OpenRelay { id, family, port, .. } => {
                    let ip = if family.0 == 1 { "192.0.2.1" } else { "2001:db8::1" };
                    let address = SocketAddr::new(ip.parse().unwrap(), port);
                    assert!(self.sockets.values().all(|open| *open != address), "a port is given once");
                    self.sockets.insert(id, address);
                    self.relay.relay_opened(self.now, id, address);
                }
                Request::CloseRelay { id } => {
                    self.sockets.remove(&id);
                }
                _ => unreachable!(),
            }
        }
    }

    pub fn transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        let mut out = vec![];
        let transmit = self.relay.poll_transmit(self.now, 1_500, &mut out)?;
        assert_eq!(transmit.len, out.len());
        Some((transmit.path, out))
    }

    /// Sends a datagram and gives the answer, if there is one.
    pub fn exchange(&mut self, path: Path, datagram: &[u8]) -> Result<Option<Vec<u8>>, Discard> {
        let mut datagram = datagram.to_vec();
        let received = self.relay.handle_datagram(self.now, path, &mut datagram)?;
        assert_eq!(received, Received::Consumed);
        self.serve();
        let Some((to, answer)) = self.transmit() else { return Ok(None) };
        assert_eq!(to, path);
        assert_eq!(self.transmit(), None);
        Ok(Some(answer))
    }

    pub fn request(
        &mut self,
        method: Method,
        login: Option<&Login>,
        with: impl FnOnce(Writer<'_>) -> Writer<'_>,
    ) -> Vec<u8> {
        self.id = self.id.wrapping_add(1);
        let mut out = vec![];
        let mut writer = with(Writer::new(&mut out, Class::Request, method, TransactionId([self.id; 12])));
        if let Some(login) = login {
            writer = writer.user(login.username.as_bytes()).realm(REALM.as_bytes()).nonce(&login.nonce);
            if let Some(algorithm) = login.algorithm {
                writer = writer
                    .password_algorithms(&[PasswordAlgorithm::SHA_256, PasswordAlgorithm::MD5])
                    .password_algorithm(algorithm);
            }
            writer = login.key().sign(login.integrity(), writer);
        }
        writer.finish().unwrap();
        out
    }

    /// Learns a nonce as a client does.
    pub fn login(&mut self, path: Path, username: &'static str, password: &'static str) -> Login {
        let request = self.request(Method::ALLOCATE, None, |writer| writer.requested_transport(17));
        let answer = self.exchange(path, &request).unwrap().unwrap();
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(answer.error_code().unwrap().0, ErrorCode::UNAUTHENTICATED);
        assert_eq!(answer.value(AttributeType::REALM), Some(REALM.as_bytes()));
        let nonce = answer.value(AttributeType::NONCE).unwrap().to_vec();
        assert!(SecurityFeatures::of_nonce(&nonce).unwrap().password_algorithms);
        Login { username, password, nonce, algorithm: Some(PasswordAlgorithm::SHA_256) }
    }

    /// An authentic request and what comes of it: the code of an error, or the success.
    pub fn ask(
        &mut self,
        path: Path,
        method: Method,
        login: &Login,
        with: impl FnOnce(Writer<'_>) -> Writer<'_>,
    ) -> Result<Vec<u8>, ErrorCode> {
        let request = self.request(method, Some(login), with);
        let answer = self.exchange(path, &request).unwrap().unwrap();
        check(&answer, &request, login)
    }

    pub fn allocate(&mut self, path: Path) -> (Login, SocketAddr) {
        let login = self.login(path, "user", "pass");
        let answer =
            self.ask(path, Method::ALLOCATE, &login, |writer| writer.requested_transport(17)).unwrap();
        (login, relayed(&answer)[0])
    }

    pub fn id_of(&self, relayed: SocketAddr) -> RelayId {
        *self.sockets.iter().find(|(_, open)| **open == relayed).unwrap().0
    }

    /// A peer's datagram, as the client gets it.
    pub fn peer_sends(
        &mut self,
        relayed: SocketAddr,
        peer: SocketAddr,
        payload: &[u8],
    ) -> Result<Vec<u8>, Discard> {
        let id = self.id_of(relayed);
        let mut buffer = vec![0xee; HEADROOM];
        buffer.extend_from_slice(payload);
        buffer.resize(buffer.len() + TAILROOM, 0xee);
        let data = HEADROOM..HEADROOM + payload.len();
        let message = self.relay.handle_relayed(self.now, id, peer, &mut buffer, data)?;
        Ok(message.message.to_vec())
    }

    /// A client's datagram, as the peer gets it, with the address that it comes from.
    pub fn client_sends(
        &mut self,
        path: Path,
        datagram: &[u8],
    ) -> Result<(SocketAddr, SocketAddr, Vec<u8>), Discard> {
        let mut datagram = datagram.to_vec();
        match self.relay.handle_datagram(self.now, path, &mut datagram)? {
            Received::ToPeer(data) => Ok((self.sockets[&data.relay], data.peer, data.payload.to_vec())),
            Received::Consumed => panic!("it is data"),
        }
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.relay.poll_event()).collect()
    }
}

impl Login {
    pub fn key(&self) -> Key {
        let algorithm = self.algorithm.unwrap_or(PasswordAlgorithm::MD5);
        let (user, password) = (self.username.as_bytes(), self.password.as_bytes());
        Key::long_term(&RUST_CRYPTO, algorithm, user, REALM.as_bytes(), password).unwrap()
    }

    pub fn integrity(&self) -> Integrity {
        if self.algorithm.is_some() { Integrity::Sha256 } else { Integrity::Sha1 }
    }
}

/// That an answer belongs to its request, and is sealed unless it is a challenge.
pub fn check(answer: &[u8], request: &[u8], login: &Login) -> Result<Vec<u8>, ErrorCode> {
    let (message, request) = (Message::parse(answer).unwrap(), Message::parse(request).unwrap());
    assert_eq!((message.method(), message.transaction_id()), (request.method(), request.transaction_id()));
    let code = message.error_code().map(|(code, _)| code);
    let bare = [ErrorCode::UNAUTHENTICATED, ErrorCode::STALE_NONCE];
    if code.is_none_or(|code| !bare.contains(&code)) {
        assert_eq!(login.key().verify(&message), Ok(login.integrity()));
    }
    code.map_or_else(|| Ok(answer.to_vec()), Err)
}

pub fn relayed(answer: &[u8]) -> Vec<SocketAddr> {
    let message = Message::parse(answer).unwrap();
    let all = message.attributes().filter_map(|raw| match raw.decode() {
        Ok(duologue_stun::Attribute::XorRelayedAddress(address)) => Some(address),
        _ => None,
    });
    all.collect()
}

pub fn send_indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    Writer::new(&mut out, Class::Indication, Method::SEND, TransactionId([5; 12]))
        .xor_peer_address(peer)
        .data(data)
        .finish()
        .unwrap();
    out
}
