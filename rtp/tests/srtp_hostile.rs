#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
//! What an attacker may send: packets cut short, changed, made up, and more of them than there is room for.

use std::sync::atomic::{AtomicUsize, Ordering};

use duologue_rtp::srtp::{
    Aead, AesKey, Cipher, Discard, MAX_SOURCES, Mac, MasterKey, Profile, Provider, RUST_CRYPTO, Receiver,
    Sender,
};
use duologue_rtp::{ExtendedSequence, SequenceNumber, Ssrc};
use proptest::prelude::*;

const PROFILES: [Profile; 4] = [
    Profile::Aes128CmHmacSha1_80,
    Profile::Aes128CmHmacSha1_32,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

fn providers() -> Vec<&'static dyn Provider> {
    vec![
        &RUST_CRYPTO,
        #[cfg(feature = "aws-lc-rs")]
        &duologue_rtp::srtp::AWS_LC_RS,
    ]
}

fn master_key(profile: Profile) -> MasterKey {
    MasterKey::new(profile, &[1; 32][..profile.key_len()], &[2; 14][..profile.salt_len()]).unwrap()
}

fn protected(profile: Profile) -> (Vec<u8>, Vec<u8>) {
    let mut sender = Sender::new(&RUST_CRYPTO, &master_key(profile));
    let mut rtp = vec![0x90, 96, 0, 5, 0, 0, 0, 1, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4];
    rtp.extend_from_slice(b"the payload of the packet");
    sender.protect_rtp(&mut rtp, 0, 20, Ssrc(9), ExtendedSequence(5)).unwrap();
    let mut rtcp = vec![0x81, 200, 0, 6, 0, 0, 0, 9];
    rtcp.extend_from_slice(&[0x5a; 20]);
    sender.protect_rtcp(&mut rtcp, 0).unwrap();
    (rtp, rtcp)
}

fn take_rtp(receiver: &mut Receiver, packet: &[u8]) -> Result<usize, Discard> {
    let taken = receiver.unprotect_rtp(&mut packet.to_vec(), 20, Ssrc(9), SequenceNumber(5))?;
    Ok(taken.len)
}

/// The tag not checked, or not over all of the packet (KNOWN-FAULTS 21).
#[test]
fn each_flipped_bit_is_refused_and_changes_nothing() {
    for provider in providers() {
        for profile in PROFILES {
            let (rtp, rtcp) = protected(profile);
            let mut receiver = Receiver::new(provider, &master_key(profile), [0; 16]);
            for bit in 0..8 * rtp.len() {
                let mut packet = rtp.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(take_rtp(&mut receiver, &packet), Err(Discard::NotAuthentic), "bit {bit}");
            }
            for bit in 0..8 * rtcp.len() {
                let mut packet = rtcp.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                let refused = receiver.unprotect_rtcp(&mut packet).unwrap_err();
                assert!(matches!(refused, Discard::NotAuthentic | Discard::NotEncrypted), "bit {bit}");
            }
            assert_eq!(receiver.source_count(), 0);
            assert_eq!(take_rtp(&mut receiver, &rtp), Ok(45));
            assert_eq!(receiver.unprotect_rtcp(&mut rtcp.clone()), Ok(28));
            // Once the source is known, too: what is forged does not stand in the way of what is not.
            let mut forged = rtp.clone();
            forged[30] ^= 1;
            let forged = receiver.unprotect_rtp(&mut forged, 20, Ssrc(9), SequenceNumber(30_000));
            assert_eq!(forged, Err(Discard::NotAuthentic));
            assert_eq!(take_rtp(&mut receiver, &rtp), Err(Discard::Replayed));
        }
    }
}

/// The wrong source, sequence number, header length or key is as good as a forged packet.
#[test]
fn a_packet_is_bound_to_its_header_and_key() {
    for provider in providers() {
        for profile in PROFILES {
            let (rtp, _) = protected(profile);
            let mut receiver = Receiver::new(provider, &master_key(profile), [0; 16]);
            let mut take = |header_len, ssrc, sequence| {
                receiver.unprotect_rtp(&mut rtp.clone(), header_len, Ssrc(ssrc), SequenceNumber(sequence))
            };
            if matches!(profile, Profile::AeadAes128Gcm | Profile::AeadAes256Gcm) {
                for (header_len, ssrc, sequence) in [(20, 8, 5), (20, 9, 6), (16, 9, 5), (24, 9, 5)] {
                    assert_eq!(take(header_len, ssrc, sequence), Err(Discard::NotAuthentic));
                }
            }
            let other =
                MasterKey::new(profile, &[1; 32][..profile.key_len()], &[3; 14][..profile.salt_len()]);
            let mut receiver = Receiver::new(provider, &other.unwrap(), [0; 16]);
            assert_eq!(take_rtp(&mut receiver, &rtp), Err(Discard::NotAuthentic));
        }
    }
}

