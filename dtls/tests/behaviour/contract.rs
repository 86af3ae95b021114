//! The contract's rules one by one, where the operation sequences of `fuzz_corpus` do not show them in full.

use std::time::Duration;

use duologue_dtls::*;
use duologue_netsim::Link;
use proptest::prelude::*;

use crate::common::*;

#[test]
fn rule_1_time_that_goes_back_counts_as_the_latest_seen() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now() + Duration::from_secs(10);
    peers[CLIENT].connection.handle_timeout(now);
    let deadline = peers[CLIENT].connection.poll_timeout().unwrap();
    peers[CLIENT].connection.handle_timeout(network.now());
    assert!(peers[CLIENT].transmit(network.now()).is_some());
    assert!(peers[CLIENT].connection.poll_timeout().unwrap() >= deadline.min(now));
}

#[test]
fn rule_6_a_datagram_needs_room_and_loses_nothing_without_it() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now();
    let mut out = Vec::new();
    for room in 0..50 {
        assert_eq!(peers[CLIENT].connection.poll_transmit(now, room, &mut out), None);
        assert!(out.is_empty());
    }
    let whole = peers[CLIENT].transmit(now).unwrap();
    peers[SERVER].take(now, &mut whole.clone());
    assert!(peers[SERVER].transmit(now).is_some());
}

#[test]
fn rule_7_a_socket_that_takes_nothing_never_puts_a_deadline_in_the_past() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let connection = &mut peers[CLIENT].connection;
    let mut now = network.now();
    let mut calls = 0;
    while let Some(deadline) = connection.poll_timeout() {
        assert!(deadline > now);
        now = deadline;
        connection.handle_timeout(now);
        calls += 1;
    }
    assert_eq!(now, network.now() + Duration::from_secs(30));
    assert_eq!(connection.stats().flights_retransmitted, 0, "nothing went out, so nothing was lost");
    assert!(calls < 100);
}

#[test]
fn rule_9_public_types_are_send_and_static() {
    fn check<T: Send + 'static>() {}
    check::<Connection>();
    check::<Config>();
    check::<Identity>();
    check::<Event>();
    check::<Stats>();
    check::<Fingerprint>();
    check::<Discard>();
    check::<SendError>();
}

/// The datagrams of a whole connection in their order, with data and a close.
fn transcript(seed: u8, losses: &[bool], mtu: usize) -> Vec<Vec<u8>> {
    let mut configs = [config(CLIENT), config(SERVER)];
    configs.iter_mut().for_each(|config| config.mtu = mtu);
    let (network, mut peers) = network(&Link::default(), configs, seed);
    let mut now = network.now();
    let (mut all, mut losses) = (Vec::new(), losses.iter());
    for _ in 0..60 {
        for from in [CLIENT, SERVER] {
            while let Some(mut datagram) = peers[from].transmit(now) {
                all.push(datagram.clone());
                if !losses.next().is_some_and(|lost| *lost) {
                    peers[1 - from].take(now, &mut datagram);
                }
            }
        }
        if both_connected(&mut peers) {
            for from in [CLIENT, SERVER] {
                let mut record = sealed(&mut peers[from], b"data");
                all.push(record.clone());
                peers[1 - from].take(now, &mut record);
                assert_eq!(peers[1 - from].received, [b"data"]);
            }
            return all;
        }
        now = peers.iter().filter_map(|peer| peer.connection.poll_timeout()).min().unwrap_or(now);
        peers.iter_mut().for_each(|peer| peer.connection.handle_timeout(now));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn rule_2_equal_inputs_give_equal_bytes(
        seed in any::<u8>(),
        losses in prop::collection::vec(any::<bool>(), 0..8),
        mtu in 256usize..1500,
    ) {
        let one = transcript(seed, &losses, mtu);
        prop_assert_eq!(&one, &transcript(seed, &losses, mtu));
        prop_assert_ne!(one, transcript(seed.wrapping_add(1), &losses, mtu));
    }

    #[test]
    fn rule_4_changed_records_of_a_connection_are_counted_and_change_nothing(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        side in 0usize..2,
    ) {
        let (mut peers, now) = connected_pair([config(CLIENT), config(SERVER)]);
        let mut record = sealed(&mut peers[1 - side], b"payload");
        let whole = record.clone();
        for (at, bit) in flips {
            let at = at.index(record.len());
            record[at] ^= 1 << bit;
        }
        if record != whole {
            let before = (peers[side].connection.stats(), peers[side].connection.poll_timeout());
            peers[side].take(now, &mut record);
            prop_assert!(peers[side].received.is_empty());
            prop_assert_eq!(peers[side].events.len(), 1);
            prop_assert!(peers[side].connection.stats().discarded() > before.0.discarded());
            prop_assert_eq!(peers[side].connection.poll_timeout(), before.1);
            prop_assert_eq!(peers[side].transmit(now), None);
        }
        peers[side].take(now, &mut whole.clone());
        prop_assert_eq!(&peers[side].received, &[b"payload"]);
    }
}
