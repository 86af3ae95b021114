//! The offer that Chromium makes for audio, video and data.

use crate::table::{Work, row};
use duologue::sdp::SessionDescription;
use std::hint::black_box;

const OFFER: &str = include_str!("../../../sdp/tests/data/chromium-audio-video-data.sdp");
const COUNT: u64 = 1_000;

/// A description parsed: typed, and by a peer that leaves attributes as text.
pub fn parse() {
    let mut ours = || {
        for _ in 0..COUNT {
            let parsed: SessionDescription = black_box(OFFER).parse().unwrap();
            assert_eq!(black_box(parsed).media.len(), 3);
        }
        COUNT
    };
    let mut typed = || {
        for _ in 0..COUNT {
            let parsed = webrtc_sdp::parse_sdp(black_box(OFFER), false).unwrap();
            assert_eq!(black_box(parsed).media.len(), 3);
        }
        COUNT
    };
    row("SDP parse, typed", "offer", Work { name: "webrtc-sdp 0.3.17", round: &mut typed }, &mut ours);
    let mut strings = || {
        for _ in 0..COUNT {
            let parsed = sdp_types::Session::parse(black_box(OFFER).as_bytes()).unwrap();
            assert_eq!(black_box(parsed).medias.len(), 3);
        }
        COUNT
    };
    row(
        "SDP parse, ours typed",
        "offer",
        Work { name: "sdp-types 0.3.1 (strings)", round: &mut strings },
        &mut ours,
    );
}
