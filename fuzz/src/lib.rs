//! The bodies of the fuzz targets, one module each. They are plain functions, so that each crate's tests replay the
//! corpora on stable Rust; a target's file in `fuzz_targets` does nothing but call its body.

pub mod dcep;
pub mod dtls_connection;
pub mod dtls_messages;
pub mod ice_agent;
pub mod ice_grammar;
pub mod peer_connection;
pub mod rtcp;
pub mod sctp_association;
pub mod sctp_packet;
pub mod sdp_negotiator;
pub mod sdp_parse;
pub mod stun_message;
