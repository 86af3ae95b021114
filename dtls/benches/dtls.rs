//! A handshake, both sides; a record of 1,200 bytes, sealed and opened.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a benchmark on values of its own"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use duologue_dtls::crypto::{self, Provider};
use duologue_dtls::{
    CipherSuite, Config, Connection, Event, FingerprintHash, Identity, NamedGroup, Role, Validity,
};
use duologue_netsim::Network;

const PAYLOAD: usize = 1200;

struct Setup {
    configs: [Arc<Config>; 2],
    now: Instant,
}

impl Setup {
    fn new(provider: &'static dyn Provider, suite: CipherSuite, group: NamedGroup) -> Self {
        let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(4_000_000_000) };
        let configs = [1, 2].map(|seed| {
            let identity = Arc::new(Identity::generate(provider, [seed; 32], validity).unwrap());
            let mut config = Config::new(provider, identity);
            (config.cipher_suites, config.groups) = (vec![suite], vec![group]);
            Arc::new(config)
        });
        Self { configs, now: Network::new(1).now() }
    }

    /// Both sides, connected in four flights.
    fn connect(&self) -> [Connection; 2] {
        let side = |index: usize, role| {
            let peer = &self.configs[1 - index];
            let remote = peer.identity.fingerprint(peer.provider, &FingerprintHash::Sha256);
            Connection::new(Arc::clone(&self.configs[index]), role, vec![remote], [index as u8; 32], self.now)
        };
        let mut sides = [side(0, Role::Client), side(1, Role::Server)];
        let mut datagram = Vec::with_capacity(1500);
        for flight in 0..4 {
            while sides[flight % 2].poll_transmit(self.now, 1500, &mut datagram).is_some() {
                let _ = sides[1 - flight % 2].handle_datagram(self.now, &mut datagram);
                datagram.clear();
            }
        }
        for side in &mut sides {
            assert!(matches!(side.poll_event(), Some(Event::Connected(_))));
        }
        sides
    }
}

fn handshake(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("handshake, both sides");
    benches.throughput(Throughput::Elements(1));
    let suite = CipherSuite::EcdheEcdsaAes128GcmSha256;
    for provider in [crypto::aws_lc_rs(), crypto::rust_crypto()] {
        for group in NamedGroup::ALL {
            let setup = Setup::new(provider, suite, group);
            benches.bench_function(format!("{provider:?} {group:?}"), |bencher| {
                bencher.iter(|| black_box(setup.connect()));
            });
        }
    }
}

fn record(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("record of 1,200 bytes, sealed and opened");
    benches.throughput(Throughput::Bytes(PAYLOAD as u64));
    for provider in [crypto::aws_lc_rs(), crypto::rust_crypto()] {
        for suite in CipherSuite::ALL {
            let setup = Setup::new(provider, suite, NamedGroup::X25519);
            let [mut client, mut server] = setup.connect();
            let payload = [7; PAYLOAD];
            let mut datagram = Vec::with_capacity(1500);
            benches.bench_function(format!("{provider:?} {}", suite.name()), |bencher| {
                bencher.iter(|| {
                    datagram.clear();
                    client.send(black_box(&payload), &mut datagram).unwrap();
                    let plaintext = server.handle_datagram(setup.now, &mut datagram).unwrap();
                    assert_eq!(plaintext.map(<[u8]>::len).sum::<usize>(), PAYLOAD);
                });
            });
        }
    }
}

criterion_group!(benches, handshake, record);
criterion_main!(benches);
