//! Datagrams on streams come out whole, whatever the pieces they come in.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_stun::framing::{Deframer, Framing, FramingError};
use duologue_stun::turn::ChannelData;
use duologue_stun::{ChannelNumber, Class, Method, TransactionId, Writer};
use proptest::prelude::*;

fn message(data: usize) -> Vec<u8> {
    let mut out = vec![];
    let writer = Writer::new(&mut out, Class::Indication, Method::DATA, TransactionId([5; 12]));
    writer.data(&vec![0xdd; data]).finish().unwrap();
    out
}

/// A stream and the datagrams that it holds.
fn stream(framing: Framing, lens: &[usize]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut bytes, mut datagrams) = (vec![], vec![]);
    for (at, len) in lens.iter().enumerate() {
        match framing {
            Framing::Stun if at % 2 == 0 => {
                datagrams.push(message(*len));
                bytes.extend_from_slice(&message(*len));
            }
            Framing::Stun => {
                let payload = vec![0xcc; *len];
                let data = ChannelData { channel: ChannelNumber::MAX, payload: &payload };
                let mut plain = vec![];
                data.write(false, &mut plain).unwrap();
                datagrams.push(plain);
                data.write(true, &mut bytes).unwrap();
            }
            Framing::Rfc4571 => {
                let datagram = vec![0xee; *len];
                bytes.extend_from_slice(&framing.prefix(*len).unwrap());
                bytes.extend_from_slice(&datagram);
                datagrams.push(datagram);
            }
        }
    }
    (bytes, datagrams)
}

fn read_all(deframer: &mut Deframer, piece: &[u8], datagrams: &mut Vec<Vec<u8>>) -> Result<(), FramingError> {
    let mut piece = piece.to_vec();
    let mut input = &mut piece[..];
    while let Some(datagram) = deframer.read(&mut input)? {
        datagrams.push(datagram.to_vec());
    }
    assert!(input.is_empty());
    Ok(())
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_datagrams() {
    for framing in [Framing::Stun, Framing::Rfc4571] {
        let (bytes, expected) = stream(framing, &[0, 0, 1, 1, 7, 7, 40, 41]);
        for cut in 0..=bytes.len() {
            let mut deframer = Deframer::new(framing, 100);
            let mut datagrams = vec![];
            read_all(&mut deframer, &bytes[..cut], &mut datagrams).unwrap();
            assert!(expected.starts_with(&datagrams));
            read_all(&mut deframer, &bytes[cut..], &mut datagrams).unwrap();
            assert_eq!(datagrams, expected);
            assert_eq!(deframer.waiting(), 0);
        }
    }
}

proptest! {
    #[test]
    fn a_stream_in_any_pieces_gives_the_same_datagrams(
        stun in any::<bool>(),
        lens in prop::collection::vec(0_usize..300, 0..12),
        pieces in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let framing = if stun { Framing::Stun } else { Framing::Rfc4571 };
        let (bytes, expected) = stream(framing, &lens);
        let mut deframer = Deframer::new(framing, 400);
        let mut datagrams = vec![];
        let (mut rest, mut pieces) = (&bytes[..], pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
            read_all(&mut deframer, piece, &mut datagrams).unwrap();
            prop_assert!(deframer.waiting() < 400);
            rest = after;
        }
        prop_assert_eq!(datagrams, expected);
    }

    #[test]
    fn any_bytes_give_datagrams_within_the_bound_or_an_error_that_stays(
        stun in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        first in 0_u8..0x50,
        cut in any::<prop::sample::Index>(),
    ) {
        let framing = if stun { Framing::Stun } else { Framing::Rfc4571 };
        let bytes = [&[first, 0, 0][..], &bytes].concat();
        let (head, tail) = bytes.split_at(cut.index(bytes.len()));
        let mut deframer = Deframer::new(framing, 64);
        let mut datagrams = vec![];
        let read = read_all(&mut deframer, head, &mut datagrams);
        let again = read_all(&mut deframer, tail, &mut datagrams);
        prop_assert!(read.is_ok() || read == again);
        prop_assert!(deframer.waiting() <= 68);
        prop_assert!(datagrams.iter().all(|datagram| datagram.len() <= 64));
    }
}

#[test]
fn what_is_neither_stun_nor_channel_data_is_an_error_at_its_first_byte() {
    for first in [0x80_u8, 0x90, 0xff] {
        let mut deframer = Deframer::new(Framing::Stun, 1_500);
        let mut datagrams = vec![];
        assert_eq!(read_all(&mut deframer, &[first], &mut datagrams), Err(FramingError::Unknown));
        assert_eq!(read_all(&mut deframer, &message(4), &mut datagrams), Err(FramingError::Unknown));
        assert!(datagrams.is_empty());
    }
    let mut deframer = Deframer::new(Framing::Stun, 1_500);
    assert_eq!(read_all(&mut deframer, &[0, 1, 0, 3], &mut vec![]), Err(FramingError::Unknown));
}

#[test]
fn a_datagram_above_the_bound_is_refused_by_its_header_before_memory_is_spent() {
    for (framing, header) in [
        (Framing::Stun, &[0, 1, 0xff, 0xfc][..]),
        (Framing::Stun, &[0x40, 0, 5, 0xdd]),
        (Framing::Rfc4571, &[5, 0xdd]),
    ] {
        let mut deframer = Deframer::new(framing, 1_500);
        assert_eq!(read_all(&mut deframer, header, &mut vec![]), Err(FramingError::TooLong));
        assert_eq!(deframer.waiting(), 0);
        let mut within = Deframer::new(framing, 65_600);
        assert_eq!(read_all(&mut within, header, &mut vec![]), Ok(()));
        assert_eq!(within.waiting(), header.len());
    }
}

#[test]
fn a_datagram_that_is_whole_is_borrowed_from_the_input() {
    let (mut bytes, _) = stream(Framing::Rfc4571, &[10]);
    let range = bytes.as_ptr_range();
    let mut input = &mut bytes[..];
    let mut deframer = Deframer::new(Framing::Rfc4571, 1_500);
    let datagram = deframer.read(&mut input).unwrap().unwrap();
    assert!(range.contains(&datagram.as_ptr()));
    assert_eq!(Framing::Rfc4571.prefix(65_536), None);
    assert_eq!(Framing::Stun.prefix(1), None);
}
