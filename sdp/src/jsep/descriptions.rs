//! Sets descriptions, and says which are set (W3C, "set the session description"; RFC 8829, Sections 5.5 to 5.11).

use super::changes::Changes;
use super::error::{DescriptionError, Operation, StateError};
use super::event::Event;
use super::local;
use super::negotiator::{Created, Current, Negotiator, Round};
use super::remote::Remote;
use super::section::{Section, Session};
use super::state::{SdpType, SignalingState};
use super::transceiver::Life;
use crate::{Direction, SessionDescription};

impl Negotiator {
    /// Sets our description: the one created last, which is created now if there is none; another one is refused. With
    /// [`SdpType::Rollback`] it is not looked at.
    pub fn set_local_description(
        &mut self,
        kind: SdpType,
        description: Option<&SessionDescription>,
    ) -> Result<(), DescriptionError> {
        let state = self.state.after_local(kind)?;
        if kind == SdpType::Rollback {
            self.roll_back();
            return Ok(());
        }
        let created = match (kind, description) {
            (SdpType::Offer, None) => Some(self.draft_offer(false)),
            (_, None) => self.draft_answer(),
            (SdpType::Offer, Some(_)) => self.offer.clone(),
            (_, Some(_)) => self.answer.clone(),
        };
        let is_it = |created: &Created| description.is_none_or(|one| *one == created.description);
        let created = created.filter(is_it).ok_or(DescriptionError::Modified)?;
        let mut changes = Changes::default();
        let before = self.session.clone();
        self.session.ice = created.ice;
        if kind == SdpType::Offer {
            if let Some(round) = &self.round {
                // An offer that another one replaces has settled no numbers.
                self.session.numbers.clone_from(&round.stable.numbers);
            }
            local::offer(&mut self.session, &created.plan, &created.description);
        } else if let Some(offer) = self.round.as_ref().and_then(|round| round.remote.as_ref()) {
            let mut answer = local::Answer {
                config: &self.config,
                description: &created.description,
                offer,
                changes: &mut changes,
                default_stream: &self.default_stream,
            };
            answer.apply(&mut self.session);
        }
        let round =
            self.round.get_or_insert_with(|| Box::new(Round { stable: before, local: None, remote: None }));
        round.local = Some(created.description);
        self.enter(state, kind, SdpType::Answer, changes);
        Ok(())
    }

    /// Sets what the state asks for: an offer, or the answer to the peer's (W3C `setLocalDescription()` without arguments).
    /// Returns what it was; [`local_description`](Self::local_description) has it.
    pub fn set_implicit_local_description(&mut self) -> Result<SdpType, DescriptionError> {
        let kind = match self.state {
            SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer => SdpType::Answer,
            SignalingState::Stable
            | SignalingState::HaveLocalOffer
            | SignalingState::HaveRemotePrAnswer
            | SignalingState::Closed => SdpType::Offer,
        };
        self.set_local_description(kind, None)?;
        Ok(kind)
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
        if kind == SdpType::Rollback {
            self.roll_back();
            return Ok(());
        }
        let glare = kind == SdpType::Offer && self.state == SignalingState::HaveLocalOffer;
        let round = self.round.as_deref().filter(|_| !glare);
        let mut session = match &self.round {
            Some(round) if glare => self.session.rolled_back_to(&round.stable),
            _ => self.session.clone(),
        };
        let mut changes = Changes::default();
        let mut names = self.names.clone();
        let mut remote = Remote {
            config: &self.config,
            description,
            changes: &mut changes,
            default_stream: &self.default_stream,
            names: &mut names,
        };
        let ours = round.and_then(|round| round.local.as_ref());
        match (kind, round, ours) {
            (SdpType::Offer, None, _) => {
                let stable = session.clone();
                remote.offer(&mut session, &stable)?;
            }
            (SdpType::Offer, Some(round), _) => {
                session.numbers.clone_from(&round.stable.numbers);
                remote.offer(&mut session, &round.stable)?;
            }
            (_, Some(round), Some(offer)) => remote.answer(&mut session, &round.stable, offer)?,
            // The state says that there is an offer of ours.
            _ => return Err(StateError { state: self.state, operation: Operation::SetRemote(kind) }.into()),
        }
        if glare {
            self.roll_back();
        }
        self.names = names;
        let before = std::mem::replace(&mut self.session, session);
        let round =
            self.round.get_or_insert_with(|| Box::new(Round { stable: before, local: None, remote: None }));
        round.remote = Some(description.clone());
        self.enter(state, kind, SdpType::Offer, changes);
        Ok(())
    }

    /// A description was applied: an answer ends the round, with ours as `local_kind`.
    fn enter(&mut self, state: SignalingState, kind: SdpType, local_kind: SdpType, mut changes: Changes) {
        if kind == SdpType::Answer {
            self.finish(local_kind, &mut changes);
        }
        self.move_to(state);
        self.events.extend(changes.into_events());
        self.update_needed();
    }

    fn move_to(&mut self, state: SignalingState) {
        if self.state != state {
            self.state = state;
            self.events.push_back(Event::SignalingStateChange(state));
        }
        if state == SignalingState::Stable {
            // W3C: the negotiation-needed flag is cleared, and updated.
            self.told_needed = false;
        }
    }

