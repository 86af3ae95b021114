//! HEARTBEATs: whether an idle path is alive, and how long a round trip takes.

use std::time::{Duration, Instant};

use rand_core::Rng;

use crate::association::Association;
use crate::event::Discard;
use crate::packet::{PacketWriter, kind, parameter};
use crate::state::Control;
use crate::timer::Timer;

/// Longest HEARTBEAT that is answered; ours are far shorter.
const MAX_ECHO: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    /// Ours, unanswered.
    awaited: Option<Sent>,
    /// The value of the peer's, to be returned.
    echo: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    nonce: u64,
    at: Instant,
}

impl Heartbeat {
    pub(crate) fn echo_due(&self) -> bool {
        !self.echo.is_empty()
    }
}

impl Association {
    pub(crate) fn schedule_heartbeat(&mut self, now: Instant) {
        if let Some(interval) = self.config.heartbeat_interval {
            // RFC 9260, Section 8.3: the interval plus the timeout.
            let interval = interval.max(Duration::from_millis(100));
            self.timers.set(Timer::Heartbeat, now + interval.saturating_add(self.tx.rto.current()));
        }
    }

    pub(crate) fn heartbeat_timed_out(&mut self, now: Instant) {
        if self.heartbeat.awaited.take().is_some() {
            self.note_error(now);
        }
        if !self.state.sends_data() {
            return;
        }
        // RFC 9260, Section 8.3: data on its way tells as much.
        if !self.tx.has_outstanding() {
            self.due.add(Control::Heartbeat);
            self.tx.shrink();
            self.rx.shrink();
        }
        self.schedule_heartbeat(now);
    }

    /// Appends the HEARTBEAT and the HEARTBEAT ACK that are due.
    pub(crate) fn write_heartbeats(&mut self, now: Instant, packet: &mut PacketWriter<'_>) {
        let echo_len = self.heartbeat.echo.len().saturating_add(4).next_multiple_of(4);
        if self.heartbeat.echo_due() && packet.room() >= echo_len {
            packet.chunk(kind::HEARTBEAT_ACK, 0, |out| out.extend_from_slice(&self.heartbeat.echo));
            self.heartbeat.echo.clear();
        }
        if self.due.has(Control::Heartbeat) && packet.room() >= 16 {
            self.due.take(Control::Heartbeat);
            let nonce = self.rng.next_u64();
            self.heartbeat.awaited = Some(Sent { nonce, at: now });
            packet.chunk(kind::HEARTBEAT, 0, |out| {
                out.extend_from_slice(&parameter::HEARTBEAT_INFO.to_be_bytes());
                out.extend_from_slice(&12u16.to_be_bytes());
                out.extend_from_slice(&nonce.to_be_bytes());
            });
        }
    }

    pub(crate) fn handle_heartbeat(&mut self, value: &[u8]) -> Result<(), Discard> {
        if self.state.peer().is_none() || value.is_empty() || value.len() > MAX_ECHO.min(self.mtu / 2) {
            return Err(Discard::UnexpectedChunk);
        }
        self.heartbeat.echo.clear();
        self.heartbeat.echo.extend_from_slice(value);
        Ok(())
    }

    pub(crate) fn handle_heartbeat_ack(&mut self, now: Instant, value: &[u8]) -> Result<(), Discard> {
        let nonce = value.get(4..12).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        // RFC 9260, Section 8.3: only the answer to the HEARTBEAT on its way counts.
        let Some(sent) = self.heartbeat.awaited.take_if(|sent| Some(sent.nonce) == nonce) else {
            return Err(Discard::UnexpectedChunk);
        };
        self.errors = 0;
        self.tx.rto.sample(now.saturating_duration_since(sent.at));
        Ok(())
    }
}
