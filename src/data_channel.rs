//! Data channels, as the browser's API has them.

use crate::event::Event;
use crate::peer_connection::{PeerConnection, Phase};
use bytes::Bytes;
use duologue_sctp::SendError;
use duologue_sctp::dcep::{self, Channel, ChannelConfig, ChannelId, CreateError, Kind, Message};
use std::time::Instant;

impl PeerConnection {
    /// Creates a data channel; the first one asks for a negotiation. It opens once the connection is up.
    ///
    /// # Errors
    /// A label or protocol that is too long, a negotiated id that is in use, no id left, or the connection has ended.
    pub fn create_data_channel(
        &mut self,
        now: Instant,
        label: &str,
        mut config: ChannelConfig,
    ) -> Result<ChannelId, CreateError> {
        let now = self.wake(now);
        if self.phase != Phase::Running {
            return Err(CreateError::Closed);
        }
        label.clone_into(&mut config.label);
        let id = self.channels.create(now, config)?;
        self.signalling.negotiator.request_data();
        Ok(id)
    }

    /// Queues a message, an empty one too.
    ///
    /// # Errors
    /// The channel is closing or closed, the message is over the peer's `max-message-size`, or the send buffer is full; the
    /// payload comes back.
    pub fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        kind: Kind,
        payload: Bytes,
    ) -> Result<(), SendError> {
        let now = self.wake(now);
        if self.phase != Phase::Running {
            return Err(SendError::Closed(payload));
        }
        self.channels.send(now, channel, kind, payload)
    }

    /// The next message that has arrived, from whichever channel. What is not fetched holds the peer back.
    pub fn recv(&mut self) -> Option<Message> {
        self.wake(self.now);
        self.channels.recv()
    }

    /// A data channel's label, state and counters, until [`Event::ChannelClosed`] was handed out.
    #[must_use]
    pub fn data_channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.channel(id)
    }

    /// Every data channel.
    pub fn data_channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.channels.channels()
    }

    /// Bytes of the channel's messages that have not left yet.
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.channels.buffered_amount(id)
    }

    /// [`Event::BufferedAmountLow`] tells when the channel's buffered amount comes down to `threshold` bytes. Default 0.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, threshold: usize) {
        self.wake(self.now);
        self.channels.set_buffered_amount_low_threshold(id, threshold);
    }

    /// Closes a data channel once what is queued on it has arrived; [`Event::ChannelClosed`] tells when it is done.
    pub fn close_data_channel(&mut self, now: Instant, id: ChannelId) {
        let now = self.wake(now);
        self.channels.close(now, id);
    }

    pub(crate) fn poll_channel_event(&mut self) -> Option<Event> {
        loop {
            return Some(match self.channels.poll_event()? {
                dcep::Event::Established => Event::SctpConnected,
                dcep::Event::Opened(id) => Event::ChannelOpen(id),
                dcep::Event::Incoming(id) => Event::DataChannel(id),
                dcep::Event::Readable => Event::Readable,
                dcep::Event::BufferedAmountLow(id) => Event::BufferedAmountLow(id),
                dcep::Event::Closing(id) => Event::ChannelClosing(id),
                dcep::Event::Closed(id, reason) => Event::ChannelClosed(id, reason),
                dcep::Event::Ended(reason) => Event::SctpClosed(reason),
                _ => continue,
            });
        }
    }
}
