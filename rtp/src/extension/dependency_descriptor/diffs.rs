//! What a frame is to the decode targets, and how far back the frames are that it needs.

use std::fmt;

use bytes::BufMut;

use super::bits::{BitReader, BitWriter};
use super::structure::MAX_DECODE_TARGETS;

/// What a frame is to a decode target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indication {
    /// Not a part of it.
    NotPresent,
    /// A part that no other frame of it needs.
    Discardable,
    /// A part after which all that follow can be decoded, if it can.
    Switch,
    /// Any other part.
    Required,
}

/// What a frame is to each decode target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Indications(u64);

impl Indications {
    /// What it is to one of the decode targets, 0 to 31; to a larger one nothing.
    #[must_use]
    pub const fn of(self, decode_target: u8) -> Indication {
        if decode_target as usize >= MAX_DECODE_TARGETS {
            return Indication::NotPresent;
        }
        match self.0 >> (2 * decode_target) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    /// Says what it is to one of the decode targets, 0 to 31; a larger one changes nothing.
    pub const fn set(&mut self, decode_target: u8, indication: Indication) {
        if (decode_target as usize) < MAX_DECODE_TARGETS {
            self.0 = self.0 & !(3 << (2 * decode_target)) | (indication as u64) << (2 * decode_target);
        }
    }

    /// Whether it is nothing to decode targets beyond so many.
    pub(super) const fn fit(self, decode_targets: u8) -> bool {
        decode_targets as usize >= MAX_DECODE_TARGETS || self.0 >> (2 * decode_targets) == 0
    }

    pub(super) fn read(bits: &mut BitReader<'_>, decode_targets: u8) -> Option<Self> {
        let mut all = 0;
        for target in 0..decode_targets {
            all |= u64::from(bits.bits(2)?) << (2 * target);
        }
        Some(Self(all))
    }

    pub(super) fn write(self, bits: &mut BitWriter<'_, impl BufMut>, decode_targets: u8) {
        for target in 0..decode_targets {
            bits.bits(self.of(target) as u32, 2);
        }
    }
}

/// How far back the frames are that a frame needs, in frame numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FrameDiffs {
    diffs: [u16; MAX_FRAME_DIFFS],
    count: u8,
}

impl FrameDiffs {
    /// Up to 16, more than a decoder keeps frames, of 1 to 4096 each; `None` otherwise.
    #[must_use]
    pub fn new(diffs: &[u16]) -> Option<Self> {
        let mut all = Self::default();
        for diff in diffs {
            all.push(*diff)?;
        }
        Some(all)
    }

    /// The differences.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        self.diffs.get(..usize::from(self.count)).unwrap_or_default()
    }

    pub(super) fn push(&mut self, diff: u16) -> Option<()> {
        if !(1..=1 << 12).contains(&diff) {
            return None;
        }
        *self.diffs.get_mut(usize::from(self.count))? = diff;
        self.count += 1;
        Some(())
    }

    /// Reads `frame_fdiffs()`.
    pub(super) fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let mut all = Self::default();
        loop {
            let size = usize::from(bits.small(2)?);
            if size == 0 {
                return Some(all);
            }
            all.push(u16::try_from(bits.bits(4 * size)?).ok()? + 1)?;
        }
    }

    /// Writes `frame_fdiffs()`.
    pub(super) fn write(&self, bits: &mut BitWriter<'_, impl BufMut>) {
        for diff in self.as_slice() {
            let minus_one = u32::from(*diff) - 1;
            let size = match minus_one {
                0..0x10 => 1,
                0x10..0x100 => 2,
                _ => 3,
            };
            bits.bits(size, 2);
            bits.bits(minus_one, 4 * size as usize);
        }
        bits.bits(0, 2);
    }
}

impl fmt::Debug for FrameDiffs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// How far back the last frame of each chain is, in frame numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChainDiffs {
    diffs: [u8; MAX_DECODE_TARGETS],
    count: u8,
}

impl ChainDiffs {
    /// One for each chain, of which there are up to 32; `None` for more.
    #[must_use]
    pub fn new(diffs: &[u8]) -> Option<Self> {
        let mut all = Self { diffs: [0; MAX_DECODE_TARGETS], count: u8::try_from(diffs.len()).ok()? };
        all.diffs.get_mut(..diffs.len())?.copy_from_slice(diffs);
        Some(all)
    }

    /// The differences, by chain.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.diffs.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// Reads the differences of so many chains, each of so many bits.
    pub(super) fn read(bits: &mut BitReader<'_>, chains: u8, width: usize) -> Option<Self> {
        let mut all = Self { diffs: [0; MAX_DECODE_TARGETS], count: chains };
        for diff in all.diffs.iter_mut().take(usize::from(chains)) {
            *diff = bits.small(width)?;
        }
        Some(all)
    }

    /// Writes the differences of so many chains, each in so many bits.
    pub(super) fn write(&self, bits: &mut BitWriter<'_, impl BufMut>, chains: u8, width: usize) {
        for diff in self.diffs.iter().take(usize::from(chains)) {
            bits.bits(u32::from(*diff), width);
        }
    }
}

impl fmt::Debug for ChainDiffs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

const MAX_FRAME_DIFFS: usize = 16;
