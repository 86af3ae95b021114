//! Parsing and printing a description: the offer of 7 kB that Chromium makes for audio, video and data.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue_sdp::SessionDescription;
use std::hint::black_box;

const OFFER: &str = include_str!("../tests/data/chromium-audio-video-data.sdp");

fn sdp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sdp");
    group.throughput(Throughput::Bytes(OFFER.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| black_box(OFFER).parse::<SessionDescription>());
    });
    let Ok(parsed) = OFFER.parse::<SessionDescription>() else { return };
    assert_eq!(parsed.to_string().len(), OFFER.len(), "what is printed is what was parsed");
    group.bench_function("print", |bencher| bencher.iter(|| black_box(&parsed).to_string()));
    group.finish();
}

criterion_group!(benches, sdp);
criterion_main!(benches);
