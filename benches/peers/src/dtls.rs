//! DTLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, X25519, certificates on both sides and no cookie, by aws-lc-rs.

use crate::table::{Work, row};
use dimpl::crypto::Dtls12CipherSuite;
use dimpl::{Dtls, DtlsCertificate, Output};
use duologue::dtls::{
    CipherSuite, Config, Connection, Event, FingerprintHash, Identity, NamedGroup, Role, Validity, crypto,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const HANDSHAKES: u64 = 100;
const RECORDS: u64 = 20_000;
const PAYLOAD: usize = 1200;

struct Ours {
    configs: [Arc<Config>; 2],
    now: Instant,
}

impl Ours {
    fn new() -> Self {
        let provider = crypto::aws_lc_rs();
        let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(4_000_000_000) };
        let configs = [1, 2].map(|seed| {
            let identity = Arc::new(Identity::generate(provider, [seed; 32], validity).unwrap());
            let mut config = Config::new(provider, identity);
            config.cipher_suites = vec![CipherSuite::EcdheEcdsaAes128GcmSha256];
            config.groups = vec![NamedGroup::X25519];
            Arc::new(config)
        });
        Self { configs, now: Instant::now() }
    }

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

struct Dimpl {
    config: Arc<dimpl::Config>,
    certificates: [DtlsCertificate; 2],
    now: Instant,
}

impl Dimpl {
    fn new() -> Self {
        let config = dimpl::Config::builder()
            .use_server_cookie(false)
            .require_client_certificate(true)
            .dtls12_cipher_suites(&[Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256])
            .kx_groups(&[dimpl::NamedGroup::X25519])
            .build()
            .unwrap();
        let certificates = [(); 2].map(|()| dimpl::certificate::generate_self_signed_certificate().unwrap());
        Self { config: Arc::new(config), certificates, now: Instant::now() }
    }

    fn connect(&self) -> [Dtls; 2] {
        let mut sides =
            self.certificates.clone().map(|one| Dtls::new_12(Arc::clone(&self.config), one, self.now));
        sides[0].set_active(true);
        let mut buffer = vec![0; 2048];
        let (mut connected, mut certificates) = (0, 0);
        for side in &mut sides {
            side.handle_timeout(self.now).unwrap();
        }
        for turn in 0..12 {
            let mut flight = Vec::new();
            loop {
                match sides[turn % 2].poll_output(&mut buffer) {
                    Output::Packet(packet) => flight.push(packet.to_vec()),
                    Output::Connected => connected += 1,
                    // Fingerprints are compared on both sides of the table.
                    Output::PeerCert(der) => {
                        let remote = dimpl::certificate::calculate_fingerprint(der);
                        assert_eq!(remote, self.certificates[1 - turn % 2].fingerprint());
                        certificates += 1;
                    }
                    Output::Timeout(_) => break,
                    Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                    _ => {}
                }
            }
            for packet in &flight {
                sides[1 - turn % 2].handle_packet(packet).unwrap();
            }
            if connected == 2 && flight.is_empty() {
                break;
            }
        }
        assert_eq!((connected, certificates), (2, 2));
        sides
    }
}

/// The handshake, both sides.
pub fn handshake() {
    let (ours, peer) = (Ours::new(), Dimpl::new());
    let mut ours = || {
        (0..HANDSHAKES).for_each(|_| drop(black_box(ours.connect())));
        HANDSHAKES
    };
    let mut round = || {
        (0..HANDSHAKES).for_each(|_| drop(black_box(peer.connect())));
        HANDSHAKES
    };
    row(
        "DTLS 1.2 handshake",
        "handshake, both sides",
        Work { name: "dimpl 0.9.0", round: &mut round },
        &mut ours,
    );
}

/// A record of 1,200 bytes, sealed and opened.
pub fn record() {
    let payload = [7; PAYLOAD];
    let ours = Ours::new();
    let [mut client, mut server] = ours.connect();
    let mut datagram = Vec::with_capacity(1500);
    let now = ours.now;
    let mut ours = || {
        for _ in 0..RECORDS {
            datagram.clear();
            client.send(black_box(&payload), &mut datagram).unwrap();
            let plaintext = server.handle_datagram(now, &mut datagram).unwrap();
            assert_eq!(plaintext.map(<[u8]>::len).sum::<usize>(), PAYLOAD);
        }
        RECORDS
    };
    let [mut sender, mut receiver] = Dimpl::new().connect();
    let (mut buffer, mut opened) = (vec![0; 2048], vec![0; 2048]);
    let mut round = || {
        for _ in 0..RECORDS {
            sender.send_application_data(black_box(&payload)).unwrap();
            let mut received = 0;
            while let Output::Packet(packet) = sender.poll_output(&mut buffer) {
                receiver.handle_packet(packet).unwrap();
                loop {
                    match receiver.poll_output(&mut opened) {
                        Output::ApplicationData(data) => received += data.len(),
                        Output::Timeout(_) => break,
                        _ => {}
                    }
                }
            }
            assert_eq!(received, PAYLOAD);
        }
        RECORDS
    };
    row(
        "DTLS 1.2 record of 1,200 bytes",
        "sealed and opened",
        Work { name: "dimpl 0.9.0", round: &mut round },
        &mut ours,
    );
}
