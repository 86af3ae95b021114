#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test panics")]
//! Data channels: how they open, what they carry, how they close.

mod support;

use std::time::Duration;

use bytes::Bytes;
use duologue_netsim::{Link, Loss};
use duologue_sctp::dcep::{
    ChannelCloseReason, ChannelConfig, ChannelId, ChannelState, CreateError, Event, Kind,
};
use duologue_sctp::{CloseReason, Config, Reliability, SendError, StreamId};
use support::{Pair, Peer, ms, pattern};

fn labelled(label: &str) -> ChannelConfig {
    let mut config = ChannelConfig::default();
    config.label = label.to_owned();
    config
}

fn negotiated(stream: u16) -> ChannelConfig {
    let mut config = ChannelConfig::default();
    config.negotiated = Some(stream);
    config
}

fn link() -> Link {
    Link { delay: ms(10), ..Link::default() }
}

fn closed(peer: &Peer, id: ChannelId) -> Option<ChannelCloseReason> {
    peer.events.iter().find_map(|event| match event {
        Event::Closed(closed, reason) if *closed == id => Some(*reason),
        _ => None,
    })
}

#[test]
fn a_channel_arrives_as_it_was_created_with_each_kind_of_reliability() {
    let mut pair = Pair::connected(1, &link());
    let kinds = [
        Reliability::Reliable,
        Reliability::MaxRetransmits(0),
        Reliability::MaxRetransmits(7),
        Reliability::MaxLifetime(ms(1_500)),
    ];
    for (n, reliability) in kinds.into_iter().enumerate() {
        for ordered in [true, false] {
            let mut config = labelled("ä label");
            config.protocol = "soap".to_owned();
            (config.ordered, config.reliability, config.priority) = (ordered, reliability, 512);
            let [ours, theirs] = pair.open(config.clone());
            let [sender, receiver] = &pair.peers;
            assert_eq!(receiver.channels.channel(theirs).unwrap().config(), &config);
            let stream = sender.channels.channel(ours).unwrap().stream().unwrap();
            assert_eq!(stream.0 % 2, 0, "the DTLS client opens on even streams");
            assert!(n == 0 || stream.0 > 0);
        }
    }
    let now = pair.network.now();
    let theirs = pair.peers[1].channels.create(now, labelled("back")).unwrap();
    let stream = pair.peers[1].channels.channel(theirs).unwrap().stream().unwrap();
    assert_eq!(stream, StreamId(1), "the DTLS server opens on odd streams");
}

#[test]
fn messages_of_every_kind_and_size_arrive_as_they_were_sent() {
    let mut pair = Pair::connected(2, &link());
    let [ours, theirs] = pair.open(ChannelConfig::default());
    let messages: Vec<(Kind, Bytes)> = vec![
        (Kind::Text, Bytes::from_static("grüß dich 👋".as_bytes())),
        (Kind::Text, Bytes::new()),
        (Kind::Binary, Bytes::new()),
        (Kind::Binary, Bytes::from_static(&[0])),
        (Kind::Binary, pattern(1, 65_536)),
        (Kind::Text, pattern(2, 262_144)),
    ];
    for (kind, payload) in &messages {
        let now = pair.network.now();
        pair.peers[0].channels.send(now, ours, *kind, payload.clone()).unwrap();
    }
    assert!(pair.run(30, |peers| peers[1].messages.len() == messages.len()));
    for (message, (kind, payload)) in pair.peers[1].messages.iter().zip(&messages) {
        assert_eq!((message.channel, message.kind, &message.payload), (theirs, *kind, payload));
    }
    assert_eq!(pair.peers[1].channels.stats().receive_buffer, 0, "all charges are given back");
}

