//! The text of a candidate (RFC 8839, Section 5.1; RFC 6544, Section 4.5).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::credentials::is_ice_char;

/// A candidate as a description carries it. `parse` takes it with or without its leading `candidate:`; `Display` writes
/// it with, as browsers do, and [`Self::value`] without.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// 1 to 32 characters: candidates with equal foundations are likely to work or fail together.
    pub foundation: String,
    /// The component, 1 to 256; 1 is the only one of a bundled transport with multiplexed RTCP.
    pub component: u16,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The priority; larger is better.
    pub priority: u32,
    /// The address, or a name in its place.
    pub address: CandidateAddress,
    /// The port.
    pub port: u16,
    /// How the candidate was found.
    pub kind: CandidateKind,
    /// `raddr`: the base, or the address that a relayed candidate was asked from.
    pub related_address: Option<CandidateAddress>,
    /// `rport`.
    pub related_port: Option<u16>,
    /// `tcptype`, for TCP.
    pub tcp_type: Option<TcpType>,
    /// All further pairs of names and values in their order, `generation` and `ufrag` among them.
    pub extensions: Vec<(String, String)>,
}

impl Candidate {
    /// A UDP candidate of component 1 without related address or extensions.
    #[must_use]
    pub fn udp(foundation: &str, priority: u32, address: SocketAddr, kind: CandidateKind) -> Self {
        Self {
            foundation: foundation.to_owned(),
            component: 1,
            protocol: Protocol::Udp,
            priority,
            address: CandidateAddress::Ip(address.ip()),
            port: address.port(),
            kind,
            related_address: None,
            related_port: None,
            tcp_type: None,
            extensions: Vec::new(),
        }
    }

    /// The transport address, when the candidate has an address and not a name.
    #[must_use]
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match &self.address {
            CandidateAddress::Ip(ip) => Some(SocketAddr::new(*ip, self.port)),
            CandidateAddress::Mdns(_) | CandidateAddress::Name(_) => None,
        }
    }

    /// The `ufrag` extension: the generation that the candidate belongs to.
    #[must_use]
    pub fn ufrag(&self) -> Option<&str> {
        self.extensions.iter().find(|(name, _)| name == "ufrag").map(|(_, value)| value.as_str())
    }

    /// The text without `candidate:`, the value of an SDP attribute.
    #[must_use]
    pub fn value(&self) -> String {
        let text = self.to_string();
        text.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(text)
    }
}

/// A candidate's transport protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// `udp`.
    Udp,
    /// `tcp`.
    Tcp,
    /// Another one, kept as it stands.
    Other(String),
}

/// A candidate's address, or a name in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateAddress {
    /// IPv4 or IPv6.
    Ip(IpAddr),
    /// A multicast DNS name that hides the address. The agent asks for the address by [`crate::Event::ResolveName`]; without
    /// an answer the peer's own checks may still show it, as a peer-reflexive candidate.
    Mdns(String),
    /// Another domain name, which the agent does not resolve.
    Name(String),
}

/// How a candidate was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateKind {
    /// `host`: an interface's own address.
    Host,
    /// `srflx`: as a STUN server sees it.
    ServerReflexive,
    /// `prflx`: as the peer sees it.
    PeerReflexive,
    /// `relay`: on a TURN server.
    Relayed,
    /// Another kind, kept as it stands.
    Other(String),
}

/// Who opens a TCP candidate's connection (RFC 6544, Section 4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpType {
    /// The candidate's owner.
    Active,
    /// The peer.
    Passive,
    /// Both at once.
    SimultaneousOpen,
    /// Another type, kept as it stands.
    Other(String),
}

/// Which part of a candidate's text breaks the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// More than 2,048 bytes.
    #[error("a candidate has at most 2,048 bytes")]
    TooLong,
    /// The foundation is not 1 to 32 letters, digits, `+` or `/`.
    #[error("the foundation must have 1 to 32 letters, digits, + or /")]
    Foundation,
    /// The component is not 1 to 256.
    #[error("the component must be a number from 1 to 256")]
    Component,
    /// The transport is missing.
    #[error("the transport is missing")]
    Transport,
    /// The priority is not a number below 2^32.
    #[error("the priority must be a number below 2^32")]
    Priority,
    /// The address is neither an IP address nor a name.
    #[error("the address must be an IP address or a domain name")]
    Address,
    /// The port is not 0 to 65535.
    #[error("the port must be a number from 0 to 65535")]
    Port,
    /// `typ` and the candidate's type are missing.
    #[error("the word typ and the candidate's type are missing")]
    Type,
    /// `raddr` or `rport` has no proper value.
    #[error("raddr and rport must have an address and a port as their values")]
    Related,
    /// A name without a value, or more than 32 of them.
    #[error("each extension must have a name and a value, at most 32 of them")]
    Extension,
}

impl FromStr for Candidate {
    type Err = CandidateError;

