//! What a picture is: which way up, of what kind, of which layer.

use bytes::BufMut;

use super::{Kind, Value};

/// How to turn a picture for display.
///
/// Source: Coordination of Video Orientation, 3GPP TS 26.114, Section 7.4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VideoOrientation {
    /// Whether the camera faces away from its user.
    pub camera_back: bool,
    /// Whether the picture is to be mirrored, left to right.
    pub flip: bool,
    /// How far to turn it.
    pub rotation: Rotation,
}

/// A turn of a picture, clockwise, that its receiver makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rotation {
    /// Upright as it is.
    #[default]
    None,
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

impl Rotation {
    /// The turn in degrees.
    #[must_use]
    pub const fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }
}

impl Value for VideoOrientation {
    const KIND: Kind = Kind::VideoOrientation;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        let rotation = match byte & 3 {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        Some(Self { camera_back: byte & 8 != 0, flip: byte & 4 != 0, rotation })
    }

    fn wire_len(&self) -> usize {
        1
    }

    fn write(&self, out: &mut impl BufMut) {
        let rotation = match self.rotation {
            Rotation::None => 0,
            Rotation::Quarter => 1,
            Rotation::Half => 2,
            Rotation::ThreeQuarters => 3,
        };
        out.put_u8(u8::from(self.camera_back) << 3 | u8::from(self.flip) << 2 | rotation);
    }
}

/// What a video shows. Values that are not known are kept.
///
/// Source: [video-content-type](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/video-content-type/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VideoContentType(pub u8);

impl VideoContentType {
    /// Nothing in particular: a camera.
    pub const UNSPECIFIED: Self = Self(0);
    /// A screen.
    pub const SCREEN: Self = Self(1);

    /// Whether it shows a screen: the lowest bit, the only one that has a meaning.
    #[must_use]
    pub const fn is_screen(self) -> bool {
        self.0 & 1 != 0
    }
}

impl Value for VideoContentType {
    const KIND: Kind = Kind::VideoContentType;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        Some(Self(byte))
    }

    fn wire_len(&self) -> usize {
        1
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u8(self.0);
    }
}

/// A frame's bounds and layers, for those who cannot read its payload.
///
/// Source: [RFC 9626, Section 3](https://www.rfc-editor.org/rfc/rfc9626#section-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FrameMarking {
    /// The packet is the first of its frame in its layer.
    pub start: bool,
    /// The packet is the last of its frame in its layer.
    pub end: bool,
    /// The frame can be decoded without any that came before.
    pub independent: bool,
    /// No frame needs this one.
    pub discardable: bool,
    /// The frame needs the base temporal layer alone; false in the short form.
    pub base_layer_sync: bool,
    /// The temporal layer, 0 to 7: 0 is the base, and the short form's. Of a larger number the lower three bits are written.
    pub temporal_id: u8,
    /// What the long form has more.
    pub layer: FrameLayer,
}

/// The end of a [`FrameMarking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FrameLayer {
    /// The short form, or a long one without these bytes.
    #[default]
    None,
    /// The layer's id, which the codec gives a meaning.
    Id(u8),
    /// The layer's id, and the number of the frame of the base temporal layer that this one needs, or is.
    IdAndPicture(u8, u8),
}

impl Value for FrameMarking {
    const KIND: Kind = Kind::FrameMarking;

    fn parse(value: &[u8]) -> Option<Self> {
        let (byte, layer) = match *value {
            [byte] => (byte, FrameLayer::None),
            [byte, id] => (byte, FrameLayer::Id(id)),
            [byte, id, picture] => (byte, FrameLayer::IdAndPicture(id, picture)),
            _ => return None,
        };
        Some(Self {
            start: byte & 0x80 != 0,
            end: byte & 0x40 != 0,
            independent: byte & 0x20 != 0,
            discardable: byte & 0x10 != 0,
            base_layer_sync: byte & 0x08 != 0,
            temporal_id: byte & 0x07,
            layer,
        })
    }

    fn wire_len(&self) -> usize {
        match self.layer {
            FrameLayer::None => 1,
            FrameLayer::Id(_) => 2,
            FrameLayer::IdAndPicture(..) => 3,
        }
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u8(
            u8::from(self.start) << 7
                | u8::from(self.end) << 6
                | u8::from(self.independent) << 5
                | u8::from(self.discardable) << 4
                | u8::from(self.base_layer_sync) << 3
                | self.temporal_id & 0x07,
        );
        match self.layer {
            FrameLayer::None => {}
            FrameLayer::Id(id) => out.put_u8(id),
            FrameLayer::IdAndPicture(id, picture) => out.put_slice(&[id, picture]),
        }
    }
}
