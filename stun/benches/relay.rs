//! What relaying a datagram of 1,200 bytes costs client and server together, each way, in a channel and in indications, with
//! one client and with as many as an address has ports for.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that fails here measures nothing"
)]

#[expect(unreachable_pub, reason = "shared with a test")]
#[path = "../tests/relayed/mod.rs"]
mod relayed;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use relayed::{LEN, Relayed};

fn relay(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay");
    group.throughput(Throughput::Bytes(u64::try_from(LEN).unwrap()));
    for (kind, channels) in [("channel", true), ("indications", false)] {
        for clients in [1, 100, 10_000] {
            let mut relayed = Relayed::new(clients, channels);
            let clients = usize::from(clients);
            // A stride that meets all of them and never a neighbour.
            let mut next = 0;
            let mut turn = || {
                next = (next + 7_919) % clients;
                next
            };
            group.bench_function(format!("to the peer, {kind}, {clients} clients"), |b| {
                b.iter(|| relayed.there(turn()));
            });
            group.bench_function(format!("to the client, {kind}, {clients} clients"), |b| {
                b.iter(|| relayed.back(turn()));
            });
            assert_eq!(relayed.relay().stats().allocations, u64::try_from(clients).unwrap());
        }
    }
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
