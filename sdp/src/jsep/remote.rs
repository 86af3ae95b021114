//! What a description of the peer's makes of a session (RFC 8829, Sections 5.10 and 5.11). It works on a copy: a refused
//! one makes nothing.

use super::bundle::{self, acceptable, group_of, in_use};
use super::changes::Changes;
use super::codecs;
use super::config::Config;
use super::error::DescriptionError;
use super::numbers;
use super::section::{Content, DataSection, Section, Session};
use super::simulcast;
use super::transceiver::{Origin, TrackKind, Transceiver, TransceiverId};
use super::transport::{answering_role, offering_role, remote_transport};
use crate::{Attribute, Codec, Direction, Media, RidDirection, SessionDescription, Text};

/// RFC 8841, Section 6: what holds without `max-message-size`.
const MAX_MESSAGE_SIZE: u64 = 65_536;
/// RFC 8841, Section 5: clients that leave the port out use this one.
const SCTP_PORT: u16 = 5000;

/// The most streams that a track is put into.
const MAX_STREAMS: usize = 64;

/// Applies a description of the peer's to `session`.
pub(crate) struct Remote<'a> {
    pub(crate) config: &'a Config,
    pub(crate) description: &'a SessionDescription,
    pub(crate) changes: &'a mut Changes,
    /// The stream of tracks that come without `msid` (RFC 8829, Section 5.8.2).
    pub(crate) default_stream: &'a Text,
    /// Names for new transceivers and their tracks.
    pub(crate) names: &'a mut super::names::Names,
}

