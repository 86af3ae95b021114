//! What is received: one source, what is missing of it, and the frames that it makes.

use super::jitter::{Incoming, JitterBuffer};
use super::key_frame::KeyFrameRequests;
use super::nack::{Nack, NackConfig};
use super::reception::Reception;
use super::{ReceiverId, SectionId};
use crate::codec;
use crate::rtcp::{ClockMapping, NtpShort, NtpTime, ReportBlock};
use crate::section::Format;
use crate::srtp::replay::{ReplayWindow, Verdict};
use crate::{ExtendedSequence, ExtendedTimestamp, PayloadType, Ssrc, Timestamp};
use std::time::{Duration, Instant};

/// The receiving half of one encoding.
#[derive(Debug)]
pub(crate) struct ReceiveStream {
    pub(crate) id: ReceiverId,
    pub(crate) section: SectionId,
    pub(crate) ssrc: Ssrc,
    pub(crate) rid: Option<Box<str>>,
    /// The source of its retransmissions, once known.
    pub(crate) repair_ssrc: Option<Ssrc>,
    /// The format of the newest packet.
    pub(crate) format: Format,
    pub(crate) reception: Reception,
    /// Its first packet.
    first: ExtendedSequence,
    /// What came, by either way: numbers plus one, so that the window begins before the first.
    had: ReplayWindow<17>,
    timestamp: ExtendedTimestamp,
    pub(crate) nack: Option<Box<Nack>>,
    pub(crate) jitter: Option<Box<JitterBuffer>>,
    pub(crate) key_frames: KeyFrameRequests,
    pub(crate) sender_report: Option<LastSenderReport>,
    /// The end-point that it belongs to, once told.
    pub(crate) cname: Option<Box<str>>,
    pub(crate) clock: ClockMapping,
    pub(crate) counters: ReceiveCounters,
    /// When a packet came last.
    pub(crate) last_arrival: Instant,
    /// Whether packets came that no report has told of.
    pub(crate) heard: bool,
    /// Whether it had its turn in this round of reports.
    pub(crate) reported: bool,
}

/// The newest report of the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastSenderReport {
    pub(crate) ntp: NtpTime,
    pub(crate) arrival: Instant,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    pub(crate) reports: u64,
}

/// What a receiver counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReceiveCounters {
    pub(crate) packets: u64,
    pub(crate) header_bytes: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) repaired_packets: u64,
    pub(crate) repair_packets: u64,
    pub(crate) repair_bytes: u64,
    pub(crate) repair_header_bytes: u64,
    pub(crate) duplicates: u64,
    pub(crate) frames: u64,
    pub(crate) key_frames: u64,
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
    pub(crate) firs: u64,
    pub(crate) ecn_ce: u64,
}

/// A source's first packet.
pub(crate) struct First {
    pub(crate) id: ReceiverId,
    pub(crate) section: SectionId,
    pub(crate) ssrc: Ssrc,
    pub(crate) rid: Option<Box<str>>,
    pub(crate) repair_ssrc: Option<Ssrc>,
    pub(crate) format: Format,
    pub(crate) sequence: ExtendedSequence,
    pub(crate) timestamp: Timestamp,
    pub(crate) arrival: Instant,
}

impl ReceiveStream {
    pub(crate) fn new(first: First) -> Self {
        let First { id, section, ssrc, rid, repair_ssrc, format, sequence, timestamp, arrival } = first;
        Self {
            id,
            section,
            ssrc,
            rid,
            repair_ssrc,
            format,
            reception: Reception::new(format.clock_rate.get(), sequence),
            first: sequence,
            had: ReplayWindow::new(0),
            timestamp: ExtendedTimestamp::first(timestamp),
            nack: None,
            jitter: None,
            key_frames: KeyFrameRequests::default(),
            sender_report: None,
            cname: None,
            clock: ClockMapping::new(format.clock_rate),
            counters: ReceiveCounters::default(),
            last_arrival: arrival,
            heard: true,
            reported: false,
        }
    }

    /// Takes up the format of a packet, when it is another one than before.
    pub(crate) fn set_format(&mut self, format: Format) {
        if self.format == format {
            return;
        }
        if self.format.clock_rate != format.clock_rate {
            self.reception.set_clock_rate(format.clock_rate.get());
            self.clock = ClockMapping::new(format.clock_rate);
        }
        self.format = format;
    }

