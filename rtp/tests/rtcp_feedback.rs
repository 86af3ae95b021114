#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::unusual_byte_groupings,
    reason = "tests"
)]
//! RTCP feedback messages: golden bytes, and that what is written is what is read.

use std::time::Duration;

use duologue_rtp::rtcp::{
    ArrivalTime, ArrivalTimeOffset, CongestionControlFeedbackWriter, Discard, Fir, FirEntry, LayerId, Lrr,
    LrrEntry, Nack, NtpShort, Packet, PacketMetric, PacketStatus, Pli, Remb, Rpsi, Sli, SliEntry, Tmmbn,
    Tmmbr, TmmbrEntry, TransportFeedback, TransportFeedbackHeader, packets,
};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc};
use proptest::prelude::*;

const A: Ssrc = Ssrc(0x0a0b_0c0d);
const B: Ssrc = Ssrc(0x1a1b_1c1d);
const AB: [u8; 8] = [0x0a, 0x0b, 0x0c, 0x0d, 0x1a, 0x1b, 0x1c, 0x1d];
const A0: [u8; 8] = [0x0a, 0x0b, 0x0c, 0x0d, 0, 0, 0, 0];

fn parse(bytes: &[u8]) -> Result<Packet<'_>, Discard> {
    let mut all = packets(bytes);
    let first = all.next().unwrap();
    assert!(all.next().is_none(), "one packet alone");
    first
}

fn message(first: u8, packet_type: u8, ssrcs: [u8; 8], fci: &[u8]) -> Vec<u8> {
    [&[first, packet_type, 0, 2 + fci.len() as u8 / 4][..], &ssrcs, fci].concat()
}

#[test]
fn golden_nack() {
    // RFC 4585, Section 6.2.1: the lowest bit of the mask is the packet after the first.
    let mut out = Vec::new();
    let lost = [65_534, 65_535, 14, 15, 400].map(SequenceNumber);
    assert_eq!(Nack::write(&mut out, A, B, &mut lost.into_iter().peekable(), 1200), 24);
    // 65534 is followed by 65535 (bit 0) and 14, sixteen later (bit 15); 15 is out of reach.
    assert_eq!(out, message(0x81, 205, AB, &[0xff, 0xfe, 0x80, 0x01, 0, 15, 0, 0, 0x01, 0x90, 0, 0]));
    let Packet::Nack(nack) = parse(&out).unwrap() else { unreachable!() };
    assert!(nack.lost().eq(lost));
}

#[test]
fn lists_end_where_the_room_does_and_the_rest_stays() {
    let mut out = Vec::new();
    let mut lost = (0..5).map(|index| SequenceNumber(index * 100)).peekable();
    assert_eq!(Nack::write(&mut out, A, B, &mut lost, 23), 20);
    assert_eq!(lost.next(), Some(SequenceNumber(200)));
    let mut sources = (0..300).map(Ssrc);
    assert_eq!(Remb::write(&mut out, A, 1, sources.by_ref(), 31), 28);
    assert_eq!(sources.next(), Some(Ssrc(2)));
    assert_eq!(Remb::write(&mut out, A, 1, sources.by_ref(), usize::MAX), 20 + 255 * 4);
    let mut requests = (0..3).map(|ssrc| FirEntry { ssrc: Ssrc(ssrc), sequence: 0 });
    assert_eq!(Fir::write(&mut out, A, requests.by_ref(), 28), 28);
    assert_eq!(requests.next().unwrap().ssrc, Ssrc(2));
    let len = out.len();
    assert_eq!(Fir::write(&mut out, A, requests, 1200), 0, "nothing to say");
    assert_eq!(Nack::write(&mut out, A, B, &mut lost, 15), 0, "no room");
    assert_eq!(lost.next(), Some(SequenceNumber(300)));
    assert_eq!(out.len(), len);
    assert_eq!(packets(&out).filter(Result::is_ok).count(), 4);
}

