//! Codecs: what `a=rtpmap`, `a=fmtp` and `a=rtcp-fb` say together, and which of them agree.

use crate::Text;
use crate::error::Rule;
use crate::feedback::Feedback;
use crate::format::{FormatParameters, PayloadType, digits};
use crate::lexer::{cut, is_token};
use crate::parameters::Format;
use std::fmt;

/// `a=rtpmap`: the codec of a payload type
/// ([RFC 8866, Section 6.6](https://www.rfc-editor.org/rfc/rfc8866#section-6.6)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rtpmap {
    /// The payload type.
    pub payload_type: PayloadType,
    /// The encoding's name, case-insensitive.
    pub name: Text,
    /// The rate of the RTP timestamps, in Hz; not 0.
    pub clock_rate: u32,
    /// The number of audio channels; not 0. Absent, it is 1.
    pub channels: Option<u16>,
}

impl Rtpmap {
    pub(crate) fn parse(value: &str) -> Result<Self, Rule> {
        let (payload_type, encoding) = cut(value, b' ').ok_or(Rule::Rtpmap)?;
        let payload_type = payload_type.parse().map_err(|_| Rule::PayloadType)?;
        let mut parts = encoding.trim().split('/');
        let name = parts.next().filter(|name| is_token(name)).ok_or(Rule::Rtpmap)?;
        // RFC 8866, Section 9: `integer` begins with a digit from 1.
        let clock_rate = parts.next().and_then(digits).filter(|rate| *rate != 0).ok_or(Rule::Rtpmap)?;
        let channels = match parts.next() {
            Some(channels) => Some(digits(channels).filter(|channels| *channels != 0).ok_or(Rule::Rtpmap)?),
            None => None,
        };
        if parts.next().is_some() {
            return Err(Rule::Rtpmap);
        }
        Ok(Self { payload_type, name: name.into(), clock_rate, channels })
    }
}

impl fmt::Display for Rtpmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.name, self.clock_rate)?;
        match self.channels {
            Some(channels) => write!(f, "/{channels}"),
            None => Ok(()),
        }
    }
}

/// `a=fmtp`: the parameters of a payload type
/// ([RFC 8866, Section 6.15](https://www.rfc-editor.org/rfc/rfc8866#section-6.15)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fmtp {
    /// The payload type.
    pub payload_type: PayloadType,
    /// Its parameters.
    pub parameters: FormatParameters,
}

impl Fmtp {
    /// `None` for a format that is no number.
    pub(crate) fn parse(value: &str) -> Option<Result<Self, Rule>> {
        let (format, parameters) = cut(value, b' ').unwrap_or((value, ""));
        if format.is_empty() {
            return Some(Err(Rule::Fmtp));
        }
        let is_number = format.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| {
            let payload_type = format.parse().map_err(|_| Rule::PayloadType)?;
            Ok(Self { payload_type, parameters: FormatParameters::new(parameters) })
        })
    }
}

impl fmt::Display for Fmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parameters.is_empty() {
            return write!(f, "{}", self.payload_type);
        }
        write!(f, "{} {}", self.payload_type, self.parameters)
    }
}

/// What a codec is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecRole {
    /// It encodes media.
    Media,
    /// `rtx`: retransmissions of another codec's packets (RFC 4588).
    Retransmission,
    /// `red`: packets with redundant copies of other codecs' payloads (RFC 2198).
    Redundancy,
    /// `ulpfec`, `flexfec` and `flexfec-03`: parity over other packets (RFC 5109, RFC 8627).
    ForwardErrorCorrection,
    /// `telephone-event` and `CN`: tones and noise beside a codec's media (RFC 4733, RFC 3389).
    Auxiliary,
}

