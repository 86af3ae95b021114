//! RTP, RTCP and SRTP for WebRTC, without IO.

pub mod cc;
pub mod codec;
pub mod extension;
pub mod packet;
pub mod rtcp;
mod sequence;
pub mod srtp;
pub mod stream;

pub use sequence::{ExtendedSequence, ExtendedTimestamp, PayloadType, SequenceNumber, Ssrc, Timestamp};
