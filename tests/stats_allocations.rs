//! Statistics are cheap: taking all of a call's allocates nothing. The allocator counts for the whole process, hence a
//! program of its own.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[expect(dead_code, reason = "other tests use more of it")]
#[path = "stack/stats_call.rs"]
mod stats_call;
#[path = "stack/streams.rs"]
mod streams;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "stack/support.rs"]
mod support;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../ice/tests/common/turn_server.rs"]
mod turn_server;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use stats_call::{MediaCall, take_all};
use std::alloc::System;
use support::{ALICE, BOB, Setup};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Without the harness, whose threads allocate too.
fn main() {
    taking_all_statistics_allocates_nothing();
}

fn taking_all_statistics_allocates_nothing() {
    let mut call = MediaCall::new(&Setup::new(907));
    call.talk(200);
    for who in [ALICE, BOB] {
        let peer = &*call.peer(who);
        let region = Region::new(GLOBAL);
        let entries: usize = (0..1_000).map(|_| take_all(peer)).sum();
        let change = region.change();
        // Two streams each way, each reported on, one pair, four codecs, two certificates.
        assert_eq!(entries, 1_000 * (2 + 2 + 2 + 2 + 1 + 4 + 2), "at {who}");
        assert_eq!((change.allocations, change.reallocations), (0, 0));
    }
}
