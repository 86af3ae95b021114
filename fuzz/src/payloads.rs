//! What the targets of payload formats share: bytes as payloads, and frames there and back.

use bytes::{Bytes, BytesMut};
use duologue_rtp::codec::{Codec, Depacketizer, Layers, Packetizer, describe};
use std::collections::VecDeque;

/// Takes the bytes as payloads, each after two bytes: its length, and whether it ends a frame. Returns the frames.
pub fn depacketize(codec: Codec, mut data: &[u8]) -> Vec<BytesMut> {
    let mut depacketizer = Depacketizer::new(codec);
    let mut frame = BytesMut::new();
    let (mut frames, mut taken, mut described) = (Vec::new(), 0, true);
    while let [first, second, rest @ ..] = data {
        let len = u16::from_be_bytes([first & 0x07, *second]);
        let (payload, after) = rest.split_at(usize::from(len).min(rest.len()));
        data = after;
        described &= describe(codec, payload).is_ok();
        let pushed = depacketizer.push(payload, &mut frame);
        taken += payload.len();
        // Each byte of a payload gives a few at most, and what is put before is bounded.
        assert!(frame.len() <= 8 * taken + (40 << 10));
        if pushed.is_err() {
            frame.clear();
            (taken, described) = (0, true);
        } else if first & 0x80 != 0 {
            if depacketizer.finish(&mut frame).is_ok() {
                assert!(described, "a payload of a whole frame cannot be read alone");
                frames.push(frame.clone());
            }
            frame.clear();
            (taken, described) = (0, true);
        }
    }
    frames
}

/// Packetizes a frame and puts it together again; `None` if it was refused. The payloads must be as asked for.
pub fn round_trip(codec: Codec, frame: &[u8], max_len: usize) -> Option<BytesMut> {
    let (mut prefixes, mut fragments) = (BytesMut::new(), VecDeque::new());
    let frame = Bytes::copy_from_slice(frame);
    let packetized = Packetizer::new(codec, 0).packetize(
        &frame,
        Layers::default(),
        max_len,
        &mut prefixes,
        &mut fragments,
    );
    if packetized.is_err() {
        assert!(fragments.is_empty());
        return None;
    }
    assert_eq!(fragments.iter().filter(|fragment| fragment.last).count(), 1);
    assert!(fragments.back().is_some_and(|fragment| fragment.last));
    let (mut depacketizer, mut again) = (Depacketizer::new(codec), BytesMut::new());
    for (index, fragment) in fragments.iter().enumerate() {
        assert!(0 < fragment.len() && fragment.len() <= max_len.max(64));
        let payload = [&fragment.prefix[..], &fragment.body[..]].concat();
        assert!(describe(codec, &payload).is_ok());
        assert_eq!(depacketizer.push(&payload, &mut again), Ok(()), "payload {index}");
    }
    assert!(depacketizer.finish(&mut again).is_ok());
    Some(again)
}

/// Cuts bytes into pieces, each after two bytes of its length, and puts what `begin` gives before each.
pub fn pieces(mut data: &[u8], mut begin: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, second, rest @ ..] = data {
        let len = u16::from_be_bytes([first & 0x07, *second]);
        let (piece, after) = rest.split_at(usize::from(len).min(rest.len()));
        data = after;
        out.extend_from_slice(&begin(piece));
        out.extend_from_slice(piece);
    }
    out
}
