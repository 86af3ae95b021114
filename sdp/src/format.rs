//! Payload types and what `a=fmtp` says about them.

use crate::Text;
use crate::error::Rule;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An RTP payload type: a number from 0 to 127
/// ([RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(u8);

/// A text that is not a number from 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a payload type is a number from 0 to 127")]
pub struct ParsePayloadTypeError;

impl PayloadType {
    /// How many there are.
    pub(crate) const COUNT: usize = 128;

    /// The payload type of that number; `None` above 127.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 127 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Reads a payload type, or `*` for all of the section, which is `None`.
    pub(crate) fn parse_or_all(text: &str) -> Result<Option<Self>, Rule> {
        match text {
            "*" => Ok(None),
            number => number.parse().map(Some).map_err(|_| Rule::PayloadType),
        }
    }

    pub(crate) fn write_or_all(payload_type: Option<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match payload_type {
            Some(payload_type) => write!(f, "{payload_type}"),
            None => f.write_str("*"),
        }
    }
}

impl FromStr for PayloadType {
    type Err = ParsePayloadTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        digits(text).and_then(Self::new).ok_or(ParsePayloadTypeError)
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The parameters of a format: what stands behind `a=fmtp:<payload type> `, kept whole
/// ([RFC 8866, Section 6.15](https://www.rfc-editor.org/rfc/rfc8866#section-6.15)).
///
/// Most formats write `name=value` pairs with semicolons between them, which [`get`](Self::get) and
/// [`iter`](Self::iter) read; `red` and `telephone-event` have a list of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FormatParameters(Text);

impl FormatParameters {
    /// Parameters as they are to stand in the description.
    #[must_use]
    pub fn new(text: impl Into<Text>) -> Self {
        Self(text.into())
    }

    /// The parameters as they stand.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of the first parameter of that name, in any case of letters; `""` when it has none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values, in order and without the spaces around them; a parameter without `=` has the value `""`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split(';').filter(|parameter| !parameter.trim().is_empty()).map(name_and_value)
    }

    /// The same parameters with `name` set to `value`, at its place or behind the others.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut text = String::with_capacity(self.0.len() + name.len() + value.len() + 2);
        let mut is_set = false;
        for parameter in self.0.split(';').filter(|parameter| !parameter.trim().is_empty()) {
            if !text.is_empty() {
                text.push(';');
            }
            let (own, _) = name_and_value(parameter);
            if own.eq_ignore_ascii_case(name) && !is_set {
                is_set = true;
                text.extend([own, "=", value]);
            } else {
                text.push_str(parameter);
            }
        }
        if !is_set {
            let separator = if text.is_empty() { "" } else { ";" };
            text.extend([separator, name, "=", value]);
        }
        Self(text.into())
    }
}

impl fmt::Display for FormatParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn name_and_value(parameter: &str) -> (&str, &str) {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    (name.trim(), value.trim())
}

/// A number of decimal digits alone: a sign is none (RFC 8866, Section 9: `integer`).
pub(crate) fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
