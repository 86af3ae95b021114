//! When packets arrived, told by source (RFC 8888), and what their sender makes of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::{Link, Loss, Network};
use duologue_rtp::cc::HistoryStats;
use duologue_rtp::extension::Kind;
use duologue_rtp::packet::is_rtcp;
use duologue_rtp::rtcp::{
    self, ArrivalTimeOffset, CongestionControlFeedbackWriter, NtpShort, Packet, PacketMetric,
};
use duologue_rtp::stream::OutgoingPacket;
use duologue_rtp::{Ecn, Section, SenderInit, SequenceNumber, Ssrc};

use crate::support::*;

/// A packet that arrived: how long before the report, and with which mark.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Heard {
    before: Duration,
    ecn: u8,
}

/// What a report says of a source: its first number, and each packet from there on.
type Told = (u32, u16, Vec<Option<Heard>>);

/// With the feedback of RFC 8888 for all that is received and sent.
pub(crate) fn by_source(mut section: Section) -> Section {
    for format in section.receive.iter_mut().chain(&mut section.send) {
        format.feedback.congestion_control = true;
    }
    section
}

/// The second of two peers, one who forges what it gets, and one who reads what it sends.
struct Receiver {
    peer: Peer,
    forge: Forge,
    spy: Spy,
    now: Instant,
}

impl Receiver {
    fn new(section: Section) -> Self {
        let network = Network::new(0);
        let [_, mut peer] = pair(&network);
        peer.session.set_section(network.now(), VIDEO, section);
        Self { peer, forge: Forge::new(), spy: Spy::new(), now: network.now() }
    }

    /// A packet arrives, after so long, with this mark.
    fn hear(&mut self, wait: Duration, ssrc: u32, index: u64, ecn: Option<Ecn>) {
        self.now += wait;
        let said = [(Kind::Mid, "v"), (Kind::TransportSequence, "\0\x01")];
        let mut datagram = self.forge.rtp(ssrc, VP8, index, &said, b"\x10\x00\x00\x00");
        self.peer.session.handle_rtp(self.now, self.now, ecn, &mut datagram).unwrap();
    }

    /// Lets time pass; returns the reports, each with its time.
    fn reports(&mut self, length: Duration) -> Vec<(Instant, NtpShort, Vec<Told>)> {
        let end = self.now + length;
        let mut all = Vec::new();
        while let Some(at) = self.peer.session.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.peer.session.handle_timeout(at);
            for mut datagram in self.peer.drain(at).into_iter().filter(|datagram| is_rtcp(datagram)) {
                assert!(datagram.len() <= 1200);
                for packet in rtcp::packets(self.spy.rtcp(&mut datagram)).map(Result::unwrap) {
                    assert!(!matches!(packet, Packet::TransportFeedback(_)));
                    if let Packet::CongestionControlFeedback(report) = packet {
                        let streams = report.streams().map(|stream| {
                            let heard = |metric: PacketMetric| Heard {
                                before: metric.arrival.duration().unwrap(),
                                ecn: metric.ecn,
                            };
                            let packets = stream.packets().map(|(_, metric)| metric.map(heard));
                            (stream.ssrc.0, stream.begin_seq.0, packets.collect())
                        });
                        all.push((at, report.report_timestamp, streams.collect()));
                    }
                }
            }
        }
        self.now = end;
        all
    }
}

