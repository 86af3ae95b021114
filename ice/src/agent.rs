//! The public type: its inputs, its polls, and what happens after every input.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_stun::crypto::HmacKey;
use duologue_stun::{TransactionId, canonical};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use crate::candidate::{
    Foundations, Kind, LocalCandidate, RemoteCandidate, is_usable, local_preference, priority,
};
use crate::checklist::Checklist;
use crate::config::Config;
use crate::credentials::Credentials;
use crate::event::{
    Discard, Event, GatheringState, InterfaceError, RemoteCredentialsError, State, Stats, TransactionReport,
};
use crate::gather::Interface;
use crate::grammar::Candidate;
use crate::pair::PairStats;
use crate::path::{InterfaceId, PairId, Path, Received, SendingPath, SourceId, Transmit};
use crate::remote::Accepted;
use crate::role::Role;
use crate::timer::{Timer, Timers};
use crate::transaction::{Request, Requests};

/// An ICE agent. See the crate's documentation for how to drive it.
pub struct Agent {
    pub(crate) config: Arc<Config>,
    pub(crate) now: Instant,
    pub(crate) rng: ChaCha12Rng,
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) local: Credentials,
    pub(crate) local_key: Box<dyn HmacKey>,
    pub(crate) remote: Option<Remote>,
    pub(crate) remote_lite: bool,
    pub(crate) remote_done: bool,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) next_interface: u32,
    pub(crate) candidates: Vec<LocalCandidate>,
    pub(crate) remotes: Vec<RemoteCandidate>,
    pub(crate) foundations: Foundations,
    pub(crate) checklist: Checklist,
    pub(crate) requests: Requests,
    pub(crate) recent: VecDeque<(TransactionId, SourceId)>,
    pub(crate) timers: Timers,
    pub(crate) progress: Progress,
    pub(crate) told: Told,
    pub(crate) stats: Stats,
}

/// The peer's credentials, and its password set up as a key.
pub(crate) struct Remote {
    pub(crate) credentials: Credentials,
    pub(crate) key: Box<dyn HmacKey>,
}

/// How far the session has come.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) state: State,
    pub(crate) selected: Option<PairId>,
    pub(crate) last_check: Option<Instant>,
    pub(crate) checks: u32,
    pub(crate) checking: bool,
    pub(crate) patience_over: bool,
    pub(crate) first_valid: Option<Instant>,
    pub(crate) lost_consent: bool,
    pub(crate) concluded: bool,
}

