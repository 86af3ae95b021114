#![expect(unreachable_pub, reason = "the body of a fuzz target")]
//! The RTCP fuzz target's body over its corpus, and over generated inputs.

use corpus::corpus;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/rtcp.rs"]
mod rtcp;

#[test]
fn the_corpus_holds() {
    corpus("rtcp").iter().for_each(|data| rtcp::run(data));
}

#[test]
fn the_corpus_holds_with_each_byte_changed() {
    for data in corpus("rtcp") {
        for at in 0..data.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bad = data.clone();
                if let Some(byte) = bad.get_mut(at) {
                    *byte ^= change;
                }
                rtcp::run(&bad);
            }
        }
    }
}

/// A packet of a known type and any content, whose length field is right.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(0), 1 => 0..8_u8], 0..80);
    (prop_oneof![4 => 0x80..0xa0_u8, 1 => any::<u8>()], 200..209_u8, body, any::<bool>()).prop_map(
        |(first, packet_type, mut body, remb)| {
            if remb && body.len() > 12 {
                body.splice(8..12, *b"REMB");
            }
            body.resize(body.len().next_multiple_of(4), 0);
            let words = u8::try_from(body.len() / 4).unwrap_or_default();
            [&[first, packet_type, 0, words][..], &body].concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn generated_bytes_hold(data in prop::collection::vec(any::<u8>(), 0..300)) {
        rtcp::run(&data);
    }

    #[test]
    fn generated_packets_hold(packets in prop::collection::vec(packet(), 1..4)) {
        rtcp::run(&packets.concat());
    }
}
