//! AV1: the [RTP Payload Format For AV1 (v1.0)](https://aomediacodec.github.io/av1-rtp-spec/v1.0.0.html), called the RTP
//! specification here.
//!
//! A frame is a temporal unit in the low-overhead format. One that is sent may have or lack a temporal delimiter; one
//! received begins with it, and each OBU has its size, as decoders and files want them.

mod obu;
mod packetizer;

use super::{Description, PayloadDiscard};
use bytes::{BufMut, BytesMut};
use obu::{
    FRAME, FRAME_HEADER, Header, REDUNDANT_FRAME_HEADER, SEQUENCE_HEADER, SequenceHeader, TILE_GROUP, leb128,
    leb128_len,
};
pub(super) use packetizer::Packetizer;

/// Puts temporal units together.
#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer {
    /// Where the OBU that goes on in the next payload begins.
    open: Option<usize>,
    summary: Summary,
}

impl Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        if frame.is_empty() {
            *self = Self::default();
        }
        let elements = Elements::parse(payload)?;
        match (elements.continues, self.open) {
            (true, None) => return Err(PayloadDiscard::Orphan),
            (false, Some(_)) => return Err(PayloadDiscard::Malformed),
            (true, Some(_)) | (false, None) => {}
        }
        if frame.is_empty() {
            frame.put_slice(&TEMPORAL_DELIMITER);
        }
        let will_continue = elements.will_continue;
        let mut elements = elements.peekable();
        while let Some(element) = elements.next() {
            let start = self.open.take().unwrap_or(frame.len());
            frame.put_slice(element?);
            if will_continue && elements.peek().is_none() {
                self.open = Some(start);
            } else {
                self.end(start, frame)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, frame: &mut BytesMut) -> Result<Description, PayloadDiscard> {
        let Self { open, summary } = std::mem::take(self);
        if let Some(start) = open {
            frame.truncate(start);
            return Err(PayloadDiscard::Truncated);
        }
        let mut description = summary.description;
        description.starts_frame = true;
        description.ends_frame = true;
        description.key_frame = summary.is_key_frame();
        Ok(description)
    }

    /// Gives the whole OBU at the end of the frame its size, or takes it away if it is none of the decoder's.
    fn end(&mut self, start: usize, frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        let obu = frame.get(start..).unwrap_or_default();
        let (header, body) = split(obu).ok_or(PayloadDiscard::Malformed)?;
        // The RTP specification, Section 5: temporal delimiters and tile lists are ignored.
        if !header.is_carried() {
            frame.truncate(start);
            return Ok(());
        }
        self.summary.note(header, body);
        let (len, from) = (body.len(), start + obu.len() - body.len());
        let to = start + header.len() + leb128_len(len);
        if to > from {
            frame.put_bytes(0, to - from);
        }
        frame.copy_within(from..from + len, to);
        frame.truncate(to + len);
        if let Some(mut out) = frame.get_mut(start..to) {
            header.put(Some(len), &mut out);
        }
        Ok(())
    }
}

/// `starts_frame` is true where the first OBU begins with the payload and is not one that only comes after others of its
/// frame (a tile group, a redundant frame header). It is true of a temporal unit's first payload, but also of a later one
/// that begins with another layer's frame. `key_frame` is true of the first payload of a key frame alone, by the
/// aggregation header's N or by the headers it has. Resolution is the largest of the sequence.
pub(super) fn describe(payload: &[u8]) -> Result<Description, PayloadDiscard> {
    let elements = Elements::parse(payload)?;
    let (mut summary, mut continues) = (Summary::default(), elements.continues);
    let Elements { new_sequence, will_continue, .. } = elements;
    let mut starts_frame = None;
    let mut elements = elements.peekable();
    while let Some(element) = elements.next() {
        let element = element?;
        if std::mem::take(&mut continues) {
            starts_frame = Some(false);
            continue;
        }
        let is_cut = will_continue && elements.peek().is_none();
        let header = if is_cut { Header::parse_cut(element) } else { Header::parse(element) };
        let (header, mut body) = header.ok_or(PayloadDiscard::Malformed)?;
        if header.has_size() {
            body = match leb128(body) {
                Some((_, body)) => body,
                None if is_cut => &[],
                None => return Err(PayloadDiscard::Malformed),
            };
        }
        starts_frame.get_or_insert_with(|| !matches!(header.kind(), TILE_GROUP | REDUNDANT_FRAME_HEADER));
        summary.note(header, body);
    }
    let mut description = summary.description;
    description.starts_frame = starts_frame.unwrap_or_default();
    description.key_frame = new_sequence || summary.is_key_frame();
    Ok(description)
}

