//! Sending: messages queued, fragments in flight, how much may leave and when.

mod congestion;
mod outstanding;
mod retransmit;
mod rto;
mod send_queue;

use std::time::Instant;

use crate::config::Config;
use crate::event::{SendError, Stats, StreamId};
use crate::packet::{Data, ForwardTsn, PacketWriter, Skipped, kind};
use crate::serial::Tsn;
use congestion::Congestion;
use outstanding::{Abandoned, Outstanding};
use rto::Rto;
use send_queue::{MESSAGE_OVERHEAD, SendQueue};

pub(crate) use send_queue::Outgoing;

/// A message is begun in what is left of a packet only if this many bytes of it fit, or all of it.
const LEAST_FRAGMENT: usize = 256;

#[derive(Debug)]
pub(crate) struct Sender {
    queue: SendQueue,
    outstanding: Outstanding,
    congestion: Congestion,
    pub(crate) rto: Rto,
    /// The peer's last advertised window.
    a_rwnd: usize,
    /// The peer understands FORWARD-TSN.
    can_abandon: bool,
    capacity: usize,
    used: usize,
    mtu: usize,
    recovery: retransmit::Recovery,
    /// The TSN whose acknowledgement ends the present round trip.
    round_end: Tsn,
    forward_due: bool,
    forward_sent: Option<Instant>,
    skipped: Vec<Skipped>,
}

impl Sender {
    pub(crate) fn new(config: &Config, initial_tsn: u32) -> Self {
        let initial = Tsn::initial(initial_tsn);
        Self {
            queue: SendQueue::default(),
            outstanding: Outstanding::new(initial),
            congestion: Congestion::new(config.mtu, config.initial_window),
            rto: Rto::new(config.rto_initial, config.rto_min, config.rto_max),
            a_rwnd: 0,
            can_abandon: false,
            capacity: config.send_buffer,
            used: 0,
            mtu: config.mtu,
            recovery: retransmit::Recovery::new(initial.previous()),
            round_end: initial,
            forward_due: false,
            forward_sent: None,
            skipped: Vec::new(),
        }
    }

    /// The peer is known.
    pub(crate) fn start(&mut self, a_rwnd: u32, can_abandon: bool) {
        self.a_rwnd = usize::try_from(a_rwnd).unwrap_or(usize::MAX);
        self.can_abandon = can_abandon;
    }

