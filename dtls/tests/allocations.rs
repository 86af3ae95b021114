//! Records are sealed and opened without allocations, and a connection that is established is small.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue_dtls::crypto::{self, Provider};
use duologue_dtls::{CipherSuite, Config, Connection, Event, FingerprintHash, Identity, Role, Validity};
use duologue_netsim::Network;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A connected client and server.
fn connect(
    provider: &'static dyn Provider,
    suite: CipherSuite,
    identities: &[Arc<Identity>; 2],
) -> [Connection; 2] {
    let now = now();
    let side = |index: usize, role| {
        let mut config = Config::new(provider, Arc::clone(&identities[index]));
        config.cipher_suites = vec![suite];
        let remote = identities[1 - index].fingerprint(provider, &FingerprintHash::Sha256);
        Connection::new(Arc::new(config), role, vec![remote], [if index == 0 { 3 } else { 4 }; 32], now)
    };
    let mut sides = [side(0, Role::Client), side(1, Role::Server)];
    let mut datagram = Vec::with_capacity(1500);
    for flight in 0..4 {
        while sides[flight % 2].poll_transmit(now, 1500, &mut datagram).is_some() {
            let _ = sides[1 - flight % 2].handle_datagram(now, &mut datagram);
            datagram.clear();
        }
    }
    for side in &mut sides {
        assert!(matches!(side.poll_event(), Some(Event::Connected(_))));
    }
    sides
}

fn now() -> Instant {
    Network::new(1).now()
}

fn identities(provider: &dyn Provider) -> [Arc<Identity>; 2] {
    let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(1) };
    [1, 2].map(|seed| Arc::new(Identity::generate(provider, [seed; 32], validity).unwrap()))
}

/// Without the harness, whose threads allocate too.
fn main() {
    records_cost_no_allocation_and_an_idle_pair_little_memory();
}

// One test, as others beside it would be counted.
fn records_cost_no_allocation_and_an_idle_pair_little_memory() {
    for provider in [crypto::aws_lc_rs(), crypto::rust_crypto()] {
        let identities = identities(provider);
        for suite in CipherSuite::ALL {
            let before = Region::new(ALLOCATOR);
            let mut sides = connect(provider, suite, &identities);
            let change = before.change();
            let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
            println!("{provider:?} {suite:?}: {held} bytes per pair, {} allocations", change.allocations);
            assert!(held < 12 * 1024, "{held} bytes per idle pair");

            let now = now();
            let mut datagram = Vec::with_capacity(1500);
            let payload = [7; 1200];
            let mut delivered = 0;
            let region = Region::new(ALLOCATOR);
            for number in 0..1000 {
                let (from, to) = (number % 2, 1 - number % 2);
                datagram.clear();
                if number % 4 < 2 {
                    sides[from].send(&payload, &mut datagram).unwrap();
                } else {
                    let header_len = sides[from].record_header_len();
                    datagram.resize(header_len, 0);
                    datagram.extend_from_slice(&payload);
                    sides[from].seal(&mut datagram, 0).unwrap();
                }
                delivered +=
                    sides[to].handle_datagram(now, &mut datagram).unwrap().map(<[u8]>::len).sum::<usize>();
                sides[to].handle_timeout(now);
                assert!(sides[to].poll_transmit(now, 1500, &mut datagram).is_none());
                assert!(sides[to].poll_event().is_none());
            }
            let change = region.change();
            assert_eq!(delivered, 1_200_000);
            assert_eq!((change.allocations, change.reallocations), (0, 0), "{provider:?} {suite:?}");
        }
    }
}
