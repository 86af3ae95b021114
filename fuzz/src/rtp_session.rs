//! Two sessions and arbitrary calls, without encryption; datagrams are dropped, kept back, doubled, changed and made up. What holds:
//! the calls end, deadlines move, queues stay within their bounds, and without changed datagrams no packet is handed out twice.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use duologue_rtp::codec::{Codec, PacketizationMode};
use duologue_rtp::extension::{Ids, Kind};
use duologue_rtp::rtcp::NtpTime;
use duologue_rtp::srtp::{self, AesKey, MasterKey, Profile};
use duologue_rtp::stream::{JitterConfig, OutgoingFrame, OutgoingPacket, ReceiverId, SectionId, SenderId};
use duologue_rtp::{
    Config, Event, ExtendedSequence, Feedback, Format, PayloadType, Section, SenderInit, Session,
};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[derive(Debug, Arbitrary)]
enum Op {
    /// Several packets, the first after a gap.
    Packets {
        who: bool,
        sender: u8,
        format: u8,
        count: u8,
        gap: u8,
        len: u16,
    },
    Frame {
        who: bool,
        sender: u8,
        format: u8,
        first: [u8; 4],
        len: u16,
    },
    Deliver {
        who: bool,
        index: u8,
        keep: bool,
    },
    DeliverAll,
    Drop {
        who: bool,
        index: u8,
    },
    Change {
        who: bool,
        index: u8,
        byte: u16,
        mask: u8,
    },
    /// A datagram of the peer's own making.
    Forge {
        who: bool,
        bytes: [u8; 24],
    },
    Wait {
        millis: u16,
    },
    Read {
        who: bool,
    },
    KeyFrame {
        who: bool,
        receiver: u8,
    },
    AddSender {
        who: bool,
        section: u8,
    },
    RemoveSender {
        who: bool,
        sender: u8,
    },
    Pause {
        who: bool,
        sender: u8,
        active: bool,
    },
    Section {
        who: bool,
        section: u8,
        /// Zero takes it away.
        present: u8,
        frames: bool,
    },
    SetMtu {
        who: bool,
        mtu: u16,
    },
}

struct Peer {
    session: Session,
    senders: Vec<SenderId>,
    /// Packets sent, by any sender; a hundred more than there were.
    sent: u64,
    receivers: Vec<ReceiverId>,
    /// Datagrams on their way to the other peer.
    wire: Vec<Vec<u8>>,
    handed_out: BTreeSet<(ReceiverId, ExtendedSequence)>,
}

struct World {
    peers: [Peer; 2],
    now: Instant,
    /// A datagram was changed or made up: only safety holds from now on.
    changed: bool,
}

const CODECS: [Codec; 6] = [
    Codec::Opus,
    Codec::Vp8,
    Codec::Vp9,
    Codec::H264(PacketizationMode::NonInterleaved),
    Codec::H265,
    Codec::Av1,
];

/// One input.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let mut world = World::new();
    for _ in 0..200 {
        if bytes.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut bytes) else { break };
        world.apply(&op);
        world.check();
    }
}

fn payload_type(format: u8) -> PayloadType {
    PayloadType::from_low_bits(96 + format % 6)
}

fn section(number: u8) -> Section {
    let formats = (0..6u8).zip(CODECS).map(|(index, codec)| {
        let rate = NonZeroU32::new(if codec.is_video() { 90_000 } else { 48_000 }).unwrap_or(NonZeroU32::MIN);
        let mut format = Format::new(payload_type(index), codec, rate);
        let mut feedback = Feedback::default();
        (feedback.nack, feedback.pli, feedback.transport_wide) = (true, index % 2 == 1, true);
        (format.feedback, format.repair) = (feedback, Some(PayloadType::from_low_bits(106 + index)));
        format
    });
    let mut section = Section::default();
    section.receive = formats.collect();
    section.send.clone_from(&section.receive);
    section.mid = Some(format!("m{number}").into());
    section.extensions = ids();
    section.reduced_size = number % 2 == 1;
    section
}

