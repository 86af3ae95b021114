#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test panics")]
//! A steady stream allocates nothing, lost packets and swapped ones included.

use std::alloc::System;
use std::time::{Duration, Instant};

use duologue_netsim::Network;
use duologue_rtp::codec::Codec;
use duologue_rtp::extension::Set;
use duologue_rtp::stream::ReceiverId;
use duologue_rtp::stream::jitter::{AfterLoss, Incoming, JitterBuffer, JitterConfig};
use duologue_rtp::stream::nack::{Nack, NackConfig};
use duologue_rtp::stream::reception::Reception;
use duologue_rtp::{ExtendedSequence, ExtendedTimestamp, PayloadType};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Work {
    start: Instant,
    sequence: u64,
    reception: Reception,
    nack: Nack,
    jitter: JitterBuffer,
    asked: Vec<ExtendedSequence>,
    frames: u64,
    bytes: u64,
}

impl Work {
    fn new(after_loss: AfterLoss) -> Self {
        let mut config = JitterConfig::default();
        config.after_loss = after_loss;
        Self {
            start: Network::new(0).now(),
            sequence: 0,
            reception: Reception::new(90_000, ExtendedSequence(0)),
            nack: Nack::new(NackConfig::default()),
            jitter: JitterBuffer::new(ReceiverId(0), config),
            asked: Vec::with_capacity(1000),
            frames: 0,
            bytes: 0,
        }
    }

    fn packet(&mut self, sequence: u64, at: Instant, payload: &mut [u8]) {
        // Frames of five packets, the first of which starts a VP8 frame: a key frame when it is of the first frame.
        let (frame, part) = (sequence / 5, sequence % 5);
        payload[0] = if part == 0 { 0x10 } else { 0 };
        payload[1] = u8::from(frame > 0);
        let timestamp = ExtendedTimestamp((1 << 32) + frame * 3000);
        self.reception.receive(ExtendedSequence(sequence), timestamp.wire(), at, payload.len());
        self.nack.received(ExtendedSequence(sequence), at, false);
        let packet = Incoming {
            sequence: ExtendedSequence(sequence),
            timestamp,
            codec: Codec::Vp8,
            payload_type: PayloadType::from_low_bits(96),
            marker: part == 4,
            payload,
            arrival: at,
            extensions: Set::new(),
        };
        self.jitter.insert(at, packet).unwrap();
        self.asked.clear();
        self.nack.poll(at, &mut self.asked);
        while let Some(frame) = self.jitter.poll(at) {
            self.frames += 1;
            self.bytes += frame.payload.len() as u64;
        }
    }

    /// Each tenth packet comes 40 packets late, each sixteenth before the one before it.
    fn run(&mut self, packets: u64) {
        let mut payload = [7; 1200];
        for _ in 0..packets {
            let n = self.sequence;
            self.sequence += 1;
            let at = self.start + Duration::from_millis(6) * u32::try_from(n).unwrap();
            match n % 16 {
                7 => self.packet(n + 1, at, &mut payload),
                8 => self.packet(n - 1, at, &mut payload),
                3 => {}
                _ => self.packet(n, at, &mut payload),
            }
            if n >= 43 && (n - 40) % 16 == 3 {
                self.packet(n - 40, at, &mut payload);
            }
        }
    }
}

/// Without the harness, whose threads allocate too.
fn main() {
    a_steady_stream_allocates_nothing();
}

fn a_steady_stream_allocates_nothing() {
    for after_loss in [AfterLoss::KeyFrame, AfterLoss::Continue] {
        let mut work = Work::new(after_loss);
        work.run(20_000);
        let (frames, bytes) = (work.frames, work.bytes);
        let region = Region::new(ALLOCATOR);
        work.run(100_000);
        let change = region.change();
        assert!(work.frames - frames > 19_900 && (work.bytes - bytes) / (work.frames - frames) == 5 * 1199);
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
    }
}
