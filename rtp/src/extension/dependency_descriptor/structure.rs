//! What all frames of a coded video sequence have in common.

use bytes::BufMut;

use super::bits::{BitReader, BitWriter};
use super::{ChainDiffs, FrameDiffs, Indication, Indications};

/// The templates and decode targets of a coded video sequence. The first packet of the sequence carries it; it holds until
/// another one comes. All of it is within the bounds that the wire has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    template_id_offset: u8,
    decode_targets: u8,
    /// How many chains there are.
    chains: u8,
    /// The chain of each decode target, if there are any.
    protected_by: [u8; MAX_DECODE_TARGETS],
    templates: Vec<Template>,
    resolutions: Vec<Resolution>,
}

/// What frames of one kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Template {
    /// The spatial layer, 0 to 3.
    pub spatial_id: u8,
    /// The temporal layer, 0 to 7.
    pub temporal_id: u8,
    /// What the frame is to each decode target.
    pub indications: Indications,
    /// How far back the frames are that this one needs; in a template 1 to 16.
    pub frame_diffs: FrameDiffs,
    /// How far back the last frame of each chain is; in a template 0 to 15.
    pub chain_diffs: ChainDiffs,
}

/// The size of a picture in pixels, less one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resolution {
    /// Width, less one.
    pub width_minus_one: u16,
    /// Height, less one.
    pub height_minus_one: u16,
}

/// A subset of the layers that can be decoded without the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeTarget {
    /// Its highest spatial layer.
    pub spatial_id: u8,
    /// Its highest temporal layer.
    pub temporal_id: u8,
    /// The chain that tells whether it has lost a frame.
    pub protected_by: Option<u8>,
}

impl Structure {
    /// Builds a structure. `template_id_offset` is the id of the first template, 0 to 63; `decode_targets` is 1 to 32;
    /// `protected_by` has the chain of each decode target, or nothing when there are no chains, whose number is that of the
    /// first template's `chain_diffs`; `resolutions` has one for each spatial layer, or none.
    ///
    /// `None` when the wire has no form for it. So it is when the templates are not in the order of their spatial and then
    /// their temporal layers, without a gap, or are more than 64.
    #[must_use]
    pub fn new(
        template_id_offset: u8,
        decode_targets: u8,
        protected_by: &[u8],
        templates: Vec<Template>,
        resolutions: Vec<Resolution>,
    ) -> Option<Self> {
        let first = templates.first()?;
        let chains = u8::try_from(first.chain_diffs.as_slice().len()).ok()?;
        let mut padded = [0; MAX_DECODE_TARGETS];
        padded.get_mut(..protected_by.len())?.copy_from_slice(protected_by);
        let protected = if chains == 0 { 0 } else { usize::from(decode_targets) };
        let max_spatial_id = templates.last()?.spatial_id;
        let valid = template_id_offset <= MAX_TEMPLATE_ID
            && (1..=MAX_DECODE_TARGETS).contains(&usize::from(decode_targets))
            && templates.len() <= MAX_TEMPLATES
            && (first.spatial_id, first.temporal_id) == (0, 0)
            && templates.iter().zip(templates.iter().skip(1)).all(|(a, b)| next_layer(a, b).is_some())
            && templates.iter().all(|template| template.fits(decode_targets, chains))
            && chains <= decode_targets
            && protected_by.len() == protected
            && protected_by.iter().all(|chain| *chain < chains)
            && (resolutions.is_empty() || resolutions.len() == usize::from(max_spatial_id) + 1);
        let structure =
            Self { template_id_offset, decode_targets, chains, protected_by: padded, templates, resolutions };
        valid.then_some(structure)
    }

    /// The id of the first template; the others' follow, modulo 64.
    #[must_use]
    pub const fn template_id_offset(&self) -> u8 {
        self.template_id_offset
    }

    /// How many decode targets there are, 1 to 32.
    #[must_use]
    pub const fn decode_targets(&self) -> u8 {
        self.decode_targets
    }

    /// How many chains there are, up to one for each decode target.
    #[must_use]
    pub const fn chains(&self) -> u8 {
        self.chains
    }

    /// The templates, 1 to 64.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The template of an id; `None` when the id is another structure's, one that was lost or is late.
    #[must_use]
    pub fn template(&self, id: u8) -> Option<&Template> {
        let index = id.wrapping_sub(self.template_id_offset) & MAX_TEMPLATE_ID;
        self.templates.get(usize::from(index))
    }

    /// The largest picture of a spatial layer, if the sender told.
    #[must_use]
    pub fn resolution(&self, spatial_id: u8) -> Option<Resolution> {
        self.resolutions.get(usize::from(spatial_id)).copied()
    }

    /// A decode target, 0 to [`decode_targets`](Self::decode_targets) - 1.
    #[must_use]
    pub fn decode_target(&self, index: u8) -> Option<DecodeTarget> {
        if index >= self.decode_targets {
            return None;
        }
        let present =
            || self.templates.iter().filter(|one| one.indications.of(index) != Indication::NotPresent);
        Some(DecodeTarget {
            spatial_id: present().map(|one| one.spatial_id).max().unwrap_or_default(),
            temporal_id: present().map(|one| one.temporal_id).max().unwrap_or_default(),
            protected_by: self.protected_by.get(usize::from(index)).copied().filter(|_| self.chains > 0),
        })
    }

