//! Statistics of data channels.

use crate::peer_connection::PeerConnection;
use duologue_sctp::dcep::{ChannelId, ChannelState};

/// A data channel (the W3C's `data-channel`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataChannelStats<'a> {
    /// Which.
    pub channel: ChannelId,
    /// Its stream, once it has one.
    pub data_channel_identifier: Option<u16>,
    /// Its name.
    pub label: &'a str,
    /// Its subprotocol.
    pub protocol: &'a str,
    /// Where it is in its life.
    pub state: ChannelState,
    /// Messages given to [`send`](PeerConnection::send).
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that arrived whole.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

impl PeerConnection {
    /// Statistics of every data channel, until [`Event::ChannelClosed`](crate::Event::ChannelClosed) was handed out.
    pub fn data_channel_stats(&self) -> impl Iterator<Item = DataChannelStats<'_>> {
        self.channels.channels().map(|(id, channel)| {
            let (config, counters) = (channel.config(), channel.stats());
            DataChannelStats {
                channel: id,
                data_channel_identifier: channel.stream().map(|stream| stream.0),
                label: &config.label,
                protocol: &config.protocol,
                state: channel.state(),
                messages_sent: counters.messages_sent,
                bytes_sent: counters.bytes_sent,
                messages_received: counters.messages_received,
                bytes_received: counters.bytes_received,
            }
        })
    }
}
