//! Any text: what parses prints back to the same value, and its codecs are in order.

use duologue_sdp::{Format, Media, SessionDescription};
use std::collections::BTreeSet;

/// One input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(parsed) = text.parse::<SessionDescription>() {
        assert_eq!(parsed.to_string().parse().as_ref(), Ok(&parsed));
        parsed.media.iter().for_each(codecs);
    }
}

/// Each payload type stands once; a codec matches itself, and its answer to itself matches it, unless its parameters are
/// invalid.
fn codecs(media: &Media) {
    let codecs = media.codecs();
    for (index, codec) in codecs.iter().enumerate() {
        assert!(codecs.iter().skip(index + 1).all(|other| other.payload_type != codec.payload_type));
        assert!(codec.clock_rate > 0 && codec.channels > 0);
        let answer = codec.answer(codec);
        assert_eq!(answer.is_some(), codec.format() != Format::Invalid);
        assert!(answer.is_none_or(|answer| answer.matches(codec) && answer.feedback == codec.feedback));
        assert!(codec.apt().is_none() || codec.redundant().next().is_none());
    }
    let rids: BTreeSet<_> = media.rids().map(|rid| &rid.id).collect();
    assert_eq!(rids.len(), media.rids().count());
}
