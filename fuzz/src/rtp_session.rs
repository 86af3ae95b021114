//! Arbitrary calls on two sessions between which datagrams are lost, swapped, repeated and forged, under keys that do nothing:
//! what a peer may say that holds the keys is said here too.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use duologue_rtp::codec::Codec;
use duologue_rtp::extension::Kind;
use duologue_rtp::rtcp::NtpTime;
use duologue_rtp::srtp::{self, AesKey, MasterKey, Profile};
use duologue_rtp::stream::{JitterConfig, OutgoingFrame, OutgoingPacket, SectionId, SenderId};
use duologue_rtp::{Config, Format, PayloadType, Section, SenderInit, Session, Ssrc};
use std::num::NonZeroU32;

#[derive(Debug, Arbitrary)]
enum Op {
    Frame { side: bool, sender: u8, key: bool, len: u16 },
    Packet { side: bool, sender: u8, sequence: Option<u16>, len: u16 },
    AddSender { side: bool, rid: bool },
    RemoveSender { side: bool, sender: u8 },
    Section { side: bool, kind: u8 },
    Request { side: bool },
    Deliver { side: bool, index: u8 },
    Duplicate { side: bool, index: u8 },
    Lose { side: bool, index: u8 },
    Rtp { side: bool, kind: u8, sequence: u16, ssrc: u8, extension: [u8; 4], payload: Vec<u8> },
    Rtcp { side: bool, kind: u8, count: u8, body: Vec<u8> },
    Garbage { side: bool, bytes: Vec<u8> },
    Wait { millis: u16 },
    Room { side: bool, room: u16 },
    Deaf { side: bool },
}

const VIDEO: SectionId = SectionId(0);
const VP8: PayloadType = PayloadType::from_low_bits(96);
const MOST_RECEIVERS: usize = 5;
const MOST_SENDERS: usize = 5;
const MOST_QUEUED: usize = 64;
const MOST_FRAMES: usize = 16;

struct World {
    sessions: [Session; 2],
    senders: [Vec<SenderId>; 2],
    wire: [Vec<Vec<u8>>; 2],
    now: Instant,
    /// Numbers of what is forged under SRTCP.
    index: u32,
    time: u32,
}

/// One input: the operations, by arbitrary bytes.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut world = World::new();
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut input) else { break };
        world.apply(op);
        world.settle();
    }
    world.wait(Duration::from_secs(40));
    assert!(world.sessions.iter().all(|session| session.receivers().count() == 0), "silence ends all");
}

fn section(kind: u8) -> Section {
    let mut section = Section::default();
    section.mid = Some("v".into());
    let kinds = [Kind::Mid, Kind::Rid, Kind::RepairedRid, Kind::AbsSendTime, Kind::TransportSequence];
    for (id, kind) in (1..).zip(kinds) {
        section.extensions.set(kind, id);
    }
    let mut format = Format::new(VP8, Codec::Vp8, NonZeroU32::MIN.saturating_add(89_999));
    format.repair = PayloadType::new(97).filter(|_| kind & 1 == 0);
    format.feedback.nack = true;
    format.feedback.pli = kind & 2 == 0;
    format.feedback.fir = true;
    format.feedback.transport_wide = kind & 16 == 0;
    format.feedback.congestion_control = kind & 32 == 0;
    let opus =
        Format::new(PayloadType::from_low_bits(111), Codec::Opus, NonZeroU32::MIN.saturating_add(47_999));
    section.send = vec![format, opus];
    section.receive = if kind & 4 == 0 { vec![format, opus] } else { vec![opus] };
    section.rids = vec!["h".into()];
    section.reduced_size = kind & 8 == 0;
    section
}

impl World {
    fn new() -> Self {
        // Any instant: only differences of time count.
        #[expect(clippy::disallowed_methods, reason = "a first instant")]
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        let now = *START;
        let mut config = Config::new(&Null);
        config.max_receivers = MOST_RECEIVERS;
        config.max_queued_packets = MOST_QUEUED;
        config.max_queued_frames = MOST_FRAMES;
        let config = Arc::new(config);
        let profile = Profile::AeadAes128Gcm;
        let sessions = [1, 2].map(|seed| {
            let mut session = Session::new(Arc::clone(&config), [seed; 32], now, NtpTime(1 << 60));
            let material = vec![3; profile.keying_material_len()];
            if let Some((one, other)) = MasterKey::from_keying_material(profile, &material) {
                session.set_keys(&one, &other);
            }
            session.set_section(now, VIDEO, section(0));
            session.set_frames(VIDEO, Some(JitterConfig::default()));
            session
        });
        let (senders, wire) = Default::default();
        let mut world = Self { sessions, senders, wire, now, index: 0, time: 0 };
        for side in [false, true] {
            world.apply(Op::AddSender { side, rid: false });
        }
        world
    }

