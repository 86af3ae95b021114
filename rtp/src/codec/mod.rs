//! Payload formats: frames into packets' payloads, and back.
//!
//! A [`Packetizer`] cuts a frame into [`Fragment`]s that share the frame's bytes; a [`Depacketizer`] appends what packets
//! carry to a frame under construction; [`describe`] reads one payload for those who forward it.

mod annex_b;
mod av1;
pub mod g7xx;
mod h264;
mod h265;
mod nal;
pub mod opus;
mod parameter_sets;
mod rbsp;
pub mod telephone_event;
pub mod vp8;
mod vp9;

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use thiserror::Error;

/// What a payload is coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// [RFC 7587](https://www.rfc-editor.org/rfc/rfc7587).
    Opus,
    /// G.711 with mu-law ([RFC 3551, Section 4.5.14](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.14)).
    Pcmu,
    /// G.711 with A-law.
    Pcma,
    /// [RFC 3551, Section 4.5.2](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.2): 16 kHz on a clock of 8 kHz.
    G722,
    /// [RFC 4733](https://www.rfc-editor.org/rfc/rfc4733).
    TelephoneEvent,
    /// [RFC 7741](https://www.rfc-editor.org/rfc/rfc7741).
    Vp8,
    /// [RFC 9628](https://www.rfc-editor.org/rfc/rfc9628).
    Vp9,
    /// [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184).
    H264(PacketizationMode),
    /// [RFC 7798](https://www.rfc-editor.org/rfc/rfc7798).
    H265,
    /// The RTP payload format of the Alliance for Open Media.
    Av1,
}

impl Codec {
    /// Whether its frames are pictures; the others are sound, where each packet is a frame.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::Vp8 | Self::Vp9 | Self::H264(_) | Self::H265 | Self::Av1)
    }
}

/// How H.264's NAL units come in packets
/// ([RFC 6184, Section 6](https://www.rfc-editor.org/rfc/rfc6184#section-6)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketizationMode {
    /// Mode 0: one NAL unit in each packet.
    SingleNalUnit,
    /// Mode 1: also several in one packet, and one in several.
    NonInterleaved,
}

/// Part of a frame, ready to be one packet's payload: `prefix` followed by `body`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// What the payload format puts first, and small units that share the packet.
    pub prefix: Bytes,
    /// A part of the frame, shared with it.
    pub body: Bytes,
    /// Whether it ends the frame: the header's marker bit, for video.
    pub last: bool,
}

impl Fragment {
    /// The length of the payload, in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no payload is empty")]
    pub fn len(&self) -> usize {
        self.prefix.len() + self.body.len()
    }
}

/// What the payload format tells of a frame that the coded bytes do not: the application's layers, to be told to the
/// receiver. All are optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Layers {
    /// The temporal layer, from 0.
    pub temporal: Option<u8>,
    /// The spatial layer, from 0.
    pub spatial: Option<u8>,
    /// Whether frames of higher layers may start to depend on this one.
    pub switching_point: bool,
    /// Whether no other frame depends on this one.
    pub discardable: bool,
}

/// What one payload says of its frame, for those who forward packets without putting frames together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Description {
    /// Whether a frame begins with this payload.
    pub starts_frame: bool,
    /// Whether a frame surely ends with this payload, whatever the marker bit says.
    pub ends_frame: bool,
    /// Whether decoding can begin with this frame (told by its first payload, or by each).
    pub key_frame: bool,
    /// Its layers.
    pub layers: Layers,
    /// The picture's number, where the format has one: 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The size of the picture in pixels, where a key frame tells.
    pub resolution: Option<(u16, u16)>,
}

/// Why a frame cannot be packetized. The frame's maker is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PacketizeError {
    /// There is nothing to send.
    #[error("the frame is empty")]
    Empty,
    /// The frame is not what its codec makes.
    #[error("the frame is not of its codec")]
    Malformed,
    /// A unit that may not be split is longer than a packet.
    #[error("a unit is longer than a packet and must not be split")]
    TooLong,
}

/// Why a payload was not used. Not an error: the network may carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PayloadDiscard {
    /// It ends within a field.
    Truncated,
    /// A field has a value that the format does not allow.
    Malformed,
    /// The format allows it, but nothing here uses it (interleaved H.264, for one).
    Unsupported,
    /// It continues a unit whose start is missing.
    Orphan,
}

/// Cuts the frames of one stream into payloads.
#[derive(Debug, Clone)]
pub struct Packetizer(PacketizerKind);

#[derive(Debug, Clone)]
enum PacketizerKind {
    /// A packet is a frame: audio.
    Whole,
    Vp8(vp8::Packetizer),
    Vp9(vp9::Packetizer),
    H264(h264::Packetizer),
    H265(h265::Packetizer),
    Av1(av1::Packetizer),
}

impl Packetizer {
    /// One for a stream; `random` is what numbers that should begin anywhere begin with.
    #[must_use]
    pub fn new(codec: Codec, random: u16) -> Self {
        Self(match codec {
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::TelephoneEvent => {
                PacketizerKind::Whole
            }
            Codec::Vp8 => PacketizerKind::Vp8(vp8::Packetizer::new(random)),
            Codec::Vp9 => PacketizerKind::Vp9(vp9::Packetizer::new(random)),
            Codec::H264(mode) => PacketizerKind::H264(h264::Packetizer::new(mode)),
            Codec::H265 => PacketizerKind::H265(h265::Packetizer),
            Codec::Av1 => PacketizerKind::Av1(av1::Packetizer),
        })
    }

