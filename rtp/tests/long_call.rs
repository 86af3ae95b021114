//! A call of 25 hours in virtual time: every number wraps, and nothing stalls or drifts. The normal run lasts its first hour, which
//! begins shortly before the wraps; `NIGHTLY=1` runs the whole.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests; timestamps wrap"
)]

use bytes::Bytes;
use duologue_rtp::codec::Codec;
use duologue_rtp::rtcp::NtpTime;
use duologue_rtp::srtp::{MasterKey, Profile, RUST_CRYPTO};
use duologue_rtp::stream::{JitterConfig, OutgoingFrame, OutgoingPacket, SectionId, SenderId};
use duologue_rtp::{Config, Feedback, Format, PayloadType, Section, SenderInit, Session};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(20);
/// One way.
const DELAY: Duration = Duration::from_millis(40);
const AUDIO: SectionId = SectionId(1);
const VIDEO: SectionId = SectionId(2);
/// Ten seconds before all 64 bits of NTP's time wrap, in February 2036.
const START: NtpTime = NtpTime((0xffff_ffff - 9) << 32);

fn payload_type(number: u8) -> PayloadType {
    PayloadType::new(number).unwrap()
}

fn section(number: u8, codec: Codec, clock_rate: u32) -> Section {
    let mut format = Format::new(payload_type(number), codec, NonZeroU32::new(clock_rate).unwrap());
    let mut feedback = Feedback::default();
    (feedback.nack, feedback.pli) = (codec.is_video(), codec.is_video());
    format.feedback = feedback;
    let mut section = Section::default();
    (section.send, section.receive) = (vec![format], vec![format]);
    section.reduced_size = true;
    section
}

struct Side {
    session: Session,
    senders: [SenderId; 2],
    /// What is on its way to the other side.
    way: VecDeque<(Instant, Vec<u8>)>,
}

impl Side {
    fn new(seed: u8, now: Instant) -> Self {
        let config = Arc::new(Config::new(&RUST_CRYPTO));
        let mut session = Session::new(config, [seed; 32], now, START);
        let key = |byte: u8| MasterKey::new(Profile::AeadAes128Gcm, &[byte; 16], &[byte; 12]).unwrap();
        session.set_keys(&key(seed), &key(3 - seed));
        session.set_section(now, AUDIO, section(111, Codec::Opus, 48_000));
        session.set_section(now, VIDEO, section(96, Codec::Vp8, 90_000));
        session.set_frames(VIDEO, Some(JitterConfig::default()));
        let senders = [AUDIO, VIDEO].map(|id| session.add_sender(now, id, SenderInit::default()));
        Self { session, senders, way: VecDeque::new() }
    }

    fn transmit(&mut self, now: Instant) {
        loop {
            let mut datagram = Vec::new();
            if self.session.poll_transmit(now, 1500, &mut datagram).is_none() {
                return;
            }
            self.way.push_back((now + DELAY, datagram));
        }
    }
}

/// A call under way, both sides sending.
struct Call {
    sides: [Side; 2],
    now: Instant,
    ticks: u64,
    /// What the application adds to its timestamps, so that those on the wire wrap soon.
    offsets: [u32; 2],
    received: [u64; 2],
    frames: [u64; 2],
    /// The highest sequence numbers and timestamps that came, without wrap, of Alice's audio.
    highest: (u64, u64),
    /// How far the capture times told are off.
    worst_capture: Duration,
}

impl Call {
    fn new(now: Instant, offsets: [u32; 2]) -> Self {
        let sides = [Side::new(1, now), Side::new(2, now)];
        Self {
            sides,
            now,
            ticks: 0,
            offsets,
            received: [0; 2],
            frames: [0; 2],
            highest: (0, 0),
            worst_capture: Duration::ZERO,
        }
    }

    /// Twenty milliseconds: a packet of audio, and each fifth time one of video.
    fn tick(&mut self, start: Instant) {
        let Self { sides, now, ticks, offsets, .. } = self;
        for side in sides.iter_mut() {
            let timestamp = ((*ticks * 960) as u32).wrapping_add(offsets[0]);
            let packet = OutgoingPacket::new(payload_type(111), timestamp, Bytes::from_static(&[0xfc; 60]));
            side.session.send_rtp(*now, side.senders[0], packet).unwrap();
            if *ticks % 5 == 0 {
                let timestamp = ((*ticks * 1800) as u32).wrapping_add(offsets[1]);
                let frame = Bytes::from_static(&[0x10, 2, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0, 1, 2, 3]);
                let frame = OutgoingFrame::new(payload_type(96), timestamp, frame);
                side.session.send_frame(*now, side.senders[1], frame).unwrap();
            }
        }
        self.ticks += 1;
        let end = self.now + TICK;
        while self.now < end {
            self.exchange(start);
            let due = |side: &Side| {
                side.session.poll_timeout().into_iter().chain(side.way.front().map(|one| one.0))
            };
            let next = self.sides.iter().flat_map(due).min().unwrap_or(end);
            self.now = next.max(self.now + Duration::from_micros(1)).min(end);
        }
    }

