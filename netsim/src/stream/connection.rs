//! One end of a stream.

use super::segment::{Kind, Segment};
use super::{StreamEnd, StreamFailure};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How many bytes a stream takes from its node before they are acknowledged, and how far ahead it receives.
const BUFFER: usize = 65_536;
const SEGMENT: usize = 1_448;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// An opening is sent after 0, 1, 3, 7 and 15 seconds, and given up after 31.
const OPENINGS: u32 = 5;
/// How often one segment is sent without an acknowledgement.
const ATTEMPTS: u32 = 9;
/// How many repeated acknowledgements show a loss (RFC 5681, Section 3.2).
const REPEATS: u32 = 3;

/// What a segment or a deadline has led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Nothing,
    Opened,
    Arrived(Vec<u8>),
    Failed(StreamFailure),
    Ended(StreamEnd),
    /// It is over, and nobody waits to be told.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Our opening waits for an answer.
    Opening,
    /// We have answered an opening; `asked` says whether our node wanted the stream as well.
    Accepting {
        asked: bool,
    },
    Open,
    /// Our node has closed it.
    Closing,
}

/// One end of a stream. Outgoing segments are queued for the caller to take.
#[derive(Debug)]
pub(crate) struct Connection {
    state: State,
    tag: u32,
    peer_tag: u32,
    sending: Sending,
    /// Up to where bytes have arrived, and what came ahead of that.
    received: u64,
    early: BTreeMap<u64, Vec<u8>>,
    /// What has come in order and was not handed out.
    arrived: Vec<u8>,
    end: Option<u64>,
    finished: bool,
    outgoing: VecDeque<Segment>,
}

/// What has been taken from the node and not been acknowledged.
#[derive(Debug)]
struct Sending {
    bytes: VecDeque<u8>,
    /// The position of the first of `bytes`, and of the next to be sent.
    acknowledged: u64,
    next: u64,
    window: usize,
    threshold: usize,
    repeats: u32,
    attempts: u32,
    wait: Duration,
    deadline: Option<Instant>,
    /// A position whose acknowledgement measures the round trip, and when it was sent.
    timed: Option<(u64, Instant)>,
}

impl Connection {
    /// An end that opens a stream.
    pub(crate) fn open(now: Instant, tag: u32) -> Self {
        let mut connection = Self::new(State::Opening, now, tag, 0);
        connection.push(Kind::Open, 0, Vec::new());
        connection
    }

    /// An end that answers the opening with the number `peer_tag`.
    pub(crate) fn accept(now: Instant, tag: u32, peer_tag: u32) -> Self {
        let mut connection = Self::new(State::Accepting { asked: false }, now, tag, peer_tag);
        connection.push(Kind::Accept, 0, Vec::new());
        connection
    }

    fn new(state: State, now: Instant, tag: u32, peer_tag: u32) -> Self {
        let sending = Sending {
            bytes: VecDeque::new(),
            acknowledged: 0,
            next: 0,
            window: 10 * SEGMENT,
            threshold: BUFFER,
            repeats: 0,
            attempts: 1,
            wait: FIRST_WAIT,
            deadline: now.checked_add(FIRST_WAIT),
            timed: None,
        };
        Self {
            state,
            tag,
            peer_tag,
            sending,
            received: 0,
            early: BTreeMap::new(),
            arrived: Vec::new(),
            end: None,
            finished: false,
            outgoing: VecDeque::new(),
        }
    }

    pub(crate) fn next_outgoing(&mut self) -> Option<Segment> {
        self.outgoing.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.sending.deadline
    }

    /// How many bytes may be taken from the node now.
    pub(crate) fn room(&self) -> usize {
        if self.state == State::Open { BUFFER.saturating_sub(self.sending.bytes.len()) } else { 0 }
    }

    pub(crate) fn write(&mut self, now: Instant, bytes: &[u8]) {
        self.sending.bytes.extend(bytes);
        self.send_more(now);
    }

    /// Closes in order. True when there is nothing to wait for.
    pub(crate) fn close(&mut self, now: Instant) -> bool {
        match self.state {
            State::Opening | State::Accepting { .. } => {
                self.reset();
                true
            }
            State::Open | State::Closing => {
                self.state = State::Closing;
                self.send_more(now);
                false
            }
        }
    }

    pub(crate) fn reset(&mut self) {
        self.outgoing.clear();
        self.push(Kind::Reset, 0, Vec::new());
    }

    /// The node asks for a stream that the other end has begun to open.
    pub(crate) fn ask(&mut self) {
        if let State::Accepting { asked } = &mut self.state {
            *asked = true;
        }
    }

