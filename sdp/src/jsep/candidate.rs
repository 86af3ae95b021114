//! Candidates that are signalled one by one (RFC 8838; W3C `RTCIceCandidateInit`).

use crate::Text;

/// A candidate of the peer's, as signalling carried it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IceCandidate {
    /// `candidate:...`, or empty for the end of candidates.
    pub candidate: Text,
    /// The section's identification.
    pub sdp_mid: Option<Text>,
    /// The section's index, used when there is no identification.
    pub sdp_m_line_index: Option<u16>,
    /// The generation that it belongs to.
    pub username_fragment: Option<Text>,
}

/// What is to be done with a candidate of the peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteCandidate {
    /// Give it to the ICE agent: what stands behind `candidate:`.
    Add(Text),
    /// No more will come.
    End,
    /// Nothing: its section is not in use, or it belongs to another generation.
    Ignore,
}

/// What stands behind `candidate:`, however the attribute was written; `None` for the end.
pub(crate) fn value(candidate: &str) -> Option<Text> {
    let line = candidate.trim();
    let line = line.strip_prefix("a=").unwrap_or(line);
    let value = line.strip_prefix("candidate:").unwrap_or(line);
    (!value.is_empty() && value != "end-of-candidates").then(|| value.into())
}
