//! The contract's nine rules: two sessions, arbitrary calls, and what must hold after each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::Network;
use duologue_rtp::srtp::RUST_CRYPTO;
use duologue_rtp::stream::{Frame, JitterConfig, OutgoingFrame, OutgoingPacket, ReceiverId, SenderId};
use duologue_rtp::{Config, Discard, Ecn, Event, PayloadType, SendError, SenderInit, Session};
use proptest::prelude::*;

use crate::arrivals::by_source;
use crate::support::*;

#[derive(Debug, Clone)]
enum Op {
    Frame {
        side: usize,
        sender: usize,
        key: bool,
        len: usize,
    },
    Packet {
        side: usize,
        sender: usize,
        leap: Option<u64>,
        len: usize,
    },
    AddSender {
        side: usize,
        audio: bool,
    },
    RemoveSender {
        side: usize,
        sender: usize,
    },
    Pause {
        side: usize,
        sender: usize,
        active: bool,
    },
    Section {
        side: usize,
        audio: bool,
        kind: u8,
    },
    Frames {
        side: usize,
        on: bool,
    },
    Request {
        side: usize,
    },
    Deliver {
        side: usize,
        index: usize,
    },
    Duplicate {
        side: usize,
        index: usize,
    },
    Drop {
        side: usize,
        index: usize,
    },
    Corrupt {
        side: usize,
        index: usize,
        bit: usize,
    },
    Garbage {
        side: usize,
        bytes: Vec<u8>,
    },
    Wait {
        micros: u64,
    },
    /// The clock of the caller runs backwards.
    Past {
        side: usize,
        micros: u64,
    },
    TinyRoom {
        side: usize,
        room: usize,
    },
    /// The socket is full: for as long nothing is polled.
    Full {
        side: usize,
        full: bool,
    },
    /// The application looks at nothing.
    Deaf {
        side: usize,
        deaf: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let side = 0..2usize;
    let pick = 0..6usize;
    prop_oneof![
        8 => (side.clone(), pick.clone(), any::<bool>(), prop_oneof![1..200usize, 900..6_000usize, Just(60_000)])
            .prop_map(|(side, sender, key, len)| Op::Frame { side, sender, key, len }),
        4 => (side.clone(), pick.clone(), prop::option::weighted(0.2, 0..40_000u64), 0..1_400usize)
            .prop_map(|(side, sender, leap, len)| Op::Packet { side, sender, leap, len }),
        1 => (side.clone(), any::<bool>()).prop_map(|(side, audio)| Op::AddSender { side, audio }),
        1 => (side.clone(), pick.clone()).prop_map(|(side, sender)| Op::RemoveSender { side, sender }),
        1 => (side.clone(), pick, any::<bool>()).prop_map(|(side, sender, active)| Op::Pause { side, sender, active }),
        1 => (side.clone(), any::<bool>(), 0..6u8).prop_map(|(side, audio, kind)| Op::Section { side, audio, kind }),
        1 => (side.clone(), any::<bool>()).prop_map(|(side, on)| Op::Frames { side, on }),
        1 => side.clone().prop_map(|side| Op::Request { side }),
        30 => (side.clone(), prop_oneof![3 => Just(0), 1 => 0..40usize]).prop_map(|(side, index)| Op::Deliver { side, index }),
        2 => (side.clone(), 0..40usize).prop_map(|(side, index)| Op::Duplicate { side, index }),
        4 => (side.clone(), 0..40usize).prop_map(|(side, index)| Op::Drop { side, index }),
        2 => (side.clone(), 0..40usize, 0..9_600usize).prop_map(|(side, index, bit)| Op::Corrupt { side, index, bit }),
        1 => (side.clone(), prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(side, bytes)| Op::Garbage { side, bytes }),
        6 => prop_oneof![0..30_000u64, 0..3_000_000u64, Just(31_000_000)].prop_map(|micros| Op::Wait { micros }),
        1 => (side.clone(), 0..100_000u64).prop_map(|(side, micros)| Op::Past { side, micros }),
        1 => (side.clone(), 0..1_300usize).prop_map(|(side, room)| Op::TinyRoom { side, room }),
        1 => (side.clone(), any::<bool>()).prop_map(|(side, full)| Op::Full { side, full }),
        1 => (side, any::<bool>()).prop_map(|(side, deaf)| Op::Deaf { side, deaf }),
    ]
}

struct World {
    peers: [Peer; 2],
    senders: [Vec<(SenderId, PayloadType)>; 2],
    wire: [Vec<Vec<u8>>; 2],
    full: [bool; 2],
    deaf: [bool; 2],
    /// Receivers that were told of and have not ended.
    known: [Vec<ReceiverId>; 2],
    /// Every one that ever was.
    used: [Vec<ReceiverId>; 2],
    readable: [bool; 2],
    count: u32,
    now: Instant,
    transcript: Vec<u8>,
}

const MOST_RECEIVERS: usize = 4;
const MOST_QUEUED: usize = 100;
const MOST_FRAMES: usize = 20;

impl World {
    fn new(start: Instant) -> Self {
        let mut config = Config::new(&RUST_CRYPTO);
        config.max_receivers = MOST_RECEIVERS;
        config.max_queued_packets = MOST_QUEUED;
        config.max_queued_frames = MOST_FRAMES;
        let mut peers = peers(start, &Arc::new(config), NTP);
        let mut senders = [Vec::new(), Vec::new()];
        for (peer, senders) in peers.iter_mut().zip(&mut senders) {
            for (id, section, payload_type) in [(VIDEO, by_source(video()), VP8), (AUDIO, audio(), OPUS)] {
                peer.session.set_section(start, id, section);
                peer.session.set_frames(id, Some(JitterConfig::default()));
                senders.push((peer.session.add_sender(start, id, SenderInit::default()), payload_type));
            }
        }
        Self {
            peers,
            senders,
            wire: Default::default(),
            full: [false; 2],
            deaf: [false; 2],
            known: Default::default(),
            used: Default::default(),
            readable: [false; 2],
            count: 0,
            now: start,
            transcript: Vec::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Frame { side, sender, key, len } => self.frame(side, sender, key, len),
            Op::Packet { side, sender, leap, len } => self.packet(side, sender, leap, len),
            Op::AddSender { side, audio } if self.senders[side].len() < 6 => {
                let (section, payload_type) = if audio { (AUDIO, OPUS) } else { (VIDEO, VP8) };
                let id = self.peers[side].session.add_sender(now, section, SenderInit::default());
                assert!(self.senders[side].iter().all(|(other, _)| *other != id));
                self.senders[side].push((id, payload_type));
            }
            Op::AddSender { .. } => {}
            Op::RemoveSender { side, sender } => {
                if let Some((id, _)) = self.pick(side, sender) {
                    self.senders[side].retain(|(other, _)| *other != id);
                    self.peers[side].session.remove_sender(now, id);
                }
            }
            Op::Pause { side, sender, active } => {
                if let Some((id, _)) = self.pick(side, sender) {
                    self.peers[side].session.set_active(id, active);
                }
            }
            Op::Section { side, audio: sound, kind } => {
                let (id, mut section) = if sound { (AUDIO, audio()) } else { (VIDEO, video()) };
                match kind {
                    0 => section.receive.clear(),
                    1 => section.send.clear(),
                    2 => section.reduced_size = false,
                    3 | 4 => section = by_source(section),
                    _ => {}
                }
                self.peers[side].session.set_section(now, id, section);
            }
            Op::Frames { side, on } => {
                self.peers[side].session.set_frames(VIDEO, on.then(JitterConfig::default));
            }
            Op::Request { side } => {
                if let Some(receiver) = self.known[side].first() {
                    self.peers[side].session.request_key_frame(now, *receiver);
                }
            }
            Op::Deliver { side, index } => {
                if !self.wire[side].is_empty() {
                    let at = index % self.wire[side].len();
                    let datagram = self.wire[side].remove(at);
                    self.deliver(side, datagram);
                }
            }
            Op::Duplicate { side, index } => {
                if let Some(datagram) = self.copy(side, index) {
                    self.deliver(side, datagram);
                }
            }
            Op::Drop { side, index } => {
                if !self.wire[side].is_empty() {
                    let at = index % self.wire[side].len();
                    self.wire[side].remove(at);
                }
            }
            Op::Corrupt { side, index, bit } => {
                if let Some(mut datagram) = self.copy(side, index) {
                    let bit = bit % (datagram.len() * 8);
                    datagram[bit / 8] ^= 1 << (bit % 8);
                    self.refuse(1 - side, datagram);
                }
            }
            Op::Garbage { side, ref bytes } => self.refuse(side, bytes.clone()),
            Op::Wait { micros } => self.wait(Duration::from_micros(micros)),
            Op::Past { side, micros } => {
                // Rule 1: the largest time seen counts.
                let past = now.checked_sub(Duration::from_micros(micros)).unwrap();
                self.peers[side].session.handle_timeout(past);
            }
            Op::TinyRoom { side, room } => {
                // Rule 6: too little room loses nothing; what is written keeps to it.
                let mut out = vec![9; 3];
                if let Some(len) = self.peers[side].session.poll_transmit(now, room, &mut out) {
                    assert!(len <= room && out.len() == 3 + len);
                    self.wire[side].push(out[3..].to_vec());
                } else {
                    assert_eq!(out, [9; 3]);
                }
            }
            Op::Full { side, full } => self.full[side] = full,
            Op::Deaf { side, deaf } => self.deaf[side] = deaf,
        }
    }

