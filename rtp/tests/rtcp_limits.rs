#![expect(clippy::unwrap_used, clippy::type_complexity, reason = "tests")]
//! RTCP at its limits: what does not fit is left out, and what is written can be read.

use duologue_rtp::rtcp::{
    App, ArrivalTime, ArrivalTimeOffset, Bye, Compound, CongestionControlFeedbackWriter, Discard, DlrrEntry,
    Fir, FirEntry, LayerId, Lrr, LrrEntry, Nack, NtpShort, NtpTime, Packet, PacketMetric, PacketStatus, Remb,
    ReportBlock, Rpsi, Sdes, SdesItem, SdesItemType, SenderInfo, Sli, SliEntry, Source, Tmmbn,
    TransportFeedback, TransportFeedbackHeader, Xr, XrBlock, packets,
};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc};

/// The longest packet that the length field can tell.
const LONGEST: usize = 65_536 * 4;

fn parse(bytes: &[u8]) -> Result<Packet<'_>, Discard> {
    let mut all = packets(bytes);
    let first = all.next().unwrap();
    assert!(all.next().is_none(), "one packet alone");
    first
}

#[test]
fn an_applications_packet_keeps_its_subtype_and_as_much_data_as_fits() {
    let mut out = Vec::new();
    let app = App { subtype: 9, ssrc: Ssrc(0x0102_0304), name: *b"name", data: &[5, 6, 7, 8] };
    assert_eq!(app.write(&mut out), 16);
    assert_eq!(out, [0x89, 204, 0, 3, 1, 2, 3, 4, b'n', b'a', b'm', b'e', 5, 6, 7, 8]);
    assert_eq!(parse(&out), Ok(Packet::App(app)));
    out.clear();
    let data = vec![7; App::MAX_DATA + 8];
    assert_eq!(App { data: &data, ..app }.write(&mut out), LONGEST);
    let Ok(Packet::App(read)) = parse(&out) else { unreachable!() };
    assert_eq!(read.data.len(), App::MAX_DATA);
}

#[test]
fn a_goodbye_names_31_sources_and_has_255_bytes_of_reason() {
    let mut out = Vec::new();
    let reason = [b'r'; 300];
    assert_eq!(Bye::write(&mut out, (0..40).map(Ssrc), &reason), 4 + 31 * 4 + 256);
    let Ok(Packet::Bye(bye)) = parse(&out) else { unreachable!() };
    assert!(bye.sources().eq((0..31).map(Ssrc)));
    assert_eq!(bye.reason, &reason[..255]);
}

#[test]
fn descriptions_are_of_31_sources_and_end_where_the_length_field_does() {
    let item = |item_type, value| SdesItem { item_type: SdesItemType(item_type), value };
    let mut out = Vec::new();
    // An item of type zero would end the list.
    Sdes::write(&mut out, (0..40).map(|ssrc| (Ssrc(ssrc), [item(0, b"x"), item(1, b"name")])));
    let Ok(Packet::Sdes(sdes)) = parse(&out) else { unreachable!() };
    assert!(sdes.chunks().map(|chunk| chunk.ssrc).eq((0..31).map(Ssrc)));
    assert!(sdes.chunks().all(|chunk| chunk.value(SdesItemType::CNAME) == Some(b"name")));
    // 257 bytes each: more than a packet holds.
    out.clear();
    let many = [(Ssrc(1), 2000), (Ssrc(2), 1), (Ssrc(3), 0)];
    let len = Sdes::write(&mut out, many.map(|(ssrc, count)| (ssrc, vec![item(7, &[b'n'; 255]); count])));
    assert!(len == out.len() && len > LONGEST - 1000 && len <= LONGEST, "{len}");
    let Ok(Packet::Sdes(sdes)) = parse(&out) else { unreachable!() };
    assert!(sdes.chunks().map(|chunk| chunk.ssrc).eq([1, 2, 3].map(Ssrc)));
}

