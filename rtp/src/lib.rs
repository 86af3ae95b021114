//! RTP, RTCP and SRTP for WebRTC, without IO.

pub mod cc;
pub mod codec;
mod config;
mod event;
pub mod extension;
pub mod packet;
pub mod rtcp;
mod section;
mod sequence;
mod session;
mod slab;
pub mod srtp;
pub mod stream;

pub use config::Config;
pub use event::{Discard, Event, KeyFrameRequest, SendError, SendErrorKind};
pub use section::{Feedback, Format, Section, SignalledSource};
pub use sequence::{ExtendedSequence, ExtendedTimestamp, PayloadType, SequenceNumber, Ssrc, Timestamp};
pub use session::{ReceiverStats, SenderInit, SenderReportStats, SenderStats, Session, Stats};
