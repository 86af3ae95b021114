//! ClientHello, HelloVerifyRequest and ServerHello (RFC 6347, Section 4.2.1; RFC 5246, Section 7.4.1).

use super::certificate::ECDSA_SECP256R1_SHA256;
use super::extension::{
    EC_POINT_FORMATS, EXTENDED_MASTER_SECRET, Extensions, RENEGOTIATION_INFO, SIGNATURE_ALGORITHMS,
    SUPPORTED_GROUPS, USE_SRTP, UseSrtp, put_extension,
};
use crate::config::{CipherSuite, NamedGroup, SrtpProfile};
use crate::record::RecordHeader;
use crate::wire::{DecodeError, Reader, U16List, put_u16, put_vec};

/// What a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello<'a> {
    /// The highest version but for DTLS 1.3, which has an extension of its own.
    pub version: u16,
    /// 32 bytes chosen by the client.
    pub random: &'a [u8; 32],
    /// A session to resume; of no use here.
    pub session_id: &'a [u8],
    /// The cookie of a HelloVerifyRequest, or nothing.
    pub cookie: &'a [u8],
    /// The cipher suites in the client's order.
    pub cipher_suites: U16List<'a>,
    /// The methods of compression.
    pub compression_methods: &'a [u8],
    /// The extensions.
    pub extensions: Extensions<'a>,
    /// `supported_groups`.
    pub supported_groups: Option<U16List<'a>>,
    /// `signature_algorithms`.
    pub signature_algorithms: Option<U16List<'a>>,
    /// `use_srtp`.
    pub use_srtp: Option<UseSrtp<'a>>,
}

impl<'a> ClientHello<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body, or an extension that we know, is not of its form.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let version = reader.u16("client_version")?;
        let random = reader.array("random")?;
        let session_id = reader.vec8("session_id")?;
        let cookie = reader.vec8("cookie")?;
        let cipher_suites = reader.list16("cipher_suites")?;
        let compression_methods = reader.vec8("compression_methods")?;
        let extensions = Extensions::parse(reader.rest())?;
        if session_id.len() > 32 {
            return Err(DecodeError::new("session_id"));
        }
        Ok(Self {
            version,
            random,
            session_id,
            cookie,
            cipher_suites,
            compression_methods,
            extensions,
            supported_groups: extensions.find_list(SUPPORTED_GROUPS, "supported_groups")?,
            signature_algorithms: extensions.find_list(SIGNATURE_ALGORITHMS, "signature_algorithms")?,
            use_srtp: extensions.find(USE_SRTP).map(UseSrtp::parse).transpose()?,
        })
    }

    /// Whether the client can speak DTLS 1.2.
    pub(crate) fn offers_dtls12(&self) -> bool {
        // RFC 6347, Section 4.1: versions are complements, so a later version is a lower number.
        matches!(self.version.to_be_bytes(), [0xfe, minor] if minor <= 0xfd)
    }

    /// Whether the client knows of secure renegotiation (RFC 5746, Sections 3.4 and 3.6).
    pub(crate) fn renegotiation_info(&self) -> bool {
        self.extensions.find(RENEGOTIATION_INFO).is_some()
            || self.cipher_suites.contains(EMPTY_RENEGOTIATION_INFO_SCSV)
    }
}

/// The contents of a ClientHello that we write.
pub(crate) struct Offer<'a> {
    pub(crate) random: &'a [u8; 32],
    pub(crate) cookie: &'a [u8],
    pub(crate) cipher_suites: &'a [CipherSuite],
    pub(crate) groups: &'a [NamedGroup],
    pub(crate) srtp_profiles: &'a [SrtpProfile],
}

