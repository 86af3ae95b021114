//! The header of a record (RFC 6347, Section 4.1).

use crate::wire::{DecodeError, Reader, u48_bytes};

/// The length of a record's header on the wire.
pub const RECORD_HEADER_LEN: usize = 13;

/// What a record carries; values that are not named here are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentType(pub u8);

impl ContentType {
    /// The mark of a change of keys; of no meaning in DTLS, where the epoch tells.
    pub const CHANGE_CIPHER_SPEC: Self = Self(20);
    /// An alert.
    pub const ALERT: Self = Self(21);
    /// Fragments of handshake messages.
    pub const HANDSHAKE: Self = Self(22);
    /// The application's data.
    pub const APPLICATION_DATA: Self = Self(23);
}

/// The header of a record of DTLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the header on the wire has these fields")]
pub struct RecordHeader {
    /// What the record carries.
    pub content_type: ContentType,
    /// The version, [`RecordHeader::DTLS12`] but for first hellos.
    pub version: u16,
    /// How often the keys have changed.
    pub epoch: u16,
    /// The number of the record in its epoch, of 48 bits.
    pub sequence_number: u64,
    /// The length of what follows the header.
    pub length: u16,
}

impl RecordHeader {
    /// DTLS 1.2 on the wire.
    pub const DTLS12: u16 = 0xfefd;
    /// DTLS 1.0 on the wire, as the version of a first ClientHello's record.
    pub const DTLS10: u16 = 0xfeff;

    /// Reads the header of the first record in `bytes`; the record is there as a whole.
    ///
    /// # Errors
    /// Fewer bytes than the header says, or a version that is none of DTLS 1.0 and 1.2.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = Self {
            content_type: ContentType(reader.u8("content type")?),
            version: reader.u16("record version")?,
            epoch: reader.u16("epoch")?,
            sequence_number: reader.u48("sequence_number")?,
            length: reader.u16("record length")?,
        };
        if !matches!(header.version, Self::DTLS12 | Self::DTLS10) {
            return Err(DecodeError::new("record version"));
        }
        reader.bytes(usize::from(header.length), "record fragment")?;
        Ok(header)
    }

    /// The header as it stands on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_HEADER_LEN] {
        let [v0, v1] = self.version.to_be_bytes();
        let [e0, e1] = self.epoch.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5] = u48_bytes(self.sequence_number);
        let [l0, l1] = self.length.to_be_bytes();
        [self.content_type.0, v0, v1, e0, e1, s0, s1, s2, s3, s4, s5, l0, l1]
    }

    pub(crate) fn write_to(&self, out: &mut [u8], start: usize) {
        if let Some(place) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *place = self.to_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_round_trips_and_every_truncation_is_refused() {
        let header = RecordHeader {
            content_type: ContentType::HANDSHAKE,
            version: RecordHeader::DTLS12,
            epoch: 1,
            sequence_number: 0x0102_0304_0506,
            length: 3,
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend_from_slice(&[1, 2, 3, 99]);
        assert_eq!(bytes[..13], [22, 0xfe, 0xfd, 0, 1, 1, 2, 3, 4, 5, 6, 0, 3]);
        assert_eq!(RecordHeader::parse(&bytes), Ok(header));
        for len in 0..16 {
            assert!(RecordHeader::parse(&bytes[..len]).is_err(), "{len}");
        }
    }
}