    /// The host has lost the address.
    pub(crate) const fn lose_address(&self) -> Outcome {
        match self.state {
            State::Opening | State::Accepting { asked: true } => Outcome::Failed(StreamFailure::NoInterface),
            State::Open => Outcome::Ended(StreamEnd::Reset),
            State::Accepting { asked: false } | State::Closing => Outcome::Gone,
        }
    }

    pub(crate) fn handle_segment(&mut self, now: Instant, segment: Segment) -> Outcome {
        if segment.kind == Kind::Open {
            self.on_open(now, &segment);
            return Outcome::Nothing;
        }
        if segment.peer_tag != self.tag {
            self.outgoing.extend(segment.refusal());
            return Outcome::Nothing;
        }
        if segment.kind == Kind::Reset {
            return match self.state {
                State::Opening | State::Accepting { asked: true } => Outcome::Failed(StreamFailure::Refused),
                State::Open => Outcome::Ended(StreamEnd::Reset),
                State::Accepting { asked: false } | State::Closing => Outcome::Gone,
            };
        }
        match self.state {
            State::Opening if segment.kind != Kind::Accept => return Outcome::Nothing,
            State::Opening | State::Accepting { .. } => {
                self.peer_tag = segment.tag;
                self.state = State::Open;
                self.sending.settle();
                if segment.kind == Kind::Accept {
                    self.acknowledge();
                } else {
                    self.take(segment);
                }
                return Outcome::Opened;
            }
            State::Open | State::Closing => {}
        }
        if segment.kind == Kind::Accept {
            self.acknowledge();
            return Outcome::Nothing;
        }
        let alone = segment.kind == Kind::Data && segment.bytes.is_empty();
        if self.sending.on_acknowledged(now, segment.acknowledged, alone) {
            self.repeat_first();
        }
        self.take(segment);
        self.send_more(now);
        self.progress()
    }

