//! What an agent tells: events, states, refusals, errors and counters.

use std::net::SocketAddr;

use duologue_stun::turn;

use crate::grammar::Candidate;
use crate::path::{PairId, Path, SourceId, Transport};
use crate::role::Role;
use crate::stream::{StreamId, StreamRequest};

/// Something the embedder should know. Events are kept as flags: what has not been polled is coalesced, so that a state
/// left before it was polled is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A candidate to be signalled to the peer.
    LocalCandidate(Candidate),
    /// A server is of no use to an interface (the W3C's `icecandidateerror`).
    CandidateError(ServerFailure),
    /// The peer hides an address behind a multicast DNS name: it is to be resolved, if the application wants that, and
    /// [`crate::Agent::name_resolved`] be told the address. Without an answer the peer's own checks may still show it.
    ResolveName(String),
    /// A stream is to be opened.
    OpenStream(StreamRequest),
    /// A stream is no longer needed, opened or not; nothing follows on it.
    CloseStream(StreamId),
    /// A TURN server takes tokens of a third party ([RFC 7635]), and there are no credentials for it: it waits for
    /// [`crate::Agent::set_turn_credentials`].
    ///
    /// [RFC 7635]: https://www.rfc-editor.org/rfc/rfc7635
    TokenWanted {
        /// The server's address, as configured.
        server: SocketAddr,
        /// The server's name for the authorization server.
        name: Vec<u8>,
    },
    /// Gathering has begun, also anew with a restart, or has found all that it will.
    GatheringStateChanged(GatheringState),
    /// A source of payload has become trustworthy, and its path belongs to this agent.
    SourceQualified {
        /// The source, as [`crate::Received::Payload`] names it.
        source: SourceId,
        /// Its path, for a router that learns paths.
        path: Path,
    },
    /// A role conflict has changed the agent's role ([RFC 8445, Section 7.3.1.1]).
    ///
    /// [RFC 8445, Section 7.3.1.1]: https://www.rfc-editor.org/rfc/rfc8445#section-7.3.1.1
    RoleChanged(Role),
    /// Payload now leaves on this pair.
    SelectedPairChanged(PairId),
    /// The connection's state has changed.
    StateChanged(State),
    /// The session before a restart has ended, since the restart is complete or has failed: checks with its user name are
    /// discarded from now on, and [`crate::Agent::abandon_restart`] can no longer go back to it.
    PreviousSessionEnded,
    /// The agent has been closed. Nothing follows.
    Closed,
}

/// The state of the connection, as `RTCIceTransportState` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// No checking yet: the peer's credentials or candidates are missing.
    New,
    /// Pairs are being checked and none works yet, or a restart is under way and the session before does not work.
    Checking,
    /// A pair works; others may still be checked, or a restart be under way.
    Connected,
    /// A pair works, one has been nominated, and no further candidates will come from either side.
    Completed,
    /// Nothing has been heard on the selected pair for a while. It may come back by itself.
    Disconnected,
    /// No pair works. Sending has stopped.
    Failed(FailureReason),
    /// The agent has been closed.
    Closed,
}

/// Why an agent has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FailureReason {
    /// There was never a pair to check.
    #[error("there was never a pair of candidates to check")]
    NoPairs,
    /// No check of any pair was answered.
    #[error("no check of any pair was answered")]
    NoAnswer,
    /// A pair worked, and its consent was lost (RFC 7675, Section 5.1).
    #[error("the peer's consent to receive was lost")]
    ConsentLost,
}

/// A STUN or TURN server that was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFailure {
    /// The address that it was asked from.
    pub local: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// How it was reached.
    pub transport: Transport,
    /// What happened.
    pub error: ServerError,
}

/// Why a server was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ServerError {
    /// A STUN server has not answered.
    #[error("the STUN server has not answered")]
    Silent,
    /// A STUN server's answer tells no address.
    #[error("the STUN server's answer tells no address")]
    NoAddress,
    /// The stream to it could not be opened, or has been closed.
    #[error("there is no stream to the server")]
    Stream,
    /// The TURN client cannot go on.
    #[error(transparent)]
    Turn(turn::Failure),
}

impl ServerError {
    /// The STUN error code, or 701 when the server could not be reached or has not answered, as the W3C's `errorCode` has
    /// it.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Silent | Self::NoAddress | Self::Stream => 701,
            Self::Turn(failure) => match failure.code() {
                Some(code) => code.get(),
                None => 701,
            },
        }
    }
}

/// The state of gathering, as `RTCIceGathererState` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatheringState {
    /// No interface has been added.
    New,
    /// Servers are being asked.
    Gathering,
    /// Every candidate of the present interfaces is known.
    Complete,
}

