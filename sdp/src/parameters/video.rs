//! Parameters of VP8, VP9 and AV1.

use super::{lenient, strict};
use crate::format::FormatParameters;

/// The parameters of VP8 ([RFC 7741, Section 6.1](https://www.rfc-editor.org/rfc/rfc7741#section-6.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Vp8 {
    /// The largest frame rate that the receiver decodes, in frames per second.
    pub max_fr: Option<u32>,
    /// The largest frame that the receiver decodes, in macroblocks.
    pub max_fs: Option<u32>,
}

impl Vp8 {
    pub(super) fn new(parameters: &FormatParameters) -> Self {
        Self { max_fr: lenient(parameters, "max-fr"), max_fs: lenient(parameters, "max-fs") }
    }
}

/// The parameters of VP9 ([RFC 9628, Section 6](https://www.rfc-editor.org/rfc/rfc9628#section-6)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Vp9 {
    /// The profile, from 0 to 3. Default 0.
    pub profile_id: u8,
    /// The largest frame rate that the receiver decodes, in frames per second.
    pub max_fr: Option<u32>,
    /// The largest frame that the receiver decodes, in macroblocks.
    pub max_fs: Option<u32>,
}

impl Vp9 {
    pub(super) fn new(parameters: &FormatParameters) -> Option<Self> {
        let profile_id = strict(parameters, "profile-id", 0).filter(|profile| *profile <= 3)?;
        Some(Self {
            profile_id,
            max_fr: lenient(parameters, "max-fr"),
            max_fs: lenient(parameters, "max-fs"),
        })
    }
}

/// The parameters of AV1
/// ([RTP Payload Format for AV1, Section 7.2](https://aomediacodec.github.io/av1-rtp-spec/#72-sdp-parameters)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Av1 {
    /// The highest profile, from 0 to 2. Default 0.
    pub profile: u8,
    /// The highest level, as `seq_level_idx` from 0 to 31. Default 5.
    pub level_idx: u8,
    /// The highest tier, 0 or 1. Default 0.
    pub tier: u8,
}

impl Default for Av1 {
    fn default() -> Self {
        Self { profile: 0, level_idx: 5, tier: 0 }
    }
}

impl Av1 {
    pub(super) fn new(parameters: &FormatParameters) -> Option<Self> {
        let default = Self::default();
        Some(Self {
            profile: strict(parameters, "profile", default.profile).filter(|profile| *profile <= 2)?,
            level_idx: lenient(parameters, "level-idx")
                .filter(|level| *level <= 31)
                .unwrap_or(default.level_idx),
            tier: lenient(parameters, "tier").filter(|tier| *tier <= 1).unwrap_or(default.tier),
        })
    }
}