/// What has been told by events, and whether there may be more to tell.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) dirty: bool,
    pub(crate) gathering: GatheringState,
    pub(crate) state: State,
    pub(crate) role: Role,
    pub(crate) selected: Option<PairId>,
    pub(crate) closed: bool,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("state", &self.progress.state)
            .field("role", &self.role)
            .field("pairs", &self.checklist.iter().count())
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// An agent with fresh credentials drawn from `seed`, which must come from a cryptographic generator and be used for
    /// nothing else. Its role is controlled until [`Self::set_role`].
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let local = Credentials::random(&mut rng);
        let local_key = config.crypto.key(local.pwd().as_bytes());
        Self {
            now,
            role: Role::Controlled,
            tie_breaker: rng.next_u64(),
            rng,
            local,
            local_key,
            config,
            remote: None,
            remote_lite: false,
            remote_done: false,
            interfaces: Vec::new(),
            next_interface: 0,
            candidates: Vec::new(),
            remotes: Vec::new(),
            foundations: Foundations::default(),
            checklist: Checklist::default(),
            requests: Requests::default(),
            recent: VecDeque::new(),
            timers: Timers::default(),
            progress: Progress {
                state: State::New,
                selected: None,
                last_check: None,
                checks: 0,
                checking: false,
                patience_over: false,
                first_valid: None,
                lost_consent: false,
                concluded: false,
            },
            told: Told {
                dirty: false,
                gathering: GatheringState::New,
                state: State::New,
                role: Role::Controlled,
                selected: None,
                closed: false,
            },
            stats: Stats::default(),
        }
    }

    /// Our user name fragment and password, to be signalled to the peer.
    #[must_use]
    pub const fn local_credentials(&self) -> &Credentials {
        &self.local
    }

    /// The candidates that [`Event::LocalCandidate`] has told, or will: all there are so far.
    pub fn local_candidates(&self) -> impl Iterator<Item = Candidate> {
        self.candidates.iter().map(|candidate| candidate.to_signalled(self.local.ufrag()))
    }

    /// Takes the peer's credentials from its description. Checks start with them; those that the peer sent before have been
    /// answered, and are followed up now.
    ///
    /// # Errors
    /// Other credentials are set already, or the agent has been closed; nothing changes.
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<(), RemoteCredentialsError> {
        let now = self.advance(now);
        if self.progress.state == State::Closed {
            return Err(RemoteCredentialsError::Closed);
        }
        if let Some(remote) = &self.remote {
            let same = remote.credentials == credentials;
            return if same { Ok(()) } else { Err(RemoteCredentialsError::Restart) };
        }
        let key = self.config.crypto.key(credentials.pwd().as_bytes());
        self.remote = Some(Remote { credentials, key });
        if self.progress.checking || self.checklist.iter().next().is_some() {
            self.start_checking(now);
        }
        self.settle(now);
        Ok(())
    }

    /// Sets the role: the offerer controls, unless one agent alone is lite, which is then controlled
    /// (RFC 8445, Section 6.1.1). The agent sees to the latter itself.
    pub fn set_role(&mut self, now: Instant, role: Role) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        self.take_role(self.forced_role().unwrap_or(role));
        self.told.role = self.role;
        self.settle(now);
    }

    /// Says whether the peer's description has `a=ice-lite`.
    pub fn set_remote_lite(&mut self, now: Instant, lite: bool) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        self.remote_lite = lite;
        if let Some(role) = self.forced_role() {
            self.take_role(role);
            self.told.role = role;
        }
        self.settle(now);
    }

    /// Adds an address to send from: a host candidate, and the base of server-reflexive ones. Loopback is an address like
    /// others, paired with loopback alone.
    ///
    /// # Errors
    /// The address is there already or cannot be used, there are too many, or the agent has been closed.
    pub fn add_interface(
        &mut self,
        now: Instant,
        address: SocketAddr,
    ) -> Result<InterfaceId, InterfaceError> {
        let now = self.advance(now);
        let address = canonical(address);
        if self.progress.state == State::Closed {
            return Err(InterfaceError::Closed);
        }
        if !is_usable(address) {
            return Err(InterfaceError::Unusable(address));
        }
        if self.interface_at(address).is_some() {
            return Err(InterfaceError::Duplicate(address));
        }
        if self.interfaces.len() >= usize::from(self.config.max_interfaces) {
            return Err(InterfaceError::Limit);
        }
        let id = InterfaceId(self.next_interface);
        let preference = local_preference(address.ip(), self.next_interface);
        self.next_interface = self.next_interface.wrapping_add(1);
        let foundation = self.foundations.number(Kind::Host, address.ip(), None);
        self.interfaces.push(Interface::new(id, address, preference, &self.config));
        self.candidates.push(LocalCandidate {
            interface: id,
            kind: Kind::Host,
            address,
            base: address,
            priority: priority(Kind::Host, preference),
            foundation,
            announced: false,
        });
        for index in 0..self.remotes.len() {
            self.pair_up(id, index);
        }
        self.settle(now);
        Ok(id)
    }

    /// Takes an address away: its candidates, its pairs and what is in flight on them. Unknown ids do nothing.
    pub fn remove_interface(&mut self, now: Instant, id: InterfaceId) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        self.interfaces.retain(|interface| interface.id != id);
        self.candidates.retain(|candidate| candidate.interface != id);
        let Self { checklist, requests, .. } = self;
        requests.remove_where(|request| match request.pair() {
            Some(pair) => checklist.get(pair).is_some_and(|pair| pair.interface == id),
            None => request.is_gathering_on(id),
        });
        checklist.remove_interface(id);
        if self.progress.checking {
            self.restart_patience(now);
        }
        self.settle(now);
    }

    /// Takes a candidate from the peer's description or trickled after it, in any order with the credentials. Names, other
    /// transports, components above 1 and candidates of another generation are counted and ignored: the peer's checks
    /// show what they hide.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: &Candidate) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        match self.accept_remote(candidate) {
            Accepted::New => self.start_checking(now),
            // Told again, as descriptions do: patience does not begin anew.
            Accepted::Known => {}
            Accepted::Ignored => {
                self.stats.candidates_ignored += 1;
                if !self.progress.checking {
                    self.start_checking(now);
                }
            }
        }
        self.settle(now);
    }

    /// The peer has no further candidates.
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        let now = self.advance(now);
        if !self.remote_done && !self.is_closed() {
            self.remote_done = true;
            if !self.progress.checking {
                self.start_checking(now);
            }
        }
        self.settle(now);
    }

    /// Takes a datagram that arrived on `path`. STUN is the agent's own; anything else comes back as payload.
    ///
    /// # Errors
    /// It was of no use, for the reason given; nothing has changed but that reason's counter.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Discard> {
        let now = self.advance(now);
        let outcome = self.receive(now, path.canonical(), datagram);
        match outcome {
            Ok(Some((source, qualified))) => Ok(Received::Payload { source, qualified, bytes: datagram }),
            Ok(None) => {
                self.settle(now);
                Ok(Received::Consumed)
            }
            Err(reason) => {
                self.stats.count(reason);
                Err(reason)
            }
        }
    }

    /// A deadline has come. Calling early does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        let mut due = false;
        for timer in Timer::ALL {
            if !self.timers.take_expired(timer, now) {
                continue;
            }
            due = true;
            match timer {
                // `settle` does what these wait for.
                Timer::Pacing | Timer::Nomination => {}
                Timer::Transaction => self.on_transactions_due(now),
                Timer::Consent => self.on_consent_due(now),
                Timer::Silence => self.on_silence(now),
                Timer::Patience => self.progress.patience_over = true,
                Timer::Binding => self.on_bindings_due(now),
            }
        }
        if due {
            self.settle(now);
        }
    }

    /// Appends the next datagram to `out`, of at most `max_len` bytes, and says where it goes. `None` when there is nothing
    /// to send or no room for it; nothing is lost then.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.advance(now);
        self.write_next(now, max_len, out)
    }

    /// When [`Self::handle_timeout`] is due. `None` waits for input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing to know.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if !self.told.dirty {
            return None;
        }
        let event = self.next_event();
        self.told.dirty = event.is_some();
        event
    }

    /// The next change to the set of transaction ids whose responses belong to this agent.
    #[must_use]
    pub fn poll_transaction(&mut self) -> Option<TransactionReport> {
        self.requests.poll_report()
    }

    /// Where payload goes: the first pair that works at once, later the nominated one. `None` without consent.
    #[must_use]
    pub fn sending_path(&self) -> Option<SendingPath> {
        let pair = self.checklist.get(self.progress.selected?)?;
        Some(SendingPath { path: pair.path(), pair: pair.id })
    }

    /// The smoothed round-trip time of the sending path, once measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.checklist.get(self.progress.selected?)?.round_trip
    }

    /// The state of the connection.
    #[must_use]
    pub const fn state(&self) -> State {
        self.progress.state
    }

    /// The role as it is now.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Every pair.
    pub fn pairs(&self) -> impl Iterator<Item = PairStats> {
        self.checklist.iter().map(|pair| pair.stats(self.progress.selected))
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Ends the agent: nothing is sent any more, and [`Event::Closed`] is the last event.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        if self.progress.state != State::Closed {
            self.stop(State::Closed);
        }
    }
}

