//! Bounded memory for fragments that arrived ahead of a gap: cells of equal size, chained.

/// Bytes of a cell.
pub(crate) const CELL: usize = 256;

/// A stored fragment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    first: u32,
    len: u16,
}

impl Chain {
    pub(crate) const fn len(self) -> u16 {
        self.len
    }
}

/// End of a chain or of the free list.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Cells {
    bytes: Vec<[u8; CELL]>,
    next: Vec<u32>,
    free: u32,
    in_use: usize,
}

impl Default for Cells {
    fn default() -> Self {
        Self { bytes: Vec::new(), next: Vec::new(), free: NONE, in_use: 0 }
    }
}

impl Cells {
    /// Bytes of memory in use, whole cells counted.
    pub(crate) const fn charged(&self) -> usize {
        self.in_use.saturating_mul(CELL)
    }

    pub(crate) fn store(&mut self, fragment: &[u8]) -> Chain {
        let mut first = NONE;
        // Backwards, so that each cell knows its follower.
        for piece in fragment.chunks(CELL).rev() {
            first = self.store_cell(piece, first);
        }
        Chain { first, len: u16::try_from(fragment.len()).unwrap_or(u16::MAX) }
    }

    fn store_cell(&mut self, piece: &[u8], follower: u32) -> u32 {
        let index = if self.free == NONE {
            self.bytes.push([0; CELL]);
            self.next.push(NONE);
            u32::try_from(self.bytes.len().saturating_sub(1)).unwrap_or(NONE)
        } else {
            self.free
        };
        let at = index as usize;
        if let (Some(cell), Some(next)) = (self.bytes.get_mut(at), self.next.get_mut(at)) {
            if self.free == index {
                self.free = *next;
            }
            *next = follower;
            if let Some(room) = cell.get_mut(..piece.len()) {
                room.copy_from_slice(piece);
            }
        }
        self.in_use = self.in_use.saturating_add(1);
        index
    }

    /// Hands the fragment out piece by piece and frees its cells.
    pub(crate) fn release(&mut self, chain: Chain, mut piece: impl FnMut(&[u8])) {
        let (mut at, mut left) = (chain.first, usize::from(chain.len));
        while let (Some(cell), Some(next)) = (self.bytes.get(at as usize), self.next.get_mut(at as usize)) {
            let len = left.min(CELL);
            piece(cell.get(..len).unwrap_or_default());
            left = left.saturating_sub(len);
            let follower = *next;
            *next = self.free;
            self.free = at;
            at = follower;
            self.in_use = self.in_use.saturating_sub(1);
        }
    }

    /// Gives memory back when nothing is stored: an idle association holds none for losses of the past.
    pub(crate) fn shrink(&mut self) {
        if self.in_use == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_come_back_unchanged_and_cells_are_used_again() {
        let mut cells = Cells::default();
        let mut stored = Vec::new();
        for round in 0..50usize {
            for n in 0..8 {
                let fragment: Vec<u8> =
                    (0..(round * 37 + n * 211) % 1500).map(|i| ((i + n) % 251).try_into().unwrap()).collect();
                stored.push((cells.store(&fragment), fragment));
            }
            let charged: usize = stored.iter().map(|(_, f)| f.len().div_ceil(CELL) * CELL).sum();
            assert_eq!(cells.charged(), charged);
            while stored.len() > 5 {
                let (chain, fragment) = stored.swap_remove(round % stored.len());
                let mut out = Vec::new();
                cells.release(chain, |piece| out.extend_from_slice(piece));
                assert_eq!(out, fragment);
            }
        }
        assert!(cells.bytes.len() < 100, "cells are used again");
    }
}
