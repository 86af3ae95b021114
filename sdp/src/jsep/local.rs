//! What our own description makes of a session (RFC 8829, Sections 5.9 and 5.11).

use super::changes::Changes;
use super::config::Config;
use super::remote::streams;
use super::section::{Content, Section, Session};
use super::simulcast;
use super::transceiver::Transceiver;
use crate::{Attribute, Codec, Direction, Media, RidDirection, SessionDescription, Text};

/// Applies an offer that was made of `plan`.
pub(crate) fn offer(session: &mut Session, plan: &[Section], description: &SessionDescription) {
    let made = plan.iter().zip(&description.media);
    session.sections = made.map(|(one, media)| Section::new(one.mid.clone(), media, one.content)).collect();
    session.offerer = session.offerer.or(Some(true));
    for (section, media) in plan.iter().zip(&description.media) {
        session.numbers.learn(media);
        let Content::Media(id) = section.content else { continue };
        if let Some(one) = session.transceiver_mut(id) {
            one.link.mid.clone_from(&section.mid);
        }
    }
}

/// Applies an answer of ours, or a provisional one.
pub(crate) struct Answer<'a> {
    pub(crate) config: &'a Config,
    pub(crate) description: &'a SessionDescription,
    /// What it answers.
    pub(crate) offer: &'a SessionDescription,
    pub(crate) changes: &'a mut Changes,
    /// The stream of tracks that come without `msid` (RFC 8829, Section 5.8.2).
    pub(crate) default_stream: &'a Text,
}

impl Answer<'_> {
    pub(crate) fn apply(&mut self, session: &mut Session) {
        for (index, (media, offered)) in self.description.media.iter().zip(&self.offer.media).enumerate() {
            let Some(section) = session.sections.get_mut(index) else { continue };
            if media.port == 0 {
                if let Content::Media(id) = std::mem::replace(&mut section.content, Content::Rejected) {
                    self.changes.stop(session, id);
                }
            } else if let Content::Media(id) = section.content {
                session.numbers.learn(media);
                if let Some(one) = session.transceiver_mut(id) {
                    self.accepted(one, media, offered);
                }
            }
        }
        session.bundle = self.description.bundle_groups().next().unwrap_or_default().to_vec();
    }

    fn accepted(&mut self, one: &mut Transceiver, media: &Media, offered: &Media) {
        let direction = media.direction().unwrap_or(Direction::SendRecv);
        let codecs = media.codecs();
        // RFC 8829, Section 5.11: sent is what the peer prefers.
        let order: Vec<Codec> = offered.codecs();
        let mut send = codecs.clone();
        send.sort_by_key(|codec| order.iter().position(|one| one.payload_type == codec.payload_type));
        let able = &self.config.capabilities(one.kind).codecs;
        send.retain(|codec| able.iter().any(|able| able.direction.sends() && able.codec.matches(codec)));
        one.link.send_codecs = send;
        one.link.receive_codecs = codecs;
        one.link.extensions = media.extensions().cloned().collect();
        one.link.reduced_size = media.has(&Attribute::RtcpRsize);
        one.link.receive_rids = simulcast::rids(media, RidDirection::Recv);
        one.sender.keep(&simulcast::rids(media, RidDirection::Send));
        self.changes.answered(one, direction, || streams(offered, direction, self.default_stream));
        one.agree(direction);
    }
}
