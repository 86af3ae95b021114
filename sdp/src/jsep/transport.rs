//! The peer's side of the transport, and the DTLS roles.

use super::bundle::transport_section;
use super::config::IceCredentials;
use super::error::DescriptionError;
use super::section::{DtlsRole, RemoteTransport, Session};
use crate::media::fingerprints;
use crate::{Attribute, Media, SessionDescription, Setup, Text};

/// What `description` says of the transport that `media` uses.
pub(crate) fn remote_transport(
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
    let has_option = |option| {
        matches!(options, Some(Attribute::IceOptions(words))
            if words.split_ascii_whitespace().any(|word| word == option))
    };
    let trickle = has_option("trickle");
    let end = [&media.attributes, &tagged.attributes, &description.attributes]
        .into_iter()
        .any(|attributes| attributes.contains(&Attribute::EndOfCandidates));
    let candidates = if media.candidates().next().is_some() { media } else { tagged }.candidates();
    Ok(RemoteTransport {
        ice: IceCredentials { ufrag: ice_ufrag.clone(), pwd: ice_pwd.clone() },
        ice_lite: description.attributes.contains(&Attribute::IceLite),
        trickle,
        renomination: has_option("renomination"),
        fingerprints,
        tls_id: media.tls_id().or_else(|| tagged.tls_id()).map(Text::from),
        candidates: candidates.map(Text::from).collect(),
        // RFC 8838, Section 4: who does not trickle has sent all.
        end_of_candidates: end || !trickle,
    })
}

impl Session {
    /// One DTLS association serves the connection from its first answer on.
    pub(crate) fn same_association(
        &self,
        new: &RemoteTransport,
        section: usize,
    ) -> Result<(), DescriptionError> {
        let Some(old) = &self.remote else { return Ok(()) };
        let other_id = old.tls_id.is_some() && new.tls_id.is_some() && old.tls_id != new.tls_id;
        if other_id || old.fingerprints != new.fingerprints {
            return Err(DescriptionError::NewAssociation { section });
        }
        Ok(())
    }

    /// RFC 8829, Section 5.10: the peer's credentials are others than in this session if and only if `ours` are, when the
    /// peer answers.
    pub(crate) fn answers_restart(
        &self,
        ours: &IceCredentials,
        new: &RemoteTransport,
        section: usize,
    ) -> Result<(), DescriptionError> {
        let Some(old) = &self.remote else { return Ok(()) };
        match (self.ice != *ours, old.ice != new.ice) {
            (true, false) => Err(DescriptionError::IceRestartIgnored { section }),
            (false, true) => Err(DescriptionError::IceRestart { section }),
            (true, true) | (false, false) => Ok(()),
        }
    }
}

/// Our role in the answer to an offer. RFC 8842, Section 5.3: `active` is the recommended choice, and a later answer
/// keeps the role.
pub(crate) fn answering_role(
    session: &Session,
    media: &Media,
    section: usize,
) -> Result<DtlsRole, DescriptionError> {
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
pub(crate) fn offering_role(media: &Media, section: usize) -> Result<DtlsRole, DescriptionError> {
    match media.setup().unwrap_or(Setup::Active) {
        Setup::Active => Ok(DtlsRole::Server),
        Setup::Passive => Ok(DtlsRole::Client),
        Setup::ActPass | Setup::HoldConn => Err(DescriptionError::Setup { section }),
    }
}
