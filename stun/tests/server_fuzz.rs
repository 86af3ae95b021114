//! The fuzz target's body over its corpus and over generated inputs.
#![cfg(all(feature = "rust-crypto", feature = "server"))]

use corpus::corpus;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/null.rs"]
mod null;
#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../../fuzz/src/turn_server.rs"]
mod turn_server;

#[test]
fn the_corpus_holds() {
    corpus("turn_server").iter().for_each(|data| turn_server::run(data));
}

#[test]
fn generated_inputs_hold_and_make_allocations() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(3_000) });
    let allocated = std::cell::Cell::new(0);
    runner
        .run(&prop::collection::vec(any::<u8>(), 0..1_500), |data| {
            allocated.set(allocated.get() + turn_server::allocated(&data));
            Ok(())
        })
        .unwrap();
    assert!(allocated.get() > 100, "{} allocations", allocated.get());
}
