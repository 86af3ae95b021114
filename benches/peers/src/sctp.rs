//! SCTP alone, both sides, without a network between them: packets of 1,200 bytes, receive windows of 5 MiB, checksums on.

use crate::table::{Work, row};
use bytes::Bytes;
use dcsctp::api::{DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketTime, StreamId};
use duologue::sctp::Config;
use duologue::sctp::dcep::{ChannelConfig, ChannelId, Channels, DtlsRole, Kind};
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Payload,
    PayloadProtocolIdentifier, ServerConfig, TransportConfig, max_payload_size_for_mtu,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MTU: usize = 1200;
const WINDOW: u32 = 5 << 20;
/// Longer than any peer delays a SACK, in a few steps.
const STEP: Duration = Duration::from_millis(50);

/// Two associations with something between them.
trait Pair {
    fn send(&mut self, message: &Bytes);
    /// Moves what each side may send, a flight at a time, until nothing is left; returns the packets of the sender.
    fn exchange(&mut self) -> u64;
    /// Bytes of messages that arrived since.
    fn receive(&mut self) -> usize;
    fn wait(&mut self, time: Duration);
}

/// Packets that the messages took.
fn run(pair: &mut impl Pair, message: &Bytes, count: usize) -> u64 {
    for _ in 0..count {
        pair.send(message);
    }
    let mut packets = pair.exchange();
    let mut received = pair.receive();
    while received < count * message.len() {
        pair.wait(STEP);
        packets += pair.exchange();
        received += pair.receive();
    }
    assert_eq!(received, count * message.len(), "every byte once");
    // What is still to be acknowledged.
    for _ in 0..6 {
        pair.wait(STEP);
        packets += pair.exchange();
    }
    packets
}

/// 64 KiB messages, per packet of data.
pub fn bulk() {
    let message = Bytes::from(vec![7; 65_536]);
    // Packets differ a little in how full they are: all are charged for the same, the fewest that carry the bytes.
    let packets = |count: u64| count * 65_536 / 1_172;
    let mut ours = Ours::new();
    let mut ours = || {
        (0..4).for_each(|_| assert!(run(&mut ours, &message, 16) >= packets(16)));
        packets(64)
    };
    let mut peer = Rtc::new();
    let mut round = || {
        (0..4).for_each(|_| assert!(run(&mut peer, &message, 16) >= packets(16)));
        packets(64)
    };
    row(
        "SCTP bulk, 64 KiB messages",
        "packet, both sides",
        Work { name: "rtc-sctp 0.21.1", round: &mut round },
        &mut ours,
    );
    let mut peer = DcSctp::new();
    let mut round = || {
        assert!(run(&mut peer, &message, 16) >= packets(16));
        packets(16)
    };
    row(
        "SCTP bulk, 64 KiB messages",
        "packet, both sides",
        Work { name: "dcsctp 0.1.16", round: &mut round },
        &mut ours,
    );
}

/// 100-byte messages.
pub fn small() {
    const COUNT: usize = 10_000;
    let message = Bytes::from(vec![7; 100]);
    let mut ours = Ours::new();
    let mut ours = || {
        (0..4).for_each(|_| assert!(run(&mut ours, &message, COUNT) > 0));
        4 * COUNT as u64
    };
    let mut peer = Rtc::new();
    let mut round = || {
        (0..4).for_each(|_| assert!(run(&mut peer, &message, COUNT) > 0));
        4 * COUNT as u64
    };
    row(
        "SCTP, 100-byte messages",
        "message, both sides",
        Work { name: "rtc-sctp 0.21.1", round: &mut round },
        &mut ours,
    );
    let mut peer = DcSctp::new();
    let mut round = || {
        assert!(run(&mut peer, &message, COUNT) > 0);
        COUNT as u64
    };
    row(
        "SCTP, 100-byte messages",
        "message, both sides",
        Work { name: "dcsctp 0.1.16", round: &mut round },
        &mut ours,
    );
}

struct Ours {
    sides: [Channels; 2],
    channel: ChannelId,
    now: Instant,
    wire: Vec<u8>,
    lens: Vec<usize>,
}

impl Ours {
    fn new() -> Self {
        let now = Instant::now();
        let mut config = Config::default();
        (config.mtu, config.receive_window) = (MTU, WINDOW);
        let config = Arc::new(config);
        let mut sides = [1, 2].map(|seed| Channels::new(Arc::clone(&config), [seed; 32], now));
        for (side, role) in sides.iter_mut().zip([DtlsRole::Client, DtlsRole::Server]) {
            side.set_dtls_role(now, role);
            side.set_remote_max_message_size(262_144);
            side.connect(now);
        }
        let channel = sides[0].create(now, ChannelConfig::default()).unwrap();
        let mut pair = Self { sides, channel, now, wire: Vec::new(), lens: Vec::new() };
        pair.exchange();
        pair
    }
}

impl Pair for Ours {
    fn send(&mut self, message: &Bytes) {
        self.sides[0].send(self.now, self.channel, Kind::Binary, message.clone()).unwrap();
    }

    fn exchange(&mut self) -> u64 {
        let mut packets = 0;
        loop {
            let mut moved = false;
            for from in 0..2 {
                self.wire.clear();
                self.lens.clear();
                while let Some(len) = self.sides[from].poll_transmit(self.now, 1500, &mut self.wire) {
                    self.lens.push(len);
                }
                let mut rest = self.wire.as_slice();
                for len in &self.lens {
                    let (packet, after) = rest.split_at(*len);
                    rest = after;
                    self.sides[1 - from].handle_packet(self.now, packet).unwrap();
                }
                moved |= !self.lens.is_empty();
                packets += if from == 0 { self.lens.len() as u64 } else { 0 };
            }
            if !moved {
                return packets;
            }
        }
    }

