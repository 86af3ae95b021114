//! What a session is given.

use crate::rtcp;
use crate::srtp;
use crate::stream::{CacheConfig, NackConfig};
use std::num::NonZeroU64;
use std::time::Duration;

/// The settings of a [`Session`](crate::Session); share one among many.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// SRTP's ciphers.
    pub srtp: &'static dyn srtp::Provider,
    /// The most sources that are received from at a time. Default 256; the idle ones make room for others.
    pub max_receivers: usize,
    /// The most packets that wait to be polled. Default 4,096.
    pub max_queued_packets: usize,
    /// What each sender keeps to send it again.
    pub cache: CacheConfig,
    /// How what is missing is asked for.
    pub nack: NackConfig,
    /// When RTCP is sent.
    pub rtcp: rtcp::ScheduleConfig,
    /// The most frames that wait to be received. Default 256, and 32 MiB in any case; when more come, the oldest are dropped, and
    /// the next of their stream tells of the gap.
    pub max_queued_frames: usize,
    /// How long a source may be silent before it has ended. Default 30 s.
    pub idle_timeout: Duration,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(srtp: &'static dyn srtp::Provider) -> Self {
        let session = NonZeroU64::MIN.saturating_add(SESSION_BANDWIDTH - 1);
        let rtcp = rtcp::ScheduleConfig::for_session(session);
        Self {
            srtp,
            max_receivers: 256,
            max_queued_packets: 4096,
            cache: CacheConfig::default(),
            nack: NackConfig::default(),
            rtcp,
            max_queued_frames: 256,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Bits per second that RTCP's share is taken of: early feedback then has a few milliseconds between two packets.
const SESSION_BANDWIDTH: u64 = 20_000_000;
