//! The connection itself: what it is made of, and what it says of itself.

use crate::config::Config;
use crate::early::EarlyDatagrams;
use crate::event::{CloseReason, ConnectionState, Discard, Event};
use crate::media::Media;
use crate::negotiate::Signalling;
use crate::quiet::Quiet;
use crate::seed::{Label, Seeds};
use crate::stats::Counters;
use duologue_dtls as dtls;
use duologue_ice as ice;
use duologue_rtp as rtp;
use duologue_rtp::rtcp::NtpTime;
use duologue_sctp::dcep::Channels;
use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a closing connection waits for its last datagrams to be polled.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A peer connection: one ICE agent, one DTLS connection, one RTP session, one SCTP association,
/// driven by calls and polls.
///
/// It speaks the browser's vocabulary in Rust's spelling. After any call, drain
/// [`poll_transmit`](Self::poll_transmit) and then [`poll_event`](Self::poll_event), which may have waited for a datagram to
/// leave; then wait for a datagram or [`poll_timeout`](Self::poll_timeout). [`poll_output`](Self::poll_output) does these in
/// order.
/// The crate's documentation states the contract.
// What every sent packet touches comes first and lies together: a media server finds nothing of a connection in its caches.
#[repr(C)]
pub struct PeerConnection {
    /// The largest time seen.
    pub(crate) now: Instant,
    pub(crate) phase: Phase,
    pub(crate) quiet: Quiet,
    pub(crate) counters: Counters,
    pub(crate) media: Media,
    pub(crate) config: Arc<Config>,
    pub(crate) seeds: Seeds,
    /// The wall-clock time of construction, for what tells time to the peer.
    pub(crate) ntp: NtpTime,
    pub(crate) signalling: Signalling,
    pub(crate) ice: ice::Agent,
    pub(crate) security: Security,
    pub(crate) channels: Channels,
    /// Whether the association was told to begin.
    pub(crate) sctp_started: bool,
    pub(crate) early: EarlyDatagrams,
    pub(crate) state: ConnectionState,
    pub(crate) events: VecDeque<Event>,
    /// The ICE agent has nothing to send any more.
    pub(crate) ice_closed: bool,
    /// Paths of authenticated STUN since the last poll, for [`Demux`](crate::Demux).
    pub(crate) learnt: Vec<ice::Path>,
    /// Whether the user names of our checks have changed since the last poll, for [`Demux`](crate::Demux).
    pub(crate) users_changed: bool,
}

/// How far DTLS has come.
pub(crate) enum Security {
    /// ICE has no path, or the role is not known.
    Waiting,
    /// The handshake is under way.
    Handshaking(Box<dtls::Connection>),
    /// The peer is verified.
    Established { dtls: Box<dtls::Connection>, srtp_profile: Option<dtls::SrtpProfile> },
}

impl Security {
    pub(crate) fn dtls(&mut self) -> Option<&mut dtls::Connection> {
        match self {
            Self::Waiting => None,
            Self::Handshaking(dtls) | Self::Established { dtls, .. } => Some(dtls),
        }
    }
}

/// Whether the connection works, ends or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// The last datagrams leave, until then at most.
    Closing {
        reason: CloseReason,
        until: Instant,
    },
    /// Nothing is left but to tell what has happened, and the reason last of all.
    Ended {
        reason: Option<CloseReason>,
    },
}

