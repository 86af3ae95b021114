//! The fuzz target's body over its corpus, and over generated inputs.
#![expect(clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../fuzz/src/peer_connection.rs"]
mod peer_connection;

#[test]
fn the_corpus_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/peer_connection");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|path| peer_connection::run(&std::fs::read(path).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
        peer_connection::run(&data);
    }
}
