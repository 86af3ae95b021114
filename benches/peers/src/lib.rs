//! The same work on released peers and on Duologue, in one process: one table of ratios.
//!
//! Rounds alternate between the two, so that what else the machine does falls on both. Each figure is the median of the
//! rounds' CPU time; a ratio above 1 says that the peer takes longer. Every round asserts what it delivered.

pub mod call;
pub mod call_rtc;
pub mod dtls;
pub mod fanout;
pub mod fanout_ours;
pub mod fanout_str0m;
pub mod rtp;
pub mod sctp;
pub mod sdp;
pub mod srtp;
pub mod stun;
pub mod table;
