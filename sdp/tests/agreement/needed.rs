//! The W3C's "check if negotiation is needed" and "update the negotiation-needed flag", over what a caller can see.

use duologue_sdp::jsep::{Negotiator, SignalingState, Transceiver};
use duologue_sdp::{Attribute, Direction, Media, SessionDescription, Text};

/// What a peer's application has asked for beside transceivers, and what it was told.
#[derive(Debug, Default)]
pub(crate) struct Model {
    data: bool,
    /// W3C `[[LocalIceCredentialsToReplace]]`.
    replace: Vec<Text>,
    /// W3C `[[NegotiationNeeded]]`.
    told: bool,
    /// Whether the current local description is the offer.
    offered: Option<bool>,
    /// Whether the pending local description is the offer.
    offering: bool,
}

impl Model {
    pub(crate) fn request_data(&mut self) {
        self.data = true;
    }

    pub(crate) fn restart_ice(&mut self, negotiator: &Negotiator) {
        let local = [negotiator.current_local_description(), negotiator.pending_local_description()];
        self.replace = local.iter().flatten().flat_map(ufrags).collect();
    }

    pub(crate) fn restarts(&self) -> bool {
        !self.replace.is_empty()
    }

    /// Whether a peer that was in the state `before`, and whose negotiation has been `answered` since, is to be told now.
    pub(crate) fn tells(&mut self, negotiator: &Negotiator, before: SignalingState, answered: bool) -> bool {
        let state = negotiator.signaling_state();
        if state != SignalingState::Stable {
            self.offering =
                matches!(state, SignalingState::HaveLocalOffer | SignalingState::HaveRemotePrAnswer);
            return false;
        }
        self.told &= before == SignalingState::Stable;
        if answered {
            self.take_answer(negotiator);
        }
        let needed = self.is_needed(negotiator);
        assert_eq!(negotiator.negotiation_needed(), needed, "{self:?} {negotiator:?}");
        let tells = needed && !self.told;
        self.told = needed;
        tells
    }

    fn take_answer(&mut self, negotiator: &Negotiator) {
        let local = negotiator.current_local_description().unwrap();
        let remote = negotiator.current_remote_description().unwrap();
        if !ufrags(&local).any(|ufrag| self.replace.contains(&ufrag)) {
            self.replace.clear();
        }
        // A peer that rejected data is not asked again for the same.
        let data =
            |one: &SessionDescription| one.media.iter().any(|media| media.is_data_channel() && in_use(media));
        self.data &= data(remote) || !data(&local);
        self.offered = Some(self.offering);
    }

    fn is_needed(&self, negotiator: &Negotiator) -> bool {
        let local = negotiator.current_local_description();
        let agreed = local.as_ref().zip(negotiator.current_remote_description());
        let has_data = agreed.is_some_and(|(local, remote)| {
            let sections = local.media.iter().zip(&remote.media);
            sections
                .into_iter()
                .any(|(ours, theirs)| ours.is_data_channel() && in_use(ours) && in_use(theirs))
        });
        // What a rollback took back has no section, nor a name for one.
        let known = |mid| local.iter().any(|local| local.media.iter().any(|media| media.mid() == Some(mid)));
        assert!(negotiator.transceivers().filter_map(Transceiver::mid).all(known), "{negotiator:?}");
        let mut transceivers = negotiator.transceivers();
        !self.replace.is_empty()
            || (self.data && !has_data)
            || transceivers.any(|one| self.of_transceiver(one, agreed))
    }

    fn of_transceiver(
        &self,
        one: &Transceiver,
        agreed: Option<(&SessionDescription, &SessionDescription)>,
    ) -> bool {
        let section = |mid: &str| {
            let (local, remote) = agreed?;
            let index = local.media.iter().position(|media| media.mid() == Some(mid))?;
            Some((&local.media[index], &remote.media[index]))
        };
        let associated = one.mid().and_then(section);
        if one.stopped() {
            return associated.is_some_and(|(local, remote)| in_use(local) && in_use(remote));
        }
        let (Some(wanted), Some((local, remote))) = (one.direction(), associated) else { return true };
        if wanted.sends() {
            let told: Vec<_> = local.msids().filter_map(|msid| msid.stream.clone()).collect();
            let same = told.len() == one.streams().len() && told.iter().all(|id| one.streams().contains(id));
            if local.msids().next().is_none() || !same {
                return true;
            }
        }
        let ours = local.direction().unwrap_or(Direction::SendRecv);
        let theirs = remote.direction().unwrap_or(Direction::SendRecv).reversed();
        match self.offered {
            Some(true) => ours != wanted && (theirs != wanted || !in_use(remote)),
            _ => ours != wanted.intersection(theirs),
        }
    }
}

pub(crate) fn in_use(media: &Media) -> bool {
    media.port != 0 || media.has(&Attribute::BundleOnly)
}

fn ufrags(description: &SessionDescription) -> impl Iterator<Item = Text> {
    description.media.iter().filter_map(|media| media.ice_ufrag().map(Text::from))
}
