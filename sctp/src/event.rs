//! What the association tells its owner: events, discards, errors, statistics.

use std::time::Duration;

use bytes::Bytes;

/// A stream of an association, by number; a data channel uses the same number both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u16);

/// Something the application should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association is up; messages queued before now leave.
    Established,
    /// Messages have arrived: call [`recv`](crate::Association::recv) until it returns `None`. Not repeated before that.
    Readable,
    /// A stream's buffered amount has come down to its threshold.
    BufferedAmountLow(StreamId),
    /// The peer has reset a stream that it sends on; all messages before have been handed out.
    IncomingReset(StreamId),
    /// Our reset of a stream that we send on has come to an end.
    OutgoingReset {
        /// The stream.
        stream: StreamId,
        /// Whether the peer performed it; otherwise the stream must not be used again.
        performed: bool,
    },
    /// A message over our limit arrived on the stream and was dropped.
    MessageTooLarge(StreamId),
    /// The association has ended; the last event.
    Closed(CloseReason),
}

/// Why an association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// By SHUTDOWN, all data delivered.
    Shutdown,
    /// We aborted it.
    Aborted,
    /// The peer aborted it, with this first error cause code if it gave one.
    PeerAborted(Option<u16>),
    /// INIT or COOKIE ECHO stayed without an answer.
    SetupTimedOut,
    /// The peer stopped answering.
    PeerUnreachable,
    /// The peer began anew: its state, and with it every channel, is lost.
    PeerRestarted,
    /// The peer broke the protocol.
    ProtocolViolation,
}

/// Why a packet, or a part of one, was not used. Not an error: the network may carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Shorter than a packet's header.
    TooShort,
    /// CRC32c does not match.
    Checksum,
    /// Other ports than the association's.
    Ports,
    /// Not the verification tag that belongs to this association.
    VerificationTag,
    /// A chunk's frame or value breaks its rules.
    Malformed,
    /// A chunk type not known here.
    UnknownChunk,
    /// A chunk that means nothing in the present state.
    UnexpectedChunk,
    /// A state cookie that we did not make.
    ForgedCookie,
    /// A state cookie past its life.
    StaleCookie,
    /// Data that arrived before.
    Duplicate,
    /// Data for which there is no room.
    BufferFull,
    /// Data too far ahead of the cumulative TSN.
    TooFarAhead,
    /// Data of a stream that does not exist.
    InvalidStream,
    /// Fragments that form no message.
    BadFragment,
    /// A message over our limit.
    MessageTooLarge,
    /// A SACK of data never sent, or out of date.
    BadSack,
    /// The association has ended.
    Ended,
}

impl Discard {
    pub(crate) const COUNT: usize = 17;
}

/// Why a message was not taken; gives the payload back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The association or the stream takes no more messages.
    #[error("the association or stream is closing or closed")]
    Closed(Bytes),
    /// The association has no stream of this number.
    #[error("the association has no such stream")]
    NoSuchStream(Bytes),
    /// The message is over the peer's limit.
    #[error("message of {} bytes exceeds the limit of {limit}", payload.len())]
    TooLarge {
        /// The message.
        payload: Bytes,
        /// The peer's limit in bytes.
        limit: usize,
    },
    /// The send buffer is full; try again when the buffered amount has gone down.
    #[error("the send buffer is full")]
    BufferFull(Bytes),
    /// SCTP has no empty messages.
    #[error("a message must have at least one byte")]
    Empty,
}

impl SendError {
    /// The payload that was not taken.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        match self {
            Self::Closed(payload)
            | Self::NoSuchStream(payload)
            | Self::BufferFull(payload)
            | Self::TooLarge { payload, .. } => payload,
            Self::Empty => Bytes::new(),
        }
    }
}

/// Counters since the start, and the present measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Packets written.
    pub packets_sent: u64,
    /// Bytes of packets written.
    pub bytes_sent: u64,
    /// Packets given to `handle_packet`.
    pub packets_received: u64,
    /// Bytes of packets given to `handle_packet`.
    pub bytes_received: u64,
    /// Whole messages sent for the first time to their end.
    pub messages_sent: u64,
    /// Whole messages received.
    pub messages_received: u64,
    /// DATA chunks sent again.
    pub retransmissions: u64,
    /// DATA chunks declared lost by later ones having arrived.
    pub losses_detected: u64,
    /// Times that a loss, or several of one round trip, shrank the congestion window.
    pub congestion_events: u64,
    /// Expiries of the retransmission timer.
    pub timeouts: u64,
    /// Messages given up under partial reliability.
    pub messages_abandoned: u64,
    /// Congestion window in bytes.
    pub congestion_window: usize,
    /// Slow start threshold in bytes.
    pub slow_start_threshold: usize,
    /// Bytes of DATA in flight.
    pub bytes_in_flight: usize,
    /// The peer's receive buffer less what is in flight, in bytes.
    pub peer_window: usize,
    /// Bytes held for the application and for reassembly, as charged to our window.
    pub receive_buffer: usize,
    /// Bytes waiting in the send buffer, sent and unacknowledged ones included.
    pub send_buffer: usize,
    /// Smoothed round-trip time, once measured.
    pub smoothed_round_trip: Option<Duration>,
    /// The present retransmission timeout.
    pub retransmission_timeout: Duration,
    /// Largest packet in bytes.
    pub mtu: usize,
    discards: [u64; Discard::COUNT],
}

impl Stats {
    /// How many packets or parts of packets were discarded for this reason.
    #[must_use]
    pub fn discarded(&self, reason: Discard) -> u64 {
        self.discards.get(reason as usize).copied().unwrap_or_default()
    }

    pub(crate) fn count(&mut self, reason: Discard) {
        if let Some(count) = self.discards.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }
}
