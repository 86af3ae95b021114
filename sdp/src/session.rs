//! A whole session description.

use crate::Text;
use crate::attribute::Attribute;
use crate::error::{Limits, ParseError, Rule};
use crate::lexer::{Line, Lines};
use crate::media::Media;
use std::str::FromStr;

/// `o=`: who made the description, and which one it is (RFC 8866, Section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// A user name, or `-`.
    pub username: Text,
    /// The session's number, as it stands.
    pub session_id: Text,
    /// The version of the description, as it stands.
    pub version: Text,
    /// `IN`
    pub net_type: Text,
    /// `IP4` or `IP6`
    pub addr_type: Text,
    /// An address or a host name.
    pub address: Text,
}

/// `c=`: where to send (RFC 8866, Section 5.7). With ICE it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `IN`
    pub net_type: Text,
    /// `IP4` or `IP6`
    pub addr_type: Text,
    /// The address, with what may follow it behind slashes.
    pub address: Text,
}

/// `b=`: a bandwidth, as it stands behind its `type:` (RFC 8866, Section 5.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bandwidth {
    /// `AS`, `TIAS`, ...
    pub kind: Text,
    /// The number, in the unit of its kind.
    pub value: u64,
}

/// A session description ([RFC 8866](https://www.rfc-editor.org/rfc/rfc8866)).
///
/// Lines that WebRTC has no use for (`i=`, `u=`, `e=`, `p=`, `r=`, `z=`, `k=` of the session) are checked for their
/// place and dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// `o=`
    pub origin: Origin,
    /// `s=`; WebRTC's own is `-`, any other is taken.
    pub name: Text,
    /// `c=`
    pub connection: Option<Connection>,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// `t=`: start and stop; both 0 in WebRTC.
    pub timing: (u64, u64),
    /// `a=` of the session, in order.
    pub attributes: Vec<Attribute>,
    /// The media sections, in order.
    pub media: Vec<Media>,
}

impl SessionDescription {
    /// Reads a description within `limits`. [`FromStr`] does so within the default ones.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, ParseError> {
        let mut lines = Lines::new(text, limits);
        let mut session = Self::parse_head(&mut lines)?;
        let mut rank = Rank::Title;
        let mut timed = false;
        for line in lines.by_ref() {
            let line = line?;
            if line.kind == b'm' {
                if session.media.len() >= limits.sections {
                    return Err(line.error(Rule::TooManySections));
                }
                session.media.push(Media::parse(&line)?);
            } else if let Some(media) = session.media.last_mut() {
                parse_media_line(media, &line)?;
            } else {
                rank = Rank::of(line.kind)
                    .filter(|next| *next >= rank)
                    .ok_or_else(|| line.error(Rule::Order))?;
                timed |= rank == Rank::Timing;
                session.parse_session_line(&line)?;
            }
        }
        // RFC 8866, Section 5.9: `t=` is REQUIRED.
        if timed { Ok(session) } else { Err(lines.end(Rule::Missing)) }
    }

    /// The identifications of the sections in each `BUNDLE` group.
    pub fn bundle_groups(&self) -> impl Iterator<Item = &[Text]> {
        self.attributes.iter().filter_map(|attribute| match attribute {
            Attribute::Group { semantics, mids } if semantics == "BUNDLE" => Some(mids.as_slice()),
            _ => None,
        })
    }

    fn parse_head(lines: &mut Lines<'_, '_>) -> Result<Self, ParseError> {
        let mut next = |kind, rule| match lines.next() {
            Some(Ok(line)) if line.kind == kind => Ok(line),
            Some(Ok(line)) => Err(line.error(rule)),
            Some(Err(error)) => Err(error),
            None => Err(lines.end(rule)),
        };
        let version = next(b'v', Rule::Version)?;
        if version.value.trim_end() != "0" {
            return Err(version.error(Rule::Version));
        }
        let origin = next(b'o', Rule::Missing)?;
        let origin = Origin::parse(origin.value).ok_or_else(|| origin.error(Rule::Origin))?;
        let name = next(b's', Rule::Missing)?.value.into();
        Ok(Self {
            origin,
            name,
            connection: None,
            bandwidths: Vec::new(),
            timing: (0, 0),
            attributes: Vec::new(),
            media: Vec::new(),
        })
    }

    fn parse_session_line(&mut self, line: &Line<'_>) -> Result<(), ParseError> {
        match line.kind {
            b'c' => self.connection = Some(Connection::parse(line)?),
            b'b' => self.bandwidths.extend(Bandwidth::parse(line.value)),
            b't' => self.timing = timing(line.value).ok_or_else(|| line.error(Rule::Timing))?,
            b'a' => {
                let attribute = Attribute::parse(line.value).map_err(|rule| line.error(rule))?;
                self.attributes.push(attribute);
            }
            _ => {}
        }
        Ok(())
    }
}

impl FromStr for SessionDescription {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, &Limits::default())
    }
}

/// The order of a session's lines behind `s=` (RFC 8866, Section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Title,
    Uri,
    Email,
    Phone,
    Connection,
    Bandwidth,
    Timing,
    Zone,
    Key,
    Attribute,
}

impl Rank {
    fn of(kind: u8) -> Option<Self> {
        Some(match kind {
            b'i' => Self::Title,
            b'u' => Self::Uri,
            b'e' => Self::Email,
            b'p' => Self::Phone,
            b'c' => Self::Connection,
            b'b' => Self::Bandwidth,
            b't' | b'r' => Self::Timing,
            b'z' => Self::Zone,
            b'k' => Self::Key,
            b'a' => Self::Attribute,
            _ => return None,
        })
    }
}

fn parse_media_line(media: &mut Media, line: &Line<'_>) -> Result<(), ParseError> {
    match line.kind {
        b'i' => media.title = Some(line.value.into()),
        b'c' => media.connections.push(Connection::parse(line)?),
        b'b' => media.bandwidths.extend(Bandwidth::parse(line.value)),
        b'k' => media.key = Some(line.value.into()),
        b'a' => {
            let attribute = Attribute::parse(line.value).map_err(|rule| line.error(rule))?;
            media.attributes.push(attribute);
        }
        _ => return Err(line.error(Rule::Order)),
    }
    Ok(())
}

fn timing(value: &str) -> Option<(u64, u64)> {
    let (start, stop) = value.trim_end().split_once(' ')?;
    Some((start.parse().ok()?, stop.parse().ok()?))
}

impl Origin {
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let mut word = || words.next().map(Text::from);
        let origin = Self {
            username: word()?,
            session_id: word()?,
            version: word()?,
            net_type: word()?,
            addr_type: word()?,
            address: word()?,
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let whole = words.next().is_none() && is_number(&origin.session_id) && is_number(&origin.version);
        whole.then_some(origin)
    }
}

impl Connection {
    fn parse(line: &Line<'_>) -> Result<Self, ParseError> {
        let mut words = line.value.split_ascii_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(net_type), Some(addr_type), Some(address), None) => {
                Ok(Self { net_type: net_type.into(), addr_type: addr_type.into(), address: address.into() })
            }
            _ => Err(line.error(Rule::Connection)),
        }
    }
}

impl Bandwidth {
    /// A bandwidth that is none is passed over: it is advice.
    fn parse(value: &str) -> Option<Self> {
        let (kind, value) = value.split_once(':')?;
        Some(Self { kind: kind.into(), value: value.trim_end().parse().ok()? })
    }
}
