//! What is known of each source whose packets proved to be authentic.

use std::collections::HashMap;
use std::hash::BuildHasher;

use siphasher::sip::SipHasher13;

use super::error::Discard;
use super::replay::{ReplayWindow, Verdict};
use crate::sequence::Ssrc;

/// How many sources of RTP, and how many of RTCP, a [`Receiver`](crate::srtp::Receiver) knows at most. The packets of
/// further ones are refused: to forget one in their favour would let its packets be replayed.
pub const MAX_SOURCES: usize = 1024;

/// The replay windows of sources; a table that grows with what was authenticated alone.
#[derive(Debug)]
pub(super) struct Sources<const WORDS: usize> {
    windows: HashMap<Ssrc, ReplayWindow<WORDS>, Keyed>,
}

impl<const WORDS: usize> Sources<WORDS> {
    pub(super) fn new(hash_key: &[u8; 16]) -> Self {
        Self { windows: HashMap::with_hasher(Keyed(*hash_key)) }
    }

    pub(super) fn len(&self) -> usize {
        self.windows.len()
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
        let Some(window) = self.windows.get_mut(&ssrc) else {
            if self.windows.len() >= MAX_SOURCES {
                return Err(Discard::TooManySources);
            }
            let index = index(None);
            let opened = open(index)?;
            self.windows.insert(ssrc, ReplayWindow::new(index));
            return Ok(opened);
        };
        let index = index(Some(window.highest()));
        match window.judge(index) {
            Verdict::New => {}
            Verdict::Seen => return Err(Discard::Replayed),
            Verdict::Old => return Err(Discard::TooOld),
        }
        let opened = open(index)?;
        window.note(index);
        Ok(opened)
    }
}

/// SipHash under a key of our own: the peer chooses its SSRCs, but not where they fall.
#[derive(Clone)]
pub(crate) struct Keyed(pub(crate) [u8; 16]);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}
