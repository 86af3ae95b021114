//! Offer and answer, as the browser's API has them.

use crate::config::Config;
use crate::event::Event;
use crate::peer_connection::PeerConnection;
use duologue_ice as ice;
use duologue_sctp::dcep;
use duologue_sdp::jsep::{
    self, CandidateError, DescriptionError, DtlsRole, IceCandidate, IceCredentials, LocalTransport,
    Negotiator, OfferOptions, RemoteCandidate, SdpType, SignalingState, StateError,
};
use duologue_sdp::{Fingerprint, HashFunction, ParseError, SessionDescription, Text};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;

/// A description with its type, as signalling carries it (W3C `RTCSessionDescriptionInit`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What it is.
    pub kind: SdpType,
    /// The session description; not looked at in a rollback.
    pub sdp: SessionDescription,
}

impl Description {
    /// Reads a description's text.
    pub fn parse(kind: SdpType, sdp: &str) -> Result<Self, ParseError> {
        Ok(Self { kind, sdp: sdp.parse()? })
    }
}

/// A candidate of the peer's cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddCandidateError {
    /// It belongs nowhere.
    #[error(transparent)]
    Section(#[from] CandidateError),
    /// It breaks the grammar of RFC 8839, Section 5.1.
    #[error(transparent)]
    Grammar(#[from] ice::grammar::CandidateError),
}

/// The negotiation, and what has been told of it.
pub(crate) struct Signalling {
    pub(crate) negotiator: Negotiator,
    /// The ICE role that the agent was given; it may have changed its own since.
    role: Option<ice::Role>,
    /// Candidates that have not been told, each with its generation.
    candidates: VecDeque<(Text, Text)>,
}

impl Signalling {
    pub(crate) fn new(config: &Config, agent: &ice::Agent, mut random: ChaCha20Rng) -> Self {
        let credentials = agent.local_credentials();
        let dtls = &config.dtls;
        let fingerprint = dtls.identity.fingerprint(dtls.provider, &duologue_dtls::FingerprintHash::Sha256);
        let mut tls_id = Text::default();
        let _ = write!(tls_id, "{:016x}{:016x}", random.next_u64(), random.next_u64());
        let local = LocalTransport {
            ice: IceCredentials { ufrag: credentials.ufrag().into(), pwd: credentials.pwd().into() },
            ice_lite: config.ice.lite,
            fingerprints: Fingerprint::new(HashFunction::Sha256, fingerprint.bytes()).into_iter().collect(),
            tls_id,
            sctp_port: config.sctp.local_port,
            max_message_size: config.sctp.max_message_size.into(),
        };
        let mut seed = [0; 32];
        random.fill_bytes(&mut seed);
        let negotiator = Negotiator::new(Arc::clone(&config.negotiation), local, seed);
        Self { negotiator, role: None, candidates: VecDeque::new() }
    }

    pub(crate) fn close(&mut self) {
        self.negotiator.close();
    }

    /// Puts a gathered candidate into our description, and tells of it once that is set.
    pub(crate) fn add_candidate(&mut self, ufrag: &str, candidate: &ice::Candidate) {
        let value = Text::from(candidate.value());
        self.candidates.push_back((ufrag.into(), value.clone()));
        self.negotiator.add_local_candidate(ufrag, value);
    }

    /// RFC 8838, Section 9: candidates follow the description that carries their credentials.
    fn poll_candidate(&mut self) -> Option<Event> {
        if self.candidates.is_empty() {
            return None;
        }
        let ufrag = &self.negotiator.ice_credentials().ufrag;
        // Those of a restart that was rolled back, or overtaken, say nothing any more.
        self.candidates.retain(|(generation, _)| generation == ufrag);
        let mid = self.negotiator.local_transport_mid()?;
        let (ufrag, value) = self.candidates.pop_front()?;
        Some(Event::IceCandidate(IceCandidate {
            candidate: format!("candidate:{value}").into(),
            sdp_mid: Some(mid.into()),
            sdp_m_line_index: None,
            username_fragment: Some(ufrag),
        }))
    }

    /// What has happened in the negotiation, then candidates.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let Some(event) = self.negotiator.poll_event() else { return self.poll_candidate() };
        Some(match event {
            jsep::Event::SignalingStateChange(state) => Event::SignalingStateChange(state),
            jsep::Event::Mute(transceiver) => Event::Mute(transceiver),
            jsep::Event::RemoveTrack { transceiver, stream } => Event::RemoveTrack { transceiver, stream },
            jsep::Event::AddTrack { transceiver, stream } => Event::AddTrack { transceiver, stream },
            jsep::Event::Track(transceiver) => Event::Track(transceiver),
            jsep::Event::Ended(transceiver) => Event::Ended(transceiver),
            jsep::Event::NegotiationNeeded => Event::NegotiationNeeded,
            _ => return self.poll_event(),
        })
    }
}