    /// Appends the fragments of `frame` to `out`, none longer than `max_len` bytes (at least 64 are taken). What payloads begin
    /// with is cut from `prefixes`, whose memory can be used again once the fragments are gone.
    ///
    /// A frame of H.264 or H.265 is an access unit with start codes (Annex B), one of AV1 a temporal unit of OBUs with their
    /// sizes, one of VP9 a superframe or a frame.
    ///
    /// # Errors
    /// The frame is not what its codec makes; nothing was appended.
    pub fn packetize(
        &mut self,
        frame: &Bytes,
        layers: Layers,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), PacketizeError> {
        if frame.is_empty() {
            return Err(PacketizeError::Empty);
        }
        let max_len = max_len.max(64);
        match &mut self.0 {
            PacketizerKind::Whole if frame.len() > max_len => return Err(PacketizeError::TooLong),
            PacketizerKind::Whole => {
                out.push_back(Fragment { prefix: Bytes::new(), body: frame.clone(), last: true });
            }
            PacketizerKind::Vp8(vp8) => vp8.packetize(frame, layers, max_len, prefixes, out),
            PacketizerKind::Vp9(vp9) => vp9.packetize(frame, layers, max_len, prefixes, out)?,
            PacketizerKind::H264(h264) => h264.packetize(frame, max_len, prefixes, out)?,
            PacketizerKind::H265(h265) => h265.packetize(frame, max_len, prefixes, out)?,
            PacketizerKind::Av1(av1) => av1.packetize(frame, max_len, prefixes, out)?,
        }
        Ok(())
    }
}

/// Puts the frames of one stream together.
#[derive(Debug, Clone)]
pub struct Depacketizer(DepacketizerKind);

#[derive(Debug, Clone)]
enum DepacketizerKind {
    /// A packet is a frame: audio.
    Whole,
    Vp8(vp8::Depacketizer),
    Vp9(vp9::Depacketizer),
    H264(h264::Depacketizer),
    H265(h265::Depacketizer),
    Av1(av1::Depacketizer),
}

impl Depacketizer {
    /// One for a stream.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self(match codec {
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::TelephoneEvent => {
                DepacketizerKind::Whole
            }
            Codec::Vp8 => DepacketizerKind::Vp8(vp8::Depacketizer::default()),
            Codec::Vp9 => DepacketizerKind::Vp9(vp9::Depacketizer::default()),
            Codec::H264(_) => DepacketizerKind::H264(h264::Depacketizer::default()),
            Codec::H265 => DepacketizerKind::H265(h265::Depacketizer::default()),
            Codec::Av1 => DepacketizerKind::Av1(av1::Depacketizer::default()),
        })
    }

    /// Appends what a payload carries to `frame`. The payloads of a frame are given in order and without a gap; the first of a
    /// frame comes with an empty `frame`, which starts anew whatever was unfinished.
    ///
    /// # Errors
    /// The payload was not used, and the frame is spoilt.
    pub fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        match &mut self.0 {
            DepacketizerKind::Whole if payload.is_empty() => return Err(PayloadDiscard::Truncated),
            DepacketizerKind::Whole => frame.extend_from_slice(payload),
            DepacketizerKind::Vp8(vp8) => vp8.push(payload, frame)?,
            DepacketizerKind::Vp9(vp9) => vp9.push(payload, frame)?,
            DepacketizerKind::H264(h264) => h264.push(payload, frame)?,
            DepacketizerKind::H265(h265) => h265.push(payload, frame)?,
            DepacketizerKind::Av1(av1) => av1.push(payload, frame)?,
        }
        Ok(())
    }

    /// Ends a frame after its last payload: appends what was held back, and says what the frame is.
    ///
    /// # Errors
    /// A unit of it never ended; the frame is spoilt.
    pub fn finish(&mut self, frame: &mut BytesMut) -> Result<Description, PayloadDiscard> {
        match &mut self.0 {
            DepacketizerKind::Whole => Ok(WHOLE),
            DepacketizerKind::Vp8(vp8) => vp8.finish(),
            DepacketizerKind::Vp9(vp9) => vp9.finish(),
            DepacketizerKind::H264(h264) => h264.finish(),
            DepacketizerKind::H265(h265) => h265.finish(),
            DepacketizerKind::Av1(av1) => av1.finish(frame),
        }
    }
}

/// Any packet of audio.
const WHOLE: Description = Description {
    starts_frame: true,
    ends_frame: true,
    key_frame: true,
    layers: Layers { temporal: None, spatial: None, switching_point: false, discardable: false },
    picture_id: None,
    resolution: None,
};

/// Reads one payload, without state.
///
/// # Errors
/// The payload is not of its codec.
pub fn describe(codec: Codec, payload: &[u8]) -> Result<Description, PayloadDiscard> {
    match codec {
        _ if payload.is_empty() => Err(PayloadDiscard::Truncated),
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::TelephoneEvent => Ok(WHOLE),
        Codec::Vp8 => vp8::describe(payload),
        Codec::Vp9 => vp9::describe(payload),
        Codec::H264(_) => h264::describe(payload),
        Codec::H265 => h265::describe(payload),
        Codec::Av1 => av1::describe(payload),
    }
}
