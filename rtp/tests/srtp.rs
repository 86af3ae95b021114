#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
//! SRTP and SRTCP between a sender and a receiver: what is taken, once, and in which order.

use std::collections::BTreeSet;

use duologue_rtp::srtp::{
    Discard, MAX_SOURCES, MasterKey, Profile, ProtectError, Provider, RUST_CRYPTO, Receiver, Sender,
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
    let bytes: Vec<u8> = (1..=32).collect();
    MasterKey::new(profile, &bytes[..profile.key_len()], &bytes[..profile.salt_len()]).unwrap()
}

fn pair(provider: &dyn Provider, profile: Profile) -> (Sender, Receiver) {
    let key = master_key(profile);
    (Sender::new(provider, &key), Receiver::new(provider, &key, [3; 16]))
}

/// A header of `header_len` bytes and `payload_len` bytes that tell of the index.
fn rtp(ssrc: Ssrc, index: u64, header_len: usize, payload_len: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&ExtendedSequence(index).wire().0.to_be_bytes());
    packet.extend_from_slice(&[1, 2, 3, 4]);
    packet.extend_from_slice(&ssrc.0.to_be_bytes());
    packet.resize(header_len, 0xee);
    packet.extend(index.to_be_bytes().iter().cycle().take(payload_len));
    packet
}

fn rtcp(ssrc: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![0x81, 200, 0, 1];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.resize(len, 0x5a);
    packet
}

fn protect(sender: &mut Sender, ssrc: Ssrc, index: u64) -> Vec<u8> {
    let mut packet = rtp(ssrc, index, 12, 50);
    sender.protect_rtp(&mut packet, 0, 12, ssrc, ExtendedSequence(index)).unwrap();
    packet
}

/// Unprotects a copy of what [`protect`] made, and looks at its payload.
fn unprotect(receiver: &mut Receiver, ssrc: Ssrc, packet: &[u8]) -> Result<u64, Discard> {
    let mut packet = packet.to_vec();
    let sequence = SequenceNumber(u16::from_be_bytes([packet[2], packet[3]]));
    let unprotected = receiver.unprotect_rtp(&mut packet, 12, ssrc, sequence)?;
    assert_eq!(packet[..unprotected.len], rtp(ssrc, unprotected.index.0, 12, 50));
    Ok(unprotected.index.0)
}

#[test]
fn packets_of_all_sizes_and_headers_come_back() {
    for provider in providers() {
        for profile in PROFILES {
            let (mut sender, mut receiver) = pair(provider, profile);
            let mut index = 0;
            for payload_len in (0..100).chain([1188, 1400]) {
                for header_len in [12, 16, 72] {
                    index += 1;
                    let plain = rtp(Ssrc(9), index, header_len, payload_len);
                    // What stands before the packet is left alone.
                    let mut buffer = b"before".to_vec();
                    buffer.extend_from_slice(&plain);
                    let id = ExtendedSequence(index);
                    sender.protect_rtp(&mut buffer, 6, header_len, Ssrc(9), id).unwrap();
                    let (before, packet) = buffer.split_at_mut(6);
                    assert_eq!(before, b"before");
                    assert_eq!(packet.len(), plain.len() + profile.rtp_overhead());
                    assert_eq!(packet[..header_len], plain[..header_len]);
                    if payload_len >= 16 {
                        assert_ne!(packet[header_len..plain.len()], plain[header_len..]);
                    }
                    let taken = receiver.unprotect_rtp(packet, header_len, Ssrc(9), id.wire()).unwrap();
                    assert_eq!((taken.index, &packet[..taken.len]), (id, &plain[..]));
                }
            }
            for len in (8..100).chain([1200]) {
                let plain = rtcp(9, len);
                let mut buffer = b"before".to_vec();
                buffer.extend_from_slice(&plain);
                sender.protect_rtcp(&mut buffer, 6).unwrap();
                let (before, packet) = buffer.split_at_mut(6);
                assert_eq!(before, b"before");
                assert_eq!(packet.len(), len + profile.rtcp_overhead());
                assert_eq!(packet[..8], plain[..8]);
                let taken = receiver.unprotect_rtcp(packet).unwrap();
                assert_eq!(packet[..taken], plain);
            }
        }
    }
}

