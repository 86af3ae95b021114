//! Which stream a packet belongs to, and what becomes of streams.

use std::num::NonZeroU32;
use std::time::Instant;

use bytes::Bytes;
use duologue_netsim::{Link, Loss, Network};
use duologue_rtp::codec::Codec;
use duologue_rtp::extension::Kind;
use duologue_rtp::rtcp;
use duologue_rtp::stream::{JitterConfig, OutgoingPacket, SectionId};
use duologue_rtp::{Discard, Event, Format, PayloadType, SendErrorKind, SenderInit, SignalledSource, Ssrc};

use crate::support::*;

const MID: (Kind, &str) = (Kind::Mid, "v");
const VP9: PayloadType = PayloadType::from_low_bits(102);

/// A receiver with video and audio, and one that forges what it gets.
fn receiver() -> (Peer, Forge, Instant) {
    let network = Network::new(0);
    let now = network.now();
    let [_, mut peer] = pair(&network);
    peer.session.set_section(now, VIDEO, video());
    peer.session.set_section(now, AUDIO, audio());
    (peer, Forge::new(), now)
}

fn key_frame() -> Vec<u8> {
    [&[0x10][..], &picture(1, true, 40)].concat()
}

fn repair_of(index: u16) -> Vec<u8> {
    [&index.to_be_bytes()[..], &key_frame()].concat()
}

fn added(peer: &Peer) -> Vec<SectionId> {
    let section = |event: &Event| match event {
        Event::ReceiverAdded { section, .. } => Some(*section),
        _ => None,
    };
    peer.events.iter().filter_map(section).collect()
}

fn ended(peer: &Peer) -> usize {
    peer.events.iter().filter(|event| matches!(event, Event::ReceiverEnded { .. })).count()
}

#[test]
fn a_source_is_told_by_its_mid_its_signalling_or_its_payload_type() {
    let (mut peer, mut forge, now) = receiver();
    // By MID, although the payload type is that of both.
    let second = SectionId(2);
    let mut other = video();
    other.mid = Some("w".into());
    other.sources = vec![SignalledSource { ssrc: Ssrc(77), repair: Some(Ssrc(78)) }];
    peer.session.set_section(now, second, other);
    peer.take(now, &mut forge.rtp(1, VP8, 10, &[(Kind::Mid, "w")], &key_frame()));
    peer.take(now, &mut forge.rtp(2, VP8, 10, &[MID], &key_frame()));
    // By its source.
    peer.take(now, &mut forge.rtp(77, VP8, 10, &[], &key_frame()));
    // By the payload type, which only audio has; that of video is not enough.
    peer.take(now, &mut forge.rtp(3, OPUS, 10, &[], b"sound"));
    peer.take(now, &mut forge.rtp(4, VP8, 10, &[], &key_frame()));
    // By a MID that nobody has: not even with audio's payload type.
    peer.take(now, &mut forge.rtp(5, OPUS, 10, &[(Kind::Mid, "x")], b"sound"));
    // By a payload type that its section does not have.
    peer.take(now, &mut forge.rtp(6, OPUS, 10, &[MID], b"sound"));
    assert_eq!(added(&peer), [second, VIDEO, second, AUDIO]);
    assert_eq!(peer.packets.iter().map(|got| got.section).collect::<Vec<_>>(), added(&peer));
    assert_eq!(peer.refused, [Discard::NoSection, Discard::NoSection, Discard::UnknownPayloadType]);
    // What is known needs no MID.
    peer.take(now, &mut forge.rtp(1, VP8, 11, &[], &key_frame()));
    assert_eq!(peer.packets[4].section, second);
    assert_eq!(peer.session.stats().discarded_total(), 3);
}

