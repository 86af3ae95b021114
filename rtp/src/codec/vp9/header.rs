//! The start of a coded VP9 frame, its uncompressed header: Section 6.2 of the
//! [VP9 Bitstream & Decoding Process Specification](https://storage.googleapis.com/downloads.webmproject.org/docs/vp9/vp9-bitstream-specification-v0.7-20170222-draft.pdf).

/// What a packetizer needs of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Whether the frame, or the first of a superframe, is a key frame. One that is only coded without prediction ("intra-only")
    /// is none: it leaves old pictures in place, which later frames use.
    pub(super) key_frame: bool,
    /// A key frame's size in pixels.
    pub(super) resolution: Option<(u16, u16)>,
}

impl Header {
    /// `None` for bytes that no VP9 encoder makes.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits { bytes: frame, at: 0 };
        if bits.read(2)? != FRAME_MARKER {
            return None;
        }
        let profile = bits.read(1)? | bits.read(1)? << 1;
        if profile == 3 && bits.flag()? {
            return None;
        }
        let show_existing_frame = bits.flag()?;
        let key_frame = !show_existing_frame && !bits.flag()?;
        let resolution = if key_frame { resolution(&mut bits, profile) } else { None };
        Some(Self { key_frame, resolution })
    }
}

/// What follows a key frame's frame_type, up to the size.
fn resolution(bits: &mut Bits<'_>, profile: u32) -> Option<(u16, u16)> {
    let _show_frame = bits.flag()?;
    let _error_resilient_mode = bits.flag()?;
    if bits.read(24)? != SYNC_CODE {
        return None;
    }
    if profile >= 2 {
        let _ten_or_twelve_bit = bits.flag()?;
    }
    let subsampled = profile == 1 || profile == 3;
    if bits.read(3)? == COLOR_SPACE_RGB {
        // One reserved bit.
        bits.read(u32::from(subsampled))?;
    } else {
        // The range, then subsampling both ways and a reserved bit.
        bits.read(if subsampled { 4 } else { 1 })?;
    }
    let width = u16::try_from(bits.read(16)? + 1).ok()?;
    let height = u16::try_from(bits.read(16)? + 1).ok()?;
    Some((width, height))
}

/// Reads bits, the highest of each byte first.
struct Bits<'f> {
    bytes: &'f [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, 24 at most.
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }
}

const FRAME_MARKER: u32 = 2;
const SYNC_CODE: u32 = 0x49_83_42;
const COLOR_SPACE_RGB: u32 = 7;
