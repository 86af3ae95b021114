//! The server's side of the handshake.

use super::{
    Context, ILLEGAL_PARAMETER, Negotiated, Peer, Refusal, Secrets, Step, Unconfirmed, install_keys,
};
use crate::alert::AlertDescription;
use crate::config::{NamedGroup, Role, SrtpProfile};
use crate::crypto::{Digest, Hash, KeyExchange};
use crate::event::Failure;
use crate::handshake::{
    Body, CertificateVerify, Choice, ClientHello, ClientKeyExchange, EC_POINT_FORMATS,
    ECDSA_SECP256R1_SHA256, EXTENDED_MASTER_SECRET, HandshakeType, Message, NULL_COMPRESSION,
    RENEGOTIATION_INFO, write_certificate, write_certificate_request, write_hello_verify_request,
    write_params, write_server_key_exchange,
};

/// A server, by the message that it expects.
#[derive(Debug)]
pub(crate) enum Server {
    /// A ClientHello, with a cookie once one was asked for.
    ClientHello { asked: bool },
    /// The client's Certificate.
    Certificate(Box<Exchange>),
    /// The client's share of the key exchange.
    ClientKeyExchange(Box<Exchange>, Peer),
    /// The proof that the client holds its certificate's key.
    CertificateVerify(Box<Unproven>),
    /// The client's Finished.
    Finished(Box<Unconfirmed>),
    /// Nothing: the handshake is over.
    Nothing,
}

/// What the server knows once it has sent its share.
#[derive(Debug)]
pub(crate) struct Exchange {
    negotiated: Negotiated,
    group: NamedGroup,
    share: Box<dyn KeyExchange>,
}

/// What the server knows once the client has sent its share.
#[derive(Debug)]
pub(crate) struct Unproven {
    negotiated: Negotiated,
    group: NamedGroup,
    peer: Peer,
    secrets: Secrets,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::ClientHello { asked: false }
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
            (Self::ClientHello { asked }, Body::ClientHello(hello)) => {
                if context.config.cookie_exchange && !cookie_is_valid(context, &hello) {
                    *self = Self::ClientHello { asked: true };
                    if asked {
                        return Err(Refusal::Ignore);
                    }
                    ask_for_cookie(context, &hello);
                    return Ok(Step::AnswerOnce);
                }
                let negotiated = negotiate(context, &hello)?;
                note(context);
                *self = Self::Certificate(Box::new(answer(context, &hello, negotiated)?));
                Ok(Step::Answer)
            }
            (Self::Certificate(exchange), Body::Certificate(certificate)) => {
                *self = Self::ClientKeyExchange(exchange, Peer::verify(context, &certificate)?);
                note(context);
                Ok(Step::Wait)
            }
            (Self::ClientKeyExchange(exchange, peer), Body::ClientKeyExchange(client)) => {
                note(context);
                *self = Self::CertificateVerify(Box::new(agree(context, *exchange, peer, &client)?));
                Ok(Step::Wait)
            }
            (Self::CertificateVerify(unproven), Body::CertificateVerify(verify)) => {
                check_certificate_verify(context, &unproven, &verify)?;
                note(context);
                *self = Self::Finished(Box::new(expect_finished(context, *unproven)?));
                Ok(Step::Wait)
            }
            (Self::Finished(unconfirmed), Body::Finished(verify_data)) => {
                unconfirmed.check(verify_data)?;
                note(context);
                finish(context, &unconfirmed.secrets);
                Ok(Step::Done(unconfirmed.outcome()))
            }
            (unchanged, _) => {
                *self = unchanged;
                Err(Refusal::Ignore)
            }
        }
    }
}

fn cookie(context: &Context<'_>, hello: &ClientHello<'_>) -> Digest {
    // RFC 6347, Section 4.2.1: a keyed hash; the address is the connection's own, so that the hello is enough.
    context.config.provider.hmac(Hash::Sha256, context.entropy.cookie_key.as_slice(), &[hello.random])
}

fn cookie_is_valid(context: &Context<'_>, hello: &ClientHello<'_>) -> bool {
    cookie(context, hello).as_ref() == hello.cookie
}

fn ask_for_cookie(context: &mut Context<'_>, hello: &ClientHello<'_>) {
    let cookie = cookie(context, hello);
    context.flight.restart();
    context.flight.add(HandshakeType::HELLO_VERIFY_REQUEST, false, context.transcript, |out| {
        write_hello_verify_request(cookie.as_ref(), out);
    });
    context.transcript.restart();
}