    fn receive(&mut self) -> usize {
        self.sides.iter_mut().for_each(|side| while side.poll_event().is_some() {});
        std::iter::from_fn(|| self.sides[1].recv()).map(|message| message.payload.len()).sum()
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.sides.iter_mut().for_each(|side| side.handle_timeout(self.now));
    }
}

struct RtcSide {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    address: SocketAddr,
}

struct Rtc {
    sides: [RtcSide; 2],
    now: Instant,
}

impl Rtc {
    fn new() -> Self {
        let now = Instant::now();
        let transport = TransportConfig::default().with_max_receive_buffer_size(WINDOW);
        let mut config = EndpointConfig::new();
        config.max_payload_size(max_payload_size_for_mtu(MTU as u32));
        let config = Arc::new(config);
        let mut sides = ["192.0.2.1:5000", "192.0.2.2:5000"].map(|address| {
            let address = address.parse().unwrap();
            let server = Some(Arc::new(ServerConfig::new(transport.clone())));
            let endpoint =
                Endpoint::new(address, rtc_shared::TransportProtocol::UDP, Arc::clone(&config), server);
            RtcSide { endpoint, association: None, address }
        });
        let remote = sides[1].address;
        sides[0].association =
            Some(sides[0].endpoint.connect(now, ClientConfig::new(transport), remote).unwrap());
        let mut pair = Self { sides, now };
        pair.exchange();
        pair.sender().open_stream(1, PayloadProtocolIdentifier::Binary).unwrap();
        pair
    }

    fn sender(&mut self) -> &mut Association {
        &mut self.sides[0].association.as_mut().unwrap().1
    }
}

impl Pair for Rtc {
    fn send(&mut self, message: &Bytes) {
        let now = self.now;
        let mut stream = self.sender().stream(1).unwrap();
        let written = stream.write_chunk_with_ppi(now, message, PayloadProtocolIdentifier::Binary).unwrap();
        assert_eq!(written, message.len());
    }

    fn exchange(&mut self) -> u64 {
        let mut packets = 0;
        loop {
            let mut moved = false;
            for from in 0..2 {
                let mut flight = Vec::new();
                if let Some((handle, association)) = &mut self.sides[from].association {
                    while let Some(transmit) = association.poll_transmit(self.now) {
                        let Payload::RawEncode(encoded) = transmit.message else {
                            panic!("packets are encoded")
                        };
                        flight.extend(encoded);
                    }
                    while let Some(event) = association.poll_endpoint_event() {
                        self.sides[from].endpoint.handle_event(*handle, event);
                    }
                }
                moved |= !flight.is_empty();
                packets += if from == 0 { flight.len() as u64 } else { 0 };
                let source = self.sides[from].address;
                let to = &mut self.sides[1 - from];
                for packet in flight {
                    match to.endpoint.handle(self.now, source, None, packet) {
                        Some((_, DatagramEvent::AssociationEvent(event))) => {
                            to.association.as_mut().unwrap().1.handle_event(event);
                        }
                        Some((handle, DatagramEvent::NewAssociation(association))) => {
                            to.association = Some((handle, association));
                        }
                        _ => panic!("a packet was refused"),
                    }
                }
            }
            if !moved {
                return packets;
            }
        }
    }

    fn receive(&mut self) -> usize {
        for side in &mut self.sides {
            let (_, association) = side.association.as_mut().unwrap();
            while association.poll().is_some() {}
        }
        let Ok(mut stream) = self.sides[1].association.as_mut().unwrap().1.stream(1) else { return 0 };
        let mut received = 0;
        while let Some(chunks) = stream.read_sctp().unwrap() {
            received += chunks.to_payload(262_144).unwrap().len();
        }
        received
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        for side in &mut self.sides {
            side.association.as_mut().unwrap().1.handle_timeout(self.now);
        }
    }
}

struct DcSctp {
    sides: [Box<dyn DcSctpSocket>; 2],
    now: SocketTime,
}

impl DcSctp {
    fn new() -> Self {
        let options =
            Options { mtu: MTU, max_receiver_window_buffer_size: WINDOW as usize, ..Options::default() };
        let mut sides = ["a", "b"].map(|name| dcsctp::new_socket(name, &options));
        sides[0].connect();
        let mut pair = Self { sides, now: SocketTime::zero() };
        pair.exchange();
        pair
    }
}

impl Pair for DcSctp {
    fn send(&mut self, message: &Bytes) {
        let message = Message::new(StreamId(1), PpId(53), message.to_vec());
        self.sides[0].send(message, &SendOptions::default()).unwrap();
    }

    fn exchange(&mut self) -> u64 {
        let mut packets = 0;
        loop {
            let mut moved = false;
            for from in 0..2 {
                let mut flight = Vec::new();
                while let Some(event) = self.sides[from].poll_event() {
                    if let SocketEvent::SendPacket(packet) = event {
                        flight.push(packet);
                    }
                }
                moved |= !flight.is_empty();
                packets += if from == 0 { flight.len() as u64 } else { 0 };
                flight.iter().for_each(|packet| self.sides[1 - from].handle_input(packet));
            }
            if !moved {
                return packets;
            }
        }
    }

    fn receive(&mut self) -> usize {
        std::iter::from_fn(|| self.sides[1].get_next_message()).map(|message| message.payload.len()).sum()
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.sides.iter_mut().for_each(|side| side.advance_time(self.now));
    }
}
