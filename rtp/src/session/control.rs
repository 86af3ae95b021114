//! Received RTCP.

use super::Session;
use super::demux::Route;
use crate::cc::Told;
use crate::event::{Discard, Event, KeyFrameRequest};
use crate::rtcp::{self, Packet, PacketStatus, ReportBlock, SdesItemType, SenderInfo, XrBlock};
use crate::slab::Key;
use crate::stream::ReceiverId;
use crate::stream::key_frame::Demand;
use crate::stream::recv::LastSenderReport;
use crate::{SequenceNumber, Ssrc};
use std::time::Instant;

impl Session {
    /// Takes an RTCP datagram of the peer's. It is decrypted in place.
    ///
    /// # Errors
    /// Nothing of it was of use, for the reason given and counted.
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Discard> {
        let now = self.wake(now);
        let Some(keys) = &mut self.keys else { return self.refuse(Discard::NoKeys) };
        let len = match keys.receiver.unprotect_rtcp(datagram) {
            Ok(len) => len,
            Err(reason) => return self.refuse(Discard::Srtp(reason)),
        };
        let compound = datagram.get(..len).unwrap_or_default();
        // RFC 5506, Section 3.4.1: what is of reduced size is taken in any case; being strict would help nobody.
        if let Err(reason) = rtcp::check_compound(compound, true) {
            return self.refuse(Discard::Rtcp(reason));
        }
        self.counters.rtcp_received += 1;
        self.schedule.received(len);
        let mut refused = None;
        let mut used = false;
        for packet in rtcp::packets(compound) {
            match packet {
                Ok(packet) => {
                    used = true;
                    self.handle_control(now, &packet);
                }
                Err(reason) => refused = Some(reason),
            }
        }
        self.poll_demands(now);
        if let Some(round_trip) = self.round_trips[0].filter(|_| std::mem::take(&mut self.measured)) {
            self.receivers.iter_mut().for_each(|stream| stream.set_round_trip(round_trip));
        }
        match refused {
            Some(reason) if !used => self.refuse(Discard::Rtcp(reason)),
            _ => Ok(()),
        }
    }

    fn handle_control(&mut self, now: Instant, packet: &Packet<'_>) {
        match packet {
            Packet::SenderReport(report) => {
                self.sender_report(now, report.ssrc, &report.info);
                report.blocks().for_each(|block| self.report_block(now, &block));
            }
            Packet::ReceiverReport(report) => {
                report.blocks().for_each(|block| self.report_block(now, &block));
            }
            Packet::Sdes(sdes) => {
                for chunk in sdes.chunks() {
                    if let Some(cname) = chunk.value(SdesItemType::CNAME) {
                        self.named(chunk.ssrc, cname);
                    }
                }
            }
            Packet::Xr(xr) => {
                for block in xr.blocks() {
                    if let XrBlock::ReceiverReferenceTime(time) = block {
                        self.reference_times.received(now, xr.ssrc, time);
                    }
                }
            }
            Packet::Bye(bye) => bye.sources().for_each(|ssrc| self.goodbye(ssrc)),
            Packet::Nack(nack) => {
                let (media, lost) = (nack.media, nack.lost());
                self.nacked(media, lost);
            }
            Packet::Pli(pli) => self.key_frame_asked(now, pli.media, Demand::Pli, KeyFrameRequest::Pli),
            Packet::Fir(fir) => {
                let sender = fir.sender;
                for entry in fir.entries() {
                    let demand = Demand::Fir { from: sender, sequence: entry.sequence };
                    self.key_frame_asked(now, entry.ssrc, demand, KeyFrameRequest::Fir);
                }
            }
            Packet::Lrr(lrr) => {
                for entry in lrr.entries() {
                    let kind =
                        KeyFrameRequest::Lrr { temporal: entry.target.temporal, spatial: entry.target.layer };
                    let demand = Demand::Fir { from: lrr.sender, sequence: entry.sequence };
                    self.key_frame_asked(now, entry.ssrc, demand, kind);
                }
            }
            Packet::TransportFeedback(feedback) => {
                // What becomes of each packet is for congestion control to use; the record counts it.
                self.counters.transport_feedback.received += 1;
                self.history.feedback(now, feedback.statuses().map(told), |_| {});
            }
            Packet::CongestionControlFeedback(report) => {
                self.counters.congestion_control_feedback.received += 1;
                self.history.feedback_by_source(now, report, |_| {});
            }
            // What estimates a rate is for congestion control, and the rest says nothing that is acted on.
            _ => {}
        }
    }

