//! What is sent: one encoding, its packets, and those that are kept to be sent again.

pub(crate) use super::blocks::Blocks;
use super::cache::CacheConfig;
use super::kept::Kept;
use super::key_frame::KeyFrameDemands;
use super::{OutgoingFrame, SectionId, SenderId};
use crate::codec::{self, Codec, Fragment, Packetizer};
use crate::event::SendErrorKind;
use crate::extension::{AbsSendTime, Ids, Kind, Set};
use crate::section::{Format, Section};
use crate::srtp::replay::{ReplayWindow, Verdict};
use crate::{ExtendedSequence, PayloadType, SequenceNumber, Ssrc, Timestamp};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The sending half of one encoding.
#[derive(Debug)]
// What every sent packet touches comes first.
#[repr(C)]
pub(crate) struct SendStream {
    pub(crate) section: SectionId,
    pub(crate) ssrc: Ssrc,
    /// Its section's.
    pub(crate) ids: Arc<Ids>,
    /// The most bytes that the session's own extension elements take.
    own_elements: usize,
    /// Whether it sends, or is paused.
    pub(crate) active: bool,
    /// Whether the peer has reported on it, and so knows what it is; the same of its retransmissions.
    pub(crate) known: bool,
    /// What the application's clock starts at on the wire.
    offset: Timestamp,
    pub(crate) format: Option<Format>,
    /// What the application's count starts at on the wire.
    first: ExtendedSequence,
    /// The application's numbers in use: none comes twice, as SRTP's key stream must not.
    used: Option<ReplayWindow<3>>,
    /// The last timestamp, and when it was first given.
    clock: Option<(Timestamp, Instant)>,
    pub(crate) counters: SendCounters,
    pub(crate) kept: Kept,
    pub(crate) id: SenderId,
    pub(crate) rid: Option<Box<str>>,
    pub(crate) repair_ssrc: Ssrc,
    packetizer: Option<(PayloadType, Codec, Packetizer)>,
    random: u16,
    repair_next: ExtendedSequence,
    pub(crate) demands: KeyFrameDemands,
    pub(crate) asked: crate::KeyFrameRequest,
    pub(crate) repair_known: bool,
    /// Whether it had its turn in this round of reports.
    pub(crate) reported: bool,
}

/// What a sender counts.
#[derive(Debug, Clone, Copy, Default)]
// What every sent packet touches comes first.
#[repr(C)]
pub(crate) struct SendCounters {
    pub(crate) packets: u64,
    pub(crate) header_bytes: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) last_packet: Option<Instant>,
    pub(crate) repair_packets: u64,
    pub(crate) repair_bytes: u64,
    pub(crate) repair_header_bytes: u64,
    pub(crate) frames: u64,
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
    pub(crate) firs: u64,
    pub(crate) remote: RemoteReport,
}

/// What the peer's last report block says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoteReport {
    /// When it came; `None` when none has.
    pub arrival: Option<Instant>,
    /// Packets lost since the report before it, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning.
    pub cumulative_lost: i64,
    /// In ticks of the media's clock.
    pub jitter: u32,
    /// The round trip, once measured.
    pub round_trip: Option<Duration>,
    /// All of them.
    pub round_trip_total: Duration,
    /// How many were measured.
    pub round_trip_measurements: u64,
}

/// A packet that waits to be sent, or to be sent again: its payload is shared with whoever made it.
pub(crate) struct SentPacket {
    pub(crate) sequence: ExtendedSequence,
    pub(crate) timestamp: Timestamp,
    pub(crate) payload_type: PayloadType,
    pub(crate) marker: bool,
    pub(crate) extensions: Set,
    pub(crate) prefix: Bytes,
    pub(crate) body: Bytes,
    /// What the session said in it, when it was sent before.
    pub(crate) own: Option<Own>,
}

