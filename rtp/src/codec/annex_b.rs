//! Access units as byte streams: NAL units behind start codes (Annex B of Rec. ITU-T H.264 and H.265).

use std::ops::Range;

/// What goes before each unit that is written.
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The places of the NAL units of a byte stream, empty ones left out; `None` if it does not begin with a start code.
///
/// Zeros before a start code and at the end belong to no unit: a unit ends with another byte.
pub(super) fn units(stream: &[u8]) -> Option<Units<'_>> {
    let (zeros, end) = start_code(stream, 0)?;
    (zeros == 0).then_some(Units { stream, at: end })
}

#[derive(Debug, Clone)]
pub(super) struct Units<'a> {
    stream: &'a [u8],
    /// The end of the last start code.
    at: usize,
}

impl Iterator for Units<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at < self.stream.len() {
            let start = self.at;
            let (end, next) = start_code(self.stream, start).unwrap_or_else(|| {
                let rest = self.stream.get(start..).unwrap_or_default();
                (start + trimmed(rest), self.stream.len())
            });
            self.at = next;
            if start < end {
                return Some(start..end);
            }
        }
        None
    }
}

/// The first start code at or after `from`: where the zeros that belong to it begin, and where it ends.
fn start_code(stream: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        match stream.get(at..)? {
            [0, 0, 1, ..] => {
                let before = stream.get(from..at).unwrap_or_default();
                return Some((from + trimmed(before), at + 3));
            }
            // The third byte tells how far the next start code is at least.
            [_, _, 1..=255, ..] => at += 3,
            [_, _, _, ..] => at += 1,
            _ => return None,
        }
    }
}

/// The length without the zeros at the end.
fn trimmed(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &[u8]) -> Option<Vec<&[u8]>> {
        units(stream).map(|units| units.map(|range| &stream[range]).collect())
    }

    #[test]
    fn start_codes_of_three_and_four_bytes_part_units() {
        let stream = [0, 0, 0, 1, 9, 16, 0, 0, 1, 103, 0, 0, 3, 1, 0, 0, 0, 0, 1, 104, 2, 0, 0, 0];
        assert_eq!(split(&stream).unwrap(), [&[9, 16][..], &[103, 0, 0, 3, 1], &[104, 2]]);
        assert_eq!(split(&[0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 2]).unwrap(), [&[1, 0, 1, 1][..], &[2]]);
    }

    #[test]
    fn empty_units_are_left_out() {
        assert_eq!(split(&[0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 5, 0, 0, 1]).unwrap(), [&[5][..]]);
        assert_eq!(split(&[0, 0, 1]).unwrap(), [&[][..]; 0]);
    }

    #[test]
    fn what_does_not_begin_with_a_start_code_is_none() {
        for stream in [&[][..], &[0, 0], &[1, 0, 0, 1, 5], &[0, 0, 2, 0, 0, 1, 5]] {
            assert_eq!(split(stream), None);
        }
    }
}