    pub(crate) const fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
        self.congestion.set_mtu(mtu);
    }

    /// Queues a message, or gives its payload back.
    pub(crate) fn push(&mut self, stream: StreamId, message: Outgoing) -> Result<(), SendError> {
        let charge = message.payload.len().saturating_add(MESSAGE_OVERHEAD);
        if !self.queue.is_open(stream) {
            return Err(SendError::Closed(message.payload));
        }
        // A channel's own control messages must not fail for a full buffer; there are two per channel at most.
        if self.used.saturating_add(charge) > self.capacity && !message.is_control() {
            return Err(SendError::BufferFull(message.payload));
        }
        self.used = self.used.saturating_add(charge);
        self.queue.push(stream, message);
        Ok(())
    }

    pub(crate) const fn queue(&mut self) -> &mut SendQueue {
        &mut self.queue
    }

    pub(crate) fn has_low(&self) -> bool {
        self.queue.has_low()
    }

    pub(crate) fn is_stream_dead(&self, stream: StreamId) -> bool {
        self.queue.is_dead(stream)
    }

    pub(crate) fn is_stream_resetting(&self, stream: StreamId) -> bool {
        self.queue.is_resetting(stream)
    }

    pub(crate) fn discard_stream(&mut self, stream: StreamId) {
        let charged = self.queue.discard(stream);
        self.used = self.used.saturating_sub(charged);
    }

    pub(crate) fn buffered(&self, stream: StreamId) -> usize {
        self.queue.buffered(stream)
    }

    /// Whether everything was sent and acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        self.outstanding.is_empty() && self.queue.is_empty() && self.outstanding.unfinished().is_none()
    }

    pub(crate) fn has_outstanding(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// The last TSN given out.
    pub(crate) fn last_tsn(&self) -> u32 {
        self.outstanding.next_tsn().previous().wire()
    }

    /// Appends DATA chunks: lost ones first, then new ones. Returns whether any was appended.
    pub(crate) fn write_data(
        &mut self,
        now: Instant,
        packet: &mut PacketWriter<'_>,
        max: usize,
        stats: &mut Stats,
    ) -> bool {
        let before = packet.len();
        let idle = self.outstanding.in_flight() == 0;
        self.outstanding.begin_packet();
        self.write_lost(now, packet, max, stats);
        if !self.outstanding.has_lost() {
            if idle && self.has_new() {
                self.congestion.on_send(now, idle, self.rto.current());
            }
            self.write_new(now, packet, stats);
        }
        packet.len() > before
    }

    /// Whether DATA would be written now.
    pub(crate) fn wants_to_send(&self) -> bool {
        let open = self.recovery.in_flight(&self.outstanding) < self.congestion.window();
        (self.outstanding.has_lost() || self.has_new()) && open
    }

    fn has_new(&self) -> bool {
        self.outstanding.unfinished().is_some() || !self.queue.is_empty()
    }

    fn write_lost(&mut self, now: Instant, packet: &mut PacketWriter<'_>, max: usize, stats: &mut Stats) {
        let mut abandoned = Abandoned::default();
        let free = self.recovery.take_free_packet() || self.outstanding.in_flight() == 0;
        let mut wrote = false;
        // RFC 9260, Section 7.2.4: the first packet of a recovery leaves whatever the window says.
        while free || self.recovery.in_flight(&self.outstanding) < self.congestion.window() {
            let next = self.outstanding.next_lost_len(now, self.can_abandon, &mut abandoned);
            let Some(len) = next else { break };
            let size = Data::HEADER_LEN.saturating_add(len).next_multiple_of(4);
            // RFC 9260, Section 6.9: what has a TSN keeps its size, also when the path has become narrower.
            let fits =
                size <= packet.room() || (packet.is_empty() && packet.len().saturating_add(size) <= max);
            if !fits {
                if !wrote && free {
                    self.recovery.allow_free_packet();
                }
                break;
            }
            wrote = true;
            self.outstanding.send_lost(now, |data| packet.data(&data.header(), data.payload));
            stats.retransmissions = stats.retransmissions.saturating_add(1);
        }
        if abandoned.messages > 0 {
            stats.messages_abandoned = stats.messages_abandoned.saturating_add(abandoned.messages);
            for (stream, unsent) in abandoned.unsent {
                self.queue.sent(stream, unsent, false);
            }
            self.note_advance(now, true);
        }
    }

    fn write_new(&mut self, now: Instant, packet: &mut PacketWriter<'_>, stats: &mut Stats) {
        while self.recovery.in_flight(&self.outstanding) < self.congestion.window()
            && !self.outstanding.is_full()
        {
            let Some(room) = packet.room().checked_sub(Data::HEADER_LEN).map(|room| room & !3) else { break };
            let left = match self.outstanding.unfinished() {
                Some(sent) => sent.message.payload.len().saturating_sub(sent.sent),
                None => match self.queue.peek_len() {
                    Some(len) => len,
                    None => break,
                },
            };
            let len = left.min(room);
            if len == 0 || (len < left && len < LEAST_FRAGMENT && !packet.is_empty()) {
                break;
            }
            // A message that fits a packet of its own is not cut.
            let whole_packet = self.mtu.saturating_sub(crate::packet::HEADER_LEN + Data::HEADER_LEN);
            let begun = self.outstanding.unfinished().is_some();
            if !begun && len < left && left <= whole_packet && !packet.is_empty() {
                break;
            }
            // RFC 9260, Section 6.1, A: nothing beyond the peer's window, but one packet may always probe it.
            let on_the_wire = self.outstanding.payload_in_flight();
            if on_the_wire > 0 && on_the_wire.saturating_add(len) > self.a_rwnd {
                break;
            }
            if !begun && !self.begin_message(now, stats) {
                continue;
            }
            let left = self
                .outstanding
                .unfinished()
                .map_or(0, |sent| sent.message.payload.len().saturating_sub(sent.sent));
            let len = left.min(room);
            let sent = self.outstanding.send_new(now, len, |data| packet.data(&data.header(), data.payload));
            if let Some((stream, control)) = sent {
                self.queue.sent(stream, len, control);
            }
            if len == left {
                stats.messages_sent = stats.messages_sent.saturating_add(1);
            }
        }
    }

    /// Takes the next message from the queue; `false` when expired ones were all there was before the next look.
    fn begin_message(&mut self, now: Instant, stats: &mut Stats) -> bool {
        let mut expired = 0usize;
        let next = self.queue.pop(now, |len| {
            expired = expired.saturating_add(len.saturating_add(MESSAGE_OVERHEAD));
            stats.messages_abandoned = stats.messages_abandoned.saturating_add(1);
        });
        self.used = self.used.saturating_sub(expired);
        let Some((stream, ssn, message)) = next else { return false };
        self.outstanding.begin(stream, ssn, message);
        expired == 0
    }

    pub(crate) const fn forward_due(&self) -> bool {
        self.forward_due
    }

    /// Appends a FORWARD-TSN if one is due.
    pub(crate) fn write_forward_tsn(&mut self, now: Instant, packet: &mut PacketWriter<'_>) -> bool {
        // RFC 3758, Section 3.5, C4: as many streams as the packet holds; the rest goes with the next one.
        let Some(most) = packet.room().checked_sub(8).map(|room| room / 4) else { return false };
        let mut skipped = std::mem::take(&mut self.skipped);
        let reached = self.outstanding.skipped(most, &mut skipped);
        packet.chunk(kind::FORWARD_TSN, 0, |out| ForwardTsn::write(out, reached.wire(), &skipped));
        self.skipped = skipped;
        self.forward_due = false;
        self.forward_sent = Some(now);
        true
    }

    /// Moves the advanced point on, and notes whether the peer has to be told now.
    fn note_advance(&mut self, now: Instant, at_once: bool) {
        if !self.outstanding.advance_peer_ack_point() {
            self.forward_due = false;
            return;
        }
        // RFC 3758, Section 3.5, C3: again while the peer lags behind, here once per round trip.
        let round = self.rto.smoothed().unwrap_or_else(|| self.rto.current());
        if at_once || self.forward_sent.is_none_or(|at| now.saturating_duration_since(at) >= round) {
            self.forward_due = true;
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.outstanding = Outstanding::new(self.outstanding.next_tsn());
        self.used = 0;
        self.forward_due = false;
    }

    /// Gives memory back while idle.
    pub(crate) fn shrink(&mut self) {
        self.outstanding.shrink();
    }

    pub(crate) fn fill_stats(&self, stats: &mut Stats) {
        stats.congestion_window = self.congestion.window();
        stats.slow_start_threshold = self.congestion.threshold();
        stats.bytes_in_flight = self.outstanding.in_flight();
        stats.peer_window = self.a_rwnd.saturating_sub(self.outstanding.payload_in_flight());
        stats.send_buffer = self.used;
        stats.smoothed_round_trip = self.rto.smoothed();
        stats.retransmission_timeout = self.rto.current();
        stats.mtu = self.mtu;
    }
}
