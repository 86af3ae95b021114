//! The chunks of a packet: their frames, and the typed view of each.

use super::{Causes, Data, ForwardTsn, Init, Reconfigs, Sack, padding};

/// Chunk types by number.
///
/// Source: [RFC 9260, Section 3.2](https://www.rfc-editor.org/rfc/rfc9260#section-3.2),
/// RFC 3758 (FORWARD-TSN), RFC 6525 (RE-CONFIG).
pub mod kind {
    #![expect(missing_docs, reason = "each name is the RFC's")]
    pub const DATA: u8 = 0;
    pub const INIT: u8 = 1;
    pub const INIT_ACK: u8 = 2;
    pub const SACK: u8 = 3;
    pub const HEARTBEAT: u8 = 4;
    pub const HEARTBEAT_ACK: u8 = 5;
    pub const ABORT: u8 = 6;
    pub const SHUTDOWN: u8 = 7;
    pub const SHUTDOWN_ACK: u8 = 8;
    pub const ERROR: u8 = 9;
    pub const COOKIE_ECHO: u8 = 10;
    pub const COOKIE_ACK: u8 = 11;
    pub const SHUTDOWN_COMPLETE: u8 = 14;
    pub const RECONFIG: u8 = 130;
    pub const FORWARD_TSN: u8 = 192;
}

/// One chunk, its value parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// User data.
    Data(Data<'a>),
    /// Opens an association.
    Init(Init<'a>),
    /// Answers INIT, carrying the state cookie.
    InitAck(Init<'a>),
    /// Acknowledges data.
    Sack(Sack<'a>),
    /// Asks for its own value back.
    Heartbeat(&'a [u8]),
    /// The value of a HEARTBEAT, returned.
    HeartbeatAck(&'a [u8]),
    /// Ends the association at once. `reflected`: the T bit, the tag is the sender's own.
    Abort {
        /// The T bit.
        reflected: bool,
        /// Why.
        causes: Causes<'a>,
    },
    /// The peer has no more data; acknowledges up to this cumulative TSN.
    Shutdown(u32),
    /// Answers SHUTDOWN.
    ShutdownAck,
    /// Reports errors that end nothing.
    Error(Causes<'a>),
    /// Returns the state cookie.
    CookieEcho(&'a [u8]),
    /// The cookie was accepted.
    CookieAck,
    /// Ends a shutdown. `reflected`: the T bit.
    ShutdownComplete {
        /// The T bit.
        reflected: bool,
    },
    /// Stream resets.
    Reconfig(Reconfigs<'a>),
    /// Skips abandoned data.
    ForwardTsn(ForwardTsn<'a>),
    /// A type not known here.
    Unknown(RawChunk<'a>),
}

/// A chunk's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawChunk<'a> {
    /// The chunk type.
    pub kind: u8,
    /// The flags.
    pub flags: u8,
    /// The value, without padding.
    pub value: &'a [u8],
    /// Header and value, without padding.
    pub whole: &'a [u8],
}

impl<'a> RawChunk<'a> {
    /// The typed view; `None` when the value breaks the rules of its type.
    #[must_use]
    pub fn parse(self) -> Option<Chunk<'a>> {
        let value = self.value;
        let reflected = self.flags & 1 != 0;
        Some(match self.kind {
            kind::DATA => Chunk::Data(Data::parse(self.flags, value)?),
            kind::INIT => Chunk::Init(Init::parse(value)?),
            kind::INIT_ACK => Chunk::InitAck(Init::parse(value)?),
            kind::SACK => Chunk::Sack(Sack::parse(value)?),
            kind::HEARTBEAT => Chunk::Heartbeat(value),
            kind::HEARTBEAT_ACK => Chunk::HeartbeatAck(value),
            kind::ABORT => Chunk::Abort { reflected, causes: Causes::new(value) },
            kind::SHUTDOWN => Chunk::Shutdown(u32::from_be_bytes(*value.first_chunk()?)),
            kind::SHUTDOWN_ACK => Chunk::ShutdownAck,
            kind::ERROR => Chunk::Error(Causes::new(value)),
            kind::COOKIE_ECHO => Chunk::CookieEcho(value),
            kind::COOKIE_ACK => Chunk::CookieAck,
            kind::SHUTDOWN_COMPLETE => Chunk::ShutdownComplete { reflected },
            kind::RECONFIG => Chunk::Reconfig(Reconfigs::new(value)),
            kind::FORWARD_TSN => Chunk::ForwardTsn(ForwardTsn::parse(value)?),
            _ => Chunk::Unknown(self),
        })
    }
}

/// Iterates the frames of a packet's chunks; stops at the first whose length does not fit.
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Whether no bytes are left.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = RawChunk<'a>;

    fn next(&mut self) -> Option<RawChunk<'a>> {
        let &[kind, flags, l0, l1] = self.rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let whole = self.rest.get(..len)?;
        let value = whole.get(4..)?;
        // RFC 9260, Section 3.2: the last chunk's padding may be missing from a sloppy sender.
        self.rest = self.rest.get(len.saturating_add(padding(len))..).unwrap_or_default();
        Some(RawChunk { kind, flags, value, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_length_under_four_or_past_the_end_stops_the_iteration() {
        for bytes in [&[0, 0, 0, 3][..], &[0, 0, 0, 0], &[0, 0, 0, 9, 1, 2, 3, 4], &[0, 0, 0]] {
            let mut chunks = Chunks::new(bytes);
            assert_eq!(chunks.next(), None);
            assert!(!chunks.is_finished());
        }
    }

    #[test]
    fn fixed_values_are_truncation_safe() {
        let raw = |kind, value| RawChunk { kind, flags: 0, value, whole: value };
        assert_eq!(raw(kind::SHUTDOWN, &[0, 0, 0]).parse(), None);
        assert_eq!(raw(kind::SHUTDOWN, &[0, 0, 0, 9]).parse(), Some(Chunk::Shutdown(9)));
        assert!(matches!(raw(77, &[]).parse(), Some(Chunk::Unknown(_))));
    }
}
