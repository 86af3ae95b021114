#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]
//! RTCP packets: what they are on the wire, and what is refused.

use std::time::Duration;

use duologue_rtp::rtcp::{
    App, ArrivalTime, ArrivalTimeOffset, Bye, CongestionControlFeedbackWriter, Discard, DlrrEntry, Fir,
    FirEntry, LayerId, Lrr, LrrEntry, Nack, NtpShort, NtpTime, Packet, PacketMetric, Pli, ReceiverReport,
    Remb, ReportBlock, Rpsi, Sdes, SdesItem, SdesItemType, SenderInfo, SenderReport, Sli, SliEntry, Tmmbn,
    Tmmbr, TmmbrEntry, TransportFeedback, TransportFeedbackHeader, Xr, XrBlock, check_compound, packets,
};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc, Timestamp};

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 0x40,
        cumulative_lost: -3,
        highest_sequence: 0x0001_fffe,
        jitter: 77,
        last_sr: NtpShort(0xb705_2000),
        delay_since_last_sr: NtpShort(0x0005_4000),
    }
}

fn info() -> SenderInfo {
    SenderInfo {
        ntp: NtpTime(0xb44d_b705_2000_0000),
        rtp: Timestamp(0x0102_0304),
        packet_count: 5,
        octet_count: 1200,
    }
}

fn item(item_type: SdesItemType, value: &[u8]) -> SdesItem<'_> {
    SdesItem { item_type, value }
}

/// One packet of each kind, with its name.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let (a, b) = (Ssrc(0x0a0b_0c0d), Ssrc(0x1a1b_1c1d));
    let blocks = [block(1), block(2)];
    let mut all = Vec::new();
    let mut add = |name, write: &dyn Fn(&mut Vec<u8>) -> usize| {
        let mut out = vec![0xee];
        let len = write(&mut out);
        assert_eq!(out.len(), 1 + len, "{name}");
        all.push((name, out[1..].to_vec()));
    };
    add("sr", &|out| SenderReport::write(out, a, &info(), blocks.into_iter()));
    add("rr", &|out| ReceiverReport::write(out, a, blocks.into_iter()));
    let items =
        [item(SdesItemType::CNAME, b"abc"), item(SdesItemType::MID, b"0"), item(SdesItemType(200), b"")];
    add("sdes", &|out| Sdes::write(out, [(a, items.to_vec()), (b, items[..1].to_vec())]));
    add("bye", &|out| Bye::write(out, [a, b].into_iter(), b"gone"));
    add("app", &|out| App { subtype: 9, ssrc: a, name: *b"name", data: &[1, 2, 3, 4] }.write(out));
    let unknown = XrBlock::Unknown { block_type: 6, type_specific: 0xe0, content: &[7; 8] };
    add("xr", &|out| {
        Xr::write(out, a, [XrBlock::ReceiverReferenceTime(NtpTime(0x0102_0304_0506_0708)), unknown])
    });
    let dlrr = DlrrEntry { ssrc: b, last_rr: NtpShort(3), delay_since_last_rr: NtpShort(4) };
    add("dlrr", &|out| Xr::write_dlrr(out, a, [dlrr; 2].into_iter(), 1200));
    let lost = [65_534, 65_535, 14, 15, 400].map(SequenceNumber);
    add("nack", &|out| Nack::write(out, a, b, &mut lost.into_iter().peekable(), 1200));
    let rate = TmmbrEntry { ssrc: b, bit_rate: 3_000_000, overhead: 40 };
    add("tmmbr", &|out| Tmmbr::write(out, a, [rate; 2].into_iter(), 1200));
    add("tmmbn", &|out| Tmmbn::write(out, a, [rate].into_iter(), 1200));
    add("pli", &|out| Pli { sender: a, media: b }.write(out));
    let slice = SliEntry { first: 0x1555, number: 0x0aaa, picture_id: 0x2a };
    add("sli", &|out| Sli::write(out, a, b, [slice].into_iter(), 1200));
    let payload_type = PayloadType::new(100).unwrap();
    let bits = &[0xff, 0xf8];
    add("rpsi", &|out| Rpsi { sender: a, media: b, payload_type, bits, unused_bits: 3 }.write(out));
    add("fir", &|out| Fir::write(out, a, [FirEntry { ssrc: b, sequence: 7 }; 2].into_iter(), 1200));
    let (target, current) = (LayerId { temporal: 2, layer: 1 }, Some(LayerId { temporal: 1, layer: 0 }));
    let layer = LrrEntry { ssrc: b, sequence: 8, payload_type, target, current };
    add("lrr", &|out| Lrr::write(out, a, [layer, LrrEntry { current: None, ..layer }].into_iter(), 1200));
    add("remb", &|out| Remb::write(out, a, 1_000_000, [a, b].into_iter(), 1200));
    add("transport feedback", &|out| {
        let header = TransportFeedbackHeader { sender: a, media: b, feedback_count: 3 };
        let arrivals =
            [(5, 1000), (6, 1004), (9, 900), (10, 9000)].map(|(s, t)| (SequenceNumber(s), ArrivalTime(t)));
        TransportFeedback::write(out, header, SequenceNumber(4), arrivals.into_iter(), 1200).unwrap().len
    });
    add("congestion control feedback", &|out| {
        let mut writer = CongestionControlFeedbackWriter::begin(out, a, 1200).unwrap();
        let metric = PacketMetric { ecn: 1, arrival: ArrivalTimeOffset::new(Duration::from_millis(500)) };
        let three = [Some(metric), None, Some(metric)];
        assert_eq!(writer.stream(b, SequenceNumber(65_535), three.into_iter()), Some(3));
        assert_eq!(writer.stream(a, SequenceNumber(1), [].into_iter()), Some(0));
        writer.finish(NtpShort(0x0102_0304))
    });
    all
}