#[test]
fn a_source_moves_to_the_section_that_its_later_packets_name() {
    let (mut peer, mut forge, now) = receiver();
    let second = SectionId(2);
    let mut other = video();
    other.mid = Some("w".into());
    peer.session.set_section(now, second, other);
    peer.take(now, &mut forge.rtp(1, VP8, 10, &[MID], &key_frame()));
    peer.take(now, &mut forge.rtp(1, VP8, 12, &[(Kind::Mid, "w")], &key_frame()));
    // One that was overtaken by the change does not undo it.
    peer.take(now, &mut forge.rtp(1, VP8, 11, &[MID], &key_frame()));
    assert_eq!((added(&peer), ended(&peer)), (vec![VIDEO, second], 1));
    // RFC 9143, Section 9.2: what names a section that is not there is not used.
    peer.take(now, &mut forge.rtp(1, VP8, 13, &[(Kind::Mid, "x")], &key_frame()));
    assert_eq!(peer.refused, [Discard::NoSection]);
}

#[test]
fn the_first_number_of_a_stream_may_be_zero_and_those_before_it_may_come_late() {
    let (mut peer, mut forge, now) = receiver();
    peer.take(now, &mut forge.rtp(1, VP8, 0, &[MID], &key_frame()));
    peer.take(now, &mut forge.rtp(2, VP8, 10, &[MID], &key_frame()));
    for index in [9, 7, 8] {
        peer.take(now, &mut forge.rtp(2, VP8, index, &[MID], &key_frame()));
    }
    assert_eq!((peer.packets.len(), peer.refused.len()), (5, 0));
}

#[test]
fn retransmissions_without_signalled_sources_find_their_stream() {
    let (mut peer, mut forge, now) = receiver();
    for index in [100, 101, 103] {
        peer.take(now, &mut forge.rtp(1, VP8, index, &[MID], &key_frame()));
    }
    // Another one of the same section, in which nothing is missing; it has not got so far yet.
    for index in [50, 51] {
        peer.take(now, &mut forge.rtp(2, VP8, index, &[MID], &key_frame()));
    }
    peer.take(now, &mut forge.rtp(50, RTX, 7, &[MID], &repair_of(102)));
    let got = peer.packets.last().unwrap();
    assert_eq!((got.ssrc, got.sequence, got.payload_type, got.repaired), (Ssrc(1), 102, VP8, true));
    assert_eq!(got.payload, key_frame());
    assert_eq!(peer.session.receivers().find(|one| one.ssrc == Ssrc(1)).unwrap().repair_ssrc, Some(Ssrc(50)));
    // The second one's: the first has its own by now.
    peer.take(now, &mut forge.rtp(51, RTX, 7, &[MID], &repair_of(51)));
    assert_eq!(peer.refused, [Discard::Duplicate]);
    peer.take(now, &mut forge.rtp(2, VP8, 53, &[], &key_frame()));
    peer.take(now, &mut forge.rtp(51, RTX, 8, &[], &repair_of(52)));
    assert_eq!(peer.packets.last().unwrap().ssrc, Ssrc(2));
    // A repair of nothing that is known, and padding, which probes the path.
    peer.take(now, &mut forge.rtp(52, RTX, 7, &[MID], &repair_of(5)));
    peer.take(now, &mut forge.padded(50, RTX, 8, &[], &[], 200));
    // Far ahead of everything: it would take the stream along.
    peer.take(now, &mut forge.rtp(50, RTX, 9, &[], &repair_of(20_000)));
    assert_eq!(peer.refused[1..], [Discard::UnknownRepair, Discard::Padding, Discard::UnknownRepair]);
    peer.take(now, &mut forge.rtp(1, VP8, 104, &[], &key_frame()));
    assert_eq!(peer.packets.last().unwrap().sequence, 104);
}

