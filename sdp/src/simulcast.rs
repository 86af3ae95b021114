//! Simulcast: `a=rid` and `a=simulcast`.

use crate::Text;
use crate::format::PayloadType;
use std::fmt;

/// Which way a `rid`'s stream flows, as the description's sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RidDirection {
    /// `send`
    Send,
    /// `recv`
    Recv,
}

impl RidDirection {
    /// The word in a description.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }

    /// The same flow as the other side sees it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Send => Self::Recv,
            Self::Recv => Self::Send,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Send, Self::Recv].into_iter().find(|direction| direction.name() == name)
    }
}

/// `a=rid`: a stream of the section and its restrictions
/// ([RFC 8851, Section 4](https://www.rfc-editor.org/rfc/rfc8851#section-4)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rid {
    /// The identification: 1 to 255 letters, digits, `-` and `_`.
    pub id: Text,
    /// Which way it flows.
    pub direction: RidDirection,
    /// The payload types that it may have (`pt=`); empty when it may have any.
    pub formats: Vec<PayloadType>,
    /// The restrictions, `max-width=1280` and the like, in order.
    pub restrictions: Vec<(Text, Option<Text>)>,
}

impl Rid {
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let id = words.next().filter(|id| is_rid(id))?.into();
        let direction = RidDirection::from_name(words.next()?)?;
        let mut rid = Self { id, direction, formats: Vec::new(), restrictions: Vec::new() };
        let parameters = words.next().unwrap_or_default();
        for parameter in parameters.split(';').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("pt", formats)) => {
                    for format in formats.split(',') {
                        rid.formats.push(format.parse().ok()?);
                    }
                }
                Some((name, value)) => rid.restrictions.push((name.into(), Some(value.into()))),
                None => rid.restrictions.push((parameter.into(), None)),
            }
        }
        words.next().is_none().then_some(rid)
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.direction.name())?;
        let mut separator = " ";
        for (index, format) in self.formats.iter().enumerate() {
            let before = if index == 0 { " pt=" } else { "," };
            write!(f, "{before}{format}")?;
            separator = ";";
        }
        for (name, value) in &self.restrictions {
            write!(f, "{separator}{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
            separator = ";";
        }
        Ok(())
    }
}

/// A `rid` named in `a=simulcast`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SimulcastId {
    /// The `rid`.
    pub id: Text,
    /// Whether it starts paused (`~`).
    pub paused: bool,
}

/// `a=simulcast`: the streams that the section's media is sent or received as at the same time
/// ([RFC 8853, Section 5.1](https://www.rfc-editor.org/rfc/rfc8853#section-5.1)).
///
/// Each stream is a list of alternatives, the preferred one first. An empty list stands for a direction that is not
/// there. The parser takes up to 256 identifications in a direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Simulcast {
    /// The streams that the description's sender sends.
    pub send: Vec<Vec<SimulcastId>>,
    /// The streams that it receives.
    pub recv: Vec<Vec<SimulcastId>>,
    /// Whether both are there and `recv` stands first.
    pub recv_first: bool,
}

impl Simulcast {
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let first = RidDirection::from_name(words.next()?)?;
        let first_list = streams(words.next()?)?;
        let second = words.next();
        let second_list = match second {
            Some(second) => {
                // RFC 8853, Section 5.1: each direction at most once.
                RidDirection::from_name(second).filter(|second| *second != first)?;
                streams(words.next()?)?
            }
            None => Vec::new(),
        };
        let is_whole = words.next().is_none();
        is_whole.then(|| match first {
            RidDirection::Send => Self { send: first_list, recv: second_list, recv_first: false },
            RidDirection::Recv => Self { send: second_list, recv: first_list, recv_first: second.is_some() },
        })
    }
}

impl fmt::Display for Simulcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let send = (RidDirection::Send, &self.send);
        let recv = (RidDirection::Recv, &self.recv);
        let lists = if self.recv_first { [recv, send] } else { [send, recv] };
        let mut separator = "";
        for (direction, streams) in lists.into_iter().filter(|(_, streams)| !streams.is_empty()) {
            write!(f, "{separator}{} ", direction.name())?;
            separator = " ";
            for (index, alternatives) in streams.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ";" })?;
                for (index, SimulcastId { id, paused }) in alternatives.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    let tilde = if *paused { "~" } else { "" };
                    write!(f, "{comma}{tilde}{id}")?;
                }
            }
        }
        Ok(())
    }
}

/// The most `rid`s that one direction of `a=simulcast` may name; each costs much more memory than text.
const MAX_IDS: usize = 256;

fn streams(list: &str) -> Option<Vec<Vec<SimulcastId>>> {
    if list.bytes().filter(|byte| matches!(byte, b';' | b',')).count() >= MAX_IDS {
        return None;
    }
    list.split(';').map(|stream| stream.split(',').map(simulcast_id).collect()).collect()
}

fn simulcast_id(text: &str) -> Option<SimulcastId> {
    let (id, paused) = text.strip_prefix('~').map_or((text, false), |id| (id, true));
    is_rid(id).then(|| SimulcastId { id: id.into(), paused })
}

/// RFC 8851, Section 10: `rid-id`; RFC 8852, Section 3 bounds it at 255 bytes.
fn is_rid(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