#[test]
fn blocks_of_extended_reports_are_whole_words_and_those_too_long_are_left_out() {
    let block = |content| XrBlock::Unknown { block_type: 9, type_specific: 2, content };
    let mut out = Vec::new();
    assert_eq!(Xr::write(&mut out, Ssrc(1), [block(&[1, 2, 3]), block(&[])]), 20);
    assert_eq!(out[8..], [9, 2, 0, 1, 1, 2, 3, 0, 9, 2, 0, 0]);
    let Ok(Packet::Xr(xr)) = parse(&out) else { unreachable!() };
    assert!(xr.blocks().eq([block(&[1, 2, 3, 0]), block(&[])]));
    out.clear();
    let long = vec![1; LONGEST + 100];
    let time = XrBlock::ReceiverReferenceTime(NtpTime(3));
    assert_eq!(Xr::write(&mut out, Ssrc(1), [block(&long), time, block(&long[..LONGEST - 16]), time]), 32);
    let Ok(Packet::Xr(xr)) = parse(&out) else { unreachable!() };
    assert!(xr.blocks().eq([time, time]));
    // DLRR has three words for each receiver: what has not is none.
    let odd = [0x80, 207, 0, 3, 0, 0, 0, 1, 5, 0, 0, 1, 1, 2, 3, 4];
    let Ok(Packet::Xr(xr)) = parse(&odd) else { unreachable!() };
    assert!(xr.blocks().eq([XrBlock::Unknown { block_type: 5, type_specific: 0, content: &[1, 2, 3, 4] }]));
}

#[test]
fn lost_packets_may_be_named_in_any_order_and_twice() {
    let lost = [100, 100, 90, 91, 65_000, 3, 65_535].map(SequenceNumber);
    let mut out = Vec::new();
    Nack::write(&mut out, Ssrc(1), Ssrc(2), &mut lost.into_iter().peekable(), 1200);
    let Ok(Packet::Nack(nack)) = parse(&out) else { unreachable!() };
    assert!(nack.lost().eq(lost), "{:?}", nack.lost().collect::<Vec<_>>());
}

#[test]
fn a_notification_needs_room_for_its_header() {
    let mut out = Vec::new();
    assert_eq!((Tmmbn::write(&mut out, Ssrc(1), std::iter::empty(), 11), out.len()), (0, 0));
    assert_eq!((Tmmbn::write(&mut out, Ssrc(1), std::iter::empty(), 12), out.len()), (12, 12));
}

#[test]
fn numbers_that_are_wider_than_their_fields_do_not_spill_into_others() {
    let mut out = Vec::new();
    let slices = [
        SliEntry { first: 0, number: 0xffff, picture_id: 0 },
        SliEntry { first: 0, number: 0, picture_id: 0xff },
        SliEntry { first: 0xffff, number: 0, picture_id: 0 },
    ];
    Sli::write(&mut out, Ssrc(1), Ssrc(2), slices.into_iter(), 1200);
    let Ok(Packet::Sli(sli)) = parse(&out) else { unreachable!() };
    let read = sli.entries().map(|one| (one.first, one.number, one.picture_id));
    assert!(read.eq([(0, 0x1fff, 0), (0, 0, 0x3f), (0x1fff, 0, 0)]));

    // RFC 9627, Section 3.2: three bits of temporal layer; the others are reserved and passed over.
    out.clear();
    let payload_type = PayloadType::new(100).unwrap();
    let (wide, target) = (LayerId { temporal: 0xfa, layer: 3 }, LayerId { temporal: 2, layer: 3 });
    let entry = LrrEntry { ssrc: Ssrc(9), sequence: 1, payload_type, target: wide, current: Some(wide) };
    Lrr::write(&mut out, Ssrc(1), std::iter::once(entry), 1200);
    assert_eq!(out[20..], [2, 3, 2, 3]);
    (out[20], out[22]) = (0xfa, 0xfa);
    let read = |out: &[u8]| {
        let Ok(Packet::Lrr(lrr)) = parse(out) else { unreachable!() };
        lrr.entries().next().unwrap()
    };
    assert_eq!(read(&out), LrrEntry { target, current: Some(target), ..entry });
    // Without C the current layers say nothing.
    out[17] &= 0x7f;
    assert_eq!(read(&out), LrrEntry { target, current: None, ..entry });
}

