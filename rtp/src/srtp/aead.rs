//! AES in Galois/counter mode (RFC 7714).

use super::error::Discard;
use super::key::SessionKeys;
use super::provider::{Aead, Provider};
use super::transform::{PacketId, RTCP_HEADER_LEN};

/// The AEAD and the salt of one session.
#[derive(Debug)]
pub(super) struct GaloisCounterMode {
    aead: Box<dyn Aead>,
    /// The salt's 96 bits.
    salt: u128,
}

impl GaloisCounterMode {
    pub(super) fn new(provider: &dyn Provider, keys: &SessionKeys) -> Self {
        let salt = u128::from_be_bytes(*keys.salt) >> 32;
        Self { aead: provider.aead(keys.encryption.as_aes_key()), salt }
    }

    pub(super) fn protect_rtp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        id: PacketId,
    ) -> Option<()> {
        // RFC 7714, Section 8.2: the header, with its CSRCs and extensions, is the associated data.
        let (header, payload) = packet.get_mut(start..)?.split_at_mut_checked(header_len)?;
        let tag = self.aead.seal(&self.nonce(id), header, payload);
        packet.extend_from_slice(&tag);
        Some(())
    }

    pub(super) fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: PacketId,
    ) -> Result<usize, Discard> {
        let (header, sealed) = packet.split_at_mut_checked(header_len).ok_or(Discard::Truncated)?;
        let payload_len = sealed.len().checked_sub(TAG_LEN).ok_or(Discard::Truncated)?;
        if !self.aead.open(&self.nonce(id), header, sealed) {
            return Err(Discard::NotAuthentic);
        }
        Ok(header_len + payload_len)
    }

    pub(super) fn protect_rtcp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        id: PacketId,
        word: [u8; 4],
    ) -> Option<()> {
        let (header, rest) = packet.get_mut(start..)?.split_first_chunk_mut::<RTCP_HEADER_LEN>()?;
        let tag = self.aead.seal(&self.nonce(id), &rtcp_associated(header, word), rest);
        // RFC 7714, Section 9.2: the tag belongs to the ciphertext, the E flag and the index come last.
        packet.extend_from_slice(&tag);
        packet.extend_from_slice(&word);
        Some(())
    }

    pub(super) fn unprotect_rtcp(&self, packet: &mut [u8], id: PacketId) -> Result<usize, Discard> {
        let (sealed, word) = packet.split_last_chunk_mut::<4>().ok_or(Discard::Truncated)?;
        let (header, sealed) = sealed.split_first_chunk_mut::<RTCP_HEADER_LEN>().ok_or(Discard::Truncated)?;
        let rest_len = sealed.len().checked_sub(TAG_LEN).ok_or(Discard::Truncated)?;
        if !self.aead.open(&self.nonce(id), &rtcp_associated(header, *word), sealed) {
            return Err(Discard::NotAuthentic);
        }
        Ok(RTCP_HEADER_LEN + rest_len)
    }

    /// Sections 8.1 and 9.1 of RFC 7714, which differ in the length of the index alone.
    fn nonce(&self, id: PacketId) -> [u8; 12] {
        let value = self.salt ^ u128::from(id.ssrc.0) << 48 ^ u128::from(id.index);
        let [_, _, _, _, nonce @ ..] = value.to_be_bytes();
        nonce
    }
}

/// RFC 7714, Section 9.2: what of an encrypted SRTCP packet is authenticated alone.
fn rtcp_associated(header: &[u8; RTCP_HEADER_LEN], word: [u8; 4]) -> [u8; 12] {
    let ([a, b, c, d, e, f, g, h], [i, j, k, l]) = (*header, word);
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

const TAG_LEN: usize = 16;
