//! A video call between two peers: what a packet costs who sends it and who takes it, and what statistics cost.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "benches")]

#[path = "../tests/joined/media.rs"]
mod media;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use duologue::ice::Path;
use duologue::{Arrival, Config, OutgoingPacket, Received};
use media::{Media, vp8_frame};
use std::cell::RefCell;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// With its headers, extensions and tag, somewhat under 1,200 bytes of datagram.
const PAYLOAD: usize = 1120;
/// The time between two packets: 2.2 Mbit/s.
const INTERVAL: Duration = Duration::from_millis(4);

fn configs() -> [Arc<Config>; 2] {
    let wall = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    [1, 2].map(|seed| {
        let mut config = Config::generate(duologue::dtls::crypto::aws_lc_rs(), [seed; 32], wall).unwrap();
        Arc::make_mut(&mut config.dtls).srtp_profiles = vec![duologue::dtls::SrtpProfile::AeadAes128Gcm];
        Arc::new(config)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only come from the clock; time is virtual from here"
)]
fn start() -> Instant {
    Instant::now()
}

/// A call of a few seconds, in which the first peer has sent all along.
fn call() -> Media {
    let mut media = Media::connected(configs(), start(), None);
    for _ in 0..5_000 {
        send(&mut media);
        media.turn(INTERVAL);
    }
    assert_eq!(media.packets, 5_000);
    media
}

/// Hands the first peer a packet of a frame of four.
fn send(media: &mut Media) {
    thread_local! {
        static PAYLOAD_BYTES: Bytes = vp8_frame(PAYLOAD, false);
        static SENT: RefCell<u32> = const { RefCell::new(0) };
    }
    let number = SENT.with_borrow_mut(|sent| {
        *sent += 1;
        *sent
    });
    let payload = PAYLOAD_BYTES.with(Bytes::clone);
    let mut packet = OutgoingPacket::new(media.payload_type, number / 4 * 1440, payload);
    packet.marker = number % 4 == 3;
    media.peers[0].send_rtp(media.now, media.senders[0], packet).unwrap();
}

fn media(criterion: &mut Criterion) {
    let mut media = call();
    let mut out = Vec::with_capacity(1500);
    criterion.bench_function("media/send", |bencher| {
        // What was sent in two seconds is kept; no timer is due meanwhile.
        bencher.iter(|| {
            send(&mut media);
            out.clear();
            let now = media.now;
            let transmit = media.peers[0].poll_transmit(now, NonZeroUsize::MIN, &mut out).unwrap();
            assert!(transmit.len > PAYLOAD);
        });
    });

    let media = RefCell::new(call());
    criterion.bench_function("media/receive", |bencher| {
        let datagram = || {
            let media = &mut *media.borrow_mut();
            media.turn(INTERVAL);
            send(media);
            let mut datagram = Vec::with_capacity(1500);
            loop {
                datagram.clear();
                let next = media.peers[0].poll_transmit(media.now, NonZeroUsize::MIN, &mut datagram).unwrap();
                let path = Path::udp(next.path.remote, next.path.local);
                if next.len > PAYLOAD {
                    break (datagram, path);
                }
                // A report or a check came before it.
                media.peers[1]
                    .handle_datagram(media.now, Arrival::new(path, media.now), &mut datagram)
                    .unwrap();
            }
        };
        let take = |(mut datagram, path): (Vec<u8>, Path)| {
            let media = &mut *media.borrow_mut();
            let arrival = Arrival::new(path, media.now);
            let taken = media.peers[1].handle_datagram(media.now, arrival, &mut datagram);
            assert!(matches!(taken, Ok(Received::Rtp(_))));
            datagram
        };
        bencher.iter_batched(datagram, take, BatchSize::NumIterations(16));
    });

    let media = media.into_inner();
    criterion.bench_function("media/stats", |bencher| {
        bencher.iter(|| {
            for peer in &media.peers {
                black_box(peer.stats());
                black_box(peer.transport());
                each(peer.outbound_rtp());
                each(peer.remote_inbound_rtp());
                each(peer.inbound_rtp());
                each(peer.remote_outbound_rtp());
                each(peer.candidate_pairs());
            }
        });
    });
}

/// Takes every item.
fn each<T>(items: impl Iterator<Item = T>) {
    for item in items {
        black_box(item);
    }
}

criterion_group!(benches, media);
criterion_main!(benches);
