//! The public type: its inputs and its polls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroize;

use super::allocation::{Allocation, Open, Reservation, State};
use super::config::RelayConfig;
use super::event::{Discard, Event, Path, Received, RelayId, Release, Request, Stats, Transmit};
use super::nonce::Nonces;
use super::ports::Ports;
use super::response::{Body, Response, Waiting};
use super::user::Users;
use crate::attribute::AddressFamily;
use crate::auth::SecurityFeatures;
use crate::message::{Method, TransactionId};

/// A STUN and TURN server.
///
/// ```
/// # #[cfg(feature = "rust-crypto")]
/// # fn run(now: std::time::Instant, mut received: Vec<u8>) {
/// use duologue_stun::crypto::RUST_CRYPTO;
/// use duologue_stun::server::{HEADROOM, Path, Received, Relay, RelayConfig, Request, TAILROOM, Transport};
/// use std::sync::Arc;
///
/// let mut config = RelayConfig::new(&RUST_CRYPTO, "example.org");
/// config.users.insert("user".to_owned(), "pass".to_owned());
/// let mut relay = Relay::new(Arc::new(config), [7; 32], now, 1_700_000_000);
///
/// // What has come to the server's own address:
/// let path = Path {
///     local: "192.0.2.1:3478".parse().unwrap(),
///     remote: "198.51.100.7:5000".parse().unwrap(),
///     transport: Transport::Datagram,
/// };
/// if let Ok(Received::ToPeer(data)) = relay.handle_datagram(now, path, &mut received) {
///     // send data.payload from the socket of data.relay to data.peer
/// }
/// while let Some(request) = relay.poll_request() {
///     match request {
///         Request::OpenRelay { id, port, .. } => relay.relay_opened(now, id, ([192, 0, 2, 1], port).into()),
///         Request::CloseRelay { id } => {}
///         _ => {}
///     }
///     // What comes to a relayed address is received with room around it:
///     let mut buffer = vec![0; HEADROOM + 1_500 + TAILROOM];
///     // relay.handle_relayed(now, id, peer, &mut buffer, HEADROOM..HEADROOM + len)
/// }
/// let mut out = Vec::new();
/// while let Some(transmit) = relay.poll_transmit(now, 1_500, &mut out) { /* send it on transmit.path */ }
/// relay.handle_timeout(now); // at the latest at relay.poll_timeout()
/// # }
/// ```
pub struct Relay {
    pub(super) config: Arc<RelayConfig>,
    pub(super) users: Users,
    pub(super) nonces: Nonces,
    pub(super) rng: ChaCha12Rng,
    pub(super) started: Instant,
    pub(super) now: Instant,
    unix_time: u64,
    pub(super) allocations: BTreeMap<Path, Allocation>,
    pub(super) reservations: BTreeMap<[u8; 8], Reservation>,
    pub(super) relays: BTreeMap<RelayId, Owner>,
    next_relay: u64,
    pub(super) ports: Ports,
    /// Allocations and reservations of each user, and of all.
    usage: BTreeMap<Vec<u8>, usize>,
    pub(super) held: usize,
    deadlines: BTreeSet<(Instant, Owner)>,
    pub(super) waiting: Waiting,
    pub(super) requests: VecDeque<Request>,
    events: VecDeque<Event>,
    pub(super) scratch: Vec<u8>,
    pub(super) stats: Stats,
}

