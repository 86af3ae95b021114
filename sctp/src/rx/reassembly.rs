//! Puts messages together.
//!
//! In order, fragments grow one message at the end of a shared block. Ahead of a gap they wait in cells; each knows how
//! far the run of fragments of its message reaches, so a message that completes ahead of a gap is found in one step.
//! Messages ahead of a gap are handed out at once when unordered or next in their stream.

use std::collections::{BTreeMap, VecDeque};

use super::blocks::Blocks;
use super::cells::{Cells, Chain};
use super::{Delivery, MESSAGE_OVERHEAD};
use crate::event::{Discard, StreamId};
use crate::packet::{Data, Skipped};
use crate::serial::{Tsn, ssn_after};

/// What identifies a message among fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    stream: u16,
    ssn: u16,
    unordered: bool,
}

impl Identity {
    const fn of(data: &Data<'_>) -> Self {
        // RFC 9260, Section 3.3.1: the sequence number of an unordered message means nothing.
        let ssn = if data.unordered { 0 } else { data.ssn };
        Self { stream: data.stream, ssn, unordered: data.unordered }
    }
}

/// The message at the cumulative TSN.
#[derive(Debug)]
enum Head {
    Idle,
    Assembling {
        identity: Identity,
        ppid: u32,
    },
    /// Over the limit: its fragments are dropped up to its end.
    Dropping {
        identity: Identity,
    },
}

/// A TSN past the cumulative one.
#[derive(Debug)]
enum Slot {
    Missing,
    /// Part of a message already handed out.
    Delivered,
    Held(Fragment),
}

#[derive(Debug, Clone, Copy)]
struct Fragment {
    identity: Identity,
    beginning: bool,
    ending: bool,
    ppid: u32,
    chain: Chain,
    /// The other end of the run of this message's fragments; true at both ends of the run.
    other_end: Tsn,
}

#[derive(Debug)]
pub(crate) struct Reassembly {
    max_message_size: usize,
    head: Head,
    blocks: Blocks,
    /// First slot: the TSN after the cumulative one.
    slots: VecDeque<Slot>,
    base: Tsn,
    cells: Cells,
    /// Where messages ahead of a gap are put together.
    aside: Blocks,
    /// The next stream sequence number of each ordered stream.
    next_ssn: Vec<u16>,
    /// Whole ordered messages ahead of a gap that wait for earlier ones: (stream, SSN) to the first TSN.
    waiting: BTreeMap<(u16, u16), Tsn>,
}

impl Reassembly {
    pub(crate) fn new(max_message_size: usize, initial: Tsn) -> Self {
        Self {
            max_message_size,
            head: Head::Idle,
            blocks: Blocks::default(),
            slots: VecDeque::new(),
            base: initial,
            cells: Cells::default(),
            aside: Blocks::default(),
            next_ssn: Vec::new(),
            waiting: BTreeMap::new(),
        }
    }

    pub(crate) fn charged(&self) -> usize {
        self.blocks.len().saturating_add(self.cells.charged())
    }

    pub(crate) fn shrink(&mut self) {
        self.cells.shrink();
        if self.slots.is_empty() {
            self.slots = VecDeque::new();
        }
    }

    /// Takes the fragment right after the cumulative TSN, and what waited behind it.
    pub(crate) fn append(
        &mut self,
        tsn: Tsn,
        data: &Data<'_>,
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
    ) -> Result<(), Discard> {
        self.slots.pop_front();
        self.base = tsn.next();
        let identity = Identity::of(data);
        let mut result = self.begin_or_continue(identity, data.beginning, data.ppid, data.payload.len(), out);
        if matches!(self.head, Head::Assembling { .. }) {
            self.blocks.append(data.payload);
        }
        if data.ending {
            self.finish_head(out, unread);
        }
        if !self.slots.is_empty() {
            self.drain_contiguous(out, unread, &mut result);
        }
        result
    }

    /// Takes a fragment past a gap.
    pub(crate) fn hold(
        &mut self,
        tsn: Tsn,
        data: &Data<'_>,
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
    ) -> Result<(), Discard> {
        let Some(index) = tsn.index_from(self.base) else { return Err(Discard::Duplicate) };
        while self.slots.len() <= index {
            self.slots.push_back(Slot::Missing);
        }
        let identity = Identity::of(data);
        let whole = data.beginning && data.ending;
        if whole && data.payload.len() <= self.max_message_size && self.is_next(identity) {
            // The common case behind a loss: a small message of another stream, or an unordered one.
            self.aside.append(data.payload);
            self.set(index, Slot::Delivered);
            self.deliver_aside(identity, data.ppid, out, unread);
            self.deliver_waiting(identity.stream, out, unread);
            return Ok(());
        }
        let chain = self.cells.store(data.payload);
        let (beginning, ending, ppid) = (data.beginning, data.ending, data.ppid);
        let fragment = Fragment { identity, beginning, ending, ppid, chain, other_end: tsn };
        self.set(index, Slot::Held(fragment));
        let (first, last) = self.join_run(tsn, fragment);
        let whole =
            self.held(first).is_some_and(|f| f.beginning) && self.held(last).is_some_and(|f| f.ending);
        if whole {
            if self.is_next(identity) {
                self.deliver_run(first, out, unread);
                self.deliver_waiting(identity.stream, out, unread);
            } else {
                self.waiting.entry((identity.stream, identity.ssn)).or_insert(first);
            }
        }
        Ok(())
    }

