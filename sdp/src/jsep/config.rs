//! What a negotiator is given.

use super::transceiver::TrackKind;
use crate::{Codec, CodecRole, Direction, ExtensionUri, Fingerprint, Secret, Text};

/// What the negotiator offers and accepts; share one among many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Config {
    /// What audio sections offer and accept. Default nothing: they are rejected.
    pub audio: Capabilities,
    /// What video sections offer and accept. Default nothing: they are rejected.
    pub video: Capabilities,
}

impl Config {
    /// The capabilities for a kind of track.
    #[must_use]
    pub fn capabilities(&self, kind: TrackKind) -> &Capabilities {
        match kind {
            TrackKind::Audio => &self.audio,
            TrackKind::Video => &self.video,
        }
    }
}

/// What can be done with one kind of media.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// The codecs, the preferred one first.
    pub codecs: Vec<CodecCapability>,
    /// The header extensions.
    pub extensions: Vec<ExtensionCapability>,
    /// The most encodings of one track that are sent or received; below 2 there is no simulcast.
    pub max_encodings: usize,
}

impl Capabilities {
    /// Whether there is a codec that carries media.
    pub(crate) fn is_usable(&self) -> bool {
        self.codecs.iter().any(|able| able.codec.role() == CodecRole::Media)
    }
}

/// A codec, with the payload type it is offered with as long as that is free. An `rtx` names another codec of the list by
/// its `apt`, a `red` by its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecCapability {
    /// The codec.
    pub codec: Codec,
    /// Whether it can be sent, received or both.
    pub direction: Direction,
}

/// A header extension, with the id it is offered with as long as that is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionCapability {
    /// 1 to 14.
    pub id: u16,
    /// What it is.
    pub uri: ExtensionUri,
}

/// Our side of the transport, as descriptions carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTransport {
    /// The ICE agent's first credentials; the negotiator makes those of restarts.
    pub ice: IceCredentials,
    /// Whether the ICE agent is a lite one.
    pub ice_lite: bool,
    /// Fingerprints of our certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// The DTLS association's identification (RFC 8842, Section 4): 20 to 255 characters, random.
    pub tls_id: Text,
    /// Our SCTP port; every client has 5000.
    pub sctp_port: u16,
    /// The largest message that we take, in bytes; 0 is any size.
    pub max_message_size: u64,
}

/// What ICE checks are authenticated with (RFC 8839, Section 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The user name fragment.
    pub ufrag: Text,
    /// The password.
    pub pwd: Secret,
}
