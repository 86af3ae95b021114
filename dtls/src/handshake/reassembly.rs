//! Messages put together from fragments that come in any order (RFC 6347, Section 4.2.3).

use std::collections::VecDeque;
use std::ops::Range;

use super::message::{Fragment, HandshakeType};

/// What is held of messages that are not complete or not in order. Bounded in messages, bytes and pieces.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// The number of the message to handle next.
    next: u16,
    /// Partial messages by their distance from `next`.
    slots: VecDeque<Option<Partial>>,
}

/// A message of which fragments have come.
#[derive(Debug)]
pub(crate) struct Partial {
    kind: HandshakeType,
    body: Vec<u8>,
    /// The ranges received, in order and apart from each other.
    received: Vec<Range<usize>>,
}

/// A fragment that is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotHeld;

impl Reassembly {
    /// The number of the message to handle next.
    pub(crate) fn next(&self) -> u16 {
        self.next
    }

    /// The next message is handled.
    pub(crate) fn advance(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.slots.pop_front();
    }

    /// Forgets what is held of all messages.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.slots.iter().flatten().map(|partial| partial.body.len()).sum()
    }

    /// Takes the next message out if it is complete.
    pub(crate) fn take_complete(&mut self) -> Option<(HandshakeType, Vec<u8>)> {
        let slot = self.slots.front_mut()?;
        slot.take_if(|partial| partial.is_complete()).map(|partial| (partial.kind, partial.body))
    }

    /// Holds a fragment of the next message or of one of those to come.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>) -> Result<(), NotHeld> {
        let ahead = usize::from(fragment.message_seq.wrapping_sub(self.next));
        let length = usize::try_from(fragment.length).map_err(|_| NotHeld)?;
        if ahead >= MAX_MESSAGES || length > MAX_MESSAGE_LEN {
            return Err(NotHeld);
        }
        while self.slots.len() <= ahead {
            self.slots.push_back(None);
        }
        let held = self.slots.get_mut(ahead).ok_or(NotHeld)?;
        if let Some(partial) = held
            && partial.kind == fragment.kind
            && partial.body.len() == length
        {
            match partial.merge(fragment) {
                Merge::Done => return Ok(()),
                Merge::TooManyPieces => return Err(NotHeld),
                Merge::Contradiction => {}
            }
        }
        // What contradicts an earlier fragment replaces it: one of the two is forged, and the true sender repeats
        // itself, so that it comes last.
        *held = None;
        self.make_room(ahead, length)?;
        let mut partial = Partial { kind: fragment.kind, body: vec![0; length], received: Vec::new() };
        partial.merge(fragment);
        *self.slots.get_mut(ahead).ok_or(NotHeld)? = Some(partial);
        Ok(())
    }

    /// Forgets messages farther ahead than `ahead` until one of `length` bytes fits.
    fn make_room(&mut self, ahead: usize, length: usize) -> Result<(), NotHeld> {
        let mut farthest = self.slots.len();
        while self.held().saturating_add(length) > MAX_HELD {
            farthest = farthest.saturating_sub(1);
            if farthest <= ahead {
                return Err(NotHeld);
            }
            if let Some(slot) = self.slots.get_mut(farthest) {
                *slot = None;
            }
        }
        Ok(())
    }
}

enum Merge {
    Done,
    Contradiction,
    TooManyPieces,
}

impl Partial {
    fn is_complete(&self) -> bool {
        match self.received.as_slice() {
            [] => self.body.is_empty(),
            [all] => all.start == 0 && all.end == self.body.len(),
            _ => false,
        }
    }