#[test]
fn a_report_tells_of_each_packet_when_it_arrived_and_how_it_was_marked() {
    let mut told = Receiver::new(by_source(video()));
    let start = told.now;
    told.hear(MS * 200, 7, 65_533, Some(Ecn::Ect1));
    told.hear(MS * 10, 7, 65_534, Some(Ecn::Ce));
    told.hear(MS * 10, 9, 5, None);
    // Across the wrap, one is missing, and two change places.
    told.hear(MS * 5, 7, 65_538, Some(Ecn::Ect0));
    told.hear(MS * 5, 7, 65_537, Some(Ecn::Ect1));
    let reports = told.reports(MS * 2000);
    let [(at, time, streams)] = &reports[..] else { unreachable!("{reports:?}") };
    assert_eq!(*at - start, MS * 250);
    assert_eq!(*time, NTP.add(*at - start).middle());
    let heard = |ms: u32, ecn| {
        let before = ArrivalTimeOffset::new(MS * ms).duration().unwrap();
        Some(Heard { before, ecn })
    };
    let first = vec![heard(50, 1), heard(40, 3), None, None, heard(20, 1), heard(25, 2)];
    assert_eq!(*streams, [(7, 65_533, first), (9, 5, vec![heard(30, 0)])]);

    // What comes late is told again with all above it; and then nothing is left to tell.
    told.hear(MS, 7, 65_535, None);
    let reports = told.reports(MS * 200);
    let [(at, _, streams)] = &reports[..] else { unreachable!("{reports:?}") };
    let told_again: Vec<_> = streams[0].2.iter().map(|heard| heard.map(|heard| heard.ecn)).collect();
    assert_eq!((streams[0].1, told_again), (65_535, vec![Some(0), None, Some(1), Some(2)]));
    let since = *at - (start + MS * 230);
    assert!(streams[0].2[2].unwrap().before.abs_diff(since) < MS);
    assert_eq!(told.reports(MS * 5000), []);
    assert_eq!(told.peer.session.stats().congestion_control_feedback_sent, 2);
}

#[test]
fn reports_come_ten_times_a_second_while_packets_do() {
    let mut told = Receiver::new(by_source(video()));
    let mut times = Vec::new();
    for index in 0..400 {
        told.hear(Duration::ZERO, 7, 10 + index, None);
        times.extend(told.reports(MS * 5).into_iter().map(|(at, ..)| at));
    }
    assert!((19..=21).contains(&times.len()), "{}", times.len());
    for pair in times.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart >= MS * 50 && apart <= MS * 150, "{apart:?}");
    }
}

#[test]
fn two_ways_of_feedback_are_never_used_for_one_packet() {
    // Both are agreed on, and each packet has a transport-wide number.
    let mut told = Receiver::new(by_source(video()));
    told.hear(MS, 7, 1, None);
    assert_eq!(told.reports(MS * 1000).len(), 1);
    let stats = told.peer.session.stats();
    assert_eq!((stats.congestion_control_feedback_sent, stats.transport_feedback_sent), (1, 0));
    // Without the one, the other.
    told.peer.session.set_section(told.now, VIDEO, video());
    told.hear(MS, 7, 2, None);
    told.now += MS * 1000;
    told.peer.session.handle_timeout(told.now);
    told.peer.drain(told.now);
    let stats = told.peer.session.stats();
    assert_eq!((stats.congestion_control_feedback_sent, stats.transport_feedback_sent), (1, 1));
}

#[test]
fn what_is_no_longer_agreed_on_is_not_told() {
    let mut told = Receiver::new(by_source(video()));
    told.hear(MS, 7, 1, None);
    let mut plain = video();
    plain.extensions = duologue_rtp::extension::Ids::new();
    told.peer.session.set_section(told.now, VIDEO, plain);
    told.hear(MS, 7, 2, None);
    assert_eq!(told.reports(MS * 1000), []);
    told.peer.session.set_section(told.now, VIDEO, by_source(video()));
    told.hear(MS, 7, 3, None);
    let reports = told.reports(MS * 1000);
    assert_eq!((reports.len(), reports[0].2[0].1), (1, 3));
}

#[test]
fn retransmissions_and_packets_that_nobody_takes_are_told_too() {
    let mut told = Receiver::new(by_source(video()));
    told.hear(MS, 7, 1, None);
    let mut repair = told.forge.repair(8, 100, 1, b"\x10\x00\x00\x00");
    assert!(
        told.peer.session.handle_rtp(told.now, told.now, None, &mut repair).is_err(),
        "it has come before"
    );
    // A retransmission of nothing from a source of nothing probes the path.
    let mut probe = told.forge.padded(0, RTX, 40, &[], b"", 200);
    assert!(told.peer.session.handle_rtp(told.now, told.now, None, &mut probe).is_err());
    let reports = told.reports(MS * 1000);
    let sources: Vec<_> =
        reports[0].2.iter().map(|(ssrc, begin, packets)| (*ssrc, *begin, packets.len())).collect();
    assert_eq!(sources, [(7, 1, 1), (8, 100, 1), (0, 40, 1)]);
}