#[test]
fn what_is_sent_before_the_association_is_up_arrives_two_round_trips_after_connect() {
    let mut pair = Pair::new(3, &link());
    let now = pair.network.now();
    let channel = pair.peers[0].channels.create(now, labelled("early")).unwrap();
    pair.peers[0].channels.send(now, channel, Kind::Text, Bytes::from_static(b"first")).unwrap();
    pair.peers.iter_mut().for_each(|peer| peer.channels.connect(now));
    assert!(pair.run(10, |peers| !peers[1].messages.is_empty()));
    // INIT, INIT ACK, COOKIE ECHO with data: one and a half round trips of 20 ms.
    assert_eq!(pair.network.elapsed(), ms(30));
}

#[test]
fn the_association_comes_up_when_only_one_side_connects() {
    for side in [0, 1] {
        let mut pair = Pair::new(4, &link());
        let now = pair.network.now();
        pair.peers[side].channels.connect(now);
        assert!(pair.run(5, |peers| peers.iter().all(|peer| peer.has(|e| *e == Event::Established))));
    }
}

#[test]
fn channels_created_before_the_role_is_known_get_streams_of_its_parity() {
    let mut pair = Pair::new(5, &link());
    let now = pair.network.now();
    let config = std::sync::Arc::new(Config::default());
    let mut channels = duologue_sctp::dcep::Channels::new(config, [9; 32], now);
    let first = channels.create(now, labelled("first")).unwrap();
    let second = channels.create(now, labelled("second")).unwrap();
    let payload = Bytes::from_static(b"too early");
    assert_eq!(channels.send(now, first, Kind::Text, payload.clone()), Err(SendError::NoSuchStream(payload)));
    channels.set_dtls_role(now, duologue_sctp::dcep::DtlsRole::Server);
    let stream = |id| channels.channel(id).unwrap().stream().unwrap().0;
    assert_eq!((stream(first), stream(second)), (1, 3));
    pair.wait(ms(1));
}

#[test]
fn a_negotiated_channel_needs_no_message_and_its_stream_no_parity() {
    let mut pair = Pair::new(6, &link());
    let now = pair.network.now();
    let ids = [0, 1].map(|side| pair.peers[side].channels.create(now, negotiated(7)).unwrap());
    assert_eq!(pair.peers[0].channels.create(now, negotiated(7)), Err(CreateError::StreamInUse(7)));
    assert_eq!(
        pair.peers[0].channels.create(now, negotiated(65_535)),
        Err(CreateError::NoSuchStream(65_535))
    );
    pair.connect();
    let now = pair.network.now();
    for side in [0, 1] {
        assert!(pair.peers[side].has(|e| *e == Event::Opened(ids[side])));
        let payload = Bytes::from_static(b"hello");
        pair.peers[side].channels.send(now, ids[side], Kind::Text, payload).unwrap();
    }
    assert!(pair.run(5, |peers| peers.iter().all(|peer| peer.messages.len() == 1)));
    assert!(pair.peers.iter().all(|peer| peer.incoming().is_empty()));
}