impl PeerConnection {
    /// The signalling state.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.signalling.negotiator.signaling_state()
    }

    /// The negotiation, for something that may have it tell or want something.
    pub(crate) fn negotiator(&mut self) -> &mut Negotiator {
        self.wake(self.now);
        &mut self.signalling.negotiator
    }

    /// Creates an offer of what is negotiated and what was asked for since.
    pub fn create_offer(&mut self) -> Result<Description, StateError> {
        self.create_offer_with(OfferOptions::default())
    }

    /// Creates an offer with options, as [`create_offer`](Self::create_offer) does.
    pub fn create_offer_with(&mut self, options: OfferOptions) -> Result<Description, StateError> {
        let sdp = self.negotiator().create_offer(options)?;
        Ok(Description { kind: SdpType::Offer, sdp })
    }

    /// Creates the answer to the peer's offer.
    pub fn create_answer(&mut self) -> Result<Description, StateError> {
        let sdp = self.negotiator().create_answer()?;
        Ok(Description { kind: SdpType::Answer, sdp })
    }

    /// Sets our description, as it was created last; an answer may be set as provisional first. A rollback undoes what
    /// waits for an answer.
    pub fn set_local_description(
        &mut self,
        now: Instant,
        description: &Description,
    ) -> Result<(), DescriptionError> {
        let now = self.wake(now);
        self.signalling.negotiator.set_local_description(description.kind, Some(&description.sdp))?;
        self.negotiated(now);
        Ok(())
    }

    /// Creates and sets what the state asks for, an offer or the answer to the peer's, and returns it to be signalled
    /// (the browser's `setLocalDescription()` without arguments).
    ///
    /// Two peers that may both offer at any time need no more than the W3C's perfect negotiation. One of the two is
    /// polite: its offer gives way.
    ///
    /// ```
    /// # use duologue::{Description, Event, PeerConnection, sdp::jsep::{DescriptionError, SdpType, SignalingState}};
    /// # use std::time::Instant;
    /// struct Peer { connection: PeerConnection, polite: bool, ignored: bool }
    ///
    /// impl Peer {
    ///     /// What to signal when the connection says `negotiationneeded`.
    ///     fn negotiation_needed(&mut self, now: Instant) -> Result<Description, DescriptionError> {
    ///         self.connection.set_implicit_local_description(now)
    ///     }
    ///
    ///     /// A description has come; what to signal back.
    ///     fn signalled(&mut self, now: Instant, theirs: &Description) -> Result<Option<Description>, DescriptionError> {
    ///         let stable = self.connection.signaling_state() == SignalingState::Stable;
    ///         let offer = theirs.kind == SdpType::Offer;
    ///         self.ignored = offer && !stable && !self.polite;
    ///         if self.ignored {
    ///             return Ok(None);
    ///         }
    ///         self.connection.set_remote_description(now, theirs)?; // rolls our offer back if it must
    ///         offer.then(|| self.connection.set_implicit_local_description(now)).transpose()
    ///     }
    /// }
    /// ```
    pub fn set_implicit_local_description(&mut self, now: Instant) -> Result<Description, DescriptionError> {
        let now = self.wake(now);
        let kind = self.signalling.negotiator.set_implicit_local_description()?;
        self.negotiated(now);
        let sdp = self.signalling.negotiator.local_description();
        // What was just set is there.
        sdp.map(|sdp| Description { kind, sdp }).ok_or(DescriptionError::Modified)
    }

    /// Undoes what our description, or the peer's, asks for as long as it waits for an answer.
    pub fn roll_back(&mut self, now: Instant) -> Result<(), DescriptionError> {
        let now = self.wake(now);
        self.signalling.negotiator.set_local_description(SdpType::Rollback, None)?;
        self.negotiated(now);
        Ok(())
    }

    /// Whether what was asked for differs from what was negotiated: an offer is due
    /// ([`Event::NegotiationNeeded`](crate::Event::NegotiationNeeded) tells it once).
    #[must_use]
    pub fn negotiation_needed(&self) -> bool {
        self.signalling.negotiator.negotiation_needed()
    }

    /// Asks for an ICE restart in the next offer: other credentials, another path. The old one is used until then.
    pub fn restart_ice(&mut self) {
        self.negotiator().restart_ice();
    }

    /// Sets the peer's description: offer, answer, provisional answer or rollback.
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        description: &Description,
    ) -> Result<(), DescriptionError> {
        let now = self.wake(now);
        self.signalling.negotiator.set_remote_description(description.kind, &description.sdp)?;
        self.negotiated(now);
        Ok(())
    }

    /// Our description with the candidates gathered so far.
    #[must_use]
    pub fn local_description(&self) -> Option<SessionDescription> {
        self.signalling.negotiator.local_description()
    }

    /// The peer's description.
    #[must_use]
    pub fn remote_description(&self) -> Option<&SessionDescription> {
        self.signalling.negotiator.remote_description()
    }

    /// Takes a candidate that the peer signalled. One that cannot be used (a host name, another transport) is ignored.
    pub fn add_ice_candidate(
        &mut self,
        now: Instant,
        candidate: &IceCandidate,
    ) -> Result<(), AddCandidateError> {
        let now = self.wake(now);
        match self.signalling.negotiator.add_remote_candidate(candidate)? {
            RemoteCandidate::Add(value) => self.ice.add_remote_candidate(now, &value.parse()?),
            RemoteCandidate::End => self.ice.end_of_remote_candidates(now),
            RemoteCandidate::Ignore => {}
        }
        self.pump();
        Ok(())
    }

    /// Gives ICE what the negotiation says; what is known already changes nothing there.
    fn negotiated(&mut self, now: Instant) {
        self.restarted(now);
        let Signalling { negotiator, role: told, .. } = &mut self.signalling;
        // RFC 8445, Section 6.1.1: the offerer controls.
        let role = negotiator
            .is_offerer()
            .map(|offerer| if offerer { ice::Role::Controlling } else { ice::Role::Controlled });
        if let Some(role) = role.filter(|role| *told != Some(*role)) {
            *told = Some(role);
            self.ice.set_role(now, role);
        }
        if let Some(remote) = negotiator.remote_transport() {
            self.ice.set_remote_lite(now, remote.ice_lite);
            self.ice.set_remote_renomination(remote.renomination);
            if let Some(credentials) = credentials(&remote.ice) {
                // Others than before come with others of ours, and so with a new session.
                let _ = self.ice.set_remote_credentials(now, credentials);
            }
            for candidate in remote.candidates.iter().filter_map(|value| value.parse().ok()) {
                self.ice.add_remote_candidate(now, &candidate);
            }
            if remote.end_of_candidates {
                self.ice.end_of_remote_candidates(now);
            }
        }
        if let Some(role) = self.signalling.negotiator.dtls_role() {
            // RFC 8832, Section 6: the role decides which streams channels have; later calls change nothing.
            self.channels.set_dtls_role(now, channels_role(role));
        }
        self.media.update(now, &self.signalling.negotiator);
        if self.sctp_started {
            match self.signalling.negotiator.data() {
                Some(data) => self.channels.set_remote_max_message_size(data.max_message_size.unwrap_or(0)),
                // RFC 8841, Section 10.4: its section was rejected.
                None => self.channels.abort(now),
            }
        }
        self.pump();
    }

    /// Restarts ICE when our description has other credentials, and goes back when it was rolled back.
    fn restarted(&mut self, now: Instant) {
        let ours = self.signalling.negotiator.ice_credentials();
        if ours.ufrag == self.ice.local_credentials().ufrag() {
            return;
        }
        let (user, fresh) = (ours.ufrag.clone(), credentials(ours));
        if self.ice.local_ufrags().any(|known| known == user) {
            self.ice.abandon_restart(now);
        } else if let Some(fresh) = fresh {
            self.ice.restart(now, fresh);
        }
        self.users_changed = true;
    }
}

/// The grammar of descriptions and of the agent is the same.
fn credentials(signalled: &IceCredentials) -> Option<ice::Credentials> {
    ice::Credentials::new(signalled.ufrag.as_str(), signalled.pwd.expose()).ok()
}

fn channels_role(role: DtlsRole) -> dcep::DtlsRole {
    match role {
        DtlsRole::Client => dcep::DtlsRole::Client,
        DtlsRole::Server => dcep::DtlsRole::Server,
    }
}
