//! Peers that hold the keys and mean no good.

use std::collections::BTreeMap;

use duologue_netsim::Network;
use duologue_rtp::extension::Kind;
use duologue_rtp::rtcp::{self, Packet};

use crate::support::*;

const MID: (Kind, &str) = (Kind::Mid, "v");

/// How many packets of each source these datagrams ask for.
fn asked(spy: &mut Spy, datagrams: Vec<Vec<u8>>) -> BTreeMap<u32, usize> {
    let mut asked = BTreeMap::new();
    for mut datagram in datagrams {
        assert!(datagram.len() <= 1200);
        for packet in rtcp::packets(spy.rtcp(&mut datagram)) {
            if let Packet::Nack(nack) = packet.unwrap() {
                *asked.entry(nack.media.0).or_default() += nack.lost().count();
            }
        }
    }
    asked
}

#[test]
fn sources_full_of_holes_are_asked_for_a_thousand_packets_at_a_time() {
    let network = Network::new(0);
    let mut now = network.now();
    let [_, mut peer] = pair(&network);
    peer.session.set_section(now, VIDEO, video());
    let mut forge = Forge::new();
    for ssrc in 1..=60 {
        for index in 0..5 {
            peer.take(now, &mut forge.rtp(ssrc, VP8, 500 + index * 500, &[MID], b"\x10\x00\x00\x00"));
        }
    }
    assert_eq!(peer.refused, []);
    for one in peer.session.receivers() {
        assert_eq!((one.missing.missing, one.missing.given_up), (4 * 499, 4 * 499 - 1000));
    }
    // Their first requests are due, and nothing can be sent: what waits does not grow with what is asked for again.
    for _ in 0..100 {
        now += MS * 8;
        peer.session.handle_timeout(now);
    }
    assert!(peer.session.receivers().all(|one| one.missing.requests > 2000));
    let mut spy = Spy::new();
    let mut named = Vec::new();
    for _ in 0..500 {
        now += MS * 10;
        peer.session.handle_timeout(now);
        named.push(asked(&mut spy, peer.drain(now)).values().sum::<usize>());
    }
    println!("asked for: {:?}", named.iter().filter(|count| **count > 0).collect::<Vec<_>>());
    assert!(named.iter().any(|count| *count > 500) && named.iter().all(|count| *count <= 1024));
    assert!(peer.session.receivers().all(|one| one.missing.given_up == one.missing.missing));
}

#[test]
fn a_peer_whose_numbers_leap_is_asked_for_nothing_in_between() {
    let network = Network::new(0);
    let mut now = network.now();
    let [_, mut peer] = pair(&network);
    peer.session.set_section(now, VIDEO, video());
    let (mut forge, mut spy) = (Forge::new(), Spy::new());
    let mut index = 100;
    for _ in 0..200 {
        peer.take(now, &mut forge.rtp(1, VP8, index, &[MID], b"\x10\x00\x00\x00"));
        index += 20_000;
        now += MS * 10;
        peer.session.handle_timeout(now);
        assert_eq!(asked(&mut spy, peer.drain(now)), BTreeMap::new());
    }
    let stats = peer.receiver(VIDEO);
    assert_eq!((stats.packets, stats.missing.requests, peer.refused.len()), (200, 0, 0));
    assert_eq!(stats.missing.given_up, 199 * 19_999);
}
