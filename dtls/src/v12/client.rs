//! The client's side of the handshake.

use super::{
    Context, ILLEGAL_PARAMETER, Negotiated, Peer, Refusal, Secrets, Step, Unconfirmed, install_keys,
};
use crate::alert::AlertDescription;
use crate::config::{CipherSuite, Config, NamedGroup, Role, SrtpProfile};
use crate::event::Failure;
use crate::handshake::{
    Body, CertificateRequest, EC_POINT_FORMATS, EXTENDED_MASTER_SECRET, HandshakeType, HelloVerifyRequest,
    Message, NULL_COMPRESSION, Offer, RENEGOTIATION_INFO, SUPPORTED_GROUPS, ServerHello, ServerKeyExchange,
    USE_SRTP, VERIFY_DATA_LEN, write_certificate, write_client_key_exchange, write_signature,
};
use crate::record::RecordHeader;

/// A client, by the message that it expects.
#[derive(Debug)]
pub(crate) enum Client {
    /// A ServerHello, or once a HelloVerifyRequest.
    ServerHello { verified: bool },
    /// The server's Certificate.
    Certificate(Negotiated),
    /// The server's share of the key exchange.
    ServerKeyExchange(Negotiated, Peer),
    /// A CertificateRequest, or the end of the flight without one.
    CertificateRequest(Box<Exchange>),
    /// The end of the flight, after a CertificateRequest.
    ServerHelloDone(Box<Exchange>),
    /// The server's Finished.
    Finished(Box<Unconfirmed>),
    /// Nothing: the handshake is over.
    Nothing,
}

/// What the client knows once the server has sent its share.
#[derive(Debug)]
pub(crate) struct Exchange {
    negotiated: Negotiated,
    peer: Peer,
    group: NamedGroup,
    server_share: Vec<u8>,
}

impl Client {
    /// Queues the first ClientHello.
    pub(crate) fn new(context: &mut Context<'_>) -> Self {
        write_client_hello(context, &[]);
        Self::ServerHello { verified: false }
    }

