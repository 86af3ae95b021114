//! Messages that wait to be sent, by stream, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use crate::event::StreamId;

/// Charged for each message in the send buffer besides its bytes.
pub(crate) const MESSAGE_OVERHEAD: usize = 64;

/// A message as the application gave it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) payload: Bytes,
    pub(crate) ppid: u32,
    pub(crate) unordered: bool,
    /// Given up at this time unless acknowledged.
    pub(crate) expires: Option<Instant>,
    /// Given up when it would have to be sent more often than this again.
    pub(crate) max_retransmits: Option<u32>,
}

impl Outgoing {
    /// A message of the Data Channel Establishment Protocol: the application's buffered amount does not count it.
    pub(crate) const fn is_control(&self) -> bool {
        self.ppid == crate::dcep::ppid::DCEP
    }
}

/// What a stream may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    Open,
    /// To be reset once everything queued has been sent.
    Draining,
    /// Its reset is being asked for; what is queued now leaves after it, as the stream's new life.
    Resetting { close_again: bool },
    /// The peer refused the reset.
    Dead,
}

#[derive(Debug)]
struct Stream {
    state: StreamState,
    next_ssn: u16,
    messages: VecDeque<Outgoing>,
    /// Bytes not yet sent for the first time.
    unsent: usize,
    /// Those among them that control messages have.
    control: usize,
    low_threshold: usize,
    /// In `turns`, or having the message that is being sent.
    active: bool,
}

impl Stream {
    const fn new() -> Self {
        Self {
            state: StreamState::Open,
            next_ssn: 0,
            messages: VecDeque::new(),
            unsent: 0,
            control: 0,
            low_threshold: 0,
            active: false,
        }
    }

    const fn buffered(&self) -> usize {
        self.unsent.saturating_sub(self.control)
    }
}

/// Streams take turns, message by message.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    streams: BTreeMap<StreamId, Stream>,
    turns: VecDeque<StreamId>,
    /// Streams that drained and wait for their reset.
    drained: Vec<StreamId>,
    /// Streams whose buffered amount came down to their threshold.
    low: Vec<StreamId>,
}

impl SendQueue {
    /// Whether the stream takes messages.
    pub(crate) fn is_open(&self, stream: StreamId) -> bool {
        let Some(stream) = self.streams.get(&stream) else { return true };
        matches!(stream.state, StreamState::Open | StreamState::Resetting { close_again: false })
    }

    /// Whether the stream's reset is unanswered.
    pub(crate) fn is_resetting(&self, stream: StreamId) -> bool {
        let stream = self.streams.get(&stream);
        stream.is_some_and(|stream| matches!(stream.state, StreamState::Resetting { .. }))
    }

    /// Bytes of the stream not yet sent for the first time.
    pub(crate) fn buffered(&self, stream: StreamId) -> usize {
        self.streams.get(&stream).map_or(0, Stream::buffered)
    }

