//! One track handed on to a peer, as one stream whichever of its encodings it comes from.

use super::tracks;
use bytes::{Bytes, BytesMut};
use duologue::rtp::PayloadType;
use duologue::rtp::codec::{Codec, Description, vp8};
use duologue::rtp::extension::{Kind, Set};
use duologue::rtp::stream::{Forwarder, Frame, OutgoingFrame, OutgoingPacket, Packet, ReceiverId, SenderId};
use duologue::{PeerConnection, TransceiverId};
use std::time::Instant;

/// Header extensions that are handed on.
const HANDED_ON: [Kind; 3] = [Kind::AudioLevel, Kind::VideoOrientation, Kind::PlayoutDelay];

#[derive(Debug)]
pub(crate) struct Relay {
    /// The transceiver of the peer that it is handed to.
    pub(crate) transceiver: TransceiverId,
    /// The encoding that is forwarded.
    pub(crate) current: Option<ReceiverId>,
    /// The one that shall be, from its next key frame on.
    pub(crate) wanted: Option<ReceiverId>,
    /// How often the encoding has changed.
    pub(crate) switches: u64,
    forwarder: Forwarder,
    numbers: Numbers,
    vp8: vp8::Rewriter,
    /// From which payloads are cut; its memory is used again.
    block: BytesMut,
}

impl Relay {
    pub(crate) fn new(transceiver: TransceiverId, clock_rate: u32) -> Self {
        Self {
            transceiver,
            current: None,
            wanted: None,
            switches: 0,
            forwarder: Forwarder::new(clock_rate),
            numbers: Numbers::default(),
            vp8: vp8::Rewriter::new(),
            block: BytesMut::new(),
        }
    }

    /// Nothing is handed on until the next key frame, and then in either way: what is left out meanwhile is not missed.
    pub(crate) fn pause(&mut self) {
        self.wanted = self.current.take().or(self.wanted);
        self.numbers.paused = true;
    }

    /// Takes up the wanted encoding where it can be decoded without what came before. To be called before each packet is
    /// forwarded.
    pub(crate) fn switch(&mut self, receiver: ReceiverId, told: &Description) {
        let begins = told.starts_frame && told.key_frame;
        if begins && self.wanted == Some(receiver) && self.current != Some(receiver) {
            self.switches += u64::from(self.current.is_some());
            self.current = Some(receiver);
            self.vp8.switch();
        }
    }

    /// Sends a packet on, its payload as it came as long as the encoding does not change. What the peer cannot take for the
    /// moment is lost, as on any network.
    pub(crate) fn forward(&mut self, now: Instant, peer: &mut PeerConnection, packet: &Packet<'_>) {
        if self.current != Some(packet.receiver) {
            return;
        }
        let Some(sender) = tracks::sender(peer, self.transceiver) else { return };
        let Some(payload_type) = payload_type(peer, self.transceiver, packet.codec) else { return };
        let Some(payload) = self.payload(packet) else {
            // Padding, and what is left of a layer that was switched from, would be waited for as if lost.
            self.forwarder.skip(packet.receiver, packet.sequence);
            return;
        };
        let numbers = self.forwarder.forward(now, packet.receiver, packet.sequence, packet.timestamp);
        let Some((sequence, timestamp)) = numbers else { return };
        let mut outgoing = OutgoingPacket::new(payload_type, timestamp, payload);
        outgoing.sequence = Some(self.numbers.of_packet(peer, sender, sequence));
        outgoing.marker = packet.header.marker;
        outgoing.extensions = self.extensions(packet);
        let _ = peer.send_rtp(now, sender, outgoing);
    }

    /// Sends a frame on, in packets of our own.
    pub(crate) fn forward_frame(&mut self, now: Instant, peer: &mut PeerConnection, frame: &Frame) {
        if self.current != Some(frame.receiver) {
            return;
        }
        let Some(sender) = tracks::sender(peer, self.transceiver) else { return };
        let Some(payload_type) = payload_type(peer, self.transceiver, frame.codec) else { return };
        let numbers = self.forwarder.forward(now, frame.receiver, frame.last_sequence, frame.timestamp);
        let Some((_, timestamp)) = numbers else { return };
        self.numbers.before_frame(peer, sender);
        let mut outgoing = OutgoingFrame::new(payload_type, timestamp, frame.payload.clone());
        outgoing.layers = frame.description.layers;
        let _ = peer.send_frame(now, sender, outgoing);
    }

    /// The payload, with numbers of its own where the codec has running ones; `None` for what is not forwarded.
    fn payload(&mut self, packet: &Packet<'_>) -> Option<Bytes> {
        if packet.payload.is_empty() {
            return None;
        }
        self.block.extend_from_slice(packet.payload);
        let mut payload = self.block.split();
        if packet.codec == Codec::Vp8 {
            self.vp8.rewrite(&mut payload).ok()?;
        }
        Some(payload.freeze())
    }

    fn extensions(&mut self, packet: &Packet<'_>) -> Set {
        let mut set = Set::builder(&mut self.block);
        for (kind, value) in packet.extensions().filter(|(kind, _)| HANDED_ON.contains(kind)) {
            set.push(kind, value);
        }
        set.finish()
    }
}

/// The sequence numbers of packets that follow frames, or a pause: they go on with the number after the last.
#[derive(Debug, Default)]
struct Numbers {
    paused: bool,
    /// What a packet's number is more than the forwarder's.
    lead: u64,
    /// The number after the last packet's.
    next: u64,
    /// What had been sent before the first of the frames, of which the session numbers the packets.
    framed: Option<u64>,
}

impl Numbers {
    fn of_packet(&mut self, peer: &PeerConnection, sender: SenderId, forwarded: u64) -> u64 {
        if let Some(before) = self.framed.take() {
            self.next += sent(peer, sender).saturating_sub(before);
        }
        if std::mem::take(&mut self.paused) {
            self.lead = self.next.wrapping_sub(forwarded);
        }
        let number = forwarded.wrapping_add(self.lead);
        self.next = self.next.max(number.wrapping_add(1));
        number
    }

    fn before_frame(&mut self, peer: &PeerConnection, sender: SenderId) {
        self.paused = true;
        self.framed.get_or_insert_with(|| sent(peer, sender));
    }
}

/// How many packets have been sent, retransmissions left out.
fn sent(peer: &PeerConnection, sender: SenderId) -> u64 {
    let one = peer.outbound_rtp().find(|one| one.sender == sender);
    one.map_or(0, |one| one.packets_sent - one.retransmitted_packets_sent)
}

fn payload_type(peer: &PeerConnection, transceiver: TransceiverId, codec: Codec) -> Option<PayloadType> {
    tracks::payload_type(peer, transceiver, |one| one == codec).map(|(number, _)| number)
}
