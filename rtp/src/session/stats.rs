//! Counters and gauges, of the session and of each stream.

use super::Session;
use crate::cc::HistoryStats;
use crate::codec::Codec;
use crate::event::Discard;
use crate::rtcp::NtpTime;
use crate::stream::RemoteReport;
use crate::stream::nack::NackCounters;
use crate::stream::{ReceiverId, SectionId, SenderId};
use crate::{PayloadType, Ssrc};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// What a session counts beside its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// RTCP datagrams written.
    pub rtcp_sent: u64,
    /// RTCP datagrams taken.
    pub rtcp_received: u64,
    /// Whole frames that nobody received in time.
    pub dropped_frames: u64,
    /// Packets that the peer asked for and that had no room in the queue.
    pub dropped_repairs: u64,
    /// Packets that wait to be polled.
    pub queued_packets: usize,
    /// The round trip that RTCP, or ICE, has measured.
    pub round_trip: Option<Duration>,
    /// What the peer's feedback on arrivals tells of what was sent, where such was agreed on.
    pub told: HistoryStats,
    /// Transport-wide feedback packets written.
    pub transport_feedback_sent: u64,
    /// Transport-wide feedback packets taken.
    pub transport_feedback_received: u64,
    /// Congestion control feedback packets ([RFC 8888](https://www.rfc-editor.org/rfc/rfc8888)) written.
    pub congestion_control_feedback_sent: u64,
    /// Congestion control feedback packets taken.
    pub congestion_control_feedback_received: u64,
    discards: [u64; Discard::COUNT],
}

impl Stats {
    /// How many datagrams were discarded for this kind of reason.
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

/// A sent encoding.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SenderStats {
    /// Which.
    pub sender: SenderId,
    /// Its section.
    pub section: SectionId,
    /// Its source.
    pub ssrc: Ssrc,
    /// The source of its retransmissions.
    pub repair_ssrc: Ssrc,
    /// Whether it sends, or is paused.
    pub active: bool,
    /// What it sent last with.
    pub payload_type: Option<PayloadType>,
    /// The same.
    pub codec: Option<Codec>,
    /// Ticks of its timestamp in a second.
    pub clock_rate: Option<NonZeroU32>,
    /// Packets, retransmissions left out.
    pub packets: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Bytes of their headers and tags.
    pub header_bytes: u64,
    /// Retransmissions.
    pub repair_packets: u64,
    /// Bytes of their payloads.
    pub repair_bytes: u64,
    /// Bytes of their headers and tags.
    pub repair_header_bytes: u64,
    /// Frames cut into packets.
    pub frames: u64,
    /// NACK packets that came.
    pub nacks: u64,
    /// PLIs that came.
    pub plis: u64,
    /// FIRs that came.
    pub firs: u64,
    /// What the peer reports.
    pub remote: RemoteReport,
}

/// A received encoding.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Which.
    pub receiver: ReceiverId,
    /// Its section.
    pub section: SectionId,
    /// Its source.
    pub ssrc: Ssrc,
    /// The source of its retransmissions, once known.
    pub repair_ssrc: Option<Ssrc>,
    /// The payload type of its newest packet.
    pub payload_type: PayloadType,
    /// What it is coded with.
    pub codec: Codec,
    /// Packets, retransmissions left out.
    pub packets: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Bytes of their headers, padding and tags.
    pub header_bytes: u64,
    /// Packets lost on the way, as RFC 3550 counts them: retransmissions do not bring them back.
    pub lost: i64,
    /// The variation of the time between packets (RFC 3550, Section 6.4.1).
    pub jitter: Duration,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that retransmissions have brought.
    pub repaired_packets: u64,
    /// Retransmissions.
    pub repair_packets: u64,
    /// Bytes of their payloads.
    pub repair_bytes: u64,
    /// Bytes of their headers, padding and tags.
    pub repair_header_bytes: u64,
    /// Frames put together.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// NACK packets sent.
    pub nacks: u64,
    /// What became of missing packets.
    pub missing: NackCounters,
    /// PLIs sent.
    pub plis: u64,
    /// FIRs sent.
    pub firs: u64,
    /// Packets marked as having met congestion.
    pub congestion_marks: u64,
    /// When a packet came last.
    pub last_arrival: Instant,
    /// What the source says of itself.
    pub sender_report: Option<SenderReportStats>,
}

