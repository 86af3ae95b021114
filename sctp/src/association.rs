//! The association: packets, time and messages in; packets, deadlines, events and messages out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use crate::config::Config;
use crate::cookie::CookieKey;
use crate::event::{Event, SendError, Stats, StreamId};
use crate::heartbeat::Heartbeat;
use crate::rx::{Delivery, Receiver};
use crate::setup::InitAck;
use crate::state::{Due, State};
use crate::stream_reset::StreamReset;
use crate::timer::{Timer, Timers};
use crate::tx::{Outgoing, Sender};

/// A user message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Payload protocol identifier.
    pub ppid: u32,
    /// The bytes; at least one. A received payload shares its memory with its neighbours: copy what is kept for long.
    pub payload: Bytes,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stream, ppid, payload } = self;
        write!(f, "Message {{ stream: {}, ppid: {ppid}, payload: {} bytes }}", stream.0, payload.len())
    }
}

/// How often a message is sent again when it is lost.
///
/// Source: [RFC 8831, Section 6.4](https://www.rfc-editor.org/rfc/rfc8831#section-6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliability {
    /// Until it arrives.
    #[default]
    Reliable,
    /// At most this many times.
    MaxRetransmits(u32),
    /// Until this long after it was given to `send`.
    MaxLifetime(Duration),
}

/// How a message is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendOptions {
    /// Delivered as soon as it is whole, whatever came before on its stream.
    pub unordered: bool,
    /// How often it is sent again.
    pub reliability: Reliability,
}

/// An SCTP association over DTLS: fed with decrypted packets, writes plain ones.
///
/// See the [crate's documentation](crate) for the contract that all calls follow.
#[derive(Debug)]
pub struct Association {
    pub(crate) config: Arc<Config>,
    pub(crate) rng: ChaCha12Rng,
    pub(crate) cookie_key: CookieKey,
    pub(crate) start: Instant,
    now: Instant,
    pub(crate) state: State,
    pub(crate) timers: Timers,
    pub(crate) local_tag: u32,
    pub(crate) initial_tsn: u32,
    pub(crate) remote_port: u16,
    pub(crate) mtu: usize,
    pub(crate) tx: Sender,
    pub(crate) rx: Receiver,
    pub(crate) reset: StreamReset,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) due: Due,
    /// The answer to the peer's last INIT.
    pub(crate) init_ack: Option<InitAck>,
    /// An error cause to be reported.
    pub(crate) error: Option<(u16, Vec<u8>)>,
    /// Unanswered retransmissions in a row.
    pub(crate) errors: u32,
    pub(crate) events: VecDeque<Event>,
    readable_told: bool,
    closed_told: bool,
    pub(crate) stats: Stats,
}

