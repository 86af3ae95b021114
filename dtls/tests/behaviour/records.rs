//! Application data: what goes through, and what does not.

use std::time::Duration;

use duologue_dtls::*;
use duologue_netsim::{Link, Loss};

use crate::common::*;

#[test]
fn records_of_every_length_up_to_the_limit_go_through_and_longer_ones_do_not() {
    let (mut peers, now) = connected_pair([config(CLIENT), config(SERVER)]);
    for len in [0, 1, 1200, 16384] {
        let data = vec![len as u8; len];
        let mut record = sealed(&mut peers[CLIENT], &data);
        assert_eq!(record.len(), len + peers[CLIENT].connection.overhead());
        peers[SERVER].take(now, &mut record);
        assert_eq!(peers[SERVER].received.pop(), Some(data));
    }
    let mut out = b"before".to_vec();
    assert_eq!(peers[CLIENT].connection.send(&[0; 16385], &mut out), Err(SendError::TooLong));
    assert_eq!(out, b"before");
}

#[test]
fn sealing_in_place_gives_the_same_record_as_sending() {
    let mut records = Vec::new();
    for in_place in [false, true] {
        let (mut peers, _) = connected_pair([config(CLIENT), config(SERVER)]);
        let connection = &mut peers[CLIENT].connection;
        let mut out = b"prefix".to_vec();
        let len = if in_place {
            out.resize(6 + connection.record_header_len(), 0xee);
            out.extend_from_slice(b"payload");
            connection.seal(&mut out, 6).unwrap()
        } else {
            connection.send(b"payload", &mut out).unwrap()
        };
        assert_eq!(out.len(), 6 + len);
        records.push(out);
    }
    assert_eq!(records[0], records[1]);
}

#[test]
fn sealing_without_room_for_a_header_is_refused_and_changes_nothing() {
    let (mut peers, _) = connected_pair([config(CLIENT), config(SERVER)]);
    for (len, start) in [(5, 0), (30, 20), (3, 9)] {
        let mut out = vec![1; len];
        assert_eq!(peers[CLIENT].connection.seal(&mut out, start), Err(SendError::TooLong));
        assert_eq!(out, vec![1; len]);
    }
}

#[test]
fn several_records_in_a_datagram_are_handed_out_in_order_around_a_bad_one() {
    let (mut peers, now) = connected_pair([config(CLIENT), config(SERVER)]);
    let mut datagram = sealed(&mut peers[CLIENT], b"one");
    let mut bad = sealed(&mut peers[CLIENT], b"two");
    *bad.last_mut().unwrap() ^= 1;
    datagram.append(&mut bad);
    datagram.append(&mut sealed(&mut peers[CLIENT], b"three"));
    datagram.extend_from_slice(b"rest");
    peers[SERVER].take(now, &mut datagram);
    assert_eq!(peers[SERVER].received, [&b"one"[..], b"three"]);
    let stats = peers[SERVER].connection.stats();
    assert_eq!((stats.discards(Discard::Unauthentic), stats.discards(Discard::Malformed)), (1, 1));
}

#[test]
fn a_record_is_accepted_once() {
    let (mut peers, now) = connected_pair([config(CLIENT), config(SERVER)]);
    let records: Vec<_> = (0..200u8).map(|i| sealed(&mut peers[CLIENT], &[i])).collect();
    for record in records.iter().rev().chain(&records) {
        peers[SERVER].take(now, &mut record.clone());
    }
    // The last 128 in any order; those before them are older than the window.
    assert_eq!(peers[SERVER].received.len(), 128);
    assert_eq!(peers[SERVER].connection.stats().discards(Discard::Replayed), 272);
}

