//! Creates answers (RFC 8829, Section 5.3).

use super::bundle;
use super::codecs;
use super::offer::{streams, wanted};
use super::section::{Content, DtlsRole, Session};
use super::simulcast;
use super::sources;
use super::transceiver::Transceiver;
use super::write::{self, MediaLines, TransportLines, Writer};
use crate::{Attribute, ExtensionUri, Feedback, Media, SessionDescription, Setup, Text};
use std::collections::{BTreeMap, BTreeSet};

/// The answer to `offer`, which made `session`: as many sections, those that are not used rejected.
pub(crate) fn create(
    writer: &Writer<'_>,
    session: &Session,
    offer: &SessionDescription,
) -> SessionDescription {
    let bodies: Vec<Option<Body>> = session
        .sections
        .iter()
        .zip(&offer.media)
        .map(|(section, media)| body(writer, session, section.content, media, offer))
        .collect();
    let taken = session.sections.iter().zip(&bodies).filter(|(_, body)| body.is_some());
    let accepted: BTreeSet<&Text> = taken.filter_map(|(section, _)| section.mid.as_ref()).collect();
    let first = session.sections.iter().zip(&bodies).find(|(_, body)| body.is_some());
    let group = first.and_then(|(section, _)| bundle::group_of(offer, section.mid.as_deref()?));
    let bundled: Option<Vec<Text>> =
        group.map(|mids| once(mids).filter(|mid| accepted.contains(mid)).cloned().collect());
    let mut tag = bundled.as_ref().and_then(|mids| mids.first().cloned());
    let mut tag_given = false;
    let muxes = bodies.iter().flatten().any(|body| matches!(body, Body::Media(_)));
    let mut sections = Vec::with_capacity(bodies.len());
    for (section, body) in session.sections.iter().zip(bodies) {
        let mut media = write::rejected(section.mid.clone(), &section.line);
        let Some(body) = body else {
            sections.push(media);
            continue;
        };
        // RFC 8840, Section 4.1.3: port 9 while the default candidate is not known.
        media.port = 9;
        if !tag_given && (tag.is_none() || section.mid == tag) {
            tag_given = true;
            tag = tag.or_else(|| section.mid.clone());
            writer.transport(&mut media, &transport_lines(session));
            media.attributes.extend(writer.fingerprints());
            // RFC 9143, Section 9.3.1.2: the tagged section speaks for those of media.
            let speaks = muxes && matches!(body, Body::Data);
            media.attributes.extend(speaks.then_some(Attribute::RtcpMux));
        }
        match body {
            Body::Data => writer.data(&mut media),
            Body::Media(lines) => write::media(&mut media, *lines),
        }
        sections.push(media);
    }
    writer.description(attributes(writer, session, offer, bundled, &sections), sections)
}

enum Body {
    Data,
    Media(Box<MediaLines>),
}

/// What an accepted section says; `None` rejects it.
fn body(
    writer: &Writer<'_>,
    session: &Session,
    content: Content,
    media: &Media,
    offer: &SessionDescription,
) -> Option<Body> {
    match content {
        Content::Rejected => None,
        Content::Data(_) => Some(Body::Data),
        Content::Media(id) => {
            let one = session.transceiver(id)?;
            lines(writer, session, one, media, offer).map(|lines| Body::Media(Box::new(lines)))
        }
    }
}

fn lines(
    writer: &Writer<'_>,
    session: &Session,
    one: &Transceiver,
    media: &Media,
    offer: &SessionDescription,
) -> Option<MediaLines> {
    let capabilities = writer.config.capabilities(one.kind);
    // RFC 3264, Section 6.1: no more than what was offered, and no more than what we want.
    let direction = bundle::direction(media, offer).reversed().intersection(wanted(one));
    let ours = codecs::usable(capabilities, one, direction);
    let common = codecs::common(&ours, &media.codecs(), !one.preferences.is_empty());
    if common.is_empty() {
        return None;
    }
    let mut codecs: Vec<_> = common.into_iter().map(|common| common.theirs).collect();
    let mut numbers = session.numbers.clone();
    let mut extensions = codecs::common_extensions(capabilities, media, &mut numbers);
    // RFC 8888, Section 6: of several kinds of feedback that do the same, an answer should have one.
    if codecs.iter().any(|codec| codec.feedback.contains(&Feedback::AckCcfb)) {
        codecs.iter_mut().for_each(|codec| codec.feedback.retain(|one| *one != Feedback::TransportCc));
        extensions.retain(|one| one.uri != ExtensionUri::TransportWideCc);
    }
    let tagged = bundle::transport_section(offer, media);
    let has = |attribute: &Attribute| {
        media.has(attribute) || tagged.has(attribute) || offer.attributes.contains(attribute)
    };
    let rtcp = [Attribute::RtcpMux, Attribute::RtcpRsize].into_iter().filter(has).collect();
    let encodings = simulcast::answered(one, direction, media, &codecs, capabilities.max_encodings);
    Some(MediaLines {
        direction,
        streams: streams(one),
        extensions,
        sources: sources::lines(one, direction, &codecs, &encodings, writer.cname),
        encodings,
        codecs,
        rtcp,
    })
}

