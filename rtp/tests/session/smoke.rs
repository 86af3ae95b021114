//! Media both ways, and what is measured of it.

use bytes::Bytes;
use duologue_netsim::{Link, Loss, Network};
use duologue_rtp::stream::OutgoingPacket;
use duologue_rtp::{Event, KeyFrameRequest};

use crate::support::*;

fn link(loss: f64) -> Link {
    Link { rate: Some(10_000_000), delay: MS * 40, loss: Loss::Random(loss), ..Link::default() }
}

#[test]
fn frames_come_as_they_were_sent_over_a_clean_path() {
    let mut network = Network::pair(1, &link(0.0));
    let (mut peers, video, audio) = call(&network);
    let start = network.now();
    let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
    for turn in 0..500u32 {
        network.run_to(&mut peers, start + MS * 20 * turn);
        let now = network.now();
        let sound = Bytes::from(vec![turn as u8; 80]);
        sounds.push(sound.clone());
        peers[0].session.send_rtp(now, audio, OutgoingPacket::new(OPUS, turn * 960, sound)).unwrap();
        if turn % 2 == 0 {
            let frame = frame(turn, turn == 0, 5000);
            pictures.push(frame.payload.clone());
            peers[0].session.send_frame(now, video, frame).unwrap();
        }
    }
    network.run_to(&mut peers, start + MS * 10_200);
    let of = |section| {
        let receiver = peers[1].receiver(section).receiver;
        let frames = peers[1].frames.iter().filter(move |(_, frame)| frame.receiver == receiver);
        frames.map(|(_, frame)| frame.payload.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(VIDEO), pictures);
    assert_eq!(of(AUDIO), sounds);
    assert_eq!(peers[1].refused, []);

    let (sent, received) = (peers[0].sender(video), peers[1].receiver(VIDEO));
    assert_eq!((sent.packets, sent.payload_bytes), (received.packets, received.payload_bytes));
    assert_eq!((received.ssrc, received.lost, received.frames, received.key_frames), (sent.ssrc, 0, 250, 1));
    assert_eq!((sent.repair_packets, received.nacks), (0, 0));
    // Reports each second or so, and a round trip of 80 ms as they measure it.
    for sender in [video, audio] {
        let remote = peers[0].sender(sender).remote;
        let trip = remote.round_trip.unwrap();
        assert!(trip > MS * 79 && trip < MS * 90, "{trip:?}");
        assert!((6..=20).contains(&remote.round_trip_measurements), "{}", remote.round_trip_measurements);
        assert_eq!((remote.cumulative_lost, remote.fraction_lost), (0, 0));
    }
    for section in [VIDEO, AUDIO] {
        let report = peers[1].receiver(section).sender_report.unwrap();
        assert!((6..=20).contains(&report.reports), "{}", report.reports);
    }
    // A report's time and ours agree: both clocks were set at the same moment.
    let (_, last) = peers[1].frames.last().unwrap();
    let captured = last.captured.unwrap().since(NTP).unwrap();
    let sent = MS * 20 * 499;
    assert!(captured + MS * 5 > sent && captured < sent + MS * 5, "{captured:?}");
}

#[test]
fn what_is_lost_is_asked_for_and_sent_again() {
    let mut network = Network::pair(2, &link(0.05));
    let (mut peers, video, _) = call(&network);
    let start = network.now();
    for number in 0..900u32 {
        network.run_to(&mut peers, start + MS * 33 * number);
        peers[0].session.send_frame(network.now(), video, frame(number, number == 0, 6000)).unwrap();
    }
    network.run_to(&mut peers, start + MS * 33 * 930);
    let numbers: Vec<u64> = peers[1].frames.iter().map(|(_, frame)| frame.timestamp.0).collect();
    assert!(numbers.len() >= 898, "{}", numbers.len());
    assert!(numbers.is_sorted());
    let (sent, received) = (peers[0].sender(video), peers[1].receiver(VIDEO));
    assert!(network.stats().lost > 200);
    assert!(sent.nacks > 20 && received.nacks >= sent.nacks, "{} {}", sent.nacks, received.nacks);
    assert!(received.repaired_packets > 200, "{received:?}");
    let fraction = sent.remote.cumulative_lost as f64 / sent.packets as f64;
    assert!((0.03..0.07).contains(&fraction), "{fraction}");
    // What came by transport-wide feedback.
    assert!(peers[0].session.stats().rtcp_received > 200);
}

#[test]
fn jitter_is_measured_in_the_media_s_clock() {
    let mut network = Network::pair(3, &Link { jitter: MS * 16, ..Link::default() });
    let (mut peers, _, audio) = call(&network);
    let start = network.now();
    for turn in 0..1000u32 {
        network.run_to(&mut peers, start + MS * 20 * turn);
        let packet = OutgoingPacket::new(OPUS, turn * 960, Bytes::from_static(b"sound"));
        peers[0].session.send_rtp(network.now(), audio, packet).unwrap();
    }
    // Two delays drawn evenly from 16 ms are 5.3 ms apart in the mean.
    let jitter = peers[1].receiver(AUDIO).jitter;
    assert!(jitter > MS * 3 && jitter < MS * 8, "{jitter:?}");
    let told = peers[0].sender(audio).remote.jitter;
    assert!((150..400).contains(&told), "{told}");
}

#[test]
fn a_key_frame_is_asked_for_until_it_comes() {
    let mut network = Network::pair(4, &link(0.0));
    let (mut peers, video, _) = call(&network);
    let start = network.now();
    let mut asked = Vec::new();
    for number in 0..90u32 {
        network.run_to(&mut peers, start + MS * 33 * number);
        let now = network.now();
        // It begins without one, and the sender takes its time.
        let requests = peers[0]
            .events
            .drain(..)
            .filter(|event| *event == Event::KeyFrameRequest { sender: video, kind: KeyFrameRequest::Pli });
        asked.extend(requests.map(|_| now - start));
        peers[0].session.send_frame(now, video, frame(number, number == 30, 3000)).unwrap();
    }
    network.run_to(&mut peers, start + MS * 3500);
    assert!((3..=4).contains(&asked.len()), "{asked:?}");
    assert!(asked[0] < MS * 150 && asked.iter().all(|at| *at < MS * 1100), "{asked:?}");
    assert_eq!(peers[1].frames.len(), 60);
    let receiver = peers[1].receiver(VIDEO).receiver;
    peers[1].session.request_key_frame(network.now(), receiver);
    network.run_to(&mut peers, start + MS * 3600);
    assert!(peers[0].events.iter().any(|event| matches!(event, Event::KeyFrameRequest { .. })));
    // One that can neither be told by PLI nor by FIR is not asked for.
    let mut deaf = video_without_requests();
    deaf.mid = Some("v".into());
    peers[1].session.set_section(network.now(), VIDEO, deaf);
    let before = peers[1].receiver(VIDEO).plis;
    peers[0].session.send_frame(network.now(), video, frame(91, true, 3000)).unwrap();
    network.run_to(&mut peers, start + MS * 4000);
    peers[1].session.request_key_frame(network.now(), receiver);
    network.run_to(&mut peers, start + MS * 6000);
    assert_eq!(peers[1].receiver(VIDEO).plis, before);
}

fn video_without_requests() -> duologue_rtp::Section {
    let mut section = video();
    section.receive[0].feedback.pli = false;
    section
}

#[test]
fn a_receiver_that_sends_nothing_reports_under_a_source_of_its_own() {
    let mut network = Network::pair(5, &link(0.0));
    let (mut peers, video, _) = call(&network);
    let start = network.now();
    for number in 0..60u32 {
        network.run_to(&mut peers, start + MS * 33 * number);
        peers[0].session.send_frame(network.now(), video, frame(number, number == 0, 1000)).unwrap();
    }
    network.run_to(&mut peers, start + MS * 2500);
    assert!(peers[0].sender(video).remote.arrival.is_some());
    // Both ways: then it reports as its own sender, which has another source.
    let back = peers[1].session.add_sender(network.now(), VIDEO, Default::default());
    for number in 60..200u32 {
        network.run_to(&mut peers, start + MS * 33 * number);
        peers[1].session.send_frame(network.now(), back, frame(number, number == 60, 1000)).unwrap();
        peers[0].session.send_frame(network.now(), video, frame(number, false, 1000)).unwrap();
    }
    network.run_to(&mut peers, start + MS * 7000);
    assert_ne!(peers[1].sender(back).ssrc, peers[0].sender(video).ssrc);
    assert_eq!(peers[0].frames.len(), 140);
    for (side, sender) in [(0, video), (1, back)] {
        assert!(peers[side].sender(sender).remote.round_trip_measurements >= 2);
    }
}
