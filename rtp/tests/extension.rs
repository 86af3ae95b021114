//! Header extensions: both forms, ids, sets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::BytesMut;
use duologue_rtp::extension::{Extensions, Form, Ids, Kind, Set, Writer};
use duologue_rtp::packet::{self, Header, Packet};
use duologue_rtp::{PayloadType, SequenceNumber, Ssrc, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;

/// What stands behind the fixed header of a packet with these elements.
fn written(elements: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: PayloadType::new(100).unwrap(),
        sequence_number: SequenceNumber(1),
        timestamp: Timestamp(2),
        ssrc: Ssrc(3),
    };
    let mut out = Vec::new();
    packet::write(&mut out, &header, &[], elements);
    let parsed = Packet::parse(&out).unwrap();
    assert_eq!(parsed.header_len(), out.len());
    assert_eq!(out[0] & 0x10 != 0, out.len() > 12);
    out.split_off(12)
}

fn read(profile: u16, data: &[u8]) -> Vec<(u8, &[u8])> {
    Extensions::new(profile, data).collect()
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    // RFC 8285, Section 4.2, and Section 4.3.
    let one_byte = [0x10, 7, 0x21, 8, 9, 0, 0, 0x33, 1, 2, 3, 4];
    assert_eq!(read(ONE_BYTE, &one_byte), [(1, &[7][..]), (2, &[8, 9]), (3, &[1, 2, 3, 4])]);
    let two_byte = [1, 0, 2, 1, 9, 0, 3, 4, 1, 2, 3, 4];
    assert_eq!(read(TWO_BYTE, &two_byte), [(1, &[][..]), (2, &[9]), (3, &[1, 2, 3, 4])]);
}

#[test]
fn the_applications_bits_do_not_matter_but_another_profile_has_no_elements() {
    for profile in 0..=u16::MAX {
        let expected: &[(u8, &[u8])] = match profile {
            0x1000..=0x100f => &[(0x10, &[5])],
            ONE_BYTE => &[(1, &[1])],
            _ => &[],
        };
        assert_eq!(read(profile, &[0x10, 1, 5, 0]), expected, "{profile:#x}");
    }
}

#[test]
fn the_id_15_ends_the_one_byte_form() {
    for len in 0..16 {
        let data = [0x10, 7, 0xf0 | len, 0, 0x20, 8, 0, 0];
        assert_eq!(read(ONE_BYTE, &data), [(1, &[7][..])]);
    }
    assert_eq!(read(TWO_BYTE, &[15, 1, 7, 0]), [(15, &[7][..])]);
}

#[test]
fn the_id_0_with_a_length_ends_the_one_byte_form() {
    for len in 1..16 {
        assert_eq!(read(ONE_BYTE, &[0x10, 7, len, 0x20, 8, 0, 0, 0]), [(1, &[7][..])]);
        // Nor does it stand for as many bytes as the length says.
        let skipped = [&[0x10, 7, len][..], &vec![9; usize::from(len) + 1], &[0x20, 8]].concat();
        assert_eq!(read(ONE_BYTE, &skipped), [(1, &[7][..])]);
    }
}

#[test]
fn an_element_longer_than_the_extension_ends_it() {
    let one_byte = [0x10, 7, 0x2f, 1, 2, 3, 4, 5];
    assert_eq!(read(ONE_BYTE, &one_byte), [(1, &[7][..])]);
    for len in 4..=255 {
        assert_eq!(read(TWO_BYTE, &[1, 1, 7, 2, len, 1, 2, 3]), [(1, &[7][..])], "{len}");
    }
    assert_eq!(read(TWO_BYTE, &[1, 1, 7, 2]), [(1, &[7][..])]);
}

#[test]
fn short_elements_take_the_one_byte_form() {
    let bytes = written(|extensions| {
        assert!(extensions.write(14, &[9; 16]));
        assert!(extensions.write(1, &[1]));
    });
    assert_eq!(bytes[..5], [0xbe, 0xde, 0, 5, 0xef]);
    assert_eq!(bytes.len(), 4 + 20);
}

