//! Whole frames in order, from packets in any order.
//!
//! 1. A packet that is next in order goes straight into the frame being built; others wait in a bounded window.
//! 2. A frame is all packets in sequence with one timestamp. It ends with the marker, or where the payload format says so, or
//!    before the first packet of another timestamp. It is released as soon as it is whole and nothing before it is missing.
//! 3. What is missing holds everything behind it back for [`JitterConfig::max_wait`], from when a packet behind it came; then
//!    it is given up. Half of that is enough when a whole key frame waits behind it.
//! 4. After a loss the buffer looks for where a frame begins; with [`AfterLoss::KeyFrame`], for a key frame, which is taken up
//!    at once, whatever is missing before it.

mod assembly;
mod window;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Frame, ReceiverId};
use crate::codec::{Codec, PayloadDiscard, describe};
use crate::extension::Set;
use crate::{ExtendedSequence, ExtendedTimestamp, PayloadType};
use assembly::Assembly;
use window::Window;

/// What frames may wait for, and how much is held meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JitterConfig {
    /// How long a missing packet holds back what came after it: 500 ms.
    pub max_wait: Duration,
    /// How many packets may wait for others, and how many frames to be read: 2,048. When more come, the oldest missing
    /// packets are given up early; when frames are not read, packets are refused.
    pub max_packets: usize,
    /// How many bytes packets may wait with, how long a frame may be, and how many bytes of frames may wait to be read:
    /// 4 MiB each.
    pub max_bytes: usize,
    /// Where frames go on after a loss: with a key frame.
    pub after_loss: AfterLoss,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            max_wait: Duration::from_millis(500),
            max_packets: 2048,
            max_bytes: 4 << 20,
            after_loss: AfterLoss::KeyFrame,
        }
    }
}

/// Where frames go on after one was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AfterLoss {
    /// With a key frame: what depends on the lost one is left out. Nothing but a key frame begins the stream either.
    KeyFrame,
    /// With the next frame: audio, and those who can conceal losses or know what depends on what.
    Continue,
}

/// A packet of the stream.
#[derive(Debug, Clone)]
pub struct Incoming<'d> {
    /// Its number.
    pub sequence: ExtendedSequence,
    /// When its frame was sampled.
    pub timestamp: ExtendedTimestamp,
    /// What the payload is coded with.
    pub codec: Codec,
    /// The payload type it came with.
    pub payload_type: PayloadType,
    /// The header's marker bit.
    pub marker: bool,
    /// The payload; empty when the packet is all padding.
    pub payload: &'d [u8],
    /// When it arrived.
    pub arrival: Instant,
    /// The header extensions that the frame shall have.
    pub extensions: Set,
}

/// Why a packet was not used. Not an error: the network may carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JitterDiscard {
    /// It is there already.
    Duplicate,
    /// It had been given up.
    TooLate,
    /// There is no room: frames are not read.
    Full,
    /// Its frame is longer than allowed, and lost.
    TooLong,
    /// The payload is not of its codec; its frame is lost.
    Payload(PayloadDiscard),
}

/// Totals since the stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JitterCounters {
    /// Packets taken, used in the end or not.
    pub packets: u64,
    /// Frames put together.
    pub frames: u64,
    /// Packets refused as [`JitterDiscard::Duplicate`].
    pub duplicates: u64,
    /// Packets refused as [`JitterDiscard::TooLate`].
    pub too_late: u64,
    /// Packets refused as [`JitterDiscard::Full`].
    pub full: u64,
    /// Packets refused as [`JitterDiscard::TooLong`].
    pub too_long: u64,
    /// Payloads, and frames, refused as [`JitterDiscard::Payload`].
    pub payloads: u64,
    /// Packets that were all padding.
    pub padding: u64,
    /// Packets thrown away because others of their frame, or the frame that theirs depends on, were missing.
    pub useless: u64,
    /// Gaps given up.
    pub gaps: u64,
    /// Jumps of the numbers too far to be gaps.
    pub jumps: u64,
}

/// Puts the frames of one stream together.
#[derive(Debug)]
pub struct JitterBuffer {
    receiver: ReceiverId,
    config: JitterConfig,
    window: Window,
    assembly: Assembly,
    position: Position,
    /// Nothing is of use but what a decoder can begin with.
    joining: bool,
    /// Frames were lost since the last one released.
    after_gap: bool,
    wants_key_frame: bool,
    /// Missing packets were given up, and not told yet.
    skipped: bool,
    /// The packet that would show that the source has begun its numbers anew.
    suspect: Option<u64>,
    ready: VecDeque<Frame>,
    ready_bytes: usize,
    counters: JitterCounters,
}

/// What is known of the packet that is next in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// There has been none.
    New,
    /// It may be any part of a frame.
    Astray,
    /// It begins a frame, or continues the one being built.
    Aligned,
}

