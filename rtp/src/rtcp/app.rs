//! APP.

use std::fmt;

use super::header::{MAX_PACKET_LEN, kind, split_ssrc, write_packet};
use crate::Ssrc;

/// An application's own packet.
///
/// Source: [RFC 3550, Section 6.7](https://www.rfc-editor.org/rfc/rfc3550#section-6.7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct App<'a> {
    /// A number of the application's, 0 to 31.
    pub subtype: u8,
    /// Who sent it.
    pub ssrc: Ssrc,
    /// The application's name, four letters of ASCII.
    pub name: [u8; 4],
    /// What it says: a whole number of words, unless the packet was padded.
    pub data: &'a [u8],
}

impl fmt::Debug for App<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subtype, ssrc, name, data } = self;
        let name = name.escape_ascii();
        write!(f, "App {{ subtype: {subtype}, ssrc: {ssrc}, name: {name}, data: {} bytes }}", data.len())
    }
}

impl<'a> App<'a> {
    /// The most data that one packet holds, in bytes.
    pub const MAX_DATA: usize = MAX_PACKET_LEN - 12;

    pub(super) fn parse(subtype: u8, body: &'a [u8]) -> Option<Self> {
        let (ssrc, rest) = split_ssrc(body)?;
        let (name, data) = rest.split_first_chunk::<4>()?;
        Some(Self { subtype, ssrc, name: *name, data })
    }

    /// Appends the packet: the lower five bits of the subtype, at most [`Self::MAX_DATA`] bytes of data, and zeroes up to a
    /// whole word. Returns its length.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        write_packet(out, kind::APP, |out| {
            out.extend_from_slice(&self.ssrc.0.to_be_bytes());
            out.extend_from_slice(&self.name);
            out.extend(self.data.iter().take(Self::MAX_DATA));
            self.subtype
        })
    }
}