/// The newest sender report of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReportStats {
    /// Its wall-clock time.
    pub ntp: NtpTime,
    /// When it came.
    pub arrival: Instant,
    /// Packets sent, by its count of 32 bits.
    pub packets: u32,
    /// Bytes of payload sent, by its count of 32 bits.
    pub octets: u32,
    /// How many reports have come.
    pub reports: u64,
}

impl Session {
    /// The counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = self.counters;
        Stats {
            rtcp_sent: counters.rtcp_sent,
            rtcp_received: counters.rtcp_received,
            dropped_frames: counters.dropped_frames,
            dropped_repairs: counters.dropped_repairs,
            queued_packets: self.queue.len() + self.repairs.len(),
            round_trip: self.round_trip(),
            told: self.history.stats(),
            transport_feedback_sent: counters.transport_feedback.sent,
            transport_feedback_received: counters.transport_feedback.received,
            congestion_control_feedback_sent: counters.congestion_control_feedback.sent,
            congestion_control_feedback_received: counters.congestion_control_feedback.received,
            discards: counters.discards,
        }
    }

    /// Every sent encoding.
    pub fn senders(&self) -> impl Iterator<Item = SenderStats> {
        self.senders.iter().map(|stream| {
            let counters = stream.counters;
            SenderStats {
                sender: stream.id,
                section: stream.section,
                ssrc: stream.ssrc,
                repair_ssrc: stream.repair_ssrc,
                active: stream.active,
                payload_type: stream.format.map(|format| format.payload_type),
                codec: stream.format.map(|format| format.codec),
                clock_rate: stream.format.map(|format| format.clock_rate),
                packets: counters.packets,
                payload_bytes: counters.payload_bytes,
                header_bytes: counters.header_bytes,
                repair_packets: counters.repair_packets,
                repair_bytes: counters.repair_bytes,
                repair_header_bytes: counters.repair_header_bytes,
                frames: counters.frames,
                nacks: counters.nacks,
                plis: counters.plis,
                firs: counters.firs,
                remote: counters.remote,
            }
        })
    }

    /// Every received encoding.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiverStats> {
        self.receivers.iter().map(|stream| {
            let counters = stream.counters;
            let ticks = u64::from(stream.reception.jitter()) * 1_000_000_000;
            ReceiverStats {
                receiver: stream.id,
                section: stream.section,
                ssrc: stream.ssrc,
                repair_ssrc: stream.repair_ssrc,
                payload_type: stream.format.payload_type,
                codec: stream.format.codec,
                packets: counters.packets,
                payload_bytes: counters.payload_bytes,
                header_bytes: counters.header_bytes,
                lost: stream.reception.lost(),
                jitter: Duration::from_nanos(ticks / u64::from(stream.format.clock_rate.get())),
                duplicates: counters.duplicates,
                repaired_packets: counters.repaired_packets,
                repair_packets: counters.repair_packets,
                repair_bytes: counters.repair_bytes,
                repair_header_bytes: counters.repair_header_bytes,
                frames: counters.frames,
                key_frames: counters.key_frames,
                nacks: counters.nacks,
                missing: stream.nack.as_ref().map_or_else(NackCounters::default, |nack| nack.counters()),
                plis: counters.plis,
                firs: counters.firs,
                congestion_marks: counters.ecn_ce,
                last_arrival: stream.last_arrival,
                sender_report: stream.sender_report.map(|last| SenderReportStats {
                    ntp: last.ntp,
                    arrival: last.arrival,
                    packets: last.packets,
                    octets: last.octets,
                    reports: last.reports,
                }),
            }
        })
    }

    /// The `rid` of a received encoding; `None` without simulcast.
    #[must_use]
    pub fn rid(&self, receiver: ReceiverId) -> Option<&str> {
        self.receivers.get(crate::slab::Key(receiver.0))?.rid.as_deref()
    }

    /// The canonical name that a source told last, the same for all that are to be played in step
    /// ([RFC 3550, Section 6.5.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.5.1)): 1 to 255 bytes of any text. `None`
    /// until it has come.
    #[must_use]
    pub fn cname(&self, receiver: ReceiverId) -> Option<&str> {
        self.receivers.get(crate::slab::Key(receiver.0))?.cname.as_deref()
    }
}
