//! What protection costs for an RTP packet of 1,200 bytes, beside the bare primitives of the same crates with their
//! keys set up once.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that fails here measures nothing")]

use std::hint::black_box;

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use duologue_rtp::srtp::{AWS_LC_RS, MasterKey, Profile, Receiver, Sender};
use duologue_rtp::{ExtendedSequence, SequenceNumber, Ssrc};
use hmac::{Hmac, Mac};
use sha1::Sha1;

const LEN: usize = 1200;
const HEADER_LEN: usize = 12;
/// Packets per round of unprotecting, each with a number of its own.
const BATCH: u16 = 64;

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = Vec::with_capacity(1500);
    packet.extend_from_slice(&[0x80, 96]);
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9]);
    packet.resize(LEN, 7);
    packet
}

/// The bare work on a packet; the numbers are the IV's last bytes.
trait Bare {
    fn protect(&self, packet: &mut Vec<u8>, number: u64);
    fn unprotect(&self, packet: &mut [u8], number: u64);
}

struct CipherAndMac {
    cipher: Aes128Enc,
    mac: Hmac<Sha1>,
    tag_len: usize,
}

impl CipherAndMac {
    fn crypt(&self, payload: &mut [u8], number: u64) {
        let mut counter = [7; 16];
        counter[6..14].copy_from_slice(&number.to_be_bytes());
        CtrCore::<_, Ctr32BE>::inner_iv_init(&self.cipher, &counter.into())
            .apply_keystream_partial(payload.into());
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(signed);
        mac.update(&[0; 4]);
        mac
    }
}

impl Bare for CipherAndMac {
    fn protect(&self, packet: &mut Vec<u8>, number: u64) {
        self.crypt(&mut packet[HEADER_LEN..], number);
        let tag = self.mac(packet).finalize().into_bytes();
        packet.extend_from_slice(&tag[..self.tag_len]);
    }

    fn unprotect(&self, packet: &mut [u8], number: u64) {
        let (signed, tag) = packet.split_at_mut(LEN);
        self.mac(signed).verify_truncated_left(tag).expect("the tag is right");
        self.crypt(&mut signed[HEADER_LEN..], number);
    }
}

impl Bare for LessSafeKey {
    fn protect(&self, packet: &mut Vec<u8>, number: u64) {
        let (header, payload) = packet.split_at_mut(HEADER_LEN);
        let tag = self.seal_in_place_separate_tag(nonce(number), Aad::from(&*header), payload);
        packet.extend_from_slice(tag.expect("the packet is short").as_ref());
    }

    fn unprotect(&self, packet: &mut [u8], number: u64) {
        let (header, sealed) = packet.split_at_mut(HEADER_LEN);
        self.open_in_place(nonce(number), Aad::from(&*header), sealed).expect("the tag is right");
    }
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [7; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn bare(profile: Profile) -> Box<dyn Bare> {
    let gcm = |algorithm: &'static Algorithm| {
        let key = UnboundKey::new(algorithm, &[5; 32][..algorithm.key_len()]);
        Box::new(LessSafeKey::new(key.expect("the key's length is right")))
    };
    match profile {
        Profile::AeadAes128Gcm => gcm(&AES_128_GCM),
        Profile::AeadAes256Gcm => gcm(&AES_256_GCM),
        _ => Box::new(CipherAndMac {
            cipher: Aes128Enc::new(&[5; 16].into()),
            mac: Hmac::new_from_slice(&[5; 20]).expect("HMAC takes keys of any length"),
            tag_len: profile.rtp_overhead(),
        }),
    }
}

fn protect(c: &mut Criterion, profile: Profile) {
    let key = MasterKey::new(profile, &[1; 32][..profile.key_len()], &[2; 14][..profile.salt_len()])
        .expect("the lengths are the profile's");
    let bare = bare(profile);
    let mut group = c.benchmark_group(format!("{profile:?}"));

    group.throughput(Throughput::Elements(1));
    group.bench_function("protect, bare", |b| {
        let (mut packet, mut number) = (packet(0), 0);
        b.iter(|| {
            number += 1;
            packet.truncate(LEN);
            bare.protect(black_box(&mut packet), number);
        });
        assert_eq!(packet.len(), LEN + profile.rtp_overhead());
    });
    group.bench_function("protect", |b| {
        let mut sender = Sender::new(&AWS_LC_RS, &key);
        let (mut packet, mut number) = (packet(0), 0);
        b.iter(|| {
            number += 1;
            packet.truncate(LEN);
            sender
                .protect_rtp(black_box(&mut packet), 0, HEADER_LEN, Ssrc(9), ExtendedSequence(number))
                .expect("the lengths are right");
        });
        assert_eq!(packet.len(), LEN + profile.rtp_overhead());
    });

    group.throughput(Throughput::Elements(u64::from(BATCH)));
    let sealed: Vec<_> = (0..BATCH)
        .map(|sequence| {
            let mut packet = packet(sequence);
            bare.protect(&mut packet, u64::from(sequence));
            packet
        })
        .collect();
    group.bench_function("unprotect, bare", |b| {
        let unprotect = |packets: &mut Vec<Vec<u8>>| {
            for (number, packet) in (0..).zip(packets) {
                bare.unprotect(black_box(packet), number);
            }
        };
        b.iter_batched_ref(|| sealed.clone(), unprotect, BatchSize::SmallInput);
    });
    let mut sender = Sender::new(&AWS_LC_RS, &key);
    let sealed: Vec<_> = (0..BATCH)
        .map(|sequence| {
            let (mut packet, index) = (packet(sequence), ExtendedSequence(u64::from(sequence)));
            sender.protect_rtp(&mut packet, 0, HEADER_LEN, Ssrc(9), index).expect("the lengths are right");
            packet
        })
        .collect();
    group.bench_function("unprotect", |b| {
        let set_up = || {
            // The first packet makes the source known.
            let mut receiver = Receiver::new(&AWS_LC_RS, &key, [3; 16]);
            let mut first = packet(u16::MAX / 4);
            let index = ExtendedSequence(u64::from(u16::MAX / 4));
            let mut sender = Sender::new(&AWS_LC_RS, &key);
            sender.protect_rtp(&mut first, 0, HEADER_LEN, Ssrc(8), index).expect("the lengths are right");
            receiver
                .unprotect_rtp(&mut first, HEADER_LEN, Ssrc(8), index.wire())
                .expect("the packet is authentic");
            (receiver, sealed.clone())
        };
        let unprotect = |(receiver, packets): &mut (Receiver, Vec<Vec<u8>>)| {
            for (sequence, packet) in (0..).zip(packets) {
                let unprotected = receiver
                    .unprotect_rtp(black_box(packet), HEADER_LEN, Ssrc(9), SequenceNumber(sequence))
                    .expect("the packet is authentic");
                assert_eq!(unprotected.len, LEN);
            }
        };
        b.iter_batched_ref(set_up, unprotect, BatchSize::SmallInput);
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    for profile in [
        Profile::AeadAes128Gcm,
        Profile::AeadAes256Gcm,
        Profile::Aes128CmHmacSha1_80,
        Profile::Aes128CmHmacSha1_32,
    ] {
        protect(c, profile);
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