#[test]
fn golden_payload_specific_messages() {
    let payload_type = PayloadType::new(100).unwrap();
    let mut out = Vec::new();
    Pli { sender: A, media: B }.write(&mut out);
    assert_eq!(out, message(0x81, 206, AB, &[]));
    out.clear();
    let slice = SliEntry { first: 0x1555, number: 0x0aaa, picture_id: 0x2a };
    Sli::write(&mut out, A, B, [slice].into_iter(), 16);
    // RFC 4585, Figure 6: 1010101010101 0101010101010 101010.
    assert_eq!(out, message(0x82, 206, AB, &0b1010101010101_0101010101010_101010_u32.to_be_bytes()));
    let Packet::Sli(sli) = parse(&out).unwrap() else { unreachable!() };
    assert!(sli.entries().eq([slice]));
    out.clear();
    // RFC 4585, Figure 7: three bytes of bits, three of them unused, and three bytes of padding: 27 bits.
    Rpsi { sender: A, media: B, payload_type, bits: &[1, 2, 0xff], unused_bits: 3 }.write(&mut out);
    assert_eq!(out, message(0x83, 206, AB, &[27, 100, 1, 2, 0xf8, 0, 0, 0]));
    let Packet::Rpsi(rpsi) = parse(&out).unwrap() else { unreachable!() };
    assert_eq!((rpsi.bits, rpsi.unused_bits, rpsi.payload_type), (&[1, 2, 0xf8][..], 3, payload_type));
    out[12] = 49;
    assert_eq!(parse(&out), Err(Discard::Malformed), "more padding than bits");
    out.clear();
    Fir::write(&mut out, A, [FirEntry { ssrc: B, sequence: 7 }].into_iter(), 1200);
    assert_eq!(out, message(0x84, 206, A0, &[0x1a, 0x1b, 0x1c, 0x1d, 7, 0, 0, 0]));
    out.clear();
    let target = LayerId { temporal: 2, layer: 1 };
    let current = Some(LayerId { temporal: 1, layer: 0 });
    let layer = LrrEntry { ssrc: B, sequence: 8, payload_type, target, current };
    Lrr::write(&mut out, A, [layer].into_iter(), 1200);
    assert_eq!(out, message(0x8a, 206, A0, &[0x1a, 0x1b, 0x1c, 0x1d, 8, 0x80 | 100, 0, 0, 2, 1, 1, 0]));
    let Packet::Lrr(lrr) = parse(&out).unwrap() else { unreachable!() };
    assert!(lrr.entries().eq([layer]));
}

#[test]
fn golden_bit_rates() {
    let mut out = Vec::new();
    // draft-alvestrand-rmcat-remb-03, Section 2.2: six bits of exponent, 18 of mantissa. 1,000,000 is 250,000 << 2.
    Remb::write(&mut out, A, 1_000_000, [B].into_iter(), 1200);
    let rate = 2_u32 << 18 | 250_000 | 1 << 24;
    assert_eq!(out, message(0x8f, 206, A0, &[&b"REMB"[..], &rate.to_be_bytes(), &AB[4..]].concat()));
    out.clear();
    // RFC 5104, Figure 2: six bits of exponent, 17 of mantissa, nine of overhead. 3,000,000 is 93,750 << 5.
    let entry = TmmbrEntry { ssrc: B, bit_rate: 3_000_000, overhead: 300 };
    Tmmbr::write(&mut out, A, [entry].into_iter(), 1200);
    let word = (5_u32 << 26 | 93_750 << 9 | 300).to_be_bytes();
    assert_eq!(out, message(0x83, 205, A0, &[&AB[4..], &word].concat()));
    out.clear();
    Tmmbn::write(&mut out, A, [].into_iter(), 12);
    assert_eq!(out, message(0x84, 205, A0, &[]), "no request binds the sender");
    // What is larger than 64 bits becomes the largest number.
    let huge = message(0x8f, 206, A0, &[b'R', b'E', b'M', b'B', 0, 0xff, 0xff, 0xff]);
    let Packet::Remb(remb) = parse(&huge).unwrap() else { unreachable!() };
    assert_eq!(remb.bit_rate, u64::MAX);
}

fn header() -> TransportFeedbackHeader {
    TransportFeedbackHeader { sender: A, media: B, feedback_count: 9 }
}

