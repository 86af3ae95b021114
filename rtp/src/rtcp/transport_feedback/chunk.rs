//! The chunks of transport-wide feedback: runs of one status, and vectors of 14 or 7.
//!
//! Source: [draft-holmer-rmcat-transport-wide-cc-extensions-01, Sections 3.1.1 to 3.1.4](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01#section-3.1.1).

/// What is said of a packet, and how its delta is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Symbol {
    #[default]
    NotReceived,
    /// A delta of one byte, without a sign.
    Small,
    /// A delta of two bytes, with a sign.
    Large,
    /// Received without a delta: reserved by Section 3.1.1, and used so by the example of Section 3.1.3.
    NoDelta,
}

impl Symbol {
    /// The symbol for a delta, if it can be told.
    pub(super) fn of_delta(delta: i32) -> Option<Self> {
        if u8::try_from(delta).is_ok() {
            Some(Self::Small)
        } else {
            i16::try_from(delta).is_ok().then_some(Self::Large)
        }
    }

    pub(super) const fn delta_len(self) -> usize {
        match self {
            Self::NotReceived | Self::NoDelta => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }

    const fn from_bits(bits: u16) -> Self {
        match bits & 3 {
            0 => Self::NotReceived,
            1 => Self::Small,
            2 => Self::Large,
            _ => Self::NoDelta,
        }
    }

    const fn bits(self) -> u16 {
        match self {
            Self::NotReceived => 0,
            Self::Small => 1,
            Self::Large => 2,
            Self::NoDelta => 3,
        }
    }
}

/// Reads chunks, as runs of equal symbols.
#[derive(Clone)]
pub(super) struct Runs<'a> {
    chunks: &'a [[u8; 2]],
    /// Symbols still to come, those of the chunk in hand included.
    left: u16,
    /// The chunk in hand: a run, or the symbols of a vector from the highest bit of its last ones on.
    chunk: Chunk,
}

#[derive(Clone, Copy)]
enum Chunk {
    Run { symbol: Symbol, count: u16 },
    OneBit { bits: u16, count: u16 },
    TwoBits { bits: u16, count: u16 },
}

impl Chunk {
    const EMPTY: Self = Self::Run { symbol: Symbol::NotReceived, count: 0 };

    const fn read(bytes: [u8; 2]) -> Self {
        let word = u16::from_be_bytes(bytes);
        match word >> 14 {
            0b10 => Self::OneBit { bits: word & 0x3fff, count: 14 },
            0b11 => Self::TwoBits { bits: word & 0x3fff, count: 7 },
            _ => Self::Run { symbol: Symbol::from_bits(word >> 13), count: word & 0x1fff },
        }
    }

    const fn count(self) -> u16 {
        match self {
            Self::Run { count, .. } | Self::OneBit { count, .. } | Self::TwoBits { count, .. } => count,
        }
    }

    /// Takes the first symbol away, when there is one.
    fn pop(&mut self) -> Option<Symbol> {
        match self {
            Self::Run { symbol, count } => {
                *count = count.checked_sub(1)?;
                Some(*symbol)
            }
            Self::OneBit { bits, count } => {
                *count = count.checked_sub(1)?;
                Some(Symbol::from_bits(*bits >> *count & 1))
            }
            Self::TwoBits { bits, count } => {
                *count = count.checked_sub(1)?;
                Some(Symbol::from_bits(*bits >> (2 * *count)))
            }
        }
    }
}

impl<'a> Runs<'a> {
    pub(super) const fn new(chunks: &'a [[u8; 2]], count: u16) -> Self {
        Self { chunks, left: count, chunk: Chunk::EMPTY }
    }

    /// Whether all symbols were there.
    pub(super) const fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// What follows the chunks that were read.
    pub(super) const fn left(&self) -> &'a [[u8; 2]] {
        self.chunks
    }

    pub(super) fn next_symbol(&mut self) -> Option<Symbol> {
        let left = self.left.checked_sub(1)?;
        self.fill()?;
        self.left = left;
        self.chunk.pop()
    }

    /// Makes sure that the chunk in hand has a symbol. Runs of none are passed over.
    fn fill(&mut self) -> Option<()> {
        while self.chunk.count() == 0 {
            let (&first, rest) = self.chunks.split_first()?;
            self.chunks = rest;
            self.chunk = Chunk::read(first);
        }
        Some(())
    }
}

impl Iterator for Runs<'_> {
    type Item = (Symbol, u16);

    fn next(&mut self) -> Option<(Symbol, u16)> {
        if self.left == 0 {
            return None;
        }
        self.fill()?;
        let run = match self.chunk {
            Chunk::Run { symbol, count } => {
                self.chunk = Chunk::EMPTY;
                (symbol, count.min(self.left))
            }
            _ => (self.chunk.pop()?, 1),
        };
        self.left -= run.1;
        Some(run)
    }
}

/// Writes chunks, each as late as can be: it holds back what would fit into one chunk.
#[derive(Clone, Default)]
pub(super) struct ChunkWriter {
    /// The first symbols held back. Further ones are equal to them all.
    symbols: [Symbol; 14],
    count: u16,
    mixed: bool,
    /// Whether some symbol needs two bits.
    wide: bool,
}

impl ChunkWriter {
    pub(super) fn push(&mut self, out: &mut Vec<u8>, symbol: Symbol) {
        while !self.fits(symbol) {
            self.flush(out, false);
        }
        self.hold(symbol);
    }

    /// Writes what is held back: one chunk, or none.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            self.flush(out, true);
        }
    }

    /// Whether a chunk holds the symbol together with those before it.
    fn fits(&self, symbol: Symbol) -> bool {
        let [first, ..] = self.symbols;
        let wide = self.wide || symbol.bits() > 1;
        match self.count {
            0..7 => true,
            7..14 if !wide => true,
            count => !self.mixed && symbol == first && count < MAX_RUN,
        }
    }

    fn hold(&mut self, symbol: Symbol) {
        let [first, ..] = self.symbols;
        self.mixed |= self.count > 0 && symbol != first;
        self.wide |= symbol.bits() > 1;
        if let Some(place) = self.symbols.get_mut(usize::from(self.count)) {
            *place = symbol;
        }
        self.count += 1;
    }

    /// Writes one chunk. A vector of one-bit symbols is full, or is the last chunk; else seven symbols leave, and the
    /// others are held back again.
    fn flush(&mut self, out: &mut Vec<u8>, last: bool) {
        let held = std::mem::take(self);
        let [first, ..] = held.symbols;
        let word = if !held.mixed {
            first.bits() << 13 | held.count
        } else if !held.wide && (last || held.count == 14) {
            held.symbols.iter().fold(0b10, |bits, symbol| bits << 1 | symbol.bits())
        } else {
            for &symbol in held.symbols.iter().take(held.count.into()).skip(7) {
                self.hold(symbol);
            }
            held.symbols.iter().take(7).fold(0b11, |bits, symbol| bits << 2 | symbol.bits())
        };
        out.extend_from_slice(&word.to_be_bytes());
    }
}

const MAX_RUN: u16 = 0x1fff;
