//! From the media's clock to the wall clock, so that streams can be played together.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{NtpTime, SenderInfo};
use crate::Timestamp;

/// The wall-clock times of a source's packets, by its sender reports
/// ([RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)). One report gives times by the clock's
/// nominal rate, as [RFC 6051](https://www.rfc-editor.org/rfc/rfc6051#section-2) wants them at once; with two that lie at least
/// a second apart the rate is measured. The reports it rests on are 20 to 40 seconds apart in a long call, so that the
/// jitter of the sender's clock readings does not show, and its drift does.
#[derive(Debug, Clone, Copy)]
pub struct ClockMapping {
    clock_rate: NonZeroU32,
    /// The oldest report that the rate rests on, and the one that takes its place next.
    anchors: Option<[SenderTime; 2]>,
    latest: Option<SenderTime>,
}

/// One time, in both clocks.
#[derive(Debug, Clone, Copy)]
struct SenderTime {
    ntp: NtpTime,
    rtp: Timestamp,
}

impl ClockMapping {
    /// For a source whose clock has `clock_rate` ticks a second by its payload format.
    #[must_use]
    pub const fn new(clock_rate: NonZeroU32) -> Self {
        Self { clock_rate, anchors: None, latest: None }
    }

    /// Takes a report. One that is not later than the last, or repeats it, changes nothing; one that says that the clock
    /// runs more than a tenth too fast or too slow begins anew, as after a change of clocks at the source.
    pub fn update(&mut self, info: &SenderInfo) {
        let now = SenderTime { ntp: info.ntp, rtp: info.rtp };
        let (Some(latest), Some([_, middle])) = (self.latest, self.anchors) else {
            return self.restart(now);
        };
        let Some(elapsed) = now.ntp.since(latest.ntp).filter(|elapsed| !elapsed.is_zero()) else { return };
        // Over a longer silence the timestamps may have wrapped unseen.
        let ticks = i64::from(now.rtp.distance(latest.rtp));
        if elapsed > self.longest_silence() || !self.is_plausible(ticks, now.ntp.distance(latest.ntp)) {
            return self.restart(now);
        }
        self.latest = Some(now);
        if now.ntp.since(middle.ntp).is_some_and(|age| age >= BASE) {
            self.anchors = Some([middle, now]);
        }
    }

    /// The wall-clock time of a timestamp within half a wrap of the last report; `None` before the first.
    #[must_use]
    pub fn ntp(&self, rtp: Timestamp) -> Option<NtpTime> {
        let latest = self.latest?;
        let ticks = i128::from(rtp.distance(latest.rtp));
        let (numerator, denominator) = self.rate();
        let distance = ticks * i128::from(numerator) / i128::from(denominator);
        // Below 2^31 ticks, at a rate of one tick a second at least.
        Some(NtpTime(latest.ntp.0.wrapping_add_signed(i64::try_from(distance).unwrap_or_default())))
    }

    /// Units of 2^-32 seconds, and the ticks that pass in them.
    fn rate(&self) -> (i64, i64) {
        let measured = self.latest.zip(self.anchors).map(|(latest, [older, _])| {
            (latest.ntp.distance(older.ntp), i64::from(latest.rtp.distance(older.rtp)))
        });
        match measured {
            Some((ntp, ticks)) if ntp >= 1 << 32 && ticks > 0 => (ntp, ticks),
            _ => (1 << 32, i64::from(self.clock_rate.get())),
        }
    }

    fn restart(&mut self, now: SenderTime) {
        self.latest = Some(now);
        self.anchors = Some([now, now]);
    }

    /// Whether the clock's rate is within a tenth of the nominal one, give or take 100 ms.
    fn is_plausible(&self, ticks: i64, ntp: i64) -> bool {
        let expected = (i128::from(ntp) * i128::from(self.clock_rate.get())) >> 32;
        let tolerance = expected / 10 + i128::from(self.clock_rate.get()) / 10;
        (expected - i128::from(ticks)).abs() <= tolerance
    }

    /// A quarter of a wrap: two reports and the 40 seconds before them are still less than half of one apart.
    fn longest_silence(&self) -> Duration {
        Duration::from_secs((1 << 30) / u64::from(self.clock_rate.get()))
    }
}

/// How far reports must be apart to replace one that the rate rests on.
const BASE: Duration = Duration::from_secs(20);
