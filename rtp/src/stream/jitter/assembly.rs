//! The frame being built.

use std::time::Instant;

use bytes::BytesMut;

use super::super::blocks::Blocks;
use super::super::{Frame, ReceiverId};
use super::{Incoming, JitterDiscard};
use crate::codec::{Codec, Depacketizer, PayloadDiscard};
use crate::extension::Set;
use crate::{ExtendedSequence, ExtendedTimestamp, PayloadType};

/// Takes packets in order, without a gap within a frame.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    blocks: Blocks,
    depacketizer: Option<(Codec, Depacketizer)>,
    building: Option<Building>,
    /// Packets of this frame are of no use.
    broken: Option<ExtendedTimestamp>,
    /// Where extensions of several packets are put together.
    extensions: BytesMut,
}

#[derive(Debug)]
struct Building {
    codec: Codec,
    payload_type: PayloadType,
    timestamp: ExtendedTimestamp,
    first_sequence: ExtendedSequence,
    last_sequence: ExtendedSequence,
    first_arrival: Instant,
    last_arrival: Instant,
    extensions: Set,
}

impl Assembly {
    pub(super) const fn is_building(&self) -> bool {
        self.building.is_some()
    }

    /// Whether a packet belongs to the frame being built.
    pub(super) fn takes(&self, packet: &Incoming<'_>) -> bool {
        self.building.as_ref().is_some_and(|building| {
            building.timestamp == packet.timestamp
                && building.payload_type == packet.payload_type
                && building.codec == packet.codec
        })
    }

    /// Whether a packet belongs to a frame that was abandoned.
    pub(super) fn is_broken(&self, packet: &Incoming<'_>) -> bool {
        self.broken == Some(packet.timestamp)
    }

    pub(super) fn begin(&mut self, packet: &Incoming<'_>) {
        self.clear();
        if self.depacketizer.as_ref().is_none_or(|(codec, _)| *codec != packet.codec) {
            self.depacketizer = Some((packet.codec, Depacketizer::new(packet.codec)));
        }
        self.building = Some(Building {
            codec: packet.codec,
            payload_type: packet.payload_type,
            timestamp: packet.timestamp,
            first_sequence: packet.sequence,
            last_sequence: packet.sequence,
            first_arrival: packet.arrival,
            last_arrival: packet.arrival,
            extensions: packet.extensions.clone(),
        });
    }

    /// Appends the next packet's payload. After an error the frame is to be abandoned.
    pub(super) fn push(&mut self, packet: &Incoming<'_>, max_bytes: usize) -> Result<(), JitterDiscard> {
        let (Some(building), Some((_, depacketizer))) = (&mut self.building, &mut self.depacketizer) else {
            return Err(JitterDiscard::Payload(PayloadDiscard::Orphan));
        };
        let len = packet.payload.len();
        if self.blocks.len().saturating_add(len) > max_bytes {
            return Err(JitterDiscard::TooLong);
        }
        building.last_sequence = packet.sequence;
        building.first_arrival = building.first_arrival.min(packet.arrival);
        building.last_arrival = building.last_arrival.max(packet.arrival);
        if building.extensions != packet.extensions && !packet.extensions.is_empty() {
            building.extensions = union(&building.extensions, &packet.extensions, &mut self.extensions);
        }
        let frame = self.blocks.grow(len.saturating_mul(2).saturating_add(SLACK));
        depacketizer.push(packet.payload, frame).map_err(JitterDiscard::Payload)
    }

    /// Ends the frame. `None` when there is none, an error when its last unit did not end.
    pub(super) fn finish(&mut self, receiver: ReceiverId) -> Option<Result<Frame, PayloadDiscard>> {
        let (_, depacketizer) = self.depacketizer.as_mut()?;
        let building = self.building.as_ref()?;
        let description = match depacketizer.finish(self.blocks.grow(0)) {
            Ok(description) => description,
            Err(discard) => return Some(Err(discard)),
        };
        let frame = Frame {
            receiver,
            codec: building.codec,
            payload_type: building.payload_type,
            timestamp: building.timestamp,
            payload: self.blocks.cut(),
            description,
            first_sequence: building.first_sequence,
            last_sequence: building.last_sequence,
            first_arrival: building.first_arrival,
            last_arrival: building.last_arrival,
            extensions: building.extensions.clone(),
            after_gap: false,
            captured: None,
        };
        self.building = None;
        Some(Ok(frame))
    }

    /// Throws the frame away, and what will come of it.
    pub(super) fn abandon(&mut self) {
        let broken = self.building.as_ref().map(|building| building.timestamp).or(self.broken);
        self.clear();
        self.broken = broken;
    }

    /// Begins as if there had been no frame.
    pub(super) fn clear(&mut self) {
        self.building = None;
        self.broken = None;
        self.blocks.clear();
    }
}

/// The elements of both; of a kind in both, the later.
fn union(earlier: &Set, later: &Set, block: &mut BytesMut) -> Set {
    let mut builder = Set::builder(block);
    for (kind, value) in earlier.iter().filter(|(kind, _)| later.value(*kind).is_none()).chain(later) {
        builder.push(kind, value);
    }
    builder.finish()
}

/// What payload formats add to a frame of many small units, besides as much again: start codes.
const SLACK: usize = 64;
