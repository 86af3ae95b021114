//! A small server that answers by script, and a world of it and one client on virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_netsim::Network;
use duologue_stun::auth::{Credentials, Integrity, Key, SecurityFeatures};
use duologue_stun::canonical;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::turn::{ChannelData, Client, ClientConfig, Event, HEADROOM, Received, TAILROOM};
use duologue_stun::{
    AddressFamily, Attribute, AttributeType, ChannelNumber, Class, ErrorCode, Message, Method,
    PasswordAlgorithm, Writer,
};

pub const REALM: &[u8] = b"example.org";

/// What the server does with the next request of a method in place of its duty.
pub struct Step {
    pub method: Method,
    pub code: ErrorCode,
    pub sealed: bool,
    pub alternate: Option<SocketAddr>,
    pub unknown: Vec<AttributeType>,
}

impl Step {
    pub fn sealed(method: Method, code: ErrorCode) -> Self {
        Self { method, code, sealed: true, alternate: None, unknown: vec![] }
    }
}

pub struct Server {
    /// Passwords by user name; none: nobody is asked.
    pub password: Option<&'static str>,
    pub nonce: Vec<u8>,
    pub algorithms: Vec<PasswordAlgorithm>,
    pub third_party: bool,
    pub lifetime: u32,
    pub relayed: Vec<SocketAddr>,
    pub refused_family: Option<ErrorCode>,
    /// The refusal is written by the number that coturn had for it.
    pub old_numbers: bool,
    pub allocated: bool,
    pub permissions: BTreeSet<IpAddr>,
    pub channels: BTreeMap<u16, SocketAddr>,
    pub script: VecDeque<Step>,
    /// The requests that came, by method, with the attributes' types.
    pub log: Vec<(Method, Vec<AttributeType>)>,
    /// LIFETIME of each Refresh request.
    pub lifetimes: Vec<Option<u32>>,
    /// What was relayed, and whether in a channel.
    pub relayed_data: Vec<(SocketAddr, Vec<u8>, bool)>,
    /// Whether the last Send indication had DONT-FRAGMENT.
    pub dont_fragment: bool,
}

impl Server {
    pub fn new() -> Self {
        Self {
            password: Some("pass"),
            nonce: b"nonce-1".to_vec(),
            algorithms: vec![],
            third_party: false,
            lifetime: 600,
            relayed: vec![address("203.0.113.5:49152")],
            refused_family: None,
            old_numbers: false,
            allocated: false,
            permissions: BTreeSet::new(),
            channels: BTreeMap::new(),
            script: VecDeque::new(),
            log: vec![],
            lifetimes: vec![],
            relayed_data: vec![],
            dont_fragment: false,
        }
    }

    /// Forgets the allocation, as a server does that is started anew.
    pub fn forget(&mut self) {
        self.allocated = false;
        self.permissions.clear();
        self.channels.clear();
    }

    pub fn count(&self, method: Method) -> usize {
        self.log.iter().filter(|(logged, _)| *logged == method).count()
    }

    pub fn full_nonce(&self) -> Vec<u8> {
        if self.algorithms.is_empty() {
            return self.nonce.clone();
        }
        let features = SecurityFeatures { password_algorithms: true, username_anonymity: false };
        [&features.cookie()[..], &self.nonce].concat()
    }

    pub fn key(&self) -> Key {
        if self.third_party {
            return Key::from_secret(&RUST_CRYPTO, b"session key");
        }
        let algorithm = if self.algorithms.contains(&PasswordAlgorithm::SHA_256) {
            PasswordAlgorithm::SHA_256
        } else {
            PasswordAlgorithm::MD5
        };
        let password = self.password.unwrap_or_default().as_bytes();
        Key::long_term(&RUST_CRYPTO, algorithm, b"user", REALM, password).unwrap()
    }