#[test]
fn many_sources_are_told_of_in_as_many_reports_as_it_takes() {
    let mut told = Receiver::new(by_source(video()));
    for ssrc in 1..=250 {
        for index in 0..7 {
            told.hear(Duration::ZERO, ssrc, 100 + 2 * index, None);
        }
    }
    let start = told.now;
    let reports = told.reports(MS * 500);
    let mut packets: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
    for (at, _, streams) in &reports {
        assert!(*at - start <= MS * 300, "{:?}", *at - start);
        for (ssrc, begin, heard) in streams {
            let arrived = (0..).zip(heard).filter(|(_, heard)| heard.is_some());
            packets.entry(*ssrc).or_default().extend(arrived.map(|(place, _): (u16, _)| begin + place));
        }
    }
    let all: Vec<u16> = (0..7).map(|index| 100 + 2 * index).collect();
    assert!(packets.len() == 250 && packets.values().all(|one| *one == all), "{packets:?}");
    // 36 bytes of each, and no more datagrams than those take.
    assert!((8..=10).contains(&reports.len()), "{}", reports.len());
}

#[test]
fn a_source_that_is_told_in_parts_is_told_whole() {
    let mut told = Receiver::new(by_source(video()));
    for index in 0..1800 {
        told.hear(Duration::ZERO, 7, 65_000 + index, None);
    }
    let reports = told.reports(MS * 500);
    assert!((3..=5).contains(&reports.len()), "{}", reports.len());
    let mut next = 65_000_u16;
    for (ssrc, begin, heard) in reports.iter().flat_map(|(_, _, streams)| streams) {
        assert_eq!((*ssrc, *begin), (7, next));
        assert!(heard.iter().all(Option::is_some));
        next = next.wrapping_add(heard.len() as u16);
    }
    assert_eq!(next, 65_000_u16.wrapping_add(1800));
}

#[test]
fn more_sources_than_are_kept_make_room_when_others_are_silent() {
    let network = Network::new(0);
    let mut config = duologue_rtp::Config::new(&duologue_rtp::srtp::RUST_CRYPTO);
    config.max_receivers = 1000;
    let [_, mut peer] = peers(network.now(), &std::sync::Arc::new(config), NTP);
    peer.session.set_section(network.now(), VIDEO, by_source(video()));
    let mut told = Receiver { peer, forge: Forge::new(), spy: Spy::new(), now: network.now() };
    let sources = |reports: Vec<(Instant, NtpShort, Vec<Told>)>| {
        let streams = reports.into_iter().flat_map(|(_, _, streams)| streams);
        streams.map(|(ssrc, ..)| ssrc).collect::<Vec<_>>()
    };
    for ssrc in 1..=600 {
        told.hear(Duration::ZERO, ssrc, 1, None);
    }
    assert!(sources(told.reports(MS * 600)).into_iter().eq(1..=512));
    told.hear(MS, 600, 2, None);
    assert_eq!(sources(told.reports(MS * 600)), []);
    told.hear(MS, 600, 3, None);
    assert_eq!(sources(told.reports(MS * 600)), [600]);
}

/// Sends video each 33 ms and sound each 20 ms from both, for so long.
fn talk(network: &mut Network, peers: &mut [Peer; 2], length: Duration) {
    let start = network.now();
    let (mut video, mut sound) = (0_u32, 0_u32);
    let senders: Vec<_> = peers
        .iter_mut()
        .map(|peer| [VIDEO, AUDIO].map(|id| peer.session.add_sender(start, id, SenderInit::default())))
        .collect();
    while network.now() < start + length {
        let (picture_at, sound_at) = (start + MS * 33 * video, start + MS * 20 * sound);
        network.run_to(peers, picture_at.min(sound_at));
        for (peer, [pictures, sounds]) in peers.iter_mut().zip(&senders) {
            let now = network.now();
            if picture_at <= now {
                peer.session.send_frame(now, *pictures, frame(video, video == 0, 4000)).unwrap();
            }
            if sound_at <= now {
                let packet = OutgoingPacket::new(OPUS, sound * 960, Bytes::from_static(b"sound"));
                peer.session.send_rtp(now, *sounds, packet).unwrap();
            }
        }
        video += u32::from(picture_at <= network.now());
        sound += u32::from(sound_at <= network.now());
    }
    network.run_to(peers, start + length + MS * 2000);
}

