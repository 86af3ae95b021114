//! What was sent and is not yet acknowledged, as rings: fragments by TSN, messages in the order they began, and the order
//! of transmissions.
//!
//! A fragment names its message and an offset, so payloads are never copied before they are written. Loss is detected by
//! the order of transmissions, as RFC 9002 and RFC 8985 do: what was sent [`REORDERING`] packets before one that arrived is
//! lost, retransmissions included. Each entry is looked at once, so the work per SACK is what it newly says.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::send_queue::{MESSAGE_OVERHEAD, Outgoing};
use crate::event::StreamId;
use crate::packet::{Data, Skipped};
use crate::ranges::Ranges;
use crate::serial::{Tsn, ssn_after};

/// Packets that may overtake another before it counts as lost.
// RFC 9260, Section 7.2.4: three reports of later data.
const REORDERING: u64 = 3;

/// TSNs that may be outstanding: what a receiver of this crate takes ahead of a gap.
pub(crate) const MAX_OUTSTANDING: usize = 16_384;

/// A message being sent, or sent and not acknowledged to its end.
#[derive(Debug)]
pub(crate) struct SentMessage {
    pub(crate) stream: StreamId,
    pub(crate) ssn: u16,
    pub(crate) message: Outgoing,
    /// Bytes that have a TSN.
    pub(crate) sent: usize,
    last_tsn: Tsn,
    abandoned: bool,
}

impl SentMessage {
    fn is_complete(&self) -> bool {
        self.abandoned || self.sent >= self.message.payload.len()
    }

