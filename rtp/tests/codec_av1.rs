//! AV1's payloads: real files, what another stack made of them, vectors by hand, and hostile bytes. Section numbers are
//! those of the RTP payload format's specification.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "tests, and the fuzz target's body"
)]

use av1::obus;
use corpus::corpus;
use duologue_rtp::codec::{Codec, Depacketizer, PacketizeError, PayloadDiscard, describe};
use nal_support::{file, hex, packetize, payloads, put_together, put_together_alone, recorded, sweep};
use proptest::prelude::*;

#[path = "../../fuzz/src/av1.rs"]
mod av1;
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
mod nal_support;
#[path = "../../fuzz/src/payloads.rs"]
mod payloads;

const AV1: Codec = Codec::Av1;

/// The file's temporal units, each with its delimiter.
fn temporal_units() -> Vec<Vec<u8>> {
    let mut units = Vec::<Vec<u8>>::new();
    for obu in obus(&file("av1.obu")).unwrap() {
        if obu == [0x10] {
            units.push(Vec::new());
        }
        units.last_mut().unwrap().extend(sized(&obu));
    }
    assert_eq!(units.len(), 8);
    assert_eq!(units.concat(), file("av1.obu"));
    units
}

/// An OBU without extension, with its size in as few bytes as it takes.
fn sized(obu: &[u8]) -> Vec<u8> {
    let mut out = vec![obu[0] | 0x02];
    let mut len = obu.len() - 1;
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(&obu[1..]);
    out
}

fn check_against_the_file(frames: &[Vec<Vec<u8>>]) {
    let mut depacketizer = Depacketizer::new(AV1);
    let units = temporal_units();
    assert_eq!(frames.len(), units.len());
    for (index, (payloads, unit)) in frames.iter().zip(units).enumerate() {
        let (frame, description) = put_together(&mut depacketizer, payloads).unwrap();
        assert_eq!(frame, unit, "frame {index}");
        // As ffprobe says of the file.
        let key_frame = index % 5 == 0;
        assert_eq!(description.key_frame, key_frame);
        assert_eq!(description.resolution, key_frame.then_some((178, 98)));
        let told: Vec<_> = payloads.iter().map(|payload| describe(AV1, payload).unwrap()).collect();
        assert!(told[0].starts_frame && !told[1..].iter().any(|told| told.starts_frame));
        assert!(told[0].key_frame == key_frame && !told[1..].iter().any(|told| told.key_frame));
        assert_eq!(told[0].resolution, description.resolution);
    }
}

#[test]
fn a_file_comes_back_whatever_the_length_of_packets() {
    for max_len in [0, 64, 65, 100, 333, 500, 1200, 70_000] {
        let frames: Vec<_> = temporal_units().iter().map(|unit| payloads(AV1, unit, max_len)).collect();
        check_against_the_file(&frames);
    }
}

#[test]
fn payloads_of_another_stack_give_the_files_temporal_units() {
    let frames = recorded("av1_ffmpeg.rtp");
    assert!(frames.iter().flatten().any(|payload| payload[0] & 0xc0 == 0xc0), "an OBU over three packets");
    check_against_the_file(&frames);
}

#[test]
fn no_more_packets_are_made_than_by_another_stack() {
    for (unit, theirs) in temporal_units().iter().zip(recorded("av1_ffmpeg.rtp")) {
        let ours = payloads(AV1, unit, 488);
        assert!(ours.len() <= theirs.len());
        // Section 4.4: N is set in the first packet of a coded video sequence alone.
        let new_sequence =
            |payloads: &[Vec<u8>]| payloads.iter().map(|one| one[0] & 0x08).collect::<Vec<_>>();
        assert_eq!(new_sequence(&ours)[0], new_sequence(&theirs)[0]);
        assert!(new_sequence(&ours)[1..].iter().all(|bit| *bit == 0));
    }
}

