//! H.264: [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184), the single NAL unit and the non-interleaved mode.
//!
//! Frames are access units with start codes. Every NAL unit of a frame is sent, delimiters too: the RFC asks for none to
//! be left out. A frame received begins each unit with a start code of four bytes; a frame with an IDR picture that comes
//! without a kind of parameter set gets those received last.

use super::nal::{self, Format, Header, Role, Summary};
use super::rbsp::BitReader;
use super::{Description, Fragment, PacketizationMode, PacketizeError, PayloadDiscard};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

#[derive(Debug, Clone)]
pub(super) struct Packetizer {
    mode: PacketizationMode,
}

impl Packetizer {
    pub(super) fn new(mode: PacketizationMode) -> Self {
        Self { mode }
    }

    pub(super) fn packetize(
        &self,
        frame: &Bytes,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), PacketizeError> {
        match self.mode {
            PacketizationMode::NonInterleaved => nal::packetize::<H264>(frame, max_len, prefixes, out),
            PacketizationMode::SingleNalUnit => single_units(frame, max_len, out),
        }
    }
}

/// RFC 6184, Section 6.2: single NAL unit packets only.
fn single_units(frame: &Bytes, max_len: usize, out: &mut VecDeque<Fragment>) -> Result<(), PacketizeError> {
    let units = nal::checked_units::<H264>(frame)?;
    if units.clone().any(|unit| unit.len() > max_len) {
        return Err(PacketizeError::TooLong);
    }
    out.extend(units.map(|unit| Fragment { prefix: Bytes::new(), body: frame.slice(unit), last: false }));
    if let Some(fragment) = out.back_mut() {
        fragment.last = true;
    }
    Ok(())
}

#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer(nal::Depacketizer<H264>);

impl Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        self.0.push(payload, frame)
    }

    pub(super) fn finish(&mut self) -> Result<Description, PayloadDiscard> {
        self.0.finish()
    }
}

/// `starts_frame` is true where the first unit may be the first of an access unit: a delimiter, a parameter set,
/// supplemental information, or a slice at the picture's first macroblock. It is true of a frame's first payload, but
/// also of a later one whose slice begins the picture after parameter sets in payloads of their own. `key_frame` is true
/// of payloads with a sequence parameter set or with any part of an IDR picture. `discardable` is true where all slices
/// say that no frame refers to them.
pub(super) fn describe(payload: &[u8]) -> Result<Description, PayloadDiscard> {
    nal::describe::<H264>(payload)
}

#[derive(Debug, Clone, Default)]
struct H264;

impl Format for H264 {
    const HEADER_LEN: usize = 1;
    const AGGREGATION: u8 = 24;
    const FRAGMENTATION: u8 = 28;
    const TYPE_MASK: u8 = 0x1f;
    // RFC 6184, Section 5.8: an FU payload may be empty.
    const EMPTY_FRAGMENTS: bool = true;
    const SETS: usize = 2;

    fn kind(header: Header) -> u8 {
        header.0.to_be_bytes()[1] & 0x1f
    }

    fn with_kind(header: Header, kind: u8) -> Header {
        Header(header.0 & 0xe0 | u16::from(kind))
    }

    fn merged(one: Header, other: Header) -> Header {
        // RFC 6184, Section 5.7: F is set if that of any unit is, NRI is the greatest of all.
        Header((one.0 | other.0) & 0x80 | (one.0 & 0x60).max(other.0 & 0x60))
    }

    fn enclosed(_: Header, _: &[u8]) -> Option<Result<(Header, &[u8]), PayloadDiscard>> {
        None
    }

    fn is_unit(kind: u8) -> bool {
        (1..24).contains(&kind)
    }

    fn refuse(kind: u8) -> Result<(), PayloadDiscard> {
        match kind {
            // STAP-B, MTAP16, MTAP24, FU-B: the interleaved mode.
            25..=27 | 29 => Err(PayloadDiscard::Unsupported),
            // RFC 6184, Section 5.4: the reserved types are ignored.
            _ => Ok(()),
        }
    }