#[test]
fn the_lengths_are_those_of_the_rfcs() {
    let lengths = PROFILES.map(|profile| {
        [
            profile.key_len(),
            profile.salt_len(),
            profile.keying_material_len(),
            profile.rtp_overhead(),
            profile.rtcp_overhead(),
        ]
    });
    // RFC 5764, Section 4.1.2: SRTCP has the long tag with the short one, too.
    assert_eq!(
        lengths,
        [[16, 14, 60, 10, 14], [16, 14, 60, 4, 14], [16, 12, 56, 16, 20], [32, 12, 88, 16, 20]]
    );
    for profile in PROFILES {
        for key in 0..40 {
            for salt in 0..20 {
                let fits = (key, salt) == (profile.key_len(), profile.salt_len());
                assert_eq!(MasterKey::new(profile, &vec![0; key], &vec![0; salt]).is_some(), fits);
            }
        }
        let right = profile.keying_material_len();
        for len in [0, 1, right - 1, right, right + 1, 2 * right] {
            let keys = MasterKey::from_keying_material(profile, &vec![0; len]);
            assert_eq!(keys.is_some(), len == right);
        }
    }
}

#[test]
fn the_keying_material_holds_both_keys_before_both_salts() {
    for profile in PROFILES {
        let (key_len, salt_len) = (profile.key_len(), profile.salt_len());
        let parts = [vec![1; key_len], vec![2; key_len], vec![3; salt_len], vec![4; salt_len]];
        let (client, server) = MasterKey::from_keying_material(profile, &parts.concat()).unwrap();
        for (whole, key, salt) in [(client, &parts[0], &parts[2]), (server, &parts[1], &parts[3])] {
            let mut sender = Sender::new(&RUST_CRYPTO, &whole);
            let alone = MasterKey::new(profile, key, salt).unwrap();
            let mut receiver = Receiver::new(&RUST_CRYPTO, &alone, [0; 16]);
            assert_eq!(unprotect(&mut receiver, Ssrc(1), &protect(&mut sender, Ssrc(1), 1)), Ok(1));
        }
    }
}

#[test]
fn the_receiver_follows_the_roll_over_of_sequence_numbers() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(&RUST_CRYPTO, profile);
        let packets: Vec<_> = (65_520..65_560).map(|index| protect(&mut sender, Ssrc(9), index)).collect();
        // The first packet comes right before the wrap, the next right after, and then the one between.
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[10]), Ok(65_530));
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[19]), Ok(65_539));
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[14]), Ok(65_534));
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[0]), Ok(65_520));
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[19]), Err(Discard::Replayed));
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[14]), Err(Discard::Replayed));
        // A gap of half a cycle is followed, and the counter grows each time round.
        for step in 1..200 {
            let index = 65_560 + 32_000 * step;
            assert_eq!(unprotect(&mut receiver, Ssrc(9), &protect(&mut sender, Ssrc(9), index)), Ok(index));
        }
    }
}

/// RFC 3711, Appendix A has it so from the lower half of the numbers; from the upper half both indices are as near, and only
/// the one ahead can be of use.
#[test]
fn a_gap_of_exactly_half_a_cycle_leads_ahead() {
    for profile in PROFILES {
        for from in [1 << 16, (1 << 16) + 7, (1 << 16) + 32_767, (1 << 16) + 32_768, (5 << 16) + 65_535] {
            let (mut sender, mut receiver) = pair(&RUST_CRYPTO, profile);
            let ssrc = Ssrc(9);
            for index in (from % 65_536..from).step_by(30_000).chain([from]) {
                assert_eq!(unprotect(&mut receiver, ssrc, &protect(&mut sender, ssrc, index)), Ok(index));
            }
            for index in [from + 32_768, from + 32_767, from + 32_769, from + 65_537] {
                assert_eq!(unprotect(&mut receiver, ssrc, &protect(&mut sender, ssrc, index)), Ok(index));
            }
        }
    }
}

#[test]
fn a_source_may_start_at_any_sequence_number() {
    let (mut sender, mut receiver) = pair(&RUST_CRYPTO, Profile::AeadAes128Gcm);
    for first in [0, 1, 32_767, 32_768, 65_534, 65_535] {
        let ssrc = Ssrc(first);
        for index in (first..first + 3).map(u64::from) {
            assert_eq!(unprotect(&mut receiver, ssrc, &protect(&mut sender, ssrc, index)), Ok(index));
        }
    }
    assert_eq!(receiver.source_count(), 6);
}

