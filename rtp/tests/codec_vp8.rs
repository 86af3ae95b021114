#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests; bodies of fuzz targets"
)]
//! VP8: payloads made by others, frames that come back as they were, and streams that are switched.

use bytes::{Bytes, BytesMut};
use corpus::corpus;
use duologue_rtp::codec::vp8::Rewriter;
use duologue_rtp::codec::{
    Codec, Depacketizer, Description, Fragment, Layers, PacketizeError, Packetizer, PayloadDiscard, describe,
};
use proptest::prelude::*;
use std::collections::VecDeque;

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "data/read.rs"]
mod read;
#[path = "../../fuzz/src/video.rs"]
mod video;
#[path = "../../fuzz/src/vp8.rs"]
mod vp8;

const FILE: &[u8] = include_bytes!("data/vp8.ivf");

/// Every optional field: a picture's number in 15 bits, TL0PICIDX, TID and KEYIDX, and one byte of a key frame.
const EVERY_FIELD: [u8; 7] = [0xb0, 0xf0, 0x92, 0x34, 0x56, 0b1010_0111, 0x00];

#[test]
fn every_field_of_a_descriptor_is_read() {
    let description = describe(Codec::Vp8, &EVERY_FIELD).unwrap();
    assert!(description.starts_frame && description.key_frame && !description.ends_frame);
    assert_eq!(description.picture_id, Some(0x1234));
    assert_eq!(description.resolution, None);
    let Layers { temporal, spatial, switching_point, discardable, .. } = description.layers;
    assert_eq!((temporal, spatial, switching_point, discardable), (Some(2), None, true, true));

    let narrow = describe(Codec::Vp8, &[0x90, 0x80, 0x7f, 0x01]).unwrap();
    assert_eq!((narrow.picture_id, narrow.key_frame, narrow.layers.discardable), (Some(127), false, false));

    // The octet is there for KEYIDX alone: its TID means nothing.
    let key_idx = describe(Codec::Vp8, &[0x90, 0x10, 0xe7, 0x01]).unwrap();
    assert_eq!((key_idx.layers.temporal, key_idx.layers.switching_point), (None, false));
}

#[test]
fn only_the_first_partition_starts_a_frame() {
    for (first, starts) in [(0x10, true), (0x00, false), (0x11, false), (0x01, false)] {
        let description = describe(Codec::Vp8, &[first, 0x00]).unwrap();
        assert_eq!((description.starts_frame, description.key_frame), (starts, starts), "{first:#x}");
    }
}

#[test]
fn a_payload_cut_anywhere_in_its_descriptor_is_truncated() {
    for len in 0..EVERY_FIELD.len() {
        let cut = &EVERY_FIELD[..len];
        assert_eq!(describe(Codec::Vp8, cut), Err(PayloadDiscard::Truncated), "{len} bytes");
        let mut frame = BytesMut::new();
        let pushed = Depacketizer::new(Codec::Vp8).push(cut, &mut frame);
        assert_eq!((pushed, frame.len()), (Err(PayloadDiscard::Truncated), 0));
        let mut copy = cut.to_vec();
        assert_eq!(Rewriter::new().rewrite(&mut copy), Err(PayloadDiscard::Truncated));
        assert_eq!(copy, cut);
    }
}

#[test]
fn a_key_frame_cut_before_its_size_is_still_one() {
    let whole = [&[0x10][..], &read::ivf(FILE)[0][..10]].concat();
    for len in 2..=whole.len() {
        let description = describe(Codec::Vp8, &whole[..len]).unwrap();
        assert!(description.key_frame);
        assert_eq!(description.resolution, (len == whole.len()).then_some((320, 180)), "{len} bytes");
    }
}

