//! Packet captures in the classic pcap format, with raw IP packets, for Wireshark.

use crate::node::Addresses;
use std::net::IpAddr;
use std::time::Duration;

/// `LINKTYPE_RAW`: packets begin with an IPv4 or IPv6 header.
const LINKTYPE_RAW: u32 = 101;
const UDP: u8 = 17;
const HOP_LIMIT: u8 = 64;

/// A capture in memory.
#[derive(Debug)]
pub(crate) struct Pcap {
    bytes: Vec<u8>,
}

impl Pcap {
    pub(crate) fn new() -> Self {
        let mut bytes = Vec::new();
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, u32::from(u16::MAX), LINKTYPE_RAW] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        Self { bytes }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a datagram seen `since_start`. Addresses of mixed families cannot occur on a wire and are left out,
    /// as are payloads beyond UDP's length.
    pub(crate) fn record(&mut self, since_start: Duration, addresses: Addresses, payload: &[u8]) {
        let Some(packet) = ip_packet(addresses, payload) else { return };
        let Ok(len) = u32::try_from(packet.len()) else { return };
        let seconds = u32::try_from(since_start.as_secs()).unwrap_or(u32::MAX);
        for word in [seconds, since_start.subsec_nanos(), len, len] {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
        self.bytes.extend_from_slice(&packet);
    }
}

fn ip_packet(addresses: Addresses, payload: &[u8]) -> Option<Vec<u8>> {
    let udp_len = u16::try_from(payload.len() + 8).ok()?;
    let mut packet = Vec::with_capacity(payload.len() + 48);
    let mut pseudo = Vec::with_capacity(40);
    match (addresses.source.ip(), addresses.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&udp_len.checked_add(20)?.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0x40, 0, HOP_LIMIT, UDP, 0, 0]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            let sum = checksum(&packet);
            packet.splice(10..12, sum.to_be_bytes());
            pseudo.extend_from_slice(&source.octets());
            pseudo.extend_from_slice(&destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&udp_len.to_be_bytes());
            packet.extend_from_slice(&[UDP, HOP_LIMIT]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            pseudo.extend_from_slice(&source.octets());
            pseudo.extend_from_slice(&destination.octets());
        }
        _ => return None,
    }
    let mut udp = Vec::with_capacity(payload.len() + 8);
    udp.extend_from_slice(&addresses.source.port().to_be_bytes());
    udp.extend_from_slice(&addresses.destination.port().to_be_bytes());
    udp.extend_from_slice(&udp_len.to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(payload);
    pseudo.extend_from_slice(&[0, UDP]);
    pseudo.extend_from_slice(&udp_len.to_be_bytes());
    pseudo.extend_from_slice(&udp);
    // RFC 768: a computed checksum of zero is sent as all ones.
    let sum = match checksum(&pseudo) {
        0 => u16::MAX,
        sum => sum,
    };
    udp.splice(6..8, sum.to_be_bytes());
    packet.extend_from_slice(&udp);
    Some(packet)
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u64;
    for pair in bytes.chunks(2) {
        let word = match *pair {
            [high, low] => u16::from_be_bytes([high, low]),
            [high] => u16::from_be_bytes([high, 0]),
            _ => 0,
        };
        sum += u64::from(word);
    }
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_example_of_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn a_received_packet_sums_to_zero() {
        let addresses = Addresses {
            source: "192.0.2.1:1000".parse().unwrap(),
            destination: "192.0.2.2:2000".parse().unwrap(),
        };
        let packet = ip_packet(addresses, b"odd").unwrap();
        assert_eq!(checksum(&packet[..20]), 0);
        let mut pseudo = packet[12..20].to_vec();
        pseudo.extend_from_slice(&[0, UDP, 0, 11]);
        pseudo.extend_from_slice(&packet[20..]);
        assert_eq!(checksum(&pseudo), 0);
    }
}
