//! Arbitrary bytes as RTCP: every view is read to its end, and what can be read is the same once it was written again.

use std::collections::BTreeSet;

use duologue_rtp::rtcp::{
    Bye, CongestionControlFeedbackWriter, Fir, Lrr, Nack, Packet, PacketStatus, ReceiverReport, Remb, Sdes,
    SenderReport, Sli, Tmmbn, Tmmbr, TransportFeedback, Xr, XrBlock, check_compound, packets,
};

/// One input: a datagram.
pub fn run(data: &[u8]) {
    let whole = check_compound(data, true).is_ok();
    assert!(whole || check_compound(data, false).is_err());
    let mut items = 0;
    for packet in packets(data) {
        items += 1;
        let Ok(packet) = packet else { continue };
        let Some(first) = content(&packet) else { continue };
        let mut out = Vec::new();
        if !rewrite(&packet, &mut out) {
            continue;
        }
        assert!(out.len().is_multiple_of(4));
        let mut again = packets(&out);
        let read = again.next().and_then(Result::ok).and_then(|packet| content(&packet));
        assert_eq!(read, Some(first));
        assert!(again.next().is_none());
    }
    assert!(items <= data.len() / 4 + 1);
}

/// All that a packet says, in words; `None` when it says so much that it takes several packets to say it again, or when a
/// bit rate is larger than the numbers here.
fn content(packet: &Packet<'_>) -> Option<String> {
    Some(match packet {
        Packet::SenderReport(report) => {
            format!("{} {:?} {:?}", report.ssrc, report.info, report.blocks().collect::<Vec<_>>())
        }
        Packet::ReceiverReport(report) => {
            format!("{} {:?}", report.ssrc, report.blocks().collect::<Vec<_>>())
        }
        Packet::Sdes(sdes) => {
            let chunks = sdes.chunks().map(|chunk| {
                let items = chunk.items().map(|item| (item.item_type, item.value));
                (chunk.ssrc, items.collect::<Vec<_>>())
            });
            format!("{:?}", chunks.collect::<Vec<_>>())
        }
        Packet::Bye(bye) => format!("{:?} {:?}", bye.sources().collect::<Vec<_>>(), bye.reason),
        // A peer's padding can leave data that is not a whole number of words; writing fills it up.
        Packet::App(app) if app.data.len().is_multiple_of(4) => format!("{app:?} {:?}", app.data),
        Packet::Xr(xr) => {
            let contents = xr.blocks().map(|block| match block {
                XrBlock::Unknown { type_specific, content, .. } => (type_specific, content),
                _ => (0, &[][..]),
            });
            format!("{xr:?} {:?}", contents.collect::<Vec<_>>())
        }
        // A peer may name a packet twice, or out of order.
        Packet::Nack(nack) => {
            let lost = nack.lost().map(|sequence| sequence.0).collect::<BTreeSet<_>>();
            format!("{} {} {lost:?}", nack.sender, nack.media)
        }
        Packet::Tmmbr(tmmbr) => {
            let entries: Vec<_> = tmmbr.entries().collect();
            entries
                .iter()
                .all(|entry| entry.bit_rate < u64::MAX)
                .then(|| format!("{} {entries:?}", tmmbr.sender))?
        }
        Packet::Tmmbn(tmmbn) => {
            let entries: Vec<_> = tmmbn.entries().collect();
            entries
                .iter()
                .all(|entry| entry.bit_rate < u64::MAX)
                .then(|| format!("{} {entries:?}", tmmbn.sender))?
        }
        Packet::Remb(remb) if remb.bit_rate < u64::MAX => {
            format!("{} {} {:?}", remb.sender, remb.bit_rate, remb.sources().collect::<Vec<_>>())
        }
        Packet::Pli(pli) => format!("{pli:?}"),
        Packet::Sli(sli) => format!("{} {} {:?}", sli.sender, sli.media, sli.entries().collect::<Vec<_>>()),
        Packet::Rpsi(rpsi) => {
            let (last, bits) = rpsi.bits.split_last().map_or((0, rpsi.bits), |(last, bits)| (*last, bits));
            format!("{rpsi:?} {bits:?} {}", last >> rpsi.unused_bits)
        }
        Packet::Fir(fir) => format!("{} {:?}", fir.sender, fir.entries().collect::<Vec<_>>()),
        Packet::Lrr(lrr) => format!("{} {:?}", lrr.sender, lrr.entries().collect::<Vec<_>>()),
        Packet::TransportFeedback(report) => return transport_feedback(report),
        Packet::CongestionControlFeedback(report) => {
            let streams =
                report.streams().map(|one| (one.ssrc, one.begin_seq, one.packets().collect::<Vec<_>>()));
            format!("{} {:?} {:?}", report.sender, report.report_timestamp, streams.collect::<Vec<_>>())
        }
        _ => return None,
    })
}

