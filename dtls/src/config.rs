//! What a connection is allowed to do, and with which identity.

use std::sync::Arc;
use std::time::Duration;

use crate::crypto::{AeadAlgorithm, Hash, Provider};
use crate::identity::Identity;

/// The settings of a [`Connection`](crate::Connection); share one between many.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The cryptographic library. [`aws_lc_rs()`](crate::crypto::aws_lc_rs) is the fastest,
    /// [`rust_crypto()`](crate::crypto::rust_crypto) is deterministic.
    pub provider: &'static dyn Provider,
    /// Our certificate and its private key.
    pub identity: Arc<Identity>,
    /// The cipher suites, the most preferred first. As server our order decides. Default: all.
    pub cipher_suites: Vec<CipherSuite>,
    /// The groups of the key exchange, the most preferred first. As server our order decides. Default: all.
    ///
    /// A client names `secp256r1` last even when it is not listed here, for the curve of its certificate
    /// (RFC 8422, Section 5.1.1), but refuses a key exchange in it.
    pub groups: Vec<NamedGroup>,
    /// The SRTP protection profiles, the most preferred first; none to leave `use_srtp` out. As server the first
    /// of ours that the client offers is taken. Default: AEAD AES-128-GCM, AEAD AES-256-GCM, AES-CM with HMAC-SHA1-80.
    pub srtp_profiles: Vec<SrtpProfile>,
    /// The largest datagram to write, in bytes of UDP payload; at least [`MIN_MTU`]. Default: 1,200.
    pub mtu: usize,
    /// The first retransmission timeout as long as no round trip is known. Default: 400 ms
    /// (RFC 9147, Section 5.8.2, for DTLS-SRTP).
    pub initial_retransmission_timeout: Duration,
    /// How long the handshake may take, counted from the connection's making. Default: 30 s.
    pub handshake_timeout: Duration,
    /// Whether a server asks the client to return a cookie (RFC 6347, Section 4.2.1). Off by default: the path
    /// of a WebRTC connection is verified by ICE, and the exchange costs a round trip.
    pub cookie_exchange: bool,
    /// Whether the keys are handed out as [`Event::KeyLog`](crate::Event::KeyLog). Off by default: whoever reads
    /// them reads the connection.
    pub key_log: bool,
}

impl Config {
    /// The default settings with a provider and an identity.
    #[must_use]
    pub fn new(provider: &'static dyn Provider, identity: Arc<Identity>) -> Self {
        Self {
            provider,
            identity,
            cipher_suites: CipherSuite::ALL.to_vec(),
            groups: NamedGroup::ALL.to_vec(),
            srtp_profiles: vec![
                SrtpProfile::AeadAes128Gcm,
                SrtpProfile::AeadAes256Gcm,
                SrtpProfile::Aes128CmHmacSha1_80,
            ],
            mtu: 1200,
            initial_retransmission_timeout: Duration::from_millis(400),
            handshake_timeout: Duration::from_secs(30),
            cookie_exchange: false,
            key_log: false,
        }
    }
}

/// The smallest MTU taken, in bytes; [`Config::mtu`] and [`Connection::set_mtu`](crate::Connection::set_mtu) are
/// raised to it.
pub const MIN_MTU: usize = 256;

/// Which side of the handshake we are (RFC 8842, Section 4.2: `setup:active` is the client).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sends the first flight.
    Client,
    /// Waits for the client.
    Server,
}

/// A version of DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// DTLS 1.2 (RFC 6347).
    Dtls12,
}

/// A cipher suite of DTLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CipherSuite {
    /// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5289), mandatory for WebRTC (RFC 8827, Section 6.5).
    EcdheEcdsaAes128GcmSha256,
    /// TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 (RFC 5289).
    EcdheEcdsaAes256GcmSha384,
    /// TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 (RFC 7905).
    EcdheEcdsaChaCha20Poly1305Sha256,
}

impl CipherSuite {
    /// Every suite, the most preferred first.
    pub const ALL: [Self; 3] = [
        Self::EcdheEcdsaAes128GcmSha256,
        Self::EcdheEcdsaAes256GcmSha384,
        Self::EcdheEcdsaChaCha20Poly1305Sha256,
    ];

    /// The code point on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::EcdheEcdsaAes128GcmSha256 => 0xc02b,
            Self::EcdheEcdsaAes256GcmSha384 => 0xc02c,
            Self::EcdheEcdsaChaCha20Poly1305Sha256 => 0xcca9,
        }
    }

    /// The name that IANA's registry gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdheEcdsaAes128GcmSha256 => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::EcdheEcdsaAes256GcmSha384 => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::EcdheEcdsaChaCha20Poly1305Sha256 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        }
    }

    pub(crate) fn aead(self) -> AeadAlgorithm {
        match self {
            Self::EcdheEcdsaAes128GcmSha256 => AeadAlgorithm::Aes128Gcm,
            Self::EcdheEcdsaAes256GcmSha384 => AeadAlgorithm::Aes256Gcm,
            Self::EcdheEcdsaChaCha20Poly1305Sha256 => AeadAlgorithm::ChaCha20Poly1305,
        }
    }

    /// The hash of the PRF and of the transcript.
    pub(crate) fn hash(self) -> Hash {
        match self {
            Self::EcdheEcdsaAes128GcmSha256 | Self::EcdheEcdsaChaCha20Poly1305Sha256 => Hash::Sha256,
            Self::EcdheEcdsaAes256GcmSha384 => Hash::Sha384,
        }
    }
}

/// A group of the key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedGroup {
    /// X25519 (RFC 7748).
    X25519,
    /// The curve P-256, which TLS names `secp256r1`.
    Secp256r1,
}

impl NamedGroup {
    /// Every group, the most preferred first.
    pub const ALL: [Self; 2] = [Self::X25519, Self::Secp256r1];

    /// The code point on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::X25519 => 29,
            Self::Secp256r1 => 23,
        }
    }
}

/// An SRTP protection profile (RFC 5764, Section 4.1.2; RFC 7714, Section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80.
    Aes128CmHmacSha1_80,
    /// SRTP_AES128_CM_HMAC_SHA1_32.
    Aes128CmHmacSha1_32,
    /// SRTP_AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM.
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// The code point on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Aes128CmHmacSha1_80 => 1,
            Self::Aes128CmHmacSha1_32 => 2,
            Self::AeadAes128Gcm => 7,
            Self::AeadAes256Gcm => 8,
        }
    }

    /// The name that IANA's registry gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128CmHmacSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            Self::Aes128CmHmacSha1_32 => "SRTP_AES128_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        }
    }
}