/// What the OBUs seen so far say.
#[derive(Debug, Clone, Copy, Default)]
struct Summary {
    description: Description,
    sequence: Option<SequenceHeader>,
    /// Whether the first frame header is a shown key frame's, once there was one.
    key_frame: Option<bool>,
}

impl Summary {
    /// `body` may be cut short.
    fn note(&mut self, header: Header, body: &[u8]) {
        if let Some((temporal, spatial)) = header.layer() {
            let layers = &mut self.description.layers;
            layers.temporal.get_or_insert(temporal);
            layers.spatial = layers.spatial.max(Some(spatial));
        }
        match header.kind() {
            SEQUENCE_HEADER => {
                self.sequence = SequenceHeader::parse(body).or(self.sequence);
                self.description.resolution = self.sequence.and_then(|sequence| sequence.resolution);
            }
            FRAME_HEADER | FRAME => {
                self.key_frame.get_or_insert_with(|| obu::is_shown_key_frame(body));
            }
            _ => {}
        }
    }

    /// The AV1 specification, Section 7.5: a coded video sequence starts with a sequence header and a shown key frame.
    fn is_key_frame(&self) -> bool {
        self.sequence.is_some_and(|sequence| {
            self.key_frame.is_some_and(|key_frame| key_frame || sequence.reduced_still_picture)
        })
    }
}

/// The OBU elements of a payload: whole OBUs, but for the first and the last. Once parsed they are well-formed.
struct Elements<'a> {
    /// The first is the rest of an OBU: Z.
    continues: bool,
    /// The last is not the end of its OBU: Y.
    will_continue: bool,
    /// A coded video sequence begins: N.
    new_sequence: bool,
    /// How many are left, if the header says: then the last has no length.
    count: Option<u8>,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The RTP specification, Section 4.4.
    fn parse(payload: &'a [u8]) -> Result<Self, PayloadDiscard> {
        let (header, rest) = payload.split_first().ok_or(PayloadDiscard::Truncated)?;
        let count = header >> 4 & 0x03;
        let elements = || Self {
            continues: header & Z != 0,
            will_continue: header & Y != 0,
            new_sequence: header & N != 0,
            count: (count != 0).then_some(count),
            rest,
        };
        // A new sequence cannot begin with the rest of an OBU.
        if header & N != 0 && header & Z != 0 {
            return Err(PayloadDiscard::Malformed);
        }
        if rest.is_empty() {
            return Err(PayloadDiscard::Truncated);
        }
        elements().try_for_each(|element| element.map(drop))?;
        Ok(elements())
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], PayloadDiscard>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = match &mut self.count {
            Some(0) => return None,
            Some(count) => {
                *count -= 1;
                Some(*count)
            }
            None if self.rest.is_empty() => return None,
            None => None,
        };
        if left == Some(0) {
            let last = std::mem::take(&mut self.rest);
            return Some(if last.is_empty() { Err(PayloadDiscard::Truncated) } else { Ok(last) });
        }
        let Some((len, rest)) = leb128(self.rest) else { return Some(Err(PayloadDiscard::Malformed)) };
        if len == 0 {
            return Some(Err(PayloadDiscard::Malformed));
        }
        let Some((element, rest)) = rest.split_at_checked(len) else {
            return Some(Err(PayloadDiscard::Truncated));
        };
        self.rest = rest;
        Some(Ok(element))
    }
}

/// The header and body of an OBU that is whole; its size, if it has one, must be right.
fn split(obu: &[u8]) -> Option<(Header, &[u8])> {
    let (header, body) = Header::parse(obu)?;
    if !header.has_size() {
        return Some((header, body));
    }
    let (size, body) = leb128(body)?;
    (size == body.len()).then_some((header, body))
}

/// A temporal delimiter OBU with its size.
const TEMPORAL_DELIMITER: [u8; 2] = [obu::TEMPORAL_DELIMITER << 3 | 0x02, 0];
/// Bits of the aggregation header.
const Z: u8 = 0x80;
const Y: u8 = 0x40;
const N: u8 = 0x08;
