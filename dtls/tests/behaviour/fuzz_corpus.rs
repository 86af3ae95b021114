//! The bodies of the fuzz targets on their corpora and on thousands of generated inputs.

use corpus::corpus;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

#[expect(unreachable_pub, reason = "public like the bodies beside it")]
#[path = "../../../fuzz/src/corpus.rs"]
mod corpus;
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../../fuzz/src/dtls_connection.rs"]
mod dtls_connection;
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../../fuzz/src/dtls_messages.rs"]
mod dtls_messages;

fn replay(target: &str, run: fn(&[u8])) -> Vec<Vec<u8>> {
    let inputs = corpus(target);
    inputs.iter().for_each(|input| run(input));
    inputs
}

#[test]
fn parsers_hold_on_the_corpus_and_on_changes_of_it() {
    let corpus = replay("dtls_messages", dtls_messages::run);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for input in &corpus {
        for len in 0..input.len() {
            dtls_messages::run(&input[..len]);
        }
        for _ in 0..2000 {
            let mut changed = input.clone();
            for _ in 0..=rng.next_u32() % 3 {
                let at = rng.next_u64() as usize % changed.len();
                changed[at] = rng.next_u32() as u8;
            }
            dtls_messages::run(&changed);
        }
    }
}

#[test]
fn connections_hold_the_contract_under_thousands_of_seeds() {
    replay("dtls_connection", dtls_connection::run);
    for seed in 0..20_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut input = vec![0; rng.next_u32() as usize % 700];
        rng.fill_bytes(&mut input);
        dtls_connection::run(&input);
    }
}

/// Without a forger, so that every run must end connected: only the operations of a network and of time.
#[test]
fn without_a_forger_every_seed_connects() {
    for seed in 0..20_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut input = vec![0; 8];
        rng.fill_bytes(&mut input);
        for _ in 0..40 {
            // `arbitrary` picks a variant by the high bits of 32: these are the first seven and NextDeadline.
            let variant = [0u64, 1, 2, 5, 0, 5, 0, 1, 5, 0, 5, 7, 0, 5, 0, 5][rng.next_u32() as usize % 16];
            let pick = (variant << 32).div_ceil(VARIANTS) as u32;
            input.extend_from_slice(&pick.to_le_bytes());
            let arguments = match variant {
                0..=2 => 2,
                5 => 3,
                _ => 0,
            };
            for _ in 0..arguments {
                input.push(rng.next_u32() as u8);
            }
        }
        dtls_connection::run(&input);
    }
}

/// The operations of the target.
const VARIANTS: u64 = 17;