#[test]
fn nothing_is_sent_before_the_handshake_ends() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now();
    let refused = |peers: &mut [Peer; 2], side: usize| {
        let connection = &mut peers[side].connection;
        assert_eq!(connection.send(b"early", &mut Vec::new()), Err(SendError::NotConnected));
        assert_eq!(connection.seal(&mut vec![0; 40], 0), Err(SendError::NotConnected));
        assert_eq!(connection.export_keying_material("x", None, &mut [0; 8]), Err(ExportError));
        assert_eq!(connection.peer_certificate(), None);
    };
    for flight in 0..4 {
        let (from, to) = (flight % 2, 1 - flight % 2);
        // Until the client's last flight has come, neither side can send; until the server's, the client cannot.
        refused(&mut peers, CLIENT);
        if flight < 3 {
            refused(&mut peers, SERVER);
        }
        while let Some(mut datagram) = peers[from].transmit(now) {
            peers[to].take(now, &mut datagram);
        }
    }
    assert!(both_connected(&mut peers));
}

#[test]
fn data_that_overtakes_the_last_flight_is_kept_until_the_peer_is_verified() {
    let (network, mut peers) = network(&Link::default(), [config(CLIENT), config(SERVER)], 1);
    let now = network.now();
    for flight in 0..3 {
        let (from, to) = (flight % 2, 1 - flight % 2);
        while let Some(mut datagram) = peers[from].transmit(now) {
            peers[to].take(now, &mut datagram);
        }
    }
    let mut last_flight = peers[SERVER].transmit(now).unwrap();
    for i in 0..40 {
        let mut record = sealed(&mut peers[SERVER], &[i; 100]);
        peers[CLIENT].take(now, &mut record);
    }
    assert!(peers[CLIENT].received.is_empty());
    let stats = peers[CLIENT].connection.stats();
    assert_eq!((stats.early_bytes, stats.discards(Discard::StoreFull)), (1600, 24));
    peers[CLIENT].take(now, &mut last_flight);
    assert_eq!(peers[CLIENT].received.len(), 16);
    assert_eq!(peers[CLIENT].connection.stats().early_bytes, 0);
}

#[test]
fn a_finished_that_overtakes_its_flight_is_kept_for_its_keys() {
    let mut configs = [config(CLIENT), config(SERVER)];
    configs.iter_mut().for_each(|config| config.mtu = 300);
    let (network, mut peers) = network(&Link::default(), configs, 1);
    let now = network.now();
    for flight in 0..2 {
        let (from, to) = (flight % 2, 1 - flight % 2);
        while let Some(mut datagram) = peers[from].transmit(now) {
            peers[to].take(now, &mut datagram);
        }
    }
    let mut flight: Vec<_> = std::iter::from_fn(|| peers[CLIENT].transmit(now)).collect();
    assert!(flight.len() > 1);
    flight.rotate_right(1);
    peers[SERVER].take(now, &mut flight[0]);
    assert!(peers[SERVER].connection.stats().early_bytes > 0);
    flight[1..].iter_mut().for_each(|datagram| peers[SERVER].take(now, datagram));
    assert!(peers[SERVER].connected().is_some());
    assert_eq!(peers[SERVER].connection.stats().early_bytes, 0);
}

#[test]
fn the_servers_last_flight_is_repeated_until_the_client_has_shown_that_it_came() {
    let link = Link { delay: Duration::from_millis(20), ..Link::default() };
    let lossy = Link { loss: Loss::Listed([1, 2, 3].into()), ..link.clone() };
    let mut network = duologue_netsim::Network::new(1);
    for (last, link) in [(1, link), (2, lossy)] {
        let host = network.add_host();
        let realm = duologue_netsim::Realm::INTERNET;
        network.add_interface(host, [192, 0, 2, last].into(), realm, link, Link::default());
    }
    let start = network.now();
    let mut peers = [CLIENT, SERVER].map(|side| Peer::new(side, config(side), 1, start));
    assert!(network.run_until(&mut peers, start + Duration::from_secs(10), both_connected));
    assert_eq!(network.stats().lost, 3);
    assert_eq!(peers[SERVER].connection.stats().flights_retransmitted, 3);
    assert!(peers[SERVER].connection.poll_timeout().is_none(), "the server itself does not wait");
}
