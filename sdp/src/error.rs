//! What the parser refuses, by line and rule, and how much it takes.

use thiserror::Error;

/// How much of a description the parser takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest line, in bytes. Default 16 KiB.
    pub line_len: usize,
    /// The most lines. Default 20,000.
    pub lines: u32,
    /// The most media sections. Default 1,000.
    pub sections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_len: 16 * 1024, lines: 20_000, sections: 1_000 }
    }
}

/// A text that is not a session description: where, and which rule it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {rule}")]
pub struct ParseError {
    /// The line, counted from 1; one past the last when something is missing at the end.
    pub line: u32,
    /// The rule that does not hold.
    pub rule: Rule,
}

/// A rule of the grammar (RFC 8866, Section 9, and of the attributes' own RFCs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Rule {
    /// RFC 8866, Section 5.
    #[error("a line is a letter, '=' and a value")]
    Line,
    /// RFC 8866, Section 5.
    #[error("this kind of line cannot stand here")]
    Order,
    /// RFC 8866, Section 5.1.
    #[error("a description begins with v=0")]
    Version,
    /// RFC 8866, Section 5.2.
    #[error("o= has six fields: user, session id, version, IN, IP4 or IP6, address")]
    Origin,
    /// RFC 8866, Section 5.
    #[error("o=, s= and t= must be there")]
    Missing,
    /// RFC 8866, Section 5.7.
    #[error("c= has three fields: IN, IP4 or IP6, address")]
    Connection,
    /// RFC 8866, Section 5.9.
    #[error("t= has two numbers")]
    Timing,
    /// RFC 8866, Section 5.14.
    #[error("m= has a kind, a port, a protocol and at least one format")]
    Media,
    /// RFC 8866, Section 5.13.
    #[error("an attribute has a name of token characters")]
    AttributeName,
    /// RFC 5888, Section 4.
    #[error("a=mid has one token")]
    Mid,
    /// RFC 5888, Section 5.
    #[error("a=group has semantics and tokens")]
    Group,
    /// RFC 8839, Section 5.4.
    #[error("a=ice-ufrag has 4 to 256 ice-chars")]
    IceUfrag,
    /// RFC 8839, Section 5.4.
    #[error("a=ice-pwd has 22 to 256 ice-chars")]
    IcePwd,
    /// RFC 8122, Section 5.
    #[error(
        "a=fingerprint has a hash function and colon-separated hexadecimal bytes, as many as the hash has"
    )]
    Fingerprint,
    /// RFC 4145, Section 4.
    #[error("a=setup is active, passive, actpass or holdconn")]
    Setup,
    /// RFC 8842, Section 4.
    #[error("a=tls-id has 20 to 255 characters of letters, digits, '+', '/', '-' and '_'")]
    TlsId,
    /// RFC 8841, Section 5.
    #[error("a=sctp-port is a number from 1 to 65535")]
    SctpPort,
    /// RFC 8841, Section 6.
    #[error("a=max-message-size is a number")]
    MaxMessageSize,
    /// RFC 8839, Section 5.1.
    #[error("a=candidate has a value")]
    Candidate,
    /// RFC 3550, Section 5.1.
    #[error("a payload type is a number from 0 to 127")]
    PayloadType,
    /// RFC 8866, Section 6.6.
    #[error("a=rtpmap has a payload type, a name, a clock rate over 0, and for audio the channels")]
    Rtpmap,
    /// RFC 8866, Section 6.15.
    #[error("a=fmtp has a format")]
    Fmtp,
    /// RFC 4585, Section 4.2.
    #[error("a=rtcp-fb has a payload type or '*', and a kind of feedback")]
    RtcpFb,
    /// RFC 8285, Section 8.
    #[error("a=extmap has a number from 1 to 4351, perhaps a direction, and a URI")]
    Extmap,
    /// RFC 5576, Section 4.1.
    #[error("a=ssrc has a number of 32 bits and an attribute")]
    Ssrc,
    /// RFC 5576, Section 4.2.
    #[error("a=ssrc-group has semantics and numbers of 32 bits")]
    SsrcGroup,
    /// RFC 8853, Section 5.1.
    #[error("a=simulcast has send or recv or both, each with a list of rids")]
    Simulcast,
    /// RFC 8830, Section 2.
    #[error("a=msid has one or two tokens")]
    Msid,
    /// RFC 6236, Section 3.1.
    #[error("a=imageattr has a payload type or '*', and sizes")]
    Imageattr,
    /// [`Limits::line_len`].
    #[error("the line is longer than the limit")]
    LineTooLong,
    /// [`Limits::lines`].
    #[error("more lines than the limit")]
    TooManyLines,
    /// [`Limits::sections`].
    #[error("more media sections than the limit")]
    TooManySections,
}
