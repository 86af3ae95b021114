//! Certificate, CertificateRequest and CertificateVerify (RFC 5246, Sections 7.4.2, 7.4.4 and 7.4.8).

use crate::wire::{DecodeError, Reader, U16List, put_u16, put_vec};

/// ECDSA with P-256 and SHA-256, the one signature scheme in use: `ecdsa_secp256r1_sha256`.
pub const ECDSA_SECP256R1_SHA256: u16 = 0x0403;
/// The certificate type `ecdsa_sign` (RFC 8422, Section 5.5).
pub const ECDSA_SIGN: u8 = 64;

/// A chain of certificates, the sender's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'a> {
    first: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body is not a list of certificates.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut list = Reader::new(reader.vec24("certificate_list")?);
        reader.finish("Certificate")?;
        let mut first = None;
        while !list.is_empty() {
            let certificate = list.vec24("ASN.1Cert")?;
            if certificate.is_empty() {
                return Err(DecodeError::new("ASN.1Cert"));
            }
            first = first.or(Some(certificate));
        }
        Ok(Self { first })
    }

    /// The sender's own certificate in DER; `None` when it has sent none.
    #[must_use]
    pub fn end_entity(&self) -> Option<&'a [u8]> {
        self.first
    }
}

/// The body of a Certificate message with one certificate.
pub(crate) fn write_certificate(certificate: &[u8], out: &mut Vec<u8>) {
    put_vec::<3>(out, |out| put_vec::<3>(out, |out| out.extend_from_slice(certificate)));
}

/// What a server asks of the client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRequest<'a> {
    /// The types of keys.
    pub certificate_types: &'a [u8],
    /// The signature schemes.
    pub signature_algorithms: U16List<'a>,
}

impl<'a> CertificateRequest<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body is not of its form; names of authorities are not looked at.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let certificate_types = reader.vec8("certificate_types")?;
        let signature_algorithms = reader.list16("supported_signature_algorithms")?;
        reader.vec16("certificate_authorities")?;
        reader.finish("CertificateRequest")?;
        Ok(Self { certificate_types, signature_algorithms })
    }

    pub(crate) fn accepts_ours(&self) -> bool {
        self.certificate_types.contains(&ECDSA_SIGN)
            && self.signature_algorithms.contains(ECDSA_SECP256R1_SHA256)
    }
}

/// The body of a CertificateRequest for what we can verify.
pub(crate) fn write_certificate_request(out: &mut Vec<u8>) {
    put_vec::<1>(out, |out| out.push(ECDSA_SIGN));
    put_vec::<2>(out, |out| put_u16(out, ECDSA_SECP256R1_SHA256));
    put_vec::<2>(out, |_| {});
}

/// A signature and its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature<'a> {
    /// The scheme's code point.
    pub scheme: u16,
    /// The signature.
    pub bytes: &'a [u8],
}

impl<'a> Signature<'a> {
    /// Reads a signature that is all of `bytes`.
    ///
    /// # Errors
    /// The bytes are not of the form `digitally-signed`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let scheme = reader.u16("SignatureAndHashAlgorithm")?;
        let bytes = reader.vec16("signature")?;
        reader.finish("signature")?;
        Ok(Self { scheme, bytes })
    }
}

/// The body of a CertificateVerify, and the end of a ServerKeyExchange.
pub(crate) fn write_signature(signature: &[u8], out: &mut Vec<u8>) {
    put_u16(out, ECDSA_SECP256R1_SHA256);
    put_vec::<2>(out, |out| out.extend_from_slice(signature));
}

/// The client's proof that it holds its certificate's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateVerify<'a> {
    /// The signature over all messages before this one.
    pub signature: Signature<'a>,
}

impl<'a> CertificateVerify<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body is not one signature.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { signature: Signature::parse(body)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_round_trips_and_every_truncation_is_refused() {
        let mut body = Vec::new();
        write_certificate(b"certificate", &mut body);
        assert_eq!(Certificate::parse(&body).unwrap().end_entity(), Some(&b"certificate"[..]));
        for len in 0..body.len() {
            assert!(Certificate::parse(&body[..len]).is_err(), "{len}");
        }
        assert_eq!(Certificate::parse(&[0, 0, 0]).unwrap().end_entity(), None);
        assert!(Certificate::parse(&[0, 0, 3, 0, 0, 0]).is_err(), "a certificate without bytes");
    }

    #[test]
    fn a_request_and_a_signature_round_trip_and_every_truncation_is_refused() {
        let mut body = Vec::new();
        write_certificate_request(&mut body);
        assert!(CertificateRequest::parse(&body).unwrap().accepts_ours());
        for len in 0..body.len() {
            assert!(CertificateRequest::parse(&body[..len]).is_err(), "{len}");
        }
        body.clear();
        write_signature(b"signature", &mut body);
        let signature = Signature { scheme: ECDSA_SECP256R1_SHA256, bytes: b"signature" };
        assert_eq!(CertificateVerify::parse(&body), Ok(CertificateVerify { signature }));
        for len in 0..body.len() {
            assert!(CertificateVerify::parse(&body[..len]).is_err(), "{len}");
        }
    }
}
