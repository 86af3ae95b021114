//! The fuzz targets' bodies over their corpora, over generated inputs, and over messages changed a little.
#![expect(clippy::panic, reason = "tests")]

use corpus::corpus;
use proptest::prelude::*;

#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/null.rs"]
mod null;
#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../../fuzz/src/stun_message.rs"]
mod stun_message;
#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../../fuzz/src/turn_client.rs"]
mod turn_client;

#[test]
fn the_corpus_holds() {
    assert!(corpus("stun_message").len() >= 4);
    corpus("stun_message").iter().for_each(|data| stun_message::run(data));
}

#[test]
fn the_corpus_of_the_turn_client_holds_and_its_answers_are_believed() {
    let believed: u64 = corpus("turn_client").iter().map(|data| turn_client::moved(data)).sum();
    assert!(believed >= 20, "{believed}");
}

/// Known faults 4 and 6: every attribute's length from nothing to 64 KiB, whatever the message has room for.
#[test]
fn every_attribute_length_is_bounded_by_the_message() {
    for data in corpus("stun_message") {
        for at in (20..data.len() - 4).step_by(4) {
            for len in [0, 1, 3, 4, 5, 19, 20, 21, 255, 256, 0x7fff, 0x8000, 0xfffc, 0xfffd, 0xffff_u16] {
                let mut changed = data.clone();
                changed[at + 2..at + 4].copy_from_slice(&len.to_be_bytes());
                stun_message::run(&changed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..200)) {
        stun_message::run(&data);
        // The same behind a header that passes.
        let body = &data[..data.len() / 4 * 4];
        let mut framed = vec![0, 1, 0, u8::try_from(body.len()).unwrap(), 0x21, 0x12, 0xa4, 0x42];
        framed.extend_from_slice(&[7; 12]);
        framed.extend_from_slice(body);
        stun_message::run(&framed);
    }

    #[test]
    fn generated_operations_on_a_turn_client_hold(data in prop::collection::vec(any::<u8>(), 0..600)) {
        turn_client::run(&data);
    }

    #[test]
    fn changed_operations_on_a_turn_client_hold(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut all = corpus("turn_client");
        let mut data = all.swap_remove(which.index(all.len()));
        for (at, value) in changes {
            let at = at.index(data.len());
            data[at] = value;
        }
        turn_client::run(&data);
    }

    #[test]
    fn changed_messages_hold(which in 0_usize..4, at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut data = corpus("stun_message").swap_remove(which);
        let at = at.index(data.len());
        data[at] = value;
        stun_message::run(&data);
    }
}