    fn apply(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Frame { side, sender, key, len } => {
                let Some(sender) = self.sender(side, sender) else { return };
                self.time = self.time.wrapping_add(3000);
                let mut payload = vec![u8::from(!key); usize::from(len) + 1];
                payload.truncate(20_000);
                let frame = OutgoingFrame::new(VP8, self.time, Bytes::from(payload));
                if let Err(error) = self.session(side).send_frame(now, sender, frame.clone()) {
                    assert!(error.refused == frame);
                }
            }
            Op::Packet { side, sender, sequence, len } => {
                let Some(sender) = self.sender(side, sender) else { return };
                let payload = Bytes::from(vec![1; usize::from(len) % 1500]);
                let mut packet = OutgoingPacket::new(VP8, self.time, payload);
                packet.sequence = sequence.map(u64::from);
                if let Err(error) = self.session(side).send_rtp(now, sender, packet.clone()) {
                    assert!(error.refused == packet);
                }
            }
            Op::AddSender { side, rid } => {
                if self.senders[usize::from(side)].len() < MOST_SENDERS {
                    let mut init = SenderInit::default();
                    init.rid = rid.then(|| "h".into());
                    let sender = self.session(side).add_sender(now, VIDEO, init);
                    self.senders[usize::from(side)].push(sender);
                }
            }
            Op::RemoveSender { side, sender } => {
                let Some(sender) = self.sender(side, sender) else { return };
                self.session(side).remove_sender(now, sender);
                self.senders[usize::from(side)].retain(|one| *one != sender);
            }
            Op::Section { side, kind } => self.session(side).set_section(now, VIDEO, section(kind)),
            Op::Request { side } => {
                let first = self.session(side).receivers().next().map(|one| one.receiver);
                first.into_iter().for_each(|one| self.session(side).request_key_frame(now, one));
            }
            Op::Deliver { side, index } => {
                if let Some(datagram) = self.pick(side, index, true) {
                    self.deliver(!side, datagram);
                }
            }
            Op::Duplicate { side, index } => {
                if let Some(datagram) = self.pick(side, index, false) {
                    self.deliver(!side, datagram);
                }
            }
            Op::Lose { side, index } => drop(self.pick(side, index, true)),
            Op::Rtp { side, kind, sequence, ssrc, extension, payload } => {
                let [high, low] = sequence.to_be_bytes();
                let payload_type = [96, 97, 111, 50][usize::from(kind % 4)];
                let mut packet = vec![0x90, payload_type, high, low, 0, 0, 0, low, 0, 0, 0, ssrc % 12];
                packet.extend_from_slice(&[0xbe, 0xde, 0, 1]);
                packet.extend_from_slice(&extension);
                packet.extend_from_slice(&payload);
                packet.extend_from_slice(&[7; 16]);
                self.deliver(side, packet);
            }
            Op::Rtcp { side, kind, count, mut body } => {
                body.resize(body.len().min(2000).next_multiple_of(4), 0);
                // What is said of our own is of more interest.
                let ours = self.session(side).senders().next().map_or(Ssrc(1), |one| one.ssrc);
                if let Some(media) = body.get_mut(4..8).filter(|_| count & 0x80 != 0) {
                    media.copy_from_slice(&ours.0.to_be_bytes());
                }
                let words = (body.len() / 4) as u16;
                let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1, 0x80 | (count & 31), 192 + kind % 32];
                packet.extend_from_slice(&words.to_be_bytes());
                packet.extend_from_slice(&body);
                packet.extend_from_slice(&[7; 16]);
                packet.extend_from_slice(&(self.index | 1 << 31).to_be_bytes());
                self.index += 1;
                self.deliver(side, packet);
            }
            Op::Garbage { side, bytes } => self.deliver(side, bytes),
            Op::Wait { millis } => self.wait(Duration::from_millis(millis.into())),
            Op::Room { side, room } => {
                let mut out = vec![9];
                let written = self.session(side).poll_transmit(now, room.into(), &mut out);
                assert!(written.is_none_or(|len| len <= room.into()));
                assert_eq!(out.len(), 1 + written.unwrap_or(0));
            }
            Op::Deaf { side } => {
                let session = self.session(side);
                let events = std::iter::from_fn(|| session.poll_event()).count();
                assert!(events <= 2 * MOST_RECEIVERS + MOST_SENDERS + 1);
                let frames = std::iter::from_fn(|| session.recv_frame()).count();
                assert!(frames <= MOST_FRAMES);
            }
        }
    }

    fn session(&mut self, side: bool) -> &mut Session {
        &mut self.sessions[usize::from(side)]
    }

    fn sender(&self, side: bool, index: u8) -> Option<SenderId> {
        let senders = &self.senders[usize::from(side)];
        senders.get(usize::from(index) % senders.len().max(1)).copied()
    }

    fn pick(&mut self, side: bool, index: u8, take: bool) -> Option<Vec<u8>> {
        let wire = &mut self.wire[usize::from(side)];
        let at = usize::from(index) % wire.len().max(1);
        if take && at < wire.len() { Some(wire.remove(at)) } else { wire.get(at).cloned() }
    }

    /// A datagram is either used, or discarded and counted once.
    fn deliver(&mut self, side: bool, mut datagram: Vec<u8>) {
        let now = self.now;
        let session = self.session(side);
        let before = session.stats().discarded_total();
        let used = if datagram.get(1).is_some_and(|kind| (192..224).contains(kind)) {
            session.handle_rtcp(now, &mut datagram).is_ok()
        } else {
            session.handle_rtp(now, now, None, &mut datagram).is_ok()
        };
        assert_eq!(session.stats().discarded_total() - before, u64::from(!used));
        assert!(session.receivers().count() <= MOST_RECEIVERS);
    }

    /// Deadlines lie ahead once they were dealt with, and an early call does nothing.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for turn in 0.. {
            assert!(turn < 20_000, "deadlines without end");
            let next = self.sessions.iter().filter_map(Session::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for session in &mut self.sessions {
                session.handle_timeout(self.now);
                let deadline = session.poll_timeout();
                assert!(deadline.is_none_or(|at| at > self.now));
                session.handle_timeout(self.now);
                assert_eq!(session.poll_timeout(), deadline);
            }
            self.settle();
        }
        self.now = end;
    }

    /// A drain ends, and a second one is empty.
    fn settle(&mut self) {
        for (session, wire) in self.sessions.iter_mut().zip(&mut self.wire) {
            for turn in 0.. {
                assert!(turn < 5_000, "the drain does not end");
                let mut out = Vec::new();
                let Some(len) = session.poll_transmit(self.now, 1_500, &mut out) else { break };
                assert!(len == out.len() && len <= 1_328);
                wire.push(out);
            }
            assert!(session.poll_transmit(self.now, 1_500, &mut Vec::new()).is_none());
            assert_eq!(session.stats().queued_packets, 0);
            wire.truncate(64);
        }
    }
}

/// Ciphers that do nothing, and a tag that is always right when it is sevens.
#[derive(Debug)]
struct Null;

impl srtp::Provider for Null {
    fn cipher(&self, _: AesKey<'_>) -> Box<dyn srtp::Cipher> {
        Box::new(Self)
    }

    fn mac(&self, _: &[u8; 20]) -> Box<dyn srtp::Mac> {
        Box::new(Self)
    }

    fn aead(&self, _: AesKey<'_>) -> Box<dyn srtp::Aead> {
        Box::new(Self)
    }
}

impl srtp::Cipher for Null {
    fn apply(&self, _: &[u8; 16], _: &mut [u8]) {}
}

impl srtp::Mac for Null {
    fn sign(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [7; 20]
    }

    fn verify(&self, _: &[u8], _: &[u8], tag: &[u8]) -> bool {
        tag.iter().all(|byte| *byte == 7)
    }
}

impl srtp::Aead for Null {
    fn seal(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> [u8; 16] {
        [7; 16]
    }

    fn open(&self, _: &[u8; 12], _: &[u8], in_out: &mut [u8]) -> bool {
        in_out.ends_with(&[7; 16])
    }
}
