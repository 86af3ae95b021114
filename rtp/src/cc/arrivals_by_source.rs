//! The receiver's record for feedback on every source.

use super::ecn::Ecn;
use super::source_arrivals::{SourceArrival, SourceArrivals};
use super::timer::FeedbackTimer;
use crate::rtcp::{
    ArrivalTimeOffset, CongestionControlFeedback, CongestionControlFeedbackWriter, NtpTime, PacketMetric,
};
use crate::srtp::sources::Keyed;
use crate::{ExtendedSequence, Ssrc};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// When the packets of all sources arrived, until that was reported
/// ([RFC 8888](https://www.rfc-editor.org/rfc/rfc8888#section-3.1)): of 512 sources at a time.
///
/// Once [`deadline`](Self::deadline) has come, [`write`](Self::write) reports; what did not fit is due at once.
#[derive(Debug)]
pub struct ArrivalsBySource {
    sources: Vec<Source>,
    places: HashMap<Ssrc, usize, Keyed>,
    /// Those that have something to tell, in the order in which they are told.
    pending: VecDeque<Ssrc>,
    timer: FeedbackTimer,
    /// Until then no source is silent long enough to make room.
    full_until: Option<Instant>,
    stats: ArrivalsBySourceStats,
}

#[derive(Debug)]
struct Source {
    ssrc: Ssrc,
    arrivals: SourceArrivals,
    last: Instant,
    pending: bool,
}

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ArrivalsBySourceStats {
    /// Packets of sources that had no room: they are never told.
    pub refused: u64,
    /// Reports written.
    pub reports: u64,
}

impl ArrivalsBySource {
    /// Knows no source yet. `hash_key` is secret: the peer chooses its sources.
    #[must_use]
    pub fn new(now: Instant, hash_key: [u8; 16]) -> Self {
        Self {
            sources: Vec::new(),
            places: HashMap::with_hasher(Keyed(hash_key)),
            pending: VecDeque::new(),
            timer: FeedbackTimer::new(now),
            full_until: None,
            stats: ArrivalsBySourceStats::default(),
        }
    }

    /// A packet arrived.
    pub fn received(&mut self, ssrc: Ssrc, sequence: ExtendedSequence, arrival: SourceArrival) {
        let Some(source) = self.source(ssrc, arrival.at) else {
            self.stats.refused = self.stats.refused.saturating_add(1);
            return;
        };
        source.last = source.last.max(arrival.at);
        if source.arrivals.received(sequence, arrival) {
            if !std::mem::replace(&mut source.pending, true) {
                self.pending.push_back(ssrc);
            }
            self.timer.received(arrival.at);
        }
    }

    /// A source has ended: nothing more is told of it.
    pub fn forget(&mut self, ssrc: Ssrc) {
        let Some(place) = self.places.remove(&ssrc) else { return };
        let gone = self.sources.swap_remove(place);
        if let Some(moved) = self.sources.get(place) {
            self.places.insert(moved.ssrc, place);
        }
        if gone.pending {
            self.pending.retain(|one| *one != ssrc);
        }
    }

    /// When the next report is due. `None` while there is nothing to tell.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.timer.deadline().filter(|_| !self.pending.is_empty())
    }

    /// Appends a report of at most `max_len` bytes by `sender`; `ntp` is the wall-clock time at `now`. Returns its length;
    /// `None`, and nothing appended, when there is nothing to tell or no room for any of it.
    pub fn write(
        &mut self,
        out: &mut Vec<u8>,
        now: Instant,
        ntp: NtpTime,
        sender: Ssrc,
        max_len: usize,
    ) -> Option<usize> {
        if self.pending.is_empty() || max_len < LEAST {
            return None;
        }
        let mut writer = CongestionControlFeedbackWriter::begin(out, sender, max_len)?;
        while let Some(ssrc) = self.pending.front() {
            let source = self.places.get(ssrc).and_then(|place| self.sources.get_mut(*place));
            if let Some(source) = source {
                let written = source.arrivals.pending().map(|(begin, packets)| {
                    let metrics = packets.map(|packet| packet.map(|packet| metric(now, packet)));
                    writer.stream(source.ssrc, begin, metrics)
                });
                let count = match written {
                    Some(Some(count)) => count,
                    Some(None) => break,
                    None => 0,
                };
                // RFC 8888, Section 3.1: what does not fit should be split into several reports.
                if source.arrivals.reported(now, count) {
                    break;
                }
                source.pending = false;
            }
            self.pending.pop_front();
        }
        self.timer.reported(now, !self.pending.is_empty());
        self.stats.reports = self.stats.reports.saturating_add(1);
        Some(writer.finish(ntp.middle()))
    }

    /// What was recorded.
    #[must_use]
    pub const fn stats(&self) -> ArrivalsBySourceStats {
        self.stats
    }

    /// The record of a source, a new one when there is room for it.
    fn source(&mut self, ssrc: Ssrc, now: Instant) -> Option<&mut Source> {
        if let Some(place) = self.places.get(&ssrc) {
            return self.sources.get_mut(*place);
        }
        self.make_room(now)?;
        self.places.insert(ssrc, self.sources.len());
        self.sources.push(Source { ssrc, arrivals: SourceArrivals::default(), last: now, pending: false });
        self.sources.last_mut()
    }

    /// Makes room for another source: the one that was silent longest goes, unless it sent within the last second.
    fn make_room(&mut self, now: Instant) -> Option<()> {
        if self.sources.len() < MAX_SOURCES {
            return Some(());
        }
        if self.full_until.is_some_and(|until| now < until) {
            return None;
        }
        let oldest = self.sources.iter().min_by_key(|source| source.last)?;
        let (ssrc, idle) = (oldest.ssrc, oldest.last + BUSY);
        self.full_until = Some(idle);
        if now < idle {
            return None;
        }
        self.forget(ssrc);
        Some(())
    }
}

fn metric(now: Instant, packet: SourceArrival) -> PacketMetric {
    let before = now.checked_duration_since(packet.at);
    PacketMetric {
        ecn: packet.ecn.map_or(0, Ecn::bits),
        // RFC 8888, Section 3.1: what arrived after the report's time has no offset.
        arrival: before.map_or(ArrivalTimeOffset::UNAVAILABLE, ArrivalTimeOffset::new),
    }
}

/// Bytes of a report of one source and one packet.
const LEAST: usize = CongestionControlFeedback::LEN + 12;
/// As many as a session receives from by default, with those of their retransmissions.
const MAX_SOURCES: usize = 512;
/// A source that sent within this time is in use.
const BUSY: Duration = Duration::from_secs(1);
