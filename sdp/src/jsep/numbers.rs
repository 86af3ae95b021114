//! Which number means what: payload types and header extensions' ids, for the whole of a session.
//!
//! Sections of a bundle share these numbers (RFC 9143, Sections 9.1 and 9.3), and what a number meant once it means for
//! ever (RFC 3264, Section 8.3.2).

use crate::{Attribute, Codec, CodecRole, ExtensionUri, Extmap, Media, PayloadType};
use std::collections::BTreeMap;

/// What every number has meant so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Numbers {
    payload_types: BTreeMap<PayloadType, Codec>,
    extensions: BTreeMap<u16, ExtensionUri>,
}

/// RFC 5761, Section 4, and RFC 3551, Section 6: dynamic payload types, the usual ones first; 64 to 95 are RTCP's.
const DYNAMIC: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];
/// RFC 8285, Sections 4.2 and 4.3: ids of the one-byte form, then those of the two-byte form.
const IDS: [std::ops::RangeInclusive<u16>; 2] = [1..=14, 16..=255];

impl Numbers {
    /// Takes in a section that was set, ours or the peer's.
    pub(crate) fn learn(&mut self, media: &Media) {
        for codec in media.codecs() {
            self.payload_types.insert(codec.payload_type, codec);
        }
        for extension in media.extensions().filter(|one| one.id <= 255) {
            self.extensions.entry(extension.id).or_insert_with(|| extension.uri.clone());
        }
    }

    /// The payload type to offer a codec with: the one that it has, or the one it wants, or a free one. `used` are those
    /// of the section so far.
    pub(crate) fn payload_type(&mut self, codec: &Codec, used: &[Codec]) -> Option<PayloadType> {
        let unused = |number: &PayloadType| used.iter().all(|one| one.payload_type != *number);
        let wanted = codec.payload_type;
        let known = |number: &PayloadType| self.payload_types.get(number);
        let same =
            |number: &PayloadType| known(number).is_some_and(|one| is_same(one, codec)) && unused(number);
        let free = |number: &PayloadType| known(number).is_none() && unused(number);
        let mut dynamic = DYNAMIC.into_iter().flatten().filter_map(PayloadType::new);
        let chosen = Some(wanted)
            .filter(&same)
            .or_else(|| self.payload_types.keys().copied().find(&same))
            .or_else(|| Some(wanted).filter(&free))
            .or_else(|| dynamic.find(&free))?;
        self.payload_types.insert(chosen, Codec { payload_type: chosen, ..codec.clone() });
        Some(chosen)
    }

    /// The id to offer a header extension with. `used` are those of the section so far.
    pub(crate) fn extension(&mut self, uri: &ExtensionUri, wanted: u16, used: &[Extmap]) -> Option<u16> {
        let unused = |id: &u16| used.iter().all(|one| one.id != *id);
        let known = |id: &u16| self.extensions.get(id);
        let same = |id: &u16| known(id) == Some(uri) && unused(id);
        let free = |id: &u16| known(id).is_none() && unused(id);
        let chosen = Some(wanted)
            .filter(&same)
            .or_else(|| self.extensions.keys().copied().find(&same))
            .or_else(|| Some(wanted).filter(&free))
            .or_else(|| IDS.into_iter().flatten().find(&free))?;
        self.extensions.insert(chosen, uri.clone());
        Some(chosen)
    }
}

/// Whether a payload type that means `one` can be used for `other`.
fn is_same(one: &Codec, other: &Codec) -> bool {
    match one.role() {
        CodecRole::Retransmission | CodecRole::Redundancy => {
            one.matches(other) && one.parameters == other.parameters
        }
        CodecRole::Media | CodecRole::ForwardErrorCorrection | CodecRole::Auxiliary => one.matches(other),
    }
}

/// Whether RTCP needs one of a section's payload types (RFC 5761, Section 4).
pub(crate) fn collides_with_rtcp(media: &Media) -> bool {
    media.attributes.iter().any(|attribute| match attribute {
        Attribute::Rtpmap(rtpmap) => (64..=95).contains(&rtpmap.payload_type.get()),
        _ => false,
    })
}
