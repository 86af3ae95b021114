#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests; bodies of fuzz targets"
)]
//! VP9: payloads made by others, descriptors of every kind, and frames that come back as they were.

use bytes::{Bytes, BytesMut};
use corpus::corpus;
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
#[path = "../../fuzz/src/vp9.rs"]
mod vp9;

const FILE: &[u8] = include_bytes!("data/vp9.ivf");
const HIDDEN_FRAMES: &[u8] = include_bytes!("data/vp9_altref.ivf");

/// Flexible: a picture's number in 15 bits, layer 2 of 3 with a switching point, two references, a structure of two layers
/// with sizes and a group of two pictures, and one byte of a frame.
const FLEXIBLE: [u8; 22] = [
    0xfe,
    0x92,
    0x34,
    0b0101_0011,
    0x03,
    0x04,
    0x38,
    0,
    160,
    0,
    90,
    1,
    64,
    0,
    180,
    2,
    0x04,
    0x01,
    0x38,
    0x01,
    0x02,
    0xaa,
];

/// Not flexible: a picture's number in 7 bits, the lowest layers, TL0PICIDX, one byte of a frame.
const LOWEST_LAYER: [u8; 5] = [0xa8, 0x12, 0x00, 0x07, 0xaa];

#[test]
fn every_field_of_a_descriptor_is_read() {
    let description = describe(Codec::Vp9, &FLEXIBLE).unwrap();
    assert!(!description.starts_frame && !description.key_frame && !description.ends_frame);
    assert_eq!((description.picture_id, description.resolution), (Some(0x1234), None));
    let Layers { temporal, spatial, switching_point, discardable, .. } = description.layers;
    assert_eq!((temporal, spatial, switching_point, discardable), (Some(2), Some(1), true, false));

    let description = describe(Codec::Vp9, &LOWEST_LAYER).unwrap();
    assert!(description.starts_frame && description.key_frame && !description.ends_frame);
    assert_eq!(description.picture_id, Some(0x12));
    assert_eq!((description.layers.temporal, description.layers.spatial), (Some(0), Some(0)));

    // Without references, as P is not set; and the highest layer's size.
    let mut key_frame = FLEXIBLE.to_vec();
    key_frame.drain(4..6);
    (key_frame[0], key_frame[3]) = (0xbe, 0x00);
    let description = describe(Codec::Vp9, &key_frame).unwrap();
    assert_eq!((description.key_frame, description.resolution), (true, Some((320, 180))));
}

#[test]
fn a_payload_cut_anywhere_in_its_descriptor_is_truncated() {
    for whole in [&FLEXIBLE[..], &LOWEST_LAYER[..]] {
        for len in 0..whole.len() {
            let cut = &whole[..len];
            assert_eq!(describe(Codec::Vp9, cut), Err(PayloadDiscard::Truncated), "{len} bytes");
            let mut frame = BytesMut::new();
            let pushed = Depacketizer::new(Codec::Vp9).push(cut, &mut frame);
            assert_eq!((pushed, frame.len()), (Err(PayloadDiscard::Truncated), 0));
        }
    }
}

/// A structure may have neither sizes nor pictures, or either of them.
#[test]
fn a_structure_has_only_what_its_flags_say() {
    // The start of a key frame of 320 by 180, which tells where the structure does not.
    let body = [0x82, 0x49, 0x83, 0x42, 0x40, 0x13, 0xf0, 0x0b, 0x30];
    let pictures = [2, 0x08, 1, 2, 0x00];
    let sizes = [0, 160, 0, 90, 0, 0, 0, 0];
    for (structure, resolution) in [
        (vec![0x20], (320, 180)),
        ([&[0x28][..], &pictures].concat(), (320, 180)),
        ([&[0x30][..], &sizes].concat(), (160, 90)),
        ([&[0x38][..], &sizes, &pictures].concat(), (160, 90)),
    ] {
        let payload = [&[0x0a][..], &structure, &body].concat();
        let mut frame = BytesMut::new();
        let mut depacketizer = Depacketizer::new(Codec::Vp9);
        assert_eq!(depacketizer.push(&payload, &mut frame), Ok(()));
        assert_eq!(frame, body[..], "{structure:x?}");
        assert_eq!(depacketizer.finish(&mut frame).unwrap().resolution, Some(resolution));
        for len in 0..=structure.len() {
            assert_eq!(describe(Codec::Vp9, &payload[..len]), Err(PayloadDiscard::Truncated), "{len} bytes");
        }
    }
}

