//! Parameters of Opus and of telephone events.

use super::{flag, lenient};
use crate::format::{FormatParameters, digits};

/// The parameters of Opus ([RFC 7587, Section 6.1](https://www.rfc-editor.org/rfc/rfc7587#section-6.1)). All of them
/// are declarative: each side says what it likes to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opus {
    /// The highest sampling rate that is worth sending, in Hz. Default 48,000.
    pub max_playback_rate: u32,
    /// The highest sampling rate that the sender is likely to produce, in Hz. Default 48,000.
    pub sprop_max_capture_rate: u32,
    /// The longest packet, in milliseconds. Default 120.
    pub max_ptime: u32,
    /// The preferred length of a packet, in milliseconds. Default 20.
    pub ptime: u32,
    /// The shortest packet, in milliseconds; browsers write it. Default 3.
    pub min_ptime: u32,
    /// The highest average bit rate, in bits per second; without it the rate follows from the sampling rate.
    pub max_average_bitrate: Option<u32>,
    /// Whether stereo is preferred. Default no.
    pub stereo: bool,
    /// Whether the sender is likely to produce stereo. Default no.
    pub sprop_stereo: bool,
    /// Whether a constant bit rate is preferred. Default no.
    pub cbr: bool,
    /// Whether the decoder profits from in-band error correction. Default no.
    pub use_inband_fec: bool,
    /// Whether discontinuous transmission is preferred. Default no.
    pub use_dtx: bool,
}

impl Default for Opus {
    fn default() -> Self {
        Self {
            max_playback_rate: 48_000,
            sprop_max_capture_rate: 48_000,
            max_ptime: 120,
            ptime: 20,
            min_ptime: 3,
            max_average_bitrate: None,
            stereo: false,
            sprop_stereo: false,
            cbr: false,
            use_inband_fec: false,
            use_dtx: false,
        }
    }
}

impl Opus {
    pub(super) fn new(parameters: &FormatParameters) -> Self {
        let default = Self::default();
        let number = |name, default| lenient(parameters, name).unwrap_or(default);
        Self {
            max_playback_rate: number("maxplaybackrate", default.max_playback_rate),
            sprop_max_capture_rate: number("sprop-maxcapturerate", default.sprop_max_capture_rate),
            max_ptime: number("maxptime", default.max_ptime),
            ptime: number("ptime", default.ptime),
            min_ptime: number("minptime", default.min_ptime),
            max_average_bitrate: lenient(parameters, "maxaveragebitrate"),
            stereo: flag(parameters, "stereo"),
            sprop_stereo: flag(parameters, "sprop-stereo"),
            cbr: flag(parameters, "cbr"),
            use_inband_fec: flag(parameters, "useinbandfec"),
            use_dtx: flag(parameters, "usedtx"),
        }
    }
}

/// The events that a `telephone-event` receiver takes
/// ([RFC 4733, Section 2.4.1](https://www.rfc-editor.org/rfc/rfc4733#section-2.4.1)). Default 0 to 15, the keys of a
/// telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TelephoneEvent {
    /// One bit for each of 256 events.
    events: [u128; 2],
}

impl Default for TelephoneEvent {
    fn default() -> Self {
        Self { events: [0xffff, 0] }
    }
}

impl TelephoneEvent {
    /// Whether the receiver takes that event.
    #[must_use]
    pub fn contains(&self, event: u8) -> bool {
        let [low, high] = self.events;
        let word = if event < 128 { low } else { high };
        word >> (event % 128) & 1 == 1
    }

    pub(super) fn new(parameters: &FormatParameters) -> Self {
        let list = parameters.get("events").unwrap_or_else(|| parameters.as_str());
        if list.trim().is_empty() {
            return Self::default();
        }
        let mut taken = Self { events: [0, 0] };
        for item in list.split(',') {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            if let (Some(first), Some(last)) = (digits::<u8>(first.trim()), digits::<u8>(last.trim())) {
                (first..=last).for_each(|event| taken.insert(event));
            }
        }
        taken
    }

    fn insert(&mut self, event: u8) {
        let [low, high] = &mut self.events;
        let word = if event < 128 { low } else { high };
        *word |= 1 << (event % 128);
    }
}
