//! What is sent: packets taken from the application, and datagrams written.

use super::Session;
use crate::ExtendedSequence;
use crate::codec::Fragment;
use crate::event::{SendError, SendErrorKind};
use crate::extension::{AbsSendTime, Kind, Writer};
use crate::packet::{self, Header};
use crate::section::Format;
use crate::slab::Key;
use crate::stream::send::{Own, SendStream, SentPacket};
use crate::stream::{OutgoingFrame, OutgoingPacket, SenderId};
use bytes::Bytes;
use std::time::Instant;

/// The length of a tag, whatever the profile: what room is left for one.
const MAX_TAG: usize = 16;
/// How far a packet that others have cut may exceed the largest datagram, by headers and tag that are longer here.
const SLACK: usize = 128;
/// The room that a caller has at least.
const LEAST_ROOM: usize = 1500;

/// What became of a packet that was to be written.
enum Written {
    Sent(usize, Own),
    /// It is longer than the room is: it stays.
    NoRoom,
    /// It can never be written.
    Refused,
}

impl Session {
    /// Sends a packet, when it is polled. Its payload and the fixed header of 12 bytes must fit the largest datagram; what
    /// extensions and the tag add to that is let pass, for what others have cut cannot be cut again.
    ///
    /// # Errors
    /// It cannot be sent; it is handed back.
    pub fn send_rtp(
        &mut self,
        now: Instant,
        sender: SenderId,
        packet: OutgoingPacket,
    ) -> Result<(), SendError<OutgoingPacket>> {
        let now = self.advance(now);
        let (format, sequence) = match self.admit(sender, &packet) {
            Ok(admitted) => admitted,
            Err(kind) => return Err(SendError { kind, refused: packet }),
        };
        let key = Key(sender.0);
        if let Some(stream) = self.senders.get_mut(key) {
            let OutgoingPacket { payload_type, timestamp, marker, extensions, payload, .. } = packet;
            if stream.begins(timestamp) {
                stream.look_for_key_frame(now, format.codec, &payload, false);
            }
            let timestamp = stream.time(now, format, timestamp);
            let (prefix, body) = (Bytes::new(), payload);
            let sent =
                SentPacket { sequence, timestamp, payload_type, marker, extensions, prefix, body, own: None };
            self.queue.push_back((key, sent));
        }
        Ok(())
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
        let now = self.advance(now);
        match self.queue_frame(now, sender, &frame) {
            Ok(()) => Ok(()),
            Err(kind) => {
                self.fragments.clear();
                self.blocks.clear();
                Err(SendError { kind, refused: frame })
            }
        }
    }

    /// What goes with a packet that may be sent; its number counts as used.
    fn admit(
        &mut self,
        sender: SenderId,
        packet: &OutgoingPacket,
    ) -> Result<(Format, ExtendedSequence), SendErrorKind> {
        let format = self.sendable(sender, packet.payload_type)?;
        let stream = self.senders.get_mut(Key(sender.0)).ok_or(SendErrorKind::UnknownSender)?;
        let len = stream.header_len(&packet.extensions) + packet.payload.len() + MAX_TAG;
        let most = (self.mtu + SLACK).min(self.mtu.max(LEAST_ROOM));
        if packet.payload.len() + packet::FIXED_HEADER_LEN > self.mtu || len > most {
            return Err(SendErrorKind::TooLong);
        }
        if self.queue.len() >= self.config.max_queued_packets {
            return Err(SendErrorKind::QueueFull);
        }
        let number = packet.sequence.unwrap_or_else(|| stream.next());
        Ok((format, stream.take(number)?))
    }

