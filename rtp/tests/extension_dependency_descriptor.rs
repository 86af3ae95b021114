//! The dependency descriptor: read, kept, rewritten.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use duologue_rtp::extension::dependency_descriptor::{
    ChainDiffs, DecodeTarget, DependencyDescriptor, FrameDiffs, Indication, Indications, Reader, Resolution,
    Structure, Template,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// The first packet of a sequence of one spatial and three temporal layers: five templates, three decode targets, a chain.
const THREE_TEMPORAL: [u8; 16] =
    [0x80, 0x01, 0x2f, 0x80, 0x02, 0x14, 0xea, 0xa8, 0x60, 0x41, 0x4d, 0x14, 0x10, 0x20, 0x84, 0x26];

fn written(descriptor: &DependencyDescriptor, structure: &Structure) -> Vec<u8> {
    let mut out = Vec::new();
    descriptor.write(structure, &mut out);
    out
}

fn indications(symbols: &str) -> Indications {
    let mut all = Indications::default();
    for (target, symbol) in (0..).zip(symbols.chars()) {
        all.set(
            target,
            match symbol {
                'D' => Indication::Discardable,
                'S' => Indication::Switch,
                'R' => Indication::Required,
                _ => Indication::NotPresent,
            },
        );
    }
    all
}

fn template(layer: (u8, u8), symbols: &str, frame_diffs: &[u16], chain_diffs: &[u8]) -> Template {
    Template {
        spatial_id: layer.0,
        temporal_id: layer.1,
        indications: indications(symbols),
        frame_diffs: FrameDiffs::new(frame_diffs).unwrap(),
        chain_diffs: ChainDiffs::new(chain_diffs).unwrap(),
    }
}

#[test]
fn a_recorded_descriptor_is_read_and_written_as_it_was() {
    let mut reader = Reader::default();
    let descriptor = reader.read(&THREE_TEMPORAL).unwrap();
    assert!(descriptor.start_of_frame && !descriptor.end_of_frame && descriptor.carries_structure);
    assert_eq!((descriptor.template_id, descriptor.frame_number), (0, 303));
    assert_eq!(reader.active_decode_targets(), 7);
    let structure = reader.structure().unwrap();
    assert_eq!((structure.template_id_offset(), structure.decode_targets(), structure.chains()), (0, 3, 1));
    assert_eq!(
        structure.templates(),
        [
            template((0, 0), "SSS", &[], &[0]),
            template((0, 0), "SSS", &[4], &[4]),
            template((0, 1), "-DS", &[2], &[2]),
            template((0, 2), "--D", &[1], &[1]),
            template((0, 2), "--D", &[1], &[3]),
        ]
    );
    for index in 0..3 {
        let target = DecodeTarget { spatial_id: 0, temporal_id: index, protected_by: Some(0) };
        assert_eq!(structure.decode_target(index), Some(target));
    }
    assert_eq!((structure.decode_target(3), structure.resolution(0)), (None, None));
    assert_eq!(written(&descriptor, structure), THREE_TEMPORAL);
}

#[test]
fn another_recorded_descriptor_tells_the_resolution() {
    let recorded = [0x80, 0x00, 0x01, 0x80, 0x00, 0x3a, 0x41, 0x01, 0x80, 0x9f, 0x80, 0x77, 0x80];
    let mut reader = Reader::default();
    let descriptor = reader.read(&recorded).unwrap();
    let structure = reader.structure().unwrap();
    let resolution = structure.resolution(0).unwrap();
    assert_eq!((resolution.width_minus_one, resolution.height_minus_one), (319, 239));
    assert_eq!((structure.decode_targets(), structure.templates().len(), structure.chains()), (1, 2, 1));
    assert_eq!(written(&descriptor, structure), recorded);
}

#[test]
fn later_descriptors_need_the_structure_of_the_first() {
    let later = [0x44, 0x01, 0x30];
    let mut reader = Reader::default();
    assert_eq!(reader.read(&later), None);
    reader.read(&THREE_TEMPORAL).unwrap();
    let descriptor = reader.read(&later).unwrap();
    assert!(!descriptor.start_of_frame && descriptor.end_of_frame && !descriptor.carries_structure);
    assert_eq!((descriptor.template_id, descriptor.frame_number), (4, 304));
    assert_eq!(reader.frame(&descriptor), Some(template((0, 2), "--D", &[1], &[3])));
    // The structure has five templates.
    assert_eq!(reader.read(&[0x45, 0x01, 0x30]), None);
    assert_eq!(reader.read(&[0x7f, 0x01, 0x30]), None);
}

