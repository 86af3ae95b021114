//! Receiving: which TSNs have arrived, messages put together, acknowledgements owed.

mod blocks;
mod cells;
mod reassembly;
mod tracker;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::event::{Discard, StreamId};
use crate::packet::{Data, ForwardTsn, GapBlock, PacketWriter, Sack, kind};
use crate::serial::Tsn;
use reassembly::Reassembly;
use tracker::{Arrival, Tracker};

/// Charged for each unread message besides its bytes, so that tiny messages have a price too.
const MESSAGE_OVERHEAD: usize = 64;

/// Messages and marks that may wait before the peer's stream resets have to wait too.
const MAX_DELIVERIES: usize = 100_000;

/// A message put together, or a mark between messages.
#[derive(Debug)]
pub(crate) enum Delivery {
    Message {
        stream: StreamId,
        ppid: u32,
        payload: Bytes,
    },
    /// The peer reset its outgoing stream here.
    Reset(StreamId),
    /// A message over our limit was dropped.
    TooLarge(StreamId),
}

/// How soon a SACK is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledgement {
    None,
    /// With company, or when the delay is over.
    Delayed,
    Now,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    window: usize,
    tracker: Tracker,
    reassembly: Reassembly,
    deliveries: VecDeque<Delivery>,
    unread: usize,
    owed: Acknowledgement,
    /// Data packets since the last SACK.
    unacknowledged: u32,
    advertised: usize,
}

impl Receiver {
    /// `initial`: the peer's first TSN.
    pub(crate) fn new(window: usize, max_message_size: usize, initial: u32) -> Self {
        Self {
            window,
            tracker: Tracker::new(Tsn::initial(initial)),
            reassembly: Reassembly::new(max_message_size, Tsn::initial(initial)),
            deliveries: VecDeque::new(),
            unread: 0,
            owed: Acknowledgement::None,
            unacknowledged: 0,
            advertised: window,
        }
    }

    /// Takes a DATA chunk, or says why not.
    pub(crate) fn data(&mut self, data: &Data<'_>) -> Result<(), Discard> {
        match self.tracker.classify(data.tsn) {
            Arrival::Duplicate => {
                // RFC 9260, Section 6.2: a packet with duplicate data is acknowledged without delay.
                self.owed = Acknowledgement::Now;
                Err(Discard::Duplicate)
            }
            Arrival::TooFar => {
                self.owed = Acknowledgement::Now;
                Err(Discard::TooFarAhead)
            }
            Arrival::Ahead { tsn, highest } => {
                // RFC 9260, Section 6.2: with a gap, each packet is acknowledged without delay.
                self.owed = Acknowledgement::Now;
                // RFC 9260, Section 6.2: without room, data past the highest TSN is dropped; data that fills
                // a gap has twice the room.
                let limit = if highest { self.window } else { self.window.saturating_mul(2) };
                if self.charged().saturating_add(data.payload.len()) > limit {
                    return Err(Discard::BufferFull);
                }
                self.tracker.accept(tsn);
                self.reassembly.hold(tsn, data, &mut self.deliveries, &mut self.unread)
            }
            Arrival::Next(tsn) => {
                let filled_gap = !self.tracker.ahead().is_empty();
                let full = self.charged().saturating_add(data.payload.len()) > self.window;
                if full && (!filled_gap || self.charged() > self.window.saturating_mul(2)) {
                    self.owed = Acknowledgement::Now;
                    return Err(Discard::BufferFull);
                }
                if filled_gap || data.immediate {
                    self.owed = Acknowledgement::Now;
                }
                self.tracker.accept(tsn);
                self.reassembly.append(tsn, data, &mut self.deliveries, &mut self.unread)
            }
        }
    }

    /// Acknowledges data that is not wanted.
    pub(crate) fn refuse(&mut self, data: &Data<'_>) {
        match self.tracker.classify(data.tsn) {
            Arrival::Next(tsn) => {
                self.tracker.accept(tsn);
                self.reassembly.refuse(tsn, &mut self.deliveries, &mut self.unread);
            }
            Arrival::Ahead { tsn, .. } => {
                self.tracker.accept(tsn);
                self.reassembly.refuse(tsn, &mut self.deliveries, &mut self.unread);
            }
            Arrival::Duplicate | Arrival::TooFar => self.owed = Acknowledgement::Now,
        }
    }

