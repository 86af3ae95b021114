//! Numbers that wrap: sequence numbers and timestamps, and their extended forms that do not.

use std::fmt;

/// A source of packets: a synchronization source or a contributing source
/// ([RFC 3550, Section 3](https://www.rfc-editor.org/rfc/rfc3550#section-3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The format of a payload, as a session description numbers it: 0 to 127
/// ([RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(u8);

impl PayloadType {
    /// `None` above 127.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 128 { Some(Self(number)) } else { None }
    }

    /// The lower seven bits of a header's second byte.
    #[must_use]
    pub const fn from_low_bits(byte: u8) -> Self {
        Self(byte & 0x7f)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A packet's number as it is on the wire. It wraps after 65,535
/// ([RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// The number that comes `count` after this one.
    #[must_use]
    pub const fn add(self, count: u16) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How far this one is ahead of `other`, the shorter way round; negative when it is behind.
    #[must_use]
    pub const fn distance(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// The full number nearest to `reference` that this one is the end of. The first packet of a stream is its own
    /// reference: [`ExtendedSequence::first`].
    #[must_use]
    pub const fn extend(self, reference: ExtendedSequence) -> ExtendedSequence {
        let distance = self.distance(reference.wire()) as i64;
        match reference.0.checked_add_signed(distance) {
            Some(extended) => ExtendedSequence(extended),
            // Nothing lies below the first cycle.
            None => ExtendedSequence(self.0 as u64),
        }
    }
}

/// A packet's number without wrap: the roll-over counter in the bits above the lower 16 (the packet index of
/// [RFC 3711, Section 3.3.1](https://www.rfc-editor.org/rfc/rfc3711#section-3.3.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ExtendedSequence(pub u64);

impl ExtendedSequence {
    /// The number of a stream's first packet, with a roll-over counter of zero.
    #[must_use]
    pub const fn first(wire: SequenceNumber) -> Self {
        Self(wire.0 as u64)
    }

    /// As it is on the wire.
    #[must_use]
    pub const fn wire(self) -> SequenceNumber {
        SequenceNumber((self.0 & 0xffff) as u16)
    }

    /// How often the wire's number has wrapped, in the 32 bits that SRTP gives it.
    #[must_use]
    pub const fn roll_over_counter(self) -> u32 {
        (self.0 >> 16 & 0xffff_ffff) as u32
    }

    /// The number that comes `count` after this one.
    #[must_use]
    pub const fn add(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

/// A time of the media's clock as it is on the wire. It wraps after 2^32 - 1: at 48 kHz after 24.9 hours
/// ([RFC 3550, Section 5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// The time that is `ticks` after this one.
    #[must_use]
    pub const fn add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// How far this one is ahead of `other`, the shorter way round; negative when it is behind.
    #[must_use]
    pub const fn distance(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// The full time nearest to `reference` that this one is the end of.
    #[must_use]
    pub const fn extend(self, reference: ExtendedTimestamp) -> ExtendedTimestamp {
        let distance = self.distance(reference.wire()) as i64;
        match reference.0.checked_add_signed(distance) {
            Some(extended) => ExtendedTimestamp(extended),
            // Nothing lies below the first cycle.
            None => ExtendedTimestamp(self.0 as u64),
        }
    }
}

/// A time of the media's clock without wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ExtendedTimestamp(pub u64);

impl ExtendedTimestamp {
    /// The time of a stream's first packet. It starts in the second cycle, so that what was sent before it, and comes
    /// after it, has a time too.
    #[must_use]
    pub const fn first(wire: Timestamp) -> Self {
        Self((1 << 32) + wire.0 as u64)
    }

    /// As it is on the wire.
    #[must_use]
    pub const fn wire(self) -> Timestamp {
        Timestamp((self.0 & 0xffff_ffff) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_extended_to_the_nearest_cycle() {
        let reference = ExtendedSequence(0x2_fff0);
        assert_eq!(SequenceNumber(0xfff5).extend(reference), ExtendedSequence(0x2_fff5));
        assert_eq!(SequenceNumber(0x0005).extend(reference), ExtendedSequence(0x3_0005));
        assert_eq!(SequenceNumber(0xffe0).extend(reference), ExtendedSequence(0x2_ffe0));
        assert_eq!(SequenceNumber(0xfff0).extend(ExtendedSequence(5)), ExtendedSequence(0xfff0));
        assert_eq!(ExtendedSequence(0x3_0005).roll_over_counter(), 3);
    }

    #[test]
    fn a_timestamp_is_extended_to_the_nearest_cycle() {
        let first = ExtendedTimestamp::first(Timestamp(100));
        assert_eq!(Timestamp(0xffff_ff00).extend(first), ExtendedTimestamp(0xffff_ff00));
        assert_eq!(Timestamp(300).extend(first), ExtendedTimestamp((1 << 32) + 300));
        let late = ExtendedTimestamp(0x5_ffff_fff0);
        assert_eq!(Timestamp(8).extend(late), ExtendedTimestamp(0x6_0000_0008));
    }
}
