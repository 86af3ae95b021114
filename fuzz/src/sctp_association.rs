//! Two peers and arbitrary calls; packets are dropped, kept back, doubled and changed. What holds: the calls end, deadlines
//! move, buffers stay within their bounds, and without changed packets each reliable message arrives once, in order.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Channels, DtlsRole, Event, Kind};
use duologue_sctp::packet::{self, PacketWriter};
use duologue_sctp::{Config, Discard, Reliability};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[derive(Debug, Arbitrary)]
enum Op {
    Create { who: bool, unordered: bool, reliability: u8, negotiated: Option<u8> },
    Send { who: bool, channel: u8, len: u16 },
    Close { who: bool, channel: u8 },
    /// One of the packets under way arrives.
    Deliver { who: bool, index: u8, keep: bool },
    DeliverAll,
    Drop { who: bool, index: u8 },
    /// A byte of a packet under way changes, its checksum with it.
    Change { who: bool, index: u8, chunk: u8, byte: u16, mask: u8 },
    /// Time passes.
    Wait { millis: u16 },
    Read { who: bool },
    SetMtu { who: bool, mtu: u16 },
    Restore { who: bool },
    Shutdown { who: bool },
    Abort { who: bool },
}

struct Peer {
    channels: Channels,
    open: Vec<ChannelId>,
    /// Packets on their way to the other peer.
    wire: Vec<Vec<u8>>,
    /// Per channel label and direction: numbers sent, and received by the other.
    received: BTreeMap<ChannelId, u32>,
    sent: BTreeMap<ChannelId, u32>,
}

struct World {
    peers: [Peer; 2],
    now: Instant,
    /// A packet was changed: only safety holds from now on.
    changed: bool,
}

const WINDOW: usize = 300_000;

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

