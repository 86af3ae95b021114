//! H.264's payloads: real files, what other stacks made of them, vectors by hand, and hostile bytes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests, and the fuzz target's body"
)]

use corpus::corpus;
use duologue_rtp::codec::{Codec, Depacketizer, PacketizationMode, PacketizeError, PayloadDiscard, describe};
use nal_support::{file, hex, packetize, payloads, put_together, put_together_alone, recorded, sweep};
use nal_units::nal_units;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/h264.rs"]
mod h264;
mod nal_support;
#[path = "../../fuzz/src/nal_units.rs"]
mod nal_units;
#[path = "../../fuzz/src/payloads.rs"]
mod payloads;

const H264: Codec = Codec::H264(PacketizationMode::NonInterleaved);
const SINGLE: Codec = Codec::H264(PacketizationMode::SingleNalUnit);

/// The file's access units: each opens with a delimiter.
fn access_units() -> Vec<Vec<Vec<u8>>> {
    let mut frames = Vec::<Vec<_>>::new();
    for unit in nal_units(&file("h264.h264")) {
        if unit[0] == 9 {
            frames.push(Vec::new());
        }
        frames.last_mut().unwrap().push(unit);
    }
    assert_eq!(frames.len(), 8);
    frames
}

/// A byte stream of units, with start codes of three and of four bytes.
fn stream(units: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let code = |index| if index % 2 == 0 { &[0, 0, 0, 1][..] } else { &[0, 0, 1] };
    (0..).zip(units).flat_map(|(index, unit)| [code(index), unit.as_ref()].concat()).collect()
}

fn check_against_the_file(frames: &[Vec<Vec<u8>>]) {
    let mut depacketizer = Depacketizer::new(H264);
    let units = access_units();
    assert_eq!(frames.len(), units.len());
    for (index, (payloads, units)) in frames.iter().zip(units).enumerate() {
        let (frame, description) = put_together(&mut depacketizer, payloads).unwrap();
        assert_eq!(nal_units(&frame), units, "frame {index}");
        // As ffprobe says of the file.
        let key_frame = index % 5 == 0;
        assert_eq!(description.key_frame, key_frame);
        assert_eq!(description.resolution, key_frame.then_some((178, 98)));
        let told: Vec<_> = payloads.iter().map(|payload| describe(H264, payload).unwrap()).collect();
        assert!(told[0].starts_frame);
        for (payload, told) in payloads.iter().zip(&told) {
            let kind = payload[usize::from(payload[0] & 0x1f == 28)] & 0x1f;
            // Only what has neither the sequence's set nor a picture cannot tell.
            assert_eq!(told.key_frame, key_frame && ![6, 8, 9].contains(&kind), "{kind}");
        }
        assert_eq!(told.iter().find_map(|told| told.resolution), description.resolution);
        let discardable = units_of_no_reference(&nal_units(&frame));
        assert_eq!(description.layers.discardable, discardable, "frame {index}");
    }
}

fn units_of_no_reference(units: &[Vec<u8>]) -> bool {
    units.iter().filter(|unit| (1..=5).contains(&(unit[0] & 0x1f))).all(|unit| unit[0] & 0x60 == 0)
}

#[test]
fn a_file_comes_back_whatever_the_length_of_packets() {
    for max_len in [0, 64, 65, 100, 333, 500, 1200, 70_000] {
        let frames: Vec<_> = access_units().iter().map(|au| payloads(H264, &stream(au), max_len)).collect();
        check_against_the_file(&frames);
    }
    let frames: Vec<_> = access_units().iter().map(|au| payloads(SINGLE, &stream(au), 9000)).collect();
    check_against_the_file(&frames);
}

#[test]
fn payloads_of_other_stacks_give_the_files_access_units() {
    check_against_the_file(&recorded("h264_ffmpeg.rtp"));
    check_against_the_file(&recorded("h264_gstreamer.rtp"));
}