#[test]
fn retransmissions_of_an_encoding_that_changed_its_source_are_those_of_the_newer_one() {
    let (mut peer, mut forge, now) = receiver();
    let mut section = video();
    section.rids = vec!["h".into()];
    peer.session.set_section(now, VIDEO, section);
    for (ssrc, first, repair) in [(1, 100, 50), (2, 30_000, 51), (3, 9000, 52)] {
        let at = now + MS * ssrc;
        for index in [first, first + 2] {
            peer.take(at, &mut forge.rtp(ssrc, VP8, index, &[MID, (Kind::Rid, "h")], &key_frame()));
        }
        let missed = u16::try_from(first + 1).unwrap();
        let said = [MID, (Kind::RepairedRid, "h")];
        peer.take(at, &mut forge.rtp(repair, RTX, 7, &said, &repair_of(missed)));
        let got = peer.packets.last().unwrap();
        assert_eq!((got.ssrc, got.sequence, got.repaired), (Ssrc(ssrc), first + 1, true));
    }
    assert_eq!(peer.refused, []);
}

#[test]
fn a_retransmission_between_two_streams_that_miss_its_number_is_nobodys() {
    let (mut peer, mut forge, now) = receiver();
    for ssrc in [1, 2] {
        for index in [100, 102] {
            peer.take(now, &mut forge.rtp(ssrc, VP8, index, &[MID], &key_frame()));
        }
    }
    peer.take(now, &mut forge.rtp(50, RTX, 7, &[MID], &repair_of(101)));
    assert_eq!(peer.refused, [Discard::UnknownRepair]);
    peer.take(now, &mut forge.rtp(1, VP8, 101, &[], &key_frame()));
    peer.take(now, &mut forge.rtp(50, RTX, 8, &[MID], &repair_of(101)));
    assert_eq!(peer.packets.last().unwrap().ssrc, Ssrc(2));
}

#[test]
fn a_packet_of_padding_alone_is_one_of_the_stream() {
    let (mut peer, mut forge, now) = receiver();
    peer.session.set_frames(VIDEO, Some(JitterConfig::default()));
    peer.take(now, &mut forge.rtp(1, VP8, 10, &[MID], &key_frame()));
    peer.take(now, &mut forge.padded(1, VP8, 11, &[], &[], 255));
    peer.take(now, &mut forge.rtp(1, VP8, 12, &[], &key_frame()));
    assert_eq!(peer.packets[1].payload.len(), 0);
    assert_eq!((peer.frames.len(), peer.receiver(VIDEO).lost), (2, 0));
    // Lost, and sent again with nothing but its number.
    peer.take(now, &mut forge.rtp(1, VP8, 14, &[], &key_frame()));
    peer.take(now, &mut forge.rtp(50, RTX, 7, &[MID], &13_u16.to_be_bytes()));
    assert_eq!((peer.frames.len(), peer.refused.len()), (3, 0));
}

#[test]
fn simulcast_goes_both_ways_by_rid() {
    let mut network = Network::pair(7, &Link { delay: MS * 20, loss: Loss::Random(0.05), ..Link::default() });
    let mut peers = pair(&network);
    let rids = ["h", "m", "l"];
    let mut section = video();
    section.rids = rids.iter().map(|rid| Box::from(*rid)).collect();
    for peer in &mut peers {
        peer.session.set_section(network.now(), VIDEO, section.clone());
        peer.session.set_frames(VIDEO, Some(JitterConfig::default()));
    }
    let senders = rids.map(|rid| {
        let mut init = SenderInit::default();
        init.rid = Some(rid.into());
        peers[0].session.add_sender(network.now(), VIDEO, init)
    });
    let start = network.now();
    for number in 0..300u32 {
        network.run_to(&mut peers, start + MS * 33 * number);
        for (layer, sender) in senders.into_iter().enumerate() {
            let frame = frame(number, number % 10 == 0, 4000 / (layer + 1));
            peers[0].session.send_frame(network.now(), sender, frame).unwrap();
        }
    }
    network.run_to(&mut peers, start + MS * 10_800);
    let heard: Vec<_> = peers[1].session.receivers().collect();
    assert_eq!(heard.len(), 3);
    for one in heard {
        let rid = peers[1].session.rid(one.receiver).unwrap();
        let layer = rids.iter().position(|of| *of == rid).unwrap();
        let sender = peers[0].sender(senders[layer]);
        assert_eq!((one.ssrc, one.repair_ssrc), (sender.ssrc, Some(sender.repair_ssrc)));
        assert!(one.repaired_packets > 0);
        let frames = peers[1].frames.iter().filter(|(_, frame)| frame.receiver == one.receiver);
        let lengths: Vec<usize> = frames.map(|(_, frame)| frame.payload.len()).collect();
        assert!(lengths.len() > 285 && lengths.iter().all(|len| *len == 4000 / (layer + 1)), "{rid}");
    }
}

