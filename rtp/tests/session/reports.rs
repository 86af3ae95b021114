//! What reports say beside loss and jitter.

use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::{Link, Network};
use duologue_rtp::extension::Kind;
use duologue_rtp::packet::{self, is_rtcp};
use duologue_rtp::rtcp::{
    self, DlrrEntry, NtpShort, NtpTime, Packet, Sdes, SdesItem, SdesItemType, Xr, XrBlock,
};
use duologue_rtp::stream::OutgoingPacket;
use duologue_rtp::{Event, SenderInit, Ssrc};

use crate::support::*;

/// The second of two peers, one who forges what it gets, and one who reads what it sends.
struct Told {
    peer: Peer,
    forge: Forge,
    spy: Spy,
    now: Instant,
}

impl Told {
    fn new() -> Self {
        let network = Network::new(0);
        let now = network.now();
        let [_, mut peer] = pair(&network);
        peer.session.set_section(now, VIDEO, video());
        Self { peer, forge: Forge::new(), spy: Spy::new(), now }
    }

    fn hear(&mut self, ssrc: u32, index: u64) {
        let datagram = &mut self.forge.rtp(ssrc, VP8, index, &[(Kind::Mid, "v")], b"\x10\x00\x00\x00");
        self.peer.take(self.now, datagram);
    }

    fn rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut datagram = self.forge.rtcp(write);
        self.peer.take(self.now, &mut datagram);
    }

    fn reference_time(&mut self, ssrc: u32, time: NtpTime) {
        self.rtcp(|out| {
            Xr::write(out, Ssrc(ssrc), [XrBlock::ReceiverReferenceTime(time)]);
        });
    }

    /// Lets time pass; `each` is given what is sent, by datagrams.
    fn wait(&mut self, length: Duration, mut each: impl FnMut(Instant, &[Packet<'_>])) {
        let end = self.now + length;
        while let Some(at) = self.peer.session.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.peer.session.handle_timeout(at);
            for mut datagram in self.peer.drain(at).into_iter().filter(|datagram| is_rtcp(datagram)) {
                let compound = self.spy.rtcp(&mut datagram);
                assert_eq!(rtcp::check_compound(compound, true), Ok(()));
                each(at, &rtcp::packets(compound).map(Result::unwrap).collect::<Vec<_>>());
            }
        }
        self.now = end;
    }

    /// Lets time pass; returns the answers to reference times, when they were given.
    fn answers(&mut self, length: Duration) -> Vec<(Instant, DlrrEntry)> {
        let mut all = Vec::new();
        self.wait(length, |at, packets| {
            for packet in packets {
                let Packet::Xr(xr) = packet else { continue };
                for block in xr.blocks() {
                    let XrBlock::Dlrr(dlrr) = block else { unreachable!("{block:?}") };
                    all.extend(dlrr.entries().map(|entry| (at, entry)));
                }
            }
        });
        all
    }
}

#[test]
fn a_reference_time_is_told_back_once_with_the_time_that_took() {
    let mut told = Told::new();
    told.hear(1, 10);
    assert_eq!(told.answers(MS * 3000), []);
    let asked = told.now;
    told.reference_time(77, NTP.add(MS * 1234));
    let answers = told.answers(MS * 5000);
    let [(at, entry)] = answers[..] else { unreachable!("{answers:?}") };
    assert!(at - asked < MS * 2000);
    assert_eq!((entry.ssrc, entry.last_rr), (Ssrc(77), NTP.add(MS * 1234).middle()));
    assert_eq!(entry.delay_since_last_rr, NtpShort::from_duration(at - asked));
    // Who asked computes the round trip: 60 ms, if the answer was so long under way both ways.
    let arrival = NTP.add(MS * 1234 + (at - asked) + MS * 60).middle();
    let trip = rtcp::round_trip(arrival, entry.last_rr, entry.delay_since_last_rr).unwrap();
    assert!(trip > MS * 59 && trip < MS * 61, "{trip:?}");
}

