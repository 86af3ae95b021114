//! The repair of a stream of video by NACK and retransmission alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_netsim::{Link, Loss, Network};
use duologue_rtp::extension::Kind;
use duologue_rtp::stream::JitterConfig;
use duologue_rtp::{Discard, SignalledSource, Ssrc};

use crate::support::*;

const FRAMES: u32 = 1800;
/// 1.5 Mbit/s at 30 frames a second, a key frame of five times the mean each 120.
const MEAN: usize = 6250;
const KEY: usize = 5 * MEAN;
const DELTA: usize = (120 * MEAN - KEY) / 119;

struct Outcome {
    /// From `send_frame` to the last missing packet in hand, for each frame.
    whole: Vec<Option<Duration>>,
    /// To its release in order.
    released: Vec<Duration>,
    lost: u64,
    repair_ratio: f64,
}

fn run(seed: u64, loss: f64) -> Outcome {
    let link = Link {
        rate: Some(10_000_000),
        delay: MS * 40,
        loss: Loss::Random(loss),
        duplicate: 0.01,
        reorder: 0.01,
        ..Link::default()
    };
    let mut network = Network::pair(seed, &link);
    let (mut peers, video, _) = call(&network);
    let start = network.now();
    let mut sent: Vec<Instant> = Vec::new();
    // Of each frame by its timestamp: how many bytes came, and when the last of them.
    let mut came: BTreeMap<u64, (usize, Instant)> = BTreeMap::new();
    let mut memory = Vec::new();
    for number in 0..FRAMES + 60 {
        network.run_to(&mut peers, start + Duration::from_micros(33_333) * number);
        for packet in peers[1].packets.drain(..) {
            // The payload's descriptor is not of the frame.
            let (bytes, last) = came.entry(packet.timestamp).or_insert((0, packet.at));
            *bytes += packet.payload.len() - DESCRIPTOR;
            *last = packet.at;
        }
        if number < FRAMES {
            let key = number % 120 == 0;
            let len = if key { KEY } else { DELTA };
            peers[0].session.send_frame(network.now(), video, frame(number, key, len)).unwrap();
            sent.push(network.now());
        }
        memory.push(peers[0].session.stats().queued_packets + peers[1].session.stats().queued_packets);
    }
    assert!(*memory.iter().max().unwrap() < 200);
    let stats = network.stats();
    assert!(stats.lost > 100 && stats.reordered > 10 && stats.duplicated > 10, "{stats:?}");
    let first = came.keys().next().copied().unwrap();
    let whole = (0..FRAMES).map(|number| {
        let (bytes, last) = came.get(&(first + u64::from(number) * 3000))?;
        let len = if number % 120 == 0 { KEY } else { DELTA };
        (*bytes == len).then(|| *last - sent[number as usize])
    });
    let released = peers[1].frames.iter().map(|(at, frame)| {
        let number = (frame.timestamp.0 - first) / 3000;
        *at - sent[number as usize]
    });
    let (sender, receiver) = (peers[0].sender(video), peers[1].receiver(VIDEO));
    // Every packet sent that did not come by the way it was sent: media, and repairs, themselves lost or not.
    let mean =
        (sender.payload_bytes + sender.repair_bytes) as f64 / (sender.packets + sender.repair_packets) as f64;
    let lost_media = sender.packets - receiver.packets.min(sender.packets);
    let lost_repairs = sender.repair_packets.saturating_sub(receiver.repair_packets);
    let lost_bytes = (lost_media + lost_repairs) as f64 * mean;
    Outcome {
        whole: whole.collect(),
        released: released.collect(),
        lost: lost_media + lost_repairs,
        repair_ratio: sender.repair_bytes as f64 / lost_bytes,
    }
}

/// The VP8 payload descriptor as it is sent: with a picture number of 15 bits.
const DESCRIPTOR: usize = 4;

