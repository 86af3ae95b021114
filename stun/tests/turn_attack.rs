//! An attacker without the password who sees all datagrams between client and server and injects others, before and behind
//! the true ones: against the client and the server of this crate, beside the same run without an attacker.
#![cfg(all(feature = "rust-crypto", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::alloc::System;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_netsim::Network;
use duologue_stun::auth::Credentials;
use duologue_stun::crypto::RUST_CRYPTO;
use duologue_stun::server::{self, Path, Relay, RelayConfig, Request, Transport};
use duologue_stun::turn::{Client, ClientConfig, Event, Received};
use duologue_stun::{Class, ErrorCode, Message, Method, PasswordAlgorithm, TransactionId, Writer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REALM: &str = "example.org";
const PEERS: u8 = 20;
/// The headers of IPv4 and UDP.
const HEADERS: usize = 28;

struct World {
    now: Instant,
    client: Client,
    relay: Relay,
    path: Path,
    events: Vec<Event>,
    /// Bytes that the client has sent, headers counted.
    sent: usize,
    /// The same of what was injected to it.
    injected: usize,
    /// What the attacker has seen.
    seen: Vec<Vec<u8>>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn peer(host: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, host], 5_000))
}

impl World {
    fn new(username: &str) -> Self {
        let now = Network::new(1).now();
        let mut config = RelayConfig::new(&RUST_CRYPTO, REALM);
        config.users.insert(username.to_owned(), "pass".to_owned());
        let relay = Relay::new(Arc::new(config), [9; 32], now, 1_700_000_000);
        let path = Path {
            local: address("192.0.2.1:3478"),
            remote: address("198.51.100.7:4000"),
            transport: Transport::Datagram,
        };
        let mut config = ClientConfig::new(&RUST_CRYPTO, path.local);
        config.credentials =
            Some(Credentials::LongTerm { username: username.to_owned(), password: "pass".to_owned() });
        let mut client = Client::new(Arc::new(config), [7; 32], now);
        for host in 0..PEERS {
            client.permit(now, peer(host)).unwrap();
        }
        Self { now, client, relay, path, events: vec![], sent: 0, injected: 0, seen: vec![] }
    }

    fn inject(&mut self, datagram: &[u8]) {
        self.injected += datagram.len() + HEADERS;
        let mut datagram = datagram.to_vec();
        let handled = self.client.handle_datagram(self.now, &mut datagram);
        // Data has no seal: a channel's may be anybody's, as that of any datagram's sender. Nothing else is believed.
        if let Ok(Received::Data { peer: from, .. }) = handled {
            assert!((0..PEERS).any(|host| peer(host) == from));
        }
    }

