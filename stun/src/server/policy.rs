//! To whom nothing is relayed ([RFC 8656, Section 21.2.2]).
//!
//! [RFC 8656, Section 21.2.2]: https://www.rfc-editor.org/rfc/rfc8656#section-21.2.2

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses: those whose first bits are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    base: IpAddr,
    len: u8,
}

impl Prefix {
    /// The addresses that have the first `len` bits of `base`. `None` when `len` is above 32 or, with IPv6, 128. An IPv4
    /// address mapped into IPv6 is not taken: say it as IPv4.
    #[must_use]
    pub const fn new(base: IpAddr, len: u8) -> Option<Self> {
        let (longest, mapped) = match base {
            IpAddr::V4(_) => (32, false),
            IpAddr::V6(ip) => (128, ip.to_ipv4_mapped().is_some()),
        };
        if len <= longest && !mapped { Some(Self { base, len }) } else { None }
    }

    /// Whether an address is in the range; one mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - self.len)).unwrap_or(0);
                (base.to_bits() ^ ip.to_bits()) & mask == 0
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - self.len)).unwrap_or(0);
                (base.to_bits() ^ ip.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// Which addresses may be peers.
///
/// The rule for an address is that of the first list that it is in: `refused`, `allowed`, then what is refused to all: loopback,
/// unspecified, link-local, site-local, multicast, broadcast and reserved addresses, 0.0.0.0/8, and addresses that lead into
/// IPv4 by another way (6to4, Teredo, IPv4-compatible, local-use NAT64). All others are allowed, private ones among them: a
/// server that stands in a network of its own refuses [`PRIVATE`]. Before any list is looked at, an IPv4 address mapped into
/// IPv6 becomes IPv4; one behind the well-known prefix of NAT64 (64:ff9b::/96) must be allowed itself and as IPv4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PeerPolicy {
    /// Refused besides. Default: none.
    pub refused: Vec<Prefix>,
    /// Allowed, whatever the rules for all say: loopback for a test on one machine. Default: none.
    pub allowed: Vec<Prefix>,
}

impl PeerPolicy {
    /// Whether data may be relayed to and from an address.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let itself = if self.refused.iter().any(|range| range.contains(address)) {
            false
        } else {
            self.allowed.iter().any(|range| range.contains(address)) || allowed_to_all(address)
        };
        itself && nat64(address).is_none_or(|inner| self.allows(IpAddr::V4(inner)))
    }
}

fn allowed_to_all(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            !(ip.is_loopback() || ip.is_link_local() || first == 0 || first >= 224)
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            let refused = ip.is_multicast()
                || ip.is_unicast_link_local()
                // Site-local (RFC 3879).
                || a & 0xffc0 == 0xfec0
                // ::/96: unspecified, loopback, IPv4-compatible (RFC 4291, Section 2.5.5.1).
                || ip.to_bits() >> 32 == 0
                // IPv4-translated, ::ffff:0:0:0/96 (RFC 2765).
                || ip.to_bits() >> 32 == 0xffff_0000
                // 6to4 (RFC 3056) and Teredo (RFC 4380).
                || a == 0x2002
                || (a, b) == (0x2001, 0)
                // NAT64 of local use (RFC 8215).
                || (a, b, c) == (0x64, 0xff9b, 1);
            !refused
        }
    }
}

/// The address behind 64:ff9b::/96 ([RFC 6052, Section 2.1]).
///
/// [RFC 6052, Section 2.1]: https://www.rfc-editor.org/rfc/rfc6052#section-2.1
fn nat64(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = address else { return None };
    let [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] = ip.octets() else { return None };
    Some(Ipv4Addr::new(a, b, c, d))
}

/// The private ranges: RFC 1918, RFC 6598 (behind carriers' NATs) and RFC 4193.
pub const PRIVATE: [Prefix; 5] = [
    Prefix { base: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), len: 8 },
    Prefix { base: IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), len: 12 },
    Prefix { base: IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), len: 16 },
    Prefix { base: IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), len: 10 },
    Prefix { base: IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), len: 7 },
];
