//! DATA.

/// A fragment of a user message, or a whole one.
///
/// Source: [RFC 9260, Section 3.3.1](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// I bit: the sender asks for a SACK without delay.
    pub immediate: bool,
    /// U bit: no order; the stream sequence number means nothing.
    pub unordered: bool,
    /// B bit: the message begins here.
    pub beginning: bool,
    /// E bit: the message ends here.
    pub ending: bool,
    /// Transmission sequence number.
    pub tsn: u32,
    /// Stream identifier.
    pub stream: u16,
    /// Stream sequence number.
    pub ssn: u16,
    /// Payload protocol identifier.
    pub ppid: u32,
    /// The user data; may be empty on the wire, which a receiver answers with ABORT.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// Bytes of a DATA chunk before its payload.
    pub const HEADER_LEN: usize = 16;

    pub(super) fn parse(flags: u8, value: &'a [u8]) -> Option<Self> {
        let (&[t0, t1, t2, t3, s0, s1, n0, n1, p0, p1, p2, p3], payload) = value.split_first_chunk::<12>()?;
        Some(Self {
            immediate: flags & 8 != 0,
            unordered: flags & 4 != 0,
            beginning: flags & 2 != 0,
            ending: flags & 1 != 0,
            tsn: u32::from_be_bytes([t0, t1, t2, t3]),
            stream: u16::from_be_bytes([s0, s1]),
            ssn: u16::from_be_bytes([n0, n1]),
            ppid: u32::from_be_bytes([p0, p1, p2, p3]),
            payload,
        })
    }

    /// The chunk's first 16 bytes; the payload follows.
    #[must_use]
    pub fn header(&self) -> [u8; 16] {
        let flags = u8::from(self.immediate) << 3
            | u8::from(self.unordered) << 2
            | u8::from(self.beginning) << 1
            | u8::from(self.ending);
        let len = u16::try_from(self.payload.len().saturating_add(Self::HEADER_LEN)).unwrap_or(u16::MAX);
        let [l0, l1] = len.to_be_bytes();
        let [t0, t1, t2, t3] = self.tsn.to_be_bytes();
        let [s0, s1] = self.stream.to_be_bytes();
        let [n0, n1] = self.ssn.to_be_bytes();
        let [p0, p1, p2, p3] = self.ppid.to_be_bytes();
        [super::kind::DATA, flags, l0, l1, t0, t1, t2, t3, s0, s1, n0, n1, p0, p1, p2, p3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_truncation() {
        for flags in 0..16u8 {
            let data = Data {
                immediate: flags & 8 != 0,
                unordered: flags & 4 != 0,
                beginning: flags & 2 != 0,
                ending: flags & 1 != 0,
                tsn: 0x0102_0304,
                stream: 0x0506,
                ssn: 0x0708,
                ppid: 51,
                payload: b"hello",
            };
            let mut bytes = data.header().to_vec();
            bytes.extend_from_slice(data.payload);
            assert_eq!(&bytes[..4], &[0, flags, 0, 21]);
            assert_eq!(Data::parse(bytes[1], &bytes[4..]), Some(data));
            for len in 0..12 {
                assert_eq!(Data::parse(0, &bytes[4..4 + len]), None);
            }
        }
    }
}
