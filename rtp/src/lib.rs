//! RTP, RTCP and SRTP for WebRTC, without IO.
//!
//! [`Session`] is what a connection embeds: every stream of one transport, the reports on them, and their repair. Datagrams
//! go in and come out encrypted, under the keys that DTLS has agreed on; nothing here opens a socket, reads a clock or draws
//! randomness. The parts stand alone too: packets ([`packet`], [`extension`], [`rtcp`]), their protection ([`srtp`]), payload
//! formats ([`codec`]), and what a stream is made of ([`stream`], [`cc`]).
//!
//! ```
//! # #[cfg(feature = "rust-crypto")] {
//! use duologue_rtp::codec::Codec;
//! use duologue_rtp::rtcp::NtpTime;
//! use duologue_rtp::srtp::{MasterKey, Profile, RUST_CRYPTO};
//! use duologue_rtp::stream::{OutgoingPacket, SectionId};
//! use duologue_rtp::{Config, Event, Format, PayloadType, Section, SenderInit, Session, packet};
//! use std::num::NonZeroU32;
//! use std::sync::Arc;
//!
//! # #[expect(clippy::disallowed_methods)]
//! let now = std::time::Instant::now(); // Tests take it from a simulated clock.
//! let ntp = NtpTime(3_913_056_000 << 32); // The wall clock's time, once.
//! let profile = Profile::AeadAes128Gcm;
//! let exported = vec![7; profile.keying_material_len()]; // By DTLS, equal on both sides.
//! let (client, server) = MasterKey::from_keying_material(profile, &exported).unwrap();
//!
//! let opus = PayloadType::new(111).unwrap();
//! let audio = SectionId(0);
//! let config = Arc::new(Config::new(&RUST_CRYPTO));
//! let [mut alice, mut bob] = [(1, &client, &server), (2, &server, &client)].map(|(seed, send, receive)| {
//!     let mut session = Session::new(config.clone(), [seed; 32], now, ntp);
//!     session.set_keys(send, receive);
//!     let mut section = Section::default(); // What offer and answer have agreed on.
//!     section.send = vec![Format::new(opus, Codec::Opus, NonZeroU32::new(48_000).unwrap())];
//!     section.receive = section.send.clone();
//!     session.set_section(now, audio, section);
//!     session
//! });
//! let sender = alice.add_sender(now, audio, SenderInit::default());
//! alice.send_rtp(now, sender, OutgoingPacket::new(opus, 960, "sound".into())).unwrap();
//!
//! // The loop: what one side wants to send, the other takes; a real one also waits for `poll_timeout`.
//! let mut datagram = Vec::new();
//! let mut heard = Vec::new();
//! while alice.poll_transmit(now, 1500, &mut datagram).is_some() {
//!     if packet::is_rtcp(&datagram) {
//!         let _ = bob.handle_rtcp(now, &mut datagram); // A refused datagram is counted, not an error.
//!     } else if let Ok(packet) = bob.handle_rtp(now, now, None, &mut datagram) {
//!         heard.extend_from_slice(packet.payload);
//!     }
//!     datagram.clear();
//! }
//! while let Some(event) = bob.poll_event() {
//!     assert!(matches!(event, Event::ReceiverAdded { .. }));
//! }
//! assert_eq!(heard, b"sound");
//! # }
//! ```
//!
//! # The contract
//! 1. Time is an argument of every call whose effect depends on it; the largest seen counts. `poll_timeout() == None` waits
//!    for input. Wall time enters once, at construction.
//! 2. The seed is secret and fresh: sources, first numbers and timestamps, and the times of RTCP come from it. Equal
//!    configuration, seed and inputs give equal outputs, byte for byte.
//! 3. Packets are decrypted in place and handed out borrowed from the datagram. Frames are copied once into shared blocks.
//! 4. A datagram that cannot be used is an `Err(`[`Discard`]`)`, counted by reason in [`Stats`], and no error of the
//!    program's. What is not authentic changes nothing else.
//! 5. A session has no end of its own: it is dropped. A sender that is removed says goodbye. Misuse hands back what was to
//!    be sent, and nothing of it leaves.
//! 6. `poll_transmit` appends at most one datagram; `None` for lack of room loses nothing, whether a batch of equal lengths
//!    is being filled or the buffer is small. Steady state allocates nothing per packet, repairs and reports among them, and a
//!    payload is copied once, into the datagram (those that begin and end a frame of video also to be looked at).
//! 7. After `handle_timeout(t)` the next deadline is later than `t` or none, also when nothing can be sent; an early call does
//!    nothing; a drain ends and a second one is empty.
//! 8. Frames are pulled, and the oldest are dropped when nobody does. Events are coalesced: at most two for each receiver that
//!    may be, one for each sender, and one for frames. A receiver that came and went unseen is not told of.
//! 9. Every public machine is `Send + 'static`.
//!
//! # What is built
//! - [RFC 3550](https://www.rfc-editor.org/rfc/rfc3550), [RFC 3551](https://www.rfc-editor.org/rfc/rfc3551): packets, reports, their
//!   timing; all our sources report as one end ([RFC 8108](https://www.rfc-editor.org/rfc/rfc8108)), in turns where they are many.
//! - [RFC 3711](https://www.rfc-editor.org/rfc/rfc3711), [RFC 6188](https://www.rfc-editor.org/rfc/rfc6188),
//!   [RFC 7714](https://www.rfc-editor.org/rfc/rfc7714), keyed by [RFC 5764](https://www.rfc-editor.org/rfc/rfc5764): see [`srtp`].
//! - [RFC 4585](https://www.rfc-editor.org/rfc/rfc4585), [RFC 5104](https://www.rfc-editor.org/rfc/rfc5104),
//!   [RFC 5506](https://www.rfc-editor.org/rfc/rfc5506), [RFC 9627](https://www.rfc-editor.org/rfc/rfc9627): NACK, PLI and FIR both ways, LRR
//!   received, early and in reduced size.
//! - [RFC 3611](https://www.rfc-editor.org/rfc/rfc3611): a receiver's reference time is answered; ours is not told, nor other blocks.
//! - [RFC 4588](https://www.rfc-editor.org/rfc/rfc4588): retransmission in streams of their own, whose sources are signalled, named by
//!   `repaired-rid`, or found out; without such a format the same packet again.
//! - [RFC 8285](https://www.rfc-editor.org/rfc/rfc8285): header extensions; [RFC 8852](https://www.rfc-editor.org/rfc/rfc8852),
//!   [RFC 8853](https://www.rfc-editor.org/rfc/rfc8853): simulcast by `rid`;
//!   [RFC 9143](https://www.rfc-editor.org/rfc/rfc9143#section-9.2): which section a packet belongs to.
//! - [Transport-wide feedback](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01): told and taken;
//!   [RFC 8888](https://www.rfc-editor.org/rfc/rfc8888): the same by source, with ECN marks, and in its place where both are agreed on.
//! - Payloads: Opus, G.711, G.722, telephone-event, VP8, VP9, H.264, H.265, AV1: see [`codec`].
//! - Not yet: congestion control and pacing.
//!
//! # Decisions
//! - A retransmission whose source nobody has named belongs to the one stream that misses its packet; while several do, to none.
//! - A packet given to [`Session::send_rtp`] may exceed the largest datagram by what our headers and tag add: what others have
//!   cut cannot be cut again.
//! - A key frame that leaves answers those requests too that come within a round trip after it: they were sent before it can
//!   have arrived.
//! - A packet is sent again ten times at most, a round trip apart; who asks for more gets nothing.

pub mod cc;
pub mod codec;
mod config;
mod event;
pub mod extension;
pub mod packet;
pub mod rtcp;
mod section;
mod sequence;
mod session;
mod slab;
pub mod srtp;
pub mod stream;

pub use cc::Ecn;
pub use config::Config;
pub use event::{Discard, Event, KeyFrameRequest, SendError, SendErrorKind};
pub use section::{Feedback, Format, Section, SignalledSource};
pub use sequence::{ExtendedSequence, ExtendedTimestamp, PayloadType, SequenceNumber, Ssrc, Timestamp};
pub use session::{ReceiverStats, SenderInit, SenderReportStats, SenderStats, Session, Stats};
