//! Duologue as the server of `fanout.rs`.

use crate::fanout::{BATCH, Server, config};
use bytes::{Bytes, BytesMut};
use duologue::ice::Path;
use duologue::rtp::codec::Codec;
use duologue::rtp::stream::{Forwarder, ReceiverId};
use duologue::rtp::{ExtendedSequence, ExtendedTimestamp, PayloadType};
use duologue::sdp::Direction;
use duologue::sdp::jsep::SdpType;
use duologue::{
    Arrival, Description, NtpTime, OutgoingPacket, PeerConnection, Received, SenderId, TrackKind,
    TransceiverInit, codec_of,
};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Instant, SystemTime};

/// The size of a block that payloads are copied into.
const BLOCK: usize = 64 << 10;

/// One connection of our server.
pub struct Ours {
    connection: PeerConnection,
    address: SocketAddr,
    /// Where and as what it sends, once agreed on.
    sender: Option<(SenderId, PayloadType)>,
    forwarder: Forwarder,
    block: BytesMut,
    deadline: Option<Instant>,
}

/// A packet that is forwarded: its payload was copied once.
pub struct Packet {
    receiver: ReceiverId,
    sequence: ExtendedSequence,
    timestamp: ExtendedTimestamp,
    marker: bool,
    payload: Bytes,
}

/// Datagrams, one behind the other.
#[derive(Default)]
pub struct Wire {
    bytes: Vec<u8>,
    batches: Vec<(usize, usize)>,
}

impl Server for Ours {
    type Packet = Packet;
    type Wire = Wire;

    fn offering(now: Instant, address: SocketAddr, sends: bool) -> (Self, String) {
        let mut connection = PeerConnection::new(config(), [7; 32], now, NtpTime::from(SystemTime::now()));
        connection.add_interface(now, address).unwrap();
        let mut init = TransceiverInit::default();
        init.direction = if sends { Direction::SendOnly } else { Direction::RecvOnly };
        connection.add_transceiver(TrackKind::Video, init).unwrap();
        let offer = connection.create_offer().unwrap();
        connection.set_local_description(now, &offer).unwrap();
        let offer = connection.local_description().unwrap().to_string();
        let (forwarder, block) = (Forwarder::new(90_000), BytesMut::new());
        (Self { connection, address, sender: None, forwarder, block, deadline: None }, offer)
    }

    fn answered(&mut self, now: Instant, answer: &str) {
        let answer = Description::parse(SdpType::Answer, answer).unwrap();
        self.connection.set_remote_description(now, &answer).unwrap();
        let one = self.connection.transceivers().next().unwrap();
        let vp8 = one.send_codecs().iter().find(|codec| codec_of(codec) == Some(Codec::Vp8));
        let payload_type = vp8.and_then(|codec| PayloadType::new(codec.payload_type.get()));
        self.sender = self.connection.senders(one.id()).next().zip(payload_type);
    }

    fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) -> Option<Packet> {
        let arrival = Arrival::new(Path::udp(self.address, from), now);
        let Ok(Received::Rtp(received)) = self.connection.handle_datagram(now, arrival, datagram) else {
            return None;
        };
        let packet = received.packet;
        if self.block.capacity() < packet.payload.len() {
            self.block.reserve(BLOCK);
        }
        self.block.extend_from_slice(packet.payload);
        Some(Packet {
            receiver: packet.receiver,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.header.marker,
            payload: self.block.split().freeze(),
        })
    }

    fn forward(&mut self, now: Instant, packet: &Packet) {
        let (sender, payload_type) = self.sender.unwrap();
        let numbers = self.forwarder.forward(now, packet.receiver, packet.sequence, packet.timestamp);
        let (sequence, timestamp) = numbers.unwrap();
        let mut outgoing = OutgoingPacket::new(payload_type, timestamp, packet.payload.clone());
        outgoing.sequence = Some(sequence);
        outgoing.marker = packet.marker;
        self.connection.send_rtp(now, sender, outgoing).unwrap();
    }

    fn drain(&mut self, now: Instant, wire: &mut Wire) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.connection.handle_timeout(now);
        }
        while let Some(transmit) = self.connection.poll_transmit(now, BATCH, &mut wire.bytes) {
            let size = transmit.segment_size.map_or(transmit.len, NonZeroUsize::get);
            wire.batches.push((transmit.len, size));
        }
        while self.connection.poll_event().is_some() {}
        self.deadline = self.connection.poll_timeout();
    }

    fn deliver(wire: &mut Wire, mut each: impl FnMut(&mut [u8])) {
        let mut bytes = wire.bytes.as_mut_slice();
        for (len, size) in wire.batches.drain(..) {
            let (batch, rest) = bytes.split_at_mut(len);
            batch.chunks_mut(size).for_each(&mut each);
            bytes = rest;
        }
        wire.bytes.clear();
    }
}
