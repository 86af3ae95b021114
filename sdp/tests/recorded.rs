//! Offers recorded from real clients parse, and print back with every attribute they had.
#![expect(clippy::unwrap_used, reason = "tests")]

use duologue_sdp::{Attribute, ExtensionUri, Feedback, SessionDescription};
use std::collections::{BTreeMap, BTreeSet};

fn recorded() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20);
    files
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn every_recorded_offer_survives_a_round_trip() {
    for (name, text) in recorded() {
        let parsed: SessionDescription = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let again: SessionDescription = parsed.to_string().parse().unwrap();
        assert_eq!(parsed, again, "{name}");
    }
}

#[test]
fn every_attribute_of_a_recorded_offer_is_typed_but_for_those_that_webrtc_has_no_use_for() {
    let mut untyped = BTreeSet::new();
    for (_, text) in recorded() {
        let parsed: SessionDescription = text.parse().unwrap();
        let attributes = parsed.media.iter().flat_map(|media| &media.attributes).chain(&parsed.attributes);
        for attribute in attributes {
            match attribute {
                Attribute::Other { name, .. } => {
                    untyped.insert(name.to_string());
                }
                Attribute::RtcpFb(fb) => assert!(!matches!(fb.feedback, Feedback::Other(_)), "{fb}"),
                Attribute::Extmap(extmap) => {
                    assert!(!matches!(extmap.uri, ExtensionUri::Other(_)), "{extmap}")
                }
                _ => {}
            }
        }
    }
    assert_eq!(Vec::from_iter(untyped), ["msid-semantic", "rtcp-xr", "sctp-init"]);
}

#[test]
fn printing_keeps_every_line_of_a_recorded_offer() {
    fn count(text: &str) -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        for line in text.lines() {
            *lines.entry(line.trim_end().to_owned()).or_default() += 1;
        }
        lines
    }
    for (name, text) in recorded() {
        let printed = text.parse::<SessionDescription>().unwrap().to_string();
        assert_eq!(count(&text), count(&printed), "{name}");
    }
}

#[test]
fn lf_alone_ends_lines_too() {
    for (_, text) in recorded() {
        let lf = text.replace("\r\n", "\n");
        assert_eq!(lf.parse::<SessionDescription>().unwrap(), text.parse().unwrap());
    }
}

#[test]
fn a_recorded_offer_cut_anywhere_never_panics() {
    for (_, text) in recorded() {
        for end in 0..text.len() {
            if let Ok(parsed) = text[..end].parse::<SessionDescription>() {
                parsed.media.iter().for_each(|media| drop(media.codecs()));
            }
        }
    }
}

#[test]
fn the_data_section_of_each_client_is_typed() {
    for (client, size) in [("chromium", 262_144), ("firefox", 1_073_741_823), ("aiortc", 262_144)] {
        let path = format!("{}/tests/data/{client}-data.sdp", env!("CARGO_MANIFEST_DIR"));
        let parsed: SessionDescription = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let media = &parsed.media[0];
        assert!(media.is_data_channel());
        assert_eq!((media.sctp_port(), media.max_message_size()), (Some(5000), Some(size)), "{client}");
        let on_session = parsed.attributes.iter().any(|one| matches!(one, Attribute::Fingerprint(_)));
        assert!(on_session || media.fingerprints().next().is_some(), "{client}");
    }
}
