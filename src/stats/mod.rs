//! Counters and gauges of a connection: its own and its layers', and the browser's statistics.
//!
//! The browser's are in the words of the W3C's [Identifiers for WebRTC's Statistics API](https://www.w3.org/TR/webrtc-stats/),
//! each kind with a call of its own that hands out `Copy` structs; nothing is allocated. What an entry belongs to is told by
//! the identifiers of this crate (`SenderId`, `ReceiverId`, `TransceiverId`, `PairId`, `ChannelId`). There is one transport, so
//! `transportId` is left out, and so is what only a capturer, encoder, decoder or player knows: frame sizes and rates,
//! `frames_decoded`, `key_frames_decoded`, `quality_limitation_*`, audio levels, play-out and jitter-buffer times. Left out too
//! is what no layer measures yet: the round trip of a peer that only sends (it needs RFC 3611's DLRR), `packets_received` at
//! the peer, packets and bytes of a single candidate pair, the available bitrates.

mod channel;
mod codec;
mod inbound;
mod outbound;
mod transport;

pub use channel::DataChannelStats;
pub use codec::{CodecStats, CodecType, MimeType};
pub use inbound::{InboundRtpStats, RemoteOutboundRtpStats};
pub use outbound::{OutboundRtpStats, RemoteInboundRtpStats};
pub use transport::{CandidatePairStats, CertificateStats, DtlsTransportState, TransportStats};

use crate::event::Discard;
use crate::peer_connection::{PeerConnection, Security};
use duologue_rtp::codec::Codec;
use duologue_sdp::jsep::TrackKind;
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
    /// The RTP session's counters.
    pub rtp: duologue_rtp::Stats,
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
            rtp: self.media.session.stats(),
            discards,
        }
    }
}

/// What a stream of this codec carries.
fn kind_of(codec: Codec) -> TrackKind {
    if codec.is_video() { TrackKind::Video } else { TrackKind::Audio }
}
