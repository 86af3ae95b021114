//! What an application receives and sends.

use super::{ReceiverId, SectionId};
use crate::codec::{Codec, Description, Layers};
use crate::extension::{Extensions, Ids, Kind, Set};
use crate::packet::Header;
use crate::rtcp::NtpTime;
use crate::{ExtendedSequence, ExtendedTimestamp, PayloadType};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A received packet, borrowed from its datagram. A retransmission stands as the packet that it repairs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Packet<'d> {
    /// Which stream it belongs to.
    pub receiver: ReceiverId,
    /// Which section its stream belongs to.
    pub section: SectionId,
    /// Its header; a repaired packet has that of the lost one.
    pub header: Header,
    /// Its number, without wrap.
    pub sequence: ExtendedSequence,
    /// Its time, without wrap.
    pub timestamp: ExtendedTimestamp,
    /// What the payload is coded with.
    pub codec: Codec,
    /// When it arrived.
    pub arrival: Instant,
    /// Whether it came as a retransmission.
    pub repaired: bool,
    /// What it carries, without padding; padding alone is an empty payload.
    pub payload: &'d [u8],
    pub(crate) extensions: Extensions<'d>,
    pub(crate) ids: Arc<Ids>,
}

impl<'d> Packet<'d> {
    /// The bytes of a header extension.
    #[must_use]
    pub fn extension(&self, kind: Kind) -> Option<&'d [u8]> {
        self.extensions.value(&self.ids, kind)
    }

    /// Every header extension that the section has a name for.
    pub fn extensions(&self) -> impl Iterator<Item = (Kind, &'d [u8])> {
        self.extensions.known(&self.ids)
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("receiver", &self.receiver)
            .field("header", &self.header)
            .field("sequence", &self.sequence)
            .field("repaired", &self.repaired)
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A packet to be sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingPacket {
    /// One of the payload types that were agreed on for sending.
    pub payload_type: PayloadType,
    /// The application's own count: gaps are sent as gaps, and a number counts once. The sender adds an offset of its own.
    /// `None` is one more than the highest so far.
    pub sequence: Option<u64>,
    /// The time of the media's clock. The sender adds an offset of its own (RFC 3550, Section 5.1).
    pub timestamp: u32,
    /// Whether a frame ends here (video), or a spurt of talk begins (audio).
    pub marker: bool,
    /// Header extensions, besides those that the sender writes by itself (`mid`, `rid`, sequence numbers and times of sending).
    pub extensions: Set,
    /// The payload.
    pub payload: Bytes,
}

impl OutgoingPacket {
    /// A packet with the next sequence number.
    #[must_use]
    pub fn new(payload_type: PayloadType, timestamp: u32, payload: Bytes) -> Self {
        Self { payload_type, sequence: None, timestamp, marker: false, extensions: Set::default(), payload }
    }
}

impl fmt::Debug for OutgoingPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingPacket")
            .field("payload_type", &self.payload_type)
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("marker", &self.marker)
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A frame to be sent, in as many packets as it needs.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingFrame {
    /// One of the payload types that were agreed on for sending.
    pub payload_type: PayloadType,
    /// The time of the media's clock. The sender adds an offset of its own (RFC 3550, Section 5.1).
    pub timestamp: u32,
    /// The frame, in the form that [`Packetizer::packetize`](crate::codec::Packetizer::packetize) says.
    pub payload: Bytes,
    /// What the payload format tells of its layers.
    pub layers: Layers,
    /// Header extensions of its last packet, besides those that the sender writes by itself.
    pub extensions: Set,
}

impl OutgoingFrame {
    /// A frame that says nothing of layers.
    #[must_use]
    pub fn new(payload_type: PayloadType, timestamp: u32, payload: Bytes) -> Self {
        Self { payload_type, timestamp, payload, layers: Layers::default(), extensions: Set::default() }
    }
}

impl fmt::Debug for OutgoingFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingFrame")
            .field("payload_type", &self.payload_type)
            .field("timestamp", &self.timestamp)
            .field("layers", &self.layers)
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A received frame: a packet of audio, or a whole picture.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Which stream it belongs to.
    pub receiver: ReceiverId,
    /// What it is coded with.
    pub codec: Codec,
    /// The payload type of its packets.
    pub payload_type: PayloadType,
    /// Its time, without wrap.
    pub timestamp: ExtendedTimestamp,
    /// The frame, in the form that [`Packetizer::packetize`](crate::codec::Packetizer::packetize) takes.
    pub payload: Bytes,
    /// What its payload format tells of it.
    pub description: Description,
    /// Its first packet.
    pub first_sequence: ExtendedSequence,
    /// Its last packet.
    pub last_sequence: ExtendedSequence,
    /// When the first of its packets arrived.
    pub first_arrival: Instant,
    /// When it was whole.
    pub last_arrival: Instant,
    /// The header extensions of its last packet.
    pub extensions: Set,
    /// Whether frames before it were lost and given up.
    pub after_gap: bool,
    /// When it was sampled, by the sender's clock, once a sender report has told.
    pub captured: Option<NtpTime>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("receiver", &self.receiver)
            .field("codec", &self.codec)
            .field("timestamp", &self.timestamp)
            .field("first_sequence", &self.first_sequence)
            .field("last_sequence", &self.last_sequence)
            .field("key_frame", &self.description.key_frame)
            .field("payload", &self.payload.len())
            .finish_non_exhaustive()
    }
}