#[test]
fn of_a_source_the_newest_reference_time_is_told_back() {
    let mut told = Told::new();
    told.hear(1, 10);
    told.answers(MS * 3000);
    for (ssrc, millis) in [(77, 0), (78, 1), (77, 2)] {
        told.reference_time(ssrc, NTP.add(MS * millis));
    }
    let answers = told.answers(MS * 5000);
    let times: Vec<_> = answers.iter().map(|(_, entry)| (entry.ssrc.0, entry.last_rr)).collect();
    assert_eq!(times, [(77, NTP.add(MS * 2).middle()), (78, NTP.add(MS).middle())]);
}

#[test]
fn a_reference_time_is_told_back_also_by_who_has_nothing_else_to_report_and_by_who_has_too_much() {
    let mut told = Told::new();
    told.reference_time(77, NTP);
    assert_eq!(told.answers(MS * 5000).len(), 1);
    assert_eq!(told.peer.session.poll_timeout(), None, "then there is nothing more to say");
    // More sources than five compounds have room for, in each interval anew: the next one answers nonetheless.
    let mut told = Told::new();
    let (mut asked, mut answers) = (Vec::new(), Vec::new());
    for turn in 0..200 {
        for ssrc in 1..=200 {
            told.hear(ssrc, 10 + turn);
        }
        if turn % 40 == 20 {
            told.reference_time(77, NTP);
            asked.push(told.now);
        }
        answers.extend(told.answers(MS * 50));
    }
    assert_eq!(answers.len(), 5);
    let delays: Vec<_> = asked.iter().zip(&answers).map(|(asked, (at, _))| *at - *asked).collect();
    assert!(delays.iter().all(|delay| *delay < MS * 1600), "{delays:?}");
}

#[test]
fn a_peer_of_many_sources_is_told_back_the_times_of_few() {
    let mut told = Told::new();
    told.hear(1, 10);
    for ssrc in 0..1000 {
        told.reference_time(ssrc, NTP.add(MS * ssrc));
    }
    let answers = told.answers(MS * 3000);
    assert!(answers.iter().map(|(_, entry)| entry.ssrc.0).eq(984..1000), "{answers:?}");
}

#[test]
fn what_is_no_reference_time_is_not_told_back() {
    let mut told = Told::new();
    told.hear(1, 10);
    told.reference_time(77, NtpTime(0));
    let short = XrBlock::Unknown { block_type: 4, type_specific: 0, content: &[1; 4] };
    let other = XrBlock::Unknown { block_type: 6, type_specific: 0, content: &[1; 8] };
    told.rtcp(|out| {
        Xr::write(out, Ssrc(77), [short, other]);
    });
    told.rtcp(|out| {
        let entry = DlrrEntry { ssrc: Ssrc(1), last_rr: NtpShort(1), delay_since_last_rr: NtpShort(1) };
        Xr::write_dlrr(out, Ssrc(77), std::iter::once(entry), 100);
    });
    assert_eq!((told.answers(MS * 5000), &told.peer.refused[..]), (vec![], &[][..]));
}

/// More than one goodbye, one compound or one bandwidth's worth: no back-off as among 50 members, and nobody is left out.
#[test]
fn hundreds_of_senders_that_end_at_once_all_say_goodbye_and_soon() {
    let mut network = Network::pair(1, &Link { delay: MS * 10, ..Link::default() });
    let mut config = duologue_rtp::Config::new(&duologue_rtp::srtp::RUST_CRYPTO);
    config.max_receivers = 1000;
    let mut peers = peers(network.now(), &std::sync::Arc::new(config), NTP);
    let start = network.now();
    for peer in &mut peers {
        peer.session.set_section(start, AUDIO, audio());
    }
    let senders: Vec<_> =
        (0..700).map(|_| peers[0].session.add_sender(start, AUDIO, SenderInit::default())).collect();
    // One more, that never sends: it has nothing to say goodbye to.
    let silent = peers[0].session.add_sender(start, AUDIO, SenderInit::default());
    for sender in &senders {
        let packet = OutgoingPacket::new(OPUS, 0, Bytes::from_static(b"sound"));
        peers[0].session.send_rtp(start, *sender, packet).unwrap();
    }
    network.run_to(&mut peers, start + MS * 3000);
    assert_eq!(peers[1].session.receivers().count(), 700);
    for sender in senders.into_iter().chain([silent]) {
        peers[0].session.remove_sender(network.now(), sender);
    }
    let before = peers[0].session.stats().rtcp_sent;
    network.run_to(&mut peers, start + MS * 4000);
    let ended = peers[1].events.iter().filter(|event| matches!(event, Event::ReceiverEnded { .. })).count();
    assert_eq!((ended, peers[1].session.receivers().count()), (700, 0));
    let datagrams = peers[0].session.stats().rtcp_sent - before;
    assert!((5..=12).contains(&datagrams), "{datagrams}");
    assert_eq!(peers[1].refused, []);
}