impl Offer<'_> {
    /// Appends the body of the ClientHello.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_u16(out, RecordHeader::DTLS12);
        out.extend_from_slice(self.random);
        put_vec::<1>(out, |_| {});
        put_vec::<1>(out, |out| out.extend_from_slice(self.cookie));
        put_vec::<2>(out, |out| self.cipher_suites.iter().for_each(|suite| put_u16(out, suite.code())));
        put_vec::<1>(out, |out| out.push(NULL_COMPRESSION));
        put_vec::<2>(out, |out| self.write_extensions(out));
    }

    fn write_extensions(&self, out: &mut Vec<u8>) {
        // RFC 7627, Section 5.1: full handshakes MUST offer the extended master secret.
        put_extension(out, EXTENDED_MASTER_SECRET, |_| {});
        // RFC 5746, Section 3.4: an empty renegotiated_connection in the first hello.
        put_extension(out, RENEGOTIATION_INFO, |out| put_vec::<1>(out, |_| {}));
        put_extension(out, SUPPORTED_GROUPS, |out| {
            put_vec::<2>(out, |out| {
                self.groups.iter().for_each(|group| put_u16(out, group.code()));
                // RFC 8422, Section 5.1.1: the list also bounds the curves of certificates.
                if !self.groups.contains(&NamedGroup::Secp256r1) {
                    put_u16(out, NamedGroup::Secp256r1.code());
                }
            });
        });
        put_extension(out, EC_POINT_FORMATS, write_point_formats);
        put_extension(out, SIGNATURE_ALGORITHMS, |out| {
            put_vec::<2>(out, |out| put_u16(out, ECDSA_SECP256R1_SHA256));
        });
        if !self.srtp_profiles.is_empty() {
            put_extension(out, USE_SRTP, |out| write_use_srtp(self.srtp_profiles, out));
        }
    }
}

/// A server's request to return a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HelloVerifyRequest<'a> {
    /// The cookie.
    pub cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    /// Reads the message's body; its version is not looked at (RFC 6347, Section 4.2.1).
    ///
    /// # Errors
    /// The body is not of its form.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        reader.u16("server_version")?;
        let cookie = reader.vec8("cookie")?;
        reader.finish("HelloVerifyRequest")?;
        Ok(Self { cookie })
    }
}

/// The body of a HelloVerifyRequest.
pub(crate) fn write_hello_verify_request(cookie: &[u8], out: &mut Vec<u8>) {
    // RFC 6347, Section 4.2.1: servers SHOULD use DTLS 1.0 here whatever they negotiate.
    put_u16(out, RecordHeader::DTLS10);
    put_vec::<1>(out, |out| out.extend_from_slice(cookie));
}

/// What a server chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerHello<'a> {
    /// The version.
    pub version: u16,
    /// 32 bytes chosen by the server.
    pub random: &'a [u8; 32],
    /// The cipher suite's code point.
    pub cipher_suite: u16,
    /// The method of compression.
    pub compression_method: u8,
    /// The extensions.
    pub extensions: Extensions<'a>,
    /// `use_srtp`.
    pub use_srtp: Option<UseSrtp<'a>>,
}

impl<'a> ServerHello<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// The body, or an extension that we know, is not of its form.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let version = reader.u16("server_version")?;
        let random = reader.array("random")?;
        if reader.vec8("session_id")?.len() > 32 {
            return Err(DecodeError::new("session_id"));
        }
        let cipher_suite = reader.u16("cipher_suite")?;
        let compression_method = reader.u8("compression_method")?;
        let extensions = Extensions::parse(reader.rest())?;
        let use_srtp = extensions.find(USE_SRTP).map(UseSrtp::parse).transpose()?;
        Ok(Self { version, random, cipher_suite, compression_method, extensions, use_srtp })
    }
}

/// The contents of a ServerHello that we write.
pub(crate) struct Choice<'a> {
    pub(crate) random: &'a [u8; 32],
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) srtp_profile: Option<SrtpProfile>,
    pub(crate) renegotiation_info: bool,
    pub(crate) point_formats: bool,
}

impl Choice<'_> {
    /// Appends the body of the ServerHello.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_u16(out, RecordHeader::DTLS12);
        out.extend_from_slice(self.random);
        put_vec::<1>(out, |_| {});
        put_u16(out, self.cipher_suite.code());
        out.push(NULL_COMPRESSION);
        put_vec::<2>(out, |out| {
            put_extension(out, EXTENDED_MASTER_SECRET, |_| {});
            // RFC 5746, Section 3.6.
            if self.renegotiation_info {
                put_extension(out, RENEGOTIATION_INFO, |out| put_vec::<1>(out, |_| {}));
            }
            // RFC 8422, Section 5.2: only in answer to the client's.
            if self.point_formats {
                put_extension(out, EC_POINT_FORMATS, write_point_formats);
            }
            if let Some(profile) = self.srtp_profile {
                put_extension(out, USE_SRTP, |out| write_use_srtp(&[profile], out));
            }
        });
    }
}