#[test]
fn a_fourth_reference_is_malformed() {
    let payload = [0xd8, 0x12, 0x03, 0x03, 0x03, 0x02, 0xaa];
    assert_eq!(describe(Codec::Vp9, &payload), Err(PayloadDiscard::Malformed));
    let three = [0xd8, 0x12, 0x03, 0x03, 0x02, 0xaa];
    assert!(describe(Codec::Vp9, &three).is_ok());
}

#[test]
fn only_the_lowest_layer_without_prediction_is_a_key_frame() {
    // B, and P or a layer above the lowest, or no start.
    for (payload, starts, key) in [
        ([0x28, 0x00, 0x00, 0xaa], true, true),
        ([0x68, 0x00, 0x00, 0xaa], true, false),
        ([0x28, 0x02, 0x00, 0xaa], false, false),
        ([0x28, 0xe0, 0x00, 0xaa], true, true),
        ([0x20, 0x00, 0x00, 0xaa], false, false),
    ] {
        let description = describe(Codec::Vp9, &payload).unwrap();
        assert_eq!((description.starts_frame, description.key_frame), (starts, key), "{payload:x?}");
    }
}

#[test]
fn the_end_of_a_layer_is_the_end_of_the_picture_only_without_layers() {
    assert!(describe(Codec::Vp9, &[0x0c, 0xaa]).unwrap().ends_frame);
    assert!(!describe(Codec::Vp9, &[0x08, 0xaa]).unwrap().ends_frame);
    assert!(!describe(Codec::Vp9, &[0x2c, 0x00, 0x00, 0xaa]).unwrap().ends_frame);
}

#[test]
fn the_layers_of_a_picture_are_put_together() {
    let lower = [0xac, 0x12, 0x00, 0x07, 1, 2];
    let upper_start = [0xa8, 0x12, 0x03, 0x07, 3, 4];
    let upper_end = [0xa4, 0x12, 0x03, 0x07, 5];
    let (frame, description) = together(&[lower.to_vec(), upper_start.to_vec(), upper_end.to_vec()]).unwrap();
    assert_eq!(frame[..], [1, 2, 3, 4, 5]);
    assert!(description.key_frame && description.starts_frame && description.ends_frame);
    assert_eq!((description.layers.temporal, description.layers.spatial), (Some(0), Some(1)));
}

#[test]
fn a_frame_without_its_start_is_refused() {
    let mut packetizer = Packetizer::new(Codec::Vp9, 0);
    let payloads = payloads(&mut packetizer, read::ivf(FILE)[1], 100);
    assert_eq!(together(&payloads[1..]), Err(PayloadDiscard::Orphan));
    assert_eq!(
        Depacketizer::new(Codec::Vp9).finish(&mut BytesMut::new()),
        Err(PayloadDiscard::Orphan),
        "nothing was pushed"
    );
}