impl World {
    fn new() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        #[allow(clippy::disallowed_methods)]
        let now = *START.get_or_init(Instant::now);
        let mut config = Config::default();
        (config.receive_window, config.max_message_size) = (100_000, 65_536);
        config.send_buffer = 200_000;
        let config = Arc::new(config);
        let peer = |role, seed| {
            let mut channels = Channels::new(config.clone(), [seed; 32], now);
            channels.set_dtls_role(now, role);
            channels.connect(now);
            let (open, wire) = (Vec::new(), Vec::new());
            Peer { channels, open, wire, received: BTreeMap::new(), sent: BTreeMap::new() }
        };
        let mut world = Self { peers: [peer(DtlsRole::Client, 1), peer(DtlsRole::Server, 2)], now, changed: false };
        world.check();
        world
    }

    fn pair(&mut self, who: bool) -> (&mut Peer, &mut Peer) {
        let [a, b] = &mut self.peers;
        if who { (a, b) } else { (b, a) }
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Create { who, unordered, reliability, negotiated } => {
                let mut config = ChannelConfig::default();
                config.ordered = !unordered;
                config.negotiated = negotiated.map(u16::from);
                config.reliability = match reliability % 4 {
                    2 => Reliability::MaxRetransmits(u32::from(reliability / 64)),
                    3 => Reliability::MaxLifetime(Duration::from_millis(u64::from(reliability))),
                    _ => Reliability::Reliable,
                };
                let peer = self.pair(who).0;
                if let Ok(id) = peer.channels.create(now, config) {
                    peer.open.push(id);
                }
            }
            Op::Send { who, channel, len } => {
                let peer = self.pair(who).0;
                let Some(id) = peer.pick(channel) else { return };
                let number = peer.sent.entry(id).or_default();
                let mut payload = number.to_be_bytes().to_vec();
                payload.resize(usize::from(len).max(4), *number as u8);
                if peer.channels.send(now, id, Kind::Binary, Bytes::from(payload)).is_ok() {
                    *number += 1;
                }
            }
            Op::Close { who, channel } => {
                let peer = self.pair(who).0;
                if let Some(id) = peer.pick(channel) {
                    peer.channels.close(now, id);
                }
            }
            Op::Deliver { who, index, keep } => self.deliver(who, index, keep),
            Op::DeliverAll => {
                for _ in 0..400 {
                    let who = !self.peers[0].wire.is_empty();
                    if !who && self.peers[1].wire.is_empty() {
                        break;
                    }
                    self.deliver(who, 0, false);
                    self.flush();
                }
            }
            Op::Drop { who, index } => {
                let wire = &mut self.pair(who).0.wire;
                if !wire.is_empty() {
                    wire.remove(usize::from(index) % wire.len());
                }
            }
            Op::Change { who, index, chunk, byte, mask } => {
                let wire = &mut self.pair(who).0.wire;
                let at = usize::from(index) % wire.len().max(1);
                if let Some(packet) = wire.get_mut(at) {
                    *packet = change(packet, usize::from(chunk), usize::from(byte), mask);
                    self.changed = true;
                }
            }
            Op::Wait { millis } => {
                self.now += Duration::from_millis(u64::from(millis));
                self.time();
            }
            Op::Read { who } => self.read(who),
            Op::SetMtu { who, mtu } => self.pair(who).0.channels.set_mtu(usize::from(mtu)),
            Op::Restore { who } => self.pair(who).0.channels.path_restored(now),
            Op::Shutdown { who } => self.pair(who).0.channels.shutdown(now),
            Op::Abort { who } => self.pair(who).0.channels.abort(now),
        }
    }

    fn deliver(&mut self, who: bool, index: u8, keep: bool) {
        let (now, changed) = (self.now, self.changed);
        let (from, to) = self.pair(who);
        if from.wire.is_empty() {
            return;
        }
        let at = usize::from(index) % from.wire.len();
        let packet = if keep { from.wire[at].clone() } else { from.wire.remove(at) };
        let result = to.channels.handle_packet(now, &packet);
        assert!(changed || !matches!(result, Err(Discard::Checksum | Discard::TooShort | Discard::Ports)));
    }

    /// Time has come to here: deadlines that have passed are dealt with and lie in the future then.
    fn time(&mut self) {
        for peer in &mut self.peers {
            peer.channels.handle_timeout(self.now);
            assert!(peer.channels.poll_timeout().is_none_or(|at| at > self.now), "the deadline did not move");
        }
    }

    fn read(&mut self, who: bool) {
        let changed = self.changed;
        let (peer, other) = self.pair(who);
        while let Some(message) = peer.channels.recv() {
            let Some(number) = message.payload.first_chunk() else { continue };
            let number = u32::from_be_bytes(*number);
            if changed {
                continue;
            }
            let config = peer.channels.channel(message.channel).map(|channel| channel.config().clone());
            let next = peer.received.entry(message.channel).or_default();
            if let Some(config) = config.filter(|config| config.ordered) {
                assert!(number >= *next, "order");
                assert!(number == *next || config.reliability != Reliability::Reliable, "a message was lost");
            }
            *next = number + 1;
            assert!(message.payload.iter().skip(4).all(|byte| *byte == number as u8), "a byte changed");
            let _ = &other;
        }
    }

    /// Takes what the peers want to send; the wire is bounded by dropping.
    fn flush(&mut self) {
        for peer in &mut self.peers {
            for turn in 0.. {
                assert!(turn < 20_000, "the drain does not end");
                let mut out = Vec::new();
                let Some(len) = peer.channels.poll_transmit(self.now, 1500, &mut out) else { break };
                assert_eq!(len, out.len());
                assert!(len <= 1500);
                peer.wire.push(out);
            }
            assert!(peer.channels.poll_transmit(self.now, 1500, &mut Vec::new()).is_none(), "a second drain");
            peer.wire.truncate(64);
        }
    }

    fn check(&mut self) {
        self.flush();
        for peer in &mut self.peers {
            while let Some(event) = peer.channels.poll_event() {
                match event {
                    Event::Incoming(id) => peer.open.push(id),
                    Event::Closed(id, _) => peer.open.retain(|open| *open != id),
                    _ => {}
                }
            }
            let stats = peer.channels.stats();
            assert!(stats.receive_buffer <= 2 * WINDOW, "{} bytes held", stats.receive_buffer);
            assert!(stats.send_buffer <= 200_000 + 300 * 400, "{} bytes queued", stats.send_buffer);
        }
    }
}

impl Peer {
    fn pick(&self, channel: u8) -> Option<ChannelId> {
        self.open.get(usize::from(channel) % self.open.len().max(1)).copied()
    }
}

/// The packet with one byte of a chunk's value changed.
fn change(bytes: &[u8], which: usize, at: usize, mask: u8) -> Vec<u8> {
    let Ok((header, chunks)) = packet::parse(bytes) else { return bytes.to_vec() };
    let mut out = Vec::new();
    let mut writer = PacketWriter::begin(&mut out, header, 65_535);
    let count = chunks.clone().count().max(1);
    for (index, chunk) in chunks.enumerate() {
        let mut value = chunk.value.to_vec();
        let (mut kind, mut flags) = (chunk.kind, chunk.flags);
        if index == which % count {
            let at = at % (value.len() + 2);
            match at.checked_sub(2) {
                Some(at) => value[at] ^= mask,
                None if at == 0 => kind ^= mask,
                None => flags ^= mask,
            }
        }
        writer.chunk(kind, flags, |out| out.extend_from_slice(&value));
    }
    writer.finish();
    out
}
