//! Audio: how long packets last, G.711's laws, and a telephone's keys.
#![expect(clippy::expect_used, clippy::indexing_slicing, unreachable_pub, reason = "the fuzz target's body")]

use corpus::corpus;
use duologue_rtp::codec::g7xx::{self, decode_a_law, decode_mu_law, encode_a_law, encode_mu_law};
use duologue_rtp::codec::opus::{channels, duration, is_silence};
use duologue_rtp::codec::telephone_event::{Event, Packet, Sender};
use proptest::prelude::*;

#[path = "../../fuzz/src/audio.rs"]
mod audio;
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;

/// Milliseconds to ticks of 48 kHz, in halves for the sake of 2.5 ms.
fn ticks(half_milliseconds: u32) -> u32 {
    half_milliseconds * 24
}

#[test]
fn each_opus_configuration_has_its_frame_length() {
    let silk = [20, 40, 80, 120];
    let expected = [&silk[..], &silk, &silk, &[20, 40, 20, 40], &[5, 10, 20, 40].repeat(4)].concat();
    for (configuration, half_milliseconds) in (0_u8..).zip(expected) {
        let toc = configuration << 3;
        assert_eq!(duration(&[toc, 1, 2]), Some(ticks(half_milliseconds)), "{configuration}");
        let two = Some(ticks(2 * half_milliseconds)).filter(|ticks| *ticks <= 5_760);
        assert_eq!(duration(&[toc | 1, 1, 2]), two);
        assert_eq!(duration(&[toc | 2, 1, 2, 3]), two);
        for frames in 0..64 {
            let all = u32::from(frames) * ticks(half_milliseconds);
            let expected = Some(all).filter(|all| *all > 0 && *all <= 5_760);
            // Of one length, and of lengths that are told, which are the first frames' and zero here.
            let bytes = vec![7; 3 * usize::from(frames)];
            let equal = [&[toc | 3, frames], &bytes[..]].concat();
            assert_eq!(duration(&equal), expected, "{configuration}, {frames} frames");
            let lengths = vec![0; usize::from(frames).saturating_sub(1)];
            let padded = [&[toc | 3, 0xc0 | frames, 2], &lengths[..], &[1, 2, 3, 0, 0]].concat();
            assert_eq!(duration(&padded), expected, "{configuration}, {frames} frames");
        }
    }
}

#[test]
fn what_is_no_opus_packet_has_no_duration() {
    assert_eq!(duration(&[]), None);
    assert_eq!(duration(&[0x01, 1]), None, "two frames of equal length in one byte");
    assert_eq!(duration(&[0x02]), None, "no length");
    assert_eq!(duration(&[0x02, 3, 1, 2]), None, "a first frame that is longer than the packet");
    assert_eq!(duration(&[0x02, 252]), None, "half a length");
    assert_eq!(duration(&[[0x02, 252, 1].as_slice(), &[0; 255]].concat()), None);
    assert_eq!(duration(&[[0x02, 252, 1].as_slice(), &[0; 256]].concat()), Some(960));
    assert_eq!(duration(&[0x03]), None, "no count of frames");
    // RFC 6716, Section 3.4: no frame has more than 1,275 bytes.
    for (begin, frames) in [(&[0x00][..], 1), (&[0x01], 2), (&[0x02, 252, 0], 1), (&[0x03, 0x03], 3)] {
        let told = if begin[0] == 2 { 252 } else { 0 };
        let longest = [begin, &vec![9; frames * 1275 + told]].concat();
        assert!(duration(&longest).is_some(), "{begin:?}");
        assert_eq!(duration(&[longest, vec![9; frames]].concat()), None, "{begin:?}");
    }
}

