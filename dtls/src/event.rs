//! What a connection reports: events, failures, discards, errors and counters.

use std::fmt;

use thiserror::Error;

use crate::alert::AlertDescription;
use crate::config::{CipherSuite, NamedGroup, SrtpProfile, Version};

/// Something that has happened on a [`Connection`](crate::Connection).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The peer is verified and the keys are in use: data may be sent, and what is received is the peer's.
    Connected(Connected),
    /// A line for a key log file; only when [`Config::key_log`](crate::Config::key_log) is set. It comes before
    /// `Connected`.
    KeyLog(KeyLogLine),
    /// The connection has ended in order. Terminal.
    Closed(ClosedBy),
    /// The connection has failed. Terminal.
    Failed(Failure),
}

/// What the handshake has agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// The version of DTLS.
    pub version: Version,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange.
    pub group: NamedGroup,
    /// The SRTP protection profile, if both sides know one (RFC 5764, Section 4.1).
    pub srtp_profile: Option<SrtpProfile>,
}

/// A line of a key log as Wireshark reads it: `CLIENT_RANDOM <random> <master secret>`, in hexadecimal.
///
/// `Display` writes the line; `Debug` does not reveal it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyLogLine(pub(crate) String);

impl fmt::Display for KeyLogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyLogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLogLine({} bytes)", self.0.len())
    }
}

/// Who has ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// [`Connection::close`](crate::Connection::close) was called.
    Us,
    /// The peer sent close_notify.
    Peer,
}

/// Why a connection has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The handshake did not end in time.
    #[error("the handshake timed out")]
    Timeout {
        /// What an unauthenticated alert or the last refused message gives as the likely reason.
        hint: Option<Hint>,
    },
    /// The peer's certificate has none of the fingerprints given for it (RFC 8122, Section 5.1).
    #[error("the peer's certificate does not match its fingerprint")]
    WrongCertificate,
    /// The peer sent no certificate.
    #[error("the peer sent no certificate")]
    NoCertificate,
    /// The peer's certificate cannot be read or has no key of ECDSA with P-256.
    #[error("the peer's certificate is not one of ECDSA with P-256")]
    UnsupportedCertificate,
    /// The peer speaks no version that we speak.
    #[error("no common version")]
    NoCommonVersion,
    /// The peer has no cipher suite that we have.
    #[error("no common cipher suite")]
    NoCommonCipherSuite,
    /// The peer has no group that we have.
    #[error("no common group")]
    NoCommonGroup,
    /// The peer accepts no signature of ECDSA with P-256 and SHA-256.
    #[error("no common signature scheme")]
    NoCommonSignatureScheme,
    /// The peer does not support the extended master secret (RFC 7627), on which exported keys depend.
    #[error("the peer lacks the extended master secret")]
    NoExtendedMasterSecret,
    /// The peer chose something that we have not offered, or contradicted itself.
    #[error("the peer chose a parameter that was not offered")]
    IllegalParameter,
    /// The peer's signature over the handshake is wrong: it does not hold its certificate's key.
    #[error("the peer's signature is wrong")]
    BadSignature,
    /// The peer's Finished message does not match the handshake as we saw it.
    #[error("the peer's Finished message is wrong")]
    BadFinished,
    /// The peer's key share is not a point of its group.
    #[error("the peer's key share is invalid")]
    BadKeyShare,
    /// The peer sent a fatal alert under its keys.
    #[error("the peer sent the alert {}", .0.name())]
    PeerAlert(AlertDescription),
    /// The cryptographic provider refused to work.
    #[error("the cryptographic provider failed")]
    Provider,
}

/// The likely reason of a timeout, from something that nobody has authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// A fatal alert in plaintext came.
    Alert(AlertDescription),
    /// A complete handshake message came that was malformed or out of its order.
    RefusedMessage,
}

/// Why a datagram, or a record of it, was not used. Not an error: the network may deliver anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// It does not begin with a record of DTLS 1.2, or a record is cut short.
    Malformed,
    /// The record's epoch is neither 0 nor the one in use.
    WrongEpoch,
    /// The record has been seen before or is older than the replay window.
    Replayed,
    /// The record does not decrypt under the peer's key.
    Unauthentic,
    /// A handshake fragment does not parse, is out of the window, or belongs to a message already handled.
    HandshakeFragment,
    /// A complete handshake message is malformed or out of its order.
    HandshakeMessage,
    /// A plaintext record that means nothing in this state; during a handshake, alerts are hints alone.
    Plaintext,
    /// A protected record came ahead of its keys and the store for these is full.
    StoreFull,
    /// The connection has ended.
    Ended,
}

impl Discard {
    /// Every reason, in the order of [`Stats::discards`].
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::WrongEpoch,
        Self::Replayed,
        Self::Unauthentic,
        Self::HandshakeFragment,
        Self::HandshakeMessage,
        Self::Plaintext,
        Self::StoreFull,
        Self::Ended,
    ];
}

/// Why a record was not written. Nothing has been appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake has not ended yet.
    #[error("the connection is not established")]
    NotConnected,
    /// The connection has ended or is ending.
    #[error("the connection has ended")]
    Ended,
    /// More than 16,384 bytes (RFC 5246, Section 6.2.1).
    #[error("the plaintext exceeds 16384 bytes")]
    TooLong,
    /// All 2^48 record numbers are used (RFC 6347, Section 4.1).
    #[error("the record numbers are used up")]
    Exhausted,
}

/// Why no keying material was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("the connection is not established")]
pub struct ExportError;

/// Counters of a connection since its making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams written by `poll_transmit`.
    pub datagrams_sent: u64,
    /// Application records written.
    pub records_sent: u64,
    /// Application records handed out.
    pub records_received: u64,
    /// Flights sent again, by timeout or because the peer repeated its own.
    pub flights_retransmitted: u64,
    /// Bytes held for handshake messages that are not complete or not in order.
    pub reassembly_bytes: usize,
    /// Bytes held of records that came ahead of their keys, or before the handshake's end.
    pub early_bytes: usize,
    pub(crate) discards: [u64; Discard::ALL.len()],
}

impl Stats {
    /// How often something was discarded for `reason`.
    #[must_use]
    pub fn discards(&self, reason: Discard) -> u64 {
        self.discards.get(reason as usize).copied().unwrap_or(0)
    }

    /// How often something was discarded for any reason.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.discards.iter().sum()
    }

    pub(crate) fn count(&mut self, reason: Discard) {
        if let Some(counter) = self.discards.get_mut(reason as usize) {
            *counter = counter.saturating_add(1);
        }
    }
}
