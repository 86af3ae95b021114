//! Parsing the offer of a browser allocates little.

use duologue_sdp::SessionDescription;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const OFFER: &str = include_str!("data/chromium-audio-video-data.sdp");

/// Without the harness, whose threads allocate too.
fn main() {
    an_offer_of_audio_video_and_data_parses_with_fewer_than_150_allocations();
}

fn an_offer_of_audio_video_and_data_parses_with_fewer_than_150_allocations() {
    let region = Region::new(ALLOCATOR);
    let parsed = OFFER.parse::<SessionDescription>();
    let change = region.change();
    assert!(parsed.is_ok_and(|parsed| parsed.media.len() == 3));
    let count = change.allocations + change.reallocations;
    assert!((1..150).contains(&count), "{count} allocations");
}