#[test]
fn a_packet_is_taken_once_within_1024_and_not_at_all_beyond() {
    let (mut sender, mut receiver) = pair(&RUST_CRYPTO, Profile::Aes128CmHmacSha1_80);
    let packets: Vec<_> = (0..3000).map(|index| protect(&mut sender, Ssrc(9), index)).collect();
    assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[0]), Ok(0));
    assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[2900]), Ok(2900));
    // Everything that is at most 1,023 older comes in, the oldest first.
    for (index, packet) in (0..2900).zip(&packets).skip(2900 - 1023) {
        assert_eq!(unprotect(&mut receiver, Ssrc(9), packet), Ok(index));
    }
    for packet in &packets[2900 - 1023..=2900] {
        assert_eq!(unprotect(&mut receiver, Ssrc(9), packet), Err(Discard::Replayed));
    }
    for index in [0, 1, 1000, 2900 - 1100] {
        assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[index]), Err(Discard::TooOld));
    }
    assert_eq!(unprotect(&mut receiver, Ssrc(9), &packets[2901]), Ok(2901));
}

#[test]
fn each_source_has_its_own_window() {
    let (mut sender, mut receiver) = pair(&RUST_CRYPTO, Profile::AeadAes128Gcm);
    // Far apart, and the one wraps while the other stands still.
    for index in [5, 20_000, 50_000, 80_000] {
        assert_eq!(unprotect(&mut receiver, Ssrc(1), &protect(&mut sender, Ssrc(1), index)), Ok(index));
        let low = index / 1000;
        assert_eq!(unprotect(&mut receiver, Ssrc(2), &protect(&mut sender, Ssrc(2), low)), Ok(low));
    }
    assert_eq!(receiver.source_count(), 2);
}

#[test]
fn srtcp_is_taken_once_within_128_and_each_source_counts_alone() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(&RUST_CRYPTO, profile);
        let mut packets = Vec::new();
        for number in 0..600u32 {
            let mut packet = rtcp(number % 2, 40);
            sender.protect_rtcp(&mut packet, 0).unwrap();
            packets.push(packet);
        }
        let mut take = |index: usize| receiver.unprotect_rtcp(&mut packets[index].clone());
        // Two sources, far apart in their indices.
        assert_eq!(take(0), Ok(40));
        assert_eq!(take(599), Ok(40));
        assert_eq!(take(2), Ok(40));
        assert_eq!(take(500), Ok(40));
        for index in 0..600 {
            let highest = if index % 2 == 0 { 500 } else { 599 };
            let taken = take(index);
            if [0, 599, 2, 500].contains(&index) {
                assert!(matches!(taken, Err(Discard::Replayed | Discard::TooOld)), "{index}");
            } else if index + 128 > highest {
                assert_eq!(taken, Ok(40), "{index}");
                assert_eq!(take(index), Err(Discard::Replayed), "{index}");
            } else if index + 192 <= highest {
                assert_eq!(taken, Err(Discard::TooOld), "{index}");
            }
            if index > highest {
                break;
            }
        }
    }
}

#[test]
fn the_first_srtcp_index_is_zero_and_each_packet_adds_one() {
    for profile in PROFILES {
        let (mut sender, _) = pair(&RUST_CRYPTO, profile);
        for index in 0..5u32 {
            // Sources share the count.
            let mut packet = rtcp(index % 2, 8);
            sender.protect_rtcp(&mut packet, 0).unwrap();
            let end = match profile {
                Profile::Aes128CmHmacSha1_80 | Profile::Aes128CmHmacSha1_32 => packet.len() - 10,
                _ => packet.len(),
            };
            assert_eq!(packet[end - 4..end], (1 << 31 | index).to_be_bytes());
        }
    }
}

#[test]
fn a_full_table_keeps_its_sources_and_refuses_new_ones() {
    let (mut sender, mut receiver) = pair(&RUST_CRYPTO, Profile::AeadAes128Gcm);
    let sources = u32::try_from(MAX_SOURCES).unwrap();
    let mut first = Vec::new();
    for ssrc in 0..=sources {
        let packet = protect(&mut sender, Ssrc(ssrc), 5);
        let mut compound = rtcp(ssrc, 20);
        sender.protect_rtcp(&mut compound, 0).unwrap();
        let refused = ssrc == sources;
        let expected = if refused { Err(Discard::TooManySources) } else { Ok(5) };
        assert_eq!(unprotect(&mut receiver, Ssrc(ssrc), &packet), expected);
        let expected = if refused { Err(Discard::TooManySources) } else { Ok(20) };
        assert_eq!(receiver.unprotect_rtcp(&mut compound.clone()), expected);
        first.push((packet, compound));
    }
    assert_eq!(receiver.source_count(), MAX_SOURCES);
    // The newest are still guarded against replay, and so are the oldest, and go on.
    assert_eq!(unprotect(&mut receiver, Ssrc(0), &first[0].0), Err(Discard::TooOld));
    assert_eq!(receiver.unprotect_rtcp(&mut first[0].1), Err(Discard::TooOld));
    let last = Ssrc(sources - 1);
    let (packet, compound) = first.get_mut(last.0 as usize).unwrap();
    assert_eq!(unprotect(&mut receiver, last, packet), Err(Discard::Replayed));
    assert_eq!(receiver.unprotect_rtcp(compound), Err(Discard::Replayed));
    assert_eq!(unprotect(&mut receiver, Ssrc(0), &protect(&mut sender, Ssrc(0), 6)), Ok(6));
}

