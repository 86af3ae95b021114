//! Shared blocks of memory from which frames are cut.

use bytes::{Bytes, BytesMut};

/// A block for a stream that has had little yet; each further one doubles, up to [`LARGEST`] or what a frame needs.
const SMALLEST: usize = 4 << 10;
const LARGEST: usize = 256 << 10;
/// Full blocks that are kept until their frames have been dropped, to be used again.
const KEPT: usize = 4;

/// One frame at a time grows at the end of a block; whole ones share the block with their neighbours. Once the frames of
/// a block have all been dropped it is used again, so that a steady stream allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    current: Block,
    kept: Vec<Block>,
}

#[derive(Debug, Default)]
struct Block {
    /// The end that no frame has been cut from.
    free: BytesMut,
    /// Of the whole block, in bytes.
    size: usize,
}

impl Blocks {
    /// The length of the frame that grows, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.current.free.len()
    }

    /// The frame that grows, with room for `more` bytes.
    pub(crate) fn grow(&mut self, more: usize) -> &mut BytesMut {
        if self.current.free.capacity().saturating_sub(self.len()) < more {
            self.turn(more);
        }
        &mut self.current.free
    }

    /// Throws the growing frame away.
    pub(crate) fn clear(&mut self) {
        self.current.free.clear();
    }

    /// Cuts the growing frame off: it is whole.
    pub(crate) fn cut(&mut self) -> Bytes {
        self.current.free.split().freeze()
    }

    /// Moves the growing frame to a block with room for it and `more` bytes.
    fn turn(&mut self, more: usize) {
        if self.current.free.try_reclaim(more) {
            return;
        }
        let needed = self.len().saturating_add(more);
        // A block's whole size can be had again only when nothing cut from it is held.
        let unused =
            self.kept.iter_mut().position(|block| block.size >= needed && block.free.try_reclaim(block.size));
        let mut block = unused.map(|at| self.kept.swap_remove(at)).unwrap_or_else(|| {
            let size = self.current.size.saturating_mul(2).clamp(SMALLEST, LARGEST);
            let size = size.max(needed.saturating_mul(2));
            Block { free: BytesMut::with_capacity(size), size }
        });
        block.free.extend_from_slice(&self.current.free);
        self.current.free.clear();
        let left = std::mem::replace(&mut self.current, block);
        if self.kept.len() == KEPT {
            // The one of least use. Frames that are still held keep their part of its memory.
            let least = self.kept.iter().enumerate().min_by_key(|(_, block)| block.size).map(|(at, _)| at);
            if let Some(least) = least {
                self.kept.swap_remove(least);
            }
        }
        self.kept.push(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_bytes_while_blocks_are_used_again() {
        let mut blocks = Blocks::default();
        let mut held = Vec::new();
        for n in 0..3000usize {
            let byte = u8::try_from(n % 253).unwrap();
            for _ in 0..n % 5 {
                let len = blocks.len() + n % 1400;
                blocks.grow(n % 1400).resize(len, byte);
            }
            if n % 11 == 0 {
                blocks.clear();
            }
            let expected = if n % 11 == 0 { 0 } else { (n % 5) * (n % 1400) };
            let frame = blocks.cut();
            assert_eq!(frame.len(), expected);
            held.push((byte, frame));
            if n % 40 == 0 {
                assert!(held.drain(..).all(|(byte, frame)| frame.iter().all(|b| *b == byte)));
            }
        }
    }

    #[test]
    fn a_frame_may_outgrow_every_block() {
        let mut blocks = Blocks::default();
        for _ in 0..3000 {
            blocks.grow(1000).extend_from_slice(&[7; 1000]);
        }
        assert_eq!(blocks.len(), 3_000_000);
        assert!(blocks.cut().iter().all(|byte| *byte == 7));
    }
}