    fn seal<'b>(&self, writer: Writer<'b>) -> Writer<'b> {
        if self.password.is_none() {
            return writer;
        }
        let integrity = if self.algorithms.is_empty() { Integrity::Sha1 } else { Integrity::Sha256 };
        self.key().sign(integrity, writer)
    }

    pub fn challenge(&self, request: &Message<'_>, code: ErrorCode) -> Vec<u8> {
        let mut out = vec![];
        let mut writer = Writer::new(&mut out, Class::Error, request.method(), request.transaction_id())
            .error_code(code)
            .realm(REALM)
            .nonce(&self.full_nonce());
        if !self.algorithms.is_empty() {
            writer = writer.password_algorithms(&self.algorithms);
        }
        if self.third_party {
            writer = writer.third_party_authorization(b"turn.example.org");
        }
        writer.finish().unwrap();
        out
    }

    pub fn error(&self, request: &Message<'_>, step: &Step) -> Vec<u8> {
        let mut out = vec![];
        let mut writer = Writer::new(&mut out, Class::Error, request.method(), request.transaction_id())
            .error_code(step.code);
        if let Some(alternate) = step.alternate {
            writer = writer.alternate_server(alternate).alternate_domain(b"other.example.org");
        }
        if !step.unknown.is_empty() {
            writer = writer.unknown_attributes(&step.unknown);
        }
        if step.sealed {
            writer = self.seal(writer);
        }
        writer.finish().unwrap();
        out
    }

    pub fn handle(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        if let Some(data) = ChannelData::parse(datagram) {
            let peer = self.channels.get(&data.channel.get())?;
            self.relayed_data.push((*peer, data.payload.to_vec(), true));
            return None;
        }
        let message = Message::parse(datagram).unwrap();
        if message.class() == Class::Indication {
            assert_eq!(message.method(), Method::SEND);
            let Ok(Some(Attribute::XorPeerAddress(peer))) =
                message.attribute(AttributeType::XOR_PEER_ADDRESS)
            else {
                unreachable!("a Send indication names its peer")
            };
            let data = message.value(AttributeType::DATA).unwrap();
            self.dont_fragment = message.value(AttributeType::DONT_FRAGMENT).is_some();
            if self.permissions.contains(&peer.ip()) {
                self.relayed_data.push((peer, data.to_vec(), false));
            }
            return None;
        }
        message.verify_fingerprint().unwrap();
        assert_eq!(message.class(), Class::Request);
        assert_eq!(message.unknown_attributes().count(), 0);
        let types = message.attributes().map(|raw| raw.attribute).collect();
        self.log.push((message.method(), types));
        if self.password.is_some() {
            if message.value(AttributeType::NONCE).is_none() {
                if self.script.front().is_some_and(|step| !step.sealed && step.method == message.method()) {
                    let step = self.script.pop_front().unwrap();
                    return Some(self.error(&message, &step));
                }
                return Some(self.challenge(&message, ErrorCode::UNAUTHENTICATED));
            }
            if self.key().verify(&message).is_err() {
                return Some(self.challenge(&message, ErrorCode::UNAUTHENTICATED));
            }
            if message.value(AttributeType::NONCE) != Some(&self.full_nonce()) {
                return Some(self.challenge(&message, ErrorCode::STALE_NONCE));
            }
        }
        if self.script.front().is_some_and(|step| step.method == message.method()) {
            let step = self.script.pop_front().unwrap();
            return Some(self.error(&message, &step));
        }
        Some(self.serve(&message))
    }

    fn serve(&mut self, request: &Message<'_>) -> Vec<u8> {
        let refuse = |server: &Self, code| server.error(request, &Step::sealed(request.method(), code));
        if (request.method() == Method::ALLOCATE) == self.allocated {
            return refuse(self, ErrorCode::ALLOCATION_MISMATCH);
        }
        let mut out = vec![];
        let peer = match request.attribute(AttributeType::XOR_PEER_ADDRESS) {
            Ok(Some(Attribute::XorPeerAddress(peer))) => Some(peer),
            _ => None,
        };
        let writer = Writer::new(&mut out, Class::Success, request.method(), request.transaction_id());
        let writer = match request.method() {
            Method::ALLOCATE => {
                assert_eq!(
                    request.attribute(AttributeType::REQUESTED_TRANSPORT),
                    Ok(Some(Attribute::RequestedTransport(17)))
                );
                self.allocated = true;
                let mut writer = writer.xor_mapped_address(address("192.0.2.77:7777"));
                for relayed in &self.relayed {
                    writer = writer.xor_relayed_address(*relayed);
                }
                writer = match self.refused_family {
                    Some(_) if self.old_numbers => {
                        writer.attribute(AttributeType(0x8033), b"\x02\0\x04\x28no IPv6")
                    }
                    Some(code) => writer.address_error_code(AddressFamily::IPV6, code),
                    None => writer,
                };
                writer.lifetime(self.lifetime)
            }
            Method::REFRESH => {
                let wanted = match request.attribute(AttributeType::LIFETIME) {
                    Ok(Some(Attribute::Lifetime(seconds))) => Some(seconds),
                    _ => None,
                };
                self.lifetimes.push(wanted);
                if wanted == Some(0) {
                    self.forget();
                }
                writer.lifetime(if wanted == Some(0) { 0 } else { self.lifetime })
            }
            Method::CREATE_PERMISSION => {
                self.permissions.insert(peer.unwrap().ip());
                writer
            }
            Method::CHANNEL_BIND => {
                let Ok(Some(Attribute::ChannelNumber(number))) =
                    request.attribute(AttributeType::CHANNEL_NUMBER)
                else {
                    unreachable!("a ChannelBind request has a number")
                };
                assert!(ChannelNumber::new(number).is_some());
                let bound = self.channels.insert(number, peer.unwrap());
                assert!(bound.is_none_or(|bound| Some(bound) == peer), "no channel is bound to another peer");
                self.permissions.insert(peer.unwrap().ip());
                writer
            }
            _ => unreachable!("the client sends no other requests"),
        };
        self.seal(writer).finish().unwrap();
        out
    }

    /// What a peer sends, as it goes to the client.
    pub fn data_from(&self, peer: SocketAddr, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![];
        match self.channels.iter().find(|(_, bound)| **bound == peer) {
            Some((number, _)) => {
                let channel = ChannelNumber::new(*number).unwrap();
                ChannelData { channel, payload }.write(false, &mut out).unwrap();
            }
            None => out = data_indication(peer, payload),
        }
        out
    }
}