    fn from_str(text: &str) -> Result<Self, CandidateError> {
        if text.len() > MAX_LEN {
            return Err(CandidateError::TooLong);
        }
        let text = text.strip_prefix(PREFIX).unwrap_or(text).trim_end_matches(['\r', '\n', ' ']);
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let foundation = words
            .next()
            .filter(|word| word.len() <= 32 && word.bytes().all(is_ice_char))
            .ok_or(CandidateError::Foundation)?;
        let component = words
            .next()
            .and_then(number::<u16>)
            .filter(|component| (1..=256).contains(component))
            .ok_or(CandidateError::Component)?;
        let protocol = words.next().filter(|word| is_token(word)).ok_or(CandidateError::Transport)?;
        let priority = words.next().and_then(number).ok_or(CandidateError::Priority)?;
        let address = words.next().and_then(address).ok_or(CandidateError::Address)?;
        let port = words.next().and_then(number).ok_or(CandidateError::Port)?;
        let kind = match (words.next(), words.next()) {
            (Some("typ"), Some(kind)) if is_token(kind) => kind,
            _ => return Err(CandidateError::Type),
        };
        let mut candidate = Self {
            foundation: foundation.to_owned(),
            component,
            protocol: Protocol::parse(protocol),
            priority,
            address,
            port,
            kind: CandidateKind::parse(kind),
            related_address: None,
            related_port: None,
            tcp_type: None,
            extensions: Vec::new(),
        };
        while let Some(name) = words.next() {
            candidate.extend(name, words.next().ok_or(CandidateError::Extension)?)?;
        }
        Ok(candidate)
    }
}

impl Candidate {
    fn extend(&mut self, name: &str, value: &str) -> Result<(), CandidateError> {
        match name {
            "raddr" if self.related_address.is_none() => {
                self.related_address = Some(address(value).ok_or(CandidateError::Related)?);
            }
            "rport" if self.related_port.is_none() => {
                self.related_port = Some(number(value).ok_or(CandidateError::Related)?);
            }
            "tcptype" if self.tcp_type.is_none() => self.tcp_type = Some(TcpType::parse(value)),
            _ if self.extensions.len() < 32 && is_text(name) && is_text(value) => {
                self.extensions.push((name.to_owned(), value.to_owned()));
            }
            _ => return Err(CandidateError::Extension),
        }
        Ok(())
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, protocol, priority, address, port, kind, .. } = self;
        let (protocol, kind) = (protocol.as_str(), kind.as_str());
        write!(f, "{PREFIX}{foundation} {component} {protocol} {priority} {address} {port} typ {kind}")?;
        if let Some(address) = &self.related_address {
            write!(f, " raddr {address}")?;
        }
        if let Some(port) = self.related_port {
            write!(f, " rport {port}")?;
        }
        if let Some(tcp_type) = &self.tcp_type {
            write!(f, " tcptype {}", tcp_type.as_str())?;
        }
        self.extensions.iter().try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Mdns(name) | Self::Name(name) => f.write_str(name),
        }
    }
}

impl Protocol {
    fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "udp" => Self::Udp,
            "tcp" => Self::Tcp,
            _ => Self::Other(word.to_owned()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Other(word) => word,
        }
    }
}

impl CandidateKind {
    fn parse(word: &str) -> Self {
        match word {
            "host" => Self::Host,
            "srflx" => Self::ServerReflexive,
            "prflx" => Self::PeerReflexive,
            "relay" => Self::Relayed,
            _ => Self::Other(word.to_owned()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
            Self::Other(word) => word,
        }
    }
}

impl TcpType {
    fn parse(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "passive" => Self::Passive,
            "so" => Self::SimultaneousOpen,
            _ => Self::Other(word.to_owned()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
            Self::Other(word) => word,
        }
    }
}

const PREFIX: &str = "candidate:";
const MAX_LEN: usize = 2048;

/// Digits alone: `parse` would take a leading plus too.
fn number<T: FromStr>(word: &str) -> Option<T> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

fn address(word: &str) -> Option<CandidateAddress> {
    // An address may carry a zone (`fe80::1%eth0`), which means nothing to anyone but its host.
    let bare = word.split_once('%').map_or(word, |(bare, _)| bare);
    if let Ok(ip) = bare.parse() {
        return Some(CandidateAddress::Ip(ip));
    }
    let is_name = word.len() <= 253
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let is_mdns = word.len() > 6 && word.to_ascii_lowercase().ends_with(".local");
    match (is_name, is_mdns) {
        (true, true) => Some(CandidateAddress::Mdns(word.to_owned())),
        (true, false) => Some(CandidateAddress::Name(word.to_owned())),
        (false, _) => None,
    }
}

/// RFC 8866, Section 9: a token.
fn is_token(word: &str) -> bool {
    let special = b"!#$%&'*+-.^_`{|}~";
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || special.contains(&byte))
}

/// RFC 8839, Section 5.1: names and values of extensions are text without control characters.
fn is_text(word: &str) -> bool {
    !word.is_empty() && !word.chars().any(char::is_control)
}
