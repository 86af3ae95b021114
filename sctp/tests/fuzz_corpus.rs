#![expect(clippy::indexing_slicing, unreachable_pub, reason = "tests; bodies of fuzz targets")]
//! The fuzz targets' bodies over their corpora, and over generated inputs.

use corpus::corpus;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/dcep.rs"]
mod dcep;
#[path = "../../fuzz/src/sctp_association.rs"]
mod sctp_association;
#[path = "../../fuzz/src/sctp_packet.rs"]
mod sctp_packet;

fn replay(target: &str, run: fn(&[u8])) {
    corpus(target).iter().for_each(|data| run(data));
}

#[test]
fn the_corpora_hold() {
    replay("sctp_packet", sctp_packet::run);
    replay("sctp_association", sctp_association::run);
    replay("dcep", dcep::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn generated_packets_hold(data in prop::collection::vec(any::<u8>(), 0..300)) {
        sctp_packet::run(&data);
    }

    #[test]
    fn generated_operations_hold(data in prop::collection::vec(any::<u8>(), 0..900)) {
        sctp_association::run(&data);
    }

    #[test]
    fn generated_channel_messages_hold(data in prop::collection::vec(any::<u8>(), 0..600)) {
        dcep::run(&data);
    }
}