impl Remote<'_> {
    /// An offer.
    pub(crate) fn offer(&mut self, session: &mut Session, stable: &Session) -> Result<(), DescriptionError> {
        let offer = self.description;
        if offer.media.len() < session.sections.len() {
            return Err(DescriptionError::SectionsMissing);
        }
        unique_mids(offer)?;
        let flags = acceptable(offer);
        let mut data = false;
        let mut transport = None;
        for (section, (media, acceptable)) in offer.media.iter().zip(flags).enumerate() {
            if session.sections.get(section).is_some_and(|old| !stays(old, media)) {
                return Err(DescriptionError::SectionMismatch { section });
            }
            let usable = acceptable && self.is_usable(media) && !(media.is_data_channel() && data);
            data |= usable && media.is_data_channel();
            if usable {
                self.check(media, section)?;
                transport = transport.or(Some((media, section)));
            }
            let content = self.offered_content(session, media, section, usable);
            let new = Section::new(media.mid().map(Text::from), media, content);
            match session.sections.get_mut(section) {
                Some(old) => *old = new,
                None => session.sections.push(new),
            }
            session.numbers.learn(media);
        }
        if let Some((media, section)) = transport {
            let remote = remote_transport(offer, media, section)?;
            stable.same_association(&remote, section)?;
            session.role = Some(answering_role(stable, bundle::transport_section(offer, media), section)?);
            session.remote = Some(remote);
        }
        session.offerer = session.offerer.or(Some(false));
        Ok(())
    }

    /// Whether we can do something with a section.
    fn is_usable(&self, media: &Media) -> bool {
        let able = |kind| self.config.capabilities(kind).is_usable();
        media.is_data_channel() || (media.is_rtp() && TrackKind::of(&media.kind).is_some_and(able))
    }

    /// RFC 8829, Section 5.8.3: `rtcp-mux` must be there, with the section or with the one that serves it.
    fn check(&self, media: &Media, section: usize) -> Result<(), DescriptionError> {
        if !media.is_rtp() {
            return Ok(());
        }
        let tagged = bundle::transport_section(self.description, media);
        let mux = Attribute::RtcpMux;
        if !media.has(&mux) && !tagged.has(&mux) && !self.description.attributes.contains(&mux) {
            return Err(DescriptionError::MissingRtcpMux { section });
        }
        if numbers::collides_with_rtcp(media) {
            return Err(DescriptionError::PayloadType { section });
        }
        Ok(())
    }

    /// What an offered section is for, with its transceiver found or made.
    fn offered_content(
        &mut self,
        session: &mut Session,
        media: &Media,
        section: usize,
        usable: bool,
    ) -> Content {
        let known = session.sections.get(section).and_then(|old| match old.content {
            Content::Media(id) => Some(id),
            Content::Rejected | Content::Data(_) => None,
        });
        match (TrackKind::of(&media.kind).filter(|_| media.is_rtp()), usable) {
            (None, true) => Content::Data(Some(data_section(media))),
            (Some(kind), true) => {
                let id = known.or_else(|| self.find(session, media, kind));
                let id = id.unwrap_or_else(|| self.create(session, kind));
                self.associate(session, id, media);
                Content::Media(id)
            }
            (_, false) => {
                if let Some(id) = known.filter(|_| !in_use(media)) {
                    self.changes.stop(session, id);
                }
                Content::Rejected
            }
        }
    }

    /// RFC 8829, Section 5.10: a transceiver of `add_track` that has no section yet, when the peer wants to receive.
    fn find(&self, session: &Session, media: &Media, kind: TrackKind) -> Option<TransceiverId> {
        if !bundle::direction(media, self.description).receives() {
            return None;
        }
        let fits = |one: &&Transceiver| {
            one.kind == kind && one.origin == Origin::AddTrack && session.wants_section(one)
        };
        session.transceivers.iter().find(fits).map(|one| one.id)
    }

    fn create(&mut self, session: &mut Session, kind: TrackKind) -> TransceiverId {
        let one = self.names.transceiver(kind, Direction::RecvOnly, Origin::RemoteOffer);
        let id = one.id;
        session.transceivers.push(one);
        id
    }

    fn associate(&mut self, session: &mut Session, id: TransceiverId, media: &Media) {
        let known = session.transceiver(id).and_then(|one| one.link.mid.clone());
        // RFC 8829, Section 5.10: a section without mid is given one that stays ours.
        let mid = media.mid().map(Text::from).or(known).unwrap_or_else(|| session.unused_mid(&[]));
        self.release(session, id, &mid);
        let direction = bundle::direction(media, self.description).reversed();
        let streams = streams(media, direction, self.default_stream);
        let Some(one) = session.transceiver_mut(id) else { return };
        one.link.mid = Some(mid);
        let max = self.config.capabilities(one.kind).max_encodings;
        one.sender.propose(simulcast::proposed(media, max));
        self.changes.remote_track(one, direction, streams);
    }

    /// Ends a transceiver that had this mid in an offer that was replaced before it was answered.
    fn release(&mut self, session: &mut Session, id: TransceiverId, mid: &Text) {
        let had = |one: &&Transceiver| one.id != id && one.link.mid.as_ref() == Some(mid);
        while let Some(other) = session.transceivers.iter().find(had).map(|one| one.id) {
            self.changes.stop(session, other);
            if let Some(one) = session.transceiver_mut(other) {
                one.link.mid = None;
            }
        }
    }

    /// An answer, or a provisional one. `offer` is ours, `stable` what was before it.
    pub(crate) fn answer(
        &mut self,
        session: &mut Session,
        stable: &Session,
        offer: &SessionDescription,
    ) -> Result<(), DescriptionError> {
        let answer = self.description;
        let (offered, answered) = (offer.media.len(), answer.media.len());
        if offered != answered {
            return Err(DescriptionError::SectionCount { offered, answered });
        }
        let first = answer.media.iter().find(|media| in_use(media));
        let group = first.and_then(|first| group_of(answer, first.mid()?));
        let mut transport = None;
        for (section, (media, proposal)) in answer.media.iter().zip(&offer.media).enumerate() {
            same_section(proposal, media, section)?;
            if !in_use(media) {
                self.rejected(session, section);
                continue;
            }
            if !in_use(proposal) {
                return Err(DescriptionError::AcceptedRejected { section });
            }
            let bundled =
                media.mid().is_some_and(|mid| group.is_some_and(|mids| mids.iter().any(|one| one == mid)));
            if transport.is_some() && !bundled {
                return Err(DescriptionError::NotBundled { section });
            }
            self.check(media, section)?;
            transport = transport.or(Some((media, section)));
            self.accepted(session, media, proposal, section)?;
            session.numbers.learn(media);
        }
        if let Some((media, section)) = transport {
            let remote = remote_transport(answer, media, section)?;
            stable.same_association(&remote, section)?;
            stable.answers_restart(&session.ice, &remote, section)?;
            let role = offering_role(bundle::transport_section(answer, media), section)?;
            if stable.role.is_some_and(|old| old != role) {
                return Err(DescriptionError::NewAssociation { section });
            }
            session.role = Some(role);
            session.remote = Some(remote);
        }
        let live = |mid: &&Text| {
            session.sections.iter().any(|section| section.is_live() && section.mid.as_ref() == Some(*mid))
        };
        session.bundle = group.unwrap_or_default().iter().filter(live).cloned().collect();
        Ok(())
    }

    fn rejected(&mut self, session: &mut Session, section: usize) {
        let Some(old) = session.sections.get_mut(section) else { return };
        if let Content::Media(id) = std::mem::replace(&mut old.content, Content::Rejected) {
            self.changes.stop(session, id);
        }
    }

    fn accepted(
        &mut self,
        session: &mut Session,
        media: &Media,
        proposal: &Media,
        section: usize,
    ) -> Result<(), DescriptionError> {
        let Some(old) = session.sections.get_mut(section) else { return Ok(()) };
        match &mut old.content {
            Content::Rejected => return Err(DescriptionError::AcceptedRejected { section }),
            Content::Data(data) => *data = Some(data_section(media)),
            Content::Media(id) => {
                let id = *id;
                if let Some(one) = session.transceivers.iter_mut().find(|one| one.id == id) {
                    self.accepted_media(one, media, proposal, section)?;
                }
            }
        }
        Ok(())
    }

    fn accepted_media(
        &mut self,
        one: &mut Transceiver,
        media: &Media,
        proposal: &Media,
        section: usize,
    ) -> Result<(), DescriptionError> {
        let proposed = proposal.direction().unwrap_or(Direction::SendRecv);
        let direction = bundle::direction(media, self.description).reversed();
        // RFC 3264, Section 6.1.
        if direction.intersection(proposed) != direction {
            return Err(DescriptionError::AnswerDirection { section });
        }
        let common = codecs::common(&proposal.codecs(), &media.codecs(), false);
        if common.is_empty() {
            return Err(DescriptionError::NoCommonCodec { section });
        }
        let streams = streams(media, direction, self.default_stream);
        let extensions = codecs::answered_extensions(proposal, media);
        // The feedback agreed on holds both ways.
        let both = |common: codecs::Common| {
            let feedback = common.theirs.feedback.clone();
            (common.theirs, Codec { feedback, ..common.ours })
        };
        let (send, receive) = common.into_iter().map(both).unzip();
        one.link.send_codecs = send;
        one.link.receive_codecs = receive;
        one.link.extensions = extensions;
        one.link.reduced_size = proposal.has(&Attribute::RtcpRsize) && media.has(&Attribute::RtcpRsize);
        one.link.receive_rids = simulcast::rids(media, RidDirection::Send);
        one.sender.keep(&simulcast::rids(media, RidDirection::Recv));
        self.changes.remote_track(one, direction, streams);
        one.agree(direction);
        Ok(())
    }
}

