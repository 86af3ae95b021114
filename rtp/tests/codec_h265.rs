//! H.265's payloads: real files, what other stacks made of them, vectors by hand, and hostile bytes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests, and the fuzz target's body"
)]

use corpus::corpus;
use duologue_rtp::codec::{Codec, Depacketizer, PacketizeError, PayloadDiscard, describe};
use nal_support::{file, hex, packetize, payloads, put_together, put_together_alone, recorded, sweep};
use nal_units::nal_units;
use proptest::prelude::*;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/h265.rs"]
mod h265;
mod nal_support;
#[path = "../../fuzz/src/nal_units.rs"]
mod nal_units;
#[path = "../../fuzz/src/payloads.rs"]
mod payloads;

const H265: Codec = Codec::H265;

fn kind(unit: &[u8]) -> u8 {
    unit[0] >> 1 & 0x3f
}

/// The file's access units: each opens with a delimiter.
fn access_units() -> Vec<Vec<Vec<u8>>> {
    let mut frames = Vec::<Vec<_>>::new();
    for unit in nal_units(&file("h265.h265")) {
        if kind(&unit) == 35 {
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
    let mut depacketizer = Depacketizer::new(H265);
    let units = access_units();
    assert_eq!(frames.len(), units.len());
    for (index, (payloads, units)) in frames.iter().zip(units).enumerate() {
        let (frame, description) = put_together(&mut depacketizer, payloads).unwrap();
        assert_eq!(nal_units(&frame), units, "frame {index}");
        // As ffprobe says of the file.
        let key_frame = index % 5 == 0;
        assert_eq!(description.key_frame, key_frame);
        assert_eq!(description.resolution, key_frame.then_some((178, 98)));
        let slice = units.iter().find(|unit| kind(unit) < 32).unwrap();
        assert_eq!(description.layers.temporal, Some((slice[1] & 7) - 1));
        assert_eq!(description.layers.switching_point, key_frame || (2..=5).contains(&kind(slice)));
        let told: Vec<_> = payloads.iter().map(|payload| describe(H265, payload).unwrap()).collect();
        assert!(told[0].starts_frame);
        // Only what has neither sets nor pictures cannot tell.
        let telling = payloads.iter().zip(&told).filter(|(payload, _)| ![35, 39].contains(&kind(payload)));
        let telling = telling.filter(|(payload, _)| kind(payload) != 49 || payload[2] & 0x3f < 32);
        for (payload, told) in telling {
            assert_eq!(told.key_frame, key_frame, "{:?}", &payload[..4]);
        }
        assert_eq!(told.iter().find_map(|told| told.resolution), description.resolution);
    }
}

#[test]
fn a_file_comes_back_whatever_the_length_of_packets() {
    for max_len in [0, 90, 333, 500, 1200, 70_000] {
        let frames: Vec<_> = access_units().iter().map(|au| payloads(H265, &stream(au), max_len)).collect();
        if max_len > 0 {
            check_against_the_file(&frames);
        }
        for (payloads, units) in frames.iter().zip(access_units()) {
            assert_eq!(nal_units(&put_together_alone(H265, payloads).unwrap().0), units);
        }
    }
}

#[test]
fn payloads_of_other_stacks_give_the_files_access_units() {
    for name in ["h265_ffmpeg.rtp", "h265_gstreamer.rtp"] {
        let frames = recorded(name);
        check_against_the_file(&frames);
        // All forms are there.
        for form in [35, 48, 49] {
            assert!(frames.iter().flatten().any(|payload| kind(payload) == form), "{name}: {form}");
        }
        let single = |payload: &&Vec<u8>| kind(payload) < 32;
        assert!(frames.iter().flatten().filter(single).count() > 2, "{name}");
    }
}

/// What we send is of the kind that the other stacks send: as many packets at most, for the same units and length.
#[test]
fn no_more_packets_are_made_than_by_other_stacks() {
    for (units, theirs) in access_units().iter().zip(recorded("h265_ffmpeg.rtp")) {
        assert!(payloads(H265, &stream(units), 488).len() <= theirs.len());
    }
}

#[test]
fn small_units_share_a_packet_and_long_ones_are_cut_evenly() {
    let (vps, pps) = ([&[0x40, 0x01][..], &[7; 20]].concat(), [0x44, 0x0a, 3]);
    let idr = [&[0x26, 0x03][..], &[7; 998]].concat();
    let fragments = packetize(H265, &stream(&[&vps[..], &pps, &idr]), 400).unwrap();
    assert_eq!(fragments.iter().map(|fragment| fragment.len()).collect::<Vec<_>>(), [31, 336, 336, 335]);
    assert!(fragments[3].last && !fragments[..3].iter().any(|fragment| fragment.last));
    // RFC 7798, Section 4.4.2: LayerId and TID are the lowest of all.
    assert_eq!(fragments[0].prefix, [&[0x60, 0x01, 0, 22][..], &vps, &[0, 3]].concat());
    assert_eq!(fragments[0].body, pps[..]);
    assert_eq!(
        [&fragments[1].prefix[..], &fragments[2].prefix, &fragments[3].prefix].concat(),
        [0x62, 0x03, 0x93, 0x62, 0x03, 0x13, 0x62, 0x03, 0x53]
    );
    let fragments = packetize(H265, &stream(&[[0xc1, 0x12], [0x45, 0x0b]]), 400).unwrap();
    assert_eq!(fragments[0].prefix[..2], [0xe1, 0x0a]);
}

#[test]
fn what_is_no_access_unit_is_refused() {
    assert_eq!(packetize(H265, &[], 100), Err(PacketizeError::Empty));
    for unit in [&[0x26, 1][..], &[0, 0, 1], &[0, 0, 1, 0x26], &[0, 0, 1, 0x60, 1, 2], &[0, 0, 1, 0x64, 1, 2]]
    {
        assert_eq!(packetize(H265, unit, 100), Err(PacketizeError::Malformed), "{unit:?}");
    }
    // Unspecified types that the payload format leaves to others are carried.
    let frame = stream(&[[0x7c, 1, 5]]);
    assert_eq!(put_together_alone(H265, &payloads(H265, &frame, 100)).unwrap().0, frame);
}

#[test]
fn payloads_are_read_as_the_rfc_says() {
    let ap = [0x60, 1, 0, 3, 0x42, 1, 9, 0, 2, 0x44, 1, 0, 3, 0x26, 1, 7];
    let (frame, _) = put_together_alone(H265, &[ap]).unwrap();
    assert_eq!(frame, hex("0000000142010900000001440100000001260107"));
    let (frame, description) =
        put_together_alone(H265, &[[0x63, 0x2a, 0x93, 1], [0x63, 0x2a, 0x13, 2], [0x63, 0x2a, 0x53, 3]])
            .unwrap();
    // F, LayerId and TID come from the payload's header, the type from the FU's.
    assert_eq!(frame, [0, 0, 0, 1, 0x27, 0x2a, 1, 2, 3]);
    assert!(description.key_frame);
    assert_eq!((description.layers.temporal, description.layers.spatial), (Some(1), Some(37)));
}

/// RFC 7798, Section 4.4.4: F and the type come from the content information, LayerId and TID from the payload's header. A
/// single unit, an aggregation packet and fragments may be behind it, and behind extensions of 0 to 31 bytes.
#[test]
fn payloads_behind_content_information_are_read_as_without() {
    let units = access_units().concat();
    let (key, other) = (stream(&units[..8]), stream(&units[8..]));
    for (frame, extensions) in [(key, &[][..]), (other, &[1, 2, 3]), (stream(&units), &[9; 31])] {
        let plain = payloads(H265, &frame, 400);
        let enclosed: Vec<_> = plain
            .iter()
            .map(|payload| {
                // The header's F and type go to the information.
                let size = u8::try_from(extensions.len()).unwrap();
                let header = [payload[0] & 0x01 | 50 << 1, payload[1]];
                let information = [payload[0] & 0xfe | size >> 4, size << 4 | 0x09];
                [&header[..], &information, extensions, &payload[2..]].concat()
            })
            .collect();
        assert!(put_together_alone(H265, &enclosed) == put_together_alone(H265, &plain));
        for (enclosed, plain) in enclosed.iter().zip(&plain) {
            assert_eq!(describe(H265, enclosed), describe(H265, plain));
        }
        let forms: Vec<_> = plain.iter().map(|payload| kind(payload)).collect();
        assert!(forms.contains(&48) && forms.contains(&49), "{forms:?}");
    }
    let (frame, _) = put_together_alone(H265, &[[0x64, 0x2a, 0xa6, 0, 7]]).unwrap();
    assert_eq!(frame, [0, 0, 0, 1, 0xa6, 0x2a, 7], "a single unit, with F");
    // No sender may begin and end a unit in one fragment, but what one means that does is plain.
    let (frame, description) = put_together_alone(H265, &[[0x62, 1, 0xd3, 0x80]]).unwrap();
    assert_eq!((&frame[..], description.key_frame), (&[0, 0, 0, 1, 0x26, 1, 0x80][..], true));
}

#[test]
fn what_cannot_be_used_is_discarded_with_its_reason() {
    let refused = |payloads: &[&[u8]]| put_together_alone(H265, payloads).unwrap_err();
    for cut in [&[][..], &[0x26], &[0x62, 1], &[0x60, 1], &[0x60, 1, 0], &[0x60, 1, 0, 3, 0x26, 1]] {
        assert_eq!(refused(&[cut]), PayloadDiscard::Truncated, "{cut:?}");
        assert_eq!(describe(H265, cut), Err(PayloadDiscard::Truncated), "{cut:?}");
    }
    // Payload content information that is cut short, and within another.
    for cut in [&[0x64, 1][..], &[0x64, 1, 0x26], &[0x64, 1, 0x26, 0x20, 9], &[0x64, 1, 0x62, 0]] {
        assert_eq!(refused(&[cut]), PayloadDiscard::Truncated, "{cut:?}");
        assert_eq!(describe(H265, cut), Err(PayloadDiscard::Truncated), "{cut:?}");
    }
    assert_eq!(refused(&[&[0x64, 1, 0x64, 0, 0x26, 0, 7]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x62, 1, 0x13, 1]]), PayloadDiscard::Orphan);
    // RFC 7798, Section 4.4.3: an FU is not empty, nor of another FU.
    assert_eq!(refused(&[&[0x62, 1, 0x93]]), PayloadDiscard::Truncated);
    assert_eq!(refused(&[&[0x62, 1, 0xb1, 1]]), PayloadDiscard::Malformed);
    // A unit that never ends, one begun within another, and one that turns into another type.
    assert_eq!(refused(&[&[0x62, 1, 0x93, 1], &[0x62, 1, 0x13, 1]]), PayloadDiscard::Truncated);
    assert_eq!(refused(&[&[0x62, 1, 0x93, 1], &[0x62, 1, 0x93, 1]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x62, 1, 0x93, 1], &[0x02, 1, 1]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x62, 1, 0x93, 1], &[0x62, 1, 0x41, 1]]), PayloadDiscard::Malformed);
    // Units without a header, and an AP within an AP.
    assert_eq!(refused(&[&[0x60, 1, 0, 1, 0x26, 0, 0]]), PayloadDiscard::Malformed);
    assert_eq!(refused(&[&[0x60, 1, 0, 4, 0x60, 1, 0, 0]]), PayloadDiscard::Malformed);
}

