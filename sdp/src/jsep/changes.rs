//! What the application of a description changes for tracks, told in the order of the W3C's "set the session
//! description".

use super::event::Event;
use super::section::Session;
use super::transceiver::{Life, Transceiver, TransceiverId};
use crate::{Direction, Text};

/// Events that wait for their description to be applied.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    muted: Vec<Event>,
    removed: Vec<Event>,
    added: Vec<Event>,
    tracks: Vec<Event>,
    ended: Vec<Event>,
}

impl Changes {
    /// W3C, "process remote tracks": `direction` as we see it, `streams` those the peer puts its track into.
    pub(crate) fn remote_track(&mut self, one: &mut Transceiver, direction: Direction, streams: Vec<Text>) {
        let transceiver = one.id;
        let fired = one.link.fired.is_some_and(Direction::receives);
        for stream in one.link.remote_streams.iter().filter(|old| !streams.contains(old)).cloned() {
            self.removed.push(Event::RemoveTrack { transceiver, stream });
        }
        let new = streams.iter().filter(|stream| !one.link.remote_streams.contains(stream));
        let before = self.added.len();
        self.added.extend(new.cloned().map(|stream| Event::AddTrack { transceiver, stream }));
        let more = self.added.len() > before;
        match direction.receives() {
            true if !fired || more => self.tracks.push(Event::Track(transceiver)),
            false if fired => self.muted.push(Event::Mute(transceiver)),
            true | false => {}
        }
        one.link.remote_streams = streams;
        one.link.fired = Some(direction);
    }

    /// Our answer has this direction. When it does not receive, the track leaves its streams; when it does again, after a
    /// provisional one that did not, the track comes back into `streams`.
    pub(crate) fn answered(
        &mut self,
        one: &mut Transceiver,
        direction: Direction,
        streams: impl FnOnce() -> Vec<Text>,
    ) {
        let fired = one.link.fired.is_some_and(Direction::receives);
        match direction.receives() {
            true if !fired => self.remote_track(one, direction, streams()),
            false if fired => self.remote_track(one, direction, Vec::new()),
            true | false => {}
        }
        one.link.fired = Some(direction);
    }

    /// W3C, "stop the RTCRtpTransceiver".
    pub(crate) fn stop(&mut self, session: &mut Session, id: TransceiverId) {
        let Some(one) = session.transceiver_mut(id).filter(|one| one.life != Life::Stopped) else { return };
        // One that we stop has told its end already.
        let ends = one.life == Life::Active;
        self.remote_track(one, Direction::Inactive, Vec::new());
        one.life = Life::Stopped;
        one.link.current_direction = None;
        self.ended.extend(ends.then_some(Event::Ended(id)));
    }

    /// The events, in order.
    pub(crate) fn into_events(self) -> impl Iterator<Item = Event> {
        let Self { muted, removed, added, tracks, ended } = self;
        muted.into_iter().chain(removed).chain(added).chain(tracks).chain(ended)
    }
}