/// The streams that a section of the peer's puts its track into (RFC 8830, Section 3).
pub(crate) fn streams(media: &Media, direction: Direction, default_stream: &Text) -> Vec<Text> {
    if !direction.receives() {
        return Vec::new();
    }
    let mut streams: Vec<Text> = Vec::new();
    let mut any = false;
    for msid in media.msids().take(MAX_STREAMS) {
        any = true;
        streams.extend(msid.stream.clone().filter(|stream| !streams.contains(stream)));
    }
    if any { streams } else { vec![default_stream.clone()] }
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
    !old.is_live()
        || (old.line.kind == media.kind
            && same_transport(&old.line, media)
            && old.mid.as_deref() == media.mid())
}

/// RFC 8829, Section 5.1.2: a profile says RTP or SCTP and no more; later offers say it the right way.
fn same_transport(old: &Media, new: &Media) -> bool {
    old.protocol == new.protocol
        || (old.is_rtp() && new.is_rtp())
        || (old.is_data_channel() && new.is_data_channel())
}

/// RFC 8829, Section 5.8.3: an answer's section is of the kind, protocol and mid that the offer's is.
fn same_section(proposal: &Media, media: &Media, section: usize) -> Result<(), DescriptionError> {
    let same = proposal.kind == media.kind
        && proposal.protocol == media.protocol
        && (media.mid().is_none() || media.mid() == proposal.mid());
    if same { Ok(()) } else { Err(DescriptionError::SectionMismatch { section }) }
}

fn data_section(media: &Media) -> DataSection {
    DataSection {
        remote_port: media.sctp_port().or_else(|| media.sctpmap_port()).unwrap_or(SCTP_PORT),
        max_message_size: match media.max_message_size() {
            None => Some(MAX_MESSAGE_SIZE),
            Some(0) => None,
            size => size,
        },
    }
}