    fn sender_report(&mut self, now: Instant, ssrc: Ssrc, info: &SenderInfo) {
        let Some(Route::Media(key)) = self.demux.route(ssrc) else { return };
        let Some(stream) = self.receivers.get_mut(key) else { return };
        let reports = stream.sender_report.map_or(0, |last| last.reports) + 1;
        stream.sender_report = Some(LastSenderReport {
            ntp: info.ntp,
            arrival: now,
            packets: info.packet_count,
            octets: info.octet_count,
            reports,
        });
        stream.clock.update(info);
    }

    /// A source told its end-point's name. Of sources that nothing was received of it is not kept: it comes again.
    fn named(&mut self, ssrc: Ssrc, cname: &[u8]) {
        let Some(Route::Media(key)) = self.demux.route(ssrc) else { return };
        let Some(stream) = self.receivers.get_mut(key) else { return };
        // RFC 3550, Section 6.5: the text is UTF-8. What is not, and what is empty, names nobody; the last name stays.
        let Some(cname) = str::from_utf8(cname).ok().filter(|cname| !cname.is_empty()) else { return };
        if stream.cname.as_deref() != Some(cname) {
            stream.cname = Some(cname.into());
        }
    }

    fn report_block(&mut self, now: Instant, block: &ReportBlock) {
        let arrival = self.ntp(now);
        let Some(&(key, repair)) = self.ours.get(&block.ssrc) else { return };
        let Some(stream) = self.senders.get_mut(key) else { return };
        if repair {
            stream.repair_known = true;
            return;
        }
        stream.known = true;
        let remote = &mut stream.counters.remote;
        remote.arrival = Some(now);
        remote.fraction_lost = block.fraction_lost;
        remote.cumulative_lost = block.cumulative_lost.into();
        remote.jitter = block.jitter;
        if let Some(round_trip) = block.round_trip(arrival) {
            remote.round_trip = Some(round_trip);
            remote.round_trip_total += round_trip;
            remote.round_trip_measurements += 1;
            stream.demands.set_round_trip(round_trip);
            self.round_trips[0] = Some(round_trip);
            self.measured = true;
        }
    }

    /// RFC 3550, Section 6.6.
    fn goodbye(&mut self, ssrc: Ssrc) {
        if let Some(Route::Media(key)) = self.demux.route(ssrc) {
            self.end_receiver(ReceiverId(key.0));
        }
    }

    /// The peer misses packets of ours: those that are kept leave again.
    fn nacked(&mut self, media: Ssrc, lost: impl Iterator<Item = SequenceNumber>) {
        let Some(&(key, false)) = self.ours.get(&media) else { return };
        let Some(stream) = self.senders.get_mut(key) else { return };
        stream.counters.nacks += 1;
        for number in lost {
            if self.repairs.len() >= MAX_REPAIRS {
                self.counters.dropped_repairs += 1;
                continue;
            }
            self.repairs.push_back((key, number));
        }
    }

    fn key_frame_asked(&mut self, now: Instant, ssrc: Ssrc, demand: Demand, kind: KeyFrameRequest) {
        let Some(&(key, false)) = self.ours.get(&ssrc) else { return };
        let Some(stream) = self.senders.get_mut(key) else { return };
        match kind {
            KeyFrameRequest::Pli => stream.counters.plis += 1,
            KeyFrameRequest::Fir | KeyFrameRequest::Lrr { .. } => stream.counters.firs += 1,
        }
        stream.asked = kind;
        stream.demands.received(now, demand);
        self.demands_due = self.demands_due.into_iter().chain(stream.demands.deadline()).min();
    }

    /// Tells the application of what was asked for.
    pub(super) fn poll_demands(&mut self, now: Instant) {
        if self.demands_due.is_none_or(|due| due > now) {
            return;
        }
        self.demands_due = None;
        let mut waiting = std::mem::take(&mut self.keys_scratch);
        waiting.extend(self.senders.iter().map(|stream| Key(stream.id.0)));
        for key in waiting.drain(..) {
            let Some(stream) = self.senders.get_mut(key) else { continue };
            let asked = stream.demands.poll(now);
            let (sender, kind) = (stream.id, stream.asked);
            self.demands_due = self.demands_due.into_iter().chain(stream.demands.deadline()).min();
            if asked {
                self.tell(Event::KeyFrameRequest { sender, kind });
            }
        }
        self.keys_scratch = waiting;
    }
}

/// The most packets that wait to be sent again.
const MAX_REPAIRS: usize = 2048;

fn told((sequence, status): (SequenceNumber, PacketStatus)) -> (SequenceNumber, Told) {
    let told = match status {
        PacketStatus::NotReceived => Told::Missing,
        PacketStatus::Received => Told::Received,
        PacketStatus::ReceivedAt(time) => Told::ReceivedAt(time.0),
    };
    (sequence, told)
}
