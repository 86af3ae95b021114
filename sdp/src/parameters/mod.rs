//! Format parameters, typed by the codec's name.

mod audio;
mod h264;
mod h265;
mod video;

use crate::format::{FormatParameters, PayloadType, digits};
pub use audio::{Opus, TelephoneEvent};
pub use h264::{H264, H264Level, H264Profile, ParseProfileLevelIdError, ProfileLevelId};
pub use h265::{H265, TxMode};
use std::str::FromStr;
pub use video::{Av1, Vp8, Vp9};

/// The parameters of a codec, typed. A parameter that is absent has the value that its RFC gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `VP8`
    Vp8(Vp8),
    /// `VP9`
    Vp9(Vp9),
    /// `H264`
    H264(H264),
    /// `H265`
    H265(H265),
    /// `AV1`
    Av1(Av1),
    /// `opus`
    Opus(Opus),
    /// `rtx`
    Rtx(Rtx),
    /// `red`
    Red,
    /// `ulpfec`
    Ulpfec,
    /// `flexfec` and `flexfec-03`
    FlexFec(FlexFec),
    /// `telephone-event`
    TelephoneEvent(TelephoneEvent),
    /// A codec with parameters that are not known here.
    Other,
    /// A codec that is known, with a value that its RFC does not allow in a parameter that decides what it decodes. It
    /// matches nothing.
    Invalid,
}

/// The parameters of `rtx` ([RFC 4588, Section 8.1](https://www.rfc-editor.org/rfc/rfc4588#section-8.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rtx {
    /// The payload type whose packets are retransmitted; without it the codec is of no use.
    pub apt: Option<PayloadType>,
    /// How long packets are kept for retransmission, in milliseconds.
    pub rtx_time: Option<u32>,
}

/// The parameters of `flexfec` ([RFC 8627, Section 5.1.1](https://www.rfc-editor.org/rfc/rfc8627#section-5.1.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlexFec {
    /// The time that source packets and their repair packets span, in microseconds.
    pub repair_window: Option<u32>,
}

impl Format {
    /// Reads the parameters of the codec of that name.
    #[must_use]
    pub fn new(name: &str, parameters: &FormatParameters) -> Self {
        let is = |known| name.eq_ignore_ascii_case(known);
        let known = if is("VP8") {
            Some(Self::Vp8(Vp8::new(parameters)))
        } else if is("VP9") {
            Vp9::new(parameters).map(Self::Vp9)
        } else if is("H264") {
            H264::new(parameters).map(Self::H264)
        } else if is("H265") {
            H265::new(parameters).map(Self::H265)
        } else if is("AV1") {
            Av1::new(parameters).map(Self::Av1)
        } else if is("opus") {
            Some(Self::Opus(Opus::new(parameters)))
        } else if is("rtx") {
            let (apt, rtx_time) = (lenient(parameters, "apt"), lenient(parameters, "rtx-time"));
            Some(Self::Rtx(Rtx { apt, rtx_time }))
        } else if is("red") {
            Some(Self::Red)
        } else if is("ulpfec") {
            Some(Self::Ulpfec)
        } else if is("flexfec") || is("flexfec-03") {
            Some(Self::FlexFec(FlexFec { repair_window: lenient(parameters, "repair-window") }))
        } else if is("telephone-event") {
            Some(Self::TelephoneEvent(TelephoneEvent::new(parameters)))
        } else {
            Some(Self::Other)
        };
        known.unwrap_or(Self::Invalid)
    }

    /// Whether the parameters that both sides must share are the same, in two formats of one name.
    pub(crate) fn has_configuration_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Invalid, _) | (_, Self::Invalid) => false,
            (Self::Vp9(own), Self::Vp9(other)) => own.profile_id == other.profile_id,
            (Self::Av1(own), Self::Av1(other)) => own.profile == other.profile,
            (Self::H264(own), Self::H264(other)) => own.has_configuration_of(other),
            (Self::H265(own), Self::H265(other)) => own.has_configuration_of(other),
            _ => true,
        }
    }
}

/// A number that must be one if it is there.
fn strict<T: FromStr>(parameters: &FormatParameters, name: &str, default: T) -> Option<T> {
    parameters.get(name).map_or(Some(default), digits)
}

/// A number that is as good as absent if it is none.
fn lenient<T: FromStr>(parameters: &FormatParameters, name: &str) -> Option<T> {
    parameters.get(name).and_then(|value| value.parse().ok())
}

/// A flag: `1` is yes.
fn flag(parameters: &FormatParameters, name: &str) -> bool {
    parameters.get(name) == Some("1")
}
