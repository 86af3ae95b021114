//! Counters and gauges of a connection.

use crate::event::Discard;
use crate::peer_connection::{PeerConnection, Security};
use std::time::Duration;

/// Counters since the start and the present measures, of the connection and of its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams written.
    pub datagrams_sent: u64,
    /// Bytes of datagrams written.
    pub bytes_sent: u64,
    /// Datagrams given in.
    pub datagrams_received: u64,
    /// Bytes of datagrams given in.
    pub bytes_received: u64,
    /// The round trip of the path in use, once measured.
    pub round_trip: Option<Duration>,
    /// The ICE agent's counters.
    pub ice: duologue_ice::Stats,
    /// The DTLS connection's counters, once there is one.
    pub dtls: Option<duologue_dtls::Stats>,
    /// The SCTP association's counters.
    pub sctp: duologue_sctp::Stats,
    discards: [u64; Discard::COUNT],
}

impl Stats {
    /// How many datagrams were discarded for this kind of reason; a layer's own stats tell its reasons apart.
    #[must_use]
    pub fn discarded(&self, reason: Discard) -> u64 {
        self.discards.get(reason.index()).copied().unwrap_or_default()
    }

    /// How many datagrams were discarded.
    #[must_use]
    pub fn discarded_total(&self) -> u64 {
        self.discards.iter().sum()
    }
}

/// What the driver itself counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) datagrams_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) datagrams_received: u64,
    pub(crate) bytes_received: u64,
    discards: [u64; Discard::COUNT],
}

impl Counters {
    pub(crate) fn count(&mut self, reason: Discard) {
        if let Some(counter) = self.discards.get_mut(reason.index()) {
            *counter += 1;
        }
    }
}

impl PeerConnection {
    /// The counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Counters { datagrams_sent, bytes_sent, datagrams_received, bytes_received, discards } =
            self.counters;
        Stats {
            datagrams_sent,
            bytes_sent,
            datagrams_received,
            bytes_received,
            round_trip: self.ice.round_trip(),
            ice: self.ice.stats(),
            dtls: match &self.security {
                Security::Waiting => None,
                Security::Handshaking(dtls) | Security::Established { dtls, .. } => Some(dtls.stats()),
            },
            sctp: self.channels.stats(),
            discards,
        }
    }
}
