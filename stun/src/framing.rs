//! Datagrams on streams: STUN and ChannelData as they frame themselves ([RFC 8489, Section 6.2.2];
//! [RFC 8656, Section 12.5]), and two bytes of length before each ([RFC 4571, Section 2]), as ICE-TCP has it.
//!
//! [RFC 8489, Section 6.2.2]: https://www.rfc-editor.org/rfc/rfc8489#section-6.2.2
//! [RFC 8656, Section 12.5]: https://www.rfc-editor.org/rfc/rfc8656#section-12.5
//! [RFC 4571, Section 2]: https://www.rfc-editor.org/rfc/rfc4571#section-2

use std::fmt;

/// How datagrams stand on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Each begins with the header of STUN or of ChannelData, whose length counts; ChannelData is padded to a multiple of
    /// four bytes. This is what a STUN or TURN server speaks over TCP and TLS.
    Stun,
    /// Before each stand two bytes with its length.
    Rfc4571,
}

/// Makes datagrams of a stream's bytes, whatever the pieces in which they come.
///
/// It holds at most one datagram that has begun, and no more of it than has come. One that lies whole in the bytes given
/// is not copied.
///
/// ```
/// use duologue_stun::framing::{Deframer, Framing};
///
/// let mut deframer = Deframer::new(Framing::Rfc4571, 1_500);
/// let mut received = *b"\x00\x03one\x00\x03two\x00\x05th";
/// let mut input = &mut received[..];
/// let mut datagrams = Vec::new();
/// while let Some(datagram) = deframer.read(&mut input)? {
///     datagrams.push(datagram.to_vec());
/// }
/// assert_eq!(datagrams, [b"one", b"two"]);
/// let mut input = &mut b"ree".to_vec()[..];
/// assert_eq!(deframer.read(&mut input)?, Some(&mut b"three".to_vec()[..]));
/// # Ok::<(), duologue_stun::framing::FramingError>(())
/// ```
pub struct Deframer {
    framing: Framing,
    max_len: usize,
    /// The frame that has begun; after a whole one was handed out of it, that.
    buffer: Vec<u8>,
    handed_out: bool,
    failed: Option<FramingError>,
}

/// A stream's bytes are not framed as they ought to be. What follows them cannot be made out: the stream is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A first byte begins neither STUN nor ChannelData, or a STUN message's length is not a multiple of four.
    #[error("neither a STUN nor a ChannelData message")]
    Unknown,
    /// A datagram is longer than the bound.
    #[error("a datagram is longer than the bound")]
    TooLong,
}

impl fmt::Debug for Deframer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deframer")
            .field("framing", &self.framing)
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Deframer {
    /// A deframer at the beginning of a stream, for datagrams of at most `max_len` bytes.
    #[must_use]
    pub const fn new(framing: Framing, max_len: usize) -> Self {
        Self { framing, max_len, buffer: Vec::new(), handed_out: false, failed: None }
    }

    /// Takes bytes off the front of `input` until a datagram is whole, and hands it out. `None` when `input` is used up: the
    /// rest of the datagram that has begun is yet to come. Framing and padding are taken off.
    ///
    /// # Errors
    /// The stream cannot be read on; the same error again from then on.
    pub fn read<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i mut [u8],
    ) -> Result<Option<&'s mut [u8]>, FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if std::mem::take(&mut self.handed_out) {
            self.buffer.clear();
        }
        let frame = self.frame(input).inspect_err(|error| self.failed = Some(*error))?;
        let Some(frame) = frame else { return Ok(None) };
        if self.buffer.is_empty() {
            let (whole, rest) = std::mem::take(input).split_at_mut_checked(frame.total).unwrap_or_default();
            *input = rest;
            return Ok(whole.get_mut(frame.start..frame.end));
        }
        self.handed_out = true;
        Ok(self.buffer.get_mut(frame.start..frame.end))
    }

    /// How many bytes of a datagram that is not yet whole are held.
    #[must_use]
    pub fn waiting(&self) -> usize {
        if self.handed_out { 0 } else { self.buffer.len() }
    }

    /// Where the next frame lies: in the buffer if that holds anything, at the front of `input` otherwise. What does not
    /// make a whole one is moved into the buffer.
    fn frame(&mut self, input: &mut &mut [u8]) -> Result<Option<Frame>, FramingError> {
        if self.buffer.is_empty() {
            let frame = self.framing.measure(input, self.max_len)?;
            if let Some(frame) = frame
                && frame.total <= input.len()
            {
                return Ok(Some(frame));
            }
            let wanted = frame.map_or_else(|| self.framing.header_len(), |frame| frame.total);
            self.fill(input, wanted);
            return Ok(None);
        }
        // Twice: the header first, then what it says.
        for _ in 0..2 {
            let frame = self.framing.measure(&self.buffer, self.max_len)?;
            let wanted = frame.map_or_else(|| self.framing.header_len(), |frame| frame.total);
            self.fill(input, wanted);
            if let Some(frame) = frame {
                return Ok((self.buffer.len() == frame.total).then_some(frame));
            }
        }
        Ok(None)
    }

    /// Moves bytes from `input` until the buffer holds `wanted`.
    fn fill(&mut self, input: &mut &mut [u8], wanted: usize) {
        let missing = wanted.saturating_sub(self.buffer.len()).min(input.len());
        let (taken, rest) = std::mem::take(input).split_at_mut_checked(missing).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        *input = rest;
    }
}

/// A frame's parts, counted from its first byte.
#[derive(Debug, Clone, Copy)]
struct Frame {
    start: usize,
    end: usize,
    total: usize,
}

impl Framing {
    /// The two bytes that go before a datagram of `len` bytes; `None` with [`Self::Stun`], and when `len` is above 65,535.
    #[must_use]
    pub fn prefix(self, len: usize) -> Option<[u8; 2]> {
        match self {
            Self::Stun => None,
            Self::Rfc4571 => u16::try_from(len).ok().map(u16::to_be_bytes),
        }
    }

    const fn header_len(self) -> usize {
        match self {
            Self::Stun => 4,
            Self::Rfc4571 => 2,
        }
    }

    /// What the header at the front of `bytes` says; `None` when it is not whole.
    fn measure(self, bytes: &[u8], max_len: usize) -> Result<Option<Frame>, FramingError> {
        let frame = match (self, bytes) {
            (Self::Stun, [first, ..]) if *first >= 0x80 => return Err(FramingError::Unknown),
            (Self::Stun, [first, _, l0, l1, ..]) => {
                let len = usize::from(u16::from_be_bytes([*l0, *l1]));
                if *first >= 0x40 {
                    // RFC 8656, Section 12.5: (4 + Length) rounded up to the nearest multiple of 4.
                    Frame { start: 0, end: 4 + len, total: (4 + len).next_multiple_of(4) }
                } else if len.is_multiple_of(4) {
                    Frame { start: 0, end: 20 + len, total: 20 + len }
                } else {
                    return Err(FramingError::Unknown);
                }
            }
            (Self::Rfc4571, [l0, l1, ..]) => {
                let total = 2 + usize::from(u16::from_be_bytes([*l0, *l1]));
                Frame { start: 2, end: total, total }
            }
            _ => return Ok(None),
        };
        if frame.end - frame.start > max_len { Err(FramingError::TooLong) } else { Ok(Some(frame)) }
    }
}
