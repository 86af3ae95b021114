//! Streams of packets: what is measured of one that arrives.

pub mod reception;
