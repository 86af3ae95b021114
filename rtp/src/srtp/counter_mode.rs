//! AES in counter mode with HMAC-SHA1 (RFC 3711, Section 4).

use super::error::Discard;
use super::key::SessionKeys;
use super::provider::{Cipher, Mac, Provider};
use super::transform::{PacketId, RTCP_HEADER_LEN};

/// The cipher, the authentication and the salt of one session.
#[derive(Debug)]
pub(super) struct CounterMode {
    cipher: Box<dyn Cipher>,
    mac: Box<dyn Mac>,
    /// The salt shifted by 16 bits, as Section 4.1.1 has it.
    salt: u128,
    tag_len: usize,
}

impl CounterMode {
    pub(super) fn new(provider: &dyn Provider, keys: &SessionKeys, tag_len: usize) -> Self {
        Self {
            cipher: provider.cipher(keys.encryption.as_aes_key()),
            mac: provider.mac(&keys.authentication),
            salt: u128::from_be_bytes(*keys.salt),
            tag_len,
        }
    }

    pub(super) const fn tag_len(&self) -> usize {
        self.tag_len
    }

    pub(super) fn protect_rtp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        id: PacketId,
    ) -> Option<()> {
        let plain = packet.get_mut(start..)?;
        self.cipher.apply(&self.counter(id), plain.get_mut(header_len..)?);
        // RFC 3711, Section 4.2: the roll-over counter is authenticated as if it followed the packet.
        let tag = self.mac.sign(plain, &id.roll_over_counter());
        packet.extend_from_slice(tag.get(..self.tag_len)?);
        Some(())
    }

    pub(super) fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: PacketId,
    ) -> Result<usize, Discard> {
        let len = packet.len().checked_sub(self.tag_len).ok_or(Discard::Truncated)?;
        let (packet, tag) = packet.split_at_mut_checked(len).ok_or(Discard::Truncated)?;
        if header_len > packet.len() {
            return Err(Discard::Truncated);
        }
        if !self.mac.verify(packet, &id.roll_over_counter(), tag) {
            return Err(Discard::NotAuthentic);
        }
        self.cipher.apply(&self.counter(id), packet.get_mut(header_len..).ok_or(Discard::Truncated)?);
        Ok(len)
    }

    pub(super) fn protect_rtcp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        id: PacketId,
        word: [u8; 4],
    ) -> Option<()> {
        let plain = packet.get_mut(start..)?;
        self.cipher.apply(&self.counter(id), plain.get_mut(RTCP_HEADER_LEN..)?);
        // RFC 3711, Section 3.4: the E flag and the index are authenticated, and stand before the tag.
        let tag = self.mac.sign(plain, &word);
        packet.extend_from_slice(&word);
        packet.extend_from_slice(tag.get(..self.tag_len)?);
        Some(())
    }

    pub(super) fn unprotect_rtcp(&self, packet: &mut [u8], id: PacketId) -> Result<usize, Discard> {
        let signed_len = packet.len().checked_sub(self.tag_len).ok_or(Discard::Truncated)?;
        let (signed, tag) = packet.split_at_mut_checked(signed_len).ok_or(Discard::Truncated)?;
        if signed.len() < RTCP_HEADER_LEN + 4 {
            return Err(Discard::Truncated);
        }
        if !self.mac.verify(signed, &[], tag) {
            return Err(Discard::NotAuthentic);
        }
        let (packet, _) = signed.split_last_chunk_mut::<4>().ok_or(Discard::Truncated)?;
        self.cipher.apply(&self.counter(id), packet.get_mut(RTCP_HEADER_LEN..).ok_or(Discard::Truncated)?);
        Ok(packet.len())
    }

    // RFC 3711, Section 4.1.1
    fn counter(&self, id: PacketId) -> [u8; 16] {
        (self.salt ^ u128::from(id.ssrc.0) << 64 ^ u128::from(id.index) << 16).to_be_bytes()
    }
}