#[test]
fn an_element_that_needs_it_brings_the_two_byte_form_wherever_it_stands() {
    for (id, value) in [(15, &[7][..]), (255, &[7]), (2, &[]), (2, &[6; 17]), (2, &[6; 255])] {
        for place in 0..3 {
            let mut elements = vec![(1, &[1, 2, 3][..]), (14, &[5; 16])];
            elements.insert(place, (id, value));
            let bytes = written(|extensions| {
                for (id, value) in &elements {
                    assert!(extensions.write(*id, value));
                }
            });
            assert_eq!(bytes[..2], [0x10, 0]);
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(read(TWO_BYTE, &bytes[4..]), elements);
        }
    }
}

#[test]
fn what_no_element_can_hold_is_not_written() {
    let bytes = written(|extensions| {
        assert!(!extensions.write(0, &[1]));
        assert!(!extensions.write(1, &[1; 256]));
    });
    assert!(bytes.is_empty());
}

#[test]
fn an_extension_takes_no_more_than_its_length_can_say() {
    let mut count = 0;
    let bytes = written(|extensions| {
        while extensions.write(1, &[5]) {
            count += 1;
        }
    });
    assert_eq!(read(ONE_BYTE, &bytes[4..]).len(), count);
    // The last element makes each of the others a byte longer.
    let bytes = written(|extensions| {
        (1..count).for_each(|_| assert!(extensions.write(1, &[5])));
        assert!(extensions.write(200, &[5; 255]));
        assert!(!extensions.write(200, &[]));
    });
    assert_eq!(read(TWO_BYTE, &bytes[4..]).len(), count);
}

#[test]
fn a_stream_keeps_to_one_form_unless_both_are_allowed() {
    let mut ids = Ids::new();
    ids.set(Kind::Mid, 4);
    ids.set(Kind::DependencyDescriptor, 14);
    assert_eq!(ids.form(), Form::OneByte);
    let bytes = written(|extensions| {
        assert!(!extensions.value(&ids, Kind::DependencyDescriptor, &[5; 17]));
        assert!(!extensions.value(&ids, Kind::Mid, &[]));
        assert!(!extensions.value(&ids, Kind::Rid, b"a"));
        assert!(extensions.value(&ids, Kind::Mid, b"0"));
    });
    assert_eq!(bytes, [0xbe, 0xde, 0, 1, 0x40, b'0', 0, 0]);

    ids.set(Kind::DependencyDescriptor, 15);
    assert_eq!(ids.form(), Form::TwoByte);
    let bytes = written(|extensions| assert!(extensions.value(&ids, Kind::Mid, b"0")));
    assert_eq!(bytes, [0x10, 0, 0, 1, 4, 1, b'0', 0]);

    ids.set_allow_mixed(true);
    assert_eq!(ids.form(), Form::Mixed);
    let bytes = written(|extensions| assert!(extensions.value(&ids, Kind::Mid, b"0")));
    assert_eq!(bytes, [0xbe, 0xde, 0, 1, 0x40, b'0', 0, 0]);
    let bytes = written(|extensions| {
        assert!(extensions.value(&ids, Kind::Mid, b"0"));
        assert!(extensions.value(&ids, Kind::DependencyDescriptor, &[5; 20]));
    });
    assert_eq!(read(TWO_BYTE, &bytes[4..]), [(4, &b"0"[..]), (15, &[5; 20])]);
}

#[test]
fn ids_and_kinds_point_at_each_other() {
    let mut ids = Ids::new();
    for (kind, id) in Kind::ALL.into_iter().zip(1..) {
        ids.set(kind, id);
    }
    for (kind, id) in Kind::ALL.into_iter().zip(1..) {
        assert_eq!((ids.id(kind), ids.kind(id)), (Some(id), Some(kind)));
    }
    assert_eq!((ids.kind(0), ids.kind(18)), (None, None));

    // A new id frees the old one; an id that is taken leaves its kind without one.
    ids.set(Kind::Mid, 255);
    assert_eq!((ids.kind(1), ids.kind(255)), (None, Some(Kind::Mid)));
    ids.set(Kind::Rid, 255);
    assert_eq!((ids.id(Kind::Mid), ids.id(Kind::Rid), ids.kind(255)), (None, Some(255), Some(Kind::Rid)));
    ids.set(Kind::Rid, 255);
    assert_eq!((ids.id(Kind::Rid), ids.kind(255)), (Some(255), Some(Kind::Rid)));
    ids.set(Kind::Rid, 0);
    assert_eq!((ids.id(Kind::Rid), ids.kind(255), ids.kind(0)), (None, None, None));
    assert_eq!(ids.iter().count(), 15);
    assert!(size_of::<Ids>() < 300);
}