/// A sequence header, metadata and a frame: without sizes, in packets of nearly equal length.
#[test]
fn small_obus_share_a_packet_and_long_ones_are_cut_evenly() {
    let sequence = [&[0x08][..], &[0; 10]].concat();
    let frame = [sized(&[0x10]), sized(&sequence), sized(&[0x28, 1, 2]), sized(&[0x30; 1000])].concat();
    let fragments = packetize(AV1, &frame, 400).unwrap();
    assert_eq!(fragments.iter().map(|fragment| fragment.len()).collect::<Vec<_>>(), [340, 340, 339]);
    let first = [&[0x70, 11][..], &sequence, &[3, 0x28, 1, 2], &[0x30]].concat();
    assert_eq!(fragments[0].prefix, first);
    assert_eq!((&fragments[1].prefix[..], &fragments[2].prefix[..]), (&[0xd0][..], &[0x90][..]));
    assert!(fragments[2].last && !fragments[0].last && !fragments[1].last);
    // More elements than W counts all have their length.
    let frame = [sized(&[0x28, 1]), sized(&[0x28, 2]), sized(&[0x28, 3]), sized(&[0x30; 300])].concat();
    let fragments = packetize(AV1, &frame, 400).unwrap();
    assert_eq!(fragments.len(), 1);
    assert_eq!(fragments[0].prefix[..], [0x00, 2, 0x28, 1, 2, 0x28, 2, 2, 0x28, 3, 0xac, 0x02, 0x30]);
    assert_eq!(
        put_together_alone(AV1, &payloads(AV1, &frame, 400)).unwrap().0,
        [vec![0x12, 0], frame].concat()
    );
    // The last OBU may lack a size.
    assert_eq!(payloads(AV1, &[0x2a, 1, 7, 0x30, 5], 400), [[0x20, 2, 0x28, 7, 0x30, 5]]);
}

/// The example of Section 5.1: SH MD MD(0,0) FH(0,0) TG(0,0) MD(0,1) FH(0,1) TG(0,1).
#[test]
fn a_packet_is_of_one_layer_and_begins_with_what_is_of_none() {
    let of = |kind: u8, spatial: u8| vec![kind << 3 | 0x06, spatial << 3, 1, 9];
    let sequence = hex("0a06181dab70b401");
    let frame = [
        &sequence[..],
        &[0x2a, 1, 5],
        &of(5, 0),
        &of(3, 0),
        &of(4, 0),
        &of(5, 1),
        &of(3, 1),
        &of(4, 1),
        &[0x2a, 1, 6],
        &sequence,
    ]
    .concat();
    let payloads = payloads(AV1, &frame, 400);
    let told: Vec<_> = payloads.iter().map(|payload| describe(AV1, payload).unwrap()).collect();
    let layers: Vec<_> = told.iter().map(|told| (told.layers.temporal, told.layers.spatial)).collect();
    assert_eq!(layers, [(Some(0), Some(0)), (Some(0), Some(1)), (None, None), (None, None)]);
    assert_eq!(put_together_alone(AV1, &payloads).unwrap().0, [&[0x12, 0], &frame[..]].concat());
    let (_, description) = put_together_alone(AV1, &payloads).unwrap();
    assert_eq!((description.layers.temporal, description.layers.spatial), (Some(0), Some(1)));
}

#[test]
fn what_is_no_temporal_unit_is_refused() {
    assert_eq!(packetize(AV1, &[], 100), Err(PacketizeError::Empty));
    // Nothing but what is not sent.
    assert_eq!(packetize(AV1, &[0x12, 0], 100), Err(PacketizeError::Empty));
    assert_eq!(packetize(AV1, &[0x12, 0, 0x42, 1, 1], 100), Err(PacketizeError::Empty));
    let long = [&[0x32][..], &[0x80; 8], &[0]].concat();
    for unit in [&[0x32][..], &[0x32, 2, 1], &[0x36], &[0xb2, 1, 1], &[0x12, 0, 0x32, 0x80], &long] {
        assert_eq!(packetize(AV1, unit, 100), Err(PacketizeError::Malformed), "{unit:?}");
    }
}

#[test]
fn payloads_are_read_as_the_specification_says() {
    let together = |payloads: &[&[u8]]| put_together_alone(AV1, payloads).unwrap().0;
    // The header's W is 0, and counts from 1 to 3.
    assert_eq!(together(&[&[0x00, 2, 0x28, 1, 1, 0x30]]), [0x12, 0, 0x2a, 1, 1, 0x32, 0]);
    assert_eq!(together(&[&[0x10, 0x30, 1, 2]]), [0x12, 0, 0x32, 2, 1, 2]);
    assert_eq!(together(&[&[0x20, 1, 0x28, 0x30, 1]]), [0x12, 0, 0x2a, 0, 0x32, 1, 1]);
    assert_eq!(together(&[&[0x30, 1, 0x28, 2, 0x28, 7, 0x30]]), [0x12, 0, 0x2a, 0, 0x2a, 1, 7, 0x32, 0]);
    // An OBU over three packets, the last of which goes on with another; its header alone in the first.
    assert_eq!(
        together(&[&[0x50, 0x34], &[0xd0, 0x08, 1], &[0xa0, 1, 2, 0x30, 3]]),
        [0x12, 0, 0x36, 0x08, 2, 1, 2, 0x32, 1, 3]
    );
    assert_eq!(
        together(&[&[0x40, 1, 0x30], &[0xc0, 1, 1], &[0x80, 1, 2, 1, 0x28]]),
        [0x12, 0, 0x32, 2, 1, 2, 0x2a, 0]
    );
    // Sizes within are allowed, in more bytes than needed too.
    assert_eq!(
        together(&[&[0x20, 3, 0x32, 1, 7, 0x2a, 0x82, 0x80, 0x00, 8, 9]]),
        [0x12, 0, 0x32, 1, 7, 0x2a, 2, 8, 9]
    );
    // Section 5: temporal delimiters and tile lists are ignored.
    assert_eq!(together(&[&[0x30, 1, 0x10, 2, 0x40, 1, 0x30, 1]]), [0x12, 0, 0x32, 1, 1]);
}