#[test]
fn frames_of_an_encoder_come_back_byte_for_byte() {
    for max_len in [64, 100, 600, 1_200, 65_000] {
        let mut packetizer = Packetizer::new(Codec::Vp8, 0xffff);
        for (index, frame) in read::ivf(FILE).into_iter().enumerate() {
            let payloads = payloads(&mut packetizer, frame, Layers::default(), max_len);
            assert_eq!(payloads.len(), frame.len().div_ceil(max_len - 4), "the fewest packets");
            let (together, description) = together(&payloads).unwrap();
            assert_eq!(together, frame);
            let key_frame = index % 4 == 0;
            assert_eq!(description.key_frame, key_frame, "where ffprobe sees one");
            assert_eq!(description.resolution, key_frame.then_some((320, 180)));
            assert!(description.starts_frame && description.ends_frame);
            let expected = [0x7fff, 0, 1, 2, 3, 4, 5, 6][index];
            assert_eq!(description.picture_id, Some(expected));
        }
    }
}

#[test]
fn payloads_made_by_gstreamer_and_ffmpeg_make_the_frames() {
    for (file, first) in [
        (&include_bytes!("data/gstreamer_vp8.rtp")[..], 32_765_u16),
        (&include_bytes!("data/ffmpeg_vp8.rtp")[..], 0),
    ] {
        let mut packets = read::rtp(file).into_iter();
        for (index, frame) in (0_u16..).zip(read::ivf(FILE)) {
            let mut payloads = Vec::new();
            for (payload, marker) in packets.by_ref() {
                let description = describe(Codec::Vp8, payload).unwrap();
                assert_eq!(description.starts_frame, payloads.is_empty());
                assert_eq!(description.key_frame, payloads.is_empty() && index % 4 == 0);
                payloads.push(payload.to_vec());
                if marker {
                    break;
                }
            }
            let (together, description) = together(&payloads).unwrap();
            assert_eq!(together, frame);
            assert_eq!(description.resolution, (index % 4 == 0).then_some((320, 180)));
            assert_eq!(description.picture_id, Some(first.wrapping_add(index) & 0x7fff));
        }
        assert_eq!(packets.next(), None);
    }
}

#[test]
fn temporal_layers_are_told_with_the_base_layers_number() {
    let mut packetizer = Packetizer::new(Codec::Vp8, 0xff00);
    let mut seen = Vec::new();
    for (temporal, switching_point, discardable) in [
        (0, false, false),
        (2, true, true),
        (1, true, false),
        (2, false, true),
        (0, false, false),
        (4, false, false),
    ] {
        let mut layers = Layers::default();
        layers.temporal = Some(temporal);
        layers.switching_point = switching_point;
        layers.discardable = discardable;
        let payload = payloads(&mut packetizer, &[0x01; 300], layers, 100).pop().unwrap();
        let told = describe(Codec::Vp8, &payload).unwrap().layers;
        assert_eq!((told.switching_point, told.discardable), (switching_point, discardable));
        // After two octets of flags and two of the picture's number.
        seen.push((told.temporal.unwrap(), payload[4]));
    }
    assert_eq!(seen, [(0, 0), (2, 0), (1, 0), (2, 0), (0, 1), (3, 1)]);

    let plain = payloads(&mut packetizer, &[0x01; 300], Layers::default(), 1_200).pop().unwrap();
    assert_eq!((plain.len(), describe(Codec::Vp8, &plain).unwrap().layers.temporal), (304, None));
}

#[test]
fn a_frame_without_its_start_is_refused() {
    let payloads = payloads(&mut Packetizer::new(Codec::Vp8, 0), &[0x01; 300], Layers::default(), 100);
    assert_eq!(together(&payloads[1..]), Err(PayloadDiscard::Orphan));
    let twice = [&payloads[..2], &payloads[..]].concat();
    assert_eq!(together(&twice), Err(PayloadDiscard::Malformed));
    assert_eq!(
        Depacketizer::new(Codec::Vp8).finish(&mut BytesMut::new()),
        Err(PayloadDiscard::Orphan),
        "nothing was pushed"
    );
}