#[test]
fn small_units_share_a_packet_and_long_ones_are_cut_evenly() {
    let (sps, pps, idr) = (vec![0x67; 20], vec![0x28; 4], [&[0x65], &[7; 999][..]].concat());
    let fragments = packetize(H264, &stream(&[sps.clone(), pps.clone(), idr.clone()]), 400).unwrap();
    assert_eq!(fragments.iter().map(|fragment| fragment.len()).collect::<Vec<_>>(), [29, 335, 335, 335]);
    assert!(fragments[3].last && !fragments[..3].iter().any(|fragment| fragment.last));
    // RFC 6184, Section 5.7: NRI is the greatest of all.
    assert_eq!(fragments[0].prefix, [&[0x78, 0, 20][..], &sps, &[0, 4]].concat());
    assert_eq!(fragments[0].body, pps);
    assert_eq!(
        [&fragments[1].prefix[..], &fragments[2].prefix, &fragments[3].prefix].concat(),
        [0x7c, 0x85, 0x7c, 0x05, 0x7c, 0x45]
    );
    // With room, the picture is with its sets.
    let fragments = packetize(H264, &stream(&[sps, pps, idr]), 1100).unwrap();
    assert_eq!(fragments.len(), 1);
    assert_eq!(fragments[0].body.len(), 1000);
}

#[test]
fn the_single_nal_unit_mode_cuts_nothing() {
    let units = [vec![0x67; 20], vec![0x68; 4], vec![0x65; 400]];
    let fragments = packetize(SINGLE, &stream(&units), 400).unwrap();
    assert!(fragments.iter().zip(&units).all(|(fragment, unit)| fragment.body == unit));
    assert!(fragments.iter().all(|fragment| fragment.prefix.is_empty()));
    assert_eq!(packetize(SINGLE, &stream(&units), 399), Err(PacketizeError::TooLong));
}

#[test]
fn what_is_no_access_unit_is_refused() {
    assert_eq!(packetize(H264, &[], 100), Err(PacketizeError::Empty));
    for frame in
        [&[0x65, 1, 2][..], &[0, 0, 1], &[0, 0, 0], &[0, 0, 1, 0x78, 1, 0, 0, 1, 0x65], &[0, 0, 1, 0x60, 1]]
    {
        assert_eq!(packetize(H264, frame, 100), Err(PacketizeError::Malformed), "{frame:?}");
        assert_eq!(packetize(SINGLE, frame, 100), Err(PacketizeError::Malformed), "{frame:?}");
    }
}

#[test]
fn payloads_are_read_as_the_rfc_says() {
    let stap = [0x78, 0, 3, 0x67, 1, 2, 0, 1, 0x68, 0, 2, 0x65, 9];
    let (frame, _) = put_together_alone(H264, &[stap]).unwrap();
    assert_eq!(frame, [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 9]);
    // A fragment may be empty (RFC 6184, Section 5.8), and the reserved bit is ignored.
    let parts = [&[0x5c, 0xa1, 1][..], &[0x5c, 0x01], &[0x5c, 0x41, 2]];
    let (frame, description) = put_together_alone(H264, &parts).unwrap();
    assert_eq!(frame, [0, 0, 0, 1, 0x41, 1, 2]);
    assert!(!description.key_frame);
    // Even the first part may be, and says then that the frame may begin with it: the next has the slice's first bits.
    let parts = [&[0x5c, 0x81][..], &[0x5c, 0x41, 0x80]];
    assert_eq!(put_together_alone(H264, &parts).unwrap().0, [0, 0, 0, 1, 0x41, 0x80]);
    assert!(describe(H264, parts[0]).unwrap().starts_frame);
    // No sender may begin and end a unit in one fragment, but what one means that does is plain.
    let (frame, description) = put_together_alone(H264, &[[0x7c, 0xc5, 0x80]]).unwrap();
    assert_eq!((&frame[..], description.key_frame), (&[0, 0, 0, 1, 0x65, 0x80][..], true));
    // Reserved types are ignored, and spoil nothing.
    let (frame, _) = put_together_alone(H264, &[&[0x41, 1][..], &[0x00], &[0x1e, 1], &[0x1f, 1]]).unwrap();
    assert_eq!(frame, [0, 0, 0, 1, 0x41, 1]);
}

