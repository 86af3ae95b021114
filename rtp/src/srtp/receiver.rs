//! The receiving side.

use super::error::Discard;
use super::key::MasterKey;
use super::profile::Profile;
use super::provider::Provider;
use super::sources::Sources;
use super::transform::{ENCRYPTED, PacketId, RTCP_HEADER_LEN, Transform};
use crate::sequence::{ExtendedSequence, SequenceNumber, Ssrc};

/// Takes the protection off what the peer sent under one master key, each packet once.
///
/// For each source it keeps the highest index and a replay window: 1,024 packets of RTP, 128 of RTCP; of one that was
/// silent while hundreds of others came, the highest index alone. A source becomes
/// known by its first authentic packet, up to [`MAX_SOURCES`](crate::srtp::MAX_SOURCES) of them; what is forged
/// changes nothing.
#[derive(Debug)]
pub struct Receiver {
    profile: Profile,
    rtp: Transform,
    rtcp: Transform,
    rtp_sources: Sources<RTP_WORDS>,
    rtcp_sources: Sources<RTCP_WORDS>,
}

/// A packet of RTP without its protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprotected {
    /// How many bytes at the beginning are the RTP packet, in the clear; what follows them has no meaning.
    pub len: usize,
    /// The sequence number with the roll-over counter, proved right by the authentication.
    pub index: ExtendedSequence,
}

impl Receiver {
    /// Derives the session keys and sets them up. `key` is that of the peer's role in DTLS; `hash_key` is secret and
    /// random, and keeps the peer from choosing where its sources fall in the table.
    #[must_use]
    pub fn new(provider: &dyn Provider, key: &MasterKey, hash_key: [u8; 16]) -> Self {
        let profile = key.profile();
        Self {
            profile,
            rtp: Transform::rtp(provider, profile, &key.rtp_session_keys(provider)),
            rtcp: Transform::rtcp(provider, profile, &key.rtcp_session_keys(provider)),
            rtp_sources: Sources::new(&hash_key),
            rtcp_sources: Sources::new(&hash_key),
        }
    }

    /// The profile of the key.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// How many sources of RTP have proved to be authentic.
    #[must_use]
    pub fn source_count(&self) -> usize {
        self.rtp_sources.len()
    }

    /// Verifies and decrypts an SRTP packet in place. `header_len` is the length of the RTP header with CSRCs and
    /// extensions, and `ssrc` and `sequence` are what it holds.
    ///
    /// The roll-over counter is the one that makes the index nearest to the source's highest; a source's first packet
    /// has zero ([RFC 3711, Section 3.3.1](https://www.rfc-editor.org/rfc/rfc3711#section-3.3.1)).
    ///
    /// # Errors
    /// See [`Discard`]. The bytes of a packet that is not authentic may have been overwritten.
    pub fn unprotect_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: Ssrc,
        sequence: SequenceNumber,
    ) -> Result<Unprotected, Discard> {
        let least = header_len.checked_add(self.profile.rtp_overhead());
        if header_len < RTP_HEADER_LEN || least.is_none_or(|least| packet.len() < least) {
            return Err(Discard::Truncated);
        }
        let index = |highest: Option<u64>| match highest {
            Some(highest) => nearest(sequence, highest),
            None => ExtendedSequence::first(sequence).0,
        };
        let rtp = &self.rtp;
        self.rtp_sources.admit(ssrc, index, |index| {
            // RFC 3711, Section 3.3.1: a key lasts for 2^48 packets.
            if index >= 1 << 48 {
                return Err(Discard::NotAuthentic);
            }
            let len = rtp.unprotect_rtp(packet, header_len, PacketId { ssrc, index })?;
            Ok(Unprotected { len, index: ExtendedSequence(index) })
        })
    }

    /// Verifies and decrypts an SRTCP packet in place. Returns how many bytes at the beginning are the RTCP packet,
    /// compound or not, in the clear.
    ///
    /// # Errors
    /// See [`Discard`]. The bytes of a packet that is not authentic may have been overwritten.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Discard> {
        let word = self.rtcp.rtcp_word(packet).ok_or(Discard::Truncated)?;
        let header = packet.first_chunk::<RTCP_HEADER_LEN>().ok_or(Discard::Truncated)?;
        // RFC 8827, Section 6.5: RTCP is never sent in the clear, and nothing negotiates that it were.
        if word & ENCRYPTED == 0 {
            return Err(Discard::NotEncrypted);
        }
        let [_, _, _, _, ssrc @ ..] = *header;
        let ssrc = Ssrc(u32::from_be_bytes(ssrc));
        let rtcp = &self.rtcp;
        self.rtcp_sources.admit(
            ssrc,
            |_| u64::from(word & !ENCRYPTED),
            |index| rtcp.unprotect_rtcp(packet, PacketId { ssrc, index }),
        )
    }
}

/// The index nearest to a source's highest. Of two that are equally near it is the one ahead, as RFC 3711, Appendix A has it
/// in the lower half of a cycle: the one behind would be too old.
fn nearest(sequence: SequenceNumber, highest: u64) -> u64 {
    let index = sequence.extend(ExtendedSequence(highest)).0;
    if index + HALF_CYCLE == highest { highest + HALF_CYCLE } else { index }
}

const RTP_HEADER_LEN: usize = 12;
/// Half of the sequence numbers.
const HALF_CYCLE: u64 = 1 << 15;
/// Words of 64 packets, one of them being filled.
const RTP_WORDS: usize = 1024 / 64 + 1;
const RTCP_WORDS: usize = 128 / 64 + 1;

#[cfg(test)]
#[cfg(feature = "rust-crypto")]
mod tests {
    use super::*;
    use crate::srtp::{RUST_CRYPTO, Sender};

    #[test]
    fn a_packet_is_not_taken_again_as_one_of_the_cycle_after_the_last() {
        let key = MasterKey::new(Profile::Aes128CmHmacSha1_80, &[1; 16], &[2; 14]).unwrap();
        let mut receiver = Receiver::new(&RUST_CRYPTO, &key, [0; 16]);
        receiver.rtp_sources.admit(Ssrc(0), |_| (1 << 48) - 1, |_| Ok(())).unwrap();
        // The tag of the first packet of all has the roll-over counter that comes after the last.
        let mut packet = vec![0; 20];
        Sender::new(&RUST_CRYPTO, &key)
            .protect_rtp(&mut packet, 0, 12, Ssrc(0), ExtendedSequence(0))
            .unwrap();
        let refused = receiver.unprotect_rtp(&mut packet, 12, Ssrc(0), SequenceNumber(0));
        assert_eq!(refused, Err(Discard::NotAuthentic));
    }
}
