//! Streams: what one source sends and one source receives.

pub mod cache;
pub mod forward;
pub mod key_frame;

/// A stream that comes to us. Never used twice in one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiverId(u32);

/// A stream that leaves us. Never used twice in one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SenderId(u32);