/// A codec of a section, with all that its description says about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Codec {
    /// The payload type of its packets.
    pub payload_type: PayloadType,
    /// The encoding's name, case-insensitive.
    pub name: Text,
    /// The rate of the RTP timestamps, in Hz.
    pub clock_rate: u32,
    /// The number of audio channels; 1 unless said otherwise.
    pub channels: u16,
    /// The parameters of `a=fmtp`.
    pub parameters: FormatParameters,
    /// The kinds of RTCP feedback, in order.
    pub feedback: Vec<Feedback>,
}

impl Codec {
    /// What it is for, by its name.
    #[must_use]
    pub fn role(&self) -> CodecRole {
        let is = |name| self.name.eq_ignore_ascii_case(name);
        if is("rtx") {
            CodecRole::Retransmission
        } else if is("red") {
            CodecRole::Redundancy
        } else if is("ulpfec") || is("flexfec") || is("flexfec-03") {
            CodecRole::ForwardErrorCorrection
        } else if is("telephone-event") || is("CN") {
            CodecRole::Auxiliary
        } else {
            CodecRole::Media
        }
    }

    /// The payload type whose packets this `rtx` codec retransmits
    /// ([RFC 4588, Section 8.6](https://www.rfc-editor.org/rfc/rfc4588#section-8.6)).
    #[must_use]
    pub fn apt(&self) -> Option<PayloadType> {
        match self.role() {
            CodecRole::Retransmission => self.parameters.get("apt")?.parse().ok(),
            _ => None,
        }
    }

    /// The payload types that this `red` codec's packets carry, primary first
    /// ([RFC 2198, Section 5](https://www.rfc-editor.org/rfc/rfc2198#section-5)); none when it names none.
    pub fn redundant(&self) -> impl Iterator<Item = PayloadType> {
        let list = match self.role() {
            CodecRole::Redundancy => self.parameters.as_str(),
            _ => "",
        };
        list.split('/').filter_map(|format| format.trim().parse().ok())
    }

    /// The parameters, typed.
    #[must_use]
    pub fn format(&self) -> Format {
        Format::new(&self.name, &self.parameters)
    }

    /// Whether both are the same codec in the same configuration, as far as negotiation goes
    /// ([RFC 8829, Section 5.3.1](https://www.rfc-editor.org/rfc/rfc8829#section-5.3.1)): by name, clock rate and
    /// channels, and by the parameters that a codec's RFC wants used symmetrically. Payload types, feedback and
    /// declarative parameters do not count.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
            && self.format().has_configuration_of(&other.format())
    }

    /// What an answer says where `offered`, the peer's, meets this codec, our own; `None` unless they
    /// [match](Self::matches). Payload type and name are the offer's, feedback is what both have, and parameters are
    /// ours, except where a codec's RFC ties them to the offer's.
    #[must_use]
    pub fn answer(&self, offered: &Self) -> Option<Self> {
        if !self.matches(offered) {
            return None;
        }
        let feedback = offered.feedback.iter().filter(|one| self.feedback.contains(one)).cloned().collect();
        Some(Self { parameters: self.answer_parameters(offered), feedback, ..offered.clone() })
    }

    fn answer_parameters(&self, offered: &Self) -> FormatParameters {
        match self.role() {
            CodecRole::Retransmission | CodecRole::Redundancy | CodecRole::Auxiliary => {
                return offered.parameters.clone();
            }
            CodecRole::Media | CodecRole::ForwardErrorCorrection => {}
        }
        match (self.format(), offered.format()) {
            (Format::H264(ours), Format::H264(theirs)) => {
                let name = "profile-level-id";
                let is_said = self.parameters.get(name).is_some() || offered.parameters.get(name).is_none();
                let id = ours.answer(&theirs);
                if is_said && id == ours.profile_level_id {
                    return self.parameters.clone();
                }
                self.parameters.with(name, &id.to_string())
            }
            // RFC 7798, Section 7.2.2: the level of the answer is not higher than the offer's.
            (Format::H265(ours), Format::H265(theirs)) if ours.level_id > theirs.level_id => {
                self.parameters.with("level-id", &theirs.level_id.to_string())
            }
            _ => self.parameters.clone(),
        }
    }
}