    fn is_exhausted(&self, retransmits: u32, now: Instant) -> bool {
        self.message.expires.is_some_and(|at| at <= now)
            || self.message.max_retransmits.is_some_and(|most| retransmits >= most)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FragmentState {
    InFlight,
    Lost,
    /// By a gap block.
    Acknowledged,
    Abandoned,
}

#[derive(Debug)]
struct Fragment {
    message: u64,
    sent_at: Instant,
    /// The packet that carried it last.
    packet: u64,
    offset: u32,
    retransmits: u32,
    len: u16,
    state: FragmentState,
}

impl Fragment {
    /// Bytes on the wire, chunk header and padding included.
    fn size(&self) -> usize {
        Data::HEADER_LEN.saturating_add(usize::from(self.len)).next_multiple_of(4)
    }
}

/// Consecutive TSNs that left in one packet.
#[derive(Debug)]
struct Transmission {
    packet: u64,
    first: Tsn,
    last: Tsn,
}

/// What a SACK newly said.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    /// Bytes, chunk headers included.
    pub(crate) bytes: usize,
    /// Messages' bytes that left the send buffer, overhead included.
    pub(crate) released: usize,
    pub(crate) cum_advanced: bool,
    /// Round-trip time of the newest fragment that was sent only once.
    pub(crate) round_trip: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Outstanding {
    /// The first fragment's TSN.
    base: Tsn,
    fragments: VecDeque<Fragment>,
    first_message: u64,
    messages: VecDeque<SentMessage>,
    acknowledged: Ranges,
    lost: VecDeque<Tsn>,
    lost_count: usize,
    transmissions: VecDeque<Transmission>,
    /// Transmissions that would be lost if a SACK had said all; in order of TSN.
    unknown: VecDeque<Transmission>,
    next_packet: u64,
    /// The latest packet of which something arrived.
    newest_arrived: Option<u64>,
    in_flight: usize,
    payload_in_flight: usize,
    /// RFC 3758: everything up to here is acknowledged or abandoned.
    advanced: Tsn,
}

impl Outstanding {
    pub(crate) fn new(initial: Tsn) -> Self {
        Self {
            base: initial,
            fragments: VecDeque::new(),
            first_message: 0,
            messages: VecDeque::new(),
            acknowledged: Ranges::default(),
            lost: VecDeque::new(),
            lost_count: 0,
            transmissions: VecDeque::new(),
            unknown: VecDeque::new(),
            next_packet: 0,
            newest_arrived: None,
            in_flight: 0,
            payload_in_flight: 0,
            advanced: initial.previous(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fragments.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.fragments.len() >= MAX_OUTSTANDING
    }

    /// Bytes on the wire, chunk headers included.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Payload bytes on the wire: what counts against the peer's window.
    pub(crate) const fn payload_in_flight(&self) -> usize {
        self.payload_in_flight
    }

    pub(crate) const fn has_lost(&self) -> bool {
        self.lost_count > 0
    }

    pub(crate) fn cum(&self) -> Tsn {
        self.base.previous()
    }

    /// The TSN the next new fragment gets.
    pub(crate) fn next_tsn(&self) -> Tsn {
        self.base.plus(u64::try_from(self.fragments.len()).unwrap_or_default())
    }

    /// A message that has begun to leave and has bytes left.
    pub(crate) fn unfinished(&self) -> Option<&SentMessage> {
        self.messages.back().filter(|message| !message.is_complete())
    }

    pub(crate) fn begin(&mut self, stream: StreamId, ssn: u16, message: Outgoing) {
        let last_tsn = self.next_tsn().previous();
        self.messages.push_back(SentMessage { stream, ssn, message, sent: 0, last_tsn, abandoned: false });
    }

    /// Starts a packet; its fragments follow.
    pub(crate) const fn begin_packet(&mut self) {
        self.next_packet = self.next_packet.wrapping_add(1);
    }

    /// Gives the next `len` bytes of the unfinished message a TSN and hands them to `write`.
    pub(crate) fn send_new(
        &mut self,
        now: Instant,
        len: usize,
        write: impl FnOnce(&Data<'_>),
    ) -> Option<(StreamId, bool)> {
        let tsn = self.next_tsn();
        let index = u64::try_from(self.messages.len()).ok()?.checked_sub(1)?;
        let message = self.messages.back_mut()?;
        let offset = message.sent;
        message.sent = offset.saturating_add(len);
        message.last_tsn = tsn;
        let fragment = Fragment {
            message: self.first_message.wrapping_add(index),
            sent_at: now,
            packet: self.next_packet,
            offset: u32::try_from(offset).ok()?,
            retransmits: 0,
            len: u16::try_from(len).ok()?,
            state: FragmentState::InFlight,
        };
        write(&view(message, &fragment, tsn)?);
        let sent = (message.stream, message.message.is_control());
        self.in_flight = self.in_flight.saturating_add(fragment.size());
        self.payload_in_flight = self.payload_in_flight.saturating_add(len);
        self.fragments.push_back(fragment);
        self.note_transmission(tsn);
        Some(sent)
    }

    fn note_transmission(&mut self, tsn: Tsn) {
        match self.transmissions.back_mut() {
            Some(entry) if entry.packet == self.next_packet && entry.last.next() == tsn => entry.last = tsn,
            _ => {
                self.transmissions.push_back(Transmission { packet: self.next_packet, first: tsn, last: tsn })
            }
        }
    }

    /// Length of the next fragment to be sent again. Those whose message has had its time or its attempts are
    /// abandoned instead, if the peer can be told.
    pub(crate) fn next_lost_len(
        &mut self,
        now: Instant,
        can_abandon: bool,
        abandoned: &mut Abandoned,
    ) -> Option<usize> {
        loop {
            let tsn = *self.lost.front()?;
            let Some(fragment) = self.fragment(tsn).filter(|f| f.state == FragmentState::Lost) else {
                self.lost.pop_front();
                continue;
            };
            let (number, retransmits, len) = (fragment.message, fragment.retransmits, fragment.len);
            if can_abandon
                && self.message(number).is_some_and(|message| message.is_exhausted(retransmits, now))
            {
                self.abandon(number, abandoned);
                continue;
            }
            return Some(usize::from(len));
        }
    }

    /// Sends the fragment again whose length [`next_lost_len`](Self::next_lost_len) just gave.
    pub(crate) fn send_lost(&mut self, now: Instant, write: impl FnOnce(&Data<'_>)) -> Option<()> {
        let tsn = self.lost.pop_front()?;
        let packet = self.next_packet;
        let fragment = self.fragments.get_mut(tsn.index_from(self.base)?)?;
        fragment.state = FragmentState::InFlight;
        fragment.retransmits = fragment.retransmits.saturating_add(1);
        fragment.sent_at = now;
        fragment.packet = packet;
        self.lost_count = self.lost_count.saturating_sub(1);
        self.in_flight = self.in_flight.saturating_add(fragment.size());
        self.payload_in_flight = self.payload_in_flight.saturating_add(usize::from(fragment.len));
        let index = usize::try_from(fragment.message.wrapping_sub(self.first_message)).ok()?;
        write(&view(self.messages.get(index)?, fragment, tsn)?);
        self.note_transmission(tsn);
        Some(())
    }

    /// Takes a cumulative acknowledgement that is not out of date, and gap blocks within what was sent.
    pub(crate) fn acknowledge(
        &mut self,
        now: Instant,
        cum: Tsn,
        gaps: impl Iterator<Item = (Tsn, Tsn)>,
        smallest_round_trip: Option<Duration>,
    ) -> Acknowledged {
        let mut seen =
            Seen { now, smallest: smallest_round_trip.unwrap_or_default(), newest: None, packet: None };
        let mut result = Acknowledged { cum_advanced: cum >= self.base, ..Acknowledged::default() };
        while self.base <= cum {
            let Some(fragment) = self.fragments.pop_front() else { break };
            self.base = self.base.next();
            result.bytes = result.bytes.saturating_add(self.take_acknowledged(&fragment, &mut seen));
        }
        self.acknowledged.trim(self.cum());
        self.advanced = self.advanced.max(self.cum());
        result.released = self.release_messages();
        let mut acknowledged = std::mem::take(&mut self.acknowledged);
        for (start, end) in gaps {
            acknowledged.insert(start, end, |from, to| {
                result.bytes = result.bytes.saturating_add(self.acknowledge_gap(from, to, &mut seen));
            });
        }
        self.acknowledged = acknowledged;
        self.repair_reneged();
        result.round_trip = seen.newest.map(|sent_at| now.saturating_duration_since(sent_at));
        self.newest_arrived = self.newest_arrived.max(seen.packet);
        if self.fragments.is_empty() {
            self.transmissions.clear();
            self.unknown.clear();
            self.lost.clear();
        }
        result
    }

    fn acknowledge_gap(&mut self, from: Tsn, to: Tsn, seen: &mut Seen) -> usize {
        let mut bytes = 0usize;
        let mut tsn = from;
        while tsn <= to {
            let Some(index) = tsn.index_from(self.base) else { break };
            let Some(fragment) = self.fragments.get_mut(index) else { break };
            let before = fragment.state;
            if before != FragmentState::Abandoned {
                fragment.state = FragmentState::Acknowledged;
            }
            seen.note(fragment, before);
            let (size, len) = (fragment.size(), usize::from(fragment.len));
            bytes = bytes.saturating_add(self.leave(before, size, len));
            tsn = tsn.next();
        }
        bytes
    }

    fn take_acknowledged(&mut self, fragment: &Fragment, seen: &mut Seen) -> usize {
        seen.note(fragment, fragment.state);
        self.leave(fragment.state, fragment.size(), usize::from(fragment.len))
    }

    /// Accounts for a fragment in this state having arrived; returns the bytes that this is news of.
    fn leave(&mut self, state: FragmentState, size: usize, len: usize) -> usize {
        match state {
            FragmentState::InFlight => {
                self.in_flight = self.in_flight.saturating_sub(size);
                self.payload_in_flight = self.payload_in_flight.saturating_sub(len);
                size
            }
            FragmentState::Lost => {
                self.lost_count = self.lost_count.saturating_sub(1);
                size
            }
            FragmentState::Acknowledged | FragmentState::Abandoned => 0,
        }
    }

    /// The first outstanding TSN cannot have been acknowledged by a gap block; if it was, the peer took that back.
    // RFC 9260, Section 6.2.1, iv
    fn repair_reneged(&mut self) {
        let Some(first) = self.fragments.front_mut() else { return };
        if first.state == FragmentState::Acknowledged {
            first.state = FragmentState::Lost;
            self.lost_count = self.lost_count.saturating_add(1);
            self.lost.push_front(self.base);
            self.acknowledged.trim(self.base);
        }
    }

    /// Declares lost what was sent long enough before something that arrived; returns how many, and the last of them.
    /// `truncated`: the SACK may have had no room for all gap blocks, so what lies behind its last one is unknown.
    pub(crate) fn detect_losses(&mut self, truncated: bool) -> (u64, Option<Tsn>) {
        let mut losses = (0, None);
        let known = self.acknowledged.last().unwrap_or_else(|| self.cum());
        while self.unknown.front().is_some_and(|entry| !truncated || entry.last <= known) {
            let Some(entry) = self.unknown.pop_front() else { break };
            self.lose(&entry, &mut losses);
        }
        let Some(newest) = self.newest_arrived else { return losses };
        while self
            .transmissions
            .front()
            .is_some_and(|entry| entry.packet.saturating_add(REORDERING) <= newest)
        {
            let Some(entry) = self.transmissions.pop_front() else { break };
            if truncated && entry.last > known {
                self.unknown.push_back(entry);
            } else {
                self.lose(&entry, &mut losses);
            }
        }
        losses
    }

    /// Declares lost what of a transmission has not arrived and was not sent again since.
    fn lose(&mut self, entry: &Transmission, losses: &mut (u64, Option<Tsn>)) {
        let mut tsn = entry.first.max(self.base);
        while tsn <= entry.last {
            if self.fragment(tsn).is_some_and(|f| f.packet == entry.packet) && self.mark_lost(tsn) {
                losses.0 = losses.0.saturating_add(1);
                losses.1 = losses.1.max(Some(tsn));
            }
            tsn = tsn.next();
        }
    }

    fn mark_lost(&mut self, tsn: Tsn) -> bool {
        let Some(fragment) = tsn.index_from(self.base).and_then(|index| self.fragments.get_mut(index)) else {
            return false;
        };
        if fragment.state != FragmentState::InFlight {
            return false;
        }
        fragment.state = FragmentState::Lost;
        let again = fragment.retransmits > 0;
        self.in_flight = self.in_flight.saturating_sub(fragment.size());
        self.payload_in_flight = self.payload_in_flight.saturating_sub(usize::from(fragment.len));
        self.lost_count = self.lost_count.saturating_add(1);
        if again {
            self.lost.push_front(tsn);
        } else {
            self.lost.push_back(tsn);
        }
        true
    }

    /// Declares everything in flight lost.
    // RFC 9260, Section 6.3.3, E3
    pub(crate) fn lose_all(&mut self) {
        self.transmissions.clear();
        self.unknown.clear();
        self.newest_arrived = None;
        let mut tsn = self.base;
        let end = self.next_tsn();
        while tsn < end {
            self.mark_lost(tsn);
            tsn = tsn.next();
        }
        self.lost.clear();
        let lost = self.fragments.iter().zip(0u64..).filter(|(f, _)| f.state == FragmentState::Lost);
        self.lost.extend(lost.map(|(_, index)| self.base.plus(index)));
    }

    /// Gives up every fragment of a message, acknowledged ones included, and what was not yet sent of it.
    // RFC 3758, Section 3.5, A3
    fn abandon(&mut self, number: u64, abandoned: &mut Abandoned) {
        let Some(message) = self.message_mut(number) else { return };
        let unsent = message.message.payload.len().saturating_sub(message.sent);
        message.abandoned = true;
        let (mut tsn, stream) = (message.last_tsn, message.stream);
        abandoned.messages = abandoned.messages.saturating_add(1);
        abandoned.unsent.push((stream, unsent));
        while let Some(fragment) = tsn.index_from(self.base).and_then(|index| self.fragments.get_mut(index)) {
            if fragment.message != number {
                break;
            }
            let before = std::mem::replace(&mut fragment.state, FragmentState::Abandoned);
            let (size, len) = (fragment.size(), usize::from(fragment.len));
            self.leave(before, size, len);
            tsn = tsn.previous();
        }
    }

    /// Moves on over what was abandoned; whether the peer has to be told.
    // RFC 3758, Section 3.5, C1 to C3
    pub(crate) fn advance_peer_ack_point(&mut self) -> bool {
        while self.fragment(self.advanced.next()).is_some_and(|f| f.state == FragmentState::Abandoned) {
            self.advanced = self.advanced.next();
        }
        self.advanced > self.cum()
    }

    /// Collects the last abandoned message of each ordered stream up to the advanced point, at most `most`;
    /// returns the TSN up to which they reach.
    pub(crate) fn skipped(&self, most: usize, out: &mut Vec<Skipped>) -> Tsn {
        out.clear();
        let mut reached = self.cum();
        for message in &self.messages {
            if message.last_tsn > self.advanced || !message.abandoned {
                break;
            }
            if !message.message.unordered {
                let (stream, ssn) = (message.stream.0, message.ssn);
                if let Some(entry) = out.iter_mut().find(|entry| entry.stream == stream) {
                    if ssn_after(ssn, entry.ssn) {
                        entry.ssn = ssn;
                    }
                } else if out.len() < most {
                    out.push(Skipped { stream, ssn });
                } else {
                    return reached;
                }
            }
            reached = message.last_tsn;
        }
        self.advanced
    }

    /// Drops messages of which everything was acknowledged; returns what they were charged.
    fn release_messages(&mut self) -> usize {
        let mut released = 0usize;
        let cum = self.cum();
        while self.messages.front().is_some_and(|m| m.is_complete() && m.last_tsn <= cum) {
            let Some(message) = self.messages.pop_front() else { break };
            self.first_message = self.first_message.wrapping_add(1);
            released =
                released.saturating_add(message.message.payload.len().saturating_add(MESSAGE_OVERHEAD));
        }
        released
    }

    fn fragment(&self, tsn: Tsn) -> Option<&Fragment> {
        self.fragments.get(tsn.index_from(self.base)?)
    }

    fn message(&self, number: u64) -> Option<&SentMessage> {
        self.messages.get(usize::try_from(number.wrapping_sub(self.first_message)).ok()?)
    }

    fn message_mut(&mut self, number: u64) -> Option<&mut SentMessage> {
        self.messages.get_mut(usize::try_from(number.wrapping_sub(self.first_message)).ok()?)
    }

    pub(crate) fn shrink(&mut self) {
        if self.fragments.is_empty() && self.messages.is_empty() {
            self.fragments.shrink_to(32);
            self.messages.shrink_to(32);
            self.transmissions.shrink_to(32);
            self.unknown = VecDeque::new();
            self.lost.shrink_to(32);
        }
    }
}

/// What [`Outstanding::next_lost_len`] gave up.
#[derive(Debug, Default)]
pub(crate) struct Abandoned {
    pub(crate) messages: u64,
    /// Bytes that will never be sent, by stream.
    pub(crate) unsent: Vec<(StreamId, usize)>,
}

/// The newest things that an acknowledgement shows to have arrived.
struct Seen {
    now: Instant,
    smallest: Duration,
    newest: Option<Instant>,
    packet: Option<u64>,
}

impl Seen {
    fn note(&mut self, fragment: &Fragment, state: FragmentState) {
        if !matches!(state, FragmentState::InFlight) {
            return;
        }
        let once = fragment.retransmits == 0;
        // RFC 9260, Section 6.3.1, C5 (Karn): no measure from what was sent twice.
        if once {
            self.newest = self.newest.max(Some(fragment.sent_at));
        }
        // RFC 8985, Section 6.2: an answer sooner than any round trip acknowledges an earlier transmission.
        if once || self.now.saturating_duration_since(fragment.sent_at) >= self.smallest {
            self.packet = self.packet.max(Some(fragment.packet));
        }
    }
}

fn view<'a>(message: &'a SentMessage, fragment: &Fragment, tsn: Tsn) -> Option<Data<'a>> {
    let start = usize::try_from(fragment.offset).ok()?;
    let end = start.checked_add(usize::from(fragment.len))?;
    let payload = &message.message.payload;
    let ending = end == payload.len();
    Some(Data {
        // RFC 9260, Section 3.3.1: the I bit is left to the sender's taste; a delayed SACK costs us nothing.
        immediate: false,
        unordered: message.message.unordered,
        beginning: start == 0,
        ending,
        tsn: tsn.wire(),
        stream: message.stream.0,
        ssn: message.ssn,
        ppid: message.message.ppid,
        payload: payload.get(start..end)?,
    })
}
