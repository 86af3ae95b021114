//! Headers and padding, appended to a caller's buffer.

use super::view::{EXTENSION, MARKER, PADDING, VERSION};
use super::{FIXED_HEADER_LEN, Header};
use crate::extension;
use crate::sequence::Ssrc;

/// Appends a header to `out` and returns its length; the caller appends the payload.
///
/// `csrcs` are the contributing sources, of which a header holds 15: more are not written. `extensions` is called once and
/// writes the header extension's elements; when it writes none, the header has no extension.
///
/// Source: [RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1).
pub fn write(
    out: &mut Vec<u8>,
    header: &Header,
    csrcs: &[Ssrc],
    extensions: impl FnOnce(&mut extension::Writer<'_>),
) -> usize {
    let start = out.len();
    let [n0, n1] = header.sequence_number.0.to_be_bytes();
    let [t0, t1, t2, t3] = header.timestamp.0.to_be_bytes();
    let [s0, s1, s2, s3] = header.ssrc.0.to_be_bytes();
    let kind = header.payload_type.get() | if header.marker { MARKER } else { 0 };
    let mut first = VERSION << 6;
    let fixed: [u8; FIXED_HEADER_LEN] = [first, kind, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3];
    out.extend_from_slice(&fixed);
    for (count, csrc) in (1..=15).zip(csrcs) {
        out.extend_from_slice(&csrc.0.to_be_bytes());
        first = (VERSION << 6) | count;
    }
    let mut writer = extension::Writer::new(out);
    extensions(&mut writer);
    if writer.finish() {
        first |= EXTENSION;
    }
    if let Some(byte) = out.get_mut(start) {
        *byte = first;
    }
    out.len() - start
}

/// Appends `count` bytes of padding to the packet that begins at `start` in `out`, and says so in its header. The packet
/// must have none yet; a `count` of 0 changes nothing.
///
/// Source: [RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1).
pub fn pad(out: &mut Vec<u8>, start: usize, count: u8) {
    let Some(zeros) = count.checked_sub(1) else { return };
    let Some(first) = out.get_mut(start) else { return };
    *first |= PADDING;
    out.resize(out.len() + usize::from(zeros), 0);
    out.push(count);
}
