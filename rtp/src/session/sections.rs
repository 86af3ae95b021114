//! What is negotiated: sections, senders, and what becomes of their streams.

use super::Session;
use super::demux::Route;
use crate::event::Event;
use crate::extension::Ids;
use crate::section::{Format, Section};
use crate::slab::Key;
use crate::stream::jitter::{JitterBuffer, JitterConfig};
use crate::stream::send::{Beginning, SendStream};
use crate::stream::{ReceiverId, SectionId, SenderId};
use crate::{PayloadType, Ssrc, cc};
use rand_core::Rng;
use std::sync::Arc;
use std::time::Instant;

/// A section and what belongs to it.
#[derive(Debug)]
pub(super) struct SectionState {
    pub(super) section: Section,
    pub(super) ids: Arc<Ids>,
    /// Whether its streams become frames.
    pub(super) frames: Option<JitterConfig>,
}

/// How a sender begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SenderInit {
    /// Its encoding's `rid`, with simulcast.
    pub rid: Option<Box<str>>,
    /// Its sources, as a description told them: of the packets, and of their retransmissions. `None` draws them.
    pub sources: Option<(Ssrc, Ssrc)>,
}

impl Section {
    /// Whether packets of this payload type may come.
    pub(super) fn takes(&self, payload_type: PayloadType) -> bool {
        self.receive.iter().any(|one| one.payload_type == payload_type || one.repair == Some(payload_type))
    }

    /// The format of packets, or of the packets that retransmissions repair.
    pub(super) fn receive_format(&self, payload_type: PayloadType) -> Option<(Format, bool)> {
        self.receive.iter().find_map(|one| {
            let repair = one.repair == Some(payload_type);
            (repair || one.payload_type == payload_type).then_some((*one, repair))
        })
    }

    pub(crate) fn send_format(&self, payload_type: PayloadType) -> Option<Format> {
        self.send.iter().copied().find(|one| one.payload_type == payload_type)
    }
}

impl Session {
    /// Adds a section, or changes what is agreed on for it. Streams that no longer fit end.
    pub fn set_section(&mut self, now: Instant, id: SectionId, section: Section) {
        self.wake(now);
        let ids = Arc::new(section.extensions.clone());
        let before = self.sections.remove(&id);
        let frames = before.as_ref().and_then(|state| state.frames.clone());
        let said = |section: &Section| (section.mid.clone(), section.extensions.clone());
        let same = before.is_some_and(|state| said(&state.section) == said(&section));
        for stream in self.senders.iter_mut().filter(|stream| stream.section == id) {
            stream.set_section(&section, &ids);
            // What was sent can be sent again as it was, or not at all.
            if !same {
                stream.kept.clear();
                self.queue.retain(|(key, sent)| key.0 != stream.id.0 || sent.own.is_none());
            }
        }
        let mut gone = Vec::new();
        for stream in self.receivers.iter_mut().filter(|stream| stream.section == id) {
            match section.receive_format(stream.format.payload_type) {
                Some((format, false)) => stream.set_format(format),
                Some((_, true)) | None => gone.push(stream.id),
            }
        }
        for receiver in gone {
            self.end_receiver(receiver);
        }
        for source in &section.sources {
            if let (Some(Route::Media(key)), Some(repair)) = (self.demux.route(source.ssrc), source.repair) {
                self.learn_repair(key, repair);
            }
        }
        self.sections.insert(id, SectionState { section, ids, frames });
        self.merge_sections(now);
    }

    /// The source of a stream's retransmissions is known.
    pub(super) fn learn_repair(&mut self, key: Key, repair: Ssrc) {
        let Some(stream) = self.receivers.get_mut(key) else { return };
        if self.demux.route(repair).is_some() {
            return;
        }
        if let Some(before) = stream.repair_ssrc.replace(repair)
            && self.demux.route(before) == Some(Route::Repair(key))
        {
            self.demux.remove(before);
        }
        self.demux.insert(repair, Route::Repair(key));
    }

    /// Takes a section away, and its streams with it.
    pub fn remove_section(&mut self, now: Instant, id: SectionId) {
        self.wake(now);
        self.sections.remove(&id);
        self.merge_sections(now);
        let receivers = self.receivers.iter().filter(|stream| stream.section == id);
        let receivers: Vec<ReceiverId> = receivers.map(|stream| stream.id).collect();
        for receiver in receivers {
            self.end_receiver(receiver);
        }
        let senders = self.senders.iter().filter(|stream| stream.section == id);
        let senders: Vec<SenderId> = senders.map(|stream| stream.id).collect();
        for sender in senders {
            self.remove_sender(now, sender);
        }
    }

    /// Whether a section's streams become frames, which [`recv_frame`](Self::recv_frame) hands out; its packets are handed
    /// through in either case. Default not.
    pub fn set_frames(&mut self, id: SectionId, frames: Option<JitterConfig>) {
        let Some(state) = self.sections.get_mut(&id) else { return };
        // The same again leaves what waits as it is.
        if state.frames == frames {
            return;
        }
        state.frames = frames;
        for stream in self.receivers.iter_mut().filter(|stream| stream.section == id) {
            stream.jitter = state.frames.clone().map(|config| Box::new(JitterBuffer::new(stream.id, config)));
        }
    }

