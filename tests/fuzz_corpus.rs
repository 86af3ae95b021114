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
fn the_first_input_connects_and_its_message_is_heard() {
    assert!(peer_connection::heard(&corpus("peer_connection")[0]) > 0);
}

#[test]
fn the_input_that_restarts_ice_twice_has_its_messages_heard() {
    assert_eq!(peer_connection::heard(&corpus("peer_connection")[1]), 3);
}

#[test]
fn the_corpus_holds() {
    corpus("peer_connection").iter().for_each(|data| peer_connection::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
        peer_connection::run(&data);
    }

    #[test]
    fn generated_operations_on_a_connected_pair_hold(data in prop::collection::vec(any::<u8>(), 0..800)) {
        // Twenty-one rounds of delivering and waiting, ten bytes each, connect the pair.
        let mut input = corpus("peer_connection")[0][..210].to_vec();
        input.extend_from_slice(&data);
        peer_connection::run(&input);
    }
}
