//! Packets in: checks, and each chunk to its procedure.

use std::time::Instant;

use crate::association::Association;
use crate::event::{CloseReason, Discard};
use crate::packet::{self, Chunk, Data, Header, RawChunk, Sack, cause, required_action};
use crate::rx::Acknowledgement;
use crate::state::{Control, State};
use crate::timer::Timer;

/// Bytes of an unknown chunk that are reported back.
const MAX_REPORT: usize = 256;

impl Association {
    /// Takes one decrypted packet.
    ///
    /// # Errors
    /// [`Discard`] when no part of the packet could be used; every refused part counts in [`stats`](Self::stats).
    pub fn handle_packet(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Discard> {
        let now = self.advance(now);
        self.stats.packets_received = self.stats.packets_received.saturating_add(1);
        self.stats.bytes_received =
            self.stats.bytes_received.saturating_add(u64::try_from(bytes.len()).unwrap_or_default());
        let result = self.handle_chunks(now, bytes);
        if result.is_ok() {
            self.after_packet(now);
        }
        result
    }

    fn handle_chunks(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Discard> {
        if self.state.is_over() {
            return Err(self.count(Discard::Ended));
        }
        let (header, mut chunks) = match packet::parse(bytes) {
            Ok(parsed) => parsed,
            Err(discard) => return Err(self.count(discard)),
        };
        if header.source_port != self.remote_port || header.destination_port != self.config.local_port {
            return Err(self.count(Discard::Ports));
        }
        let (mut used, mut refused, mut data) = (false, None, false);
        let (mut first, mut stopped) = (true, false);
        while let Some(raw) = chunks.next() {
            let outcome = self.handle_chunk(now, &header, raw, first && chunks.is_finished());
            first = false;
            match outcome {
                Ok(()) => used = true,
                Err(discard) => {
                    self.count(discard);
                    refused = refused.or(Some(discard));
                }
            }
            data |= raw.kind == packet::kind::DATA;
            let stop = matches!(refused, Some(Discard::VerificationTag | Discard::Ports));
            stopped = stop || self.state.is_over() || !goes_on(&raw, outcome);
            if stopped {
                break;
            }
        }
        if !stopped && !chunks.is_finished() {
            self.count(Discard::Malformed);
            refused = refused.or(Some(Discard::Malformed));
        }
        if data && self.state.takes_data() {
            self.data_packet_done(now);
            // Duplicates are no use, but they are acknowledged.
            used |= matches!(refused, Some(Discard::Duplicate));
        }
        match refused {
            Some(discard) if !used => Err(discard),
            None if !used => Err(self.count(Discard::Malformed)),
            _ => Ok(()),
        }
    }

    pub(crate) fn count(&mut self, discard: Discard) -> Discard {
        self.stats.count(discard);
        discard
    }

    fn handle_chunk(
        &mut self,
        now: Instant,
        header: &Header,
        raw: RawChunk<'_>,
        alone: bool,
    ) -> Result<(), Discard> {
        let chunk = raw.parse().ok_or(Discard::Malformed)?;
        self.check_tag(header, &chunk)?;
        match chunk {
            Chunk::Data(data) => self.handle_data(now, &data),
            Chunk::Sack(sack) => self.handle_sack(now, &sack),
            // RFC 9260, Section 6.10: INIT, INIT ACK and SHUTDOWN COMPLETE are never bundled.
            Chunk::Init(_) | Chunk::InitAck(_) | Chunk::ShutdownComplete { .. } if !alone => {
                Err(Discard::Malformed)
            }
            Chunk::Init(init) => self.handle_init(now, &init),
            Chunk::InitAck(init) => self.handle_init_ack(now, &init),
            Chunk::CookieEcho(cookie) => self.handle_cookie_echo(now, cookie),
            Chunk::CookieAck => self.handle_cookie_ack(now),
            Chunk::Heartbeat(value) => self.handle_heartbeat(value),
            Chunk::HeartbeatAck(value) => self.handle_heartbeat_ack(now, value),
            Chunk::ForwardTsn(forward) => {
                if !self.state.takes_data() {
                    return Err(Discard::UnexpectedChunk);
                }
                self.rx.forward(&forward)
            }
            Chunk::Reconfig(reconfigs) => self.handle_reconfig(now, reconfigs),
            Chunk::Abort { causes, .. } => self.handle_abort(causes),
            Chunk::Error(causes) => self.handle_error(now, causes),
            Chunk::Shutdown(cum) => self.handle_shutdown(now, cum),
            Chunk::ShutdownAck => self.handle_shutdown_ack(now),
            Chunk::ShutdownComplete { .. } => self.handle_shutdown_complete(),
            Chunk::Unknown(unknown) => {
                // RFC 9260, Section 3.2
                let action = required_action(u16::from(unknown.kind) << 8);
                if action.report && self.state.peer().is_some() && unknown.whole.len() <= MAX_REPORT {
                    self.error = Some((cause::UNRECOGNIZED_CHUNK, unknown.whole.to_vec()));
                }
                Err(Discard::UnknownChunk)
            }
        }
    }

    // RFC 9260, Section 8.5
    fn check_tag(&self, header: &Header, chunk: &Chunk<'_>) -> Result<(), Discard> {
        let reflected = self.state.peer().is_some_and(|peer| peer.tag == header.verification_tag);
        let good = match chunk {
            Chunk::Init(_) => header.verification_tag == 0,
            Chunk::Abort { reflected: true, .. } | Chunk::ShutdownComplete { reflected: true } => reflected,
            _ => header.verification_tag == self.local_tag,
        };
        if good { Ok(()) } else { Err(Discard::VerificationTag) }
    }

    fn handle_data(&mut self, now: Instant, data: &Data<'_>) -> Result<(), Discard> {
        let (State::Established(peer) | State::ShutdownPending(peer) | State::ShutdownSent { peer, .. }) =
            self.state
        else {
            return Err(Discard::UnexpectedChunk);
        };
        if data.payload.is_empty() {
            // RFC 9260, Section 6.2: a DATA chunk without user data ends the association.
            self.abort_with(now, Some(cause::NO_USER_DATA), CloseReason::ProtocolViolation);
            return Err(Discard::Malformed);
        }
        if data.stream >= peer.inbound_streams {
            // RFC 9260, Section 6.5: acknowledged, reported, not delivered.
            let [s0, s1] = data.stream.to_be_bytes();
            self.error = Some((cause::INVALID_STREAM, vec![s0, s1, 0, 0]));
            self.rx.refuse(data);
            return Err(Discard::InvalidStream);
        }
        self.rx.data(data)
    }

    fn data_packet_done(&mut self, now: Instant) {
        self.rx.data_packet_done();
        if self.rx.owed() == Acknowledgement::Delayed && !self.timers.is_set(Timer::Sack) {
            let delay = self.config.sack_delay.min(std::time::Duration::from_millis(500));
            self.timers.set(Timer::Sack, now + delay);
        }
        if matches!(self.state, State::ShutdownSent { .. }) {
            // RFC 9260, Section 9.2: answered by SACK and SHUTDOWN again.
            self.rx.owe_now();
            self.due.add(Control::Shutdown);
        }
    }

    fn handle_sack(&mut self, now: Instant, sack: &Sack<'_>) -> Result<(), Discard> {
        if !self.state.sends_data() {
            return Err(Discard::UnexpectedChunk);
        }
        let outcome = self.tx.sack(now, sack, &mut self.stats)?;
        self.errors = 0;
        self.update_retransmission_timer(now, outcome.progress);
        Ok(())
    }

    /// Takes the cumulative TSN of a SHUTDOWN as a SACK's.
    pub(crate) fn acknowledge_up_to(&mut self, now: Instant, cum: u32) {
        if let Err(discard) = self.tx.acknowledge_up_to(now, cum, &mut self.stats) {
            self.count(discard);
        }
        self.update_retransmission_timer(now, true);
    }

    fn after_packet(&mut self, now: Instant) {
        if self.state.is_over() {
            return;
        }
        if self.state.takes_data() {
            self.perform_deferred_reset();
        }
        self.start_stream_reset(now);
        self.advance_shutdown(now);
    }
}

/// Whether the chunks after this one are read.
// RFC 9260, Section 3.2: an unknown chunk without its highest bit ends the packet.
fn goes_on(raw: &RawChunk<'_>, outcome: Result<(), Discard>) -> bool {
    outcome != Err(Discard::UnknownChunk) || required_action(u16::from(raw.kind) << 8).go_on
}