#[test]
fn a_paused_sender_is_refused_and_goes_on_later_as_the_same_stream() {
    let mut network = Network::pair(8, &Link::default());
    let (mut peers, video, _) = call(&network);
    let start = network.now();
    peers[0].session.send_frame(start, video, frame(0, true, 2000)).unwrap();
    network.run_to(&mut peers, start + MS * 100);
    peers[0].session.set_active(video, false);
    let refused = peers[0].session.send_frame(network.now(), video, frame(1, false, 2000)).unwrap_err();
    assert_eq!(refused.kind, SendErrorKind::NotSending);
    assert_eq!(refused.refused, frame(1, false, 2000));
    network.run_to(&mut peers, start + MS * 20_000);
    // No report of what is not sent, after two intervals.
    let report = peers[1].receiver(VIDEO).sender_report.unwrap();
    assert!(report.arrival < start + MS * 7000);
    peers[0].session.set_active(video, true);
    peers[0].session.send_frame(network.now(), video, frame(600, false, 2000)).unwrap();
    network.run_to(&mut peers, start + MS * 20_100);
    assert_eq!((peers[1].frames.len(), added(&peers[1])), (2, vec![VIDEO]));
    assert_eq!(peers[1].receiver(VIDEO).lost, 0);
}

#[test]
fn a_source_ends_by_goodbye_or_by_silence_and_its_id_says_nothing_any_more() {
    let mut network = Network::pair(9, &Link::default());
    let (mut peers, video, audio) = call(&network);
    let start = network.now();
    peers[0].session.send_frame(start, video, frame(0, true, 2000)).unwrap();
    peers[0].session.send_rtp(start, audio, OutgoingPacket::new(OPUS, 0, Bytes::from_static(b"s"))).unwrap();
    network.run_to(&mut peers, start + MS * 100);
    let receiver = peers[1].receiver(VIDEO).receiver;
    peers[0].session.remove_sender(network.now(), video);
    network.run_to(&mut peers, start + MS * 500);
    assert_eq!(peers[1].events.last(), Some(&Event::ReceiverEnded { receiver, section: VIDEO }));
    let error = peers[0].session.send_frame(network.now(), video, frame(1, true, 9)).unwrap_err();
    assert_eq!(error.kind, SendErrorKind::UnknownSender);
    // A goodbye is said once, and for one's own.
    peers[1].session.request_key_frame(network.now(), receiver);
    network.run_to(&mut peers, start + MS * 29_900);
    assert_eq!(ended(&peers[1]), 1);
    network.run_to(&mut peers, start + MS * 30_100);
    assert_eq!((ended(&peers[1]), peers[1].session.receivers().count()), (2, 0));
}

#[test]
fn a_number_is_sent_once_and_none_leaps_so_far_that_the_receiver_loses_count() {
    let network = Network::new(0);
    let now = network.now();
    let (mut peers, _, audio) = call(&network);
    let mut send = |number| {
        let mut packet = OutgoingPacket::new(OPUS, 0, Bytes::from_static(b"sound"));
        packet.sequence = Some(number);
        peers[0].session.send_rtp(now, audio, packet).map_err(|error| error.kind)
    };
    assert_eq!((send(0), send(0)), (Ok(()), Err(SendErrorKind::SequenceNumber)));
    assert_eq!((send(1 + (1 << 14) + 1), send(1 + (1 << 14))), (Err(SendErrorKind::SequenceNumber), Ok(())));
    assert_eq!((send((1 << 14) - 100), send(1)), (Ok(()), Err(SendErrorKind::SequenceNumber)));
}