#[test]
fn what_cannot_be_used_is_discarded_with_its_reason() {
    let refused = |payloads: &[&[u8]]| put_together_alone(AV1, payloads).unwrap_err();
    for cut in [&[][..], &[0x00], &[0x10], &[0x20, 1, 0x30], &[0x00, 2, 0x30], &[0x20, 5, 0x30]] {
        assert_eq!(refused(&[cut]), PayloadDiscard::Truncated, "{cut:?}");
        assert_eq!(describe(AV1, cut), Err(PayloadDiscard::Truncated), "{cut:?}");
    }
    let long = [&[0x00][..], &[0x80; 9], &[1, 0x30]].concat();
    // No element, a number without an end, a forbidden bit, N with Z, a size beyond the element, and one short of it.
    for wrong in [
        &[0x00, 0][..],
        &long,
        &[0x00, 0x80],
        &[0x10, 0xb0, 1],
        &[0x98, 0x30, 1],
        &[0x10, 0x32, 2, 1],
        &[0x10, 0x32, 0, 1],
        &[0x10, 0x34],
    ] {
        assert_eq!(refused(&[wrong]), PayloadDiscard::Malformed, "{wrong:?}");
    }
    assert_eq!(refused(&[&[0x90, 1]]), PayloadDiscard::Orphan);
    // An OBU that never ends, and one followed by what does not go on with it.
    assert_eq!(refused(&[&[0x50, 0x30, 1], &[0xd0, 1]]), PayloadDiscard::Truncated);
    assert_eq!(refused(&[&[0x50, 0x30, 1], &[0x10, 0x30, 1]]), PayloadDiscard::Malformed);
}

#[test]
fn empty_elements_do_not_multiply() {
    assert_eq!(put_together_alone(AV1, &[[0; 60_000]]).unwrap_err(), PayloadDiscard::Malformed);
}

#[test]
fn an_unfinished_obu_does_not_reach_the_next_frame() {
    let mut depacketizer = Depacketizer::new(AV1);
    assert!(put_together(&mut depacketizer, &[[0x50, 0x30, 1]]).is_err());
    assert_eq!(put_together(&mut depacketizer, &[[0x10, 0x30, 1]]).unwrap().0, [0x12, 0, 0x32, 1, 1]);
    let mut frame = bytes::BytesMut::new();
    depacketizer.push(&[0x50, 0x30, 1], &mut frame).unwrap();
    frame.clear();
    assert_eq!(depacketizer.push(&[0x90, 1], &mut frame), Err(PayloadDiscard::Orphan));
}

#[test]
fn a_key_frame_has_a_sequence_header_and_a_shown_key_frame_first() {
    let key_frame = |unit: &[&[u8]]| {
        let unit = unit.concat();
        let payloads = payloads(AV1, &unit, 500);
        let told = describe(AV1, &payloads[0]).unwrap().key_frame;
        assert_eq!(payloads[0][0] & 0x08 != 0, told);
        assert_eq!(put_together_alone(AV1, &payloads).unwrap().1.key_frame, told);
        told
    };
    let (sequence, still) = (&hex("0a0a00000003b57e33efe400")[..], &hex("0a06181dab70b401")[..]);
    assert!(key_frame(&[sequence, &[0x32, 1, 0x10]]) && key_frame(&[sequence, &[0x1a, 1, 0x10]]));
    assert!(!key_frame(&[&[0x32, 1, 0x10]]), "no sequence header");
    assert!(!key_frame(&[sequence, &[0x32, 1, 0x30]]), "an inter frame");
    assert!(!key_frame(&[sequence, &[0x32, 1, 0x00]]), "not shown");
    assert!(!key_frame(&[sequence, &[0x1a, 1, 0x90]]), "shown anew");
    assert!(!key_frame(&[sequence, &[0x32, 1, 0x30], &[0x32, 1, 0x10]]), "not the first");
    assert!(key_frame(&[still, &[0x32, 1, 0x44]]), "a still picture has no such fields");
}

