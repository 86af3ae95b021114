//! A deterministic network on virtual time: links, queues, loss, NATs.

mod node;

pub use node::{Addresses, Node};
