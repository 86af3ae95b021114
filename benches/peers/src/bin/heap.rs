//! What a pair of connected, idle peers holds on the heap, by a counting allocator: a program of its own, so that counting
//! takes no time in the table of CPU time. What C code allocates is not counted.

use duologue_peers::{call, call_rtc};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PAIRS: usize = 50;

fn main() {
    let ours = per_pair(call::idle_ours());
    let peers = [("str0m 0.25.0", per_pair(call::idle_theirs())), ("rtc 0.21.1", per_pair(call_rtc::idle()))];
    println!("| work | peer | peer, KiB | ours, KiB | peer / ours |");
    println!("|---|---|---:|---:|---:|");
    for (name, theirs) in peers {
        let ratio = theirs as f64 / ours as f64;
        println!(
            "| heap per connected pair, idle | {name} | {} | {} | {ratio:.2} |",
            theirs / 1024,
            ours / 1024
        );
    }
}

fn per_pair<T>(connect: impl Fn() -> T) -> usize {
    // What is set up once, for all.
    drop(connect());
    let before = held();
    let pairs: Vec<T> = (0..PAIRS).map(|_| connect()).collect();
    let after = held();
    drop(pairs);
    (after - before) / PAIRS
}

fn held() -> usize {
    let stats = GLOBAL.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
