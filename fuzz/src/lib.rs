//! The bodies of the fuzz targets, one module each. They are plain functions, so that each crate's tests replay the
//! corpora on stable Rust; a target's file in `fuzz_targets` does nothing but call its body.

pub mod audio;
pub mod av1;
pub mod dcep;
pub mod dtls_connection;
pub mod dtls_messages;
pub mod h264;
pub mod h265;
pub mod ice_agent;
pub mod ice_grammar;
pub mod nal_units;
pub mod null;
pub mod payloads;
pub mod peer_connection;
pub mod rtcp;
pub mod rtp_packet;
pub mod rtp_session;
pub mod sctp_association;
pub mod sctp_packet;
pub mod sdp_negotiator;
pub mod sdp_parse;
pub mod stun_message;
pub mod turn_client;
pub mod turn_server;
pub mod video;
pub mod vp8;
pub mod vp9;
