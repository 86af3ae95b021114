//! The answers by which a peer that sends no media measures its round trip.
//!
//! 1. In an extended report it tells its time (RFC 3611, Section 4.4).
//! 2. Our next report tells it back, and how long that took (RFC 3611, Section 4.5). It needs not have been negotiated: who
//!    does not want an answer does not ask.

use crate::Ssrc;
use crate::rtcp::{Compound, DlrrEntry, NtpShort, NtpTime, Xr};
use std::collections::VecDeque;
use std::time::Instant;

/// The times that wait to be told back: the newest of each source.
#[derive(Debug, Default)]
pub(super) struct ReferenceTimes {
    waiting: VecDeque<ReferenceTime>,
}

#[derive(Debug)]
struct ReferenceTime {
    ssrc: Ssrc,
    time: NtpShort,
    arrival: Instant,
}

impl ReferenceTimes {
    /// A source told its time.
    pub(super) fn received(&mut self, now: Instant, ssrc: Ssrc, time: NtpTime) {
        let time = time.middle();
        // RFC 3611, Section 4.4: zero is no time, and in an answer says that none has come.
        if time == NtpShort(0) {
            return;
        }
        let one = ReferenceTime { ssrc, time, arrival: now };
        if let Some(before) = self.waiting.iter_mut().find(|before| before.ssrc == ssrc) {
            *before = one;
            return;
        }
        if self.waiting.len() >= MAX_SOURCES {
            self.waiting.pop_front();
        }
        self.waiting.push_back(one);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Tells those back that have room, each once.
    pub(super) fn write(&mut self, now: Instant, reporter: Ssrc, compound: &mut Compound<'_>) {
        let mut told = 0;
        let entries = self.waiting.iter().map(|one| DlrrEntry {
            ssrc: one.ssrc,
            last_rr: one.time,
            delay_since_last_rr: NtpShort::from_duration(now.saturating_duration_since(one.arrival)),
        });
        let entries = entries.inspect(|_| told += 1);
        if compound.packet(|out, room| Xr::write_dlrr(out, reporter, entries, room)).is_some() {
            self.waiting.drain(..told);
        }
    }
}

/// A peer asks as the one source that reports for all of its, or as each of a few.
const MAX_SOURCES: usize = 16;