fn ids() -> Ids {
    let mut ids = Ids::new();
    let kinds = [Kind::Mid, Kind::AbsSendTime, Kind::TransportSequence, Kind::Rid, Kind::RepairedRid];
    for (id, kind) in (1..).zip(kinds) {
        ids.set(kind, id);
    }
    ids
}

fn id(section: u8) -> SectionId {
    SectionId(u32::from(section % 3))
}

impl World {
    fn new() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        #[expect(clippy::disallowed_methods, reason = "a first instant")]
        let now = *START.get_or_init(Instant::now);
        let mut config = Config::new(&Null);
        (config.max_receivers, config.max_queued_packets, config.max_queued_frames) = (4, 300, 8);
        let config = Arc::new(config);
        let key = |byte: u8| MasterKey::new(Profile::AeadAes128Gcm, &[byte; 16], &[byte; 12]);
        let peer = |seed: u8| {
            let mut session =
                Session::new(Arc::clone(&config), [seed; 32], now, NtpTime(u64::from(seed) << 40));
            if let (Some(send), Some(receive)) = (key(seed), key(3 - seed)) {
                session.set_keys(&send, &receive);
            }
            session.set_section(now, id(0), section(0));
            let senders = vec![session.add_sender(now, id(0), SenderInit::default())];
            let (receivers, wire) = (Vec::new(), Vec::new());
            Peer { session, senders, sent: 100, receivers, wire, handed_out: BTreeSet::new() }
        };
        Self { peers: [peer(1), peer(2)], now, changed: false }
    }

    fn pair(&mut self, who: bool) -> (&mut Peer, &mut Peer) {
        let [a, b] = &mut self.peers;
        if who { (a, b) } else { (b, a) }
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Packets { who, sender, format, count, gap, len } => {
                let peer = self.pair(who).0;
                let Some(sender) = peer.pick(sender) else { return };
                let payload = Bytes::from(vec![7; usize::from(len % 1300)]);
                // Most follow each other; the others leave numbers out, or use them again.
                let sequence = (gap > 200).then(|| peer.sent + u64::from(gap) - 210);
                for number in 0..u64::from(count % 16) {
                    let mut packet =
                        OutgoingPacket::new(payload_type(format), u32::from(len), payload.clone());
                    packet.sequence = sequence.map(|first| first + number);
                    peer.sent += u64::from(peer.session.send_rtp(now, sender, packet).is_ok());
                }
            }
            Op::Frame { who, sender, format, first, len } => {
                let peer = self.pair(who).0;
                let Some(sender) = peer.pick(sender) else { return };
                let mut payload = first.to_vec();
                payload.resize(4 + usize::from(len % 8000), 3);
                let frame = OutgoingFrame::new(payload_type(format), u32::from(len), payload.into());
                let _ = peer.session.send_frame(now, sender, frame);
            }
            Op::Deliver { who, index, keep } => self.deliver(who, index, keep),
            Op::DeliverAll => {
                for who in [true, false] {
                    while !self.pair(who).0.wire.is_empty() {
                        self.deliver(who, 0, false);
                    }
                }
            }
            Op::Drop { who, index } => {
                let wire = &mut self.pair(who).0.wire;
                if !wire.is_empty() {
                    wire.remove(usize::from(index) % wire.len());
                }
            }
            Op::Change { who, index, byte, mask } => self.change(who, index, byte, mask),
            Op::Forge { who, bytes } => {
                self.changed = true;
                let mut datagram = bytes.to_vec();
                datagram.extend_from_slice(&[7; 16]);
                if let Some(first) = datagram.first_mut() {
                    *first = 0x80 | *first & 0x3f;
                }
                self.pair(who).0.wire.push(datagram);
            }
            Op::Wait { millis } => self.now += Duration::from_millis(u64::from(millis % 4000)),
            Op::Read { who } => while self.pair(who).0.session.recv_frame().is_some() {},
            Op::KeyFrame { who, receiver } => {
                let peer = self.pair(who).0;
                let receivers = peer.receivers.len().max(1);
                if let Some(receiver) = peer.receivers.get(usize::from(receiver) % receivers) {
                    peer.session.request_key_frame(now, *receiver);
                }
            }
            Op::AddSender { who, section } => {
                let peer = self.pair(who).0;
                if peer.senders.len() < 6 {
                    peer.senders.push(peer.session.add_sender(now, id(section), SenderInit::default()));
                }
            }
            Op::RemoveSender { who, sender } => {
                let peer = self.pair(who).0;
                if let Some(sender) = peer.pick(sender) {
                    peer.session.remove_sender(now, sender);
                    peer.senders.retain(|one| *one != sender);
                }
            }
            Op::Pause { who, sender, active } => {
                let peer = self.pair(who).0;
                if let Some(sender) = peer.pick(sender) {
                    peer.session.set_active(sender, active);
                }
            }
            Op::Section { who, section: number, present, frames } => {
                let session = &mut self.pair(who).0.session;
                if present != 0 {
                    session.set_section(now, id(number), section(number % 3));
                    session.set_frames(id(number), frames.then(JitterConfig::default));
                } else {
                    session.remove_section(now, id(number));
                }
            }
            Op::SetMtu { who, mtu } => self.pair(who).0.session.set_mtu(usize::from(mtu % 1500)),
        }
    }

    fn deliver(&mut self, who: bool, index: u8, keep: bool) {
        let (now, changed) = (self.now, self.changed);
        let (from, to) = self.pair(who);
        if from.wire.is_empty() {
            return;
        }
        let index = usize::from(index) % from.wire.len();
        let mut datagram = if keep { from.wire[index].clone() } else { from.wire.remove(index) };
        if duologue_rtp::packet::is_rtcp(&datagram) {
            let _ = to.session.handle_rtcp(now, &mut datagram);
        } else if let Ok(packet) = to.session.handle_rtp(now, now, false, &mut datagram) {
            let new = to.handed_out.insert((packet.receiver, packet.sequence));
            assert!(new || changed, "a packet is handed out once");
        }
    }

    fn change(&mut self, who: bool, index: u8, byte: u16, mask: u8) {
        let wire = &mut self.pair(who).0.wire;
        let count = wire.len().max(1);
        let Some(datagram) = wire.get_mut(usize::from(index) % count) else { return };
        let len = datagram.len().max(1);
        if let Some(byte) = datagram.get_mut(usize::from(byte) % len) {
            *byte ^= mask;
        }
        self.changed = true;
    }

    /// Deadlines that have come are handled, and everything that is to be sent is on its way.
    fn check(&mut self) {
        let now = self.now;
        for peer in &mut self.peers {
            peer.session.handle_timeout(now);
            if let Some(due) = peer.session.poll_timeout() {
                assert!(due > now, "a deadline that was handled does not lie in the past");
            }
            let mut datagram = Vec::new();
            let mut drained = 0;
            while let Some(len) = peer.session.poll_transmit(now, 1500, &mut datagram) {
                assert_eq!(len, datagram.len());
                drained += 1;
                assert!(drained < 5_000, "a drain ends");
                peer.wire.push(std::mem::take(&mut datagram));
            }
            assert_eq!(peer.session.poll_transmit(now, 1500, &mut datagram), None);
            // What nobody delivers is lost.
            let excess = peer.wire.len().saturating_sub(1000);
            peer.wire.drain(..excess);
            let mut events = 0;
            while let Some(event) = peer.session.poll_event() {
                events += 1;
                assert!(events < 5_000, "events are bounded");
                match event {
                    Event::ReceiverAdded { receiver, .. } => peer.receivers.push(receiver),
                    Event::ReceiverEnded { receiver, .. } => peer.receivers.retain(|one| *one != receiver),
                    _ => {}
                }
            }
            assert!(peer.session.receivers().count() <= 4, "receivers are bounded");
            assert!(peer.session.stats().queued_packets <= 300 + 2048, "queues are bounded");
        }
    }
}

impl Peer {
    fn pick(&self, sender: u8) -> Option<SenderId> {
        self.senders.get(usize::from(sender) % self.senders.len().max(1)).copied()
    }
}

/// Encrypts nothing, and takes the tag that it makes.
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

    fn open(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> bool {
        true
    }
}
