//! The typed values of header extensions.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Debug;

use bytes::BytesMut;
use duologue_rtp::extension::{
    AbsCaptureTime, AbsSendTime, AudioLevel, ColorSpace, CsrcAudioLevels, Extensions, FrameLayer,
    FrameMarking, HdrMetadata, Ids, Kind, Layer, Picture, PlayoutDelay, Rotation, Set, TransmissionOffset,
    TransportSequence, Value, VideoContentType, VideoLayersAllocation, VideoOrientation, VideoTiming,
};
use duologue_rtp::packet::{self, Header, Packet};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc, Timestamp};
use proptest::array::{uniform4, uniform6};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// The value is these bytes, and these bytes are the value; cut short, they are never that value.
fn is_written_as<V: Value + PartialEq + Debug>(value: &V, bytes: &[u8]) {
    let mut out = vec![0xee];
    value.write(&mut out);
    assert_eq!(out[1..], *bytes, "{value:?}");
    assert_eq!(value.wire_len(), bytes.len(), "{value:?}");
    assert_eq!(V::parse(bytes).as_ref(), Some(value));
    for len in 0..bytes.len() {
        assert_ne!(V::parse(&bytes[..len]).as_ref(), Some(value));
    }
}

/// A value comes back from a packet and from a set.
fn comes_back<V: Value + PartialEq + Debug>(value: &V) {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    is_written_as(value, &bytes);

    let mut ids = Ids::new();
    ids.set(V::KIND, 9);
    ids.set_allow_mixed(true);
    let header = Header {
        marker: false,
        payload_type: PayloadType::new(0).unwrap(),
        sequence_number: SequenceNumber(0),
        timestamp: Timestamp(0),
        ssrc: Ssrc(0),
    };
    let mut out = Vec::new();
    packet::write(&mut out, &header, &[], |extensions| {
        assert!(extensions.write(2, b"before"));
        assert!(extensions.typed(&ids, value));
        assert!(extensions.write(3, b"after"));
    });
    let parsed = Packet::parse(&out).unwrap();
    assert_eq!(parsed.extensions().read::<V>(&ids).as_ref(), Some(value));
    assert_eq!(parsed.extensions().find(3), Some(&b"after"[..]));

    let mut block = BytesMut::new();
    let mut builder = Set::builder(&mut block);
    assert!(builder.push(Kind::Mid, b"0"));
    assert!(builder.typed(value));
    let set = builder.finish();
    assert_eq!(set.read::<V>().as_ref(), Some(value));
    assert_eq!(Set::of(parsed.extensions(), &ids, |_| true, &mut block).read::<V>().as_ref(), Some(value));
}

/// Only values of these lengths are read.
fn has_lengths<V: Value>(lengths: &[usize]) {
    for len in 0..=255 {
        assert_eq!(V::parse(&vec![0; len]).is_some(), lengths.contains(&len), "{len}");
    }
}

