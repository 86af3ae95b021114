//! Which codecs and header extensions a section offers, and which of the offered ones it answers with.

use super::config::Capabilities;
use super::numbers::Numbers;
use super::transceiver::Transceiver;
use crate::{Codec, CodecRole, Direction, Extmap, FormatParameters, Media, PayloadType};
use std::fmt::Write as _;

/// What a transceiver may use of the capabilities when its section goes in `direction`: in the order of its preferences,
/// or of the capabilities. Payload types are those of the capabilities.
pub(crate) fn usable(capabilities: &Capabilities, one: &Transceiver, direction: Direction) -> Vec<Codec> {
    let fits =
        |able: Direction| (able.sends() || !direction.sends()) && (able.receives() || !direction.receives());
    let all = capabilities.codecs.iter().filter(|able| fits(able.direction)).map(|able| &able.codec);
    if one.preferences.is_empty() {
        return all.cloned().collect();
    }
    let is_rtx = |codec: &Codec| codec.role() == CodecRole::Retransmission;
    let repairs = one.preferences.iter().any(is_rtx);
    let mut chosen: Vec<Codec> = Vec::new();
    for preferred in one.preferences.iter().filter(|one| !is_rtx(one)) {
        let same = all.clone().filter(|codec| is_the_same(codec, preferred));
        for codec in same.filter(|codec| !chosen.contains(codec)).cloned().collect::<Vec<_>>() {
            // An rtx stands behind what it repairs, wherever the one entry for all of them was.
            let rtx = all.clone().filter(|rtx| repairs && rtx.apt() == Some(codec.payload_type));
            chosen.push(codec.clone());
            chosen.extend(rtx.cloned());
        }
    }
    // W3C `setCodecPreferences`: preferences that leave nothing for the direction do not count.
    if has_media(&chosen) { chosen } else { all.cloned().collect() }
}

/// Whether two codecs are the same entry of the capabilities, as the application knows them (W3C, "codec dictionary
/// match"): payload types do not count, and there is but one `rtx` and one `red`.
pub(crate) fn is_the_same(one: &Codec, other: &Codec) -> bool {
    let tied = matches!(one.role(), CodecRole::Retransmission | CodecRole::Redundancy);
    one.name.eq_ignore_ascii_case(&other.name)
        && (one.clock_rate, one.channels) == (other.clock_rate, other.channels)
        && (tied || one.parameters == other.parameters)
}

/// The codecs of an offer's section, with the payload types they get there.
pub(crate) fn offered(
    capabilities: &Capabilities,
    one: &Transceiver,
    direction: Direction,
    numbers: &mut Numbers,
) -> Vec<Codec> {
    let mut ours = usable(capabilities, one, direction);
    if !has_media(&ours) {
        // Nothing goes all the ways that are wanted, and a section must name a codec.
        ours = usable(capabilities, one, Direction::Inactive);
    }
    if one.preferences.is_empty() {
        // RFC 8829, Section 5.2.2: in the order of the most recent answer, and then the others.
        let answered = &one.link.receive_codecs;
        ours.sort_by_key(|codec| {
            let primary = primary_of(codec, &capabilities.codecs).unwrap_or(codec);
            answered.iter().position(|old| old.matches(primary)).unwrap_or(usize::MAX)
        });
    }
    // Capabilities' payload types and those they get.
    let mut numbered: Vec<(PayloadType, Codec)> = Vec::new();
    let is_tied = |codec: &Codec| codec.apt().is_some() || codec.redundant().next().is_some();
    for tied in [false, true] {
        // An rtx may repair a red: those that repair come last.
        let mut round: Vec<&Codec> = ours.iter().filter(|codec| is_tied(codec) == tied).collect();
        round.sort_by_key(|codec| codec.apt().is_some());
        for codec in round {
            let Some(parameters) = renumbered(codec, &numbered) else { continue };
            let mut codec = Codec { parameters, ..codec.clone() };
            let used: Vec<Codec> = numbered.iter().map(|(_, used)| used.clone()).collect();
            let old = one.link.receive_codecs.iter().find(|old| is_assigned(old, &codec, &used));
            if let Some(old) = old {
                // RFC 8829, Section 5.2.2: once answered, the feedback of the answer alone.
                codec.feedback.clone_from(&old.feedback);
            }
            let number = old.map(|old| old.payload_type).or_else(|| numbers.payload_type(&codec, &used));
            let Some(payload_type) = number else { continue };
            numbered.push((codec.payload_type, Codec { payload_type, ..codec }));
        }
    }
    // Back to the order that was wanted.
    numbered.sort_by_key(|(wanted, _)| ours.iter().position(|codec| codec.payload_type == *wanted));
    let codecs: Vec<Codec> = numbered.into_iter().map(|(_, codec)| codec).collect();
    if has_media(&codecs) { codecs } else { Vec::new() }
}

fn is_assigned(old: &Codec, codec: &Codec, used: &[Codec]) -> bool {
    let tied = codec.apt().is_some() || codec.redundant().next().is_some();
    old.matches(codec)
        && (!tied || old.parameters == codec.parameters)
        && used.iter().all(|one| one.payload_type != old.payload_type)
}

/// What an rtx repairs, the codec itself otherwise.
fn primary_of<'c>(codec: &Codec, all: &'c [super::config::CodecCapability]) -> Option<&'c Codec> {
    let apt = codec.apt()?;
    all.iter().map(|able| &able.codec).find(|one| one.payload_type == apt)
}