#[test]
fn a_picture_without_bits_leaves_none_of_them_unused() {
    let payload_type = PayloadType::new(100).unwrap();
    let rpsi = Rpsi { sender: Ssrc(1), media: Ssrc(2), payload_type, bits: &[], unused_bits: 3 };
    let mut out = Vec::new();
    assert_eq!(rpsi.write(&mut out), 16);
    assert_eq!(parse(&out), Ok(Packet::Rpsi(Rpsi { unused_bits: 0, ..rpsi })));
}

/// The numbers that a report names as arrived, and the first that it says nothing of.
fn reported(base: u16, arrivals: &[u16]) -> (Vec<u16>, u16) {
    let mut out = Vec::new();
    let header = TransportFeedbackHeader { sender: Ssrc(1), media: Ssrc(2), feedback_count: 0 };
    let arrivals = arrivals.iter().map(|number| (SequenceNumber(*number), ArrivalTime(1000)));
    let told = TransportFeedback::write(&mut out, header, SequenceNumber(base), arrivals, 1200).unwrap();
    let Ok(Packet::TransportFeedback(read)) = parse(&out) else { unreachable!() };
    let came = read.statuses().filter(|(_, status)| matches!(status, PacketStatus::ReceivedAt(_)));
    let came: Vec<_> = came.map(|(number, _)| number.0).collect();
    assert_eq!(came.len(), told.arrivals);
    (came, told.next.0)
}

#[test]
fn transport_feedback_passes_over_what_lies_behind_and_ends_before_half_a_cycle() {
    assert_eq!(reported(10, &[8, 9, 10, 12, 11, 12, 13]), (vec![10, 12, 13], 14));
    assert_eq!(reported(65_535, &[65_534, 65_535, 0]), (vec![65_535, 0], 1));
    assert_eq!(reported(0, &[0, 20_000, 32_766, 32_767]), (vec![0, 20_000, 32_766], 32_767));
    assert_eq!(reported(0, &[0, 20_000, 40_000, 60_000, 1, 2]), (vec![0, 20_000], 20_001));
}

#[test]
fn a_chunk_of_no_packets_is_passed_over() {
    // Two runs of zero packets, and one of a single packet without a delta.
    let chunks = [0x20, 0, 0, 0, 0x60, 1];
    let fixed = [0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, 1, 0, 0, 0, 0];
    let bytes = [&fixed[..], &chunks, &[0, 0]].concat();
    let Ok(Packet::TransportFeedback(read)) = parse(&bytes) else { unreachable!() };
    assert!(read.statuses().eq([(SequenceNumber(7), PacketStatus::Received)]));
}

#[test]
fn congestion_control_feedback_tells_of_16384_packets_of_a_source() {
    let mut out = Vec::new();
    let mut writer = CongestionControlFeedbackWriter::begin(&mut out, Ssrc(1), LONGEST).unwrap();
    let many = std::iter::repeat_n(None, 20_000);
    assert_eq!(writer.stream(Ssrc(2), SequenceNumber(0), many), Some(16_384));
    writer.finish(NtpShort(0));
    let Ok(Packet::CongestionControlFeedback(read)) = parse(&out) else { unreachable!() };
    assert_eq!(read.streams().next().unwrap().packets().len(), 16_384);
    // Two more than may be, and there is room for them.
    out[14..16].copy_from_slice(&16_386_u16.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let words = u16::try_from(out.len() / 4 - 1).unwrap();
    out[2..4].copy_from_slice(&words.to_be_bytes());
    assert_eq!(parse(&out), Err(Discard::Malformed));
}

#[test]
fn a_report_that_is_just_full_has_no_empty_one_behind_it() {
    let block = |ssrc| ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sr: NtpShort(0),
        delay_since_last_sr: NtpShort(0),
    };
    for (count, reports) in [(30, 1), (31, 1), (32, 2), (62, 2), (63, 3)] {
        for info in [None, Some(SenderInfo::default())] {
            let mut out = Vec::new();
            let mut compound = Compound::full(&mut out, 3000);
            let source = Source { ssrc: Ssrc(1), info, cname: b"name" };
            assert!(compound.source(&source, &mut (0..count).map(block)));
            assert_eq!(compound.finish(), out.len());
            assert_eq!(packets(&out).count(), reports + 1, "{count} blocks");
        }
    }
}

