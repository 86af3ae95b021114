//! Parameters of H.265 ([RFC 7798, Section 7.1](https://www.rfc-editor.org/rfc/rfc7798#section-7.1)).

use super::strict;
use crate::format::FormatParameters;

/// The parameters of H.265 that decide what is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct H265 {
    /// `general_profile_space`, from 0 to 3. Default 0.
    pub profile_space: u8,
    /// `general_profile_idc`, from 0 to 31. Default 1, the Main profile.
    pub profile_id: u8,
    /// `general_tier_flag`, 0 or 1. Default 0, the Main tier.
    pub tier_flag: u8,
    /// `general_level_idc`: 30 times the level. Default 93, level 3.1.
    pub level_id: u8,
    /// How many streams and transports the layers take. Default one.
    pub tx_mode: TxMode,
}

/// `tx-mode`: over how many RTP streams and transports the bitstream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TxMode {
    /// `SRST`: one stream on one transport.
    #[default]
    SingleStream,
    /// `MRST`: several streams on one transport.
    MultipleStreams,
    /// `MRMT`: several streams on several transports.
    MultipleTransports,
}

impl Default for H265 {
    fn default() -> Self {
        Self { profile_space: 0, profile_id: 1, tier_flag: 0, level_id: 93, tx_mode: TxMode::SingleStream }
    }
}

impl H265 {
    pub(super) fn new(parameters: &FormatParameters) -> Option<Self> {
        let default = Self::default();
        let number =
            |name, default, largest| strict(parameters, name, default).filter(|value| *value <= largest);
        Some(Self {
            profile_space: number("profile-space", default.profile_space, 3)?,
            profile_id: number("profile-id", default.profile_id, 31)?,
            tier_flag: number("tier-flag", default.tier_flag, 1)?,
            level_id: number("level-id", default.level_id, u8::MAX)?,
            tx_mode: match parameters.get("tx-mode") {
                Some("SRST") | None => TxMode::SingleStream,
                Some("MRST") => TxMode::MultipleStreams,
                Some("MRMT") => TxMode::MultipleTransports,
                Some(_) => return None,
            },
        })
    }

    /// RFC 7798, Section 7.2.2: these are used symmetrically, the level need not be.
    pub(super) fn has_configuration_of(&self, other: &Self) -> bool {
        Self { level_id: 0, ..*self } == Self { level_id: 0, ..*other }
    }
}