fn both(network: &Network, change: impl Fn(Section) -> Section) -> [Peer; 2] {
    let mut peers = pair(network);
    for peer in &mut peers {
        peer.session.set_section(network.now(), VIDEO, change(video()));
        peer.session.set_section(network.now(), AUDIO, change(audio()));
    }
    peers
}

fn packets_sent(peer: &Peer) -> u64 {
    peer.session.senders().map(|one| one.packets + one.repair_packets).sum()
}

/// What remains of a section when no packet has a transport-wide number.
fn without_numbers(mut section: Section) -> Section {
    let kinds = section.extensions.iter().filter(|(kind, _)| *kind != Kind::TransportSequence);
    let mut others = duologue_rtp::extension::Ids::new();
    kinds.for_each(|(kind, id)| others.set(kind, id));
    section.extensions = others;
    section
}

#[test]
fn each_sender_learns_what_became_of_its_packets() {
    for numbered in [true, false] {
        let link = Link { rate: Some(5_000_000), delay: MS * 40, ..Link::default() };
        let mut network = Network::pair(1, &link);
        let mut peers =
            both(&network, |section| by_source(if numbered { section } else { without_numbers(section) }));
        talk(&mut network, &mut peers, MS * 10_000);
        for peer in &peers {
            let stats = peer.session.stats();
            let told = stats.told;
            assert!(packets_sent(peer) > 1500);
            assert_eq!((told.sent, told.received), (packets_sent(peer), packets_sent(peer)));
            let nothing =
                (told.lost, told.forgotten, told.bytes_in_flight, told.never_sent, told.clock_jumps);
            assert_eq!(nothing, (0, 0, 0, 0, 0), "{told:?}");
            let reports = stats.congestion_control_feedback_received;
            assert!((90..=110).contains(&reports), "{reports}");
            assert_eq!((stats.transport_feedback_sent, stats.transport_feedback_received), (0, 0));
            assert_eq!(peer.refused, []);
        }
    }
}

#[test]
fn over_a_bad_path_what_is_told_is_what_was_lost() {
    let link = Link {
        rate: Some(5_000_000),
        delay: MS * 40,
        jitter: MS * 5,
        loss: Loss::Random(0.08),
        duplicate: 0.02,
        reorder: 0.03,
        reorder_delay: MS * 60,
        ..Link::default()
    };
    let mut network = Network::pair(2, &link);
    let mut peers = both(&network, by_source);
    talk(&mut network, &mut peers, MS * 20_000);
    let lost = network.stats().lost;
    let mut told_lost = 0;
    for (peer, other) in [(&peers[0], &peers[1]), (&peers[1], &peers[0])] {
        let told = peer.session.stats().told;
        assert_eq!(told.sent, packets_sent(peer));
        let arrived: u64 = other.session.receivers().map(|one| one.packets + one.repair_packets).sum();
        // Reports are lost too: of what they would have told nothing is known.
        assert!(
            told.received <= arrived && told.received > arrived * 80 / 100,
            "{told:?}, {arrived} arrived"
        );
        // The rest is in flight for as long as it is kept.
        let rest = told.sent - told.received - told.lost - told.forgotten;
        assert!(rest < told.sent / 10, "{told:?}");
        assert!(told.lost > told.sent * 5 / 100 && told.lost <= told.sent - arrived, "{told:?}");
        assert_eq!((told.never_sent, told.clock_jumps), (0, 0));
        let repairs: u64 = peer.session.senders().map(|one| one.repair_packets).sum();
        assert!(repairs > 50);
        told_lost += told.lost;
    }
    assert!(told_lost <= lost, "{told_lost} of {lost}");
}