/// What a payload tells of its place in a frame.
#[derive(Debug, Clone, Copy)]
struct Place {
    starts: bool,
    ends: bool,
    /// It starts a frame that a decoder can begin with.
    entry: bool,
}

impl JitterBuffer {
    /// One for a stream that has not begun.
    #[must_use]
    pub fn new(receiver: ReceiverId, config: JitterConfig) -> Self {
        Self {
            receiver,
            window: Window::new(config.max_packets.max(1), config.max_bytes),
            config,
            assembly: Assembly::default(),
            position: Position::New,
            joining: true,
            after_gap: false,
            wants_key_frame: false,
            skipped: false,
            suspect: None,
            ready: VecDeque::new(),
            ready_bytes: 0,
            counters: JitterCounters::default(),
        }
    }

    /// Takes a packet: as it came, or repaired.
    ///
    /// # Errors
    /// It was not used, and counted.
    #[expect(clippy::needless_pass_by_value, reason = "a packet is given away once")]
    pub fn insert(&mut self, now: Instant, packet: Incoming<'_>) -> Result<(), JitterDiscard> {
        let place = self.place(&packet);
        let result = loop {
            match self.try_insert(now, &packet, place) {
                // Early, for the sake of the bounds.
                Err(JitterDiscard::Full) if self.window.is_gap() => self.give_up(),
                result => break result,
            }
        };
        self.count(result);
        result
    }

