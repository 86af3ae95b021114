#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a failing test panics; numbers are cut to patterns; not all of the support is used"
)]
//! Two sessions, directly connected over a simulated network.

mod arrivals;
mod contract;
mod hostile;
mod key_frames;
mod repair;
mod reports;
mod smoke;
mod streams;
mod support;