    pub(crate) fn set_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        self.streams.entry(stream).or_insert_with(Stream::new).low_threshold = threshold;
    }

    pub(crate) fn push(&mut self, id: StreamId, message: Outgoing) {
        let stream = self.streams.entry(id).or_insert_with(Stream::new);
        stream.unsent = stream.unsent.saturating_add(message.payload.len());
        if message.is_control() {
            stream.control = stream.control.saturating_add(message.payload.len());
        }
        stream.messages.push_back(message);
        // RFC 6525, Section 5.1.2: nothing is sent on a stream between its reset's request and the answer.
        if !stream.active && stream.state == StreamState::Open {
            stream.active = true;
            self.turns.push_back(id);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Length of the message whose turn it is.
    pub(crate) fn peek_len(&self) -> Option<usize> {
        let stream = self.streams.get(self.turns.front()?)?;
        stream.messages.front().map(|message| message.payload.len())
    }

    /// Takes the message whose turn it is, with its stream sequence number. Expired messages are dropped on the way, their
    /// lengths handed to `expired`.
    pub(crate) fn pop(
        &mut self,
        now: Instant,
        mut expired: impl FnMut(usize),
    ) -> Option<(StreamId, u16, Outgoing)> {
        loop {
            let id = *self.turns.front()?;
            let stream = self.streams.get_mut(&id)?;
            let message = stream.messages.pop_front()?;
            let last = stream.messages.is_empty();
            if last {
                stream.active = false;
                self.turns.pop_front();
            }
            if message.expires.is_some_and(|at| at <= now) {
                // RFC 3758, Section 3.5, A3: it has no TSN yet, so nobody needs to be told.
                self.sent(id, message.payload.len(), message.is_control());
                expired(message.payload.len());
                continue;
            }
            let ssn = stream.next_ssn;
            if !message.unordered {
                stream.next_ssn = ssn.wrapping_add(1);
            }
            if !last {
                self.turns.rotate_left(1);
            }
            return Some((id, ssn, message));
        }
    }

    /// Notes that bytes of a stream left for the first time, or never will.
    pub(crate) fn sent(&mut self, id: StreamId, len: usize, control: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let before = stream.buffered();
        stream.unsent = stream.unsent.saturating_sub(len);
        if control {
            stream.control = stream.control.saturating_sub(len);
        }
        let (after, threshold) = (stream.buffered(), stream.low_threshold);
        if before > threshold && after <= threshold && !self.low.contains(&id) {
            self.low.push(id);
        }
        if stream.unsent == 0 && stream.state == StreamState::Draining {
            stream.state = StreamState::Resetting { close_again: false };
            self.drained.push(id);
        }
    }

    /// Takes no more messages for the stream; once all have been sent it shows among the [`drained`](Self::drained).
    pub(crate) fn close(&mut self, id: StreamId) {
        let stream = self.streams.entry(id).or_insert_with(Stream::new);
        match &mut stream.state {
            StreamState::Open => {
                stream.state = StreamState::Draining;
                self.sent(id, 0, false);
            }
            StreamState::Resetting { close_again } => *close_again |= !stream.messages.is_empty(),
            StreamState::Draining | StreamState::Dead => {}
        }
    }

    /// Streams to be reset.
    pub(crate) const fn drained(&mut self) -> &mut Vec<StreamId> {
        &mut self.drained
    }

    /// The stream's reset has come to an end: it begins anew, or never again.
    pub(crate) fn reset_done(&mut self, id: StreamId, performed: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if !performed {
            stream.state = StreamState::Dead;
        } else if stream.messages.is_empty() {
            self.streams.remove(&id);
        } else {
            let close_again = stream.state == StreamState::Resetting { close_again: true };
            stream.state = if close_again { StreamState::Draining } else { StreamState::Open };
            stream.next_ssn = 0;
            stream.active = true;
            self.turns.push_back(id);
        }
    }

    /// A stream whose buffered amount came down to its threshold, once for each time.
    pub(crate) fn next_low(&mut self) -> Option<StreamId> {
        self.low.pop()
    }

    /// Whether the peer refused to reset the stream.
    pub(crate) fn is_dead(&self, id: StreamId) -> bool {
        self.streams.get(&id).is_some_and(|stream| stream.state == StreamState::Dead)
    }

    /// Drops what waits for a stream; returns what it was charged.
    pub(crate) fn discard(&mut self, id: StreamId) -> usize {
        let Some(stream) = self.streams.remove(&id) else { return 0 };
        self.turns.retain(|&turn| turn != id);
        stream.messages.iter().map(|message| message.payload.len().saturating_add(MESSAGE_OVERHEAD)).sum()
    }

    pub(crate) fn has_low(&self) -> bool {
        !self.low.is_empty()
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a first instant; nothing here waits")]
    fn start() -> Instant {
        Instant::now()
    }

    fn message(len: usize) -> Outgoing {
        let payload = Bytes::from(vec![1; len]);
        Outgoing { payload, ppid: 53, unordered: false, expires: None, max_retransmits: None }
    }

    #[test]
    fn streams_take_turns_message_by_message() {
        let mut queue = SendQueue::default();
        for (stream, count) in [(1, 3), (2, 1), (3, 2)] {
            (0..count).for_each(|_| queue.push(StreamId(stream), message(10)));
        }
        let now = start();
        let order: Vec<_> =
            std::iter::from_fn(|| queue.pop(now, |_| {})).map(|(id, ssn, _)| (id.0, ssn)).collect();
        assert_eq!(order, [(1, 0), (2, 0), (3, 0), (1, 1), (3, 1), (1, 2)]);
    }

    #[test]
    fn a_closed_stream_drains_before_its_reset() {
        let mut queue = SendQueue::default();
        let id = StreamId(4);
        queue.push(id, message(10));
        queue.close(id);
        assert!(!queue.is_open(id) && queue.drained().is_empty());
        assert_eq!(queue.pop(start(), |_| {}).unwrap().0, id);
        queue.sent(id, 10, false);
        assert_eq!(queue.drained(), &[id]);
        queue.reset_done(id, true);
        assert!(queue.is_open(id));
    }
}
