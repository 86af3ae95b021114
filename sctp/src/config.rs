//! Settings.

use std::time::Duration;

/// Settings of an [`Association`](crate::Association) and of the [`Channels`](crate::dcep::Channels) on it.
///
/// The defaults suit a WebRTC data connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Our SCTP port, `a=sctp-port` of our description. Default 5000.
    pub local_port: u16,
    /// The peer's SCTP port until [`set_remote_port`](crate::Association::set_remote_port) says otherwise. Default 5000.
    pub remote_port: u16,
    /// Receive buffer in bytes, advertised as `a_rwnd`. Default 4 MiB: 100 Mbit/s over 300 ms fit. Nothing is
    /// allocated ahead. At least `max_message_size` plus 128 KiB is used, so that each allowed message can complete.
    pub receive_window: u32,
    /// Largest message accepted from the peer, in bytes, `a=max-message-size` of our description. Default 262,144.
    pub max_message_size: u32,
    /// Bytes that may wait in the send buffer, unacknowledged ones included and each message charged
    /// 64 bytes more; a message beyond is refused. Default 16 MiB, as browsers have.
    pub send_buffer: usize,
    /// Streams we ask to send on. Default 65,535.
    pub outbound_streams: u16,
    /// Streams we can receive on. Default 65,535.
    pub inbound_streams: u16,
    /// Largest SCTP packet in bytes at first. Default 1,144: a UDP payload of 1,200 bytes less DTLS 1.2 with room to spare.
    pub mtu: usize,
    /// Retransmission timeout before the first measurement. Default 500 ms.
    // RFC 9260, Section 16 suggests 1 s for paths of any kind; ICE has just measured these at far less.
    pub rto_initial: Duration,
    /// Smallest retransmission timeout. Default 400 ms: above the 200 ms that a peer may delay a SACK.
    pub rto_min: Duration,
    /// Largest retransmission timeout. Default 10 s: a path that comes back is used again soon.
    pub rto_max: Duration,
    /// How long a SACK may wait for company. Default 20 ms, at most 500 ms.
    // RFC 9260, Section 6.2: within 200 ms, never above 500 ms.
    pub sack_delay: Duration,
    /// Time between HEARTBEATs on an idle path; `None` sends none. Default 30 s.
    pub heartbeat_interval: Option<Duration>,
    /// How often in a row the peer may fail to answer data, HEARTBEAT, RE-CONFIG or SHUTDOWN before the association ends.
    /// Default `None`, never: ICE consent watches over the path, and an ICE restart shall find the association alive.
    pub max_retransmissions: Option<u32>,
    /// How often INIT and COOKIE ECHO are sent again before the association ends. Default `None`, without end.
    pub max_init_retransmissions: Option<u32>,
    /// How long a state cookie stays good. Default 60 s.
    pub cookie_life: Duration,
    /// Congestion window at first, in packets. Default 10.
    pub initial_window: u16,
    /// Data channels that may exist at once, those still closing included; further ones are refused. Default 65,535.
    pub max_channels: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            local_port: 5000,
            remote_port: 5000,
            receive_window: 4 << 20,
            max_message_size: 262_144,
            send_buffer: 16 << 20,
            outbound_streams: u16::MAX,
            inbound_streams: u16::MAX,
            mtu: 1144,
            rto_initial: Duration::from_millis(500),
            rto_min: Duration::from_millis(400),
            rto_max: Duration::from_secs(10),
            sack_delay: Duration::from_millis(20),
            heartbeat_interval: Some(Duration::from_secs(30)),
            max_retransmissions: None,
            max_init_retransmissions: None,
            cookie_life: Duration::from_secs(60),
            initial_window: 10,
            max_channels: 65_535,
        }
    }
}

impl Config {
    /// The receive buffer in use: large enough for the largest message and what is in flight behind it.
    pub(crate) fn window(&self) -> usize {
        let least = self.max_message_size.saturating_add(128 << 10);
        usize::try_from(self.receive_window.max(least)).unwrap_or(usize::MAX)
    }
}
