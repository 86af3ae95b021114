//! Keys of a telephone, as events rather than as sound ([RFC 4733](https://www.rfc-editor.org/rfc/rfc4733)).

/// What one payload reports of an event ([RFC 4733, Section 2.3](https://www.rfc-editor.org/rfc/rfc4733#section-2.3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    /// Which: 0 to 9 are the digits, 10 is the star, 11 the hash, 12 to 15 are A to D
    /// ([RFC 4733, Section 3.2](https://www.rfc-editor.org/rfc/rfc4733#section-3.2)).
    pub event: u8,
    /// Whether it has ended.
    pub end: bool,
    /// The tone's level in -dBm0: 0 is the loudest, 63 the least loud.
    pub volume: u8,
    /// How long it has lasted since the packet's timestamp, in ticks of the clock. Zero means for ever, for what is a state
    /// and no tone.
    pub duration: u16,
}

impl Event {
    /// Reads the first event of a payload. `None` when it is shorter than four bytes.
    #[must_use]
    pub const fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low, ..] = payload else { return None };
        Some(Self {
            event: *event,
            end: *flags & END != 0,
            // RFC 4733, Section 2.3.3: R must be ignored.
            volume: *flags & MAX_VOLUME,
            duration: u16::from_be_bytes([*high, *low]),
        })
    }

    /// The payload that reports it. A volume above 63 is written as 63.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        let volume = if self.volume > MAX_VOLUME { MAX_VOLUME } else { self.volume };
        let end = if self.end { END } else { 0 };
        let [high, low] = self.duration.to_be_bytes();
        [self.event, end | volume, high, low]
    }
}

/// The packets of one event, to be sent one each step, of 50 ms by preference
/// ([RFC 4733, Section 2.5.1](https://www.rfc-editor.org/rfc/rfc4733#section-2.5.1)).
///
/// All carry the timestamp of the event's start plus their [`offset`](Packet::offset), under sequence numbers of their own. The
/// first packet is due one step after the start.
#[derive(Debug, Clone)]
pub struct Sender {
    event: u8,
    volume: u8,
    step: u16,
    first: bool,
    /// Where the segment begins, in ticks after the start.
    segment: u32,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The tone sounds: what was reported of the segment, and what is left of it and of those after it.
    Sounding { reported: u16, left: u32 },
    /// It has ended: the last packet is sent so many times more.
    Repeating { duration: u16, repeats: u8 },
    /// Nothing is left to send.
    Done,
}

/// One packet of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The payload.
    pub payload: [u8; 4],
    /// The header's marker bit.
    pub marker: bool,
    /// What the packet's timestamp is ahead of the event's start, in ticks: zero but for events that last longer than 65,535
    /// ticks, which are reported in segments.
    pub offset: u32,
}

impl Sender {
    /// The packets of `event` at `volume` (-dBm0, 0 to 63), which lasts `duration` ticks, reported each `step` ticks. Neither
    /// may be zero: one tick is the least.
    #[must_use]
    pub fn new(event: u8, volume: u8, duration: u32, step: u16) -> Self {
        let state = State::Sounding { reported: 0, left: duration.max(1) };
        Self { event, volume, step: step.max(1), first: true, segment: 0, state }
    }

    fn packet(&mut self, duration: u16, end: bool) -> Packet {
        let event = Event { event: self.event, end, volume: self.volume, duration };
        // RFC 4733, Section 2.5.1.2: the first packet must have the marker bit, and no other one of the event.
        let marker = std::mem::replace(&mut self.first, false);
        Packet { payload: event.to_bytes(), marker, offset: self.segment }
    }
}

impl Iterator for Sender {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        match self.state {
            State::Sounding { reported, left } => {
                // RFC 4733, Section 2.5.1.3: a segment must be reported up to the greatest duration.
                let room = u32::from(u16::MAX - reported);
                let step = u32::from(self.step).min(left).min(room);
                let duration = reported.saturating_add(u16::try_from(step).unwrap_or(u16::MAX));
                let left = left - step;
                let packet = self.packet(duration, left == 0);
                self.state = if left == 0 {
                    State::Repeating { duration, repeats: FINAL_REPEATS }
                } else if duration == u16::MAX {
                    // A segment's last packet is not repeated: the next segment's timestamp tells how long it was.
                    self.segment = self.segment.saturating_add(u32::from(duration));
                    State::Sounding { reported: 0, left }
                } else {
                    State::Sounding { reported: duration, left }
                };
                Some(packet)
            }
            State::Repeating { duration, repeats } => {
                // RFC 4733, Section 2.5.1.4: the last packet should be sent three times in all.
                self.state = match repeats {
                    2.. => State::Repeating { duration, repeats: repeats - 1 },
                    _ => State::Done,
                };
                Some(self.packet(duration, true))
            }
            State::Done => None,
        }
    }
}

const END: u8 = 0x80;
const MAX_VOLUME: u8 = 0x3f;

/// The last packet's repeats.
const FINAL_REPEATS: u8 = 2;
