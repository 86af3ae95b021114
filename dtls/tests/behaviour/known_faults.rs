//! Faults that other stacks had, none of which may happen here; and noise at every step.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use duologue_dtls::handshake::{Fragment, HandshakeType};
use duologue_dtls::*;
use duologue_netsim::Link;

use crate::common::*;

/// Hands each flight over datagram by datagram; `between` is called before each, and may change it.
fn shake_hands(
    configs: [Config; 2],
    mut between: impl FnMut(&mut [Peer; 2], usize, &mut Vec<u8>, Instant),
) -> [Peer; 2] {
    let (network, mut peers) = network(&Link::default(), configs, 1);
    let now = network.now();
    for flight in 0..4 {
        let (from, to) = (flight % 2, 1 - flight % 2);
        while let Some(mut datagram) = peers[from].transmit(now) {
            between(&mut peers, to, &mut datagram, now);
            peers[to].take(now, &mut datagram);
        }
    }
    peers
}

fn record(content_type: ContentType, epoch: u16, sequence_number: u64, content: &[u8]) -> Vec<u8> {
    let version = RecordHeader::DTLS12;
    let length = content.len() as u16;
    let header = RecordHeader { content_type, version, epoch, sequence_number, length };
    [&header.to_bytes(), content].concat()
}

fn message(kind: HandshakeType, message_seq: u16, length: u32, offset: u32, bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    Fragment { kind, length, message_seq, offset, bytes }.write(&mut content);
    record(ContentType::HANDSHAKE, 0, 1 << 47, &content)
}

/// A ClientHello as a stranger may send it.
fn forged_hello() -> Vec<u8> {
    let stranger = Config::new(crypto::rust_crypto(), identity(2));
    let (network, _) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    Peer::new(CLIENT, stranger, 77, network.now()).transmit(network.now()).unwrap()
}

#[test]
fn fault_7_a_forged_client_hello_at_any_step_does_not_end_the_session() {
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, _, datagram, now| {
        let first = datagram[13] == HandshakeType::CLIENT_HELLO.0 && datagram[0] == 22;
        for side in [CLIENT, SERVER] {
            if side == CLIENT || !first {
                peers[side].take(now, &mut forged_hello());
            }
        }
    });
    assert!(both_connected(&mut peers));
    let (network, _) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    for side in [CLIENT, SERVER] {
        peers[side].take(network.now(), &mut forged_hello());
        assert_eq!(peers[side].transmit(network.now()), None);
        let mut record = sealed(&mut peers[1 - side], b"data");
        peers[side].take(network.now(), &mut record);
        assert_eq!(peers[side].received, [b"data"]);
    }
}

#[test]
fn fault_8_memory_is_bounded_under_a_million_fragments_and_none_is_fatal() {
    let mut left = 1_000_000u64;
    let mut random = 1u64;
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, _, now| {
        let share = if left > 700_000 { 300_000 } else { left };
        left -= share;
        for _ in 0..share {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [a, b, c, d, e, f, g, _] = random.to_be_bytes();
            let length = u32::from(a) << 8 | u32::from(b) | 0x100;
            let offset = u32::from(c).min(length - 2);
            let mut noise = match d % 3 {
                // Never the whole of a message, so that nothing is a plausible one.
                0 | 1 => message(HandshakeType(e % 24), u16::from(f % 12), length, offset, &[g]),
                _ => record(ContentType(20 + e % 4), 1, u64::from(f), &[g; 60]),
            };
            peers[to].take(now, &mut noise);
            let stats = peers[to].connection.stats();
            assert!(stats.reassembly_bytes <= 32 * 1024 && stats.early_bytes <= 16 * 1024);
            assert!(peers[to].ended().is_none());
            peers[to].discards.clear();
        }
    });
    assert_eq!(left, 0);
    // The early store was full of noise, so that the Finished messages were refused; they come again.
    let (network, _) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let mut now = network.now();
    for _ in 0..6 {
        for from in [CLIENT, SERVER] {
            while let Some(mut datagram) = peers[from].transmit(now) {
                peers[1 - from].take(now, &mut datagram);
            }
        }
        now += Duration::from_secs(1);
        peers.iter_mut().for_each(|peer| peer.connection.handle_timeout(now));
    }
    assert!(both_connected(&mut peers));
}

#[test]
fn fault_8_thirty_forged_plaintext_fragments_do_not_end_the_handshake() {
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, _, now| {
        for number in 0..30 {
            let kind = HandshakeType(number % 25);
            peers[to].take(now, &mut message(kind, u16::from(number), 40, 0, &[number; 40]));
        }
    });
    assert!(both_connected(&mut peers));
}