/// What the session itself says in a packet's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub(crate) time: AbsSendTime,
    pub(crate) transport: SequenceNumber,
    /// Whether the packet says what its source is.
    pub(crate) names: bool,
}

impl fmt::Debug for SentPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentPacket")
            .field("sequence", &self.sequence)
            .field("payload", &self.payload_len())
            .finish_non_exhaustive()
    }
}

impl SentPacket {
    pub(crate) fn payload_len(&self) -> usize {
        self.prefix.len() + self.body.len()
    }
}

/// How a sender begins.
pub(crate) struct Beginning {
    pub(crate) id: SenderId,
    pub(crate) section: SectionId,
    pub(crate) rid: Option<Box<str>>,
    pub(crate) ssrc: Ssrc,
    pub(crate) repair_ssrc: Ssrc,
    pub(crate) random: [u32; 3],
}

/// RFC 3711, Section 3.3.1: a first number in the lower half leaves room to lose or reorder the first packets.
const FIRST_NUMBERS: u32 = 0x7fff;

impl SendStream {
    pub(crate) fn new(beginning: Beginning, cache: CacheConfig) -> Self {
        let Beginning { id, section, rid, ssrc, repair_ssrc, random: [first, offset, other] } = beginning;
        Self {
            id,
            section,
            ids: Arc::default(),
            own_elements: 0,
            rid,
            ssrc,
            repair_ssrc,
            active: true,
            format: None,
            first: ExtendedSequence(u64::from(first & FIRST_NUMBERS)),
            offset: Timestamp(offset),
            used: None,
            packetizer: None,
            random: (other >> 16) as u16,
            kept: Kept::new(cache),
            repair_next: ExtendedSequence(u64::from(other & FIRST_NUMBERS)),
            demands: KeyFrameDemands::default(),
            asked: crate::KeyFrameRequest::Pli,
            known: false,
            repair_known: false,
            counters: SendCounters::default(),
            clock: None,
            reported: false,
        }
    }

    /// The application's next number.
    pub(crate) fn next(&self) -> u64 {
        self.used.as_ref().map_or(0, |used| used.highest() + 1)
    }

    /// Takes a number of the application's, once.
    pub(crate) fn take(&mut self, number: u64) -> Result<ExtendedSequence, SendErrorKind> {
        let next = self.next();
        match &mut self.used {
            // The receiver guesses the roll-over counter: a leap of more than half a cycle would mislead it.
            _ if number > next + LEAP => return Err(SendErrorKind::SequenceNumber),
            Some(used) if used.judge(number) == Verdict::New => used.note(number),
            Some(_) => return Err(SendErrorKind::SequenceNumber),
            None => self.used = Some(ReplayWindow::new(number)),
        }
        Ok(self.first.add(number))
    }

    /// The wire's time for one of the application's, whose media is sent at `now`.
    pub(crate) fn time(&mut self, now: Instant, format: Format, timestamp: u32) -> Timestamp {
        self.format = Some(format);
        let timestamp = self.offset.add(timestamp);
        // All packets of a picture have its time: that of the first counts.
        if self.clock.is_none_or(|(last, _)| last != timestamp) {
            self.clock = Some((timestamp, now));
        }
        timestamp
    }

    /// Whether the last packet had another of the application's times: then a frame begins.
    pub(crate) fn begins(&self, timestamp: u32) -> bool {
        self.clock.is_none_or(|(last, _)| last != self.offset.add(timestamp))
    }

    /// Whether a key frame begins with this payload, or, of a frame that is `whole`, is told by it. It answers what the peer
    /// asked for.
    pub(crate) fn look_for_key_frame(
        &mut self,
        now: Instant,
        codec: Codec,
        payload: &[u8],
        whole: bool,
    ) -> bool {
        let tells = |told: codec::Description| told.key_frame && (told.starts_frame || whole);
        let key_frame = codec.is_video() && codec::describe(codec, payload).is_ok_and(tells);
        if key_frame {
            self.demands.sent_key_frame(now);
        }
        key_frame
    }

