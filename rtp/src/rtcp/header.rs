//! The four bytes that open every RTCP packet, and what feedback messages share.

use crate::Ssrc;

/// Why a received packet was not used. Not an error: the network may carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// The version is not 2. What follows was not read either.
    Version,
    /// A length goes past the end of the datagram, or the datagram ends within a header. What follows was not read either.
    Length,
    /// The count of padding is zero, or larger than the packet.
    Padding,
    /// The packet is shorter than its counts say, or a field has a value that cannot be.
    Malformed,
    /// A compound packet begins with something other than a report.
    NotReport,
}

/// The packet types that are known here
/// ([the registry](https://www.iana.org/assignments/rtp-parameters/rtp-parameters.xhtml#rtp-parameters-4)).
pub(super) mod kind {
    pub(in crate::rtcp) const SENDER_REPORT: u8 = 200;
    pub(in crate::rtcp) const RECEIVER_REPORT: u8 = 201;
    pub(in crate::rtcp) const SDES: u8 = 202;
    pub(in crate::rtcp) const BYE: u8 = 203;
    pub(in crate::rtcp) const APP: u8 = 204;
    pub(in crate::rtcp) const RTPFB: u8 = 205;
    pub(in crate::rtcp) const PSFB: u8 = 206;
    pub(in crate::rtcp) const XR: u8 = 207;
}

/// The bytes of the longest packet that the length field can tell.
pub(super) const MAX_PACKET_LEN: usize = 4 << 16;

/// The bytes of a feedback message before its FCI.
pub(super) const FEEDBACK_HEADER_LEN: usize = 12;

/// A packet cut out of its compound; the body is not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawPacket<'a> {
    /// The five bits after the padding bit: a count, a subtype or a feedback message type.
    pub(super) count: u8,
    pub(super) packet_type: u8,
    pub(super) padded: bool,
    /// All after the first four bytes, padding included.
    padded_body: &'a [u8],
}

impl<'a> RawPacket<'a> {
    /// Cuts the first packet off; what follows comes with it.
    pub(super) fn split(compound: &'a [u8]) -> Result<(Self, &'a [u8]), Discard> {
        let Some((&[first, packet_type, l0, l1], rest)) = compound.split_first_chunk::<4>() else {
            return Err(Discard::Length);
        };
        if first >> 6 != 2 {
            return Err(Discard::Version);
        }
        let len = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let Some((padded_body, rest)) = rest.split_at_checked(len) else { return Err(Discard::Length) };
        let packet = Self { count: first & 0x1f, packet_type, padded: first & 0x20 != 0, padded_body };
        Ok((packet, rest))
    }

    /// The body without its padding.
    ///
    /// RFC 3550, Section 6.4.1 asks for a multiple of four. Peers pad transport-wide feedback by one to three bytes, so
    /// that any count which the packet holds is taken.
    pub(super) fn body(&self) -> Result<&'a [u8], Discard> {
        if !self.padded {
            return Ok(self.padded_body);
        }
        let padding = usize::from(*self.padded_body.last().ok_or(Discard::Padding)?);
        let len = self.padded_body.len().checked_sub(padding).filter(|_| padding != 0);
        len.and_then(|len| self.padded_body.get(..len)).ok_or(Discard::Padding)
    }
}

/// A feedback message in its parts
/// ([RFC 4585, Section 6.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.1)).
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedbackBody<'a> {
    pub(super) sender: Ssrc,
    pub(super) media: Ssrc,
    pub(super) fci: &'a [u8],
}

impl<'a> FeedbackBody<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (sender, rest) = split_ssrc(body)?;
        let (media, fci) = split_ssrc(rest)?;
        Some(Self { sender, media, fci })
    }

    /// The FCI as entries of equal length, of which there must be at least one.
    pub(super) fn entries<const N: usize>(&self) -> Option<&'a [[u8; N]]> {
        let (entries, _) = self.fci.as_chunks::<N>();
        (!entries.is_empty()).then_some(entries)
    }
}

pub(super) fn split_ssrc(bytes: &[u8]) -> Option<(Ssrc, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    Some((Ssrc(u32::from_be_bytes(*word)), rest))
}

/// Appends a packet: `body` writes what follows the first four bytes and returns the five bits of the count. Zeroes fill it up
/// to a whole number of words. Returns the packet's length.
pub(super) fn write_packet(
    out: &mut Vec<u8>,
    packet_type: u8,
    body: impl FnOnce(&mut Vec<u8>) -> u8,
) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80, packet_type, 0, 0]);
    let count = body(out);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    let len = out.len() - start;
    if let Some([first, _, length @ ..]) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *first |= count & 0x1f;
        *length = u16::try_from(len / 4 - 1).unwrap_or(u16::MAX).to_be_bytes();
    }
    len
}

/// Appends a feedback message; returns its length.
pub(super) fn write_feedback(
    out: &mut Vec<u8>,
    packet_type: u8,
    format: u8,
    [sender, media]: [Ssrc; 2],
    fci: impl FnOnce(&mut Vec<u8>),
) -> usize {
    write_packet(out, packet_type, |out| {
        out.extend_from_slice(&sender.0.to_be_bytes());
        out.extend_from_slice(&media.0.to_be_bytes());
        fci(out);
        format
    })
}

/// Appends a feedback message of as many entries as fit into `max_len` bytes; the others stay in the iterator. Returns its
/// length: zero when there is no entry or no room for one, and nothing is appended then.
pub(super) fn write_entries<const N: usize>(
    out: &mut Vec<u8>,
    (packet_type, format): (u8, u8),
    ssrcs: [Ssrc; 2],
    mut entries: impl Iterator<Item = [u8; N]>,
    max_len: usize,
) -> usize {
    let start = out.len();
    let most = max_len.min(MAX_PACKET_LEN).saturating_sub(FEEDBACK_HEADER_LEN) / N;
    let len = write_feedback(out, packet_type, format, ssrcs, |out| {
        entries.by_ref().take(most).for_each(|entry| out.extend_from_slice(&entry));
    });
    if len == FEEDBACK_HEADER_LEN {
        out.truncate(start);
        return 0;
    }
    len
}
