//! RTP packets of 1,200 bytes protected, and unprotected in order. The bare primitives are those that Duologue's default
//! provider uses, with their keys set up once. (str0m's SRTP cannot be reached through its public interface.)

use crate::table::{Work, row};
use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, StreamCipherCore};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use duologue_rtp::srtp::{AWS_LC_RS, MasterKey, Profile, Receiver, Sender};
use duologue_rtp::{ExtendedSequence, Ssrc};
use hmac::{Hmac, KeyInit, Mac};
use rtc_shared::marshal::Unmarshal;
use rtc_srtp::context::Context;
use rtc_srtp::option::srtp_replay_protection;
use rtc_srtp::protection_profile::ProtectionProfile;
use sha1::Sha1;
use std::hint::black_box;

const COUNT: u16 = 10_000;
/// Packets to unprotect that fit into the cache, and how often they come, each time to a new receiver.
const SEALED: u16 = 500;
const TIMES: usize = 20;
const LEN: usize = 1200;
const HEADER_LEN: usize = 12;
const PROFILES: [(&str, Profile, ProtectionProfile); 2] = [
    ("SRTP AES-CM-128, HMAC-SHA1-80", Profile::Aes128CmHmacSha1_80, ProtectionProfile::Aes128CmHmacSha1_80),
    ("SRTP AEAD AES-128-GCM", Profile::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
];

/// Packets protected.
pub fn protect() {
    for (work, profile, theirs) in PROFILES {
        let mut sender = Sender::new(&AWS_LC_RS, &key(profile));
        let mut peer = rtc(profile, theirs);
        assert_eq!(protect_rtc(&mut peer, &packet(1)), ours_of(&mut sender, 1), "the same bytes");
        let template = packet(0);
        let (mut buffer, mut index) = (Vec::with_capacity(1500), 1u64);
        let mut ours = || {
            for _ in 0..COUNT {
                index += 1;
                copy(&mut buffer, &template, index);
                sender
                    .protect_rtp(black_box(&mut buffer), 0, HEADER_LEN, Ssrc(9), ExtendedSequence(index))
                    .unwrap();
                assert_eq!(buffer.len(), LEN + profile.rtp_overhead());
            }
            u64::from(COUNT)
        };
        let (mut plain, mut index) = (Vec::with_capacity(1500), 1u64);
        let mut round = || {
            for _ in 0..COUNT {
                index += 1;
                copy(&mut plain, &template, index);
                let protected = protect_rtc(&mut peer, black_box(&plain));
                assert_eq!(protected.len(), LEN + profile.rtp_overhead());
            }
            u64::from(COUNT)
        };
        row(work, "protected", Work { name: "rtc-srtp 0.21.1", round: &mut round }, &mut ours);

        let bare = Bare::new(profile);
        let (mut plain, mut index) = (Vec::with_capacity(1500), 1u64);
        let mut round = || {
            for _ in 0..COUNT {
                index += 1;
                copy(&mut plain, &template, index);
                bare.protect(black_box(&mut plain), index);
                assert_eq!(plain.len(), LEN + profile.rtp_overhead());
            }
            u64::from(COUNT)
        };
        row(work, "protected", Work { name: "the bare primitives", round: &mut round }, &mut ours);
    }
}

/// Packets unprotected. Each side copies them first; the bare primitives have no state to be made anew.
pub fn unprotect() {
    for (work, profile, theirs) in PROFILES {
        let mut sender = Sender::new(&AWS_LC_RS, &key(profile));
        let sealed: Vec<Vec<u8>> = (0..u64::from(SEALED)).map(|index| ours_of(&mut sender, index)).collect();
        let mut buffer = vec![0; LEN + profile.rtp_overhead()];
        let mut ours = || {
            for _ in 0..TIMES {
                let mut receiver = Receiver::new(&AWS_LC_RS, &key(profile), [3; 16]);
                for (index, packet) in (0..).zip(&sealed) {
                    buffer.copy_from_slice(packet);
                    let index = ExtendedSequence(index);
                    let taken =
                        receiver.unprotect_rtp(&mut buffer, HEADER_LEN, Ssrc(9), index.wire()).unwrap();
                    assert_eq!((taken.len, taken.index), (LEN, index));
                }
            }
            u64::from(SEALED) * TIMES as u64
        };
        let mut round = || {
            for _ in 0..TIMES {
                let mut peer = rtc(profile, theirs);
                for packet in &sealed {
                    let header = rtc_rtp::Header::unmarshal(&mut packet.as_slice()).unwrap();
                    assert_eq!(peer.decrypt_rtp_with_header(black_box(packet), &header).unwrap().len(), LEN);
                }
            }
            u64::from(SEALED) * TIMES as u64
        };
        row(work, "unprotected", Work { name: "rtc-srtp 0.21.1", round: &mut round }, &mut ours);

        let bare = Bare::new(profile);
        let sealed: Vec<Vec<u8>> = (0..u64::from(SEALED))
            .map(|index| {
                let mut packet = packet(index);
                bare.protect(&mut packet, index);
                packet
            })
            .collect();
        let mut buffer = vec![0; LEN + profile.rtp_overhead()];
        let mut round = || {
            for (index, packet) in (0..).zip(&sealed).cycle().take(usize::from(SEALED) * TIMES) {
                buffer.copy_from_slice(packet);
                bare.unprotect(&mut buffer, index);
            }
            u64::from(SEALED) * TIMES as u64
        };
        row(work, "unprotected", Work { name: "the bare primitives", round: &mut round }, &mut ours);
    }
}

fn key(profile: Profile) -> MasterKey {
    MasterKey::new(profile, &[1; 16], &[2; 14][..profile.salt_len()]).unwrap()
}

fn rtc(profile: Profile, theirs: ProtectionProfile) -> Context {
    let crypto = rtc_crypto::default_provider().unwrap();
    let (salt, window) = ([2; 14], Some(srtp_replay_protection(1024)));
    Context::new(&[1; 16], &salt[..profile.salt_len()], theirs, window, None, crypto.crypto()).unwrap()
}

fn protect_rtc(context: &mut Context, plain: &[u8]) -> Vec<u8> {
    let header = rtc_rtp::Header::unmarshal(&mut &plain[..]).unwrap();
    context.encrypt_rtp_with_header(plain, &header).unwrap().into()
}

fn ours_of(sender: &mut Sender, index: u64) -> Vec<u8> {
    let mut packet = packet(index);
    sender.protect_rtp(&mut packet, 0, HEADER_LEN, Ssrc(9), ExtendedSequence(index)).unwrap();
    packet
}

fn packet(index: u64) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&(index as u16).to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9]);
    packet.resize(LEN, 7);
    packet.reserve(100);
    packet
}

