//! Parameters of INIT, INIT ACK and RE-CONFIG: type, length, value.

use super::{padding, writer::framed};

/// Parameter types by number.
pub mod parameter {
    #![expect(missing_docs, reason = "each name is the RFC's")]
    pub const HEARTBEAT_INFO: u16 = 1;
    pub const IPV4_ADDRESS: u16 = 5;
    pub const IPV6_ADDRESS: u16 = 6;
    pub const STATE_COOKIE: u16 = 7;
    pub const UNRECOGNIZED: u16 = 8;
    pub const COOKIE_PRESERVATIVE: u16 = 9;
    pub const HOST_NAME_ADDRESS: u16 = 11;
    pub const SUPPORTED_ADDRESS_TYPES: u16 = 12;
    pub const OUTGOING_SSN_RESET: u16 = 13;
    pub const INCOMING_SSN_RESET: u16 = 14;
    pub const SSN_TSN_RESET: u16 = 15;
    pub const RECONFIG_RESPONSE: u16 = 16;
    pub const ADD_OUTGOING_STREAMS: u16 = 17;
    pub const ADD_INCOMING_STREAMS: u16 = 18;
    pub const ECN_CAPABLE: u16 = 0x8000;
    pub const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    pub const FORWARD_TSN_SUPPORTED: u16 = 0xc000;
}

/// A parameter's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The parameter type.
    pub kind: u16,
    /// The value, without padding.
    pub value: &'a [u8],
    /// Header and value, without padding.
    pub whole: &'a [u8],
}

/// Iterates parameters; stops at the first whose length does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Parameters<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        let &[k0, k1, l0, l1] = self.rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let whole = self.rest.get(..len)?;
        let value = whole.get(4..)?;
        self.rest = self.rest.get(len.saturating_add(padding(len))..).unwrap_or_default();
        Some(Parameter { kind: u16::from_be_bytes([k0, k1]), value, whole })
    }
}

/// What the two highest bits of an unknown type ask of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAction {
    /// Go on with what follows; otherwise stop here.
    pub go_on: bool,
    /// Report the unknown thing to its sender.
    pub report: bool,
}

/// Reads the two highest bits of an unknown chunk type (shift it up by eight) or parameter type.
// RFC 9260, Sections 3.2 and 3.2.1
#[must_use]
pub const fn required_action(kind: u16) -> UnknownAction {
    UnknownAction { go_on: kind & 0x8000 != 0, report: kind & 0x4000 != 0 }
}

/// Appends a parameter whose value `write` appends.
pub(crate) fn write(out: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    framed(out, kind.to_be_bytes(), write);
}
