//! The connection: datagrams, deadlines and calls in; datagrams, events and data out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::alert::{Alert, AlertDescription};
use crate::config::{Config, Role};
use crate::core::Core;
use crate::event::{ClosedBy, Discard, Event, ExportError, Failure, SendError, Stats};
use crate::handshake::{Flight, Fragment, HandshakeType};
use crate::handshaking::{Handshaking, Progress};
use crate::identity::{Fingerprint, FingerprintHash};
use crate::record::{ContentType, Plaintext, RECORD_HEADER_LEN, RecordHeader, mark_data, mark_used};
use crate::timer::Timer;
use crate::v12::{Outcome, Secrets};

/// One DTLS connection, client or server, over a path that somebody else provides.
///
/// Make it once the path carries datagrams: the time of the handshake counts from then. What the peer has sent
/// earlier is handed over at once. Drive it as the crate's documentation shows.
#[derive(Debug)]
pub struct Connection {
    core: Core,
    state: State,
}

#[derive(Debug)]
enum State {
    Handshaking(Box<Handshaking>),
    Connected(Box<Connected>),
    /// The end is decided; a farewell is still to be polled.
    Ending(Box<Ending>),
    /// After `connected`, early data can still be pulled.
    Ended,
}

#[derive(Debug)]
struct Connected {
    agreed: crate::event::Connected,
    secrets: Secrets,
    peer_certificate: Vec<u8>,
    peer_fingerprint: Fingerprint,
    /// Our last flight, until the peer has shown that it has it; empty on the side that does not send the last.
    flight: Flight,
}

#[derive(Debug)]
struct Ending {
    flight: Flight,
    farewell: Alert,
    event: Event,
}

/// What a record was good for.
enum Used {
    /// Its plaintext begins at an offset and has a length.
    Data(usize, usize),
    Other,
}