    /// Cuts a frame; its fragments then come as packets by [`fragment`](Self::fragment).
    pub(crate) fn cut(
        &mut self,
        frame: &OutgoingFrame,
        format: Format,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), SendErrorKind> {
        let Format { payload_type, codec, .. } = format;
        let fits = self.packetizer.take().filter(|(of, coded, _)| *of == payload_type && *coded == codec);
        let mut packetizer =
            fits.map_or_else(|| Packetizer::new(codec, self.random), |(_, _, packetizer)| packetizer);
        let cut = packetizer.packetize(&frame.payload, frame.layers, max_len, prefixes, out);
        self.packetizer = Some((payload_type, codec, packetizer));
        cut.map_err(SendErrorKind::Frame)
    }

    pub(crate) fn fragment(
        &mut self,
        frame: &OutgoingFrame,
        timestamp: Timestamp,
        fragment: Fragment,
    ) -> Result<SentPacket, SendErrorKind> {
        let Fragment { prefix, body, last } = fragment;
        let video = self.format.is_some_and(|format| format.codec.is_video());
        Ok(SentPacket {
            sequence: self.take(self.next())?,
            timestamp,
            payload_type: frame.payload_type,
            marker: last && video,
            extensions: if last { frame.extensions.clone() } else { Set::default() },
            prefix,
            body,
            own: None,
        })
    }

    /// The number of the next retransmission.
    pub(crate) fn next_repair(&self) -> ExtendedSequence {
        self.repair_next
    }

    /// A retransmission has left.
    pub(crate) fn sent_repair(&mut self, payload_len: usize, len: usize) {
        self.repair_next = self.repair_next.add(1);
        self.counters.repair_packets += 1;
        self.counters.repair_bytes += payload_len as u64;
        self.counters.repair_header_bytes += (len - payload_len) as u64;
    }

    /// The media's time at `now`, which lies after the last packet's.
    pub(crate) fn timestamp_at(&self, now: Instant) -> Option<Timestamp> {
        let (last, at) = self.clock?;
        let rate = u128::from(self.format?.clock_rate.get());
        let ticks = now.saturating_duration_since(at).as_nanos() * rate / 1_000_000_000;
        // Wraps, as timestamps do.
        Some(last.add((ticks & 0xffff_ffff) as u32))
    }

    /// Its section was agreed on, or anew.
    pub(crate) fn set_section(&mut self, section: &Section, ids: &Arc<Ids>) {
        self.format = self.format.and_then(|format| section.send_format(format.payload_type));
        self.ids = Arc::clone(ids);
        let id = |kind| ids.id(kind).is_some();
        let mid = section.mid.as_ref().filter(|_| id(Kind::Mid)).map_or(0, |mid| mid.len() + 2);
        let rid = self.rid.as_ref().filter(|_| id(Kind::Rid)).map_or(0, |rid| rid.len() + 2);
        let times = [(Kind::AbsSendTime, 5), (Kind::TransportSequence, 4)];
        let times: usize = times.iter().filter(|(kind, _)| id(*kind)).map(|(_, len)| len).sum();
        self.own_elements = mid + rid + times;
    }

    /// The most bytes that headers of this stream take, retransmissions included.
    pub(crate) fn header_len(&self, extensions: &Set) -> usize {
        const FIXED: usize = 12;
        const ORIGINAL_SEQUENCE: usize = 2;
        let known = extensions.iter().filter(|(kind, _)| self.ids.id(*kind).is_some());
        let elements = self.own_elements + known.map(|(_, value)| value.len() + 2).sum::<usize>();
        FIXED + if elements == 0 { 0 } else { 4 + elements.next_multiple_of(4) } + ORIGINAL_SEQUENCE
    }
}

/// The most numbers that a sender leaves out at once.
const LEAP: u64 = 1 << 14;
