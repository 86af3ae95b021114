//! Transport addresses: their attribute form and their canonical form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::message::{MAGIC_COOKIE, TransactionId};

/// The one form in which two equal addresses compare equal: an IPv4 address mapped into IPv6 becomes IPv4, and the
/// flow label goes. A scope stays on link-local addresses alone.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_canonical() {
            IpAddr::V4(v4) => SocketAddr::from((v4, v6.port())),
            IpAddr::V6(ip) => {
                let mut plain = std::net::SocketAddrV6::new(ip, v6.port(), 0, 0);
                if ip.is_unicast_link_local() {
                    plain.set_scope_id(v6.scope_id());
                }
                SocketAddr::V6(plain)
            }
        },
    }
}

/// RFC 8489, Section 14.1: a zero byte, the family, the port, the address.
pub(crate) fn read(value: &[u8]) -> Option<SocketAddr> {
    let [_, family, port_high, port_low, rest @ ..] = value else { return None };
    let port = u16::from_be_bytes([*port_high, *port_low]);
    match (family, rest.len()) {
        (1, 4) => Some(SocketAddr::from((Ipv4Addr::from(<[u8; 4]>::try_from(rest).ok()?), port))),
        (2, 16) => Some(SocketAddr::from((Ipv6Addr::from(<[u8; 16]>::try_from(rest).ok()?), port))),
        _ => None,
    }
}

/// RFC 8489, Section 14.2: the port and the address under the magic cookie and the transaction id.
pub(crate) fn read_xor(value: &[u8], id: TransactionId) -> Option<SocketAddr> {
    read(value).map(|address| xor(address, id))
}

/// The value of a MAPPED-ADDRESS, and its length.
pub(crate) fn encode(address: SocketAddr) -> ([u8; 20], usize) {
    let mut value = [0; 20];
    let (family, len) = match address.ip() {
        IpAddr::V4(ip) => {
            for (to, from) in value.iter_mut().skip(4).zip(ip.octets()) {
                *to = from;
            }
            (1, 8)
        }
        IpAddr::V6(ip) => {
            for (to, from) in value.iter_mut().skip(4).zip(ip.octets()) {
                *to = from;
            }
            (2, 20)
        }
    };
    let [high, low] = address.port().to_be_bytes();
    for (to, from) in value.iter_mut().zip([0, family, high, low]) {
        *to = from;
    }
    (value, len)
}

/// Its own inverse.
pub(crate) fn xor(address: SocketAddr, id: TransactionId) -> SocketAddr {
    let [high, low, ..] = MAGIC_COOKIE.to_be_bytes();
    let port = address.port() ^ u16::from_be_bytes([high, low]);
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            let mut mask = [0; 16];
            let bytes = MAGIC_COOKIE.to_be_bytes().into_iter().chain(id.0);
            for (to, from) in mask.iter_mut().zip(bytes) {
                *to = from;
            }
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() ^ u128::from_be_bytes(mask)))
        }
    };
    SocketAddr::from((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_become_v4_and_flow_labels_go() {
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:5".parse().unwrap();
        assert_eq!(canonical(mapped), "127.0.0.1:5".parse().unwrap());
        let flow = SocketAddr::V6(std::net::SocketAddrV6::new("2001:db8::1".parse().unwrap(), 5, 9, 3));
        assert_eq!(canonical(flow), "[2001:db8::1]:5".parse().unwrap());
        let local = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 5, 9, 3));
        assert_eq!(canonical(local), "[fe80::1%3]:5".parse().unwrap());
    }

    #[test]
    fn values_of_other_lengths_or_families_are_refused() {
        for address in ["192.0.2.1:9", "[2001:db8::7]:65535"] {
            let address: SocketAddr = address.parse().unwrap();
            let (value, len) = encode(address);
            assert_eq!(read(&value[..len]), Some(address));
            for short in 0..len {
                assert_eq!(read(&value[..short]), None);
            }
        }
        assert_eq!(read(&[0, 3, 0, 0, 1, 2, 3, 4]), None);
    }
}