impl Connection {
    /// Makes a connection; a client's first flight can be polled at once.
    ///
    /// `remote_fingerprints` are those of the peer's description; of these the set of the most preferred hash counts
    /// (RFC 8122, Section 5.1), and without one by SHA-256, SHA-384 or SHA-512 no peer is ever accepted. `seed` is
    /// secret, from a cryptographic generator, and used for one connection only: reuse repeats randoms and, with a
    /// deterministic provider, key shares.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        role: Role,
        remote_fingerprints: Vec<Fingerprint>,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let handshake_timeout = config.handshake_timeout;
        let mut core = Core::new(config, now);
        core.timers.set(Timer::Handshake, now + handshake_timeout);
        let handshaking = Handshaking::new(&mut core, role, remote_fingerprints, seed);
        Self { core, state: State::Handshaking(Box::new(handshaking)) }
    }

    /// Takes a datagram and hands out the application data in it, decrypted in place and borrowed from it.
    ///
    /// # Errors
    /// `Discard` when no record of it was of use; counted in [`Stats`], as is each refused record of a datagram of
    /// which another was used.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        datagram: &'d mut [u8],
    ) -> Result<Plaintext<'d>, Discard> {
        self.core.advance(now);
        if self.is_over() {
            return self.core.discard(Discard::Ended);
        }
        let mut result = Err(Discard::Malformed);
        let mut end = 0;
        while let Some(rest) = datagram.get_mut(end..).filter(|rest| !rest.is_empty()) {
            let header = RecordHeader::parse(rest);
            let record = header.ok().and_then(|header| {
                let len = RECORD_HEADER_LEN.saturating_add(usize::from(header.length));
                Some((header, rest.get_mut(..len)?))
            });
            let Some((header, record)) = record else {
                self.core.stats.count(Discard::Malformed);
                break;
            };
            end = end.saturating_add(record.len());
            match self.handle_record(&header, record) {
                Ok(Used::Data(offset, len)) => {
                    self.core.stats.records_received = self.core.stats.records_received.saturating_add(1);
                    mark_data(record, offset, len);
                    result = Ok(());
                }
                Ok(Used::Other) => {
                    mark_used(record);
                    result = Ok(());
                }
                Err(discard) => {
                    mark_used(record);
                    result = result.or(Err(discard));
                }
            }
        }
        if end == 0 && datagram.is_empty() {
            self.core.stats.count(Discard::Malformed);
        }
        self.handle_early_records();
        result.map(|()| Plaintext::new(datagram.get(..end).unwrap_or_default()))
    }

    /// Acts on what is due at `now`; an early call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.advance(now);
        let now = self.core.now;
        for timer in Timer::ALL {
            if !self.core.timers.take_expired(timer, now) {
                continue;
            }
            match (timer, &mut self.state) {
                (Timer::Retransmit, State::Handshaking(handshaking)) => {
                    handshaking.handle_timeout(&mut self.core);
                }
                (Timer::Handshake, State::Handshaking(handshaking)) => {
                    let hint = handshaking.hint();
                    self.end(Event::Failed(Failure::Timeout { hint }));
                }
                (Timer::Linger, State::Ending(ending)) => {
                    let event = ending.event.clone();
                    self.end(event);
                }
                (
                    Timer::Retransmit | Timer::Handshake | Timer::Linger,
                    State::Handshaking(_) | State::Connected(_) | State::Ending(_) | State::Ended,
                ) => {}
            }
        }
    }

    /// Appends at most one datagram of at most `max_len` bytes to `out` and returns its length.
    ///
    /// `max_len` is the room that the caller has, at least 1,500; the MTU bounds the datagram besides. `None` when
    /// there is nothing to send.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.core.advance(now);
        let limit = self.core.mtu().min(max_len);
        let core = &mut self.core;
        let len = match &mut self.state {
            State::Handshaking(handshaking) => handshaking.write_datagram(core, limit, out),
            State::Connected(connected) => connected.flight.write_datagram(&mut core.records, limit, out),
            State::Ending(ending) => {
                let len = ending.flight.write_datagram(&mut core.records, limit, out);
                if len == 0 { self.write_farewell(limit, out) } else { len }
            }
            State::Ended => 0,
        };
        if len == 0 {
            return None;
        }
        self.core.stats.datagrams_sent = self.core.stats.datagrams_sent.saturating_add(1);
        Some(len)
    }

    /// When `handle_timeout` wants to be called; `None` to wait for input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// The next piece of application data that came before the handshake was done, once it is done.
    ///
    /// Call it after [`Event::Connected`] until it returns `None`; later data comes from `handle_datagram` alone.
    /// What came early stays available after the connection's end.
    pub fn recv(&mut self) -> Option<Vec<u8>> {
        if matches!(self.state, State::Handshaking(_)) {
            return None;
        }
        self.core.store.pop_data()
    }

    /// Appends one record with `plaintext` to `out` and returns its length.
    ///
    /// Any flight that `poll_transmit` still has should leave before it.
    ///
    /// # Errors
    /// Before [`Event::Connected`], after the end, and for more than 16,384 bytes; nothing is appended then.
    pub fn send(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<usize, SendError> {
        self.check_sendable()?;
        let start = out.len();
        self.core.records.write(ContentType::APPLICATION_DATA, true, plaintext, out)?;
        self.core.stats.records_sent = self.core.stats.records_sent.saturating_add(1);
        Ok(out.len().saturating_sub(start))
    }

    /// Turns what stands in `out` from `start` on into one record, in place, and returns its length.
    ///
    /// From `start` on stand [`record_header_len()`](Self::record_header_len) bytes of any value, then the plaintext,
    /// to the end of `out`. This is `send` without its copy.
    ///
    /// # Errors
    /// As of `send`; `out` is unchanged then.
    pub fn seal(&mut self, out: &mut Vec<u8>, start: usize) -> Result<usize, SendError> {
        self.check_sendable()?;
        self.core.records.finish(ContentType::APPLICATION_DATA, true, out, start)?;
        self.core.stats.records_sent = self.core.stats.records_sent.saturating_add(1);
        Ok(out.len().saturating_sub(start))
    }

    /// The bytes of a record before its plaintext, for [`seal`](Self::seal).
    #[must_use]
    pub fn record_header_len(&self) -> usize {
        self.core.records.header_len(true)
    }

    /// The bytes that a record adds to its plaintext: exact once connected, the most that may be until then.
    #[must_use]
    pub fn overhead(&self) -> usize {
        self.core.records.overhead(true)
    }

    /// Sets the largest datagram to write, in bytes of UDP payload.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.core.set_mtu(mtu);
    }

    /// Tells the round trip time of the path, as ICE has measured it: flights are first repeated after 1.5 times of it
    /// (RFC 9147, Section 5.8.2), at least 50 ms and at most 60 s.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.core.set_round_trip(round_trip);
        if let State::Handshaking(handshaking) = &mut self.state {
            handshaking.handle_round_trip(&mut self.core);
        }
    }

    /// Derives key material that both sides know and nobody else (RFC 5705), as for SRTP (RFC 5764, Section 4.2).
    ///
    /// # Errors
    /// Before [`Event::Connected`] and after the end.
    pub fn export_keying_material(
        &self,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        let State::Connected(connected) = &self.state else { return Err(ExportError) };
        connected.secrets.export(self.core.config.provider, label, context, out);
        Ok(())
    }

    /// The peer's certificate in DER, while the connection is established.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        match &self.state {
            State::Connected(connected) => Some(&connected.peer_certificate),
            State::Handshaking(_) | State::Ending(_) | State::Ended => None,
        }
    }

    /// The fingerprint of that certificate by SHA-256, whichever verified it.
    #[must_use]
    pub fn peer_fingerprint(&self) -> Option<&Fingerprint> {
        match &self.state {
            State::Connected(connected) => Some(&connected.peer_fingerprint),
            State::Handshaking(_) | State::Ending(_) | State::Ended => None,
        }
    }

    /// What the handshake has agreed on, while the connection is established.
    #[must_use]
    pub fn agreed(&self) -> Option<crate::event::Connected> {
        match &self.state {
            State::Connected(connected) => Some(connected.agreed),
            State::Handshaking(_) | State::Ending(_) | State::Ended => None,
        }
    }

    /// Ends the connection: close_notify is the last datagram, and [`Event::Closed`] follows once it is polled or
    /// 1 s has passed.
    pub fn close(&mut self, now: Instant) {
        self.core.advance(now);
        if self.is_over() {
            return;
        }
        self.bid_farewell(Alert::warning(AlertDescription::CLOSE_NOTIFY), Event::Closed(ClosedBy::Us));
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let reassembly_bytes = match &self.state {
            State::Handshaking(handshaking) => handshaking.held(),
            State::Connected(_) | State::Ending(_) | State::Ended => 0,
        };
        Stats { reassembly_bytes, early_bytes: self.core.store.bytes(), ..self.core.stats }
    }
}

