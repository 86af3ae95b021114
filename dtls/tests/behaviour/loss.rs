//! The handshake on networks that lose, reorder and duplicate, at every MTU.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use duologue_dtls::{Config, Event};
use duologue_netsim::{Link, Loss, Network, Realm};

use crate::common::*;

const RTT: Duration = Duration::from_millis(100);

fn configs(mtu: usize) -> [Config; 2] {
    [CLIENT, SERVER].map(|side| {
        let mut config = config(side);
        config.mtu = mtu;
        config
    })
}

/// A pair with a link of its own for each direction.
fn network_of(links: [Link; 2], configs: [Config; 2], seed: u8) -> (Network, [Peer; 2]) {
    let mut network = Network::new(u64::from(seed));
    for (last, link) in (1..).zip(links) {
        let host = network.add_host();
        network.add_interface(host, [192, 0, 2, last].into(), Realm::INTERNET, link, Link::default());
    }
    let now = network.now();
    let [client, server] = configs;
    (network, [Peer::new(CLIENT, client, seed, now), Peer::new(SERVER, server, seed, now)])
}

#[test]
fn the_loss_of_any_single_datagram_costs_one_retransmission_at_every_mtu() {
    for mtu in [256, 300, 400, 576, 1200, 1500] {
        let delay = RTT / 2;
        let (mut network, mut peers) =
            network_of([(); 2].map(|()| Link { delay, ..Link::default() }), configs(mtu), 1);
        let limit = network.now() + Duration::from_secs(10);
        assert!(network.run_until(&mut peers, limit, both_connected));
        let sent = peers.each_ref().map(|peer| peer.connection.stats().datagrams_sent);
        assert!(mtu > 300 || sent.iter().sum::<u64>() > 4, "flights are split");
        for side in [CLIENT, SERVER] {
            for lost in 0..sent[side] {
                let mut links = [(); 2].map(|()| Link { delay, ..Link::default() });
                links[side].loss = Loss::Listed(BTreeSet::from([lost]));
                let (mut network, mut peers) = network_of(links, configs(mtu), 1);
                peers.iter_mut().for_each(|peer| peer.outbox.push_back(b"data".to_vec()));
                let limit = network.now() + Duration::from_secs(2);
                assert!(
                    network.run_until(&mut peers, limit, |peers| both_connected(peers)
                        && peers[CLIENT].received.len() == 1
                        && peers[SERVER].received.len() == 1),
                    "MTU {mtu}, datagram {lost} of side {side}: {:?}",
                    peers.map(|peer| peer.events)
                );
                assert_eq!(network.stats().lost, 1);
                assert!(network.elapsed() < RTT * 3 + Duration::from_millis(900), "{:?}", network.elapsed());
            }
        }
    }
}

#[test]
fn the_loss_of_any_two_datagrams_is_survived() {
    let delay = RTT / 2;
    for first in 0..5 {
        for second in 0..5 {
            let mut links = [(); 2].map(|()| Link { delay, ..Link::default() });
            links[CLIENT].loss = Loss::Listed(BTreeSet::from([first]));
            links[SERVER].loss = Loss::Listed(BTreeSet::from([second]));
            let (mut network, mut peers) = network_of(links, configs(576), 1);
            let limit = network.now() + Duration::from_secs(10);
            assert!(network.run_until(&mut peers, limit, both_connected), "{first} {second}");
        }
    }
}

#[test]
fn the_handshake_survives_loss_duplication_and_reordering() {
    let mut stats = [0; 3];
    for seed in 0..150 {
        let link = Link {
            delay: RTT / 2,
            jitter: RTT / 4,
            loss: Loss::Random(0.2),
            duplicate: 0.2,
            reorder: 0.3,
            reorder_delay: RTT,
            ..Link::default()
        };
        let mtu = 400 + usize::from(seed) * 7;
        let (mut network, mut peers) = network(&link, configs(mtu), seed);
        let limit = network.now() + Duration::from_secs(30);
        assert!(network.run_until(&mut peers, limit, both_connected), "seed {seed}");
        for (sum, count) in stats.iter_mut().zip([
            network.stats().lost,
            network.stats().duplicated,
            network.stats().reordered,
        ]) {
            *sum += count;
        }
        for peer in &peers {
            assert_eq!(peer.events.len(), 1);
            assert_eq!(peer.connection.stats().reassembly_bytes, 0);
        }
    }
    assert!(stats.iter().all(|count| *count > 50), "{stats:?}");
}

/// Each flight as one side's datagrams, handed over in an order; the next flight follows.
fn shake_hands(mtu: usize, order: &mut dyn FnMut(&mut Vec<Vec<u8>>)) {
    let (network, mut peers) = network(&Link::default(), configs(mtu), 1);
    let now = network.now();
    for flight in 0..4 {
        let (from, to) = (flight % 2, 1 - flight % 2);
        let mut datagrams: Vec<Vec<u8>> = std::iter::from_fn(|| peers[from].transmit(now)).collect();
        assert!(!datagrams.is_empty());
        order(&mut datagrams);
        datagrams.iter_mut().for_each(|datagram| peers[to].take(now, datagram));
    }
    assert!(both_connected(&mut peers), "MTU {mtu}: {:?}", peers.map(|peer| peer.discards));
    assert!(peers.iter().all(|peer| peer.connection.stats().flights_retransmitted == 0));
}