/// RFC 6716, Section 3.2.5.
#[test]
fn an_opus_packet_of_any_number_of_frames_is_as_long_as_it_says() {
    assert_eq!(duration(&[0x03, 0x02, 1, 2]), Some(960));
    assert_eq!(duration(&[0x03, 0x02, 1, 2, 3]), None, "three bytes are not two equal frames");
    assert_eq!(duration(&[0x03, 0x00]), None, "no frame");
    assert_eq!(duration(&[0x03, 0x80]), None, "no frame of variable length");
    assert_eq!(duration(&[0x03, 0x83, 1, 2, 7, 7, 7]), Some(1440), "the last has none");
    assert_eq!(duration(&[0x03, 0x83, 1, 2, 7, 7]), None, "two frames longer than the packet");
    assert_eq!(duration(&[0x03, 0x83, 1]), None, "a length is missing");
    // Padding, whose bytes of 255 stand for 254 and for one more such byte.
    assert_eq!(duration(&[0x03, 0x41, 3, 7, 0, 0, 0]), Some(480));
    assert_eq!(duration(&[0x03, 0x41, 3, 0, 0]), None, "more padding than bytes");
    assert_eq!(duration(&[0x03, 0x41]), None, "no count of padding");
    let padded = |count: usize| [&[0x03, 0x41, 255, 255, 1, 7], &vec![0; count][..]].concat();
    assert_eq!((duration(&padded(509)), duration(&padded(507))), (Some(480), None));
}

#[test]
fn opus_tells_channels_and_silence() {
    assert_eq!((channels(&[0x78, 1, 2]), channels(&[0x7c, 1, 2]), channels(&[])), (Some(1), Some(2), None));
    assert!(is_silence(&[0x78]) && is_silence(&[0x78, 1]));
    assert!(!is_silence(&[0x78, 1, 2]) && !is_silence(&[]));
}

#[test]
fn twenty_milliseconds_of_g711_and_g722_are_160_ticks() {
    assert_eq!(g7xx::duration(&[0; 160]), 160);
    assert_eq!(g7xx::duration(&[]), 0);
}

#[test]
fn g711_is_decoded_as_ffmpeg_does() {
    let mu_law = include_bytes!("data/g711_mu_law.s16").as_chunks::<2>().0;
    let a_law = include_bytes!("data/g711_a_law.s16").as_chunks::<2>().0;
    for byte in 0..=255 {
        assert_eq!(decode_mu_law(byte), i16::from_le_bytes(mu_law[usize::from(byte)]), "{byte:#x}");
        assert_eq!(decode_a_law(byte), i16::from_le_bytes(a_law[usize::from(byte)]), "{byte:#x}");
    }
}

#[test]
fn g711_bytes_come_back_and_silence_is_what_it_should_be() {
    for byte in 0..=255 {
        assert_eq!(encode_a_law(decode_a_law(byte)), byte);
        // Mu-law has a zero below zero as well.
        assert_eq!(encode_mu_law(decode_mu_law(byte)), if byte == 0x7f { 0xff } else { byte });
    }
    assert_eq!((encode_mu_law(0), encode_a_law(0)), (0xff, 0xd5));
    assert_eq!((encode_mu_law(i16::MAX), encode_mu_law(i16::MIN)), (0x80, 0x00));
    // Where the lowest steps of A-law begin: one lower below zero than above.
    assert_eq!([15, 16, -16, -17].map(encode_a_law), [0xd5, 0xd4, 0x55, 0x54]);
    assert_eq!((encode_a_law(i16::MAX), encode_a_law(i16::MIN)), (0xaa, 0x2a));
}

#[test]
fn g711_keeps_each_sample_within_half_a_step() {
    // The highest sample that is not cut, and half a step of the lowest segment; steps double from one segment to the next,
    // but for A-law's first two.
    for sample in i16::MIN..=i16::MAX {
        let off = |value: i16| (i32::from(value) - i32::from(sample)).abs();
        let byte = encode_mu_law(sample);
        let cut = i32::from(sample).abs() > 32_635;
        assert!(cut || off(decode_mu_law(byte)) <= 4 << (!byte >> 4 & 0x07), "{sample}");
        let byte = encode_a_law(sample);
        let segment = (byte ^ 0x55) >> 4 & 0x07;
        assert!(off(decode_a_law(byte)) <= 8 << segment.saturating_sub(1), "{sample}");
    }
    let rises =
        |decoded: fn(i16) -> i16| (i16::MIN..i16::MAX).all(|sample| decoded(sample) <= decoded(sample + 1));
    assert!(rises(|sample| decode_mu_law(encode_mu_law(sample))));
    assert!(rises(|sample| decode_a_law(encode_a_law(sample))));
}