impl Connection {
    fn is_over(&self) -> bool {
        matches!(self.state, State::Ending(_) | State::Ended)
    }

    fn check_sendable(&self) -> Result<(), SendError> {
        match &self.state {
            State::Connected(_) => Ok(()),
            State::Handshaking(_) => Err(SendError::NotConnected),
            State::Ending(_) | State::Ended => Err(SendError::Ended),
        }
    }

    fn handle_record(&mut self, header: &RecordHeader, record: &mut [u8]) -> Result<Used, Discard> {
        match header.epoch {
            0 => self.handle_plain_record(header, record.get(RECORD_HEADER_LEN..).unwrap_or_default()),
            1 => self.handle_protected_record(header, record),
            _ => self.core.discard(Discard::WrongEpoch),
        }
    }

    fn handle_plain_record(&mut self, header: &RecordHeader, content: &[u8]) -> Result<Used, Discard> {
        let State::Handshaking(handshaking) = &mut self.state else {
            return self.core.discard(Discard::Plaintext);
        };
        match header.content_type {
            ContentType::HANDSHAKE => {
                let progress = handshaking.handle_record(&mut self.core, content, false)?;
                self.take_progress(progress);
                Ok(Used::Other)
            }
            ContentType::ALERT => {
                if let Ok(Alert { fatal: true, description }) = Alert::parse(content) {
                    handshaking.note_alert(description);
                }
                self.core.discard(Discard::Plaintext)
            }
            ContentType::CHANGE_CIPHER_SPEC => Ok(Used::Other),
            _ => self.core.discard(Discard::Plaintext),
        }
    }

    fn handle_protected_record(&mut self, header: &RecordHeader, record: &mut [u8]) -> Result<Used, Discard> {
        let Some(opener) = self.core.records.opener() else {
            let stored = self.core.store.push_sealed(record);
            return stored.map(|()| Used::Other).or_else(|full| self.core.discard(full));
        };
        let (offset, len) = match opener.open(header, record) {
            Ok(plaintext) => plaintext,
            Err(discard) => return self.core.discard(discard),
        };
        let content = record.get(offset..).and_then(|rest| rest.get(..len)).unwrap_or_default();
        match (header.content_type, &mut self.state) {
            (ContentType::APPLICATION_DATA, State::Connected(connected)) => {
                // RFC 6347, Section 4.2.4: who sends data has our last flight, which need not be kept any longer.
                if !connected.flight.is_empty() {
                    connected.flight = Flight::default();
                }
                Ok(Used::Data(offset, len))
            }
            (ContentType::APPLICATION_DATA, State::Handshaking(_)) => {
                let stored = self.core.store.push_data(content);
                stored.map(|()| Used::Other).or_else(|full| self.core.discard(full))
            }
            (ContentType::HANDSHAKE, State::Handshaking(handshaking)) => {
                let progress = handshaking.handle_record(&mut self.core, content, true)?;
                self.take_progress(progress);
                Ok(Used::Other)
            }
            (ContentType::HANDSHAKE, State::Connected(connected)) => {
                // RFC 6347, Section 4.2.4: a repeated Finished means that our last flight was lost. Renegotiation
                // (HelloRequest, ClientHello) is refused by silence.
                let is_finished = Fragment::parse(content)
                    .is_ok_and(|(fragment, _)| fragment.kind == HandshakeType::FINISHED);
                if is_finished && !connected.flight.is_empty() {
                    connected.flight.rewind();
                    self.core.stats.flights_retransmitted =
                        self.core.stats.flights_retransmitted.saturating_add(1);
                    return Ok(Used::Other);
                }
                self.core.discard(Discard::HandshakeMessage)
            }
            (ContentType::ALERT, State::Handshaking(_) | State::Connected(_)) => {
                let alert = Alert::parse(content);
                alert.map(|alert| self.take_alert(alert)).or_else(|_| self.core.discard(Discard::Malformed))
            }
            _ => self.core.discard(Discard::Malformed),
        }
    }

