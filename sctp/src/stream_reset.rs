//! Stream resets, by which data channels close (RFC 6525).
//!
//! 1. A closed stream drains; then we ask the peer to reset it, one request at a time for all that have drained.
//! 2. The peer answers "in progress" until it has all data, then "performed"; only then may the stream be used again.
//! 3. A request of the peer is performed once all data before it has arrived; the application is told after the data.

use std::time::Instant;

use crate::association::Association;
use crate::event::{Discard, Event, StreamId};
use crate::packet::{HEADER_LEN, PacketWriter, Reconfig, ReconfigResult, Reconfigs, kind};
use crate::state::Control;
use crate::timer::Timer;

/// Streams named by one request or waiting request.
const MAX_STREAMS: usize = 500;

/// Both directions' requests.
#[derive(Debug)]
pub(crate) struct StreamReset {
    next_request: u32,
    /// Ours, unanswered.
    outstanding: Option<Request>,
    /// The number the peer's next request must have.
    expected: u32,
    /// The answer to the peer's last request.
    last_result: ReconfigResult,
    /// The peer's request that waits for data.
    deferred: Option<Request>,
    responses: [Option<(u32, ReconfigResult)>; 2],
}

#[derive(Debug, Clone)]
struct Request {
    number: u32,
    last_tsn: u32,
    streams: Vec<StreamId>,
    /// The peer answered that it is at work.
    in_progress: bool,
}

impl StreamReset {
    // RFC 6525, Section 5.1.1: numbers start with the initial TSNs.
    pub(crate) const fn new(local_initial: u32, peer_initial: u32) -> Self {
        Self {
            next_request: local_initial,
            outstanding: None,
            expected: peer_initial,
            last_result: ReconfigResult::NothingToDo,
            deferred: None,
            responses: [None; 2],
        }
    }

    pub(crate) fn response_due(&self) -> bool {
        self.responses.iter().any(Option::is_some)
    }

    fn respond(&mut self, number: u32, result: ReconfigResult) {
        // A chunk carries at most two requests; a third answer replaces the first.
        let [first, second] = &mut self.responses;
        let slot = if first.is_none_or(|(n, _)| n == number) { first } else { second };
        *slot = Some((number, result));
    }
}

impl Association {
    /// Asks for the reset of streams that have drained, one request at a time.
    pub(crate) fn start_stream_reset(&mut self, now: Instant) {
        let Some(&peer) = self.state.peer().filter(|_| self.state.takes_data()) else { return };
        if self.tx.queue().drained().is_empty() {
            return;
        }
        if !peer.reconfig {
            // The peer cannot reset; the stream is never used again.
            for stream in std::mem::take(self.tx.queue().drained()) {
                self.tx.queue().reset_done(stream, false);
                self.events.push_back(Event::OutgoingReset { stream, performed: false });
            }
            return;
        }
        if self.reset.outstanding.is_some() {
            return;
        }
        let drained = self.tx.queue().drained();
        let most = self.mtu.saturating_sub(HEADER_LEN + 4 + 12 + 4 + Reconfig::OUTGOING_RESET_LEN) / 2;
        let streams = drained.drain(..drained.len().min(most.min(MAX_STREAMS))).collect();
        let (number, last_tsn) = (self.reset.next_request, self.tx.last_tsn());
        self.reset.next_request = number.wrapping_add(1);
        self.reset.outstanding = Some(Request { number, last_tsn, streams, in_progress: false });
        self.due.add(Control::ReconfigRequest);
        self.timers.set(Timer::Reconfig, now + self.tx.rto.current());
    }

    /// Appends a RE-CONFIG with what is due.
    pub(crate) fn write_reconfig(&mut self, packet: &mut PacketWriter<'_>) {
        let responses = self.reset.responses.iter().flatten().count();
        let request = self.reset.outstanding.as_ref().filter(|_| self.due.has(Control::ReconfigRequest));
        if responses > 0 {
            let len = 4usize.saturating_add(responses.saturating_mul(Reconfig::RESPONSE_LEN));
            if packet.room() < len {
                return;
            }
            let responses = std::mem::take(&mut self.reset.responses);
            packet.chunk(kind::RECONFIG, 0, |out| {
                for (request, result) in responses.into_iter().flatten() {
                    Reconfig::Response { request, result }.write(out);
                }
            });
        }
        let Some(request) = request else { return };
        let len = (4 + Reconfig::OUTGOING_RESET_LEN).saturating_add(request.streams.len().saturating_mul(2));
        if packet.room() < len.next_multiple_of(4) {
            return;
        }
        let streams: Vec<[u8; 2]> = request.streams.iter().map(|stream| stream.0.to_be_bytes()).collect();
        packet.chunk(kind::RECONFIG, 0, |out| {
            Reconfig::OutgoingReset {
                request: request.number,
                response: self.reset.expected.wrapping_sub(1),
                last_tsn: request.last_tsn,
                streams: &streams,
            }
            .write(out);
        });
        self.due.take(Control::ReconfigRequest);
    }