#[test]
fn values_of_another_length_are_not_read() {
    has_lengths::<AudioLevel>(&[1]);
    has_lengths::<CsrcAudioLevels>(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    has_lengths::<TransportSequence>(&[2]);
    has_lengths::<AbsSendTime>(&[3]);
    has_lengths::<AbsCaptureTime>(&[8, 16]);
    has_lengths::<TransmissionOffset>(&[3]);
    has_lengths::<VideoOrientation>(&[1]);
    has_lengths::<PlayoutDelay>(&[3]);
    has_lengths::<VideoContentType>(&[1]);
    has_lengths::<VideoTiming>(&[13]);
    has_lengths::<ColorSpace>(&[4, 28]);
    has_lengths::<FrameMarking>(&[1, 2, 3]);
}

#[test]
fn audio_levels() {
    is_written_as(&AudioLevel { voice: true, below_overload: 30 }, &[0x9e]);
    is_written_as(&AudioLevel { voice: false, below_overload: 127 }, &[0x7f]);
    is_written_as(&CsrcAudioLevels::new(&[0, 127, 5]).unwrap(), &[0, 127, 5]);
    // The highest bit is reserved.
    assert_eq!(CsrcAudioLevels::parse(&[0x85]).unwrap().levels(), [5]);
    assert_eq!(CsrcAudioLevels::new(&[]), None);
    assert_eq!(CsrcAudioLevels::new(&[1; 16]), None);
}

#[test]
fn a_send_time_is_the_middle_of_an_ntp_time_and_wraps_after_64_seconds() {
    // A second and a half.
    let time = AbsSendTime::from_ntp(0x0000_0001_8000_0000);
    is_written_as(&time, &[0x06, 0x00, 0x00]);
    assert_eq!(AbsSendTime::from_ntp(0xffff_ff41_8000_0000), time);
    let later = AbsSendTime::from_ntp(0x0000_0002_8000_0000);
    assert_eq!((later.distance(time), time.distance(later)), (1 << 18, -(1 << 18)));
    // Over the wrap.
    let before = AbsSendTime::from_ntp(0x0000_003f_8000_0000);
    assert_eq!((time.distance(before), before.distance(time)), (2 << 18, -(2 << 18)));
    assert_eq!(AbsSendTime::from_ntp(32 << 32).distance(AbsSendTime::from_ntp(0)), -(32 << 18));
}

#[test]
fn times_of_capture_transmission_and_playout() {
    let time = AbsCaptureTime { ntp: 0x0102_0304_0506_0708, clock_offset: None };
    is_written_as(&time, &[1, 2, 3, 4, 5, 6, 7, 8]);
    is_written_as(
        &AbsCaptureTime { clock_offset: Some(-2), ..time },
        &[1, 2, 3, 4, 5, 6, 7, 8, 255, 255, 255, 255, 255, 255, 255, 254],
    );
    is_written_as(&TransmissionOffset::new(-2).unwrap(), &[0xff, 0xff, 0xfe]);
    is_written_as(&TransmissionOffset::new(8_388_607).unwrap(), &[0x7f, 0xff, 0xff]);
    is_written_as(&TransmissionOffset::new(-8_388_608).unwrap(), &[0x80, 0, 0]);
    assert_eq!(TransmissionOffset::new(8_388_608), None);
    assert_eq!(TransmissionOffset::new(-8_388_609), None);
    is_written_as(&PlayoutDelay::new(0x123, 0x456).unwrap(), &[0x12, 0x34, 0x56]);
    assert_eq!(PlayoutDelay::new(2, 1), None);
    assert_eq!(PlayoutDelay::new(0, 4096), None);
    assert_eq!(PlayoutDelay::parse(&[0x45, 0x61, 0x23]), None);
}

#[test]
fn pictures_are_turned_marked_and_coloured() {
    is_written_as(
        &VideoOrientation { camera_back: true, flip: false, rotation: Rotation::ThreeQuarters },
        &[0b1011],
    );
    is_written_as(
        &VideoOrientation { camera_back: false, flip: true, rotation: Rotation::Quarter },
        &[0b0101],
    );
    // The upper bits are reserved.
    assert_eq!(VideoOrientation::parse(&[0xf2]).unwrap().rotation.degrees(), 180);
    is_written_as(&VideoContentType::SCREEN, &[1]);
    assert!(VideoContentType::SCREEN.is_screen() && !VideoContentType::UNSPECIFIED.is_screen());

    let marking = FrameMarking { start: true, independent: true, ..FrameMarking::default() };
    is_written_as(&marking, &[0xa0]);
    let layer = FrameLayer::IdAndPicture(1, 5);
    let marking = FrameMarking { base_layer_sync: true, temporal_id: 3, layer, ..marking };
    is_written_as(&marking, &[0xab, 1, 5]);

    let chromaticities = [(1, 2), (3, 4), (5, 6), (7, 8)];
    let hdr = HdrMetadata {
        luminance_max: 0x0102,
        luminance_min: 0x0304,
        chromaticities,
        max_content_light_level: 9,
        max_frame_average_light_level: 10,
    };
    let colours = ColorSpace { primaries: 9, transfer: 16, matrix: 8, range_and_siting: 0x25, hdr: None };
    is_written_as(&colours, &[9, 16, 8, 0x25]);
    is_written_as(
        &ColorSpace { hdr: Some(hdr), ..colours },
        &[9, 16, 8, 0x25, 1, 2, 3, 4, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9, 0, 10],
    );
}

#[test]
fn an_allocation_as_chromium_sends_it() {
    let picture = Picture { width_minus_one: 319, height_minus_one: 239, frame_rate: 15 };
    let mut layers = [[None; 4]; 4];
    layers[0][0] = Layer::new(&[279], Some(picture));
    let allocation = VideoLayersAllocation { encoding: 0, encodings: 1, layers };
    is_written_as(&allocation, &[0x01, 0x00, 0x97, 0x02, 0x01, 0x3f, 0x00, 0xef, 0x0f]);
}

#[test]
fn an_allocation_of_encodings_with_different_layers() {
    let mut layers = [[None; 4]; 4];
    layers[0][0] = Layer::new(&[100, 150], None);
    layers[2][0] = Layer::new(&[1], None);
    layers[2][1] = Layer::new(&[128, 300, 16_384], None);
    let allocation = VideoLayersAllocation { encoding: 2, encodings: 3, layers };
    is_written_as(
        &allocation,
        &[0xa0, 0x10, 0x30, 0b0100_1000, 100, 0x96, 1, 1, 0x80, 1, 0xac, 2, 0x80, 0x80, 1],
    );
}

#[test]
fn an_allocation_of_nothing_is_a_zero_byte() {
    let nothing = VideoLayersAllocation { encoding: 0, encodings: 1, layers: [[None; 4]; 4] };
    is_written_as(&nothing, &[0]);
    // In more bytes than it needs.
    assert_eq!(VideoLayersAllocation::parse(&[0xb0, 0, 0]), Some(nothing));
}

#[test]
fn a_hostile_allocation_is_not_read() {
    // A rate over 32 bits, one without an end, and one that is longer than any number.
    assert_eq!(VideoLayersAllocation::parse(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x1f]), None);
    assert_eq!(VideoLayersAllocation::parse(&[1, 0, 0xff, 0xff]), None);
    assert_eq!(VideoLayersAllocation::parse(&[&[1, 0][..], &[0x80; 60], &[0]].concat()), None);
    // The largest that fits, and a zero in more bytes than it needs.
    let largest = VideoLayersAllocation::parse(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap();
    assert_eq!(largest.layers[0][0].unwrap().kbps(), [u32::MAX]);
    assert!(VideoLayersAllocation::parse(&[1, 0, 0x80, 0x80, 0x00]).is_some());
    // Pictures for fewer layers than there are, and for more.
    assert_eq!(VideoLayersAllocation::parse(&[3, 0, 1, 1, 0, 1, 0, 1, 9]), None);
    assert_eq!(VideoLayersAllocation::parse(&[1, 0, 1, 0, 1, 0, 1, 9, 0]), None);
    assert!(Layer::new(&[], None).is_none() && Layer::new(&[1; 5], None).is_none());
}

#[test]
fn a_value_that_is_not_of_its_types_form_is_none() {
    let mut ids = Ids::new();
    ids.set(Kind::AudioLevel, 1);
    let extensions = Extensions::new(0xbede, &[0x11, 1, 2, 0]);
    assert_eq!(extensions.read::<AudioLevel>(&ids), None);
    assert_eq!(extensions.value(&ids, Kind::AudioLevel), Some(&[1, 2][..]));
    assert_eq!(extensions.read::<TransportSequence>(&ids), None);
}

fn allocation() -> impl Strategy<Value = VideoLayersAllocation> {
    let picture = any::<(u16, u16, u8)>().prop_map(|(width_minus_one, height_minus_one, frame_rate)| {
        Picture { width_minus_one, height_minus_one, frame_rate }
    });
    let kbps = vec(prop_oneof![0..300_u32, any::<u32>()], 1..=4);
    let layer =
        option::of((kbps, picture).prop_map(|(kbps, picture)| Layer::new(&kbps, Some(picture)).unwrap()));
    (0..4_u8, 1..=4_u8, uniform4(uniform4(layer)), any::<bool>(), any::<bool>()).prop_map(
        |(encoding, encodings, mut layers, same, with_pictures)| {
            if same {
                layers = [layers[0]; 4];
            }
            for encoding in layers.iter_mut().skip(usize::from(encodings)) {
                *encoding = [None; 4];
            }
            if !with_pictures {
                layers.iter_mut().flatten().flatten().for_each(|layer| layer.picture = None);
            }
            if layers.iter().flatten().all(Option::is_none) {
                return VideoLayersAllocation { encoding: 0, encodings: 1, layers };
            }
            VideoLayersAllocation { encoding, encodings, layers }
        },
    )
}

/// What bytes are read as is written as something that is read as the same.
fn is_stable<V: Value + PartialEq + Debug>(bytes: &[u8]) {
    if let Some(value) = V::parse(bytes) {
        let mut again = Vec::new();
        value.write(&mut again);
        assert_eq!(again.len(), value.wire_len());
        assert_eq!(V::parse(&again), Some(value));
    }
}

proptest! {
    #[test]
    fn allocations_come_back(allocation in allocation()) {
        // What is longer than that, no packet can carry.
        prop_assume!(allocation.wire_len() < 256);
        comes_back(&allocation);
    }

    #[test]
    fn times_come_back(ntp: u64, clock_offset: Option<i64>, number: u16, flags: u8, times in uniform6(any::<u16>())) {
        comes_back(&AbsCaptureTime { ntp, clock_offset });
        comes_back(&AbsSendTime::from_ntp(ntp));
        comes_back(&TransportSequence(number));
        let offset = i32::try_from(ntp >> 40).unwrap() - (1 << 23);
        let offset = TransmissionOffset::new(offset).unwrap();
        comes_back(&offset);
        let min = number & 0xfff;
        comes_back(&PlayoutDelay::new(min, min.max(times[0] & 0xfff)).unwrap());
        let [encode_start, encode_finish, packetization_finish, pacer_exit, network, network2] = times;
        comes_back(&VideoTiming {
            flags, encode_start, encode_finish, packetization_finish, pacer_exit, network, network2,
        });
    }

    #[test]
    fn levels_and_pictures_come_back(
        bytes in uniform4(any::<u8>()),
        levels in vec(0..128_u8, 1..=15),
        hdr in option::of(uniform4(any::<(u16, u16)>())),
        limits in uniform4(any::<u16>()),
    ) {
        let [a, b, c, d] = bytes;
        comes_back(&AudioLevel::parse(&[a]).unwrap());
        comes_back(&CsrcAudioLevels::new(&levels).unwrap());
        comes_back(&VideoOrientation::parse(&[b]).unwrap());
        comes_back(&VideoContentType(c));
        comes_back(&FrameMarking::parse(&[a]).unwrap());
        comes_back(&FrameMarking::parse(&[a, b]).unwrap());
        comes_back(&FrameMarking::parse(&[a, b, c]).unwrap());
        let [luminance_max, luminance_min, max_content_light_level, max_frame_average_light_level] = limits;
        let hdr = hdr.map(|chromaticities| HdrMetadata {
            luminance_max, luminance_min, chromaticities, max_content_light_level, max_frame_average_light_level,
        });
        comes_back(&ColorSpace { primaries: a, transfer: b, matrix: c, range_and_siting: d, hdr });
    }

    #[test]
    fn any_bytes_are_stable_once_read(bytes in vec(any::<u8>(), 0..60)) {
        is_stable::<AudioLevel>(&bytes);
        is_stable::<CsrcAudioLevels>(&bytes);
        is_stable::<FrameMarking>(&bytes);
        is_stable::<ColorSpace>(&bytes);
        is_stable::<VideoOrientation>(&bytes);
        is_stable::<VideoLayersAllocation>(&bytes);
    }
}
