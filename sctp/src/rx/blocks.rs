//! Shared blocks of memory from which received messages are cut.

use bytes::{Bytes, BytesMut};

/// The first block is small, for idle connections; each further one doubles, up to [`LARGEST`].
const SMALLEST: usize = 2 << 10;
const LARGEST: usize = 256 << 10;
/// Blocks kept for their memory once messages have left them.
const KEPT: usize = 4;

/// One message at a time grows at the end of a block; finished ones share the block with their neighbours. A block is
/// used again, without an allocation, once all its messages have been dropped.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    current: BytesMut,
    /// Size of the whole block that `current` is the free end of.
    size: usize,
    used: Vec<(BytesMut, usize)>,
}

impl Blocks {
    /// Bytes of the unfinished message.
    pub(crate) fn len(&self) -> usize {
        self.current.len()
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if self.current.capacity().saturating_sub(self.current.len()) < bytes.len() {
            self.make_room(bytes.len());
        }
        self.current.extend_from_slice(bytes);
    }

    /// Drops the unfinished message.
    pub(crate) fn clear(&mut self) {
        self.current.clear();
    }

    /// Finishes the message.
    pub(crate) fn take(&mut self) -> Bytes {
        self.current.split().freeze()
    }

    /// Finds a block with room for the unfinished message and `more` bytes, and moves it there.
    fn make_room(&mut self, more: usize) {
        if self.current.try_reclaim(more) {
            return;
        }
        let needed = self.current.len().saturating_add(more);
        // Reclaiming a block's whole size succeeds only when none of its messages is held any more.
        let found = self.used.iter_mut().position(|(block, size)| *size >= needed && block.try_reclaim(*size));
        let (mut block, size) = found.map(|index| self.used.swap_remove(index)).unwrap_or_else(|| {
            let size = self.size.saturating_mul(2).clamp(SMALLEST, LARGEST).max(needed.next_power_of_two());
            (BytesMut::with_capacity(size), size)
        });
        block.extend_from_slice(&self.current);
        self.current.clear();
        let old = (std::mem::replace(&mut self.current, block), std::mem::replace(&mut self.size, size));
        if self.used.len() >= KEPT {
            // The smallest goes; whoever still holds its messages keeps its memory alive.
            let smallest = (0..).zip(&self.used).min_by_key(|(_, (_, size))| *size);
            if let Some((index, _)) = smallest {
                self.used.swap_remove(index);
            }
        }
        self.used.push(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_share_blocks_and_keep_their_bytes() {
        let mut blocks = Blocks::default();
        let mut kept = Vec::new();
        for n in 0..2000usize {
            let byte = (n % 251) as u8;
            for _ in 0..n % 7 {
                blocks.append(&vec![byte; n % 1200]);
            }
            assert_eq!(blocks.len(), (n % 7) * (n % 1200));
            let message = blocks.take();
            assert!(message.iter().all(|b| *b == byte));
            if n % 3 == 0 {
                kept.push((byte, message));
            }
        }
        assert!(kept.iter().all(|(byte, message)| message.iter().all(|b| b == byte)));
    }

    #[test]
    fn an_unfinished_message_outgrows_every_block() {
        let mut blocks = Blocks::default();
        let piece = [9; 1000];
        for _ in 0..2000 {
            blocks.append(&piece);
        }
        let message = blocks.take();
        assert_eq!(message.len(), 2_000_000);
        assert!(message.iter().all(|byte| *byte == 9));
    }
}
