//! Arbitrary bytes as packets and as the values of header extensions: every view is read to its end, and what is written
//! again is read as the same.

use bytes::BytesMut;
use duologue_rtp::extension::dependency_descriptor::{DependencyDescriptor, Reader, Structure};
use duologue_rtp::extension::{
    AbsCaptureTime, AbsSendTime, AudioLevel, ColorSpace, CsrcAudioLevels, Extensions, FrameLayer,
    FrameMarking, Ids, Kind, Layer, Picture, PlayoutDelay, Set, TransmissionOffset, TransportSequence, Value,
    VideoContentType, VideoLayersAllocation, VideoOrientation, VideoTiming,
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
    if let Some((head, rest)) = data.split_first_chunk() {
        built(*head, rest);
    }
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
        assert!(written(&value) == value);
    }
}

/// What is read of a value that was written.
fn written<V: Value>(value: &V) -> V {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    assert_eq!(bytes.len(), value.wire_len());
    V::parse(&bytes).expect("what is written can be read")
}

/// Values with any number in each field: one that is too large for its field spoils no other.
fn built([flags, number, encoding, encodings]: [u8; 4], rest: &[u8]) {
    let level = AudioLevel { voice: flags & 1 != 0, below_overload: number };
    assert_eq!(written(&level), AudioLevel { below_overload: number & 0x7f, ..level });
    let layer = match flags >> 6 {
        0 => FrameLayer::None,
        1 => FrameLayer::Id(encoding),
        _ => FrameLayer::IdAndPicture(encoding, encodings),
    };
    let [start, end, independent, discardable, base_layer_sync] =
        [1, 2, 4, 8, 16].map(|bit| flags & bit != 0);
    let marking =
        FrameMarking { start, end, independent, discardable, base_layer_sync, temporal_id: number, layer };
    assert_eq!(written(&marking), FrameMarking { temporal_id: number & 7, ..marking });
    if let Some(levels) = CsrcAudioLevels::new(rest) {
        assert!(written(&levels) == levels);
    }

    let mut rest = rest.iter().copied();
    let mut layers = [[None; 4]; 4];
    for layer in layers.iter_mut().flatten() {
        let Some(first) = rest.next() else { break };
        let picture = (first & 0x10 != 0).then(|| Picture {
            width_minus_one: u16::from(first) << 8,
            height_minus_one: number.into(),
            frame_rate: flags,
        });
        let kbps: Vec<_> = rest.by_ref().take(usize::from(first & 7)).map(|byte| 1 << (byte & 31)).collect();
        *layer = Layer::new(&kbps, picture);
    }
    let allocation = VideoLayersAllocation { encoding, encodings, layers };
    let read = written(&allocation);
    let kept = usize::from(encodings.clamp(1, 4));
    let layers = &layers[..kept];
    let sent = layers.iter().flatten().any(Option::is_some);
    let pictures = layers.iter().flatten().flatten().all(|layer| layer.picture.is_some());
    assert_eq!(
        (read.encoding, usize::from(read.encodings)),
        if sent { (encoding & 3, kept) } else { (0, 1) }
    );
    for (encoding, read) in layers.iter().zip(read.layers).filter(|_| sent) {
        for (layer, read) in encoding.iter().zip(read) {
            let expected = layer.map(|layer| (layer.kbps().to_vec(), layer.picture.filter(|_| pictures)));
            assert_eq!(read.map(|layer| (layer.kbps().to_vec(), layer.picture)), expected);
        }
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
        rewritten(descriptor, structure, reader.active_decode_targets() & u32::from(*len));
    }
}

/// A descriptor made for another receiver, to whom the structure is new and who gets fewer decode targets.
fn rewritten(mut descriptor: DependencyDescriptor, structure: &Structure, active: u32) {
    let frame = descriptor.frame(structure);
    descriptor.frame_number ^= 0x5a5a;
    descriptor.carries_structure = true;
    descriptor.active_decode_targets = Some(active);
    let mut value = Vec::new();
    descriptor.write(structure, &mut value);
    let mut reader = Reader::default();
    assert_eq!(reader.read(&value), Some(descriptor));
    assert_eq!((reader.structure(), reader.active_decode_targets()), (Some(structure), active));
    assert_eq!(reader.frame(&descriptor), frame);
    // What was read can be built from its parts.
    let targets = 0..structure.decode_targets();
    let chains: Vec<_> = targets
        .filter_map(|target| structure.decode_target(target).and_then(|target| target.protected_by))
        .collect();
    let built = Structure::new(
        structure.template_id_offset(),
        structure.decode_targets(),
        &chains,
        structure.templates().to_vec(),
        (0..4).map_while(|layer| structure.resolution(layer)).collect(),
    );
    assert_eq!(built.as_ref(), Some(structure));
}
