//! Protection of records by AEAD (RFC 5246, Section 6.2.3.3; RFC 5288, Section 3; RFC 7905, Section 2).

use super::replay::ReplayWindow;
use super::{ContentType, RECORD_HEADER_LEN, RecordHeader};
use crate::config::CipherSuite;
use crate::crypto::{Aead, AeadAlgorithm, CryptoError, NONCE_LEN, Provider, TAG_LEN};
use crate::event::{Discard, SendError};

/// One direction's key.
#[derive(Debug)]
struct Protection {
    aead: Box<dyn Aead>,
    nonce: NonceForm,
}

/// How the nonce follows from the record's number. It never repeats under a key, as the number never does.
#[derive(Debug, Clone, Copy)]
enum NonceForm {
    /// A fixed part, then the number, which also stands in the record (RFC 5288, Section 3).
    Explicit { salt: [u8; 4] },
    /// A fixed value combined with the number (RFC 7905, Section 2).
    Implicit { iv: [u8; NONCE_LEN] },
}

impl Protection {
    fn new(
        provider: &dyn Provider,
        suite: CipherSuite,
        key: &[u8],
        fixed_iv: &[u8],
    ) -> Result<Self, CryptoError> {
        let nonce = if explicit_nonce_len(suite) == 0 {
            NonceForm::Implicit { iv: fixed_iv.try_into().map_err(|_| CryptoError)? }
        } else {
            NonceForm::Explicit { salt: fixed_iv.try_into().map_err(|_| CryptoError)? }
        };
        Ok(Self { aead: provider.aead(suite.aead(), key)?, nonce })
    }

    fn nonce(&self, number: [u8; 8]) -> [u8; NONCE_LEN] {
        let [a, b, c, d, e, f, g, h] = number;
        match self.nonce {
            NonceForm::Explicit { salt: [w, x, y, z] } => [w, x, y, z, a, b, c, d, e, f, g, h],
            NonceForm::Implicit { iv } => {
                let mut nonce = [0, 0, 0, 0, a, b, c, d, e, f, g, h];
                for (n, i) in nonce.iter_mut().zip(iv) {
                    *n ^= i;
                }
                nonce
            }
        }
    }

    fn header_len(&self) -> usize {
        match self.nonce {
            NonceForm::Explicit { .. } => RECORD_HEADER_LEN + EXPLICIT_NONCE_LEN,
            NonceForm::Implicit { .. } => RECORD_HEADER_LEN,
        }
    }
}

/// Writes the records of epoch 1.
#[derive(Debug)]
pub(crate) struct Sealer {
    protection: Protection,
    next: u64,
}

impl Sealer {
    pub(crate) fn new(
        provider: &dyn Provider,
        suite: CipherSuite,
        key: &[u8],
        fixed_iv: &[u8],
    ) -> Result<Self, CryptoError> {
        Ok(Self { protection: Protection::new(provider, suite, key, fixed_iv)?, next: 0 })
    }

    pub(crate) fn header_len(&self) -> usize {
        self.protection.header_len()
    }

    pub(crate) fn overhead(&self) -> usize {
        self.protection.header_len().saturating_add(TAG_LEN)
    }

    pub(crate) fn overhead_of(suite: CipherSuite) -> usize {
        RECORD_HEADER_LEN.saturating_add(explicit_nonce_len(suite)).saturating_add(TAG_LEN)
    }

    /// Seals the plaintext that stands in `out` from `start + header_len()` on, in place.
    pub(crate) fn seal(
        &mut self,
        content_type: ContentType,
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), SendError> {
        // RFC 6347, Section 4.1: sequence numbers must not wrap.
        if self.next >= 1 << 48 {
            return Err(SendError::Exhausted);
        }
        let record = out.get_mut(start..).unwrap_or_default();
        let header_len = self.protection.header_len();
        let Some((place, plaintext)) = record.split_at_mut_checked(header_len) else {
            return Err(SendError::TooLong);
        };
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(SendError::TooLong);
        }
        let mut header = RecordHeader {
            content_type,
            version: RecordHeader::DTLS12,
            epoch: EPOCH,
            sequence_number: self.next,
            length: u16::try_from(plaintext.len()).map_err(|_| SendError::TooLong)?,
        };
        let number = record_number(&header);
        let nonce = self.protection.nonce(number);
        let tag = self
            .protection
            .aead
            .seal(&nonce, &additional_data(&header), plaintext)
            .map_err(|_| SendError::TooLong)?;
        let around = header_len.saturating_sub(RECORD_HEADER_LEN).saturating_add(TAG_LEN);
        header.length = header.length.saturating_add(u16::try_from(around).unwrap_or_default());
        header.write_to(place, 0);
        if let Some(explicit) = place.get_mut(RECORD_HEADER_LEN..).and_then(<[u8]>::first_chunk_mut) {
            *explicit = number;
        }
        out.extend_from_slice(&tag);
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}

