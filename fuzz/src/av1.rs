//! Arbitrary bytes as payloads of AV1, and as temporal units: what is packetized comes back OBU by OBU.

use crate::payloads::{depacketize, pieces, round_trip};
use duologue_rtp::codec::Codec;

/// One input: payloads; or, after the greatest length of a packet, a temporal unit, or pieces of one.
pub fn run(data: &[u8]) {
    for frame in depacketize(Codec::Av1, data) {
        let obus = obus(&frame).expect("OBUs with their sizes");
        assert_eq!(obus.first().map(Vec::as_slice), Some(&[0x10][..]));
        // What was received can be sent, and comes again.
        if let Some(again) = round_trip(Codec::Av1, &frame, 100) {
            assert_eq!(again, frame);
        }
    }
    let [first, second, rest @ ..] = data else { return };
    let max_len = usize::from(u16::from_be_bytes([first & 0x0f, *second]));
    let unit = pieces(rest, |piece| {
        let kind = piece.first().unwrap_or(&0) & 0x0f;
        let mut header = vec![kind << 3 | 0x02];
        if kind >= 12 {
            header = vec![kind << 3 | 0x06, piece.last().unwrap_or(&0) & 0xf8];
        }
        header.extend([0x80 | (piece.len() & 0x7f) as u8, (piece.len() >> 7) as u8]);
        header
    });
    for frame in [rest, &unit] {
        if let Some(again) = round_trip(Codec::Av1, frame, max_len) {
            let mut sent = obus(frame).expect("it was taken");
            sent.retain(|obu| !matches!(obu[0] >> 3 & 0x0f, 2 | 8));
            sent.insert(0, vec![0x10]);
            assert_eq!(obus(&again), Some(sent));
        }
    }
}

/// The OBUs of a temporal unit without their sizes; `None` if one is cut short.
pub fn obus(mut unit: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut obus = Vec::new();
    while let [first, rest @ ..] = unit {
        let mut obu = vec![first & !0x02];
        unit = rest;
        if first & 0x04 != 0 {
            obu.push(*unit.first()?);
            unit = &unit[1..];
        }
        let mut size = unit.len();
        if first & 0x02 != 0 {
            let len = unit.iter().take(8).position(|byte| byte & 0x80 == 0)? + 1;
            size = unit[..len].iter().rev().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
            unit = &unit[len..];
        }
        obu.extend_from_slice(unit.get(..size)?);
        unit = &unit[size..];
        obus.push(obu);
    }
    Some(obus)
}
