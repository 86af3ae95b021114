//! A relayed datagram allocates nothing, in a channel and without one, either way.
#![cfg(feature = "rust-crypto")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[expect(unreachable_pub, dead_code, reason = "shared with other tests")]
#[path = "turn/server.rs"]
mod server;

use std::alloc::System;
use std::time::Duration;

use duologue_stun::turn::{HEADROOM, Received, TAILROOM};
use server::{Server, World, address, config, data_indication};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_hundred_thousand_relayed_datagrams_allocate_nothing() {
    for channels in [true, false] {
        let mut config = config();
        config.channels = channels;
        let mut world = World::allocated(config, Server::new());
        let peers: Vec<_> = (0..100).map(|host| address(&format!("198.51.100.{host}:5000"))).collect();
        for peer in &peers {
            world.client.permit(world.now, *peer).unwrap();
        }
        world.wait(Duration::from_secs(1));
        let mut buffer = vec![0xdd; HEADROOM + 1_200 + TAILROOM];
        let mut indication = data_indication(peers[7], &[0xee; 1_200]);
        let mut in_channel = world.server.data_from(peers[7], &[0xee; 1_200]);
        let region = Region::new(ALLOCATOR);
        for round in 0..25_000 {
            for peer in [peers[round % 100], peers[7]] {
                let framed = world.client.seal(peer, &mut buffer, HEADROOM..HEADROOM + 1_199).unwrap();
                assert_eq!(framed.len(), if channels { 1_203 } else { 1_236 });
            }
            for datagram in [&mut indication, &mut in_channel] {
                match world.client.handle_datagram(world.now, datagram) {
                    Ok(Received::Data { peer, payload }) => {
                        assert_eq!((peer, payload.len()), (peers[7], 1_200));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(world.client.poll_timeout().is_some());
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0));
        assert_eq!(world.client.stats().datagrams_sent, 50_000);
    }
}
