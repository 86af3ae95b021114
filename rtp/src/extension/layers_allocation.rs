//! Which layers a sender sends, at which rates.

use bytes::BufMut;

use super::{Kind, Value};

/// The layers that a sender of video sends, over all its encodings, and the rate it means each to have.
///
/// Source: [video-layers-allocation00](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/video-layers-allocation00/).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoLayersAllocation {
    /// Which encoding the packet belongs to: an index into the encodings, 0 to 3. Of a larger number the lower two bits are
    /// written.
    pub encoding: u8,
    /// How many encodings there are, 1 to 4. Another number is written as the nearest of these.
    pub encodings: u8,
    /// The layers that are sent: of each encoding, by spatial layer. Those of further encodings are not written. When
    /// nothing is sent at all, the two numbers above are not written either, and read as 0 and 1.
    pub layers: [[Option<Layer>; 4]; 4],
}

/// A spatial layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layer {
    kbps: [u32; 4],
    temporal_layers: u8,
    /// The picture's size and rate. They are written if all layers have them.
    pub picture: Option<Picture>,
}

/// The size and rate of a layer's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Picture {
    /// In pixels, less one.
    pub width_minus_one: u16,
    /// In pixels, less one.
    pub height_minus_one: u16,
    /// At most so many frames a second.
    pub frame_rate: u8,
}

impl Layer {
    /// A layer of 1 to 4 temporal layers, by their rates in kbit/s: each with those below it. `None` for another number.
    #[must_use]
    pub fn new(kbps: &[u32], picture: Option<Picture>) -> Option<Self> {
        let temporal_layers = u8::try_from(kbps.len()).ok().filter(|count| *count > 0)?;
        let mut kept = [0; 4];
        kept.get_mut(..kbps.len())?.copy_from_slice(kbps);
        Some(Self { kbps: kept, temporal_layers, picture })
    }

    /// The rate of each temporal layer with those below it, in kbit/s.
    #[must_use]
    pub fn kbps(&self) -> &[u32] {
        self.kbps.get(..usize::from(self.temporal_layers)).unwrap_or_default()
    }
}

impl VideoLayersAllocation {
    fn encodings(&self) -> u8 {
        self.encodings.clamp(1, 4)
    }

    /// The layers that are written, in their order.
    fn written(&self) -> impl Iterator<Item = &Layer> + Clone {
        self.layers.iter().take(usize::from(self.encodings())).flatten().flatten()
    }

    /// Which spatial layers each encoding has: bit 0 for the lowest.
    fn bitmasks(&self) -> [u8; 4] {
        let mut masks = [0; 4];
        for (mask, layers) in masks.iter_mut().zip(&self.layers).take(usize::from(self.encodings())) {
            for (bit, layer) in layers.iter().enumerate() {
                *mask |= u8::from(layer.is_some()) << bit;
            }
        }
        masks
    }

    /// The mask that all encodings have.
    fn shared_bitmask(&self) -> Option<u8> {
        let masks = self.bitmasks();
        let masks = masks.get(..usize::from(self.encodings()))?;
        let first = *masks.first()?;
        (first != 0 && masks.iter().all(|mask| *mask == first)).then_some(first)
    }

    fn with_pictures(&self) -> bool {
        self.written().all(|layer| layer.picture.is_some())
    }

    fn parse_layers(&mut self, mut masks: [u8; 4], data: &[u8]) -> Option<()> {
        let count: u32 = masks.iter().map(|mask| mask.count_ones()).sum();
        let counts_len = usize::try_from(count.div_ceil(4)).ok()?;
        let (counts, mut data) = data.split_at_checked(counts_len)?;
        let mut counts = counts.iter().flat_map(|byte| [6, 4, 2, 0].map(|shift| byte >> shift & 3));
        for (layers, mask) in self.layers.iter_mut().zip(&mut masks) {
            for layer in layers {
                if *mask & 1 != 0 {
                    let temporal_layers = counts.next()? + 1;
                    let mut kbps = [0; 4];
                    for rate in kbps.iter_mut().take(usize::from(temporal_layers)) {
                        (*rate, data) = leb128(data)?;
                    }
                    *layer = Some(Layer { kbps, temporal_layers, picture: None });
                }
                *mask >>= 1;
            }
        }
        if data.is_empty() {
            return Some(());
        }
        for layer in self.layers.iter_mut().flatten().flatten() {
            let (&[w0, w1, h0, h1, frame_rate], rest) = data.split_first_chunk()?;
            data = rest;
            layer.picture = Some(Picture {
                width_minus_one: u16::from_be_bytes([w0, w1]),
                height_minus_one: u16::from_be_bytes([h0, h1]),
                frame_rate,
            });
        }
        data.is_empty().then_some(())
    }
}