/// SRTCP length underflow (KNOWN-FAULTS 21).
#[test]
fn sizes_from_0_to_40_and_every_truncation_are_refused() {
    for provider in providers() {
        for profile in PROFILES {
            let (rtp, rtcp) = protected(profile);
            let mut receiver = Receiver::new(provider, &master_key(profile), [0; 16]);
            for len in 0..=40 {
                for fill in [0, 0x80, 0xff] {
                    let expected =
                        |least| if len < least { Discard::Truncated } else { Discard::NotAuthentic };
                    let mut packet = vec![fill; len];
                    let refused = receiver.unprotect_rtp(&mut packet, 12, Ssrc(1), SequenceNumber(1));
                    assert_eq!(refused, Err(expected(12 + profile.rtp_overhead())), "{len}");
                    let refused = receiver.unprotect_rtcp(&mut vec![fill; len]).unwrap_err();
                    if refused != Discard::NotEncrypted || fill != 0 {
                        assert_eq!(refused, expected(8 + profile.rtcp_overhead()), "{len}");
                    }
                }
            }
            for len in 0..rtp.len() {
                let least = 20 + profile.rtp_overhead();
                let expected = if len < least { Discard::Truncated } else { Discard::NotAuthentic };
                assert_eq!(take_rtp(&mut receiver, &rtp[..len]), Err(expected), "{len}");
            }
            for len in 0..rtcp.len() {
                let refused = receiver.unprotect_rtcp(&mut rtcp[..len].to_vec()).unwrap_err();
                let truncated = len < 8 + profile.rtcp_overhead();
                assert_eq!(refused == Discard::Truncated, truncated, "{len}");
            }
            // A header that is none.
            for header_len in 0..12 {
                let mut receiver = Receiver::new(&Null, &master_key(profile), [0; 16]);
                let refused =
                    receiver.unprotect_rtp(&mut rtp.clone(), header_len, Ssrc(9), SequenceNumber(5));
                assert_eq!(refused, Err(Discard::Truncated), "{header_len}");
            }
            // A header beyond the end, up to where lengths overflow.
            for header_len in [rtp.len() - 3, rtp.len(), rtp.len() + 1, usize::MAX - 3, usize::MAX] {
                let refused =
                    receiver.unprotect_rtp(&mut rtp.clone(), header_len, Ssrc(9), SequenceNumber(5));
                assert_eq!(refused, Err(Discard::Truncated), "{header_len}");
            }
            assert_eq!(receiver.source_count(), 0);
        }
    }
}

#[test]
fn replayed_and_old_packets_and_new_sources_of_a_full_table_cost_no_crypto() {
    for profile in PROFILES {
        let mut receiver = Receiver::new(&Counting, &master_key(profile), [0; 16]);
        let mut cost = |ssrc: u32, sequence: u16| {
            let before = VERIFIED.load(Ordering::Relaxed);
            let taken = receiver.unprotect_rtp(&mut [0; 60], 12, Ssrc(ssrc), SequenceNumber(sequence));
            (taken.map(|taken| taken.index.0), VERIFIED.load(Ordering::Relaxed) > before)
        };
        assert_eq!(cost(1, 5000), (Ok(5000), true));
        assert_eq!(cost(1, 5000), (Err(Discard::Replayed), false));
        assert_eq!(cost(1, 3000), (Err(Discard::TooOld), false));
        assert_eq!(cost(1, 4999), (Ok(4999), true));
        let sources = u32::try_from(MAX_SOURCES).unwrap();
        for ssrc in 2..=sources {
            assert_eq!(cost(ssrc, 1), (Ok(1), true));
        }
        assert_eq!(cost(sources + 1, 1), (Err(Discard::TooManySources), false));
        // The first has been silent ever since.
        assert_eq!(cost(1, 5000), (Err(Discard::TooOld), false));

        let mut cost = |index: u32| {
            let before = VERIFIED.load(Ordering::Relaxed);
            let taken = receiver.unprotect_rtcp(&mut srtcp(profile, 1 << 31 | index));
            (taken, VERIFIED.load(Ordering::Relaxed) > before)
        };
        assert_eq!(cost(1000), (Ok(8), true));
        assert_eq!(cost(1000), (Err(Discard::Replayed), false));
        assert_eq!(cost(700), (Err(Discard::TooOld), false));
        assert_eq!(cost(u32::MAX >> 1), (Ok(8), true));
        assert_eq!(cost(1000), (Err(Discard::TooOld), false));
    }
}

