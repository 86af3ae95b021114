//! Arbitrary bytes as payloads of H.265, and as frames: what is packetized comes back unit by unit.

use crate::nal_units::nal_units;
use crate::payloads::{depacketize, pieces, round_trip};
use duologue_rtp::codec::Codec;

/// One input: payloads; or, after the greatest length of a packet, a byte stream, or pieces of one.
pub fn run(data: &[u8]) {
    depacketize(Codec::H265, data);
    let [first, second, rest @ ..] = data else { return };
    let max_len = usize::from(u16::from_be_bytes([first & 0x0f, *second]));
    let stream = pieces(rest, |piece| vec![0, 0, 1, (piece.first().unwrap_or(&0) % 48) << 1, 1]);
    for frame in [rest, &stream] {
        if let Some(again) = round_trip(Codec::H265, frame, max_len) {
            assert_eq!(nal_units(&again), nal_units(frame));
        }
    }
}
