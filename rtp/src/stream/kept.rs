//! The packets of one sender that can be sent again. Of each only what most packets have lies in the cache: with many
//! streams every line of memory counts.

use super::cache::{Cache, CacheConfig};
use super::send::{Own, SentPacket};
use crate::extension::Set;
use crate::{ExtendedSequence, PayloadType, SequenceNumber, Timestamp};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is kept of a sender's packets.
#[derive(Debug)]
// What every sent packet touches comes first.
#[repr(C)]
pub(crate) struct Kept {
    last: ExtendedSequence,
    /// Of those that have more, in the order of their numbers.
    more: VecDeque<More>,
    packets: Cache<Packet>,
}

/// What every packet has.
struct Packet {
    body: Bytes,
    timestamp: Timestamp,
    own: Own,
    payload_type: PayloadType,
    marker: bool,
}

// With what the cache notes it fills a line of memory.
const _: () = assert!(size_of::<Packet>() <= 48);

/// What packets of frames have before their part of the frame, and what an application adds.
#[derive(Debug)]
struct More {
    sequence: ExtendedSequence,
    prefix: Bytes,
    extensions: Set,
}

impl Kept {
    pub(crate) fn new(config: CacheConfig) -> Self {
        Self { packets: Cache::new(config), more: VecDeque::new(), last: ExtendedSequence(0) }
    }

    /// Keeps a packet that leaves now with what the session says in it.
    pub(crate) fn keep(&mut self, now: Instant, sent: SentPacket, own: Own, len: usize) {
        let SentPacket { sequence, timestamp, payload_type, marker, extensions, prefix, body, .. } = sent;
        self.last = self.last.max(sequence);
        self.packets.insert(now, sequence, Packet { body, timestamp, own, payload_type, marker }, len);
        let first = self.packets.first();
        while self.more.front().is_some_and(|more| more.sequence < first) {
            self.more.pop_front();
        }
        if !(prefix.is_empty() && extensions.is_empty()) {
            let at = self.more.partition_point(|more| more.sequence < sequence);
            self.more.insert(at, More { sequence, prefix, extensions });
        }
    }

    /// A packet that was asked for, when it may be sent again now.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        number: SequenceNumber,
        round_trip: Duration,
    ) -> Option<SentPacket> {
        let Packet { body, timestamp, own, payload_type, marker } =
            self.packets.request(now, number, round_trip).ok()?;
        let sequence = number.extend(self.last);
        let more = self.more.binary_search_by_key(&sequence, |more| more.sequence).ok();
        let more = more.and_then(|at| self.more.get(at));
        let (prefix, extensions) =
            more.map(|more| (more.prefix.clone(), more.extensions.clone())).unwrap_or_default();
        Some(SentPacket {
            sequence,
            timestamp: *timestamp,
            payload_type: *payload_type,
            marker: *marker,
            extensions,
            prefix,
            body: body.clone(),
            own: Some(*own),
        })
    }

    /// Forgets them all: sent again they would be of no use.
    pub(crate) fn clear(&mut self) {
        self.packets.clear();
        self.more.clear();
    }
}