    fn merge(&mut self, fragment: &Fragment<'_>) -> Merge {
        let start = usize::try_from(fragment.offset).unwrap_or(usize::MAX);
        let new = start..start.saturating_add(fragment.bytes.len());
        if new.is_empty() {
            return Merge::Done;
        }
        for held in self.received.iter().filter(|held| held.start < new.end && new.start < held.end) {
            let shared = held.start.max(new.start)..held.end.min(new.end);
            let theirs =
                fragment.bytes.get(shared.start.saturating_sub(start)..shared.end.saturating_sub(start));
            if self.body.get(shared) != theirs {
                return Merge::Contradiction;
            }
        }
        let first = self.received.partition_point(|held| held.end < new.start);
        let last = self.received.partition_point(|held| held.start <= new.end);
        let touched = self.received.get(first..last).unwrap_or_default();
        if touched.is_empty() && self.received.len() >= MAX_PIECES {
            return Merge::TooManyPieces;
        }
        let joined =
            touched.iter().fold(new.clone(), |all, held| all.start.min(held.start)..all.end.max(held.end));
        let Some(place) = self.body.get_mut(new) else { return Merge::Contradiction };
        place.copy_from_slice(fragment.bytes);
        self.received.splice(first..last, [joined]);
        Merge::Done
    }
}

/// The longest flight has six messages.
const MAX_MESSAGES: usize = 8;
/// More than any certificate chain met in WebRTC.
const MAX_MESSAGE_LEN: usize = 16 * 1024;
/// The bytes of all messages held.
const MAX_HELD: usize = 32 * 1024;
/// The separate pieces of one message.
const MAX_PIECES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: HandshakeType = HandshakeType::CERTIFICATE;

    fn fragment(message_seq: u16, length: u32, offset: u32, bytes: &[u8]) -> Fragment<'_> {
        Fragment { kind: KIND, length, message_seq, offset, bytes }
    }

    #[test]
    fn overlapping_fragments_in_any_order_make_the_message() {
        let message: Vec<u8> = (0..100).collect();
        let pieces = [(90, 100), (0, 10), (5, 50), (60, 91), (49, 61)];
        let mut reassembly = Reassembly::default();
        for (start, end) in pieces {
            assert_eq!(reassembly.take_complete(), None);
            let bytes = &message[start..end];
            reassembly.insert(&fragment(0, 100, u32::try_from(start).unwrap(), bytes)).unwrap();
        }
        assert_eq!(reassembly.take_complete(), Some((KIND, message)));
    }

    #[test]
    fn a_contradicting_fragment_starts_the_message_anew() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(0, 4, 0, b"EV")).unwrap();
        reassembly.insert(&fragment(0, 4, 0, b"go")).unwrap();
        reassembly.insert(&fragment(0, 4, 2, b"od")).unwrap();
        assert_eq!(reassembly.take_complete(), Some((KIND, b"good".to_vec())));
    }

    #[test]
    fn another_length_starts_the_message_anew() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(0, 9, 0, b"EVIL")).unwrap();
        reassembly.insert(&fragment(0, 4, 0, b"go")).unwrap();
        assert_eq!(reassembly.held(), 4);
        reassembly.insert(&fragment(0, 4, 2, b"od")).unwrap();
        assert_eq!(reassembly.take_complete(), Some((KIND, b"good".to_vec())));
    }

    #[test]
    fn the_next_message_finds_room_however_much_is_held_ahead() {
        let mut reassembly = Reassembly::default();
        for ahead in 1..8 {
            let _ = reassembly.insert(&fragment(ahead, 16 * 1024, 0, b"x"));
            assert!(reassembly.held() <= 32 * 1024);
        }
        reassembly.insert(&fragment(0, 16 * 1024, 0, b"x")).unwrap();
        assert!(reassembly.held() <= 32 * 1024);
        assert_eq!(reassembly.insert(&fragment(8, 1, 0, b"x")), Err(NotHeld));
        assert_eq!(reassembly.insert(&fragment(0, 16 * 1024 + 1, 0, b"x")), Err(NotHeld));
    }

    #[test]
    fn pieces_of_a_message_are_bounded() {
        let mut reassembly = Reassembly::default();
        for piece in 0..32 {
            reassembly.insert(&fragment(0, 1000, piece * 2, b"x")).unwrap();
        }
        assert_eq!(reassembly.insert(&fragment(0, 1000, 900, b"x")), Err(NotHeld));
        reassembly.insert(&fragment(0, 1000, 1, b"x")).unwrap();
        reassembly.insert(&fragment(0, 1000, 900, b"x")).unwrap();
    }
}
