//! Packets out.

use std::time::Instant;

use crate::association::Association;
use crate::packet::{Cause, HEADER_LEN, Header, PacketWriter, kind};
use crate::rx::Acknowledgement;
use crate::state::{Control, Farewell, State};
use crate::timer::Timer;

impl Association {
    /// Appends at most one packet to `out` and returns its length; `None` when there is nothing to send, or when
    /// `max_len`, the room in the caller's buffer (at least 1,500), is too small for what there is.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.advance(now);
        let limit = self.mtu.min(max_len);
        let len = match self.state {
            State::Ended(_) => None,
            State::Leaving { reason, farewell } => {
                let len = self.write_farewell(farewell, limit, out);
                if len.is_some() {
                    self.end(reason);
                }
                len
            }
            State::Closed | State::CookieWait { .. } => self.write_init(limit, out),
            _ if self.init_ack.is_some() => self.write_init(limit, out),
            _ => {
                // Looking for data may give up what has had its time, which the peer then has to be told.
                let len = self.write_packet(now, limit, max_len, out);
                len.or_else(|| self.write_packet(now, limit, max_len, out))
            }
        }?;
        self.stats.packets_sent = self.stats.packets_sent.saturating_add(1);
        self.stats.bytes_sent = self.stats.bytes_sent.saturating_add(u64::try_from(len).unwrap_or_default());
        Some(len)
    }

    pub(crate) fn header(&self, tag: u32) -> Header {
        Header {
            source_port: self.config.local_port,
            destination_port: self.remote_port,
            verification_tag: tag,
        }
    }

    fn write_farewell(&self, farewell: Farewell, limit: usize, out: &mut Vec<u8>) -> Option<usize> {
        if limit < HEADER_LEN + 8 {
            return None;
        }
        match farewell {
            Farewell::Abort { tag, cause } => {
                let mut packet = PacketWriter::begin(out, self.header(tag), limit);
                packet.chunk(kind::ABORT, 0, |out| {
                    if let Some(code) = cause {
                        Cause { code, value: &[] }.write(out);
                    }
                });
                packet.finish()
            }
            Farewell::ShutdownComplete { tag } => {
                let mut packet = PacketWriter::begin(out, self.header(tag), limit);
                packet.chunk(kind::SHUTDOWN_COMPLETE, 0, |_| {});
                packet.finish()
            }
        }
    }

    /// Appends a packet of the association's course: control chunks, then data.
    fn write_packet(
        &mut self,
        now: Instant,
        limit: usize,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let tag = self.state.peer()?.tag;
        let mut packet = PacketWriter::begin(out, self.header(tag), limit);
        // RFC 9260, Sections 5.1 and 6.10: COOKIE ECHO and COOKIE ACK come first; data may follow the former.
        let echoed = self.write_cookie_echo(&mut packet);
        if self.due.has(Control::CookieAck) && packet.room() >= 4 {
            self.due.take(Control::CookieAck);
            packet.chunk(kind::COOKIE_ACK, 0, |_| {});
        }
        // RFC 9260, Section 5.1: until the COOKIE ACK nothing but the COOKIE ECHO's packet leaves.
        if echoed || !matches!(self.state, State::CookieEchoed { .. }) {
            self.write_control(now, &mut packet);
            if echoed || self.state.sends_data() {
                self.write_data(now, &mut packet, max_len);
            }
        }
        packet.finish()
    }

    fn write_control(&mut self, now: Instant, packet: &mut PacketWriter<'_>) {
        let sends_data = self.state.sends_data();
        let owed = match self.rx.owed() {
            Acknowledgement::Now => true,
            // RFC 9260, Section 6.2: a SACK that is due some time leaves with data.
            Acknowledgement::Delayed => sends_data && self.tx.wants_to_send(),
            Acknowledgement::None => false,
        };
        if owed && self.rx.write_sack(packet) {
            self.timers.stop(Timer::Sack);
        }
        if let Some((code, value)) =
            self.error.take_if(|(_, value)| packet.room() >= value.len().saturating_add(12))
        {
            packet.chunk(kind::ERROR, 0, |out| Cause { code, value: &value }.write(out));
        }
        if self.heartbeat.echo_due() || self.due.has(Control::Heartbeat) {
            self.write_heartbeats(now, packet);
        }
        if self.reset.response_due() || self.due.has(Control::ReconfigRequest) {
            self.write_reconfig(packet);
        }
        if sends_data && self.tx.forward_due() {
            self.tx.write_forward_tsn(now, packet);
        }
        if self.due.has(Control::Shutdown) && packet.room() >= 8 {
            self.due.take(Control::Shutdown);
            let cum = self.rx.cum();
            packet.chunk(kind::SHUTDOWN, 0, |out| out.extend_from_slice(&cum.to_be_bytes()));
        }
        if self.due.has(Control::ShutdownAck) && packet.room() >= 4 {
            self.due.take(Control::ShutdownAck);
            packet.chunk(kind::SHUTDOWN_ACK, 0, |_| {});
        }
    }

    fn write_data(&mut self, now: Instant, packet: &mut PacketWriter<'_>, max_len: usize) {
        if self.tx.write_data(now, packet, max_len, &mut self.stats) {
            self.update_retransmission_timer(now, false);
        }
        self.start_stream_reset(now);
    }
}
