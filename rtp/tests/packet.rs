//! Packets: what is refused, what is read, what is written.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_rtp::packet::{self, Discard, FIXED_HEADER_LEN, Header, Packet};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

fn header() -> Header {
    Header {
        marker: true,
        payload_type: PayloadType::new(96).unwrap(),
        sequence_number: SequenceNumber(0x1234),
        timestamp: Timestamp(0x5678_9abc),
        ssrc: Ssrc(0xdef0_1234),
    }
}

/// Two contributing sources, three elements, a payload of five bytes and three bytes of padding.
fn full() -> Vec<u8> {
    let mut out = Vec::new();
    let len = packet::write(&mut out, &header(), &[Ssrc(1), Ssrc(2)], |extensions| {
        assert!(extensions.write(1, b"0"));
        assert!(extensions.write(3, &[1, 2]));
        assert!(extensions.write(5, &[3, 4, 5]));
    });
    assert_eq!(len, out.len());
    out.extend_from_slice(b"hello");
    packet::pad(&mut out, 0, 3);
    out
}

#[test]
fn a_packet_has_the_form_of_the_rfc() {
    let expected = [
        0xb2, 0xe0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, // the fixed header
        0, 0, 0, 1, 0, 0, 0, 2, // two contributing sources
        0xbe, 0xde, 0, 3, 0x10, b'0', 0x31, 1, 2, 0x52, 3, 4, 5, 0, 0,
        0, // three elements, padded to three words
        b'h', b'e', b'l', b'l', b'o', 0, 0, 3, // payload and padding
    ];
    assert_eq!(full(), expected);
    let parsed = Packet::parse(&expected).unwrap();
    assert_eq!(parsed.header(), header());
    assert!(parsed.csrcs().eq([Ssrc(1), Ssrc(2)]));
    assert!(parsed.extensions().eq([(1, &b"0"[..]), (3, &[1, 2]), (5, &[3, 4, 5])]));
    assert_eq!(parsed.payload(), b"hello");
    assert_eq!((parsed.padding_len(), parsed.header_len()), (3, 36));
    assert_eq!(packet::peek(&expected), Ok((header(), 36)));
}

#[test]
fn a_packet_cut_anywhere_is_refused() {
    let whole = full();
    for len in 0..whole.len() {
        let cut = &whole[..len];
        let expected = match len {
            0..20 => Discard::TooShort,
            20..36 => Discard::Extension,
            // The last byte of what is left is no count that fits, or there is none.
            _ => Discard::Padding,
        };
        let header_len = if len < 36 { Err(expected) } else { Ok((header(), 36)) };
        assert_eq!(packet::peek(cut), header_len, "{len}");
        assert_eq!(Packet::parse(cut).map(|_| ()), Err(expected), "{len}");
    }
}

#[test]
fn every_padding_count_against_every_length() {
    for rest in 0..=300_usize {
        for count in 0..=255_u8 {
            let mut bytes = Vec::new();
            packet::write(&mut bytes, &header(), &[], |_| {});
            bytes[0] |= 0x20;
            bytes.resize(FIXED_HEADER_LEN + rest, 0xaa);
            if rest > 0 {
                bytes[FIXED_HEADER_LEN + rest - 1] = count;
            }
            let parsed = Packet::parse(&bytes);
            let counted = usize::from(count);
            if rest == 0 || count == 0 || counted > rest {
                assert_eq!(parsed.map(|_| ()), Err(Discard::Padding), "{count} in {rest}");
            } else {
                let parsed = parsed.unwrap();
                assert_eq!((parsed.payload().len(), parsed.padding_len()), (rest - counted, count));
            }
            // Before decryption the last byte is anything.
            assert_eq!(packet::peek(&bytes), Ok((header(), FIXED_HEADER_LEN)));
        }
    }
}

#[test]
fn padding_that_is_written_is_zero_up_to_its_count() {
    for count in 0..=255_u8 {
        let mut out = vec![0xff; 7];
        packet::write(&mut out, &header(), &[], |_| {});
        out.extend_from_slice(b"payload");
        packet::pad(&mut out, 7, count);
        let parsed = Packet::parse(&out[7..]).unwrap();
        assert_eq!((parsed.payload(), parsed.padding_len()), (&b"payload"[..], count));
        let padding = &out[7 + FIXED_HEADER_LEN + 7..];
        assert_eq!(padding.len(), usize::from(count));
        assert!(padding.iter().rev().skip(1).all(|byte| *byte == 0));
        assert!(out[..7].iter().all(|byte| *byte == 0xff));
    }
}