/// A report with these chunks, and the statuses that are read of it.
fn statuses(count: u16, chunks: &[u16], deltas: &[u8]) -> Option<Vec<PacketStatus>> {
    let mut fci = [&[0xff, 0xff][..], &count.to_be_bytes(), &[0, 0, 2, 9]].concat();
    chunks.iter().for_each(|chunk| fci.extend_from_slice(&chunk.to_be_bytes()));
    fci.extend_from_slice(deltas);
    fci.resize(fci.len().next_multiple_of(4), 0);
    let bytes = message(0x8f, 205, AB, &fci);
    let Packet::TransportFeedback(report) = parse(&bytes).ok()? else { unreachable!() };
    assert_eq!((report.header, report.status_count), (header(), count));
    let numbers = report.statuses().map(|(sequence, _)| sequence);
    assert!(numbers.eq((0..count).map(|index| SequenceNumber(65_535).add(index))));
    Some(report.statuses().map(|(_, status)| status).collect())
}

#[test]
fn the_chunks_of_the_drafts_examples() {
    use PacketStatus::{NotReceived, Received, ReceivedAt};
    // Section 3.1.3: a run of 221 packets not received, and one of 24 received without a delta.
    assert_eq!(statuses(221, &[0b0_00_0000011011101], &[]), Some(vec![NotReceived; 221]));
    assert_eq!(statuses(24, &[0b0_11_0000000011000], &[]), Some(vec![Received; 24]));
    // Section 3.1.4: 1 not received, 5 received, 3 not received, 3 received, 2 not received. The reference time is 2 * 64 ms.
    let read = statuses(14, &[0b10_01111100011100], &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let at = |ticks: u32| ReceivedAt(ArrivalTime(512 + ticks));
    let first = [NotReceived, at(1), at(3), at(6), at(10), at(15), NotReceived, NotReceived, NotReceived];
    assert_eq!(read[..9], first);
    assert_eq!(read[9..], [at(21), at(28), at(36), NotReceived, NotReceived]);
    // Section 3.1.4: 1 not received, 1 received without a delta, 3 received, 2 not received.
    let read = statuses(7, &[0b11_00110101010000], &[4, 4, 4]).unwrap();
    assert_eq!(read, [NotReceived, Received, at(4), at(8), at(12), NotReceived, NotReceived]);
    // A delta of two bytes has a sign.
    assert_eq!(statuses(1, &[0b0_10_0000000000001], &[0xff, 0xff]), Some(vec![ReceivedAt(ArrivalTime(511))]));
    // Symbols past the count have no deltas.
    assert_eq!(statuses(2, &[0b10_11111111111111], &[4, 4]), Some(vec![at(4), at(8)]));
}

#[test]
fn a_report_with_too_few_chunks_or_deltas_is_refused() {
    assert_eq!(statuses(15, &[0b10_01111100011100, 0b10 << 14], &[0; 8]).map(|all| all.len()), Some(15));
    assert_eq!(statuses(32, &[0b0_00_0000000011111, 0], &[]), None);
    assert_eq!(statuses(8, &[0b0_01_0000000001000], &[0; 6]), None);
    assert_eq!(statuses(4, &[0b0_10_0000000000100, 0], &[0; 4]), None);
}

/// The deltas' unit is 250 microseconds, the reference time's 64 ms.
#[test]
fn arrival_times_are_in_quarters_of_a_millisecond_and_wrap() {
    let time = |micros| ArrivalTime::since_epoch(Duration::from_micros(micros));
    assert_eq!(time(64_000), ArrivalTime(256));
    assert_eq!((time(249), time(250), time(1_000_999)), (ArrivalTime(0), ArrivalTime(1), ArrivalTime(4003)));
    assert_eq!(time((1 << 32) * 250 + 500), ArrivalTime(2), "after 12.4 days");
    assert_eq!(time(500).since(ArrivalTime(u32::MAX)), Some(Duration::from_micros(750)));
    assert_eq!(ArrivalTime(u32::MAX).since(time(500)), None);
    assert_eq!(ArrivalTime(u32::MAX).distance(time(500)), -3);
}

#[test]
fn golden_transport_feedback() {
    let mut out = Vec::new();
    let arrivals = [(1, 0x0102_0305), (2, 0x0102_0309), (4, 0x0102_0300), (5, 0x0102_1300)];
    let arrivals = arrivals.map(|(sequence, time)| (SequenceNumber(sequence), ArrivalTime(time)));
    let reported =
        TransportFeedback::write(&mut out, header(), SequenceNumber(0), arrivals.into_iter(), 1200);
    let reported = reported.unwrap();
    assert_eq!((reported.len, reported.arrivals, reported.next), (28, 4, SequenceNumber(6)));
    #[rustfmt::skip]
    assert_eq!(out, message(0x8f, 205, AB, &[
        // Base 0, six statuses, reference time 0x10203, count 9.
        0, 0, 0, 6, 0x01, 0x02, 0x03, 9,
        // Two-bit symbols: not, small, small, not, large (negative), large.
        0b1100_0101, 0b0010_1000, 5, 4, 0xff, 0xf7, 0x10, 0x00,
    ]));
}

/// The packets whose sequence numbers are these gaps apart, and when they arrived.
fn arrivals() -> impl Strategy<Value = (u16, Vec<(SequenceNumber, ArrivalTime)>)> {
    let gap = prop_oneof![20 => Just(1_u16), 5 => 1..4_u16, 1 => 1..40_u16, 1 => 8_000..9_000_u16];
    let delta = prop_oneof![20 => 0..256_i32, 3 => -300..300_i32, 1 => -32_768..32_768_i32];
    let steps = prop::collection::vec((gap, delta), 1..300);
    (any::<u16>(), any::<u32>(), steps).prop_map(|(base, time, steps)| {
        let (mut sequence, mut time) = (SequenceNumber(base).add(u16::MAX), ArrivalTime(time));
        let arrivals = steps.into_iter().map(|(gap, delta)| {
            sequence = sequence.add(gap);
            time = ArrivalTime(time.0.wrapping_add_signed(delta));
            (sequence, time)
        });
        (base, arrivals.collect())
    })
}

proptest! {
    #[test]
    fn transport_feedback_tells_each_arrival((base, arrivals) in arrivals(), max_len in 36..400_usize) {
        let mut left = &arrivals[..];
        let mut base = SequenceNumber(base);
        while !left.is_empty() {
            let mut out = Vec::new();
            let reported = TransportFeedback::write(&mut out, header(), base, left.iter().copied(), max_len);
            let reported = reported.unwrap();
            prop_assert!(reported.len == out.len() && out.len() <= max_len && out.len() % 4 == 0);
            let Packet::TransportFeedback(report) = parse(&out).unwrap() else { unreachable!() };
            prop_assert_eq!(report.base_sequence, base);
            let mut number = base;
            let mut told = Vec::new();
            for (sequence, status) in report.statuses() {
                prop_assert_eq!(sequence, number);
                number = number.add(1);
                if let PacketStatus::ReceivedAt(time) = status {
                    told.push((sequence, time));
                }
            }
            prop_assert_eq!(number, reported.next);
            prop_assert_eq!(&told[..], &left[..reported.arrivals]);
            left = &left[reported.arrivals..];
            base = reported.next;
        }
    }

    #[test]
    fn nack_names_each_packet(base: u16, gaps in prop::collection::vec(1..40_u16, 1..200), max_len in 16..200_usize) {
        let mut sequence = SequenceNumber(base);
        let lost: Vec<_> = gaps.into_iter().map(|gap| { sequence = sequence.add(gap); sequence }).collect();
        let mut left = lost.iter().copied().peekable();
        let mut named = Vec::new();
        while left.peek().is_some() {
            let mut out = Vec::new();
            let len = Nack::write(&mut out, A, B, &mut left, max_len);
            prop_assert!(len == out.len() && (16..=max_len).contains(&len));
            let Packet::Nack(nack) = parse(&out).unwrap() else { unreachable!() };
            named.extend(nack.lost());
        }
        prop_assert_eq!(named, lost);
    }

    #[test]
    fn congestion_control_feedback_tells_each_packet(
        streams in prop::collection::vec(
            (any::<u32>(), any::<u16>(), prop::collection::vec(prop::option::of((0..4_u8, 0..10_000_u64)), 0..90)),
            0..6,
        ),
        max_len in 12..600_usize,
    ) {
        let metric = |(ecn, millis)| PacketMetric { ecn, arrival: ArrivalTimeOffset::new(Duration::from_millis(millis)) };
        let mut out = Vec::new();
        let mut writer = CongestionControlFeedbackWriter::begin(&mut out, A, max_len).unwrap();
        let mut expected = Vec::new();
        for (ssrc, begin, metrics) in &streams {
            let begin = SequenceNumber(*begin);
            let metrics: Vec<_> = metrics.iter().map(|one| one.map(metric)).collect();
            if let Some(taken) = writer.stream(Ssrc(*ssrc), begin, metrics.iter().copied()) {
                expected.push((Ssrc(*ssrc), begin, metrics[..taken.into()].to_vec()));
            }
        }
        let len = writer.finish(NtpShort(77));
        prop_assert!(len == out.len() && len <= max_len);
        let Packet::CongestionControlFeedback(report) = parse(&out).unwrap() else { unreachable!() };
        prop_assert_eq!((report.sender, report.report_timestamp), (A, NtpShort(77)));
        let told: Vec<_> = report.streams().map(|one| {
            let numbers = one.packets().map(|(sequence, _)| sequence);
            assert!(numbers.eq((0..one.packets().len()).map(|index| one.begin_seq.add(index as u16))));
            (one.ssrc, one.begin_seq, one.packets().map(|(_, metric)| metric).collect::<Vec<_>>())
        }).collect();
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn bit_rates_are_rounded_down_by_less_than_one_in_65536(bit_rate: u64, shift in 0..64_u32) {
        let bit_rate = bit_rate >> shift;
        let mut out = Vec::new();
        Remb::write(&mut out, A, bit_rate, [].into_iter(), 1200);
        let Packet::Remb(remb) = parse(&out).unwrap() else { unreachable!() };
        prop_assert!(remb.bit_rate <= bit_rate && bit_rate - remb.bit_rate <= bit_rate >> 16);
        out.clear();
        Tmmbr::write(&mut out, A, [TmmbrEntry { ssrc: B, bit_rate, overhead: 600 }].into_iter(), 1200);
        let Packet::Tmmbr(tmmbr) = parse(&out).unwrap() else { unreachable!() };
        let entry = tmmbr.entries().next().unwrap();
        prop_assert!(entry.bit_rate <= bit_rate && bit_rate - entry.bit_rate <= bit_rate >> 16);
        prop_assert_eq!(entry.overhead, 511);
    }
}

#[test]
fn golden_congestion_control_feedback() {
    let mut out = Vec::new();
    let mut writer = CongestionControlFeedbackWriter::begin(&mut out, A, 1200).unwrap();
    // RFC 8888, Section 3.1: half a second is 512; ECN-CE is 3.
    let half = PacketMetric { ecn: 3, arrival: ArrivalTimeOffset::new(Duration::from_millis(500)) };
    writer.stream(B, SequenceNumber(0x0102), [Some(half), None, Some(half)].into_iter()).unwrap();
    writer.finish(NtpShort(0x0506_0708));
    let fci = [1, 2, 0, 3, 0xe2, 0, 0, 0, 0xe2, 0, 0, 0, 5, 6, 7, 8];
    assert_eq!(out, message(0x8b, 205, AB, &fci));
    // R of zero: the other bits must be ignored.
    out[18] = 0x7f;
    let Packet::CongestionControlFeedback(report) = parse(&out).unwrap() else { unreachable!() };
    let stream = report.streams().next().unwrap();
    assert!(stream.packets().map(|(_, metric)| metric).eq([Some(half), None, Some(half)]));
    assert_eq!(half.arrival.duration(), Some(Duration::from_millis(500)));
    out[14] = 0x40;
    assert_eq!(parse(&out), Err(Discard::Malformed), "more packets than there are");
    let offset = |millis| ArrivalTimeOffset::new(Duration::from_millis(millis));
    assert_ne!(offset(7_997), ArrivalTimeOffset::OVER_RANGE);
    assert_eq!(offset(7_999), ArrivalTimeOffset::OVER_RANGE);
    assert_eq!(ArrivalTimeOffset::UNAVAILABLE.duration(), None);
}