/// Whose a socket or a deadline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Client(Path),
    Reservation([u8; 8]),
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("config", &self.config)
            .field("allocations", &self.allocations.len())
            .field("reservations", &self.reservations.len())
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// A server without allocations. The seed must come from a cryptographic generator and be used for nothing else: nonces,
    /// tokens and ports come of it. `unix_time` is the second since 1970 at `now`, by which credentials of shared secrets
    /// end.
    #[must_use]
    pub fn new(config: Arc<RelayConfig>, mut seed: [u8; 32], now: Instant, unix_time: u64) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        seed.zeroize();
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let features =
            SecurityFeatures { password_algorithms: true, username_anonymity: config.username_anonymity };
        let nonces = Nonces::new(config.crypto, &secret, features, config.nonce_lifetime);
        secret.zeroize();
        Self {
            users: Users::new(&config),
            nonces,
            rng,
            started: now,
            now,
            unix_time,
            allocations: BTreeMap::new(),
            reservations: BTreeMap::new(),
            relays: BTreeMap::new(),
            next_relay: 0,
            ports: Ports::default(),
            usage: BTreeMap::new(),
            held: 0,
            deadlines: BTreeSet::new(),
            waiting: Waiting::default(),
            requests: VecDeque::new(),
            events: VecDeque::new(),
            scratch: Vec::new(),
            stats: Stats::default(),
            config,
        }
    }

    /// Takes what a client has sent to the server's own address: a datagram, or what a [`crate::framing::Deframer`] of its
    /// stream has handed out.
    ///
    /// # Errors
    /// It was of no use; see each variant.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Discard> {
        self.advance(now);
        let path = path.canonical();
        let received = match datagram.first() {
            // RFC 8656, Section 12.4: 0x40 and above begins no STUN.
            Some(0x40..=0x7f) => self.channel_data(path, datagram).map(Received::ToPeer),
            _ => self.stun(path, datagram),
        };
        received.map_err(|discard| self.discarded(discard))
    }

    /// Says that a relayed socket is open, and by which address peers reach it. What is not, or no longer, asked for is closed.
    pub fn relay_opened(&mut self, now: Instant, id: RelayId, address: SocketAddr) {
        self.advance(now);
        if let Some(Owner::Client(path)) = self.relays.get(&id).copied() {
            self.socket_opened(path, id, address);
        }
    }

    /// Says that a relayed socket cannot be opened, so that another port is tried, or that an open one has failed, which ends
    /// the allocation's part in it. The id is known no longer.
    pub fn relay_failed(&mut self, now: Instant, id: RelayId) {
        self.advance(now);
        match self.relays.get(&id).copied() {
            Some(Owner::Client(path)) => self.socket_failed(path, id),
            Some(Owner::Reservation(token)) => self.end_reservation(token, false),
            None => {}
        }
    }

    /// Says that the stream to a client was closed, which ends its allocation ([RFC 8656, Section 3.1]).
    ///
    /// [RFC 8656, Section 3.1]: https://www.rfc-editor.org/rfc/rfc8656#section-3.1
    pub fn stream_closed(&mut self, now: Instant, path: Path) {
        self.advance(now);
        let path = path.canonical();
        self.waiting.forget(path);
        self.release(path, Release::StreamClosed);
    }

    /// Ends what has ended: allocations and reservations that nobody has refreshed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// When [`Self::handle_timeout`] is to be called at the latest; `None`: there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Appends an answer to a client to `out`, if one waits. `max_len` is the room for it, in bytes: one that is longer waits on.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.advance(now);
        loop {
            let response = self.waiting.front()?;
            let start = out.len();
            let len = response.write(&self.config, &self.nonces, self.now - self.started, out);
            let Some(len) = len else {
                // Too long for a stranger.
                self.waiting.pop();
                self.discarded(Discard::Amplification);
                continue;
            };
            if len > max_len {
                out.truncate(start);
                return None;
            }
            let path = response.path;
            self.waiting.pop();
            self.stats.responses += 1;
            return Some(Transmit { path, len });
        }
    }

    /// The next thing that the embedder is asked to do. Poll it after every input.
    #[must_use]
    pub fn poll_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// The next event. Of those that nobody polls, the first 256 are kept.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        Stats {
            allocations: count(self.allocations.len()),
            reservations: count(self.reservations.len()),
            waiting: count(self.waiting.len()),
            ..self.stats
        }
    }

    pub(super) fn discarded(&mut self, discard: Discard) -> Discard {
        if let Some(counter) = self.stats.discards.get_mut(discard as usize) {
            *counter += 1;
        }
        discard
    }

    /// The second since 1970 now.
    pub(super) fn unix_time(&self) -> u64 {
        self.unix_time.saturating_add((self.now - self.started).as_secs())
    }

    pub(super) fn open(&mut self, path: Path) -> Option<&mut Open> {
        match &mut self.allocations.get_mut(&path)?.state {
            State::Open(open) => Some(open),
            State::Opening(_) => None,
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        } else {
            self.stats.events_dropped += 1;
        }
    }

    /// Lets an answer wait that comes of itself, not of a request just received.
    pub(super) fn answer(&mut self, path: Path, id: TransactionId, body: Body, seal: super::user::Seal) {
        self.stats.refused += u64::from(body.is_error());
        self.waiting.push(Response {
            path,
            method: Method::ALLOCATE,
            id,
            body,
            seal: Some(seal),
            limit: None,
        });
    }

    pub(super) fn usage(&self, quota: &[u8]) -> usize {
        self.usage.get(quota).copied().unwrap_or_default()
    }

    pub(super) fn hold(&mut self, quota: &[u8], count: usize) {
        self.held += count;
        *self.usage.entry(quota.to_vec()).or_default() += count;
    }

    pub(super) fn let_go(&mut self, quota: &[u8], count: usize) {
        self.held = self.held.saturating_sub(count);
        if let Some(used) = self.usage.get_mut(quota) {
            *used = used.saturating_sub(count);
            if *used == 0 {
                self.usage.remove(quota);
            }
        }
    }

    pub(super) fn relay_id(&mut self) -> RelayId {
        self.next_relay += 1;
        RelayId(self.next_relay)
    }

    /// Forgets a socket; `close` asks the embedder to close it.
    pub(super) fn drop_relay(&mut self, id: RelayId, family: AddressFamily, port: u16, close: bool) {
        self.relays.remove(&id);
        self.ports.give_back(family, port);
        if close {
            self.requests.push_back(Request::CloseRelay { id });
        }
    }

    pub(super) fn set_deadline(&mut self, owner: Owner, old: Option<Instant>, new: Option<Instant>) {
        if let Some(old) = old {
            self.deadlines.remove(&(old, owner));
        }
        if let Some(new) = new {
            self.deadlines.insert((new, owner));
        }
    }

    /// Time goes on, and what has ended ends.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some((deadline, owner)) = self.deadlines.first().copied() {
            if self.now < deadline {
                return;
            }
            match owner {
                Owner::Client(path) => self.allocation_due(path),
                Owner::Reservation(token) => self.end_reservation(token, true),
            }
        }
    }
}

const MAX_EVENTS: usize = 256;