#[test]
fn a_channel_closed_by_either_side_closes_on_both_after_its_messages_and_its_stream_is_used_again() {
    let rough = Link { loss: Loss::Random(0.1), reorder: 0.1, duplicate: 0.1, ..link() };
    let mut streams = Vec::new();
    for seed in 0..20 {
        let closer = seed as usize % 2;
        let mut pair = Pair::connected(seed, &rough);
        for round in 0..5usize {
            let ids = pair.open(labelled("again"));
            let now = pair.network.now();
            streams.push(pair.peers[0].channels.channel(ids[0]).unwrap().stream().unwrap());
            let known = pair.peers[1 - closer].messages.len();
            for n in 0..5 {
                let payload = pattern(round * 10 + n, 4_000);
                pair.peers[closer].channels.send(now, ids[closer], Kind::Binary, payload).unwrap();
            }
            pair.peers[closer].channels.close(now, ids[closer]);
            let state = pair.peers[closer].channels.channel(ids[closer]).unwrap().state();
            assert_eq!(state, ChannelState::Closing);
            let refused = pair.peers[closer].channels.send(now, ids[closer], Kind::Text, Bytes::new());
            assert_eq!(refused, Err(SendError::Closed(Bytes::new())));
            assert!(pair.run(60, |peers| (0..2).all(|side| closed(&peers[side], ids[side]).is_some())));
            assert_eq!(closed(&pair.peers[closer], ids[closer]), Some(ChannelCloseReason::Local));
            assert_eq!(closed(&pair.peers[1 - closer], ids[1 - closer]), Some(ChannelCloseReason::Peer));
            let got = &pair.peers[1 - closer].messages[known..];
            assert!(got.iter().all(|message| message.channel == ids[1 - closer]));
            let expected: Vec<_> = (0..5).map(|n| pattern(round * 10 + n, 4_000)).collect();
            assert!(got.iter().map(|message| &message.payload).eq(&expected), "seed {seed}");
            assert!(pair.peers[closer].channels.channel(ids[closer]).is_none());
        }
        assert!(pair.network.stats().lost > 0);
    }
    assert!(streams.iter().all(|stream| *stream == StreamId(0)), "the stream is used again: {streams:?}");
}

#[test]
fn both_sides_may_close_many_channels_at_once() {
    let mut pair = Pair::connected(30, &Link { loss: Loss::Random(0.1), ..link() });
    let ids: Vec<_> = (0..600).map(|n| pair.open(labelled(&n.to_string()))).collect();
    let now = pair.network.now();
    for (n, both) in ids.iter().enumerate() {
        for side in [0, 1] {
            if n % 3 != side {
                pair.peers[side].channels.close(now, both[side]);
            }
        }
    }
    let all = |peers: &mut [Peer]| {
        let gone = |peer: &Peer| peer.events.iter().filter(|e| matches!(e, Event::Closed(..))).count();
        peers.iter().all(|peer| gone(peer) == 600)
    };
    assert!(pair.run(60, all));
    assert_eq!(pair.peers[0].channels.channels().count(), 0);
    let [ours, _] = pair.open(labelled("new"));
    assert_eq!(pair.peers[0].channels.channel(ours).unwrap().stream(), Some(StreamId(0)));
}

#[test]
fn an_identifier_never_means_two_channels() {
    let mut pair = Pair::connected(31, &link());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let ids = pair.open(labelled("x"));
        assert!(seen.insert(ids[0]));
        let now = pair.network.now();
        pair.peers[0].channels.close(now, ids[0]);
        assert!(pair.run(5, |peers| closed(&peers[0], ids[0]).is_some()));
    }
}

#[test]
fn the_buffered_amount_counts_what_has_not_left_and_its_low_event_comes_once() {
    let mut pair = Pair::connected(32, &Link { rate: Some(5_000_000), ..link() });
    let [ours, _] = pair.open(ChannelConfig::default());
    pair.peers[0].channels.set_buffered_amount_low_threshold(ours, 50_000);
    let now = pair.network.now();
    for n in 0..4 {
        pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(n, 50_000)).unwrap();
    }
    assert_eq!(pair.peers[0].channels.buffered_amount(ours), 200_000);
    let low = |peer: &Peer| peer.events.iter().filter(|e| **e == Event::BufferedAmountLow(ours)).count();
    assert_eq!(low(&pair.peers[0]), 0);
    assert!(pair.run(10, |peers| low(&peers[0]) == 1));
    assert!(pair.peers[0].channels.buffered_amount(ours) <= 50_000);
    pair.wait(Duration::from_secs(5));
    assert_eq!((low(&pair.peers[0]), pair.peers[0].channels.buffered_amount(ours)), (1, 0));
}

