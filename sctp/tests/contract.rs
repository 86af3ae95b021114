#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test panics")]
//! The contract's nine rules: two peers, arbitrary calls, and a small model of what must arrive.
//!
//! Rule 3 (bytes handed out borrowed from the datagram) has no counterpart here: packets come decrypted, and a message's
//! bytes outlive them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::Network;
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Channels, DtlsRole, Event, Kind, Message};
use duologue_sctp::{Association, CloseReason, Config, Discard, SendError};
use proptest::prelude::*;

const WINDOW: u32 = 150_000;
const SEND_BUFFER: usize = 120_000;

#[derive(Debug, Clone)]
enum Op {
    Open { side: usize, ordered: bool },
    Send { side: usize, channel: usize, len: usize },
    Close { side: usize, channel: usize },
    Deliver { side: usize, index: usize },
    Duplicate { side: usize, index: usize },
    Drop { side: usize, index: usize },
    Corrupt { side: usize, index: usize, bit: usize },
    Garbage { side: usize, bytes: Vec<u8> },
    Wait { micros: u64 },
    /// The clock of the caller runs backwards.
    Past { side: usize, micros: u64 },
    Read { side: usize },
    TinyRoom { side: usize, room: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let side = 0..2usize;
    prop_oneof![
        1 => (side.clone(), any::<bool>()).prop_map(|(side, ordered)| Op::Open { side, ordered }),
        8 => (side.clone(), 0..8usize, prop_oneof![4..200usize, 900..3_000usize, 4..60_000usize])
            .prop_map(|(side, channel, len)| Op::Send { side, channel, len }),
        1 => (side.clone(), 0..8usize).prop_map(|(side, channel)| Op::Close { side, channel }),
        24 => (side.clone(), prop_oneof![3 => Just(0), 1 => 0..40usize]).prop_map(|(side, index)| Op::Deliver { side, index }),
        2 => (side.clone(), 0..40usize).prop_map(|(side, index)| Op::Duplicate { side, index }),
        3 => (side.clone(), 0..40usize).prop_map(|(side, index)| Op::Drop { side, index }),
        1 => (side.clone(), 0..40usize, 0..9_600usize).prop_map(|(side, index, bit)| Op::Corrupt { side, index, bit }),
        1 => (side.clone(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(side, bytes)| Op::Garbage { side, bytes }),
        4 => prop_oneof![0..30_000u64, 0..3_000_000u64].prop_map(|micros| Op::Wait { micros }),
        1 => (side.clone(), 0..100_000u64).prop_map(|(side, micros)| Op::Past { side, micros }),
        3 => side.clone().prop_map(|side| Op::Read { side }),
        1 => (side, 0..700usize).prop_map(|(side, room)| Op::TinyRoom { side, room }),
    ]
}

/// What the model knows of a channel in one direction: the messages not yet received.
type Expected = BTreeMap<(usize, u64), VecDeque<Bytes>>;

struct World {
    peers: [Channels; 2],
    wire: [Vec<Vec<u8>>; 2],
    /// Open channels of each side: identifier and the number in the label that both sides know.
    open: [Vec<(ChannelId, u64, bool)>; 2],
    names: [BTreeMap<ChannelId, (u64, bool)>; 2],
    expected: Expected,
    readable: [bool; 2],
    ended: [Vec<CloseReason>; 2],
    created: u64,
    sent: u64,
    now: Instant,
    /// All that went out, in order.
    transcript: Vec<u8>,
}

impl World {
    fn new(start: Instant) -> Self {
        let mut config = Config::default();
        (config.receive_window, config.max_message_size, config.send_buffer) = (WINDOW, 22_000, SEND_BUFFER);
        let config = Arc::new(config);
        let peers = [(DtlsRole::Client, 1), (DtlsRole::Server, 2)].map(|(role, seed)| {
            let mut channels = Channels::new(config.clone(), [seed; 32], start);
            channels.set_dtls_role(start, role);
            channels.set_remote_max_message_size(22_000);
            channels.connect(start);
            channels
        });
        let mut world = Self {
            peers,
            wire: Default::default(),
            open: Default::default(),
            names: Default::default(),
            expected: BTreeMap::new(),
            readable: [false; 2],
            ended: Default::default(),
            created: 0,
            sent: 0,
            now: start,
            transcript: Vec::new(),
        };
        world.settle();
        world
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Open { side, ordered } => self.open(side, ordered),
            Op::Send { side, channel, len } => self.send(side, channel, len),
            Op::Close { side, channel } => {
                if let Some(&(id, ..)) = self.pick(side, channel) {
                    self.peers[side].close(self.now, id);
                }
            }
            Op::Deliver { side, index } => {
                if let Some(packet) = self.take(side, index) {
                    self.deliver(side, &packet);
                }
            }
            Op::Duplicate { side, index } => {
                let at = index % self.wire[side].len().max(1);
                if let Some(packet) = self.wire[side].get(at).cloned() {
                    self.deliver(side, &packet);
                }
            }
            Op::Drop { side, index } => drop(self.take(side, index)),
            Op::Corrupt { side, index, bit } => {
                let at = index % self.wire[side].len().max(1);
                let Some(mut packet) = self.wire[side].get(at).cloned() else { return };
                let bit = bit % (packet.len() * 8);
                packet[bit / 8] ^= 1 << (bit % 8);
                self.refuse(side, &packet);
            }
            Op::Garbage { side, ref bytes } => self.refuse(side, bytes),
            Op::Wait { micros } => self.wait(Duration::from_micros(micros)),
            Op::Past { side, micros } => {
                // Rule 1: the largest time seen counts.
                let past = self.now.checked_sub(Duration::from_micros(micros)).unwrap();
                self.peers[side].handle_timeout(past);
            }
            Op::Read { side } => self.read(side),
            Op::TinyRoom { side, room } => {
                // Rule 6: too little room loses nothing; what is written keeps to it.
                let mut out = vec![9; 3];
                if let Some(len) = self.peers[side].poll_transmit(self.now, room, &mut out) {
                    assert!(len <= room && out.len() == 3 + len);
                    self.wire[side].push(out[3..].to_vec());
                } else {
                    assert_eq!(out.len(), 3);
                }
            }
        }
    }

    fn open(&mut self, side: usize, ordered: bool) {
        let mut config = ChannelConfig::default();
        (config.label, config.ordered) = (format!("{}", self.created), ordered);
        if let Ok(id) = self.peers[side].create(self.now, config) {
            self.names[side].insert(id, (self.created, ordered));
            self.open[side].push((id, self.created, ordered));
            self.created += 1;
        }
    }

    fn pick(&self, side: usize, channel: usize) -> Option<&(ChannelId, u64, bool)> {
        self.open[side].get(channel % self.open[side].len().max(1))
    }

    fn send(&mut self, side: usize, channel: usize, len: usize) {
        let Some(&(id, name, _)) = self.pick(side, channel) else { return };
        let mut payload = self.sent.to_be_bytes()[4..].to_vec();
        payload.resize(len, self.sent as u8);
        let payload = Bytes::from(payload);
        match self.peers[side].send(self.now, id, Kind::Binary, payload.clone()) {
            Ok(()) => {
                self.sent += 1;
                self.expected.entry((side, name)).or_default().push_back(payload);
            }
            // Rule 5: misuse hands the payload back.
            Err(SendError::TooLarge { payload: back, limit }) => assert!(back == payload && len > limit),
            Err(other) => assert_eq!(other.into_payload(), payload),
        }
    }

    fn take(&mut self, side: usize, index: usize) -> Option<Vec<u8>> {
        let wire = &mut self.wire[side];
        (!wire.is_empty()).then(|| wire.remove(index % wire.len()))
    }

    fn deliver(&mut self, from: usize, packet: &[u8]) {
        let _ = self.peers[1 - from].handle_packet(self.now, packet);
    }

    /// Rule 4: what cannot be used counts once and changes nothing.
    fn refuse(&mut self, from: usize, packet: &[u8]) {
        let peer = &mut self.peers[1 - from];
        let (before, deadline) = (peer.stats(), peer.poll_timeout());
        let discard = peer.handle_packet(self.now, packet).unwrap_err();
        assert!(matches!(discard, Discard::Checksum | Discard::TooShort | Discard::Ended), "{discard:?}");
        let mut after = peer.stats();
        assert_eq!(after.discarded(discard), before.discarded(discard) + 1);
        assert_eq!(peer.poll_timeout(), deadline);
        after.packets_received = before.packets_received;
        after.bytes_received = before.bytes_received;
        assert_eq!(format!("{after:?}").split("discards").next(), format!("{before:?}").split("discards").next());
    }

    /// Rule 7: time goes from deadline to deadline, and each is dealt with.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for turn in 0.. {
            assert!(turn < 10_000, "deadlines without end");
            let next = self.peers.iter().filter_map(Channels::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for peer in &mut self.peers {
                peer.handle_timeout(self.now);
                assert!(peer.poll_timeout().is_none_or(|at| at > self.now), "the deadline did not move");
                let deadline = peer.poll_timeout();
                peer.handle_timeout(self.now);
                assert_eq!(peer.poll_timeout(), deadline, "an early call does something");
            }
            self.settle();
        }
        self.now = end;
    }

