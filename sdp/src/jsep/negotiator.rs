//! The negotiation of one peer connection.

use super::answer;
use super::candidate::Gathered;
use super::config::{Config, IceCredentials, LocalTransport};
use super::error::{Operation, StateError};
use super::event::Event;
use super::names::Names;
use super::needed;
use super::offer;
use super::section::{Section, Session};
use super::state::{SdpType, SignalingState};
use super::transceiver::{Origin, TrackKind};
use super::write::Writer;
use crate::{Direction, SessionDescription, Text};
use std::collections::VecDeque;
use std::sync::Arc;

/// The negotiation of one peer connection: calls and one poll, no time.
///
/// Names and order of calls are the browser's. A call that returns an error has changed nothing.
#[derive(Debug)]
pub struct Negotiator {
    pub(crate) config: Arc<Config>,
    pub(crate) local: LocalTransport,
    pub(crate) names: Names,
    session_id: u64,
    version: u64,
    pub(crate) cname: Text,
    pub(crate) default_stream: Text,
    pub(crate) state: SignalingState,
    /// What stands now, proposals included.
    pub(crate) session: Session,
    /// What the last answer left.
    pub(crate) current: Option<Current>,
    /// The negotiation under way; none in `stable` and `closed`.
    pub(crate) round: Option<Box<Round>>,
    pub(crate) offer: Option<Created>,
    pub(crate) answer: Option<Created>,
    pub(crate) data_requested: bool,
    /// The user name fragments that are to be replaced (W3C `[[LocalIceCredentialsToReplace]]`).
    pub(crate) replace: Vec<Text>,
    /// The credentials of the next restart.
    pub(crate) fresh: Option<IceCredentials>,
    pub(crate) gathered: Vec<Gathered>,
    pub(crate) events: VecDeque<Event>,
    /// Whether it was told that an offer is due.
    pub(crate) told_needed: bool,
    /// Whether something may have changed that.
    pub(crate) dirty: bool,
}

/// The descriptions of the last answer.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    /// Whether ours is the offer or the answer.
    pub(crate) local_kind: SdpType,
    pub(crate) local: SessionDescription,
    pub(crate) remote: SessionDescription,
}

/// A negotiation under way.
#[derive(Debug)]
pub(crate) struct Round {
    /// What a rollback goes back to.
    pub(crate) stable: Session,
    pub(crate) local: Option<SessionDescription>,
    pub(crate) remote: Option<SessionDescription>,
}

/// A description that `set_local_description` takes.
#[derive(Debug, Clone)]
pub(crate) struct Created {
    pub(crate) description: SessionDescription,
    /// What the sections of an offer are for.
    pub(crate) plan: Vec<Section>,
    pub(crate) ice: IceCredentials,
}

/// What an offer is to be (W3C `RTCOfferOptions`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfferOptions {
    /// Whether it restarts ICE.
    pub ice_restart: bool,
    /// W3C, "legacy configuration extensions": adds a transceiver that receives audio when there is none, or ends
    /// receiving it.
    pub offer_to_receive_audio: Option<bool>,
    /// The same for video.
    pub offer_to_receive_video: Option<bool>,
}

impl Negotiator {
    /// A negotiator in the state `stable`. The seed must come fresh from a cryptographic generator: the credentials of ICE
    /// restarts are drawn from it.
    #[must_use]
    pub fn new(config: Arc<Config>, local: LocalTransport, seed: [u8; 32]) -> Self {
        let mut names = Names::new(seed);
        Self {
            session_id: names.session_id(),
            version: 0,
            cname: names.id(),
            default_stream: names.id(),
            names,
            state: SignalingState::Stable,
            session: Session::new(local.ice.clone()),
            config,
            local,
            current: None,
            round: None,
            offer: None,
            answer: None,
            data_requested: false,
            replace: Vec::new(),
            fresh: None,
            gathered: Vec::new(),
            events: VecDeque::new(),
            told_needed: false,
            dirty: false,
        }
    }

