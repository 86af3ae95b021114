//! A datagram relayed by the server allocates nothing, in a channel and in indications, either way.
#![cfg(all(feature = "rust-crypto", feature = "server"))]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[expect(unreachable_pub, reason = "shared with a bench")]
mod relayed;

use std::alloc::System;

use relayed::Relayed;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_hundred_thousand_datagrams_relayed_by_the_server_allocate_nothing() {
    for channels in [true, false] {
        let mut relayed = Relayed::new(100, channels);
        // The first indication makes room for its head, once.
        relayed.back(0);
        let region = Region::new(ALLOCATOR);
        for round in 0..25_000 {
            relayed.there(round % 100);
            relayed.back(round % 100);
            assert!(relayed.relay().poll_timeout().is_some());
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0));
        let stats = relayed.relay().stats();
        assert_eq!((stats.datagrams_to_peers, stats.datagrams_to_clients), (25_000, 25_001));
    }
}