/// `template` with another sequence number, in place of what `buffer` held.
fn copy(buffer: &mut Vec<u8>, template: &[u8], index: u64) {
    buffer.clear();
    buffer.extend_from_slice(template);
    buffer[2..4].copy_from_slice(&(index as u16).to_be_bytes());
}

enum Bare {
    CipherAndMac(Aes128Enc, Box<Hmac<Sha1>>, usize),
    Aead(LessSafeKey),
}

impl Bare {
    fn new(profile: Profile) -> Self {
        match profile {
            Profile::AeadAes128Gcm => {
                Self::Aead(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[5; 16]).unwrap()))
            }
            _ => Self::CipherAndMac(
                Aes128Enc::new(&[5; 16].into()),
                Box::new(Hmac::new_from_slice(&[5; 20]).unwrap()),
                profile.rtp_overhead(),
            ),
        }
    }

    fn protect(&self, packet: &mut Vec<u8>, number: u64) {
        match self {
            Self::CipherAndMac(cipher, key, tag_len) => {
                crypt(cipher, &mut packet[HEADER_LEN..], number);
                let mut mac = Hmac::clone(key);
                mac.update(packet);
                mac.update(&[0; 4]);
                packet.extend_from_slice(&mac.finalize().into_bytes()[..*tag_len]);
            }
            Self::Aead(key) => {
                let (header, payload) = packet.split_at_mut(HEADER_LEN);
                let tag = key.seal_in_place_separate_tag(nonce(number), Aad::from(&*header), payload);
                packet.extend_from_slice(tag.unwrap().as_ref());
            }
        }
    }

    fn unprotect(&self, packet: &mut [u8], number: u64) {
        match self {
            Self::CipherAndMac(cipher, key, _) => {
                let (signed, tag) = packet.split_at_mut(LEN);
                let mut mac = Hmac::clone(key);
                mac.update(signed);
                mac.update(&[0; 4]);
                mac.verify_truncated_left(tag).unwrap();
                crypt(cipher, &mut signed[HEADER_LEN..], number);
            }
            Self::Aead(key) => {
                let (header, sealed) = packet.split_at_mut(HEADER_LEN);
                key.open_in_place(nonce(number), Aad::from(&*header), sealed).unwrap();
            }
        }
    }
}

fn crypt(cipher: &Aes128Enc, payload: &mut [u8], number: u64) {
    let mut counter = [7; 16];
    counter[6..14].copy_from_slice(&number.to_be_bytes());
    CtrCore::<_, Ctr32BE>::inner_iv_init(cipher, &counter.into()).apply_keystream_partial(payload.into());
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [7; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}
