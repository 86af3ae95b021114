#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failing test panics; numbers are cut to patterns"
)]
//! Faults that other stacks had, each by name.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::{Link, Loss, Network};
use duologue_sctp::dcep::{ChannelConfig, Channels, DtlsRole, Event, Kind};
use duologue_sctp::packet::{
    self, Chunk, Data, ForwardTsn, GapBlock, Header, PacketWriter, Sack, Skipped, kind,
};
use duologue_sctp::{Association, Config, Discard, Message, Reliability, SendOptions, StreamId};
use support::{Pair, Peer, ms, pattern};

fn start() -> Instant {
    Network::new(0).now()
}

/// An association under attack, and what its peer knows: enough to write any packet in the peer's name.
struct Victim {
    association: Association,
    header: Header,
    /// The TSN the peer would use next.
    tsn: u32,
    now: Instant,
}

impl Victim {
    /// Sets an association up with a real peer, which then turns evil.
    fn new(config: Config) -> Self {
        let now = start();
        let mut peer = Association::new(Arc::new(Config::default()), [1; 32], now);
        let mut association = Association::new(Arc::new(config), [2; 32], now);
        peer.connect(now);
        let (mut header, mut tsn) = (None, 0);
        let mut out = Vec::new();
        for _ in 0..6 {
            out.clear();
            if peer.poll_transmit(now, 1500, &mut out).is_some() {
                let (seen, mut chunks) = packet::parse(&out).unwrap();
                if let Some(Chunk::Init(init)) = chunks.next().and_then(|chunk| chunk.parse()) {
                    tsn = init.initial_tsn;
                }
                header = Some(seen);
                association.handle_packet(now, &out).unwrap();
            }
            out.clear();
            if association.poll_transmit(now, 1500, &mut out).is_some() {
                peer.handle_packet(now, &out).unwrap();
            }
        }
        assert!(association.is_established());
        Self { association, header: header.unwrap(), tsn, now }
    }

    fn inject(&mut self, write: impl FnOnce(&mut PacketWriter<'_>)) -> Result<(), Discard> {
        let mut out = Vec::new();
        let mut packet = PacketWriter::begin(&mut out, self.header, 65_535);
        write(&mut packet);
        packet.finish();
        self.association.handle_packet(self.now, &out)
    }

    fn chunk(&mut self, kind: u8, flags: u8, value: &[u8]) -> Result<(), Discard> {
        self.inject(|packet| packet.chunk(kind, flags, |out| out.extend_from_slice(value)))
    }

    fn data(&mut self, data: Data<'_>) -> Result<(), Discard> {
        let header = data.header();
        let flags = header[1];
        self.inject(|packet| {
            packet.chunk(kind::DATA, flags, |out| {
                out.extend_from_slice(&header[4..]);
                out.extend_from_slice(data.payload);
            });
        })
    }

    /// Takes all that the victim wants to send; returns the packets.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        loop {
            let mut out = Vec::new();
            if self.association.poll_transmit(self.now, 1500, &mut out).is_none() {
                return packets;
            }
            packets.push(out);
            assert!(packets.len() < 50_000);
        }
    }
}

fn data(tsn: u32, stream: u16, ssn: u16, beginning: bool, ending: bool, payload: &[u8]) -> Data<'_> {
    Data { immediate: false, unordered: false, beginning, ending, tsn, stream, ssn, ppid: 53, payload }
}

/// A generator of numbers that needs no crate.
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

// 15
#[test]
fn fault_15_init_has_the_same_golden_bytes_wherever_the_association_lies_in_memory() {
    let init = |hold: Vec<u8>| {
        let mut association = Box::new(Association::new(Arc::new(Config::default()), [42; 32], start()));
        association.connect(start());
        let mut out = Vec::new();
        assert_eq!(association.poll_transmit(start(), 1500, &mut out), Some(out.len()));
        drop(hold);
        out
    };
    let first = init(Vec::new());
    assert_eq!(first, init(vec![0; 100_000]));
    assert_eq!(&first[..8], [0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0], "ports 5000, tag 0");
    assert_eq!(&first[12..16], [1, 0, 0, 32], "INIT");
    assert_eq!(&first[20..28], [0, 0x40, 0, 0, 0xff, 0xff, 0xff, 0xff], "a_rwnd 4 MiB, 65535 streams");
    assert_eq!(&first[32..], [0xc0, 0, 0, 4, 0x80, 8, 0, 6, 130, 192, 0, 0]);
}

