//! Parameters of H.264 ([RFC 6184, Section 8.1](https://www.rfc-editor.org/rfc/rfc6184#section-8.1)).

use super::{flag, strict};
use crate::format::FormatParameters;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// `constraint_set3_flag` in `profile_iop`.
const CONSTRAINT_SET3: u8 = 0x10;

/// The parameters of H.264 that decide what is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct H264 {
    /// Profile and level. Default Baseline at level 1.
    pub profile_level_id: ProfileLevelId,
    /// How NAL units are packed, from 0 to 2. Default 0, one NAL unit in a packet.
    pub packetization_mode: u8,
    /// Whether each side may receive at a level of its own. Default no.
    pub level_asymmetry_allowed: bool,
}

impl H264 {
    pub(super) fn new(parameters: &FormatParameters) -> Option<Self> {
        let profile_level_id = match parameters.get("profile-level-id") {
            Some(text) => text.parse().ok()?,
            None => ProfileLevelId::default(),
        };
        let packetization_mode = strict(parameters, "packetization-mode", 0).filter(|mode| *mode <= 2)?;
        let level_asymmetry_allowed = flag(parameters, "level-asymmetry-allowed");
        Some(Self { profile_level_id, packetization_mode, level_asymmetry_allowed })
    }

    /// RFC 6184, Section 8.2.2: profile and packetization mode are used symmetrically, the level need not be.
    pub(super) fn has_configuration_of(&self, other: &Self) -> bool {
        self.profile_level_id.profile() == other.profile_level_id.profile()
            && self.packetization_mode == other.packetization_mode
    }

    /// The profile and level of an answer: the offer's profile, and our level or, unless both sides allow asymmetry, the
    /// lower level (RFC 6184, Section 8.2.2).
    pub(crate) fn answer(&self, offered: &Self) -> ProfileLevelId {
        let asymmetric = self.level_asymmetry_allowed && offered.level_asymmetry_allowed;
        let (ours, theirs) = (self.profile_level_id.level(), offered.profile_level_id.level());
        let level = if asymmetric { ours } else { ours.min(theirs) };
        if level == theirs { offered.profile_level_id } else { offered.profile_level_id.with_level(level) }
    }
}

/// `profile-level-id`: the profile, its constraints and the level, in text six hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProfileLevelId {
    /// `profile_idc`
    pub profile_idc: u8,
    /// `profile_iop`: the constraint flags, the first one in the highest bit.
    pub profile_iop: u8,
    /// `level_idc`: ten times the level.
    pub level_idc: u8,
}

/// A text that is not six hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a profile-level-id has six hexadecimal digits")]
pub struct ParseProfileLevelIdError;

impl Default for ProfileLevelId {
    /// RFC 6184, Section 8.1: Baseline without constraints, level 1.
    fn default() -> Self {
        Self { profile_idc: 0x42, profile_iop: 0, level_idc: 10 }
    }
}

impl ProfileLevelId {
    /// The profile that `profile_idc` and the constraints make (RFC 6184, Table 5).
    #[must_use]
    pub fn profile(self) -> H264Profile {
        let iop = self.profile_iop;
        let is = |mask: u8, bits: u8| iop & mask == bits;
        match self.profile_idc {
            0x42 if is(0x4f, 0x40) => H264Profile::ConstrainedBaseline,
            0x4d if is(0x8f, 0x80) => H264Profile::ConstrainedBaseline,
            0x58 if is(0xcf, 0xc0) => H264Profile::ConstrainedBaseline,
            0x42 if is(0x4f, 0x00) => H264Profile::Baseline,
            0x58 if is(0xcf, 0x80) => H264Profile::Baseline,
            0x4d if is(0xaf, 0x00) => H264Profile::Main,
            0x58 if is(0xcf, 0x00) => H264Profile::Extended,
            0x64 if iop == 0x00 => H264Profile::High,
            0x64 if iop == 0x0c => H264Profile::ConstrainedHigh,
            0x6e if iop == 0x00 => H264Profile::High10,
            0x7a if iop == 0x00 => H264Profile::High422,
            0xf4 if iop == 0x00 => H264Profile::High444Predictive,
            0x6e if iop == 0x10 => H264Profile::High10Intra,
            0x7a if iop == 0x10 => H264Profile::High422Intra,
            0xf4 if iop == 0x10 => H264Profile::High444Intra,
            0x2c if iop == 0x10 => H264Profile::Cavlc444Intra,
            profile_idc => H264Profile::Other { profile_idc, profile_iop: iop },
        }
    }

    /// The level.
    #[must_use]
    pub fn level(self) -> H264Level {
        let is_1b = match self.level_idc {
            11 => self.marks_1b() && self.profile_iop & CONSTRAINT_SET3 != 0,
            9 => !self.marks_1b(),
            _ => false,
        };
        if is_1b { H264Level::LEVEL_1B } else { H264Level { idc: self.level_idc, is_1b: false } }
    }

    /// The same profile at another level.
    #[must_use]
    pub fn with_level(self, level: H264Level) -> Self {
        let marks_1b = self.marks_1b();
        let level_idc = if level.is_1b && !marks_1b { 9 } else { level.idc };
        let flags = if marks_1b { self.profile_iop & !CONSTRAINT_SET3 } else { self.profile_iop };
        let mark = if marks_1b && level.is_1b { CONSTRAINT_SET3 } else { 0 };
        Self { profile_iop: flags | mark, level_idc, ..self }
    }

    /// Whether `constraint_set3_flag` tells level 1b from level 1.1 (Baseline, Main and Extended).
    fn marks_1b(self) -> bool {
        matches!(self.profile_idc, 0x42 | 0x4d | 0x58)
    }
}

impl FromStr for ProfileLevelId {
    type Err = ParseProfileLevelIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex).ok_or(ParseProfileLevelIdError)?;
        let [_, profile_idc, profile_iop, level_idc] = number.to_be_bytes();
        Ok(Self { profile_idc, profile_iop, level_idc })
    }
}

impl fmt::Display for ProfileLevelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.profile_idc, self.profile_iop, self.level_idc)
    }
}

/// A level of H.264. Level 1b lies between levels 1 and 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct H264Level {
    /// Ten times the level; 11 for level 1b.
    idc: u8,
    is_1b: bool,
}

impl H264Level {
    /// Level 1b.
    pub const LEVEL_1B: Self = Self { idc: 11, is_1b: true };

    /// The level from ten times its number: 31 is level 3.1.
    #[must_use]
    pub const fn from_tenths(tenths: u8) -> Self {
        Self { idc: tenths, is_1b: false }
    }
}

impl Ord for H264Level {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.idc, !self.is_1b).cmp(&(other.idc, !other.is_1b))
    }
}

impl PartialOrd for H264Level {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A profile of H.264 (RFC 6184, Table 5, and the Constrained High profile of H.264, Annex A.2.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum H264Profile {
    /// Constrained Baseline
    ConstrainedBaseline,
    /// Baseline
    Baseline,
    /// Main
    Main,
    /// Extended
    Extended,
    /// High
    High,
    /// Constrained High
    ConstrainedHigh,
    /// High 10
    High10,
    /// High 4:2:2
    High422,
    /// High 4:4:4 Predictive
    High444Predictive,
    /// High 10 Intra
    High10Intra,
    /// High 4:2:2 Intra
    High422Intra,
    /// High 4:4:4 Intra
    High444Intra,
    /// CAVLC 4:4:4 Intra
    Cavlc444Intra,
    /// Another combination: the same only as itself.
    Other {
        /// `profile_idc`
        profile_idc: u8,
        /// `profile_iop`
        profile_iop: u8,
    },
}