#[test]
fn a_source_that_said_goodbye_may_begin_anew_as_another_receiver() {
    let (mut peer, mut forge, now) = receiver();
    peer.take(now, &mut forge.rtp(1, VP8, 10, &[MID], &key_frame()));
    let first = peer.receiver(VIDEO).receiver;
    let mut bye = forge.rtcp(|out| {
        rtcp::Bye::write(out, std::iter::once(Ssrc(1)), b"");
    });
    peer.take(now, &mut bye);
    assert_eq!(peer.session.receivers().count(), 0);
    peer.take(now, &mut forge.rtp(1, VP8, 11, &[MID], &key_frame()));
    assert_ne!(peer.receiver(VIDEO).receiver, first);
    assert_eq!((added(&peer).len(), ended(&peer)), (2, 1));
}

#[test]
fn a_payload_type_may_change_within_a_stream_to_another_of_its_section() {
    let (mut peer, mut forge, now) = receiver();
    let mut section = video();
    let mut vp9 = Format::new(VP9, Codec::Vp9, NonZeroU32::new(90_000).unwrap());
    vp9.repair = Some(PayloadType::from_low_bits(103));
    vp9.feedback.nack = true;
    section.receive.push(vp9);
    peer.session.set_section(now, VIDEO, section.clone());
    peer.take(now, &mut forge.rtp(1, VP8, 10, &[MID], &key_frame()));
    peer.take(now, &mut forge.rtp(1, VP9, 12, &[], &[0x08, 1, 2]));
    let stats = peer.receiver(VIDEO);
    assert_eq!((stats.codec, stats.payload_type), (Codec::Vp9, VP9));
    // What was lost before the change is repaired as what it was.
    peer.take(now, &mut forge.rtp(50, RTX, 7, &[MID], &repair_of(11)));
    assert_eq!(peer.refused, [Discard::UnknownRepair], "nobody's, while the stream has another format");
    section.sources = vec![SignalledSource { ssrc: Ssrc(1), repair: Some(Ssrc(50)) }];
    peer.session.set_section(now, VIDEO, section.clone());
    peer.take(now, &mut forge.rtp(50, RTX, 8, &[], &repair_of(11)));
    assert_eq!(peer.packets.last().unwrap().payload_type, VP8);
    // Payload types that are taken away end their streams; one that is not agreed on changes nothing.
    peer.take(now, &mut forge.rtp(1, OPUS, 13, &[], b"sound"));
    assert_eq!(peer.refused[1..], [Discard::UnknownPayloadType]);
    section.receive.pop();
    peer.session.set_section(now, VIDEO, section);
    peer.events.extend(peer.session.poll_event());
    assert_eq!(ended(&peer), 1);
}

#[test]
fn a_renegotiated_section_keeps_its_streams_and_takes_up_what_is_new_of_their_formats() {
    let mut network = Network::pair(10, &Link::default());
    let (mut peers, sender, _) = call(&network);
    let start = network.now();
    let mut plain = video();
    for format in plain.send.iter_mut().chain(&mut plain.receive) {
        format.feedback.pli = false;
    }
    for peer in &mut peers {
        peer.session.set_section(start, VIDEO, plain.clone());
    }
    peers[0].session.send_frame(start, sender, frame(0, true, 2000)).unwrap();
    network.run_to(&mut peers, start + MS * 100);
    let receiver = peers[1].receiver(VIDEO).receiver;
    // A frame waits for its second half while both negotiate again.
    peers[0].session.send_frame(network.now(), sender, frame(1, false, 2000)).unwrap();
    let halves = peers[0].drain(network.now());
    let now = network.now();
    peers[1].take(now, &mut halves[0].clone());
    peers[1].session.set_section(now, VIDEO, video());
    peers[1].session.set_frames(VIDEO, Some(JitterConfig::default()));
    peers[1].take(now, &mut halves[1].clone());
    assert_eq!(peers[1].frames.len(), 2, "the same setting again throws nothing away");
    assert_eq!((peers[1].receiver(VIDEO).receiver, ended(&peers[1])), (receiver, 0));
    peers[1].session.request_key_frame(now, receiver);
    network.run_to(&mut peers, now + MS * 100);
    assert_eq!(peers[1].receiver(VIDEO).plis, 1, "the new format knows PLI");
}

