//! The wire: the common header, the chunks, and a writer of packets.
//!
//! Views borrow the received bytes; writers append to a caller's buffer. Nothing here has state.

mod abort;
mod chunk;
mod data;
mod forward_tsn;
mod init;
mod reconfig;
mod sack;
mod tlv;
mod writer;

pub use abort::{Cause, Causes, cause};
pub use chunk::{Chunk, Chunks, RawChunk, kind};
pub use data::Data;
pub use forward_tsn::{ForwardTsn, Skipped};
pub use init::{Init, InitParameters};
pub use reconfig::{Reconfig, ReconfigResult, Reconfigs};
pub use sack::{GapBlock, Sack};
pub use tlv::{Parameter, Parameters, UnknownAction, parameter, required_action};
pub use writer::PacketWriter;

use crate::event::Discard;

/// The 12 bytes that open every SCTP packet.
///
/// Source: [RFC 9260, Section 3.1](https://www.rfc-editor.org/rfc/rfc9260#section-3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The sender's SCTP port.
    pub source_port: u16,
    /// The receiver's SCTP port.
    pub destination_port: u16,
    /// The tag that the receiver chose; zero in a packet that carries INIT.
    pub verification_tag: u32,
}

/// Length of the common header in bytes.
pub const HEADER_LEN: usize = 12;

/// Parses the common header and verifies the checksum; the chunks follow by iteration.
///
/// # Errors
/// [`Discard::TooShort`] under 12 bytes, [`Discard::Checksum`] when CRC32c does not match.
pub fn parse(packet: &[u8]) -> Result<(Header, Chunks<'_>), Discard> {
    let Some((&[s0, s1, d0, d1, t0, t1, t2, t3, c0, c1, c2, c3], chunks)) =
        packet.split_first_chunk::<HEADER_LEN>()
    else {
        return Err(Discard::TooShort);
    };
    let header = Header {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        verification_tag: u32::from_be_bytes([t0, t1, t2, t3]),
    };
    // RFC 9260, Section 6.8: a packet with an invalid CRC32c is silently discarded.
    if checksum([s0, s1, d0, d1, t0, t1, t2, t3], chunks) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(Discard::Checksum);
    }
    Ok((header, Chunks::new(chunks)))
}

/// CRC32c over the packet with the checksum field taken as zero.
// RFC 9260, Section 6.8 and Appendix A: the CRC goes onto the wire in little-endian order.
fn checksum(head: [u8; 8], chunks: &[u8]) -> u32 {
    let [a, b, c, d, e, f, g, h] = head;
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&[a, b, c, d, e, f, g, h, 0, 0, 0, 0]);
    digest.update(chunks);
    u32::try_from(digest.finalize()).unwrap_or_default()
}

/// The bytes of padding after a chunk or parameter of `len` bytes.
const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_refused_by_the_checksum() {
        let mut out = Vec::new();
        let header = Header { source_port: 5000, destination_port: 5000, verification_tag: 7 };
        let mut writer = PacketWriter::begin(&mut out, header, 1200);
        writer.chunk(kind::COOKIE_ACK, 0, |_| {});
        let len = writer.finish().unwrap();
        assert_eq!(len, 16);
        assert_eq!(parse(&out).unwrap().0, header);
        for bit in 0..len * 8 {
            let mut bad = out.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&bad).map(|_| ()), Err(Discard::Checksum), "bit {bit}");
        }
        for len in 0..HEADER_LEN {
            assert_eq!(parse(&out[..len]).map(|_| ()), Err(Discard::TooShort));
        }
    }

    #[test]
    fn crc32c_vector() {
        // RFC 3720, Section B.4: 32 bytes of zeroes.
        assert_eq!(crc_fast::crc32_iscsi(&[0; 32]), 0x8a91_36aa);
    }
}
