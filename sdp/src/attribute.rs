//! One `a=` line, typed.

use crate::Text;
use crate::error::Rule;
use crate::lexer::is_token;
use crate::transport::{Fingerprint, Secret, Setup};

/// Which way media flows in a section (RFC 8866, Section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `sendrecv`
    SendRecv,
    /// `sendonly`
    SendOnly,
    /// `recvonly`
    RecvOnly,
    /// `inactive`
    Inactive,
}

impl Direction {
    /// The word in a description.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// An attribute of a session or of a media section.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// `group`: semantics and the identifications of its sections (RFC 5888, Section 5).
    Group {
        /// `BUNDLE`, `LS`, ...
        semantics: Text,
        /// The sections' `mid`s.
        mids: Vec<Text>,
    },
    /// `mid`: the section's identification (RFC 5888, Section 4).
    Mid(Text),
    /// `bundle-only` (RFC 9143, Section 6).
    BundleOnly,
    /// `ice-ufrag` (RFC 8839, Section 5.4).
    IceUfrag(Text),
    /// `ice-pwd` (RFC 8839, Section 5.4).
    IcePwd(Secret),
    /// `ice-lite` (RFC 8839, Section 5.3).
    IceLite,
    /// `ice-options`, the list as it stands (RFC 8839, Section 5.6).
    IceOptions(Text),
    /// `candidate`, the value as it stands (RFC 8839, Section 5.1).
    Candidate(Text),
    /// `end-of-candidates` (RFC 8840, Section 8.2).
    EndOfCandidates,
    /// `fingerprint` (RFC 8122, Section 5). Boxed: digests are large, and there is about one.
    Fingerprint(Box<Fingerprint>),
    /// `setup` (RFC 4145, Section 4).
    Setup(Setup),
    /// `tls-id` (RFC 8842, Section 4).
    TlsId(Text),
    /// `sctp-port` (RFC 8841, Section 5).
    SctpPort(u16),
    /// `max-message-size` in bytes; 0 is any size (RFC 8841, Section 6).
    MaxMessageSize(u64),
    /// `rtcp-mux` (RFC 5761, Section 5.1.1).
    RtcpMux,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    Direction(Direction),
    /// Any other, kept as it stands.
    Other {
        /// What stands before the colon.
        name: Text,
        /// What stands behind it, if there is one.
        value: Option<Text>,
    },
}

impl Attribute {
    /// Reads what stands behind `a=`.
    pub(crate) fn parse(line: &str) -> Result<Self, Rule> {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        match (name, value) {
            ("bundle-only", None) => Ok(Self::BundleOnly),
            ("ice-lite", None) => Ok(Self::IceLite),
            ("end-of-candidates", None) => Ok(Self::EndOfCandidates),
            ("rtcp-mux", None) => Ok(Self::RtcpMux),
            ("sendrecv", None) => Ok(Self::Direction(Direction::SendRecv)),
            ("sendonly", None) => Ok(Self::Direction(Direction::SendOnly)),
            ("recvonly", None) => Ok(Self::Direction(Direction::RecvOnly)),
            ("inactive", None) => Ok(Self::Direction(Direction::Inactive)),
            ("ice-options", Some(value)) => Ok(Self::IceOptions(value.into())),
            ("group", value) => group(value.unwrap_or_default()).ok_or(Rule::Group),
            ("mid", value) => checked(value, is_token).map(Self::Mid).ok_or(Rule::Mid),
            ("ice-ufrag", value) => {
                checked(value, |text| is_ice_text(text, 4)).map(Self::IceUfrag).ok_or(Rule::IceUfrag)
            }
            ("ice-pwd", value) => {
                let pwd = checked(value, |text| is_ice_text(text, 22)).ok_or(Rule::IcePwd)?;
                Ok(Self::IcePwd(pwd.into()))
            }
            ("candidate", value) => {
                checked(value, |text| !text.is_empty()).map(Self::Candidate).ok_or(Rule::Candidate)
            }
            ("fingerprint", value) => {
                let parsed = value.unwrap_or_default().parse().map_err(|_| Rule::Fingerprint)?;
                Ok(Self::Fingerprint(Box::new(parsed)))
            }
            ("setup", value) => {
                Setup::from_name(value.unwrap_or_default()).map(Self::Setup).ok_or(Rule::Setup)
            }
            ("tls-id", value) => checked(value, is_tls_id).map(Self::TlsId).ok_or(Rule::TlsId),
            ("sctp-port", value) => {
                number(value).filter(|port| *port != 0).map(Self::SctpPort).ok_or(Rule::SctpPort)
            }
            ("max-message-size", value) => {
                number(value).map(Self::MaxMessageSize).ok_or(Rule::MaxMessageSize)
            }
            (name, value) if is_token(name) => {
                Ok(Self::Other { name: name.into(), value: value.map(Text::from) })
            }
            _ => Err(Rule::AttributeName),
        }
    }
}

fn checked(value: Option<&str>, holds: impl Fn(&str) -> bool) -> Option<Text> {
    value.map(str::trim_end).filter(|text| holds(text)).map(Text::from)
}

fn number<T: std::str::FromStr>(value: Option<&str>) -> Option<T> {
    let digits = value?.trim_end();
    // A sign is no digit (RFC 8866, Section 9: integer).
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn group(value: &str) -> Option<Attribute> {
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next().filter(|word| is_token(word))?.into();
    let mids = words.map(|word| is_token(word).then(|| Text::from(word))).collect::<Option<_>>()?;
    Some(Attribute::Group { semantics, mids })
}

/// RFC 8839, Section 5.1: `ice-char`.
fn is_ice_text(text: &str, shortest: usize) -> bool {
    (shortest..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn is_tls_id(text: &str) -> bool {
    (20..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'))
}
