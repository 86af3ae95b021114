//! A deterministic network on virtual time, to test sans-IO machines in: links with rate, delay, jitter, queues,
//! loss, duplication and reordering, NATs with the behaviours of RFC 4787, firewalls, byte streams, and packet captures.
//!
//! Nothing here sleeps or reads the clock after the first [`Instant`](std::time::Instant); the same seed and the
//! same nodes give the same run, datagram for datagram. The crate knows no protocol: it moves datagrams, and the bytes of
//! streams, between [`Node`]s.
//!
//! ```
//! use duologue_netsim::{Addresses, Link, Network, Node, Realm};
//! use std::time::{Duration, Instant};
//!
//! /// Sends one datagram and counts what it hears.
//! struct Greeter {
//!     greeting: Option<Addresses>,
//!     heard: usize,
//! }
//!
//! impl Node for Greeter {
//!     fn handle_timeout(&mut self, _now: Instant) {}
//!     fn handle_datagram(&mut self, _now: Instant, _addresses: Addresses, _datagram: &mut [u8]) {
//!         self.heard += 1;
//!     }
//!     fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
//!         let addresses = self.greeting.take()?;
//!         out.extend_from_slice(b"hello");
//!         Some(addresses)
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         None
//!     }
//! }
//!
//! let mut network = Network::new(1);
//! let start = network.now();
//! let link = Link { delay: Duration::from_millis(25), ..Link::default() };
//! let (a, b) = (network.add_host(), network.add_host());
//! network.add_interface(a, "192.0.2.1".parse()?, Realm::INTERNET, link.clone(), Link::default());
//! network.add_interface(b, "192.0.2.2".parse()?, Realm::INTERNET, link, Link::default());
//!
//! let to_b = Addresses { source: "192.0.2.1:1000".parse()?, destination: "192.0.2.2:2000".parse()? };
//! let mut nodes = [Greeter { greeting: Some(to_b), heard: 0 }, Greeter { greeting: None, heard: 0 }];
//! assert!(network.run_until(&mut nodes, start + Duration::from_secs(1), |nodes| nodes[1].heard == 1));
//! assert_eq!(network.now(), start + Duration::from_millis(25));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod clock;
mod firewall;
mod link;
mod loss;
mod mapping;
mod nat;
mod network;
mod node;
mod pcap;
mod random;
mod stats;
mod stream;
mod topology;

pub use firewall::FirewallConfig;
pub use link::Link;
pub use loss::Loss;
pub use nat::{Behaviour, NatConfig, NatKind, ParseNatKindError};
pub use network::Network;
pub use node::{Addresses, Node};
pub use stats::Stats;
pub use stream::{StreamEnd, StreamEvent, StreamFailure, StreamRequest};
pub use topology::{HostId, InterfaceId, Outage, Realm};