#[test]
fn template_ids_go_round() {
    let templates = vec![template((0, 0), "S", &[], &[]), template((0, 0), "S", &[1], &[])];
    let structure = Structure::new(63, 1, &[], templates, Vec::new()).unwrap();
    let second = Some(&structure.templates()[1]);
    assert_eq!((structure.template(63), structure.template(0)), (Some(&structure.templates()[0]), second));
    assert_eq!((structure.template(1), structure.template(62)), (None, None));
}

#[test]
fn a_descriptor_is_rewritten_for_another_receiver() {
    let mut reader = Reader::default();
    let mut descriptor = reader.read(&THREE_TEMPORAL).unwrap();
    let structure = reader.structure().unwrap().clone();
    descriptor.frame_number = 7;
    descriptor.active_decode_targets = Some(0b011);
    let mut receiver = Reader::default();
    assert_eq!(receiver.read(&written(&descriptor, &structure)), Some(descriptor));
    assert_eq!((receiver.active_decode_targets(), receiver.structure()), (0b011, Some(&structure)));

    // The mask holds until another comes, and a new structure ends it.
    let mut later = DependencyDescriptor {
        template_id: 2,
        frame_number: 9,
        carries_structure: false,
        active_decode_targets: None,
        custom_indications: Some(indications("-DR")),
        custom_frame_diffs: FrameDiffs::new(&[1, 16, 17, 256, 257, 4096]),
        custom_chain_diffs: ChainDiffs::new(&[255]),
        ..descriptor
    };
    assert_eq!(receiver.read(&written(&later, &structure)), Some(later));
    assert_eq!(receiver.active_decode_targets(), 0b011);
    let frame = receiver.frame(&later).unwrap();
    assert_eq!((frame.spatial_id, frame.temporal_id, frame.indications), (0, 1, indications("-DR")));
    assert_eq!(frame.frame_diffs.as_slice(), [1, 16, 17, 256, 257, 4096]);
    assert_eq!(frame.chain_diffs.as_slice(), [255]);
    later.active_decode_targets = Some(0b001);
    receiver.read(&written(&later, &structure)).unwrap();
    assert_eq!(receiver.active_decode_targets(), 0b001);
    receiver.read(&THREE_TEMPORAL).unwrap();
    assert_eq!(receiver.active_decode_targets(), 0b111);
}

#[test]
fn a_descriptor_cut_anywhere_is_none_and_changes_nothing() {
    let mut reader = Reader::default();
    for len in 0..THREE_TEMPORAL.len() {
        assert_eq!(reader.read(&THREE_TEMPORAL[..len]), None, "{len}");
        assert!(reader.structure().is_none());
    }
    reader.read(&THREE_TEMPORAL).unwrap();
    let kept = reader.structure().cloned();
    // Another structure, whose last bit is missing, or whose template does not exist.
    assert_eq!(reader.read(&[0x80, 0x00, 0x01, 0x80, 0x00, 0x3a, 0x41, 0x01, 0x80, 0x9f, 0x80, 0x77]), None);
    let mut other = THREE_TEMPORAL;
    other[0] = 0x85;
    assert_eq!(reader.read(&other), None);
    assert_eq!(reader.structure().cloned(), kept);
    // Without its extended fields it is whole.
    assert!(reader.read(&THREE_TEMPORAL[..3]).is_some());
}

/// A descriptor with a structure, bit by bit.
fn descriptor_of(bits: &str) -> Vec<u8> {
    let bits: String = format!("10000000 00000000 00000001 10000 {bits}").split_whitespace().collect();
    let bytes = bits.as_bytes().chunks(8);
    bytes.map(|byte| byte.iter().enumerate().map(|(at, bit)| (bit - b'0') << (7 - at)).sum()).collect()
}

