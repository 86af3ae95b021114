//! One outgoing stream out of packets of several sources, for media servers.

use super::ReceiverId;
use crate::{ExtendedSequence, ExtendedTimestamp};
use std::collections::VecDeque;
use std::time::Instant;

/// Numbers the packets that one subscriber gets from one source at a time, so that sequence numbers and timestamps go
/// on when the source changes: to another simulcast layer, to another speaker.
///
/// What is lost or reordered on the way from the source stays so on the way to the subscriber, whose requests for
/// retransmission then name what may still come; what is [skipped](Self::skip) leaves no trace. A copy of a packet is
/// refused: no number is given twice.
///
/// `S` tells sources apart: the receiver, or the receiver and its connection where they have several.
#[derive(Debug)]
pub struct Forwarder<S = ReceiverId> {
    clock_rate: u32,
    /// The number after the highest given.
    next: u64,
    /// The latest timestamp given, and when it first was.
    latest: Option<(u32, Instant)>,
    current: Option<Source<S>>,
    /// Sources that were switched from: what is not newer than their last is late. The oldest goes first.
    left: VecDeque<(S, ExtendedSequence)>,
}

#[derive(Debug)]
struct Source<S> {
    id: S,
    /// Highest number seen, forwarded or skipped.
    highest: u64,
    /// Bit `n % WINDOW` tells of number `n`, of those from `highest - WINDOW + 1` on.
    seen: [u64; WORDS],
    /// From a number on, the difference to ours. The first entry is where the source begins.
    runs: VecDeque<(u64, u64)>,
    /// Its latest timestamp, and ours less its.
    latest: ExtendedTimestamp,
    timestamp_offset: u32,
}

impl<S: Copy + PartialEq> Forwarder<S> {
    /// For a codec whose clock has `clock_rate` ticks a second: all sources have the same.
    #[must_use]
    pub const fn new(clock_rate: u32) -> Self {
        Self { clock_rate, next: 0, latest: None, current: None, left: VecDeque::new() }
    }

    /// The sequence number and the timestamp to send a packet under, each counted from zero.
    ///
    /// A packet of another source than the last one's is a switch: it goes on with the next number, and the time that has
    /// passed since the last frame began. Choose one that a key frame starts with. `None` for what came before its source's
    /// first forwarded packet, for copies, for what was skipped, and for what is over 1,024 numbers late.
    pub fn forward(
        &mut self,
        now: Instant,
        source: S,
        sequence: ExtendedSequence,
        timestamp: ExtendedTimestamp,
    ) -> Option<(u64, u32)> {
        match &self.current {
            Some(current) if current.id == source => {
                if sequence.0.saturating_sub(current.highest) > WINDOW {
                    // A subscriber could take so long a gap for a step back. One number stands for all that is missing.
                    self.next = self.next.saturating_add(1);
                    self.begin(now, source, sequence, timestamp);
                }
            }
            _ if self.left.iter().any(|(left, last)| *left == source && sequence <= *last) => return None,
            _ => self.begin(now, source, sequence, timestamp),
        }
        let current = self.current.as_mut()?;
        let number = current.number(sequence.0)?;
        if !current.see(sequence.0) {
            return None;
        }
        self.next = self.next.max(number.saturating_add(1));
        let ours = timestamp.wire().0.wrapping_add(current.timestamp_offset);
        if timestamp > current.latest {
            current.latest = timestamp;
            self.latest = Some((ours, now));
        }
        Some((number, ours))
    }

    /// Leaves a packet of the current source out, one of an upper layer for instance, as if it had never been numbered.
    /// A packet that comes late, after others that followed it, leaves a gap. Nothing happens for another source's.
    pub fn skip(&mut self, source: S, sequence: ExtendedSequence) {
        let Some(current) = self.current.as_mut().filter(|current| current.id == source) else { return };
        let ahead = sequence.0.saturating_sub(current.highest);
        if ahead > WINDOW || !current.see(sequence.0) || ahead == 0 {
            return;
        }
        let Some((from, difference)) = current.runs.back().copied() else { return };
        let after = (sequence.0.saturating_add(1), difference.wrapping_add(1));
        if from == sequence.0 {
            // The one before was skipped too: no number has this difference.
            current.runs.pop_back();
        } else if current.runs.len() >= RUNS {
            current.runs.pop_front();
        }
        current.runs.push_back(after);
    }

    /// The source that packets were last forwarded of.
    #[must_use]
    pub fn source(&self) -> Option<S> {
        self.current.as_ref().map(|current| current.id)
    }
    /// Makes the packet the first of its source, under the next number.
    fn begin(&mut self, now: Instant, id: S, sequence: ExtendedSequence, timestamp: ExtendedTimestamp) {
        let ours = self.latest.map_or(0, |(latest, since)| {
            let ticks = now.saturating_duration_since(since).as_nanos() * u128::from(self.clock_rate) / NANOS;
            latest.wrapping_add(((ticks & 0xffff_ffff) as u32).max(1))
        });
        self.latest = Some((ours, now));
        // The runs' memory stays with the stream.
        let mut runs = VecDeque::new();
        if let Some(old) = self.current.take() {
            runs = old.runs;
            self.left.retain(|(left, _)| *left != id && *left != old.id);
            if old.id != id {
                if self.left.len() >= LEFT {
                    self.left.pop_front();
                }
                self.left.push_back((old.id, ExtendedSequence(old.highest)));
            }
        }
        runs.clear();
        runs.push_back((sequence.0, sequence.0.wrapping_sub(self.next)));
        self.current = Some(Source {
            id,
            highest: sequence.0,
            seen: [0; WORDS],
            runs,
            latest: timestamp,
            timestamp_offset: ours.wrapping_sub(timestamp.wire().0),
        });
    }
}

impl<S> Source<S> {
    /// Our number for the source's. `None` for what came before its first, and for what is too far back to tell.
    fn number(&self, number: u64) -> Option<u64> {
        let (_, difference) = self.runs.iter().rev().find(|(from, _)| *from <= number)?;
        Some(number.wrapping_sub(*difference))
    }

    /// Marks a number as seen. False if it was, or is too far back to tell.
    fn see(&mut self, number: u64) -> bool {
        if self.highest.saturating_sub(number) >= WINDOW {
            return false;
        }
        while self.highest < number {
            self.highest += 1;
            if let Some((word, bit)) = place(&mut self.seen, self.highest) {
                *word &= !bit;
            }
        }
        let Some((word, bit)) = place(&mut self.seen, number) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

fn place(seen: &mut [u64; WORDS], number: u64) -> Option<(&mut u64, u64)> {
    let at = number % WINDOW;
    let word = usize::try_from(at / 64).ok()?;
    Some((seen.get_mut(word)?, 1 << (at % 64)))
}

/// How far back a packet may come: half a second of 20 Mbit/s.
const WINDOW: u64 = 1024;
const WORDS: usize = 16;
/// Runs of skipped packets that are remembered: 4 s of a stream of which every other frame is left out.
const RUNS: usize = 64;
/// Sources whose late packets are known as such.
const LEFT: usize = 8;
const NANOS: u128 = 1_000_000_000;