/// What is said up to the last arrival. One report can say it again if it is not of more than half the numbers, tells the
/// time of each arrival, and begins within the time that the first delta can tell.
fn transport_feedback(report: &TransportFeedback<'_>) -> Option<String> {
    let statuses: Vec<_> = report.statuses().collect();
    assert_eq!(statuses.len(), usize::from(report.status_count));
    let said = statuses.iter().rposition(|(_, status)| *status != PacketStatus::NotReceived)? + 1;
    let statuses = statuses.get(..said)?;
    let timed = statuses.iter().all(|(_, status)| *status != PacketStatus::Received);
    (timed && said < 32_767).then(|| format!("{:?} {statuses:?}", report.header))
}

/// Writes a packet anew from what its view says.
fn rewrite(packet: &Packet<'_>, out: &mut Vec<u8>) -> bool {
    let len = match packet {
        Packet::SenderReport(report) => SenderReport::write(out, report.ssrc, &report.info, report.blocks()),
        Packet::ReceiverReport(report) => ReceiverReport::write(out, report.ssrc, report.blocks()),
        Packet::Sdes(sdes) => Sdes::write(out, sdes.chunks().map(|chunk| (chunk.ssrc, chunk.items()))),
        Packet::Bye(bye) => Bye::write(out, bye.sources(), bye.reason),
        Packet::App(app) => app.write(out),
        Packet::Xr(xr) => Xr::write(out, xr.ssrc, xr.blocks()),
        Packet::Nack(nack) => {
            Nack::write(out, nack.sender, nack.media, &mut nack.lost().peekable(), usize::MAX)
        }
        Packet::Tmmbr(tmmbr) => Tmmbr::write(out, tmmbr.sender, tmmbr.entries(), usize::MAX),
        Packet::Tmmbn(tmmbn) => Tmmbn::write(out, tmmbn.sender, tmmbn.entries(), usize::MAX),
        Packet::Remb(remb) => Remb::write(out, remb.sender, remb.bit_rate, remb.sources(), usize::MAX),
        Packet::Pli(pli) => pli.write(out),
        Packet::Sli(sli) => Sli::write(out, sli.sender, sli.media, sli.entries(), usize::MAX),
        Packet::Rpsi(rpsi) => rpsi.write(out),
        Packet::Fir(fir) => Fir::write(out, fir.sender, fir.entries(), usize::MAX),
        Packet::Lrr(lrr) => Lrr::write(out, lrr.sender, lrr.entries(), usize::MAX),
        Packet::TransportFeedback(report) => {
            let arrivals = report.statuses().filter_map(|(sequence, status)| match status {
                PacketStatus::ReceivedAt(time) => Some((sequence, time)),
                _ => None,
            });
            let count = arrivals.clone().count();
            let written =
                TransportFeedback::write(out, report.header, report.base_sequence, arrivals, usize::MAX);
            assert_eq!(written.map(|reported| reported.arrivals), Some(count));
            return true;
        }
        Packet::CongestionControlFeedback(report) => {
            let writer = CongestionControlFeedbackWriter::begin(out, report.sender, usize::MAX);
            let Some(mut writer) = writer else { return false };
            for stream in report.streams() {
                let metrics = stream.packets().map(|(_, metric)| metric);
                let taken = writer.stream(stream.ssrc, stream.begin_seq, metrics);
                assert_eq!(taken.map(usize::from), Some(stream.packets().len()));
            }
            writer.finish(report.report_timestamp)
        }
        _ => 0,
    };
    len > 0
}
