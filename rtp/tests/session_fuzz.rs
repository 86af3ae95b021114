//! The fuzz target's body over its corpus, and over generated inputs.
#![expect(unreachable_pub, clippy::indexing_slicing, reason = "bodies of fuzz targets")]

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/rtp_session.rs"]
mod rtp_session;

#[test]
fn the_corpus_holds() {
    for input in corpus::corpus("rtp_session") {
        rtp_session::run(&input);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn generated_inputs_hold(data in vec(any::<u8>(), 0..1500)) {
        rtp_session::run(&data);
    }
}
