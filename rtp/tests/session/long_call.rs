//! A call of 25 hours, over every wrap there is. The normal run has its first hour; `NIGHTLY=1` in the environment runs it whole.

use std::time::Duration;

use bytes::Bytes;
use duologue_netsim::{Link, Network};
use duologue_rtp::Config;
use duologue_rtp::rtcp::NtpTime;
use duologue_rtp::stream::OutgoingPacket;
use std::sync::Arc;

use crate::support::*;

#[test]
fn a_call_of_25_hours_neither_stalls_nor_drifts() {
    let hours = if std::env::var_os("NIGHTLY").is_some() { 25 } else { 1 };
    let link = Link { delay: MS * 15, ..Link::default() };
    let mut network = Network::pair(1, &link);
    let start = network.now();
    // RFC 5905, Section 6: seconds wrap on the 7th of February 2036; the call begins ten minutes before.
    let ntp = NtpTime(((1 << 32) - 600) << 32);
    let mut peers = peers(start, &Arc::new(Config::new(&Null)), ntp);
    let mut senders = Vec::new();
    for peer in &mut peers {
        peer.session.set_section(start, VIDEO, video());
        peer.session.set_section(start, AUDIO, audio());
    }
    for section in [VIDEO, AUDIO] {
        senders.push(peers[0].session.add_sender(start, section, Default::default()));
    }
    let [video, audio] = [senders[0], senders[1]];
    let (sound, picture) = (Bytes::from(vec![5; 40]), Bytes::from([&[0x10, 0][..], &[0; 60]].concat()));
    // Packets that nobody sees bring the numbers near their wrap.
    let leap = |peers: &mut [Peer; 2], first: u64| {
        for sender in [video, audio] {
            let payload_type = if sender == video { VP8 } else { OPUS };
            let mut packet = OutgoingPacket::new(payload_type, u32::MAX - 90_000, sound.clone());
            packet.sequence = Some(first);
            peers[0].session.send_rtp(start, sender, packet).unwrap();
        }
    };
    leap(&mut peers, 0);
    network.run_to(&mut peers, start + MS * 20);
    let wire = |peers: &[Peer; 2], section| {
        let receiver = peers[1].receiver(section).receiver;
        peers[1].packets.iter().find(|got| got.receiver == receiver).unwrap().sequence
    };
    let firsts = [wire(&peers, VIDEO), wire(&peers, AUDIO)];
    let mut numbers = [0; 2];
    for (index, sender) in [video, audio].into_iter().enumerate() {
        while firsts[index] + numbers[index] < 65_500 {
            numbers[index] += (65_500 - firsts[index] - numbers[index]).min(16_000);
            let payload_type = if index == 0 { VP8 } else { OPUS };
            let mut packet = OutgoingPacket::new(payload_type, u32::MAX - 90_000, sound.clone());
            packet.sequence = Some(numbers[index]);
            peers[0].session.send_rtp(network.now(), sender, packet).unwrap();
        }
    }
    network.run_to(&mut peers, start + MS * 1000);
    peers.iter_mut().for_each(|peer| peer.packets.clear());
    let lost: Vec<i64> = [VIDEO, AUDIO].iter().map(|section| peers[1].receiver(*section).lost).collect();
    let mut expected: Option<u64> = None;
    let mut checked = 0;
    for turn in 0..hours * 3600 * 50_u64 {
        let at = start + MS * 1000 + Duration::from_millis(20 * turn);
        network.run_to(&mut peers, at);
        let time = u32::MAX.wrapping_sub(90_000).wrapping_add((turn as u32).wrapping_mul(960));
        peers[0].session.send_rtp(at, audio, OutgoingPacket::new(OPUS, time, sound.clone())).unwrap();
        if turn % 5 == 0 {
            let time = u32::MAX.wrapping_sub(90_000).wrapping_add((turn as u32).wrapping_mul(1800));
            let mut packet = OutgoingPacket::new(VP8, time, picture.clone());
            packet.marker = true;
            peers[0].session.send_rtp(at, video, packet).unwrap();
        }
        if turn % 3000 == 2999 {
            // Each minute: nothing has stalled, nothing is lost, and what is measured stays what it is.
            let heard = peers[1].receiver(AUDIO).receiver;
            let sounds: Vec<u64> =
                peers[1].packets.iter().filter(|got| got.receiver == heard).map(|got| got.sequence).collect();
            assert!(sounds.len() >= 2999);
            let first = expected.unwrap_or(sounds[0]);
            assert!(sounds.iter().copied().eq(first..first + sounds.len() as u64));
            expected = Some(first + sounds.len() as u64);
            for (index, (section, sender)) in [(VIDEO, video), (AUDIO, audio)].into_iter().enumerate() {
                let (stats, remote) = (peers[1].receiver(section), peers[0].sender(sender).remote);
                assert_eq!((stats.lost, stats.jitter < MS), (lost[index], true), "turn {turn}: {stats:?}");
                let trip = remote.round_trip.unwrap();
                assert!(trip > MS * 29 && trip < MS * 32, "turn {turn}: {trip:?}");
                assert!(network.now() - remote.arrival.unwrap() < MS * 2000, "turn {turn}");
                let report = stats.sender_report.unwrap();
                assert!(network.now() - report.arrival < MS * 2000, "turn {turn}");
                let elapsed = NtpTime(report.ntp.0).since(ntp).unwrap();
                assert!(elapsed + MS * 16 > report.arrival - start && elapsed < report.arrival - start);
            }
            for peer in &mut peers {
                peer.packets.clear();
                assert!(peer.events.len() < 10 && peer.session.stats().queued_packets <= 1);
            }
            checked += 1;
        }
    }
    assert_eq!(checked, hours * 60);
    assert_eq!(peers[1].refused, []);
    assert_eq!(peers[1].session.receivers().count(), 2);
}
