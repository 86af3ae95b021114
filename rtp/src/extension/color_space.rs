//! A picture's colours.

use bytes::BufMut;

use super::{Kind, Value};

/// What the numbers of a picture's samples mean. The codes are those of ITU-T H.273.
///
/// Source: [color-space](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/color-space/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColorSpace {
    /// ColourPrimaries.
    pub primaries: u8,
    /// TransferCharacteristics.
    pub transfer: u8,
    /// MatrixCoefficients.
    pub matrix: u8,
    /// The samples' range and where the chroma samples lie: two zero bits, then two bits each for the range, the horizontal
    /// siting and the vertical siting.
    pub range_and_siting: u8,
    /// What a display for high dynamic range wants to know.
    pub hdr: Option<HdrMetadata>,
}

/// Of the display on which a video was mastered, and of the video's light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HdrMetadata {
    /// The display's highest luminance, in cd/m2.
    pub luminance_max: u16,
    /// The display's lowest luminance, in units of 0.0001 cd/m2.
    pub luminance_min: u16,
    /// The display's red, green and blue, and its white point: x and y of each, in units of 1/50,000.
    pub chromaticities: [(u16, u16); 4],
    /// The brightest sample, in cd/m2.
    pub max_content_light_level: u16,
    /// The brightest frame on average, in cd/m2.
    pub max_frame_average_light_level: u16,
}

impl Value for ColorSpace {
    const KIND: Kind = Kind::ColorSpace;

    fn parse(value: &[u8]) -> Option<Self> {
        let (&[primaries, transfer, matrix, range_and_siting], rest) = value.split_first_chunk()?;
        let hdr = if rest.is_empty() { None } else { Some(HdrMetadata::parse(rest)?) };
        Some(Self { primaries, transfer, matrix, range_and_siting, hdr })
    }

    fn wire_len(&self) -> usize {
        if self.hdr.is_some() { 28 } else { 4 }
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_slice(&[self.primaries, self.transfer, self.matrix, self.range_and_siting]);
        if let Some(hdr) = &self.hdr {
            hdr.write(out);
        }
    }
}

impl HdrMetadata {
    fn parse(value: &[u8]) -> Option<Self> {
        let (fields, rest) = value.as_chunks();
        let &[luminance_max, luminance_min, rx, ry, gx, gy, bx, by, wx, wy, content, frame] = fields else {
            return None;
        };
        let number = u16::from_be_bytes;
        rest.is_empty().then_some(Self {
            luminance_max: number(luminance_max),
            luminance_min: number(luminance_min),
            chromaticities: [(rx, ry), (gx, gy), (bx, by), (wx, wy)].map(|(x, y)| (number(x), number(y))),
            max_content_light_level: number(content),
            max_frame_average_light_level: number(frame),
        })
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u16(self.luminance_max);
        out.put_u16(self.luminance_min);
        for (x, y) in self.chromaticities {
            out.put_u16(x);
            out.put_u16(y);
        }
        out.put_u16(self.max_content_light_level);
        out.put_u16(self.max_frame_average_light_level);
    }
}
