//! The fuzz target's body over its corpus, and over generated inputs.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "bodies of fuzz targets"
)]

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/rtp_session.rs"]
mod rtp_session;

#[test]
fn the_corpus_holds() {
    corpus::corpus("rtp_session").iter().for_each(|input| rtp_session::run(input));
}

proptest! {
    #[test]
    fn generated_inputs_hold(data in vec(any::<u8>(), 0..3000)) {
        rtp_session::run(&data);
    }
}