    /// Gives up what has been missing for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.give_up();
        }
    }

    /// The next whole frame.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> Option<Frame> {
        self.handle_timeout(now);
        let frame = self.ready.pop_front()?;
        self.ready_bytes -= frame.payload.len();
        self.drain();
        Some(frame)
    }

    /// Whether a whole frame is there to be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When missing packets are given up: time for [`handle_timeout`](Self::handle_timeout). `None` while nothing waits.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let noticed = self.window.noticed().filter(|_| self.window.is_gap())?;
        let early = self.config.after_loss == AfterLoss::KeyFrame && self.window.has_whole_entry();
        Some(noticed + if early { self.config.max_wait / 2 } else { self.config.max_wait })
    }

    /// Whether the stream can only go on with a key frame that has not come. It is told once for each frame that is lost for
    /// the want of one: whoever asks for key frames does so at intervals.
    #[must_use]
    pub const fn take_wants_key_frame(&mut self) -> bool {
        std::mem::replace(&mut self.wants_key_frame, false)
    }

    /// The number below which nothing is of use any more, if it was moved past missing packets since this was last asked: for
    /// [`Nack::skip_before`](super::nack::Nack::skip_before).
    #[must_use]
    pub fn take_useless_before(&mut self) -> Option<ExtendedSequence> {
        std::mem::replace(&mut self.skipped, false).then(|| ExtendedSequence(self.window.base()))
    }

    /// How many packets wait for others.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.window.len()
    }

    /// Totals since the stream began.
    #[must_use]
    pub const fn counters(&self) -> JitterCounters {
        self.counters
    }

    fn place(&self, packet: &Incoming<'_>) -> Place {
        if packet.payload.is_empty() {
            return Place { starts: false, ends: false, entry: false };
        }
        let description = describe(packet.codec, packet.payload).unwrap_or_default();
        Place {
            starts: description.starts_frame,
            ends: packet.marker || description.ends_frame,
            entry: description.starts_frame
                && (description.key_frame || self.config.after_loss == AfterLoss::Continue),
        }
    }

    fn try_insert(&mut self, now: Instant, packet: &Incoming<'_>, place: Place) -> Result<(), JitterDiscard> {
        let sequence = packet.sequence.0;
        if self.position == Position::New {
            self.begin(sequence, place);
        } else if self.window.is_beyond(sequence) && self.is_full() {
            return Err(JitterDiscard::Full);
        } else if self.window.is_beyond(sequence) || self.is_restart(sequence) {
            self.counters.jumps += 1;
            self.assembly.clear();
            self.lose();
            self.joining = true;
            self.begin(sequence, place);
        }
        if sequence < self.window.base() {
            let there = self.window.was_received(sequence);
            return Err(if there { JitterDiscard::Duplicate } else { JitterDiscard::TooLate });
        }
        if self.window.holds(sequence) {
            return Err(JitterDiscard::Duplicate);
        }
        if place.entry && self.is_joining() && self.window.first_entry().is_none_or(|entry| sequence < entry)
        {
            self.skip_to(sequence);
        }
        if place.starts && !place.entry && self.is_joining() {
            self.wants_key_frame = true;
        }
        if sequence == self.window.base() && !self.is_full() {
            self.window.advance();
            let result = self.consume(packet, place);
            self.drain();
            return result;
        }
        self.window.store(now, packet, place)?;
        self.drain();
        Ok(())
    }

    /// The next packet in order will be this one; or one shortly before it, if it is the middle of a frame whose beginning may
    /// have been overtaken.
    fn begin(&mut self, sequence: u64, place: Place) {
        let base = if place.entry { sequence } else { sequence.saturating_sub(MAX_LEAD) };
        self.window.restart(base);
        self.position = Position::Astray;
        self.suspect = None;
    }

    /// Whether two packets in sequence have come from far behind, which tells that the source has begun its numbers anew
    /// ([RFC 3550, Appendix A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1)).
    fn is_restart(&mut self, sequence: u64) -> bool {
        if self.window.base().saturating_sub(sequence) < MAX_MISORDER {
            return false;
        }
        self.suspect.replace(sequence.saturating_add(1)) == Some(sequence)
    }

    const fn is_joining(&self) -> bool {
        self.joining && !self.assembly.is_building()
    }

    fn is_full(&self) -> bool {
        self.ready.len() >= self.config.max_packets || self.ready_bytes >= self.config.max_bytes
    }

    /// Goes to where a decoder can begin, when nothing else is of use. Returns whether there is such a place.
    fn rejoin(&mut self) -> bool {
        let Some(entry) = self.window.first_entry().filter(|_| self.is_joining()) else { return false };
        self.skip_to(entry);
        self.wants_key_frame = false;
        true
    }

    /// What is there in order goes into frames.
    fn drain(&mut self) {
        while !self.is_full() {
            self.rejoin();
            let Some((sequence, stored)) = self.window.pop() else { return };
            let packet = stored.incoming(sequence);
            let result = self.consume(&packet, stored.place);
            self.count_refused(result);
            self.window.recycle(stored.payload);
        }
    }

    /// The packet is the next in order.
    fn consume(&mut self, packet: &Incoming<'_>, place: Place) -> Result<(), JitterDiscard> {
        if packet.payload.is_empty() {
            self.counters.padding += 1;
            return Ok(());
        }
        // The last frame had no marker.
        if self.assembly.is_building() && !self.assembly.takes(packet) {
            self.finish();
            self.position = Position::Aligned;
        }
        if !self.assembly.is_building() {
            if !self.may_begin(packet, place) {
                self.counters.useless += 1;
                self.position = if place.ends { Position::Aligned } else { Position::Astray };
                return Ok(());
            }
            self.joining = false;
            self.position = Position::Aligned;
            self.assembly.begin(packet);
        }
        if let Err(discard) = self.assembly.push(packet, self.config.max_bytes) {
            self.spoil(place.ends);
            return Err(discard);
        }
        if place.ends {
            self.finish();
        }
        Ok(())
    }

    fn may_begin(&self, packet: &Incoming<'_>, place: Place) -> bool {
        if self.assembly.is_broken(packet) {
            return false;
        }
        if self.joining { place.entry } else { place.starts || self.position == Position::Aligned }
    }

    fn finish(&mut self) {
        match self.assembly.finish(self.receiver) {
            Some(Ok(mut frame)) => {
                frame.after_gap = std::mem::replace(&mut self.after_gap, false);
                self.counters.frames += 1;
                self.ready_bytes += frame.payload.len();
                self.ready.push_back(frame);
            }
            Some(Err(_)) => {
                self.counters.payloads += 1;
                self.spoil(true);
            }
            None => {}
        }
    }

    /// The frame being built is lost.
    fn spoil(&mut self, at_its_end: bool) {
        self.assembly.abandon();
        self.position = if at_its_end { Position::Aligned } else { Position::Astray };
        self.lose();
    }

    /// The gap at the front is not waited for any longer.
    fn give_up(&mut self) {
        self.counters.gaps += 1;
        self.spoil(false);
        self.skipped = true;
        if !self.rejoin() {
            self.window.skip_gap();
        }
        self.drain();
    }

    fn lose(&mut self) {
        self.after_gap = true;
        if self.config.after_loss == AfterLoss::KeyFrame {
            self.joining = true;
            self.wants_key_frame = true;
        }
    }

    fn skip_to(&mut self, sequence: u64) {
        if sequence > self.window.base() {
            self.counters.useless += self.window.skip_to(sequence);
            self.skipped = true;
        }
        self.position = Position::Aligned;
    }

    fn count(&mut self, result: Result<(), JitterDiscard>) {
        if result.is_ok() {
            self.counters.packets += 1;
        }
        self.count_refused(result);
    }

    fn count_refused(&mut self, result: Result<(), JitterDiscard>) {
        match result {
            Ok(()) => {}
            Err(JitterDiscard::Duplicate) => self.counters.duplicates += 1,
            Err(JitterDiscard::TooLate) => self.counters.too_late += 1,
            Err(JitterDiscard::Full) => self.counters.full += 1,
            Err(JitterDiscard::TooLong) => self.counters.too_long += 1,
            Err(JitterDiscard::Payload(_)) => self.counters.payloads += 1,
        }
    }
}

/// How many packets before the first to come may belong to its frame.
const MAX_LEAD: u64 = 8;
/// How far behind a packet may be, and still only be late.
const MAX_MISORDER: u64 = 1024;