fn negotiate(context: &Context<'_>, hello: &ClientHello<'_>) -> Result<Negotiated, Refusal> {
    let config = context.config;
    if !hello.offers_dtls12() {
        return Err(Refusal::Fail(AlertDescription::PROTOCOL_VERSION, Failure::NoCommonVersion));
    }
    if !hello.compression_methods.contains(&NULL_COMPRESSION) {
        return Err(ILLEGAL_PARAMETER);
    }
    let failure = |failure| Refusal::Fail(AlertDescription::HANDSHAKE_FAILURE, failure);
    let suite = config.cipher_suites.iter().find(|suite| hello.cipher_suites.contains(suite.code()));
    let cipher_suite = *suite.ok_or_else(|| failure(Failure::NoCommonCipherSuite))?;
    // RFC 5746, Section 3.6: in the first handshake the client's renegotiated_connection is empty.
    if hello.extensions.find(RENEGOTIATION_INFO).is_some_and(|data| data != [0]) {
        return Err(failure(Failure::IllegalParameter));
    }
    // RFC 7627, Section 5.3: without it the server SHOULD abort where full security is wanted.
    if hello.extensions.find(EXTENDED_MASTER_SECRET).is_none() {
        return Err(failure(Failure::NoExtendedMasterSecret));
    }
    if !hello.signature_algorithms.is_some_and(|schemes| schemes.contains(ECDSA_SECP256R1_SHA256)) {
        return Err(failure(Failure::NoCommonSignatureScheme));
    }
    let srtp_profile = hello.use_srtp.and_then(|theirs| {
        let ours = config.srtp_profiles.iter();
        ours.copied().find(|profile: &SrtpProfile| theirs.profiles.contains(profile.code()))
    });
    let (client_random, server_random) = (*hello.random, context.entropy.random);
    Ok(Negotiated { cipher_suite, srtp_profile, client_random, server_random })
}

/// Our first group that the client has; a client that names none takes any (RFC 8422, Section 4).
fn choose_group(context: &Context<'_>, hello: &ClientHello<'_>) -> Result<NamedGroup, Refusal> {
    let ours = &context.config.groups;
    let common = match hello.supported_groups {
        Some(theirs) => ours.iter().find(|group| theirs.contains(group.code())),
        None => ours.first(),
    };
    let failure = Refusal::Fail(AlertDescription::HANDSHAKE_FAILURE, Failure::NoCommonGroup);
    common.copied().ok_or(failure)
}

/// Queues the server's first flight.
fn answer(
    context: &mut Context<'_>,
    hello: &ClientHello<'_>,
    negotiated: Negotiated,
) -> Result<Exchange, Refusal> {
    let provider = context.config.provider;
    let identity = &context.config.identity;
    let group = choose_group(context, hello)?;
    let share = provider.key_exchange(group, &context.entropy.key_share)?;
    let mut params = Vec::new();
    write_params(group, share.public_key(), &mut params);
    let signed = [&negotiated.client_random, &negotiated.server_random, params.as_slice()].concat();
    let signature = identity.key().sign(&signed)?;
    let choice = Choice {
        random: &negotiated.server_random,
        cipher_suite: negotiated.cipher_suite,
        srtp_profile: negotiated.srtp_profile,
        renegotiation_info: hello.renegotiation_info(),
        point_formats: hello.extensions.find(EC_POINT_FORMATS).is_some(),
    };
    let (flight, transcript) = (&mut *context.flight, &mut *context.transcript);
    flight.restart();
    flight.add(HandshakeType::SERVER_HELLO, false, transcript, |out| choice.write(out));
    flight.add(HandshakeType::CERTIFICATE, false, transcript, |out| {
        write_certificate(identity.certificate(), out);
    });
    flight.add(HandshakeType::SERVER_KEY_EXCHANGE, false, transcript, |out| {
        write_server_key_exchange(&params, &signature, out);
    });
    // RFC 8122, Section 6.2: the server MUST request a certificate.
    flight.add(HandshakeType::CERTIFICATE_REQUEST, false, transcript, write_certificate_request);
    flight.add(HandshakeType::SERVER_HELLO_DONE, false, transcript, |_| {});
    Ok(Exchange { negotiated, group, share })
}

fn agree(
    context: &Context<'_>,
    exchange: Exchange,
    peer: Peer,
    client: &ClientKeyExchange<'_>,
) -> Result<Unproven, Refusal> {
    let Exchange { negotiated, group, share } = exchange;
    let shared_secret = share
        .agree(client.public_key)
        .map_err(|_| Refusal::Fail(AlertDescription::ILLEGAL_PARAMETER, Failure::BadKeyShare))?;
    let secrets = Secrets::derive(
        context.config.provider,
        negotiated.cipher_suite,
        &shared_secret,
        context.transcript,
        negotiated.client_random,
        negotiated.server_random,
    );
    Ok(Unproven { negotiated, group, peer, secrets })
}

fn check_certificate_verify(
    context: &Context<'_>,
    unproven: &Unproven,
    verify: &CertificateVerify<'_>,
) -> Result<(), Refusal> {
    // RFC 5246, Section 7.4.8: over all messages before this one.
    unproven.peer.check_signature(context, context.transcript.bytes(), &verify.signature)
}

/// Puts the keys to use and computes what the client's Finished must say.
fn expect_finished(context: &mut Context<'_>, unproven: Unproven) -> Result<Unconfirmed, Refusal> {
    let Unproven { negotiated, group, peer, secrets } = unproven;
    let expected = secrets.verify_data(context.config.provider, Role::Client, context.transcript);
    install_keys(context, Role::Server, &secrets)?;
    Ok(Unconfirmed { negotiated, group, secrets, peer, expected })
}

/// Queues the server's last flight.
fn finish(context: &mut Context<'_>, secrets: &Secrets) {
    let verify_data = secrets.verify_data(context.config.provider, Role::Server, context.transcript);
    context.flight.restart();
    context.flight.add_change_cipher_spec();
    context.flight.add(HandshakeType::FINISHED, true, context.transcript, |out| {
        out.extend_from_slice(&verify_data);
    });
}
