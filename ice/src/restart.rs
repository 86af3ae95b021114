//! Restarts (RFC 8445, Section 9; RFC 8839, Section 4.4.1.1.1): a new session beside the one that works.
//!
//! 1. Until the new session has a pair that works, payload leaves on the session before, which keeps its consent.
//! 2. From then on the session before asks nothing more, but still answers checks, and its sources stay qualified: the
//!    peer may switch later. It goes [`RETENTION`] after the new session has a nominated pair and the peer has shown that
//!    it knows the new credentials, or else [`MAX_RETENTION`] after the switch.
//! 3. Should the new session fail, the agent has failed, whether the one before works or not: the peer has agreed to the
//!    restart, and keeps the old path no longer than we do.

use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::credentials::Credentials;
use crate::event::State;
use crate::session::Session;
use crate::timer::Timer;
use crate::transaction::Request;

/// How long the session before is kept once the restart is complete as far as can be seen from here: time for the peer's
/// last checks, and for payload on its way.
const RETENTION: Duration = Duration::from_secs(10);
/// How long it is kept after the switch at most: time for our description to reach the peer.
const MAX_RETENTION: Duration = Duration::from_secs(60);

impl Agent {
    /// Restarts ICE with these local credentials ([RFC 8445, Section 9]): candidates are gathered and announced anew, and
    /// everything that is said about the peer from now on belongs to the new session. The session before carries payload
    /// until the new one has a pair that works, and answers checks for some time after that. The role is kept.
    ///
    /// During a restart, and unless it has a working pair already, the newest session gives way to another: the agent
    /// keeps the one before that works. A failed agent is [`State::Checking`] again, which revives a connection whose
    /// consent was lost ([RFC 7675, Section 5.1]); a working one stays [`State::Connected`].
    ///
    /// Both the user name fragment and the password must be new; else nothing happens, nor does it after
    /// [`Self::close`].
    ///
    /// [RFC 8445, Section 9]: https://www.rfc-editor.org/rfc/rfc8445#section-9
    /// [RFC 7675, Section 5.1]: https://www.rfc-editor.org/rfc/rfc7675#section-5.1
    pub fn restart(&mut self, now: Instant, local: Credentials) {
        let now = self.advance(now);
        let is_known =
            |known: &Session| known.local.ufrag() == local.ufrag() || known.local.pwd() == local.pwd();
        if self.is_closed() || self.sessions().any(is_known) {
            return;
        }
        self.shared.requests.remove_where(Request::is_gathering);
        self.shared.gather_anew();
        let mut session = Session::new(&mut self.shared, local, self.session.remote_lite);
        session.nominated.is_agreed = self.session.nominated.is_agreed;
        let newest = Box::new(std::mem::replace(&mut self.session, session));
        let (kept, gone) = match self.previous.take() {
            Some(oldest) if outlives(&oldest, &newest) => (oldest, Some(newest)),
            oldest => (newest, oldest),
        };
        self.previous = Some(kept);
        if let Some(gone) = gone {
            self.forget_requests(&gone);
        }
        self.timers.set(Timer::Retirement, None);
        self.told.gathering_anew = true;
        self.told.previous = true;
        self.state = State::Checking;
        self.settle(now);
    }

    /// Goes back to the session before [`Self::restart`], whose description was not agreed to: a rollback
    /// ([RFC 8829, Section 4.1.10.2]). Its pairs, consent and candidates are as they were. Does nothing when there is
    /// none, or no longer ([`crate::Event::PreviousSessionEnded`]).
    ///
    /// [RFC 8829, Section 4.1.10.2]: https://www.rfc-editor.org/rfc/rfc8829#section-4.1.10.2
    pub fn abandon_restart(&mut self, now: Instant) {
        let now = self.advance(now);
        let Some(previous) = self.previous.take() else { return };
        let gone = std::mem::replace(&mut self.session, *previous);
        self.forget_requests(&gone);
        self.session.progress.quiet = false;
        self.timers.set(Timer::Retirement, None);
        self.told.gathering_anew = false;
        self.told.previous = false;
        if let Some(reason) = self.session.progress.failed {
            self.stop(State::Failed(reason));
        }
        self.settle(now);
    }

    /// Chooses the session that payload leaves in, and how long the one before is still needed.
    pub(crate) fn choose(&mut self, now: Instant) {
        let newest = self.session.progress.selected;
        let mut best = newest;
        if let Some(previous) = &mut self.previous {
            previous.progress.quiet = newest.is_some();
            best = newest.or(previous.progress.selected);
            let retirement = newest.map(|_| self.retirement(now));
            self.timers.set(Timer::Retirement, retirement);
        }
        if self.selected != best {
            self.selected = best;
            self.shared.stats.selected_pair_changes += u64::from(best.is_some());
        }
    }

    fn retirement(&self, now: Instant) -> Instant {
        let complete =
            self.session.progress.concluded && (self.session.progress.asked || self.session.remote_lite);
        let at = now + if complete { RETENTION } else { MAX_RETENTION };
        self.timers.get(Timer::Retirement).map_or(at, |planned| planned.min(at))
    }

    pub(crate) fn retire_previous(&mut self) {
        if let Some(previous) = self.previous.take() {
            self.forget_requests(&previous);
            let Self { shared, session, .. } = self;
            shared.close_streams_where(|source| {
                previous.checklist.at(source).is_some() && session.checklist.at(source).is_none()
            });
        }
    }

    fn forget_requests(&mut self, gone: &Session) {
        self.shared.requests.remove_where(|request| request.session() == Some(gone.id));
    }

    /// The peer's credentials in the session before.
    pub(crate) fn previous_remote(&self) -> Option<&Credentials> {
        let remote = self.previous.as_deref()?.remote.as_ref()?;
        Some(&remote.credentials)
    }

    /// Whether the peer's user name fragment is that of the session before, and not yet known of the newest one.
    pub(crate) fn is_stale(&self, ufrag: &str) -> bool {
        self.session.remote.is_none()
            && self.previous_remote().is_some_and(|credentials| credentials.ufrag() == ufrag)
    }
}

/// Whether, at another restart, the session before is to be kept rather than the newest: when it alone works, or when
/// neither does and the newest was never agreed to.
fn outlives(oldest: &Session, newest: &Session) -> bool {
    match (oldest.progress.selected, newest.progress.selected) {
        (_, Some(_)) => false,
        (Some(_), None) => true,
        (None, None) => newest.remote.is_none(),
    }
}
