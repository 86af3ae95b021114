//! The negotiation of one peer connection.

use super::candidate::{self, IceCandidate, RemoteCandidate};
use super::config::{Config, LocalTransport};
use super::error::{CandidateError, DescriptionError, Operation, StateError};
use super::offer::{self, Writer};
use super::section::{DataSection, DtlsRole, RemoteTransport, Section, Session};
use super::state::{SdpType, SignalingState};
use super::{answer, apply};
use crate::Text;
use crate::attribute::Attribute;
use crate::session::SessionDescription;
use crate::transport::Setup;
use std::sync::Arc;

/// The negotiation of one peer connection: plain calls, no time and no polls.
///
/// Names and order of calls are the browser's. A call that returns an error has changed nothing.
#[derive(Debug)]
pub struct Negotiator {
    config: Arc<Config>,
    local: LocalTransport,
    session_id: u64,
    version: u64,
    data_requested: bool,
    state: SignalingState,
    /// What the last answer left.
    current: Agreed,
    /// What an offer, or a provisional answer, would make of it.
    pending: Option<Agreed>,
    /// What `set_local_description` takes.
    created: Option<Created>,
    candidates: Vec<Text>,
    end_of_candidates: bool,
}

/// A session and the descriptions that made it.
#[derive(Debug, Clone, Default)]
struct Agreed {
    session: Session,
    local: Option<SessionDescription>,
    remote: Option<SessionDescription>,
}

#[derive(Debug)]
struct Created {
    description: SessionDescription,
    sections: Vec<Section>,
}

impl Negotiator {
    /// A negotiator in the state `stable`. `session_id` is random (RFC 8829, Section 5.2.1); its highest bit is cleared.
    #[must_use]
    pub fn new(config: Arc<Config>, local: LocalTransport, session_id: u64) -> Self {
        Self {
            config,
            local,
            session_id: session_id & (u64::MAX >> 1),
            version: 0,
            data_requested: false,
            state: SignalingState::Stable,
            current: Agreed::default(),
            pending: None,
            created: None,
            candidates: Vec::new(),
            end_of_candidates: false,
        }
    }

