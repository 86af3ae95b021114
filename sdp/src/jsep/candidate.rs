//! Candidates, ours and those signalled one by one (RFC 8838; W3C `RTCIceCandidateInit`), and what is known of the
//! transport.

use super::bundle::{ice_options, transport_section};
use super::error::CandidateError;
use super::negotiator::Negotiator;
use super::section::{DataSection, DtlsRole, RemoteTransport};
use super::state::SignalingState;
use crate::{Attribute, SessionDescription, Text};

/// The most candidates of one generation that a description takes.
const MAX_CANDIDATES: usize = 256;

/// A candidate of the peer's, as signalling carried it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IceCandidate {
    /// `candidate:...`, or empty for the end of candidates.
    pub candidate: Text,
    /// The section's identification.
    pub sdp_mid: Option<Text>,
    /// The section's index, used when there is no identification.
    pub sdp_m_line_index: Option<u16>,
    /// The generation that it belongs to.
    pub username_fragment: Option<Text>,
}

/// What is to be done with a candidate of the peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteCandidate {
    /// Give it to the ICE agent: what stands behind `candidate:`.
    Add(Text),
    /// No more will come.
    End,
    /// Nothing: its section is not in use, or it belongs to an ICE restart that is not agreed on yet, and will be among
    /// the candidates of [`remote_transport`](super::Negotiator::remote_transport).
    Ignore,
}

/// What stands behind `candidate:`, however the attribute was written; `None` for the end.
pub(crate) fn value(candidate: &str) -> Option<Text> {
    let line = candidate.trim();
    let line = line.strip_prefix("a=").unwrap_or(line);
    let value = line.strip_prefix("candidate:").unwrap_or(line);
    (!value.is_empty() && value != "end-of-candidates").then(|| value.into())
}

/// Candidates of ours, of one generation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    pub(crate) ufrag: Text,
    candidates: Vec<Text>,
    complete: bool,
}

impl Negotiator {
    /// Adds a gathered candidate (what stands behind `candidate:`) to our descriptions with this user name fragment.
    pub fn add_local_candidate(&mut self, ufrag: &str, candidate: Text) {
        self.gathered_with(ufrag, |one| one.candidates.push(candidate));
    }

    /// Says in our descriptions with this user name fragment that all candidates are in them.
    pub fn end_of_local_candidates(&mut self, ufrag: &str) {
        self.gathered_with(ufrag, |one| one.complete = true);
    }

    fn gathered_with(&mut self, ufrag: &str, change: impl FnOnce(&mut Gathered)) {
        if let Some(one) = self.gathered.iter_mut().find(|one| one.ufrag == ufrag) {
            return change(one);
        }
        let mut one = Gathered { ufrag: ufrag.into(), ..Gathered::default() };
        change(&mut one);
        self.gathered.push(one);
    }

    pub(crate) fn with_candidates(&self, mut description: SessionDescription) -> SessionDescription {
        for media in &mut description.media {
            let Some(gathered) = self.gathered.iter().find(|one| media.ice_ufrag() == Some(&one.ufrag))
            else {
                continue;
            };
            media.attributes.extend(gathered.candidates.iter().cloned().map(Attribute::Candidate));
            media.attributes.extend(gathered.complete.then_some(Attribute::EndOfCandidates));
        }
        description
    }

    /// Takes a candidate that the peer signalled into its description, and says what is to be done with it.
    pub fn add_remote_candidate(
        &mut self,
        candidate: &IceCandidate,
    ) -> Result<RemoteCandidate, CandidateError> {
        let nowhere = candidate.sdp_mid.is_none() && candidate.sdp_m_line_index.is_none();
        // W3C: only the end of candidates may leave both out.
        if nowhere && !candidate.candidate.is_empty() {
            return Err(CandidateError::NoSection);
        }
        if self.state == SignalingState::Closed {
            return Err(CandidateError::Closed);
        }
        let newest = self.remote_description().ok_or(CandidateError::NoRemoteDescription)?;
        let section = section_of(newest, candidate)?;
        let effective = self.remote_transport().map(|remote| remote.ice.ufrag.clone());
        let ufrag = match &candidate.username_fragment {
            Some(ufrag) => ufrag.clone(),
            None => match ufrag_of(newest, section) {
                Some(ufrag) => ufrag,
                None => return Ok(RemoteCandidate::Ignore),
            },
        };
        let value = value(&candidate.candidate);
        let Self { round, current, .. } = self;
        let pending = round.as_mut().and_then(|round| round.remote.as_mut());
        let mut known = false;
        for description in pending.into_iter().chain(current.as_mut().map(|current| &mut current.remote)) {
            if ufrag_of(description, section).as_ref() == Some(&ufrag) {
                known = true;
                put(description, section, value.as_ref());
                break;
            }
        }
        // RFC 8838, Section 4.4: a candidate of another generation is not for this session.
        if !known {
            return Err(CandidateError::UnknownGeneration);
        }
        self.remember(&ufrag, value.as_ref());
        if effective.as_ref() != Some(&ufrag) {
            return Ok(RemoteCandidate::Ignore);
        }
        Ok(value.map_or(RemoteCandidate::End, RemoteCandidate::Add))
    }