#[test]
fn an_empty_frame_is_refused() {
    let mut out = VecDeque::new();
    let result = Packetizer::new(Codec::Vp8, 0).packetize(
        &Bytes::new(),
        Layers::default(),
        1_200,
        &mut BytesMut::new(),
        &mut out,
    );
    assert_eq!((result, out.len()), (Err(PacketizeError::Empty), 0));
}

#[test]
fn numbers_go_on_across_a_switch() {
    let mut rewriter = Rewriter::new();
    assert_eq!(
        rewritten(&mut rewriter, (0x7ffe, 0xfe, 30)),
        Ok((0x7ffe, 0xfe, 30)),
        "the first source's own"
    );
    assert_eq!(rewritten(&mut rewriter, (0x7fff, 0xff, 30)), Ok((0x7fff, 0xff, 30)));
    rewriter.switch();
    assert_eq!(rewritten(&mut rewriter, (500, 17, 4)), Ok((0, 0, 31)));
    assert_eq!(rewritten(&mut rewriter, (500, 17, 4)), Ok((0, 0, 31)), "each payload of a frame alike");
    assert_eq!(rewritten(&mut rewriter, (503, 18, 4)), Ok((3, 1, 31)));
    assert_eq!(rewritten(&mut rewriter, (502, 17, 4)), Ok((2, 0, 31)), "late");
    assert_eq!(rewritten(&mut rewriter, (499, 17, 4)), Err(PayloadDiscard::Orphan), "from before the switch");
    rewriter.switch();
    assert_eq!(rewritten(&mut rewriter, (9, 255, 31)), Ok((4, 2, 0)));
}

#[test]
fn a_switched_stream_stays_contiguous_for_longer_than_its_numbers_run() {
    let mut rewriter = Rewriter::new();
    for number in 0..80_000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let numbers = (u16::from_be_bytes([high & 0x7f, low]), low, 0);
        assert_eq!(rewritten(&mut rewriter, numbers), Ok(numbers));
    }
    let mut rewriter = Rewriter::new();
    let mut last = None;
    for source in 0..20_u16 {
        rewriter.switch();
        for number in 0..3_000 {
            let (picture, ..) = rewritten(&mut rewriter, ((source * 1_111 + number) & 0x7fff, 0, 0)).unwrap();
            assert_eq!(picture, last.map_or(0, |last: u16| (last + 1) & 0x7fff));
            last = Some(picture);
        }
    }
}

#[test]
fn frames_left_out_leave_no_gap() {
    let mut rewriter = Rewriter::new();
    assert_eq!(rewritten(&mut rewriter, (100, 1, 0)), Ok((100, 1, 0)));
    rewriter.leave_out(&payload((101, 1, 0))).unwrap();
    rewriter.leave_out(&payload((101, 1, 0))).unwrap();
    assert_eq!(rewritten(&mut rewriter, (102, 2, 0)), Ok((101, 2, 0)));
    rewriter.leave_out(&payload((103, 2, 0))).unwrap();
    assert_eq!(rewritten(&mut rewriter, (104, 3, 0)), Ok((102, 3, 0)));
    assert_eq!(rewritten(&mut rewriter, (102, 2, 0)), Ok((101, 2, 0)), "late");
    assert_eq!(rewritten(&mut rewriter, (100, 1, 0)), Ok((100, 1, 0)), "later");
    rewriter.leave_out(&payload((102, 2, 0))).unwrap();
    assert_eq!(rewritten(&mut rewriter, (105, 3, 0)), Ok((103, 3, 0)), "left out too late");

    for number in (106..10_000).step_by(2) {
        rewriter.leave_out(&payload((number, 3, 0))).unwrap();
        assert_eq!(rewritten(&mut rewriter, (number + 1, 3, 0)), Ok((104 + (number - 106) / 2, 3, 0)));
    }
    assert_eq!(rewritten(&mut rewriter, (9_801, 3, 0)), Err(PayloadDiscard::Orphan), "forgotten");
}

