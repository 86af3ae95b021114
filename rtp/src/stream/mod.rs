//! Streams of packets: what is received and sent, and the machinery of each.

mod blocks;
pub mod cache;
pub mod forward;
mod frame;
pub mod jitter;
mod kept;
pub mod key_frame;
pub mod nack;
pub mod reception;
pub(crate) mod recv;
pub(crate) mod send;

pub use cache::CacheConfig;
pub use forward::Forwarder;
pub use frame::{Frame, OutgoingFrame, OutgoingPacket, Packet};
pub use jitter::JitterConfig;
pub use nack::NackConfig;
pub use send::RemoteReport;

/// A media section of the session, as the embedder numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SectionId(pub u32);

/// A received encoding: one source of packets. Never used twice; the number says nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiverId(pub u64);

/// A sent encoding: one source of packets. Never used twice; the number says nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SenderId(pub u64);