#[test]
fn a_payload_alone_says_whether_a_frame_may_begin_with_it() {
    let told = |payload: &[u8]| describe(AV1, payload).unwrap();
    for first in [&[0x10, 0x30, 1][..], &[0x50, 0x18], &[0x10, 0x08, 1], &[0x10, 0x28], &[0x00, 1, 0x30]] {
        assert!(told(first).starts_frame, "{first:?}");
    }
    for later in [&[0x90, 0x30][..], &[0x10, 0x20, 1], &[0x10, 0x38, 1], &[0xa0, 1, 0x30, 0x30]] {
        assert!(!told(later).starts_frame, "{later:?}");
    }
    assert!(told(&[0x58, 0x08, 0x00]).key_frame, "N says so");
    let layers = told(&[0x10, 0x34, 0x48]).layers;
    assert_eq!((layers.temporal, layers.spatial), (Some(2), Some(1)));
}

/// A packet may end anywhere in an OBU: after the first of its header's bytes too, as libwebrtc's packets do when one byte is
/// left of them.
#[test]
fn a_packet_that_ends_within_an_obus_header_still_tells_what_came_before() {
    let told = |payload: &[u8]| describe(AV1, payload).unwrap();
    assert!(told(&[0x50, 0x34]).starts_frame, "the extension is in the next packet");
    assert!(told(&[0x50, 0x32]).starts_frame && told(&[0x50, 0x32, 0x80]).starts_frame, "the size too");
    assert!(!told(&[0x50, 0x24]).starts_frame, "a tile group");
    let sequence = hex("0800000003b57e33efe400");
    let first = told(&[&[0x68, 11][..], &sequence, &[0x34]].concat());
    assert!(first.starts_frame && first.key_frame);
    assert_eq!(first.resolution, Some((176, 100)));
    // It is malformed where the OBU does not go on.
    for whole in [&[0x10, 0x34][..], &[0x10, 0x32], &[0x60, 1, 0x34, 0x30]] {
        assert_eq!(describe(AV1, whole), Err(PayloadDiscard::Malformed), "{whole:?}");
    }
    // So it is with a header that nothing can go on from.
    assert_eq!(describe(AV1, &[0x50, 0xb4]), Err(PayloadDiscard::Malformed));
}

/// Sequence headers as encoders write them, and one with all that comes before the size.
#[test]
fn the_picture_size_is_the_sequences_largest() {
    let size = |body: &[u8]| describe(AV1, &[&[0x10, 0x08], body].concat()).unwrap().resolution;
    assert_eq!(size(&hex("181dab70b401")), Some((174, 98)), "libaom, a still picture");
    assert_eq!(size(&hex("00000003b576236be401")), Some((175, 99)), "libaom");
    assert_eq!(size(&hex("00000003b57e33efe400")), Some((176, 100)), "SVT-AV1");
    assert_eq!(size(&hex("000000f9dabb10842a2040404280")), Some((175, 99)), "rav1e");
    assert_eq!(size(&hex("000000f9dabb")), None, "cut short");
    let text = [
        "000 0 0 1", // timing follows
        &"0".repeat(63),
        "1 1 00101", // ticks; equal pictures: uvlc of 4
        "1 00100",   // a decoder model, delays of 5 bits
        &"01".repeat(16),
        "00000 00000 1 00001", // initial delays; two operating points
        "000000000011 01000 1 1 11111 00000 1 1 0101",
        "000000000001 00111 0 0",
        "1001 1000 1001111111 101100111", // 640 by 360
    ]
    .concat();
    let bits: Vec<_> = text.bytes().filter(|byte| *byte != b' ').map(|byte| byte - b'0').collect();
    let bytes = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | bit) << (8 - bits.len());
    assert_eq!(size(&bits.chunks(8).map(bytes).collect::<Vec<_>>()), Some((640, 360)));
}

#[test]
fn truncation_never_panics() {
    sweep(AV1, &recorded("av1_ffmpeg.rtp"));
}

#[test]
fn the_corpus_holds() {
    corpus("av1").iter().for_each(|data| av1::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..3000)) {
        av1::run(&data);
    }

    #[test]
    fn generated_payloads_hold(
        sequence in prop::collection::vec((any::<bool>(), any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 1..40)), 0..20)
    ) {
        let mut data = Vec::new();
        for (ends, [header, first], rest) in sequence {
            let len = u8::try_from(rest.len()).unwrap();
            data.extend([if ends { 0x80 } else { 0 }, len + 4, header, 1, first & 0x7c, len]);
            data.extend(rest);
        }
        av1::run(&data);
    }
}