fn write_point_formats(out: &mut Vec<u8>) {
    put_vec::<1>(out, |out| out.push(UNCOMPRESSED));
}

fn write_use_srtp(profiles: &[SrtpProfile], out: &mut Vec<u8>) {
    put_vec::<2>(out, |out| profiles.iter().for_each(|profile| put_u16(out, profile.code())));
    put_vec::<1>(out, |_| {});
}

pub(crate) const NULL_COMPRESSION: u8 = 0;
const UNCOMPRESSED: u8 = 0;
/// RFC 5746, Section 3.3.
const EMPTY_RENEGOTIATION_INFO_SCSV: u16 = 0x00ff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_hello_round_trips_and_every_truncation_is_refused_or_lacks_extensions() {
        let offer = Offer {
            random: &[5; 32],
            cookie: b"cookie",
            cipher_suites: &CipherSuite::ALL,
            groups: &[NamedGroup::X25519],
            srtp_profiles: &[SrtpProfile::AeadAes128Gcm],
        };
        let mut body = Vec::new();
        offer.write(&mut body);
        let hello = ClientHello::parse(&body).unwrap();
        assert!(hello.offers_dtls12() && hello.renegotiation_info());
        assert_eq!((hello.random, hello.cookie), (&[5; 32], &b"cookie"[..]));
        assert_eq!(hello.cipher_suites.iter().collect::<Vec<_>>(), [0xc02b, 0xc02c, 0xcca9]);
        assert_eq!(hello.supported_groups.unwrap().iter().collect::<Vec<_>>(), [29, 23]);
        assert_eq!(hello.use_srtp.unwrap().profiles.iter().collect::<Vec<_>>(), [7]);
        let without_extensions =
            body.len() - hello.extensions.iter().map(|(_, d)| d.len() + 4).sum::<usize>() - 2;
        for len in 0..body.len() {
            assert_eq!(ClientHello::parse(&body[..len]).is_ok(), len == without_extensions, "{len}");
        }
    }

    #[test]
    fn a_server_hello_round_trips_and_every_truncation_is_refused_or_lacks_extensions() {
        let choice = Choice {
            random: &[6; 32],
            cipher_suite: CipherSuite::EcdheEcdsaAes256GcmSha384,
            srtp_profile: Some(SrtpProfile::AeadAes256Gcm),
            renegotiation_info: true,
            point_formats: true,
        };
        let mut body = Vec::new();
        choice.write(&mut body);
        let hello = ServerHello::parse(&body).unwrap();
        assert_eq!((hello.version, hello.cipher_suite), (0xfefd, 0xc02c));
        assert_eq!(hello.use_srtp.unwrap().profiles.iter().collect::<Vec<_>>(), [8]);
        assert_eq!(hello.extensions.iter().count(), 4);
        for len in 0..body.len() {
            assert_eq!(ServerHello::parse(&body[..len]).is_ok(), len == 38, "{len}");
        }
    }

    #[test]
    fn a_hello_verify_request_round_trips_and_every_truncation_is_refused() {
        let mut body = Vec::new();
        write_hello_verify_request(b"cookie", &mut body);
        assert_eq!(HelloVerifyRequest::parse(&body), Ok(HelloVerifyRequest { cookie: b"cookie" }));
        for len in 0..body.len() {
            assert!(HelloVerifyRequest::parse(&body[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn an_extension_that_comes_twice_is_refused() {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[0; 32]);
        body.extend_from_slice(&[0, 0, 0xc0, 0x2b, 1, 0]);
        body.splice(36..36, [0, 2]);
        body.extend_from_slice(&[0, 8, 0, 99, 0, 0, 0, 99, 0, 0]);
        assert_eq!(ClientHello::parse(&body), Err(DecodeError { field: "extension_type" }));
        *body.last_mut().unwrap() = 0;
        let twice = body.len() - 3;
        body[twice] = 98;
        assert!(ClientHello::parse(&body).is_ok());
    }
}
