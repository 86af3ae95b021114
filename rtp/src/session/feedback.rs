//! RTCP that cannot wait for the next report: what is missing, key frames that are needed, when packets arrived.
//!
//! 1. What is due of streams is collected when its time comes.
//! 2. The schedule says when it may leave: at once as a rule, being one of two (RFC 4585, Section 3.5.2).
//! 3. It leaves in a compound of reduced size where that was agreed on, else behind a report.

use super::Session;
use crate::rtcp::{Compound, Due, Fir, FirEntry, Nack, Pli};
use crate::slab::Key;
use crate::stream::key_frame::KeyFrameRequest;
use crate::{ExtendedSequence, Ssrc, cc};
use rand_core::Rng;
use std::time::{Duration, Instant};

/// What is to be sent as soon as the schedule lets it.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Packets to ask for, those of one stream together and ascending.
    pub(super) nacks: Vec<(Key, ExtendedSequence)>,
    pub(super) key_frames: Vec<(Key, KeyFrameRequest)>,
    /// Whether to tell when packets arrived.
    pub(super) arrivals: bool,
    /// Sources of ours that have ended.
    pub(super) goodbyes: Vec<Ssrc>,
    /// Whether the schedule's time has come.
    pub(super) scheduled: bool,
    /// Whether the schedule knows of this feedback.
    asked: bool,
}

impl Pending {
    pub(super) fn has_feedback(&self) -> bool {
        self.arrivals || !(self.nacks.is_empty() && self.key_frames.is_empty() && self.goodbyes.is_empty())
    }
}

/// How long feedback is worth sending.
const MAX_DELAY: Duration = Duration::from_millis(500);
/// The most packets that are asked for at a time; others wait for their next turn.
const MAX_NACKS: usize = 1024;

impl Session {
    /// Collects what is due of streams.
    pub(super) fn poll_streams(&mut self, now: Instant) {
        if self.streams_due.is_none_or(|due| due > now) {
            return;
        }
        self.poll_jitter_buffers(now);
        self.streams_due = None;
        let Pending { nacks, key_frames, .. } = &mut self.pending;
        let mut due = None;
        for stream in self.receivers.iter_mut() {
            let key = Key(stream.id.0);
            if let Some(nack) = stream.nack.as_mut() {
                nack.poll(now, &mut self.missing);
                let room = MAX_NACKS.saturating_sub(nacks.len());
                nacks.extend(self.missing.drain(..).take(room).map(|sequence| (key, sequence)));
                // Frames that wait for what will not come: with them the jitter buffer asks by itself.
                if nack.take_gave_up() && stream.jitter.is_none() && stream.format.codec.is_video() {
                    stream.request_key_frame(now);
                }
            }
            if let Some(request) = stream.key_frames.poll(now)
                && key_frames.iter().all(|(other, _)| *other != key)
            {
                key_frames.push((key, request));
            }
            due = due.into_iter().chain(stream.deadline()).min();
        }
        self.streams_due = due;
    }

    /// Whether RTCP is to be sent sooner or later.
    pub(super) fn speaks(&self) -> bool {
        let asked = self.pending.has_feedback() || !self.reference_times.is_empty();
        asked || self.receivers.len() > 0 || self.has_sent
    }

    /// When to tell when packets arrived, in either way.
    pub(super) fn arrivals_due(&self) -> Option<Instant> {
        let transport_wide = self.arrivals.as_ref().and_then(cc::Arrivals::deadline);
        let by_source = self.arrivals_by_source.as_ref().and_then(|arrivals| arrivals.deadline());
        transport_wide.into_iter().chain(by_source).min()
    }

    /// Appends an RTCP datagram, when it is time for one.
    pub(super) fn write_control(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.pending.arrivals |= self.arrivals_due().is_some_and(|due| due <= now);
        if self.pending.has_feedback() && !self.pending.asked {
            self.pending.asked = true;
            let random = self.random.next_u32();
            // Also what the schedule would forget leaves with the next report: it is still wanted then.
            let _ = self.schedule.request_early(now, MAX_DELAY, random);
        }
        if !self.speaks() || self.schedule.next() > now {
            return None;
        }
        self.pending.scheduled = false;
        let random = self.random.next_u32();
        let due = self.schedule.due(now, random);
        if due == Due::Nothing {
            return None;
        }
        let start = out.len();
        let len = self.write_compound(now, due, out);
        let random = self.random.next_u32();
        self.schedule.sent(now, due, len, random);
        self.pending.asked = false;
        let protected =
            len > 0 && self.keys.as_mut().is_some_and(|keys| keys.sender.protect_rtcp(out, start).is_ok());
        if !protected {
            out.truncate(start);
            return None;
        }
        self.counters.rtcp_sent += 1;
        Some(out.len() - start)
    }

    /// Asks for what is missing; what has come meanwhile is left out.
    pub(super) fn write_nacks(&mut self, reporter: Ssrc, compound: &mut Compound<'_>) {
        let Self { pending, receivers, .. } = self;
        // Several turns may have come together: those of one stream stand together, and each once.
        pending.nacks.sort_unstable();
        pending.nacks.dedup();
        let mut rest = pending.nacks.as_slice();
        while let Some(&(key, _)) = rest.first() {
            let count = rest.iter().take_while(|(of, _)| *of == key).count();
            let (of_stream, others) = rest.split_at(count);
            rest = others;
            let Some(stream) = receivers.get_mut(key) else { continue };
            let missed = of_stream.iter().filter(|(_, sequence)| stream.misses(*sequence));
            let mut numbers = missed.map(|(_, sequence)| sequence.wire()).peekable();
            let media = stream.ssrc;
            let written = compound.packet(|out, room| Nack::write(out, reporter, media, &mut numbers, room));
            drop(numbers);
            stream.counters.nacks += u64::from(written.is_some());
        }
        pending.nacks.clear();
    }

    /// Asks for key frames.
    pub(super) fn write_key_frame_requests(&mut self, reporter: Ssrc, compound: &mut Compound<'_>) {
        let Self { pending, receivers, .. } = self;
        for (key, request) in pending.key_frames.drain(..) {
            let Some(stream) = receivers.get_mut(key) else { continue };
            let feedback = stream.format.feedback;
            let media = stream.ssrc;
            if feedback.pli {
                let written = compound.packet(|out, _| Pli { sender: reporter, media }.write(out));
                stream.counters.plis += u64::from(written.is_some());
            } else if feedback.fir {
                let entry = FirEntry { ssrc: media, sequence: request.sequence };
                let entry = std::iter::once(entry);
                let written = compound.packet(|out, room| Fir::write(out, reporter, entry, room));
                stream.counters.firs += u64::from(written.is_some());
            }
        }
    }
}
