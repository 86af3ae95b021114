//! Streams and their sources: `a=ssrc`, `a=ssrc-group`, `a=msid`.

use crate::Text;
use crate::format::digits;
use crate::lexer::{cut, is_token};
use std::fmt;

/// `a=ssrc`: an attribute of one source ([RFC 5576, Section 4.1](https://www.rfc-editor.org/rfc/rfc5576#section-4.1)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ssrc {
    /// The synchronization source.
    pub ssrc: u32,
    /// The attribute's name: `cname`, `msid`, ...
    pub attribute: Text,
    /// What stands behind the attribute's colon, if there is one.
    pub value: Option<Text>,
}

impl Ssrc {
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (ssrc, attribute) = cut(value, b' ')?;
        let ssrc = digits(ssrc)?;
        let attribute = attribute.trim_start();
        let (attribute, value) = match cut(attribute, b':') {
            Some((attribute, value)) => (attribute, Some(value.into())),
            None => (attribute.trim_end(), None),
        };
        is_token(attribute).then(|| Self { ssrc, attribute: attribute.into(), value })
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ssrc, self.attribute)?;
        match &self.value {
            Some(value) => write!(f, ":{value}"),
            None => Ok(()),
        }
    }
}

/// `a=ssrc-group`: sources that belong together
/// ([RFC 5576, Section 4.2](https://www.rfc-editor.org/rfc/rfc5576#section-4.2)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SsrcGroup {
    /// `FID`, `FEC-FR`, `SIM`, ...
    pub semantics: Text,
    /// The sources, in order.
    pub ssrcs: Vec<u32>,
}

impl SsrcGroup {
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let semantics = words.next().filter(|word| is_token(word))?.into();
        let ssrcs = words.map(digits).collect::<Option<_>>()?;
        Some(Self { semantics, ssrcs })
    }
}

impl fmt::Display for SsrcGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.semantics)?;
        self.ssrcs.iter().try_for_each(|ssrc| write!(f, " {ssrc}"))
    }
}

/// `a=msid`: a MediaStream that the section's track belongs to
/// ([RFC 8830, Section 2](https://www.rfc-editor.org/rfc/rfc8830#section-2)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Msid {
    /// The stream's identification; `None` is `-`, no stream.
    pub stream: Option<Text>,
    /// The track's identification (`appdata`), if there is one.
    pub track: Option<Text>,
}

impl Msid {
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let stream = words.next().filter(|word| is_token(word))?;
        let track = match words.next() {
            Some(track) => Some(is_token(track).then(|| track.into())?),
            None => None,
        };
        words.next().is_none().then(|| Self { stream: (stream != "-").then(|| stream.into()), track })
    }
}

impl fmt::Display for Msid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stream.as_deref().unwrap_or("-"))?;
        match &self.track {
            Some(track) => write!(f, " {track}"),
            None => Ok(()),
        }
    }
}