#[test]
fn what_cannot_be_used_is_discarded_with_its_reason() {
    let refused = |payloads: &[&[u8]]| put_together_alone(H264, payloads).unwrap_err();
    assert_eq!(refused(&[&[]]), PayloadDiscard::Truncated);
    for interleaved in [25, 26, 27, 29] {
        assert_eq!(refused(&[&[0x60 | interleaved, 0, 0, 0, 1, 0x65]]), PayloadDiscard::Unsupported);
        assert_eq!(describe(H264, &[0x60 | interleaved, 0]), Err(PayloadDiscard::Unsupported));
    }
    assert_eq!(refused(&[&[0x7c]]), PayloadDiscard::Truncated);
    assert_eq!(refused(&[&[0x7c, 0x05, 1]]), PayloadDiscard::Orphan);
    assert_eq!(refused(&[&[0x7c, 0x9c, 1]]), PayloadDiscard::Malformed);
    // A unit that never ends, one begun within another, and one that turns into another type.
    assert_eq!(refused(&[&[0x7c, 0x85, 1], &[0x7c, 0x05, 1]]), PayloadDiscard::Truncated);
    assert_eq!(refused(&[&[0x7c, 0x85, 1], &[0x7c, 0x85, 1]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x7c, 0x85, 1], &[0x41, 1]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x7c, 0x85, 1], &[0x7c, 0x41, 1]]), PayloadDiscard::Malformed);
    for stap in [&[0x78][..], &[0x78, 0], &[0x78, 0, 2, 0x65], &[0x78, 0, 1, 0x65, 0]] {
        assert_eq!(refused(&[stap]), PayloadDiscard::Truncated, "{stap:?}");
    }
    assert_eq!(refused(&[&[0x78, 0, 0, 0, 1, 0x65]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x78, 0, 4, 0x78, 0, 1, 0x65]]), PayloadDiscard::Malformed);
}

/// 30,000 units without a byte in one payload are one discard, not 30,000 start codes.
#[test]
fn empty_units_do_not_multiply() {
    let payload = [&[0x78][..], &[0; 60_000]].concat();
    assert_eq!(put_together_alone(H264, &[payload]).unwrap_err(), PayloadDiscard::Malformed);
}

#[test]
fn an_unfinished_unit_does_not_reach_the_next_frame() {
    let mut depacketizer = Depacketizer::new(H264);
    assert!(put_together(&mut depacketizer, &[[0x7c, 0x85, 1]]).is_err());
    assert_eq!(put_together(&mut depacketizer, &[[0x41, 1]]).unwrap().0, [0, 0, 0, 1, 0x41, 1]);
    let mut frame = bytes::BytesMut::new();
    depacketizer.push(&[0x7c, 0x85, 1], &mut frame).unwrap();
    frame.clear();
    depacketizer.push(&[0x41, 1], &mut frame).unwrap();
    assert_eq!(depacketizer.push(&[0x7c, 0x45, 1], &mut frame), Err(PayloadDiscard::Orphan));
}