    /// Adds a sender of one encoding to a section.
    pub fn add_sender(&mut self, now: Instant, section: SectionId, init: SenderInit) -> SenderId {
        self.wake(now);
        let (ssrc, repair_ssrc) = init.sources.unwrap_or_else(|| self.draw_sources());
        let random = [self.random.next_u32(), self.random.next_u32(), self.random.next_u32()];
        let cache = self.config.cache;
        let key = self.senders.insert(|key| {
            let beginning =
                Beginning { id: SenderId(key.0), section, rid: init.rid, ssrc, repair_ssrc, random };
            SendStream::new(beginning, cache)
        });
        if let (Some(stream), Some(state)) = (self.senders.get_mut(key), self.sections.get(&section)) {
            stream.set_section(&state.section, &state.ids);
        }
        self.ours.insert(ssrc, (key, false));
        self.ours.insert(repair_ssrc, (key, true));
        SenderId(key.0)
    }

    /// Ends a sender; the peer is told by BYE, at once as a rule, with what else RTCP has to say. Before 50 members a BYE may leave
    /// without the back-off of [RFC 3550, Section 6.3.7](https://www.rfc-editor.org/rfc/rfc3550#section-6.3.7); here are two,
    /// however many sources each has ([RFC 8108, Section 5.3.2](https://www.rfc-editor.org/rfc/rfc8108#section-5.3.2)): the flood
    /// that is held back there would be one peer's, whose sources share datagrams, and the schedule keeps those to their
    /// bandwidth. When more than 4,096 wait to be named, others are not: they end by their silence.
    pub fn remove_sender(&mut self, now: Instant, sender: SenderId) {
        self.wake(now);
        let Some(stream) = self.senders.remove(Key(sender.0)) else { return };
        for ssrc in [stream.ssrc, stream.repair_ssrc] {
            self.ours.remove(&ssrc);
            self.history.forget_source(ssrc);
        }
        self.queue.retain(|(key, _)| key.0 != sender.0);
        self.has_sent = self.senders.iter().any(|stream| stream.counters.last_packet.is_some());
        // RFC 3550, Section 6.3.7: who never sent must not say goodbye.
        let sent = [
            (stream.ssrc, stream.counters.last_packet.is_some()),
            (stream.repair_ssrc, stream.counters.repair_packets > 0),
        ];
        for (ssrc, _) in sent.into_iter().filter(|(_, sent)| *sent) {
            if self.pending.goodbyes.len() < MAX_GOODBYES {
                self.pending.goodbyes.push(ssrc);
            }
        }
    }

    /// Pauses a sender, or lets it go on.
    pub fn set_active(&mut self, sender: SenderId, active: bool) {
        if let Some(stream) = self.senders.get_mut(Key(sender.0)) {
            stream.active = active;
        }
    }

    /// RFC 3550, Section 8.1: at random, and none that is in use.
    fn draw_sources(&mut self) -> (Ssrc, Ssrc) {
        let mut draw = |other: Option<Ssrc>| loop {
            let ssrc = Ssrc(self.random.next_u32());
            let taken = self.ours.contains_key(&ssrc) || self.demux.route(ssrc).is_some();
            if !taken && other != Some(ssrc) && ssrc != self.reporter {
                return ssrc;
            }
        };
        let media = draw(None);
        (media, draw(Some(media)))
    }

    /// Puts together what is agreed on for all sections.
    fn merge_sections(&mut self, now: Instant) {
        let mut merged = Ids::default();
        let mut told_by_source = 0;
        for state in self.sections.values() {
            for (kind, id) in state.section.extensions.iter() {
                // They should be the same in all sections. Where not, the first counts until the section is known.
                if merged.id(kind).is_none() {
                    merged.set(kind, id);
                }
            }
            // RFC 8888, Section 6: in a bundle it holds for a payload type, and for that of its retransmissions.
            let formats = state.section.receive.iter().filter(|format| format.feedback.congestion_control);
            let types = formats.flat_map(|format| [Some(format.payload_type), format.repair]);
            told_by_source |= types.flatten().map(payload_bit).fold(0, |all, bit| all | bit);
        }
        self.demux.ids = Arc::new(merged);
        // What was not told yet may be what is not to be told any more.
        if self.told_by_source & !told_by_source != 0 {
            self.arrivals_by_source = None;
        }
        self.told_by_source = told_by_source;
        if told_by_source != 0 && self.arrivals_by_source.is_none() {
            let mut hash = [0; 16];
            self.random.fill_bytes(&mut hash);
            self.arrivals_by_source = Some(Box::new(cc::ArrivalsBySource::new(now, hash)));
        }
    }

    pub(super) fn end_receiver(&mut self, receiver: ReceiverId) {
        let Some(stream) = self.receivers.remove(Key(receiver.0)) else { return };
        for ssrc in [Some(stream.ssrc), stream.repair_ssrc].into_iter().flatten() {
            let of_it = matches!(self.demux.route(ssrc), Some(Route::Media(key) | Route::Repair(key)) if key.0 == receiver.0);
            if of_it {
                self.demux.remove(ssrc);
                if let Some(arrivals) = &mut self.arrivals_by_source {
                    arrivals.forget(ssrc);
                }
            }
        }
        self.tell(Event::ReceiverEnded { receiver, section: stream.section });
    }

    /// Ends what has been silent for too long.
    pub(super) fn end_idle(&mut self, now: Instant) {
        let timeout = self.config.idle_timeout;
        let idle = |at: Instant| now.saturating_duration_since(at) >= timeout;
        let gone = self.receivers.iter().filter(|stream| idle(stream.last_arrival));
        let gone: Vec<ReceiverId> = gone.map(|stream| stream.id).collect();
        for receiver in gone {
            self.end_receiver(receiver);
        }
        self.idle_due = self.receivers.iter().map(|stream| stream.last_arrival + timeout).min();
    }
}

/// The bit of a payload type in a set of all 128.
pub(super) fn payload_bit(payload_type: PayloadType) -> u128 {
    1 << (payload_type.get() & 127)
}

/// The most goodbyes that wait to be said.
const MAX_GOODBYES: usize = 4096;
