//! The parameters of a sender (W3C `RTCRtpSendParameters`).

use super::transceiver::Encoding;
use crate::{Codec, Extmap, Text};

/// What a sender does, to be changed in part and handed back to
/// [`set_parameters`](super::Negotiator::set_parameters): of the encodings all but the `rid`; nothing else.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Parameters {
    /// Which call of [`parameters`](super::Negotiator::parameters) made this; only the newest is taken, and once.
    pub transaction_id: u64,
    /// The encodings.
    pub encodings: Vec<Encoding>,
    /// The codecs agreed on.
    pub codecs: Vec<Codec>,
    /// The header extensions agreed on.
    pub header_extensions: Vec<Extmap>,
    /// The canonical name in RTCP (RFC 7022).
    pub cname: Text,
    /// Whether RTCP may come in reduced size (RFC 5506).
    pub reduced_size: bool,
}
