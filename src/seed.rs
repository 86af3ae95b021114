//! One secret seed becomes one per layer.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

/// Derives labelled sub-seeds from the connection's seed. Equal labels give equal sub-seeds; knowing one sub-seed says
/// nothing of another or of the seed.
#[derive(Debug)]
pub(crate) struct Seeds(Zeroizing<[u8; 32]>);

impl Seeds {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(Zeroizing::new(seed))
    }

    /// The generator of a layer: ChaCha20 keyed by the seed, on the stream that the label numbers.
    pub(crate) fn generator(&self, label: Label) -> ChaCha20Rng {
        let mut generator = ChaCha20Rng::from_seed(*self.0);
        generator.set_stream(label as u64);
        generator
    }

    /// The seed of a layer.
    pub(crate) fn derive(&self, label: Label) -> [u8; 32] {
        let mut seed = [0; 32];
        self.generator(label).fill_bytes(&mut seed);
        seed
    }
}

/// Who gets a sub-seed. The numbers are part of what makes runs reproducible.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Label {
    Signalling = 1,
    Ice = 2,
    Dtls = 3,
    Sctp = 4,
    Rtp = 5,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_seeds_differ_from_each_other_and_are_stable() {
        let seeds = Seeds::new([7; 32]);
        let all = [Label::Signalling, Label::Ice, Label::Dtls, Label::Sctp].map(|label| seeds.derive(label));
        for (index, one) in all.iter().enumerate() {
            assert!(!all.iter().skip(index + 1).any(|other| other == one));
            assert_ne!(*one, [7; 32]);
        }
        assert_eq!(seeds.derive(Label::Ice), all[1]);
    }
}