#[test]
fn each_kind_has_a_uri_of_its_own() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_uri(kind.uri()), Some(kind));
    }
    assert_eq!(Kind::from_uri("urn:ietf:params:rtp-hdrext:encrypt"), None);
}

#[test]
fn a_set_carries_elements_from_one_sections_ids_to_anothers() {
    let mut from = Ids::new();
    from.set(Kind::Mid, 1);
    from.set(Kind::AudioLevel, 2);
    from.set(Kind::VideoOrientation, 3);
    let mut to = Ids::new();
    to.set(Kind::VideoOrientation, 9);
    to.set(Kind::AudioLevel, 12);

    let mut block = BytesMut::new();
    let received = [0x10, b'a', 0x20, 0x85, 0x30, 2, 0x40, 1];
    let set =
        Set::of(Extensions::new(ONE_BYTE, &received), &from, |kind| kind != Kind::AudioLevel, &mut block);
    assert!(set.iter().eq([(Kind::Mid, &b"a"[..]), (Kind::VideoOrientation, &[2])]));
    assert_eq!((set.value(Kind::VideoOrientation), set.value(Kind::AudioLevel)), (Some(&[2][..]), None));
    assert_eq!(written(|extensions| extensions.set(&to, &set)), [0xbe, 0xde, 0, 1, 0x90, 2, 0, 0]);

    let none = Set::of(Extensions::new(ONE_BYTE, &received), &from, |_| false, &mut block);
    assert!(none.is_empty() && none == Set::new() && none == Set::default());
    assert!(!format!("{set:?}").contains("97"));
}

#[test]
fn a_value_that_no_packet_can_carry_is_not_added_to_a_set() {
    let mut block = BytesMut::new();
    let mut builder = Set::builder(&mut block);
    assert!(!builder.push(Kind::Rid, &[b'x'; 256]));
    assert!(builder.push(Kind::Rid, &[b'x'; 255]));
    assert_eq!(builder.finish().value(Kind::Rid), Some(&[b'x'; 255][..]));
}

#[test]
fn sets_from_one_block_use_its_memory_again() {
    let mut block = BytesMut::with_capacity(256);
    let at = block.as_ptr().addr();
    for n in 0..1000_u16 {
        let mut builder = Set::builder(&mut block);
        builder.push(Kind::TransportSequence, &n.to_be_bytes());
        let set = builder.finish();
        let value = set.value(Kind::TransportSequence).unwrap();
        assert_eq!(value, n.to_be_bytes());
        assert!(value.as_ptr().addr() - at < 256);
    }
}

proptest! {
    #[test]
    fn elements_come_back_as_they_were_written(elements in vec((1..=255_u8, vec(any::<u8>(), 0..=255)), 0..20)) {
        let bytes = written(|extensions| {
            for (id, value) in &elements {
                assert!(extensions.write(*id, value));
            }
        });
        let needs_two = elements.iter().any(|(id, value)| *id > 14 || !(1..=16).contains(&value.len()));
        let profile = if needs_two { TWO_BYTE } else { ONE_BYTE };
        let data = bytes.get(4..).unwrap_or_default();
        let elements: Vec<_> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
        prop_assert_eq!(read(profile, data), elements);
    }

    #[test]
    fn any_bytes_hold_no_more_than_themselves(two: bool, data in vec(any::<u8>(), 0..300)) {
        let sum: usize = read(if two { TWO_BYTE } else { ONE_BYTE }, &data).iter().map(|(id, value)| {
            assert!(*id != 0 && (two || *id < 15 && (1..=16).contains(&value.len())));
            1 + value.len()
        }).sum();
        prop_assert!(sum <= data.len());
    }
}
