//! One `a=` line, typed.

use crate::Text;
use crate::codec::{Fmtp, Rtpmap};
use crate::direction::Direction;
use crate::error::Rule;
use crate::extension::Extmap;
use crate::feedback::RtcpFb;
use crate::format::{PayloadType, digits};
use crate::lexer::{cut, is_token};
use crate::simulcast::{Rid, Simulcast};
use crate::source::{Msid, Ssrc, SsrcGroup};
use crate::transport::{Fingerprint, Secret, Setup};
use std::fmt;

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
    /// `rtpmap`: the codec of a payload type.
    Rtpmap(Rtpmap),
    /// `fmtp`: the parameters of a payload type. Of a format that is no number, it is [`Other`](Self::Other).
    Fmtp(Fmtp),
    /// `rtcp-fb`: RTCP feedback for a payload type, or for all.
    RtcpFb(RtcpFb),
    /// `extmap`: an RTP header extension.
    Extmap(Extmap),
    /// `extmap-allow-mixed`: extensions with one-byte and with two-byte headers may mix (RFC 8285, Section 6).
    ExtmapAllowMixed,
    /// `ssrc`: an attribute of a source.
    Ssrc(Ssrc),
    /// `ssrc-group`: sources that belong together.
    SsrcGroup(SsrcGroup),
    /// `rid`: a stream and its restrictions. One that is malformed is [`Other`](Self::Other): RFC 8851, Section 6.2.2
    /// has it discarded, and the description accepted.
    Rid(Rid),
    /// `simulcast`: the streams sent and received at the same time.
    Simulcast(Simulcast),
    /// `msid`: a MediaStream that the track belongs to.
    Msid(Msid),
    /// `rtcp-mux-only` (RFC 8858, Section 3).
    RtcpMuxOnly,
    /// `rtcp-rsize`: RTCP packets of reduced size (RFC 5506, Section 5).
    RtcpRsize,
    /// `rtcp`: port and address of RTCP, the value as it stands (RFC 3605, Section 2.1). With `rtcp-mux` it says nothing.
    Rtcp(Text),
    /// `imageattr`: the sizes of images.
    Imageattr(Imageattr),
    /// Any other, kept as it stands.
    Other {
        /// What stands before the colon.
        name: Text,
        /// What stands behind it, if there is one.
        value: Option<Text>,
    },
}

/// `a=imageattr`: the sizes of images that are sent and received
/// ([RFC 6236, Section 3.1](https://www.rfc-editor.org/rfc/rfc6236#section-3.1)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Imageattr {
    /// The payload type; `None` is `*`, all of the section.
    pub payload_type: Option<PayloadType>,
    /// The directions and their sizes, as they stand.
    pub sizes: Text,
}

impl Attribute {
    /// Reads what stands behind `a=`.
    pub(crate) fn parse(line: &str) -> Result<Self, Rule> {
        match cut(line, b':') {
            Some((name, value)) => Self::parse_rtp(name, value)
                .or_else(|| Self::parse_transport(name, value))
                .unwrap_or_else(|| Self::other(name, Some(value))),
            None => Self::parse_flag(line.trim_end()),
        }
    }

    /// Attributes of media streams; `None` for a name that is none of theirs.
    fn parse_rtp(name: &str, value: &str) -> Option<Result<Self, Rule>> {
        Some(match name {
            "rtcp-fb" => RtcpFb::parse(value).map(Self::RtcpFb),
            "rtpmap" => Rtpmap::parse(value).map(Self::Rtpmap),
            "fmtp" => {
                Fmtp::parse(value).map_or_else(|| Self::other(name, Some(value)), |fmtp| fmtp.map(Self::Fmtp))
            }
            "extmap" => Extmap::parse(value).map(Self::Extmap).ok_or(Rule::Extmap),
            "ssrc" => Ssrc::parse(value).map(Self::Ssrc).ok_or(Rule::Ssrc),
            "ssrc-group" => SsrcGroup::parse(value).map(Self::SsrcGroup).ok_or(Rule::SsrcGroup),
            "msid" => Msid::parse(value).map(Self::Msid).ok_or(Rule::Msid),
            "rid" => {
                Rid::parse(value).map_or_else(|| Self::other(name, Some(value)), |rid| Ok(Self::Rid(rid)))
            }
            "simulcast" => Simulcast::parse(value).map(Self::Simulcast).ok_or(Rule::Simulcast),
            "imageattr" => Imageattr::parse(value).map(Self::Imageattr),
            "rtcp" => Ok(Self::Rtcp(value.into())),
            _ => return None,
        })
    }