#[test]
fn rewritten_fields_keep_their_widths() {
    let mut rewriter = Rewriter::new();
    let mut wide = [0x90, 0x80, 0x80 | 0x01, 0x7f, 0x01, 0xaa];
    rewriter.rewrite(&mut wide).unwrap();
    rewriter.switch();
    let mut narrow = [0x90, 0x80, 0x05, 0x01, 0xbb];
    rewriter.rewrite(&mut narrow).unwrap();
    // 0x17f + 1, in seven bits.
    assert_eq!(narrow, [0x90, 0x80, 0x00, 0x01, 0xbb]);
    rewriter.switch();
    let mut wide = [0x90, 0x80, 0x85, 0x55, 0x01, 0xcc];
    rewriter.rewrite(&mut wide).unwrap();
    assert_eq!(wide, [0x90, 0x80, 0x81, 0x81, 0x01, 0xcc]);
    let mut plain = [0x10, 0x01, 0xdd];
    rewriter.rewrite(&mut plain).unwrap();
    assert_eq!(plain, [0x10, 0x01, 0xdd]);
}

#[test]
fn the_corpus_holds() {
    corpus("vp8").iter().for_each(|data| vp8::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_payloads_and_frames_hold(data in prop::collection::vec(any::<u8>(), 0..900)) {
        vp8::run(&data);
    }

    #[test]
    fn short_payloads_hold(data in prop::collection::vec((0_u8..8, prop::collection::vec(any::<u8>(), 0..9)), 0..40)) {
        let list = data.iter().flat_map(|(control, payload)| {
            [&[*control, u8::try_from(payload.len()).unwrap()], &payload[..]].concat()
        });
        vp8::run(&list.collect::<Vec<u8>>());
    }
}

/// The payloads of a frame.
fn payloads(packetizer: &mut Packetizer, frame: &[u8], layers: Layers, max_len: usize) -> Vec<Vec<u8>> {
    let mut fragments: VecDeque<Fragment> = VecDeque::new();
    let frame = Bytes::copy_from_slice(frame);
    packetizer.packetize(&frame, layers, max_len, &mut BytesMut::new(), &mut fragments).unwrap();
    assert!(fragments.iter().all(|fragment| fragment.len() <= max_len));
    fragments.iter().map(|fragment| [&fragment.prefix[..], &fragment.body[..]].concat()).collect()
}

/// The frame that payloads make.
fn together(payloads: &[Vec<u8>]) -> Result<(BytesMut, Description), PayloadDiscard> {
    let mut depacketizer = Depacketizer::new(Codec::Vp8);
    let mut frame = BytesMut::new();
    for payload in payloads {
        depacketizer.push(payload, &mut frame)?;
    }
    let description = depacketizer.finish(&mut frame)?;
    Ok((frame, description))
}

/// A payload with a picture's number, TL0PICIDX and KEYIDX.
fn payload((picture_id, tl0_pic_idx, key_idx): (u16, u8, u8)) -> [u8; 8] {
    let [high, low] = (0x8000 | picture_id).to_be_bytes();
    [0x90, 0xf0, high, low, tl0_pic_idx, 0x40 | key_idx, 0x01, 0xaa]
}

/// What a rewriter makes of it.
fn rewritten(rewriter: &mut Rewriter, numbers: (u16, u8, u8)) -> Result<(u16, u8, u8), PayloadDiscard> {
    let mut bytes = payload(numbers);
    rewriter.rewrite(&mut bytes)?;
    let [_, _, high, low, tl0_pic_idx, octet, ..] = bytes;
    let other = [0x90, 0xf0, 0x80 | high, low, tl0_pic_idx, 0x40 | octet & 0x1f, 0x01, 0xaa];
    assert_eq!(bytes, other, "all but the numbers is as it was");
    Ok((u16::from_be_bytes([high & 0x7f, low]), tl0_pic_idx, octet & 0x1f))
}