#[test]
fn a_section_that_is_removed_takes_its_streams_with_it_and_may_come_again() {
    let mut network = Network::pair(11, &Link::default());
    let (mut peers, sender, _) = call(&network);
    let start = network.now();
    peers[0].session.send_frame(start, sender, frame(0, true, 2000)).unwrap();
    network.run_to(&mut peers, start + MS * 100);
    for peer in &mut peers {
        peer.session.remove_section(network.now(), VIDEO);
    }
    network.run_to(&mut peers, start + MS * 200);
    assert_eq!((ended(&peers[1]), peers[1].session.receivers().count()), (1, 0));
    assert_eq!(peers[0].session.senders().filter(|one| one.section == VIDEO).count(), 0);
    for peer in &mut peers {
        peer.session.set_section(network.now(), VIDEO, video());
    }
    let again = peers[0].session.add_sender(network.now(), VIDEO, SenderInit::default());
    assert_ne!(again, sender);
    peers[0].session.send_frame(network.now(), again, frame(0, true, 2000)).unwrap();
    network.run_to(&mut peers, start + MS * 300);
    assert_eq!(peers[1].session.receivers().count(), 1);
}

#[test]
fn as_many_sources_are_received_as_may_be_and_only_idle_ones_make_room() {
    let network = Network::new(0);
    let now = network.now();
    let mut config = duologue_rtp::Config::new(&duologue_rtp::srtp::RUST_CRYPTO);
    config.max_receivers = 3;
    let [_, mut peer] = peers(now, &std::sync::Arc::new(config), NTP);
    peer.session.set_section(now, VIDEO, video());
    let mut forge = Forge::new();
    for ssrc in 1..=5 {
        peer.take(now, &mut forge.rtp(ssrc, VP8, 10, &[MID], &key_frame()));
    }
    assert_eq!(peer.refused, [Discard::TooManyReceivers; 2]);
    let later = now + MS * 1500;
    for ssrc in [1, 3] {
        peer.take(later, &mut forge.rtp(ssrc, VP8, 11, &[MID], &key_frame()));
    }
    peer.take(later, &mut forge.rtp(9, VP8, 10, &[MID], &key_frame()));
    let heard: Vec<u32> = peer.session.receivers().map(|one| one.ssrc.0).collect();
    assert_eq!((heard, ended(&peer)), (vec![1, 9, 3], 1));
}

#[test]
fn fifty_senders_and_fifty_receivers_are_all_reported_on() {
    let mut network = Network::pair(12, &Link { delay: MS * 10, ..Link::default() });
    let mut peers = pair(&network);
    let start = network.now();
    for peer in &mut peers {
        peer.session.set_section(start, AUDIO, audio());
    }
    let senders: Vec<_> =
        (0..50).map(|_| peers[0].session.add_sender(start, AUDIO, SenderInit::default())).collect();
    for turn in 0..400u32 {
        network.run_to(&mut peers, start + MS * 20 * turn);
        for sender in &senders {
            let packet = OutgoingPacket::new(OPUS, turn * 960, Bytes::from_static(b"sound"));
            peers[0].session.send_rtp(network.now(), *sender, packet).unwrap();
        }
    }
    network.run_to(&mut peers, start + MS * 8100);
    for sender in senders {
        let remote = peers[0].sender(sender).remote;
        assert!(remote.round_trip_measurements >= 2, "{remote:?}");
        let trip = remote.round_trip.unwrap();
        assert!(trip > MS * 19 && trip < MS * 25, "{trip:?}");
    }
    let reports: Vec<u64> =
        peers[1].session.receivers().map(|one| one.sender_report.unwrap().reports).collect();
    assert_eq!(reports.len(), 50);
    let (least, most) = (reports.iter().min().unwrap(), reports.iter().max().unwrap());
    assert!(*least >= 2 && most - least <= 1, "{least} to {most}");
}

