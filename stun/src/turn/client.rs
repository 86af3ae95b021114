//! The public type: its inputs and its polls.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;
use zeroize::Zeroize;

use super::allocation::State;
use super::channel_data::ChannelData;
use super::config::{ClientConfig, ClientTransport};
use super::event::{Discard, Event, Failure, PermitError, Received, Refusal, Relayed, Stats};
use super::pacer::Pacer;
use super::peers::{Peers, Progress};
use super::request::{Expired, Purpose, Requests, Verdict};
use crate::address::canonical;
use crate::attribute::{AddressFamily, Attribute, AttributeType};
use crate::auth::{Authentication, Credentials};
use crate::error::WriteError;
use crate::message::{Class, Message, Method, TransactionId};
use crate::writer::Writer;

/// One allocation on one server.
///
/// ```
/// # #[cfg(feature = "rust-crypto")]
/// # fn run(now: std::time::Instant, mut received: Vec<u8>) {
/// use duologue_stun::auth::Credentials;
/// use duologue_stun::crypto::RUST_CRYPTO;
/// use duologue_stun::turn::{Client, ClientConfig, Event, HEADROOM, Received, TAILROOM};
/// use std::sync::Arc;
///
/// let mut config = ClientConfig::new(&RUST_CRYPTO, "192.0.2.1:3478".parse().unwrap());
/// config.credentials =
///     Some(Credentials::LongTerm { username: "user".to_owned(), password: "pass".to_owned() });
/// let mut client = Client::new(Arc::new(config), [7; 32], now);
/// let peer = "198.51.100.7:5000".parse().unwrap();
/// client.permit(now, peer).unwrap();
///
/// // As long as the socket lives:
/// let mut out = Vec::new();
/// while let Some(len) = client.poll_transmit(now, 1_500, &mut out) { /* send it to client.server() */ }
/// while let Some(event) = client.poll_event() {
///     if let Event::Allocated(relayed) = event { /* signal relayed.ipv4 */ }
/// }
/// client.handle_timeout(now); // at the latest at client.poll_timeout()
/// if let Ok(Received::Data { peer, payload }) = client.handle_datagram(now, &mut received) { /* from the peer */ }
///
/// // A datagram to the peer is framed where it stands.
/// let mut buffer = vec![0; HEADROOM];
/// buffer.extend_from_slice(b"payload");
/// let payload = HEADROOM..buffer.len();
/// buffer.resize(payload.end + TAILROOM, 0);
/// if let Ok(framed) = client.seal(peer, &mut buffer, payload) { /* send &buffer[framed] to client.server() */ }
/// # }
/// ```
pub struct Client {
    pub(super) config: Arc<ClientConfig>,
    pub(super) credentials: Option<Credentials>,
    pub(super) authentication: Option<Authentication>,
    /// Counts what requests are sealed with: other credentials, another nonce.
    pub(super) edition: u32,
    /// The server has proved that it knows the credentials.
    pub(super) verified: bool,
    pub(super) rng: ChaCha12Rng,
    pub(super) now: Instant,
    pub(super) state: State,
    pub(super) server: SocketAddr,
    /// The servers that were asked, and when.
    pub(super) asked: Vec<(SocketAddr, Instant)>,
    /// Whether DONT-FRAGMENT is asked for, and the server knows it as far as we know.
    pub(super) dont_fragment: bool,
    /// How often an allocation was lost before it had lived for long.
    pub(super) losses: u8,
    pub(super) requests: Requests,
    pacer: Pacer,
    pub(super) peers: Peers,
    events: VecDeque<Event>,
    icmp: Option<Event>,
    deadline: Option<Instant>,
    pub(super) stats: Stats,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .field("state", &self.state)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that asks for an allocation at once. The seed must come from a cryptographic generator and be used for
    /// nothing else: transaction ids are drawn from it, and who guesses them can forge challenges.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, mut seed: [u8; 32], now: Instant) -> Self {
        let rng = ChaCha12Rng::from_seed(seed);
        seed.zeroize();
        let server = canonical(config.server);
        let mut client = Self {
            credentials: config.credentials.clone(),
            authentication: None,
            edition: 0,
            verified: false,
            rng,
            now,
            state: State::Allocating { again: false },
            server,
            asked: vec![(server, now)],
            dont_fragment: config.dont_fragment,
            losses: 0,
            requests: Requests::default(),
            pacer: Pacer::default(),
            peers: Peers::default(),
            events: VecDeque::new(),
            icmp: None,
            deadline: None,
            stats: Stats::default(),
            config,
        };
        client.start(Purpose::Allocate);
        client
    }

    /// The server to which datagrams go and from which they come; an [`Event::Redirected`] changes it.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// The allocation's addresses, while there is one.
    #[must_use]
    pub const fn relayed(&self) -> Option<Relayed> {
        match &self.state {
            State::Allocated(allocation) => Some(allocation.relayed),
            _ => None,
        }
    }

    /// Asks for a peer's permission, and for a channel to it if the configuration says so; both are kept up until
    /// [`Self::forget`]. Datagrams may follow the request at once. Without effect for a peer that is permitted already.
    ///
    /// # Errors
    /// The peer cannot be permitted; nothing changes.
    pub fn permit(&mut self, now: Instant, peer: SocketAddr) -> Result<(), PermitError> {
        self.advance(now);
        let peer = canonical(peer);
        let family = AddressFamily::of(peer);
        let possible = match &self.state {
            State::Closing { .. } | State::Ended => return Err(PermitError::Closed),
            State::Allocated(allocation) => allocation.relayed.has(family),
            _ => self.config.families.contains(family),
        };
        // RFC 8656, Section 10.1: only addresses of the relayed address's family.
        if !possible {
            return Err(PermitError::Family);
        }
        if self.peers.get(peer).is_some() {
            return Ok(());
        }
        if self.peers.len() >= usize::from(self.config.max_peers) {
            return Err(PermitError::TooMany);
        }
        self.peers.insert(peer);
        if matches!(self.state, State::Allocated(_)) {
            self.request_peer(peer);
        }
        self.reschedule();
        Ok(())
    }

    /// Lets a peer's permission and channel lapse: they are not refreshed any more, and its datagrams are discarded.
    pub fn forget(&mut self, peer: SocketAddr) {
        let peer = canonical(peer);
        if self.peers.remove(peer) {
            self.requests.drop_where(|purpose| purpose.peer() == Some(peer));
            self.reschedule();
        }
    }

    /// Takes other credentials: the answer to [`Event::TokenWanted`], or a token that takes the place of one about to expire
    /// ([RFC 7635, Section 9]). A server refuses another user name for an allocation that exists.
    ///
    /// [RFC 7635, Section 9]: https://www.rfc-editor.org/rfc/rfc7635#section-9
    pub fn set_credentials(&mut self, now: Instant, credentials: Credentials) {
        self.advance(now);
        if matches!(self.state, State::Ended) {
            return;
        }
        if let Some(authentication) = &self.authentication {
            // No error is possible: the challenge was answered before.
            self.authentication = authentication.with_credentials(self.config.crypto, &credentials).ok();
            self.edition = self.edition.wrapping_add(1);
            self.requests.restart_all(self.config.request_retransmission(), &mut self.rng);
        }
        self.credentials = Some(credentials);
        if let State::WaitingForToken { again } = self.state {
            self.state = State::Allocating { again };
            self.start(Purpose::Allocate);
        }
        self.reschedule();
    }

    /// The stream that an [`Event::Redirected`] asked for is open.
    pub fn stream_opened(&mut self, now: Instant) {
        self.advance(now);
        if let State::WaitingForStream { again } = self.state {
            self.state = State::Allocating { again };
            self.start(Purpose::Allocate);
            self.reschedule();
        }
    }

    /// Deletes the allocation and ends the client: [`Event::Closed`] comes with the server's answer, or a second after
    /// `now`.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::Closing { .. } | State::Ended => {}
            State::Allocated(_) => self.delete(Event::Closed),
            // RFC 8656, Section 8.1: what may have been allocated is deleted, too.
            State::Allocating { .. } if self.authentication.is_some() => self.delete(Event::Closed),
            _ => self.end(Event::Closed),
        }
        self.reschedule();
    }

    /// Takes what has come from [`Self::server`], a datagram or what a deframer made of a stream; the caller has compared
    /// the source.
    ///
    /// # Errors
    /// The datagram was not used: see each variant.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Discard> {
        self.advance(now);
        let received = self.receive(datagram);
        match &received {
            Ok(Received::Data { .. }) => self.stats.datagrams_received += 1,
            Ok(Received::Consumed) => {}
            Err(reason) => {
                if let Some(count) = self.stats.discards.get_mut(*reason as usize) {
                    *count += 1;
                }
            }
        }
        received
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        let now = self.now;
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        while let Some(expired) = self.requests.handle_timeout(now) {
            self.on_expired(expired);
        }
        match &mut self.state {
            State::Closing { until, last } if *until <= now => {
                let last = last.clone();
                self.end(last);
            }
            State::Allocated(allocation) => {
                if allocation.refresh_at.is_some_and(|at| at <= now) {
                    allocation.refresh_at = None;
                    self.start(Purpose::Refresh);
                }
                while let Some(peer) = self.peers.take_due(now) {
                    self.start_for(peer);
                }
            }
            _ => {}
        }
        self.reschedule();
    }

    /// Appends one request to `out` and gives its length; it goes to [`Self::server`]. `None` when there is none, or when
    /// it needs more than `max_len` bytes; nothing is lost then. Over UDP ten requests for peers leave at once, further ones
    /// 5 ms apart.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.advance(now);
        let peers = self.peers_wait_until().is_none();
        let id = self.requests.next_owed(peers, self.edition, &mut self.rng)?;
        let request = self.requests.by_id(id)?;
        let (purpose, signed, start) = (request.purpose, request.signed, out.len());
        let Ok(len) = self.write(id, purpose, signed, out) else {
            self.end(Event::Failed(Failure::TooLong));
            return None;
        };
        if len > max_len {
            out.truncate(start);
            return None;
        }
        self.requests.on_sent(id, self.now, self.edition);
        if purpose.peer().is_some() {
            self.pacer.on_sent(self.now);
        }
        self.stats.requests_sent += 1;
        if let Some(peer) = purpose.peer().and_then(|peer| self.peers.get_mut(peer))
            && peer.progress == Progress::Wanted
        {
            peer.progress = Progress::Requested;
        }
        self.reschedule();
        Some(len)
    }

    /// When [`Self::handle_timeout`] is due; `None`: wait for input.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.icmp.take().or_else(|| self.events.pop_front())
    }

    /// The counters.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    fn receive<'d>(&mut self, datagram: &'d mut [u8]) -> Result<Received<'d>, Discard> {
        if matches!(self.state, State::Ended) {
            return Err(Discard::Closed);
        }
        if datagram.first().is_some_and(|first| ChannelData::is_first_byte(*first)) {
            let (channel, payload) = ChannelData::parse_mut(datagram).ok_or(Discard::Malformed)?;
            let peer = self.peers.by_channel(channel).ok_or(Discard::UnknownChannel)?;
            // RFC 8656, Section 12.6: RECOMMENDED to discard data without an active permission.
            if !self.peers.is_permitted(peer) {
                return Err(Discard::NotPermitted);
            }
            return Ok(Received::Data { peer, payload });
        }
        let message = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        match (message.class(), message.method()) {
            (Class::Indication, Method::DATA) => {
                let peer = self.indicated_peer(&message)?;
                let Some(range) = message.value_range(AttributeType::DATA) else {
                    return self.receive_icmp(peer, &message);
                };
                let payload = datagram.get_mut(range).ok_or(Discard::Malformed)?;
                Ok(Received::Data { peer, payload })
            }
            (Class::Success | Class::Error, _) => {
                self.handle_response(&message)?;
                Ok(Received::Consumed)
            }
            (Class::Request | Class::Indication, _) => Err(Discard::Unexpected),
        }
    }

    /// RFC 8656, Section 11.4: XOR-PEER-ADDRESS must be there, and its IP address be permitted.
    fn indicated_peer(&self, message: &Message<'_>) -> Result<SocketAddr, Discard> {
        // RFC 8489, Section 6.3.2: an indication with unknown comprehension-required attributes is discarded.
        if message.unknown_attributes().next().is_some() {
            return Err(Discard::Malformed);
        }
        let Ok(Some(Attribute::XorPeerAddress(peer))) = message.attribute(AttributeType::XOR_PEER_ADDRESS)
        else {
            return Err(Discard::Malformed);
        };
        let peer = canonical(peer);
        if self.peers.is_permitted(peer) { Ok(peer) } else { Err(Discard::NotPermitted) }
    }

    /// RFC 8656, Section 11.6.
    fn receive_icmp<'d>(&mut self, peer: SocketAddr, message: &Message<'_>) -> Result<Received<'d>, Discard> {
        let Ok(Some(Attribute::Icmp { kind, code, data })) = message.attribute(AttributeType::ICMP) else {
            return Err(Discard::Malformed);
        };
        self.icmp = Some(Event::Icmp { peer, kind, code, data });
        Ok(Received::Consumed)
    }

    pub(super) fn write(
        &self,
        id: TransactionId,
        purpose: Purpose,
        signed: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, WriteError> {
        let writer = Writer::new(out, Class::Request, purpose.method(), id);
        let with_token = purpose.peer().is_none();
        let writer = self.write_purpose(purpose, writer);
        let writer = match (&self.authentication, &self.credentials) {
            (Some(authentication), Some(credentials)) if signed => {
                authentication.sign(writer, credentials, with_token)
            }
            // RFC 8489, Section 9.2.3.1: the first request omits all of the credentials.
            _ => writer,
        };
        writer.fingerprint().finish()
    }

    fn write_purpose<'b>(&self, purpose: Purpose, mut writer: Writer<'b>) -> Writer<'b> {
        // RFC 8656, Section 5: SOFTWARE in all Allocate and Refresh requests.
        if purpose.peer().is_none() && !self.config.software.is_empty() {
            writer = writer.software(self.config.software.as_bytes());
        }
        match purpose {
            Purpose::Allocate => self.write_allocate(writer),
            Purpose::Refresh => match self.config.lifetime {
                // Zero would delete the allocation.
                Some(seconds) => writer.lifetime(seconds.max(1)),
                None => writer,
            },
            Purpose::Delete => writer.lifetime(0),
            Purpose::Permission(peer) => writer.xor_peer_address(peer),
            Purpose::Channel(peer, number) => writer.channel_number(number).xor_peer_address(peer),
        }
    }

    pub(super) fn start(&mut self, purpose: Purpose) {
        let signed = self.authentication.is_some();
        // A nonce that came in a challenge is anybody's until the server takes it.
        if self.authentication.as_mut().is_some_and(Authentication::return_to_proven) {
            self.edition = self.edition.wrapping_add(1);
        }
        let retransmission = self.config.request_retransmission();
        self.requests.start(purpose, signed, 0, retransmission, &mut self.rng);
    }

    /// Asks for a peer for the first time in this allocation.
    pub(super) fn request_peer(&mut self, peer: SocketAddr) {
        if self.config.channels && !self.dont_fragment {
            let channel = self.peers.assign_channel(peer);
            if let Some(peer) = self.peers.get_mut(peer) {
                peer.channel = channel;
            }
        }
        self.start_for(peer);
    }

    fn start_for(&mut self, peer: SocketAddr) {
        if let Some(known) = self.peers.get(peer) {
            let purpose =
                known.channel.map_or(Purpose::Permission(peer), |number| Purpose::Channel(peer, number));
            self.start(purpose);
        }
    }

    fn on_expired(&mut self, expired: Expired) {
        let now = self.now;
        match (expired.purpose, expired.verdict) {
            (Purpose::Allocate, Verdict::Failed(reason)) => self.end(Event::Failed(reason)),
            (Purpose::Allocate, Verdict::Redirected { server, domain }) => self.redirect(server, domain),
            (Purpose::Delete, _) => self.finish_closing(),
            (Purpose::Refresh, Verdict::Failed(Failure::AllocationMismatch)) => self.lose(),
            (Purpose::Refresh, verdict) => match &self.state {
                State::Allocated(allocation) if !allocation.has_expired(now) => self.start(Purpose::Refresh),
                _ => {
                    let reason = match verdict {
                        Verdict::Failed(reason) => reason,
                        Verdict::Redirected { .. } => Failure::Timeout,
                    };
                    self.end(Event::Failed(reason));
                }
            },
            (Purpose::Permission(peer) | Purpose::Channel(peer, _), _) => {
                match self.peers.get(peer).map(|peer| peer.progress) {
                    // It was there: the allocation's own refresh decides whether the server is gone.
                    Some(Progress::Confirmed { .. }) => self.start_for(peer),
                    _ => self.refuse(peer, Refusal::Timeout),
                }
            }
        }
    }

    pub(super) fn refuse(&mut self, peer: SocketAddr, reason: Refusal) {
        if self.peers.remove(peer) {
            self.push(Event::PermissionRefused(peer, reason));
        }
    }

    /// Deletes the allocation; `last` is told when that is done.
    pub(super) fn delete(&mut self, last: Event) {
        self.requests.clear();
        let until = self.now.checked_add(LINGER).unwrap_or(self.now);
        self.state = State::Closing { until, last };
        self.start(Purpose::Delete);
    }

    pub(super) fn finish_closing(&mut self) {
        let State::Closing { last, .. } = &self.state else { return };
        let last = last.clone();
        self.end(last);
    }

    pub(super) fn end(&mut self, last: Event) {
        self.state = State::Ended;
        self.requests.clear();
        self.peers = Peers::default();
        self.authentication = None;
        self.credentials = None;
        self.deadline = None;
        self.events.push_back(last);
    }

    pub(super) fn push(&mut self, event: Event) {
        // Two for each peer, and some of the allocation's.
        if self.events.len() < 2 * usize::from(self.config.max_peers) + 16 {
            self.events.push_back(event);
        } else {
            self.stats.events_dropped += 1;
        }
    }

    pub(super) fn reschedule(&mut self) {
        let own = match &self.state {
            State::Ended => {
                self.deadline = None;
                return;
            }
            State::Closing { until, .. } => Some(*until),
            State::Allocated(allocation) => {
                [allocation.refresh_at, self.peers.next_refresh()].into_iter().flatten().min()
            }
            _ => None,
        };
        let paced = self.peers_wait_until().filter(|_| self.requests.is_any_owed());
        self.deadline = [own, paced, self.requests.poll_timeout()].into_iter().flatten().min();
    }

    /// Until when requests for peers wait for those before them; `None`: they may leave. On a stream they follow each other.
    fn peers_wait_until(&self) -> Option<Instant> {
        if self.is_stream() { None } else { self.pacer.ready_at(self.now) }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self.config.transport, ClientTransport::Stream)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

/// How long a closed client waits for the answer to its last request.
const LINGER: Duration = Duration::from_secs(1);
