//! Running numbers that go on when the stream behind them changes.

use super::descriptor::{Descriptor, Octet, PictureId, WIDE};
use crate::codec::PayloadDiscard;
use std::collections::VecDeque;

/// Makes one VP8 stream of the payloads of several, for a media server that switches its subscriber between encodings:
/// PictureID, TL0PICIDX and KEYIDX continue across a switch, as
/// [RFC 7741, Section 4.2](https://www.rfc-editor.org/rfc/rfc7741#section-4.2) demands of a splice. Fields keep their widths,
/// and payloads their lengths. One for each forwarded stream.
#[derive(Debug, Clone, Default)]
pub struct Rewriter {
    picture_id: Numbering,
    tl0_pic_idx: Numbering,
    key_idx: Numbering,
}

impl Rewriter {
    /// One that begins with the numbers of its first source.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Payloads are from another source from now on. Its first frame should be a key frame; what its source sent before that
    /// frame is refused.
    pub fn switch(&mut self) {
        self.picture_id.switch();
        self.tl0_pic_idx.switch();
        self.key_idx.switch();
    }

    /// Writes the numbers of the forwarded stream into a payload. The payloads of a source may come in any order, and again:
    /// the same payload gets the same numbers until [`switch`](Self::switch).
    ///
    /// # Errors
    /// The payload was not changed: its descriptor cannot be read, or it belongs to a frame before the switch
    /// ([`PayloadDiscard::Orphan`]) and must not be forwarded.
    pub fn rewrite(&mut self, payload: &mut [u8]) -> Result<(), PayloadDiscard> {
        let (Descriptor { picture_id, tl0_pic_idx, key_idx, .. }, _) = Descriptor::parse(payload)?;
        let mapped = picture_id.map(|id| self.picture_id.map(id.value, width(id)));
        let picture = mapped.map(|number| number.ok_or(PayloadDiscard::Orphan)).transpose()?;
        let mapped = tl0_pic_idx.map(|octet| self.tl0_pic_idx.map(u16::from(octet.value), 8));
        let tl0 = mapped.map(|number| number.ok_or(PayloadDiscard::Orphan)).transpose()?;
        let mapped = key_idx.map(|octet| self.key_idx.map(u16::from(octet.value & KEY_IDX), 5));
        let key = mapped.map(|number| number.ok_or(PayloadDiscard::Orphan)).transpose()?;

        if let (Some(id), Some(number)) = (picture_id, picture) {
            let [high, low] = (number | WIDE).to_be_bytes();
            if id.wide {
                put(payload, id.at, high);
                put(payload, id.at + 1, low);
            } else {
                put(payload, id.at, low);
            }
        }
        if let (Some(octet), Some(number)) = (tl0_pic_idx, tl0) {
            let [_, low] = number.to_be_bytes();
            put(payload, octet.at, low);
        }
        if let (Some(Octet { value, at }), Some(number)) = (key_idx, key) {
            let [_, low] = number.to_be_bytes();
            put(payload, at, value & !KEY_IDX | low);
        }
        Ok(())
    }

    /// The frame of this payload is not forwarded, as when a temporal layer is left out: the numbers of later frames close the
    /// gap. To be told before a later frame is rewritten, once or for each payload; too late, the gap stays.
    ///
    /// # Errors
    /// The payload's descriptor cannot be read.
    pub fn leave_out(&mut self, payload: &[u8]) -> Result<(), PayloadDiscard> {
        let (descriptor, _) = Descriptor::parse(payload)?;
        if let Some(id) = descriptor.picture_id {
            self.picture_id.leave_out(id.value, width(id));
        }
        Ok(())
    }
}

/// How many bits a picture's number has.
const fn width(id: PictureId) -> u32 {
    if id.wide { 15 } else { 7 }
}

fn put(payload: &mut [u8], at: usize, value: u8) {
    if let Some(place) = payload.get_mut(at) {
        *place = value;
    }
}

/// One running number: a source's, and the forwarded stream's, both without wrap.
#[derive(Debug, Clone, Default)]
struct Numbering {
    /// The source's newest; `None` until it is heard.
    newest: Option<u64>,
    /// The newest that was written.
    written: Option<u64>,
    /// From which number of the source on how much is added; ascending.
    shifts: VecDeque<Shift>,
}

#[derive(Debug, Clone, Copy)]
struct Shift {
    from: u64,
    /// Added modulo 2^64.
    add: u64,
}

impl Numbering {
    fn switch(&mut self) {
        self.newest = None;
        self.shifts.clear();
    }

    /// What to write in place of `wire`, in as many bits; `None` for what the source sent before the switch.
    fn map(&mut self, wire: u16, bits: u32) -> Option<u16> {
        let number = match self.newest {
            Some(newest) => extend(wire, bits, newest),
            None => {
                let first = FIRST_CYCLE + u64::from(wire);
                let next = self.written.map_or(first, |written| written + 1);
                self.shifts.push_back(Shift { from: first, add: next.wrapping_sub(first) });
                first
            }
        };
        self.newest = self.newest.max(Some(number));
        let shift = self.shifts.iter().rev().find(|shift| shift.from <= number)?;
        let written = number.wrapping_add(shift.add);
        self.written = self.written.max(Some(written));
        let [.., high, low] = (written & ((1 << bits) - 1)).to_be_bytes();
        Some(u16::from_be_bytes([high, low]))
    }

    fn leave_out(&mut self, wire: u16, bits: u32) {
        let Some(newest) = self.newest else { return };
        let number = extend(wire, bits, newest);
        let Some(last) = self.shifts.back().filter(|_| number > newest) else { return };
        let shift = Shift { from: number + 1, add: last.add.wrapping_sub(1) };
        self.newest = Some(number);
        if self.shifts.len() >= MAX_SHIFTS {
            self.shifts.pop_front();
        }
        self.shifts.push_back(shift);
    }
}

/// The number nearest to `reference` whose lower bits are `wire`.
const fn extend(wire: u16, bits: u32, reference: u64) -> u64 {
    let mask = (1 << bits) - 1;
    let ahead = (wire as u64).wrapping_sub(reference) & mask;
    if ahead <= mask / 2 { reference + ahead } else { reference + ahead - mask - 1 }
}

/// A source's first number is in this cycle, so that what it sent before has a number too.
const FIRST_CYCLE: u64 = 1 << 32;

/// How many frames that were left out are remembered for the sake of late payloads: two seconds of every second frame at
/// 60 frames a second.
const MAX_SHIFTS: usize = 64;

/// The bits of KEYIDX in its octet.
const KEY_IDX: u8 = 0x1f;
