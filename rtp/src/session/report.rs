//! Compound packets: what was sent and received, who we are, and what cannot wait.

use super::Session;
use super::feedback::Pending;
use crate::rtcp::{
    ArrivalTime, Bye, Compound, Due, SenderInfo, Source, TransportFeedback, TransportFeedbackHeader,
};
use crate::stream::send::SendStream;
use crate::{Ssrc, Timestamp};
use std::time::{Duration, Instant};

/// A sender that sent nothing for two intervals is none for the moment (RFC 3550, Section 6.3.8).
const SENDING: Duration = Duration::from_secs(5);

const BLOCK: usize = 24;

fn sends(stream: &SendStream, now: Instant) -> bool {
    stream.counters.last_packet.is_some_and(|at| now.saturating_duration_since(at) < SENDING)
}

impl Session {
    /// Appends a compound that with the tag and index of SRTCP fits a datagram; returns its length without them.
    pub(super) fn write_compound(&mut self, now: Instant, due: Due, out: &mut Vec<u8>) -> usize {
        let Some(keys) = &self.keys else { return 0 };
        let max_len = self.mtu.saturating_sub(keys.sender.profile().rtcp_overhead());
        // RFC 5506, Section 4.2.1: only feedback, and only where it was agreed on.
        let agreed = self.sections.values().all(|state| state.section.reduced_size);
        let reduced = due == Due::Feedback && agreed && self.pending.goodbyes.is_empty();
        let mut compound =
            if reduced { Compound::reduced_size(out, max_len) } else { Compound::full(out, max_len) };
        if !reduced {
            self.write_reports(now, due, &mut compound);
        }
        let reporter = self.reporter(now);
        if due == Due::Regular {
            self.reference_times.write(now, reporter, &mut compound);
        }
        self.write_goodbyes(&mut compound);
        self.write_key_frame_requests(reporter, &mut compound);
        self.write_nacks(reporter, &mut compound);
        self.write_arrivals(now, reporter, &mut compound);
        compound.finish()
    }

    fn write_goodbyes(&mut self, compound: &mut Compound<'_>) {
        let Pending { goodbyes, .. } = &mut self.pending;
        // The other half is for feedback; who has no room has its turn in the next compound.
        let reserve = compound.room() / 2;
        while compound.room() > reserve && !goodbyes.is_empty() {
            let named = goodbyes.len().min(Bye::MAX_SOURCES);
            if compound.packet(|out, _| Bye::write(out, goodbyes.iter().copied(), b"")).is_none() {
                break;
            }
            goodbyes.drain(..named);
        }
    }

    /// The source that reports, and asks, for all of ours: the first that sends (RFC 8861 without its signalling: browsers take
    /// report blocks from any source).
    fn reporter(&self, now: Instant) -> Ssrc {
        self.senders.iter().find(|stream| sends(stream, now)).map_or(self.reporter, |stream| stream.ssrc)
    }

    /// A report of each source that sends, and of each that was heard; or a receiver's report, when none sends. What has no room
    /// has its turn before those that had theirs. With feedback alone, no more than the standards demand.
    fn write_reports(&mut self, now: Instant, due: Due, compound: &mut Compound<'_>) {
        let ntp = self.ntp(now);
        let reporter = self.reporter(now);
        let regular = due == Due::Regular;
        let has_feedback = self.pending.has_feedback();
        let asked = !self.reference_times.is_empty();
        let Self { senders, receivers, schedule, cname, .. } = self;
        let (mut sending, mut waiting) = (0_u32, 0_u32);
        for stream in senders.iter().filter(|stream| sends(stream, now)) {
            sending += 1;
            waiting += u32::from(!stream.reported);
        }
        let heard = receivers.iter().any(|stream| stream.heard);
        // All sources of one end share its compounds: there are two members, whatever their sources (RFC 8108, Section 5.3.2).
        schedule.set_members(now, 2, u32::from(sending > 0) + u32::from(heard), sending > 0);
        if waiting == 0 {
            senders.iter_mut().for_each(|stream| stream.reported = false);
        }
        // Half of the room for those who need the rest.
        let shared = has_feedback || sending > 1 || asked;
        let most = if !regular {
            0
        } else if shared {
            compound.room() / 2 / BLOCK
        } else {
            usize::MAX
        };
        let unreported = receivers.iter_mut().filter(|stream| stream.heard && !stream.reported);
        let mut blocks = unreported.take(most).map(|stream| stream.report(now));
        let reserve = if has_feedback { compound.room() / 4 } else { 0 };
        for stream in senders.iter_mut().filter(|stream| sends(stream, now)) {
            let turn = if regular { !stream.reported } else { stream.ssrc == reporter };
            if !turn || compound.room() < reserve {
                continue;
            }
            let info = SenderInfo {
                ntp,
                rtp: stream.timestamp_at(now).unwrap_or(Timestamp(0)),
                // RFC 3550, Section 6.4.1: these counters wrap.
                packet_count: (stream.counters.packets & 0xffff_ffff) as u32,
                octet_count: (stream.counters.payload_bytes & 0xffff_ffff) as u32,
            };
            let source = Source { ssrc: stream.ssrc, info: Some(info), cname: cname.as_bytes() };
            if !compound.source(&source, &mut blocks) {
                break;
            }
            stream.reported |= regular;
        }
        if sending == 0 {
            let source = Source { ssrc: reporter, info: None, cname: cname.as_bytes() };
            compound.source(&source, &mut blocks);
        }
        drop(blocks);
        // A round is complete: the next one begins with the first again, as far as they have sent since.
        if regular && !receivers.iter().any(|stream| stream.heard && !stream.reported) {
            receivers.iter_mut().for_each(|stream| stream.reported = false);
        }
    }

    /// When packets arrived, for the sender's congestion control.
    fn write_arrivals(&mut self, now: Instant, reporter: Ssrc, compound: &mut Compound<'_>) {
        if !std::mem::take(&mut self.pending.arrivals) {
            return;
        }
        let ntp = self.ntp(now);
        let Self { arrivals, arrivals_by_source, counters, .. } = self;
        if let Some(arrivals) = arrivals_by_source
            && is_due(arrivals.deadline(), now)
        {
            let written = compound.packet(|out, room| arrivals.write(out, now, ntp, reporter, room));
            counters.congestion_control_feedback.sent += u64::from(written.is_some());
        }
        let media = self.arrivals_of;
        let Some(arrivals) = arrivals.as_mut().filter(|arrivals| is_due(arrivals.deadline(), now)) else {
            return;
        };
        let Some(report) = arrivals.pending() else { return };
        let feedback_count = report.feedback_count;
        let header = TransportFeedbackHeader { sender: reporter, media, feedback_count };
        let times = report.arrivals.map(|(sequence, since)| (sequence, ArrivalTime::since_epoch(since)));
        let written =
            compound.packet(|out, room| TransportFeedback::write(out, header, report.base, times, room));
        if let Some(Some(reported)) = written {
            counters.transport_feedback.sent += 1;
            arrivals.reported(now, reported.next);
        }
    }
}

fn is_due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|due| due <= now)
}
