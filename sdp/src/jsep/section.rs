//! What has been negotiated.

use crate::Text;
use crate::media::Media;
use crate::transport::{Fingerprint, Secret};

/// Our role in the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// We open the handshake (`active`).
    Client,
    /// We wait for it (`passive`).
    Server,
}

/// The peer's side of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTransport {
    /// The ICE agent's user name fragment.
    pub ice_ufrag: Text,
    /// The ICE agent's password.
    pub ice_pwd: Secret,
    /// Whether the ICE agent is a lite one.
    pub ice_lite: bool,
    /// Whether candidates may follow (`ice-options` has `trickle`).
    pub trickle: bool,
    /// Fingerprints of the certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// The DTLS association's identification.
    pub tls_id: Option<Text>,
    /// The candidates of the description, each as its attribute's value stands.
    pub candidates: Vec<Text>,
    /// Whether these are all.
    pub end_of_candidates: bool,
}

/// What both sides agreed on for data channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSection {
    /// The peer's SCTP port.
    pub remote_port: u16,
    /// The largest message that the peer takes, in bytes; `None` is any size.
    pub max_message_size: Option<u64>,
}

/// One section of the session, at its place for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) mid: Option<Text>,
    /// Kind, protocol and formats as first seen: what a rejection repeats.
    pub(crate) line: Media,
    pub(crate) use_: Use,
}

/// What a section is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Nothing: it was rejected, or cannot be used.
    Rejected,
    /// Data channels, offered and not yet answered.
    Offered,
    /// Data channels.
    Data(DataSection),
}

impl Section {
    pub(crate) fn is_data(&self) -> bool {
        self.use_ != Use::Rejected
    }
}

/// A session, negotiated or on its way to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) sections: Vec<Section>,
    pub(crate) remote: Option<RemoteTransport>,
    pub(crate) role: Option<DtlsRole>,
    /// Whether this side made the first offer: it becomes the controlling ICE agent.
    pub(crate) offerer: Option<bool>,
    pub(crate) bundled: bool,
}

impl Session {
    pub(crate) fn data(&self) -> Option<DataSection> {
        self.sections.iter().find_map(|section| match section.use_ {
            Use::Data(data) => Some(data),
            Use::Rejected | Use::Offered => None,
        })
    }
}
