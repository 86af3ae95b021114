//! One data channel.

use crate::association::Reliability;
use crate::event::StreamId;

/// A data channel, ours and never used twice; its stream may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// What a channel is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelConfig {
    /// A name for the application, at most 65,535 bytes. Default empty.
    pub label: String,
    /// The subprotocol, at most 65,535 bytes. Default empty.
    pub protocol: String,
    /// Whether messages arrive in the order in which they were sent. Default `true`.
    pub ordered: bool,
    /// How often a message is sent again. Default: until it arrives.
    pub reliability: Reliability,
    /// 128, 256, 512 or 1024; told to the peer. Default 256.
    pub priority: u16,
    /// The stream of a channel that both applications create by agreement; `None` opens it in band. Default `None`.
    pub negotiated: Option<u16>,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            priority: 256,
            negotiated: None,
        }
    }
}

/// As `RTCDataChannelState` of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// The association is not up yet.
    Connecting,
    /// Messages flow.
    Open,
    /// One side has closed it; what was queued still leaves.
    Closing,
    /// Both directions are reset, or the association has ended.
    Closed,
}

/// Why a channel closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelCloseReason {
    /// By [`close`](super::Channels::close).
    Local,
    /// The peer closed it, or refused it.
    Peer,
    /// No stream was left for it.
    NoStream,
    /// The peer opened another channel on its stream.
    StreamConflict,
    /// A message over our limit arrived.
    MessageTooLarge,
    /// A message of an unknown kind arrived.
    UnknownMessageKind,
    /// The association ended.
    AssociationEnded,
}

/// A channel as the application sees it.
#[derive(Debug)]
pub struct Channel {
    pub(super) generation: u32,
    pub(super) config: ChannelConfig,
    pub(super) stream: Option<StreamId>,
    pub(super) state: ChannelState,
    pub(super) opened_by_peer: bool,
    /// Anything came from the peer on it, so messages may be unordered.
    pub(super) heard: bool,
    pub(super) incoming_reset: bool,
    pub(super) outgoing_reset: bool,
    /// The answer to a reset for the stream's channel before this one is still to come.
    pub(super) stale_reset: bool,
    pub(super) close_reason: ChannelCloseReason,
    /// The application knows of it.
    pub(super) announced: bool,
    pub(super) pending: Pending,
    pub(super) stats: ChannelStats,
}

/// Events of a channel that were not yet handed out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pending {
    pub(super) opened: bool,
    pub(super) low: bool,
    pub(super) closing: bool,
    pub(super) closed: bool,
    /// In the queue of channels with events.
    pub(super) queued: bool,
}

/// Counters of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Messages given to `send`.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that arrived whole.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

impl Channel {
    pub(super) fn new(config: ChannelConfig, generation: u32, stream: Option<StreamId>) -> Self {
        Self {
            generation,
            config,
            stream,
            state: ChannelState::Connecting,
            opened_by_peer: false,
            heard: false,
            incoming_reset: false,
            outgoing_reset: false,
            stale_reset: false,
            close_reason: ChannelCloseReason::Local,
            announced: true,
            pending: Pending::default(),
            stats: ChannelStats::default(),
        }
    }

    /// What the channel was created as, by us or by the peer.
    #[must_use]
    pub const fn config(&self) -> &ChannelConfig {
        &self.config
    }

    /// Its stream, once it has one.
    #[must_use]
    pub const fn stream(&self) -> Option<StreamId> {
        self.stream
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn state(&self) -> ChannelState {
        self.state
    }

    /// Whether the peer opened it in band.
    #[must_use]
    pub const fn is_opened_by_peer(&self) -> bool {
        self.opened_by_peer
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> ChannelStats {
        self.stats
    }
}
