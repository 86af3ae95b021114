#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failing test panics; numbers are cut to patterns"
)]
//! Two peers over a simulated network.

mod channels;
mod delivery;
mod goodput;
#[path = "../support/mod.rs"]
mod support;