    /// Attributes of the session and of transports; `None` for a name that is none of theirs.
    fn parse_transport(name: &str, value: &str) -> Option<Result<Self, Rule>> {
        Some(match name {
            "candidate" => {
                checked(value, |text| !text.is_empty()).map(Self::Candidate).ok_or(Rule::Candidate)
            }
            "mid" => checked(value, is_token).map(Self::Mid).ok_or(Rule::Mid),
            "ice-ufrag" => {
                checked(value, |text| is_ice_text(text, 4)).map(Self::IceUfrag).ok_or(Rule::IceUfrag)
            }
            "ice-pwd" => checked(value, |text| is_ice_text(text, 22))
                .map(|pwd| Self::IcePwd(pwd.into()))
                .ok_or(Rule::IcePwd),
            "ice-options" => Ok(Self::IceOptions(value.into())),
            "fingerprint" => {
                value.parse().map(|parsed| Self::Fingerprint(Box::new(parsed))).map_err(|_| Rule::Fingerprint)
            }
            "setup" => Setup::from_name(value.trim_end()).map(Self::Setup).ok_or(Rule::Setup),
            "group" => group(value).ok_or(Rule::Group),
            "tls-id" => checked(value, is_tls_id).map(Self::TlsId).ok_or(Rule::TlsId),
            "sctp-port" => {
                digits(value.trim_end()).filter(|port| *port != 0).map(Self::SctpPort).ok_or(Rule::SctpPort)
            }
            "max-message-size" => {
                digits(value.trim_end()).map(Self::MaxMessageSize).ok_or(Rule::MaxMessageSize)
            }
            _ => return None,
        })
    }

    fn parse_flag(name: &str) -> Result<Self, Rule> {
        Ok(match name {
            "rtcp-mux" => Self::RtcpMux,
            "rtcp-mux-only" => Self::RtcpMuxOnly,
            "rtcp-rsize" => Self::RtcpRsize,
            "extmap-allow-mixed" => Self::ExtmapAllowMixed,
            "end-of-candidates" => Self::EndOfCandidates,
            "bundle-only" => Self::BundleOnly,
            "ice-lite" => Self::IceLite,
            _ => match Direction::from_name(name) {
                Some(direction) => Self::Direction(direction),
                None => return Self::parse_bare(name),
            },
        })
    }

    /// A name alone, which is no flag of those known: an attribute that needs a value breaks its own rule.
    fn parse_bare(name: &str) -> Result<Self, Rule> {
        match Self::parse_rtp(name, "").or_else(|| Self::parse_transport(name, "")) {
            Some(Err(rule)) => Err(rule),
            Some(Ok(_)) | None => Self::other(name, None),
        }
    }

    fn other(name: &str, value: Option<&str>) -> Result<Self, Rule> {
        if !is_token(name) {
            return Err(Rule::AttributeName);
        }
        Ok(Self::Other { name: name.into(), value: value.map(Text::from) })
    }
}

impl Imageattr {
    fn parse(value: &str) -> Result<Self, Rule> {
        let (payload_type, sizes) = cut(value, b' ').ok_or(Rule::Imageattr)?;
        let payload_type = PayloadType::parse_or_all(payload_type)?;
        Ok(Self { payload_type, sizes: sizes.into() })
    }
}

impl fmt::Display for Imageattr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PayloadType::write_or_all(self.payload_type, f)?;
        write!(f, " {}", self.sizes)
    }
}

fn checked(value: &str, holds: impl Fn(&str) -> bool) -> Option<Text> {
    let text = value.trim_end();
    holds(text).then(|| text.into())
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
