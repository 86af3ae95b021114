//! What need not be asked again: a media server polls a connection for each packet that it forwards, and nearly always only
//! the media has something to say.

use crate::peer_connection::{PeerConnection, Phase};
use duologue_ice as ice;
use std::time::Instant;

/// What the layers beside media last said. Whatever may change that, which is everything but media, wakes them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quiet {
    /// Set once they had nothing to send.
    sending: Option<Sending>,
    /// Set once they had nothing to tell.
    nothing_to_tell: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sending {
    /// Where media goes.
    path: ice::SendingPath,
    /// When they want to be woken.
    deadline: Option<Instant>,
}

impl PeerConnection {
    /// Something comes that is not media: time moves on, and every layer is asked again.
    pub(crate) fn wake(&mut self, now: Instant) -> Instant {
        self.quiet = Quiet::default();
        self.advance(now)
    }

    /// Media has come, which may bring the layers' next deadline forward: that of ICE, which heeds whether it keeps coming.
    pub(crate) fn hasten(&mut self) {
        if let Some(Sending { deadline, .. }) = &mut self.quiet.sending {
            *deadline = deadline.iter().copied().chain(self.ice.poll_timeout()).min();
        }
    }

    /// Where media goes, when nothing else has anything to send before it.
    pub(crate) fn quiet_path(&self, now: Instant) -> Option<ice::SendingPath> {
        let Sending { path, deadline } = self.quiet.sending?;
        debug_assert_eq!(self.ice.sending_path(), Some(path));
        deadline.is_none_or(|deadline| deadline > now).then_some(path)
    }

    /// Whether no layer has anything to send, as far as that is known without asking them.
    pub(crate) fn nothing_to_send(&self, now: Instant) -> bool {
        self.phase == Phase::Running
            && self.quiet_path(now).is_some()
            && self.media.session.nothing_to_send(now)
    }

    /// When the layers beside media want to be woken, if that is known.
    pub(crate) fn quiet_deadline(&self) -> Option<Option<Instant>> {
        let Sending { deadline, .. } = self.quiet.sending?;
        // Media may put deadlines off; being asked too early does no harm.
        debug_assert!(
            self.deadline_beside_media().is_none_or(|due| deadline.is_some_and(|deadline| deadline <= due))
        );
        Some(deadline)
    }

    /// Whether the layers beside media have nothing to tell.
    pub(crate) fn nothing_to_tell(&mut self) -> bool {
        debug_assert!(
            !self.quiet.nothing_to_tell
                || (self.events.is_empty()
                    && self.signalling.poll_event().is_none()
                    && self.channels.poll_event().is_none())
        );
        self.quiet.nothing_to_tell
    }

    /// None of the layers had anything to send.
    pub(crate) fn nothing_sent(&mut self) {
        if let (Phase::Running, Some(path)) = (self.phase, self.ice.sending_path()) {
            let deadline = self.deadline_beside_media();
            self.quiet.sending = Some(Sending { path, deadline });
        }
    }

    /// None of the layers had anything to tell.
    pub(crate) fn nothing_told(&mut self) {
        self.quiet.nothing_to_tell = self.phase == Phase::Running;
    }
}