    /// The mask in which each decode target is active.
    #[must_use]
    pub const fn all_decode_targets(&self) -> u32 {
        u32::MAX >> (32 - self.decode_targets as u32)
    }

    /// Reads `template_dependency_structure()`.
    pub(super) fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let template_id_offset = bits.small(6)?;
        let decode_targets = bits.small(5)? + 1;
        let mut templates = read_layers(bits)?;
        for template in &mut templates {
            template.indications = Indications::read(bits, decode_targets)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                template.frame_diffs.push(u16::from(bits.small(4)?) + 1)?;
            }
        }
        let chains = bits.below(decode_targets + 1)?;
        let mut protected_by = [0; MAX_DECODE_TARGETS];
        if chains > 0 {
            for chain in protected_by.iter_mut().take(usize::from(decode_targets)) {
                *chain = bits.below(chains)?;
            }
            for template in &mut templates {
                template.chain_diffs = ChainDiffs::read(bits, chains, 4)?;
            }
        }
        let mut resolutions = Vec::new();
        if bits.flag()? {
            for _ in 0..=templates.last()?.spatial_id {
                let width_minus_one = u16::try_from(bits.bits(16)?).ok()?;
                let height_minus_one = u16::try_from(bits.bits(16)?).ok()?;
                resolutions.push(Resolution { width_minus_one, height_minus_one });
            }
        }
        Some(Self { template_id_offset, decode_targets, chains, protected_by, templates, resolutions })
    }

    /// Writes `template_dependency_structure()`.
    pub(super) fn write(&self, bits: &mut BitWriter<'_, impl BufMut>) {
        bits.bits(u32::from(self.template_id_offset), 6);
        bits.bits(u32::from(self.decode_targets) - 1, 5);
        for (template, next) in self.templates.iter().zip(self.templates.iter().skip(1)) {
            bits.bits(next_layer(template, next).unwrap_or_default(), 2);
        }
        bits.bits(NO_MORE, 2);
        for template in &self.templates {
            template.indications.write(bits, self.decode_targets);
        }
        for template in &self.templates {
            for diff in template.frame_diffs.as_slice() {
                bits.flag(true);
                bits.bits(u32::from(*diff) - 1, 4);
            }
            bits.flag(false);
        }
        bits.below(self.chains, self.decode_targets + 1);
        if self.chains > 0 {
            for chain in self.protected_by.iter().take(usize::from(self.decode_targets)) {
                bits.below(*chain, self.chains);
            }
            for template in &self.templates {
                template.chain_diffs.write(bits, self.chains, 4);
            }
        }
        bits.flag(!self.resolutions.is_empty());
        for resolution in &self.resolutions {
            bits.bits(u32::from(resolution.width_minus_one), 16);
            bits.bits(u32::from(resolution.height_minus_one), 16);
        }
    }
}

impl Template {
    fn fits(&self, decode_targets: u8, chains: u8) -> bool {
        let chain_diffs = self.chain_diffs.as_slice();
        self.indications.fit(decode_targets)
            && self.frame_diffs.as_slice().iter().all(|diff| *diff <= 16)
            && chain_diffs.len() == usize::from(chains)
            && chain_diffs.iter().all(|diff| *diff < 16)
    }
}

/// Reads `template_layers()`: the layers of all templates.
fn read_layers(bits: &mut BitReader<'_>) -> Option<Vec<Template>> {
    let mut template = Template::default();
    let mut templates = vec![template];
    loop {
        match bits.bits(2)? {
            SAME => {}
            NEXT_TEMPORAL => template.temporal_id += 1,
            NEXT_SPATIAL => {
                template.temporal_id = 0;
                template.spatial_id += 1;
            }
            _ => return Some(templates),
        }
        let within = template.temporal_id <= MAX_TEMPORAL_ID && template.spatial_id <= MAX_SPATIAL_ID;
        if !within || templates.len() == MAX_TEMPLATES {
            return None;
        }
        templates.push(template);
    }
}

/// `next_layer_idc` between two templates, if one may follow the other.
fn next_layer(template: &Template, next: &Template) -> Option<u32> {
    if next.temporal_id > MAX_TEMPORAL_ID || next.spatial_id > MAX_SPATIAL_ID {
        return None;
    }
    let layer = (template.spatial_id, template.temporal_id);
    match (next.spatial_id, next.temporal_id) {
        other if other == layer => Some(SAME),
        (spatial, temporal) if spatial == layer.0 && temporal == layer.1 + 1 => Some(NEXT_TEMPORAL),
        (spatial, 0) if spatial == layer.0 + 1 => Some(NEXT_SPATIAL),
        _ => None,
    }
}

const SAME: u32 = 0;
const NEXT_TEMPORAL: u32 = 1;
const NEXT_SPATIAL: u32 = 2;
const NO_MORE: u32 = 3;

pub(super) const MAX_DECODE_TARGETS: usize = 32;
const MAX_TEMPLATES: usize = 64;
const MAX_TEMPLATE_ID: u8 = 63;
const MAX_SPATIAL_ID: u8 = 3;
const MAX_TEMPORAL_ID: u8 = 7;
