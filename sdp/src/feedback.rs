//! RTCP feedback: `a=rtcp-fb`.

use crate::error::Rule;
use crate::format::PayloadType;
use crate::words::words;
use std::fmt;

words! {
    /// A kind of RTCP feedback, as it stands behind the payload type
    /// ([RFC 4585, Section 4.2](https://www.rfc-editor.org/rfc/rfc4585#section-4.2)).
    pub enum Feedback {
        /// Generic NACK (RFC 4585, Section 6.2.1):
        Nack = "nack",
        /// Picture loss indication (RFC 4585, Section 6.3.1):
        NackPli = "nack pli",
        /// Slice loss indication (RFC 4585, Section 6.3.2):
        NackSli = "nack sli",
        /// Reference picture selection, negative (RFC 4585, Section 6.3.3):
        NackRpsi = "nack rpsi",
        /// Reference picture selection, positive (RFC 4585, Section 6.3.3):
        AckRpsi = "ack rpsi",
        /// Congestion control feedback (RFC 8888, Section 6):
        AckCcfb = "ack ccfb",
        /// Full intra request (RFC 5104, Section 7.1):
        CcmFir = "ccm fir",
        /// Temporary maximum media stream bit rate (RFC 5104, Section 7.1):
        CcmTmmbr = "ccm tmmbr",
        /// Temporal-spatial trade-off (RFC 5104, Section 7.1):
        CcmTstr = "ccm tstr",
        /// Receiver estimated maximum bit rate (draft-alvestrand-rmcat-remb):
        GoogRemb = "goog-remb",
        /// Transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01):
        TransportCc = "transport-cc",
    }
}

/// `a=rtcp-fb`: feedback for one payload type or for all
/// ([RFC 4585, Section 4.2](https://www.rfc-editor.org/rfc/rfc4585#section-4.2)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RtcpFb {
    /// The payload type; `None` is `*`, all of the section.
    pub payload_type: Option<PayloadType>,
    /// The feedback.
    pub feedback: Feedback,
}

impl RtcpFb {
    pub(crate) fn parse(value: &str) -> Result<Self, Rule> {
        let (format, feedback) = value.trim_end().split_once(' ').ok_or(Rule::RtcpFb)?;
        let payload_type = PayloadType::parse_or_all(format)?;
        Ok(Self { payload_type, feedback: feedback.into() })
    }
}

impl fmt::Display for RtcpFb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PayloadType::write_or_all(self.payload_type, f)?;
        write!(f, " {}", self.feedback)
    }
}