    fn remember(&mut self, ufrag: &Text, value: Option<&Text>) {
        let stable = self.round.as_mut().and_then(|round| round.stable.remote.as_mut());
        for remote in self.session.remote.as_mut().into_iter().chain(stable) {
            if remote.ice.ufrag != *ufrag {
                continue;
            }
            match value {
                Some(value) if remote.candidates.len() < MAX_CANDIDATES => {
                    remote.candidates.push(value.clone())
                }
                Some(_) => {}
                None => remote.end_of_candidates = true,
            }
        }
    }

    /// The peer's side of the transport that goes with our newest ICE credentials, once a description of the peer's is set:
    /// an ICE restart that we offer has none before it is answered, and one that the peer offers counts with our answer.
    #[must_use]
    pub fn remote_transport(&self) -> Option<&RemoteTransport> {
        match (self.state, &self.round) {
            (SignalingState::HaveLocalOffer, Some(round)) if round.stable.ice != self.session.ice => None,
            (SignalingState::HaveRemoteOffer, Some(round)) if self.is_restarted_by_peer() => {
                round.stable.remote.as_ref()
            }
            _ => self.session.remote.as_ref(),
        }
    }

    /// Whether the peer takes candidates after its description, once there is one (W3C `canTrickleIceCandidates`).
    #[must_use]
    pub fn can_trickle_ice_candidates(&self) -> Option<bool> {
        self.remote_description().map(|description| ice_options(description).contains(&"trickle"))
    }

    /// The identification of the section that our candidates belong to, once a description of ours with our newest ICE
    /// credentials is set.
    #[must_use]
    pub fn local_transport_mid(&self) -> Option<&str> {
        let pending = self.round.as_ref().and_then(|round| round.local.as_ref());
        let local = pending.or_else(|| self.current.as_ref().map(|current| &current.local))?;
        let ufrag = Some(self.session.ice.ufrag.as_str());
        local.media.iter().find(|media| media.ice_ufrag() == ufrag)?.mid().or(Some(""))
    }

    /// Our DTLS role, once an answer is set.
    #[must_use]
    pub fn dtls_role(&self) -> Option<DtlsRole> {
        self.answered().role
    }

    /// Whether we made the first offer (then we control ICE, RFC 8445, Section 6.1.1), once there is one.
    #[must_use]
    pub fn is_offerer(&self) -> Option<bool> {
        self.session.offerer
    }

    /// What was agreed for data channels, once an answer is set.
    #[must_use]
    pub fn data(&self) -> Option<DataSection> {
        self.answered().data()
    }
}

/// The section that a candidate names; `None` is all of them.
fn section_of(
    description: &SessionDescription,
    candidate: &IceCandidate,
) -> Result<Option<usize>, CandidateError> {
    let section = match (&candidate.sdp_mid, candidate.sdp_m_line_index) {
        (Some(mid), _) => description.media.iter().position(|media| media.mid() == Some(mid)),
        (None, Some(index)) => Some(usize::from(index)).filter(|index| *index < description.media.len()),
        (None, None) => return Ok(None),
    };
    section.map(Some).ok_or(CandidateError::UnknownSection)
}

fn ufrag_of(description: &SessionDescription, section: Option<usize>) -> Option<Text> {
    let media = match section {
        Some(index) => description.media.get(index)?,
        None => description.media.iter().find(|media| media.port != 0)?,
    };
    let own = transport_section(description, media).ice_ufrag().map(Text::from);
    let of_session = || {
        description.attributes.iter().find_map(|attribute| match attribute {
            Attribute::IceUfrag(ufrag) => Some(ufrag.clone()),
            _ => None,
        })
    };
    own.or_else(of_session)
}

/// Writes a candidate, or the end of them, into a section, or the end into all.
fn put(description: &mut SessionDescription, section: Option<usize>, value: Option<&Text>) {
    let sections = description.media.iter_mut().enumerate();
    for (_, media) in sections.filter(|(index, _)| section.is_none_or(|wanted| wanted == *index)) {
        match value {
            Some(value) if media.candidates().count() < MAX_CANDIDATES => {
                media.attributes.push(Attribute::Candidate(value.clone()));
            }
            None if !media.has(&Attribute::EndOfCandidates) => {
                media.attributes.push(Attribute::EndOfCandidates)
            }
            Some(_) | None => {}
        }
    }
}
