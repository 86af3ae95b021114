//! What a negotiator refuses, and whose fault it is.

use super::state::{SdpType, SignalingState};
use thiserror::Error;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `create_offer`
    CreateOffer,
    /// `create_answer`
    CreateAnswer,
    /// `set_local_description`
    SetLocal(SdpType),
    /// `set_remote_description`
    SetRemote(SdpType),
}

/// The caller's fault: this cannot be done in this signalling state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{operation:?} is not possible in the state {}", state.name())]
pub struct StateError {
    /// The state.
    pub state: SignalingState,
    /// What was asked for.
    pub operation: Operation,
}

/// A description that is refused. Nothing has changed.
///
/// `section` counts media sections from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The caller's fault.
    #[error(transparent)]
    State(#[from] StateError),
    /// The caller's fault: a local description is set as it was created.
    #[error("the local description is not the one created last")]
    Modified,
    /// The peer's fault. RFC 3264, Section 6: an answer has as many sections as its offer.
    #[error("the answer has {answered} sections, the offer {offered}")]
    SectionCount {
        /// Sections of the offer.
        offered: usize,
        /// Sections of the answer.
        answered: usize,
    },
    /// The peer's fault. RFC 3264, Section 8: sections stay where they are, and those that go are rejected.
    #[error("the offer has fewer sections than were negotiated")]
    SectionsMissing,
    /// The peer's fault: kind, protocol or identification is another one than in the offer, or than negotiated.
    #[error("section {section} does not match the one it stands for")]
    SectionMismatch {
        /// The section.
        section: usize,
    },
    /// The peer's fault: two sections have the same identification.
    #[error("section {section} has a mid that is taken")]
    DuplicateMid {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 8829, Section 5.8: ICE credentials must be there.
    #[error("section {section} has no ICE credentials")]
    MissingIceCredentials {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 8829, Section 5.8: a fingerprint must be there.
    #[error("section {section} has no fingerprint")]
    MissingFingerprint {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 8842, Section 5: an answer says `active` or `passive`, and what fits the offer.
    #[error("section {section} has a DTLS role that cannot be")]
    Setup {
        /// The section.
        section: usize,
    },
    /// The peer's fault: the answer accepts what was rejected.
    #[error("section {section} is accepted although it was offered as rejected")]
    AcceptedRejected {
        /// The section.
        section: usize,
    },
    /// Ours: a new DTLS association in a running connection (RFC 8842, Section 3.1) is not supported.
    #[error("section {section} asks for a new DTLS association")]
    NewAssociation {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 8829, Section 5.10: an answer has other ICE credentials although the offer was no restart.
    #[error("section {section} restarts ICE in an answer")]
    IceRestart {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 8829, Section 5.10: an answer to an ICE restart has the credentials of before.
    #[error("section {section} does not answer the ICE restart")]
    IceRestartIgnored {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 8829, Sections 4.1.1 and 5.8.3: RTP and RTCP share one port.
    #[error("section {section} has no rtcp-mux")]
    MissingRtcpMux {
        /// The section.
        section: usize,
    },
    /// The peer's fault: an accepted section of an answer is not bundled with the first one.
    #[error("section {section} is accepted outside of the bundle")]
    NotBundled {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 3264, Section 6.1: an answer goes beyond the direction that was offered.
    #[error("section {section} answers with a direction that the offer does not allow")]
    AnswerDirection {
        /// The section.
        section: usize,
    },
    /// The peer's fault. RFC 3264, Section 6.1: an accepted section has at least one of the codecs that were offered.
    #[error("section {section} is accepted without a codec that was offered")]
    NoCommonCodec {
        /// The section.
        section: usize,
    },
    /// The peer's fault: a codec has a payload type from 64 to 95, which RTCP needs (RFC 5761, Section 4).
    #[error("section {section} has a payload type that RTCP needs")]
    PayloadType {
        /// The section.
        section: usize,
    },
}

/// The caller's fault: a transceiver cannot do what was asked of it. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransceiverError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// This connection has no such transceiver.
    #[error("no such transceiver")]
    Unknown,
    /// There is no codec for this kind of track in the configuration.
    #[error("no codec is configured for this kind of track")]
    UnsupportedKind,
    /// The transceiver is stopped.
    #[error("the transceiver is stopped")]
    Stopped,
    /// Another sender has this track.
    #[error("another sender has this track")]
    TrackTaken,
    /// A `rid` is not of 1 to 16 letters and digits, is missing among several, or is there twice.
    #[error("an encoding has a rid that cannot be")]
    Rid,
    /// An encoding would enlarge the picture, or has a rate below 0.
    #[error("an encoding has a scale below 1 or a rate below 0")]
    Scale,
    /// A codec is not one of our capabilities, or there is none to carry media.
    #[error("the codecs are not among the capabilities")]
    UnsupportedCodec,
    /// What cannot be changed was changed.
    #[error("the parameters differ in what cannot be changed")]
    Modified,
    /// The parameters are not those that were asked for last.
    #[error("the parameters are not the ones that were asked for last")]
    Transaction,
}

/// A trickled candidate that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// There is no remote description yet.
    #[error("no remote description is set")]
    NoRemoteDescription,
    /// No section has this identification or index.
    #[error("no such section")]
    UnknownSection,
    /// Neither identification nor index is given.
    #[error("neither mid nor index is given")]
    NoSection,
    /// No description of the peer's has this user name fragment, in this section.
    #[error("no such generation of candidates")]
    UnknownGeneration,
}