pub fn data_indication(peer: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let id = duologue_stun::TransactionId([9; 12]);
    let writer = Writer::new(&mut out, Class::Indication, Method::DATA, id);
    writer.xor_peer_address(peer).data(payload).finish().unwrap();
    out
}

pub struct World {
    pub now: Instant,
    pub client: Client,
    pub server: Server,
    /// Requests are lost.
    pub deaf: bool,
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn config() -> ClientConfig {
    let mut config = ClientConfig::new(&RUST_CRYPTO, address("198.51.100.1:3478"));
    config.credentials =
        Some(Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() });
    config
}

impl World {
    pub fn new(config: ClientConfig, server: Server) -> Self {
        let now = Network::new(1).now();
        let client = Client::new(Arc::new(config), [7; 32], now);
        Self { now, client, server, deaf: false }
    }

    /// A client with its allocation.
    pub fn allocated(config: ClientConfig, server: Server) -> Self {
        let mut world = Self::new(config, server);
        world.exchange();
        let events = world.events();
        assert!(matches!(events[..], [Event::Allocated(_), ..]), "{events:?}");
        world
    }

    /// Takes one request off the client.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        let mut out = vec![];
        let len = self.client.poll_transmit(self.now, 1_500, &mut out)?;
        assert_eq!(len, out.len());
        Some(out)
    }

    pub fn deliver(&mut self, datagram: &[u8]) -> Result<(), duologue_stun::turn::Discard> {
        self.client.handle_datagram(self.now, &mut datagram.to_vec()).map(|received| {
            assert_eq!(received, Received::Consumed);
        })
    }

    /// Carries requests and answers until nothing is left to carry.
    pub fn exchange(&mut self) {
        let mut turns = 0;
        while let Some(request) = self.transmit() {
            turns += 1;
            assert!(turns < 200, "requests without end");
            if !self.deaf
                && let Some(response) = self.server.handle(&request)
            {
                let _ = self.deliver(&response);
            }
        }
    }

    /// Lets time pass, and everything happen that is due.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.exchange();
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= end) {
            assert!(next >= self.now);
            self.now = next;
            self.client.handle_timeout(next);
            assert!(self.client.poll_timeout().is_none_or(|after| after > next), "a deadline in the past");
            self.exchange();
        }
        self.now = end;
        self.client.handle_timeout(end);
        self.exchange();
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    pub fn send(
        &mut self,
        peer: SocketAddr,
        payload: &[u8],
    ) -> Result<Vec<u8>, duologue_stun::turn::SendError> {
        let mut buffer = vec![0xaa; HEADROOM];
        buffer.extend_from_slice(payload);
        let range = HEADROOM..buffer.len();
        buffer.resize(range.end + TAILROOM, 0xbb);
        let headroom = self.client.headroom(peer);
        let framed = self.client.seal(peer, &mut buffer, range)?;
        assert_eq!(HEADROOM - framed.start, headroom);
        let framed = buffer[framed].to_vec();
        let _ = self.server.handle(&framed);
        Ok(framed)
    }

    pub fn receive(
        &mut self,
        datagram: &[u8],
    ) -> Result<(SocketAddr, Vec<u8>), duologue_stun::turn::Discard> {
        match self.client.handle_datagram(self.now, &mut datagram.to_vec())? {
            Received::Data { peer, payload } => {
                assert_eq!(peer, canonical(peer));
                Ok((peer, payload.to_vec()))
            }
            Received::Consumed => unreachable!("data was sent"),
        }
    }
}
