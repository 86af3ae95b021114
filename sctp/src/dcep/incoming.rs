//! What the association brings: messages, resets, its own events.

use std::time::Instant;

use bytes::Bytes;

use super::channel::{ChannelCloseReason, ChannelConfig, ChannelId, ChannelState};
use super::event::{Kind, Message};
use super::message::{Dcep, Open};
use super::{Channels, Told, ppid};
use crate::event::{Event, StreamId};
use crate::rx::Delivery;

impl Channels {
    /// Moves what the association has brought to the channels.
    pub(super) fn pump(&mut self, now: Instant) {
        if !self.streams_checked && self.association.stream_count().is_some() {
            self.streams_checked = true;
            self.drop_channels_beyond_limit();
        }
        loop {
            while let Some(event) = self.association.next_own_event() {
                self.handle_event(event);
            }
            match self.association.next_delivery() {
                Some(Delivery::Message { stream, ppid, payload }) => {
                    self.handle_message(now, stream, ppid, payload);
                }
                Some(Delivery::Reset(stream)) => self.handle_incoming_reset(now, stream),
                Some(Delivery::TooLarge(stream)) => {
                    self.close_for(now, stream, ChannelCloseReason::MessageTooLarge);
                }
                None => break,
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Established => {
                self.established = Told::Due;
                let ids: Vec<ChannelId> = self.table.iter().map(|(id, _)| id).collect();
                for id in ids {
                    if self.table.get(id).is_some_and(|channel| channel.stream.is_some()) {
                        self.table.open(id);
                    }
                }
            }
            Event::BufferedAmountLow(stream) => self.table.note_low(stream),
            Event::OutgoingReset { stream, performed } => self.handle_outgoing_reset(stream, performed),
            Event::Closed(reason) => {
                let ids: Vec<ChannelId> = self.table.iter().map(|(id, _)| id).collect();
                for id in ids {
                    self.table.close(id, ChannelCloseReason::AssociationEnded);
                }
                self.ended = Some(reason);
            }
            // Deliveries are taken one by one.
            Event::Readable | Event::IncomingReset(_) | Event::MessageTooLarge(_) => {}
        }
    }

    fn handle_message(&mut self, now: Instant, stream: StreamId, ppid: u32, payload: Bytes) {
        if ppid == ppid::DCEP {
            self.association.release(payload.len());
            self.handle_dcep(now, stream, &payload);
            return;
        }
        let charged = payload.len();
        let (kind, payload) = match ppid {
            ppid::TEXT => (Kind::Text, payload),
            ppid::BINARY => (Kind::Binary, payload),
            // RFC 8831, Section 6.6: the byte of an empty message is ignored.
            ppid::EMPTY_TEXT => (Kind::Text, Bytes::new()),
            ppid::EMPTY_BINARY => (Kind::Binary, Bytes::new()),
            _ => {
                // RFC 8831, Section 6.6: a message with an unsupported identifier closes the channel.
                self.association.release(charged);
                self.close_for(now, stream, ChannelCloseReason::UnknownMessageKind);
                return;
            }
        };
        let Some(channel) = self.table.by_stream(stream) else {
            // RFC 8832, Section 6: user data on an unused stream is an error; the channel is closed.
            self.association.release(charged);
            self.refuse_stream(now, stream);
            return;
        };
        let Some(entry) =
            self.table.get_mut(channel).filter(|channel| channel.state != ChannelState::Closing)
        else {
            self.association.release(charged);
            return;
        };
        entry.heard = true;
        let len = payload.len();
        entry.stats.messages_received = entry.stats.messages_received.saturating_add(1);
        let bytes = u64::try_from(len).unwrap_or_default();
        entry.stats.bytes_received = entry.stats.bytes_received.saturating_add(bytes);
        self.inbox.push_back(Message { channel, kind, payload });
        // An empty message was charged one byte; `recv` gives back what the payload shows.
        self.association.uncharge(charged.saturating_sub(len));
    }

    fn handle_dcep(&mut self, now: Instant, stream: StreamId, payload: &[u8]) {
        match Dcep::parse(payload) {
            Some(Dcep::Ack) => {
                if let Some(channel) = self.table.by_stream(stream).and_then(|id| self.table.get_mut(id)) {
                    channel.heard = true;
                }
            }
            Some(Dcep::Open(open)) => self.handle_open(now, stream, &open),
            None => self.refuse_stream(now, stream),
        }
    }

    // RFC 8832, Section 6
    fn handle_open(&mut self, now: Instant, stream: StreamId, open: &Open<'_>) {
        let full = self.table.len() >= usize::try_from(self.config.max_channels).unwrap_or(usize::MAX);
        let parity = self.role.map(|role| 1 - role.parity());
        let of_the_peer = parity.is_none_or(|parity| stream.0 % 2 == parity);
        self.finish_half_closed(stream);
        if self.table.by_stream(stream).is_some() {
            self.close_for(now, stream, ChannelCloseReason::StreamConflict);
        } else if full || !of_the_peer {
            self.refuse_stream(now, stream);
        } else {
            let id = self.table.insert(
                ChannelConfig {
                    label: open.label.to_owned(),
                    protocol: open.protocol.to_owned(),
                    ordered: open.ordered,
                    reliability: open.reliability,
                    priority: open.priority,
                    negotiated: None,
                },
                Some(stream),
            );
            if let Some(channel) = self.table.get_mut(id) {
                channel.opened_by_peer = true;
                channel.heard = true;
                channel.stale_reset = self.association.is_stream_resetting(stream);
            }
            self.send_dcep(now, stream, Bytes::from(Dcep::Ack.to_bytes()));
            self.table.open(id);
        }
    }

    /// A peer that opens a channel has seen both directions of the stream's last channel reset: if only the answer
    /// to our reset is missing here, it is under way.
    fn finish_half_closed(&mut self, stream: StreamId) {
        let Some(id) = self.table.by_stream(stream) else { return };
        let Some(channel) = self.table.get(id) else { return };
        if channel.state == ChannelState::Closing && channel.incoming_reset {
            let reason = channel.close_reason;
            self.finish_close(id, reason);
        }
    }

    /// After set-up: channels whose streams the association turned out not to have.
    fn drop_channels_beyond_limit(&mut self) {
        let limit = self.stream_limit();
        let beyond: Vec<ChannelId> = self
            .table
            .iter()
            .filter(|(_, channel)| channel.stream.is_some_and(|stream| stream.0 >= limit))
            .map(|(id, _)| id)
            .collect();
        for id in beyond {
            if let Some(stream) = self.table.get(id).and_then(|channel| channel.stream) {
                self.association.discard_stream(stream);
            }
            self.finish_close(id, ChannelCloseReason::NoStream);
        }
    }
}