    fn read(&mut self, side: usize) {
        while let Some(Message { channel, payload, .. }) = self.peers[side].recv() {
            let (name, ordered) = self.names[side][&channel];
            let expected = self.expected.get_mut(&(1 - side, name)).unwrap();
            let at = expected.iter().position(|sent| *sent == payload).expect("sent, and not received before");
            assert!(at == 0 || !ordered, "message {at} before its turn");
            expected.remove(at);
        }
        self.readable[side] = false;
    }

    /// After each operation: what goes out, what is told, and the bounds.
    fn settle(&mut self) {
        for side in 0..2 {
            let peer = &mut self.peers[side];
            for turn in 0.. {
                assert!(turn < 5_000, "the drain does not end");
                let mut out = Vec::new();
                let Some(len) = peer.poll_transmit(self.now, 1_500, &mut out) else { break };
                assert!(len == out.len() && len <= peer.stats().mtu);
                self.transcript.extend_from_slice(&out);
                self.wire[side].push(out);
            }
            assert!(peer.poll_transmit(self.now, 1_500, &mut Vec::new()).is_none(), "a second drain");
            self.wire[side].truncate(40);
            while let Some(event) = self.peers[side].poll_event() {
                self.note(side, event);
            }
            // Rule 8: what waits for the application is within the advertised window, twice over for gaps.
            let stats = self.peers[side].stats();
            assert!(stats.receive_buffer <= 2 * WINDOW as usize + 22_000, "{}", stats.receive_buffer);
            assert!(stats.send_buffer <= SEND_BUFFER + 64 * 200, "{}", stats.send_buffer);
        }
    }

