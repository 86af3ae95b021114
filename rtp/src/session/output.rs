//! What is sent: packets taken from the application, and datagrams written.

use super::sections::SectionState;
use super::{Keys, Session};
use crate::event::{SendError, SendErrorKind};
use crate::extension::{AbsSendTime, Kind, Set, Writer};
use crate::packet::{self, Header};
use crate::rtcp::NtpTime;
use crate::section::Format;
use crate::slab::Key;
use crate::stream::send::{SendStream, SentPacket};
use crate::stream::{OutgoingFrame, OutgoingPacket, SenderId};
use crate::{ExtendedSequence, SequenceNumber};
use std::time::Instant;

/// The length of a tag, whatever the profile: what room is left for one.
const MAX_TAG: usize = 16;

impl Session {
    /// Sends a packet, when it is polled.
    ///
    /// # Errors
    /// It cannot be sent; it is handed back.
    pub fn send_rtp(
        &mut self,
        now: Instant,
        sender: SenderId,
        packet: OutgoingPacket,
    ) -> Result<(), SendError<OutgoingPacket>> {
        self.advance(now);
        match self.queue_packet(sender, &packet) {
            Ok(()) => Ok(()),
            Err(kind) => Err(SendError { kind, refused: packet }),
        }
    }

    /// Sends a frame in as many packets as it needs, when they are polled.
    ///
    /// # Errors
    /// It cannot be sent; it is handed back, and nothing of it leaves.
    pub fn send_frame(
        &mut self,
        now: Instant,
        sender: SenderId,
        frame: OutgoingFrame,
    ) -> Result<(), SendError<OutgoingFrame>> {
        self.advance(now);
        match self.queue_frame(sender, &frame) {
            Ok(()) => Ok(()),
            Err(kind) => {
                self.fragments.clear();
                Err(SendError { kind, refused: frame })
            }
        }
    }

    fn queue_packet(&mut self, sender: SenderId, packet: &OutgoingPacket) -> Result<(), SendErrorKind> {
        let format = self.sendable(sender, packet.payload_type)?;
        let key = Key(sender.0);
        let stream = self.senders.get_mut(key).ok_or(SendErrorKind::UnknownSender)?;
        let section = self.sections.get(&stream.section).ok_or(SendErrorKind::NotSending)?;
        let header = stream.header_len(&section.section, &packet.extensions);
        if header + packet.payload.len() + MAX_TAG > self.mtu {
            return Err(SendErrorKind::TooLong);
        }
        if self.queue.len() >= self.config.max_queued_packets {
            return Err(SendErrorKind::QueueFull);
        }
        self.queue.push_back((key, stream.packet(packet, format)?));
        Ok(())
    }

    fn queue_frame(&mut self, sender: SenderId, frame: &OutgoingFrame) -> Result<(), SendErrorKind> {
        let format = self.sendable(sender, frame.payload_type)?;
        let key = Key(sender.0);
        let stream = self.senders.get_mut(key).ok_or(SendErrorKind::UnknownSender)?;
        let section = self.sections.get(&stream.section).ok_or(SendErrorKind::NotSending)?;
        let header = stream.header_len(&section.section, &frame.extensions);
        let max_len = self.mtu.checked_sub(header + MAX_TAG).ok_or(SendErrorKind::TooLong)?;
        stream.cut(frame, format, max_len, &mut self.prefixes, &mut self.fragments)?;
        if self.queue.len() + self.fragments.len() > self.config.max_queued_packets {
            return Err(SendErrorKind::QueueFull);
        }
        for fragment in self.fragments.drain(..) {
            self.queue.push_back((key, stream.fragment(frame, fragment)?));
        }
        stream.counters.frames += 1;
        Ok(())
    }

    /// The format of what is to be sent, when it may be.
    fn sendable(&self, sender: SenderId, payload_type: crate::PayloadType) -> Result<Format, SendErrorKind> {
        let stream = self.sender(sender).ok_or(SendErrorKind::UnknownSender)?;
        if self.keys.is_none() || !stream.active {
            return Err(SendErrorKind::NotSending);
        }
        // What was used last need not be looked for; a change of what is agreed on forgets it.
        if let Some(format) = stream.format.filter(|format| format.payload_type == payload_type) {
            return Ok(format);
        }
        let section = self.sections.get(&stream.section).ok_or(SendErrorKind::NotSending)?;
        section.section.send_format(payload_type).ok_or(SendErrorKind::UnknownPayloadType)
    }

