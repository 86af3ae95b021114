//! The agent through its public interface alone, on virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test that fails here has found its fault"
)]

mod common;
mod connect;
mod consent;
mod contract;
mod handover;
mod hostile;
mod known_faults;
mod protocol;
mod relay;
mod renomination;
mod restart;
mod rollback;
mod tcp;
mod two_paths;
mod two_sessions;
