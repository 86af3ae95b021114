//! An RTP packet of 1,200 bytes with three header extensions: audio level, absolute send time, transport-wide sequence number.
//! The peer knows the header extension as one block: its elements are walked, and laid out, by the least code that does it for
//! ids known at run time.

use crate::table::{Work, row};
use duologue_rtp::extension::{AbsSendTime, AudioLevel, Ids, Kind, TransportSequence};
use duologue_rtp::packet::{self, Header, Packet};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc, Timestamp};
use rtp_types::{RtpPacket, RtpPacketBuilder};
use std::hint::black_box;

const COUNT: u64 = 1_000_000;
const LEN: usize = 1200;
const HEADER_LEN: usize = 28;

fn ids() -> Ids {
    let mut ids = Ids::new();
    ids.set(Kind::AudioLevel, 1);
    ids.set(Kind::AbsSendTime, 2);
    ids.set(Kind::TransportSequence, 3);
    ids
}

fn ours(out: &mut Vec<u8>, ids: &Ids, number: u16) -> usize {
    let header = Header {
        marker: true,
        payload_type: PayloadType::from_low_bits(111),
        sequence_number: SequenceNumber(number),
        timestamp: Timestamp(960),
        ssrc: Ssrc(0x1234_5678),
    };
    packet::write(out, &header, &[], |extensions| {
        extensions.typed(ids, &AudioLevel { voice: true, below_overload: 30 });
        extensions.typed(ids, &AbsSendTime::from_ntp(0x1_8000_0000));
        extensions.typed(ids, &TransportSequence(number));
    })
}

fn theirs(out: &mut Vec<u8>, ids: &[u8; 3], number: u16) {
    let [level, time, sequence] = ids;
    let [_, a, b, c] = (0x1_8000_0000_u64 >> 14 & 0xff_ffff).to_be_bytes()[4..] else { unreachable!() };
    let [n0, n1] = number.to_be_bytes();
    let block = [level << 4, 0x80 | 30, time << 4 | 2, a, b, c, sequence << 4 | 1, n0, n1, 0, 0, 0];
    RtpPacketBuilder::<&[u8], &[u8]>::new()
        .marker_bit(true)
        .payload_type(111)
        .sequence_number(number)
        .timestamp(960)
        .ssrc(0x1234_5678)
        .extension(0xbede, &block)
        .write_into_vec(out)
        .unwrap();
}

/// The elements of a block in the one-byte form.
fn walk(mut block: &[u8], mut element: impl FnMut(u8, &[u8])) {
    while let [head, rest @ ..] = block {
        block = rest;
        if *head >> 4 == 15 {
            return;
        }
        if *head != 0 {
            let Some((value, after)) = rest.split_at_checked(usize::from(head & 15) + 1) else { return };
            element(head >> 4, value);
            block = after;
        }
    }
}

/// The fixed fields, the elements and the payload.
pub fn parse() {
    let ids = ids();
    let mut datagram = Vec::new();
    assert_eq!(ours(&mut datagram, &ids, 7), HEADER_LEN);
    datagram.resize(LEN, 0);
    let mut round = || {
        for _ in 0..COUNT {
            let packet = Packet::parse(black_box(&datagram)).unwrap();
            let header = packet.header();
            assert_eq!((header.sequence_number.0, header.timestamp.0, header.ssrc.0), (7, 960, 0x1234_5678));
            assert_eq!((header.marker, header.payload_type.get()), (true, 111));
            let mut elements = 0;
            for (id, value) in packet.extensions() {
                elements += usize::from(ids.kind(id).is_some()) + value.len();
            }
            assert_eq!((elements, packet.payload().len()), (9, LEN - HEADER_LEN));
        }
        COUNT
    };
    let mut peer = || {
        for _ in 0..COUNT {
            let packet = RtpPacket::parse(black_box(&datagram)).unwrap();
            assert_eq!((packet.sequence_number(), packet.timestamp(), packet.ssrc()), (7, 960, 0x1234_5678));
            assert_eq!((packet.marker_bit(), packet.payload_type()), (true, 111));
            let (profile, block) = packet.extension().unwrap();
            assert_eq!(profile, 0xbede);
            let mut elements = 0;
            walk(block, |id, value| elements += usize::from(ids.kind(id).is_some()) + value.len());
            assert_eq!((elements, packet.payload().len()), (9, LEN - HEADER_LEN));
        }
        COUNT
    };
    row("RTP header", "parsed", Work { name: "rtp-types 0.1.2", round: &mut peer }, &mut round);
}

/// The header built.
pub fn build() {
    let ids = ids();
    let (mut out, mut other) = (Vec::with_capacity(LEN), Vec::with_capacity(LEN));
    ours(&mut out, &ids, 7);
    theirs(&mut other, &[1, 2, 3], 7);
    assert_eq!(out, other);
    let mut round = || {
        for _ in 0..COUNT {
            out.clear();
            assert_eq!(ours(black_box(&mut out), &ids, black_box(7)), HEADER_LEN);
        }
        COUNT
    };
    let mut peer = || {
        for _ in 0..COUNT {
            other.clear();
            theirs(black_box(&mut other), black_box(&[1, 2, 3]), black_box(7));
            assert_eq!(other.len(), HEADER_LEN);
        }
        COUNT
    };
    row("RTP header", "built", Work { name: "rtp-types 0.1.2", round: &mut peer }, &mut round);
}
