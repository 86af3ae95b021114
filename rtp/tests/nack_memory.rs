//! What a peer's holes cost in memory.

use std::alloc::System;
use std::time::Duration;

use duologue_netsim::Network;
use duologue_rtp::ExtendedSequence;
use duologue_rtp::stream::nack::{Nack, NackConfig};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Without the harness, whose threads allocate too.
fn main() {
    holes_filled_or_not_cost_no_more_memory_than_the_bound_says();
}

/// Of whoever fills all holes but the first, nothing can be forgotten from the front; of whoever fills none, all is missing.
fn holes_filled_or_not_cost_no_more_memory_than_the_bound_says() {
    let start = Network::new(0).now();
    for fills in [true, false] {
        let region = Region::new(ALLOCATOR);
        let mut nack = Nack::new(NackConfig::default());
        let mut asked = Vec::with_capacity(1000);
        nack.received(ExtendedSequence(0), start, false);
        for turn in 1..100_000_u64 {
            nack.received(ExtendedSequence(turn * 2 + 1), start, false);
            if fills {
                nack.received(ExtendedSequence(turn * 2), start, true);
            }
            if turn % 1000 == 0 {
                asked.clear();
                nack.poll(start + Duration::from_millis(turn / 1000), &mut asked);
            }
        }
        // 1,000 packets of some tens of bytes, as the memory for them was doubled.
        let held = region.change();
        assert!(held.bytes_allocated < 300_000, "{held:?}");
        assert_eq!(nack.missing(), if fills { 1 } else { 1000 });
    }
}
