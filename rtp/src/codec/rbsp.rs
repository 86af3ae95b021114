//! Bits of a coded header, most significant first.

/// Reads bits, and the codes made of them, from bytes that may end at any place: what is not there is `None`.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The byte being read, and how many of its bits are left.
    current: u8,
    left: u8,
    /// Zero bytes just before, where `00 00 03` stands for `00 00`.
    zeros: Option<u8>,
}

impl<'a> BitReader<'a> {
    /// Bits as they stand.
    pub(super) fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, current: 0, left: 0, zeros: None }
    }

    /// Bits of a NAL unit, whose emulation prevention bytes are left out (Rec. ITU-T H.264, Section 7.4.1).
    pub(super) fn escaped(bytes: &'a [u8]) -> Self {
        Self { bytes, current: 0, left: 0, zeros: Some(0) }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// A number of `count` bits, at most 32.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0_u32, |value, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.flag().map(drop))
    }

    /// An unsigned Exp-Golomb code: ue(v), or uvlc() of AV1, of less than 32 leading zeros.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        let suffix = self.bits(zeros)?;
        Some((1_u32 << zeros) - 1 + suffix)
    }

    /// A signed one: se(v).
    pub(super) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (mut byte, mut rest) = self.bytes.split_first()?;
        if let Some(zeros) = &mut self.zeros {
            if *zeros >= 2 && *byte == 3 {
                (byte, rest) = rest.split_first()?;
                *zeros = 0;
            }
            *zeros = if *byte == 0 { *zeros + 1 } else { 0 }.min(2);
        }
        self.bytes = rest;
        Some(*byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_read_as_the_tables_say() {
        // 1, 010, 011, 00100, 00101: Table 9-2 of H.264 counts them from 0.
        let mut bits = BitReader::plain(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| bits.ue().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let mut bits = BitReader::plain(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| bits.se().unwrap()).collect::<Vec<_>>(), [0, 1, -1, 2, -2]);
    }

    #[test]
    fn a_code_of_32_zeros_or_without_an_end_is_none() {
        assert_eq!(BitReader::plain(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]).ue(), None);
        assert_eq!(BitReader::plain(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).ue(), Some(u32::MAX - 1));
        assert_eq!(BitReader::plain(&[0, 0, 1]).ue(), None);
    }

    #[test]
    fn emulation_prevention_is_left_out_where_asked() {
        let bytes = [0, 0, 3, 1, 0, 0, 0, 3, 0, 0, 3];
        let read = |mut bits: BitReader<'_>| std::iter::from_fn(|| bits.bits(8)).collect::<Vec<_>>();
        assert_eq!(read(BitReader::plain(&bytes)).len(), 11);
        assert_eq!(read(BitReader::escaped(&bytes)), [0, 0, 1, 0, 0, 0, 0, 0]);
    }
}
