//! What comes in: datagrams and deadlines.

use crate::event::{CloseReason, ConnectionState, Discard};
use crate::media::RtpPacket;
use crate::peer_connection::{PeerConnection, Phase};
use duologue_dtls as dtls;
use duologue_ice as ice;
use std::time::Instant;

/// The most learnt paths that wait to be polled.
const MAX_LEARNT: usize = 16;

/// How a datagram arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// Our address, and the sender's.
    pub path: ice::Path,
    /// The ECN bits of its IP header, if known.
    pub ecn: Option<Ecn>,
    /// When the kernel received it, if known; else the time of the call.
    pub at: Instant,
}

impl Arrival {
    /// A datagram of which no more is known than its path.
    #[must_use]
    pub fn new(path: ice::Path, at: Instant) -> Self {
        Self { path, ecn: None, at }
    }
}

/// Explicit congestion notification ([RFC 3168, Section 5](https://www.rfc-editor.org/rfc/rfc3168#section-5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// ECN-capable, codepoint 1.
    Ect1,
    /// ECN-capable, codepoint 0.
    Ect0,
    /// Congestion experienced.
    Ce,
}

/// What became of a datagram.
#[derive(Debug)]
#[non_exhaustive]
pub enum Received<'d> {
    /// It was the connection's own; drain the polls.
    Consumed,
    /// An RTP packet of the peer's, borrowed from the datagram.
    Rtp(RtpPacket<'d>),
}

impl PeerConnection {
    /// Takes a datagram. It is decrypted in place.
    ///
    /// # Errors
    /// It was of no use, for the reason given and counted. Noise on the network is no failure.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Discard> {
        let now = self.advance(now);
        self.counters.datagrams_received += 1;
        self.counters.bytes_received += datagram.len() as u64;
        if self.phase != Phase::Running {
            return self.refuse(Discard::Ended);
        }
        let path = arrival.path.canonical();
        match self.ice.handle_datagram(now, path, datagram) {
            Ok(ice::Received::Consumed) => {
                self.wake(now);
                self.learn(path);
                self.pump();
                Ok(Received::Consumed)
            }
            Ok(ice::Received::Payload { qualified, bytes, .. })
                if matches!(bytes.first(), Some(128..=191)) =>
            {
                if !qualified {
                    return self.refuse(Discard::UnqualifiedMedia);
                }
                self.hasten();
                match self.handle_media(&arrival, bytes) {
                    Ok(Some(packet)) => Ok(Received::Rtp(packet)),
                    Ok(None) => Ok(Received::Consumed),
                    Err(reason) => self.refuse(Discard::Rtp(reason)),
                }
            }
            // What is refused may still have changed a layer: a handshake that fails, say.
            Ok(ice::Received::Payload { source, qualified, bytes }) => {
                self.wake(now);
                let used = self.handle_payload(source, qualified, bytes);
                self.pump();
                used.map(|()| Received::Consumed)
            }
            Err(reason) => {
                self.wake(now);
                self.refuse(Discard::Ice(reason))
            }
        }
    }

    /// A deadline has come. Calling early does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.wake(now);
        match self.phase {
            Phase::Ended { .. } => return,
            Phase::Closing { reason, until } if until <= now => self.finish(reason),
            Phase::Closing { .. } | Phase::Running => {
                self.ice.handle_timeout(now);
                if let Some(dtls) = self.security.dtls() {
                    dtls.handle_timeout(now);
                }
                self.media.session.handle_timeout(now);
                self.channels.handle_timeout(now);
            }
        }
        self.pump();
    }

    /// RFC 7983, Section 7: the first byte tells the protocol.
    fn handle_payload(
        &mut self,
        source: ice::SourceId,
        qualified: bool,
        bytes: &mut [u8],
    ) -> Result<(), Discard> {
        match bytes.first() {
            Some(20..=63) if qualified && self.security.dtls().is_some() => self.handle_dtls(bytes),
            Some(20..=63) if self.early.push(source, qualified, bytes) => Ok(()),
            Some(20..=63) => self.refuse(Discard::EarlyStoreFull),
            _ => self.refuse(Discard::UnknownProtocol),
        }
    }

    /// Decrypts a datagram from a qualified source and hands its packets to SCTP.
    pub(crate) fn handle_dtls(&mut self, datagram: &mut [u8]) -> Result<(), Discard> {
        let now = self.now;
        let Some(dtls) = self.security.dtls() else { return Ok(()) };
        let plaintext = match dtls.handle_datagram(now, datagram) {
            Ok(plaintext) => plaintext,
            Err(reason) => return self.refuse(Discard::Dtls(reason)),
        };
        let (mut refused, mut used) = (None, false);
        for packet in plaintext {
            match self.channels.handle_packet(now, packet) {
                Ok(()) => used = true,
                Err(reason) => refused = Some(reason),
            }
        }
        match refused {
            Some(reason) if !used => self.refuse(Discard::Sctp(reason)),
            _ => Ok(()),
        }
    }

    /// Notes a path of authenticated STUN, for the router of a shared socket.
    fn learn(&mut self, path: ice::Path) {
        let known = self.learnt.contains(&path) || self.learnt.len() >= MAX_LEARNT;
        if !known && self.ice.pairs().any(|pair| pair.path == path) {
            self.learnt.push(path);
        }
    }

    /// Notes a TURN server's path, for the same: its answers are told by nothing else.
    pub(crate) fn learn_server(&mut self, path: ice::Path) {
        let known = self.learnt.contains(&path) || self.learnt.len() >= MAX_LEARNT;
        if !known && self.ice.is_server_path(path) {
            self.learnt.push(path);
        }
    }

    pub(crate) fn finish(&mut self, reason: CloseReason) {
        self.phase = Phase::Ended { reason: Some(reason) };
        self.ice.close(self.now);
        self.pump();
        self.set_state(ConnectionState::Closed);
    }

    pub(crate) fn dtls_failed(&mut self, failure: dtls::Failure) {
        self.channels.abort(self.now);
        self.end(CloseReason::Dtls(failure));
    }
}
