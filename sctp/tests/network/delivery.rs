//! Messages over a network that loses, reorders and duplicates.

use std::time::Duration;

use crate::support::{Pair, Peer, ms, pattern};
use bytes::Bytes;
use duologue_netsim::{Link, Loss};
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Kind, Message};
use duologue_sctp::{Config, Reliability, SendError};

fn rough(loss: f64) -> Link {
    Link {
        delay: ms(20),
        rate: Some(20_000_000),
        loss: Loss::Random(loss),
        duplicate: 0.05,
        reorder: 0.1,
        reorder_delay: ms(7),
        ..Link::default()
    }
}

fn config(ordered: bool, reliability: Reliability) -> ChannelConfig {
    let mut config = ChannelConfig::default();
    (config.ordered, config.reliability) = (ordered, reliability);
    config
}

/// Lengths of all kinds: one byte, around a packet's size, many packets.
fn length(n: usize) -> usize {
    [1, 100, 1_115, 1_116, 1_117, 2_232, 5_000, 40_000][n % 8] + n / 8
}

fn on(messages: &[Message], channel: ChannelId) -> Vec<&Bytes> {
    messages.iter().filter(|message| message.channel == channel).map(|message| &message.payload).collect()
}

#[test]
fn every_reliable_message_arrives_once_in_order_and_unchanged() {
    for (seed, loss) in (0..12).flat_map(|seed| [0.0, 0.05, 0.2].map(|loss| (seed, loss))) {
        let mut pair = Pair::connected(seed, &rough(loss));
        let channels: Vec<_> = (0..3).map(|n| pair.open(config(n != 2, Reliability::Reliable))).collect();
        let count = 24;
        for n in 0..count {
            let now = pair.network.now();
            for (index, ids) in channels.iter().enumerate() {
                for (side, peer) in pair.peers.iter_mut().enumerate() {
                    let payload = pattern(n * 10 + index, length(n));
                    peer.channels.send(now, ids[side], Kind::Binary, payload).unwrap();
                }
            }
        }
        let all = count * channels.len();
        assert!(pair.run(120, |peers| peers.iter().all(|peer| peer.messages.len() >= all)), "{seed} {loss}");
        pair.wait(Duration::from_secs(5));
        for (side, peer) in pair.peers.iter().enumerate() {
            for (index, ids) in channels.iter().enumerate() {
                let mut got = on(&peer.messages, ids[side]);
                let expected: Vec<_> = (0..count).map(|n| pattern(n * 10 + index, length(n))).collect();
                let mut expected: Vec<_> = expected.iter().collect();
                if index == 2 {
                    got.sort();
                    expected.sort();
                }
                assert!(got == expected, "seed {seed}, loss {loss}, channel {index}: {} messages", got.len());
            }
        }
        let stats = pair.network.stats();
        assert!(stats.reordered > 0 && stats.duplicated > 0 && (loss == 0.0 || stats.lost > 0));
    }
}

/// A message of one or four packets that begins with its number.
fn numbered(n: usize) -> Bytes {
    let mut bytes = n.to_be_bytes().to_vec();
    bytes.extend_from_slice(&pattern(n, 800 + 3_000 * (n % 2)));
    bytes.into()
}

#[test]
fn messages_without_retransmission_are_lost_alone_and_hold_nothing_up() {
    for (seed, ordered) in [(1, true), (2, false)] {
        let mut pair = Pair::connected(seed, &rough(0.05));
        let [ours, theirs] = pair.open(config(ordered, Reliability::MaxRetransmits(0)));
        let [reliable, reliable_theirs] = pair.open(config(true, Reliability::Reliable));
        for n in 0..400usize {
            let now = pair.network.now();
            let sender = &mut pair.peers[0].channels;
            sender.send(now, ours, Kind::Binary, numbered(n)).unwrap();
            sender.send(now, reliable, Kind::Binary, pattern(n, 50)).unwrap();
            pair.wait(ms(5));
        }
        let reliable = |peer: &Peer| on(&peer.messages, reliable_theirs).len();
        assert!(pair.run(30, |peers| reliable(&peers[1]) == 400));
        pair.wait(Duration::from_secs(5));
        let got = on(&pair.peers[1].messages, theirs);
        let numbers: Vec<usize> =
            got.iter().map(|bytes| (0..400).find(|&n| **bytes == numbered(n)).unwrap()).collect();
        assert!(numbers.len() >= 250 && numbers.len() < 400, "{} arrived", numbers.len());
        assert!(!ordered || numbers.is_sorted(), "in order");
        let stats = pair.peers[0].channels.stats();
        assert!(stats.messages_abandoned > 0 && stats.send_buffer == 0, "{stats:?}");
    }
}

