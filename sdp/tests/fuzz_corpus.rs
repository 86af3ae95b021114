//! The fuzz targets' bodies over their corpora, and over generated inputs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/sdp_negotiator.rs"]
mod sdp_negotiator;
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/sdp_parse.rs"]
mod sdp_parse;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = format!("{}/../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|path| run(&std::fs::read(path).unwrap()));
}

#[test]
fn the_corpora_hold() {
    replay("sdp_parse", sdp_parse::run);
    replay("sdp_negotiator", sdp_negotiator::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..300)) {
        sdp_parse::run(&data);
        sdp_negotiator::run(&data);
    }
}
