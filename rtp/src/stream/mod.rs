//! Streams of packets: what is measured of one that arrives, and what is asked for again.

pub mod nack;
pub mod reception;
