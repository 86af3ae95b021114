//! A bulk transfer through the whole stack allocates nothing per packet; an idle connection's heap does not grow.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod joined;

use bytes::Bytes;
use duologue::Config;
use joined::Joined;
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

#[test]
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
