//! Handshake messages and the machinery that every version shares: reassembly, flights, the transcript.
//!
//! The parsed messages are views that borrow their bytes.

mod certificate;
mod extension;
mod flight;
mod hello;
mod key_exchange;
mod message;
mod reassembly;
mod transcript;

pub use certificate::{
    Certificate, CertificateRequest, CertificateVerify, ECDSA_SECP256R1_SHA256, ECDSA_SIGN, Signature,
};
pub(crate) use certificate::{write_certificate, write_certificate_request, write_signature};
pub use extension::{
    EC_POINT_FORMATS, EXTENDED_MASTER_SECRET, Extensions, RENEGOTIATION_INFO, SIGNATURE_ALGORITHMS,
    SUPPORTED_GROUPS, USE_SRTP, UseSrtp,
};
pub(crate) use flight::Flight;
pub(crate) use hello::{Choice, NULL_COMPRESSION, Offer, write_hello_verify_request};
pub use hello::{ClientHello, HelloVerifyRequest, ServerHello};
pub use key_exchange::{ClientKeyExchange, ServerKeyExchange};
pub(crate) use key_exchange::{write_client_key_exchange, write_params, write_server_key_exchange};
pub(crate) use message::Message;
pub use message::{Body, FRAGMENT_HEADER_LEN, Fragment, HandshakeType, VERIFY_DATA_LEN};
pub(crate) use reassembly::Reassembly;
pub(crate) use transcript::Transcript;