#[test]
fn fault_9_fragments_without_bytes_are_refused_at_once() {
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, _, now| {
        let mut content = Vec::new();
        for _ in 0..4000 {
            Fragment { kind: HandshakeType::CERTIFICATE, length: 9, message_seq: 1, offset: 0, bytes: &[] }
                .write(&mut content);
        }
        let before = peers[to].connection.stats();
        peers[to].take(now, &mut record(ContentType::HANDSHAKE, 0, 9, &content));
        let after = peers[to].connection.stats();
        assert_eq!(after.discarded(), before.discarded() + 1, "the record is left at the first of them");
        assert_eq!(after.reassembly_bytes, before.reassembly_bytes);
    });
    assert!(both_connected(&mut peers));
}

/// The flight without the message of a kind; those behind it that are in plaintext move up by a number.
fn without(datagram: &[u8], skipped: HandshakeType) -> Option<Vec<u8>> {
    let (mut out, mut rest, mut found) = (Vec::new(), datagram, false);
    while let Ok(header) = RecordHeader::parse(rest) {
        let (whole, behind) = rest.split_at(13 + usize::from(header.length));
        rest = behind;
        if header.epoch > 0 || header.content_type != ContentType::HANDSHAKE {
            out.extend_from_slice(whole);
            continue;
        }
        let (mut content, mut fragments) = (Vec::new(), &whole[13..]);
        while let Ok((fragment, behind)) = Fragment::parse(fragments) {
            fragments = behind;
            if fragment.kind == skipped {
                found = true;
            } else {
                let message_seq = fragment.message_seq - u16::from(found);
                Fragment { message_seq, ..fragment }.write(&mut content);
            }
        }
        out.extend(record(header.content_type, 0, header.sequence_number, &content));
    }
    found.then_some(out)
}

#[test]
fn fault_10_a_handshake_that_lacks_any_message_connects_nobody() {
    let mut skipped = BTreeSet::new();
    for kind in [2, 11, 12, 13, 14, 15, 16] {
        for side in [CLIENT, SERVER] {
            let peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, datagram, _| {
                if let Some(shorter) = without(datagram, HandshakeType(kind)).filter(|_| to == side) {
                    *datagram = shorter;
                    skipped.insert((kind, to));
                }
                assert!(!peers[to].connection.send(b"x", &mut Vec::new()).is_ok_and(|_| to == SERVER));
            });
            if skipped.contains(&(kind, side)) {
                assert!(peers[side].connected().is_none(), "without message {kind}");
                assert!(peers.iter().all(|peer| peer.received.is_empty()));
            }
        }
    }
    assert_eq!(skipped.len(), 8, "five of the server's, three of the client's: {skipped:?}");
}

#[test]
fn fault_10_a_client_without_a_certificate_is_refused() {
    let peers = shake_hands([config(CLIENT), config(SERVER)], |_, to, datagram, _| {
        if let Some(mut shorter) = without(datagram, HandshakeType::CERTIFICATE).filter(|_| to == SERVER) {
            // An empty list, then the rest.
            let mut empty = message(HandshakeType::CERTIFICATE, 1, 3, 0, &[0, 0, 0]);
            empty.append(&mut shorter);
            *datagram = empty;
        }
    });
    assert_eq!(peers[SERVER].events, [Event::Failed(Failure::NoCertificate)]);
}

#[test]
fn fault_10_nothing_is_usable_after_a_wrong_certificate() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now();
    let client = std::sync::Arc::new(config(CLIENT));
    let wrong = vec![fingerprint(2)];
    peers[CLIENT] = Peer::of(CLIENT, Connection::new(client, Role::Client, wrong, [9; 32], now));
    let mut hello = peers[CLIENT].transmit(now).unwrap();
    peers[SERVER].take(now, &mut hello);
    let mut answer = peers[SERVER].transmit(now).unwrap();
    peers[CLIENT].take(now, &mut answer);
    let connection = &mut peers[CLIENT].connection;
    assert_eq!(connection.poll_event(), None, "the alert goes first");
    assert_eq!(connection.send(b"x", &mut Vec::new()), Err(SendError::Ended));
    assert!(connection.export_keying_material("x", None, &mut [0; 4]).is_err());
    let mut alert = peers[CLIENT].transmit(now).unwrap();
    assert_eq!((alert[0], &alert[13..]), (21, &[2, 42][..]), "a fatal bad_certificate");
    assert_eq!(peers[CLIENT].events, [Event::Failed(Failure::WrongCertificate)]);
    peers[SERVER].take(now, &mut alert);
    assert!(peers[SERVER].ended().is_none(), "a plaintext alert is a hint");
}

