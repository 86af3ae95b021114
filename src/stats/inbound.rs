//! Statistics of what comes: as we count it, and as its sender tells.

use super::kind_of;
use crate::peer_connection::PeerConnection;
use duologue_rtp::codec::Codec;
use duologue_rtp::rtcp::NtpTime;
use duologue_rtp::stream::ReceiverId;
use duologue_rtp::{PayloadType, Ssrc};
use duologue_sdp::jsep::{TrackKind, TransceiverId};
use std::time::Instant;

/// A received encoding (the W3C's `inbound-rtp`).
///
/// Retransmissions count as the encoding's, also those with a source of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct InboundRtpStats<'a> {
    /// Which.
    pub receiver: ReceiverId,
    /// The transceiver that receives it.
    pub transceiver: TransceiverId,
    /// The identification of the receiver's track, which is ours: see
    /// [`receiver_track`](crate::Transceiver::receiver_track).
    pub track_identifier: &'a str,
    /// What it carries.
    pub kind: TrackKind,
    /// The identification of the transceiver's section.
    pub mid: Option<&'a str>,
    /// Its `rid`, with simulcast. The W3C has none here, since browsers receive no simulcast.
    pub rid: Option<&'a str>,
    /// Its source.
    pub ssrc: Ssrc,
    /// The source of its retransmissions, once known.
    pub rtx_ssrc: Option<Ssrc>,
    /// The payload type of its newest packet: of the `codec` with this one that is received.
    pub payload_type: PayloadType,
    /// What it is coded with.
    pub codec: Codec,
    /// Packets, those that came twice and retransmissions among them.
    pub packets_received: u64,
    /// Bytes of their payloads.
    pub bytes_received: u64,
    /// Bytes of their headers, padding and tags: with the payloads all that the datagrams held.
    pub header_bytes_received: u64,
    /// Packets expected less packets received, as the reports tell it
    /// ([RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)): retransmissions with a source of
    /// their own bring none back, and packets that came twice make it smaller, below zero too.
    pub packets_lost: i64,
    /// The variation of the time between packets, in seconds.
    pub jitter: f64,
    /// Packets marked as having met congestion ([RFC 3168, Section 5](https://www.rfc-editor.org/rfc/rfc3168#section-5)).
    pub packets_received_with_ce: u64,
    /// When a packet came last.
    pub last_packet_received_timestamp: Instant,
    /// Whole frames; none are counted unless [`set_frames`](PeerConnection::set_frames) asks for them.
    pub frames_received: u64,
    /// Key frames among them, of pictures. The W3C counts only those that were decoded.
    pub key_frames_received: u64,
    /// NACK packets sent.
    pub nack_count: u64,
    /// Picture loss indications sent.
    pub pli_count: u64,
    /// Full intra requests sent.
    pub fir_count: u64,
    /// Retransmissions with a source of their own, useful or not.
    pub retransmitted_packets_received: u64,
    /// Bytes of their payloads.
    pub retransmitted_bytes_received: u64,
}

/// A received encoding as the peer's newest sender report has it (the W3C's `remote-outbound-rtp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteOutboundRtpStats {
    /// Of which of the received encodings.
    pub receiver: ReceiverId,
    /// The transceiver that receives it.
    pub transceiver: TransceiverId,
    /// What it carries.
    pub kind: TrackKind,
    /// Its source.
    pub ssrc: Ssrc,
    /// When the report came.
    pub timestamp: Instant,
    /// When the report was made, by the peer's clock.
    pub remote_timestamp: NtpTime,
    /// Packets sent, those of the retransmissions' source left out. A report counts in 32 bits: this wraps.
    pub packets_sent: u32,
    /// Bytes of their payloads, which wrap too.
    pub bytes_sent: u32,
    /// How many reports have come.
    pub reports_sent: u64,
}

impl PeerConnection {
    /// Statistics of every received encoding.
    pub fn inbound_rtp(&self) -> impl Iterator<Item = InboundRtpStats<'_>> {
        self.media.session.receivers().filter_map(|one| {
            let link = self.media.links.get(&one.section)?;
            Some(InboundRtpStats {
                receiver: one.receiver,
                transceiver: link.transceiver,
                track_identifier: self.transceiver(link.transceiver)?.receiver_track(),
                kind: kind_of(one.codec),
                mid: link.section.mid.as_deref(),
                rid: self.media.session.rid(one.receiver),
                ssrc: one.ssrc,
                rtx_ssrc: one.repair_ssrc,
                payload_type: one.payload_type,
                codec: one.codec,
                packets_received: one.packets + one.repair_packets,
                bytes_received: one.payload_bytes + one.repair_bytes,
                header_bytes_received: one.header_bytes + one.repair_header_bytes,
                packets_lost: one.lost,
                jitter: one.jitter.as_secs_f64(),
                packets_received_with_ce: one.congestion_marks,
                last_packet_received_timestamp: one.last_arrival,
                frames_received: one.frames,
                key_frames_received: if one.codec.is_video() { one.key_frames } else { 0 },
                nack_count: one.nacks,
                pli_count: one.plis,
                fir_count: one.firs,
                retransmitted_packets_received: one.repair_packets,
                retransmitted_bytes_received: one.repair_bytes,
            })
        })
    }

    /// What the peer's sender reports tell, of every received encoding that had one.
    pub fn remote_outbound_rtp(&self) -> impl Iterator<Item = RemoteOutboundRtpStats> {
        self.media.session.receivers().filter_map(|one| {
            let report = one.sender_report?;
            Some(RemoteOutboundRtpStats {
                receiver: one.receiver,
                transceiver: self.media.links.get(&one.section)?.transceiver,
                kind: kind_of(one.codec),
                ssrc: one.ssrc,
                timestamp: report.arrival,
                remote_timestamp: report.ntp,
                packets_sent: report.packets,
                bytes_sent: report.octets,
                reports_sent: report.reports,
            })
        })
    }
}
