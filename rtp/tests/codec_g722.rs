//! G.722, and the other codecs whose packets are frames: streams that others have made.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::{Bytes, BytesMut};
use duologue_rtp::codec::{
    Codec, Depacketizer, Layers, PacketizeError, Packetizer, PayloadDiscard, describe, g7xx, opus,
};
use duologue_rtp::packet::Packet;
use std::collections::VecDeque;

/// What each stream is coded with, its file and its least number of packets.
const STREAMS: [(Codec, &[u8], usize); 5] = [
    (Codec::G722, include_bytes!("data/g722_ffmpeg.rtp"), 8),
    (Codec::G722, include_bytes!("data/g722_gstreamer.rtp"), 8),
    (Codec::Pcmu, include_bytes!("data/pcmu_gstreamer.rtp"), 8),
    (Codec::Pcma, include_bytes!("data/pcma_ffmpeg.rtp"), 4),
    (Codec::Opus, include_bytes!("data/opus_ffmpeg.rtp"), 8),
];

/// The packets of a stream, each after its length in the file.
fn packets(codec: Codec) -> impl Iterator<Item = Vec<Packet<'static>>> {
    let streams = STREAMS.into_iter().filter(move |(of, ..)| *of == codec);
    streams.map(|(_, file, count)| {
        let (mut rest, mut packets) = (file, Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (packet, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            packets.push(Packet::parse(packet).unwrap());
            rest = after;
        }
        assert_eq!(packets.len(), count);
        packets
    })
}

/// Asserts that each packet begins when the one before it has ended.
fn assert_gapless(codec: Codec, duration: impl Fn(&[u8]) -> u32) {
    for packets in packets(codec) {
        for (index, pair) in packets.windows(2).enumerate() {
            let (header, next) = (pair[0].header(), pair[1].header());
            assert_eq!(next.sequence_number.distance(header.sequence_number), 1, "{codec:?} {index}");
            let ticks = next.timestamp.distance(header.timestamp).unsigned_abs();
            assert_eq!(ticks, duration(pair[0].payload()), "{codec:?} {index}");
        }
    }
}

#[test]
fn g722_of_ffmpeg_and_gstreamer_lasts_as_long_as_their_timestamps_say() {
    assert_gapless(Codec::G722, g7xx::duration);
    for packet in packets(Codec::G722).flatten() {
        // RFC 3551, Section 4.5.2: 20 ms are 320 samples of 16 kHz, and yet 160 ticks. The payload type is the static one.
        assert_eq!(g7xx::duration(packet.payload()), 160);
        assert_eq!(packet.header().payload_type.get(), 9);
    }
}

#[test]
fn g711_and_opus_of_others_last_as_long_as_their_timestamps_say() {
    assert_gapless(Codec::Pcmu, g7xx::duration);
    assert_gapless(Codec::Pcma, g7xx::duration);
    assert_gapless(Codec::Opus, |payload| opus::duration(payload).unwrap());
}

#[test]
fn audio_of_others_comes_through_packetizer_and_depacketizer_as_it_was() {
    for codec in [Codec::G722, Codec::Pcmu, Codec::Pcma, Codec::Opus] {
        for packets in packets(codec) {
            let (mut packetizer, mut depacketizer) = (Packetizer::new(codec, 7), Depacketizer::new(codec));
            let (mut prefixes, mut fragments) = (BytesMut::new(), VecDeque::new());
            for packet in packets {
                let payload = packet.payload();
                assert_eq!(
                    describe(codec, payload).map(|one| (one.starts_frame, one.ends_frame)),
                    Ok((true, true))
                );
                let mut frame = BytesMut::new();
                depacketizer.push(payload, &mut frame).unwrap();
                let description = depacketizer.finish(&mut frame).unwrap();
                assert!(description.starts_frame && description.ends_frame && description.key_frame);
                assert_eq!(frame, payload);
                let frame = frame.freeze();
                packetizer.packetize(&frame, Layers::default(), 1100, &mut prefixes, &mut fragments).unwrap();
                let fragment = fragments.pop_front().unwrap();
                assert_eq!([&fragment.prefix[..], &fragment.body].concat(), payload);
                assert!(fragment.last && fragments.is_empty(), "one packet");
            }
        }
    }
}

#[test]
fn g722_that_does_not_fit_into_a_packet_is_refused_and_not_split() {
    let mut packetizer = Packetizer::new(Codec::G722, 7);
    let (mut prefixes, mut fragments) = (BytesMut::new(), VecDeque::new());
    let mut cut = |len: usize, max_len| {
        let frame = Bytes::from(vec![7; len]);
        packetizer.packetize(&frame, Layers::default(), max_len, &mut prefixes, &mut fragments)
    };
    assert_eq!(cut(160, 160), Ok(()));
    assert_eq!(cut(161, 160), Err(PacketizeError::TooLong));
    assert_eq!(cut(0, 160), Err(PacketizeError::Empty));
    assert_eq!(fragments.len(), 1);
}

#[test]
fn a_packet_without_audio_is_no_frame() {
    for codec in [Codec::G722, Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::TelephoneEvent] {
        assert_eq!(describe(codec, &[]), Err(PayloadDiscard::Truncated));
        let mut frame = BytesMut::new();
        assert_eq!(Depacketizer::new(codec).push(&[], &mut frame), Err(PayloadDiscard::Truncated));
        assert!(frame.is_empty());
    }
}
