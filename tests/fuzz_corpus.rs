//! The fuzz target's body over its corpus, and over generated inputs.
#![expect(clippy::indexing_slicing, reason = "tests")]

use corpus::corpus;
use proptest::prelude::*;

#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../fuzz/src/corpus.rs"]
mod corpus;
#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../fuzz/src/peer_connection.rs"]
mod peer_connection;

#[test]
fn the_corpus_holds() {
    corpus("peer_connection").iter().for_each(|data| peer_connection::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
        peer_connection::run(&data);
    }
}
