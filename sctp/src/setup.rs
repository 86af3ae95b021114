//! The four-way handshake.
//!
//! 1. `connect` sends INIT; with WebRTC both sides do.
//! 2. INIT is answered by INIT ACK, whose cookie holds all that the answering side knows.
//! 3. INIT ACK is answered by COOKIE ECHO, in whose packet data may leave already.
//! 4. COOKIE ECHO establishes its receiver and is answered by COOKIE ACK, which establishes the other side.
//!
//! An association keeps one tag and one first TSN from its construction on, so INITs that cross lead to one association,
//! whichever COOKIE ECHO comes first.

use std::time::Instant;

use crate::association::Association;
use crate::cookie::{self, Cookie};
use crate::event::{CloseReason, Discard, Event};
use crate::packet::{Causes, HEADER_LEN, Init, PacketWriter, cause, kind};
use crate::state::{Control, Peer, State};
use crate::stream_reset::StreamReset;
use crate::timer::Timer;

/// Bytes of unknown parameters that are reported back.
const MAX_REPORT: usize = 256;

/// An INIT ACK to be sent.
#[derive(Debug)]
pub(crate) struct InitAck {
    tag: u32,
    cookie: [u8; cookie::LEN],
    unrecognized: Vec<u8>,
}

impl Association {
    /// Starts the association. In WebRTC both sides call it; an association also comes up when only the peer does.
    /// Has no effect once set-up has begun.
    ///
    /// Source: [RFC 9260, Section 5.1](https://www.rfc-editor.org/rfc/rfc9260#section-5.1).
    pub fn connect(&mut self, now: Instant) {
        let now = self.advance(now);
        if matches!(self.state, State::Closed) {
            self.state = State::CookieWait { attempts: 0 };
            self.due.add(Control::Init);
            self.timers.set(Timer::Handshake, now + self.tx.rto.current());
        }
    }

