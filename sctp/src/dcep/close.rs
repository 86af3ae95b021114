//! How channels close.

use std::time::Instant;

use super::Channels;
use super::channel::{ChannelCloseReason, ChannelConfig, ChannelId, ChannelState};
use crate::event::StreamId;

impl Channels {
    /// Closes a channel: queued messages leave, then both directions are reset. [`Event::Closed`](super::Event::Closed) tells when
    /// that is done. No effect on a channel that is closing or closed.
    ///
    /// Source: [RFC 8831, Section 6.7](https://www.rfc-editor.org/rfc/rfc8831#section-6.7).
    pub fn close(&mut self, now: Instant, id: ChannelId) {
        let Some(channel) = self.table.get_mut(id) else { return };
        if !matches!(channel.state, ChannelState::Connecting | ChannelState::Open) {
            return;
        }
        channel.state = ChannelState::Closing;
        match channel.stream {
            Some(stream) => self.association.reset_stream(now, stream),
            None => self.finish_close(id, ChannelCloseReason::Local),
        }
        self.pump(now);
    }

    /// Closes the channel of a stream for a reason other than the application's wish; a stream without a channel is
    /// refused.
    pub(super) fn close_for(&mut self, now: Instant, stream: StreamId, reason: ChannelCloseReason) {
        let Some(id) = self.table.by_stream(stream) else {
            self.refuse_stream(now, stream);
            return;
        };
        let Some(channel) = self.table.get_mut(id) else { return };
        if matches!(channel.state, ChannelState::Connecting | ChannelState::Open) {
            channel.state = ChannelState::Closing;
            channel.close_reason = reason;
            self.table.note_closing(id);
            self.association.reset_stream(now, stream);
        }
    }

    /// Closes what the peer opened on a stream without the application having heard of it. A stream on its way to be
    /// reset already is left alone, so a peer that insists gets one answer.
    pub(super) fn refuse_stream(&mut self, now: Instant, stream: StreamId) {
        let full = self.table.len() >= usize::try_from(self.config.max_channels).unwrap_or(usize::MAX);
        if full || self.table.by_stream(stream).is_some() || self.association.is_stream_dead(stream) {
            return;
        }
        let id = self.table.insert(ChannelConfig::default(), Some(stream));
        if let Some(channel) = self.table.get_mut(id) {
            channel.announced = false;
            channel.state = ChannelState::Closing;
        }
        self.association.reset_stream(now, stream);
    }

    /// The peer has reset its direction.
    pub(super) fn handle_incoming_reset(&mut self, now: Instant, stream: StreamId) {
        let Some(id) = self.table.by_stream(stream) else { return };
        let Some(channel) = self.table.get_mut(id) else { return };
        channel.incoming_reset = true;
        if channel.outgoing_reset {
            let reason = channel.close_reason;
            self.finish_close(id, reason);
        } else {
            // RFC 8831, Section 6.7: it is answered by a reset of our direction.
            self.close_for(now, stream, ChannelCloseReason::Peer);
        }
    }

    /// Our direction is reset, or will never be.
    pub(super) fn handle_outgoing_reset(&mut self, stream: StreamId, performed: bool) {
        let Some(id) = self.table.by_stream(stream) else { return };
        let Some(channel) = self.table.get_mut(id) else { return };
        if performed && std::mem::take(&mut channel.stale_reset) {
            return;
        }
        channel.outgoing_reset = true;
        if channel.incoming_reset || !performed {
            let reason = channel.close_reason;
            self.finish_close(id, reason);
        }
    }

    pub(super) fn finish_close(&mut self, id: ChannelId, reason: ChannelCloseReason) {
        self.table.close(id, reason);
    }
}