    fn pick(&self, side: usize, sender: usize) -> Option<(SenderId, PayloadType)> {
        self.senders[side].get(sender % self.senders[side].len().max(1)).copied()
    }

    fn copy(&self, side: usize, index: usize) -> Option<Vec<u8>> {
        self.wire[side].get(index % self.wire[side].len().max(1)).cloned()
    }

    fn frame(&mut self, side: usize, sender: usize, key: bool, len: usize) {
        let Some((id, payload_type)) = self.pick(side, sender) else { return };
        self.count += 1;
        let frame = OutgoingFrame::new(payload_type, self.count * 3000, picture(self.count, key, len));
        let before = self.peers[side].session.stats().queued_packets;
        // Rule 5: misuse hands back what was to be sent, and nothing of it leaves.
        if let Err(SendError { refused, .. }) =
            self.peers[side].session.send_frame(self.now, id, frame.clone())
        {
            assert_eq!(refused, frame);
            assert_eq!(self.peers[side].session.stats().queued_packets, before);
        }
    }

    fn packet(&mut self, side: usize, sender: usize, leap: Option<u64>, len: usize) {
        let Some((id, payload_type)) = self.pick(side, sender) else { return };
        self.count += 1;
        let payload = Bytes::from(vec![self.count as u8; len]);
        let mut packet = OutgoingPacket::new(payload_type, self.count * 3000, payload);
        packet.sequence = leap;
        if let Err(SendError { refused, .. }) =
            self.peers[side].session.send_rtp(self.now, id, packet.clone())
        {
            assert_eq!(refused, packet);
        }
    }

