//! The little of X.509 that fingerprints leave to do: writing our certificate, finding the key in the peer's.

use std::time::Duration;

use der::asn1::{AnyRef, BitStringRef, ContextSpecific, ObjectIdentifier};
use der::{DateTime, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use thiserror::Error;

use crate::crypto::{CryptoError, PUBLIC_KEY_LEN, SigningKey};

/// When a certificate is valid. No peer of WebRTC checks it, as fingerprints alone identify a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a validity has a begin and an end")]
pub struct Validity {
    /// The begin, since the Unix epoch.
    pub not_before: Duration,
    /// The end, since the Unix epoch.
    pub not_after: Duration,
}

/// Why no key was found in a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The bytes are no certificate in DER.
    #[error("the certificate is malformed")]
    Malformed,
    /// The key is not one of ECDSA with P-256 in uncompressed form.
    #[error("the certificate's key is not of ECDSA with P-256")]
    UnsupportedKey,
}

/// The public key in a certificate: an uncompressed point of P-256.
///
/// Only the certificate's outline is read, in one pass without allocations: names, dates and extensions mean nothing
/// where a fingerprint decides.
pub fn public_key(certificate: &[u8]) -> Result<[u8; PUBLIC_KEY_LEN], CertificateError> {
    let spki = subject_public_key_info(certificate).map_err(|_| CertificateError::Malformed)?;
    let (algorithm, curve, key) = spki;
    // RFC 5480, Sections 2.1.1 and 2.2: id-ecPublicKey with a named curve; the key is the point itself.
    if algorithm != ID_EC_PUBLIC_KEY || curve != Some(SECP256R1) {
        return Err(CertificateError::UnsupportedKey);
    }
    let point = <[u8; PUBLIC_KEY_LEN]>::try_from(key).map_err(|_| CertificateError::UnsupportedKey)?;
    if point.first() == Some(&0x04) { Ok(point) } else { Err(CertificateError::UnsupportedKey) }
}

/// The algorithm, the named curve if there is one, and the key's bits.
fn subject_public_key_info(
    certificate: &[u8],
) -> der::Result<(ObjectIdentifier, Option<ObjectIdentifier>, &[u8])> {
    // RFC 5280, Section 4.1.
    AnyRef::from_der(certificate)?.sequence(|certificate| {
        let key = AnyRef::decode(certificate)?.sequence(|tbs| {
            ContextSpecific::<AnyRef<'_>>::decode_explicit(tbs, TagNumber(0))?;
            for tag in [Tag::Integer, Tag::Sequence, Tag::Sequence, Tag::Sequence, Tag::Sequence] {
                AnyRef::decode(tbs)?.tag().assert_eq(tag)?;
            }
            let key = AnyRef::decode(tbs)?.sequence(spki)?;
            while !tbs.is_finished() {
                AnyRef::decode(tbs)?;
            }
            Ok::<_, der::Error>(key)
        })?;
        AnyRef::decode(certificate)?.tag().assert_eq(Tag::Sequence)?;
        BitStringRef::decode(certificate)?;
        Ok(key)
    })
}

fn spki<'a>(
    reader: &mut SliceReader<'a>,
) -> der::Result<(ObjectIdentifier, Option<ObjectIdentifier>, &'a [u8])> {
    let (algorithm, curve) = AnyRef::decode(reader)?.sequence(|algorithm| {
        let oid = ObjectIdentifier::decode(algorithm)?;
        let parameters = if algorithm.is_finished() { None } else { Some(AnyRef::decode(algorithm)?) };
        let curve = parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        Ok::<_, der::Error>((oid, curve))
    })?;
    let key = BitStringRef::decode(reader)?;
    let key = key.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
    Ok((algorithm, curve, key))
}

/// Writes and signs a certificate of version 3 for `key`.
pub(super) fn self_signed(
    key: &dyn SigningKey,
    mut serial: [u8; 16],
    validity: Validity,
) -> Result<Vec<u8>, CryptoError> {
    // RFC 5280, Section 4.1.2.2: a positive number, in its shortest form.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    let algorithm = tlv(SEQUENCE, &[ECDSA_WITH_SHA256]);
    let name =
        tlv(SEQUENCE, &[&tlv(SET, &[&tlv(SEQUENCE, &[COMMON_NAME, &tlv(UTF8_STRING, &[b"WebRTC"])])])]);
    let dates = tlv(SEQUENCE, &[&time(validity.not_before)?, &time(validity.not_after)?]);
    let spki = tlv(
        SEQUENCE,
        &[&tlv(SEQUENCE, &[EC_PUBLIC_KEY, PRIME256V1]), &tlv(BIT_STRING, &[&[0], key.public_key()])],
    );
    let version = tlv(VERSION_0, &[&tlv(INTEGER, &[&[2]])]);
    let tbs = tlv(SEQUENCE, &[&version, &tlv(INTEGER, &[&serial]), &algorithm, &name, &dates, &name, &spki]);
    let signature = key.sign(&tbs)?;
    Ok(tlv(SEQUENCE, &[&tbs, &algorithm, &tlv(BIT_STRING, &[&[0], &signature])]))
}

/// RFC 5280, Section 4.1.2.5: UTCTime through the year 2049, GeneralizedTime from 2050 on.
fn time(since_epoch: Duration) -> Result<Vec<u8>, CryptoError> {
    let t = DateTime::from_unix_duration(since_epoch).map_err(|_| CryptoError)?;
    let rest = format!("{:02}{:02}{:02}{:02}{:02}Z", t.month(), t.day(), t.hour(), t.minutes(), t.seconds());
    Ok(match t.year() {
        year @ 0..=2049 => tlv(UTC_TIME, &[format!("{:02}{rest}", year % 100).as_bytes()]),
        year => tlv(GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()]),
    })
}

/// A value of DER with the concatenated parts as its contents, of at most 65,535 bytes.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let [.., high, low] = contents.len().to_be_bytes();
    let mut out = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(&contents);
    out
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION_0: u8 = 0xa0;

const ECDSA_WITH_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];

const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
