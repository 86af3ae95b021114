//! Creates offers (RFC 8829, Section 5.2).

use super::bundle::ICE_OPTIONS;
use super::codecs;
use super::numbers::Numbers;
use super::section::{Content, Section, Session};
use super::simulcast;
use super::sources;
use super::transceiver::{Life, Transceiver};
use super::write::{self, MediaLines, TransportLines, Writer, data_line};
use crate::{Attribute, Direction, Media, SessionDescription, Setup, Text};

/// RFC 5764, Section 8.
const MEDIA_PROFILE: &str = "UDP/TLS/RTP/SAVPF";

/// The sections of an offer: those there are, and those wanted since. A rejected one is recycled, under another mid
/// (RFC 8829, Section 5.2.2). `stable` is what the last answer left.
pub(crate) fn plan(session: &Session, stable: &Session, data: bool) -> Vec<Section> {
    let mut sections = session.sections.clone();
    for section in &mut sections {
        // RFC 8829, Section 5.1.2: later offers have the right profile, whatever the first exchange used.
        match section.content {
            Content::Media(_) => section.line.protocol = MEDIA_PROFILE.into(),
            Content::Data(_) => section.line = data_line(),
            Content::Rejected => {}
        }
        let Content::Media(id) = section.content else { continue };
        if session.transceiver(id).is_none_or(|one| one.life != Life::Active) {
            section.content = Content::Rejected;
        }
    }
    let wanted = session.transceivers.iter().filter(|one| session.wants_section(one));
    let media = wanted.map(|one| {
        let line = Media::bare(one.kind.media_kind(), MEDIA_PROFILE.into(), Vec::new());
        (line, Content::Media(one.id))
    });
    let data = (data && !session.has_data()).then(|| (data_line(), Content::Data(None)));
    for (line, content) in media.chain(data) {
        let mids: Vec<_> = sections.iter().map(|section| section.mid.clone()).collect();
        let new = Section::new(Some(session.unused_mid(&mids)), &line, content);
        // A section that this offer, or the one that it replaces, rejects is not free yet.
        let free = sections
            .iter_mut()
            .zip(&stable.sections)
            .find(|(section, before)| !section.is_live() && !before.is_live());
        match free {
            Some((place, _)) => *place = new,
            None => sections.push(new),
        }
    }
    sections
}

/// The offer of `plan`, with `numbers` as they stood after the last answer.
pub(crate) fn create(
    writer: &Writer<'_>,
    session: &Session,
    mut numbers: Numbers,
    plan: &[Section],
) -> SessionDescription {
    let live: Vec<Text> =
        plan.iter().filter(|section| section.is_live()).filter_map(|section| section.mid.clone()).collect();
    // RFC 8829, Section 5.2.2: the group of the last answer without what is gone, and what is new.
    let mut bundle: Vec<Text> = session.bundle.iter().filter(|mid| live.contains(mid)).cloned().collect();
    let tag = bundle.first().or_else(|| live.first()).cloned();
    let new: Vec<Text> = live.into_iter().filter(|mid| !bundle.contains(mid)).collect();
    bundle.extend(new);
    let sections = plan.iter().map(|section| {
        let mut media = write::rejected(section.mid.clone(), &section.line);
        if !section.is_live() {
            return media;
        }
        let tagged = section.mid == tag;
        // RFC 8829, Sections 5.2.1 and 5.2.2: what is not bundled yet is `bundle-only`, and has no port.
        if tagged || section.mid.as_ref().is_some_and(|mid| session.bundle.contains(mid)) {
            // RFC 8840, Section 4.1.1: port 9 while the default candidate is not known.
            media.port = 9;
        } else {
            media.attributes.push(Attribute::BundleOnly);
        }
        if tagged {
            // RFC 8842, Section 5.2: an offer leaves the DTLS role open, also when one is established.
            writer.transport(&mut media, &TransportLines { setup: Setup::ActPass, tls_id: true });
        }
        match section.content {
            Content::Data(_) => {
                // RFC 8829, Section 5.2.2: a data section that media are bundled into speaks for them.
                let muxes = tagged && plan.iter().any(Section::is_media);
                media.attributes.extend(muxes.then_some(Attribute::RtcpMux));
                writer.data(&mut media);
            }
            Content::Media(id) => {
                if let Some(one) = session.transceiver(id) {
                    write::media(&mut media, lines(writer, one, tagged, &mut numbers));
                }
            }
            Content::Rejected => {}
        }
        media
    });
    let sections = sections.collect();
    let mut attributes = Vec::new();
    if !bundle.is_empty() {
        attributes.push(write::group("BUNDLE", bundle));
    }
    attributes.extend(lip_sync(session, plan));
    attributes.push(Attribute::ExtmapAllowMixed);
    if writer.local.ice_lite {
        attributes.push(Attribute::IceLite);
    }
    attributes.push(Attribute::IceOptions(ICE_OPTIONS.join(" ").into()));
    // RFC 8122, Section 5: for all sections. libwebrtc rejects the third section of a bundle, and those after it, when the
    // second has no fingerprint; RFC 8829, Section 5.2.1, wants none in a section that is not the tagged one.
    attributes.extend(writer.fingerprints());
    writer.description(attributes, sections)
}

