//! What is known of each source whose packets proved to be authentic.

use std::collections::HashMap;
use std::hash::BuildHasher;

use siphasher::sip::SipHasher13;

use super::error::Discard;
use super::replay::{ReplayWindow, Verdict};
use crate::sequence::Ssrc;

/// How many sources of RTP, and how many of RTCP, a [`Receiver`](crate::srtp::Receiver) knows at most. The packets of
/// further ones are refused: to forget one in their favour would let its packets be replayed.
///
/// A call of days in which people come and go has thousands of them, few at a time. Those that were silent for longest,
/// beyond some hundreds, cost 16 bytes each.
pub const MAX_SOURCES: usize = 16_384;

/// The replay windows of sources; tables that grow with what was authenticated alone.
#[derive(Debug)]
pub(super) struct Sources<const WORDS: usize> {
    recent: HashMap<Ssrc, Recent<WORDS>, Keyed>,
    /// The highest index of each source that fell silent: nothing up to it is taken.
    silent: HashMap<Ssrc, u64, Keyed>,
    /// How many packets were taken.
    taken: u64,
}

#[derive(Debug)]
struct Recent<const WORDS: usize> {
    window: ReplayWindow<WORDS>,
    /// The number of its last packet, of all that were taken.
    last: u64,
}

impl<const WORDS: usize> Sources<WORDS> {
    pub(super) fn new(hash_key: &[u8; 16]) -> Self {
        let table = Keyed(*hash_key);
        Self { recent: HashMap::with_hasher(table.clone()), silent: HashMap::with_hasher(table), taken: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.recent.len() + self.silent.len()
    }

    /// Takes a packet at most once. `index` makes its index from the source's highest, which a new source has none of;
    /// `open` authenticates and decrypts it.
    // RFC 3711, Section 3.3: first the replay list, then the tag; what is known changes last.
    pub(super) fn admit<T>(
        &mut self,
        ssrc: Ssrc,
        index: impl FnOnce(Option<u64>) -> u64,
        open: impl FnOnce(u64) -> Result<T, Discard>,
    ) -> Result<T, Discard> {
        let Some(Recent { window, last }) = self.recent.get_mut(&ssrc) else {
            return self.admit_other(ssrc, index, open);
        };
        let index = index(Some(window.highest()));
        match window.judge(index) {
            Verdict::New => {}
            Verdict::Seen => return Err(Discard::Replayed),
            Verdict::Old => return Err(Discard::TooOld),
        }
        let opened = open(index)?;
        window.note(index);
        self.taken += 1;
        *last = self.taken;
        Ok(opened)
    }

    /// A packet of a source that is new, or was silent for long.
    fn admit_other<T>(
        &mut self,
        ssrc: Ssrc,
        index: impl FnOnce(Option<u64>) -> u64,
        open: impl FnOnce(u64) -> Result<T, Discard>,
    ) -> Result<T, Discard> {
        let highest = self.silent.get(&ssrc).copied();
        if highest.is_none() && self.len() >= MAX_SOURCES {
            return Err(Discard::TooManySources);
        }
        let index = index(highest);
        if highest.is_some_and(|highest| index <= highest) {
            return Err(Discard::TooOld);
        }
        let opened = open(index)?;
        self.silent.remove(&ssrc);
        if self.recent.len() >= MAX_RECENT {
            self.retire();
        }
        self.taken += 1;
        self.recent.insert(ssrc, Recent { window: ReplayWindow::new(index), last: self.taken });
        Ok(opened)
    }

    /// Of the sources with a window, those that were silent for longest give it up: a quarter at once, so that a peer with
    /// ever new sources buys no search for each.
    fn retire(&mut self) {
        let mut ages: Vec<u64> = self.recent.values().map(|recent| recent.last).collect();
        let (_, &mut latest, _) = ages.select_nth_unstable(MAX_RECENT / 4);
        let gone = self.recent.extract_if(|_, recent| recent.last < latest);
        self.silent.extend(gone.map(|(ssrc, recent)| (ssrc, recent.window.highest())));
    }
}

/// How many sources have a window, of 150 bytes, in which their packets may come out of order.
const MAX_RECENT: usize = 1024;

/// SipHash under a key of our own: the peer chooses its SSRCs, but not where they fall.
#[derive(Clone)]
pub(crate) struct Keyed(pub(crate) [u8; 16]);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}