    fn our_init(&self) -> Init<'static> {
        Init::ours(
            self.local_tag,
            u32::try_from(self.config.window()).unwrap_or(u32::MAX),
            self.config.outbound_streams.max(1),
            self.config.inbound_streams.max(1),
            self.initial_tsn,
        )
    }

    /// What we know of a peer from its INIT or INIT ACK.
    fn peer_of(&self, init: &Init<'_>, forward_tsn: bool, reconfig: bool) -> Peer {
        Peer {
            tag: init.initiate_tag,
            initial_tsn: init.initial_tsn,
            a_rwnd: init.a_rwnd,
            // RFC 9260, Section 5.1.1: the smaller of what one offers and the other takes.
            outbound_streams: self.config.outbound_streams.max(1).min(init.inbound_streams),
            inbound_streams: self.config.inbound_streams.max(1).min(init.outbound_streams),
            forward_tsn,
            reconfig,
        }
    }

    // RFC 9260, Sections 5.1 and 5.2.1 and 5.2.2
    pub(crate) fn handle_init(&mut self, now: Instant, init: &Init<'_>) -> Result<(), Discard> {
        if self.state.is_over() {
            return Err(Discard::Ended);
        }
        if !init.is_valid() {
            return Err(Discard::Malformed);
        }
        let mut unrecognized = Vec::new();
        let read = init.read_parameters(|whole| {
            if unrecognized.len().saturating_add(whole.len()) <= MAX_REPORT {
                Init::write_unrecognized(&mut unrecognized, whole);
            }
        });
        let peer = self.peer_of(init, read.forward_tsn, read.reconfig);
        let made = now.saturating_duration_since(self.start);
        let cookie = self.cookie_key.seal(&Cookie { made, local_tag: self.local_tag, peer });
        self.init_ack = Some(InitAck { tag: init.initiate_tag, cookie, unrecognized });
        Ok(())
    }

    /// Appends an INIT or INIT ACK, each alone in its packet.
    // RFC 9260, Section 6.10
    pub(crate) fn write_init(&mut self, limit: usize, out: &mut Vec<u8>) -> Option<usize> {
        let init = self.our_init();
        if limit < HEADER_LEN + 4 + 64 + cookie::LEN + 2 * MAX_REPORT {
            return None;
        }
        if let Some(reply) = self.init_ack.take() {
            let mut packet = PacketWriter::begin(out, self.header(reply.tag), limit);
            packet.chunk(kind::INIT_ACK, 0, |out| {
                init.write_fixed(out);
                Init::write_cookie(out, &reply.cookie);
                out.extend_from_slice(&reply.unrecognized);
            });
            return packet.finish();
        }
        if !self.due.take(Control::Init) {
            return None;
        }
        // RFC 9260, Section 8.5.1, A: a packet with INIT has the tag zero.
        let mut packet = PacketWriter::begin(out, self.header(0), limit);
        packet.chunk(kind::INIT, 0, |out| init.write_fixed(out));
        packet.finish()
    }

    pub(crate) fn handle_init_ack(&mut self, now: Instant, init: &Init<'_>) -> Result<(), Discard> {
        // RFC 9260, Section 5.2.3: in any other state it is discarded.
        if !matches!(self.state, State::CookieWait { .. }) {
            return Err(Discard::UnexpectedChunk);
        }
        let mut unrecognized = Vec::new();
        let read = init.read_parameters(|whole| {
            if unrecognized.len().saturating_add(whole.len()) <= MAX_REPORT {
                unrecognized.extend_from_slice(whole);
                unrecognized.resize(unrecognized.len().next_multiple_of(4), 0);
            }
        });
        let (true, Some(cookie)) =
            (init.is_valid(), read.cookie.filter(|cookie| cookie.len() < self.mtu / 2))
        else {
            return Err(Discard::Malformed);
        };
        let peer = self.peer_of(init, read.forward_tsn, read.reconfig);
        if !unrecognized.is_empty() {
            // RFC 9260, Section 3.2.2: reported by an ERROR with the COOKIE ECHO.
            self.error = Some((cause::UNRECOGNIZED_PARAMETERS, unrecognized));
        }
        self.tx.start(peer.a_rwnd, peer.forward_tsn);
        self.state = State::CookieEchoed { attempts: 0, cookie: cookie.into(), peer };
        self.due.add(Control::CookieEcho);
        self.timers.set(Timer::Handshake, now + self.tx.rto.current());
        Ok(())
    }

    /// Appends the COOKIE ECHO if it is due; whether DATA may follow in this packet.
    pub(crate) fn write_cookie_echo(&mut self, packet: &mut PacketWriter<'_>) -> bool {
        let State::CookieEchoed { cookie, .. } = &self.state else { return false };
        let len = cookie.len().saturating_add(4).next_multiple_of(4);
        if !self.due.has(Control::CookieEcho) || packet.room() < len {
            return false;
        }
        packet.chunk(kind::COOKIE_ECHO, 0, |out| out.extend_from_slice(cookie));
        self.due.take(Control::CookieEcho)
    }

    // RFC 9260, Sections 5.1.5 and 5.2.4
    pub(crate) fn handle_cookie_echo(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Discard> {
        let cookie = self.cookie_key.open(bytes)?;
        if cookie.local_tag != self.local_tag {
            return Err(Discard::ForgedCookie);
        }
        let age = now.saturating_duration_since(self.start).saturating_sub(cookie.made);
        let known = self.state.peer().map(|peer| peer.tag);
        let same_peer = known == Some(cookie.peer.tag);
        // RFC 9260, Section 5.2.4, step 3: a late copy of the cookie in use is no harm.
        if age > self.config.cookie_life && !same_peer {
            let staleness = age.saturating_sub(self.config.cookie_life).as_micros();
            let staleness = u32::try_from(staleness).unwrap_or(u32::MAX);
            self.error = Some((cause::STALE_COOKIE, staleness.to_be_bytes().to_vec()));
            return Err(Discard::StaleCookie);
        }
        match self.state {
            // Actions B and D before the association is up.
            State::Closed | State::CookieWait { .. } | State::CookieEchoed { .. } => {
                self.establish(now, cookie.peer);
                self.due.add(Control::CookieAck);
                Ok(())
            }
            // Action D: our COOKIE ACK was lost. A side that shuts down meanwhile answers too, or the other would never
            // come so far as to take the SHUTDOWN.
            State::Established(_) | State::ShutdownPending(_) | State::ShutdownSent { .. } if same_peer => {
                self.due.add(Control::CookieAck);
                Ok(())
            }
            // Action A: the peer began anew. Channels do not outlive that.
            State::Established(_) | State::ShutdownPending(_) => {
                self.abort_with(now, Some(cause::PROTOCOL_VIOLATION), CloseReason::PeerRestarted);
                Ok(())
            }
            State::ShutdownSent { .. }
            | State::ShutdownReceived(_)
            | State::ShutdownAckSent { .. }
            | State::Leaving { .. }
            | State::Ended(_) => Err(Discard::UnexpectedChunk),
        }
    }

    pub(crate) fn handle_cookie_ack(&mut self, now: Instant) -> Result<(), Discard> {
        // RFC 9260, Section 5.2.5
        let State::CookieEchoed { peer, .. } = self.state else { return Err(Discard::UnexpectedChunk) };
        self.establish(now, peer);
        Ok(())
    }

    fn establish(&mut self, now: Instant, peer: Peer) {
        self.state = State::Established(peer);
        self.rx = self.new_receiver(peer.initial_tsn);
        self.reset = StreamReset::new(self.initial_tsn, peer.initial_tsn);
        self.tx.start(peer.a_rwnd, peer.forward_tsn);
        for control in [Control::Init, Control::CookieEcho] {
            self.due.take(control);
        }
        self.errors = 0;
        self.timers.stop(Timer::Handshake);
        self.schedule_heartbeat(now);
        self.update_retransmission_timer(now, false);
        self.events.push_back(Event::Established);
        self.start_stream_reset(now);
    }

    pub(crate) fn handle_error(&mut self, now: Instant, causes: Causes<'_>) -> Result<(), Discard> {
        for cause in causes {
            if cause.code == cause::STALE_COOKIE && matches!(self.state, State::CookieEchoed { .. }) {
                // RFC 9260, Section 5.2.6: begin again with an INIT.
                self.tx.lose_all();
                self.state = State::CookieWait { attempts: 0 };
                self.due.take(Control::CookieEcho);
                self.due.add(Control::Init);
                self.timers.set(Timer::Handshake, now + self.tx.rto.current());
            }
        }
        Ok(())
    }

    /// T1-init or T1-cookie expired.
    // RFC 9260, Sections 4 and 5.1
    pub(crate) fn setup_timed_out(&mut self, now: Instant) {
        let (attempts, control) = match &mut self.state {
            State::CookieWait { attempts } => (attempts, Control::Init),
            State::CookieEchoed { attempts, .. } => (attempts, Control::CookieEcho),
            _ => return,
        };
        *attempts = attempts.saturating_add(1);
        if self.config.max_init_retransmissions.is_some_and(|most| *attempts > most) {
            self.end(CloseReason::SetupTimedOut);
            return;
        }
        self.due.add(control);
        self.tx.rto.back_off();
        // Data that left with the COOKIE ECHO leaves with it again.
        self.tx.lose_all();
        self.timers.set(Timer::Handshake, now + self.tx.rto.current());
    }
}
