//! Received RTP: from the datagram to the stream.
//!
//! 1. The header says which source and number; SRTP authenticates and decrypts (RFC 3711, Section 3.3).
//! 2. The source, or what the packet says of itself, says which stream (RFC 9143, Section 9.2).
//! 3. A retransmission becomes the packet that it repairs (RFC 4588, Section 4).
//! 4. The stream counts it, misses what lies before it, and makes frames of it.

use super::Session;
use super::demux::{self, Demux, Names, Route};
use super::is_of_media;
use super::sections::payload_bit;
use crate::cc::{self, Ecn, SourceArrival};
use crate::codec::Codec;
use crate::event::{Discard, Event};
use crate::extension::{Kind, Set};
use crate::packet::{self, Header};
use crate::section::Format;
use crate::slab::Key;
use crate::stream::jitter::{Incoming, JitterBuffer};
use crate::stream::reception::Received;
use crate::stream::recv::{First, ReceiveStream};
use crate::stream::{Packet, ReceiverId, SectionId};
use crate::{ExtendedSequence, SequenceNumber, srtp};
use std::sync::Arc;
use std::time::Instant;

/// A packet in the clear, on its way to its stream.
struct Clear<'d> {
    packet: packet::Packet<'d>,
    header: Header,
    index: ExtendedSequence,
    arrival: Instant,
    len: usize,
    /// The datagram's length, the tag included.
    wire_len: usize,
}

/// A packet of a stream, whichever way it came.
struct Content<'d> {
    header: Header,
    sequence: ExtendedSequence,
    codec: Codec,
    payload: &'d [u8],
    repaired: bool,
}