    pub(crate) fn handle_reconfig(&mut self, now: Instant, reconfigs: Reconfigs<'_>) -> Result<(), Discard> {
        if !self.state.takes_data() {
            return Err(Discard::UnexpectedChunk);
        }
        let mut used = false;
        // RFC 6525, Section 3.1: a chunk holds at most two parameters.
        for parameter in reconfigs.take(2) {
            used = true;
            match parameter {
                Reconfig::OutgoingReset { request, last_tsn, streams, .. } => {
                    self.handle_reset_request(request, last_tsn, streams);
                }
                Reconfig::OtherRequest { request } => {
                    if self.is_next_request(request) {
                        self.conclude_request(request, ReconfigResult::Denied);
                    }
                }
                Reconfig::Response { request, result } => self.handle_response(now, request, result),
            }
        }
        if used { Ok(()) } else { Err(Discard::Malformed) }
    }

    /// Checks the number of a request; one seen before gets the same answer, another gets an error.
    fn is_next_request(&mut self, number: u32) -> bool {
        if number == self.reset.expected {
            return true;
        }
        let result = if number == self.reset.expected.wrapping_sub(1) {
            self.reset.last_result
        } else {
            ReconfigResult::BadSequenceNumber
        };
        self.reset.respond(number, result);
        false
    }

    fn conclude_request(&mut self, number: u32, result: ReconfigResult) {
        self.reset.expected = number.wrapping_add(1);
        self.reset.last_result = result;
        self.reset.respond(number, result);
        // RFC 6525, Section 5.2.1: a SACK should be sent back with the answer.
        self.rx.owe_now();
    }

    fn handle_reset_request(&mut self, number: u32, last_tsn: u32, streams: &[[u8; 2]]) {
        if !self.is_next_request(number) {
            return;
        }
        let inbound = self.state.peer().map_or(0, |peer| peer.inbound_streams);
        let streams: Vec<StreamId> =
            streams.iter().map(|&bytes| StreamId(u16::from_be_bytes(bytes))).take(MAX_STREAMS * 2).collect();
        if streams.iter().any(|stream| stream.0 >= inbound) {
            self.conclude_request(number, ReconfigResult::WrongSsn);
            return;
        }
        if !self.rx.can_mark(streams.len()) {
            self.reset.respond(number, ReconfigResult::InProgress);
            return;
        }
        // RFC 6525, Section 5.2.2, E2
        self.reset.deferred = Some(Request { number, last_tsn, streams, in_progress: true });
        if !self.perform_deferred_reset() {
            self.reset.respond(number, ReconfigResult::InProgress);
            self.rx.owe_now();
        }
    }

    /// Performs the peer's request if its data has all arrived.
    pub(crate) fn perform_deferred_reset(&mut self) -> bool {
        let ready = self.reset.deferred.take_if(|request| self.rx.has_all_up_to(request.last_tsn));
        let Some(request) = ready else { return false };
        self.rx.reset_streams(&request.streams);
        self.conclude_request(request.number, ReconfigResult::Performed);
        true
    }

    // RFC 6525, Section 5.2.7
    fn handle_response(&mut self, now: Instant, number: u32, result: ReconfigResult) {
        let Some(request) = self.reset.outstanding.as_mut().filter(|request| request.number == number) else {
            return;
        };
        let performed = match result {
            ReconfigResult::InProgress | ReconfigResult::AlreadyInProgress => {
                request.in_progress = true;
                self.timers.set(Timer::Reconfig, now + self.tx.rto.current());
                return;
            }
            ReconfigResult::Performed | ReconfigResult::NothingToDo => true,
            ReconfigResult::Denied
            | ReconfigResult::WrongSsn
            | ReconfigResult::BadSequenceNumber
            | ReconfigResult::Unknown(_) => false,
        };
        self.timers.stop(Timer::Reconfig);
        self.due.take(Control::ReconfigRequest);
        self.errors = 0;
        for stream in self.reset.outstanding.take().map(|request| request.streams).unwrap_or_default() {
            self.tx.queue().reset_done(stream, performed);
            self.events.push_back(Event::OutgoingReset { stream, performed });
        }
        self.start_stream_reset(now);
    }

    /// The request stayed unanswered, or the peer was not ready.
    pub(crate) fn reconfig_timed_out(&mut self, now: Instant) {
        let Some(request) = &mut self.reset.outstanding else { return };
        let counts = !std::mem::replace(&mut request.in_progress, false);
        self.due.add(Control::ReconfigRequest);
        if counts {
            self.tx.rto.back_off();
            self.note_error(now);
        }
        self.timers.set(Timer::Reconfig, now + self.tx.rto.current());
    }
}
