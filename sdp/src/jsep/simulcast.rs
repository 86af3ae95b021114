//! Encodings in descriptions: `a=rid` and `a=simulcast` (RFC 8851, RFC 8853).

use super::transceiver::{Encoding, Transceiver};
use crate::{Attribute, Codec, Direction, Media, Rid, RidDirection, Simulcast, SimulcastId, Text};

/// Restrictions that we understand; a `rid` with others is passed over (RFC 8851, Section 6.2.1).
const RESTRICTIONS: [&str; 7] =
    ["max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp"];

/// The lines of an offer's section.
pub(crate) fn offered(one: &Transceiver, direction: Direction) -> Vec<Attribute> {
    let send = if direction.sends() { one.sender.rids() } else { Vec::new() };
    let recv = if direction.receives() { one.wanted_rids.clone() } else { Vec::new() };
    let rid = |direction: RidDirection| {
        move |id: &Text| Rid { id: id.clone(), direction, formats: Vec::new(), restrictions: Vec::new() }
    };
    let rids = send.iter().map(rid(RidDirection::Send)).chain(recv.iter().map(rid(RidDirection::Recv)));
    let mut lines: Vec<Attribute> = rids.map(Attribute::Rid).collect();
    lines.extend(simulcast(&send, &recv));
    lines
}

/// The lines of an answer's section: what the offer has, as far as its direction, our encodings, `max` and the surviving
/// codecs allow.
pub(crate) fn answered(
    one: &Transceiver,
    direction: Direction,
    offer: &Media,
    codecs: &[Codec],
    max: usize,
) -> Vec<Attribute> {
    let recv = if direction.receives() { streams(offer, RidDirection::Send, codecs) } else { Vec::new() };
    let send = if direction.sends() { streams(offer, RidDirection::Recv, codecs) } else { Vec::new() };
    let ours = one.sender.rids();
    let recv: Vec<Rid> = recv.into_iter().take(max).collect();
    let send: Vec<Rid> = send.into_iter().filter(|rid| ours.contains(&rid.id)).take(max).collect();
    if max < 2 {
        return Vec::new();
    }
    let ids = |rids: &[Rid]| rids.iter().map(|rid| rid.id.clone()).collect::<Vec<_>>();
    let (send_ids, recv_ids) = (ids(&send), ids(&recv));
    let answer = |direction: RidDirection| move |rid: Rid| Attribute::Rid(Rid { direction, ..rid });
    let mut lines: Vec<Attribute> = send.into_iter().map(answer(RidDirection::Send)).collect();
    lines.extend(recv.into_iter().map(answer(RidDirection::Recv)));
    lines.extend(simulcast(&send_ids, &recv_ids));
    lines
}

/// The encodings that a section of the peer's asks us to send (RFC 8853, Section 5.3.2), each shrunk as the W3C says.
pub(crate) fn proposed(offer: &Media, max: usize) -> Vec<Encoding> {
    let rids = if max < 2 { Vec::new() } else { streams(offer, RidDirection::Recv, &offer.codecs()) };
    let rids: Vec<Rid> = rids.into_iter().take(max).collect();
    let last = i32::try_from(rids.len()).unwrap_or(i32::MAX).saturating_sub(1);
    let encodings = (0i32..).zip(rids).map(|(index, rid)| Encoding {
        scale_resolution_down_by: Some(f64::from(last.saturating_sub(index)).exp2()),
        ..Encoding::with_rid(rid.id)
    });
    encodings.collect()
}

/// The `rid`s that a description of ours or the peer's has in a direction.
pub(crate) fn rids(media: &Media, direction: RidDirection) -> Vec<Text> {
    media.rids().filter(|rid| rid.direction == direction).map(|rid| rid.id.clone()).collect()
}

/// The streams of a section's `simulcast`, the first alternative of each that has an `a=rid` we understand; without
/// `simulcast`, none.
fn streams(media: &Media, direction: RidDirection, codecs: &[Codec]) -> Vec<Rid> {
    let Some(simulcast) = media.simulcast() else { return Vec::new() };
    let streams = match direction {
        RidDirection::Send => &simulcast.send,
        RidDirection::Recv => &simulcast.recv,
    };
    let mut rids: Vec<&Rid> = media.rids().filter(|rid| rid.direction == direction).collect();
    rids.sort_by_key(|rid| &rid.id);
    let mut found: Vec<Rid> = Vec::new();
    for alternatives in streams {
        let rid = alternatives.iter().find_map(|wanted| {
            let place = rids.binary_search_by_key(&&wanted.id, |rid| &rid.id).ok()?;
            understood(rids.get(place)?, codecs)
        });
        found.extend(rid.filter(|rid| found.iter().all(|one| one.id != rid.id)));
    }
    found
}

fn understood(rid: &Rid, codecs: &[Codec]) -> Option<Rid> {
    let known = |name: &Text| RESTRICTIONS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let survives = |number| codecs.iter().any(|codec| codec.payload_type == number);
    let formats: Vec<_> = rid.formats.iter().copied().filter(|number| survives(*number)).collect();
    let fits = rid.restrictions.iter().all(|(name, _)| known(name))
        && (rid.formats.is_empty() || !formats.is_empty());
    fits.then(|| Rid { formats, ..rid.clone() })
}

fn simulcast(send: &[Text], recv: &[Text]) -> Option<Attribute> {
    let list = |ids: &[Text]| {
        let several = if ids.len() > 1 { ids } else { &[] };
        several.iter().map(|id| vec![SimulcastId { id: id.clone(), paused: false }]).collect::<Vec<_>>()
    };
    let (send, recv) = (list(send), list(recv));
    let any = !send.is_empty() || !recv.is_empty();
    any.then(|| Attribute::Simulcast(Simulcast { send, recv, recv_first: false }))
}
