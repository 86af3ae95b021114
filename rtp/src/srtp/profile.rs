//! The protection profiles.

/// What protects the packets: the cipher, the authentication and the lengths of keys and tags. DTLS negotiates it
/// ([RFC 5764, Section 4.1.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.1.2);
/// [RFC 7714, Section 14.2](https://www.rfc-editor.org/rfc/rfc7714#section-14.2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// SRTP_AES128_CM_HMAC_SHA1_80: AES-128 in counter mode, tags of 80 bits.
    Aes128CmHmacSha1_80,
    /// SRTP_AES128_CM_HMAC_SHA1_32: the same with tags of 32 bits on SRTP, and of 80 bits on SRTCP.
    Aes128CmHmacSha1_32,
    /// SRTP_AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM.
    AeadAes256Gcm,
}

impl Profile {
    /// The master key's length in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 | Self::Aes128CmHmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// The master salt's length in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 | Self::Aes128CmHmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// How many bytes DTLS has to export: a key and a salt for each side
    /// ([RFC 5764, Section 4.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.2)).
    #[must_use]
    pub const fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// How many bytes protection adds to an RTP packet: the tag.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::Aes128CmHmacSha1_80 => 10,
            Self::Aes128CmHmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// How many bytes protection adds to an RTCP packet: the tag, and the four bytes of the E flag and the index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            // RFC 5764, Section 4.1.2: the short tag is SRTP's alone.
            Self::Aes128CmHmacSha1_80 | Self::Aes128CmHmacSha1_32 => 10 + 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16 + 4,
        }
    }
}
