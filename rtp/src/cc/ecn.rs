//! Marks of packets that meet congestion.

/// Explicit congestion notification ([RFC 3168, Section 5](https://www.rfc-editor.org/rfc/rfc3168#section-5)). Where there may
/// be none, none means that the packet's sender does not take part, or that the mark is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// ECN-capable, codepoint 1.
    Ect1,
    /// ECN-capable, codepoint 0.
    Ect0,
    /// Congestion experienced.
    Ce,
}

impl Ecn {
    /// The mark that two bits of an IP header make, the lower ones of `bits`; `None` when they are zero.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits & 0b11 {
            0b01 => Some(Self::Ect1),
            0b10 => Some(Self::Ect0),
            0b11 => Some(Self::Ce),
            _ => None,
        }
    }

    /// The two bits of an IP header.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ect1 => 0b01,
            Self::Ect0 => 0b10,
            Self::Ce => 0b11,
        }
    }
}
