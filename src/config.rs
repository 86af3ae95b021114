//! What a connection is given.

use duologue_dtls::Identity;
use duologue_dtls::crypto::Provider;
use duologue_stun::crypto::LongTermProvider;
use std::sync::Arc;

/// The settings of a [`PeerConnection`](crate::PeerConnection); share one among many.
///
/// Our `max-message-size` is `sctp.max_message_size`, our `sctp-port` is `sctp.local_port`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Gathering, checks, consent.
    pub ice: Arc<duologue_ice::Config>,
    /// The certificate, its key, suites and the crypto provider.
    pub dtls: Arc<duologue_dtls::Config>,
    /// The association and its data channels.
    pub sctp: Arc<duologue_sctp::Config>,
    /// Streams, repair, RTCP.
    pub rtp: Arc<duologue_rtp::Config>,
    /// What audio and video sections offer and accept. Default [`capabilities`](crate::capabilities).
    pub negotiation: Arc<duologue_sdp::jsep::Config>,
    /// The largest UDP payload that is sent, in bytes. Default 1,200, which every path carries.
    pub mtu: usize,
}

impl Config {
    /// The defaults, with an identity and its crypto.
    #[must_use]
    pub fn new(
        hmac: &'static dyn LongTermProvider,
        provider: &'static dyn Provider,
        srtp: &'static dyn duologue_rtp::srtp::Provider,
        identity: Arc<Identity>,
    ) -> Self {
        Self {
            ice: Arc::new(duologue_ice::Config::new(hmac)),
            dtls: Arc::new(duologue_dtls::Config::new(provider, identity)),
            sctp: Arc::new(duologue_sctp::Config::default()),
            rtp: Arc::new(duologue_rtp::Config::new(srtp)),
            negotiation: Arc::new(crate::capabilities::all()),
            mtu: 1200,
        }
    }

    /// The defaults, with a fresh certificate that is good for thirty days from a day before `wall`, the present time.
    /// `seed` must come fresh from a cryptographic generator: the private key is drawn from it.
    ///
    /// # Errors
    /// The provider's, or a time outside of the years 1970 to 9999.
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    pub fn generate(
        provider: &'static dyn Provider,
        seed: [u8; 32],
        wall: std::time::SystemTime,
    ) -> Result<Self, duologue_dtls::crypto::CryptoError> {
        const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
        let not_before = wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().saturating_sub(DAY);
        let validity = duologue_dtls::Validity { not_before, not_after: not_before.saturating_add(31 * DAY) };
        let identity = Identity::generate(provider, seed, validity)?;
        #[cfg(feature = "aws-lc-rs")]
        let srtp = &duologue_rtp::srtp::AWS_LC_RS;
        #[cfg(not(feature = "aws-lc-rs"))]
        let srtp = &duologue_rtp::srtp::RUST_CRYPTO;
        Ok(Self::new(&duologue_stun::crypto::RUST_CRYPTO, provider, srtp, Arc::new(identity)))
    }
}