// 16
#[test]
fn fault_16_the_loss_of_any_single_packet_stalls_nothing_with_a_closed_window_either() {
    let mut losses = 0;
    for side in [0, 1] {
        for lost in 0..140 {
            let mut config = Config::default();
            (config.receive_window, config.max_message_size) = (1, 1_000);
            let link = Link { delay: ms(10), ..Link::default() };
            let mut pair = Pair::with_config(1, &link, config);
            let listed = Link { loss: Loss::Listed([lost].into()), ..link };
            pair.network.set_links(pair.interfaces[side], listed, Link::default());
            pair.connect();
            let [ours, _] = pair.open(ChannelConfig::default());
            pair.peers[1].read = false;
            for n in 0..300 {
                let now = pair.network.now();
                pair.peers[0].channels.send(now, ours, Kind::Binary, pattern(n, 1_000)).unwrap();
            }
            pair.wait(Duration::from_secs(3));
            assert!(pair.peers[0].channels.stats().peer_window < 2_000, "the window has closed");
            pair.peers[1].read = true;
            assert!(pair.run(60, |peers| peers[1].messages.len() == 300), "packet {lost} of side {side}");
            losses += pair.network.stats().lost;
        }
    }
    assert!(losses > 150, "{losses} packets were lost");
}

// 17
#[test]
fn fault_17_crafted_sequence_numbers_do_no_harm() {
    let mut next = numbers(17);
    let mut victim = Victim::new(Config::default());
    let base = victim.tsn;
    let payload = [5; 300];
    for _ in 0..20_000 {
        let tsn = match next() % 4 {
            0 => next() as u32,
            1 => base.wrapping_add(next() as u32 % 40_000),
            _ => base.wrapping_add(next() as u32 % 300),
        };
        let bits = next();
        let mut crafted =
            data(tsn, (next() % 5) as u16, (next() % 6) as u16, bits & 1 == 0, bits & 2 == 0, &payload);
        crafted.unordered = bits & 4 == 0;
        let _ = victim.data(crafted);
        if bits.is_multiple_of(64) {
            let new_cum = base.wrapping_add(next() as u32 % 300);
            let skipped = [Skipped { stream: (next() % 5) as u16, ssn: next() as u16 }];
            let mut value = Vec::new();
            ForwardTsn::write(&mut value, new_cum, &skipped);
            let _ = victim.chunk(kind::FORWARD_TSN, 0, &value);
        }
        victim.drain();
        if bits.is_multiple_of(8) {
            while victim.association.recv().is_some() {}
        }
        assert!(victim.association.stats().receive_buffer <= 2 * (4 << 20) + 300_000);
    }
    assert!(victim.association.is_established());
}

#[test]
fn fault_17_a_forged_cookie_is_refused_and_a_stale_one_reported() {
    let now = start();
    let mut association = Association::new(Arc::new(Config::default()), [3; 32], now);
    let mut peer = Association::new(Arc::new(Config::default()), [4; 32], now);
    peer.connect(now);
    let mut out = Vec::new();
    let mut pass = |from: &mut Association, to: &mut Association, now| {
        out.clear();
        from.poll_transmit(now, 1500, &mut out).unwrap();
        let result = to.handle_packet(now, &out);
        (out.clone(), result)
    };
    pass(&mut peer, &mut association, now).1.unwrap();
    pass(&mut association, &mut peer, now).1.unwrap();
    let later = now + Duration::from_secs(61);
    let (echo, result) = pass(&mut peer, &mut association, later);
    assert_eq!(result, Err(Discard::StaleCookie));
    let (header, mut chunks) = packet::parse(&echo).unwrap();
    let cookie = chunks.next().unwrap().value.to_vec();
    for bit in 0..cookie.len() * 8 {
        let mut forged = cookie.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let mut bytes = Vec::new();
        let mut writer = PacketWriter::begin(&mut bytes, header, 1500);
        writer.chunk(kind::COOKIE_ECHO, 0, |out| out.extend_from_slice(&forged));
        writer.finish();
        assert_eq!(association.handle_packet(later, &bytes), Err(Discard::ForgedCookie));
    }
    assert!(!association.is_established());
    // The report makes the peer begin again, and this time it is quick.
    for _ in 0..4 {
        out.clear();
        if association.poll_transmit(later, 1500, &mut out).is_some() {
            let _ = peer.handle_packet(later, &out);
        }
        out.clear();
        if peer.poll_transmit(later, 1500, &mut out).is_some() {
            let _ = association.handle_packet(later, &out);
        }
    }
    assert!(association.is_established());
}