#[test]
fn an_event_is_written_as_its_figure_shows() {
    // RFC 4733, Section 2.3, Figure 1.
    let event = Event { event: 11, end: true, volume: 7, duration: 0x1234 };
    assert_eq!(event.to_bytes(), [11, 0x87, 0x12, 0x34]);
    assert_eq!(Event::parse(&[11, 0xc7, 0x12, 0x34]), Some(event), "the reserved bit is ignored");
    for len in 0..4 {
        assert_eq!(Event::parse(&event.to_bytes()[..len]), None);
    }
    let loud = Event { volume: 255, end: false, ..event };
    assert_eq!(loud.to_bytes()[1], 63);
}

#[test]
fn an_event_is_sent_in_steps_and_its_end_three_times() {
    let packets: Vec<Packet> = Sender::new(5, 10, 1_000, 400).collect();
    let told: Vec<_> = packets
        .iter()
        .map(|packet| {
            let event = Event::parse(&packet.payload).unwrap();
            assert_eq!((event.event, event.volume, packet.offset), (5, 10, 0));
            (packet.marker, event.end, event.duration)
        })
        .collect();
    let end = (false, true, 1_000);
    assert_eq!(told, [(true, false, 400), (false, false, 800), end, end, end]);
}

#[test]
fn a_short_event_begins_and_ends_in_one_packet() {
    let told: Vec<_> = Sender::new(5, 10, 0, 0).map(|packet| (packet.marker, packet.payload)).collect();
    assert_eq!(told, [true, false, false].map(|marker| (marker, [5, 0x8a, 0, 1])));
}

#[test]
fn a_long_event_is_sent_in_segments() {
    let packets: Vec<_> = Sender::new(1, 0, 65_535 + 500, 30_000)
        .map(|packet| {
            let event = Event::parse(&packet.payload).unwrap();
            (packet.marker, packet.offset, event.duration, event.end)
        })
        .collect();
    let end = (false, 65_535, 500, true);
    assert_eq!(
        packets,
        [(true, 0, 30_000, false), (false, 0, 60_000, false), (false, 0, 65_535, false), end, end, end]
    );
    // One that fills its segment ends with it.
    let full: Vec<_> = Sender::new(1, 0, 65_535, 60_000).map(|packet| packet.payload).collect();
    assert_eq!(
        full,
        [[1, 0, 0xea, 0x60], [1, 0x80, 0xff, 0xff], [1, 0x80, 0xff, 0xff], [1, 0x80, 0xff, 0xff]]
    );
}

#[test]
fn the_corpus_holds() {
    for input in corpus("audio") {
        (0..=input.len()).for_each(|len| audio::run(&input[..len]));
    }
}

proptest! {
    #[test]
    fn generated_inputs_hold(data in prop::collection::vec(any::<u8>(), 0..300)) {
        audio::run(&data);
    }

    #[test]
    fn short_inputs_hold(flags in any::<[u8; 2]>(), data in prop::collection::vec(0_u8..4, 0..12)) {
        audio::run(&[&flags[..], &data].concat());
    }

    #[test]
    fn any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(ticks) = duration(&payload) {
            prop_assert!((120..=5_760).contains(&ticks) && ticks % 120 == 0);
        }
        prop_assert_eq!(channels(&payload).is_some(), !payload.is_empty());
        prop_assert_eq!(Event::parse(&payload).is_some(), payload.len() >= 4);
    }

    #[test]
    fn events_come_back(event in any::<u8>(), end in any::<bool>(), volume in 0_u8..64, duration in any::<u16>()) {
        let event = Event { event, end, volume, duration };
        prop_assert_eq!(Event::parse(&event.to_bytes()), Some(event));
    }

    #[test]
    fn events_of_any_length_are_reported_whole(duration in 0_u32..400_000, step in 100_u16..) {
        let packets: Vec<Packet> = Sender::new(0, 0, duration, step).collect();
        let reported = |packet: &Packet| {
            packet.offset + u32::from(Event::parse(&packet.payload).unwrap().duration)
        };
        prop_assert_eq!(packets.iter().filter(|packet| packet.marker).count(), 1);
        prop_assert!(packets[0].marker);
        let ends = packets.iter().filter(|packet| Event::parse(&packet.payload).unwrap().end).count();
        prop_assert_eq!(ends, 3);
        prop_assert_eq!(reported(packets.last().unwrap()), duration.max(1));
        prop_assert!(packets.iter().all(|packet| packet.payload[2..] != [0, 0]));
        prop_assert!(packets.windows(2).all(|pair| reported(&pair[0]) <= reported(&pair[1])));
    }
}