#[test]
fn srtcp_in_the_clear_is_refused_even_with_a_right_tag() {
    for profile in PROFILES {
        let mut receiver = Receiver::new(&Null, &master_key(profile), [0; 16]);
        assert_eq!(receiver.unprotect_rtcp(&mut srtcp(profile, 5)), Err(Discard::NotEncrypted));
        assert_eq!(receiver.unprotect_rtcp(&mut srtcp(profile, 1 << 31 | 5)), Ok(8));
    }
}

/// The peer's sequence numbers lead the index past 2^48 only after 2^33 jumps, and down below zero never.
#[test]
fn an_index_never_falls_below_zero() {
    let mut receiver = Receiver::new(&Null, &master_key(Profile::AeadAes128Gcm), [0; 16]);
    let mut take = |sequence| {
        let taken = receiver.unprotect_rtp(&mut [0; 40], 12, Ssrc(1), SequenceNumber(sequence));
        taken.map(|taken| taken.index.0)
    };
    assert_eq!(take(3), Ok(3));
    // Five before it there is none: it can only be the last of the first cycle.
    assert_eq!(take(65_534), Ok(65_534));
    assert_eq!(take(3), Ok(65_539));
    assert_eq!(take(65_534), Err(Discard::Replayed));
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused_and_stay_within_bounds(
        profile in proptest::sample::select(PROFILES.to_vec()),
        packets in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..120), 0usize..130, 0u32..4, any::<u16>()),
            1..40,
        ),
    ) {
        for provider in [&Null as &dyn Provider, &RUST_CRYPTO] {
            let mut receiver = Receiver::new(provider, &master_key(profile), [0; 16]);
            for (packet, header_len, ssrc, sequence) in &packets {
                let (ssrc, number) = (Ssrc(*ssrc), SequenceNumber(*sequence));
                let taken = receiver.unprotect_rtp(&mut packet.clone(), *header_len, ssrc, number);
                if let Ok(taken) = taken {
                    prop_assert_eq!(taken.len, packet.len() - profile.rtp_overhead());
                    prop_assert!(taken.len >= *header_len);
                    prop_assert_eq!(taken.index.wire().0, *sequence);
                }
                if let Ok(len) = receiver.unprotect_rtcp(&mut packet.clone()) {
                    prop_assert_eq!(len, packet.len() - profile.rtcp_overhead());
                    prop_assert!(len >= 8);
                }
            }
        }
    }
}

/// An SRTCP packet of eight bytes with a tag of zeros and this E flag and index.
fn srtcp(profile: Profile, word: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 1, 0, 0, 0, 9];
    let word = word.to_be_bytes();
    match profile {
        Profile::Aes128CmHmacSha1_80 | Profile::Aes128CmHmacSha1_32 => {
            packet.extend_from_slice(&word);
            packet.resize(packet.len() + 10, 0);
        }
        _ => {
            packet.resize(packet.len() + 16, 0);
            packet.extend_from_slice(&word);
        }
    }
    packet
}

/// Encrypts nothing and takes every tag.
#[derive(Debug)]
struct Null;

impl Provider for Null {
    fn cipher(&self, _: AesKey<'_>) -> Box<dyn Cipher> {
        Box::new(Self)
    }

    fn mac(&self, _: &[u8; 20]) -> Box<dyn Mac> {
        Box::new(Self)
    }

    fn aead(&self, _: AesKey<'_>) -> Box<dyn Aead> {
        Box::new(Self)
    }
}

impl Cipher for Null {
    fn apply(&self, _: &[u8; 16], _: &mut [u8]) {}
}

impl Mac for Null {
    fn sign(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }

    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> bool {
        true
    }
}

impl Aead for Null {
    fn seal(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> [u8; 16] {
        [0; 16]
    }

    fn open(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> bool {
        true
    }
}

/// How often [`Counting`] was asked to verify a tag.
static VERIFIED: AtomicUsize = AtomicUsize::new(0);

/// [`Null`] that counts.
#[derive(Debug)]
struct Counting;

impl Provider for Counting {
    fn cipher(&self, _: AesKey<'_>) -> Box<dyn Cipher> {
        Box::new(Null)
    }

    fn mac(&self, _: &[u8; 20]) -> Box<dyn Mac> {
        Box::new(Self)
    }

    fn aead(&self, _: AesKey<'_>) -> Box<dyn Aead> {
        Box::new(Self)
    }
}

impl Mac for Counting {
    fn sign(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }

    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> bool {
        VERIFIED.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Aead for Counting {
    fn seal(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> [u8; 16] {
        [0; 16]
    }

    fn open(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> bool {
        VERIFIED.fetch_add(1, Ordering::Relaxed);
        true
    }
}