    /// An answer completes the round.
    fn finish(&mut self, local_kind: SdpType, changes: &mut Changes) {
        let Some(round) = self.round.take() else { return };
        let Round { stable, local: Some(local), remote: Some(remote) } = *round else { return };
        for id in self.session.of_rejected_sections() {
            changes.stop(&mut self.session, id);
            self.session.transceivers.retain(|one| one.id != id);
        }
        self.session.transceivers.retain(|one| one.life == Life::Active || one.link.mid.is_some());
        // A peer that has no use for data channels is not asked again for the same.
        self.data_requested &= self.session.has_data() || !offers_data(&local);
        if !self.session.sections.iter().any(Section::is_live) {
            // Nothing was accepted: the transport is the one of before, not the one that was proposed.
            self.session.ice.clone_from(&stable.ice);
            self.session.remote.clone_from(&stable.remote);
            self.session.role = stable.role;
        }
        let has = |ufrag| local.media.iter().any(|media| media.ice_ufrag() == Some(ufrag));
        if !self.replace.iter().any(|ufrag| has(ufrag)) {
            self.replace.clear();
        }
        if self.session.ice != stable.ice {
            self.fresh = None;
            self.gathered.retain(|one| one.ufrag == self.session.ice.ufrag);
        }
        (self.offer, self.answer) = (None, None);
        self.current = Some(Current { local_kind, local, remote });
    }

    /// RFC 8829, Section 4.1.10.2: what the pending description asked for is undone.
    fn roll_back(&mut self) {
        let Some(round) = self.round.take() else { return };
        let mut changes = Changes::default();
        let rolled_back = self.session.rolled_back_to(&round.stable);
        if self.state == SignalingState::HaveRemoteOffer {
            for one in &mut self.session.transceivers {
                let after = rolled_back.transceiver(one.id);
                let direction = after.and_then(|after| after.link.fired).unwrap_or(Direction::Inactive);
                let streams = after.map(|after| after.link.remote_streams.clone()).unwrap_or_default();
                changes.remote_track(one, direction, streams);
            }
            let gone: Vec<_> = self
                .session
                .transceivers
                .iter()
                .filter(|one| rolled_back.transceiver(one.id).is_none())
                .map(|one| one.id)
                .collect();
            for id in gone {
                changes.stop(&mut self.session, id);
            }
        }
        if self.session.ice != rolled_back.ice {
            // The peer may know them: another restart has others.
            self.fresh = None;
            self.gathered.retain(|one| one.ufrag != self.session.ice.ufrag);
        }
        self.session = rolled_back;
        self.session.transceivers.retain(|one| one.life == Life::Active || one.link.mid.is_some());
        self.move_to(SignalingState::Stable);
        self.events.extend(changes.into_events());
        self.update_needed();
    }

    /// Ends the negotiation: every transceiver is stopped, and every later call is refused.
    pub fn close(&mut self) {
        self.state = SignalingState::Closed;
        for one in &mut self.session.transceivers {
            one.life = Life::Stopped;
        }
        (self.offer, self.answer) = (None, None);
        self.events.clear();
    }

    /// Our description that waits for an answer, or answers provisionally, with the candidates gathered so far.
    #[must_use]
    pub fn pending_local_description(&self) -> Option<SessionDescription> {
        self.round.as_ref()?.local.clone().map(|description| self.with_candidates(description))
    }

    /// Our description of the last answer, with the candidates gathered so far.
    #[must_use]
    pub fn current_local_description(&self) -> Option<SessionDescription> {
        self.current.as_ref().map(|current| self.with_candidates(current.local.clone()))
    }

    /// Our description, the pending one if there is one, with the candidates gathered so far.
    #[must_use]
    pub fn local_description(&self) -> Option<SessionDescription> {
        self.pending_local_description().or_else(|| self.current_local_description())
    }

    /// The peer's description that waits for an answer, or answers provisionally, with the candidates signalled since.
    #[must_use]
    pub fn pending_remote_description(&self) -> Option<&SessionDescription> {
        self.round.as_ref()?.remote.as_ref()
    }

    /// The peer's description of the last answer, with the candidates signalled since.
    #[must_use]
    pub fn current_remote_description(&self) -> Option<&SessionDescription> {
        self.current.as_ref().map(|current| &current.remote)
    }

    /// The peer's description, the pending one if there is one, with the candidates signalled since.
    #[must_use]
    pub fn remote_description(&self) -> Option<&SessionDescription> {
        self.pending_remote_description().or_else(|| self.current_remote_description())
    }

    /// The session with what is answered, if only provisionally.
    pub(crate) fn answered(&self) -> &Session {
        match (self.state, &self.round) {
            (SignalingState::HaveLocalOffer | SignalingState::HaveRemoteOffer, Some(round)) => &round.stable,
            _ => &self.session,
        }
    }
}

fn offers_data(description: &SessionDescription) -> bool {
    description.media.iter().any(crate::media::Media::is_data_channel)
}