impl Session {
    /// Takes an RTP packet of the peer's. It is decrypted in place, and handed out borrowed from the datagram. `arrival` is
    /// when the network delivered it; `ecn` the mark that it arrived with, where there is one and it is known.
    ///
    /// # Errors
    /// The packet was of no use, for the reason given and counted.
    pub fn handle_rtp<'d>(
        &mut self,
        now: Instant,
        arrival: Instant,
        ecn: Option<Ecn>,
        datagram: &'d mut [u8],
    ) -> Result<Packet<'d>, Discard> {
        let now = self.wake(now);
        // What the network says of the future is wrong.
        match self.receive(now, arrival.min(now), ecn, datagram) {
            Ok(packet) => Ok(packet),
            Err(reason) => self.refuse(reason),
        }
    }

    fn receive<'d>(
        &mut self,
        now: Instant,
        arrival: Instant,
        ecn: Option<Ecn>,
        datagram: &'d mut [u8],
    ) -> Result<Packet<'d>, Discard> {
        let keys = self.keys.as_mut().ok_or(Discard::NoKeys)?;
        let (header, header_len) = packet::peek(datagram).map_err(Discard::Packet)?;
        let opened = keys
            .receiver
            .unprotect_rtp(datagram, header_len, header.ssrc, header.sequence_number)
            .map_err(Discard::Srtp)?;
        let datagram: &'d [u8] = datagram;
        let wire_len = datagram.len();
        let bytes = datagram.get(..opened.len).ok_or(Discard::Srtp(srtp::Discard::Truncated))?;
        let packet = packet::Packet::parse(bytes).map_err(Discard::Packet)?;
        let clear = Clear { packet, header, index: opened.index, arrival, len: bytes.len(), wire_len };
        self.note_arrival(&clear, ecn);
        let (key, repair) = self.find(&clear)?;
        if ecn == Some(Ecn::Ce)
            && let Some(stream) = self.receivers.get_mut(key)
        {
            stream.counters.ecn_ce += 1;
        }
        if repair { self.repaired(now, key, &clear) } else { self.media(now, key, &clear) }
    }

    /// Notes when a packet came, for the sender's congestion control.
    fn note_arrival(&mut self, clear: &Clear<'_>, ecn: Option<Ecn>) {
        let Header { ssrc, payload_type, .. } = clear.header;
        // RFC 8888, Section 6: of two ways that do the same, one is to be used.
        if self.told_by_source & payload_bit(payload_type) != 0 {
            if let Some(arrivals) = &mut self.arrivals_by_source {
                arrivals.received(ssrc, clear.index, SourceArrival { at: clear.arrival, ecn });
            }
            return;
        }
        let number = clear.packet.extensions().value(&self.demux.ids, Kind::TransportSequence);
        let Some([high, low, ..]) = number else { return };
        let epoch = self.epoch.0;
        self.arrivals_of = ssrc;
        let arrivals = self.arrivals.get_or_insert_with(|| cc::Arrivals::new(epoch));
        arrivals.received(SequenceNumber(u16::from_be_bytes([*high, *low])), clear.arrival);
    }

    /// The stream of a packet, and whether it is a retransmission.
    fn find(&mut self, clear: &Clear<'_>) -> Result<(Key, bool), Discard> {
        let header = clear.header;
        match self.demux.route(header.ssrc) {
            Some(Route::Media(key)) if self.stays(key, clear)? => {
                let stream = self.receivers.get(key).ok_or(Discard::NoSection)?;
                // What has its stream's payload type need not say more.
                if stream.format.payload_type == header.payload_type {
                    return Ok((key, false));
                }
                let section = self.sections.get(&stream.section).ok_or(Discard::NoSection)?;
                match section.section.receive_format(header.payload_type) {
                    Some((format, false)) => {
                        if let Some(stream) = self.receivers.get_mut(key) {
                            stream.set_format(format);
                        }
                        Ok((key, false))
                    }
                    // RFC 4588, Section 4 (SSRC-multiplexing): a source has one kind alone.
                    Some((_, true)) | None => Err(Discard::UnknownPayloadType),
                }
            }
            Some(Route::Media(key)) => {
                self.end_receiver(ReceiverId(key.0));
                self.introduce(clear)
            }
            Some(Route::Repair(key)) => Ok((key, true)),
            None => self.introduce(clear),
        }
    }

    /// Whether a packet of a known source says nothing else than before of its section.
    fn stays(&self, key: Key, clear: &Clear<'_>) -> Result<bool, Discard> {
        let stream = self.receivers.get(key).ok_or(Discard::NoSection)?;
        let state = self.sections.get(&stream.section).ok_or(Discard::NoSection)?;
        let Some(mid) = demux::mid(&clear.packet, &state.ids) else { return Ok(true) };
        // RFC 9143, Section 9.2: a MID counts that comes in a packet later than the last.
        if state.section.mid.as_deref() == Some(mid) || clear.index <= stream.reception.highest() {
            return Ok(true);
        }
        let found = self.sections.values().any(|one| one.section.mid.as_deref() == Some(mid));
        if found { Ok(false) } else { Err(Discard::NoSection) }
    }

    /// A source that was not heard before.
    fn introduce(&mut self, clear: &Clear<'_>) -> Result<(Key, bool), Discard> {
        let header = clear.header;
        let section = Demux::section(&self.sections, &clear.packet, header.ssrc, header.payload_type)
            .ok_or(Discard::NoSection)?;
        let state = self.sections.get(&section).ok_or(Discard::NoSection)?;
        let names = Names::of(&clear.packet, &state.ids);
        let (format, repair) =
            state.section.receive_format(header.payload_type).ok_or(Discard::UnknownPayloadType)?;
        if repair {
            let key = self.repaired_stream(section, &names, clear).ok_or(Discard::UnknownRepair)?;
            self.learn_repair(key, header.ssrc);
            return Ok((key, true));
        }
        self.make_room()?;
        Ok((self.add_receiver(section, format, &names, clear), false))
    }

    fn add_receiver(
        &mut self,
        section: SectionId,
        format: Format,
        names: &Names<'_>,
        clear: &Clear<'_>,
    ) -> Key {
        let header = clear.header;
        let state = self.sections.get(&section);
        let rid = names.rid.filter(|rid| {
            state.is_some_and(|state| state.section.rids.iter().any(|one| one.as_ref() == *rid))
        });
        let source =
            state.and_then(|state| state.section.sources.iter().find(|source| source.ssrc == header.ssrc));
        let repair_ssrc = source.and_then(|source| source.repair);
        let frames = state.and_then(|state| state.frames.clone());
        let key = self.receivers.insert(|key| {
            let id = ReceiverId(key.0);
            let mut stream = ReceiveStream::new(First {
                id,
                section,
                ssrc: header.ssrc,
                rid: rid.map(Box::from),
                repair_ssrc: None,
                format,
                sequence: clear.index,
                timestamp: header.timestamp,
                arrival: clear.arrival,
            });
            stream.jitter = frames.map(|config| Box::new(JitterBuffer::new(id, config)));
            stream
        });
        self.demux.insert(header.ssrc, Route::Media(key));
        if let Some(repair) = repair_ssrc {
            self.learn_repair(key, repair);
        }
        let idle = self.now + self.config.idle_timeout;
        self.idle_due = Some(self.idle_due.map_or(idle, |due| due.min(idle)));
        self.tell(Event::ReceiverAdded { receiver: ReceiverId(key.0), section });
        key
    }

    /// Makes room for another source: the one that was silent longest goes, unless it sent within the last second.
    fn make_room(&mut self) -> Result<(), Discard> {
        if self.receivers.len() < self.config.max_receivers {
            return Ok(());
        }
        let oldest = self.receivers.iter().min_by_key(|stream| stream.last_arrival);
        let idle = oldest.filter(|stream| self.now.saturating_duration_since(stream.last_arrival) >= BUSY);
        let id = idle.map(|stream| stream.id).ok_or(Discard::TooManyReceivers)?;
        self.end_receiver(id);
        Ok(())
    }

    /// The stream that a new source of retransmissions repairs: by its `repaired-rid`; or, when nothing names it (fault
    /// str0m 940), the only one that misses the packet, or the section's only one, when it may have been its packet.
    fn repaired_stream(&self, section: SectionId, names: &Names<'_>, clear: &Clear<'_>) -> Option<Key> {
        let payload_type = clear.header.payload_type;
        let of_section = || self.receivers.iter().filter(|stream| stream.section == section);
        let key = |stream: &ReceiveStream| Key(stream.id.0);
        if let Some(rid) = names.repaired_rid {
            // Where an encoding has changed its source, the newer one.
            let named = of_section().filter(|stream| stream.rid.as_deref() == Some(rid));
            return named.max_by_key(|stream| stream.last_arrival).map(key);
        }
        // Those whose repair is known have no need of another source.
        let able =
            || of_section().filter(|stream| stream.is_repair(payload_type) && stream.repair_ssrc.is_none());
        let only = able().next().filter(|_| able().nth(1).is_none());
        let Some((number, _)) = original(clear.packet.payload()) else { return only.map(key) };
        let mut missing = able().filter(|stream| stream.misses(stream.original(number)));
        match (missing.next(), missing.next()) {
            (Some(stream), None) => Some(key(stream)),
            (Some(_), Some(_)) => None,
            (None, _) => only.filter(|stream| stream.may_have(stream.original(number))).map(key),
        }
    }

    fn media<'d>(&mut self, now: Instant, key: Key, clear: &Clear<'d>) -> Result<Packet<'d>, Discard> {
        let round_trip = self.round_trip();
        let stream = self.receivers.get_mut(key).ok_or(Discard::NoSection)?;
        let header = clear.header;
        stream.last_arrival = stream.last_arrival.max(clear.arrival);
        stream.heard = true;
        let received = stream.reception.receive(clear.index, header.timestamp, clear.arrival, clear.len);
        if let (Received::Restarted, Some(nack)) = (received, &mut stream.nack) {
            nack.restart();
        }
        stream.counters.packets += 1;
        stream.counters.header_bytes += (clear.wire_len - clear.packet.payload().len()) as u64;
        stream.counters.payload_bytes += clear.packet.payload().len() as u64;
        stream.note_missing(clear.index, now, false, &self.config.nack, round_trip);
        let (sequence, codec) = (clear.index, stream.format.codec);
        let payload = clear.packet.payload();
        self.deliver(now, key, clear, Content { header, sequence, codec, payload, repaired: false })
    }

    /// RFC 4588, Section 4: the payload begins with the number of the packet that it repairs.
    fn repaired<'d>(&mut self, now: Instant, key: Key, clear: &Clear<'d>) -> Result<Packet<'d>, Discard> {
        let round_trip = self.round_trip();
        let stream = self.receivers.get_mut(key).ok_or(Discard::UnknownRepair)?;
        let section = self.sections.get(&stream.section).ok_or(Discard::NoSection)?;
        let Some((format, true)) = section.section.receive_format(clear.header.payload_type) else {
            return Err(Discard::UnknownPayloadType);
        };
        stream.last_arrival = stream.last_arrival.max(clear.arrival);
        stream.counters.repair_packets += 1;
        stream.counters.repair_bytes += clear.packet.payload().len() as u64;
        stream.counters.repair_header_bytes += (clear.wire_len - clear.packet.payload().len()) as u64;
        // Retransmissions without content probe the path.
        let (number, payload) = original(clear.packet.payload()).ok_or(Discard::Padding)?;
        let sequence = stream.original(number);
        if !stream.may_have(sequence) {
            return Err(Discard::UnknownRepair);
        }
        let header = Header {
            payload_type: format.payload_type,
            sequence_number: number,
            ssrc: stream.ssrc,
            ..clear.header
        };
        stream.note_missing(sequence, now, true, &self.config.nack, round_trip);
        self.deliver(
            now,
            key,
            clear,
            Content { header, sequence, codec: format.codec, payload, repaired: true },
        )
    }

    fn deliver<'d>(
        &mut self,
        now: Instant,
        key: Key,
        clear: &Clear<'d>,
        content: Content<'d>,
    ) -> Result<Packet<'d>, Discard> {
        let Content { header, sequence, codec, payload, repaired } = content;
        let stream = self.receivers.get_mut(key).ok_or(Discard::NoSection)?;
        if !stream.admit(sequence) {
            return Err(Discard::Duplicate);
        }
        stream.counters.repaired_packets += u64::from(repaired);
        let timestamp = stream.extend(header.timestamp);
        let state = self.sections.get(&stream.section).ok_or(Discard::NoSection)?;
        let extensions = clear.packet.extensions();
        if stream.jitter.is_some() {
            let set = Set::of(extensions, &state.ids, is_of_media, self.blocks.grow(EXTENSIONS));
            stream.buffer(
                now,
                Incoming {
                    sequence,
                    timestamp,
                    codec,
                    payload_type: header.payload_type,
                    marker: header.marker,
                    payload,
                    arrival: clear.arrival,
                    extensions: set,
                },
            );
        }
        stream.look_for_key_frame(payload);
        let packet = Packet {
            receiver: stream.id,
            section: stream.section,
            header,
            sequence,
            timestamp,
            codec,
            arrival: clear.arrival,
            repaired,
            payload,
            extensions,
            ids: Arc::clone(&state.ids),
        };
        let due = stream.deadline();
        self.due(due);
        self.take_frames(now, key);
        Ok(packet)
    }

    /// Moves whole frames to where the application pulls them.
    fn take_frames(&mut self, now: Instant, key: Key) {
        let Some(stream) = self.receivers.get_mut(key) else { return };
        let Some(jitter) = &mut stream.jitter else { return };
        while let Some(mut frame) = jitter.poll(now) {
            frame.captured = stream.clock.ntp(frame.timestamp.wire());
            stream.counters.frames += 1;
            stream.counters.key_frames += u64::from(frame.description.key_frame);
            self.frame_bytes += frame.payload.len();
            self.frames.push_back(frame);
            while self.frames.len() > self.config.max_queued_frames || self.frame_bytes > MAX_FRAME_BYTES {
                let Some(dropped) = self.frames.pop_front() else { break };
                self.frame_bytes -= dropped.payload.len();
                self.counters.dropped_frames += 1;
                if let Some(next) = self.frames.iter_mut().find(|next| next.receiver == dropped.receiver) {
                    next.after_gap = true;
                }
            }
        }
        if jitter.take_wants_key_frame() {
            stream.request_key_frame(now);
        }
        let due = stream.deadline();
        self.due(due);
        if !self.frames.is_empty() && !self.frames_told {
            self.frames_told = true;
            self.tell(Event::FramesReadable);
        }
    }

    /// What waited long enough for what is missing.
    pub(super) fn poll_jitter_buffers(&mut self, now: Instant) {
        let mut waiting = std::mem::take(&mut self.keys_scratch);
        waiting.extend(
            self.receivers.iter().filter(|stream| stream.jitter.is_some()).map(|stream| Key(stream.id.0)),
        );
        for key in waiting.drain(..) {
            self.take_frames(now, key);
        }
        self.keys_scratch = waiting;
    }
}

/// A source that sent within this time is in use.
const BUSY: std::time::Duration = std::time::Duration::from_secs(1);

/// Bytes that a packet's extensions take, as a rule.
const EXTENSIONS: usize = 512;

/// The most bytes of frames that wait to be received.
const MAX_FRAME_BYTES: usize = 32 << 20;

/// The number of the packet that a retransmission repairs, and its payload.
fn original(payload: &[u8]) -> Option<(SequenceNumber, &[u8])> {
    let (number, payload) = payload.split_first_chunk()?;
    Some((SequenceNumber(u16::from_be_bytes(*number)), payload))
}
