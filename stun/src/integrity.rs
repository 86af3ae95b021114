//! MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT of received messages (RFC 8489, Sections 14.5 to 14.7).

use crate::crypto::{HmacKey, HmacSha256Key};
use crate::error::IntegrityError;
use crate::message::{HEADER_LEN, Message};

const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// MESSAGE-INTEGRITY and its header.
pub(crate) const INTEGRITY_LEN: usize = 24;
/// MESSAGE-INTEGRITY-SHA256 and its header.
pub(crate) const INTEGRITY_SHA256_LEN: usize = 36;
/// FINGERPRINT and its header.
pub(crate) const FINGERPRINT_LEN: usize = 8;

impl Message<'_> {
    /// Whether MESSAGE-INTEGRITY is the HMAC of the message under `key`.
    ///
    /// # Errors
    /// [`IntegrityError::Missing`] without the attribute, [`IntegrityError::Mismatch`] otherwise.
    pub fn verify_integrity(&self, key: &dyn HmacKey) -> Result<(), IntegrityError> {
        let offset = self.integrity_offset().ok_or(IntegrityError::Missing)?;
        let attribute = self.bytes().get(offset..).unwrap_or_default();
        let Some(([_, _, 0, 20], rest)) = attribute.split_first_chunk::<4>() else {
            return Err(IntegrityError::Mismatch);
        };
        let tag = rest.first_chunk::<20>().ok_or(IntegrityError::Mismatch)?;
        let (header, body) = covered(self.bytes(), offset, INTEGRITY_LEN).ok_or(IntegrityError::Mismatch)?;
        if key.verify(&header, body, tag) { Ok(()) } else { Err(IntegrityError::Mismatch) }
    }

    /// Whether MESSAGE-INTEGRITY-SHA256 is the HMAC of the message under `key`.
    ///
    /// RFC 8489, Section 14.6: the value must be whole unless the usage of STUN says otherwise, and none here does.
    ///
    /// # Errors
    /// [`IntegrityError::Missing`] without the attribute, [`IntegrityError::Mismatch`] otherwise.
    pub fn verify_integrity_sha256(&self, key: &dyn HmacSha256Key) -> Result<(), IntegrityError> {
        let offset = self.integrity_sha256_offset().ok_or(IntegrityError::Missing)?;
        let attribute = self.bytes().get(offset..).unwrap_or_default();
        let Some(([_, _, 0, 32], rest)) = attribute.split_first_chunk::<4>() else {
            return Err(IntegrityError::Mismatch);
        };
        let tag = rest.first_chunk::<32>().ok_or(IntegrityError::Mismatch)?;
        let (header, body) =
            covered(self.bytes(), offset, INTEGRITY_SHA256_LEN).ok_or(IntegrityError::Mismatch)?;
        if key.verify(&header, body, tag) { Ok(()) } else { Err(IntegrityError::Mismatch) }
    }

    /// Whether FINGERPRINT is the checksum of the message.
    ///
    /// # Errors
    /// [`IntegrityError::Missing`] unless it is the last attribute, [`IntegrityError::Mismatch`] otherwise.
    pub fn verify_fingerprint(&self) -> Result<(), IntegrityError> {
        let offset = self.fingerprint_offset().ok_or(IntegrityError::Missing)?;
        let (before, attribute) = self.bytes().split_at_checked(offset).ok_or(IntegrityError::Mismatch)?;
        let Ok([_, _, 0, 4, value @ ..]) = <[u8; FINGERPRINT_LEN]>::try_from(attribute) else {
            return Err(IntegrityError::Mismatch);
        };
        let matches = fingerprint(before) == u32::from_be_bytes(value);
        if matches { Ok(()) } else { Err(IntegrityError::Mismatch) }
    }
}

/// The value of FINGERPRINT after `bytes`, whose header already counts the attribute.
pub(crate) fn fingerprint(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes) ^ FINGERPRINT_MASK
}

/// What an attribute at `offset` covers: the header with a length that ends after the attribute, then the rest.
///
/// RFC 8489, Section 14.5: the length "MUST then be set to ... include the MESSAGE-INTEGRITY attribute itself, but
/// excluding any attributes after it".
pub(crate) fn covered(message: &[u8], offset: usize, len: usize) -> Option<([u8; HEADER_LEN], &[u8])> {
    let mut header = *message.first_chunk::<HEADER_LEN>()?;
    let body = message.get(HEADER_LEN..offset)?;
    let [_, _, l0, l1, ..] = &mut header;
    [*l0, *l1] = u16::try_from(body.len() + len).ok()?.to_be_bytes();
    Some((header, body))
}
