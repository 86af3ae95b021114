//! A sans-IO DTLS connection for WebRTC.
//!
//! [`Connection`] is DTLS 1.2, client or server, as a pure state machine: datagrams, deadlines and a seed go in;
//! datagrams, events and data come out. It authenticates the peer by the fingerprints of its certificate
//! ([`Fingerprint`]), negotiates `use_srtp`, and exports the keys for it. It has no addresses and no sockets, reads no
//! clock, and draws no randomness but through a provider that says so ([`crypto::Provider::is_deterministic`]).
//!
//! # Driving a connection
//! ```
//! # #[cfg(feature = "aws-lc-rs")] {
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use duologue_dtls::{Config, Connection, Event, FingerprintHash, Identity, Role, Validity, crypto};
//!
//! let provider = crypto::aws_lc_rs();
//! // In earnest: 32 fresh bytes for each seed from a cryptographic generator, and the dates of today and later.
//! let validity = Validity { not_before: Duration::ZERO, not_after: Duration::from_secs(4_000_000_000) };
//! let make = |seed| Arc::new(Identity::generate(provider, seed, validity).expect("the provider works"));
//! let (alice, bob) = (make([1; 32]), make([2; 32]));
//! // The fingerprints travel in the session descriptions.
//! let of_alice = alice.fingerprint(provider, &FingerprintHash::Sha256);
//! let of_bob = bob.fingerprint(provider, &FingerprintHash::Sha256);
//!
//! # #[expect(clippy::disallowed_methods, reason = "what an embedder does")]
//! let now = Instant::now();
//! let mut client =
//!     Connection::new(Arc::new(Config::new(provider, alice)), Role::Client, vec![of_bob], [3; 32], now);
//! let mut server =
//!     Connection::new(Arc::new(Config::new(provider, bob)), Role::Server, vec![of_alice], [4; 32], now);
//!
//! // A network that loses nothing: what one writes, the other reads. In earnest: also wait until `poll_timeout()`
//! // and call `handle_timeout`.
//! let mut datagram = Vec::new();
//! let mut connected = 0;
//! while connected < 2 {
//!     for turn in 0..2 {
//!         let (from, to) = if turn == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
//!         while from.poll_transmit(now, 1500, &mut datagram).is_some() {
//!             let _ = to.handle_datagram(now, &mut datagram);
//!             datagram.clear();
//!         }
//!         while let Some(event) = to.poll_event() {
//!             connected += usize::from(matches!(event, Event::Connected(_)));
//!         }
//!     }
//! }
//! client.send(b"hello", &mut datagram).expect("it is connected");
//! let mut contents = server.handle_datagram(now, &mut datagram).expect("it is authentic");
//! assert_eq!(contents.next(), Some(&b"hello"[..]));
//! # }
//! ```
//!
//! # The contract
//! 1. `now` is an argument; the largest seen counts. `poll_timeout() == None` means "wait for input".
//! 2. Equal config, seed and inputs give equal outputs with a deterministic provider. The seed is a secret.
//! 3. Application data is decrypted in place and borrowed from the datagram; what came ahead of the handshake's end is
//!    pulled by [`Connection::recv`].
//! 4. A datagram that cannot be used is a counted [`Discard`]. Nothing unauthenticated ends a connection but a
//!    plausible forged handshake message, which can make the handshake fail and never succeed wrongly.
//! 5. The end is one terminal event, [`Event::Closed`] or [`Event::Failed`], once the farewell is polled or 1 s has
//!    passed; after it inputs do nothing and polls return `None`.
//! 6. `poll_transmit` appends at most one datagram, within the caller's room and the MTU; records are written when they
//!    can leave. Sending and receiving application data allocates nothing.
//! 7. After `handle_timeout(t)` the next deadline is `None` or later than `t`.
//! 8. Events are at most three in a connection's life; early data is bounded to 16 KiB.
//! 9. Every public type but the borrowed views is `Send + 'static`.
//!
//! # What is implemented
//! | source | part |
//! |---|---|
//! | RFC 6347 | DTLS 1.2: records, replay window, cookie exchange, fragmentation, retransmission, close |
//! | RFC 5246 | TLS 1.2: full handshakes with certificates on both sides; no resumption, no renegotiation |
//! | RFC 8422, 5289, 7905 | ECDHE with X25519 and P-256, ECDSA; AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 |
//! | RFC 7627 | extended master secret, required of the peer |
//! | RFC 5746 | renegotiation indication |
//! | RFC 5764, 5705, 7714 | `use_srtp` and the exporter |
//! | RFC 8122, Section 5 | fingerprints, of which the set of the most preferred hash counts |
//! | RFC 9147, Section 5.8.2 | the first retransmission after 400 ms or 1.5 times a known round trip |

mod alert;
mod config;
mod connection;
mod core;
pub mod crypto;
mod event;
pub mod handshake;
mod handshaking;
mod identity;
mod record;
mod timer;
mod v12;
mod wire;

pub use alert::{Alert, AlertDescription};
pub use config::{CipherSuite, Config, MIN_MTU, NamedGroup, Role, SrtpProfile, Version};
pub use connection::Connection;
pub use event::{
    ClosedBy, Connected, Discard, Event, ExportError, Failure, Hint, KeyLogLine, SendError, Stats,
};
pub use identity::{
    CertificateError, Fingerprint, FingerprintError, FingerprintHash, Identity, Validity, certificate_key,
};
pub use record::{ContentType, Plaintext, RECORD_HEADER_LEN, RecordHeader};
pub use wire::{DecodeError, U16List};