/// Why a datagram was not used. It is no error: [`Stats::discarded`] counts each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// The path's local address is none of the agent's interfaces.
    UnknownInterface,
    /// The first byte says STUN, the rest does not.
    Malformed,
    /// FINGERPRINT is not the message's checksum, or absent from a check or its answer.
    BadFingerprint,
    /// A method or class that the agent does not serve.
    Unsupported,
    /// A request without USERNAME, or with another agent's, or with one from before a restart that is complete.
    UnknownUser,
    /// MESSAGE-INTEGRITY is absent or not the peer's.
    BadIntegrity,
    /// A response to no request in flight.
    UnknownTransaction,
    /// A response from another address than the request went to.
    WrongSource,
    /// A request that has come before, from another address.
    Replayed,
    /// All is to be relayed ([`crate::CandidatePolicy::Relay`]), and it was not.
    Policy,
    /// A TURN server has sent it, and its client had no use for it.
    Relay,
    /// A bound was reached: pairs, remote candidates or answers waiting to be sent.
    Limit,
    /// The agent has failed, or the peer's credentials are needed and not known.
    NotReady,
    /// The agent has been closed.
    Closed,
}

impl Discard {
    pub(crate) const COUNT: usize = Self::Closed as usize + 1;
}

/// Counters since the agent's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Checks sent, retransmissions and consent checks among them.
    pub requests_sent: u64,
    /// Authentic checks received.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Authentic answers received.
    pub responses_received: u64,
    /// Consent checks sent.
    pub consent_requests_sent: u64,
    /// Datagrams written: checks, answers, and questions to servers.
    pub datagrams_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Datagrams of qualified sources that were handed back as payload.
    pub payload_datagrams_received: u64,
    /// Their bytes.
    pub payload_bytes_received: u64,
    /// How often the selected pair has changed.
    pub selected_pair_changes: u64,
    /// Remote candidates that were ignored: domain names, unknown transports and components, old generations, over the limit.
    pub candidates_ignored: u64,
    discards: [u64; Discard::COUNT],
}

impl Stats {
    /// How many datagrams were discarded for a reason.
    #[must_use]
    pub fn discarded(&self, reason: Discard) -> u64 {
        self.discards.get(reason as usize).copied().unwrap_or_default()
    }

    /// How many datagrams were discarded.
    #[must_use]
    pub fn discarded_total(&self) -> u64 {
        self.discards.iter().sum()
    }

    pub(crate) fn count(&mut self, reason: Discard) {
        if let Some(counter) = self.discards.get_mut(reason as usize) {
            *counter += 1;
        }
    }
}

/// Credentials that break the grammar of RFC 8839, Section 5.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The user name fragment has not 4 to 256 characters.
    #[error("ice-ufrag must have 4 to 256 characters")]
    UfragLength,
    /// The password has not 22 to 256 characters.
    #[error("ice-pwd must have 22 to 256 characters")]
    PwdLength,
    /// A character that is no letter, digit, `+` or `/`.
    #[error("ice-ufrag and ice-pwd consist of letters, digits, + and /")]
    Character,
}

/// The peer's credentials cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemoteCredentialsError {
    /// Others are set already in this session: [`crate::Agent::restart`] has to be called first.
    #[error("other remote credentials are set, and no restart has begun")]
    Restart,
    /// These are the peer's credentials in the session before: it has not restarted
    /// ([RFC 8829, Section 5.10] asks for an error). That session goes on.
    ///
    /// [RFC 8829, Section 5.10]: https://www.rfc-editor.org/rfc/rfc8829#section-5.10
    #[error("the peer has not restarted: its credentials are those of the session before")]
    Unchanged,
    /// The agent has been closed.
    #[error("the agent has been closed")]
    Closed,
}

/// An interface cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// An interface with this address is there already.
    #[error("an interface with address {0} exists already")]
    Duplicate(SocketAddr),
    /// The address is unspecified or multicast, or its port is zero.
    #[error("{0} is not an address that a peer could send to")]
    Unusable(SocketAddr),
    /// There are as many interfaces as [`crate::Config::max_interfaces`] permits.
    #[error("there are as many interfaces as the configuration permits")]
    Limit,
    /// The agent has been closed.
    #[error("the agent has been closed")]
    Closed,
}

/// A stream cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// There is no listener at its near end.
    #[error("there is no listener at the stream's address")]
    NoListener,
    /// There are as many streams as [`crate::Config::max_streams`] permits, and checks have come on each.
    #[error("there are as many streams as the configuration permits")]
    Limit,
    /// The agent has failed or been closed.
    #[error("the agent has failed or been closed")]
    Closed,
}

/// A request in flight has begun or ended, for a router of datagrams on a shared socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionReport {
    /// Responses with this id belong to the agent.
    Opened(duologue_stun::TransactionId),
    /// They no longer do.
    Closed(duologue_stun::TransactionId),
    /// Reports were not polled in time: all ids known before are void, those that still count follow as `Opened`.
    Reset,
}
