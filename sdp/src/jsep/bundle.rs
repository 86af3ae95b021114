//! Which sections can share the one transport (the `max-bundle` policy), and what holds for a section from elsewhere.

use crate::{Attribute, Direction, Media, SessionDescription, Text};

/// Whether the peer uses this section: port 0 rejects it, unless `bundle-only` says otherwise (RFC 9143, Section 6).
pub(crate) fn in_use(media: &Media) -> bool {
    media.port != 0 || media.has(&Attribute::BundleOnly)
}

/// The sections of an offer that may be accepted, a flag for each: the first one in use, and those in its `BUNDLE`
/// group (RFC 8829, Section 5.3.1).
pub(crate) fn acceptable(offer: &SessionDescription) -> Vec<bool> {
    let Some(first) = offer.media.iter().position(in_use) else { return vec![false; offer.media.len()] };
    let group = offer.media.get(first).and_then(Media::mid).and_then(|mid| group_of(offer, mid));
    let mut grouped: Vec<&str> = group.unwrap_or_default().iter().map(Text::as_str).collect();
    grouped.sort_unstable();
    let flags = offer.media.iter().enumerate().map(|(index, media)| {
        let grouped = media.mid().is_some_and(|mid| grouped.binary_search(&mid).is_ok());
        in_use(media) && (index == first || grouped)
    });
    flags.collect()
}

/// The section whose transport attributes serve `media`: that of its group's first section in use, unless it has its own
/// and is no `bundle-only` one (RFC 9143, Section 7.1.3).
pub(crate) fn transport_section<'d>(description: &'d SessionDescription, media: &'d Media) -> &'d Media {
    let group = media.mid().and_then(|mid| group_of(description, mid)).unwrap_or_default();
    let find = |tag: &Text| description.media.iter().find(|one| one.mid() == Some(tag));
    let tagged = group.iter().take(MAX_TAGS).filter_map(find).find(|one| one.ice_ufrag().is_some());
    let has_own = media.ice_ufrag().is_some() && !media.has(&Attribute::BundleOnly);
    match tagged {
        Some(tagged) if !has_own => tagged,
        _ => media,
    }
}

/// How many of a group's sections are looked at for the one with the transport: it is the first, or one that took its
/// place.
const MAX_TAGS: usize = 16;

/// The `BUNDLE` group that has `mid`.
pub(crate) fn group_of<'d>(description: &'d SessionDescription, mid: &str) -> Option<&'d [Text]> {
    description.bundle_groups().find(|group| group.iter().any(|one| one == mid))
}

/// The direction of a section, as its sender sees it (RFC 8866, Section 6.7: `sendrecv` unless said).
pub(crate) fn direction(media: &Media, description: &SessionDescription) -> Direction {
    let of_session = description.attributes.iter().find_map(|attribute| match attribute {
        Attribute::Direction(direction) => Some(*direction),
        _ => None,
    });
    media.direction().or(of_session).unwrap_or(Direction::SendRecv)
}

/// What our ICE agent can do: candidates that follow the description (RFC 8838), RFC 8445, and nominations that take one
/// another's place.
pub(crate) const ICE_OPTIONS: [&str; 3] = ["trickle", "ice2", "renomination"];

/// The ICE options of a description, wherever they stand.
pub(crate) fn ice_options(description: &SessionDescription) -> Vec<&str> {
    let everywhere =
        description.attributes.iter().chain(description.media.iter().flat_map(|media| &media.attributes));
    let options = everywhere.filter_map(|attribute| match attribute {
        Attribute::IceOptions(options) => Some(options.split_ascii_whitespace()),
        _ => None,
    });
    options.flatten().collect()
}
