//! Which sections can share the one transport (the `max-bundle` policy).

use crate::Text;
use crate::attribute::Attribute;
use crate::media::Media;
use crate::session::SessionDescription;

/// Whether the peer uses this section: port 0 rejects it, unless `bundle-only` says otherwise (RFC 9143, Section 6).
pub(crate) fn in_use(media: &Media) -> bool {
    media.port != 0 || media.has(&Attribute::BundleOnly)
}

/// The sections of an offer that may be accepted, a flag for each: the first one in use, and those in its `BUNDLE`
/// group (RFC 8829, Section 5.3.1).
pub(crate) fn acceptable(offer: &SessionDescription) -> Vec<bool> {
    let Some(first) = offer.media.iter().position(in_use) else { return vec![false; offer.media.len()] };
    let group = offer.media.get(first).and_then(Media::mid).and_then(|mid| group_of(offer, mid));
    let flags = offer.media.iter().enumerate().map(|(index, media)| {
        let grouped = group.is_some_and(|group| media.mid().is_some_and(|mid| contains(group, mid)));
        in_use(media) && (index == first || grouped)
    });
    flags.collect()
}

/// The section whose transport attributes serve a section of a group that has none: the first of its group
/// (RFC 9143, Section 7.1.3: `bundle-only` sections carry none).
pub(crate) fn transport_section<'d>(description: &'d SessionDescription, media: &'d Media) -> &'d Media {
    let has_own = media.ice_ufrag().is_some() && !media.has(&Attribute::BundleOnly);
    let tagged = media
        .mid()
        .and_then(|mid| group_of(description, mid))
        .and_then(|group| group.first())
        .and_then(|tag| description.media.iter().find(|one| one.mid() == Some(tag)));
    match tagged {
        Some(tagged) if !has_own => tagged,
        _ => media,
    }
}

/// The `BUNDLE` group that has `mid`.
pub(crate) fn group_of<'d>(description: &'d SessionDescription, mid: &str) -> Option<&'d [Text]> {
    description.bundle_groups().find(|group| contains(group, mid))
}

fn contains(group: &[Text], mid: &str) -> bool {
    group.iter().any(|one| one == mid)
}