    fn role(kind: u8) -> Role {
        match kind {
            IDR => Role::RandomAccess,
            1..IDR => Role::Slice,
            SPS => Role::ParameterSet(0),
            PPS => Role::ParameterSet(1),
            DELIMITER => Role::Delimiter,
            _ => Role::Other,
        }
    }

    fn set_id(kind: usize, body: &[u8]) -> Option<u32> {
        let mut bits = BitReader::escaped(body);
        if kind == 0 {
            bits.skip(24)?;
        }
        bits.ue()
    }

    fn may_start(header: Header, body: &[u8]) -> bool {
        match Self::kind(header) {
            // RFC 6184, Section 5.8: the first part of a unit may be empty, and does not tell then.
            1 | 2 | IDR if body.is_empty() => true,
            // Rec. ITU-T H.264, Section 7.3.3: a slice opens with first_mb_in_slice, in partition A too.
            1 | 2 | IDR => BitReader::escaped(body).ue() == Some(0),
            // Rec. ITU-T H.264, Section 7.4.1.2.3: after a picture these begin the next access unit.
            SEI..=DELIMITER | 14..=18 => true,
            _ => false,
        }
    }

    fn note(summary: &mut Summary, header: Header, body: &[u8]) {
        match Self::kind(header) {
            1..=IDR => summary.references |= header.0 & 0x60 != 0,
            SPS => {
                summary.sequence = true;
                summary.description.resolution = resolution(body).or(summary.description.resolution);
            }
            _ => {}
        }
    }

    fn is_key_frame(summary: &Summary) -> bool {
        summary.random_access || summary.sequence && summary.slices
    }
}

/// The size of the cropped picture, from a sequence parameter set (Rec. ITU-T H.264, Section 7.3.2.1.1).
fn resolution(body: &[u8]) -> Option<(u16, u16)> {
    let mut bits = BitReader::escaped(body);
    let profile_idc = bits.bits(8)?;
    bits.skip(16)?;
    bits.ue()?;
    let mut chroma_array_type = 1;
    if matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_array_type = chroma(&mut bits)?;
    }
    bits.ue()?;
    picture_order_count(&mut bits)?;
    bits.ue()?;
    bits.skip(1)?;
    let width = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.ue()?.checked_add(1)?;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.skip(1)?;
    }
    let fields = if frames_only { 1 } else { 2 };
    let height = map_units.checked_mul(16)?.checked_mul(fields)?;
    bits.skip(1)?;
    let (mut across, mut down) = (0, 0);
    if bits.flag()? {
        let unit = match chroma_array_type {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        across = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit.0)?;
        down = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit.1)?.checked_mul(fields)?;
    }
    let width = u16::try_from(width.checked_sub(across)?).ok()?;
    let height = u16::try_from(height.checked_sub(down)?).ok()?;
    (width > 0 && height > 0).then_some((width, height))
}

/// What the high profiles add: ChromaArrayType, then bit depths and scaling lists.
fn chroma(bits: &mut BitReader<'_>) -> Option<u32> {
    let chroma_format_idc = bits.ue()?;
    let separate = chroma_format_idc == 3 && bits.flag()?;
    bits.ue()?;
    bits.ue()?;
    bits.skip(1)?;
    if bits.flag()? {
        let lists = if chroma_format_idc == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(if separate { 0 } else { chroma_format_idc })
}

/// Rec. ITU-T H.264, Section 7.3.2.1.1.1: after a next scale of 0 the last holds for the rest.
fn scaling_list(bits: &mut BitReader<'_>, size: u32) -> Option<()> {
    let mut scale = 8;
    for _ in 0..size {
        let next = (scale + bits.se()?).rem_euclid(256);
        if next == 0 {
            break;
        }
        scale = next;
    }
    Some(())
}

fn picture_order_count(bits: &mut BitReader<'_>) -> Option<()> {
    match bits.ue()? {
        0 => drop(bits.ue()?),
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            let count = bits.ue()?;
            if count > 255 {
                return None;
            }
            for _ in 0..count {
                bits.se()?;
            }
        }
        _ => {}
    }
    Some(())
}

const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