    fn exchange(&mut self, start: Instant) {
        let now = self.now;
        for who in [0, 1] {
            self.sides[who].session.handle_timeout(now);
            self.sides[who].transmit(now);
            while self.sides[who].way.front().is_some_and(|(at, _)| *at <= now) {
                let (at, mut datagram) = self.sides[who].way.pop_front().unwrap();
                let peer = &mut self.sides[1 - who].session;
                if duologue_rtp::packet::is_rtcp(&datagram) {
                    peer.handle_rtcp(now, &mut datagram).unwrap();
                } else {
                    let packet = peer.handle_rtp(now, at, None, &mut datagram).unwrap();
                    self.received[1 - who] += 1;
                    if packet.section == AUDIO && who == 0 {
                        assert!(
                            (packet.sequence.0, packet.timestamp.0) > self.highest,
                            "in order, without wrap"
                        );
                        self.highest = (packet.sequence.0, packet.timestamp.0);
                    }
                }
            }
            while self.sides[who].session.poll_event().is_some() {}
            while let Some(frame) = self.sides[who].session.recv_frame() {
                self.frames[who] += 1;
                let Some(captured) = frame.captured else { continue };
                let real = START.add((frame.last_arrival - DELAY).saturating_duration_since(start));
                let off = captured.distance(real).unsigned_abs();
                self.worst_capture =
                    self.worst_capture.max(Duration::from_nanos((off * 1_000_000_000) >> 32));
            }
        }
    }

    fn check(&self, minute: u64) {
        for (who, side) in self.sides.iter().enumerate() {
            // Two packets are on their way.
            assert!(self.received[who] + 6 >= self.ticks + self.ticks.div_ceil(5), "minute {minute}");
            assert!(self.frames[who] + 2 >= self.ticks.div_ceil(5), "minute {minute}");
            for one in side.session.receivers() {
                assert_eq!((one.lost, one.duplicates), (0, 0), "minute {minute}");
                assert!(one.jitter < Duration::from_millis(1), "minute {minute}: {one:?}");
                let report = one.sender_report.unwrap();
                assert!(self.now.saturating_duration_since(report.arrival) < Duration::from_secs(3));
                assert!(u64::from(report.packets) + 200 > one.packets & 0xffff_ffff);
            }
            for one in side.session.senders() {
                assert_eq!((one.remote.cumulative_lost, one.remote.fraction_lost), (0, 0));
                let round_trip = one.remote.round_trip.unwrap();
                assert!(
                    round_trip.abs_diff(2 * DELAY) < Duration::from_millis(1),
                    "minute {minute}: {round_trip:?}"
                );
                let reported = one.remote.arrival.unwrap();
                assert!(self.now.saturating_duration_since(reported) < Duration::from_secs(3));
            }
            assert_eq!(side.session.stats().discarded_total(), 0);
        }
    }
}

/// What a sender adds to the application's timestamps: the first packets of an equal call tell.
fn offsets(now: Instant) -> [u32; 2] {
    let mut side = Side::new(1, now);
    let mut offset = |who: usize, number: u8| {
        let packet = OutgoingPacket::new(payload_type(number), 0, Bytes::from_static(&[0; 3]));
        side.session.send_rtp(now, side.senders[who], packet).unwrap();
        let mut datagram = Vec::new();
        side.session.poll_transmit(now, 1500, &mut datagram).unwrap();
        duologue_rtp::packet::peek(&datagram).unwrap().0.timestamp.0
    };
    [offset(0, 111), offset(1, 96)]
}

#[test]
fn nothing_stalls_or_drifts_in_a_call_of_25_hours_although_every_number_wraps() {
    let start = duologue_netsim::Network::new(1).now();
    let hours = if std::env::var_os("NIGHTLY").is_some() { 25 } else { 1 };
    // Alice's timestamps wrap after half a minute.
    let [audio, video] = offsets(start);
    let near = |offset: u32, rate: u32| offset.wrapping_add(30 * rate).wrapping_neg();
    let mut call = Call::new(start, [near(audio, 48_000), near(video, 90_000)]);
    for minute in 1..=hours * 60 {
        for _ in 0..50 * 60 {
            call.tick(start);
        }
        call.check(minute);
    }
    let (sequence, timestamp) = call.highest;
    // A timestamp counts from the second cycle.
    assert!(timestamp > (2 << 32) + (hours * 3600 - 60) * 48_000, "the timestamps wrapped");
    assert!(sequence >> 16 >= 2 * hours, "the sequence numbers wrapped");
    assert!(call.worst_capture < Duration::from_millis(5), "{:?}", call.worst_capture);
}