#[test]
fn an_idr_picture_without_parameter_sets_gets_the_last_ones() {
    let units = access_units();
    let (sps, pps) = (&units[0][1], &units[0][2]);
    assert_eq!((sps[0] & 0x1f, pps[0] & 0x1f), (7, 8));
    let idr: Vec<_> = units[5].iter().filter(|unit| ![7, 8].contains(&(unit[0] & 0x1f))).cloned().collect();
    let with = |depacketizer: &mut Depacketizer, units: &[Vec<u8>]| {
        let (frame, description) = put_together(depacketizer, &payloads(H264, &stream(units), 500)).unwrap();
        (nal_units(&frame), description)
    };
    // In a packet of their own, as a frame of their own: not a picture, so not a key frame.
    let mut depacketizer = Depacketizer::new(H264);
    assert_eq!(with(&mut depacketizer, &idr).0, idr);
    let (_, description) = with(&mut depacketizer, &[sps.clone(), pps.clone()]);
    assert!(!description.key_frame);
    let (again, description) = with(&mut depacketizer, &idr);
    assert_eq!(again[0], units[5][0], "the delimiter is first");
    assert_eq!(again.iter().filter(|unit| *unit == sps || *unit == pps).count(), 2);
    let place = |kind| again.iter().position(|unit| unit[0] & 0x1f == kind).unwrap();
    assert!(place(7) == 1 && place(7) < place(8) && place(8) < place(5));
    assert_eq!((description.key_frame, description.resolution), (true, Some((178, 98))));
    // A set in the frame is not doubled; other frames get none.
    let mut some = idr.clone();
    some.insert(1, sps.clone());
    let (again, _) = with(&mut depacketizer, &some);
    assert_eq!(again.iter().filter(|unit| *unit == sps).count(), 1);
    assert_eq!(again.iter().filter(|unit| *unit == pps).count(), 1);
    assert_eq!(with(&mut depacketizer, &units[1]).0, units[1]);
    // A newer set of the same identifier takes the place of the old.
    let newer = [&pps[..], &[0x55]].concat();
    with(&mut depacketizer, std::slice::from_ref(&newer));
    let (again, _) = with(&mut depacketizer, &idr);
    assert!(again.contains(&newer) && !again.contains(pps));
    // One that is too long to be kept leaves none behind that no longer holds.
    let long = [&pps[..], &[0x55; 3000]].concat();
    with(&mut depacketizer, std::slice::from_ref(&long));
    let (again, _) = with(&mut depacketizer, &idr);
    assert!(!again.iter().any(|unit| unit[0] & 0x1f == 8), "a set that was replaced is not supplied");
    assert!(again.contains(sps));
}

#[test]
fn a_sequence_parameter_set_with_any_picture_makes_a_key_frame() {
    let key_frame = |units: &[Vec<u8>]| {
        put_together_alone(H264, &payloads(H264, &stream(units), 500)).unwrap().1.key_frame
    };
    assert!(key_frame(&[vec![0x67, 1], vec![0x68, 1], vec![0x41, 0x80]]));
    assert!(key_frame(&[vec![0x65, 0x80]]));
    assert!(!key_frame(&[vec![0x68, 1], vec![0x41, 0x80]]));
}

#[test]
fn a_payload_alone_says_whether_a_frame_may_begin_with_it() {
    let told = |payload: &[u8]| describe(H264, payload).unwrap();
    for first in [&[0x09, 0x10][..], &[0x67, 1], &[0x68, 1], &[0x06, 1], &[0x41, 0x80], &[0x7c, 0x85, 0x80]] {
        assert!(told(first).starts_frame, "{first:?}");
    }
    for later in
        [&[0x41, 0x40][..], &[0x65, 0x40], &[0x7c, 0x05, 0x80], &[0x7c, 0x85, 0x40], &[0x0c, 1], &[0x1e]]
    {
        assert!(!told(later).starts_frame, "{later:?}");
    }
    // Of a slice in partitions it is the first, A, that tells.
    assert!(told(&[0x42, 0x80]).starts_frame && !told(&[0x42, 0x40]).starts_frame);
    assert!(!told(&[0x43, 0x80]).starts_frame);
    // Every part of an IDR picture tells; of the sets, the sequence's.
    for key in
        [&[0x7c, 0x85, 0x80][..], &[0x7c, 0x05, 0x80], &[0x7c, 0x45], &[0x65], &[0x67], &[0x78, 0, 1, 0x67]]
    {
        assert!(told(key).key_frame, "{key:?}");
    }
    assert!(told(&[0x68, 1]).starts_frame && !told(&[0x68, 1]).key_frame);
    // NRI of 0: no frame refers to it.
    assert!(told(&[0x01, 0x80]).layers.discardable && told(&[0x1c, 0x01, 0x80]).layers.discardable);
    assert!(!told(&[0x41, 0x80]).layers.discardable && !told(&[0x06, 0x80]).layers.discardable);
}

