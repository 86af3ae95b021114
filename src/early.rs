//! DTLS that comes before it can be used: before its source qualifies, or before the role is known.

use duologue_ice::SourceId;

/// The most datagrams held.
const MAX_DATAGRAMS: usize = 8;
/// The most bytes held.
const MAX_BYTES: usize = 12 * 1024;

/// A bounded store, oldest first. What does not fit is refused; nothing is evicted, so that noise cannot push out a
/// ClientHello that came before it.
#[derive(Debug, Default)]
pub(crate) struct EarlyDatagrams {
    held: Vec<Early>,
    bytes: usize,
}

#[derive(Debug)]
struct Early {
    source: SourceId,
    qualified: bool,
    datagram: Vec<u8>,
}

impl EarlyDatagrams {
    /// Keeps a copy; returns whether there was room.
    pub(crate) fn push(&mut self, source: SourceId, qualified: bool, datagram: &[u8]) -> bool {
        let fits = self.held.len() < MAX_DATAGRAMS && self.bytes + datagram.len() <= MAX_BYTES;
        if fits {
            self.bytes += datagram.len();
            self.held.push(Early { source, qualified, datagram: datagram.to_vec() });
        }
        fits
    }

    /// What came from `source` may be used.
    pub(crate) fn qualify(&mut self, source: SourceId) {
        self.held.iter_mut().filter(|early| early.source == source).for_each(|early| early.qualified = true);
    }

    /// Takes out the oldest datagram that may be used.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let index = self.held.iter().position(|early| early.qualified)?;
        let datagram = self.held.remove(index).datagram;
        self.bytes -= datagram.len();
        Some(datagram)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