#[test]
fn fault_11_nonces_follow_from_the_record_number_and_never_repeat() {
    let mut configs = [config(CLIENT), config(SERVER)];
    configs.iter_mut().for_each(|config| config.cipher_suites.truncate(1));
    let mut nonces = [BTreeSet::new(), BTreeSet::new()];
    let mut note = |from: usize, datagram: &[u8]| {
        let mut rest = datagram;
        while let Ok(header) = RecordHeader::parse(rest) {
            let (whole, behind) = rest.split_at(13 + usize::from(header.length));
            rest = behind;
            if header.epoch == 1 {
                assert_eq!(whole[3..11], whole[13..21], "epoch and number stand in the nonce");
                assert!(nonces[from].insert(whole[13..21].to_vec()), "a nonce twice");
            }
        }
    };
    // The Finished messages are lost and sent again, then data and a close follow.
    let (network, mut peers) = network(&Link::default(), configs, 1);
    let mut now = network.now();
    for round in 0..8 {
        for from in [CLIENT, SERVER] {
            while let Some(mut datagram) = peers[from].transmit(now) {
                note(from, &datagram);
                if round % 2 == 1 || datagram.len() > 200 {
                    peers[1 - from].take(now, &mut datagram);
                }
            }
        }
        now += Duration::from_secs(1);
        peers.iter_mut().for_each(|peer| peer.connection.handle_timeout(now));
    }
    assert!(both_connected(&mut peers));
    for from in [CLIENT, SERVER] {
        (0..100).for_each(|i| note(from, &sealed(&mut peers[from], &[i])));
        peers[from].connection.close(now);
        note(from, &peers[from].transmit(now).unwrap());
    }
    assert!(nonces.iter().all(|nonces| nonces.len() >= 102));
}

#[test]
fn fault_12_plaintext_application_data_is_never_accepted() {
    let plain = || record(ContentType::APPLICATION_DATA, 0, 1 << 40, b"plaintext");
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, _, now| {
        peers[to].take(now, &mut plain());
        peers[1 - to].take(now, &mut plain());
    });
    assert!(both_connected(&mut peers));
    let (network, _) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    for peer in &mut peers {
        peer.take(network.now(), &mut plain());
        assert!(peer.received.is_empty());
        assert_eq!(peer.discards.last(), Some(&Discard::Plaintext));
    }
}

#[test]
fn fault_13_contradicting_fragments_are_replaced_by_those_that_come_later() {
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, datagram, now| {
        let Ok((next, _)) = Fragment::parse(&datagram[13..]) else { return };
        // Other bytes, another length and another kind for the messages that come.
        for message_seq in next.message_seq..next.message_seq + 3 {
            for (length, kind) in [(next.length, next.kind.0), (next.length + 1, next.kind.0), (9, 99)] {
                let half = vec![0xaa; length as usize / 2];
                peers[to].take(now, &mut message(HandshakeType(kind), message_seq, length, 0, &half));
                peers[to].take(now, &mut message(HandshakeType(kind), message_seq, length, 1, &half));
            }
        }
    });
    assert!(both_connected(&mut peers));
}

#[test]
fn fault_13_an_extension_that_comes_twice_makes_no_hello() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now();
    let hello = peers[CLIENT].transmit(now).unwrap();
    let mut body = hello[25..].to_vec();
    // The list of extensions is the last field: 41 bytes and two lists before it.
    let at = 2 + 32 + 1 + 1 + 2 + 2 * CipherSuite::ALL.len() + 2;
    let len = u16::from_be_bytes([body[at], body[at + 1]]) + 4;
    body[at..at + 2].copy_from_slice(&len.to_be_bytes());
    body.extend_from_slice(&[0, 23, 0, 0]);
    peers[SERVER].take(now, &mut message(HandshakeType::CLIENT_HELLO, 0, body.len() as u32, 0, &body));
    assert_eq!(peers[SERVER].discards, [Discard::HandshakeMessage]);
    peers[SERVER].take(now, &mut hello.clone());
    assert!(peers[SERVER].transmit(now).is_some(), "the true hello is still welcome");
}

#[test]
fn fault_13_plaintext_alerts_never_end_anything() {
    let alert = |description| record(ContentType::ALERT, 0, 1 << 40, &[2, description]);
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, _, now| {
        for description in 0..=255 {
            peers[to].take(now, &mut alert(description));
            peers[1 - to].take(now, &mut alert(description));
        }
    });
    assert!(both_connected(&mut peers));
    let (network, _) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    for peer in &mut peers {
        peer.take(network.now(), &mut alert(0));
        peer.take(network.now(), &mut alert(40));
        assert_eq!(peer.events.len(), 1);
    }
}

