//! Being built.

use super::{Description, Fragment, Layers, PacketizeError, PayloadDiscard};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

#[derive(Debug, Clone, Default)]
pub(super) struct Packetizer;

impl Packetizer {
    pub(super) fn new(random: u16) -> Self {
        Self
    }

    pub(super) fn packetize(
        &mut self,
        frame: &Bytes,
        layers: Layers,
        max_len: usize,
        prefixes: &mut BytesMut,
        out: &mut VecDeque<Fragment>,
    ) -> Result<(), PacketizeError> {
        Err(PacketizeError::Malformed)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Depacketizer;

impl Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8], frame: &mut BytesMut) -> Result<(), PayloadDiscard> {
        Err(PayloadDiscard::Unsupported)
    }

    pub(super) fn finish(&mut self) -> Result<Description, PayloadDiscard> {
        Err(PayloadDiscard::Unsupported)
    }
}

pub(super) fn describe(payload: &[u8]) -> Result<Description, PayloadDiscard> {
    Err(PayloadDiscard::Unsupported)
}
