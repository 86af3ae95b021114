//! Signalling states and which description moves between them (RFC 8829, Section 3.2).

use super::error::{Operation, StateError};
use std::str::FromStr;

/// What a description is (W3C `RTCSdpType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdpType {
    /// An offer.
    Offer,
    /// A provisional answer.
    PrAnswer,
    /// The answer.
    Answer,
    /// No description: back to the last stable state.
    Rollback,
}

impl SdpType {
    /// The W3C's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::PrAnswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        }
    }
}

impl FromStr for SdpType {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Offer, Self::PrAnswer, Self::Answer, Self::Rollback]
            .into_iter()
            .find(|kind| kind.name() == word)
            .ok_or(())
    }
}

/// Where a negotiation stands (W3C `RTCSignalingState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SignalingState {
    /// No negotiation is under way.
    #[default]
    Stable,
    /// Our offer waits for an answer.
    HaveLocalOffer,
    /// The peer's offer waits for our answer.
    HaveRemoteOffer,
    /// We answered provisionally.
    HaveLocalPrAnswer,
    /// The peer answered provisionally.
    HaveRemotePrAnswer,
    /// The connection is closed.
    Closed,
}

impl SignalingState {
    /// The W3C's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::HaveLocalPrAnswer => "have-local-pranswer",
            Self::HaveRemotePrAnswer => "have-remote-pranswer",
            Self::Closed => "closed",
        }
    }

    /// The state after a description of ours. RFC 8829, Section 5.5.
    pub(crate) fn after_local(self, kind: SdpType) -> Result<Self, StateError> {
        use SdpType::{Answer, Offer, PrAnswer, Rollback};
        match (self, kind) {
            (Self::Stable | Self::HaveLocalOffer, Offer) => Ok(Self::HaveLocalOffer),
            (Self::HaveRemoteOffer | Self::HaveLocalPrAnswer, PrAnswer) => Ok(Self::HaveLocalPrAnswer),
            (Self::HaveRemoteOffer | Self::HaveLocalPrAnswer, Answer) => Ok(Self::Stable),
            (Self::HaveLocalOffer | Self::HaveRemoteOffer, Rollback) => Ok(Self::Stable),
            _ => Err(StateError { state: self, operation: Operation::SetLocal(kind) }),
        }
    }

    /// The state after a description of the peer's. RFC 8829, Section 5.6; an offer that meets ours rolls ours back
    /// first (W3C, "set a session description", glare).
    pub(crate) fn after_remote(self, kind: SdpType) -> Result<Self, StateError> {
        use SdpType::{Answer, Offer, PrAnswer, Rollback};
        match (self, kind) {
            (Self::Stable | Self::HaveRemoteOffer | Self::HaveLocalOffer, Offer) => Ok(Self::HaveRemoteOffer),
            (Self::HaveLocalOffer | Self::HaveRemotePrAnswer, PrAnswer) => Ok(Self::HaveRemotePrAnswer),
            (Self::HaveLocalOffer | Self::HaveRemotePrAnswer, Answer) => Ok(Self::Stable),
            (Self::HaveRemoteOffer | Self::HaveLocalOffer, Rollback) => Ok(Self::Stable),
            _ => Err(StateError { state: self, operation: Operation::SetRemote(kind) }),
        }
    }
}