#[test]
fn a_source_that_was_silent_while_thousands_came_and_went_goes_on_and_nothing_of_it_is_taken_twice() {
    let (mut sender, mut receiver) = pair(&RUST_CRYPTO, Profile::AeadAes128Gcm);
    // It has been through two cycles of numbers, and one that speaks all the while keeps its window.
    let (quiet, speaker) = (Ssrc(1), Ssrc(2));
    let mut sent = Vec::new();
    for index in (0..3).map(|number| number * 30_000) {
        sent.push((index, protect(&mut sender, quiet, index)));
        assert_eq!(unprotect(&mut receiver, quiet, &sent.last().unwrap().1), Ok(index));
    }
    let late = protect(&mut sender, quiet, 59_999);
    for number in 0..3000 {
        // Two of its packets are swapped, with one of another source between them.
        for (ssrc, index) in [(speaker, number * 2 + 2), (Ssrc(number + 10), 7), (speaker, number * 2 + 1)] {
            let index = index.into();
            let packet = protect(&mut sender, ssrc, index);
            assert_eq!(unprotect(&mut receiver, ssrc, &packet), Ok(index));
            assert_eq!(unprotect(&mut receiver, ssrc, &packet), Err(Discard::Replayed));
        }
    }
    for (index, packet) in sent.iter().map(|(index, packet)| (*index, packet)).chain([(59_999, &late)]) {
        assert!(unprotect(&mut receiver, quiet, packet).is_err(), "{index}");
    }
    // Its cycle is still known, and once it speaks it has a window again.
    for index in [70_002, 70_001, 60_001] {
        let packet = protect(&mut sender, quiet, index);
        let expected = if index == 60_001 { Err(Discard::TooOld) } else { Ok(index) };
        assert_eq!(unprotect(&mut receiver, quiet, &packet), expected);
    }
    assert_eq!(receiver.source_count(), 3002);
}

#[test]
fn what_does_not_fit_is_not_protected_and_left_as_it_was() {
    for profile in PROFILES {
        let (mut sender, _) = pair(&RUST_CRYPTO, profile);
        let plain = rtp(Ssrc(1), 1, 12, 8);
        for (start, header_len) in [(0, 0), (0, 11), (0, 21), (1, 20), (21, 0), (9, 12), (0, usize::MAX)] {
            let mut packet = plain.clone();
            let refused = sender.protect_rtp(&mut packet, start, header_len, Ssrc(1), ExtendedSequence(1));
            assert_eq!((refused, &packet), (Err(ProtectError::Malformed), &plain), "{start} {header_len}");
        }
        for start in [13, 20, 21, usize::MAX] {
            let mut packet = plain.clone();
            let refused = sender.protect_rtcp(&mut packet, start);
            assert_eq!((refused, &packet), (Err(ProtectError::Malformed), &plain), "{start}");
        }
        for (len, expected) in [(65_535, Ok(())), (65_536, Err(ProtectError::Malformed))] {
            let mut packet = rtp(Ssrc(1), 1, 12, len - 12);
            let protected = sender.protect_rtp(&mut packet, 0, 12, Ssrc(1), ExtendedSequence(1));
            assert_eq!(protected, expected);
            assert_eq!(sender.protect_rtcp(&mut rtcp(1, len), 0), expected);
        }
        // What was refused took no index.
        let mut packet = rtcp(1, 8);
        sender.protect_rtcp(&mut packet, 0).unwrap();
        assert!(packet.windows(4).any(|word| word == (1u32 << 31 | 1).to_be_bytes()));
    }
}

