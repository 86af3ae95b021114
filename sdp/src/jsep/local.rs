//! What our own description makes of a session (RFC 8829, Sections 5.9 and 5.11).

use super::changes::Changes;
use super::config::Config;
use super::section::{Content, Section, Session};
use super::simulcast;
use crate::{Attribute, Codec, Direction, Media, RidDirection, SessionDescription};

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

/// Applies an answer, or a provisional one, to the offer `offer`.
pub(crate) fn answer(
    config: &Config,
    session: &mut Session,
    description: &SessionDescription,
    offer: &SessionDescription,
    changes: &mut Changes,
) {
    for (index, (media, offered)) in description.media.iter().zip(&offer.media).enumerate() {
        let Some(section) = session.sections.get_mut(index) else { continue };
        if media.port == 0 {
            if let Content::Media(id) = std::mem::replace(&mut section.content, Content::Rejected) {
                changes.stop(session, id);
            }
        } else if let Content::Media(id) = section.content {
            session.numbers.learn(media);
            answered(config, session, id, media, offered, changes);
        }
    }
    session.bundle = description.bundle_groups().next().unwrap_or_default().to_vec();
}

fn answered(
    config: &Config,
    session: &mut Session,
    id: super::transceiver::TransceiverId,
    media: &Media,
    offered: &Media,
    changes: &mut Changes,
) {
    let Some(one) = session.transceiver_mut(id) else { return };
    let direction = media.direction().unwrap_or(Direction::SendRecv);
    let codecs = media.codecs();
    // RFC 8829, Section 5.11: sent is what the peer prefers.
    let order: Vec<Codec> = offered.codecs();
    let mut send = codecs.clone();
    send.sort_by_key(|codec| order.iter().position(|one| one.payload_type == codec.payload_type));
    let able = &config.capabilities(one.kind).codecs;
    send.retain(|codec| able.iter().any(|able| able.direction.sends() && able.codec.matches(codec)));
    one.link.send_codecs = send;
    one.link.receive_codecs = codecs;
    one.link.extensions = media.extensions().cloned().collect();
    one.link.reduced_size = media.has(&Attribute::RtcpRsize);
    one.link.receive_rids = simulcast::rids(media, RidDirection::Recv);
    one.sender.keep(&simulcast::rids(media, RidDirection::Send));
    changes.not_receiving(one, direction);
    one.agree(direction);
}
