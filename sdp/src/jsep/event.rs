//! What a negotiation tells.

use super::state::SignalingState;
use super::transceiver::TransceiverId;
use crate::Text;

/// Something that a call on a [`Negotiator`](super::Negotiator) has brought about, in the order in which a browser fires
/// its events. [`poll_event`](super::Negotiator::poll_event) hands them out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The signalling state has changed. An offer that rolls ours back passes through `stable`.
    SignalingStateChange(SignalingState),
    /// The peer no longer sends on this transceiver, or not yet again.
    Mute(TransceiverId),
    /// The track of this transceiver's receiver has left a stream of the peer's.
    RemoveTrack {
        /// Whose receiver.
        transceiver: TransceiverId,
        /// The stream's identification.
        stream: Text,
    },
    /// The track of this transceiver's receiver has come into a stream of the peer's.
    AddTrack {
        /// Whose receiver.
        transceiver: TransceiverId,
        /// The stream's identification.
        stream: Text,
    },
    /// The peer sends on this transceiver now, or in more streams than before.
    Track(TransceiverId),
    /// A transceiver was stopped, by either side or because its section was rejected; its receiver's track has ended.
    Ended(TransceiverId),
    /// What was asked for differs from what was negotiated: an offer is due. Told once, and in `stable` alone.
    NegotiationNeeded,
}
