//! Data channels: pairs of streams with a label and a kind of reliability.
//!
//! 1. A channel opens in band by DATA_CHANNEL_OPEN on a stream of our parity; messages may follow at once, in order until the
//!    peer has answered. A negotiated channel needs no message.
//! 2. A channel closes by a reset of its outgoing stream; the other side answers with a reset of its own.
//! 3. When both directions are reset the channel has closed and its stream may be used again.
//!
//! Sources: [RFC 8831](https://www.rfc-editor.org/rfc/rfc8831), [RFC 8832](https://www.rfc-editor.org/rfc/rfc8832).

mod channel;
mod close;
mod event;
mod incoming;
mod message;
mod table;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::association::{self, Association, Reliability, SendOptions};
use crate::config::Config;
use crate::event::{Discard, SendError, Stats, StreamId};
use message::{Dcep, Open};
use table::Table;

pub use channel::{Channel, ChannelCloseReason, ChannelConfig, ChannelId, ChannelState, ChannelStats};
pub use event::{CreateError, Event, Kind, Message};

/// Payload protocol identifiers.
// RFC 8831, Section 8 and RFC 8832, Section 8.1
pub(crate) mod ppid {
    pub(crate) const DCEP: u32 = 50;
    pub(crate) const TEXT: u32 = 51;
    pub(crate) const BINARY: u32 = 53;
    pub(crate) const EMPTY_TEXT: u32 = 56;
    pub(crate) const EMPTY_BINARY: u32 = 57;
}

/// The side this end takes in the DTLS handshake; it decides who uses which streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// Opens channels on even streams.
    Client,
    /// Opens channels on odd streams.
    Server,
}

impl DtlsRole {
    /// The lowest stream that this side opens.
    // RFC 8832, Section 6
    const fn parity(self) -> u16 {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

/// Data channels and the association they run on. This is what a connection embeds.
///
/// See the [crate's documentation](crate) for the contract that all calls follow.
#[derive(Debug)]
pub struct Channels {
    association: Association,
    config: Arc<Config>,
    role: Option<DtlsRole>,
    table: Table,
    inbox: VecDeque<Message>,
    readable_told: bool,
    established: Told,
    remote_max_message_size: usize,
    /// Streams the association turned out to have were compared with those in use.
    streams_checked: bool,
    ended: Option<crate::event::CloseReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet,
    Due,
    Done,
}

/// What a description without `a=max-message-size` means.
// RFC 8841, Section 6.1
const DEFAULT_MAX_MESSAGE_SIZE: usize = 65_536;

impl Channels {
    /// Channels on an association that has sent nothing yet; `seed` as for [`Association::new`].
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        Self {
            association: Association::new(Arc::clone(&config), seed, now),
            config,
            role: None,
            table: Table::default(),
            inbox: VecDeque::new(),
            readable_told: false,
            established: Told::NotYet,
            remote_max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
            streams_checked: false,
            ended: None,
        }
    }

    /// The association underneath, to look at.
    #[must_use]
    pub const fn association(&self) -> &Association {
        &self.association
    }

    /// Sets our side in the DTLS handshake; to be called before [`connect`](Self::connect). Channels created earlier get
    /// their streams now. Later calls have no effect.
    pub fn set_dtls_role(&mut self, now: Instant, role: DtlsRole) {
        if self.role.is_none() {
            self.role = Some(role);
            for id in self.table.without_stream() {
                self.assign_stream(now, id);
            }
        }
    }

    /// The peer's SCTP port, `a=sctp-port` of its description.
    pub const fn set_remote_port(&mut self, port: u16) {
        self.association.set_remote_port(port);
    }

    /// The peer's `a=max-message-size` in bytes; 0 means any size. Default 65,536, as for a description without one.
    ///
    /// Source: [RFC 8841, Section 6](https://www.rfc-editor.org/rfc/rfc8841#section-6).
    pub fn set_remote_max_message_size(&mut self, bytes: u64) {
        self.remote_max_message_size = match bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
    }

    /// The largest SCTP packet in bytes; see [`Association::set_mtu`].
    pub fn set_mtu(&mut self, packet_len: usize) {
        self.association.set_mtu(packet_len);
    }

    /// Starts the association; see [`Association::connect`].
    pub fn connect(&mut self, now: Instant) {
        self.association.connect(now);
    }

    /// The path works again; see [`Association::path_restored`].
    pub fn path_restored(&mut self, now: Instant) {
        self.association.path_restored(now);
        self.pump(now);
    }

    /// Creates a channel. Before the DTLS role is known an in-band channel has no stream yet.
    ///
    /// # Errors
    /// [`CreateError`]: label or protocol too long, stream in use or out of range, no stream left, association ending.
    pub fn create(&mut self, now: Instant, config: ChannelConfig) -> Result<ChannelId, CreateError> {
        if self.ended.is_some() || !self.association.accepts_messages() {
            return Err(CreateError::Closed);
        }
        let limit = usize::from(u16::MAX);
        if config.label.len() > limit || config.protocol.len() > limit {
            return Err(CreateError::TooLong);
        }
        if self.table.len() >= usize::try_from(self.config.max_channels).unwrap_or(usize::MAX) {
            return Err(CreateError::NoStreamLeft);
        }
        let stream = match (config.negotiated, self.role) {
            (Some(stream), _) => Some(self.check_negotiated(stream)?),
            (None, Some(role)) => Some(self.free_stream(role).ok_or(CreateError::NoStreamLeft)?),
            (None, None) => None,
        };
        let id = self.table.insert(config, stream);
        if stream.is_some() {
            self.start_channel(now, id);
        }
        Ok(id)
    }

    /// A channel, until its [`Event::Closed`] was handed out.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.table.get(id)
    }

