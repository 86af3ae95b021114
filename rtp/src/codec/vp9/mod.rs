//! VP9 in packets ([RFC 9628](https://www.rfc-editor.org/rfc/rfc9628)).
//!
//! Frames leave in non-flexible mode, without layers: a superframe is one picture. Received pictures may have layers of both
//! modes; their frames are appended to each other in the order of their layers, as decoders take them.

mod descriptor;
mod header;

use super::{Description, Fragment, Layers, PacketizeError, PayloadDiscard, vp8};
use bytes::{Bytes, BytesMut};
use descriptor::{Descriptor, Outgoing};
use header::Header;
use std::collections::VecDeque;

/// Cuts frames into payloads of nearly equal length.
#[derive(Debug, Clone)]
pub(super) struct Packetizer {
    /// The next picture's number: 15 bits.
    picture_id: u16,
}

impl Packetizer {
    pub(super) const fn new(random: u16) -> Self {
        Self { picture_id: random & 0x7fff }
    }

    /// Layers are not told: without the dependencies between pictures, which the coded bytes do not show, receivers could make
    /// no use of them.
    pub(super) fn packetize(
        &mut self,
        frame: &Bytes,
        _layers: Layers,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), PacketizeError> {
        let header = Header::parse(frame).ok_or(PacketizeError::Malformed)?;
        let picture_id = self.picture_id;
        // RFC 9628, Section 4.2: the number of pictures must go up by one for each.
        self.picture_id = picture_id.wrapping_add(1) & 0x7fff;

        let mut prefix = |start: bool, end: bool| {
            let resolution = if start { header.resolution } else { None };
            Outgoing { picture_id, inter_predicted: !header.key_frame, start, end, resolution }
                .write(prefixes);
            prefixes.split().freeze()
        };
        let extra = if header.resolution.is_some() { Outgoing::RESOLUTION_LEN } else { 0 };
        let room = max_len.saturating_sub(Outgoing::LEN);
        let mut parts = vp8::parts(frame, extra, room).peekable();
        let mut start = true;
        let mut middle: Option<Bytes> = None;
        while let Some(body) = parts.next() {
            let last = parts.peek().is_none();
            let prefix = if start || last {
                prefix(start, last)
            } else {
                middle.get_or_insert_with(|| prefix(false, false)).clone()
            };
            out.push_back(Fragment { prefix, body, last });
            start = false;
        }
        Ok(())
    }
}

/// Appends payloads to a picture.
#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer {
    /// What the first payload said; `None` without a picture under construction.
    description: Option<Description>,
}

impl Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        let (descriptor, body) = Descriptor::parse(payload)?;
        if frame.is_empty() {
            self.description = None;
            // RFC 9628, Section 4.2: B must be 1 where a frame starts.
            if !descriptor.start {
                return Err(PayloadDiscard::Orphan);
            }
            let description = descriptor.describe(body);
            self.description = Some(Description { starts_frame: true, ends_frame: true, ..description });
        }
        let description = self.description.as_mut().ok_or(PayloadDiscard::Orphan)?;
        description.layers.spatial = description.layers.spatial.max(descriptor.spatial());
        frame.extend_from_slice(body);
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