    fn queue_frame(
        &mut self,
        now: Instant,
        sender: SenderId,
        frame: &OutgoingFrame,
    ) -> Result<(), SendErrorKind> {
        let format = self.sendable(sender, frame.payload_type)?;
        let key = Key(sender.0);
        let stream = self.senders.get_mut(key).ok_or(SendErrorKind::UnknownSender)?;
        let header = stream.header_len(&frame.extensions);
        let max_len = self.mtu.checked_sub(header + MAX_TAG).filter(|len| *len > 0);
        let max_len = max_len.ok_or(SendErrorKind::TooLong)?;
        let free = self.config.max_queued_packets.saturating_sub(self.queue.len());
        // Before it is cut, lest the packetizer count a frame that does not leave.
        if frame.payload.len().div_ceil(max_len) > free {
            return Err(SendErrorKind::QueueFull);
        }
        let prefixes = self.blocks.grow(PREFIXES);
        stream.cut(frame, format, max_len, prefixes, &mut self.fragments)?;
        if self.fragments.len() > free {
            return Err(SendErrorKind::QueueFull);
        }
        let timestamp = stream.time(now, format, frame.timestamp);
        if format.codec.is_video() {
            // The first payload tells, or each does: the last, when something else fills the first.
            for Fragment { prefix, body, .. } in
                [self.fragments.front(), self.fragments.back()].into_iter().flatten()
            {
                self.payload.clear();
                self.payload.extend_from_slice(prefix);
                self.payload.extend_from_slice(body);
                if stream.look_for_key_frame(now, format.codec, &self.payload, true) {
                    break;
                }
            }
        }
        for fragment in self.fragments.drain(..) {
            self.queue.push_back((key, stream.fragment(frame, timestamp, fragment)?));
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

    /// Appends at most one datagram; returns its length. `max_len` is the room in the caller's buffer, at least 1,500 bytes:
    /// with less, what is longer stays for the next call, and so does all RTCP when less than the largest datagram fits.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.advance(now);
        self.keys.as_ref()?;
        if !self.is_quiet(now) {
            self.poll_streams(now);
            if max_len >= self.mtu {
                if let Some(len) = self.write_control(now, out) {
                    return Some(len);
                }
                self.quiet_until = (!self.pending.scheduled).then(|| self.deadline());
            }
        }
        self.write_packet(now, max_len, out)
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has nothing to append, as far as that is known without looking.
    #[must_use]
    pub fn nothing_to_send(&self, now: Instant) -> bool {
        !self.has_queued() && self.is_quiet(now)
    }

    /// Whether it is known that there is no RTCP to send.
    fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until.is_some_and(|until| until.is_none_or(|until| until > now))
    }

    /// Whether packets wait to be polled; RTCP apart.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !(self.queue.is_empty() && self.repairs.is_empty())
    }

    /// The next packet: one that the peer misses, else one that is new.
    fn write_packet(&mut self, now: Instant, max_len: usize, out: &mut Vec<u8>) -> Option<usize> {
        loop {
            let (key, sent) = self.next_repair(now).or_else(|| self.next_queued())?;
            match self.write(now, key, &sent, max_len, out) {
                Written::Sent(len, own) => {
                    self.sent(now, key, sent, own, len);
                    return Some(len);
                }
                Written::NoRoom => {
                    self.queue.push_front((key, sent));
                    return None;
                }
                Written::Refused => {}
            }
        }
    }

    /// The next packet that was asked for and may be sent again.
    fn next_repair(&mut self, now: Instant) -> Option<(Key, SentPacket)> {
        while let Some((key, number)) = self.repairs.pop_front() {
            let round_trip = self.round_trip().unwrap_or_default();
            let stream = self.senders.get_mut(key);
            if let Some(sent) = stream.and_then(|stream| stream.kept.request(now, number, round_trip)) {
                return Some((key, sent));
            }
        }
        None
    }

    fn next_queued(&mut self) -> Option<(Key, SentPacket)> {
        let next = self.queue.pop_front()?;
        if self.queue.is_empty() {
            // The next one takes the same memory again, not what lies behind it.
            self.queue.clear();
        }
        Some(next)
    }

    /// A packet of `len` bytes has left.
    fn sent(&mut self, now: Instant, key: Key, sent: SentPacket, own: Own, len: usize) {
        if !self.has_sent {
            self.has_sent = true;
            // There is something to report now.
            self.wake(now);
        }
        let Some(stream) = self.senders.get_mut(key) else { return };
        let payload_len = sent.payload_len();
        if sent.own.is_some() {
            stream.sent_repair(payload_len, len);
            return;
        }
        stream.counters.packets += 1;
        stream.counters.payload_bytes += payload_len as u64;
        stream.counters.header_bytes += (len - payload_len) as u64;
        stream.counters.last_packet = Some(now);
        stream.kept.keep(now, sent, own, len);
    }

