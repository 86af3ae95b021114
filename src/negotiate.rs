//! Offer and answer, as the browser's API has them.

use crate::config::Config;
use crate::event::Event;
use crate::peer_connection::PeerConnection;
use duologue_ice as ice;
use duologue_sdp::jsep::{
    self, CandidateError, DescriptionError, IceCandidate, LocalTransport, Negotiator, RemoteCandidate,
    SdpType, SignalingState, StateError,
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
    told: SignalingState,
    needed: bool,
    /// The ICE role that the agent was given; it may have changed its own since.
    role: Option<ice::Role>,
    /// Candidates that have not been told.
    candidates: VecDeque<Text>,
}

impl Signalling {
    pub(crate) fn new(config: &Config, agent: &ice::Agent, mut random: ChaCha20Rng) -> Self {
        let credentials = agent.local_credentials();
        let dtls = &config.dtls;
        let fingerprint = dtls.identity.fingerprint(dtls.provider, &duologue_dtls::FingerprintHash::Sha256);
        let mut tls_id = Text::default();
        let _ = write!(tls_id, "{:016x}{:016x}", random.next_u64(), random.next_u64());
        let local = LocalTransport {
            ice_ufrag: credentials.ufrag().into(),
            ice_pwd: credentials.pwd().into(),
            ice_lite: config.ice.lite,
            fingerprints: Fingerprint::new(HashFunction::Sha256, fingerprint.bytes()).into_iter().collect(),
            tls_id,
        };
        let mut settings = jsep::Config::default();
        settings.sctp_port = config.sctp.local_port;
        settings.max_message_size = config.sctp.max_message_size.into();
        let negotiator = Negotiator::new(Arc::new(settings), local, random.next_u64());
        Self {
            negotiator,
            told: SignalingState::Stable,
            needed: false,
            role: None,
            candidates: VecDeque::new(),
        }
    }

    pub(crate) fn close(&mut self) {
        self.negotiator.close();
    }

    /// Puts a gathered candidate into our description, and tells of it once that is set.
    pub(crate) fn add_candidate(&mut self, candidate: &ice::Candidate) {
        let value = Text::from(candidate.value());
        self.candidates.push_back(value.clone());
        self.negotiator.add_local_candidate(value);
    }

    /// RFC 8838, Section 9: candidates follow the description that carries their credentials.
    fn poll_candidate(&mut self) -> Option<Event> {
        let mid = self.negotiator.local_transport_mid()?;
        let value = self.candidates.pop_front()?;
        Some(Event::IceCandidate(IceCandidate {
            candidate: format!("candidate:{value}").into(),
            sdp_mid: Some(mid.into()),
            sdp_m_line_index: None,
            username_fragment: Some(self.negotiator.local_transport().ice_ufrag.clone()),
        }))
    }

    /// The next change that has not been told.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let state = self.negotiator.signaling_state();
        if self.told != state {
            self.told = state;
            return Some(Event::SignalingStateChange(state));
        }
        // W3C, "update the negotiation-needed flag": it is told once, and only in `stable`.
        let needed = state == SignalingState::Stable && self.negotiator.negotiation_needed();
        let newly = needed && !self.needed;
        if state == SignalingState::Stable {
            self.needed = needed;
        }
        if newly { Some(Event::NegotiationNeeded) } else { self.poll_candidate() }
    }
}

impl PeerConnection {
    /// The signalling state.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.signalling.negotiator.signaling_state()
    }

    /// Creates an offer of what is negotiated and what was asked for since.
    pub fn create_offer(&mut self) -> Result<Description, StateError> {
        let sdp = self.signalling.negotiator.create_offer()?;
        Ok(Description { kind: SdpType::Offer, sdp })
    }

    /// Creates the answer to the peer's offer.
    pub fn create_answer(&mut self) -> Result<Description, StateError> {
        let sdp = self.signalling.negotiator.create_answer()?;
        Ok(Description { kind: SdpType::Answer, sdp })
    }

    /// Sets our description, as it was created last; an answer may be set as provisional first.
    pub fn set_local_description(
        &mut self,
        now: Instant,
        description: &Description,
    ) -> Result<(), DescriptionError> {
        let now = self.advance(now);
        self.signalling.negotiator.set_local_description(description.kind, &description.sdp)?;
        self.negotiated(now);
        Ok(())
    }

    /// Sets the peer's description: offer, answer, provisional answer or rollback.
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        description: &Description,
    ) -> Result<(), DescriptionError> {
        let now = self.advance(now);
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
        let now = self.advance(now);
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
            // The grammar of descriptions and of the agent is the same, and the negotiator refuses a restart.
            if let Ok(credentials) = ice::Credentials::new(remote.ice_ufrag.as_str(), remote.ice_pwd.expose())
            {
                let _ = self.ice.set_remote_credentials(now, credentials);
            }
            for candidate in remote.candidates.iter().filter_map(|value| value.parse().ok()) {
                self.ice.add_remote_candidate(now, &candidate);
            }
            if remote.end_of_candidates {
                self.ice.end_of_remote_candidates(now);
            }
        }
        self.pump();
    }
}