    /// The signalling state.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.state
    }

    /// Asks for a section for data channels in the next offer. Returns whether this asks for a negotiation.
    pub fn request_data(&mut self) -> bool {
        let asks = !self.data_requested && !self.current.session.sections.iter().any(Section::is_data);
        self.data_requested = true;
        asks
    }

    /// Whether what was requested differs from what was negotiated (W3C, "check if negotiation is needed").
    #[must_use]
    pub fn negotiation_needed(&self) -> bool {
        self.data_requested && !self.current.session.sections.iter().any(Section::is_data)
    }

    /// Our certificate's fingerprints, ICE credentials and DTLS identification.
    #[must_use]
    pub fn local_transport(&self) -> &LocalTransport {
        &self.local
    }

    /// Creates an offer: the sections negotiated so far, and those requested since.
    pub fn create_offer(&mut self) -> Result<SessionDescription, StateError> {
        let operation = Operation::CreateOffer;
        if !matches!(self.state, SignalingState::Stable | SignalingState::HaveLocalOffer) {
            return Err(StateError { state: self.state, operation });
        }
        let sections = offer::sections(&self.current.session, self.data_requested);
        // RFC 8842, Section 5.2: an offer leaves the DTLS role open, also when one is established.
        Ok(self.create(sections, |writer, sections| writer.description(sections, Setup::ActPass, true, true)))
    }

    /// Creates the answer to the peer's offer.
    pub fn create_answer(&mut self) -> Result<SessionDescription, StateError> {
        let operation = Operation::CreateAnswer;
        let answering =
            matches!(self.state, SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer);
        let Some(pending) = self.pending.as_ref().filter(|_| answering) else {
            return Err(StateError { state: self.state, operation });
        };
        let session = pending.session.clone();
        Ok(self.create(session.sections.clone(), |writer, _| answer::create(writer, &session)))
    }

    fn create(
        &mut self,
        sections: Vec<Section>,
        write: impl FnOnce(&Writer<'_>, &[Section]) -> SessionDescription,
    ) -> SessionDescription {
        // RFC 3264, Section 8: the version grows by one with each description.
        self.version += 1;
        let Self { config, local, session_id, version, .. } = &*self;
        let writer = Writer { config, local, session_id: *session_id, version: *version };
        let description = write(&writer, &sections);
        self.created = Some(Created { description: description.clone(), sections });
        description
    }

    /// Sets our description: the one created last, or with [`SdpType::Rollback`] none (then it is not looked at).
    pub fn set_local_description(
        &mut self,
        kind: SdpType,
        description: &SessionDescription,
    ) -> Result<(), DescriptionError> {
        let state = self.state.after_local(kind)?;
        if kind == SdpType::Rollback {
            self.roll_back();
            return Ok(());
        }
        let created = self
            .created
            .as_ref()
            .filter(|created| created.description == *description)
            .ok_or(DescriptionError::Modified)?;
        let mut agreed = match (kind, &self.pending) {
            (SdpType::Answer | SdpType::PrAnswer, Some(pending)) => pending.clone(),
            _ => self.current.clone(),
        };
        agreed.local = Some(description.clone());
        if kind == SdpType::Offer {
            agreed.session.sections.clone_from(&created.sections);
            agreed.session.offerer = agreed.session.offerer.or(Some(true));
        }
        self.commit(state, kind, agreed);
        Ok(())
    }

    /// Sets the peer's description; with [`SdpType::Rollback`] it is not looked at.
    ///
    /// An offer that comes while ours waits rolls ours back first.
    pub fn set_remote_description(
        &mut self,
        kind: SdpType,
        description: &SessionDescription,
    ) -> Result<(), DescriptionError> {
        let state = self.state.after_remote(kind)?;
        let base = match (kind, &self.pending) {
            (SdpType::Rollback, _) => {
                self.roll_back();
                return Ok(());
            }
            (SdpType::Answer | SdpType::PrAnswer, Some(pending)) => pending,
            _ => &self.current,
        };
        let session = match kind {
            SdpType::Offer => apply::remote_offer(&base.session, description)?,
            _ => apply::remote_answer(&base.session, description)?,
        };
        let agreed = Agreed { session, remote: Some(description.clone()), local: base.local.clone() };
        self.commit(state, kind, agreed);
        Ok(())
    }

    fn commit(&mut self, state: SignalingState, kind: SdpType, agreed: Agreed) {
        self.state = state;
        self.created = None;
        if kind == SdpType::Answer {
            self.current = agreed;
            self.pending = None;
        } else {
            self.pending = Some(agreed);
        }
    }

    /// RFC 8829, Section 4.1.10.2: what the pending description asked for is undone.
    fn roll_back(&mut self) {
        self.state = SignalingState::Stable;
        self.pending = None;
        self.created = None;
    }

    /// Ends the negotiation: every later call is refused.
    pub fn close(&mut self) {
        self.state = SignalingState::Closed;
        self.created = None;
    }

    /// Adds a gathered candidate (what stands behind `candidate:`) to our description.
    pub fn add_local_candidate(&mut self, candidate: Text) {
        self.candidates.push(candidate);
    }

    /// Says in our description that all candidates are in it.
    pub fn end_of_local_candidates(&mut self) {
        self.end_of_candidates = true;
    }

    /// Our description, the pending one if there is one, with the candidates gathered so far.
    #[must_use]
    pub fn local_description(&self) -> Option<SessionDescription> {
        let mut description = self.local_agreed().local.clone()?;
        for media in description.media.iter_mut().filter(|media| media.ice_ufrag().is_some()) {
            media.attributes.extend(self.candidates.iter().cloned().map(Attribute::Candidate));
            media.attributes.extend(self.end_of_candidates.then_some(Attribute::EndOfCandidates));
        }
        Some(description)
    }

    /// The peer's description, the pending one if there is one.
    #[must_use]
    pub fn remote_description(&self) -> Option<&SessionDescription> {
        let pending = self.pending.as_ref().filter(|_| {
            matches!(self.state, SignalingState::HaveRemoteOffer | SignalingState::HaveRemotePrAnswer)
        });
        pending.unwrap_or(&self.current).remote.as_ref()
    }

    /// Says what is to be done with a candidate that the peer signalled.
    pub fn add_remote_candidate(&self, candidate: &IceCandidate) -> Result<RemoteCandidate, CandidateError> {
        let description = self.remote_description().ok_or(CandidateError::NoRemoteDescription)?;
        let section = match (&candidate.sdp_mid, candidate.sdp_m_line_index) {
            (Some(mid), _) => description.media.iter().position(|media| media.mid() == Some(mid)),
            (None, Some(index)) => Some(usize::from(index)),
            // W3C: only the end of candidates may leave both out.
            (None, None) if candidate.candidate.is_empty() => Some(0),
            (None, None) => return Err(CandidateError::NoSection),
        };
        let section = section.filter(|index| *index < description.media.len());
        section.ok_or(CandidateError::UnknownSection)?;
        let Some(remote) = self.remote_transport() else { return Ok(RemoteCandidate::Ignore) };
        // RFC 8838, Section 4.4: a candidate of another generation is not for this session.
        if candidate.username_fragment.as_ref().is_some_and(|ufrag| *ufrag != remote.ice_ufrag) {
            return Ok(RemoteCandidate::Ignore);
        }
        Ok(candidate::value(&candidate.candidate).map_or(RemoteCandidate::End, RemoteCandidate::Add))
    }

    /// The peer's side of the transport, once a description of the peer's is set.
    #[must_use]
    pub fn remote_transport(&self) -> Option<&RemoteTransport> {
        self.newest().session.remote.as_ref()
    }

    /// The identification of the section that our candidates belong to, once a description of ours is set.
    #[must_use]
    pub fn local_transport_mid(&self) -> Option<&str> {
        let agreed = self.local_agreed();
        agreed.local.as_ref()?.media.iter().find(|media| media.ice_ufrag().is_some())?.mid().or(Some(""))
    }

    /// Our DTLS role, once an answer is set.
    #[must_use]
    pub fn dtls_role(&self) -> Option<DtlsRole> {
        self.answered().session.role
    }

    /// Whether we made the first offer (then we control ICE, RFC 8445, Section 6.1.1), once there is one.
    #[must_use]
    pub fn is_offerer(&self) -> Option<bool> {
        self.newest().session.offerer
    }

    /// What was agreed for data channels, once an answer is set.
    #[must_use]
    pub fn data(&self) -> Option<DataSection> {
        self.answered().session.data()
    }

    /// The state with the newest description of ours.
    fn local_agreed(&self) -> &Agreed {
        let pending = self.pending.as_ref().filter(|_| {
            matches!(self.state, SignalingState::HaveLocalOffer | SignalingState::HaveLocalPrAnswer)
        });
        pending.unwrap_or(&self.current)
    }

    /// The state with what is proposed.
    fn newest(&self) -> &Agreed {
        self.pending.as_ref().unwrap_or(&self.current)
    }

    /// The state with what is answered, if only provisionally.
    fn answered(&self) -> &Agreed {
        let provisional =
            matches!(self.state, SignalingState::HaveLocalPrAnswer | SignalingState::HaveRemotePrAnswer);
        self.pending.as_ref().filter(|_| provisional).unwrap_or(&self.current)
    }
}
