//! Prints how many round trips it takes to connect, over the simulated network: `cargo bench -p duologue-ice`.
//!
//! The network and the rows are those of the tests; time is virtual, so one run says all.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that fails here measures nothing"
)]

#[expect(dead_code, reason = "the grid has more kinds of networks")]
#[path = "../tests/grid/plan.rs"]
mod plan;
#[expect(dead_code, reason = "nobody is called by TCP here")]
#[path = "../tests/common/streams.rs"]
mod streams;
#[path = "../tests/grid/timing.rs"]
mod timing;
#[path = "../tests/common/turn_server.rs"]
mod turn_server;
#[expect(dead_code, reason = "the grid looks at more of a call")]
#[path = "../tests/grid/world.rs"]
mod world;

/// Seeds of the row with loss.
const SEEDS: u64 = 5_000;

fn main() {
    println!("Round trips to connect, every leg 100 ms there and back; the worse of both roles.");
    println!("{:<52} {:>12} {:>12} {:>10}   wanted", "", "first valid", "both valid", "nominated");
    for row in timing::rows(SEEDS) {
        let timing::Row { name, first_valid, both_valid, nominated, wanted } = row;
        println!(
            "{name:<52} {first_valid:>12.1} {both_valid:>12.1} {nominated:>10.1}   {:.1} / {:.1}",
            wanted.0, wanted.1
        );
    }
}
