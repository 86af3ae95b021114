//! Statistics of what is sent: as we count it, and as its receiver tells.

use super::kind_of;
use crate::media::Link;
use crate::peer_connection::PeerConnection;
use duologue_rtp::codec::Codec;
use duologue_rtp::stream::SenderId;
use duologue_rtp::{PayloadType, SenderStats, Ssrc};
use duologue_sdp::jsep::{TrackKind, TransceiverId};
use std::time::Instant;

/// A sent encoding (the W3C's `outbound-rtp`).
///
/// Retransmissions count as the encoding's, also those with a source of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboundRtpStats<'a> {
    /// Which.
    pub sender: SenderId,
    /// The transceiver that sends it.
    pub transceiver: TransceiverId,
    /// What it carries; `None` when there is nothing that it may send.
    pub kind: Option<TrackKind>,
    /// The identification of the transceiver's section.
    pub mid: Option<&'a str>,
    /// Its `rid`, with simulcast.
    pub rid: Option<&'a str>,
    /// Its place among the transceiver's encodings.
    pub encoding_index: usize,
    /// Its source.
    pub ssrc: Ssrc,
    /// The source of its retransmissions; `None` when they come from [`ssrc`](Self::ssrc).
    pub rtx_ssrc: Option<Ssrc>,
    /// Whether it sends, or is paused.
    pub active: bool,
    /// What it sent last with: of the `codec` with this one that is sent.
    pub payload_type: Option<PayloadType>,
    /// What that is.
    pub codec: Option<Codec>,
    /// Packets, retransmissions among them.
    pub packets_sent: u64,
    /// Bytes of their payloads.
    pub bytes_sent: u64,
    /// Bytes of their headers and tags: with the payloads all that the datagrams held.
    pub header_bytes_sent: u64,
    /// Frames given to [`send_frame`](PeerConnection::send_frame).
    pub frames_sent: u64,
    /// NACK packets that came.
    pub nack_count: u64,
    /// Picture loss indications that came.
    pub pli_count: u64,
    /// Full intra and layer refresh requests that came.
    pub fir_count: u64,
    /// Retransmissions.
    pub retransmitted_packets_sent: u64,
    /// Bytes of their payloads.
    pub retransmitted_bytes_sent: u64,
}

/// A sent encoding as the peer's newest report has it (the W3C's `remote-inbound-rtp`).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RemoteInboundRtpStats {
    /// Of which of the sent encodings.
    pub sender: SenderId,
    /// The transceiver that sends it.
    pub transceiver: TransceiverId,
    /// What it carries.
    pub kind: TrackKind,
    /// Its source.
    pub ssrc: Ssrc,
    /// When the report came.
    pub timestamp: Instant,
    /// Packets lost ([RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)); below zero when more
    /// came than were sent.
    pub packets_lost: i64,
    /// The share of packets lost between the last two reports, from 0 to 1.
    pub fraction_lost: f64,
    /// The variation of the time between packets, in seconds.
    pub jitter: f64,
    /// The newest round trip, in seconds, once measured.
    pub round_trip_time: Option<f64>,
    /// The sum of all measured, in seconds.
    pub total_round_trip_time: f64,
    /// How many were measured.
    pub round_trip_time_measurements: u64,
}

impl PeerConnection {
    /// Statistics of every sent encoding.
    pub fn outbound_rtp(&self) -> impl Iterator<Item = OutboundRtpStats<'_>> {
        self.media.session.senders().filter_map(|one| {
            let link = self.media.links.get(&one.section)?;
            let encoding_index = link.senders.iter().position(|(_, sender)| *sender == one.sender)?;
            let (rid, _) = link.senders.get(encoding_index)?;
            Some(OutboundRtpStats {
                sender: one.sender,
                transceiver: link.transceiver,
                kind: one.codec.or_else(|| Some(link.section.send.first()?.codec)).map(kind_of),
                mid: link.section.mid.as_deref(),
                rid: rid.as_deref(),
                encoding_index,
                ssrc: one.ssrc,
                rtx_ssrc: Some(one.repair_ssrc).filter(|_| is_repaired_apart(link, &one)),
                active: one.active,
                payload_type: one.payload_type,
                codec: one.codec,
                packets_sent: one.packets + one.repair_packets,
                bytes_sent: one.payload_bytes + one.repair_bytes,
                header_bytes_sent: one.header_bytes + one.repair_header_bytes,
                frames_sent: one.frames,
                nack_count: one.nacks,
                pli_count: one.plis,
                fir_count: one.firs,
                retransmitted_packets_sent: one.repair_packets,
                retransmitted_bytes_sent: one.repair_bytes,
            })
        })
    }

    /// What the peer reports of every sent encoding that it has reported on.
    pub fn remote_inbound_rtp(&self) -> impl Iterator<Item = RemoteInboundRtpStats> {
        self.media.session.senders().filter_map(|one| {
            let (report, clock_rate) = (one.remote, one.clock_rate?);
            Some(RemoteInboundRtpStats {
                sender: one.sender,
                transceiver: self.media.links.get(&one.section)?.transceiver,
                kind: kind_of(one.codec?),
                ssrc: one.ssrc,
                timestamp: report.arrival?,
                packets_lost: report.cumulative_lost,
                fraction_lost: f64::from(report.fraction_lost) / 256.0,
                jitter: f64::from(report.jitter) / f64::from(clock_rate.get()),
                round_trip_time: report.round_trip.map(|time| time.as_secs_f64()),
                total_round_trip_time: report.round_trip_total.as_secs_f64(),
                round_trip_time_measurements: report.round_trip_measurements,
            })
        })
    }
}

/// Whether retransmissions have a source of their own, with what was sent last or, before that, with anything.
fn is_repaired_apart(link: &Link, sender: &SenderStats) -> bool {
    let in_use = |known| sender.payload_type.is_none_or(|used| used == known);
    link.section.send.iter().any(|format| format.repair.is_some() && in_use(format.payload_type))
}