/// Packets are appended: what stands before them takes none of their room.
#[test]
fn what_is_in_the_buffer_already_changes_nothing() {
    let header = TransportFeedbackHeader { sender: Ssrc(1), media: Ssrc(2), feedback_count: 3 };
    let arrivals =
        (0..200_u16).map(|number| (SequenceNumber(number * 3), ArrivalTime(u32::from(number) * 200)));
    let metric = PacketMetric { ecn: 1, arrival: ArrivalTimeOffset::UNAVAILABLE };
    let writers: [&dyn Fn(&mut Vec<u8>, usize); 9] = [
        &|out, most| {
            TransportFeedback::write(out, header, SequenceNumber(0), arrivals.clone(), most).unwrap();
        },
        &|out, most| {
            let mut lost = (0..200).step_by(20).map(SequenceNumber).peekable();
            Nack::write(out, Ssrc(1), Ssrc(2), &mut lost, most);
        },
        &|out, most| {
            Remb::write(out, Ssrc(1), 1 << 20, (0..100).map(Ssrc), most);
        },
        &|out, most| {
            let entries = (0..100).map(|ssrc| FirEntry { ssrc: Ssrc(ssrc), sequence: 9 });
            Fir::write(out, Ssrc(1), entries, most);
        },
        &|out, most| {
            let mut writer = CongestionControlFeedbackWriter::begin(out, Ssrc(1), most).unwrap();
            for ssrc in 0..9 {
                writer.stream(Ssrc(ssrc), SequenceNumber(7), std::iter::repeat_n(Some(metric), 17));
            }
            writer.finish(NtpShort(5));
        },
        &|out, most| {
            let entry =
                |ssrc| DlrrEntry { ssrc: Ssrc(ssrc), last_rr: NtpShort(1), delay_since_last_rr: NtpShort(2) };
            Xr::write_dlrr(out, Ssrc(1), (0..100).map(entry), most);
        },
        &|out, _| {
            let cname = SdesItem { item_type: SdesItemType::CNAME, value: b"name" };
            Sdes::write(out, (0..40).map(|ssrc| (Ssrc(ssrc), [cname, cname])));
        },
        &|out, _| {
            let block = |content| XrBlock::Unknown { block_type: 9, type_specific: 1, content };
            Xr::write(out, Ssrc(1), [block(&[1; 7]), block(&[2; 8])]);
        },
        &|out, most| {
            let mut compound = Compound::full(out, most);
            let source = Source { ssrc: Ssrc(1), info: None, cname: b"name" };
            assert!(compound.source(&source, &mut std::iter::empty()));
            compound.packet(|out, room| Remb::write(out, Ssrc(1), 5, (0..100).map(Ssrc), room)).unwrap();
            assert!(compound.finish() <= most);
        },
    ];
    for (index, write) in writers.iter().enumerate() {
        for most in [60, 61, 62, 63, 64, 99, 300] {
            let mut alone = Vec::new();
            write(&mut alone, most);
            assert!(!alone.is_empty() && packets(&alone).all(|packet| packet.is_ok()), "{index}");
            for before in [1, 4, 50, 1000] {
                let mut behind = vec![7; before];
                write(&mut behind, most);
                assert!(behind[..before].iter().all(|byte| *byte == 7));
                assert_eq!(behind[before..], alone, "{index}, {most} bytes");
            }
        }
    }
}
