//! Parsing and printing a description: the offer of 7 kB that Chromium makes for audio, video and data, and 1 MiB of what
//! nobody should send.
#![expect(clippy::disallowed_methods, clippy::expect_used, reason = "a bench may panic, and measures time")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue_sdp::{Limits, SessionDescription};
use std::hint::black_box;
use std::time::{Duration, Instant};

const OFFER: &str = include_str!("../tests/data/chromium-audio-video-data.sdp");
const HEAD: &str =
    "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\n";

/// The longest that 1 MiB may take to be parsed or refused, and its codecs put together.
const HOSTILE_LIMIT: Duration = Duration::from_millis(50);

fn sdp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sdp");
    group.throughput(Throughput::Bytes(OFFER.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| black_box(OFFER).parse::<SessionDescription>());
    });
    let parsed: SessionDescription = OFFER.parse().expect("the offer parses");
    assert_eq!(parsed.to_string().len(), OFFER.len(), "what is printed is what was parsed");
    group.bench_function("print", |bencher| bencher.iter(|| black_box(&parsed).to_string()));
    group.bench_function("codecs", |bencher| bencher.iter(|| codecs(black_box(&parsed))));
    group.finish();
}

/// How many codecs the sections have.
fn codecs(parsed: &SessionDescription) -> usize {
    parsed.media.iter().map(|media| media.codecs().len() + media.rids().count()).sum()
}

fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sdp 1 MiB");
    group.sample_size(10);
    let mut raised = Limits::default();
    raised.line_len = 2 << 20;
    raised.lines = 1 << 20;
    raised.sections = 1 << 20;
    for line in [
        "a=x:",
        "a=rtcp-fb:* x",
        "a=rtcp-fb:96 y",
        "a=rid:1 send pt=1",
        "a=rid:",
        "a=ssrc-group:FID",
        "a=simulcast:send 1",
        "a=group:BUNDLE",
        "a=candidate:1",
        "a=extmap:1 urn:x",
        "m=audio 9 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
    ] {
        for (shape, text) in
            [("short", short_lines(line)), ("long", long_lines(line)), ("one", one_line(line))]
        {
            for (limits, name) in [(&Limits::default(), "default"), (&raised, "raised")] {
                let run =
                    || SessionDescription::parse(black_box(&text), limits).map(|parsed| codecs(&parsed));
                // The shortest of three: the machine may have had other work to do.
                let measure = |_| {
                    let start = Instant::now();
                    let _ = black_box(run());
                    start.elapsed()
                };
                let took = (0..3).map(measure).min();
                assert!(took < Some(HOSTILE_LIMIT), "{line}, {shape} lines, {name} limits: {took:?}");
                group.bench_function(format!("{line}, {shape} lines, {name} limits"), |bencher| {
                    bencher.iter(run)
                });
            }
        }
    }
    group.finish();
}

/// 1 MiB of lines, each with a number of its own.
fn short_lines(line: &str) -> String {
    let mut text = HEAD.to_owned();
    let mut number = 0;
    while text.len() < 1 << 20 {
        number += 1;
        // A `rid` has its number before what else it says.
        let numbered =
            if line == "a=rid:" { format!("a=rid:{number} send\n") } else { format!("{line} {number}\n") };
        text.push_str(&numbered);
    }
    text
}

/// 1 MiB of lines that are as long as the default limit lets them be.
fn long_lines(line: &str) -> String {
    let mut text = HEAD.to_owned();
    while text.len() < 1 << 20 {
        text.push_str(&filled(line, 16 * 1024));
    }
    text
}

/// One line of 1 MiB.
fn one_line(line: &str) -> String {
    format!("{HEAD}{}", filled(line, 1 << 20))
}

/// A line of that length, filled with the list that its kind has.
fn filled(line: &str, len: usize) -> String {
    let filler = match line {
        "a=simulcast:send 1" => ";~1,1",
        "a=rid:1 send pt=1" => ",1",
        _ => " 1",
    };
    let count = (len - line.len() - 1) / filler.len();
    format!("{line}{}\n", filler.repeat(count))
}

criterion_group!(benches, sdp, hostile);
criterion_main!(benches);