#[test]
fn nothing_is_recorded_and_nothing_told_where_nothing_was_agreed_on() {
    let mut network = Network::pair(3, &Link::default());
    let mut peers = both(&network, without_numbers);
    talk(&mut network, &mut peers, MS * 2000);
    for peer in &peers {
        let stats = peer.session.stats();
        assert!(packets_sent(peer) > 300 && stats.rtcp_received > 0);
        assert_eq!(stats.told, HistoryStats::default());
        let exchanged = [
            stats.congestion_control_feedback_sent,
            stats.congestion_control_feedback_received,
            stats.transport_feedback_sent,
            stats.transport_feedback_received,
        ];
        assert_eq!(exchanged, [0; 4]);
    }
}

#[test]
fn one_section_may_be_told_by_source_and_another_transport_wide() {
    let mut network = Network::pair(4, &Link { delay: MS * 20, ..Link::default() });
    let mut peers = pair(&network);
    for peer in &mut peers {
        peer.session.set_section(network.now(), VIDEO, by_source(video()));
        peer.session.set_section(network.now(), AUDIO, audio());
    }
    talk(&mut network, &mut peers, MS * 5000);
    for peer in &peers {
        let stats = peer.session.stats();
        assert!(stats.congestion_control_feedback_received > 40 && stats.transport_feedback_received > 40);
        let told = stats.told;
        assert_eq!((told.received, told.lost, told.bytes_in_flight), (packets_sent(peer), 0, 0), "{told:?}");
    }
}

/// The first of two peers, which has sent five packets of video under a known number and one retransmission, and one who
/// tells it what became of them.
struct Teller {
    peer: Peer,
    key: duologue_rtp::srtp::Sender,
    now: Instant,
    ssrc: Ssrc,
    first: SequenceNumber,
}

impl Teller {
    fn new(section: Section) -> Self {
        let network = Network::new(0);
        let now = network.now();
        let [mut peer, _] = pair(&network);
        peer.session.set_section(now, VIDEO, section);
        let sender = peer.session.add_sender(now, VIDEO, SenderInit::default());
        for number in 0..5 {
            let packet = OutgoingPacket::new(VP8, number * 3000, Bytes::from_static(b"\x10\x00\x00\x00"));
            peer.session.send_rtp(now, sender, packet).unwrap();
        }
        let sent: Vec<_> = peer.drain(now).into_iter().filter(|datagram| !is_rtcp(datagram)).collect();
        assert_eq!(sent.len(), 5);
        let first = SequenceNumber(u16::from_be_bytes([sent[0][2], sent[0][3]]));
        let [_, key] = keys(duologue_rtp::srtp::Profile::Aes128CmHmacSha1_80);
        let key = duologue_rtp::srtp::Sender::new(&duologue_rtp::srtp::RUST_CRYPTO, &key);
        let ssrc = peer.sender(sender).ssrc;
        Self { peer, key, now, ssrc, first }
    }

    /// Tells of packets from so far after the first one on: each one's mark, if it came, 50 ms ago.
    fn tell(&mut self, ssrc: Ssrc, ahead: u16, packets: &[Option<u8>], time: NtpShort) -> HistoryStats {
        let metric = |ecn: u8| PacketMetric { ecn, arrival: ArrivalTimeOffset::new(MS * 50) };
        let mut datagram = Vec::new();
        let mut writer = CongestionControlFeedbackWriter::begin(&mut datagram, Ssrc(5), 60_000).unwrap();
        let packets = packets.iter().map(|packet| packet.map(metric));
        writer.stream(ssrc, self.first.add(ahead), packets).unwrap();
        writer.finish(time);
        self.key.protect_rtcp(&mut datagram, 0).unwrap();
        self.peer.session.handle_rtcp(self.now, &mut datagram).unwrap();
        self.peer.session.stats().told
    }
}

fn with_never_sent(mut stats: HistoryStats, count: u64) -> HistoryStats {
    stats.never_sent = count;
    stats
}