/// Reads the records of epoch 1.
#[derive(Debug)]
pub(crate) struct Opener {
    protection: Protection,
    window: ReplayWindow,
}

impl Opener {
    pub(crate) fn new(
        provider: &dyn Provider,
        suite: CipherSuite,
        key: &[u8],
        fixed_iv: &[u8],
    ) -> Result<Self, CryptoError> {
        let protection = Protection::new(provider, suite, key, fixed_iv)?;
        Ok(Self { protection, window: ReplayWindow::default() })
    }

    /// Decrypts a record in place and says where its plaintext begins and how long it is.
    pub(crate) fn open(
        &mut self,
        header: &RecordHeader,
        record: &mut [u8],
    ) -> Result<(usize, usize), Discard> {
        if header.version != RecordHeader::DTLS12 {
            return Err(Discard::Malformed);
        }
        // RFC 6347, Section 4.1.2.6: the window is checked before the record is deprotected, and changed after.
        if !self.window.is_new(header.sequence_number) {
            return Err(Discard::Replayed);
        }
        let header_len = self.protection.header_len();
        let Some((before, sealed)) = record.split_at_mut_checked(header_len) else {
            return Err(Discard::Malformed);
        };
        let Some(len) = sealed.len().checked_sub(TAG_LEN).filter(|len| *len <= MAX_PLAINTEXT) else {
            return Err(Discard::Malformed);
        };
        // RFC 5288, Section 3: the explicit part of the nonce is the sender's to choose.
        let number = match before.get(RECORD_HEADER_LEN..).and_then(<[u8]>::first_chunk) {
            Some(explicit) => *explicit,
            None => record_number(header),
        };
        let nonce = self.protection.nonce(number);
        let length = u16::try_from(len).map_err(|_| Discard::Malformed)?;
        let aad = additional_data(&RecordHeader { length, ..*header });
        self.protection.aead.open(&nonce, &aad, sealed).map_err(|_| Discard::Unauthentic)?;
        self.window.note(header.sequence_number);
        Ok((header_len, len))
    }
}

/// Epoch and sequence number in 64 bits, `seq_num` of RFC 5246's additional data.
fn record_number(header: &RecordHeader) -> [u8; 8] {
    (u64::from(header.epoch) << 48 | header.sequence_number).to_be_bytes()
}

/// RFC 5246, Section 6.2.3.3: seq_num + type + version + length of the plaintext.
fn additional_data(header: &RecordHeader) -> [u8; 13] {
    let [a, b, c, d, e, f, g, h] = record_number(header);
    let [v0, v1] = header.version.to_be_bytes();
    let [l0, l1] = header.length.to_be_bytes();
    [a, b, c, d, e, f, g, h, header.content_type.0, v0, v1, l0, l1]
}

fn explicit_nonce_len(suite: CipherSuite) -> usize {
    match suite.aead() {
        AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm => EXPLICIT_NONCE_LEN,
        AeadAlgorithm::ChaCha20Poly1305 => 0,
    }
}

pub(crate) fn fixed_iv_len(suite: CipherSuite) -> usize {
    NONCE_LEN.saturating_sub(explicit_nonce_len(suite))
}

/// The epoch of the protected records: there is one handshake, so there is one.
const EPOCH: u16 = 1;
const EXPLICIT_NONCE_LEN: usize = 8;
/// RFC 5246, Section 6.2.1.
const MAX_PLAINTEXT: usize = 1 << 14;
