//! The fuzz targets' bodies over their corpora, and over generated inputs.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "tests")]

use corpus::corpus;
use proptest::prelude::*;

#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../../fuzz/src/ice_agent.rs"]
mod ice_agent;
#[expect(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../../fuzz/src/ice_grammar.rs"]
mod ice_grammar;
#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../fuzz/src/null.rs"]
mod null;

#[test]
fn the_corpora_hold() {
    for (target, run) in [("ice_grammar", ice_grammar::run as fn(&[u8])), ("ice_agent", ice_agent::run)] {
        assert!(corpus(target).len() >= 4);
        corpus(target).iter().for_each(|data| run(data));
    }
}

/// Truncation at every byte, and every byte changed.
#[test]
fn candidates_cut_or_changed_anywhere_hold() {
    for data in corpus("ice_grammar") {
        for at in 0..data.len() {
            ice_grammar::run(&data[..at]);
            for value in [0, b' ', b'0', b'z', b'%', 0xff] {
                let mut changed = data.clone();
                changed[at] = value;
                ice_grammar::run(&changed);
            }
        }
    }
}

/// The flag that lets the agents of [`ice_agent`] connect first, and two seconds of patience.
const CONNECTED: u8 = 0x28;

#[test]
fn the_agents_connect_when_they_are_told_to() {
    assert_eq!(ice_agent::moved(&[CONNECTED]), 2, "each has selected its pair");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn generated_operations_hold(data in prop::collection::vec(any::<u8>(), 0..1500)) {
        ice_agent::run(&data);
    }

    #[test]
    fn generated_operations_on_connected_agents_hold(
        flags in 0_u8..8,
        mut data in prop::collection::vec(any::<u8>(), 1..1500),
    ) {
        data[0] = CONNECTED | flags;
        ice_agent::run(&data);
    }

    #[test]
    fn generated_candidates_hold(
        text in "[a-zA-Z0-9+/]{0,40} [0-9]{1,6} (udp|TCP|x) [0-9]{1,12} ([0-9a-f:.%]{1,40}|[a-z.-]{1,20}) [0-9]{1,6} typ [a-z]{1,6}( [a-z]{1,8} \\PC{1,8}){0,40}",
    ) {
        ice_grammar::run(text.as_bytes());
    }
}