fn check(loss: f64, within: Duration, share: f64) {
    for seed in 1..=4 {
        let mut outcome = run(seed, loss);
        let of = |times: usize| times as f64 / f64::from(FRAMES);
        let timely = of(outcome.whole.iter().flatten().filter(|time| **time <= within).count());
        let in_order = of(outcome.released.iter().filter(|time| **time <= within).count());
        let worst = outcome.whole.iter().flatten().max().copied();
        outcome.released.sort();
        println!(
            "loss {loss}, seed {seed}: whole within {within:?}: {:.2}% (in order {:.2}%), missing {}, worst {worst:?}, \
             released at the median {:?}; lost {} packets, repair {:.2} times the bytes lost",
            timely * 100.0,
            in_order * 100.0,
            outcome.whole.iter().filter(|time| time.is_none()).count(),
            outcome.released[outcome.released.len() / 2],
            outcome.lost,
            outcome.repair_ratio,
        );
        assert!(timely >= share, "{timely}");
        assert!(outcome.repair_ratio < 1.5, "{}", outcome.repair_ratio);
    }
}

#[test]
fn at_a_loss_of_5_percent_frames_are_whole_within_300_ms() {
    check(0.05, MS * 300, 0.995);
}

#[test]
fn at_a_loss_of_15_percent_frames_are_whole_within_400_ms() {
    check(0.15, MS * 400, 0.97);
}

/// Both ways by which a packet may come, each twice, in every order.
#[test]
fn a_packet_that_comes_by_itself_and_as_a_retransmission_is_handed_out_once_and_counted_once() {
    let network = Network::new(0);
    let now = network.now();
    let orders = [[false, false, true, true], [false, true, false, true], [true, false, false, true]];
    for order in orders.into_iter().flat_map(|order| [order, order.map(|repair| !repair)]) {
        for (first, frames) in [(100, false), (100, true), (65_535, true), (0, true)] {
            let [_, mut peer] = pair(&network);
            let mut section = video();
            section.sources = vec![SignalledSource { ssrc: Ssrc(1), repair: Some(Ssrc(50)) }];
            peer.session.set_section(now, VIDEO, section);
            peer.session.set_frames(VIDEO, frames.then(JitterConfig::default));
            let mut forge = Forge::new();
            let mid = [(Kind::Mid, "v")];
            let payload = |number| [&[0x10][..], &picture(number, number == 0, 40)].concat();
            // The stream begins, and the packet after its first is the one in question: the third shows that it is missing.
            peer.take(now, &mut forge.rtp(1, VP8, first, &mid, &payload(0)));
            peer.take(now, &mut forge.rtp(1, VP8, first + 2, &mid, &payload(2)));
            for (turn, repair) in (0..).zip(order) {
                let mut datagram = if repair {
                    forge.repair(50, turn, first + 1, &payload(1))
                } else {
                    forge.rtp(1, VP8, first + 1, &[], &payload(1))
                };
                peer.take(now, &mut datagram);
            }
            let what = format!("{order:?}, from {first}, frames {frames}");
            let numbers: Vec<_> = peer.packets.iter().map(|got| (got.sequence, got.repaired)).collect();
            let index = peer.packets[0].sequence;
            assert_eq!(numbers, [(index, false), (index + 2, false), (index + 1, order[0])], "{what}");
            assert!(peer.packets[2].payload == payload(1) && peer.packets[2].ssrc == Ssrc(1), "{what}");
            // The second copy of the same kind is refused by SRTP: it is the same datagram again.
            let duplicates = peer.refused.iter().filter(|reason| **reason == Discard::Duplicate).count();
            let stats = peer.receiver(VIDEO);
            assert_eq!(stats.duplicates, duplicates as u64, "{what}");
            assert_eq!(peer.session.stats().discarded(Discard::Duplicate), stats.duplicates, "{what}");
            assert_eq!((stats.repaired_packets, stats.repair_packets), (u64::from(order[0]), 2), "{what}");
            assert_eq!((stats.missing.missing, stats.missing.given_up), (1, 0), "{what}");
            assert_eq!(stats.missing.repaired + stats.missing.overtaken, 1, "{what}");
            let pictures: Vec<Bytes> = peer.frames.iter().map(|(_, frame)| frame.payload.clone()).collect();
            let expected: Vec<_> = (0..3).map(|number| picture(number, number == 0, 40)).collect();
            assert_eq!(pictures, if frames { expected } else { Vec::new() }, "{what}");
        }
    }
}