    /// The signalling state.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.state
    }

    /// Our certificate's fingerprints and DTLS identification, and the first ICE credentials.
    #[must_use]
    pub fn local_transport(&self) -> &LocalTransport {
        &self.local
    }

    /// Our ICE credentials as the newest description of ours has them.
    #[must_use]
    pub fn ice_credentials(&self) -> &IceCredentials {
        &self.session.ice
    }

    /// The canonical name of what we send, in RTCP and in descriptions (RFC 7022).
    #[must_use]
    pub fn cname(&self) -> &Text {
        &self.cname
    }

    /// Asks for a section for data channels.
    pub fn request_data(&mut self) {
        self.data_requested = true;
        self.update_needed();
    }

    /// Asks for new ICE credentials in the next offer (W3C `restartIce`). Before the first description it does nothing.
    pub fn restart_ice(&mut self) {
        let round = self.round.as_ref().and_then(|round| round.local.as_ref());
        let current = self.current.as_ref().map(|current| &current.local);
        let ufrags = [round, current].into_iter().flatten().flat_map(|description| &description.media);
        self.replace = ufrags.filter_map(|media| media.ice_ufrag().map(Text::from)).collect();
        self.update_needed();
    }

    /// Whether what was asked for differs from what was negotiated (W3C, "check if negotiation is needed").
    #[must_use]
    pub fn negotiation_needed(&self) -> bool {
        if self.state == SignalingState::Closed {
            return false;
        }
        let session = self.round.as_ref().map_or(&self.session, |round| &round.stable);
        let agreed = self.current.as_ref();
        !self.replace.is_empty()
            || (self.data_requested && !session.has_data())
            || needed::of_transceivers(&self.session, agreed)
    }

    /// What has happened, in order; [`Event::NegotiationNeeded`] comes last, once, and in `stable` alone.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if !self.dirty || self.state != SignalingState::Stable {
            return None;
        }
        self.dirty = false;
        let needed = self.negotiation_needed();
        let newly = needed && !self.told_needed;
        self.told_needed = needed;
        newly.then_some(Event::NegotiationNeeded)
    }

    pub(crate) fn update_needed(&mut self) {
        self.dirty = true;
    }

    /// Creates an offer: the sections there are, and those wanted since. It is the one created last as long as nothing has
    /// changed.
    pub fn create_offer(&mut self, options: OfferOptions) -> Result<SessionDescription, StateError> {
        if !matches!(self.state, SignalingState::Stable | SignalingState::HaveLocalOffer) {
            return Err(StateError { state: self.state, operation: Operation::CreateOffer });
        }
        self.offer_to_receive(options);
        Ok(self.draft_offer(options.ice_restart).description)
    }

    pub(crate) fn draft_offer(&mut self, ice_restart: bool) -> Created {
        let stable = self.round.as_ref().map_or(&self.session, |round| &round.stable);
        let plan = offer::plan(&self.session, stable, self.data_requested);
        let numbers = stable.numbers.clone();
        // Credentials need a section that tells the peer.
        let told = plan.iter().any(Section::is_live);
        // RFC 8829, Section 5.2.3.1: on an initial offer a restart has no effect.
        let restart = told && self.current.is_some() && (ice_restart || !self.replace.is_empty());
        let ice = if restart { self.fresh_credentials() } else { self.session.ice.clone() };
        let description = offer::create(&self.writer(&ice), &self.session, numbers, &plan);
        let description = self.stamped(self.offer.as_ref().map(|old| old.description.clone()), description);
        let created = Created { description, plan, ice };
        self.offer = Some(created.clone());
        created
    }

    /// Creates the answer to the peer's offer. It is the one created last as long as nothing has changed.
    pub fn create_answer(&mut self) -> Result<SessionDescription, StateError> {
        let error = StateError { state: self.state, operation: Operation::CreateAnswer };
        self.draft_answer().map(|created| created.description).ok_or(error)
    }

    pub(crate) fn draft_answer(&mut self) -> Option<Created> {
        let provisional = self.state == SignalingState::HaveLocalPrAnswer;
        if self.state != SignalingState::HaveRemoteOffer && !provisional {
            return None;
        }
        let restart = self.is_restarted_by_peer() && !provisional;
        let ice = if restart { self.fresh_credentials() } else { self.session.ice.clone() };
        let offer = self.round.as_ref()?.remote.as_ref()?;
        let description = answer::create(&self.writer(&ice), &self.session, offer);
        let description = self.stamped(self.answer.as_ref().map(|old| old.description.clone()), description);
        let created = Created { description, plan: Vec::new(), ice };
        self.answer = Some(created.clone());
        Some(created)
    }

    fn writer<'a>(&'a self, ice: &'a IceCredentials) -> Writer<'a> {
        Writer {
            config: &self.config,
            local: &self.local,
            ice,
            session_id: self.session_id,
            cname: &self.cname,
        }
    }

    /// RFC 8829, Sections 5.2.2 and 5.3.2: the version grows when a description differs from the one created before.
    fn stamped(
        &mut self,
        old: Option<SessionDescription>,
        mut new: SessionDescription,
    ) -> SessionDescription {
        if let Some(old) = old {
            new.origin.version.clone_from(&old.origin.version);
            if new == old {
                return old;
            }
        }
        self.version += 1;
        new.origin.version = number(self.version);
        new
    }

    fn fresh_credentials(&mut self) -> IceCredentials {
        let Self { fresh, names, .. } = self;
        fresh.get_or_insert_with(|| names.credentials()).clone()
    }

    /// Whether the peer's offer has other ICE credentials than were agreed on.
    pub(crate) fn is_restarted_by_peer(&self) -> bool {
        let old = self.round.as_ref().and_then(|round| round.stable.remote.as_ref());
        old.is_some_and(|old| self.session.remote.as_ref().is_some_and(|new| new.ice != old.ice))
    }

    /// W3C, "legacy configuration extensions".
    fn offer_to_receive(&mut self, options: OfferOptions) {
        let kinds = [
            (TrackKind::Audio, options.offer_to_receive_audio),
            (TrackKind::Video, options.offer_to_receive_video),
        ];
        for (kind, wanted) in kinds {
            let Some(wanted) = wanted else { continue };
            let mut of_kind: Vec<_> = self
                .session
                .transceivers
                .iter_mut()
                .filter(|one| one.kind == kind && one.direction().is_some_and(Direction::receives))
                .collect();
            if wanted && of_kind.is_empty() && self.config.capabilities(kind).is_usable() {
                let new = self.names.transceiver(kind, Direction::RecvOnly, Origin::AddTransceiver);
                self.session.transceivers.push(new);
            } else if !wanted {
                for one in &mut of_kind {
                    one.direction = Direction::from_flags(one.direction.sends(), false);
                }
            }
            self.update_needed();
        }
    }
}

/// A number in a description.
pub(crate) fn number(number: u64) -> Text {
    use std::fmt::Write as _;
    let mut text = Text::default();
    let _ = write!(text, "{number}");
    text
}
