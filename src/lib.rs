//! Duologue, a sans-IO WebRTC stack: peer connections as pure state machines.
//!
//! A [`PeerConnection`] opens no socket, reads no clock, spawns no task and asks the operating system for no randomness:
//! time, datagrams and a seed go in, datagrams, events and deadlines come out. It can be embedded in any runtime, fuzzed,
//! and tested on virtual time. Each protocol is a crate of its own, re-exported here: [`sdp`], [`stun`], [`ice`], [`dtls`],
//! [`sctp`], [`rtp`].
//!
//! # The loop
//!
//! ```
//! use duologue::{ChannelConfig, Config, Event, NtpTime, Output, PeerConnection};
//! use std::num::NonZeroUsize;
//! use std::sync::Arc;
//! use std::time::{Instant, SystemTime};
//!
//! # fn seed() -> [u8; 32] { [7; 32] }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (now, wall) = (Instant::now(), SystemTime::now());
//! let config = Arc::new(Config::generate(duologue::dtls::crypto::aws_lc_rs(), seed(), wall)?);
//! let mut peer = PeerConnection::new(config, seed(), now, NtpTime::from(wall));
//! peer.add_interface(now, "192.0.2.1:5000".parse()?)?;
//! peer.create_data_channel(now, "chat", ChannelConfig::default())?;
//! let offer = peer.create_offer()?;
//! peer.set_local_description(now, &offer)?;
//! // ... signal `offer`, receive the answer, `set_remote_description` ...
//!
//! let mut buffer = Vec::new();
//! let deadline = loop {
//!     buffer.clear();
//!     match peer.poll_output(Instant::now(), NonZeroUsize::MIN, &mut buffer) {
//!         Output::Event(Event::Readable) => while let Some(_message) = peer.recv() {},
//!         Output::Event(_event) => {}
//!         Output::Transmit(_transmit) => { /* send `buffer` from transmit.path.local to transmit.path.remote */ }
//!         Output::Wait(deadline) => break deadline,
//!     }
//! };
//! // Wait for a datagram (`handle_datagram`) or until `deadline`, and loop.
//! # let _ = deadline;
//! # Ok(())
//! # }
//! ```
//!
//! # The contract
//!
//! It holds for the connection and for each machine below it.
//! 1. `now` is an argument of every call whose effect depends on time; the largest one seen counts. `poll_timeout() == None`
//!    waits for input.
//! 2. Equal configuration, seed and inputs give equal outputs, byte for byte, with a crypto provider that says
//!    `is_deterministic()`.
//! 3. Received bytes are decrypted in place and borrowed from the datagram, not from the machine.
//! 4. A datagram that cannot be used is a counted [`Discard`], never a failure. Nothing unauthenticated ends a connection,
//!    grows a queue past its bound or evicts authenticated state; a plausible forged plaintext handshake message on a
//!    qualified path may make that handshake fail, never succeed wrongly.
//! 5. A connection that cannot go on ends with one [`Event::Closed`], once its last datagrams have been polled or 1 s after
//!    [`close`](PeerConnection::close); then inputs do nothing and polls return `None`, while
//!    [`recv`](PeerConnection::recv) still yields what had arrived. ICE's `disconnected` and `failed` are states, not ends.
//! 6. `poll_transmit` appends datagrams for one path, all but the last of one length, ready for segmentation offload.
//! 7. After `handle_timeout(t)` the next deadline is `None` or later than `t`; an early call does nothing; a drain ends.
//! 8. Messages, frames and events are pulled; unread messages hold the peer back, unread frames are dropped, the oldest first.
//! 9. Every public type is `Send + 'static`; there are no callbacks.

pub mod capabilities;
mod config;
mod data_channel;
mod demux;
mod early;
mod event;
mod input;
mod media;
mod negotiate;
mod output;
mod peer_connection;
mod pump;
mod quiet;
mod seed;
mod stats;
mod transceivers;

pub use config::Config;
pub use demux::{Demux, InsertError, Route};
pub use event::{CloseReason, ConnectionState, Discard, Event};
pub use input::{Arrival, Ecn, Received};
pub use media::{ReceiverInfo, RtpPacket, codec_of};
pub use negotiate::{AddCandidateError, Description};
pub use output::{Output, Transmit};
pub use peer_connection::PeerConnection;
pub use stats::{
    CandidatePairStats, CertificateStats, CodecStats, CodecType, DataChannelStats, DtlsTransportState,
    InboundRtpStats, MimeType, OutboundRtpStats, RemoteInboundRtpStats, RemoteOutboundRtpStats, Stats,
    TransportStats,
};

pub use duologue_dtls as dtls;
pub use duologue_ice as ice;
pub use duologue_rtp as rtp;
pub use duologue_rtp::rtcp::NtpTime;
pub use duologue_rtp::stream::{Frame, JitterConfig, OutgoingFrame, OutgoingPacket, ReceiverId, SenderId};
pub use duologue_rtp::{KeyFrameRequest, SendErrorKind};
pub use duologue_sctp as sctp;
pub use duologue_sctp::SendError;
pub use duologue_sctp::dcep::{
    Channel, ChannelCloseReason, ChannelConfig, ChannelId, ChannelState, CreateError, Kind, Message,
};
pub use duologue_sdp as sdp;
pub use duologue_sdp::jsep::{
    Encoding, OfferOptions, Parameters, TrackKind, Transceiver, TransceiverError, TransceiverId,
    TransceiverInit,
};
pub use duologue_stun as stun;

/// The README's code, so that it compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
