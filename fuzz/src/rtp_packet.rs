//! Arbitrary bytes as packets and as the values of header extensions: every view is read to its end, and what is written
//! again is read as the same.

use bytes::BytesMut;
use duologue_rtp::extension::dependency_descriptor::Reader;
use duologue_rtp::extension::{
    AbsCaptureTime, AbsSendTime, AudioLevel, ColorSpace, CsrcAudioLevels, Extensions, FrameMarking, Ids,
    Kind, PlayoutDelay, Set, TransmissionOffset, TransportSequence, Value, VideoContentType,
    VideoLayersAllocation, VideoOrientation, VideoTiming,
};
use duologue_rtp::packet::{self, Packet};

/// One input: a packet, and the values of dependency descriptors, each behind its length.
pub fn run(data: &[u8]) {
    let _ = packet::is_rtcp(data);
    packet(data);
    for profile in [0xbede, 0x1000] {
        values(Extensions::new(profile, data));
    }
    descriptors(data);
}

/// The packet, and the same one written again.
fn packet(data: &[u8]) {
    let peeked = packet::peek(data);
    let Ok(parsed) = Packet::parse(data) else { return };
    assert_eq!(peeked, Ok((parsed.header(), parsed.header_len())));
    let padding = usize::from(parsed.padding_len());
    assert_eq!(parsed.header_len() + parsed.payload().len() + padding, data.len());

    let csrcs: Vec<_> = parsed.csrcs().collect();
    let mut out = Vec::new();
    let len = packet::write(&mut out, &parsed.header(), &csrcs, |extensions| {
        for (id, value) in parsed.extensions() {
            assert!(extensions.write(id, value));
        }
    });
    assert_eq!(len, out.len());
    out.extend_from_slice(parsed.payload());
    packet::pad(&mut out, 0, parsed.padding_len());
    let again = Packet::parse(&out).ok();
    let again = again.filter(|again| {
        again.header() == parsed.header()
            && again.csrcs().eq(parsed.csrcs())
            && again.extensions().eq(parsed.extensions())
            && again.payload() == parsed.payload()
            && again.padding_len() == parsed.padding_len()
    });
    assert!(again.is_some());
    values(parsed.extensions());
}

/// The elements as values of each type, and as a set.
fn values(extensions: Extensions<'_>) {
    let mut ids = Ids::new();
    ids.set_allow_mixed(true);
    for (kind, id) in Kind::ALL.into_iter().zip(1..) {
        ids.set(kind, id);
    }
    let set = Set::of(extensions, &ids, |_| true, &mut BytesMut::new());
    assert!(set.iter().eq(extensions.known(&ids)));
    for (_, value) in extensions {
        stable::<AbsCaptureTime>(value);
        stable::<AbsSendTime>(value);
        stable::<AudioLevel>(value);
        stable::<ColorSpace>(value);
        stable::<CsrcAudioLevels>(value);
        stable::<FrameMarking>(value);
        stable::<PlayoutDelay>(value);
        stable::<TransmissionOffset>(value);
        stable::<TransportSequence>(value);
        stable::<VideoContentType>(value);
        stable::<VideoLayersAllocation>(value);
        stable::<VideoOrientation>(value);
        stable::<VideoTiming>(value);
    }
}

fn stable<V: Value + PartialEq>(bytes: &[u8]) {
    if let Some(value) = V::parse(bytes) {
        let mut again = Vec::new();
        value.write(&mut again);
        assert_eq!(again.len(), value.wire_len());
        assert!(V::parse(&again) == Some(value));
    }
}

/// A stream's descriptors, one after the other.
fn descriptors(mut data: &[u8]) {
    let mut reader = Reader::default();
    while let [len, rest @ ..] = data {
        let (value, after) = rest.split_at(usize::from(*len).min(rest.len()));
        data = after;
        let Some(descriptor) = reader.read(value) else { continue };
        assert!(reader.frame(&descriptor).is_some());
        let mut other = reader.clone();
        let Some(structure) = reader.structure() else { continue };
        let mut again = Vec::new();
        descriptor.write(structure, &mut again);
        assert_eq!(other.read(&again), Some(descriptor));
        assert_eq!(other.structure(), Some(structure));
        assert_eq!(other.active_decode_targets(), reader.active_decode_targets());
    }
}