fn sample(name: &str) -> Vec<u8> {
    samples().into_iter().find(|one| one.0 == name).unwrap().1
}

fn parse(bytes: &[u8]) -> Result<Packet<'_>, Discard> {
    let mut all = packets(bytes);
    let first = all.next().unwrap();
    assert!(all.next().is_none(), "one packet alone");
    first
}

#[test]
fn each_packet_is_known_and_stands_among_others() {
    let samples = samples();
    let mut compound = Vec::new();
    for (name, bytes) in &samples {
        assert!(bytes.len().is_multiple_of(4), "{name}");
        assert!(!matches!(parse(bytes).unwrap(), Packet::Unknown(_)), "{name}");
        compound.extend_from_slice(bytes);
    }
    assert_eq!(check_compound(&compound, false), Ok(()));
    let apart = samples.iter().map(|(_, bytes)| parse(bytes).unwrap());
    assert!(packets(&compound).map(Result::unwrap).eq(apart));
}

#[test]
fn a_packet_cut_anywhere_is_refused() {
    for (name, bytes) in samples() {
        for len in 1..bytes.len() {
            assert_eq!(parse(&bytes[..len]), Err(Discard::Length), "{name} cut to {len}");
            assert_eq!(check_compound(&bytes[..len], true), Err(Discard::Length), "{name} cut to {len}");
        }
    }
    assert!(packets(&[]).next().is_none());
    assert_eq!(check_compound(&[], true), Err(Discard::Length));
}