#[test]
fn a_key_ends_after_2_to_the_48_packets_of_a_source() {
    let (mut sender, _) = pair(&RUST_CRYPTO, Profile::AeadAes256Gcm);
    let last = (1 << 48) - 1;
    let mut protect = |index| {
        let mut packet = rtp(Ssrc(1), index, 12, 20);
        let protected = sender.protect_rtp(&mut packet, 0, 12, Ssrc(1), ExtendedSequence(index));
        assert_eq!(protected.is_err(), packet == rtp(Ssrc(1), index, 12, 20));
        protected
    };
    assert_eq!(protect(last), Ok(()));
    assert_eq!(protect(last + 1), Err(ProtectError::KeyExhausted));
    assert_eq!(protect(0), Err(ProtectError::KeyExhausted));
    assert_eq!(sender.protect_rtcp(&mut rtcp(1, 8), 0), Err(ProtectError::KeyExhausted));
}

#[test]
fn debug_prints_lengths_and_no_secrets() {
    for profile in PROFILES {
        for provider in providers() {
            let (sender, receiver) = pair(provider, profile);
            let printed = format!("{:?} {sender:?} {receiver:?}", master_key(profile));
            assert!(printed.contains(&format!("key of {} bytes", profile.key_len())), "{printed}");
            // The key is 1, 2, 3, ... and the hash key 3, 3, 3, ...
            assert!(!printed.contains("1, 2") && !printed.contains("3, 3"), "{printed}");
        }
    }
}

proptest! {
    /// All that a network does: each packet is taken at most once, with its own index, and every packet within the
    /// window is.
    #[test]
    fn the_receiver_agrees_with_a_model(
        profile in proptest::sample::select(PROFILES.to_vec()),
        first in prop_oneof![0..200u64, 65_000..65_536u64],
        steps in proptest::collection::vec((-1100i64..200, any::<bool>()), 1..200),
    ) {
        let (mut sender, mut receiver) = pair(&RUST_CRYPTO, profile);
        let (mut seen, mut highest) = (BTreeSet::new(), None);
        for (step, forged) in steps {
            let step = if highest.is_some() { step } else { 0 };
            let Some(index) = highest.unwrap_or(first).checked_add_signed(step) else { continue };
            let mut packet = protect(&mut sender, Ssrc(9), index);
            if forged {
                let end = packet.len() - 1;
                packet[end] ^= 1;
            }
            let taken = unprotect(&mut receiver, Ssrc(9), &packet);
            let newest: u64 = highest.unwrap_or(0);
            if seen.contains(&index) {
                prop_assert!(matches!(taken, Err(Discard::Replayed | Discard::TooOld)));
            } else if forged {
                prop_assert!(matches!(taken, Err(Discard::NotAuthentic | Discard::TooOld)));
            } else if index + 1024 > newest {
                prop_assert_eq!(taken, Ok(index));
            } else {
                prop_assert!(matches!(taken, Ok(_) | Err(Discard::TooOld)));
            }
            if taken.is_ok() {
                seen.insert(index);
                highest = Some(newest.max(index));
            }
        }
    }

    #[cfg(feature = "aws-lc-rs")]
    #[test]
    fn both_providers_make_and_take_the_same_bytes(
        profile in proptest::sample::select(PROFILES.to_vec()),
        key in any::<[u8; 32]>(),
        salt in any::<[u8; 14]>(),
        ssrc in any::<u32>(),
        index in 0..1u64 << 16,
        header in proptest::collection::vec(any::<u8>(), 12..90),
        payload in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let key = MasterKey::new(profile, &key[..profile.key_len()], &salt[..profile.salt_len()]).unwrap();
        let plain = [header.clone(), payload].concat();
        let (index, ssrc) = (ExtendedSequence(index), Ssrc(ssrc));
        let mut made = Vec::new();
        for provider in providers() {
            let mut sender = Sender::new(provider, &key);
            let (mut rtp, mut rtcp) = (plain.clone(), plain.clone());
            sender.protect_rtp(&mut rtp, 0, header.len(), ssrc, index).unwrap();
            sender.protect_rtcp(&mut rtcp, 0).unwrap();
            made.push((rtp, rtcp));
        }
        prop_assert_eq!(&made[0], &made[1]);
        for provider in providers() {
            let mut receiver = Receiver::new(provider, &key, [1; 16]);
            let (mut rtp, mut rtcp) = made[0].clone();
            let taken = receiver.unprotect_rtp(&mut rtp, header.len(), ssrc, index.wire()).unwrap();
            prop_assert_eq!(&rtp[..taken.len], &plain[..]);
            let len = receiver.unprotect_rtcp(&mut rtcp).unwrap();
            prop_assert_eq!(&rtcp[..len], &plain[..]);
        }
    }
}
