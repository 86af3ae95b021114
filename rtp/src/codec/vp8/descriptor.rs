//! The VP8 payload descriptor ([RFC 7741, Section 4.2](https://www.rfc-editor.org/rfc/rfc7741#section-4.2)).

use crate::codec::{Description, Layers, PayloadDiscard};
use bytes::{BufMut, BytesMut};

/// What comes before each piece of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descriptor {
    /// N: no other frame depends on this one.
    pub(super) non_reference: bool,
    /// S: a partition starts with the payload.
    pub(super) start: bool,
    /// PID: the partition that the payload's first byte is of.
    pub(super) partition: u8,
    pub(super) picture_id: Option<PictureId>,
    pub(super) tl0_pic_idx: Option<Octet>,
    /// TID.
    pub(super) temporal: Option<u8>,
    /// Y: the frame depends on the base layer alone.
    pub(super) sync: bool,
    /// The whole octet that KEYIDX ends.
    pub(super) key_idx: Option<Octet>,
}

/// The running number of a frame, and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct PictureId {
    pub(super) value: u16,
    /// 15 bits, not 7.
    pub(super) wide: bool,
    /// The place of its first byte in the payload.
    pub(super) at: usize,
}

/// One byte, and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Octet {
    pub(super) value: u8,
    pub(super) at: usize,
}

impl Descriptor {
    /// Reads a payload's descriptor; what follows it is not empty.
    pub(super) fn parse(payload: &[u8]) -> Result<(Self, &[u8]), PayloadDiscard> {
        let mut reader = Reader { payload, at: 0 };
        let first = reader.octet()?.value;
        let mut descriptor = Self {
            non_reference: first & NON_REFERENCE != 0,
            start: first & START != 0,
            partition: first & 0x07,
            picture_id: None,
            tl0_pic_idx: None,
            temporal: None,
            sync: false,
            key_idx: None,
        };
        if first & EXTENDED != 0 {
            let fields = reader.octet()?.value;
            if fields & PICTURE_ID != 0 {
                descriptor.picture_id = Some(reader.picture_id()?);
            }
            if fields & TL0_PIC_IDX != 0 {
                descriptor.tl0_pic_idx = Some(reader.octet()?);
            }
            if fields & (TID | KEY_IDX) != 0 {
                let octet = reader.octet()?;
                // RFC 7741, Section 4.2: TID must be ignored without T, and KEYIDX without K.
                if fields & TID != 0 {
                    descriptor.temporal = Some(octet.value >> 6);
                    descriptor.sync = octet.value & SYNC != 0;
                }
                descriptor.key_idx = (fields & KEY_IDX != 0).then_some(octet);
            }
        }
        let body = payload.get(reader.at..).unwrap_or_default();
        if body.is_empty() { Err(PayloadDiscard::Truncated) } else { Ok((descriptor, body)) }
    }

    /// Appends the descriptor, without KEYIDX.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.put_u8(EXTENDED | flag(self.non_reference, NON_REFERENCE) | flag(self.start, START));
        out.put_u8(
            flag(self.picture_id.is_some(), PICTURE_ID)
                | flag(self.tl0_pic_idx.is_some(), TL0_PIC_IDX)
                | flag(self.temporal.is_some(), TID),
        );
        if let Some(id) = self.picture_id {
            out.put_u16(WIDE | id.value);
        }
        if let Some(index) = self.tl0_pic_idx {
            out.put_u8(index.value);
        }
        if let Some(temporal) = self.temporal {
            out.put_u8(temporal << 6 | flag(self.sync, SYNC));
        }
    }

    /// Whether the payload is the first of its frame.
    pub(super) const fn starts_frame(&self) -> bool {
        self.start && self.partition == 0
    }

    pub(super) fn describe(&self, body: &[u8]) -> Description {
        let header = if self.starts_frame() { body } else { &[] };
        // RFC 7741, Section 4.3: P is 0 in a key frame.
        let key_frame = header.first().is_some_and(|first| first & 0x01 == 0);
        Description {
            starts_frame: self.starts_frame(),
            ends_frame: false,
            key_frame,
            layers: Layers {
                temporal: self.temporal,
                spatial: None,
                switching_point: self.sync,
                discardable: self.non_reference,
            },
            picture_id: self.picture_id.map(|id| id.value),
            resolution: if key_frame { resolution(header) } else { None },
        }
    }
}

/// The size in a key frame's header ([RFC 6386, Section 9.1](https://www.rfc-editor.org/rfc/rfc6386#section-9.1)):
/// three bytes, a start code, and two numbers of 14 bits below two of scale.
fn resolution(header: &[u8]) -> Option<(u16, u16)> {
    match header {
        [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] => {
            Some((u16::from_le_bytes([*w0, *w1]) & 0x3fff, u16::from_le_bytes([*h0, *h1]) & 0x3fff))
        }
        _ => None,
    }
}

struct Reader<'p> {
    payload: &'p [u8],
    at: usize,
}

impl Reader<'_> {
    fn octet(&mut self) -> Result<Octet, PayloadDiscard> {
        let value = *self.payload.get(self.at).ok_or(PayloadDiscard::Truncated)?;
        let octet = Octet { value, at: self.at };
        self.at += 1;
        Ok(octet)
    }

    fn picture_id(&mut self) -> Result<PictureId, PayloadDiscard> {
        let Octet { value: first, at } = self.octet()?;
        let high = first & 0x7f;
        if first & 0x80 == 0 {
            return Ok(PictureId { value: u16::from(high), wide: false, at });
        }
        let low = self.octet()?.value;
        Ok(PictureId { value: u16::from_be_bytes([high, low]), wide: true, at })
    }
}

/// M, above 15 bits of the picture's number.
pub(super) const WIDE: u16 = 0x8000;

// The first octet.
const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const START: u8 = 0x10;

// The extended control bits.
const PICTURE_ID: u8 = 0x80;
const TL0_PIC_IDX: u8 = 0x40;
const TID: u8 = 0x20;
const KEY_IDX: u8 = 0x10;

/// Y, beside TID.
const SYNC: u8 = 0x20;