// 18
#[test]
fn fault_18_any_sack_is_dealt_with_in_bounded_steps() {
    let mut next = numbers(18);
    let mut victim = Victim::new(Config::default());
    for n in 0..3_000 {
        let message = Message { stream: StreamId(0), ppid: 53, payload: pattern(n, 2_000) };
        let _ = victim.association.send(victim.now, message, SendOptions::default());
        let first = victim.association.stats().messages_sent as u32;
        victim.drain();
        let mut value = Vec::new();
        let blocks = (next() % 16_000) as usize;
        let gaps: Vec<GapBlock> = (0..blocks)
            .map(|at| match next() % 3 {
                0 => GapBlock { start: next() as u16, end: next() as u16 },
                1 => GapBlock { start: 0, end: u16::MAX },
                _ => GapBlock { start: (at * 2 + 2) as u16, end: (at * 2 + 2) as u16 },
            })
            .collect();
        let cum = victim.tsn.wrapping_add(next() as u32 % (first + 2));
        Sack::write(&mut value, cum, next() as u32, gaps.into_iter(), &[]);
        let _ = victim.chunk(kind::SACK, 0, &value);
        victim.now += ms(next() % 50);
        victim.association.handle_timeout(victim.now);
    }
    assert!(victim.association.is_established());
}

// 19
#[test]
fn fault_19_a_million_holes_take_bounded_memory() {
    let mut config = Config::default();
    (config.receive_window, config.max_message_size) = (200_000, 50_000);
    let mut victim = Victim::new(config);
    let base = victim.tsn;
    let mut refused = 0;
    for n in 1..1_000_000u32 {
        let len = if n % 3 == 0 { 1 } else { 1_000 };
        let payload = [1; 1_000];
        let crafted = data(base.wrapping_add(n * 2), 1, 9, n % 2 == 0, n % 5 == 0, &payload[..len]);
        refused += u32::from(victim.data(crafted).is_err());
        if n % 1_000 == 0 {
            assert!(victim.drain().iter().all(|packet| packet.len() <= 1_144));
            assert!(victim.association.stats().receive_buffer <= 2 * 200_000 + 1_000);
        }
    }
    assert!(refused > 900_000);
    let stats = victim.association.stats();
    assert!(stats.discarded(Discard::BufferFull) > 0 && stats.discarded(Discard::TooFarAhead) > 0);
}

// Data channels

#[test]
fn fault_dcep_is_reliable_and_ordered_on_channels_that_are_not() {
    let mut lost = 0;
    for seed in 0..30 {
        let link = Link { delay: ms(10), loss: Loss::Random(0.3), reorder: 0.2, ..Link::default() };
        let mut pair = Pair::connected(seed, &link);
        let now = pair.network.now();
        for n in 0..20 {
            let mut config = ChannelConfig::default();
            (config.ordered, config.label) = (false, n.to_string());
            config.reliability = Reliability::MaxRetransmits(0);
            let id = pair.peers[0].channels.create(now, config).unwrap();
            // Would overtake DATA_CHANNEL_OPEN if it were sent unordered.
            pair.peers[0].channels.send(now, id, Kind::Text, pattern(n, 1_100)).unwrap();
        }
        assert!(pair.run(60, |peers| peers[1].incoming().len() == 20), "seed {seed}");
        pair.wait(Duration::from_secs(5));
        assert_eq!(
            pair.peers[1].channels.channels().count(),
            20,
            "none was closed for a message before its OPEN"
        );
        lost += pair.network.stats().lost;
    }
    assert!(lost > 30, "{lost} packets were lost");
}

