//! Streams of packets: what is measured of one that arrives, what is asked for again, and frames put together.

mod blocks;
pub mod frame;
pub mod jitter;
pub mod nack;
pub mod reception;

pub use frame::{Frame, ReceiverId};
