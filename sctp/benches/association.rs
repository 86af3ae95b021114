//! CPU per packet and per message, both sides together, without a network between them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue_sctp::Config;
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Channels, DtlsRole, Kind};

struct Pair {
    a: Channels,
    b: Channels,
    channel: ChannelId,
    now: Instant,
    out: Vec<u8>,
    /// Packets under way, so that a window is in flight as on a real path.
    wire: Vec<u8>,
    lens: Vec<usize>,
}

impl Pair {
    #[expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a first instant; a bench may panic")]
    fn new() -> Self {
        let now = Instant::now();
        let mut config = Config::default();
        config.mtu = 1_200;
        let config = Arc::new(config);
        let mut a = Channels::new(config.clone(), [1; 32], now);
        let mut b = Channels::new(config, [2; 32], now);
        a.set_dtls_role(now, DtlsRole::Client);
        b.set_dtls_role(now, DtlsRole::Server);
        a.set_remote_max_message_size(262_144);
        a.connect(now);
        b.connect(now);
        let channel = a.create(now, ChannelConfig::default()).unwrap();
        let mut pair = Self { a, b, channel, now, out: Vec::new(), wire: Vec::new(), lens: Vec::new() };
        pair.exchange();
        pair
    }

    /// Moves what each side may send, a flight at a time, until nothing is left; returns the packets of the first side.
    fn exchange(&mut self) -> u64 {
        let mut packets = 0;
        loop {
            self.wire.clear();
            self.lens.clear();
            while let Some(len) = self.a.poll_transmit(self.now, 1500, &mut self.wire) {
                self.lens.push(len);
            }
            packets += self.lens.len() as u64;
            let idle = self.lens.is_empty();
            let mut rest = self.wire.as_slice();
            for len in &self.lens {
                let (packet, after) = rest.split_at(*len);
                rest = after;
                let _ = self.b.handle_packet(self.now, packet);
            }
            self.out.clear();
            let mut answered = false;
            loop {
                self.out.clear();
                if self.b.poll_transmit(self.now, 1500, &mut self.out).is_none() {
                    break;
                }
                answered = true;
                let _ = self.a.handle_packet(self.now, &self.out);
            }
            if idle && !answered {
                return packets;
            }
        }
    }

    #[expect(clippy::unwrap_used, reason = "a bench may panic")]
    fn run(&mut self, message: &Bytes, count: usize) -> u64 {
        for _ in 0..count {
            self.a.send(self.now, self.channel, Kind::Binary, message.clone()).unwrap();
        }
        let mut packets = self.exchange();
        let mut received = 0;
        loop {
            while let Some(got) = self.b.recv() {
                received += black_box(got.payload).len();
            }
            if received == count * message.len() {
                break;
            }
            self.now += Duration::from_millis(20);
            self.a.handle_timeout(self.now);
            self.b.handle_timeout(self.now);
            packets += self.exchange();
        }
        self.now += Duration::from_millis(1);
        while self.a.poll_event().is_some() || self.b.poll_event().is_some() {}
        packets
    }
}

fn bulk(criterion: &mut Criterion) {
    let mut pair = Pair::new();
    let message = Bytes::from(vec![7; 65_536]);
    pair.run(&message, 64);
    let packets = pair.run(&message, 16);
    let mut group = criterion.benchmark_group("bulk, 64 KiB messages");
    group.throughput(Throughput::Elements(packets));
    group.bench_function("per 1,200-byte packet, both sides", |bencher| {
        bencher.iter(|| pair.run(&message, 16));
    });
    group.finish();
}

fn small(criterion: &mut Criterion) {
    let mut pair = Pair::new();
    let message = Bytes::from(vec![7; 100]);
    pair.run(&message, 10_000);
    let mut group = criterion.benchmark_group("100-byte messages");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("per message, both sides", |bencher| {
        bencher.iter(|| pair.run(&message, 10_000));
    });
    group.finish();
}

fn set_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set-up");
    group.throughput(Throughput::Elements(1));
    group.bench_function("per pair with one channel", |bencher| {
        bencher.iter(|| {
            let mut pair = Pair::new();
            assert_eq!(pair.exchange(), 0);
            pair
        });
    });
    group.finish();
}

criterion_group!(benches, bulk, small, set_up);
criterion_main!(benches);
