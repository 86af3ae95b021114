//! How a connection behaves, on virtual time and through its public interface alone.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests, on values that the tests choose"
)]

mod common;
mod contract;
mod fuzz_corpus;
mod handshake;
mod known_faults;
mod loss;
mod records;
