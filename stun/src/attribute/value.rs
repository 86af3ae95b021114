//! Values that have a type of their own.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The family of an address, as STUN numbers them (RFC 8489, Section 14.1); unknown ones are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressFamily(pub u8);

impl AddressFamily {
    /// IPv4.
    pub const IPV4: Self = Self(0x01);
    /// IPv6.
    pub const IPV6: Self = Self(0x02);

    /// The family of an address; one mapped from IPv4 counts as IPv4.
    #[must_use]
    pub const fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(_) => Self::IPV4,
            IpAddr::V6(_) => Self::IPV6,
        }
    }
}

/// A value that `Debug` prints as its length: a payload, a secret, or what may be either.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opaque<'a>(pub &'a [u8]);

impl fmt::Debug for Opaque<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque").field("len", &self.0.len()).finish()
    }
}

/// The number of a channel, 0x4000 to 0x4FFF ([RFC 8656, Section 12]).
///
/// [RFC 8656, Section 12]: https://www.rfc-editor.org/rfc/rfc8656#section-12
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The lowest number.
    pub const MIN: Self = Self(0x4000);
    /// The highest number.
    pub const MAX: Self = Self(0x4fff);

    /// A number, when it is one of 0x4000 to 0x4FFF.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if Self::MIN.0 <= number && number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The number, 0x4000 to 0x4FFF.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// An algorithm that makes a key of a password (RFC 8489, Section 18.5); unknown ones are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PasswordAlgorithm(pub u16);

impl PasswordAlgorithm {
    /// MD5, for servers that know nothing better.
    pub const MD5: Self = Self(0x0001);
    /// SHA-256.
    pub const SHA_256: Self = Self(0x0002);
}

/// The list of PASSWORD-ALGORITHMS, in the server's order of preference (RFC 8489, Section 14.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordAlgorithms<'a> {
    value: &'a [u8],
}

impl<'a> PasswordAlgorithms<'a> {
    /// Reads a value. `None` when a length in it leads past its end, or when it names no algorithm.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut rest = value;
        while !rest.is_empty() {
            (_, _, rest) = split_algorithm(rest)?;
        }
        (!value.is_empty()).then_some(Self { value })
    }

    /// The algorithms with their parameters, first the one the server likes best.
    pub fn iter(&self) -> impl Iterator<Item = (PasswordAlgorithm, &'a [u8])> + use<'a> {
        let mut rest = self.value;
        std::iter::from_fn(move || {
            let (algorithm, parameters, after) = split_algorithm(rest)?;
            rest = after;
            Some((algorithm, parameters))
        })
    }

    /// The value as it came, to be sent back (RFC 8489, Section 9.2.5).
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.value
    }
}

/// RFC 8489, Section 14.11: number, length of the parameters, parameters. The padding of the last ones may be missing.
pub(crate) fn split_algorithm(bytes: &[u8]) -> Option<(PasswordAlgorithm, &[u8], &[u8])> {
    let ([n0, n1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let parameters = rest.get(..len)?;
    let after = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some((PasswordAlgorithm(u16::from_be_bytes([*n0, *n1])), parameters, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_numbers_are_those_of_rfc_8656() {
        let valid = (0..=u16::MAX).filter_map(ChannelNumber::new).count();
        assert_eq!(valid, 0x1000);
        assert_eq!(ChannelNumber::new(0x3fff), None);
        assert_eq!(ChannelNumber::new(0x5000), None);
    }

    #[test]
    fn a_list_of_algorithms_is_read_in_its_order_and_its_lengths_are_checked() {
        let value = [0, 2, 0, 0, 0xff, 0xfe, 0, 5, 1, 2, 3, 4, 5, 9, 9, 9, 0, 1, 0, 0];
        let list = PasswordAlgorithms::parse(&value).unwrap();
        let read: Vec<_> = list.iter().collect();
        let other: &[u8] = &[1, 2, 3, 4, 5];
        let expected = [
            (PasswordAlgorithm::SHA_256, &[][..]),
            (PasswordAlgorithm(0xfffe), other),
            (PasswordAlgorithm::MD5, &[]),
        ];
        assert_eq!(read, expected);
        assert_eq!(list.as_bytes(), value);
        for len in 0..value.len() {
            // Whole after the first, after the second with and without its padding.
            let whole = matches!(len, 4 | 13..=16);
            assert_eq!(PasswordAlgorithms::parse(&value[..len]).is_some(), whole, "{len}");
        }
    }

    #[test]
    fn a_mapped_address_is_of_the_family_that_it_maps() {
        let family = |text: &str| AddressFamily::of(text.parse().unwrap());
        assert_eq!(family("192.0.2.1:1"), AddressFamily::IPV4);
        assert_eq!(family("[::ffff:192.0.2.1]:1"), AddressFamily::IPV4);
        assert_eq!(family("[2001:db8::1]:1"), AddressFamily::IPV6);
    }
}
