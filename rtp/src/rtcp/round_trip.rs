//! The round trip, from the times that reports echo.

use std::time::Duration;

use super::NtpShort;

/// The round trip by a report that arrived at `arrival`: `last` is the echoed time of our own report, and `delay` how long the
/// peer held it ([RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)). Serves SR with RR, and
/// receiver reference time with DLRR. The three times wrap.
///
/// `None` when the peer has seen no report of ours, or when the numbers cannot be true: the peer held the report longer than it
/// was away, by more than what rounding explains (1 ms), or the trip took more than a minute.
#[must_use]
pub fn round_trip(arrival: NtpShort, last: NtpShort, delay: NtpShort) -> Option<Duration> {
    // RFC 3550, Section 6.4.1: zero when no SR has been received.
    if last.0 == 0 {
        return None;
    }
    let away = i64::from(arrival.0.wrapping_sub(last.0));
    let trip = away - i64::from(delay.0);
    if !(-ROUNDING..=LONGEST).contains(&trip) {
        return None;
    }
    Some(NtpShort(u32::try_from(trip).unwrap_or(0)).to_duration())
}

/// A millisecond, in units of 1/65,536 of a second.
const ROUNDING: i64 = 66;

const LONGEST: i64 = 60 << 16;
