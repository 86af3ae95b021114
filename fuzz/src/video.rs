//! What the payload formats of VP8 and VP9 have in common: whatever comes is read or refused, what is written is read back.

use bytes::{Bytes, BytesMut};
use duologue_rtp::codec::{Codec, Depacketizer, Fragment, Layers, PacketizeError, Packetizer, describe};
use std::collections::VecDeque;

/// Payloads in any order: each is described if it is used, and only payloads make a frame longer.
pub fn payloads(codec: Codec, mut data: &[u8]) {
    let mut depacketizer = Depacketizer::new(codec);
    let mut frame = BytesMut::new();
    while let [control, len, after @ ..] = data {
        let (payload, rest) = after.split_at(usize::from(*len).min(after.len()));
        data = rest;
        let before = frame.len();
        match depacketizer.push(payload, &mut frame) {
            Ok(()) => {
                assert!(describe(codec, payload).is_ok());
                assert!(frame.len() > before && frame.len() - before < payload.len());
            }
            Err(_) => assert_eq!(frame.len(), before),
        }
        if control & 1 != 0 {
            if let Ok(whole) = depacketizer.finish(&mut frame) {
                assert!(whole.starts_frame && whole.ends_frame);
            }
            frame.clear();
        }
    }
}

/// Cuts a frame as `options` say, and puts it together again. Whether it was taken.
pub fn round_trip(codec: Codec, frame: &[u8], [size, high, low, layer]: [u8; 4]) -> bool {
    let max_len = usize::from(size) * 8;
    let random = u16::from_be_bytes([high, low]);
    let mut layers = Layers::default();
    layers.temporal = (layer & 1 != 0).then_some(layer >> 4 & 3);
    layers.switching_point = layer & 2 != 0;
    layers.discardable = layer & 4 != 0;

    let mut packetizer = Packetizer::new(codec, random);
    let mut depacketizer = Depacketizer::new(codec);
    let (mut prefixes, mut fragments) = (BytesMut::new(), VecDeque::new());
    let whole = Bytes::copy_from_slice(frame);
    for number in 0..2 {
        match packetizer.packetize(&whole, layers, max_len, &mut prefixes, &mut fragments) {
            Ok(()) => assert!(!fragments.is_empty()),
            Err(error) => {
                assert!(fragments.is_empty());
                assert_eq!(frame.is_empty(), error == PacketizeError::Empty);
                return false;
            }
        }
        assert!(fragments.iter().all(|fragment| fragment.len() <= max_len.max(64)));
        let lens = || fragments.iter().map(Fragment::len);
        assert!(lens().max().unwrap_or(0) - lens().min().unwrap_or(0) <= 1);
        let count = fragments.len();
        let mut together = BytesMut::new();
        for (index, fragment) in fragments.drain(..).enumerate() {
            assert_eq!(fragment.last, index + 1 == count);
            assert!(!fragment.body.is_empty());
            let payload = [&fragment.prefix[..], &fragment.body[..]].concat();
            assert_eq!(describe(codec, &payload).map(|payload| payload.starts_frame), Ok(index == 0));
            assert_eq!(depacketizer.push(&payload, &mut together), Ok(()));
        }
        let description = depacketizer.finish(&mut together).unwrap_or_default();
        assert_eq!(together, frame);
        assert_eq!(description.picture_id, Some(random.wrapping_add(number) & 0x7fff));
        if codec == Codec::Vp8 {
            assert_eq!(description.layers.temporal, layers.temporal);
        }
    }
    true
}