    fn note(&mut self, side: usize, event: Event) {
        self.transcript.extend_from_slice(format!("{event:?}").as_bytes());
        assert!(self.ended[side].is_empty(), "{event:?} after the end");
        match event {
            Event::Incoming(id) => {
                let config = self.peers[side].channel(id).unwrap().config();
                let name = config.label.parse().unwrap();
                let ordered = config.ordered;
                assert!(self.names[side].insert(id, (name, ordered)).is_none(), "an identifier used twice");
                self.open[side].push((id, name, ordered));
            }
            Event::Closed(id, _) => {
                self.open[side].retain(|(open, ..)| *open != id);
                assert!(self.peers[side].channel(id).is_none());
            }
            Event::Readable => {
                assert!(!self.readable[side], "told twice");
                self.readable[side] = true;
            }
            Event::Ended(reason) => self.ended[side].push(reason),
            _ => {}
        }
    }

    /// The network works from now on: everything that was sent arrives, and then nothing is left to do.
    fn heal(&mut self) {
        for turn in 0..5_000 {
            for side in 0..2 {
                for packet in std::mem::take(&mut self.wire[side]) {
                    self.deliver(side, &packet);
                }
            }
            self.settle();
            (0..2).for_each(|side| self.read(side));
            self.settle();
            if self.wire.iter().all(Vec::is_empty) {
                let busy = self.peers.iter().any(|peer| peer.stats().send_buffer > 0);
                let closing = self.open.iter().flatten().count() > 0 && self.is_closing();
                if !busy && !closing {
                    return;
                }
                assert!(turn < 4_900, "stuck: {:?}", self.peers[0].stats());
                self.wait(Duration::from_millis(250));
            }
        }
        panic!("does not come to rest");
    }