#[test]
fn readable_is_told_once_until_all_was_read() {
    let mut pair = Pair::connected(33, &link());
    let [ours, _] = pair.open(ChannelConfig::default());
    pair.peers[1].read = false;
    for n in 0..10 {
        let now = pair.network.now();
        pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(n, 10)).unwrap();
        pair.wait(ms(50));
    }
    let told = |peer: &Peer| peer.events.iter().filter(|e| **e == Event::Readable).count();
    assert_eq!(told(&pair.peers[1]), 1);
    assert_eq!(std::iter::from_fn(|| pair.peers[1].channels.recv()).count(), 10);
    let now = pair.network.now();
    pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(0, 10)).unwrap();
    pair.wait(ms(50));
    assert_eq!(told(&pair.peers[1]), 2);
}

#[test]
fn a_shutdown_delivers_what_is_queued_and_ends_both_sides() {
    let mut pair = Pair::connected(34, &Link { loss: Loss::Random(0.1), ..link() });
    let [ours, theirs] = pair.open(ChannelConfig::default());
    let now = pair.network.now();
    pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(1, 200_000)).unwrap();
    pair.peers[0].channels.shutdown(now);
    let refused = pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(1, 1));
    assert_eq!(refused, Err(SendError::Closed(pattern(1, 1))));
    let ended = Event::Ended(CloseReason::Shutdown);
    assert!(pair.run(60, |peers| peers.iter().all(|peer| peer.has(|e| *e == ended))));
    assert_eq!(pair.peers[1].messages[0].payload, pattern(1, 200_000));
    assert_eq!(closed(&pair.peers[1], theirs), Some(ChannelCloseReason::AssociationEnded));
    assert!(pair.peers.iter().all(|peer| peer.channels.poll_timeout().is_none()));
    assert!(pair.peers.iter().all(|peer| peer.events.last() == Some(&ended)));
}

#[test]
fn an_abort_ends_both_sides_at_once() {
    let mut pair = Pair::connected(35, &link());
    let now = pair.network.now();
    pair.peers[0].channels.abort(now);
    assert!(pair.peers[0].channels.poll_event().is_none(), "not before the last packet was polled");
    pair.wait(ms(20));
    assert_eq!(pair.peers[0].events.last(), Some(&Event::Ended(CloseReason::Aborted)));
    assert_eq!(pair.peers[1].events.last(), Some(&Event::Ended(CloseReason::PeerAborted(Some(12)))));
    let now = pair.network.now();
    assert_eq!(pair.peers[0].channels.create(now, labelled("late")), Err(CreateError::Closed));
}

#[test]
fn a_second_connection_in_place_of_the_first_ends_the_association() {
    let mut pair = Pair::connected(36, &link());
    let now = pair.network.now();
    let config = std::sync::Arc::new(Config::default());
    let other = Peer::new(&config, [77; 32], now, duologue_sctp::dcep::DtlsRole::Client);
    pair.peers[0] = other;
    pair.peers[0].channels.connect(now);
    pair.wait(Duration::from_secs(1));
    assert!(pair.peers[1].has(|e| *e == Event::Ended(CloseReason::PeerRestarted)));
}

#[test]
fn a_peer_with_fewer_streams_limits_the_channels() {
    let network = Pair::new(37, &link());
    let now = network.network.now();
    let mut few = Config::default();
    (few.inbound_streams, few.outbound_streams) = (4, 4);
    let mut pair = network;
    pair.peers[1] = Peer::new(&std::sync::Arc::new(few), [5; 32], now, duologue_sctp::dcep::DtlsRole::Server);
    let ids: Vec<_> = (0..4).map(|_| pair.peers[0].channels.create(now, labelled("x")).unwrap()).collect();
    pair.connect();
    pair.wait(ms(200));
    let reasons: Vec<_> = ids.iter().map(|id| closed(&pair.peers[0], *id)).collect();
    let none = Some(ChannelCloseReason::NoStream);
    assert_eq!(reasons, [None, None, none, none]);
    assert_eq!(pair.peers[1].incoming().len(), 2);
    let now = pair.network.now();
    assert_eq!(pair.peers[0].channels.create(now, labelled("y")), Err(CreateError::NoStreamLeft));
}
