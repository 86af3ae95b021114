//! ChannelData messages ([RFC 8656, Section 12.4]).
//!
//! [RFC 8656, Section 12.4]: https://www.rfc-editor.org/rfc/rfc8656#section-12.4

use std::fmt;

use crate::attribute::ChannelNumber;
use crate::error::WriteError;

/// The header: a channel's number and a length, two bytes each.
pub(crate) const HEADER_LEN: usize = 4;

/// Application data on a channel, borrowed from the datagram that it came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub channel: ChannelNumber,
    /// The data; it may be empty.
    pub payload: &'a [u8],
}

impl fmt::Debug for ChannelData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelData")
            .field("channel", &self.channel)
            .field("len", &self.payload.len())
            .finish()
    }
}

impl<'a> ChannelData<'a> {
    /// Whether a datagram's first byte is that of a channel's number: 64 to 79 ([RFC 7983, Section 7]).
    ///
    /// [RFC 7983, Section 7]: https://www.rfc-editor.org/rfc/rfc7983#section-7
    #[must_use]
    pub const fn is_first_byte(byte: u8) -> bool {
        matches!(byte, 0x40..=0x4f)
    }

    /// Reads a datagram. Bytes behind the data are padding and not looked at. `None` when the datagram is shorter than its
    /// header says, or when its channel's number is none.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (channel, len, rest) = split(datagram)?;
        // RFC 8656, Section 12.6: a datagram too short for the claimed length is silently discarded.
        Some(Self { channel, payload: rest.get(..len)? })
    }

    /// Like [`Self::parse`], the data to be changed in place.
    #[must_use]
    pub fn parse_mut(datagram: &mut [u8]) -> Option<(ChannelNumber, &mut [u8])> {
        let (channel, len, _) = split(datagram)?;
        Some((channel, datagram.get_mut(HEADER_LEN..)?.get_mut(..len)?))
    }

    /// Appends the message. On a stream (`padded`) up to three zero bytes follow it ([RFC 8656, Section 12.5]).
    ///
    /// [RFC 8656, Section 12.5]: https://www.rfc-editor.org/rfc/rfc8656#section-12.5
    ///
    /// # Errors
    /// There are more than 65,535 bytes of data; nothing is appended.
    pub fn write(self, padded: bool, out: &mut Vec<u8>) -> Result<usize, WriteError> {
        let header = Self::header(self.channel, self.payload.len()).ok_or(WriteError::TooLong)?;
        let start = out.len();
        out.extend_from_slice(&header);
        out.extend_from_slice(self.payload);
        if padded {
            // RFC 8656, Section 12.5: on streams the message is padded to a multiple of four bytes.
            let len = (out.len() - start).next_multiple_of(4);
            out.resize(start + len, 0);
        }
        Ok(out.len() - start)
    }

    /// The four bytes that go before `len` bytes of data; `None` when `len` is above 65,535.
    #[must_use]
    pub fn header(channel: ChannelNumber, len: usize) -> Option<[u8; 4]> {
        let ([c0, c1], [l0, l1]) = (channel.get().to_be_bytes(), u16::try_from(len).ok()?.to_be_bytes());
        Some([c0, c1, l0, l1])
    }
}

fn split(datagram: &[u8]) -> Option<(ChannelNumber, usize, &[u8])> {
    let ([c0, c1, l0, l1], rest) = datagram.split_first_chunk::<HEADER_LEN>()?;
    let channel = ChannelNumber::new(u16::from_be_bytes([*c0, *c1]))?;
    Some((channel, usize::from(u16::from_be_bytes([*l0, *l1])), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_the_padding_of_streams_is_zero() {
        let channel = ChannelNumber::new(0x4abc).unwrap();
        for len in 0..10 {
            let payload = vec![0xff; len];
            for padded in [false, true] {
                let mut out = b"before".to_vec();
                let written = ChannelData { channel, payload: &payload }.write(padded, &mut out).unwrap();
                let message = &mut out[6..];
                assert_eq!(written, message.len());
                assert_eq!(written, if padded { (4 + len).next_multiple_of(4) } else { 4 + len });
                assert!(message[4 + len..].iter().all(|byte| *byte == 0));
                assert_eq!(ChannelData::parse(message), Some(ChannelData { channel, payload: &payload }));
                assert_eq!(ChannelData::parse_mut(message), Some((channel, &mut payload.clone()[..])));
                for short in 0..4 + len {
                    assert_eq!(ChannelData::parse(&message[..short]), None);
                    assert_eq!(ChannelData::parse_mut(&mut message[..short]), None);
                }
            }
        }
        let payload = vec![0; 65_536];
        let mut out = vec![];
        assert_eq!(
            ChannelData { channel, payload: &payload }.write(true, &mut out),
            Err(WriteError::TooLong)
        );
        assert!(out.is_empty());
    }

    #[test]
    fn numbers_of_no_channel_are_refused() {
        for number in [0_u16, 0x3fff, 0x5000, 0x7fff, 0x8000, 0xffff] {
            let [high, low] = number.to_be_bytes();
            assert_eq!(ChannelData::parse(&[high, low, 0, 0]), None);
            assert!(!ChannelData::is_first_byte(high));
        }
    }
}
