//! SDES.

use std::fmt;

use super::header::{MAX_PACKET_LEN, kind, split_ssrc, write_packet};
use crate::Ssrc;

/// Who sources are: a chunk for each.
///
/// Source: [RFC 3550, Section 6.5](https://www.rfc-editor.org/rfc/rfc3550#section-6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdes<'a> {
    chunks: SdesChunks<'a>,
}

/// What one source says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: Ssrc,
    items: SdesItems<'a>,
}

/// One thing that a source says of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// What it is.
    pub item_type: SdesItemType,
    /// Its text, at most 255 bytes, in UTF-8 if the sender keeps to the RFC.
    pub value: &'a [u8],
}

impl fmt::Debug for SdesItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SdesItem {{ item_type: {}, value: {} bytes }}", self.item_type.0, self.value.len())
    }
}

/// The type of an item; unknown ones are kept as they are. Zero ends a chunk and is never an item's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SdesItemType(pub u8);

impl SdesItemType {
    /// CNAME: the end-point, the same for all its sources
    /// ([RFC 3550, Section 6.5.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.5.1)).
    pub const CNAME: Self = Self(1);
    /// NAME: the user's name.
    pub const NAME: Self = Self(2);
    /// EMAIL: the user's address.
    pub const EMAIL: Self = Self(3);
    /// PHONE: the user's number.
    pub const PHONE: Self = Self(4);
    /// LOC: where the user is.
    pub const LOC: Self = Self(5);
    /// TOOL: the application.
    pub const TOOL: Self = Self(6);
    /// NOTE: the user's state.
    pub const NOTE: Self = Self(7);
    /// PRIV: an extension with a prefix of its own.
    pub const PRIV: Self = Self(8);
    /// RtpStreamId: the encoding that a stream is
    /// ([RFC 8852, Section 3.1](https://www.rfc-editor.org/rfc/rfc8852#section-3.1)).
    pub const RTP_STREAM_ID: Self = Self(12);
    /// RepairedRtpStreamId: the encoding that a stream repairs
    /// ([RFC 8852, Section 3.2](https://www.rfc-editor.org/rfc/rfc8852#section-3.2)).
    pub const REPAIRED_RTP_STREAM_ID: Self = Self(13);
    /// MID: the media section that a stream belongs to
    /// ([RFC 9143, Section 15](https://www.rfc-editor.org/rfc/rfc9143#section-15)).
    pub const MID: Self = Self(15);
}

/// The chunks of an SDES packet, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesChunks<'a> {
    left: usize,
    rest: &'a [u8],
}

/// The items of a chunk, in order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SdesItems<'a> {
    rest: &'a [u8],
}

impl fmt::Debug for SdesItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl<'a> Sdes<'a> {
    /// The most chunks that one packet holds.
    pub const MAX_CHUNKS: usize = 31;

    pub(super) fn parse(count: usize, body: &'a [u8]) -> Option<Self> {
        let mut rest = body;
        for _ in 0..count {
            (_, rest) = split_chunk(rest)?;
        }
        Some(Self { chunks: SdesChunks { left: count, rest: body } })
    }

    /// The chunks; there may be none.
    #[must_use]
    pub const fn chunks(self) -> SdesChunks<'a> {
        self.chunks
    }
}

impl Sdes<'_> {
    /// Appends a packet of at most [`Self::MAX_CHUNKS`], each a source and its items. A value is cut after 255 bytes; an item
    /// of type zero is passed over. Returns its length.
    pub fn write<'i, I: IntoIterator<Item = SdesItem<'i>>>(
        out: &mut Vec<u8>,
        chunks: impl IntoIterator<Item = (Ssrc, I)>,
    ) -> usize {
        let start = out.len();
        write_packet(out, kind::SDES, |out| {
            let mut count = 0;
            for (ssrc, items) in chunks.into_iter().take(Self::MAX_CHUNKS) {
                out.extend_from_slice(&ssrc.0.to_be_bytes());
                for SdesItem { item_type, value } in items {
                    let len = u8::try_from(value.len()).unwrap_or(u8::MAX);
                    // What the length field cannot tell is left out; the other chunks still have their room.
                    let fits = out.len() - start + usize::from(len) + Self::MAX_CHUNKS * 12 < MAX_PACKET_LEN;
                    if item_type.0 != 0 && fits {
                        out.extend_from_slice(&[item_type.0, len]);
                        out.extend(value.iter().take(usize::from(len)));
                    }
                }
                // RFC 3550, Section 6.5: a null octet ends the list, and others fill it up to a word.
                out.push(0);
                out.resize(start + (out.len() - start).next_multiple_of(4), 0);
                count += 1;
            }
            count
        })
    }
}

impl<'a> SdesChunk<'a> {
    /// The items; there may be none.
    #[must_use]
    pub const fn items(self) -> SdesItems<'a> {
        self.items
    }

    /// The value of the first item of a type.
    #[must_use]
    pub fn value(self, item_type: SdesItemType) -> Option<&'a [u8]> {
        self.items().find(|item| item.item_type == item_type).map(|item| item.value)
    }
}

impl<'a> Iterator for SdesChunks<'a> {
    type Item = SdesChunk<'a>;

    fn next(&mut self) -> Option<SdesChunk<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (chunk, rest) = split_chunk(self.rest)?;
        self.rest = rest;
        Some(chunk)
    }
}

impl<'a> Iterator for SdesItems<'a> {
    type Item = SdesItem<'a>;

    fn next(&mut self) -> Option<SdesItem<'a>> {
        let (item, rest) = split_item(self.rest)?;
        self.rest = rest;
        Some(item)
    }
}

/// Cuts a chunk off, with the null octets that end it.
fn split_chunk(bytes: &[u8]) -> Option<(SdesChunk<'_>, &[u8])> {
    let (ssrc, items) = split_ssrc(bytes)?;
    let mut rest = items;
    while let Some((_, after)) = split_item(rest) {
        rest = after;
    }
    // RFC 3550, Section 6.5: the list must end with a null octet; what ends it otherwise is an item that is cut short.
    if rest.first() != Some(&0) {
        return None;
    }
    let len = items.len() - rest.len();
    let (_, after) = items.split_at_checked((len + 1).next_multiple_of(4))?;
    Some((SdesChunk { ssrc, items: SdesItems { rest: items.get(..len)? } }, after))
}

fn split_item(bytes: &[u8]) -> Option<(SdesItem<'_>, &[u8])> {
    let [item_type, len, rest @ ..] = bytes else { return None };
    if *item_type == 0 {
        return None;
    }
    let (value, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((SdesItem { item_type: SdesItemType(*item_type), value }, rest))
}
