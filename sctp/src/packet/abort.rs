//! Error causes, as ABORT and ERROR carry them.

use super::tlv::{self, Parameters};

/// Error cause codes by number.
///
/// Source: [RFC 9260, Section 3.3.10](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.10).
pub mod cause {
    #![expect(missing_docs, reason = "each name is the RFC's")]
    pub const INVALID_STREAM: u16 = 1;
    pub const STALE_COOKIE: u16 = 3;
    pub const UNRECOGNIZED_CHUNK: u16 = 6;
    pub const INVALID_MANDATORY_PARAMETER: u16 = 7;
    pub const UNRECOGNIZED_PARAMETERS: u16 = 8;
    pub const NO_USER_DATA: u16 = 9;
    pub const RESTART_WITH_NEW_ADDRESSES: u16 = 11;
    pub const USER_INITIATED_ABORT: u16 = 12;
    pub const PROTOCOL_VIOLATION: u16 = 13;
}

/// One error cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause<'a> {
    /// The cause code.
    pub code: u16,
    /// What it says.
    pub value: &'a [u8],
}

/// Iterates error causes; stops at the first whose length does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causes<'a>(Parameters<'a>);

impl<'a> Causes<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self(Parameters::new(value))
    }
}

impl<'a> Iterator for Causes<'a> {
    type Item = Cause<'a>;

    fn next(&mut self) -> Option<Cause<'a>> {
        self.0.next().map(|frame| Cause { code: frame.kind, value: frame.value })
    }
}

impl Cause<'_> {
    /// Appends the cause.
    pub fn write(&self, out: &mut Vec<u8>) {
        tlv::write(out, self.code, |out| out.extend_from_slice(self.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_truncation() {
        let causes =
            [Cause { code: cause::USER_INITIATED_ABORT, value: b"bye" }, Cause { code: 99, value: b"" }];
        let mut out = Vec::new();
        causes.iter().for_each(|cause| cause.write(&mut out));
        assert!(Causes::new(&out).eq(causes));
        for len in 0..out.len() {
            assert!(Causes::new(&out[..len]).count() < 2);
        }
    }
}
