//! The ends of an association: SHUTDOWN and ABORT.
//!
//! 1. One side shuts down: its queued data leaves and is acknowledged; it sends SHUTDOWN.
//! 2. The other side's data leaves and is acknowledged; it sends SHUTDOWN ACK.
//! 3. SHUTDOWN COMPLETE ends both.

use std::time::{Duration, Instant};

use crate::association::Association;
use crate::event::{CloseReason, Discard};
use crate::packet::Causes;
use crate::state::{Control, Farewell, State};
use crate::timer::Timer;

/// How long the last packet may wait to be polled.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

impl Association {
    /// Ends the association once all queued messages have arrived at the peer. New messages are refused from now on;
    /// those that the peer still sends can be received.
    ///
    /// Source: [RFC 9260, Section 9.2](https://www.rfc-editor.org/rfc/rfc9260#section-9.2).
    pub fn shutdown(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.state {
            State::Established(peer) => {
                self.state = State::ShutdownPending(peer);
                self.advance_shutdown(now);
            }
            State::Closed | State::CookieWait { .. } => self.end(CloseReason::Shutdown),
            State::CookieEchoed { .. } => self.abort_with(now, None, CloseReason::Aborted),
            State::ShutdownPending(_)
            | State::ShutdownSent { .. }
            | State::ShutdownReceived(_)
            | State::ShutdownAckSent { .. }
            | State::Leaving { .. }
            | State::Ended(_) => {}
        }
    }

    /// Ends the association at once; the peer is told by one ABORT, unsent messages are dropped.
    ///
    /// Source: [RFC 9260, Section 9.1](https://www.rfc-editor.org/rfc/rfc9260#section-9.1).
    pub fn abort(&mut self, now: Instant) {
        let now = self.advance(now);
        let cause = crate::packet::cause::USER_INITIATED_ABORT;
        self.abort_with(now, Some(cause), CloseReason::Aborted);
    }

    pub(crate) fn abort_with(&mut self, now: Instant, cause: Option<u16>, reason: CloseReason) {
        if self.state.is_over() {
            return;
        }
        match self.state.peer() {
            Some(peer) => self.leave(now, reason, Farewell::Abort { tag: peer.tag, cause }),
            None => self.end(reason),
        }
    }

    fn leave(&mut self, now: Instant, reason: CloseReason, farewell: Farewell) {
        self.drop_work();
        self.timers.set(Timer::Farewell, now + FAREWELL_TIME);
        self.state = State::Leaving { reason, farewell };
    }

    /// Ends with nothing more to say.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        self.drop_work();
        self.state = State::Ended(reason);
    }

    fn drop_work(&mut self) {
        self.timers.stop_all();
        self.due.clear();
        self.reply = None;
        self.error = None;
        self.tx.clear();
    }

    /// Goes on with a shutdown once all data is acknowledged.
    pub(crate) fn advance_shutdown(&mut self, now: Instant) {
        if !self.tx.is_idle() {
            return;
        }
        match self.state {
            State::ShutdownPending(peer) => {
                self.state = State::ShutdownSent { attempts: 0, peer };
                self.due.add(Control::Shutdown);
            }
            State::ShutdownReceived(peer) => {
                self.state = State::ShutdownAckSent { attempts: 0, peer };
                self.due.add(Control::ShutdownAck);
            }
            _ => return,
        }
        for timer in [Timer::Retransmission, Timer::Heartbeat, Timer::Reconfig] {
            self.timers.stop(timer);
        }
        self.timers.set(Timer::Handshake, now + self.tx.rto.current());
    }

    /// T2-shutdown expired.
    pub(crate) fn shutdown_timed_out(&mut self, now: Instant) {
        let (attempts, control) = match &mut self.state {
            State::ShutdownSent { attempts, .. } => (attempts, Control::Shutdown),
            State::ShutdownAckSent { attempts, .. } => (attempts, Control::ShutdownAck),
            _ => return,
        };
        *attempts = attempts.saturating_add(1);
        if self.config.max_retransmissions.is_some_and(|most| *attempts > most) {
            self.abort_with(now, None, CloseReason::PeerUnreachable);
            return;
        }
        self.due.add(control);
        self.tx.rto.back_off();
        self.timers.set(Timer::Handshake, now + self.tx.rto.current());
    }

    pub(crate) fn handle_shutdown(&mut self, now: Instant, cum: u32) -> Result<(), Discard> {
        match self.state {
            State::Established(peer) | State::ShutdownPending(peer) => {
                self.state = State::ShutdownReceived(peer);
                self.acknowledge_up_to(now, cum);
                self.advance_shutdown(now);
                Ok(())
            }
            State::ShutdownReceived(_) => {
                self.acknowledge_up_to(now, cum);
                self.advance_shutdown(now);
                Ok(())
            }
            // RFC 9260, Section 9.2: both sides shut down at once.
            State::ShutdownSent { peer, .. } => {
                self.state = State::ShutdownAckSent { attempts: 0, peer };
                self.due.take(Control::Shutdown);
                self.due.add(Control::ShutdownAck);
                self.timers.set(Timer::Handshake, now + self.tx.rto.current());
                Ok(())
            }
            State::ShutdownAckSent { .. } => {
                self.due.add(Control::ShutdownAck);
                Ok(())
            }
            State::Closed
            | State::CookieWait { .. }
            | State::CookieEchoed { .. }
            | State::Leaving { .. }
            | State::Ended(_) => Err(Discard::UnexpectedChunk),
        }
    }

    pub(crate) fn handle_shutdown_ack(&mut self, now: Instant) -> Result<(), Discard> {
        match self.state {
            State::ShutdownSent { peer, .. } | State::ShutdownAckSent { peer, .. } => {
                self.leave(now, CloseReason::Shutdown, Farewell::ShutdownComplete { tag: peer.tag });
                Ok(())
            }
            _ => Err(Discard::UnexpectedChunk),
        }
    }

    pub(crate) fn handle_shutdown_complete(&mut self) -> Result<(), Discard> {
        // RFC 9260, Section 8.5.1, C
        if !matches!(self.state, State::ShutdownAckSent { .. }) {
            return Err(Discard::UnexpectedChunk);
        }
        self.end(CloseReason::Shutdown);
        Ok(())
    }

    pub(crate) fn handle_abort(&mut self, mut causes: Causes<'_>) -> Result<(), Discard> {
        self.end(CloseReason::PeerAborted(causes.next().map(|cause| cause.code)));
        Ok(())
    }
}
