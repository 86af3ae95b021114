//! Whether an offer is due (W3C, "check if negotiation is needed").

use super::bundle::{self, in_use};
use super::negotiator::Current;
use super::section::{Content, Session};
use super::state::SdpType;
use super::transceiver::{Life, Transceiver};
use crate::{Direction, Media, Text};

/// Whether `session`, in the state `stable`, differs from what was agreed on for its transceivers.
pub(crate) fn of_transceivers(session: &Session, agreed: Option<&Current>) -> bool {
    session.transceivers.iter().any(|one| of_transceiver(session, one, agreed))
}

fn of_transceiver(session: &Session, one: &Transceiver, agreed: Option<&Current>) -> bool {
    let place = session.sections.iter().position(|section| section.content == Content::Media(one.id));
    match one.life {
        Life::Stopping => return true,
        Life::Stopped => return place.is_some(),
        Life::Active => {}
    }
    let (Some(index), Some(agreed)) = (place, agreed) else { return true };
    let (Some(local), Some(remote)) = (agreed.local.media.get(index), agreed.remote.media.get(index)) else {
        return true;
    };
    if one.direction.sends() && !has_streams(local, &one.sender.streams) {
        return true;
    }
    let ours = local.direction().unwrap_or(Direction::SendRecv);
    let theirs = bundle::direction(remote, &agreed.remote).reversed();
    match agreed.local_kind {
        SdpType::Offer => ours != one.direction && (theirs != one.direction || !in_use(remote)),
        _ => ours != one.direction.intersection(theirs),
    }
}

/// Whether the `msid`s of our section are those of the sender's streams.
fn has_streams(media: &Media, streams: &[Text]) -> bool {
    let mut any = false;
    let mut told = 0;
    for msid in media.msids() {
        any = true;
        if let Some(stream) = &msid.stream {
            told += 1;
            if !streams.contains(stream) {
                return false;
            }
        }
    }
    any && told == streams.len()
}