impl Association {
    /// An association that has sent nothing yet. `seed` must be secret and fresh: tags, the first TSN and the key of the
    /// state cookie come from it, and the same seed gives the same ones.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        // RFC 9260, Section 5.3.1: tags and first TSNs are random; a tag is never zero.
        let local_tag = rng.next_u32().max(1);
        let initial_tsn = rng.next_u32();
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        let mut association = Self {
            rng,
            cookie_key: CookieKey::new(key),
            start: now,
            now,
            state: State::Closed,
            timers: Timers::default(),
            local_tag,
            initial_tsn,
            remote_port: config.remote_port,
            mtu: 0,
            tx: Sender::new(&config, initial_tsn),
            rx: Receiver::new(0, 0, 0),
            reset: StreamReset::new(0, 0),
            heartbeat: Heartbeat::default(),
            due: Due::default(),
            init_ack: None,
            error: None,
            errors: 0,
            events: VecDeque::new(),
            readable_told: false,
            closed_told: false,
            stats: Stats::default(),
            config,
        };
        association.set_mtu(association.config.mtu);
        association
    }

    /// The peer's SCTP port, `a=sctp-port` of its description.
    pub const fn set_remote_port(&mut self, port: u16) {
        self.remote_port = port;
    }

    /// The largest SCTP packet in bytes: the path's UDP payload less what DTLS adds. At least 576. Data that has a TSN already
    /// keeps its size.
    pub fn set_mtu(&mut self, packet_len: usize) {
        self.mtu = packet_len.clamp(576, 65_535);
        self.tx.set_mtu(self.mtu);
    }

    /// Whether messages can flow: set-up is over and no end has begun.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Whether the association has ended; [`Event::Closed`] says why.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// How many streams each side may use, once both are known.
    #[must_use]
    pub fn stream_count(&self) -> Option<u16> {
        self.state.peer().map(|peer| peer.outbound_streams.min(peer.inbound_streams))
    }

    /// Queues a message. It leaves with the coming packets; before set-up is over it waits.
    ///
    /// # Errors
    /// [`SendError`], which gives the payload back: the association or stream is closing, the send buffer is full, there
    /// is no such stream, or the message is empty.
    pub fn send(&mut self, now: Instant, message: Message, options: SendOptions) -> Result<(), SendError> {
        let now = self.advance(now);
        let Message { stream, ppid, payload } = message;
        if !self.state.accepts_messages() {
            return Err(SendError::Closed(payload));
        }
        if payload.is_empty() {
            return Err(SendError::Empty);
        }
        let streams = self.state.peer().map_or(self.config.outbound_streams, |peer| peer.outbound_streams);
        if stream.0 >= streams {
            return Err(SendError::NoSuchStream(payload));
        }
        let (expires, max_retransmits) = match options.reliability {
            Reliability::Reliable => (None, None),
            Reliability::MaxRetransmits(most) => (None, Some(most)),
            Reliability::MaxLifetime(time) => (now.checked_add(time), None),
        };
        let unordered = options.unordered;
        self.tx.push(stream, Outgoing { payload, ppid, unordered, expires, max_retransmits })
    }

    /// The next whole message, in the order in which messages became whole.
    pub fn recv(&mut self) -> Option<Message> {
        loop {
            match self.rx.next_delivery() {
                Some(Delivery::Message { stream, ppid, payload }) => {
                    self.rx.release(payload.len());
                    return Some(Message { stream, ppid, payload });
                }
                Some(mark) => self.events.extend(event_of(&mark)),
                None => {
                    self.readable_told = false;
                    return None;
                }
            }
        }
    }

    /// Bytes of the stream's messages that have not been sent for the first time.
    #[must_use]
    pub fn buffered_amount(&self, stream: StreamId) -> usize {
        self.tx.buffered(stream)
    }

    /// When the buffered amount of the stream comes down to `threshold`, [`Event::BufferedAmountLow`] tells. Default 0.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        self.tx.queue().set_low_threshold(stream, threshold);
    }

    /// Closes a stream in our direction: queued messages leave, then the peer is asked to reset it;
    /// [`Event::OutgoingReset`] tells the outcome. Messages given once it has drained leave after the reset.
    ///
    /// Source: [RFC 6525, Section 5.1.2](https://www.rfc-editor.org/rfc/rfc6525#section-5.1.2).
    pub fn reset_stream(&mut self, now: Instant, stream: StreamId) {
        let now = self.advance(now);
        if self.state.accepts_messages() {
            self.tx.queue().close(stream);
            self.start_stream_reset(now);
        }
    }

    /// The path works again, for example after an ICE restart: what waits for a timer is sent again at once.
    pub fn path_restored(&mut self, now: Instant) {
        let now = self.advance(now);
        self.tx.rto.restore();
        for timer in [Timer::Handshake, Timer::Retransmission, Timer::Reconfig] {
            if self.timers.is_set(timer) {
                self.timers.set(timer, now);
            }
        }
        self.handle_timeout(now);
    }

    /// Deals with the deadlines that have come; early calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        for timer in Timer::ALL {
            if !self.timers.take_expired(timer, now) {
                continue;
            }
            match timer {
                Timer::Handshake => {
                    self.setup_timed_out(now);
                    self.shutdown_timed_out(now);
                }
                Timer::Retransmission => {
                    self.tx.timed_out(now, &mut self.stats);
                    self.note_error(now);
                    self.update_retransmission_timer(now, false);
                }
                Timer::Sack => self.rx.owe_now(),
                Timer::Heartbeat => self.heartbeat_timed_out(now),
                Timer::Reconfig => self.reconfig_timed_out(now),
                Timer::Farewell => {
                    if let State::Leaving { reason, .. } = self.state {
                        self.end(reason);
                    }
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted; `None` waits for input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        match self.rx.peek_delivery() {
            Some(Delivery::Message { .. }) if !self.readable_told => {
                self.readable_told = true;
                return Some(Event::Readable);
            }
            Some(Delivery::Message { .. }) | None => {}
            Some(_) => return self.rx.next_delivery().as_ref().and_then(event_of),
        }
        self.next_own_event()
    }

    /// Counters and measures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        self.tx.fill_stats(&mut stats);
        stats.receive_buffer = self.rx.charged();
        stats
    }

    /// Takes the time; the largest seen counts.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    pub(crate) fn new_receiver(&self, peer_initial_tsn: u32) -> Receiver {
        let largest = usize::try_from(self.config.max_message_size).unwrap_or(usize::MAX);
        Receiver::new(self.config.window(), largest, peer_initial_tsn)
    }

    /// Runs the retransmission timer while data is outstanding.
    // RFC 9260, Section 6.3.2
    pub(crate) fn update_retransmission_timer(&mut self, now: Instant, restart: bool) {
        if !self.tx.has_outstanding() {
            self.timers.stop(Timer::Retransmission);
        } else if self.state.sends_data() && (restart || !self.timers.is_set(Timer::Retransmission)) {
            self.timers.set(Timer::Retransmission, now + self.tx.rto.current());
        }
    }

    /// Counts an unanswered retransmission.
    // RFC 9260, Section 8.1
    pub(crate) fn note_error(&mut self, now: Instant) {
        self.errors = self.errors.saturating_add(1);
        if self.config.max_retransmissions.is_some_and(|most| self.errors > most) {
            self.abort_with(now, None, crate::event::CloseReason::PeerUnreachable);
        }
    }

    /// Takes the next delivery, its bytes still charged.
    pub(crate) fn next_delivery(&mut self) -> Option<Delivery> {
        self.rx.next_delivery()
    }

    /// The application has taken a message of `len` bytes.
    pub(crate) fn release(&mut self, len: usize) {
        self.rx.release(len);
    }

    /// Gives back a part of a message's charge; the rest follows with [`release`](Self::release).
    pub(crate) fn uncharge(&mut self, len: usize) {
        self.rx.uncharge(len);
    }

    pub(crate) const fn accepts_messages(&self) -> bool {
        self.state.accepts_messages()
    }

    /// Whether the peer refused to reset the stream, so that it must not be used again.
    pub(crate) fn is_stream_dead(&self, stream: StreamId) -> bool {
        self.tx.is_stream_dead(stream)
    }

    /// Whether our reset of the stream is unanswered.
    pub(crate) fn is_stream_resetting(&self, stream: StreamId) -> bool {
        self.tx.is_stream_resetting(stream)
    }

    /// Drops what waits for a stream that the association does not have.
    pub(crate) fn discard_stream(&mut self, stream: StreamId) {
        self.tx.discard_stream(stream);
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty() || self.tx.has_low() || matches!(self.state, State::Ended(_))
    }

    /// The next event that is not about deliveries.
    pub(crate) fn next_own_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if let Some(stream) = self.tx.queue().next_low() {
            return Some(Event::BufferedAmountLow(stream));
        }
        match self.state {
            State::Ended(reason) if !self.closed_told => {
                self.closed_told = true;
                Some(Event::Closed(reason))
            }
            _ => None,
        }
    }
}

fn event_of(mark: &Delivery) -> Option<Event> {
    match mark {
        Delivery::Reset(stream) => Some(Event::IncomingReset(*stream)),
        Delivery::TooLarge(stream) => Some(Event::MessageTooLarge(*stream)),
        Delivery::Message { .. } => None,
    }
}