/// As if the sender itself had cut it: the length field says the shorter length.
#[test]
fn a_packet_that_is_shorter_than_its_counts_is_refused() {
    for (name, bytes) in samples() {
        // What is still whole when it is shorter: fewer entries than before, or less of what needs no count.
        let whole = |len| match name {
            "tmmbn" | "pli" => len >= 12,
            "bye" => len == 12,
            "app" => len == 12,
            "xr" => len == 8 || len == 20,
            "dlrr" => len == 8,
            "nack" | "sli" | "rpsi" => len >= 16,
            "tmmbr" | "fir" => len >= 20,
            "lrr" => len >= 24,
            // A word that was something else is taken for the time.
            "congestion control feedback" => len == 12 || len == 28,
            _ => false,
        };
        for len in (4..bytes.len()).step_by(4) {
            let mut short = bytes[..len].to_vec();
            short[2..4].copy_from_slice(&(len as u16 / 4 - 1).to_be_bytes());
            match parse(&short) {
                Ok(Packet::Unknown(_)) => assert_eq!((name, len), ("remb", 12)),
                read => assert_eq!(read.is_ok(), whole(len), "{name} of {len}"),
            }
        }
    }
}

#[test]
fn a_count_above_what_is_there_is_refused() {
    let mut bye = Vec::new();
    Bye::write(&mut bye, [Ssrc(1), Ssrc(2)].into_iter(), b"");
    let all = [("sr", sample("sr")), ("rr", sample("rr")), ("sdes", sample("sdes")), ("bye", bye)];
    for (name, mut bytes) in all {
        for more in (bytes[0] & 0x1f) + 1..32 {
            bytes[0] = 0x80 | more;
            assert_eq!(parse(&bytes), Err(Discard::Malformed), "{name} of {more}");
        }
    }
}

/// A padding length larger than the packet (GHSA-f26w-gh5m-qq77).
#[test]
fn padding_of_any_count_is_taken_off_or_refused() {
    let mut bytes = Vec::new();
    App { subtype: 0, ssrc: Ssrc(1), name: *b"test", data: &[0; 300] }.write(&mut bytes);
    bytes[0] |= 0x20;
    for padding in 0..=255_u8 {
        for words in 0..bytes.len() / 4 {
            let mut one = bytes[..4 + words * 4].to_vec();
            one[2..4].copy_from_slice(&(words as u16).to_be_bytes());
            if let Some(last) = one[4..].last_mut() {
                *last = padding;
            }
            let expected = match (words * 4).checked_sub(padding.into()) {
                Some(body) if padding > 0 && body >= 8 => Ok(body - 8),
                Some(_) if padding > 0 && words > 0 => Err(Discard::Malformed),
                _ => Err(Discard::Padding),
            };
            let read = parse(&one).map(|packet| match packet {
                Packet::App(app) => app.data.len(),
                other => unreachable!("{other:?}"),
            });
            assert_eq!(read, expected, "padding {padding}, {words} words");
        }
    }
}

#[test]
fn the_header_checks_of_appendix_a_2() {
    let [sr, rr, sdes, pli] = ["sr", "rr", "sdes", "pli"].map(sample);
    assert_eq!(check_compound(&[&sr[..], &sdes].concat(), false), Ok(()));
    assert_eq!(check_compound(&[&rr[..], &sdes].concat(), false), Ok(()));
    assert_eq!(check_compound(&[&sdes[..], &sr].concat(), false), Err(Discard::NotReport));
    assert_eq!(check_compound(&pli, false), Err(Discard::NotReport));
    assert_eq!(check_compound(&pli, true), Ok(()));
    let mut padded = sr.clone();
    padded[0] |= 0x20;
    assert_eq!(check_compound(&[&padded[..], &sdes].concat(), false), Err(Discard::Padding));
    for version in [0, 1, 3] {
        let mut bad = sdes.clone();
        bad[0] = bad[0] & 0x3f | version << 6;
        assert_eq!(check_compound(&[&sr[..], &bad].concat(), false), Err(Discard::Version));
        let all = [&sr[..], &bad, &pli].concat();
        let read: Vec<_> = packets(&all).map(|one| one.map(|_| ())).collect();
        assert_eq!(read, [Ok(()), Err(Discard::Version)], "what follows is not read");
    }
}

#[test]
fn one_bad_packet_does_not_hide_the_next() {
    let mut bad = sample("rr");
    bad[0] = 0x9f;
    let all = [bad, sample("pli")].concat();
    let read: Vec<_> = packets(&all).map(|one| one.map(|packet| matches!(packet, Packet::Pli(_)))).collect();
    assert_eq!(read, [Err(Discard::Malformed), Ok(true)]);
}

