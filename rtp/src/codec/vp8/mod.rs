//! VP8 in packets ([RFC 7741](https://www.rfc-editor.org/rfc/rfc7741)).
//!
//! A frame is cut anywhere: what an encoder makes of one frame comes back byte for byte. A media server that switches
//! between the encodings of one picture forwards their payloads through a [`Rewriter`].

mod descriptor;
mod rewriter;

pub use rewriter::Rewriter;

use super::{Description, Fragment, Layers, PayloadDiscard};
use bytes::{BufMut, Bytes, BytesMut};
use descriptor::Descriptor;
use std::collections::VecDeque;

/// Cuts frames into payloads whose lengths differ by one byte at most.
#[derive(Debug, Clone)]
pub(super) struct Packetizer {
    /// The next frame's number: 15 bits.
    picture_id: u16,
    /// The last base-layer frame's number.
    tl0_pic_idx: u8,
}

impl Packetizer {
    pub(super) const fn new(random: u16) -> Self {
        let [tl0_pic_idx, _] = random.to_be_bytes();
        Self { picture_id: random & 0x7fff, tl0_pic_idx }
    }

    pub(super) fn packetize(
        &mut self,
        frame: &Bytes,
        layers: Layers,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) {
        let temporal = layers.temporal.map(|layer| layer.min(3));
        if temporal == Some(0) {
            // RFC 7741, Section 4.2: the index must be incremented when TID is 0.
            self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
        }
        let descriptor = Descriptor {
            non_reference: layers.discardable,
            start: true,
            partition: 0,
            picture_id: Some(descriptor::PictureId { value: self.picture_id, wide: true, at: 0 }),
            tl0_pic_idx: temporal.map(|_| descriptor::Octet { value: self.tl0_pic_idx, at: 0 }),
            temporal,
            sync: temporal.is_some() && layers.switching_point,
            key_idx: None,
        };
        // RFC 7741, Section 4.2: the number of frames must go up by one for each.
        self.picture_id = self.picture_id.wrapping_add(1) & 0x7fff;

        descriptor.write(prefixes);
        let first = prefixes.split().freeze();
        Descriptor { start: false, ..descriptor }.write(prefixes);
        let other = prefixes.split().freeze();
        let room = max_len.saturating_sub(first.len());
        let mut parts = parts(frame, 0, room).peekable();
        let mut prefix = first;
        while let Some(body) = parts.next() {
            out.push_back(Fragment { prefix, body, last: parts.peek().is_none() });
            prefix = other.clone();
        }
    }
}

/// Cuts a frame into the fewest parts of at most `room` bytes, of nearly equal length; the first is shorter by `extra`.
pub(super) fn parts(frame: &Bytes, extra: usize, room: usize) -> impl Iterator<Item = Bytes> + '_ {
    let total = frame.len().saturating_add(extra);
    let count = total.div_ceil(room.max(1)).max(1);
    let (base, longer) = (total / count, total % count);
    let mut at = 0usize;
    (0..count).map(move |index| {
        let extra = if index == 0 { extra } else { 0 };
        let len = (base + usize::from(index < longer)).saturating_sub(extra);
        let end = at.saturating_add(len).min(frame.len());
        let part = frame.slice(at..end);
        at = end;
        part
    })
}

/// Appends payloads to a frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer {
    /// What the first payload said; `None` without a frame under construction.
    description: Option<Description>,
}

impl Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        let (descriptor, body) = Descriptor::parse(payload)?;
        if frame.is_empty() {
            self.description = None;
            // RFC 7741, Section 4.2: S must be 1 for the first packet of a frame.
            if !descriptor.starts_frame() {
                return Err(PayloadDiscard::Orphan);
            }
            self.description = Some(Description { ends_frame: true, ..descriptor.describe(body) });
        } else if self.description.is_none() {
            return Err(PayloadDiscard::Orphan);
        } else if descriptor.starts_frame() {
            // RFC 7741, Section 4.2: S must not be set again for the same PID.
            self.description = None;
            return Err(PayloadDiscard::Malformed);
        }
        frame.put_slice(body);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<Description, PayloadDiscard> {
        self.description.take().ok_or(PayloadDiscard::Orphan)
    }
}

pub(super) fn describe(payload: &[u8]) -> Result<Description, PayloadDiscard> {
    let (descriptor, body) = Descriptor::parse(payload)?;
    Ok(descriptor.describe(body))
}