fn lines(writer: &Writer<'_>, one: &Transceiver, tagged: bool, numbers: &mut Numbers) -> MediaLines {
    let capabilities = writer.config.capabilities(one.kind);
    // RFC 9143, Section 7.1.3, wants it in the tagged section alone; Chromium refuses a bundled section without it.
    let mut rtcp = vec![Attribute::RtcpMux];
    if tagged {
        // RFC 8829, Section 5.2.2: not again.
        rtcp.extend(one.link.current_direction.is_none().then_some(Attribute::RtcpMuxOnly));
    }
    if one.link.current_direction.is_none() || one.link.reduced_size {
        rtcp.push(Attribute::RtcpRsize);
    }
    let codecs = codecs::offered(capabilities, one, one.direction, numbers);
    let encodings = simulcast::offered(one, one.direction);
    MediaLines {
        direction: one.direction,
        streams: streams(one),
        sources: sources::lines(one, one.direction, &codecs, &encodings, writer.cname),
        codecs,
        extensions: codecs::offered_extensions(capabilities, one, numbers),
        encodings,
        rtcp,
    }
}

/// RFC 8829, Section 5.2.1: the sections whose tracks share a stream belong together.
fn lip_sync<'s>(session: &'s Session, plan: &'s [Section]) -> impl Iterator<Item = Attribute> + 's {
    let members = move |stream: &Text| -> Vec<Text> {
        let sections = plan.iter().filter(|section| match section.content {
            Content::Media(id) => session
                .transceiver(id)
                .is_some_and(|one| one.direction.sends() && one.sender.streams.contains(stream)),
            Content::Rejected | Content::Data(_) => false,
        });
        sections.filter_map(|section| section.mid.clone()).collect()
    };
    let mut streams: Vec<&Text> = Vec::new();
    for stream in session.transceivers.iter().flat_map(|one| &one.sender.streams) {
        if !streams.contains(&stream) {
            streams.push(stream);
        }
    }
    let groups = streams.into_iter().map(members).filter(|mids| mids.len() > 1);
    groups.map(|mids| write::group("LS", mids))
}

/// RFC 8829, Sections 5.2.1 and 5.3.1: the `msid`s of a transceiver that wants to send.
pub(crate) fn streams(one: &Transceiver) -> Option<Vec<Text>> {
    wanted(one).sends().then(|| one.sender.streams.clone())
}

/// The direction that a transceiver asks for in an offer, or `inactive` once it is stopped.
pub(crate) fn wanted(one: &Transceiver) -> Direction {
    match one.life {
        Life::Active => one.direction,
        Life::Stopping | Life::Stopped => Direction::Inactive,
    }
}