    /// All that the client sends, the attacker's forgeries before the server's answer and replays behind it.
    fn exchange(&mut self, attack: bool) {
        let mut out = vec![];
        while self.client.poll_transmit(self.now, 1_500, &mut out).is_some() {
            self.sent += out.len() + HEADERS;
            let request = std::mem::take(&mut out);
            if attack {
                for forgery in forgeries(&request) {
                    self.inject(&forgery);
                }
            }
            for answer in self.serve(self.path, &request) {
                let _ = self.client.handle_datagram(self.now, &mut answer.clone());
                self.seen.push(answer);
            }
            self.seen.push(request);
            let replayed = self.seen.len().saturating_sub(6);
            for seen in self.seen.split_off(replayed) {
                if attack {
                    self.inject(&seen);
                }
                self.seen.push(seen);
            }
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    /// What the server answers.
    fn serve(&mut self, path: Path, datagram: &[u8]) -> Vec<Vec<u8>> {
        let _ = self.relay.handle_datagram(self.now, path, &mut datagram.to_vec());
        while let Some(request) = self.relay.poll_request() {
            if let Request::OpenRelay { id, port, .. } = request {
                self.relay.relay_opened(self.now, id, SocketAddr::new(self.path.local.ip(), port));
            }
        }
        while self.relay.poll_event().is_some() {}
        let mut answers = vec![];
        let mut out = vec![];
        while self.relay.poll_transmit(self.now, 1_500, &mut out).is_some() {
            answers.push(std::mem::take(&mut out));
        }
        answers
    }

    fn run(&mut self, time: Duration, attack: bool) {
        let end = self.now + time;
        self.exchange(attack);
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= end) {
            self.now = next;
            self.client.handle_timeout(next);
            assert!(self.client.poll_timeout().is_none_or(|after| after > next));
            self.exchange(attack);
        }
        self.now = end;
    }
}

/// All that an attacker can make of a request that it sees.
fn forgeries(request: &[u8]) -> Vec<Vec<u8>> {
    let request = Message::parse(request).unwrap();
    let (method, id) = (request.method(), request.transaction_id());
    let error = |code: ErrorCode, with: &dyn Fn(Writer<'_>) -> Writer<'_>| {
        let mut out = vec![];
        with(Writer::new(&mut out, Class::Error, method, id).error_code(code)).finish().unwrap();
        out
    };
    let lists = [PasswordAlgorithm::SHA_256, PasswordAlgorithm::MD5];
    let mut all = vec![];
    for code in [ErrorCode::UNAUTHENTICATED, ErrorCode::STALE_NONCE] {
        // As short as may be; in the server's manner; with a realm of the attacker's; as long as may be.
        all.push(error(code, &|w| w.nonce(b"obMatJos2gAAA").password_algorithms(&lists)));
        all.push(error(code, &|w| {
            w.nonce(b"obMatJos2gAAAx").realm(REALM.as_bytes()).password_algorithms(&lists)
        }));
        all.push(error(code, &|w| w.nonce(b"x").realm(b"elsewhere.example")));
        all.push(error(code, &|w| w.nonce(&[b'n'; 763]).realm(REALM.as_bytes())));
        all.push(error(code, &|w| w.nonce(b"")));
    }
    for code in [300, 400, 403, 437, 441, 442, 486, 500, 508].into_iter().filter_map(ErrorCode::new) {
        all.push(error(code, &|w| w.alternate_server(address("198.51.100.66:6666"))));
    }
    for class in [Class::Success, Class::Error, Class::Request] {
        let mut out = vec![];
        let writer = Writer::new(&mut out, class, method, id);
        let attacker = address("198.51.100.66:6666");
        writer.xor_relayed_address(attacker).xor_mapped_address(attacker).lifetime(0).finish().unwrap();
        all.push(out);
    }
    // Data of a stranger, and ICMP; a channel that is not bound, and one that is.
    for data in [&b"data"[..], b""] {
        let mut out = vec![];
        let writer = Writer::new(&mut out, Class::Indication, Method::DATA, TransactionId([3; 12]));
        let from = address("198.51.100.66:6666");
        writer.xor_peer_address(from).icmp(3, 4, 0).data(data).finish().unwrap();
        all.push(out);
    }
    all.push(b"\x4f\xff\x00\x04data".to_vec());
    all.push(b"\x40\x00\x00\x04data".to_vec());
    all
}

/// Beside the undisturbed run: the same allocation, the same peers, no other events, and of every injected byte at most three
/// from the client.
#[test]
fn an_attacker_without_the_password_never_changes_the_allocation_nor_amplifies() {
    for username in ["user", &"a-name-far-longer-than-most-".repeat(10)] {
        let [mut quiet, mut attacked] = [World::new(username), World::new(username)];
        for (world, attack) in [(&mut quiet, false), (&mut attacked, true)] {
            // Challenges before the first seal are answered four times; who forges more keeps the server's away.
            world.run(Duration::from_secs(1), false);
            for _ in 0..5 {
                world.run(Duration::from_secs(300), attack);
            }
            assert_eq!(world.relay.stats().allocations, 1);
        }
        let relayed = quiet.client.relayed().unwrap();
        assert_eq!(attacked.client.relayed(), Some(relayed), "with the same addresses");
        let told = |world: &World| {
            let mut told: Vec<String> = world.events.iter().map(|event| format!("{event:?}")).collect();
            told.sort();
            told
        };
        assert_eq!(told(&attacked), told(&quiet));
        assert_eq!(quiet.events.len(), 1 + usize::from(PEERS));
        assert!(attacked.client.stats().relocations == 0 && attacked.injected > 100_000);
        let extra = attacked.sent.saturating_sub(quiet.sent);
        assert!(extra <= 3 * attacked.injected, "{extra} for {}", attacked.injected);
        assert!(quiet.client.stats().requests_sent > 100, "refreshes");
    }
}

/// Each challenge alone: what it makes the client send at once is at most three times as long, whatever is in flight.
#[test]
fn a_forged_challenge_alone_makes_the_client_send_at_most_three_times_its_length() {
    for username in ["user", &"a-name-far-longer-than-most-".repeat(10)] {
        let mut world = World::new(username);
        let mut out = vec![];
        let mut forged = 0;
        for _ in 0..6 {
            // Requests in flight, unanswered.
            let mut requests = vec![];
            while world.client.poll_transmit(world.now, 1_500, &mut out).is_some() {
                requests.push(std::mem::take(&mut out));
            }
            for request in &requests {
                for forgery in forgeries(request) {
                    let _ = world.client.handle_datagram(world.now, &mut forgery.clone());
                    let mut sent = 0;
                    while world.client.poll_transmit(world.now, 1_500, &mut out).is_some() {
                        sent += out.len() + HEADERS;
                        out.clear();
                    }
                    forged += usize::from(sent > 0);
                    assert!(sent <= 3 * (forgery.len() + HEADERS), "{sent} for {}", forgery.len());
                }
            }
            // The server answers what comes next, so that all are asked for.
            world.run(Duration::from_secs(250), false);
            world.client.handle_timeout(world.now);
        }
        assert!(world.client.relayed().is_some());
        assert!(forged > 0 || username.len() > 100, "{forged}");
    }
}

#[test]
fn an_attacker_without_the_password_never_makes_the_clients_or_the_servers_memory_grow() {
    let mut world = World::new("user");
    world.run(Duration::from_secs(1), false);
    world.client.permit(world.now, peer(100)).unwrap();
    let mut request = vec![];
    let _ = world.client.poll_transmit(world.now, 1_500, &mut request);
    let forged = forgeries(&request);
    let seen = world.seen.clone();
    let flood = |world: &mut World| {
        let mut out = vec![];
        for round in 0..2_000_u16 {
            for datagram in forged.iter().chain(&seen) {
                let _ = world.client.handle_datagram(world.now, &mut datagram.clone());
                // And to the server, from the client's address and from others.
                for remote in [world.path.remote, SocketAddr::from(([198, 51, 100, 66], round))] {
                    let path = Path { remote, ..world.path };
                    let _ = world.relay.handle_datagram(world.now, path, &mut datagram.clone());
                    while world.relay.poll_transmit(world.now, 1_500, &mut out).is_some() {
                        let bound = 3 * (datagram.len() + HEADERS);
                        let is_authentic = remote == world.path.remote;
                        assert!(is_authentic || out.len() + HEADERS <= bound);
                        out.clear();
                    }
                }
            }
        }
    };
    flood(&mut world);
    let region = Region::new(ALLOCATOR);
    flood(&mut world);
    let change = region.change();
    assert_eq!(change.bytes_allocated, change.bytes_deallocated, "what is taken is given back");
    assert_eq!(world.relay.stats().allocations, 1);
    assert!(world.client.relayed().is_some());
    assert!(world.relay.stats().discarded(server::Discard::Unexpected) > 1_000);
}