/// 30,000 units without a byte in one payload are one discard, not 30,000 start codes.
#[test]
fn empty_units_do_not_multiply() {
    let payload = [&[0x60, 1][..], &[0; 60_000]].concat();
    assert_eq!(put_together_alone(H265, &[payload]).unwrap_err(), PayloadDiscard::Malformed);
}

#[test]
fn an_irap_picture_without_parameter_sets_gets_the_last_ones() {
    let units = access_units();
    let is_set = |unit: &Vec<u8>| (32..=34).contains(&kind(unit));
    let sets: Vec<_> = units[0].iter().filter(|unit| is_set(unit)).cloned().collect();
    assert_eq!(sets.iter().map(|unit| kind(unit)).collect::<Vec<_>>(), [32, 33, 34]);
    let irap: Vec<_> = units[5].iter().filter(|unit| !is_set(unit)).cloned().collect();
    let with = |depacketizer: &mut Depacketizer, units: &[Vec<u8>]| {
        let (frame, description) = put_together(depacketizer, &payloads(H265, &stream(units), 500)).unwrap();
        (nal_units(&frame), description)
    };
    let mut depacketizer = Depacketizer::new(H265);
    assert_eq!(with(&mut depacketizer, &irap).0, irap);
    assert!(!with(&mut depacketizer, &sets).1.key_frame);
    let (again, description) = with(&mut depacketizer, &irap);
    let kinds: Vec<_> = again.iter().map(|unit| kind(unit)).collect();
    assert_eq!(kinds.iter().filter(|kind| (32..=34).contains(*kind)).collect::<Vec<_>>(), [&32, &33, &34]);
    assert_eq!(kinds[0], 35, "the delimiter is first");
    let place = |kind| kinds.iter().position(|one| *one == kind).unwrap();
    let picture = kinds.iter().position(|kind| (16..=23).contains(kind)).unwrap();
    assert!(place(33) == 2 && place(34) < picture);
    assert_eq!((description.key_frame, description.resolution), (true, Some((178, 98))));
    assert_eq!(with(&mut depacketizer, &units[1]).0, units[1]);
    assert_eq!(with(&mut depacketizer, &units[5]).0, units[5]);
}

