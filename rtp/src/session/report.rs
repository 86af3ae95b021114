//! Compound packets: what was sent and received, who we are, and what cannot wait.

use super::Session;
use super::feedback::Pending;
use crate::rtcp::{
    ArrivalTime, Bye, Compound, Due, SenderInfo, Source, TransportFeedback, TransportFeedbackHeader,
};
use crate::{Ssrc, Timestamp};
use std::time::{Duration, Instant};

/// A sender that sent nothing for two intervals is none for the moment (RFC 3550, Section 6.3.8).
const SENDING: Duration = Duration::from_secs(5);

impl Session {
    /// Appends a compound of at most `max_len` bytes, the tag and index of SRTCP included; returns its length without them.
    pub(super) fn write_compound(
        &mut self,
        now: Instant,
        due: Due,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        let Some(keys) = &self.keys else { return 0 };
        let max_len = max_len.saturating_sub(keys.sender.profile().rtcp_overhead());
        // RFC 5506, Section 4.2.1: only feedback, and only where it was agreed on.
        let reduced = due == Due::Feedback && self.sections.values().all(|state| state.section.reduced_size);
        let mut compound =
            if reduced { Compound::reduced_size(out, max_len) } else { Compound::full(out, max_len) };
        if !reduced {
            self.write_reports(now, due, &mut compound);
        }
        let reporter = self.reporter(now);
        self.write_nacks(reporter, &mut compound);
        self.write_key_frame_requests(reporter, &mut compound);
        self.write_arrivals(now, reporter, &mut compound);
        let Pending { goodbyes, .. } = &mut self.pending;
        if !goodbyes.is_empty() {
            compound.packet(|out, _| Bye::write(out, goodbyes.iter().copied(), b""));
            goodbyes.clear();
        }
        compound.finish()
    }

    /// The source that reports, and asks, for all of ours: the first that sends (RFC 8861 without its signalling: browsers take
    /// report blocks from any source).
    fn reporter(&self, now: Instant) -> Ssrc {
        let sends = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < SENDING);
        self.senders
            .iter()
            .find(|stream| sends(stream.counters.last_packet))
            .map_or(self.reporter, |stream| stream.ssrc)
    }

    /// A report of each source that sends, the first with what was received; or a receiver's report, when none sends. What has
    /// no room waits for the next one.
    fn write_reports(&mut self, now: Instant, due: Due, compound: &mut Compound<'_>) {
        let ntp = self.ntp(now);
        let reporter = self.reporter(now);
        let regular = due == Due::Regular;
        let cname = self.cname.clone();
        let sending: Vec<(Ssrc, Option<SenderInfo>)> = self
            .senders
            .iter()
            .filter(|stream| {
                stream.counters.last_packet.is_some_and(|at| now.saturating_duration_since(at) < SENDING)
            })
            .map(|stream| {
                let info = SenderInfo {
                    ntp,
                    rtp: stream.timestamp_at(now).unwrap_or(Timestamp(0)),
                    // RFC 3550, Section 6.4.1: these counters wrap.
                    packet_count: (stream.counters.packets & 0xffff_ffff) as u32,
                    octet_count: (stream.counters.payload_bytes & 0xffff_ffff) as u32,
                };
                (stream.ssrc, Some(info))
            })
            .collect();
        let none = [(reporter, None)];
        let sources: &[(Ssrc, Option<SenderInfo>)] = if sending.is_empty() { &none } else { &sending };
        let members = sources.len() + self.receivers.len() + usize::from(self.receivers.len() == 0);
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        let senders = u32::try_from(sending.len() + self.receivers.len()).unwrap_or(u32::MAX);
        self.schedule.set_members(now, members, senders, !sending.is_empty());
        for (index, (ssrc, info)) in sources.iter().enumerate() {
            let source = Source { ssrc: *ssrc, info: *info, cname: cname.as_bytes() };
            let reports = regular && index == 0;
            let mut blocks =
                self.receivers.iter_mut().filter(|stream| reports && !stream.reported).map(|stream| {
                    stream.reported = true;
                    stream.report(now)
                });
            compound.source(&source, &mut blocks);
        }
        // A round is complete: the next one begins with the first again, as far as they have sent since.
        if regular && self.receivers.iter().all(|stream| stream.reported) {
            self.receivers.iter_mut().for_each(|stream| stream.reported = false);
        }
    }

    /// When packets arrived, for the sender's congestion control.
    fn write_arrivals(&mut self, now: Instant, reporter: Ssrc, compound: &mut Compound<'_>) {
        if !std::mem::take(&mut self.pending.arrivals) {
            return;
        }
        let Some(media) = self.receivers.iter().next().map(|stream| stream.ssrc) else { return };
        let Some(arrivals) = &mut self.arrivals else { return };
        let Some(report) = arrivals.pending() else { return };
        let feedback_count = report.feedback_count;
        let header = TransportFeedbackHeader { sender: reporter, media, feedback_count };
        let times = report.arrivals.map(|(sequence, since)| (sequence, ArrivalTime::since_epoch(since)));
        let written =
            compound.packet(|out, room| TransportFeedback::write(out, header, report.base, times, room));
        if let Some(Some(reported)) = written {
            arrivals.reported(now, reported.next);
        }
    }
}