#[test]
fn layers_and_templates_beyond_their_bounds_are_none() {
    let with_layers = |layers: &str, templates: usize| {
        let rest = "00 ".repeat(templates) + &"0 ".repeat(templates) + "0 0";
        Reader::default().read(&descriptor_of(&format!("000000 00000 {layers} 11 {rest}"))).is_some()
    };
    // 64 templates, 8 temporal layers, 4 spatial layers, and one more of each.
    assert!(with_layers(&"00".repeat(63), 64) && !with_layers(&"00".repeat(64), 65));
    assert!(with_layers(&"01".repeat(7), 8) && !with_layers(&"01".repeat(8), 9));
    assert!(with_layers(&"10".repeat(3), 4) && !with_layers(&"10".repeat(4), 5));
    // Layers without an end.
    assert_eq!(Reader::default().read(&descriptor_of(&"00".repeat(10_000))), None);
    assert_eq!(Reader::default().read(&descriptor_of(&"0".repeat(11))), None);
}

#[test]
fn more_differences_than_a_decoder_has_frames_are_none() {
    let with_diffs = |count: usize| {
        let diffs = "1 0000 ".repeat(count);
        Reader::default().read(&descriptor_of(&format!("000000 00000 11 00 {diffs} 0 0 0"))).is_some()
    };
    assert!(with_diffs(16) && !with_diffs(17) && !with_diffs(10_000));
    assert!(FrameDiffs::new(&[1; 16]).is_some() && FrameDiffs::new(&[1; 17]).is_none());
    assert!(FrameDiffs::new(&[0]).is_none() && FrameDiffs::new(&[4097]).is_none());
    assert!(ChainDiffs::new(&[0; 32]).is_some() && ChainDiffs::new(&[0; 33]).is_none());
}

#[test]
fn a_structure_that_the_wire_has_no_form_for_is_none() {
    let base = || vec![template((0, 0), "SS", &[], &[0]), template((0, 1), "-D", &[1], &[1])];
    let sizes = |count| vec![Resolution { width_minus_one: 0, height_minus_one: 0 }; count];
    let valid = |offset, targets, protected: &[u8], templates, resolutions| {
        Structure::new(offset, targets, protected, templates, resolutions).is_some()
    };
    assert!(valid(63, 2, &[0, 0], base(), sizes(0)) && valid(0, 2, &[0, 0], base(), sizes(1)));
    assert!(!valid(64, 2, &[0, 0], base(), sizes(0)));
    assert!(!valid(0, 2, &[0, 0], Vec::new(), sizes(0)));
    // Decode targets: none, too many, fewer than the indications have.
    assert!(!valid(0, 0, &[], base(), sizes(0)) && !valid(0, 33, &[0; 33], base(), sizes(0)));
    assert!(!valid(0, 1, &[0], base(), sizes(0)));
    // Chains: not of each target, not there, not of each template.
    assert!(!valid(0, 2, &[0], base(), sizes(0)) && !valid(0, 2, &[0, 1], base(), sizes(0)));
    assert!(!valid(0, 2, &[], base(), sizes(0)));
    for wrong in [
        template((0, 0), "SS", &[], &[]),
        template((0, 0), "SS", &[], &[16]),
        template((0, 0), "SS", &[17], &[0]),
        template((0, 2), "SS", &[1], &[0]),
        template((1, 1), "SS", &[1], &[0]),
        template((2, 0), "SS", &[1], &[0]),
    ] {
        let templates = vec![base()[0], wrong];
        assert!(!valid(0, 2, &[0, 0], templates, sizes(0)), "{wrong:?}");
    }
    let last = vec![base()[1]];
    assert!(!valid(0, 2, &[0, 0], last, sizes(0)));
    assert!(!valid(0, 2, &[0, 0], base(), sizes(2)));
}