    /// Takes a TSN whose data is not wanted.
    pub(crate) fn refuse(&mut self, tsn: Tsn, out: &mut VecDeque<Delivery>, unread: &mut usize) {
        let Some(index) = tsn.index_from(self.base) else { return };
        while self.slots.len() <= index {
            self.slots.push_back(Slot::Missing);
        }
        self.set(index, Slot::Delivered);
        if index == 0 {
            self.drain_contiguous(out, unread, &mut Ok(()));
        }
    }

    /// Gives up everything up to `new_cum` that is not whole.
    // RFC 3758, Section 3.6
    pub(crate) fn forward(
        &mut self,
        new_cum: Tsn,
        skipped: impl Iterator<Item = Skipped>,
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
    ) {
        let mut result = Ok(());
        while self.base <= new_cum {
            match self.slots.pop_front() {
                Some(Slot::Held(fragment)) => self.feed(fragment, out, unread, &mut result),
                Some(Slot::Missing) => self.drop_head(),
                Some(Slot::Delivered) => {}
                None => {
                    self.drop_head();
                    self.base = new_cum;
                }
            }
            self.base = self.base.next();
        }
        for Skipped { stream, ssn } in skipped {
            let next = self.next_ssn_mut(stream);
            if !ssn_after(*next, ssn) {
                *next = ssn.wrapping_add(1);
            }
            self.deliver_waiting(stream, out, unread);
        }
        self.drain_contiguous(out, unread, &mut result);
    }

    /// Starts the sequence numbers of the streams at zero again, of all when none is listed.
    // RFC 6525, Section 5.2.2, E3 and E4
    pub(crate) fn reset_streams(
        &mut self,
        streams: &[StreamId],
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
    ) {
        if streams.is_empty() {
            for (stream, next) in (0u16..).zip(&mut self.next_ssn) {
                *next = 0;
                out.push_back(Delivery::Reset(StreamId(stream)));
            }
        }
        for &stream in streams {
            if let Some(next) = self.next_ssn.get_mut(usize::from(stream.0)) {
                *next = 0;
            }
            out.push_back(Delivery::Reset(stream));
            self.deliver_waiting(stream.0, out, unread);
        }
    }

    fn begin_or_continue(
        &mut self,
        identity: Identity,
        beginning: bool,
        ppid: u32,
        len: usize,
        out: &mut VecDeque<Delivery>,
    ) -> Result<(), Discard> {
        match self.head {
            Head::Assembling { identity: current, .. } if !beginning && current == identity => {}
            Head::Dropping { identity: current } if !beginning && current == identity => {
                return Err(Discard::MessageTooLarge);
            }
            _ if beginning => {
                // An unfinished message here was abandoned by its sender.
                self.blocks.clear();
                self.head = Head::Assembling { identity, ppid };
            }
            _ => {
                self.drop_head();
                return Err(Discard::BadFragment);
            }
        }
        if self.blocks.len().saturating_add(len) > self.max_message_size {
            self.blocks.clear();
            self.head = Head::Dropping { identity };
            out.push_back(Delivery::TooLarge(StreamId(identity.stream)));
            return Err(Discard::MessageTooLarge);
        }
        Ok(())
    }

    fn drop_head(&mut self) {
        self.blocks.clear();
        self.head = Head::Idle;
    }

    fn finish_head(&mut self, out: &mut VecDeque<Delivery>, unread: &mut usize) {
        let head = std::mem::replace(&mut self.head, Head::Idle);
        let identity = match head {
            Head::Assembling { identity, ppid } => {
                let payload = self.blocks.take();
                *unread = unread.saturating_add(payload.len().saturating_add(MESSAGE_OVERHEAD));
                out.push_back(Delivery::Message { stream: StreamId(identity.stream), ppid, payload });
                identity
            }
            Head::Dropping { identity } => identity,
            Head::Idle => return,
        };
        // Everything before this TSN has arrived or was given up, so nothing before this message can still come.
        if !identity.unordered {
            *self.next_ssn_mut(identity.stream) = identity.ssn.wrapping_add(1);
            if !self.waiting.is_empty() {
                self.waiting.remove(&(identity.stream, identity.ssn));
                self.deliver_waiting(identity.stream, out, unread);
            }
        }
    }

