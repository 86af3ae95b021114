//! What a negotiator names by itself: transceivers, tracks, streams, ICE credentials.

use super::config::IceCredentials;
use super::sources::Sources;
use super::transceiver::{Life, Link, Origin, Sender, TrackKind, Transceiver, TransceiverId};
use crate::{Direction, Text};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// Draws names from the seed; none comes twice.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    random: ChaCha12Rng,
    transceivers: u32,
    transactions: u64,
}

/// RFC 8839, Section 5.1: `ice-char`.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Names {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { random: ChaCha12Rng::from_seed(seed), transceivers: 0, transactions: 0 }
    }

    /// RFC 8829, Section 5.2.1: 63 random bits.
    pub(crate) fn session_id(&mut self) -> u64 {
        self.random.next_u64() >> 1
    }

    /// An identification of 96 bits, 6 to a character.
    pub(crate) fn id(&mut self) -> Text {
        self.ice_chars(16)
    }

    /// RFC 8839, Section 5.4: at least 24 and 128 bits; the name is long enough to be told from those of others on one
    /// socket.
    pub(crate) fn credentials(&mut self) -> IceCredentials {
        IceCredentials { ufrag: self.ice_chars(8), pwd: self.ice_chars(24).into() }
    }

    fn ice_chars(&mut self, len: usize) -> Text {
        let mut char = || {
            let index = usize::try_from(self.random.next_u32() % 64).unwrap_or_default();
            char::from(ICE_CHARS.get(index).copied().unwrap_or(b'A'))
        };
        (0..len).map(|_| char()).collect()
    }

    pub(crate) fn transaction(&mut self) -> u64 {
        self.transactions += 1;
        self.transactions
    }

    /// Whether this transceiver is, or was, of this connection.
    pub(crate) fn has_named(&self, id: TransceiverId) -> bool {
        id.0 <= self.transceivers
    }

    /// RFC 3550, Section 8.1: at random, and so that the two differ.
    fn sources(&mut self) -> Sources {
        let media = self.random.next_u32();
        let step = self.random.next_u32() | 1;
        Sources { media, repair: media.wrapping_add(step) }
    }

    /// A new transceiver.
    pub(crate) fn transceiver(
        &mut self,
        kind: TrackKind,
        direction: Direction,
        origin: Origin,
    ) -> Transceiver {
        self.transceivers += 1;
        Transceiver {
            id: TransceiverId(self.transceivers),
            kind,
            direction,
            life: Life::Active,
            sender: Sender::new(self.sources()),
            receiver_track: self.id(),
            preferences: Vec::new(),
            wanted_rids: Vec::new(),
            origin,
            link: Link::default(),
        }
    }
}