#[test]
fn retransmissions_without_a_format_of_their_own_are_the_same_bytes_again() {
    let network = Network::new(0);
    let mut now = network.now();
    let [mut sender, _] = pair(&network);
    let mut section = video();
    section.send[0].repair = None;
    sender.session.set_section(now, VIDEO, section.clone());
    let video = sender.session.add_sender(now, VIDEO, SenderInit::default());
    sender.session.send_frame(now, video, frame(0, true, 500)).unwrap();
    let first = sender.drain(now);
    let sequence = u16::from_be_bytes([first[0][2], first[0][3]]);
    let ssrc = sender.sender(video).ssrc;
    // The other direction's key: the forge speaks as the first, so its own packets are refused there.
    let [_, key] = keys(duologue_rtp::srtp::Profile::Aes128CmHmacSha1_80);
    let mut back = duologue_rtp::srtp::Sender::new(&duologue_rtp::srtp::RUST_CRYPTO, &key);
    let mut nack = |out: &mut Vec<u8>| {
        let mut lost = std::iter::once(duologue_rtp::SequenceNumber(sequence)).peekable();
        rtcp::Nack::write(out, Ssrc(5), ssrc, &mut lost, 100);
        back.protect_rtcp(out, 0).unwrap();
    };
    now += MS * 100;
    let mut datagram = Vec::new();
    nack(&mut datagram);
    sender.session.handle_rtcp(now, &mut datagram).unwrap();
    let again = sender.drain(now);
    assert!(
        again.contains(&first[0]),
        "another time of sending, under the same number, would give the keys away"
    );
    // Once the extensions' ids have changed it cannot be the same any more, not even one that waits for room.
    now += MS * 100;
    let mut datagram = Vec::new();
    nack(&mut datagram);
    sender.session.handle_rtcp(now, &mut datagram).unwrap();
    assert_eq!(sender.session.poll_transmit(now, 100, &mut Vec::new()), None);
    assert!(sender.session.has_queued());
    section.extensions.set(Kind::AbsSendTime, 9);
    sender.session.set_section(now, VIDEO, section);
    now += MS * 100;
    let mut datagram = Vec::new();
    nack(&mut datagram);
    sender.session.handle_rtcp(now, &mut datagram).unwrap();
    let sent = sender.drain(now);
    assert!(sent.iter().all(|one| one[2..4] != first[0][2..4] || one[1] != first[0][1]));
}

#[test]
fn what_has_no_room_stays_and_comes_next_and_reports_wait_for_a_whole_datagram_s_room() {
    let network = Network::new(0);
    let now = network.now();
    let (mut peers, video, audio) = call(&network);
    peers[0].session.send_frame(now, video, frame(0, true, 1000)).unwrap();
    let sound = OutgoingPacket::new(OPUS, 0, Bytes::from_static(b"sound"));
    peers[0].session.send_rtp(now, audio, sound).unwrap();
    let mut out = Vec::new();
    for room in [0, 11, 100, 1000] {
        assert_eq!(peers[0].session.poll_transmit(now, room, &mut out), None);
        assert_eq!((out.len(), peers[0].session.stats().queued_packets), (0, 2));
    }
    let sent = peers[0].drain(now);
    assert_eq!(sent.len(), 2);
    let later = now + MS * 3000;
    peers[0].session.handle_timeout(later);
    assert_eq!(peers[0].session.poll_transmit(later, 1199, &mut out), None);
    assert!(peers[0].session.poll_timeout().is_none_or(|at| at > later));
    assert!(peers[0].session.poll_transmit(later, 1200, &mut out).is_some());
}
