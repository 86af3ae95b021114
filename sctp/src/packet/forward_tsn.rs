//! FORWARD-TSN.

/// Tells the receiver to stop waiting for abandoned data.
///
/// Source: [RFC 3758, Section 3.2](https://www.rfc-editor.org/rfc/rfc3758#section-3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardTsn<'a> {
    /// The receiver's cumulative TSN becomes at least this.
    pub new_cum_tsn: u32,
    skipped: &'a [[u8; 4]],
}

/// The last abandoned message of an ordered stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The stream.
    pub stream: u16,
    /// Its last skipped sequence number.
    pub ssn: u16,
}

impl<'a> ForwardTsn<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (new_cum_tsn, rest) = value.split_first_chunk()?;
        Some(Self { new_cum_tsn: u32::from_be_bytes(*new_cum_tsn), skipped: rest.as_chunks().0 })
    }

    /// The streams that skip messages.
    pub fn skipped(&self) -> impl ExactSizeIterator<Item = Skipped> + 'a {
        self.skipped.iter().map(|&[s0, s1, n0, n1]| Skipped {
            stream: u16::from_be_bytes([s0, s1]),
            ssn: u16::from_be_bytes([n0, n1]),
        })
    }

    /// Appends a FORWARD-TSN chunk's value.
    pub fn write(out: &mut Vec<u8>, new_cum_tsn: u32, skipped: &[Skipped]) {
        out.extend_from_slice(&new_cum_tsn.to_be_bytes());
        for Skipped { stream, ssn } in skipped {
            out.extend_from_slice(&stream.to_be_bytes());
            out.extend_from_slice(&ssn.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_truncation() {
        let skipped = [Skipped { stream: 1, ssn: 2 }, Skipped { stream: 3, ssn: 65535 }];
        let mut out = Vec::new();
        ForwardTsn::write(&mut out, 77, &skipped);
        let parsed = ForwardTsn::parse(&out).unwrap();
        assert_eq!(parsed.new_cum_tsn, 77);
        assert!(parsed.skipped().eq(skipped));
        for len in 0..out.len() {
            assert_eq!(ForwardTsn::parse(&out[..len]).is_some(), len >= 4);
        }
    }
}
