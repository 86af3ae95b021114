//! A sans-IO SCTP association with data channels for WebRTC.
//!
//! [`dcep::Channels`] is what a connection embeds: data channels and the [`Association`] they run on. Packets that DTLS has
//! decrypted go in, plain packets come out; nothing here opens a socket, reads a clock or draws randomness.
//!
//! ```
//! use duologue_sctp::dcep::{ChannelConfig, Channels, DtlsRole, Event, Kind};
//! use duologue_sctp::Config;
//! use std::sync::Arc;
//!
//! # #[expect(clippy::disallowed_methods)]
//! let now = std::time::Instant::now(); // Tests take it from a simulated clock.
//! let config = Arc::new(Config::default());
//! let mut peers = [(DtlsRole::Client, [1; 32]), (DtlsRole::Server, [2; 32])].map(|(role, seed)| {
//!     let mut channels = Channels::new(config.clone(), seed, now);
//!     channels.set_dtls_role(now, role);
//!     channels.connect(now);
//!     channels
//! });
//! let chat = peers[0].create(now, ChannelConfig::default())?;
//! peers[0].send(now, chat, Kind::Text, "hello".into())?;
//!
//! // The loop: what one side wants to send, the other takes; a real one also waits for `poll_timeout`.
//! let mut packet = Vec::new();
//! let mut quiet = 0;
//! while quiet < 2 {
//!     quiet += 1;
//!     let [from, to] = &mut peers;
//!     while from.poll_transmit(now, 1500, &mut packet).is_some() {
//!         let _ = to.handle_packet(now, &packet); // A refused packet is counted, not an error.
//!         packet.clear();
//!         quiet = 0;
//!     }
//!     peers.rotate_left(1);
//! }
//! let receiver = &mut peers[1];
//! while let Some(event) = receiver.poll_event() {
//!     if let Event::Incoming(channel) = event {
//!         assert_eq!(receiver.channel(channel).map(|channel| channel.config().ordered), Some(true));
//!     }
//! }
//! assert_eq!(receiver.recv().map(|message| message.payload), Some("hello".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The contract
//! 1. Time is an argument of every call whose effect depends on it; the largest seen counts. `poll_timeout() == None` waits
//!    for input.
//! 2. The seed is secret and fresh: tags, first TSNs, heartbeats' nonces and the cookie's key come from it. Equal
//!    configuration, seed and inputs give equal outputs, byte for byte.
//! 3. Packets are borrowed; what must outlive them is copied once into shared blocks, from which messages are cut.
//! 4. A packet that cannot be used is an `Err(`[`Discard`]`)`, counted by reason in [`Stats`], and no error of the program's.
//! 5. The end is one terminal event, after the last packet was polled or one second after; then inputs do nothing and
//!    polls return `None`, while `recv()` still yields what had arrived whole. Misuse hands the payload back.
//! 6. `poll_transmit` appends at most one packet; `None` for lack of room loses nothing. Steady state allocates nothing
//!    per packet, and a payload is copied once, into the packet.
//! 7. After `handle_timeout(t)` the next deadline is later than `t` or none; an early call does nothing; a drain ends and a
//!    second one is empty.
//! 8. Messages are pulled, and unread ones shrink the advertised window. Events are coalesced. Poll events before
//!    messages: a channel's first message comes after its [`dcep::Event::Incoming`].
//! 9. Every public machine is `Send + 'static`.
//!
//! # What is built
//! - [RFC 9260](https://www.rfc-editor.org/rfc/rfc9260): set-up with an authenticated cookie, also from both sides at once, COOKIE ECHO
//!   with data; fragmentation and reassembly, ordered and unordered; SACK with gap blocks and duplicates; T3 and loss
//!   detection; NewReno with HyStart++ (RFC 9406); receive window, window probes; HEARTBEAT, ERROR, ABORT, SHUTDOWN.
//!   One path; no ECN.
//! - [RFC 8261](https://www.rfc-editor.org/rfc/rfc8261): over DTLS; address parameters are ignored.
//! - [RFC 3758](https://www.rfc-editor.org/rfc/rfc3758): FORWARD-TSN, by lifetime and by retransmissions
//!   ([RFC 7496](https://www.rfc-editor.org/rfc/rfc7496)).
//! - [RFC 6525](https://www.rfc-editor.org/rfc/rfc6525): outgoing stream resets; other requests are denied.
//! - [RFC 8831](https://www.rfc-editor.org/rfc/rfc8831), [RFC 8832](https://www.rfc-editor.org/rfc/rfc8832): data channels, in
//!   band and negotiated.
//! - Not yet: [RFC 8260](https://www.rfc-editor.org/rfc/rfc8260) (I-DATA), RFC 9653 (zero checksum), path MTU discovery.
//!
//! # Decisions
//! - Loss is detected by the order of transmissions, as in RFC 9002 and RFC 8985, where RFC 9260, Section 7.2.4 counts reports
//!   per chunk: lost retransmissions are found too, and each SACK costs what it newly says. Recovery fills the halved window
//!   with lost data first (RFC 6675).
//! - Slow start ends when the delay rises (HyStart++). After a burst loss with more gaps than a SACK holds, each SACK that
//!   says nothing new stands for a packet that has left the network, so recovery goes on at the pace of the acknowledgements.
//! - A peer that starts a new association in place of an old one ends it: channels do not outlive their state.
//! - Streams take turns message by message.

mod association;
mod config;
mod cookie;
pub mod dcep;
mod event;
mod heartbeat;
mod input;
mod output;
pub mod packet;
mod ranges;
mod rx;
mod serial;
mod setup;
mod shutdown;
mod state;
mod stream_reset;
mod timer;
mod tx;

pub use association::{Association, Message, Reliability, SendOptions};
pub use config::Config;
pub use event::{CloseReason, Discard, Event, SendError, Stats, StreamId};