    /// The next thing to tell the node of what has arrived in order.
    pub(crate) fn progress(&mut self) -> Outcome {
        match self.state {
            State::Closing if self.sending.is_all_acknowledged() => Outcome::Gone,
            State::Open if !self.arrived.is_empty() => Outcome::Arrived(std::mem::take(&mut self.arrived)),
            State::Open if self.finished => Outcome::Ended(StreamEnd::Finished),
            State::Open | State::Closing | State::Opening | State::Accepting { .. } => Outcome::Nothing,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Outcome {
        let sending = &mut self.sending;
        sending.attempts += 1;
        sending.wait = (sending.wait * 2).min(LONGEST_WAIT);
        sending.deadline = now.checked_add(sending.wait);
        sending.timed = None;
        let attempts = sending.attempts;
        match self.state {
            State::Opening if attempts > OPENINGS => Outcome::Failed(StreamFailure::TimedOut),
            State::Accepting { asked: true } if attempts > OPENINGS => {
                Outcome::Failed(StreamFailure::TimedOut)
            }
            State::Accepting { asked: false } if attempts > OPENINGS => Outcome::Gone,
            State::Open if attempts > ATTEMPTS => Outcome::Ended(StreamEnd::TimedOut),
            State::Closing if attempts > ATTEMPTS => Outcome::Gone,
            State::Opening => {
                self.push(Kind::Open, 0, Vec::new());
                Outcome::Nothing
            }
            State::Accepting { .. } => {
                self.push(Kind::Accept, 0, Vec::new());
                Outcome::Nothing
            }
            State::Open | State::Closing => {
                // RFC 5681, Section 3.1: after a timeout all is sent again from the first, slowly.
                sending.threshold = (sending.window / 2).max(2 * SEGMENT);
                sending.window = SEGMENT;
                sending.next = sending.acknowledged;
                self.send_more(now);
                Outcome::Nothing
            }
        }
    }

    fn on_open(&mut self, now: Instant, segment: &Segment) {
        match self.state {
            State::Opening => {
                self.state = State::Accepting { asked: true };
                self.peer_tag = segment.tag;
                self.sending.attempts = 1;
                self.sending.wait = FIRST_WAIT;
                self.sending.deadline = now.checked_add(FIRST_WAIT);
                self.push(Kind::Accept, 0, Vec::new());
            }
            State::Accepting { .. } if segment.tag == self.peer_tag => self.push(Kind::Accept, 0, Vec::new()),
            // Another stream between the same ends: the answer shows the other end that this one is of before.
            State::Accepting { .. } | State::Open | State::Closing => self.acknowledge(),
        }
    }

    /// Takes what a segment brings, and acknowledges all that has come in order.
    fn take(&mut self, segment: Segment) {
        let Segment { kind, position, bytes, .. } = segment;
        let end = position + bytes.len() as u64;
        if kind == Kind::End {
            self.end = Some(end);
        } else if bytes.is_empty() {
            return;
        }
        let ahead = end.saturating_sub(self.received);
        if !bytes.is_empty() && ahead > 0 && ahead <= BUFFER as u64 {
            self.early.insert(position, bytes);
        }
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.received) {
            let known = usize::try_from(self.received - *entry.key()).unwrap_or(usize::MAX);
            let bytes = entry.remove();
            let new = bytes.get(known..).unwrap_or_default();
            self.received += new.len() as u64;
            self.arrived.extend_from_slice(new);
        }
        if self.end == Some(self.received) && !self.finished {
            self.received += 1;
            self.finished = true;
        }
        self.acknowledge();
    }

    fn acknowledge(&mut self) {
        self.push(Kind::Data, self.sending.next, Vec::new());
    }

    fn repeat_first(&mut self) {
        let first = self.sending.part(self.sending.acknowledged);
        let kind = if first.is_empty() { Kind::End } else { Kind::Data };
        self.push(kind, self.sending.acknowledged, first);
    }

    /// Sends what the window lets out, and the end after the last byte.
    fn send_more(&mut self, now: Instant) {
        loop {
            let position = self.sending.next;
            let part = self.sending.part(position);
            let in_flight = position - self.sending.acknowledged;
            if in_flight + part.len() as u64 > self.sending.window as u64 {
                break;
            }
            let is_end = part.is_empty();
            if is_end && !(self.state == State::Closing && in_flight == self.sending.bytes.len() as u64) {
                break;
            }
            let kind = if is_end { Kind::End } else { Kind::Data };
            self.sending.next += (part.len() as u64).max(1);
            if self.sending.timed.is_none() && self.sending.attempts == 1 {
                self.sending.timed = Some((self.sending.next, now));
            }
            self.push(kind, position, part);
        }
        if self.sending.deadline.is_none() && self.sending.next > self.sending.acknowledged {
            self.sending.deadline = now.checked_add(self.sending.wait);
        }
    }

    fn push(&mut self, kind: Kind, position: u64, bytes: Vec<u8>) {
        let Self { tag, peer_tag, received: acknowledged, .. } = *self;
        self.outgoing.push_back(Segment { kind, tag, peer_tag, position, acknowledged, bytes });
    }
}

impl Sending {
    /// The stream is open: nothing is waited for.
    const fn settle(&mut self) {
        self.attempts = 1;
        self.wait = FIRST_WAIT;
        self.deadline = None;
    }

    /// The bytes of one segment from `position`.
    fn part(&self, position: u64) -> Vec<u8> {
        let skipped = usize::try_from(position - self.acknowledged).unwrap_or(usize::MAX);
        self.bytes.iter().skip(skipped).take(SEGMENT).copied().collect()
    }

    fn is_all_acknowledged(&self) -> bool {
        self.bytes.is_empty() && self.next == self.acknowledged
    }

    /// Takes an acknowledgement; `alone` when it came without bytes. True when it shows a loss.
    fn on_acknowledged(&mut self, now: Instant, upto: u64, alone: bool) -> bool {
        if upto <= self.acknowledged {
            let in_flight = self.next > self.acknowledged;
            self.repeats += u32::from(in_flight && alone && upto == self.acknowledged);
            let lost = in_flight && self.repeats == REPEATS;
            if lost {
                // RFC 5681, Section 3.2: a loss halves the window.
                self.threshold = (self.window / 2).max(2 * SEGMENT);
                self.window = self.threshold;
                self.timed = None;
            }
            return lost;
        }
        let count = usize::try_from(upto - self.acknowledged).unwrap_or(usize::MAX);
        self.bytes.drain(..count.min(self.bytes.len()));
        self.acknowledged = upto;
        self.next = self.next.max(upto);
        (self.repeats, self.attempts) = (0, 1);
        if let Some((_, sent)) = self.timed.take_if(|(position, _)| *position <= upto) {
            self.wait = (now.saturating_duration_since(sent) * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        }
        // RFC 5681, Section 3.1: slow start up to the threshold, then a segment per round trip.
        let more = if self.window < self.threshold { SEGMENT } else { SEGMENT * SEGMENT / self.window };
        self.window = (self.window + more).min(BUFFER);
        self.deadline = if self.next > upto { now.checked_add(self.wait) } else { None };
        false
    }
}
