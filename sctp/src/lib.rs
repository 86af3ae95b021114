//! A sans-IO SCTP association with data channels for WebRTC.

mod association;
mod config;
mod cookie;
pub mod dcep;
mod event;
mod heartbeat;
mod input;
mod output;
pub mod packet;
mod ranges;
mod rx;
mod serial;
mod setup;
mod shutdown;
mod state;
mod stream_reset;
mod timer;
mod tx;

pub use association::{Association, Message, Reliability, SendOptions};
pub use config::Config;
pub use event::{CloseReason, Discard, Event, SendError, Stats, StreamId};
