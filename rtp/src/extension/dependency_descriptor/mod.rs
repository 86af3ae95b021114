//! The dependency descriptor: what a frame depends on, for those who cannot read its payload.
//!
//! A [`Reader`] keeps the [`Structure`] that the first packet of a coded video sequence carried, without which later
//! descriptors cannot be read. A descriptor that was read can be changed and written again: another frame number, fewer
//! active decode targets.
//!
//! Source: RTP Payload Format For AV1, Appendix A
//! ([Dependency Descriptor RTP Header Extension](https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension)).

mod bits;
mod diffs;
mod structure;

pub use diffs::{ChainDiffs, FrameDiffs, Indication, Indications};
pub use structure::{DecodeTarget, Resolution, Structure, Template};

use bits::{BitReader, BitWriter};
use bytes::BufMut;

/// A descriptor as it is on the wire, but for the structure that it may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The packet is the first of its frame.
    pub start_of_frame: bool,
    /// The packet is the last of its frame.
    pub end_of_frame: bool,
    /// The frame's template, 0 to 63.
    pub template_id: u8,
    /// The frame's number in decoding order. It wraps.
    pub frame_number: u16,
    /// Whether the descriptor carries the structure: that of the first packet of a coded video sequence does.
    pub carries_structure: bool,
    /// The decode targets that are sent from this frame on, if it says so: bit 0 is the first.
    pub active_decode_targets: Option<u32>,
    /// In place of the template's.
    pub custom_indications: Option<Indications>,
    /// In place of the template's; 1 to 4096.
    pub custom_frame_diffs: Option<FrameDiffs>,
    /// In place of the template's; 0 to 255.
    pub custom_chain_diffs: Option<ChainDiffs>,
}

impl DependencyDescriptor {
    /// Reads a descriptor, and the structure that it carries. `structure` is the one that holds so far. `None` when it does
    /// not have the form, or has a template that is not in the structure.
    #[must_use]
    pub fn parse(value: &[u8], structure: Option<&Structure>) -> Option<(Self, Option<Structure>)> {
        let mut bits = BitReader::new(value);
        let mut descriptor = Self {
            start_of_frame: bits.flag()?,
            end_of_frame: bits.flag()?,
            template_id: bits.small(6)?,
            frame_number: u16::try_from(bits.bits(16)?).ok()?,
            carries_structure: false,
            active_decode_targets: None,
            custom_indications: None,
            custom_frame_diffs: None,
            custom_chain_diffs: None,
        };
        let carried =
            if value.len() > MANDATORY_LEN { descriptor.read_extended(&mut bits, structure)? } else { None };
        carried.as_ref().or(structure)?.template(descriptor.template_id)?;
        Some((descriptor, carried))
    }

    /// Reads what follows the mandatory fields.
    fn read_extended(
        &mut self,
        bits: &mut BitReader<'_>,
        structure: Option<&Structure>,
    ) -> Option<Option<Structure>> {
        let [carries_structure, active, indications, frame_diffs, chain_diffs] =
            [bits.flag()?, bits.flag()?, bits.flag()?, bits.flag()?, bits.flag()?];
        self.carries_structure = carries_structure;
        let carried = if carries_structure { Some(Structure::read(bits)?) } else { None };
        let structure = carried.as_ref().or(structure)?;
        if active {
            self.active_decode_targets = Some(bits.bits(usize::from(structure.decode_targets()))?);
        }
        if indications {
            self.custom_indications = Some(Indications::read(bits, structure.decode_targets())?);
        }
        if frame_diffs {
            self.custom_frame_diffs = Some(FrameDiffs::read(bits)?);
        }
        if chain_diffs {
            self.custom_chain_diffs = Some(ChainDiffs::read(bits, structure.chains(), 8)?);
        }
        Some(carried)
    }

    /// Appends the descriptor. `structure` is the one that holds for the frame; it is written too if the descriptor carries
    /// it.
    pub fn write(&self, structure: &Structure, out: &mut impl BufMut) {
        let mut bits = BitWriter::new(out);
        bits.flag(self.start_of_frame);
        bits.flag(self.end_of_frame);
        bits.bits(u32::from(self.template_id), 6);
        bits.bits(u32::from(self.frame_number), 16);
        let flags = [
            self.carries_structure,
            self.active_decode_targets.is_some(),
            self.custom_indications.is_some(),
            self.custom_frame_diffs.is_some(),
            self.custom_chain_diffs.is_some(),
        ];
        if flags.contains(&true) {
            for flag in flags {
                bits.flag(flag);
            }
            if self.carries_structure {
                structure.write(&mut bits);
            }
            if let Some(mask) = self.active_decode_targets {
                bits.bits(mask, usize::from(structure.decode_targets()));
            }
            if let Some(indications) = self.custom_indications {
                indications.write(&mut bits, structure.decode_targets());
            }
            if let Some(diffs) = &self.custom_frame_diffs {
                diffs.write(&mut bits);
            }
            if let Some(diffs) = &self.custom_chain_diffs {
                diffs.write(&mut bits, structure.chains(), 8);
            }
        }
        bits.finish();
    }

    /// The frame's template with what the descriptor has in place of it; `None` when the template is not in the structure.
    #[must_use]
    pub fn frame(&self, structure: &Structure) -> Option<Template> {
        let template = structure.template(self.template_id)?;
        Some(Template {
            spatial_id: template.spatial_id,
            temporal_id: template.temporal_id,
            indications: self.custom_indications.unwrap_or(template.indications),
            frame_diffs: self.custom_frame_diffs.unwrap_or(template.frame_diffs),
            chain_diffs: self.custom_chain_diffs.unwrap_or(template.chain_diffs),
        })
    }
}

/// Reads the descriptors of one stream, and keeps the structure that holds. It is bounded: 64 templates.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    structure: Option<Structure>,
    active_decode_targets: u32,
}

impl Reader {
    /// Reads the descriptor of the next packet. `None` when it does not have the form, or needs a structure that has not
    /// come; what the reader holds stays as it is then.
    pub fn read(&mut self, value: &[u8]) -> Option<DependencyDescriptor> {
        let (descriptor, carried) = DependencyDescriptor::parse(value, self.structure.as_ref())?;
        if let Some(structure) = carried {
            // Appendix A.4.1: with a new structure all decode targets are active, unless the descriptor says otherwise.
            self.active_decode_targets = structure.all_decode_targets();
            self.structure = Some(structure);
        }
        if let Some(active) = descriptor.active_decode_targets {
            self.active_decode_targets = active;
        }
        Some(descriptor)
    }

    /// The structure that holds.
    #[must_use]
    pub const fn structure(&self) -> Option<&Structure> {
        self.structure.as_ref()
    }

    /// The decode targets that are sent: bit 0 is the first.
    #[must_use]
    pub const fn active_decode_targets(&self) -> u32 {
        self.active_decode_targets
    }

    /// What a descriptor says of its frame.
    #[must_use]
    pub fn frame(&self, descriptor: &DependencyDescriptor) -> Option<Template> {
        descriptor.frame(self.structure.as_ref()?)
    }
}

/// Length in bytes of a descriptor without extended fields.
const MANDATORY_LEN: usize = 3;
