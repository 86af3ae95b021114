//! Arbitrary bytes as payloads of audio: whole through both ends, and what Opus packets, samples and a telephone's keys say.

use bytes::{Bytes, BytesMut};
use duologue_rtp::codec::g7xx::{self, decode_a_law, decode_mu_law, encode_a_law, encode_mu_law};
use duologue_rtp::codec::telephone_event::{Event, Sender};
use duologue_rtp::codec::{Codec, Depacketizer, Layers, PacketizeError, Packetizer, describe, opus};
use std::collections::VecDeque;

/// One input: a payload of each codec; and an event, its duration and step in the first eight bytes.
pub fn run(data: &[u8]) {
    for codec in [Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::TelephoneEvent] {
        whole(codec, data);
    }
    opus_packet(data);
    samples(data);
    event(data);
    if let Some(first) = data.first_chunk() {
        report(*first);
    }
}

/// A payload is a frame, unless it is empty; a frame is a payload, unless it is too long.
fn whole(codec: Codec, data: &[u8]) {
    let (mut depacketizer, mut frame) = (Depacketizer::new(codec), BytesMut::new());
    let pushed = depacketizer.push(data, &mut frame);
    assert_eq!(frame, data);
    assert_eq!(pushed.is_ok(), !data.is_empty());
    assert_eq!(describe(codec, data).map(drop), pushed);
    let max_len = data.iter().fold(0, |sum, byte| sum + usize::from(*byte));
    let (mut prefixes, mut fragments) = (BytesMut::new(), VecDeque::new());
    let packetized = Packetizer::new(codec, 0).packetize(
        &Bytes::copy_from_slice(data),
        Layers::default(),
        max_len,
        &mut prefixes,
        &mut fragments,
    );
    let expected = match data.len() {
        0 => Err(PacketizeError::Empty),
        len if len > max_len.max(64) => Err(PacketizeError::TooLong),
        _ => Ok(()),
    };
    assert_eq!(packetized, expected);
    assert_eq!(fragments.len(), usize::from(expected.is_ok()));
    assert!(fragments.iter().all(|fragment| fragment.last && fragment.body == data));
}

/// The same frames last as long in another of the packets that hold them, and with padding.
fn opus_packet(data: &[u8]) {
    assert_eq!(opus::channels(data).is_some(), !data.is_empty());
    let Some(ticks) = opus::duration(data) else { return };
    assert!((120..=5_760).contains(&ticks) && ticks % 120 == 0);
    let [toc, rest @ ..] = data else { unreachable!("no byte lasts for a while") };
    let (flags, frames) = match toc & 0x03 {
        0 => (1, rest),
        1 => (2, rest),
        2 => (0x82, rest),
        _ => (rest[0], &rest[1..]),
    };
    assert_eq!(opus::duration(&[&[toc | 0x03, flags], frames].concat()), Some(ticks));
    if flags & 0x40 == 0 {
        let padded = [&[toc | 0x03, flags | 0x40, 255, 3], frames, &[0; 257]].concat();
        assert_eq!(opus::duration(&padded), Some(ticks));
        assert_eq!(opus::duration(&[toc | 0x03, flags | 0x40, 255, 3]), None, "padding is missing");
    }
}

/// A law's byte and the byte of its sample stand for one sample.
fn samples(data: &[u8]) {
    assert_eq!(usize::try_from(g7xx::duration(data)), Ok(data.len()));
    for byte in data {
        let (a, mu) = (decode_a_law(*byte), decode_mu_law(*byte));
        assert_eq!(decode_a_law(encode_a_law(a)), a);
        assert_eq!(decode_mu_law(encode_mu_law(mu)), mu);
    }
    for pair in data.as_chunks().0 {
        let sample = i16::from_be_bytes(*pair);
        // No step is above 1,024, and mu-law ends at 32,124.
        assert!(decode_a_law(encode_a_law(sample)).abs_diff(sample) <= 512);
        assert!(decode_mu_law(encode_mu_law(sample)).abs_diff(sample) <= 644);
    }
}

fn event(data: &[u8]) {
    let Some(event) = Event::parse(data) else { return assert!(data.len() < 4) };
    assert_eq!(Event::parse(&event.to_bytes()), Some(event));
    assert_eq!(event.to_bytes()[1], data[1] & 0xbf, "all but the reserved bit");
}

/// The packets of an event report it from its beginning to its end, segment by segment.
fn report([event, volume, d0, d1, d2, d3, s0, s1]: [u8; 8]) {
    let duration = u32::from_be_bytes([d0, d1, d2, d3]) % 1_000_000;
    // Some thousand packets at most.
    let step = u16::from_be_bytes([s0, s1]).max((duration / 1000) as u16);
    let (mut reported, mut ends, mut segment) = (0, 0, 0);
    for (index, packet) in Sender::new(event, volume, duration, step).enumerate() {
        let told = Event::parse(&packet.payload).expect("four bytes");
        assert_eq!((told.event, told.volume), (event, volume.min(63)));
        assert_eq!(packet.marker, index == 0);
        assert!(packet.offset == segment || packet.offset == reported);
        let end = packet.offset + u32::from(told.duration);
        assert!(told.duration > 0 && (end > reported || ends > 0));
        assert!(end - reported <= u32::from(step.max(1)));
        (reported, segment) = (end, packet.offset);
        assert_eq!(told.end, end == duration.max(1));
        ends += u32::from(told.end);
    }
    assert_eq!((reported, ends), (duration.max(1), 3));
}
