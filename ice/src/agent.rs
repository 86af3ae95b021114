//! The public type: its inputs, its polls, and what happens after every input.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_core::Rng;

use crate::config::Config;
use crate::credentials::Credentials;
use crate::event::{Discard, Event, GatheringState, RemoteCredentialsError, State, Stats, TransactionReport};
use crate::grammar::Candidate;
use crate::pair::{Link, Pair, PairStats};
use crate::path::{PairId, Path, Received, SendingPath, Transmit};
use crate::remote::Accepted;
use crate::role::Role;
use crate::session::{Remote, Session};
use crate::shared::Shared;
use crate::timer::{Timer, Timers};

/// An ICE agent. See the crate's documentation for how to drive it.
pub struct Agent {
    pub(crate) shared: Shared,
    /// The newest session.
    pub(crate) session: Session,
    /// The one before, while a restart is under way. Boxed: most of the time there is none.
    pub(crate) previous: Option<Box<Session>>,
    pub(crate) state: State,
    /// The pair of either session that payload leaves on.
    pub(crate) selected: Option<PairId>,
    pub(crate) timers: Timers,
    pub(crate) told: Told,
}

/// What has been told by events, and whether there may be more to tell.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) dirty: bool,
    pub(crate) gathering: GatheringState,
    /// A restart is to be told as gathering anew, even if there is nobody to ask.
    pub(crate) gathering_anew: bool,
    pub(crate) state: State,
    pub(crate) role: Role,
    pub(crate) selected: Option<PairId>,
    /// Whether there was a session before the newest when this was last looked at.
    pub(crate) previous: bool,
    pub(crate) closed: bool,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("state", &self.state)
            .field("role", &self.shared.role)
            .field("pairs", &self.pairs().count())
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// An agent with fresh credentials drawn from `seed`, which must come from a cryptographic generator and be used for
    /// nothing else. Its role is controlled until [`Self::set_role`].
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        let mut shared = Shared::new(config, seed, now);
        let local = Credentials::random(&mut shared.rng);
        shared.tie_breaker = shared.rng.next_u64();
        Self {
            session: Session::new(&mut shared, local, false),
            shared,
            previous: None,
            state: State::New,
            selected: None,
            timers: Timers::default(),
            told: Told {
                dirty: false,
                gathering: GatheringState::New,
                gathering_anew: false,
                state: State::New,
                role: Role::Controlled,
                selected: None,
                previous: false,
                closed: false,
            },
        }
    }

    /// Our user name fragment and password, to be signalled to the peer: the newest session's.
    #[must_use]
    pub const fn local_credentials(&self) -> &Credentials {
        &self.session.local
    }

    /// The user name fragments at which checks are answered: the newest session's, and during a restart that of the
    /// session before. The set changes with [`Self::restart`], [`Self::abandon_restart`] and
    /// [`Event::PreviousSessionEnded`] alone.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        let previous = self.previous.as_deref().filter(|session| !session.has_failed());
        std::iter::once(&self.session).chain(previous).map(|session| session.local.ufrag())
    }

    /// The candidates of the newest session that [`Event::LocalCandidate`] has told, or will: all there are so far.
    pub fn local_candidates(&self) -> impl Iterator<Item = Candidate> {
        let ufrag = self.session.local.ufrag();
        self.session.candidates.iter().map(|candidate| candidate.to_signalled(ufrag))
    }

    /// Takes the peer's credentials for the newest session from its description. Checks start with them; those that the
    /// peer sent before have been answered, and are followed up now.
    ///
    /// # Errors
    /// Other credentials are set already in this session, they are those of the session before, or the agent has been
    /// closed; nothing changes.
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<(), RemoteCredentialsError> {
        let now = self.advance(now);
        if self.is_closed() {
            return Err(RemoteCredentialsError::Closed);
        }
        if let Some(remote) = &self.session.remote {
            let same = remote.credentials == credentials;
            return if same { Ok(()) } else { Err(RemoteCredentialsError::Restart) };
        }
        if self.previous_remote().is_some_and(|known| *known == credentials) {
            return Err(RemoteCredentialsError::Unchanged);
        }
        let key = self.shared.config.crypto.key(credentials.pwd().as_bytes());
        self.session.remote = Some(Remote { credentials, key });
        if self.session.progress.checking || self.session.checklist.iter().next().is_some() {
            self.session.start_checking(&self.shared, now);
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
        self.take_role(self.session.forced_role(&self.shared).unwrap_or(role));
        self.told.role = self.shared.role;
        self.settle(now);
    }

    /// Says whether the peer's description has `a=ice-lite`. A restart keeps it until told otherwise.
    pub fn set_remote_lite(&mut self, now: Instant, lite: bool) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        self.session.remote_lite = lite;
        if let Some(role) = self.session.forced_role(&self.shared) {
            self.take_role(role);
            self.told.role = role;
        }
        self.settle(now);
    }

    /// Takes another configuration (the W3C's `setConfiguration`). Servers and policy count from the next gathering on, which
    /// [`Self::restart`] begins; whether the agent is lite stays as it was.
    pub fn set_config(&mut self, now: Instant, config: Arc<Config>) {
        let now = self.advance(now);
        let lite = self.shared.config.lite;
        self.shared.config =
            if config.lite == lite { config } else { Arc::new(Config { lite, ..Config::clone(&config) }) };
        self.settle(now);
    }

    /// Takes a candidate from the peer's description or trickled after it, in any order with the credentials. Domain
    /// names, unknown transports, components above 1 and candidates of another generation are counted and ignored: the peer's checks
    /// show what they hide. It belongs to the newest session.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: &Candidate) {
        let now = self.advance(now);
        if self.is_closed() {
            return;
        }
        let stale = candidate.ufrag().is_some_and(|ufrag| self.is_stale(ufrag));
        let Self { shared, session, .. } = self;
        let accepted = if stale { Accepted::Ignored } else { session.accept_remote(shared, candidate) };
        match accepted {
            Accepted::New => session.start_checking(shared, now),
            // Told again, as descriptions do: patience does not begin anew.
            Accepted::Known => {}
            Accepted::Ignored => {
                shared.stats.candidates_ignored += 1;
                if !session.progress.checking && !stale {
                    session.start_checking(shared, now);
                }
            }
        }
        self.settle(now);
    }

    /// The peer has no further candidates for the newest session.
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        let now = self.advance(now);
        if !self.session.remote_done && !self.is_closed() {
            self.session.remote_done = true;
            if !self.session.progress.checking {
                self.session.start_checking(&self.shared, now);
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
        let received = self.receive(now, path.canonical(), datagram);
        match &received {
            Ok(Received::Payload { qualified: true, bytes, source }) => {
                if !bytes.is_empty() {
                    self.on_payload(now, *source, bytes.len());
                }
                self.shared.stats.payload_datagrams_received += 1;
                self.shared.stats.payload_bytes_received += bytes.len() as u64;
            }
            Ok(Received::Payload { .. }) => {}
            Ok(Received::Consumed) => self.settle(now),
            Err(reason) => self.shared.stats.count(*reason),
        }
        received
    }

    /// A deadline has come. Calling early does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        let mut due = false;
        for timer in Timer::ALL {
            if self.timers.take_expired(timer, now) {
                due = true;
                match timer {
                    Timer::Transaction => self.on_transactions_due(now),
                    Timer::Binding => self.shared.on_bindings_due(now),
                    Timer::Retirement => self.retire_previous(),
                    Timer::Relay => self.on_relays_due(now),
                    // `settle` does what these wait for, or they are the sessions'.
                    Timer::Pacing
                    | Timer::Nomination
                    | Timer::Consent
                    | Timer::Silence
                    | Timer::Patience
                    | Timer::Flow
                    | Timer::Trial => {}
                }
            }
            self.each_session(|session, shared| due |= session.handle_timeout(shared, timer, now));
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
        let sessions = self.sessions().filter_map(|session| session.timers.next());
        sessions.chain(self.timers.next()).min()
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
        self.shared.requests.poll_report()
    }

    /// Where payload goes: the first pair that works at once, later the nominated one. During a restart that is a pair
    /// of the session before until the newest one has a pair that works. `None` without consent.
    #[must_use]
    pub fn sending_path(&self) -> Option<SendingPath> {
        let pair = self.selected_pair()?;
        let source = pair.source();
        let headroom = if pair.link == Link::Direct { 0 } else { self.shared.headroom(source) };
        Some(SendingPath { path: pair.path, pair: pair.id, source, headroom })
    }

    /// Frames a datagram for a sending path: what stands in `out` from `start` on, its first
    /// [`SendingPath::headroom`] bytes excepted, is the payload. Says where it goes. `None` when the path has gone in the
    /// meantime; `out` is cut off at `start` then.
    #[must_use]
    pub fn seal(&mut self, path: &SendingPath, out: &mut Vec<u8>, start: usize) -> Option<Path> {
        if path.headroom == 0 { Some(path.path) } else { self.shared.seal(path.source, out, start) }
    }

    /// The smoothed round-trip time of the sending path, once measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.selected_pair()?.round_trip
    }

    /// The state of the connection.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The role as it is now.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.shared.role
    }

    /// Every pair, during a restart those of both sessions.
    pub fn pairs(&self) -> impl Iterator<Item = PairStats> {
        let pairs = self.sessions().flat_map(|session| session.checklist.iter());
        pairs.map(|pair| pair.stats(self.selected))
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.shared.stats
    }

    /// Ends the agent: nothing is sent any more, and [`Event::Closed`] is the last event.
    pub fn close(&mut self, now: Instant) {
        let now = self.advance(now);
        if !self.is_closed() {
            self.stop(State::Closed);
            self.shared.end_queries(None);
            self.close_relays(now);
        }
    }
}

