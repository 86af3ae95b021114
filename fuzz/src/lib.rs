//! The bodies of the fuzz targets, one module each. They are plain functions, so that each crate's tests replay the
//! corpora on stable Rust; a target's file in `fuzz_targets` does nothing but call its body.

pub mod sdp_negotiator;
pub mod sdp_parse;