    /// Writes one packet and protects it.
    fn write(
        &mut self,
        now: Instant,
        key: Key,
        sent: &SentPacket,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Written {
        let time = AbsSendTime::from_ntp(self.ntp(now).0);
        let again = sent.own.is_some();
        let Self { senders, sections, keys, history, mtu, .. } = self;
        let (Some(stream), Some(keys)) = (senders.get(key), keys) else { return Written::Refused };
        let section = || sections.get(&stream.section).map(|state| &state.section);
        let format = if again { section().and_then(|one| one.send_format(sent.payload_type)) } else { None };
        let repair = format.and_then(|format| format.repair);
        let (header, index) = match repair {
            Some(payload_type) => repair_header(stream, sent, payload_type),
            None => (media_header(stream, sent), sent.sequence),
        };
        // The same bytes again where retransmissions have no format of their own: other bytes under the same number would
        // give the key stream away (RFC 3711, Section 9.1).
        let before = sent.own.filter(|_| repair.is_none());
        let own = before.unwrap_or_else(|| Own {
            time,
            transport: history.next_sequence(),
            // RFC 8852, Section 3.1: until the receiver has surely learnt what the source is.
            names: !if repair.is_some() { stream.repair_known } else { stream.known },
        });
        let start = out.len();
        let header_len = packet::write(out, &header, &[], |writer| {
            let mid = if own.names { section().and_then(|section| section.mid.as_deref()) } else { None };
            extensions(writer, stream, mid, sent, &own, repair.is_some());
        });
        let original = if repair.is_some() { ORIGINAL_SEQUENCE } else { 0 };
        let len = header_len + original + sent.payload_len() + keys.sender.profile().rtp_overhead();
        if len > max_len {
            out.truncate(start);
            // What was queued for a larger path is given up, lest it hold all others back.
            return if max_len >= LEAST_ROOM.max(*mtu) { Written::Refused } else { Written::NoRoom };
        }
        if repair.is_some() {
            out.extend_from_slice(&sent.sequence.wire().0.to_be_bytes());
        }
        out.extend_from_slice(&sent.prefix);
        out.extend_from_slice(&sent.body);
        if keys.sender.protect_rtp(out, start, header_len, header.ssrc, index).is_err() {
            out.truncate(start);
            return Written::Refused;
        }
        if before.is_none() {
            let bytes = u32::try_from(len).unwrap_or(u32::MAX);
            let feedback = format.or(stream.format).map(|format| format.feedback);
            if feedback.is_some_and(|feedback| feedback.congestion_control) {
                history.sent_by_source(now, bytes, header.ssrc, index);
            } else if stream.ids.id(Kind::TransportSequence).is_some() {
                history.sent(now, bytes, header.ssrc);
            }
        }
        Written::Sent(len, own)
    }
}

/// Bytes that the payloads of one frame have before them, as a rule.
const PREFIXES: usize = 512;
/// RFC 4588, Section 4.
const ORIGINAL_SEQUENCE: usize = 2;

fn media_header(stream: &SendStream, sent: &SentPacket) -> Header {
    Header {
        marker: sent.marker,
        payload_type: sent.payload_type,
        sequence_number: sent.sequence.wire(),
        timestamp: sent.timestamp,
        ssrc: stream.ssrc,
    }
}

fn repair_header(
    stream: &SendStream,
    sent: &SentPacket,
    payload_type: crate::PayloadType,
) -> (Header, ExtendedSequence) {
    let index = stream.next_repair();
    let header = Header {
        payload_type,
        sequence_number: index.wire(),
        ssrc: stream.repair_ssrc,
        ..media_header(stream, sent)
    };
    (header, index)
}

fn extensions(
    writer: &mut Writer<'_>,
    stream: &SendStream,
    mid: Option<&str>,
    sent: &SentPacket,
    own: &Own,
    repair: bool,
) {
    let ids = &*stream.ids;
    if own.names {
        if let Some(mid) = mid {
            writer.value(ids, Kind::Mid, mid.as_bytes());
        }
        if let Some(rid) = &stream.rid {
            let kind = if repair { Kind::RepairedRid } else { Kind::Rid };
            writer.value(ids, kind, rid.as_bytes());
        }
    }
    if ids.id(Kind::AbsSendTime).is_some() {
        writer.typed(ids, &own.time);
    }
    writer.value(ids, Kind::TransportSequence, &own.transport.0.to_be_bytes());
    for (kind, value) in &sent.extensions {
        if super::is_of_media(kind) {
            writer.value(ids, kind, value);
        }
    }
}
