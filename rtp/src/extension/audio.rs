//! How loud audio is.

use bytes::BufMut;

use super::{Kind, Value};

/// How loud the audio of a packet is, and whether it holds speech.
///
/// Source: [RFC 6464, Section 3](https://www.rfc-editor.org/rfc/rfc6464#section-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudioLevel {
    /// Whether the encoder takes the packet for speech. It says nothing where `a=extmap` has `vad=off`.
    pub voice: bool,
    /// How far below overload it is, 0 to 127 dB; 127 is silence. Of a larger number the lower seven bits are written.
    pub below_overload: u8,
}

impl Value for AudioLevel {
    const KIND: Kind = Kind::AudioLevel;

    fn parse(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        Some(Self { voice: byte & 0x80 != 0, below_overload: byte & 0x7f })
    }

    fn wire_len(&self) -> usize {
        1
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u8(u8::from(self.voice) << 7 | self.below_overload & 0x7f);
    }
}

/// How loud each of a packet's contributing sources is, in the order of its CSRC list.
///
/// Source: [RFC 6465, Section 3](https://www.rfc-editor.org/rfc/rfc6465#section-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsrcAudioLevels {
    levels: [u8; 15],
    count: u8,
}

impl CsrcAudioLevels {
    /// One level for each source, as [`AudioLevel::below_overload`] has it; `None` unless there are 1 to 15.
    #[must_use]
    pub fn new(levels: &[u8]) -> Option<Self> {
        let count = u8::try_from(levels.len()).ok().filter(|count| *count > 0)?;
        let mut kept = [0; 15];
        for (to, from) in kept.get_mut(..levels.len())?.iter_mut().zip(levels) {
            // RFC 6465, Section 3: the highest bit is reserved, sent as 0 and ignored.
            *to = from & 0x7f;
        }
        Some(Self { levels: kept, count })
    }

    /// The levels, in dB below overload.
    #[must_use]
    pub fn levels(&self) -> &[u8] {
        self.levels.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl Value for CsrcAudioLevels {
    const KIND: Kind = Kind::CsrcAudioLevel;

    fn parse(value: &[u8]) -> Option<Self> {
        Self::new(value)
    }

    fn wire_len(&self) -> usize {
        self.levels().len()
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_slice(self.levels());
    }
}