#[test]
fn unknown_types_and_formats_are_kept() {
    for (first, packet_type) in [(0x81, 195), (0x80, 208), (0x9f, 205), (0x80, 206), (0x8f, 206)] {
        let bytes = [first, packet_type, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9];
        let Packet::Unknown(unknown) = parse(&bytes).unwrap() else { unreachable!() };
        assert_eq!(
            (unknown.packet_type, unknown.count, unknown.body),
            (packet_type, first & 0x1f, &bytes[4..])
        );
    }
}

#[test]
fn golden_reports() {
    // RFC 3550, Section 6.4.1, field by field.
    let mut out = Vec::new();
    SenderReport::write(&mut out, Ssrc(0x0a0b_0c0d), &info(), [block(0x1122_3344)].into_iter());
    #[rustfmt::skip]
    assert_eq!(out, [
        0x81, 200, 0, 12, 0x0a, 0x0b, 0x0c, 0x0d,
        0xb4, 0x4d, 0xb7, 0x05, 0x20, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0x04, 0xb0,
        0x11, 0x22, 0x33, 0x44, 0x40, 0xff, 0xff, 0xfd, 0x00, 0x01, 0xff, 0xfe, 0, 0, 0, 77,
        0xb7, 0x05, 0x20, 0x00, 0x00, 0x05, 0x40, 0x00,
    ]);
    // With a profile-specific extension of two words, which is passed over.
    out[3] += 2;
    out.extend_from_slice(&[0xab; 8]);
    let Packet::SenderReport(report) = parse(&out).unwrap() else { unreachable!() };
    assert_eq!((report.ssrc, report.info), (Ssrc(0x0a0b_0c0d), info()));
    assert!(report.blocks().eq([block(0x1122_3344)]));
}

#[test]
fn lost_packets_are_held_within_24_bits() {
    for (lost, read) in
        [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1), (0, 0), (0x7f_ffff, 0x7f_ffff)]
    {
        let mut out = Vec::new();
        ReceiverReport::write(
            &mut out,
            Ssrc(1),
            [ReportBlock { cumulative_lost: lost, ..block(2) }].into_iter(),
        );
        let Packet::ReceiverReport(report) = parse(&out).unwrap() else { unreachable!() };
        assert_eq!(report.blocks().next().unwrap().cumulative_lost, read);
    }
}

#[test]
fn blocks_above_31_stay_for_a_further_report() {
    let mut blocks = (0..40).map(block);
    let mut out = Vec::new();
    assert_eq!(SenderReport::write(&mut out, Ssrc(1), &info(), blocks.by_ref()), 28 + 31 * 24);
    assert_eq!(ReceiverReport::write(&mut out, Ssrc(1), blocks.by_ref()), 8 + 9 * 24);
    let mut ssrcs = Vec::new();
    for packet in packets(&out) {
        match packet.unwrap() {
            Packet::SenderReport(report) => ssrcs.extend(report.blocks().map(|one| one.ssrc.0)),
            Packet::ReceiverReport(report) => ssrcs.extend(report.blocks().map(|one| one.ssrc.0)),
            other => unreachable!("{other:?}"),
        }
    }
    assert!(ssrcs.into_iter().eq(0..40));
}

