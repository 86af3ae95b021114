//! Which stream a packet belongs to ([RFC 9143, Section 9.2](https://www.rfc-editor.org/rfc/rfc9143#section-9.2)).

use super::sections::SectionState;
use crate::extension::{Ids, Kind};
use crate::packet::Packet;
use crate::slab::Key;
use crate::srtp::sources::Keyed;
use crate::stream::SectionId;
use crate::{PayloadType, Ssrc};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is known of sources, and the ids that extensions have in all sections alike.
#[derive(Debug)]
pub(super) struct Demux {
    sources: HashMap<Ssrc, Route, Keyed>,
    /// In a bundle an id means the same in each section; they are merged to read what is said of the way.
    pub(super) ids: Arc<Ids>,
}

/// Where packets of a source go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// To a stream.
    Media(Key),
    /// To a stream, as retransmissions.
    Repair(Key),
}

/// What a packet of an unknown source says of itself.
pub(super) struct Names<'a> {
    pub(super) rid: Option<&'a str>,
    pub(super) repaired_rid: Option<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(packet: &Packet<'a>, ids: &Ids) -> Self {
        Self { rid: text(packet, ids, Kind::Rid), repaired_rid: text(packet, ids, Kind::RepairedRid) }
    }
}

/// The MID of a packet, by the ids of a section.
pub(super) fn mid<'a>(packet: &Packet<'a>, ids: &Ids) -> Option<&'a str> {
    text(packet, ids, Kind::Mid)
}

fn text<'a>(packet: &Packet<'a>, ids: &Ids, kind: Kind) -> Option<&'a str> {
    packet.extensions().value(ids, kind).and_then(|value| str::from_utf8(value).ok())
}

impl Demux {
    pub(super) fn new(hash: Keyed) -> Self {
        Self { sources: HashMap::with_hasher(hash), ids: Arc::default() }
    }

    pub(super) fn route(&self, ssrc: Ssrc) -> Option<Route> {
        self.sources.get(&ssrc).copied()
    }

    pub(super) fn insert(&mut self, ssrc: Ssrc, route: Route) {
        self.sources.insert(ssrc, route);
    }

    pub(super) fn remove(&mut self, ssrc: Ssrc) {
        self.sources.remove(&ssrc);
    }

    /// The section of a packet whose source is new.
    pub(super) fn section(
        sections: &BTreeMap<SectionId, SectionState>,
        packet: &Packet<'_>,
        ssrc: Ssrc,
        payload_type: PayloadType,
    ) -> Option<SectionId> {
        let said = |one: &SectionState| mid(packet, &one.ids);
        let named = |one: &SectionState| said(one).is_some_and(|mid| one.section.mid.as_deref() == Some(mid));
        if let Some((id, _)) = sections.iter().find(|(_, one)| named(one)) {
            return Some(*id);
        }
        // A MID that nobody has: the packet is for a section that was, or is not yet.
        if sections.values().any(|one| said(one).is_some()) {
            return None;
        }
        let signalled = sections.iter().find(|(_, one)| {
            one.section.sources.iter().any(|source| source.ssrc == ssrc || source.repair == Some(ssrc))
        });
        if let Some((id, _)) = signalled {
            return Some(*id);
        }
        // By its payload type, when one section alone has it.
        let mut able = sections.iter().filter(|(_, one)| one.section.takes(payload_type));
        let (id, _) = able.next()?;
        able.next().is_none().then_some(*id)
    }
}
