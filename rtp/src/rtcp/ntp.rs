//! NTP's times, as reports carry them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A wall-clock time: seconds since 1900 in the upper 32 bits, their fraction in the lower. It wraps in February 2036, and
/// all arithmetic here wraps with it
/// ([RFC 3550, Section 4](https://www.rfc-editor.org/rfc/rfc3550#section-4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The time that is `since` after the beginning of 1970.
    #[must_use]
    pub const fn from_unix(since: Duration) -> Self {
        Self(SECONDS_TO_1970 << 32).add(since)
    }

    /// The time that is `elapsed` after this one.
    #[must_use]
    pub const fn add(self, elapsed: Duration) -> Self {
        // Nanoseconds are below 2^30, so that the fraction does not overflow.
        let fraction = ((elapsed.subsec_nanos() as u64) << 32) / NANOS;
        Self(self.0.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction))
    }

    /// How long ago `earlier` was; `None` when it is later, the shorter way round.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Duration> {
        let distance = self.distance(earlier);
        if distance < 0 { None } else { Some(to_duration(distance.unsigned_abs())) }
    }

    /// How far this time is ahead of `other` in units of 2^-32 seconds, the shorter way round; negative when it is behind.
    #[must_use]
    pub const fn distance(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// The middle 32 bits.
    #[must_use]
    pub const fn middle(self) -> NtpShort {
        NtpShort((self.0 >> 16 & 0xffff_ffff) as u32)
    }
}

impl From<SystemTime> for NtpTime {
    /// What lies before 1970 is its beginning.
    fn from(time: SystemTime) -> Self {
        Self::from_unix(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// The middle 32 bits of an [`NtpTime`], or a length of time: units of 1/65,536 of a second. As a time it wraps each 18.2 hours
/// ([RFC 3550, Section 4](https://www.rfc-editor.org/rfc/rfc3550#section-4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NtpShort(pub u32);

impl NtpShort {
    /// A length of time; 18.2 hours when it is longer.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Self {
        let units = (u64::from(duration.subsec_nanos()) << 16) / NANOS;
        let units = duration.as_secs().saturating_mul(1 << 16).saturating_add(units);
        Self(u32::try_from(units).unwrap_or(u32::MAX))
    }

    /// As a length of time.
    #[must_use]
    pub const fn to_duration(self) -> Duration {
        to_duration((self.0 as u64) << 16)
    }

    /// How far this time is ahead of `other`, the shorter way round, in units of 1/65,536 of a second; negative when it is
    /// behind.
    #[must_use]
    pub const fn distance(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

const fn to_duration(units: u64) -> Duration {
    // The product is below 2^62, the quotient below 10^9.
    Duration::new(units >> 32, (((units & 0xffff_ffff) * NANOS) >> 32) as u32)
}

const NANOS: u64 = 1_000_000_000;

/// Seconds from 1900 to 1970.
const SECONDS_TO_1970: u64 = 2_208_988_800;