#[test]
fn fault_14_changed_certificates_are_read_in_bounded_steps() {
    // `certificate_key` reads each byte at most a few times: the largest message allowed takes no longer than a
    // linear pass, and this test would not end if a loop could be made.
    let certificate = identity(0).certificate().to_vec();
    assert!(certificate_key(&certificate).is_ok());
    for at in 0..certificate.len() {
        for value in 0..=255 {
            let mut changed = certificate.clone();
            changed[at] = value;
            let _ = certificate_key(&changed);
        }
        assert_eq!(certificate_key(&certificate[..at]), Err(CertificateError::Malformed));
    }
    for depth in [0x30, 0xa0, 0x31] {
        let mut nested = Vec::new();
        for _ in 0..4000 {
            nested.splice(0..0, [depth, 0x82, (nested.len() >> 8) as u8, nested.len() as u8]);
        }
        assert!(certificate_key(&nested).is_err());
    }
}

#[test]
fn noise_at_every_step_ends_nothing() {
    let mut discards = 0;
    let mut peers = shake_hands([config(CLIENT), config(SERVER)], |peers, to, datagram, now| {
        let mut noise = vec![
            vec![],
            vec![22],
            vec![0x2f; 50],
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            record(ContentType::CHANGE_CIPHER_SPEC, 0, 5, &[1]),
            record(ContentType::CHANGE_CIPHER_SPEC, 0, 5, &[2, 3]),
            record(ContentType(99), 0, 5, b"x"),
            record(ContentType::HANDSHAKE, 7, 5, b"x"),
            record(ContentType::HANDSHAKE, 0, 5, b""),
            record(ContentType::ALERT, 0, 5, b"x"),
            record(ContentType::ALERT, 1, 5, &[2, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ];
        // Every true message with another number, every truncation, every other version.
        noise.extend((0..datagram.len()).map(|len| datagram[..len].to_vec()).filter(|cut| cut.len() < 60));
        let mut other_version = datagram.clone();
        other_version[1] = 3;
        noise.push(other_version);
        if let Ok((fragment, _)) = Fragment::parse(&datagram[13..]) {
            for seq in [1, 5, 100, 40_000] {
                let seq = fragment.message_seq.wrapping_add(seq);
                noise.push(message(HandshakeType(77), seq, fragment.length, 0, fragment.bytes));
            }
        }
        for mut noise in noise {
            for side in [to, 1 - to] {
                peers[side].take(now, &mut noise.clone());
                assert!(peers[side].ended().is_none());
            }
            discards += 1;
            noise.clear();
        }
    });
    assert!(both_connected(&mut peers) && discards > 100);
    assert!(peers.iter().all(|peer| peer.events.len() == 1 && peer.received.is_empty()));
}

/// A ClientHello like a browser's, with a post-quantum key share, of 1.4 KB.
fn browser_hello(random: &[u8]) -> Vec<u8> {
    let mut extensions: Vec<u8> = Vec::new();
    let mut put = |kind: u16, data: &[u8]| {
        extensions.extend_from_slice(&kind.to_be_bytes());
        extensions.extend_from_slice(&(data.len() as u16).to_be_bytes());
        extensions.extend_from_slice(data);
    };
    put(0x2a2a, &[]);
    put(23, &[]);
    put(0xff01, &[0]);
    put(10, &[0, 8, 0x11, 0xec, 0, 29, 0, 23, 0, 24]);
    put(11, &[1, 0]);
    put(13, &[0, 6, 4, 3, 8, 4, 4, 1]);
    put(14, &[0, 6, 0, 1, 0, 8, 0, 7, 0]);
    put(43, &[4, 0xfe, 0xfc, 0xfe, 0xfd]);
    let mut shares = vec![0x04, 0xe8, 0x11, 0xec, 0x04, 0xc0];
    shares.resize(6 + 1216, 0x55);
    shares.extend_from_slice(&[0, 29, 0, 32]);
    shares.resize(6 + 1216 + 36, 0x66);
    put(51, &shares);
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(random);
    body.extend_from_slice(&[0, 0, 0, 8, 0x13, 0x01, 0xc0, 0x2b, 0xcc, 0xa9, 0xc0, 0x2c, 1, 0]);
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend_from_slice(&extensions);
    body
}

#[test]
fn a_browsers_hello_in_two_datagrams_is_answered_in_either_order() {
    let body = browser_hello(&[3; 32]);
    assert!(body.len() > 1300);
    let kind = HandshakeType::CLIENT_HELLO;
    for first in [0, 1] {
        let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
        let now = network.now();
        let length = body.len() as u32;
        let mut parts =
            [message(kind, 0, length, 0, &body[..1100]), message(kind, 0, length, 1100, &body[1100..])];
        peers[SERVER].take(now, &mut parts[first]);
        assert_eq!(peers[SERVER].transmit(now), None);
        peers[SERVER].take(now, &mut parts[1 - first]);
        let answer = peers[SERVER].transmit(now).unwrap();
        assert_eq!(answer[13], HandshakeType::SERVER_HELLO.0);
        let suite = answer[13 + 12 + 35..][..2].to_vec();
        assert_eq!(suite, [0xc0, 0x2b], "our order decides");
    }
}