impl Told {
    /// What the session knows of the names of all that it receives, by their sources.
    fn names(&self) -> Vec<(u32, Option<String>)> {
        let name = |receiver| self.peer.session.cname(receiver).map(String::from);
        self.peer.session.receivers().map(|one| (one.ssrc.0, name(one.receiver))).collect()
    }

    fn describe(&mut self, ssrc: u32, items: &[(SdesItemType, &[u8])]) {
        let items = items.iter().map(|&(item_type, value)| SdesItem { item_type, value });
        self.rtcp(|out| {
            Sdes::write(out, [(Ssrc(ssrc), items)]);
        });
    }
}

#[test]
fn the_name_of_a_sources_end_point_is_handed_out_once_it_has_come() {
    let mut told = Told::new();
    // Of a source that was not heard: it is not kept.
    told.describe(1, &[(SdesItemType::CNAME, b"early")]);
    told.hear(1, 10);
    told.hear(2, 10);
    assert_eq!(told.names(), [(1, None), (2, None)]);
    told.describe(1, &[(SdesItemType::TOOL, b"tool"), (SdesItemType::CNAME, b"first")]);
    assert_eq!(told.names(), [(1, Some("first".into())), (2, None)]);
    // The newest counts, and what says nothing of it changes nothing.
    told.describe(1, &[(SdesItemType::CNAME, b"second")]);
    told.describe(1, &[(SdesItemType::NAME, b"third")]);
    assert_eq!(told.names(), [(1, Some("second".into())), (2, None)]);
    let receiver = told.peer.session.receivers().next().unwrap().receiver;
    told.rtcp(|out| {
        rtcp::Bye::write(out, std::iter::once(Ssrc(1)), b"");
    });
    assert_eq!((told.peer.session.cname(receiver), told.names()), (None, vec![(2, None)]));
    assert_eq!(told.peer.refused, []);
}

#[test]
fn a_name_has_any_length_that_an_item_has_and_is_text() {
    let mut told = Told::new();
    told.hear(1, 10);
    let long = "n".repeat(255);
    told.describe(1, &[(SdesItemType::CNAME, long.as_bytes())]);
    assert_eq!(told.names(), [(1, Some(long.clone()))]);
    // No text, cut within a letter, or empty: the last one stays.
    let cut = "\u{e9}".repeat(128);
    for hostile in [&b"\xff\xfe"[..], b"name\x80", &cut.as_bytes()[..255], b""] {
        told.describe(1, &[(SdesItemType::CNAME, hostile)]);
        assert_eq!(told.names(), [(1, Some(long.clone()))], "{hostile:?}");
    }
    // Text that one would rather not print is text: whoever prints it takes care.
    told.describe(1, &[(SdesItemType::CNAME, "<b>\0\r\n\u{202e}".as_bytes())]);
    assert_eq!(told.names(), [(1, Some("<b>\0\r\n\u{202e}".into()))]);
    // An item that is longer than its packet spoils the packet, and what stands beside it is used.
    told.rtcp(|out| {
        out.extend_from_slice(&[0x81, 202, 0, 3, 0, 0, 0, 1, 1, 200, b'x', b'x', b'x', b'x', 0, 0]);
    });
    assert_eq!(told.names(), [(1, Some("<b>\0\r\n\u{202e}".into()))]);
    assert_eq!(told.peer.refused, []);
}