impl Value for VideoLayersAllocation {
    const KIND: Kind = Kind::VideoLayersAllocation;

    fn parse(value: &[u8]) -> Option<Self> {
        let (&first, data) = value.split_first()?;
        let encodings = (first >> 4 & 3) + 1;
        let mut allocation = Self { encoding: first >> 6, encodings, layers: [[None; 4]; 4] };
        let nothing = Self { encoding: 0, encodings: 1, layers: [[None; 4]; 4] };
        // A single zero byte says that nothing is sent.
        if value == [0] {
            return Some(nothing);
        }
        let mut masks = [0; 4];
        let shared = first & 0x0f;
        let masks_len = if shared == 0 { usize::from(encodings.div_ceil(2)) } else { 0 };
        let (own, data) = data.split_at_checked(masks_len)?;
        let mut own = own.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        for mask in masks.iter_mut().take(usize::from(encodings)) {
            *mask = if shared == 0 { own.next()? } else { shared };
        }
        allocation.parse_layers(masks, data)?;
        // So do masks without a layer.
        Some(if masks == [0; 4] { nothing } else { allocation })
    }

    fn wire_len(&self) -> usize {
        let layers = self.written().count();
        if layers == 0 {
            return 1;
        }
        let masks =
            if self.shared_bitmask().is_some() { 0 } else { usize::from(self.encodings().div_ceil(2)) };
        let rates: usize = self.written().flat_map(Layer::kbps).map(|rate| leb128_len(*rate)).sum();
        let pictures = if self.with_pictures() { 5 * layers } else { 0 };
        1 + masks + layers.div_ceil(4) + rates + pictures
    }

    fn write(&self, out: &mut impl BufMut) {
        if self.written().next().is_none() {
            out.put_u8(0);
            return;
        }
        let shared = self.shared_bitmask();
        out.put_u8((self.encoding & 3) << 6 | (self.encodings() - 1) << 4 | shared.unwrap_or_default());
        if shared.is_none() {
            let [a, b, c, d] = self.bitmasks();
            out.put_u8(a << 4 | b);
            if self.encodings() > 2 {
                out.put_u8(c << 4 | d);
            }
        }
        let mut counts = self.written().map(|layer| layer.temporal_layers - 1);
        while let Some(first) = counts.next() {
            let mut next = || counts.next().unwrap_or_default();
            out.put_u8(first << 6 | next() << 4 | next() << 2 | next());
        }
        for rate in self.written().flat_map(Layer::kbps) {
            put_leb128(out, *rate);
        }
        if self.with_pictures() {
            for picture in self.written().filter_map(|layer| layer.picture) {
                out.put_u16(picture.width_minus_one);
                out.put_u16(picture.height_minus_one);
                out.put_u8(picture.frame_rate);
            }
        }
    }
}

/// A number in groups of seven bits, the lowest first, and what follows it; `None` above 32 bits.
fn leb128(data: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0;
    for (shift, at) in (0..64).step_by(7).zip(1..) {
        let byte = *data.get(at - 1)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((u32::try_from(number).ok()?, data.get(at..)?));
        }
    }
    None
}

fn put_leb128(out: &mut impl BufMut, mut number: u32) {
    while number >= 0x80 {
        out.put_u8((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8((number & 0x7f) as u8);
}

const fn leb128_len(number: u32) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}
