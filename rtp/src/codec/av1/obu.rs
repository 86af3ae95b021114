//! Open bitstream units: their headers and sizes, and what sequence and frame headers say first
//! ([AV1 Bitstream & Decoding Process Specification](https://aomediacodec.github.io/av1-spec/), Section 5).

use super::super::rbsp::BitReader;
use bytes::BufMut;
use std::ops::Range;

/// The header of an OBU, but for its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    first: u8,
    extension: Option<u8>,
}

impl Header {
    /// Reads a header and what follows; `None` if it is cut short or its forbidden bit is set.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        if first & FORBIDDEN != 0 {
            return None;
        }
        if first & EXTENSION == 0 {
            return Some((Self { first: *first, extension: None }, rest));
        }
        let (extension, rest) = rest.split_first()?;
        Some((Self { first: *first, extension: Some(*extension) }, rest))
    }

    /// Reads the header of an OBU that goes on in the next packet, which may have the header's extension.
    pub(super) fn parse_cut(bytes: &[u8]) -> Option<(Self, &[u8])> {
        match bytes {
            [first] if first & FORBIDDEN == 0 => Some((Self { first: *first, extension: None }, &[])),
            _ => Self::parse(bytes),
        }
    }

    pub(super) fn kind(self) -> u8 {
        self.first >> 3 & 0x0f
    }

    pub(super) fn has_size(self) -> bool {
        self.first & HAS_SIZE != 0
    }

    /// temporal_id and spatial_id.
    pub(super) fn layer(self) -> Option<(u8, u8)> {
        self.extension.map(|byte| (byte >> 5, byte >> 3 & 0x03))
    }

    /// 1 or 2 bytes.
    pub(super) fn len(self) -> usize {
        if self.extension.is_some() { 2 } else { 1 }
    }

    /// The AV1 RTP specification, Sections 4.5 and 5: what is sent, and not ignored when received.
    pub(super) fn is_carried(self) -> bool {
        !matches!(self.kind(), TEMPORAL_DELIMITER | TILE_LIST)
    }

    /// Writes the header, with the size of what follows it where one is asked for.
    pub(super) fn put(self, size: Option<usize>, out: &mut impl BufMut) {
        let flag = if size.is_some() { HAS_SIZE } else { 0 };
        out.put_u8(self.first & !HAS_SIZE | flag);
        if let Some(extension) = self.extension {
            out.put_u8(extension);
        }
        if let Some(size) = size {
            put_leb128(size, out);
        }
    }
}

/// One OBU of a temporal unit.
#[derive(Debug, Clone)]
pub(super) struct Obu {
    pub(super) header: Header,
    /// Where it begins in the temporal unit.
    pub(super) start: usize,
    /// Where it is but for header and size.
    pub(super) body: Range<usize>,
}

impl Obu {
    /// Its length without a size.
    pub(super) fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }
}

/// The OBUs of a temporal unit from `at` on; the last may lack a size. The error, once, is for one that is cut short.
pub(super) fn obus(unit: &[u8], at: usize) -> impl Iterator<Item = Result<Obu, Malformed>> + Clone {
    Obus { unit, at }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Clone)]
struct Obus<'a> {
    unit: &'a [u8],
    at: usize,
}

impl Iterator for Obus<'_> {
    type Item = Result<Obu, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.unit.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        self.at = self.unit.len();
        let Some((header, rest)) = Header::parse(rest) else { return Some(Err(Malformed)) };
        let (size, rest) = if header.has_size() {
            match leb128(rest) {
                Some((size, rest)) if size <= rest.len() => (size, rest),
                _ => return Some(Err(Malformed)),
            }
        } else {
            (rest.len(), rest)
        };
        let begin = self.unit.len() - rest.len();
        self.at = begin + size;
        Some(Ok(Obu { header, start, body: begin..begin + size }))
    }
}

/// A number of at most 32 bits in at most 8 bytes (Section 4.10.5), and what follows.
pub(super) fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in (0_u32..8).zip(bytes) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = usize::try_from(u32::try_from(value).ok()?).ok()?;
            return Some((value, bytes.get(usize::try_from(index).ok()? + 1..)?));
        }
    }
    None
}

pub(super) fn put_leb128(mut value: usize, out: &mut impl BufMut) {
    while value >= 0x80 {
        out.put_u8(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.put_u8(value.to_le_bytes()[0]);
}

/// How many bytes a number takes.
pub(super) fn leb128_len(value: usize) -> usize {
    let bits = usize::BITS - value.leading_zeros();
    usize::try_from(bits.div_ceil(7).max(1)).unwrap_or_default()
}

/// What is read of a sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SequenceHeader {
    /// Its frames are key frames without saying so.
    pub(super) reduced_still_picture: bool,
    /// The largest size of its frames, if 16 bits hold it.
    pub(super) resolution: Option<(u16, u16)>,
}

impl SequenceHeader {
    /// Section 5.5.1, up to the largest frame size.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut bits = BitReader::plain(body);
        bits.skip(3 + 1)?;
        let reduced_still_picture = bits.flag()?;
        if reduced_still_picture {
            bits.skip(5)?;
        } else {
            operating_points(&mut bits)?;
        }
        let (width_bits, height_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        let (width, height) = (bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1);
        let resolution = u16::try_from(width).ok().zip(u16::try_from(height).ok());
        Some(Self { reduced_still_picture, resolution })
    }
}

/// Timing, decoder model and operating points, of which nothing is kept.
fn operating_points(bits: &mut BitReader<'_>) -> Option<()> {
    let mut buffer_delay_len = None;
    if bits.flag()? {
        bits.skip(32 + 32)?;
        if bits.flag()? {
            bits.ue()?;
        }
        if bits.flag()? {
            buffer_delay_len = Some(bits.bits(5)? + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let initial_display_delay = bits.flag()?;
    for _ in 0..=bits.bits(5)? {
        bits.skip(12)?;
        // Levels above 7 have a tier.
        if bits.bits(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(len) = buffer_delay_len
            && bits.flag()?
        {
            bits.skip(2 * len + 1)?;
        }
        if initial_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

/// Section 5.9.2: show_existing_frame is 0, frame_type is KEY_FRAME, show_frame is 1.
pub(super) fn is_shown_key_frame(frame_header: &[u8]) -> bool {
    frame_header.first().is_some_and(|byte| byte >> 4 == 0b0001)
}

pub(super) const SEQUENCE_HEADER: u8 = 1;
pub(super) const TEMPORAL_DELIMITER: u8 = 2;
pub(super) const FRAME_HEADER: u8 = 3;
pub(super) const TILE_GROUP: u8 = 4;
pub(super) const FRAME: u8 = 6;
pub(super) const REDUNDANT_FRAME_HEADER: u8 = 7;
const TILE_LIST: u8 = 8;

const FORBIDDEN: u8 = 0x80;
const EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leb128_round_trips() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 0xffff_ffff] {
            let mut bytes = Vec::new();
            put_leb128(value, &mut bytes);
            assert_eq!(bytes.len(), leb128_len(value));
            bytes.push(9);
            assert_eq!(leb128(&bytes), Some((value, &[9][..])));
            bytes.truncate(bytes.len() - 2);
            assert_eq!(leb128(&bytes), None);
        }
    }

    #[test]
    fn leb128_is_bounded_in_bytes_and_in_value() {
        assert_eq!(leb128(&[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1]), Some((5, &[1][..])));
        assert_eq!(leb128(&[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), None);
        assert_eq!(leb128(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some((0xffff_ffff, &[][..])));
        assert_eq!(leb128(&[0x80, 0x80, 0x80, 0x80, 0x10]), None);
    }
}
