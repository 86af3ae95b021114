//! The fuzz target's body over its corpus, and over generated inputs.
#![expect(clippy::expect_used, clippy::indexing_slicing, unreachable_pub, reason = "bodies of fuzz targets")]

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/rtp_packet.rs"]
mod rtp_packet;

#[test]
fn the_corpus_holds() {
    for input in corpus::corpus("rtp_packet") {
        rtp_packet::run(&input);
        for len in 0..input.len() {
            rtp_packet::run(&input[..len]);
        }
    }
}

proptest! {
    #[test]
    fn generated_inputs_hold(data in vec(any::<u8>(), 0..200), first in 0x80..0xc0_u8) {
        rtp_packet::run(&data);
        let mut packet = data;
        if let Some(byte) = packet.first_mut() {
            *byte = first;
        }
        rtp_packet::run(&packet);
    }
}