    /// All channels that the application knows of.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.table.iter().filter(|(_, channel)| channel.announced)
    }

    /// Queues a message. On a channel that is still connecting it leaves with the association's first packets.
    ///
    /// # Errors
    /// [`SendError`], which gives the payload back: channel closing or closed or not yet on a stream, message over the
    /// peer's limit, send buffer full.
    pub fn send(&mut self, now: Instant, id: ChannelId, kind: Kind, payload: Bytes) -> Result<(), SendError> {
        let Some(channel) = self.table.get_mut(id) else { return Err(SendError::Closed(payload)) };
        if !matches!(channel.state, ChannelState::Connecting | ChannelState::Open) {
            return Err(SendError::Closed(payload));
        }
        let Some(stream) = channel.stream else { return Err(SendError::NoSuchStream(payload)) };
        if payload.len() > self.remote_max_message_size {
            return Err(SendError::TooLarge { payload, limit: self.remote_max_message_size });
        }
        let len = u64::try_from(payload.len()).unwrap_or_default();
        // RFC 8831, Section 6.6: an empty message is one zero byte with an identifier of its own.
        let (ppid, payload) = match (kind, payload.is_empty()) {
            (Kind::Text, false) => (ppid::TEXT, payload),
            (Kind::Binary, false) => (ppid::BINARY, payload),
            (Kind::Text, true) => (ppid::EMPTY_TEXT, Bytes::from_static(&[0])),
            (Kind::Binary, true) => (ppid::EMPTY_BINARY, Bytes::from_static(&[0])),
        };
        // RFC 8832, Section 6: ordered until something has come back, so that nothing overtakes DATA_CHANNEL_OPEN.
        let unordered = !channel.config.ordered && channel.heard;
        let options = SendOptions { unordered, reliability: channel.config.reliability };
        self.association.send(now, association::Message { stream, ppid, payload }, options)?;
        channel.stats.messages_sent = channel.stats.messages_sent.saturating_add(1);
        channel.stats.bytes_sent = channel.stats.bytes_sent.saturating_add(len);
        Ok(())
    }

    /// The next message, in the order in which messages became whole.
    pub fn recv(&mut self) -> Option<Message> {
        let message = self.inbox.pop_front();
        match &message {
            Some(message) => self.association.release(message.payload.len()),
            None => self.readable_told = false,
        }
        message
    }

    /// Bytes of the channel's messages that have not been sent for the first time.
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        let stream = self.table.get(id).and_then(|channel| channel.stream);
        stream.map_or(0, |stream| self.association.buffered_amount(stream))
    }

    /// When the channel's buffered amount comes down to `threshold`, [`Event::BufferedAmountLow`] tells. Default 0.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, threshold: usize) {
        if let Some(stream) = self.table.get(id).and_then(|channel| channel.stream) {
            self.association.set_buffered_amount_low_threshold(stream, threshold);
        }
    }

    /// Takes one decrypted packet; see [`Association::handle_packet`].
    ///
    /// # Errors
    /// [`Discard`] when no part of the packet could be used.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), Discard> {
        let result = self.association.handle_packet(now, packet);
        self.pump(now);
        result
    }

    /// Deals with the deadlines that have come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
        self.pump(now);
    }

    /// Appends at most one packet; see [`Association::poll_transmit`].
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        let len = self.association.poll_transmit(now, max_len, out);
        if self.association.has_events() {
            self.pump(now);
        }
        len
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted; `None` waits for input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.established == Told::Due {
            self.established = Told::Done;
            return Some(Event::Established);
        }
        if let Some(event) = self.table.next_event() {
            return Some(event);
        }
        if !self.inbox.is_empty() && !self.readable_told {
            self.readable_told = true;
            return Some(Event::Readable);
        }
        self.ended.take().map(Event::Ended)
    }

    /// Ends the association once all queued messages have arrived; see [`Association::shutdown`].
    pub fn shutdown(&mut self, now: Instant) {
        self.association.shutdown(now);
        self.pump(now);
    }

    /// Ends the association at once; see [`Association::abort`].
    pub fn abort(&mut self, now: Instant) {
        self.association.abort(now);
        self.pump(now);
    }

    /// Counters and measures of the association.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.association.stats()
    }

    /// The streams this association may use, as far as is known yet.
    fn stream_limit(&self) -> u16 {
        let configured = self.config.outbound_streams.min(self.config.inbound_streams);
        self.association.stream_count().unwrap_or(configured)
    }

    fn check_negotiated(&self, stream: u16) -> Result<StreamId, CreateError> {
        // RFC 8832, Section 6: 65535 is not a stream, as an association has at most 65535 of them.
        if stream >= self.stream_limit() {
            return Err(CreateError::NoSuchStream(stream));
        }
        if self.table.by_stream(StreamId(stream)).is_some()
            || self.association.is_stream_dead(StreamId(stream))
        {
            return Err(CreateError::StreamInUse(stream));
        }
        Ok(StreamId(stream))
    }

    /// The lowest unused stream of our parity.
    fn free_stream(&self, role: DtlsRole) -> Option<StreamId> {
        let mut streams = (role.parity()..self.stream_limit()).step_by(2).map(StreamId);
        streams.find(|&id| self.table.by_stream(id).is_none() && !self.association.is_stream_dead(id))
    }

    fn assign_stream(&mut self, now: Instant, id: ChannelId) {
        match self.role.and_then(|role| self.free_stream(role)) {
            Some(stream) => {
                self.table.set_stream(id, stream);
                self.start_channel(now, id);
            }
            None => self.finish_close(id, ChannelCloseReason::NoStream),
        }
    }

    /// A channel of ours has its stream: announces it to the peer, and to the application if the association is up.
    fn start_channel(&mut self, now: Instant, id: ChannelId) {
        let up = self.association.is_established();
        let Some(channel) = self.table.get_mut(id) else { return };
        let Some(stream) = channel.stream else { return };
        if channel.config.negotiated.is_some() {
            channel.heard = true;
        } else {
            let config = &channel.config;
            let open = Dcep::Open(Open {
                ordered: config.ordered,
                reliability: config.reliability,
                priority: config.priority,
                label: &config.label,
                protocol: &config.protocol,
            });
            let payload = Bytes::from(open.to_bytes());
            self.send_dcep(now, stream, payload);
        }
        if up {
            self.table.open(id);
        }
    }

    /// Sends a message of the protocol itself: reliable and ordered on any channel.
    // RFC 8832, Section 6
    fn send_dcep(&mut self, now: Instant, stream: StreamId, payload: Bytes) {
        let options = SendOptions { unordered: false, reliability: Reliability::Reliable };
        let message = association::Message { stream, ppid: ppid::DCEP, payload };
        // Refused only by an association that is ending; control messages do not count against the send buffer.
        let _ = self.association.send(now, message, options);
    }
}