    fn deliver(&mut self, from: usize, mut datagram: Vec<u8>) {
        let session = &mut self.peers[1 - from].session;
        if (192..224).contains(&datagram[1]) {
            let _ = session.handle_rtcp(self.now, &mut datagram);
        } else {
            let _ = session.handle_rtp(self.now, self.now, None, &mut datagram);
        }
    }

    /// Rule 4: what cannot be used counts once and changes nothing.
    fn refuse(&mut self, side: usize, datagram: Vec<u8>) {
        let session = &mut self.peers[side].session;
        let (before, deadline) = (session.stats(), session.poll_timeout());
        let told = |session: &Session| {
            format!(
                "{:?}{:?}",
                session.senders().collect::<Vec<_>>(),
                session.receivers().collect::<Vec<_>>()
            )
        };
        let streams = told(session);
        let (mut first, mut second) = (datagram.clone(), datagram);
        let reasons = [
            session.handle_rtp(self.now, self.now, Some(Ecn::Ce), &mut first).unwrap_err(),
            session.handle_rtcp(self.now, &mut second).unwrap_err(),
        ];
        assert!(
            reasons.iter().all(|one| matches!(one, Discard::Srtp(_) | Discard::Packet(_))),
            "{reasons:?}"
        );
        assert_eq!(session.stats().discarded_total(), before.discarded_total() + 2);
        assert_eq!((told(session), session.poll_timeout()), (streams, deadline));
        assert_eq!(session.stats().rtcp_received, before.rtcp_received);
    }