impl Agent {
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    const fn is_closed(&self) -> bool {
        matches!(self.progress.state, State::Closed)
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.progress.state, State::Closed | State::Failed(_))
    }

    pub(crate) fn interface_at(&self, address: SocketAddr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.is_at(address))
    }

    pub(crate) fn random_id(&mut self) -> TransactionId {
        let mut id = [0; 12];
        self.rng.fill_bytes(&mut id);
        TransactionId(id)
    }

    /// RFC 8445, Section 6.1.1: a lite agent is controlled by a full one.
    fn forced_role(&self) -> Option<Role> {
        match (self.config.lite, self.remote_lite) {
            (false, true) => Some(Role::Controlling),
            (true, false) => Some(Role::Controlled),
            (true, true) | (false, false) => None,
        }
    }

    /// RFC 8445, Section 7.2.5.1: with the role the priorities of all pairs change.
    pub(crate) fn take_role(&mut self, role: Role) {
        if self.role != role {
            self.role = role;
            self.requests.remove_where(Request::is_nomination);
            self.checklist.iter_mut().for_each(|pair| pair.set_priority(role));
        }
    }

    pub(crate) fn start_checking(&mut self, now: Instant) {
        self.progress.checking = true;
        self.restart_patience(now);
    }

    /// RFC 8863, Section 4: an agent does not fail before it has waited for peer-reflexive candidates.
    fn restart_patience(&mut self, now: Instant) {
        if self.is_over() {
            return;
        }
        self.progress.patience_over = self.config.patience.is_zero();
        let deadline = now.checked_add(self.config.patience);
        self.timers.set(Timer::Patience, deadline.filter(|_| !self.progress.patience_over));
    }

    /// Brings everything into line after an input.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.told.dirty = true;
        if self.is_over() {
            return;
        }
        self.pace(now);
        self.assume();
        self.nominate(now);
        self.select(now);
        match self.failure(now) {
            Some(reason) => self.stop(State::Failed(reason)),
            None => {
                self.progress.state = self.working_state(now);
                self.set_timers(now);
            }
        }
    }

    fn stop(&mut self, state: State) {
        self.progress.state = state;
        self.progress.selected = None;
        self.timers.clear();
        self.requests.clear();
        self.checklist.clear_triggered();
        self.told.dirty = true;
    }

    fn set_timers(&mut self, now: Instant) {
        self.timers.set(Timer::Pacing, self.next_pace());
        self.timers.set(Timer::Transaction, self.requests.next_deadline());
        self.timers.set(Timer::Consent, self.next_consent());
        self.timers.set(Timer::Silence, self.next_silence(now));
        self.timers.set(Timer::Binding, self.next_binding(now));
    }
}

pub(crate) fn without_scope(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => SocketAddr::from((*v6.ip(), v6.port())),
    }
}
