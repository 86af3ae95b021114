//! The handshake of DTLS 1.2 (RFC 6347, Section 4.2; RFC 5246, Section 7).
//!
//! ```text
//! client                                   server
//!   1  ClientHello                    -->
//!  (2                                 <--  HelloVerifyRequest)        only with the cookie exchange
//!  (3  ClientHello with cookie        -->)
//!   4                                 <--  ServerHello, Certificate, ServerKeyExchange,
//!                                          CertificateRequest, ServerHelloDone
//!   5  Certificate, ClientKeyExchange,
//!      CertificateVerify,
//!      [ChangeCipherSpec], Finished   -->
//!   6                                 <--  [ChangeCipherSpec], Finished
//! ```
//!
//! ChangeCipherSpec is sent but never looked for: the epoch of a record tells which keys it is under.

mod client;
mod keys;
mod server;

use std::collections::VecDeque;

use zeroize::Zeroizing;

pub(crate) use client::Client;
pub(crate) use keys::Secrets;
pub(crate) use server::Server;

use crate::alert::AlertDescription;
use crate::config::{CipherSuite, Config, NamedGroup, Role, SrtpProfile, Version};
use crate::crypto::{CryptoError, PUBLIC_KEY_LEN};
use crate::event::{Connected, Event, Failure, KeyLogLine};
use crate::handshake::{Certificate, ECDSA_SECP256R1_SHA256, Flight, Signature, Transcript, VERIFY_DATA_LEN};
use crate::identity::{CertificateError, Fingerprint, x509};
use crate::record::Records;

/// What the two sides of the handshake work on.
pub(crate) struct Context<'c> {
    pub(crate) config: &'c Config,
    pub(crate) fingerprints: &'c [Fingerprint],
    pub(crate) entropy: &'c Entropy,
    pub(crate) transcript: &'c mut Transcript,
    pub(crate) flight: &'c mut Flight,
    pub(crate) records: &'c mut Records,
    pub(crate) events: &'c mut VecDeque<Event>,
}

/// Everything random that one handshake needs, drawn from the seed at the start.
pub(crate) struct Entropy {
    pub(crate) random: [u8; 32],
    pub(crate) key_share: Zeroizing<[u8; 32]>,
    pub(crate) cookie_key: Zeroizing<[u8; 32]>,
}

/// What a handled message leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// More messages of the peer's flight are to come.
    Wait,
    /// The peer's flight is complete and ours goes out.
    Answer,
    /// As `Answer`, but the flight is not repeated by the timer.
    AnswerOnce,
    /// The peer is verified. A flight that is not written yet goes out.
    Done(Box<Outcome>),
}

/// What remains of a handshake.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) connected: Connected,
    pub(crate) secrets: Secrets,
    pub(crate) peer_certificate: Vec<u8>,
}

/// Why a message is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// As if it had not come: it may be forged, and the true one may still come.
    Ignore,
    /// The handshake has failed.
    Fail(AlertDescription, Failure),
}

impl From<CryptoError> for Refusal {
    fn from(_: CryptoError) -> Self {
        Self::Fail(AlertDescription::INTERNAL_ERROR, Failure::Provider)
    }
}

/// What the hellos have settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Negotiated {
    cipher_suite: CipherSuite,
    srtp_profile: Option<SrtpProfile>,
    client_random: [u8; 32],
    server_random: [u8; 32],
}

/// The peer's certificate and the key in it.
#[derive(Debug)]
pub(crate) struct Peer {
    certificate: Vec<u8>,
    public_key: [u8; PUBLIC_KEY_LEN],
}

impl Peer {
    /// Takes the certificate if it is the one whose fingerprint we were given.
    fn verify(context: &Context<'_>, certificate: &Certificate<'_>) -> Result<Self, Refusal> {
        // RFC 8122, Section 6.2: without a certificate, or with another, bad_certificate.
        let bad = |failure| Refusal::Fail(AlertDescription::BAD_CERTIFICATE, failure);
        let der = certificate.end_entity().ok_or_else(|| bad(Failure::NoCertificate))?;
        if !Fingerprint::verify(context.config.provider, context.fingerprints, der) {
            return Err(bad(Failure::WrongCertificate));
        }
        let public_key = x509::public_key(der).map_err(|error| match error {
            CertificateError::Malformed => bad(Failure::UnsupportedCertificate),
            CertificateError::UnsupportedKey => {
                Refusal::Fail(AlertDescription::UNSUPPORTED_CERTIFICATE, Failure::UnsupportedCertificate)
            }
        })?;
        Ok(Self { certificate: der.to_vec(), public_key })
    }

    fn check_signature(
        &self,
        context: &Context<'_>,
        message: &[u8],
        signature: &Signature<'_>,
    ) -> Result<(), Refusal> {
        if signature.scheme != ECDSA_SECP256R1_SHA256 {
            return Err(ILLEGAL_PARAMETER);
        }
        context
            .config
            .provider
            .verify(&self.public_key, message, signature.bytes)
            .map_err(|_| Refusal::Fail(AlertDescription::DECRYPT_ERROR, Failure::BadSignature))
    }
}

/// All that both sides know once their last flights are exchanged but for the peer's Finished.
#[derive(Debug)]
pub(crate) struct Unconfirmed {
    negotiated: Negotiated,
    group: NamedGroup,
    secrets: Secrets,
    peer: Peer,
    /// What the peer's Finished must say.
    expected: [u8; VERIFY_DATA_LEN],
}

impl Unconfirmed {
    fn check(&self, verify_data: &[u8; VERIFY_DATA_LEN]) -> Result<(), Refusal> {
        // The message came under the handshake's keys, so there is nothing to learn from how long this takes.
        if self.expected == *verify_data {
            Ok(())
        } else {
            Err(Refusal::Fail(AlertDescription::DECRYPT_ERROR, Failure::BadFinished))
        }
    }

    fn outcome(self) -> Box<Outcome> {
        Box::new(Outcome {
            connected: Connected {
                version: Version::Dtls12,
                cipher_suite: self.negotiated.cipher_suite,
                group: self.group,
                srtp_profile: self.negotiated.srtp_profile,
            },
            secrets: self.secrets,
            peer_certificate: self.peer.certificate,
        })
    }
}

/// Hands out the key log's line and puts the keys to use.
fn install_keys(context: &mut Context<'_>, role: Role, secrets: &Secrets) -> Result<(), Refusal> {
    let provider = context.config.provider;
    let (sealer, opener) = secrets.keys(provider, role)?;
    if context.config.key_log {
        context.events.push_back(Event::KeyLog(KeyLogLine(secrets.key_log_line())));
    }
    context.records.install(sealer, opener);
    Ok(())
}

const ILLEGAL_PARAMETER: Refusal =
    Refusal::Fail(AlertDescription::ILLEGAL_PARAMETER, Failure::IllegalParameter);
