//! The whole stack: what connecting costs both sides together, a bulk transfer over a data channel, and taking all statistics
//! of a call with two streams each way.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "benches")]

#[path = "../tests/joined/mod.rs"]
mod joined;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../tests/stack/stats_call.rs"]
mod stats_call;
#[path = "../tests/stack/streams.rs"]
mod streams;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../tests/stack/support.rs"]
mod support;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../ice/tests/common/turn_server.rs"]
mod turn_server;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue::Config;
use joined::Joined;
use stats_call::{MediaCall, take_all};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};
use support::{ALICE, Setup};

const MESSAGE: usize = 64 << 10;
const MESSAGES: usize = 64;

fn configs() -> [Arc<Config>; 2] {
    let wall = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    [1, 2].map(|seed| {
        Arc::new(Config::generate(duologue::dtls::crypto::aws_lc_rs(), [seed; 32], wall).unwrap())
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only come from the clock; time is virtual from here"
)]
fn start() -> Instant {
    Instant::now()
}

fn stack(criterion: &mut Criterion) {
    let (configs, now) = (configs(), start());
    let mut seed = 0u64;
    criterion.bench_function("stack/connect", |bencher| {
        bencher.iter(|| {
            seed += 2;
            let seeds = [seed, seed + 1].map(|seed| {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&seed.to_le_bytes());
                bytes
            });
            Joined::connected(configs.clone(), seeds, now)
        });
    });

    let (mut joined, channel) = Joined::connected(configs, [[3; 32], [4; 32]], now);
    let payload = Bytes::from(vec![7; MESSAGE]);
    let mut group = criterion.benchmark_group("stack");
    group.throughput(Throughput::Bytes((MESSAGE * MESSAGES) as u64));
    group.measurement_time(Duration::from_secs(10));
    group.bench_function("bulk", |bencher| bencher.iter(|| joined.transfer(channel, &payload, MESSAGES)));
    group.finish();
}

fn statistics(criterion: &mut Criterion) {
    let mut call = MediaCall::new(&Setup::new(1));
    call.talk(200);
    let peer = &*call.peer(ALICE);
    assert_eq!(take_all(peer), 15, "two streams each way, their reports, a pair, codecs and certificates");
    criterion.bench_function("stack/statistics", |bencher| bencher.iter(|| take_all(peer)));
}

criterion_group!(benches, stack, statistics);
criterion_main!(benches);