    /// Whether the next message must come under the new keys.
    pub(crate) fn expects_finished(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    pub(crate) fn handle(
        &mut self,
        context: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Step, Refusal> {
        let body = Body::parse(message.kind, message.body).map_err(|_| Refusal::Ignore)?;
        let note = |context: &mut Context<'_>| {
            context.transcript.push(message.kind, message.message_seq, message.body)
        };
        match (std::mem::replace(self, Self::Nothing), body) {
            (Self::ServerHello { verified: false }, Body::HelloVerifyRequest(request)) => {
                *self = Self::ServerHello { verified: true };
                handle_hello_verify_request(context, &request);
                Ok(Step::Answer)
            }
            (Self::ServerHello { .. }, Body::ServerHello(hello)) => {
                *self = Self::Certificate(negotiate(context, &hello)?);
                note(context);
                Ok(Step::Wait)
            }
            (Self::Certificate(negotiated), Body::Certificate(certificate)) => {
                *self = Self::ServerKeyExchange(negotiated, Peer::verify(context, &certificate)?);
                note(context);
                Ok(Step::Wait)
            }
            (Self::ServerKeyExchange(negotiated, peer), Body::ServerKeyExchange(exchange)) => {
                let group = check_key_exchange(context, &negotiated, &peer, &exchange)?;
                let server_share = exchange.public_key.to_vec();
                let exchange = Exchange { negotiated, peer, group, server_share };
                *self = Self::CertificateRequest(Box::new(exchange));
                note(context);
                Ok(Step::Wait)
            }
            (Self::CertificateRequest(exchange), Body::CertificateRequest(request)) => {
                check_certificate_request(&request)?;
                *self = Self::ServerHelloDone(exchange);
                note(context);
                Ok(Step::Wait)
            }
            (Self::CertificateRequest(exchange), Body::ServerHelloDone) => {
                note(context);
                *self = Self::Finished(Box::new(answer(context, *exchange, false)?));
                Ok(Step::Answer)
            }
            (Self::ServerHelloDone(exchange), Body::ServerHelloDone) => {
                note(context);
                *self = Self::Finished(Box::new(answer(context, *exchange, true)?));
                Ok(Step::Answer)
            }
            (Self::Finished(unconfirmed), Body::Finished(verify_data)) => {
                unconfirmed.check(verify_data)?;
                Ok(Step::Done(unconfirmed.outcome()))
            }
            (unchanged, _) => {
                *self = unchanged;
                Err(Refusal::Ignore)
            }
        }
    }
}

fn write_client_hello(context: &mut Context<'_>, cookie: &[u8]) {
    let Config { cipher_suites, groups, srtp_profiles, .. } = context.config;
    let offer = Offer { random: &context.entropy.random, cookie, cipher_suites, groups, srtp_profiles };
    context.flight.restart();
    context.flight.add(HandshakeType::CLIENT_HELLO, false, context.transcript, |out| offer.write(out));
}

fn handle_hello_verify_request(context: &mut Context<'_>, request: &HelloVerifyRequest<'_>) {
    // RFC 6347, Section 4.2.1: the same hello again, with the cookie.
    context.transcript.restart();
    write_client_hello(context, request.cookie);
}

fn negotiate(context: &Context<'_>, hello: &ServerHello<'_>) -> Result<Negotiated, Refusal> {
    if hello.version != RecordHeader::DTLS12 {
        return Err(Refusal::Fail(AlertDescription::PROTOCOL_VERSION, Failure::NoCommonVersion));
    }
    let config = context.config;
    let suite: Option<CipherSuite> =
        config.cipher_suites.iter().copied().find(|suite| suite.code() == hello.cipher_suite);
    let cipher_suite = suite.ok_or(ILLEGAL_PARAMETER)?;
    if hello.compression_method != NULL_COMPRESSION {
        return Err(ILLEGAL_PARAMETER);
    }
    // RFC 5246, Section 7.4.1.4: an extension that was not offered ends the handshake.
    let offered = |kind| match kind {
        EXTENDED_MASTER_SECRET | RENEGOTIATION_INFO | EC_POINT_FORMATS | SUPPORTED_GROUPS => true,
        USE_SRTP => !config.srtp_profiles.is_empty(),
        _ => false,
    };
    if !hello.extensions.iter().all(|(kind, _)| offered(kind)) {
        return Err(Refusal::Fail(AlertDescription::UNSUPPORTED_EXTENSION, Failure::IllegalParameter));
    }
    // RFC 5746, Section 3.4: in the first handshake the server's renegotiated_connection is empty.
    if hello.extensions.find(RENEGOTIATION_INFO).is_some_and(|data| data != [0]) {
        return Err(Refusal::Fail(AlertDescription::HANDSHAKE_FAILURE, Failure::IllegalParameter));
    }
    // RFC 7627, Section 5.2: without it the client SHOULD abort.
    if hello.extensions.find(EXTENDED_MASTER_SECRET).is_none() {
        return Err(Refusal::Fail(AlertDescription::HANDSHAKE_FAILURE, Failure::NoExtendedMasterSecret));
    }
    let srtp_profile = srtp_profile(config, hello)?;
    let client_random = context.entropy.random;
    Ok(Negotiated { cipher_suite, srtp_profile, client_random, server_random: *hello.random })
}

fn srtp_profile(config: &Config, hello: &ServerHello<'_>) -> Result<Option<SrtpProfile>, Refusal> {
    let Some(use_srtp) = hello.use_srtp else { return Ok(None) };
    // RFC 5764, Section 4.1.1: exactly one profile, of those offered, and no other MKI than ours, which is empty.
    let mut profiles = use_srtp.profiles.iter();
    let (Some(chosen), None, []) = (profiles.next(), profiles.next(), use_srtp.mki) else {
        return Err(ILLEGAL_PARAMETER);
    };
    let profile = config.srtp_profiles.iter().find(|profile| profile.code() == chosen);
    profile.copied().map(Some).ok_or(ILLEGAL_PARAMETER)
}

fn check_key_exchange(
    context: &Context<'_>,
    negotiated: &Negotiated,
    peer: &Peer,
    exchange: &ServerKeyExchange<'_>,
) -> Result<NamedGroup, Refusal> {
    let group = context.config.groups.iter().copied().find(|group| group.code() == exchange.group);
    let group = group.ok_or(ILLEGAL_PARAMETER)?;
    // RFC 8422, Section 5.4: the signature covers both randoms and the parameters.
    let message = [&negotiated.client_random, &negotiated.server_random, exchange.params].concat();
    peer.check_signature(context, &message, &exchange.signature)?;
    Ok(group)
}

fn check_certificate_request(request: &CertificateRequest<'_>) -> Result<(), Refusal> {
    if request.accepts_ours() {
        return Ok(());
    }
    Err(Refusal::Fail(AlertDescription::HANDSHAKE_FAILURE, Failure::NoCommonSignatureScheme))
}

/// Queues the client's last flight and puts the keys to use.
fn answer(context: &mut Context<'_>, exchange: Exchange, certificate: bool) -> Result<Unconfirmed, Refusal> {
    let provider = context.config.provider;
    let identity = &context.config.identity;
    let Exchange { negotiated, peer, group, server_share } = exchange;
    let Negotiated { client_random, server_random, cipher_suite, .. } = negotiated;
    let share = provider.key_exchange(group, &context.entropy.key_share)?;
    let shared_secret = share
        .agree(&server_share)
        .map_err(|_| Refusal::Fail(AlertDescription::ILLEGAL_PARAMETER, Failure::BadKeyShare))?;
    context.flight.restart();
    let (flight, transcript) = (&mut *context.flight, &mut *context.transcript);
    if certificate {
        flight.add(HandshakeType::CERTIFICATE, false, transcript, |out| {
            write_certificate(identity.certificate(), out);
        });
    }
    flight.add(HandshakeType::CLIENT_KEY_EXCHANGE, false, transcript, |out| {
        write_client_key_exchange(share.public_key(), out);
    });
    let secrets =
        Secrets::derive(provider, cipher_suite, &shared_secret, transcript, client_random, server_random);
    if certificate {
        // RFC 5246, Section 7.4.8: over all messages so far.
        let signature = identity.key().sign(transcript.bytes())?;
        flight.add(HandshakeType::CERTIFICATE_VERIFY, false, transcript, |out| {
            write_signature(&signature, out);
        });
    }
    flight.add_change_cipher_spec();
    let verify_data = secrets.verify_data(provider, Role::Client, transcript);
    flight.add(HandshakeType::FINISHED, true, transcript, |out| out.extend_from_slice(&verify_data));
    let expected: [u8; VERIFY_DATA_LEN] = secrets.verify_data(provider, Role::Server, transcript);
    install_keys(context, Role::Client, &secrets)?;
    Ok(Unconfirmed { negotiated, group, secrets, peer, expected })
}