#[test]
fn a_payload_alone_says_whether_a_frame_may_begin_with_it() {
    let told = |payload: &[u8]| describe(H265, payload).unwrap();
    for first in [&[0x46, 1, 0x50][..], &[0x40, 1], &[0x42, 1], &[0x44, 1], &[0x4e, 1], &[0x02, 1, 0x80]] {
        assert!(told(first).starts_frame, "{first:?}");
    }
    assert!(told(&[0x62, 1, 0x81, 0x80]).starts_frame);
    for later in
        [&[0x02, 1, 0x40][..], &[0x62, 1, 0x01, 0x80], &[0x62, 1, 0x81, 0x40], &[0x50, 1], &[0x02, 1]]
    {
        assert!(!told(later).starts_frame, "{later:?}");
    }
    for key in [&[0x20, 1][..], &[0x2e, 1], &[0x62, 1, 0x13, 1], &[0x62, 1, 0x55, 1], &[0x40, 1], &[0x42, 1]]
    {
        assert!(told(key).key_frame, "{key:?}");
    }
    for other in [&[0x1e, 1][..], &[0x30, 1], &[0x02, 1], &[0x44, 1], &[0x46, 1]] {
        assert!(!told(other).key_frame, "{other:?}");
    }
    assert_eq!(told(&[0x02, 3]).layers.temporal, Some(2));
    assert_eq!(told(&[0x02, 0]).layers.temporal, None);
    assert!(told(&[0x08, 3]).layers.switching_point && !told(&[0x02, 3]).layers.switching_point);
}