    fn is_closing(&self) -> bool {
        use duologue_sctp::dcep::ChannelState::Closing;
        self.peers.iter().any(|peer| peer.channels().any(|(_, channel)| channel.state() == Closing))
    }
}

fn run(start: Instant, ops: &[Op]) -> World {
    let mut world = World::new(start);
    for op in ops {
        world.apply(op);
        world.settle();
    }
    world.heal();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_after_each_operation_and_everything_reliable_arrives(ops in prop::collection::vec(op(), 0..250)) {
        let start = Network::new(0).now() + Duration::from_secs(1_000);
        let world = run(start, &ops);
        // A message sent on a channel that its receiver closed first is dropped there, as the browser does.
        let closed = ops.iter().any(|op| matches!(op, Op::Close { .. }));
        let left: usize = world.expected.values().map(VecDeque::len).sum();
        prop_assert!(closed || left == 0, "{} messages did not arrive", left);
    }

    // Rule 2
    #[test]
    fn equal_inputs_give_equal_outputs(ops in prop::collection::vec(op(), 0..120)) {
        let start = Network::new(0).now() + Duration::from_secs(1_000);
        prop_assert!(run(start, &ops).transcript == run(start, &ops).transcript);
    }

    // Rule 5
    #[test]
    fn an_end_is_told_once_after_the_last_packet(
        ops in prop::collection::vec(op(), 0..80), side in 0..2usize, polite in any::<bool>(), polled in any::<bool>(),
    ) {
        let start = Network::new(0).now() + Duration::from_secs(1_000);
        let mut world = World::new(start);
        for op in &ops {
            world.apply(op);
            world.settle();
        }
        let now = world.now;
        let peer = &mut world.peers[side];
        if polite { peer.shutdown(now) } else { peer.abort(now) }
        if polled {
            world.heal_to_the_end();
            prop_assert_eq!(world.ended[side].len(), 1);
        } else if !polite && peer.poll_event().is_none() {
            // Nobody polls: the end comes one second later.
            peer.handle_timeout(now + Duration::from_secs(1));
            let events: Vec<_> = std::iter::from_fn(|| peer.poll_event()).collect();
            prop_assert_eq!(events.last(), Some(&Event::Ended(CloseReason::Aborted)));
            prop_assert!(peer.poll_transmit(now, 1_500, &mut Vec::new()).is_none());
        }
        let peer = &mut world.peers[side];
        if peer.association().is_ended() {
            prop_assert!(peer.poll_timeout().is_none());
            prop_assert_eq!(peer.handle_packet(now, &[0; 40]), Err(Discard::Ended));
            peer.connect(now);
            peer.handle_timeout(now + Duration::from_secs(9));
            prop_assert!(peer.poll_transmit(now, 1_500, &mut Vec::new()).is_none());
            while peer.recv().is_some() {}
        }
    }
}

impl World {
    /// Lets everything arrive until the first association has ended.
    fn heal_to_the_end(&mut self) {
        for _ in 0..2_000 {
            for side in 0..2 {
                for packet in std::mem::take(&mut self.wire[side]) {
                    self.deliver(side, &packet);
                }
            }
            self.settle();
            (0..2).for_each(|side| self.read(side));
            self.settle();
            if self.wire.iter().all(Vec::is_empty) {
                if self.peers.iter().all(|peer| peer.association().is_ended()) {
                    return;
                }
                if self.peers.iter().any(|peer| peer.association().is_ended()) && self.ended.concat().len() == 1 {
                    self.wait(Duration::from_secs(5));
                    return;
                }
                self.wait(Duration::from_millis(250));
            }
        }
    }
}

// Rule 9
#[test]
fn every_public_machine_can_move_between_threads() {
    const fn send<T: Send + 'static>() {}
    send::<Channels>();
    send::<Association>();
    send::<Event>();
    send::<Message>();
    send::<SendError>();
    send::<Config>();
}
