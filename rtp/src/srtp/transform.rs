//! What a profile does to a packet once its index is known.

use super::aead::GaloisCounterMode;
use super::counter_mode::CounterMode;
use super::error::Discard;
use super::key::SessionKeys;
use super::profile::Profile;
use super::provider::Provider;
use crate::sequence::Ssrc;

/// The E flag: the SRTCP packet is encrypted (RFC 3711, Section 3.4).
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// The header of the first RTCP packet of a compound, which stays in the clear (RFC 3711, Section 3.4).
pub(super) const RTCP_HEADER_LEN: usize = 8;

/// Session keys in place, of SRTP or of SRTCP.
#[derive(Debug)]
pub(super) enum Transform {
    CounterMode(CounterMode),
    GaloisCounterMode(GaloisCounterMode),
}

/// Which packet it is: its source, and its index of 48 bits (SRTP) or 31 bits (SRTCP).
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketId {
    pub(super) ssrc: Ssrc,
    pub(super) index: u64,
}

impl PacketId {
    /// The roll-over counter, as the authentication has it.
    pub(super) const fn roll_over_counter(self) -> [u8; 4] {
        let [_, _, a, b, c, d, _, _] = self.index.to_be_bytes();
        [a, b, c, d]
    }
}

impl Transform {
    pub(super) fn rtp(provider: &dyn Provider, profile: Profile, keys: &SessionKeys) -> Self {
        Self::new(provider, profile, keys, profile.rtp_overhead())
    }

    pub(super) fn rtcp(provider: &dyn Provider, profile: Profile, keys: &SessionKeys) -> Self {
        Self::new(provider, profile, keys, profile.rtcp_overhead() - 4)
    }

    fn new(provider: &dyn Provider, profile: Profile, keys: &SessionKeys, tag_len: usize) -> Self {
        match profile {
            Profile::Aes128CmHmacSha1_80 | Profile::Aes128CmHmacSha1_32 => {
                Self::CounterMode(CounterMode::new(provider, keys, tag_len))
            }
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                Self::GaloisCounterMode(GaloisCounterMode::new(provider, keys))
            }
        }
    }

    /// `None`, with the packet as it was, if the header is longer than the packet.
    pub(super) fn protect_rtp(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        id: PacketId,
    ) -> Option<()> {
        match self {
            Self::CounterMode(mode) => mode.protect_rtp(packet, start, header_len, id),
            Self::GaloisCounterMode(mode) => mode.protect_rtp(packet, start, header_len, id),
        }
    }

    /// Returns how long the packet is without its tag.
    pub(super) fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: PacketId,
    ) -> Result<usize, Discard> {
        match self {
            Self::CounterMode(mode) => mode.unprotect_rtp(packet, header_len, id),
            Self::GaloisCounterMode(mode) => mode.unprotect_rtp(packet, header_len, id),
        }
    }

    /// `None`, with the packet as it was, if it is shorter than an RTCP header.
    pub(super) fn protect_rtcp(&self, packet: &mut Vec<u8>, start: usize, id: PacketId) -> Option<()> {
        // An index is below 2^31.
        let word = ENCRYPTED | u32::try_from(id.index).ok()?;
        match self {
            Self::CounterMode(mode) => mode.protect_rtcp(packet, start, id, word.to_be_bytes()),
            Self::GaloisCounterMode(mode) => mode.protect_rtcp(packet, start, id, word.to_be_bytes()),
        }
    }

    /// The E flag and the index of a packet, before it is authenticated. `None` if it is too short for them, a header
    /// and a tag.
    pub(super) fn rtcp_word(&self, packet: &[u8]) -> Option<u32> {
        let behind = match self {
            Self::CounterMode(mode) => mode.tag_len(),
            Self::GaloisCounterMode(_) => 0,
        };
        let (rest, word) = packet.get(..packet.len().checked_sub(behind)?)?.split_last_chunk()?;
        let tag_before = match self {
            Self::CounterMode(_) => 0,
            Self::GaloisCounterMode(_) => 16,
        };
        (rest.len() >= RTCP_HEADER_LEN + tag_before).then(|| u32::from_be_bytes(*word))
    }

    /// Returns how long the packet is without what protection added. The packet is encrypted.
    pub(super) fn unprotect_rtcp(&self, packet: &mut [u8], id: PacketId) -> Result<usize, Discard> {
        match self {
            Self::CounterMode(mode) => mode.unprotect_rtcp(packet, id),
            Self::GaloisCounterMode(mode) => mode.unprotect_rtcp(packet, id),
        }
    }
}