#[test]
fn messages_past_their_lifetime_are_given_up() {
    let mut pair = Pair::connected(3, &rough(0.0));
    let [ours, theirs] = pair.open(config(true, Reliability::MaxLifetime(ms(300))));
    let now = pair.network.now();
    pair.network.set_connected(pair.interfaces[1], false);
    pair.peers[0].channels.send(now, ours, Kind::Text, Bytes::from_static(b"old")).unwrap();
    pair.wait(ms(1_000));
    pair.network.set_connected(pair.interfaces[1], true);
    let now = pair.network.now();
    pair.peers[0].channels.send(now, ours, Kind::Text, Bytes::from_static(b"new")).unwrap();
    assert!(pair.run(10, |peers| !peers[1].messages.is_empty()));
    pair.wait(Duration::from_secs(3));
    let got = on(&pair.peers[1].messages, theirs);
    assert_eq!(got, [&Bytes::from_static(b"new")]);
    assert_eq!(pair.peers[0].channels.stats().messages_abandoned, 1);
    assert_eq!(pair.peers[0].channels.stats().bytes_in_flight, 0);
}

#[test]
fn a_reader_that_stops_closes_the_window_and_reopens_it() {
    let mut settings = Config::default();
    settings.receive_window = 400_000;
    let mut pair = Pair::with_config(4, &rough(0.02), settings);
    pair.connect();
    let [ours, theirs] = pair.open(config(true, Reliability::Reliable));
    pair.peers[1].read = false;
    for n in 0..60 {
        let now = pair.network.now();
        pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(n, 50_000)).unwrap();
    }
    pair.wait(Duration::from_secs(20));
    let held = pair.peers[1].channels.stats().receive_buffer;
    assert!(held <= 2 * 400_000 && held > 200_000, "{held} bytes held");
    assert!(pair.peers[0].channels.stats().send_buffer > 1_000_000);
    pair.peers[1].read = true;
    assert!(pair.run(30, |peers| peers[1].messages.len() == 60));
    let got = on(&pair.peers[1].messages, theirs);
    assert!(got.iter().enumerate().all(|(n, bytes)| **bytes == pattern(n, 50_000)));
}

#[test]
fn a_refused_window_probe_leaves_again_as_soon_as_there_is_room() {
    let mut settings = Config::default();
    (settings.receive_window, settings.max_message_size) = (1, 1_000);
    let mut pair = Pair::with_config(4, &Link { delay: ms(10), ..Link::default() }, settings);
    pair.connect();
    let [ours, _] = pair.open(config(true, Reliability::Reliable));
    pair.peers[1].read = false;
    let mut count = 0;
    while pair.peers[0].channels.stats().peer_window >= 1_000 {
        let now = pair.network.now();
        pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(count, 1_000)).unwrap();
        count += 1;
        pair.wait(ms(50));
    }
    let now = pair.network.now();
    pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(count, 1_000)).unwrap();
    pair.wait(Duration::from_secs(8));
    assert!(pair.peers[0].channels.stats().timeouts > 2, "the probe is refused");
    pair.peers[1].read = true;
    pair.peers[1].collect();
    assert_eq!(pair.peers[1].messages.len(), count);
    let start = pair.network.now();
    assert!(pair.run(5, |peers| peers[1].messages.len() == count + 1));
    assert!(pair.network.now() - start <= ms(100), "{:?}", pair.network.now() - start);
}

#[test]
fn the_send_buffer_is_bounded_and_gives_the_payload_back() {
    let mut settings = Config::default();
    settings.send_buffer = 100_000;
    let mut pair = Pair::with_config(5, &Link::default(), settings);
    let now = pair.network.now();
    let channel = pair.peers[0].channels.create(now, ChannelConfig::default()).unwrap();
    let sender = &mut pair.peers[0].channels;
    let payload = pattern(0, 30_000);
    for _ in 0..3 {
        sender.send(now, channel, Kind::Binary, payload.clone()).unwrap();
    }
    let refused = sender.send(now, channel, Kind::Binary, payload.clone()).unwrap_err();
    assert_eq!(refused, SendError::BufferFull(payload.clone()));
    assert_eq!(refused.into_payload(), payload);
    assert_eq!(sender.buffered_amount(channel), 90_000);
    sender.set_remote_max_message_size(1_000);
    let refused = sender.send(now, channel, Kind::Text, payload.clone()).unwrap_err();
    assert_eq!(refused, SendError::TooLarge { payload, limit: 1_000 });
}

#[test]
fn a_narrower_path_is_used_at_once_and_numbered_fragments_still_leave() {
    let mut pair = Pair::connected(6, &rough(0.0));
    let [ours, theirs] = pair.open(config(true, Reliability::Reliable));
    let now = pair.network.now();
    pair.network.set_connected(pair.interfaces[1], false);
    let sender = &mut pair.peers[0].channels;
    sender.send(now, ours, Kind::Binary, pattern(1, 5_000)).unwrap();
    pair.wait(ms(50));
    pair.peers[0].channels.set_mtu(600);
    pair.network.set_connected(pair.interfaces[1], true);
    let now = pair.network.now();
    pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(2, 5_000)).unwrap();
    assert!(pair.run(10, |peers| peers[1].messages.len() == 2));
    assert_eq!(on(&pair.peers[1].messages, theirs), [&pattern(1, 5_000), &pattern(2, 5_000)]);
}