#[test]
fn marks_of_congestion_are_counted_once_a_packet() {
    let mut teller = Teller::new(by_source(video()));
    let ssrc = teller.ssrc;
    let told = teller.tell(ssrc, 0, &[Some(1), Some(3), None, Some(2)], NtpShort(9));
    assert_eq!((told.received, told.lost, told.congestion_marks), (3, 1, 1));
    // Again, with a mark that came with a copy, and with one that was late.
    let told = teller.tell(ssrc, 0, &[Some(3), Some(3), Some(3), Some(2), Some(0)], NtpShort(9));
    assert_eq!((told.received, told.lost, told.congestion_marks), (5, 0, 3));
    assert_eq!((told.bytes_in_flight, told.late_statuses), (0, 3));
    let told = teller.tell(ssrc, 0, &[Some(1), Some(3)], NtpShort(9));
    assert_eq!((told.received, told.congestion_marks), (5, 3));
}

#[test]
fn reports_on_what_was_never_sent_change_nothing() {
    let mut teller = Teller::new(by_source(video()));
    let ssrc = teller.ssrc;
    let before = teller.peer.session.stats().told;
    // Another source, numbers ahead, and as many as a report can tell of.
    let told = teller.tell(Ssrc(ssrc.0 ^ 1), 0, &[Some(0); 5], NtpShort(9));
    assert_eq!(told, with_never_sent(before, 1));
    let told = teller.tell(ssrc, 5, &[Some(0); 16_384], NtpShort(9));
    assert_eq!(told, with_never_sent(before, 2));
    let told = teller.tell(ssrc, 32_000, &[None; 16_384], NtpShort(9));
    assert_eq!(told, with_never_sent(before, 3));
    // Long before the first; the five at its end count, and what comes after them does not.
    let told = teller.tell(ssrc, 0_u16.wrapping_sub(16_379), &[Some(0); 16_384], NtpShort(9));
    assert_eq!((told.received, told.bytes_in_flight, told.never_sent), (5, 0, 3));
    assert_eq!(told.late_statuses, 16_379);
    for _ in 0..50 {
        let told = teller.tell(ssrc, 0, &[None; 16_000], NtpShort(9));
        assert_eq!((told.received, told.lost), (5, 0));
    }
}

#[test]
fn a_time_that_cannot_be_does_not_spoil_the_rest() {
    let mut teller = Teller::new(by_source(video()));
    let ssrc = teller.ssrc;
    teller.tell(ssrc, 0, &[Some(0)], NtpShort(0xffff_f000));
    teller.now += MS * 100;
    let told = teller.tell(ssrc, 1, &[Some(0)], NtpShort(0x8000_0000));
    assert_eq!((told.received, told.clock_jumps), (2, 1));
    teller.now += MS * 100;
    let told = teller.tell(ssrc, 2, &[Some(0)], NtpShort(0x8000_1999));
    assert_eq!((told.received, told.clock_jumps), (3, 1));
}

#[test]
fn feedback_by_source_that_was_not_agreed_on_leaves_the_transport_wide_kind_as_it_is() {
    let mut teller = Teller::new(video());
    let ssrc = teller.ssrc;
    let before = teller.peer.session.stats().told;
    let told = teller.tell(ssrc, 0, &[Some(0); 5], NtpShort(9));
    assert_eq!(told, with_never_sent(before, 1));
    let mut datagram = Vec::new();
    let header = rtcp::TransportFeedbackHeader { sender: Ssrc(5), media: ssrc, feedback_count: 0 };
    let arrivals = [(SequenceNumber(4), rtcp::ArrivalTime(9))];
    rtcp::TransportFeedback::write(&mut datagram, header, SequenceNumber(0), arrivals.into_iter(), 1200)
        .unwrap();
    teller.key.protect_rtcp(&mut datagram, 0).unwrap();
    teller.peer.session.handle_rtcp(teller.now, &mut datagram).unwrap();
    let told = teller.peer.session.stats().told;
    assert_eq!((told.received, told.lost), (1, 4));
}

#[test]
fn of_a_sender_that_has_ended_nothing_more_is_learnt() {
    let mut teller = Teller::new(by_source(video()));
    let ssrc = teller.ssrc;
    teller.tell(ssrc, 0, &[Some(0)], NtpShort(9));
    let sender = teller.peer.session.senders().next().unwrap().sender;
    teller.peer.session.remove_sender(teller.now, sender);
    let told = teller.tell(ssrc, 0, &[Some(0); 5], NtpShort(9));
    assert_eq!((told.received, told.never_sent), (1, 1));
}