    /// Whether there is room for this many marks among the deliveries.
    pub(crate) fn can_mark(&self, count: usize) -> bool {
        self.deliveries.len().saturating_add(count) <= MAX_DELIVERIES
    }

    /// Notes the end of a packet that carried DATA.
    pub(crate) fn data_packet_done(&mut self) {
        self.unacknowledged = self.unacknowledged.saturating_add(1);
        // RFC 9260, Section 6.2: at least every second packet is acknowledged.
        if self.unacknowledged >= 2 {
            self.owed = Acknowledgement::Now;
        } else if self.owed == Acknowledgement::None {
            self.owed = Acknowledgement::Delayed;
        }
    }

    pub(crate) fn forward(&mut self, forward: &ForwardTsn<'_>) -> Result<(), Discard> {
        let new_cum = self.tracker.cum().nearest(forward.new_cum_tsn);
        // RFC 3758, Section 3.6: an out of date one is answered with a SACK.
        self.owed = Acknowledgement::Now;
        if new_cum <= self.tracker.cum() {
            return Err(Discard::Duplicate);
        }
        self.tracker.forward(new_cum);
        self.reassembly.forward(new_cum, forward.skipped(), &mut self.deliveries, &mut self.unread);
        Ok(())
    }

    /// Whether everything up to this TSN has arrived.
    pub(crate) fn has_all_up_to(&self, wire: u32) -> bool {
        self.tracker.cum().nearest(wire) <= self.tracker.cum()
    }

    /// Resets the peer's streams, all when none is listed.
    pub(crate) fn reset_streams(&mut self, streams: &[StreamId]) {
        self.reassembly.reset_streams(streams, &mut self.deliveries, &mut self.unread);
    }

    pub(crate) const fn cum(&self) -> u32 {
        self.tracker.cum().wire()
    }

    pub(crate) const fn owed(&self) -> Acknowledgement {
        self.owed
    }

    pub(crate) const fn owe_now(&mut self) {
        self.owed = Acknowledgement::Now;
    }

    /// Takes the next delivery. Its bytes stay charged until [`release`](Self::release).
    pub(crate) fn next_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    pub(crate) fn peek_delivery(&self) -> Option<&Delivery> {
        self.deliveries.front()
    }

    /// Gives the window back what a message of `len` bytes was charged.
    pub(crate) fn release(&mut self, len: usize) {
        self.unread = self.unread.saturating_sub(len.saturating_add(MESSAGE_OVERHEAD));
        // RFC 9260, Section 6.2: a window that had nearly closed is announced once it is well open again.
        let free = self.window.saturating_sub(self.charged());
        if self.advertised < self.window / 4 && free >= self.window / 2 {
            self.owed = Acknowledgement::Now;
        }
    }

    /// Gives a part of a message's charge back.
    pub(crate) fn uncharge(&mut self, len: usize) {
        self.unread = self.unread.saturating_sub(len);
    }

    /// Bytes held, as charged to the window.
    pub(crate) fn charged(&self) -> usize {
        self.unread.saturating_add(self.reassembly.charged())
    }

    /// Appends a SACK as far as there is room for its gap blocks.
    pub(crate) fn write_sack(&mut self, packet: &mut PacketWriter<'_>) -> bool {
        let Some(words) = packet.room().checked_sub(Sack::LEN).map(|room| room / 4) else { return false };
        let cum = self.tracker.cum();
        let gaps = self.tracker.ahead().len().min(words);
        let duplicates = self.tracker.duplicates();
        let duplicates =
            duplicates.get(..duplicates.len().min(words.saturating_sub(gaps))).unwrap_or_default();
        self.advertised = self.window.saturating_sub(self.charged());
        let a_rwnd = u32::try_from(self.advertised).unwrap_or(u32::MAX);
        packet.chunk(kind::SACK, 0, |out| {
            let offset = |tsn: Tsn| u16::try_from(tsn.since(cum)).unwrap_or(u16::MAX);
            let blocks = self.tracker.ahead().iter().take(gaps);
            let blocks = blocks.map(|(start, end)| GapBlock { start: offset(start), end: offset(end) });
            Sack::write(out, cum.wire(), a_rwnd, blocks, duplicates);
        });
        self.tracker.clear_duplicates();
        self.owed = Acknowledgement::None;
        self.unacknowledged = 0;
        true
    }

    /// Gives memory back while idle.
    pub(crate) fn shrink(&mut self) {
        self.reassembly.shrink();
        if self.deliveries.is_empty() {
            self.deliveries.shrink_to(16);
        }
    }
}
