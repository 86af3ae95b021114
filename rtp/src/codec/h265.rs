//! H.265: [RFC 7798](https://www.rfc-editor.org/rfc/rfc7798), one stream in decoding order (sprop-max-don-diff is 0, so
//! that no payload has a decoding order number).
//!
//! Frames are access units with start codes. Every NAL unit of a frame is sent, delimiters too (RFC 7798, Section 5 names
//! them among what is aggregated). A frame received begins each unit with a start code of four bytes; a frame with an IRAP
//! picture that comes without a kind of parameter set gets those received last.

use super::nal::{self, Format, Header, Role, Summary};
use super::rbsp::BitReader;
use super::{Description, Fragment, PacketizeError, PayloadDiscard};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

#[derive(Debug, Clone, Default)]
pub(super) struct Packetizer;

impl Packetizer {
    pub(super) fn packetize(
        &self,
        frame: &Bytes,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), PacketizeError> {
        nal::packetize::<H265>(frame, max_len, prefixes, out)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer(nal::Depacketizer<H265>);

impl Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        self.0.push(payload, frame)
    }

    pub(super) fn finish(&mut self) -> Result<Description, PayloadDiscard> {
        self.0.finish()
    }
}

/// `starts_frame` is true where the first unit may be the first of an access unit: a delimiter, a parameter set,
/// supplemental information before a picture, or the first slice segment of a picture. It is true of a frame's first
/// payload, but also of a later one whose slice begins the picture after parameter sets in payloads of their own.
/// `key_frame` is true of payloads with a video or sequence parameter set or with any part of an IRAP picture.
/// `discardable` is not told: pictures that none of their own temporal layer refers to may serve the layers above.
pub(super) fn describe(payload: &[u8]) -> Result<Description, PayloadDiscard> {
    nal::describe::<H265>(payload)
}

#[derive(Debug, Clone, Default)]
struct H265;

impl Format for H265 {
    const HEADER_LEN: usize = 2;
    const AGGREGATION: u8 = 48;
    const FRAGMENTATION: u8 = 49;
    const TYPE_MASK: u8 = 0x3f;
    // RFC 7798, Section 4.4.3: an FU payload must not be empty.
    const EMPTY_FRAGMENTS: bool = false;
    const SETS: usize = 3;

    fn kind(header: Header) -> u8 {
        header.0.to_be_bytes()[0] >> 1 & 0x3f
    }

    fn with_kind(header: Header, kind: u8) -> Header {
        Header(header.0 & 0x81ff | u16::from(kind) << 9)
    }

    fn merged(one: Header, other: Header) -> Header {
        // RFC 7798, Section 4.4.2: F is set if that of any unit is, LayerId and TID are the lowest of all.
        let lowest = |mask: u16| (one.0 & mask).min(other.0 & mask);
        Header((one.0 | other.0) & 0x8000 | lowest(0x01f8) | lowest(0x0007))
    }

    fn enclosed(header: Header, rest: &[u8]) -> Option<Result<(Header, &[u8]), PayloadDiscard>> {
        (Self::kind(header) == PACI).then(|| {
            // RFC 7798, Section 4.4.4: A, cType, PHSsize, F0 to F2 and Y. What the extensions say is not needed.
            let (fields, rest) = rest.split_first_chunk().ok_or(PayloadDiscard::Truncated)?;
            let fields = u16::from_be_bytes(*fields);
            let rest = rest.get(usize::from(fields >> 4 & 0x1f)..).ok_or(PayloadDiscard::Truncated)?;
            Ok((Header(fields & 0xfe00 | header.0 & 0x01ff), rest))
        })
    }

    fn is_unit(kind: u8) -> bool {
        // RFC 7798, Section 4.4: AP, FU and PACI take three of the unspecified types.
        !matches!(kind, 48..=PACI)
    }

    fn refuse(_kind: u8) -> Result<(), PayloadDiscard> {
        // RFC 7798, Section 4.4.4: a PACI is not in another.
        Err(PayloadDiscard::Malformed)
    }

