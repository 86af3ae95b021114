//! What a connection has in every state.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Config, MIN_MTU};
use crate::event::{Discard, Event, Stats};
use crate::record::Records;
use crate::timer::Timers;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) now: Instant,
    pub(crate) records: Records,
    pub(crate) timers: Timers,
    pub(crate) events: VecDeque<Event>,
    pub(crate) stats: Stats,
    pub(crate) store: Store,
    mtu: usize,
    round_trip: Option<Duration>,
}

impl Core {
    pub(crate) fn new(config: Arc<Config>, now: Instant) -> Self {
        Self {
            mtu: config.mtu.max(MIN_MTU),
            config,
            now,
            records: Records::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            stats: Stats::default(),
            store: Store::default(),
            round_trip: None,
        }
    }

    /// Time never goes back.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(crate) fn mtu(&self) -> usize {
        self.mtu
    }

    pub(crate) fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu.max(MIN_MTU);
    }

    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    /// The retransmission timeout of a flight that goes out for the first time.
    pub(crate) fn first_timeout(&self) -> Duration {
        // RFC 9147, Section 5.8.2: 1.5 times the round trip where that is known.
        let timeout = match self.round_trip {
            Some(round_trip) => round_trip.saturating_add(round_trip / 2),
            None => self.config.initial_retransmission_timeout,
        };
        timeout.clamp(MIN_TIMEOUT, MAX_TIMEOUT)
    }

    pub(crate) fn discard<T>(&mut self, reason: Discard) -> Result<T, Discard> {
        self.stats.count(reason);
        Err(reason)
    }
}

/// What came early, in one bound: records ahead of their keys, and data ahead of the peer's verification.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// Whole records that no key opens yet.
    sealed: VecDeque<Vec<u8>>,
    /// Decrypted application data.
    data: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Store {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push_sealed(&mut self, record: &[u8]) -> Result<(), Discard> {
        self.charge(record)?;
        self.sealed.push_back(record.to_vec());
        Ok(())
    }

    pub(crate) fn push_data(&mut self, data: &[u8]) -> Result<(), Discard> {
        self.charge(data)?;
        self.data.push_back(data.to_vec());
        Ok(())
    }

    pub(crate) fn pop_sealed(&mut self) -> Option<Vec<u8>> {
        self.sealed.pop_front().inspect(|record| self.bytes = self.bytes.saturating_sub(record.len()))
    }

    pub(crate) fn pop_data(&mut self) -> Option<Vec<u8>> {
        self.data.pop_front().inspect(|data| self.bytes = self.bytes.saturating_sub(data.len()))
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn charge(&mut self, bytes: &[u8]) -> Result<(), Discard> {
        let total = self.bytes.saturating_add(bytes.len());
        if total > MAX_STORED || self.sealed.len().saturating_add(self.data.len()) >= MAX_STORED_RECORDS {
            return Err(Discard::StoreFull);
        }
        self.bytes = total;
        Ok(())
    }
}

/// Shorter timeouts would repeat flights while the peer is still computing.
pub(crate) const MIN_TIMEOUT: Duration = Duration::from_millis(50);
/// RFC 6347, Section 4.2.4.1.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_STORED: usize = 16 * 1024;
const MAX_STORED_RECORDS: usize = 16;
