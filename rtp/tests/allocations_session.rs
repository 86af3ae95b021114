#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a failing test panics; numbers are cut to patterns; not all of the support is used"
)]
//! Steady state allocates nothing per packet, repairs and reports included.

use std::alloc::System;
use std::time::Instant;

use bytes::Bytes;
use duologue_netsim::Network;
use duologue_rtp::stream::{JitterConfig, OutgoingFrame, OutgoingPacket, SenderId};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::*;

#[path = "session/support.rs"]
mod support;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Work {
    peers: [Peer; 2],
    sender: SenderId,
    now: Instant,
    out: Vec<u8>,
    pictures: [Bytes; 2],
    /// The same with the payload's descriptor, as packets.
    parts: [Vec<Bytes>; 2],
    turn: u32,
    /// Packets that were handed out, and datagrams that were lost.
    packets: u64,
    lost: u64,
    frames: u64,
}

impl Work {
    fn new(frames: bool, by_source: bool) -> Self {
        let network = Network::new(0);
        let now = network.now();
        let mut peers = pair(&network);
        let mut section = video();
        for format in section.receive.iter_mut().chain(&mut section.send) {
            format.feedback.congestion_control = by_source;
        }
        for peer in &mut peers {
            peer.session.set_section(now, VIDEO, section.clone());
            peer.session.set_frames(VIDEO, frames.then(JitterConfig::default));
        }
        let sender = peers[0].session.add_sender(now, VIDEO, Default::default());
        let pictures = [picture(0, true, 5000), picture(1, false, 5000)];
        let parts = pictures.clone().map(|picture| {
            let part = |(at, chunk): (usize, &[u8])| {
                Bytes::from([&[if at == 0 { 0x10 } else { 0 }], chunk].concat())
            };
            picture.chunks(1000).enumerate().map(part).collect()
        });
        let out = Vec::with_capacity(2048);
        Self { peers, sender, now, out, pictures, parts, turn: 0, packets: 0, lost: 0, frames: 0 }
    }

    /// Sends one picture, whole or as packets, and lets everything move until nothing does; each tenth datagram of media is
    /// lost.
    fn turn(&mut self, whole: bool) {
        let which = usize::from(self.turn > 0);
        let session = &mut self.peers[0].session;
        let time = self.turn * 3000;
        if whole {
            session
                .send_frame(
                    self.now,
                    self.sender,
                    OutgoingFrame::new(VP8, time, self.pictures[which].clone()),
                )
                .unwrap();
        } else {
            for part in 0..5 {
                let mut packet = OutgoingPacket::new(VP8, time, self.parts[which][part].clone());
                packet.marker = part == 4;
                session.send_rtp(self.now, self.sender, packet).unwrap();
            }
        }
        self.turn += 1;
        for _ in 0..33 {
            self.now += MS;
            for from in 0..2 {
                self.peers[from].session.handle_timeout(self.now);
                self.pump(from);
            }
        }
    }

    fn pump(&mut self, from: usize) {
        loop {
            self.out.clear();
            if self.peers[from].session.poll_transmit(self.now, 1500, &mut self.out).is_none() {
                return;
            }
            self.packets += 1;
            let to = &mut self.peers[1 - from].session;
            if (192..224).contains(&self.out[1]) {
                to.handle_rtcp(self.now, &mut self.out).unwrap();
            } else if self.packets.is_multiple_of(10) && self.turn > 1 {
                self.lost += 1;
            } else {
                let _ = to.handle_rtp(self.now, self.now, None, &mut self.out);
            }
            for peer in &mut self.peers {
                while peer.session.poll_event().is_some() {}
                while peer.session.recv_frame().is_some() {
                    self.frames += 1;
                }
            }
        }
    }

    /// How often memory was asked for in so many turns.
    fn allocations(&mut self, turns: u32, whole: bool) -> usize {
        let region = Region::new(ALLOCATOR);
        for _ in 0..turns {
            self.turn(whole);
        }
        let change = region.change();
        change.allocations + change.reallocations
    }
}

/// Without the harness, whose threads allocate too.
fn main() {
    steady_state_allocates_nothing_per_packet();
}

// The counter is one for the process, so there is one test.
fn steady_state_allocates_nothing_per_packet() {
    for (whole, frames, by_source) in [
        (false, false, false),
        (false, true, false),
        (true, true, false),
        (false, false, true),
        (true, true, true),
    ] {
        let mut work = Work::new(frames, by_source);
        work.allocations(600, whole);
        let (packets, lost) = (work.packets, work.lost);
        let allocations = work.allocations(600, whole);
        let (packets, lost) = (work.packets - packets, work.lost - lost);
        let repaired = work.peers[1].receiver(VIDEO).repaired_packets;
        let told = work.peers[0].session.stats().told;
        assert!(told.received > 5000 && told.lost > 500 && told.never_sent == 0, "{told:?}");
        println!(
            "whole {whole}, frames {frames}, by source {by_source}: {allocations} allocations, {packets} packets, {lost} lost"
        );
        assert!(packets > 3000 && lost > 250 && repaired > 250, "{packets} {lost} {repaired}");
        assert!(!frames || work.frames > 1000, "{}", work.frames);
        assert_eq!(allocations, 0);
    }
}