fn transport_lines(session: &Session) -> TransportLines {
    TransportLines {
        // RFC 8842, Section 5.3: an answer says which role we take.
        setup: match session.role {
            Some(DtlsRole::Server) => Setup::Passive,
            Some(DtlsRole::Client) | None => Setup::Active,
        },
        // RFC 8842, Section 5.3: only when the offer has one.
        tls_id: session.remote.as_ref().is_some_and(|remote| remote.tls_id.is_some()),
    }
}

fn attributes(
    writer: &Writer<'_>,
    session: &Session,
    offer: &SessionDescription,
    bundled: Option<Vec<Text>>,
    sections: &[Media],
) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    attributes.extend(bundled.map(|mids| write::group("BUNDLE", mids)));
    attributes.extend(lip_sync(session, offer, sections));
    // RFC 8285, Section 6.
    let mixed = offer.attributes.contains(&Attribute::ExtmapAllowMixed);
    attributes.extend(mixed.then_some(Attribute::ExtmapAllowMixed));
    attributes.extend(writer.local.ice_lite.then_some(Attribute::IceLite));
    // RFC 8829, Section 5.3.1: the options that the offer has.
    let offered = bundle::ice_options(offer);
    let options: Vec<&str> =
        bundle::ICE_OPTIONS.into_iter().filter(|option| offered.contains(option)).collect();
    if !options.is_empty() {
        attributes.push(Attribute::IceOptions(options.join(" ").into()));
    }
    attributes
}

/// RFC 8829, Section 5.3.1: of each offered group, our sections whose tracks share a stream or have none.
fn lip_sync(session: &Session, offer: &SessionDescription, sections: &[Media]) -> Vec<Attribute> {
    let live = session.sections.iter().zip(sections).filter(|(_, media)| media.port != 0);
    let ours = live.filter_map(|(section, media)| match section.content {
        Content::Media(id) => Some((media.mid()?, session.transceiver(id)?.sender.streams.as_slice())),
        Content::Rejected | Content::Data(_) => None,
    });
    let ours: BTreeMap<&str, &[Text]> = ours.collect();
    let offered = offer.attributes.iter().filter_map(|attribute| match attribute {
        Attribute::Group { semantics, mids } if semantics == "LS" => Some(mids),
        _ => None,
    });
    let groups = offered.take(MAX_LIP_SYNC_GROUPS).map(|mids| {
        let found = once(mids).filter_map(|mid| Some((mid, *ours.get(mid.as_str())?)));
        let found: Vec<(&Text, &[Text])> = found.collect();
        let shared = found.iter().map(|(_, streams)| *streams).find(|streams| !streams.is_empty());
        let shared = shared.unwrap_or_default();
        let fits = |(mid, streams): (&Text, &[Text])| {
            let fits = streams.is_empty() || streams.iter().any(|stream| shared.contains(stream));
            fits.then(|| mid.clone())
        };
        found.into_iter().filter_map(fits).collect::<Vec<_>>()
    });
    groups.filter(|mids| mids.len() > 1).map(|mids| write::group("LS", mids)).collect()
}

/// The most `LS` groups that an answer takes up.
const MAX_LIP_SYNC_GROUPS: usize = 32;

/// The sections of a group, each once.
fn once(mids: &[Text]) -> impl Iterator<Item = &Text> {
    let mut seen: BTreeSet<&Text> = BTreeSet::new();
    mids.iter().filter(move |mid| seen.insert(mid))
}