#[test]
fn golden_descriptions() {
    // RFC 3550, Section 6.5: the list ends with a null octet, and with a whole word of them when it ends on a boundary.
    for (cname, tail) in
        [(&b"abc"[..], &[0, 0, 0][..]), (b"abcd", &[0, 0]), (b"abcde", &[0]), (b"abcdef", &[0; 4])]
    {
        let mut out = Vec::new();
        Sdes::write(&mut out, [(Ssrc(7), [item(SdesItemType::CNAME, cname)])]);
        let mut chunk = vec![0, 0, 0, 7, 1, cname.len() as u8];
        chunk.extend_from_slice(cname);
        chunk.extend_from_slice(tail);
        assert_eq!(out, [&[0x81, 202, 0, chunk.len() as u8 / 4][..], &chunk].concat());
    }
    // RFC 8852, Section 4, and RFC 9143, Section 15.1: the numbers of their items.
    let types = [SdesItemType::RTP_STREAM_ID, SdesItemType::REPAIRED_RTP_STREAM_ID, SdesItemType::MID];
    assert_eq!(types.map(|one| one.0), [12, 13, 15]);
    let mut out = Vec::new();
    Sdes::write(&mut out, [(Ssrc(7), types.map(|one| item(one, b"x")))]);
    let Packet::Sdes(sdes) = parse(&out).unwrap() else { unreachable!() };
    let chunk = sdes.chunks().next().unwrap();
    assert_eq!((chunk.items().count(), chunk.value(SdesItemType::MID)), (3, Some(&b"x"[..])));
    assert_eq!(chunk.value(SdesItemType::CNAME), None);
}

#[test]
fn a_chunk_without_its_end_is_refused() {
    // The items end with the packet, where a null octet must be.
    assert_eq!(parse(&[0x81, 202, 0, 2, 0, 0, 0, 7, 1, 2, b'a', b'b']), Err(Discard::Malformed));
    // An item that is longer than the packet.
    assert_eq!(parse(&[0x81, 202, 0, 2, 0, 0, 0, 7, 1, 200, b'a', 0]), Err(Discard::Malformed));
}

#[test]
fn golden_goodbyes() {
    let mut out = Vec::new();
    Bye::write(&mut out, [Ssrc(1), Ssrc(2)].into_iter(), b"");
    assert_eq!(out, [0x82, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
    out.clear();
    Bye::write(&mut out, [Ssrc(1)].into_iter(), b"bye!");
    assert_eq!(out, [0x81, 203, 0, 3, 0, 0, 0, 1, 4, b'b', b'y', b'e', b'!', 0, 0, 0]);
    let Packet::Bye(bye) = parse(&out).unwrap() else { unreachable!() };
    assert_eq!((bye.reason, bye.sources().next()), (&b"bye!"[..], Some(Ssrc(1))));
    out[8] = 8;
    assert_eq!(parse(&out), Err(Discard::Malformed), "a reason that is longer than the packet");
}

#[test]
fn golden_extended_reports() {
    let mut out = Vec::new();
    Xr::write(&mut out, Ssrc(1), [XrBlock::ReceiverReferenceTime(NtpTime(0x0102_0304_0506_0708))]);
    assert_eq!(out, [0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
    out.clear();
    let entry =
        DlrrEntry { ssrc: Ssrc(9), last_rr: NtpShort(0x0304_0506), delay_since_last_rr: NtpShort(0x1_0000) };
    assert_eq!(Xr::write_dlrr(&mut out, Ssrc(1), [entry; 3].into_iter(), 36), 36);
    assert_eq!(out[8..24], [5, 0, 0, 6, 0, 0, 0, 9, 3, 4, 5, 6, 0, 1, 0, 0]);
    assert_eq!(Xr::write_dlrr(&mut out, Ssrc(1), [entry].into_iter(), 23), 0);
    assert_eq!(out.len(), 36);
    // A block of another type and reference times of the wrong length are passed over by their lengths.
    let bytes = [0x80, 207, 0, 6, 0, 0, 0, 1, 1, 0xff, 0, 1, 1, 1, 1, 1, 4, 0, 0, 0, 4, 0, 0, 1, 2, 2, 2, 2];
    let Packet::Xr(xr) = parse(&bytes).unwrap() else { unreachable!() };
    let lens = xr.blocks().map(|block| match block {
        XrBlock::Unknown { block_type, content, .. } => (block_type, content.len()),
        other => unreachable!("{other:?}"),
    });
    assert!(lens.eq([(1, 4), (4, 0), (4, 4)]));
}