#[test]
fn a_thousand_names_of_strangers_are_not_kept() {
    let mut told = Told::new();
    told.hear(5, 10);
    for ssrc in 0..1000 {
        told.describe(ssrc, &[(SdesItemType::CNAME, format!("name {ssrc}").as_bytes())]);
    }
    assert_eq!(told.names(), [(5, Some("name 5".into()))]);
    // Nor are they known when the strangers come.
    told.hear(6, 10);
    assert_eq!(told.names(), [(5, Some("name 5".into())), (6, None)]);
}

#[test]
fn peers_know_each_others_names() {
    let mut network = Network::pair(1, &Link::default());
    let (mut peers, _, audio) = call(&network);
    let start = network.now();
    for turn in 0..150u32 {
        network.run_to(&mut peers, start + MS * 20 * turn);
        let packet = OutgoingPacket::new(OPUS, turn * 960, Bytes::from_static(b"sound"));
        peers[0].session.send_rtp(network.now(), audio, packet).unwrap();
    }
    let receiver = peers[1].receiver(AUDIO).receiver;
    assert_eq!(peers[1].session.cname(receiver), Some("one"));
}

#[test]
fn goodbyes_of_all_that_sent_leave_room_for_what_cannot_wait_and_who_never_sent_says_none() {
    let mut told = Told::new();
    told.peer.session.set_section(told.now, AUDIO, audio());
    let mut add = || told.peer.session.add_sender(told.now, AUDIO, SenderInit::default());
    let (senders, silent) = ((0..600).map(|_| add()).collect::<Vec<_>>(), add());
    for sender in &senders {
        let packet = OutgoingPacket::new(OPUS, 0, Bytes::from_static(b"sound"));
        told.peer.session.send_rtp(told.now, *sender, packet).unwrap();
    }
    // One of video, of which a packet is sent again by a source of its own.
    let video = told.peer.session.add_sender(told.now, VIDEO, SenderInit::default());
    told.peer.session.send_frame(told.now, video, frame(0, true, 100)).unwrap();
    let sources = told.peer.sender(video);
    let sent = told.peer.drain(told.now);
    let mut headers = sent.iter().map(|datagram| packet::peek(datagram).unwrap().0);
    let header = headers.find(|header| header.ssrc == sources.ssrc).unwrap();
    told.rtcp(|out| {
        let mut lost = std::iter::once(header.sequence_number).peekable();
        rtcp::Nack::write(out, Ssrc(77), sources.ssrc, &mut lost, 100);
    });
    told.hear(1, 10);
    told.wait(MS * 3000, |_, _| {});
    let ssrc = |told: &Told, id| told.peer.sender(id).ssrc;
    let mut expected: Vec<Ssrc> = senders.iter().map(|sender| ssrc(&told, *sender)).collect();
    expected.extend([sources.ssrc, sources.repair_ssrc]);
    for sender in senders.into_iter().chain([silent, video]) {
        told.peer.session.remove_sender(told.now, sender);
    }
    let receiver = told.peer.receiver(VIDEO).receiver;
    told.peer.session.request_key_frame(told.now, receiver);
    let (mut named, mut datagrams) = (Vec::new(), Vec::new());
    told.wait(MS * 200, |_, packets| {
        let goodbyes = packets.iter().filter_map(|packet| match packet {
            Packet::Bye(bye) => Some(bye.sources()),
            _ => None,
        });
        named.extend(goodbyes.flatten());
        datagrams.push(packets.iter().any(|packet| matches!(packet, Packet::Pli(_))));
    });
    assert!(datagrams[0] && datagrams.len() >= 3, "the request leaves with the first of them: {datagrams:?}");
    expected.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, expected);
}
