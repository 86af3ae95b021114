//! What a remote description makes of a session (RFC 8829, Sections 5.10 and 5.11). A refused one makes nothing.

use super::bundle::{acceptable, group_of, in_use, transport_section};
use super::error::DescriptionError;
use super::section::{DataSection, DtlsRole, RemoteTransport, Section, Session, Use};
use crate::Text;
use crate::attribute::Attribute;
use crate::media::{Media, fingerprints};
use crate::session::SessionDescription;
use crate::transport::Setup;

/// RFC 8841, Section 6: what holds without `max-message-size`.
const MAX_MESSAGE_SIZE: u64 = 65_536;
/// RFC 8841, Section 5: clients that leave the port out use this one.
const SCTP_PORT: u16 = 5000;

/// The session that an offer of the peer's proposes.
pub(crate) fn remote_offer(
    session: &Session,
    offer: &SessionDescription,
) -> Result<Session, DescriptionError> {
    if offer.media.len() < session.sections.len() {
        return Err(DescriptionError::SectionsMissing);
    }
    unique_mids(offer)?;
    let mut next = Session { sections: Vec::with_capacity(offer.media.len()), ..session.clone() };
    for (section, (media, acceptable)) in offer.media.iter().zip(acceptable(offer)).enumerate() {
        if session.sections.get(section).is_some_and(|old| !stays(old, media)) {
            return Err(DescriptionError::SectionMismatch { section });
        }
        let accepted = acceptable && media.is_data_channel() && !next.sections.iter().any(Section::is_data);
        let use_ = if accepted {
            let remote = remote_transport(offer, media, section)?;
            same_transport(session, &remote, section)?;
            next.role = Some(answering_role(session, media, section)?);
            next.bundled = media.mid().is_some_and(|mid| group_of(offer, mid).is_some());
            next.remote = Some(remote);
            Use::Data(data_section(media))
        } else {
            Use::Rejected
        };
        let line = Media::bare(media.kind.clone(), media.protocol.clone(), media.formats.clone());
        next.sections.push(Section { mid: media.mid().map(Text::from), line, use_ });
    }
    next.offerer = next.offerer.or(Some(false));
    Ok(next)
}

/// The session that an answer of the peer's makes of the one that we offered.
pub(crate) fn remote_answer(
    session: &Session,
    answer: &SessionDescription,
) -> Result<Session, DescriptionError> {
    let (offered, answered) = (session.sections.len(), answer.media.len());
    if offered != answered {
        return Err(DescriptionError::SectionCount { offered, answered });
    }
    let mut next = session.clone();
    for (section, (media, old)) in answer.media.iter().zip(&mut next.sections).enumerate() {
        if !same_line(old, media) || (media.mid().is_some() && media.mid() != old.mid.as_deref()) {
            return Err(DescriptionError::SectionMismatch { section });
        }
        if !in_use(media) {
            old.use_ = Use::Rejected;
            continue;
        }
        if old.use_ == Use::Rejected {
            return Err(DescriptionError::AcceptedRejected { section });
        }
        let remote = remote_transport(answer, media, section)?;
        same_transport(session, &remote, section)?;
        let role = offering_role(media, section)?;
        if session.role.is_some_and(|old| old != role) {
            return Err(DescriptionError::NewAssociation { section });
        }
        next.role = Some(role);
        next.remote = Some(remote);
        old.use_ = Use::Data(data_section(media));
    }
    Ok(next)
}

fn unique_mids(description: &SessionDescription) -> Result<(), DescriptionError> {
    let mut mids: Vec<(&str, usize)> = description
        .media
        .iter()
        .enumerate()
        .filter_map(|(section, media)| media.mid().map(|mid| (mid, section)))
        .collect();
    mids.sort_unstable();
    let repeated = mids.iter().zip(mids.iter().skip(1)).find(|(one, next)| one.0 == next.0);
    repeated.map_or(Ok(()), |(_, (_, section))| Err(DescriptionError::DuplicateMid { section: *section }))
}

/// Whether an offer's section may stand where `old` stood: the same one, or, where `old` was rejected, any (RFC 8829,
/// Section 5.2.2: recycled).
fn stays(old: &Section, media: &Media) -> bool {
    old.use_ == Use::Rejected || (same_line(old, media) && old.mid.as_deref() == media.mid())
}

fn same_line(old: &Section, media: &Media) -> bool {
    old.line.kind == media.kind && old.line.protocol == media.protocol
}

