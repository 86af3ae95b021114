//! A bulk transfer and a video call through the whole stack allocate nothing per packet; an idle connection's heap does not
//! grow.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod joined;
#[path = "joined/media.rs"]
mod media;

use bytes::Bytes;
use duologue::{Config, JitterConfig, OutgoingFrame, OutgoingPacket};
use joined::Joined;
use media::{Media, vp8_frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Two configurations with certificates of their own.
fn configs() -> [Arc<Config>; 2] {
    let wall = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    [1, 2].map(|seed| {
        Arc::new(Config::generate(duologue::dtls::crypto::rust_crypto(), [seed; 32], wall).unwrap())
    })
}

/// Without the harness, whose threads allocate too.
fn main() {
    steady_state_allocates_nothing_per_packet_and_an_idle_heap_does_not_grow();
    forwarded_packets_allocate_nothing_in_steady_state();
    sent_frames_allocate_nothing_per_packet_when_packets_are_handed_through();
    received_frames_allocate_nothing_in_steady_state();
}

fn steady_state_allocates_nothing_per_packet_and_an_idle_heap_does_not_grow() {
    let configs = configs();
    let now = duologue_netsim::Network::new(1).now();
    let region = Region::new(GLOBAL);
    let (mut joined, channel) = Joined::connected(configs, [[3; 32], [4; 32]], now);
    let change = region.change();
    let heap = change.bytes_allocated - change.bytes_deallocated;
    println!("{heap} bytes of heap for a connected pair, of which 65,536 are the test's own buffer");
    assert!(heap - 65_536 < 80_000, "{heap}");
    let payload = Bytes::from(vec![7; 64 << 10]);
    // Every buffer comes to its size.
    joined.transfer(channel, &payload, 400);

    let (region, packets) = (Region::new(GLOBAL), joined.packets);
    joined.transfer(channel, &payload, 400);
    let (change, packets) = (region.change(), joined.packets - packets);
    let allocations = change.allocations + change.reallocations;
    println!("{allocations} allocations in {packets} packets");
    assert!(packets > 20_000);
    assert_eq!(allocations, 0, "in {packets} packets");

    let idle = |joined: &mut Joined, seconds: u64| {
        let until = joined.now + Duration::from_secs(seconds);
        while joined.now < until {
            joined.turn();
            joined.now += Duration::from_millis(50);
        }
    };
    // The reports for a router, which nobody polls here, come to their bound.
    idle(&mut joined, 3_600);
    let region = Region::new(GLOBAL);
    idle(&mut joined, 3_600);
    let change = region.change();
    let grown = change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed();
    assert!(grown <= 0, "an hour of idling took {grown} bytes");
}

/// The seconds of a call that pass before anything is counted: what is kept for a time has come to its size.
const WARM_UP: u32 = 20;
/// The seconds that are counted.
const COUNTED: u32 = 40;
/// Frames of a second.
const RATE: u32 = 30;

/// Lets a call send, 30 times a second, what `send` does for each side; returns the allocations of the counted seconds, and
/// the packets that arrived in them.
fn allocations(frames: Option<&JitterConfig>, mut send: impl FnMut(&mut Media, usize, u32)) -> (usize, u64) {
    let now = duologue_netsim::Network::new(1).now();
    let mut media = Media::connected(configs(), now, frames);
    let mut run = |media: &mut Media, frames: std::ops::Range<u32>| {
        for number in frames {
            send(media, 0, number);
            send(media, 1, number);
            (0..7).for_each(|_| media.turn(Duration::from_micros(4762)));
        }
    };
    // What is noted of each check of the path comes to its bound.
    (0..72_000).for_each(|_| media.turn(Duration::from_millis(50)));
    run(&mut media, 0..WARM_UP * RATE);
    let (region, packets, whole) = (Region::new(GLOBAL), media.packets, media.frames);
    run(&mut media, WARM_UP * RATE..(WARM_UP + COUNTED) * RATE);
    let change = region.change();
    if frames.is_some() {
        assert_eq!(media.frames - whole, u64::from(2 * COUNTED * RATE), "every frame arrived");
    }
    (change.allocations + change.reallocations, media.packets - packets)
}

fn forwarded_packets_allocate_nothing_in_steady_state() {
    let payload = Bytes::from(vec![7; 1100]);
    let (allocations, packets) = allocations(None, |media, who, number| {
        for index in 0..6 {
            let timestamp = number * 3000;
            let mut packet = OutgoingPacket::new(media.payload_type, timestamp, payload.clone());
            packet.sequence = Some(u64::from(number) * 6 + index);
            packet.marker = index == 5;
            media.peers[who].send_rtp(media.now, media.senders[who], packet).unwrap();
        }
    });
    println!("{allocations} allocations in {packets} packets");
    assert_eq!(packets, u64::from(2 * 6 * COUNTED * RATE));
    assert_eq!(allocations, 0, "in {packets} packets");
}

/// Sends frames of 5,000 bytes, each 4 s a key frame of 25,000.
fn frames() -> impl FnMut(&mut Media, usize, u32) {
    let (key, delta) = (vp8_frame(25_000, true), vp8_frame(5_000, false));
    move |media, who, number| {
        let payload = if number.is_multiple_of(4 * RATE) { &key } else { &delta };
        let frame = OutgoingFrame::new(media.payload_type, number * 3000, payload.clone());
        media.peers[who].send_frame(media.now, media.senders[who], frame).unwrap();
    }
}

fn sent_frames_allocate_nothing_per_packet_when_packets_are_handed_through() {
    let (allocations, packets) = allocations(None, frames());
    println!("{allocations} allocations in {packets} packets");
    assert!(packets > 10_000);
    assert_eq!(allocations, 0, "in {packets} packets");
}

fn received_frames_allocate_nothing_in_steady_state() {
    let (allocations, packets) = allocations(Some(&JitterConfig::default()), frames());
    println!("{allocations} allocations in {packets} packets");
    assert!(packets > 10_000);
    assert_eq!(allocations, 0, "in {packets} packets");
}