#[test]
fn frames_of_an_encoder_come_back_byte_for_byte() {
    for (file, size, group) in [(FILE, (320, 180), 4), (HIDDEN_FRAMES, (64, 48), 20)] {
        for max_len in [64, 100, 600, 1_200, 65_000] {
            let mut packetizer = Packetizer::new(Codec::Vp9, 0xfffe);
            for (index, frame) in (0_u16..).zip(read::ivf(file)) {
                let key_frame = index % group == 0;
                let payloads = payloads(&mut packetizer, frame, max_len);
                let len = frame.len() + if key_frame { 5 } else { 0 };
                assert_eq!(payloads.len(), len.div_ceil(max_len - 3), "the fewest packets");
                for (at, payload) in payloads.iter().enumerate() {
                    let description = describe(Codec::Vp9, payload).unwrap();
                    assert_eq!(description.starts_frame, at == 0);
                    assert_eq!(description.ends_frame, at + 1 == payloads.len());
                    assert_eq!(description.key_frame, at == 0 && key_frame, "where ffprobe sees one");
                    assert_eq!(payload[0] & 0x40 == 0, key_frame, "P in each payload");
                }
                let (together, description) = together(&payloads).unwrap();
                assert_eq!(together, frame);
                assert_eq!(description.key_frame, key_frame);
                assert_eq!(description.resolution, key_frame.then_some(size));
                assert_eq!(description.picture_id, Some(0x7ffe_u16.wrapping_add(index) & 0x7fff));
            }
        }
    }
}

#[test]
fn a_key_frames_size_is_sent_as_a_structure_of_one_layer() {
    let frame = read::ivf(FILE)[0];
    let payload = payloads(&mut Packetizer::new(Codec::Vp9, 5), frame, 65_000).pop().unwrap();
    // I, B, E and V; the picture's number; one layer with a size.
    assert_eq!(payload[..8], [0x8e, 0x80, 0x05, 0x10, 0x01, 0x40, 0x00, 0xb4]);
}

#[test]
fn payloads_made_by_gstreamer_make_the_frames() {
    for (frames, packets, size, group) in [
        (FILE, &include_bytes!("data/gstreamer_vp9.rtp")[..], (320, 180), 4),
        (HIDDEN_FRAMES, &include_bytes!("data/gstreamer_vp9_altref.rtp")[..], (64, 48), 20),
    ] {
        let mut packets = read::rtp(packets).into_iter();
        let mut last = None;
        for (index, frame) in read::ivf(frames).into_iter().enumerate() {
            let (payloads, first) = picture(&mut packets);
            let key_frame = index % group == 0;
            assert!(first.starts_frame);
            assert_eq!((first.key_frame, first.resolution), (key_frame, key_frame.then_some(size)));
            let (together, whole) = together(&payloads).unwrap();
            assert_eq!(together, frame);
            assert_eq!(whole.key_frame, key_frame);
            let number = whole.picture_id.unwrap();
            assert!(last.is_none_or(|last| number == (last + 1) & 0x7fff));
            last = Some(number);
        }
        assert_eq!(packets.next(), None);
    }
}

#[test]
fn payloads_made_by_ffmpeg_make_the_frames() {
    let mut packets = read::rtp(include_bytes!("data/ffmpeg_vp9.rtp")).into_iter();
    for (index, frame) in read::ivf(FILE).into_iter().enumerate() {
        let (payloads, first) = picture(&mut packets);
        // It never sets P, so that each frame looks like a key frame; the size is only in true ones.
        assert_eq!(first.resolution, (index % 4 == 0).then_some((320, 180)));
        assert_eq!(together(&payloads).unwrap().0, frame);
    }
    assert_eq!(packets.next(), None);
}

#[test]
fn frames_of_no_vp9_encoder_are_refused() {
    let mut packetizer = Packetizer::new(Codec::Vp9, 7);
    let mut out = VecDeque::new();
    // No frame marker; one of the reserved profile; cut within the first bits; nothing.
    for (frame, error) in [
        (&[0x00, 1, 2, 3][..], PacketizeError::Malformed),
        (&[0xb8, 1, 2, 3], PacketizeError::Malformed),
        (&[0x40], PacketizeError::Malformed),
        (&[], PacketizeError::Empty),
    ] {
        let frame = Bytes::copy_from_slice(frame);
        let mut prefixes = BytesMut::new();
        let result = packetizer.packetize(&frame, Layers::default(), 1_200, &mut prefixes, &mut out);
        assert_eq!((result, out.len()), (Err(error), 0));
    }
    // They took no picture's number.
    let payload = payloads(&mut packetizer, read::ivf(FILE)[1], 65_000).pop().unwrap();
    assert_eq!(describe(Codec::Vp9, &payload).unwrap().picture_id, Some(7));
}

