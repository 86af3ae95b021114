//! Which datagrams a link loses.

use crate::random::Random;
use std::collections::BTreeSet;

/// A link's loss process.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Loss {
    /// Nothing is lost.
    #[default]
    None,
    /// Each datagram is lost on its own with this probability (0 to 1).
    Random(f64),
    /// Loss in bursts (the Gilbert model): from the good state, in which all arrives, a datagram moves the link
    /// into the bad one, in which nothing does, with probability `enter`; from there each moves it back with
    /// probability `leave`.
    Bursts {
        /// Probability of entering the bad state, per datagram.
        enter: f64,
        /// Probability of leaving the bad state, per datagram.
        leave: f64,
    },
    /// Exactly these datagrams are lost, counted from 0 in the order in which they are sent on the link.
    Listed(BTreeSet<u64>),
    /// Everything is lost.
    All,
}

/// A loss process at work.
#[derive(Debug, Default)]
pub(crate) struct LossState {
    count: u64,
    bad: bool,
}

impl LossState {
    /// Whether the next datagram is lost.
    pub(crate) fn loses(&mut self, loss: &Loss, random: &mut Random) -> bool {
        let index = self.count;
        self.count += 1;
        match loss {
            Loss::None => false,
            Loss::Random(probability) => random.chance(*probability),
            Loss::Bursts { enter, leave } => {
                let flips = random.chance(if self.bad { *leave } else { *enter });
                self.bad ^= flips;
                self.bad
            }
            Loss::Listed(lost) => lost.contains(&index),
            Loss::All => true,
        }
    }
}