fn data_section(media: &Media) -> DataSection {
    DataSection {
        remote_port: media.sctp_port().unwrap_or(SCTP_PORT),
        max_message_size: match media.max_message_size() {
            None => Some(MAX_MESSAGE_SIZE),
            Some(0) => None,
            size => size,
        },
    }
}

fn remote_transport(
    description: &SessionDescription,
    media: &Media,
    section: usize,
) -> Result<RemoteTransport, DescriptionError> {
    let tagged = transport_section(description, media);
    // RFC 8839, Section 5.4, and RFC 8122, Section 5: what a section lacks holds from the session.
    let find = |wanted: fn(&Attribute) -> bool| {
        [&media.attributes, &tagged.attributes, &description.attributes]
            .into_iter()
            .find_map(|attributes| attributes.iter().find(|attribute| wanted(attribute)))
    };
    let missing = DescriptionError::MissingIceCredentials { section };
    let Some(Attribute::IceUfrag(ice_ufrag)) = find(|one| matches!(one, Attribute::IceUfrag(_))) else {
        return Err(missing);
    };
    let Some(Attribute::IcePwd(ice_pwd)) = find(|one| matches!(one, Attribute::IcePwd(_))) else {
        return Err(missing);
    };
    let fingerprints: Vec<_> = [&media.attributes, &tagged.attributes, &description.attributes]
        .into_iter()
        .map(|attributes| fingerprints(attributes).cloned().collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .ok_or(DescriptionError::MissingFingerprint { section })?;
    let options = find(|one| matches!(one, Attribute::IceOptions(_)));
    let trickle = matches!(options, Some(Attribute::IceOptions(words))
        if words.split_ascii_whitespace().any(|word| word == "trickle"));
    let end = [&media.attributes, &tagged.attributes, &description.attributes]
        .into_iter()
        .any(|attributes| attributes.contains(&Attribute::EndOfCandidates));
    let candidates = if media.candidates().next().is_some() { media } else { tagged }.candidates();
    Ok(RemoteTransport {
        ice_ufrag: ice_ufrag.clone(),
        ice_pwd: ice_pwd.clone(),
        ice_lite: description.attributes.contains(&Attribute::IceLite),
        trickle,
        fingerprints,
        tls_id: media.tls_id().or_else(|| tagged.tls_id()).map(Text::from),
        candidates: candidates.map(Text::from).collect(),
        // RFC 8838, Section 4: who does not trickle has sent all.
        end_of_candidates: end || !trickle,
    })
}

/// One transport serves the connection from its first answer on.
fn same_transport(session: &Session, new: &RemoteTransport, section: usize) -> Result<(), DescriptionError> {
    let Some(old) = &session.remote else { return Ok(()) };
    // RFC 8839, Section 4.4.1.1.1: other credentials are a restart.
    if old.ice_ufrag != new.ice_ufrag || old.ice_pwd != new.ice_pwd {
        return Err(DescriptionError::IceRestart { section });
    }
    let other_id = old.tls_id.is_some() && new.tls_id.is_some() && old.tls_id != new.tls_id;
    if other_id || old.fingerprints != new.fingerprints {
        return Err(DescriptionError::NewAssociation { section });
    }
    Ok(())
}

/// Our role in the answer to an offer. RFC 8842, Section 5.3: `active` is the recommended choice, and a later answer
/// keeps the role.
fn answering_role(session: &Session, media: &Media, section: usize) -> Result<DtlsRole, DescriptionError> {
    // RFC 4145, Section 4: the default is `active`.
    let wanted = match media.setup().unwrap_or(Setup::Active) {
        Setup::ActPass => session.role.unwrap_or(DtlsRole::Client),
        Setup::Active => DtlsRole::Server,
        Setup::Passive => DtlsRole::Client,
        Setup::HoldConn => return Err(DescriptionError::Setup { section }),
    };
    match session.role {
        Some(role) if role != wanted => Err(DescriptionError::NewAssociation { section }),
        _ => Ok(wanted),
    }
}

/// Our role when the peer answered our `actpass`.
fn offering_role(media: &Media, section: usize) -> Result<DtlsRole, DescriptionError> {
    match media.setup().unwrap_or(Setup::Active) {
        Setup::Active => Ok(DtlsRole::Server),
        Setup::Passive => Ok(DtlsRole::Client),
        Setup::ActPass | Setup::HoldConn => Err(DescriptionError::Setup { section }),
    }
}