#[test]
fn a_shown_old_frame_and_an_intra_only_one_are_no_key_frames() {
    // show_existing_frame; and frame_type 1, whatever follows.
    for frame in [&[0x88][..], &[0x84, 0x49, 0x83, 0x42, 0, 0, 0, 0, 0, 0]] {
        let payload = payloads(&mut Packetizer::new(Codec::Vp9, 0), frame, 1_200).pop().unwrap();
        assert_eq!(payload[0], 0xcc, "P, and no structure");
    }
}

#[test]
fn the_size_is_found_in_key_frames_of_each_profile() {
    // Bits after the frame marker: the profile's, then show_existing_frame, frame_type, show_frame, error_res, the sync
    // code, the profile's colour configuration, and 1920 and 1080 less one.
    let sync = "010010011000001101000010";
    let size = "00000111011111110000010000110111";
    for (profile, colour) in [
        ("00", "0100"),
        ("10", "0100110"),
        ("10", "1110"),
        ("01", "00100"),
        ("01", "10100"),
        ("110", "10100110"),
    ] {
        let bits = format!("10{profile}0010{sync}{colour}{size}");
        let mut frame: Vec<u8> = Vec::new();
        for byte in bits.as_bytes().chunks(8) {
            let text = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
            frame.push(u8::from_str_radix(&text, 2).unwrap());
        }
        let payload = [&[0x08][..], &frame].concat();
        assert_eq!(
            describe(Codec::Vp9, &payload).unwrap().resolution,
            Some((1920, 1080)),
            "{profile} {colour}"
        );
        for len in 2..payload.len() {
            assert_eq!(describe(Codec::Vp9, &payload[..len]).unwrap().resolution, None);
        }
        let mut spoilt = payload;
        spoilt[3] ^= 0x10;
        assert_eq!(describe(Codec::Vp9, &spoilt).unwrap().resolution, None, "another sync code");
    }
}

#[test]
fn the_corpus_holds() {
    corpus("vp9").iter().for_each(|data| vp9::run(data));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_payloads_and_frames_hold(data in prop::collection::vec(any::<u8>(), 0..900)) {
        vp9::run(&data);
    }

    #[test]
    fn short_payloads_hold(data in prop::collection::vec((0_u8..4, prop::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let list = data.iter().flat_map(|(control, payload)| {
            [&[*control, u8::try_from(payload.len()).unwrap()], &payload[..]].concat()
        });
        vp9::run(&list.collect::<Vec<u8>>());
    }
}

/// The payloads up to the next marker, and what the first of them says.
fn picture(packets: &mut impl Iterator<Item = (&'static [u8], bool)>) -> (Vec<Vec<u8>>, Description) {
    let mut payloads = Vec::new();
    for (payload, marker) in packets {
        payloads.push(payload.to_vec());
        if marker {
            break;
        }
    }
    let first = describe(Codec::Vp9, &payloads[0]).unwrap();
    (payloads, first)
}

/// The payloads of a frame.
fn payloads(packetizer: &mut Packetizer, frame: &[u8], max_len: usize) -> Vec<Vec<u8>> {
    let mut fragments: VecDeque<Fragment> = VecDeque::new();
    let frame = Bytes::copy_from_slice(frame);
    packetizer.packetize(&frame, Layers::default(), max_len, &mut BytesMut::new(), &mut fragments).unwrap();
    assert!(fragments.iter().all(|fragment| fragment.len() <= max_len));
    fragments.iter().map(|fragment| [&fragment.prefix[..], &fragment.body[..]].concat()).collect()
}

/// The frame that payloads make.
fn together(payloads: &[Vec<u8>]) -> Result<(BytesMut, Description), PayloadDiscard> {
    let mut depacketizer = Depacketizer::new(Codec::Vp9);
    let mut frame = BytesMut::new();
    for payload in payloads {
        depacketizer.push(payload, &mut frame)?;
    }
    let description = depacketizer.finish(&mut frame)?;
    Ok((frame, description))
}
