//! Extensions of hellos (RFC 5246, Section 7.4.1.4).

use crate::wire::{DecodeError, Reader, U16List, put_u16, put_vec};

/// The extensions of a hello: well-formed, and no type twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions<'a> {
    bytes: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads the rest of a hello. A hello may end without extensions.
    pub(super) fn parse(rest: &'a [u8]) -> Result<Self, DecodeError> {
        if rest.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(rest);
        let extensions = Self { bytes: reader.vec16("extensions")? };
        reader.finish("extensions")?;
        let mut reader = Reader::new(extensions.bytes);
        for index in 0..=MAX_EXTENSIONS {
            if reader.is_empty() {
                return Ok(extensions);
            }
            let kind = reader.u16("extension_type")?;
            reader.vec16("extension_data")?;
            // RFC 5246, Section 7.4.1.4: there MUST NOT be more than one extension of the same type.
            if extensions.iter().take(index).any(|(earlier, _)| earlier == kind) {
                return Err(DecodeError::new("extension_type"));
            }
        }
        Err(DecodeError::new("extensions"))
    }

    /// The extensions' types and contents in their order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            let kind = reader.u16("extension_type").ok()?;
            Some((kind, reader.vec16("extension_data").ok()?))
        })
    }

    /// The contents of the extension of a type.
    #[must_use]
    pub fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|(k, _)| *k == kind).map(|(_, data)| data)
    }

    /// The contents of the extension of a type when they are one list of code points.
    pub(super) fn find_list(
        &self,
        kind: u16,
        field: &'static str,
    ) -> Result<Option<U16List<'a>>, DecodeError> {
        let Some(data) = self.find(kind) else { return Ok(None) };
        let mut reader = Reader::new(data);
        let list = reader.list16(field)?;
        reader.finish(field)?;
        Ok(Some(list))
    }
}

/// The contents of `use_srtp` (RFC 5764, Section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UseSrtp<'a> {
    /// The protection profiles.
    pub profiles: U16List<'a>,
    /// The master key identifier.
    pub mki: &'a [u8],
}

impl<'a> UseSrtp<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let profiles = reader.list16("SRTPProtectionProfiles")?;
        let mki = reader.vec8("srtp_mki")?;
        reader.finish("use_srtp")?;
        Ok(Self { profiles, mki })
    }
}

/// Appends an extension.
pub(super) fn put_extension(out: &mut Vec<u8>, kind: u16, data: impl FnOnce(&mut Vec<u8>)) {
    put_u16(out, kind);
    put_vec::<2>(out, data);
}

/// `supported_groups` (RFC 8422, Section 5.1.1).
pub const SUPPORTED_GROUPS: u16 = 10;
/// `ec_point_formats` (RFC 8422, Section 5.1.2).
pub const EC_POINT_FORMATS: u16 = 11;
/// `signature_algorithms` (RFC 5246, Section 7.4.1.4.1).
pub const SIGNATURE_ALGORITHMS: u16 = 13;
/// `use_srtp` (RFC 5764).
pub const USE_SRTP: u16 = 14;
/// `extended_master_secret` (RFC 7627).
pub const EXTENDED_MASTER_SECRET: u16 = 23;
/// `renegotiation_info` (RFC 5746).
pub const RENEGOTIATION_INFO: u16 = 0xff01;

/// More than any client sends, and few enough to compare each with each.
const MAX_EXTENSIONS: usize = 64;
