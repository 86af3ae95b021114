//! What a negotiator is given.

use crate::Text;
use crate::transport::{Fingerprint, Secret};

/// What the negotiator offers and accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Our SCTP port. Default 5000, as every client has it.
    pub sctp_port: u16,
    /// The largest message that we take, in bytes; 0 is any size. Default 262,144.
    pub max_message_size: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { sctp_port: 5000, max_message_size: 262_144 }
    }
}

/// Our side of the transport, as descriptions carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTransport {
    /// The ICE agent's user name fragment.
    pub ice_ufrag: Text,
    /// The ICE agent's password.
    pub ice_pwd: Secret,
    /// Whether the ICE agent is a lite one.
    pub ice_lite: bool,
    /// Fingerprints of our certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// The DTLS association's identification (RFC 8842, Section 4): 20 to 255 characters, random.
    pub tls_id: Text,
}
