//! SACK.

/// A selective acknowledgement.
///
/// Source: [RFC 9260, Section 3.3.4](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sack<'a> {
    /// All TSNs up to this one have arrived.
    pub cum_tsn_ack: u32,
    /// Free bytes of the receiver's buffer.
    pub a_rwnd: u32,
    gaps: &'a [[u8; 4]],
    duplicates: &'a [[u8; 4]],
}

/// A run of TSNs received past the cumulative one, as offsets from it; `start` and `end` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapBlock {
    /// Offset of the first TSN.
    pub start: u16,
    /// Offset of the last TSN.
    pub end: u16,
}

impl<'a> Sack<'a> {
    /// Bytes of a SACK chunk without gap blocks and duplicates.
    pub const LEN: usize = 16;

    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (&[c0, c1, c2, c3, a0, a1, a2, a3, g0, g1, d0, d1], rest) = value.split_first_chunk::<12>()?;
        let (words, _) = rest.as_chunks::<4>();
        let (gaps, words) = words.split_at_checked(usize::from(u16::from_be_bytes([g0, g1])))?;
        let duplicates = words.get(..usize::from(u16::from_be_bytes([d0, d1])))?;
        Some(Self {
            cum_tsn_ack: u32::from_be_bytes([c0, c1, c2, c3]),
            a_rwnd: u32::from_be_bytes([a0, a1, a2, a3]),
            gaps,
            duplicates,
        })
    }

    /// The gap blocks as sent, unchecked.
    pub fn gaps(&self) -> impl ExactSizeIterator<Item = GapBlock> + Clone + 'a {
        self.gaps.iter().map(|&[s0, s1, e0, e1]| GapBlock {
            start: u16::from_be_bytes([s0, s1]),
            end: u16::from_be_bytes([e0, e1]),
        })
    }

    /// TSNs that arrived more than once since the last SACK.
    pub fn duplicates(&self) -> impl ExactSizeIterator<Item = u32> + Clone + 'a {
        self.duplicates.iter().map(|&word| u32::from_be_bytes(word))
    }

    /// Appends a SACK chunk's value.
    pub fn write(
        out: &mut Vec<u8>,
        cum_tsn_ack: u32,
        a_rwnd: u32,
        gaps: impl ExactSizeIterator<Item = GapBlock>,
        duplicates: &[u32],
    ) {
        out.extend_from_slice(&cum_tsn_ack.to_be_bytes());
        out.extend_from_slice(&a_rwnd.to_be_bytes());
        out.extend_from_slice(&u16::try_from(gaps.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&u16::try_from(duplicates.len()).unwrap_or(u16::MAX).to_be_bytes());
        for GapBlock { start, end } in gaps {
            let ([s0, s1], [e0, e1]) = (start.to_be_bytes(), end.to_be_bytes());
            out.extend_from_slice(&[s0, s1, e0, e1]);
        }
        for tsn in duplicates {
            out.extend_from_slice(&tsn.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_truncation() {
        let gaps = [GapBlock { start: 2, end: 3 }, GapBlock { start: 5, end: 5 }];
        let mut out = Vec::new();
        Sack::write(&mut out, 12, 4500, gaps.into_iter(), &[11, 12]);
        let sack = Sack::parse(&out).unwrap();
        assert_eq!((sack.cum_tsn_ack, sack.a_rwnd), (12, 4500));
        assert!(sack.gaps().eq(gaps));
        assert!(sack.duplicates().eq([11, 12]));
        for len in 0..out.len() {
            assert_eq!(Sack::parse(&out[..len]), None, "length {len}");
        }
    }
}