    fn role(kind: u8) -> Role {
        match kind {
            16..=23 => Role::RandomAccess,
            0..32 => Role::Slice,
            VPS => Role::ParameterSet(0),
            SPS => Role::ParameterSet(1),
            PPS => Role::ParameterSet(2),
            DELIMITER => Role::Delimiter,
            _ => Role::Other,
        }
    }

    fn set_id(kind: usize, body: &[u8]) -> Option<u32> {
        let mut bits = BitReader::escaped(body);
        match kind {
            0 => bits.bits(4),
            1 => {
                profile_tier_level(&mut bits)?;
                bits.ue()
            }
            _ => bits.ue(),
        }
    }

    fn may_start(header: Header, body: &[u8]) -> bool {
        match Self::kind(header) {
            // Rec. ITU-T H.265, Section 7.3.6.1: first_slice_segment_in_pic_flag opens each slice segment.
            0..32 => body.first().is_some_and(|byte| byte & 0x80 != 0),
            // Rec. ITU-T H.265, Section 7.4.2.4.4: after a picture these begin the next access unit.
            VPS..=DELIMITER | 39 | 41..=44 | 48..=55 => true,
            _ => false,
        }
    }

    fn note(summary: &mut Summary, header: Header, body: &[u8]) {
        let kind = Self::kind(header);
        let layer_id = (header.0 >> 3 & 0x3f).to_be_bytes()[1];
        let temporal = (header.0 & 7).to_be_bytes()[1].checked_sub(1);
        let layers = &mut summary.description.layers;
        match kind {
            0..32 => {
                // Pictures that serve none of their temporal layer may serve others: never discardable.
                summary.references = true;
                layers.temporal = layers.temporal.or(temporal);
                layers.spatial = layers.spatial.max((layer_id > 0).then_some(layer_id));
                // Rec. ITU-T H.265, Section 7.4.2.2: TSA, STSA and IRAP pictures.
                layers.switching_point |= matches!(kind, 2..=5 | 16..=23);
            }
            VPS => summary.sequence = true,
            SPS => {
                summary.sequence = true;
                // Sets of other layers have another form.
                if layer_id == 0 {
                    summary.description.resolution = resolution(body).or(summary.description.resolution);
                }
            }
            _ => {}
        }
    }

    fn is_key_frame(summary: &Summary) -> bool {
        summary.random_access
    }
}

/// The size of the picture within its conformance window, from a sequence parameter set (Rec. ITU-T H.265, Section
/// 7.3.2.2.1).
fn resolution(body: &[u8]) -> Option<(u16, u16)> {
    let mut bits = BitReader::escaped(body);
    profile_tier_level(&mut bits)?;
    bits.ue()?;
    let chroma_format_idc = bits.ue()?;
    if chroma_format_idc == 3 {
        bits.skip(1)?;
    }
    let (width, height) = (bits.ue()?, bits.ue()?);
    let (mut across, mut down) = (0, 0);
    if bits.flag()? {
        let unit = match chroma_format_idc {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        across = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit.0)?;
        down = bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit.1)?;
    }
    let width = u16::try_from(width.checked_sub(across)?).ok()?;
    let height = u16::try_from(height.checked_sub(down)?).ok()?;
    (width > 0 && height > 0).then_some((width, height))
}

/// Skips what a sequence parameter set has before its identifier.
fn profile_tier_level(bits: &mut BitReader<'_>) -> Option<()> {
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1 + 88 + 8)?;
    let mut skipped = 0;
    for _ in 0..sub_layers {
        skipped += if bits.flag()? { 88 } else { 0 };
        skipped += if bits.flag()? { 8 } else { 0 };
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    bits.skip(skipped)
}

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const DELIMITER: u8 = 35;
/// Payload content information: a payload behind what helps to forward it.
const PACI: u8 = 50;