#[test]
fn another_version_is_refused() {
    for version in [0, 1, 3] {
        let mut bytes = full();
        bytes[0] = bytes[0] & 0x3f | version << 6;
        assert_eq!(Packet::parse(&bytes).map(|_| ()), Err(Discard::Version));
        assert_eq!(packet::peek(&bytes), Err(Discard::Version));
    }
}

#[test]
fn a_source_list_or_an_extension_longer_than_the_packet_is_refused() {
    let mut bytes = full();
    bytes[0] |= 0x0f;
    assert_eq!(packet::peek(&bytes), Err(Discard::TooShort));
    for words in [6, 7, 255, 0x7fff, 0xffff_u16] {
        let mut bytes = full();
        bytes[22..24].copy_from_slice(&words.to_be_bytes());
        assert_eq!(packet::peek(&bytes), Err(Discard::Extension), "{words}");
    }
}

#[test]
fn a_sixteenth_source_is_not_written() {
    let sources: Vec<_> = (0..20).map(Ssrc).collect();
    let mut out = Vec::new();
    assert_eq!(packet::write(&mut out, &header(), &sources, |_| {}), 12 + 60);
    assert!(Packet::parse(&out).unwrap().csrcs().eq((0..15).map(Ssrc)));
}

#[test]
fn rtcp_is_told_by_its_packet_type_alone() {
    for kind in 0..=255_u8 {
        assert_eq!(packet::is_rtcp(&[0x80, kind, 0, 0]), (192..=223).contains(&kind));
    }
    assert!(!packet::is_rtcp(&[]));
    assert!(!packet::is_rtcp(&[0x80]));
}

#[test]
fn neither_payloads_nor_values_are_printed() {
    let text = format!("{:?}", Packet::parse(&full()).unwrap());
    assert!(text.contains("payload_len: 5") && text.contains("{1: 1, 3: 2, 5: 3}"), "{text}");
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        marker: bool,
        payload_type in 0..128_u8,
        numbers: (u16, u32, u32),
        csrcs in vec(any::<u32>().prop_map(Ssrc), 0..=15),
        elements in vec((1..=20_u8, vec(any::<u8>(), 0..40)), 0..8),
        payload in vec(any::<u8>(), 0..100),
        padding: u8,
    ) {
        let header = Header {
            marker,
            payload_type: PayloadType::new(payload_type).unwrap(),
            sequence_number: SequenceNumber(numbers.0),
            timestamp: Timestamp(numbers.1),
            ssrc: Ssrc(numbers.2),
        };
        let mut out = Vec::new();
        let len = packet::write(&mut out, &header, &csrcs, |extensions| {
            for (id, value) in &elements {
                assert!(extensions.write(*id, value));
            }
        });
        out.extend_from_slice(&payload);
        packet::pad(&mut out, 0, padding);
        let parsed = Packet::parse(&out).unwrap();
        prop_assert_eq!(parsed.header(), header);
        prop_assert_eq!(parsed.csrcs().collect::<Vec<_>>(), csrcs);
        let read: Vec<_> = parsed.extensions().map(|(id, value)| (id, value.to_vec())).collect();
        prop_assert_eq!(read, elements);
        prop_assert_eq!(parsed.payload(), &payload);
        prop_assert_eq!((parsed.padding_len(), parsed.header_len()), (padding, len));
    }

    #[test]
    fn any_bytes_are_read_within_their_bounds(mut bytes in vec(any::<u8>(), 0..200), head in 0x80..0xc0_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = head;
        }
        if let Ok(parsed) = Packet::parse(&bytes) {
            let whole = parsed.header_len() + parsed.payload().len() + usize::from(parsed.padding_len());
            prop_assert_eq!(whole, bytes.len());
            let values: usize = parsed.extensions().map(|(_, value)| value.len() + 1).sum();
            prop_assert!(values <= parsed.header_len() - FIXED_HEADER_LEN);
        }
    }
}
