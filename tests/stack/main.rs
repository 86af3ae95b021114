//! The whole stack over the simulated network, through the driver's public interface.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod call;
mod contract;
mod demux;
mod hostile;
mod media;
mod negotiation;
mod relay;
mod stats;
mod stats_call;
mod streams;
mod support;
#[path = "../../ice/tests/common/turn_server.rs"]
mod turn_server;
