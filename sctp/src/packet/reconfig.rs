//! RE-CONFIG and its parameters.

use super::tlv::{self, Parameters, parameter};

/// One parameter of a RE-CONFIG chunk.
///
/// Source: [RFC 6525, Section 4](https://www.rfc-editor.org/rfc/rfc6525#section-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconfig<'a> {
    /// The sender resets the sequence numbers of streams it sends on.
    OutgoingReset {
        /// Number of this request.
        request: u32,
        /// Number of the incoming reset request that this answers.
        response: u32,
        /// All data of the streams has a TSN up to this one.
        last_tsn: u32,
        /// The streams, as big-endian pairs of bytes; empty for all.
        streams: &'a [[u8; 2]],
    },
    /// Any other request: refused.
    OtherRequest {
        /// Number of this request.
        request: u32,
    },
    /// Answers a request.
    Response {
        /// Number of the request.
        request: u32,
        /// What became of it.
        result: ReconfigResult,
    },
}

/// What became of a request.
// RFC 6525, Section 4.4
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconfigResult {
    /// Already as asked.
    NothingToDo,
    /// Done.
    Performed,
    /// Refused.
    Denied,
    /// A stream number was wrong.
    WrongSsn,
    /// Another request is in progress.
    AlreadyInProgress,
    /// The request's number was not expected.
    BadSequenceNumber,
    /// Data is missing yet; ask again.
    InProgress,
    /// A code not known here.
    Unknown(u32),
}

impl ReconfigResult {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::NothingToDo => 0,
            Self::Performed => 1,
            Self::Denied => 2,
            Self::WrongSsn => 3,
            Self::AlreadyInProgress => 4,
            Self::BadSequenceNumber => 5,
            Self::InProgress => 6,
            Self::Unknown(code) => code,
        }
    }

    const fn from_code(code: u32) -> Self {
        match code {
            0 => Self::NothingToDo,
            1 => Self::Performed,
            2 => Self::Denied,
            3 => Self::WrongSsn,
            4 => Self::AlreadyInProgress,
            5 => Self::BadSequenceNumber,
            6 => Self::InProgress,
            code => Self::Unknown(code),
        }
    }
}

/// Iterates the parameters of a RE-CONFIG chunk; unknown or broken ones end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconfigs<'a>(Parameters<'a>);

impl<'a> Reconfigs<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self(Parameters::new(value))
    }
}

impl<'a> Iterator for Reconfigs<'a> {
    type Item = Reconfig<'a>;

    fn next(&mut self) -> Option<Reconfig<'a>> {
        let frame = self.0.next()?;
        let (request, rest) = frame.value.split_first_chunk()?;
        let request = u32::from_be_bytes(*request);
        match frame.kind {
            parameter::OUTGOING_SSN_RESET => {
                let (&[r0, r1, r2, r3, l0, l1, l2, l3], streams) = rest.split_first_chunk::<8>()?;
                Some(Reconfig::OutgoingReset {
                    request,
                    response: u32::from_be_bytes([r0, r1, r2, r3]),
                    last_tsn: u32::from_be_bytes([l0, l1, l2, l3]),
                    streams: streams.as_chunks().0,
                })
            }
            parameter::RECONFIG_RESPONSE => Some(Reconfig::Response {
                request,
                result: ReconfigResult::from_code(u32::from_be_bytes(*rest.first_chunk()?)),
            }),
            parameter::INCOMING_SSN_RESET
            | parameter::SSN_TSN_RESET
            | parameter::ADD_OUTGOING_STREAMS
            | parameter::ADD_INCOMING_STREAMS => Some(Reconfig::OtherRequest { request }),
            _ => None,
        }
    }
}

impl Reconfig<'_> {
    /// Bytes of an outgoing reset parameter before its streams.
    pub(crate) const OUTGOING_RESET_LEN: usize = 16;
    /// Bytes of a response parameter.
    pub(crate) const RESPONSE_LEN: usize = 12;

    /// Appends the parameter; a refused request has no form here and appends nothing.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::OutgoingReset { request, response, last_tsn, streams } => {
                tlv::write(out, parameter::OUTGOING_SSN_RESET, |out| {
                    out.extend_from_slice(&request.to_be_bytes());
                    out.extend_from_slice(&response.to_be_bytes());
                    out.extend_from_slice(&last_tsn.to_be_bytes());
                    out.extend_from_slice(streams.as_flattened());
                });
            }
            Self::Response { request, result } => tlv::write(out, parameter::RECONFIG_RESPONSE, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                out.extend_from_slice(&result.code().to_be_bytes());
            }),
            Self::OtherRequest { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_truncation() {
        let streams = [[0, 1], [0, 3], [1, 0]];
        let both = [
            Reconfig::OutgoingReset { request: 1, response: 2, last_tsn: 3, streams: &streams },
            Reconfig::Response { request: 9, result: ReconfigResult::InProgress },
        ];
        let mut out = Vec::new();
        both.iter().for_each(|parameter| parameter.write(&mut out));
        assert!(Reconfigs::new(&out).eq(both));
        for len in 0..out.len() {
            assert!(Reconfigs::new(&out[..len]).count() < 2);
        }
        for code in 0..9 {
            assert_eq!(ReconfigResult::from_code(code).code(), code);
        }
    }
}