#[test]
fn each_flight_may_arrive_in_every_order() {
    // All orders of up to five datagrams: rotations of each prefix, counted in the factorial system.
    for mtu in [256, 300, 400, 576] {
        for number in 0..120 {
            shake_hands(mtu, &mut |datagrams| {
                let mut rest = number;
                for index in 1..datagrams.len() {
                    datagrams.swap(index, rest % (index + 1));
                    rest /= index + 1;
                }
            });
        }
    }
}

#[test]
fn every_mtu_splits_the_flights_so_that_they_fit() {
    for mtu in 576..=1500 {
        if mtu % 11 != 0 && mtu != 1500 {
            continue;
        }
        shake_hands(mtu, &mut |datagrams| {
            assert!(datagrams.iter().all(|datagram| datagram.len() <= mtu));
            datagrams.reverse();
        });
    }
}

/// A ClientHello in two fragments in two datagrams, split at `at`.
fn split(datagram: &[u8], at: usize) -> [Vec<u8>; 2] {
    let (fragment, _) = duologue_dtls::handshake::Fragment::parse(&datagram[13..]).unwrap();
    [(0, at), (at, fragment.bytes.len())].map(|(start, end)| {
        let mut content = Vec::new();
        duologue_dtls::handshake::Fragment {
            offset: start as u32,
            bytes: &fragment.bytes[start..end],
            ..fragment
        }
        .write(&mut content);
        let mut record = datagram[..11].to_vec();
        record[10] = u8::from(start > 0);
        record.extend_from_slice(&(content.len() as u16).to_be_bytes());
        record.extend_from_slice(&content);
        record
    })
}

#[test]
fn a_client_hello_may_be_split_anywhere_and_arrive_in_either_order() {
    let (network, mut peers) = network(&Link::default(), configs(1200), 1);
    let now = network.now();
    let hello = peers[CLIENT].transmit(now).unwrap();
    let len = hello.len() - 13 - 12;
    for at in 1..len {
        for reversed in [false, true] {
            let mut server = Peer::new(SERVER, config(SERVER), 2, now);
            let mut parts = split(&hello, at);
            if reversed {
                parts.reverse();
            }
            server.take(now, &mut parts[0]);
            assert_eq!(server.transmit(now), None, "half a hello is no hello");
            server.take(now, &mut parts[1]);
            assert!(server.transmit(now).is_some(), "split at {at}");
        }
    }
}

#[test]
fn the_first_timeout_is_400_ms_or_follows_from_the_round_trip_and_doubles() {
    let intervals = |round_trip: Option<Duration>| {
        let (mut network, peers) = network(&Link::default(), configs(1200), 1);
        let mut client = peers.into_iter().next().unwrap();
        if let Some(round_trip) = round_trip {
            client = Peer::new(CLIENT, config(CLIENT), 1, network.now());
            client.connection.set_round_trip(round_trip);
        }
        let mut alone = [client];
        let mut times: Vec<Instant> = Vec::new();
        let limit = network.now() + Duration::from_secs(20);
        let mut sent = 0;
        network.run_until(&mut alone, limit, |alone| {
            let now_sent = alone[0].connection.stats().datagrams_sent;
            if now_sent > sent {
                sent = now_sent;
                times.push(alone[0].connection.poll_timeout().unwrap());
            }
            false
        });
        times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).take(4).collect::<Vec<_>>()
    };
    assert_eq!(intervals(None), [800, 1600, 3200, 6400]);
    assert_eq!(intervals(Some(Duration::from_millis(200))), [600, 1200, 2400, 4800]);
}

#[test]
fn a_flight_that_is_lost_again_and_again_is_sent_in_small_datagrams() {
    let (mut network, mut peers) = network(&Link { loss: Loss::All, ..Link::default() }, configs(1500), 1);
    let start = network.now();
    let hello = peers[CLIENT].transmit(start).unwrap();
    peers[SERVER].take(start, &mut hello.clone());
    let sizes = |peer: &mut Peer, now| {
        std::iter::from_fn(|| peer.transmit(now)).map(|datagram| datagram.len()).collect::<Vec<_>>()
    };
    assert!(sizes(&mut peers[SERVER], start).iter().any(|len| *len > 548));
    network.run_to(&mut peers, start + Duration::from_millis(400 + 800 + 1600 + 1));
    let now = network.now();
    peers[SERVER].connection.handle_timeout(now + Duration::from_secs(4));
    let small = sizes(&mut peers[SERVER], now + Duration::from_secs(4));
    assert!(small.len() > 1 && small.iter().all(|len| *len <= 548), "{small:?}");
}

#[test]
fn the_network_may_be_cut_for_five_seconds_in_the_handshake() {
    let mut network = Network::new(1);
    let interfaces = [1, 2].map(|last| {
        let host = network.add_host();
        network.add_interface(
            host,
            [192, 0, 2, last].into(),
            Realm::INTERNET,
            Link::default(),
            Link::default(),
        )
    });
    let start = network.now();
    let mut peers = [CLIENT, SERVER].map(|side| Peer::new(side, config(side), 1, start));
    network.set_connected(interfaces[SERVER], false);
    network.run_to(&mut peers, start + Duration::from_secs(5));
    assert!(network.stats().lost > 2);
    network.set_connected(interfaces[SERVER], true);
    let limit = network.now() + Duration::from_secs(10);
    assert!(network.run_until(&mut peers, limit, both_connected));
    assert!(peers.iter().all(|peer| matches!(peer.events[..], [Event::Connected(_)])));
}