/// Sets as an encoder writes them, of forms that the file has not.
#[test]
fn the_picture_size_is_that_within_the_conformance_window() {
    let size = |sps: &str| describe(H265, &hex(sps)).unwrap().resolution;
    let main = "42010101600000030090000003000003001ea0162069d5e5959a4932bffc0c800c3da02000000300200000030141";
    assert_eq!(size(main), Some((174, 100)));
    let yuv444 =
        "4201010408000003009e0800000300001e9002c40d3926cb2b3492657ff80580056b404000000300400000030282";
    assert_eq!(size(yuv444), Some((173, 99)));
    let yuv422 = "4201010408000003009d0800000300001eb0162069d4cd96566924cafff0058005768080000003008000000504";
    assert_eq!(size(yuv422), Some((174, 99)));
    let mono = "4201010408000003009fc800000300001ec05881a724d96566924cafff00b000ad6c080000030008000003005040";
    assert_eq!(size(mono), Some((173, 99)));
    // Sub-layers, one with a profile and a level of its own, one with a level alone: 88 and 8 bits, and 8 more.
    let sub_layers = ["4201", "04", &"11".repeat(12), "d000", &"11".repeat(13), "a0208210"].concat();
    assert_eq!(size(&sub_layers), Some((64, 32)));
    // The same of another layer has another form.
    assert_eq!(size(&sub_layers.replacen("4201", "4209", 1)), None);
}

#[test]
fn truncation_never_panics() {
    sweep(H265, &recorded("h265_ffmpeg.rtp"));
}

#[test]
fn the_corpus_holds() {
    corpus("h265").iter().for_each(|data| h265::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..3000)) {
        h265::run(&data);
    }

    #[test]
    fn generated_payloads_hold(
        sequence in prop::collection::vec((any::<bool>(), any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20)
    ) {
        let mut data = Vec::new();
        for (ends, [first, second], rest) in sequence {
            let kind = [49, 49, 49, 48, 19, 33, 1][usize::from(first) % 7];
            data.extend([if ends { 0x80 } else { 0 }, u8::try_from(rest.len()).unwrap() + 3, kind << 1, 1, second]);
            data.extend(rest);
        }
        h265::run(&data);
    }
}