    /// Appends at most one datagram; returns its length. `max_len` is the room in the caller's buffer, at least 1,500 bytes.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.advance(now);
        self.keys.as_ref()?;
        self.poll_streams(now);
        // With less room than a datagram may need, only media that fit it leave: what goes before them ends the batch.
        if max_len < self.mtu {
            let waits = !self.repairs.is_empty() || self.pending.has_feedback();
            return if waits { None } else { self.write_media(now, max_len, out) };
        }
        if let Some(len) = self.write_control(now, self.mtu, out) {
            return Some(len);
        }
        self.write_repair(now, max_len, out).or_else(|| self.write_media(now, max_len, out))
    }

    /// The next packet that the peer misses.
    fn write_repair(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        while let Some((key, number)) = self.repairs.pop_front() {
            let round_trip = self.round_trip.unwrap_or_default();
            let Some(stream) = self.senders.get_mut(key) else { continue };
            let Ok(sent) = stream.cache.request(now, number, round_trip) else { continue };
            let sent = sent.clone();
            let Some(section) = self.sections.get(&stream.section) else { continue };
            // The same bytes again, where retransmissions have no format of their own.
            let format = section.section.send_format(sent.payload_type);
            let repair = format.and_then(|format| format.repair).map(|payload_type| {
                let sequence = stream.next_repair();
                let header = Header {
                    marker: sent.marker,
                    payload_type,
                    sequence_number: sequence.wire(),
                    timestamp: sent.timestamp,
                    ssrc: stream.repair_ssrc,
                };
                (header, sequence)
            });
            stream.counters.repair_packets += 1;
            stream.counters.repair_bytes += sent.payload_len() as u64;
            if let Some(len) = self.write(now, key, &sent, repair, max_len, out) {
                if let Some(stream) = self.senders.get_mut(key) {
                    stream.counters.repair_header_bytes += (len - sent.payload_len()) as u64;
                }
                return Some(len);
            }
        }
        None
    }

    fn write_media(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        while let Some((key, sent)) = self.queue.pop_front() {
            let Some(len) = self.write(now, key, &sent, None, max_len, out) else {
                // Too long for the rest of a batch, which it does not belong to.
                if self.senders.get(key).is_some() && max_len < self.mtu {
                    self.queue.push_front((key, sent));
                    return None;
                }
                continue;
            };
            let Some(stream) = self.senders.get_mut(key) else { continue };
            stream.counters.packets += 1;
            stream.counters.payload_bytes += sent.payload_len() as u64;
            stream.counters.last_packet = Some(now);
            stream.clock = Some((sent.timestamp, now));
            stream.counters.header_bytes += (len - sent.payload_len()) as u64;
            stream.cache.insert(now, sent.sequence, sent, len);
            return Some(len);
        }
        None
    }

    /// Writes one packet and protects it.
    fn write(
        &mut self,
        now: Instant,
        key: Key,
        sent: &SentPacket,
        repair: Option<(Header, ExtendedSequence)>,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let ntp = self.ntp(now);
        let stream = self.senders.get(key)?;
        let state = self.sections.get(&stream.section)?;
        if packet::FIXED_HEADER_LEN + sent.payload_len() > max_len {
            return None;
        }
        let (header, index) = repair.unwrap_or_else(|| (media_header(stream, sent), sent.sequence));
        let start = out.len();
        let own = Own { ntp, transport: self.history.next_sequence(), repair: repair.is_some() };
        let header_len =
            packet::write(out, &header, &[], |writer| extensions(writer, stream, state, sent, &own));
        if repair.is_some() {
            out.extend_from_slice(&sent.sequence.wire().0.to_be_bytes());
        }
        out.extend_from_slice(&sent.prefix);
        out.extend_from_slice(&sent.body);
        let Keys { sender, .. } = self.keys.as_mut()?;
        let fits = out.len() - start + MAX_TAG <= max_len;
        if !fits || sender.protect_rtp(out, start, header_len, header.ssrc, index).is_err() {
            out.truncate(start);
            return None;
        }
        let len = out.len() - start;
        if state.section.extensions.id(Kind::TransportSequence).is_some() {
            self.history.sent(now, u32::try_from(len).unwrap_or(u32::MAX), header.ssrc);
        }
        Some(len)
    }
}

/// What the session itself says in a packet's extensions.
struct Own {
    ntp: NtpTime,
    transport: SequenceNumber,
    repair: bool,
}

fn media_header(stream: &SendStream, sent: &SentPacket) -> Header {
    Header {
        marker: sent.marker,
        payload_type: sent.payload_type,
        sequence_number: sent.sequence.wire(),
        timestamp: sent.timestamp,
        ssrc: stream.ssrc,
    }
}

fn extensions(
    writer: &mut Writer<'_>,
    stream: &SendStream,
    state: &SectionState,
    sent: &SentPacket,
    own: &Own,
) {
    let ids = &*state.ids;
    // RFC 8852, Section 3.1: until the receiver has surely learnt what the source is.
    let known = if own.repair { stream.repair_known } else { stream.known };
    if !known {
        if let Some(mid) = &state.section.mid {
            writer.value(ids, Kind::Mid, mid.as_bytes());
        }
        if let Some(rid) = &stream.rid {
            let kind = if own.repair { Kind::RepairedRid } else { Kind::Rid };
            writer.value(ids, kind, rid.as_bytes());
        }
    }
    if ids.id(Kind::AbsSendTime).is_some() {
        writer.typed(ids, &AbsSendTime::from_ntp(own.ntp.0));
    }
    writer.value(ids, Kind::TransportSequence, &own.transport.0.to_be_bytes());
    write_set(writer, ids, &sent.extensions);
}

fn write_set(writer: &mut Writer<'_>, ids: &crate::extension::Ids, set: &Set) {
    if !set.is_empty() {
        writer.set(ids, set);
    }
}
