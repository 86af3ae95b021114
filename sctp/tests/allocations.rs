#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failing test panics; a first instant")]
//! Steady state allocates nothing per packet.

use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use duologue_sctp::Config;
use duologue_sctp::dcep::{ChannelConfig, ChannelId, Channels, DtlsRole, Kind};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Moves packets both ways until none is left; returns how many moved.
fn exchange(now: Instant, a: &mut Channels, b: &mut Channels, out: &mut Vec<u8>) -> u64 {
    let mut packets = 0;
    loop {
        let before = packets;
        for forth in [true, false] {
            let (from, to) = if forth { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
            out.clear();
            if from.poll_transmit(now, 1500, out).is_some() {
                to.handle_packet(now, out).unwrap();
                packets += 1;
            }
        }
        if packets == before {
            return packets;
        }
    }
}

struct Work {
    a: Channels,
    b: Channels,
    channel: ChannelId,
    now: Instant,
    out: Vec<u8>,
}

impl Work {
    fn new() -> Self {
        let now = Instant::now();
        let config = Arc::new(Config::default());
        let mut a = Channels::new(config.clone(), [1; 32], now);
        let mut b = Channels::new(config, [2; 32], now);
        a.set_dtls_role(now, DtlsRole::Client);
        b.set_dtls_role(now, DtlsRole::Server);
        a.set_remote_max_message_size(262_144);
        a.connect(now);
        b.connect(now);
        let channel = a.create(now, ChannelConfig::default()).unwrap();
        Self { a, b, channel, now, out: Vec::with_capacity(2048) }
    }

    /// Sends `count` messages, `batch` at a time; returns the packets that moved.
    fn run(&mut self, message: &Bytes, count: usize, batch: usize) -> u64 {
        let (mut packets, mut received) = (0, 0);
        for _ in 0..count / batch {
            for _ in 0..batch {
                self.a.send(self.now, self.channel, Kind::Binary, message.clone()).unwrap();
            }
            packets += exchange(self.now, &mut self.a, &mut self.b, &mut self.out);
            self.now += Duration::from_millis(1);
            while let Some(got) = self.b.recv() {
                received += got.payload.len();
            }
            while self.a.poll_event().is_some() || self.b.poll_event().is_some() {}
        }
        assert_eq!(received, count * message.len());
        packets
    }
}

/// Without the harness, whose threads allocate too.
fn main() {
    steady_state_allocates_nothing_and_an_idle_pair_stays_small();
}

// The counter is one for the process, so there is one test.
fn steady_state_allocates_nothing_and_an_idle_pair_stays_small() {
    bulk_and_small_messages_allocate_nothing_per_packet();
    an_idle_pair_is_small_and_does_not_grow();
}

fn bulk_and_small_messages_allocate_nothing_per_packet() {
    for (len, count, batch) in [(65_536, 400, 4), (100, 40_000, 200), (1_000, 20_000, 1)] {
        let mut work = Work::new();
        let message = Bytes::from(vec![7; len]);
        work.run(&message, count, batch);
        let region = Region::new(ALLOCATOR);
        let packets = work.run(&message, count, batch);
        let change = region.change();
        println!("{len} bytes: {packets} packets, {change:?}");
        assert!(packets > 1_000);
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{len}-byte messages");
    }
}

fn an_idle_pair_is_small_and_does_not_grow() {
    let held = Region::new(ALLOCATOR);
    let mut work = Work::new();
    work.run(&Bytes::from_static(b"hello"), 10, 1);
    let change = held.change();
    let heap = change.bytes_allocated - change.bytes_deallocated;
    let inline = 2 * size_of::<Channels>();
    println!("{heap} bytes of heap, {inline} bytes inline, for both sides of an idle pair");
    assert!(heap + inline < 20_000, "{heap} + {inline} bytes");
    // Three days of heartbeats.
    let mut heartbeats = 0;
    let idle = |work: &mut Work, hours: u64| {
        let end = work.now + Duration::from_secs(3_600 * hours);
        let mut packets = 0;
        while let Some(next) = [&work.a, &work.b].iter().filter_map(|side| side.poll_timeout()).min() {
            work.now = next;
            if next > end {
                break;
            }
            work.a.handle_timeout(next);
            work.b.handle_timeout(next);
            packets += exchange(next, &mut work.a, &mut work.b, &mut work.out);
        }
        packets
    };
    heartbeats += idle(&mut work, 1);
    let region = Region::new(ALLOCATOR);
    heartbeats += idle(&mut work, 71);
    let change = region.change();
    assert!(heartbeats > 10_000, "{heartbeats} packets");
    assert_eq!((change.allocations, change.bytes_allocated), (0, change.bytes_deallocated));
}