impl PeerConnection {
    /// A connection that has not begun. `seed` must come fresh from a cryptographic generator and be kept secret: it is
    /// what user names, passwords, tags and keys (with a deterministic provider) are drawn from, and its reuse would repeat
    /// them. `ntp` is the wall-clock time at `now`.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant, ntp: NtpTime) -> Self {
        let seeds = Seeds::new(seed);
        let ice = ice::Agent::new(Arc::clone(&config.ice), seeds.derive(Label::Ice), now);
        let channels = Channels::new(Arc::clone(&config.sctp), seeds.derive(Label::Sctp), now);
        let mut session = rtp::Session::new(Arc::clone(&config.rtp), seeds.derive(Label::Rtp), now, ntp);
        session.set_mtu(config.mtu);
        let signalling = Signalling::new(&config, &ice, seeds.generator(Label::Signalling));
        Self {
            config,
            seeds,
            ntp,
            now,
            signalling,
            ice,
            security: Security::Waiting,
            media: Media::new(session),
            channels,
            sctp_started: false,
            early: EarlyDatagrams::default(),
            phase: Phase::Running,
            state: ConnectionState::New,
            events: VecDeque::new(),
            ice_closed: false,
            learnt: Vec::new(),
            users_changed: false,
            counters: Counters::default(),
            quiet: Quiet::default(),
        }
    }

    /// Adds an address to send from and to gather candidates on. The embedder has a socket bound to it.
    pub fn add_interface(
        &mut self,
        now: Instant,
        address: SocketAddr,
    ) -> Result<ice::InterfaceId, ice::InterfaceError> {
        self.add_interface_with(now, address, ice::InterfaceOptions::default())
    }

    /// The same with what the network costs, or a name that is told in place of the address.
    pub fn add_interface_with(
        &mut self,
        now: Instant,
        address: SocketAddr,
        options: ice::InterfaceOptions,
    ) -> Result<ice::InterfaceId, ice::InterfaceError> {
        let now = self.wake(now);
        let added = self.ice.add_interface_with(now, address, options);
        self.pump();
        added
    }

    /// Adds an address at which the embedder accepts streams, to be handed over by [`Self::stream_accepted`].
    pub fn add_listener(
        &mut self,
        now: Instant,
        address: SocketAddr,
        options: &ice::InterfaceOptions,
    ) -> Result<ice::InterfaceId, ice::InterfaceError> {
        let now = self.wake(now);
        let added = self.ice.add_listener(now, address, options);
        self.pump();
        added
    }

    /// The address behind the name of an [`Event::ResolveName`](crate::Event::ResolveName).
    pub fn name_resolved(&mut self, now: Instant, name: &str, address: IpAddr) {
        let now = self.wake(now);
        self.ice.name_resolved(now, name, address);
        self.pump();
    }

    /// Takes an address away: what was found through it is gone.
    pub fn remove_interface(&mut self, now: Instant, id: ice::InterfaceId) {
        let now = self.wake(now);
        self.ice.remove_interface(now, id);
        self.pump();
    }

    /// Takes other servers, and another policy for candidates: they count from the next ICE restart on (W3C,
    /// `setConfiguration`).
    pub fn set_configuration(&mut self, now: Instant, ice: Arc<ice::Config>) {
        let now = self.wake(now);
        self.ice.set_config(now, ice);
        self.pump();
    }

    /// Gives the credentials for a TURN server that has asked for a token, or a token that takes the place of one about to
    /// expire.
    pub fn set_turn_credentials(
        &mut self,
        now: Instant,
        server: SocketAddr,
        credentials: &duologue_stun::auth::Credentials,
    ) {
        let now = self.wake(now);
        self.ice.set_turn_credentials(now, server, credentials);
        self.pump();
    }

    /// Takes a stream that was accepted at a listener's address. Its datagrams stand behind two bytes of length
    /// ([RFC 4571](https://www.rfc-editor.org/rfc/rfc4571)): see [`duologue_stun::framing`].
    ///
    /// # Errors
    /// It is to be closed.
    pub fn stream_accepted(
        &mut self,
        now: Instant,
        path: ice::Path,
    ) -> Result<ice::StreamId, ice::StreamError> {
        let now = self.wake(now);
        let accepted = self.ice.stream_accepted(now, path);
        self.pump();
        accepted
    }

    /// A stream that was asked for is open, with TLS its handshake done; `local` is the address it is bound to.
    pub fn stream_opened(&mut self, now: Instant, id: ice::StreamId, local: SocketAddr) {
        let now = self.wake(now);
        self.ice.stream_opened(now, id, local);
        self.pump();
    }

    /// A stream that was asked for could not be opened.
    pub fn stream_failed(&mut self, now: Instant, id: ice::StreamId) {
        let now = self.wake(now);
        self.ice.stream_failed(now, id);
        self.pump();
    }

    /// A stream has been closed by the other end, or has broken.
    pub fn stream_closed(&mut self, now: Instant, id: ice::StreamId) {
        let now = self.wake(now);
        self.ice.stream_closed(now, id);
        self.pump();
    }

    /// The state of the whole connection.
    #[must_use]
    pub fn connection_state(&self) -> ConnectionState {
        self.state
    }

    /// The state of ICE.
    #[must_use]
    pub fn ice_connection_state(&self) -> ice::State {
        self.ice.state()
    }

    /// Why ICE has failed, for people to read. `None` unless it has.
    #[must_use]
    pub fn ice_failure(&self) -> Option<ice::FailureReport> {
        self.ice.failure_report()
    }

    /// The wall-clock time at construction.
    #[must_use]
    pub fn ntp_at_start(&self) -> NtpTime {
        self.ntp
    }

    /// The local half of the `USERNAME` of checks meant for this connection: one, or, during an ICE restart, two.
    pub fn local_ice_ufrags(&self) -> impl Iterator<Item = &str> {
        self.ice.local_ufrags()
    }

    /// The SRTP protection profile, once DTLS has agreed on one.
    #[must_use]
    pub fn srtp_profile(&self) -> Option<dtls::SrtpProfile> {
        match self.security {
            Security::Established { srtp_profile, .. } => srtp_profile,
            Security::Waiting | Security::Handshaking(_) => None,
        }
    }

    /// Ends the connection: data channels and the association are aborted, the peer is told by close_notify, and
    /// [`Event::Closed`] follows once the last datagrams are polled, or after a second. Messages that have arrived can
    /// still be received.
    pub fn close(&mut self, now: Instant) {
        let now = self.wake(now);
        if self.phase == Phase::Running {
            self.channels.abort(now);
            self.end(CloseReason::Local);
            self.pump();
        }
    }

    /// Begins to end.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        if self.phase == Phase::Running {
            self.phase = Phase::Closing { reason, until: self.now + CLOSE_TIMEOUT };
            self.signalling.close();
            self.early.clear();
        }
    }

    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    pub(crate) fn refuse<T>(&mut self, reason: Discard) -> Result<T, Discard> {
        self.counters.count(reason);
        Err(reason)
    }
}

impl fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnection")
            .field("state", &self.state)
            .field("signaling_state", &self.signaling_state())
            .field("ice", &self.ice)
            .finish_non_exhaustive()
    }
}
