//! What goes out: datagrams, deadlines, events.

use crate::demux::Route;
use crate::event::Event;
use crate::input::Ecn;
use crate::peer_connection::{PeerConnection, Phase, Security};
use duologue_dtls as dtls;
use duologue_ice as ice;
use std::num::NonZeroUsize;
use std::time::Instant;

/// The room that a datagram of ICE or of a handshake may take, in bytes.
const MAX_LEN: usize = 1500;

/// One or more datagrams for one path, appended to the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// From where to where.
    pub path: ice::Path,
    /// The ECN bits to set, if any.
    pub ecn: Option<Ecn>,
    /// The DSCP to set (RFC 8837); 0 is best effort.
    pub dscp: u8,
    /// The bytes appended.
    pub len: usize,
    /// The length of each datagram, the last of which may be shorter; `None` when there is one alone.
    pub segment_size: Option<NonZeroUsize>,
    /// Whether the datagram must not be fragmented on its way.
    pub dont_fragment: bool,
}

/// What a connection wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the application.
    Event(Event),
    /// Send what was appended.
    Transmit(Transmit),
    /// Wait for a datagram, or until this time.
    Wait(Option<Instant>),
}

impl PeerConnection {
    /// What is to be done next: the deadline that has come is handled, then events, then datagrams; `Wait` says that all is
    /// done for now. For loops that must not forget a poll.
    pub fn poll_output(&mut self, now: Instant, max_datagrams: NonZeroUsize, out: &mut Vec<u8>) -> Output {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.handle_timeout(now);
        }
        if let Some(event) = self.poll_event() {
            return Output::Event(event);
        }
        if let Some(transmit) = self.poll_transmit(now, max_datagrams, out) {
            return Output::Transmit(transmit);
        }
        // Sending the last datagram may have been an end.
        match self.poll_event() {
            Some(event) => Output::Event(event),
            None => Output::Wait(self.poll_timeout()),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due. `None` waits for input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Ended { .. } => None,
            Phase::Closing { until, .. } => Some(until),
            Phase::Running => {
                let others = self.quiet_deadline().unwrap_or_else(|| self.deadline_beside_media());
                [others, self.media.session.poll_timeout()].into_iter().flatten().min()
            }
        }
    }

    pub(crate) fn deadline_beside_media(&self) -> Option<Instant> {
        let dtls = match &self.security {
            Security::Waiting => None,
            Security::Handshaking(dtls) | Security::Established { dtls, .. } => dtls.poll_timeout(),
        };
        [self.ice.poll_timeout(), dtls, self.channels.poll_timeout()].into_iter().flatten().min()
    }

    /// The next thing to know.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Phase::Ended { reason: None } = self.phase {
            return None;
        }
        if self.nothing_to_tell() {
            return self.poll_media_event();
        }
        let event = self.signalling.poll_event().or_else(|| self.events.pop_front());
        let event = event.or_else(|| self.poll_media_event()).or_else(|| self.poll_channel_event());
        let event = event.or_else(|| match &mut self.phase {
            Phase::Ended { reason } if self.ice_closed => reason.take().map(Event::Closed),
            Phase::Ended { .. } => None,
            Phase::Running | Phase::Closing { .. } => None,
        });
        if event.is_none() {
            self.nothing_told();
        }
        event
    }

    /// What [`Demux`](crate::Demux) should know.
    #[must_use]
    pub fn poll_route(&mut self) -> Option<Route> {
        if std::mem::take(&mut self.users_changed) {
            return Some(Route::UsersChanged);
        }
        if let Some(path) = self.learnt.pop() {
            return Some(Route::Path(path));
        }
        self.ice.poll_transaction().map(|report| match report {
            ice::TransactionReport::Opened(id) => Route::TransactionOpened(id),
            ice::TransactionReport::Closed(id) => Route::TransactionClosed(id),
            ice::TransactionReport::Reset => Route::TransactionsReset,
        })
    }

    /// Appends the next datagrams, at most `max_datagrams` for one path and all but the last of one length, and says where
    /// they go. `None` when there is nothing to send.
    #[must_use]
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        max_datagrams: NonZeroUsize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let now = self.advance(now);
        if matches!(self.phase, Phase::Ended { .. }) {
            // TURN servers are told that their allocations are not needed any more.
            let last = self.ice.poll_transmit(now, MAX_LEN, out);
            self.pump();
            return last.map(|ice::Transmit { path, len, .. }| single(path, len));
        }
        if self.nothing_to_send(now) {
            return None;
        }
        let transmit = match self.quiet_path(now) {
            Some(path) => self.write_media(now, path, max_datagrams, out),
            None => {
                // What the layers send may be what their events waited for.
                self.wake(now);
                self.write_next(now, max_datagrams, out)
            }
        };
        match (&transmit, self.phase) {
            (Some(transmit), _) => {
                self.counters.bytes_sent += transmit.len as u64;
                let datagrams = transmit.segment_size.map_or(1, |size| transmit.len.div_ceil(size.get()));
                self.counters.datagrams_sent += datagrams as u64;
            }
            (None, Phase::Closing { reason, .. }) => self.finish(reason),
            (None, _) => {}
        }
        transmit
    }

    fn write_next(
        &mut self,
        now: Instant,
        max_datagrams: NonZeroUsize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if self.phase == Phase::Running
            && let Some(ice::Transmit { path, len, .. }) = self.ice.poll_transmit(now, MAX_LEN, out)
        {
            self.learn_server(path);
            return Some(single(path, len));
        }
        let path = self.ice.sending_path()?;
        if let Some(len) = self.write_handshake(now, &path, out) {
            // A flight's last datagram may be what an event waited for.
            self.pump();
            return Some(single(path.path(), len));
        }
        if let Some(batch) = self.write_media(now, path, max_datagrams, out) {
            return Some(batch);
        }
        if let Some(batch) = self.write_packets(now, path, max_datagrams, out) {
            return Some(batch);
        }
        let closing = matches!(self.phase, Phase::Closing { .. });
        let Some(dtls) = self.security.dtls().filter(|_| closing) else {
            self.nothing_sent();
            return None;
        };
        dtls.close(now);
        self.write_handshake(now, &path, out).map(|len| single(path.path(), len))
    }

    /// A datagram of DTLS itself.
    fn write_handshake(&mut self, now: Instant, path: &ice::SendingPath, out: &mut Vec<u8>) -> Option<usize> {
        let dtls = self.security.dtls()?;
        framed(&mut self.ice, path, out, |out| dtls.poll_transmit(now, MAX_LEN, out))
    }

    /// A batch of RTP packets of one length, the last excepted.
    fn write_media(
        &mut self,
        now: Instant,
        path: ice::SendingPath,
        max_datagrams: NonZeroUsize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if self.phase != Phase::Running {
            return None;
        }
        let session = &mut self.media.session;
        let first = framed(&mut self.ice, &path, out, |out| session.poll_transmit(now, MAX_LEN, out))?;
        let (mut total, room) = (first, first - path.headroom());
        for _ in 1..max_datagrams.get() {
            if !session.has_queued() {
                break;
            }
            let next = framed(&mut self.ice, &path, out, |out| session.poll_transmit(now, room, out));
            let Some(len) = next else { break };
            total += len;
            if len < first {
                break;
            }
        }
        let segment_size = NonZeroUsize::new(first).filter(|_| first < total);
        Some(Transmit { segment_size, ..single(path.path(), total) })
    }

    /// A batch of SCTP packets, each sealed in place.
    fn write_packets(
        &mut self,
        now: Instant,
        path: ice::SendingPath,
        max_datagrams: NonZeroUsize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if !self.sctp_started {
            return None;
        }
        let Security::Established { dtls, .. } = &mut self.security else { return None };
        let full = full_len(self.config.mtu, dtls.overhead()) + path.headroom();
        let start = out.len();
        let mut segment_size = None;
        for _ in 0..max_datagrams.get() {
            let (channels, mtu) = (&mut self.channels, self.config.mtu);
            let next = framed(&mut self.ice, &path, out, |out| write_packet(dtls, channels, now, mtu, out));
            let Some(len) = next else { break };
            let first = *segment_size.get_or_insert(len);
            // Only behind a full datagram is it sure that none is longer than the first.
            if len < first || first < full {
                break;
            }
        }
        let len = out.len() - start;
        let segment_size = segment_size.filter(|size| *size < len).and_then(NonZeroUsize::new);
        (len > 0).then_some(Transmit { segment_size, ..single(path.path(), len) })
    }
}

