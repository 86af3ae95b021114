//! The VP9 payload descriptor ([RFC 9628, Section 4.2](https://www.rfc-editor.org/rfc/rfc9628#section-4.2)).

use super::header::Header;
use crate::codec::{Description, Layers, PayloadDiscard};
use bytes::{BufMut, BytesMut};

/// What comes before each piece of a layer's frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descriptor {
    picture_id: Option<u16>,
    /// P: the frame depends on earlier pictures.
    inter_predicted: bool,
    /// B: a layer's frame starts with the payload.
    pub(super) start: bool,
    /// E: a layer's frame ends with the payload.
    end: bool,
    layers: Option<LayerIndices>,
    /// The size of the highest layer that the scalability structure gives one.
    resolution: Option<(u16, u16)>,
}

#[derive(Debug, Clone, Copy)]
struct LayerIndices {
    /// TID.
    temporal: u8,
    /// U: higher temporal layers may start after this frame.
    switching_point: bool,
    /// SID.
    spatial: u8,
}

impl Descriptor {
    /// Reads a payload's descriptor; what follows it is not empty.
    pub(super) fn parse(payload: &[u8]) -> Result<(Self, &[u8]), PayloadDiscard> {
        let mut rest = payload;
        let flags = octet(&mut rest)?;
        let picture_id = if flags & PICTURE_ID == 0 { None } else { Some(read_picture_id(&mut rest)?) };
        let flexible = flags & FLEXIBLE != 0;
        let layers = if flags & LAYERS == 0 { None } else { Some(read_layers(&mut rest, flexible)?) };
        if flexible && flags & INTER_PREDICTED != 0 {
            skip_references(&mut rest)?;
        }
        let resolution = if flags & STRUCTURE == 0 { None } else { read_structure(&mut rest)? };
        if rest.is_empty() {
            return Err(PayloadDiscard::Truncated);
        }
        let descriptor = Self {
            picture_id,
            inter_predicted: flags & INTER_PREDICTED != 0,
            start: flags & START != 0,
            end: flags & END != 0,
            layers,
            resolution,
        };
        Ok((descriptor, rest))
    }

    pub(super) fn spatial(&self) -> Option<u8> {
        self.layers.map(|layers| layers.spatial)
    }

    pub(super) fn describe(&self, body: &[u8]) -> Description {
        let starts_frame = self.start && self.spatial().unwrap_or(0) == 0;
        let key_frame = starts_frame && !self.inter_predicted;
        let from_header = || Header::parse(body).and_then(|header| header.resolution);
        Description {
            starts_frame,
            // The end of a layer's frame is not the end of the picture when there may be more layers.
            ends_frame: self.end && self.layers.is_none(),
            key_frame,
            layers: Layers {
                temporal: self.layers.map(|layers| layers.temporal),
                spatial: self.spatial(),
                switching_point: self.layers.is_some_and(|layers| layers.switching_point),
                discardable: false,
            },
            picture_id: self.picture_id,
            resolution: if key_frame { self.resolution.or_else(from_header) } else { None },
        }
    }
}

/// What we write before each piece of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing {
    /// 15 bits.
    pub(super) picture_id: u16,
    pub(super) inter_predicted: bool,
    pub(super) start: bool,
    pub(super) end: bool,
    /// Told by a scalability structure of one layer.
    pub(super) resolution: Option<(u16, u16)>,
}

impl Outgoing {
    /// Its length without a resolution.
    pub(super) const LEN: usize = 3;
    /// What a resolution adds.
    pub(super) const RESOLUTION_LEN: usize = 5;

    pub(super) fn write(&self, out: &mut BytesMut) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.put_u8(
            PICTURE_ID
                | flag(self.inter_predicted, INTER_PREDICTED)
                | flag(self.start, START)
                | flag(self.end, END)
                | flag(self.resolution.is_some(), STRUCTURE),
        );
        out.put_u16(0x8000 | self.picture_id);
        if let Some((width, height)) = self.resolution {
            // N_S is 0: one layer.
            out.put_u8(RESOLUTIONS);
            out.put_u16(width);
            out.put_u16(height);
        }
    }
}

fn octet(rest: &mut &[u8]) -> Result<u8, PayloadDiscard> {
    let (first, after) = rest.split_first().ok_or(PayloadDiscard::Truncated)?;
    *rest = after;
    Ok(*first)
}

fn number(rest: &mut &[u8]) -> Result<u16, PayloadDiscard> {
    Ok(u16::from_be_bytes([octet(rest)?, octet(rest)?]))
}

fn read_picture_id(rest: &mut &[u8]) -> Result<u16, PayloadDiscard> {
    let first = octet(rest)?;
    let high = first & 0x7f;
    if first & 0x80 == 0 { Ok(u16::from(high)) } else { Ok(u16::from_be_bytes([high, octet(rest)?])) }
}

fn read_layers(rest: &mut &[u8], flexible: bool) -> Result<LayerIndices, PayloadDiscard> {
    let indices = octet(rest)?;
    if !flexible {
        // TL0PICIDX.
        octet(rest)?;
    }
    Ok(LayerIndices {
        temporal: indices >> 5,
        switching_point: indices & 0x10 != 0,
        spatial: indices >> 1 & 0x07,
    })
}

/// P_DIFF, up to three times.
fn skip_references(rest: &mut &[u8]) -> Result<(), PayloadDiscard> {
    for _ in 0..3 {
        let more = octet(rest)? & 0x01 != 0;
        if !more {
            return Ok(());
        }
    }
    // RFC 9628, Section 4.2: a frame refers to three others at most.
    Err(PayloadDiscard::Malformed)
}

/// The scalability structure ([RFC 9628, Section 4.2.1](https://www.rfc-editor.org/rfc/rfc9628#section-4.2.1)): of it,
/// the size of the highest layer that has one.
fn read_structure(rest: &mut &[u8]) -> Result<Option<(u16, u16)>, PayloadDiscard> {
    let first = octet(rest)?;
    let mut resolution = None;
    if first & RESOLUTIONS != 0 {
        for _ in 0..=first >> 5 {
            let size = (number(rest)?, number(rest)?);
            if size.0 != 0 && size.1 != 0 {
                resolution = Some(size);
            }
        }
    }
    if first & PICTURE_GROUP != 0 {
        for _ in 0..octet(rest)? {
            let references = octet(rest)? >> 2 & 0x03;
            for _ in 0..references {
                octet(rest)?;
            }
        }
    }
    Ok(resolution)
}

// The first octet.
const PICTURE_ID: u8 = 0x80;
const INTER_PREDICTED: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const START: u8 = 0x08;
const END: u8 = 0x04;
const STRUCTURE: u8 = 0x02;

// The scalability structure's first octet.
const RESOLUTIONS: u8 = 0x10;
const PICTURE_GROUP: u8 = 0x08;
