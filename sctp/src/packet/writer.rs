//! Appends one SCTP packet, chunk by chunk, to a caller's buffer.

use super::{HEADER_LEN, Header, padding};

/// A packet being written at the end of a buffer, at most `limit` bytes long.
#[derive(Debug)]
pub struct PacketWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    limit: usize,
}

impl<'a> PacketWriter<'a> {
    /// Appends the common header; `limit` is the largest packet in bytes, header included.
    pub fn begin(out: &'a mut Vec<u8>, header: Header, limit: usize) -> Self {
        let start = out.len();
        let [s0, s1] = header.source_port.to_be_bytes();
        let [d0, d1] = header.destination_port.to_be_bytes();
        let [t0, t1, t2, t3] = header.verification_tag.to_be_bytes();
        out.extend_from_slice(&[s0, s1, d0, d1, t0, t1, t2, t3, 0, 0, 0, 0]);
        Self { out, start, limit }
    }

    /// Bytes still free under the limit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Raises or lowers the limit.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Bytes written so far, header included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len().saturating_sub(self.start)
    }

    /// Whether the packet holds no chunk yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() <= HEADER_LEN
    }

    /// Appends a chunk whose value `write` appends; length and padding are filled in.
    pub fn chunk(&mut self, kind: u8, flags: u8, write: impl FnOnce(&mut Vec<u8>)) {
        framed(self.out, [kind, flags], write);
    }

    /// Appends a DATA chunk's 16 bytes of header, its payload and padding.
    pub(crate) fn data(&mut self, head: &[u8; 16], payload: &[u8]) {
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(payload);
        pad(self.out, payload.len());
    }

    /// Fills in the checksum and returns the packet's length; an empty packet is taken back.
    pub fn finish(self) -> Option<usize> {
        let len = self.len();
        if self.is_empty() {
            self.out.truncate(self.start);
            return None;
        }
        // The checksum field is still zero, as RFC 9260, Section 6.8 wants it while the CRC is computed.
        let packet = self.out.get_mut(self.start..)?;
        let crc = crc_fast::crc32_iscsi(packet);
        packet.get_mut(8..HEADER_LEN)?.copy_from_slice(&crc.to_le_bytes());
        Some(len)
    }
}

/// Appends two leading bytes, a 16-bit length, what `write` appends, and padding; the frame of chunks
/// (type and flags lead), parameters and causes (a 16-bit type leads).
pub(super) fn framed(out: &mut Vec<u8>, lead: [u8; 2], write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    let [a, b] = lead;
    out.extend_from_slice(&[a, b, 0, 0]);
    write(out);
    let len = out.len().saturating_sub(start);
    // Writers are bounded by the packet size, far under 64 KiB; a longer value would be unsendable.
    let length = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(field) = out.get_mut(start.saturating_add(2)..start.saturating_add(4)) {
        field.copy_from_slice(&length);
    }
    pad(out, len);
}

/// Appends the zero bytes that bring `len` to a multiple of four.
// RFC 9260, Section 3.2: the padding is all zero bytes and not counted in the length.
fn pad(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice([0; 3].get(..padding(len)).unwrap_or_default());
}