#[test]
fn fault_a_chunk_bundled_after_a_sack_is_read() {
    let mut victim = Victim::new(Config::default());
    let message = Message { stream: StreamId(0), ppid: 53, payload: Bytes::from_static(b"x") };
    victim.association.send(victim.now, message, SendOptions::default()).unwrap();
    victim.drain();
    let mut value = Vec::new();
    Sack::write(&mut value, 0, 0, std::iter::empty(), &[]);
    let crafted = data(victim.tsn, 0, 0, true, true, b"after the sack");
    let header = crafted.header();
    victim
        .inject(|packet| {
            packet.chunk(kind::SACK, 0, |out| out.extend_from_slice(&value));
            packet.chunk(kind::DATA, 3, |out| {
                out.extend_from_slice(&header[4..]);
                out.extend_from_slice(crafted.payload);
            });
        })
        .unwrap();
    assert_eq!(victim.association.recv().unwrap().payload, "after the sack");
}

#[test]
fn fault_a_gap_on_one_stream_holds_up_no_other() {
    let mut victim = Victim::new(Config::default());
    let base = victim.tsn;
    let read = |victim: &mut Victim| -> Vec<Bytes> {
        std::iter::from_fn(|| victim.association.recv()).map(|message| message.payload).collect()
    };
    // The first TSN, of stream 1, stays missing. Stream 2 has its own gap, which is filled.
    victim.data(data(base.wrapping_add(3), 2, 1, false, true, b"-two")).unwrap();
    victim.data(data(base.wrapping_add(2), 2, 1, true, false, b"two")).unwrap();
    victim.data(data(base.wrapping_add(4), 3, 0, true, true, b"other")).unwrap();
    assert_eq!(read(&mut victim), ["other"]);
    victim.data(data(base.wrapping_add(1), 2, 0, true, true, b"one")).unwrap();
    assert_eq!(read(&mut victim), ["one", "two-two"]);
    victim.data(data(base, 1, 0, true, true, b"late")).unwrap();
    assert_eq!(read(&mut victim), ["late"]);
    assert_eq!(victim.association.stats().receive_buffer, 0);
}

#[test]
fn fault_many_streams_at_low_delay_do_not_stall() {
    let link = Link { delay: Duration::from_micros(200), loss: Loss::Random(0.02), ..Link::default() };
    let mut pair = Pair::connected(7, &link);
    let ids: Vec<_> = (0..300).map(|_| pair.open(ChannelConfig::default())[0]).collect();
    for (n, id) in ids.iter().enumerate() {
        let now = pair.network.now();
        for part in 0..4 {
            pair.peers[0].channels.send(now, *id, Kind::Binary, pattern(n + part, 3_000)).unwrap();
        }
    }
    assert!(pair.run(30, |peers| peers[1].messages.len() == 1_200));
}

#[test]
fn fault_a_stream_is_used_again_although_the_answer_to_its_reset_was_lost() {
    let now = start();
    let config = Arc::new(Config::default());
    let mut a = Channels::new(config.clone(), [1; 32], now);
    let mut b = Channels::new(config, [2; 32], now);
    a.set_dtls_role(now, DtlsRole::Client);
    b.set_dtls_role(now, DtlsRole::Server);
    a.connect(now);
    let pump = |a: &mut Channels, b: &mut Channels, b_is_heard: bool, a_is_heard: bool| {
        for _ in 0..20 {
            let mut out = Vec::new();
            if a.poll_transmit(now, 1500, &mut out).is_some() && a_is_heard {
                let _ = b.handle_packet(now, &out);
            }
            out.clear();
            if b.poll_transmit(now, 1500, &mut out).is_some() && b_is_heard {
                let _ = a.handle_packet(now, &out);
            }
        }
    };
    let first = a.create(now, ChannelConfig::default()).unwrap();
    pump(&mut a, &mut b, true, true);
    a.close(now, first);
    // The request reaches b, b's own request reaches a; a's answer to it is lost.
    let mut out = Vec::new();
    assert!(a.poll_transmit(now, 1500, &mut out).is_some());
    b.handle_packet(now, &out).unwrap();
    out.clear();
    while b.poll_transmit(now, 1500, &mut out).is_some() {
        a.handle_packet(now, &out).unwrap();
        out.clear();
    }
    pump(&mut a, &mut b, true, false);
    let gone = |peer: &mut Channels| {
        std::iter::from_fn(|| peer.poll_event()).any(|e| matches!(e, Event::Closed(..)))
    };
    assert!(gone(&mut a) && !gone(&mut b), "a is done, b is not");
    let second = a.create(now, ChannelConfig::default()).unwrap();
    a.send(now, second, Kind::Text, Bytes::from_static(b"again")).unwrap();
    assert_eq!(a.channel(second).unwrap().stream(), Some(StreamId(0)));
    pump(&mut a, &mut b, true, true);
    let events: Vec<_> = std::iter::from_fn(|| b.poll_event()).collect();
    let Some(Event::Incoming(theirs)) = events.iter().find(|e| matches!(e, Event::Incoming(_))) else {
        panic!("the second channel did not come: {events:?}")
    };
    assert_eq!(b.recv().unwrap().payload, "again");
    // b's request is asked again, answered, and the new channel works in both directions and closes.
    let theirs = *theirs;
    b.send(now, theirs, Kind::Text, Bytes::from_static(b"back")).unwrap();
    let later = now + Duration::from_secs(1);
    a.handle_timeout(later);
    b.handle_timeout(later);
    pump(&mut a, &mut b, true, true);
    assert_eq!(a.recv().unwrap().payload, "back");
    b.close(later, theirs);
    pump(&mut a, &mut b, true, true);
    assert!(gone(&mut a) && gone(&mut b));
}