/// Appends a datagram in the framing of its path. What cannot leave any more is lost, as on the network.
fn framed(
    ice: &mut ice::Agent,
    path: &ice::SendingPath,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Option<usize>,
) -> Option<usize> {
    let start = out.len();
    out.resize(start + path.headroom(), 0);
    if write(out).is_none() {
        out.truncate(start);
        return None;
    }
    ice.seal(path, out, start)?;
    Some(out.len() - start)
}

/// The longest datagram that SCTP fills: its packets are multiples of four bytes (RFC 9260, Section 3.2).
fn full_len(mtu: usize, overhead: usize) -> usize {
    (mtu.saturating_sub(overhead) & !3) + overhead
}

fn single(path: ice::Path, len: usize) -> Transmit {
    Transmit { path, ecn: None, dscp: 0, len, segment_size: None, dont_fragment: false }
}

/// Appends one SCTP packet as a DTLS record; returns the datagram's length.
fn write_packet(
    dtls: &mut dtls::Connection,
    channels: &mut duologue_sctp::dcep::Channels,
    now: Instant,
    mtu: usize,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let start = out.len();
    let overhead = dtls.overhead();
    out.resize(start + dtls.record_header_len(), 0);
    let written = channels.poll_transmit(now, mtu.saturating_sub(overhead), out);
    if written.is_none() || dtls.seal(out, start).is_err() {
        out.truncate(start);
        return None;
    }
    Some(out.len() - start)
}
