//! What the tests of H.264, H.265 and AV1 share: recorded packets, and frames cut and put together.

use bytes::{Bytes, BytesMut};
use duologue_rtp::codec::{
    Codec, Depacketizer, Description, Fragment, Layers, PacketizeError, Packetizer, PayloadDiscard, describe,
};
use std::collections::VecDeque;
use std::path::Path;

pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

/// The frames of a recording, each the payloads up to a marker bit. The file has RTP packets, each after two bytes of its
/// length (RFC 4571); their headers have neither CSRCs nor extensions.
pub(crate) fn recorded(name: &str) -> Vec<Vec<Vec<u8>>> {
    let file = file(name);
    let (mut rest, mut frames, mut ended) = (&file[..], Vec::<Vec<_>>::new(), true);
    while let [first, second, after @ ..] = rest {
        let (packet, after) = after.split_at(usize::from(u16::from_be_bytes([*first, *second])));
        assert_eq!(packet[0], 0x80);
        if std::mem::replace(&mut ended, packet[1] & 0x80 != 0) {
            frames.push(Vec::new());
        }
        frames.last_mut().unwrap().push(packet[12..].to_vec());
        rest = after;
    }
    frames
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn packetize(codec: Codec, frame: &[u8], max_len: usize) -> Result<Vec<Fragment>, PacketizeError> {
    let (mut prefixes, mut out) = (BytesMut::new(), VecDeque::new());
    let frame = Bytes::copy_from_slice(frame);
    let done =
        Packetizer::new(codec, 0).packetize(&frame, Layers::default(), max_len, &mut prefixes, &mut out);
    assert!(done.is_ok() || out.is_empty());
    done.map(|()| out.into())
}

/// The payloads of a frame.
pub(crate) fn payloads(codec: Codec, frame: &[u8], max_len: usize) -> Vec<Vec<u8>> {
    let fragments = packetize(codec, frame, max_len).unwrap();
    fragments.iter().map(|fragment| [&fragment.prefix[..], &fragment.body[..]].concat()).collect()
}

/// Puts one frame together.
pub(crate) fn put_together(
    depacketizer: &mut Depacketizer,
    payloads: &[impl AsRef<[u8]>],
) -> Result<(Vec<u8>, Description), PayloadDiscard> {
    let mut frame = BytesMut::new();
    for payload in payloads {
        depacketizer.push(payload.as_ref(), &mut frame)?;
    }
    let description = depacketizer.finish(&mut frame)?;
    Ok((frame.to_vec(), description))
}

/// The same without what came before.
pub(crate) fn put_together_alone(
    codec: Codec,
    payloads: &[impl AsRef<[u8]>],
) -> Result<(Vec<u8>, Description), PayloadDiscard> {
    put_together(&mut Depacketizer::new(codec), payloads)
}

/// Each payload cut off at every length, and what goes wrong in a frame that has it: a panic is the only failure.
pub(crate) fn sweep(codec: Codec, frames: &[Vec<Vec<u8>>]) {
    let (mut refused, mut cut) = (0, 0);
    for payloads in frames {
        for payload in payloads {
            for len in 0..payload.len() {
                let _ = describe(codec, &payload[..len]);
                let (mut depacketizer, mut frame) = (Depacketizer::new(codec), BytesMut::new());
                refused += usize::from(depacketizer.push(&payload[..len], &mut frame).is_err());
                let _ = depacketizer.push(payload, &mut frame);
                let _ = depacketizer.finish(&mut frame);
                assert!(frame.len() <= 2 * payload.len() + 64);
                cut += 1;
            }
        }
    }
    assert!(cut > 5_000 && refused > 100, "{refused} of {cut}");
}