#[test]
fn fault_two_in_band_channels_on_one_stream_do_not_loop() {
    let link = Link { delay: ms(10), ..Link::default() };
    let mut pair = Pair::new(9, &link);
    let now = pair.network.now();
    // Both believe to be the DTLS client: both choose stream 0.
    let config = Arc::new(Config::default());
    pair.peers[1] = {
        let mut peer = Peer::new(&config, [8; 32], now, DtlsRole::Server);
        peer.channels = Channels::new(config.clone(), [8; 32], now);
        peer.channels.set_dtls_role(now, DtlsRole::Client);
        peer
    };
    for peer in &mut pair.peers {
        peer.channels.create(now, ChannelConfig::default()).unwrap();
    }
    pair.connect();
    pair.wait(Duration::from_secs(20));
    for peer in &pair.peers {
        assert!(peer.incoming().is_empty());
        assert!(peer.has(|e| matches!(e, Event::Closed(..))), "{:?}", peer.events);
        assert!(peer.sent_packets < 40, "{} packets", peer.sent_packets);
        assert_eq!(peer.channels.channels().count(), 0);
    }
}

#[test]
fn fault_an_open_against_the_parity_and_data_without_a_channel_close_the_stream_without_an_event() {
    let now = start();
    let config = Arc::new(Config::default());
    let mut peer = Association::new(config.clone(), [1; 32], now);
    let mut channels = Channels::new(config, [2; 32], now);
    channels.set_dtls_role(now, DtlsRole::Server);
    peer.connect(now);
    let open = Bytes::from_static(b"\x03\x00\0\0\0\0\0\0\0\x01\0\0a");
    let send = |peer: &mut Association, stream, ppid, payload: &Bytes| {
        let message = Message { stream: StreamId(stream), ppid, payload: payload.clone() };
        peer.send(now, message, SendOptions::default()).unwrap();
    };
    send(&mut peer, 1, 50, &open);
    send(&mut peer, 2, 51, &open);
    send(&mut peer, 4, 50, &Bytes::from_static(b"\x03\x07"));
    let mut resets = Vec::new();
    for _ in 0..20 {
        let mut out = Vec::new();
        if peer.poll_transmit(now, 1500, &mut out).is_some() {
            let _ = channels.handle_packet(now, &out);
        }
        out.clear();
        if channels.poll_transmit(now, 1500, &mut out).is_some() {
            let _ = peer.handle_packet(now, &out);
        }
        while let Some(event) = peer.poll_event() {
            if let duologue_sctp::Event::IncomingReset(stream) = event {
                resets.push(stream.0);
            }
        }
    }
    resets.sort_unstable();
    assert_eq!(resets, [1, 2, 4]);
    assert_eq!(channels.poll_event(), Some(Event::Established));
    assert_eq!(channels.poll_event(), None);
    assert_eq!(channels.stats().receive_buffer, 0);
}