/// The parameters with the payload types that others got; `None` when one of these is not there.
fn renumbered(codec: &Codec, numbered: &[(PayloadType, Codec)]) -> Option<FormatParameters> {
    let new = |old: PayloadType| {
        numbered.iter().find(|(wanted, _)| *wanted == old).map(|(_, codec)| codec.payload_type)
    };
    if let Some(apt) = codec.apt() {
        return Some(FormatParameters::new(format!("apt={}", new(apt)?)));
    }
    let mut text = String::new();
    for old in codec.redundant() {
        let separator = if text.is_empty() { "" } else { "/" };
        let _ = write!(text, "{separator}{}", new(old)?);
    }
    Some(if text.is_empty() { codec.parameters.clone() } else { FormatParameters::new(text) })
}

/// A codec that both sides have: ours, and the peer's as we take it, with the peer's payload type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Common {
    pub(crate) ours: Codec,
    pub(crate) theirs: Codec,
}

/// The codecs that `ours` and a section of the peer's have in common; empty when none of them carries media.
/// In the peer's order, or, when `preferred`, in ours.
pub(crate) fn common(ours: &[Codec], theirs: &[Codec], preferred: bool) -> Vec<Common> {
    let mut primaries: Vec<Common> = Vec::new();
    for offered in theirs.iter().filter(|codec| codec.apt().is_none()) {
        let found = ours
            .iter()
            .filter(|codec| codec.apt().is_none())
            .find_map(|codec| codec.answer(offered).map(|theirs| Common { ours: codec.clone(), theirs }));
        primaries.extend(found);
    }
    let rates: Vec<u32> =
        primaries.iter().filter(|one| is_media(&one.theirs)).map(|one| one.theirs.clock_rate).collect();
    let numbers: Vec<PayloadType> = primaries.iter().map(|one| one.theirs.payload_type).collect();
    primaries.retain(|one| match one.theirs.role() {
        CodecRole::Media | CodecRole::ForwardErrorCorrection => true,
        // RFC 4733, Section 2.5.1.2, and RFC 3389, Section 5: they go with a codec of the same clock rate.
        CodecRole::Auxiliary => rates.contains(&one.theirs.clock_rate),
        CodecRole::Redundancy => one.theirs.redundant().all(|number| numbers.contains(&number)),
        CodecRole::Retransmission => false,
    });
    if rates.is_empty() {
        return Vec::new();
    }
    // RFC 4588, Section 8.6: an rtx goes with the codec that it repairs.
    let repairs = theirs.iter().filter_map(|offered| {
        let repaired = primaries.iter().find(|one| Some(one.theirs.payload_type) == offered.apt())?;
        let rtx = ours.iter().find(|codec| codec.apt() == Some(repaired.ours.payload_type))?;
        rtx.answer(offered).map(|theirs| Common { ours: rtx.clone(), theirs })
    });
    let repairs: Vec<Common> = repairs.collect();
    let mut all = primaries;
    all.extend(repairs);
    let place = |one: &Common| theirs.iter().position(|codec| codec.payload_type == one.theirs.payload_type);
    all.sort_by_key(place);
    if preferred {
        all.sort_by_key(|one| ours.iter().position(|codec| codec.payload_type == one.ours.payload_type));
    }
    all
}

pub(crate) fn has_media(codecs: &[Codec]) -> bool {
    codecs.iter().any(is_media)
}

fn is_media(codec: &Codec) -> bool {
    codec.role() == CodecRole::Media
}

/// The header extensions of an offer's section. RFC 8829, Section 5.2.2: once answered, those of the answer alone.
pub(crate) fn offered_extensions(
    capabilities: &Capabilities,
    one: &Transceiver,
    numbers: &mut Numbers,
) -> Vec<Extmap> {
    let mut extensions: Vec<Extmap> = Vec::new();
    for able in &capabilities.extensions {
        let old = one.link.extensions.iter().find(|old| old.uri == able.uri);
        if one.link.current_direction.is_some() && old.is_none() {
            continue;
        }
        let old = old.map(|old| old.id).filter(|id| extensions.iter().all(|one| one.id != *id));
        let Some(id) = old.or_else(|| numbers.extension(&able.uri, able.id, &extensions)) else { continue };
        extensions.push(Extmap { id, direction: None, uri: able.uri.clone(), attributes: None });
    }
    extensions
}

/// The header extensions of the peer's section that we have too, each direction as we see it.
pub(crate) fn common_extensions(
    capabilities: &Capabilities,
    theirs: &Media,
    numbers: &mut Numbers,
) -> Vec<Extmap> {
    let mut extensions: Vec<Extmap> = Vec::new();
    for offered in theirs.extensions() {
        let ours = capabilities.extensions.iter().find(|able| able.uri == offered.uri);
        let again = extensions.iter().any(|one| one.uri == offered.uri || one.id == offered.id);
        let (Some(ours), false) = (ours, again) else { continue };
        // RFC 8285, Section 7: ids from 4096 on are for the answerer to choose.
        let id = match offered.id {
            4096.. => numbers.extension(&offered.uri, ours.id, &extensions),
            id => Some(id),
        };
        let Some(id) = id else { continue };
        let direction = offered.direction.map(Direction::reversed);
        extensions.push(Extmap { id, direction, uri: offered.uri.clone(), attributes: None });
    }
    extensions
}

/// The header extensions that an answer took up of our offer's, each direction as we see it.
pub(crate) fn answered_extensions(ours: &Media, theirs: &Media) -> Vec<Extmap> {
    let offered = |one: &&Extmap| ours.extensions().any(|offered| offered.uri == one.uri);
    let reversed = |one: &Extmap| Extmap { direction: one.direction.map(Direction::reversed), ..one.clone() };
    theirs.extensions().filter(offered).map(reversed).collect()
}