    /// Whether a payload type is that of the stream's retransmissions.
    pub(crate) fn is_repair(&self, payload_type: PayloadType) -> bool {
        self.format.repair == Some(payload_type)
    }

    /// Notes a packet; `false` when it was there before.
    pub(crate) fn admit(&mut self, sequence: ExtendedSequence) -> bool {
        let place = sequence.add(1).0;
        match self.had.judge(place) {
            Verdict::New => {
                self.had.note(place);
                true
            }
            Verdict::Seen | Verdict::Old => {
                self.counters.duplicates += 1;
                false
            }
        }
    }

    /// Whether a packet has not come by either way, although later ones have.
    pub(crate) fn misses(&self, sequence: ExtendedSequence) -> bool {
        let place = sequence.add(1).0;
        sequence >= self.first && place < self.had.highest() && self.had.judge(place) == Verdict::New
    }

    /// Whether a packet may be one of those sent of late: it is among the last that came, or lies shortly before or after.
    pub(crate) fn may_have(&self, sequence: ExtendedSequence) -> bool {
        let place = sequence.add(1).0;
        place <= self.had.highest() + FURTHEST_AHEAD && self.had.judge(place) != Verdict::Old
    }

    /// A key frame is needed. Who takes no requests is not asked.
    pub(crate) fn request_key_frame(&mut self, now: Instant) {
        if self.format.feedback.pli || self.format.feedback.fir {
            self.key_frames.request(now);
        }
    }

    /// The path's round trip was measured.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.key_frames.set_round_trip(round_trip);
        if let Some(nack) = &mut self.nack {
            nack.set_round_trip(round_trip);
        }
    }

    /// A key frame that begins answers what was asked for.
    pub(crate) fn look_for_key_frame(&mut self, payload: &[u8]) {
        if self.key_frames.deadline().is_none() {
            return;
        }
        if codec::describe(self.format.codec, payload).is_ok_and(|told| told.starts_frame && told.key_frame) {
            self.key_frames.received_key_frame();
        }
    }

    /// The full time of a packet.
    pub(crate) fn extend(&mut self, timestamp: Timestamp) -> ExtendedTimestamp {
        let extended = timestamp.extend(self.timestamp);
        self.timestamp = self.timestamp.max(extended);
        extended
    }

    /// The full number of a packet that is sent again.
    pub(crate) fn original(&self, wire: crate::SequenceNumber) -> ExtendedSequence {
        wire.extend(self.reception.highest())
    }

    pub(crate) fn note_missing(
        &mut self,
        sequence: ExtendedSequence,
        now: Instant,
        repaired: bool,
        config: &NackConfig,
        round_trip: Option<Duration>,
    ) {
        if !self.format.feedback.nack {
            return;
        }
        let nack = self.nack.get_or_insert_with(|| {
            let mut nack = Nack::new(config.clone());
            round_trip.into_iter().for_each(|round_trip| nack.set_round_trip(round_trip));
            Box::new(nack)
        });
        nack.received(sequence, now, repaired);
    }

    /// Gives a packet to the jitter buffer, if there is one; what it refuses it counts.
    pub(crate) fn buffer(&mut self, now: Instant, incoming: Incoming<'_>) {
        let Some(jitter) = &mut self.jitter else { return };
        let _ = jitter.insert(now, incoming);
        if let (Some(useless), Some(nack)) = (jitter.take_useless_before(), &mut self.nack) {
            nack.skip_before(useless);
        }
    }

    /// When something of this stream is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let nack = self.nack.as_ref().and_then(|nack| nack.deadline());
        let jitter = self.jitter.as_ref().and_then(|jitter| jitter.deadline());
        [nack, jitter, self.key_frames.deadline()].into_iter().flatten().min()
    }

    /// What a report says of it, which is sent now.
    pub(crate) fn report(&mut self, now: Instant) -> ReportBlock {
        (self.heard, self.reported) = (false, true);
        let report = self.reception.report();
        let last = self.sender_report;
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: report.fraction_lost,
            cumulative_lost: report.cumulative_lost,
            highest_sequence: report.extended_highest,
            jitter: report.jitter,
            last_sr: last.map_or_else(Default::default, |last| last.ntp.middle()),
            delay_since_last_sr: last.map_or_else(Default::default, |last| {
                NtpShort::from_duration(now.saturating_duration_since(last.arrival))
            }),
        }
    }
}

/// How far ahead of what came a retransmission may be, when the packet itself and those after it are lost or late.
const FURTHEST_AHEAD: u64 = 512;