    /// Handles the records that came ahead of the keys, once these are there.
    fn handle_early_records(&mut self) {
        while self.core.records.can_read() && !self.is_over() {
            let Some(mut record) = self.core.store.pop_sealed() else { return };
            let Ok(header) = RecordHeader::parse(&record) else { continue };
            if let Ok(Used::Data(offset, len)) = self.handle_protected_record(&header, &mut record) {
                let data = record.get(offset..).and_then(|rest| rest.get(..len)).unwrap_or_default();
                if let Err(full) = self.core.store.push_data(data) {
                    self.core.stats.count(full);
                }
            }
        }
    }

    fn take_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Continue => {}
            Progress::Done(outcome) => self.establish(*outcome),
            Progress::Failed(alert, failure) => {
                self.bid_farewell(Alert::fatal(alert), Event::Failed(failure));
            }
        }
    }

    fn establish(&mut self, outcome: Outcome) {
        self.core.timers.stop_all();
        let Outcome { connected, secrets, peer_certificate } = outcome;
        let before = std::mem::replace(&mut self.state, State::Ended);
        let flight = match before {
            State::Handshaking(handshaking) => handshaking.into_last_flight(),
            State::Connected(_) | State::Ending(_) | State::Ended => Flight::default(),
        };
        let provider = self.core.config.provider;
        let peer_fingerprint = Fingerprint::of(provider, &FingerprintHash::Sha256, &peer_certificate);
        let state = Connected { agreed: connected, secrets, peer_certificate, peer_fingerprint, flight };
        self.state = State::Connected(Box::new(state));
        self.core.events.push_back(Event::Connected(connected));
    }

    /// Takes an alert that came under the peer's keys.
    fn take_alert(&mut self, alert: Alert) -> Used {
        if alert.description == AlertDescription::CLOSE_NOTIFY {
            // RFC 5246, Section 7.2.1: answered with a close_notify of ours.
            let farewell = Alert::warning(AlertDescription::CLOSE_NOTIFY);
            self.bid_farewell(farewell, Event::Closed(ClosedBy::Peer));
        } else if alert.fatal {
            self.end(Event::Failed(Failure::PeerAlert(alert.description)));
        }
        Used::Other
    }

    /// Decides the end, which comes once the farewell is polled.
    fn bid_farewell(&mut self, farewell: Alert, event: Event) {
        let before = std::mem::replace(&mut self.state, State::Ended);
        let flight = match before {
            State::Connected(connected) => connected.flight,
            State::Handshaking(_) => {
                self.core.store.clear();
                Flight::default()
            }
            State::Ending(_) | State::Ended => Flight::default(),
        };
        self.state = State::Ending(Box::new(Ending { flight, farewell, event }));
        self.core.timers.stop_all();
        self.core.timers.set(Timer::Linger, self.core.now + LINGER);
    }

    fn write_farewell(&mut self, limit: usize, out: &mut Vec<u8>) -> usize {
        let State::Ending(ending) = &self.state else { return 0 };
        let protected = self.core.records.is_protected();
        if limit < self.core.records.overhead(protected).saturating_add(2) {
            return 0;
        }
        let (content, event) = (ending.farewell.to_bytes(), ending.event.clone());
        let start = out.len();
        // A record that cannot be written, for want of numbers, does not hold back the end.
        let _ = self.core.records.write(ContentType::ALERT, protected, &content, out);
        self.end(event);
        out.len().saturating_sub(start)
    }

    fn end(&mut self, event: Event) {
        if matches!(self.state, State::Handshaking(_)) {
            self.core.store.clear();
        }
        self.core.timers.stop_all();
        self.core.events.push_back(event);
        self.state = State::Ended;
    }
}

/// How long a farewell that nobody polls holds back the end.
const LINGER: Duration = Duration::from_secs(1);
