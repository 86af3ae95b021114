//! Numbers of any count of bits, the highest first.

use bytes::BufMut;

pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Bits read.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// `f(count)`, up to 32 bits.
    pub(super) fn bits(&mut self, count: usize) -> Option<u32> {
        let mut number = 0;
        let mut missing = count;
        while missing > 0 {
            let byte = u32::from(*self.data.get(self.at / 8)?);
            let left = 8 - self.at % 8;
            let taken = left.min(missing);
            number = number << taken | byte >> (left - taken) & ((1 << taken) - 1);
            self.at += taken;
            missing -= taken;
        }
        Some(number)
    }

    /// `f(count)`, up to 8 bits.
    pub(super) fn small(&mut self, count: usize) -> Option<u8> {
        u8::try_from(self.bits(count)?).ok()
    }

    /// `f(1)`.
    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.bits(1)? != 0)
    }

    /// `ns(bound)`: a number below `bound`, which is 1 to 33.
    pub(super) fn below(&mut self, bound: u8) -> Option<u8> {
        let (width, short) = non_symmetric(bound);
        let number = self.small(width - 1)?;
        if number < short {
            return Some(number);
        }
        Some((number << 1) + self.small(1)? - short)
    }
}

pub(super) struct BitWriter<'o, O: BufMut> {
    out: &'o mut O,
    /// The bits that do not fill a byte yet, in the lower end.
    pending: u64,
    count: usize,
}

impl<'o, O: BufMut> BitWriter<'o, O> {
    pub(super) const fn new(out: &'o mut O) -> Self {
        Self { out, pending: 0, count: 0 }
    }

    /// The lower `count` bits of a number, up to 32.
    pub(super) fn bits(&mut self, number: u32, count: usize) {
        self.pending = self.pending << count | u64::from(number) & ((1 << count) - 1);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.out.put_u8((self.pending >> self.count & 0xff) as u8);
        }
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.bits(u32::from(flag), 1);
    }

    /// `ns(bound)` of a number below `bound`.
    pub(super) fn below(&mut self, number: u8, bound: u8) {
        let (width, short) = non_symmetric(bound);
        if number < short {
            self.bits(u32::from(number), width - 1);
        } else {
            self.bits(u32::from(number) + u32::from(short), width);
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(mut self) {
        let missing = self.count.next_multiple_of(8) - self.count;
        self.bits(0, missing);
    }
}

/// The width of the longer numbers below `bound`, and how many are one bit shorter.
const fn non_symmetric(bound: u8) -> (usize, u8) {
    let width = u8::BITS - bound.leading_zeros();
    (width as usize, (1_u8 << width) - bound)
}