/// Sets as encoders write them, of forms that the file has not.
#[test]
fn the_picture_size_is_that_within_the_cropping() {
    let size = |sps: &str| describe(H264, &hex(sps)).unwrap().resolution;
    assert_eq!(size("6742c00ad902cfea7c0440000003004000000503c48992"), Some((174, 100)), "baseline");
    assert_eq!(size("67f4000a919b2859fc91dff80580056880000003008000000a078912cb"), Some((173, 99)), "4:4:4");
    assert_eq!(
        size("677a000ab6cd942cfea3bff005800571000003000100000300140f122596"),
        Some((174, 99)),
        "4:2:2"
    );
    assert_eq!(
        size("6764000af3650b3f923bff00b000ad6c80000003008000000a078912cb"),
        Some((173, 99)),
        "monochrome"
    );
    assert_eq!(size("67640015acd942c8f5118088000003000800000300a0f8a14cb0"), Some((174, 100)), "interlaced");
}

/// Bits as text, spaces aside, filled up with zeros.
fn bits(text: &str) -> Vec<u8> {
    let bits: Vec<_> = text.bytes().filter(|byte| *byte != b' ').map(|byte| byte - b'0').collect();
    bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit) << (8 - bits.len())).collect()
}

#[test]
fn scaling_lists_and_picture_order_counts_of_type_1_are_passed_over() {
    let sps = |lists: &str, order: &str, rest: &str| {
        let start = format!("01100111 01100100 00000000 00001010 1 010 1 1 0 {lists} 1 {order} 1 0");
        describe(H264, &bits(&format!("{start} {rest}"))).unwrap().resolution
    };
    let size = "00100 010 1 1 0 0";
    assert_eq!(sps("0", "1 1", size), Some((64, 32)));
    // The first list stops at its second value (a delta of -9 to 0), the seventh has 64 deltas of 0.
    let lists = format!("1 1 010 000010011 00000 1 {} 0", "1 ".repeat(64));
    assert_eq!(sps(&lists, "1 1", size), Some((64, 32)));
    // Two offsets.
    assert_eq!(sps("0", "010 0 1 1 011 010 010", size), Some((64, 32)));
    // More offsets than there may be, no width left within the cropping, and a width of more than 16 bits.
    assert_eq!(sps("0", "010 0 1 1 00000000100000001", size), None);
    assert_eq!(sps("0", "1 1", "00100 010 1 1 1 000010001 000010001 1 1"), None);
    assert_eq!(sps("0", "1 1", "0000000000001000000000000 010 1 1 0 0"), None);
}

#[test]
fn truncation_never_panics() {
    sweep(H264, &recorded("h264_ffmpeg.rtp"));
}

#[test]
fn the_corpus_holds() {
    corpus("h264").iter().for_each(|data| h264::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..3000)) {
        h264::run(&data);
    }

    #[test]
    fn generated_payloads_hold(
        sequence in prop::collection::vec((any::<bool>(), any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20)
    ) {
        let mut data = Vec::new();
        for (ends, [first, second], rest) in sequence {
            let kind = [28, 28, 28, 24, 5, 7, 1][usize::from(first) % 7];
            data.extend([if ends { 0x80 } else { 0 }, u8::try_from(rest.len()).unwrap() + 2, 0x60 | kind, second]);
            data.extend(rest);
        }
        h264::run(&data);
    }
}