/// A random structure: steps between layers, then what each template has.
fn structure() -> impl Strategy<Value = Structure> {
    (0..64_u8, 1..=32_u8, 0..=32_u8, vec(0..3_u8, 0..63), any::<bool>()).prop_flat_map(
        |(offset, targets, chains, steps, sized)| {
            let chains = chains.min(targets);
            let count = steps.len() + 1;
            let each = (
                vec(0..4_u8, usize::from(targets)),
                vec(1..=16_u16, 0..=16),
                vec(0..16_u8, usize::from(chains)),
            );
            let protected = if chains == 0 { 0 } else { usize::from(targets) };
            let protected = vec(0..chains.max(1), protected);
            (vec(each, count), protected, vec(any::<(u16, u16)>(), 4)).prop_map(
                move |(each, protected, sizes)| {
                    let mut layer = (0, 0);
                    let mut templates = Vec::new();
                    for (at, (symbols, frame_diffs, chain_diffs)) in each.into_iter().enumerate() {
                        match steps.get(at.wrapping_sub(1)) {
                            Some(1) if layer.1 < 7 => layer.1 += 1,
                            Some(2) if layer.0 < 3 => layer = (layer.0 + 1, 0),
                            _ => {}
                        }
                        let symbols: String =
                            symbols.iter().map(|symbol| ['-', 'D', 'S', 'R'][usize::from(*symbol)]).collect();
                        templates.push(template(layer, &symbols, &frame_diffs, &chain_diffs));
                    }
                    let sizes = if sized { sizes.get(..=usize::from(layer.0)).unwrap() } else { &[] };
                    let resolution = |&(width_minus_one, height_minus_one)| Resolution {
                        width_minus_one,
                        height_minus_one,
                    };
                    let resolutions = sizes.iter().map(resolution).collect();
                    Structure::new(offset, targets, &protected, templates, resolutions).unwrap()
                },
            )
        },
    )
}

/// A structure, and a descriptor of it.
fn both() -> impl Strategy<Value = (Structure, DependencyDescriptor)> {
    structure().prop_flat_map(|structure| {
        let targets = structure.decode_targets();
        let ids = 0..u8::try_from(structure.templates().len()).unwrap();
        let custom = (
            option::of(any::<u32>()),
            option::of(vec(0..4_u8, usize::from(targets))),
            option::of(vec(1..=4096_u16, 0..=16)),
            option::of(vec(any::<u8>(), usize::from(structure.chains()))),
        );
        (any::<(bool, bool, bool, u16)>(), ids, custom).prop_map(
            move |((start_of_frame, end_of_frame, carries_structure, frame_number), id, custom)| {
                let (active, symbols, frame_diffs, chain_diffs) = custom;
                let descriptor = DependencyDescriptor {
                    start_of_frame,
                    end_of_frame,
                    template_id: (structure.template_id_offset() + id) % 64,
                    frame_number,
                    carries_structure,
                    active_decode_targets: active.map(|mask| mask & structure.all_decode_targets()),
                    custom_indications: symbols.map(|symbols| {
                        indications(
                            &symbols
                                .iter()
                                .map(|one| ['-', 'D', 'S', 'R'][usize::from(*one)])
                                .collect::<String>(),
                        )
                    }),
                    custom_frame_diffs: frame_diffs.map(|diffs| FrameDiffs::new(&diffs).unwrap()),
                    custom_chain_diffs: chain_diffs.map(|diffs| ChainDiffs::new(&diffs).unwrap()),
                };
                (structure.clone(), descriptor)
            },
        )
    })
}

proptest! {
    #[test]
    fn descriptors_come_back_and_none_that_is_cut_does((structure, descriptor) in both()) {
        let bytes = written(&descriptor, &structure);
        let (read, carried) = DependencyDescriptor::parse(&bytes, Some(&structure)).unwrap();
        prop_assert_eq!(read, descriptor);
        prop_assert_eq!(carried.is_some(), descriptor.carries_structure);
        prop_assert_eq!(carried.as_ref().unwrap_or(&structure), &structure);
        let without = DependencyDescriptor::parse(&bytes, None);
        prop_assert_eq!(without.is_some(), descriptor.carries_structure);
        for len in 0..bytes.len() {
            let cut = DependencyDescriptor::parse(&bytes[..len], Some(&structure));
            // Three bytes are a descriptor of their own.
            prop_assert_eq!(cut.is_some(), len == 3);
        }
    }

    #[test]
    fn any_bytes_are_stable_once_read(values in vec(vec(any::<u8>(), 0..80), 1..8), (structure, first) in both()) {
        let mut reader = Reader::default();
        let first = DependencyDescriptor { carries_structure: true, ..first };
        prop_assert_eq!(reader.read(&written(&first, &structure)), Some(first));
        for value in values {
            if let Some(descriptor) = reader.read(&value) {
                let structure = reader.structure().unwrap().clone();
                prop_assert!(structure.templates().len() <= 64);
                let again = written(&descriptor, &structure);
                let (read, carried) = DependencyDescriptor::parse(&again, Some(&structure)).unwrap();
                prop_assert_eq!(read, descriptor);
                prop_assert!(carried.is_none_or(|carried| carried == structure));
                prop_assert!(reader.frame(&descriptor).is_some());
            }
        }
    }
}
