//! What a connection tells, what it discards, and how it ends.

use duologue_dtls::{Connected, Failure, KeyLogLine};
use duologue_ice::{GatheringState, Path, ServerFailure, StreamId, StreamRequest};
use duologue_rtp::KeyFrameRequest;
use duologue_rtp::stream::{ReceiverId, SenderId};
use duologue_sctp::dcep::{ChannelCloseReason, ChannelId};
use duologue_sdp::Text;
use duologue_sdp::jsep::{IceCandidate, SignalingState, TransceiverId};
use std::net::SocketAddr;
use thiserror::Error;

/// Something that happened on a [`PeerConnection`](crate::PeerConnection). The names are those of the browser's events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// What was asked for needs an offer.
    NegotiationNeeded,
    /// The negotiation has moved.
    SignalingStateChange(SignalingState),
    /// The peer sends on this transceiver now, or in more streams than before.
    Track(TransceiverId),
    /// The track of this transceiver's receiver has come into a stream of the peer's.
    AddTrack {
        /// Whose receiver.
        transceiver: TransceiverId,
        /// The stream's identification.
        stream: Text,
    },
    /// The track of this transceiver's receiver has left a stream of the peer's.
    RemoveTrack {
        /// Whose receiver.
        transceiver: TransceiverId,
        /// The stream's identification.
        stream: Text,
    },
    /// The peer no longer sends on this transceiver, or not for the moment.
    Mute(TransceiverId),
    /// Media of this transceiver arrive again, or for the first time.
    Unmute(TransceiverId),
    /// A source begins to send: the transceiver's only one, a layer of its simulcast, or one that takes another's place.
    Receiver {
        /// Which transceiver receives it.
        transceiver: TransceiverId,
        /// The encoding.
        receiver: ReceiverId,
    },
    /// A source has said goodbye, or was silent for too long. Its id says nothing any more. What ends with its transceiver is
    /// not told apart.
    ReceiverEnded {
        /// Which transceiver received it.
        transceiver: TransceiverId,
        /// The encoding.
        receiver: ReceiverId,
    },
    /// The peer asks for a picture that can be decoded without others.
    KeyFrameRequest {
        /// Whose.
        transceiver: TransceiverId,
        /// The encoding.
        sender: SenderId,
        /// How it was asked for.
        kind: KeyFrameRequest,
    },
    /// Frames have arrived: call [`recv_frame`](crate::PeerConnection::recv_frame) until it returns `None`.
    FramesReadable,
    /// A transceiver was stopped, by either side or because its section was rejected; its receiver's track has ended.
    Ended(TransceiverId),
    /// A candidate to be signalled to the peer, as far as descriptions sent before do not carry it.
    IceCandidate(IceCandidate),
    /// A STUN or TURN server was of no use.
    IceCandidateError(ServerFailure),
    /// The peer hides an address behind this multicast DNS name: resolve it, if that is wanted, and call
    /// [`name_resolved`](crate::PeerConnection::name_resolved).
    ResolveName(String),
    /// A stream is to be opened, to be answered by [`stream_opened`](crate::PeerConnection::stream_opened) or
    /// [`stream_failed`](crate::PeerConnection::stream_failed).
    OpenStream(StreamRequest),
    /// A stream is no longer needed.
    CloseStream(StreamId),
    /// A TURN server takes tokens of a third party ([RFC 7635](https://www.rfc-editor.org/rfc/rfc7635)), and there are none for
    /// it: it waits for [`set_turn_credentials`](crate::PeerConnection::set_turn_credentials).
    TurnTokenWanted {
        /// The server's address, as configured.
        server: SocketAddr,
        /// The server's name for the authorization server.
        name: Vec<u8>,
    },
    /// Gathering has begun, or found all that it will.
    IceGatheringStateChange(GatheringState),
    /// The state of ICE has changed.
    IceConnectionStateChange(duologue_ice::State),
    /// Payload now leaves on this path.
    SelectedPathChange(Path),
    /// The peer's certificate has the fingerprint that was signalled, and the keys are in use.
    Secured(Connected),
    /// A line for a key log file, when the configuration asks for it.
    KeyLog(KeyLogLine),
    /// The state of the whole connection has changed.
    ConnectionStateChange(ConnectionState),
    /// The SCTP association is up: data channels open now.
    SctpConnected,
    /// The SCTP association has ended; its channels are closed.
    SctpClosed(duologue_sctp::CloseReason),
    /// The peer has opened a data channel.
    DataChannel(ChannelId),
    /// One of our data channels is open.
    ChannelOpen(ChannelId),
    /// The peer closes a data channel.
    ChannelClosing(ChannelId),
    /// A data channel is closed; its id says nothing any more.
    ChannelClosed(ChannelId, ChannelCloseReason),
    /// A data channel's buffered amount has come down to its threshold.
    BufferedAmountLow(ChannelId),
    /// Messages have arrived: call [`recv`](crate::PeerConnection::recv) until it returns `None`.
    Readable,
    /// The connection has ended. Nothing follows.
    Closed(CloseReason),
}

/// The state of the whole connection (W3C `RTCPeerConnectionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConnectionState {
    /// Nothing has begun.
    #[default]
    New,
    /// ICE or DTLS are at work.
    Connecting,
    /// ICE has a path and DTLS keys.
    Connected,
    /// The peer is silent for the moment.
    Disconnected,
    /// ICE has no path any more, or DTLS failed.
    Failed,
    /// The connection has ended.
    Closed,
}

impl ConnectionState {
    /// The W3C's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`close`](crate::PeerConnection::close) was called.
    #[error("closed by us")]
    Local,
    /// The peer sent close_notify.
    #[error("closed by the peer")]
    Peer,
    /// The DTLS handshake or connection failed; a wrong certificate is one of the reasons.
    #[error("DTLS: {0}")]
    Dtls(Failure),
}

/// Why a datagram was not used. Not an error: the network may carry anything.
/// [`Stats::discarded`](crate::Stats::discarded) counts each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// The ICE agent's reason.
    Ice(duologue_ice::Discard),
    /// The DTLS connection's reason.
    Dtls(duologue_dtls::Discard),
    /// The SCTP association's reason, of the last packet refused in a datagram.
    Sctp(duologue_sctp::Discard),
    /// The first byte belongs to no protocol of RFC 7983, Section 7, or the datagram is empty.
    UnknownProtocol,
    /// The RTP session's reason.
    Rtp(duologue_rtp::Discard),
    /// RTP or RTCP from a source that has not proved to be the peer.
    UnqualifiedMedia,
    /// DTLS that cannot be used yet, and the store for it is full.
    EarlyStoreFull,
    /// The connection has ended.
    Ended,
}

impl Discard {
    pub(crate) const COUNT: usize = 8;

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Ice(_) => 0,
            Self::Dtls(_) => 1,
            Self::Sctp(_) => 2,
            Self::UnknownProtocol => 3,
            Self::UnqualifiedMedia => 4,
            Self::EarlyStoreFull => 5,
            Self::Ended => 6,
            Self::Rtp(_) => 7,
        }
    }
}
