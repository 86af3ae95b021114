//! The fuzz targets' bodies over their corpora, and over generated inputs.

use corpus::corpus;
use proptest::prelude::*;

#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/sdp_negotiator.rs"]
mod sdp_negotiator;
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/sdp_parse.rs"]
mod sdp_parse;

fn replay(target: &str, run: fn(&[u8])) {
    corpus(target).iter().for_each(|data| run(data));
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
