#![cfg(feature = "rust-crypto")]
//! In steady state no packet costs an allocation, neither protected nor unprotected nor refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::alloc::System;

use duologue_rtp::srtp::{Discard, MasterKey, Profile, Provider, RUST_CRYPTO, Receiver, Sender};
use duologue_rtp::{ExtendedSequence, Ssrc};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Without the harness, whose threads allocate too.
fn main() {
    packets_cost_no_allocation();
}

// One test, as others beside it would be counted.
fn packets_cost_no_allocation() {
    let providers: [&dyn Provider; _] = [
        &RUST_CRYPTO,
        #[cfg(feature = "aws-lc-rs")]
        &duologue_rtp::srtp::AWS_LC_RS,
    ];
    for provider in providers {
        for profile in [
            Profile::Aes128CmHmacSha1_80,
            Profile::Aes128CmHmacSha1_32,
            Profile::AeadAes128Gcm,
            Profile::AeadAes256Gcm,
        ] {
            let key = MasterKey::new(profile, &[1; 32][..profile.key_len()], &[2; 14][..profile.salt_len()]);
            let key = key.unwrap();
            let before = Region::new(ALLOCATOR);
            let (mut sender, mut receiver) =
                (Sender::new(provider, &key), Receiver::new(provider, &key, [3; 16]));
            let change = before.change();
            let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
            println!("{provider:?} {profile:?}: {held} bytes for both directions before the first packet");

            let mut packet = Vec::with_capacity(1500);
            let mut exchange = |index: u64| {
                let ssrc = Ssrc(u32::from(index.is_multiple_of(3)));
                let sequence = ExtendedSequence(index).wire();
                packet.clear();
                packet.extend_from_slice(&[0x80, 96]);
                packet.extend_from_slice(&sequence.0.to_be_bytes());
                packet.extend_from_slice(&[0; 4]);
                packet.extend_from_slice(&ssrc.0.to_be_bytes());
                packet.resize(1200, 7);
                sender.protect_rtp(&mut packet, 0, 12, ssrc, ExtendedSequence(index)).unwrap();
                let taken = receiver.unprotect_rtp(&mut packet, 12, ssrc, sequence).unwrap();
                assert_eq!((taken.len, taken.index.0), (1200, index));
                let again = receiver.unprotect_rtp(&mut packet, 12, ssrc, sequence);
                assert_eq!(again, Err(Discard::Replayed));
                let forged = receiver.unprotect_rtp(&mut packet, 12, Ssrc(9), sequence);
                assert_eq!(forged, Err(Discard::NotAuthentic));

                packet.truncate(100);
                sender.protect_rtcp(&mut packet, 0).unwrap();
                assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(100));
                assert_eq!(receiver.unprotect_rtcp(&mut [0xff; 60]), Err(Discard::NotAuthentic));
            };
            // The first packets make the sources known; what is counted wraps.
            (65_000..65_010).for_each(&mut exchange);
            // The test runner's own thread may allocate meanwhile, but hardly in each of the rounds.
            let rounds = [65_010, 66_010, 67_010].map(|first| {
                let region = Region::new(ALLOCATOR);
                (first..first + 1000).for_each(&mut exchange);
                let change = region.change();
                change.allocations + change.reallocations
            });
            assert!(rounds.contains(&0), "{provider:?} {profile:?}: {rounds:?} in 1,000 exchanges each");
        }
    }
}
