//! The sending side.

use super::error::ProtectError;
use super::key::MasterKey;
use super::profile::Profile;
use super::provider::Provider;
use super::transform::{PacketId, RTCP_HEADER_LEN, Transform};
use crate::sequence::{ExtendedSequence, Ssrc};

/// Protects what we send under one master key: packets of all our sources, and their RTCP.
#[derive(Debug)]
pub struct Sender {
    profile: Profile,
    rtp: Transform,
    rtcp: Transform,
    /// The next SRTCP packet's index, which all sources count together.
    rtcp_index: u64,
    exhausted: bool,
}

impl Sender {
    /// Derives the session keys and sets them up. `key` is that of our own role in DTLS.
    #[must_use]
    pub fn new(provider: &dyn Provider, key: &MasterKey) -> Self {
        let profile = key.profile();
        Self {
            profile,
            rtp: Transform::rtp(provider, profile, &key.rtp_session_keys(provider)),
            rtcp: Transform::rtcp(provider, profile, &key.rtcp_session_keys(provider)),
            rtcp_index: 0,
            exhausted: false,
        }
    }

    /// The profile of the key.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Protects the RTP packet that begins at `start` and goes to the end of `packet`: encrypts its payload and padding
    /// in place and appends the tag, of [`Profile::rtp_overhead`] bytes. `header_len` is the length of its header with
    /// CSRCs and extensions, at least 12.
    ///
    /// `ssrc` and the lower 16 bits of `index` are those in the header. A source starts with a roll-over counter of
    /// zero, and the receiver knows no other way to learn it: a first sequence number below 2^15 gives the first
    /// packets room to be lost or reordered. Two different packets must never have the same source and index, as that
    /// would give away both ([RFC 3711, Section 9.1](https://www.rfc-editor.org/rfc/rfc3711#section-9.1)); to send the
    /// same bytes again is harmless.
    ///
    /// # Errors
    /// See [`ProtectError`]. After [`KeyExhausted`](ProtectError::KeyExhausted) nothing is protected any more.
    pub fn protect_rtp(
        &mut self,
        packet: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        ssrc: Ssrc,
        index: ExtendedSequence,
    ) -> Result<(), ProtectError> {
        let len = packet.len().checked_sub(start).ok_or(ProtectError::Malformed)?;
        if header_len < RTP_HEADER_LEN || len < header_len || len > MAX_LEN {
            return Err(ProtectError::Malformed);
        }
        // RFC 3711, Section 9.2: each source may send 2^48 packets, and its index counts them.
        self.exhausted |= index.0 >= RTP_PACKETS;
        if self.exhausted {
            return Err(ProtectError::KeyExhausted);
        }
        let id = PacketId { ssrc, index: index.0 };
        self.rtp.protect_rtp(packet, start, header_len, id).ok_or(ProtectError::Malformed)
    }

    /// Protects the RTCP packet, compound or not, that begins at `start` and goes to the end of `packet`: encrypts all
    /// but its first eight bytes in place and appends [`Profile::rtcp_overhead`] bytes.
    ///
    /// # Errors
    /// See [`ProtectError`]. After [`KeyExhausted`](ProtectError::KeyExhausted) nothing is protected any more.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let plain = packet.get(start..).ok_or(ProtectError::Malformed)?;
        let header = plain.first_chunk::<RTCP_HEADER_LEN>().ok_or(ProtectError::Malformed)?;
        if plain.len() > MAX_LEN {
            return Err(ProtectError::Malformed);
        }
        // RFC 3711, Section 9.2
        self.exhausted |= self.rtcp_index >= RTCP_PACKETS;
        if self.exhausted {
            return Err(ProtectError::KeyExhausted);
        }
        let [_, _, _, _, ssrc @ ..] = *header;
        let id = PacketId { ssrc: Ssrc(u32::from_be_bytes(ssrc)), index: self.rtcp_index };
        self.rtcp.protect_rtcp(packet, start, id).ok_or(ProtectError::Malformed)?;
        // RFC 3711, Section 3.4: zero before the first packet, one more after each.
        self.rtcp_index += 1;
        Ok(())
    }
}

const RTP_HEADER_LEN: usize = 12;
/// The longest packet that is protected: what a datagram holds, and far less than the 2^20 bytes that counter mode has
/// a key stream for (RFC 3711, Section 4.1.1).
const MAX_LEN: usize = 65_535;
const RTP_PACKETS: u64 = 1 << 48;
const RTCP_PACKETS: u64 = 1 << 31;

#[cfg(test)]
#[cfg(feature = "rust-crypto")]
mod tests {
    use super::*;
    use crate::srtp::RUST_CRYPTO;

    #[test]
    fn the_last_index_of_srtcp_is_used_and_then_nothing_is_protected() {
        let key = MasterKey::new(Profile::AeadAes128Gcm, &[1; 16], &[2; 12]).unwrap();
        let mut sender = Sender::new(&RUST_CRYPTO, &key);
        sender.rtcp_index = RTCP_PACKETS - 1;
        let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
        assert_eq!(sender.protect_rtcp(&mut packet, 0), Ok(()));
        assert_eq!(packet.last_chunk(), Some(&[0xff; 4]), "the E flag and the index");
        let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
        assert_eq!(sender.protect_rtcp(&mut packet, 0), Err(ProtectError::KeyExhausted));
        assert_eq!(packet, [0x80, 201, 0, 1, 0, 0, 0, 1]);
        let mut packet = vec![0; 20];
        let refused = sender.protect_rtp(&mut packet, 0, 12, Ssrc(0), ExtendedSequence(0));
        assert_eq!(refused, Err(ProtectError::KeyExhausted));
        assert_eq!(packet, [0; 20]);
    }
}