impl Agent {
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.shared.now = self.shared.now.max(now);
        self.shared.now
    }

    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed(_))
    }

    /// The newest session, then the one before.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        std::iter::once(&self.session).chain(self.previous.as_deref())
    }

    pub(crate) fn each_session(&mut self, mut act: impl FnMut(&mut Session, &mut Shared)) {
        act(&mut self.session, &mut self.shared);
        if let Some(previous) = &mut self.previous {
            act(previous, &mut self.shared);
        }
    }

    pub(crate) fn selected_pair(&self) -> Option<&Pair> {
        let selected = self.selected?;
        self.sessions().find_map(|session| session.checklist.get(selected))
    }

    fn take_role(&mut self, role: Role) {
        self.shared.take_role(role);
        self.each_session(|session, shared| session.checklist.rank(shared.role));
    }

    /// Brings everything into line after an input.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.told.dirty = true;
        self.serve_relays(now);
        if self.is_over() {
            if !self.is_closed() {
                self.timers.set(Timer::Relay, self.shared.next_relay_timeout());
            }
            return;
        }
        self.each_session(|session, shared| session.checklist.rank(shared.role));
        self.pace(now);
        self.each_session(|session, shared| session.settle(shared, now));
        self.choose(now);
        // Another choice has others in reserve.
        self.pace(now);
        match self.session.failure(&self.shared, now) {
            Some(reason) => self.stop(State::Failed(reason)),
            None => {
                self.state = self.working_state(now);
                self.set_timers(now);
            }
        }
    }

    pub(crate) fn stop(&mut self, state: State) {
        if let State::Failed(reason) = state {
            self.session.progress.failed = Some(reason);
            self.shared.end_gathering();
        }
        self.state = state;
        self.selected = None;
        self.previous = None;
        self.session.stop();
        self.timers.clear();
        self.shared.requests.clear();
        self.shared.close_streams_where(|_| true);
        self.told.dirty = true;
    }

    fn set_timers(&mut self, now: Instant) {
        self.timers.set(Timer::Pacing, self.next_pace());
        self.timers.set(Timer::Transaction, self.shared.requests.next_deadline());
        let nominated = self.session.has_nominated(&self.shared);
        self.timers.set(Timer::Relay, self.shared.next_relay_timeout());
        self.timers.set(Timer::Binding, self.shared.next_binding(now).filter(|_| !nominated));
        self.each_session(|session, shared| session.set_timers(shared, now));
    }
}

pub(crate) fn without_scope(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => SocketAddr::from((*v6.ip(), v6.port())),
    }
}
