//! URIs of servers: `stun:` and `stuns:` ([RFC 7064]), `turn:` and `turns:` ([RFC 7065]).
//!
//! [RFC 7064]: https://www.rfc-editor.org/rfc/rfc7064
//! [RFC 7065]: https://www.rfc-editor.org/rfc/rfc7065

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Where a STUN or TURN server is and how it is spoken to, as applications write it. Printed and parsed it is itself again.
///
/// ```
/// use duologue_stun::uri::{Host, Protocol, Uri};
///
/// let uri: Uri = "turns:turn.example.org?transport=tcp".parse()?;
/// assert_eq!(uri.host, Host::Name("turn.example.org".to_owned()));
/// assert_eq!((uri.port(), uri.protocol()), (5_349, Protocol::Tls));
/// assert_eq!(uri.to_string(), "turns:turn.example.org?transport=tcp");
/// # Ok::<(), duologue_stun::uri::UriError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    /// What is spoken there.
    pub scheme: Scheme,
    /// The server.
    pub host: Host,
    /// The port, if the URI names one; [`Self::port`] is the one to use.
    pub port: Option<u16>,
    /// The transport, if the URI names one; [`Self::protocol`] is the one to use. No `stun:` or `stuns:` URI has any.
    pub transport: Option<Transport>,
}

/// A URI's scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `stun:`, a STUN server.
    Stun,
    /// `stuns:`, the same over TLS or DTLS.
    Stuns,
    /// `turn:`, a TURN server.
    Turn,
    /// `turns:`, the same over TLS or DTLS.
    Turns,
}

/// A URI's host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name to be looked up, as the URI has it: letters, digits and what else [RFC 3986, Section 3.2.2] allows, percent-encoded
    /// bytes left so.
    ///
    /// [RFC 3986, Section 3.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
    Name(String),
}

/// The transport that a URI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `?transport=udp`.
    Udp,
    /// `?transport=tcp`.
    Tcp,
}

/// What a server is spoken to over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// DTLS over UDP ([RFC 7350]).
    ///
    /// [RFC 7350]: https://www.rfc-editor.org/rfc/rfc7350
    Dtls,
}

/// Why a text is no URI of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum UriError {
    /// It begins with none of the four schemes and a colon.
    #[error("the scheme is none of stun:, stuns:, turn: and turns:")]
    Scheme,
    /// Two slashes follow the scheme: these URIs have none.
    #[error("no // follows the scheme of such a URI")]
    Slashes,
    /// The host is empty or no host: user names, for one, do not belong into these URIs.
    #[error("the host is neither a name nor an address")]
    Host,
    /// The port is no number from 1 to 65,535.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// What follows host and port is something else than `?transport=`, or that in a `stun:` or `stuns:` URI.
    #[error("nothing but ?transport= may follow, and that in turn: and turns: alone")]
    Query,
    /// The transport is neither `udp` nor `tcp`.
    #[error("the transport is neither udp nor tcp")]
    Transport,
}

impl Uri {
    /// The port to use: the URI's, else 3478, and 5349 where the scheme is a secure one ([RFC 7065, Section 3.2]).
    ///
    /// [RFC 7065, Section 3.2]: https://www.rfc-editor.org/rfc/rfc7065#section-3.2
    #[must_use]
    pub const fn port(&self) -> u16 {
        match (self.port, self.scheme.is_secure()) {
            (Some(port), _) => port,
            (None, false) => 3_478,
            (None, true) => 5_349,
        }
    }

    /// What to speak to the server over. Where the URI does not say, it is UDP, and TLS where the scheme is a secure one: what
    /// [RFC 5928, Section 3] comes to for whoever looks up addresses alone.
    ///
    /// [RFC 5928, Section 3]: https://www.rfc-editor.org/rfc/rfc5928#section-3
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match (self.scheme.is_secure(), self.transport) {
            (false, None | Some(Transport::Udp)) => Protocol::Udp,
            (false, Some(Transport::Tcp)) => Protocol::Tcp,
            (true, None | Some(Transport::Tcp)) => Protocol::Tls,
            (true, Some(Transport::Udp)) => Protocol::Dtls,
        }
    }
}

impl Scheme {
    /// Whether it is `stuns:` or `turns:`.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Stuns | Self::Turns)
    }

    /// Whether it is `turn:` or `turns:`.
    #[must_use]
    pub const fn is_turn(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let scheme = [Scheme::Stun, Scheme::Stuns, Scheme::Turn, Scheme::Turns]
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(scheme))
            .ok_or(UriError::Scheme)?;
        if rest.starts_with("//") {
            return Err(UriError::Slashes);
        }
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let (host, port) = split_port(authority)?;
        let transport = query.map(|query| transport(scheme, query)).transpose()?;
        Ok(Self { scheme, host, port, transport })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.name(), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.transport {
            Some(Transport::Udp) => f.write_str("?transport=udp"),
            Some(Transport::Tcp) => f.write_str("?transport=tcp"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Host and port of what stands between the scheme and the query.
fn split_port(authority: &str) -> Result<(Host, Option<u16>), UriError> {
    let (host, port) = if let Some(literal) = authority.strip_prefix('[') {
        let (ip, rest) = literal.split_once(']').ok_or(UriError::Host)?;
        // Zones and the addresses of later versions of IP that the grammar foresees are none that a socket knows.
        let host = Host::Ip(IpAddr::V6(ip.parse::<Ipv6Addr>().map_err(|_| UriError::Host)?));
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(UriError::Port)?) };
        (host, port)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(authority)?, None),
        }
    };
    Ok((host, port.map(number).transpose()?.flatten()))
}

/// RFC 3986, Section 3.2.2: what reads as an IPv4 address is one, else it is a name.
fn name(text: &str) -> Result<Host, UriError> {
    if let Ok(ip) = text.parse() {
        return Ok(Host::Ip(IpAddr::V4(ip)));
    }
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match (first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => behind,
            (b'-' | b'.' | b'_' | b'~', _) => behind,
            (b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=', _) => behind,
            (byte, _) if byte.is_ascii_alphanumeric() => behind,
            _ => return Err(UriError::Host),
        };
    }
    if text.is_empty() { Err(UriError::Host) } else { Ok(Host::Name(text.to_owned())) }
}

/// RFC 3986, Section 3.2.3: the digits may be missing behind the colon, which then says nothing.
fn number(digits: &str) -> Result<Option<u16>, UriError> {
    if digits.is_empty() {
        return Ok(None);
    }
    // Digits alone: no sign.
    let port = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    port.filter(|port| *port != 0).map(Some).ok_or(UriError::Port)
}

fn transport(scheme: Scheme, query: &str) -> Result<Transport, UriError> {
    let (key, value) = query.split_once('=').ok_or(UriError::Query)?;
    if !scheme.is_turn() || !key.eq_ignore_ascii_case("transport") {
        return Err(UriError::Query);
    }
    match value {
        value if value.eq_ignore_ascii_case("udp") => Ok(Transport::Udp),
        value if value.eq_ignore_ascii_case("tcp") => Ok(Transport::Tcp),
        _ => Err(UriError::Transport),
    }
}