    /// Moves on over slots that have arrived.
    fn drain_contiguous(
        &mut self,
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
        result: &mut Result<(), Discard>,
    ) {
        while !matches!(self.slots.front(), None | Some(Slot::Missing)) {
            if let Some(Slot::Held(fragment)) = self.slots.pop_front() {
                self.base = self.base.next();
                self.feed(fragment, out, unread, result);
            } else {
                self.base = self.base.next();
            }
        }
    }

    /// Takes a held fragment as the next in order.
    fn feed(
        &mut self,
        fragment: Fragment,
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
        result: &mut Result<(), Discard>,
    ) {
        let len = usize::from(fragment.chain.len());
        if let Err(discard) =
            self.begin_or_continue(fragment.identity, fragment.beginning, fragment.ppid, len, out)
        {
            *result = Err(discard);
        }
        let assembling = matches!(self.head, Head::Assembling { .. });
        self.cells.release(fragment.chain, |piece| {
            if assembling {
                self.blocks.append(piece);
            }
        });
        if fragment.ending {
            self.finish_head(out, unread);
        }
    }

    /// Joins the runs on both sides of a fragment just held; returns the ends of the joint run.
    fn join_run(&mut self, tsn: Tsn, fragment: Fragment) -> (Tsn, Tsn) {
        let (mut first, mut last) = (tsn, tsn);
        let left = self.held(tsn.previous()).filter(|_| !fragment.beginning);
        if let Some(left) = left.filter(|left| !left.ending && left.identity == fragment.identity) {
            first = left.other_end;
        }
        let right = self.held(tsn.next()).filter(|_| !fragment.ending);
        if let Some(right) = right.filter(|right| !right.beginning && right.identity == fragment.identity) {
            last = right.other_end;
        }
        for (end, other) in [(first, last), (last, first)] {
            let slot = end.index_from(self.base).and_then(|index| self.slots.get_mut(index));
            if let Some(Slot::Held(fragment)) = slot {
                fragment.other_end = other;
            }
        }
        (first, last)
    }

    fn held(&self, tsn: Tsn) -> Option<Fragment> {
        match self.slots.get(tsn.index_from(self.base)?) {
            Some(&Slot::Held(fragment)) => Some(fragment),
            _ => None,
        }
    }

    fn set(&mut self, index: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(index) {
            *place = slot;
        }
    }

    fn is_next(&self, identity: Identity) -> bool {
        let next = self.next_ssn.get(usize::from(identity.stream)).copied().unwrap_or_default();
        identity.unordered || next == identity.ssn
    }

    /// Hands out the whole message whose run begins at `first`, unless it is too large: then it waits for its turn, where
    /// it is refused.
    fn deliver_run(&mut self, first: Tsn, out: &mut VecDeque<Delivery>, unread: &mut usize) -> bool {
        let Some(head) = self.held(first) else { return false };
        let end = head.other_end.next();
        let length = |at: Tsn| self.held(at).map_or(0, |fragment| usize::from(fragment.chain.len()));
        let run = std::iter::successors(Some(first), |tsn| Some(tsn.next())).take_while(|tsn| *tsn < end);
        if run.clone().map(length).sum::<usize>() > self.max_message_size {
            return false;
        }
        for tsn in run {
            let Some(index) = tsn.index_from(self.base) else { continue };
            if let Some(fragment) = self.held(tsn) {
                self.cells.release(fragment.chain, |piece| self.aside.append(piece));
                self.set(index, Slot::Delivered);
            }
        }
        self.deliver_aside(head.identity, head.ppid, out, unread);
        true
    }

    fn deliver_aside(
        &mut self,
        identity: Identity,
        ppid: u32,
        out: &mut VecDeque<Delivery>,
        unread: &mut usize,
    ) {
        let payload = self.aside.take();
        *unread = unread.saturating_add(payload.len().saturating_add(MESSAGE_OVERHEAD));
        out.push_back(Delivery::Message { stream: StreamId(identity.stream), ppid, payload });
        if !identity.unordered {
            *self.next_ssn_mut(identity.stream) = identity.ssn.wrapping_add(1);
        }
    }

    /// Hands out what waited for the message of this stream just handed out.
    fn deliver_waiting(&mut self, stream: u16, out: &mut VecDeque<Delivery>, unread: &mut usize) {
        while !self.waiting.is_empty() {
            let ssn = self.next_ssn.get(usize::from(stream)).copied().unwrap_or_default();
            let Some(first) = self.waiting.remove(&(stream, ssn)) else { break };
            if !self.deliver_run(first, out, unread) {
                break;
            }
        }
    }

    fn next_ssn_mut(&mut self, stream: u16) -> &mut u16 {
        let index = usize::from(stream);
        if self.next_ssn.len() <= index {
            self.next_ssn.resize(index.saturating_add(1), 0);
        }
        #[expect(clippy::indexing_slicing, reason = "resized to hold the index just above")]
        &mut self.next_ssn[index]
    }
}