    /// Rule 7: time goes from deadline to deadline, and each is dealt with, also when nothing can be sent.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for turn in 0.. {
            assert!(turn < 20_000, "deadlines without end");
            let next = self.peers.iter().filter_map(|peer| peer.session.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for peer in &mut self.peers {
                peer.session.handle_timeout(self.now);
                let deadline = peer.session.poll_timeout();
                assert!(deadline.is_none_or(|at| at > self.now), "the deadline did not move");
                peer.session.handle_timeout(self.now);
                assert_eq!(peer.session.poll_timeout(), deadline, "an early call does something");
            }
            self.settle();
        }
        self.now = end;
    }

    /// After each operation: what goes out, what is told, and the bounds.
    fn settle(&mut self) {
        for side in 0..2 {
            if !self.full[side] {
                for turn in 0.. {
                    assert!(turn < 5_000, "the drain does not end");
                    let mut out = Vec::new();
                    let session = &mut self.peers[side].session;
                    let Some(len) = session.poll_transmit(self.now, 1_500, &mut out) else { break };
                    assert!(len == out.len() && len <= 1_328, "{len}");
                    self.transcript.extend_from_slice(&out);
                    self.wire[side].push(out);
                }
                let session = &mut self.peers[side].session;
                assert_eq!(session.poll_transmit(self.now, 1_500, &mut Vec::new()), None, "a second drain");
                assert_eq!(session.stats().queued_packets, 0);
                self.wire[side].truncate(60);
            }
            if !self.deaf[side] {
                self.listen(side);
            }
            let stats = self.peers[side].session.stats();
            assert!(stats.queued_packets <= MOST_QUEUED + 2_048);
            let told = stats.told;
            assert!(told.received + told.lost + told.forgotten <= told.sent, "{told:?}");
            assert!(told.bytes_in_flight <= 8_192 * 1_328, "{told:?}");
            assert!(self.peers[side].session.receivers().count() <= MOST_RECEIVERS);
        }
    }

    fn listen(&mut self, side: usize) {
        let session = &mut self.peers[side].session;
        let events: Vec<Event> = std::iter::from_fn(|| session.poll_event()).collect();
        // Rule 8: however long nobody looked.
        assert!(events.len() <= 2 * MOST_RECEIVERS + 6 + 1, "{}", events.len());
        let frames: Vec<Frame> = std::iter::from_fn(|| session.recv_frame()).collect();
        assert!(frames.len() <= MOST_FRAMES);
        assert!(frames.is_empty() || events.contains(&Event::FramesReadable) || self.readable[side]);
        self.readable[side] = false;
        self.transcript.extend_from_slice(format!("{events:?}{}", frames.len()).as_bytes());
        for event in events {
            match event {
                Event::ReceiverAdded { receiver, .. } => {
                    assert!(!self.used[side].contains(&receiver), "an identifier used twice");
                    self.used[side].push(receiver);
                    self.known[side].push(receiver);
                }
                Event::ReceiverEnded { receiver, .. } => {
                    let at = self.known[side].iter().position(|one| *one == receiver);
                    self.known[side].remove(at.unwrap());
                }
                _ => {}
            }
        }
        let mut heard: Vec<ReceiverId> = session.receivers().map(|one| one.receiver).collect();
        heard.sort();
        self.known[side].sort();
        assert_eq!(self.known[side], heard, "what is told is what there is");
        assert!(frames.iter().all(|frame| self.used[side].contains(&frame.receiver)));
    }
}

fn run(ops: &[Op]) -> World {
    let mut world = World::new(Network::new(0).now() + Duration::from_secs(1_000));
    for op in ops {
        world.apply(op);
        world.settle();
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_after_each_operation(ops in prop::collection::vec(op(), 0..250)) {
        run(&ops);
    }

    // Rule 2
    #[test]
    fn equal_inputs_give_equal_outputs(ops in prop::collection::vec(op(), 0..120)) {
        prop_assert!(run(&ops).transcript == run(&ops).transcript);
    }
}

// Rule 9
#[test]
fn every_public_machine_can_move_between_threads() {
    const fn send<T: Send + 'static>() {}
    send::<Session>();
    send::<Config>();
    send::<Event>();
    send::<Frame>();
    send::<SendError<OutgoingFrame>>();
}
