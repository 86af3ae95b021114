//! Serial numbers: TSNs unwrapped to 64 bits, and stream sequence numbers.

/// A transmission sequence number, unwrapped to 64 bits so that plain ordering and subtraction hold.
///
/// The low 32 bits are what the wire carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tsn(u64);

impl Tsn {
    /// The first TSN of a direction, with room below it for numbers from before the start.
    pub(crate) const fn initial(wire: u32) -> Self {
        Self((1 << 32) | wire as u64)
    }

    pub(crate) const fn wire(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }

    /// The unwrapped number that `wire` means when it lies within 2^31 of this one.
    // RFC 9260, Section 1.6: comparisons and arithmetic on TSNs are modulo 2^32.
    pub(crate) const fn nearest(self, wire: u32) -> Self {
        let distance = wire.wrapping_sub(self.wire()).cast_signed();
        Self(self.0.wrapping_add_signed(distance as i64))
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    pub(crate) const fn previous(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    pub(crate) const fn plus(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How far this number lies past `earlier`; zero when it does not.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same as an index into a ring whose first slot holds `base`.
    pub(crate) fn index_from(self, base: Self) -> Option<usize> {
        usize::try_from(self.0.checked_sub(base.0)?).ok()
    }
}

/// Whether stream sequence number `a` comes after `b` (modulo 2^16).
// RFC 9260, Section 1.6
pub(crate) const fn ssn_after(a: u16, b: u16) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tsn_unwraps_to_the_nearest() {
        let tsn = Tsn::initial(0xffff_fffe);
        assert_eq!(tsn.nearest(1).since(tsn), 3);
        assert_eq!(tsn.since(tsn.nearest(0xffff_fff0)), 14);
        assert_eq!(tsn.next().next().wire(), 0);
        assert!(Tsn::initial(0).previous() < Tsn::initial(0));
        assert_eq!(Tsn::initial(0).previous().wire(), u32::MAX);
    }

    #[test]
    fn ssn_order_wraps() {
        assert!(ssn_after(0, u16::MAX));
        assert!(!ssn_after(u16::MAX, 0));
        assert!(!ssn_after(5, 5));
    }
}
