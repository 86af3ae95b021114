//! What is measured of a stream that arrives: loss and jitter, as reception reports tell them.

use std::time::{Duration, Instant};

use crate::{ExtendedSequence, Timestamp};

/// The statistics of one source's packets, by the algorithms of
/// [RFC 3550, Appendices A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1),
/// [A.3](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.3) and
/// [A.8](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.8), on numbers that do not wrap.
///
/// It is given the packets of the stream itself. Packets repaired by retransmission are not among them: they came as another
/// source's ([RFC 4588, Section 4](https://www.rfc-editor.org/rfc/rfc4588#section-4)).
#[derive(Debug, Clone)]
pub struct Reception {
    clock_rate: u32,
    /// Where arrivals are counted from.
    epoch: Option<Instant>,
    /// The first number expected.
    base: u64,
    /// The highest number received.
    highest: u64,
    /// Which of the numbers up to `highest` were received: bit n of the words stands for the numbers that are n modulo
    /// [`WINDOW`].
    window: [u64; WORDS],
    /// The packet that would show that the source has begun its numbers anew.
    suspect: Option<Suspect>,
    /// Received since `base`, with duplicates.
    received: u64,
    /// Lost before the source began its numbers anew.
    lost_before: i64,
    reported: Reported,
    /// The last packet's time of arrival less its timestamp, in ticks of the media's clock.
    transit: Option<u32>,
    /// The jitter in ticks, times 16.
    jitter: u32,
    counters: ReceptionCounters,
}

/// A packet far from all others.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    next: u64,
    len: u64,
}

/// What the last report was made of.
#[derive(Debug, Clone, Copy, Default)]
struct Reported {
    expected: u64,
    received: u64,
}

/// What a packet was to the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Received {
    /// The highest number so far.
    Next,
    /// Behind a packet that was sent after it.
    Reordered,
    /// It has been received before.
    Duplicate,
    /// So far from the others that it is stray, unless the one after it comes next. It was not counted.
    Suspect,
    /// The source has begun its numbers anew, with the packet before this one.
    Restarted,
}

/// What a reception report says of a source
/// ([RFC 3550, Section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceptionReport {
    /// What was lost since the report before, in 256ths; 0 when more came than was expected.
    pub fraction_lost: u8,
    /// Packets lost in all, from -8,388,608 to 8,388,607 (24 bits); negative when duplicates outnumber the lost.
    pub cumulative_lost: i32,
    /// The highest number received: how often it wrapped in the upper 16 bits.
    pub extended_highest: u32,
    /// Variation of the time between packets, in ticks of the media's clock.
    pub jitter: u32,
}

/// Totals since the stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReceptionCounters {
    /// Packets received, duplicates among them.
    pub packets: u64,
    /// Their bytes, as given.
    pub bytes: u64,
    /// Packets that had been received before.
    pub duplicates: u64,
    /// Packets that came after ones sent later.
    pub reordered: u64,
    /// Packets too far from the others to be counted.
    pub suspects: u64,
    /// How often the source began its numbers anew.
    pub restarts: u64,
}

impl Reception {
    /// Begins with the number of the first packet, which is then given to [`receive`](Self::receive) too. The clock rate is
    /// the media's, in ticks per second.
    #[must_use]
    pub fn new(clock_rate: u32, first: ExtendedSequence) -> Self {
        Self {
            clock_rate,
            epoch: None,
            base: first.0,
            highest: first.0,
            window: [0; WORDS],
            suspect: None,
            received: 0,
            lost_before: 0,
            reported: Reported::default(),
            transit: None,
            jitter: 0,
            counters: ReceptionCounters::default(),
        }
    }

    /// Counts a packet of `len` bytes. `arrival` is the network's time, as near to the wire as is known; it may go back.
    pub fn receive(
        &mut self,
        sequence: ExtendedSequence,
        timestamp: Timestamp,
        arrival: Instant,
        len: usize,
    ) -> Received {
        let received = self.place(sequence.0, len as u64);
        if received == Received::Suspect {
            self.counters.suspects += 1;
            return received;
        }
        self.received += 1;
        self.counters.packets += 1;
        self.counters.bytes += len as u64;
        match received {
            Received::Duplicate => self.counters.duplicates += 1,
            Received::Reordered => self.counters.reordered += 1,
            Received::Next | Received::Restarted | Received::Suspect => {}
        }
        if received != Received::Duplicate {
            self.measure_jitter(timestamp, arrival);
        }
        received
    }

    /// The media's clock ticks differently from the next packet on, as with a change of the payload type. The jitter is
    /// carried over in seconds ([RFC 7160, Section 4.2](https://www.rfc-editor.org/rfc/rfc7160#section-4.2)).
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        if clock_rate == self.clock_rate {
            return;
        }
        let jitter = u64::from(self.jitter) * u64::from(clock_rate) / u64::from(self.clock_rate.max(1));
        self.jitter = u32::try_from(jitter).unwrap_or(u32::MAX);
        self.clock_rate = clock_rate;
        self.transit = None;
    }

    /// The block of a report that is sent now; the interval of its `fraction_lost` ends here.
    pub fn report(&mut self) -> ReceptionReport {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.reported.expected);
        let received_interval = self.received.saturating_sub(self.reported.received);
        self.reported = Reported { expected, received: self.received };
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = lost_interval.saturating_mul(256).checked_div(expected_interval).unwrap_or(0);
        let cumulative = self.lost().clamp(-0x80_0000, 0x7f_ffff);
        ReceptionReport {
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(cumulative).unwrap_or(0),
            extended_highest: u32::try_from(self.highest & 0xffff_ffff).unwrap_or(0),
            jitter: self.jitter(),
        }
    }

    /// Packets expected less those received: negative when duplicates outnumber the lost.
    #[must_use]
    pub fn lost(&self) -> i64 {
        self.lost_before.saturating_add(self.lost_since_base())
    }

    /// Variation of the time between packets, in ticks of the media's clock.
    #[must_use]
    pub const fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    /// The highest number received.
    #[must_use]
    pub const fn highest(&self) -> ExtendedSequence {
        ExtendedSequence(self.highest)
    }

    /// Totals since the stream began.
    #[must_use]
    pub const fn counters(&self) -> ReceptionCounters {
        self.counters
    }

    const fn expected(&self) -> u64 {
        self.highest.saturating_sub(self.base).saturating_add(1)
    }

    fn lost_since_base(&self) -> i64 {
        let count = |packets: u64| i64::try_from(packets).unwrap_or(i64::MAX);
        count(self.expected()).saturating_sub(count(self.received))
    }

    fn place(&mut self, sequence: u64, len: u64) -> Received {
        if self.received == 0 {
            self.begin(sequence);
            return Received::Next;
        }
        let ahead = sequence.saturating_sub(self.highest);
        let behind = self.highest.saturating_sub(sequence);
        // RFC 3550, Appendix A.1: two packets in sequence after a jump tell that the source has begun anew.
        if ahead >= MAX_DROPOUT || behind >= MAX_MISORDER {
            let Some(suspect) = self.suspect.filter(|suspect| suspect.next == sequence) else {
                self.suspect = Some(Suspect { next: sequence.saturating_add(1), len });
                return Received::Suspect;
            };
            self.counters.restarts += 1;
            self.lost_before = self.lost();
            self.begin(sequence.saturating_sub(1));
            self.mark(sequence);
            self.highest = sequence;
            // The suspect was received after all.
            self.received = 1;
            self.counters.packets += 1;
            self.counters.bytes += suspect.len;
            return Received::Restarted;
        }
        if ahead > 0 {
            self.suspect = None;
            for between in 1..=ahead {
                self.clear(self.highest.saturating_add(between));
            }
            self.mark(sequence);
            self.highest = sequence;
            return Received::Next;
        }
        if self.is_marked(sequence) {
            return Received::Duplicate;
        }
        self.mark(sequence);
        // Sent before the packet that came first.
        self.base = self.base.min(sequence);
        Received::Reordered
    }

    /// Everything up to here is forgotten.
    fn begin(&mut self, sequence: u64) {
        self.base = sequence;
        self.highest = sequence;
        self.received = 0;
        self.window = [0; WORDS];
        self.suspect = None;
        self.reported = Reported::default();
        self.transit = None;
        self.mark(sequence);
    }

    fn measure_jitter(&mut self, timestamp: Timestamp, arrival: Instant) {
        let epoch = *self.epoch.get_or_insert(arrival);
        let ticks = if arrival >= epoch {
            ticks(arrival.saturating_duration_since(epoch), self.clock_rate)
        } else {
            ticks(epoch.saturating_duration_since(arrival), self.clock_rate).wrapping_neg()
        };
        let transit = ticks.wrapping_sub(timestamp.0);
        let Some(last) = self.transit.replace(transit) else { return };
        // RFC 3550, Appendix A.8.
        let difference = transit.wrapping_sub(last).cast_signed().unsigned_abs();
        // So much is no jitter: the source has set its clock anew.
        if u64::from(difference) < u64::from(self.clock_rate) * MAX_DIFFERENCE_SECONDS {
            self.jitter =
                self.jitter.saturating_add(difference).saturating_sub(self.jitter.saturating_add(8) >> 4);
        }
    }

    fn mark(&mut self, sequence: u64) {
        if let (Some(word), bit) = self.bit(sequence) {
            *word |= bit;
        }
    }

    fn clear(&mut self, sequence: u64) {
        if let (Some(word), bit) = self.bit(sequence) {
            *word &= !bit;
        }
    }

    fn is_marked(&mut self, sequence: u64) -> bool {
        let (word, bit) = self.bit(sequence);
        word.is_some_and(|word| *word & bit != 0)
    }

    fn bit(&mut self, sequence: u64) -> (Option<&mut u64>, u64) {
        let index = usize::try_from(sequence / 64 % WORDS as u64).unwrap_or(0);
        (self.window.get_mut(index), 1 << (sequence % 64))
    }
}

/// A duration in ticks, modulo 2^32 as timestamps are; exact, however long.
fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    let rate = u64::from(clock_rate);
    let fraction = u64::from(duration.subsec_nanos()) * rate / 1_000_000_000;
    let ticks = duration.as_secs().wrapping_mul(rate).wrapping_add(fraction);
    u32::try_from(ticks & 0xffff_ffff).unwrap_or(0)
}

/// How far ahead a packet may be without being suspect
/// ([RFC 3550, Appendix A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1)).
const MAX_DROPOUT: u64 = 3000;
/// How far behind. The appendix has 100, at 50 packets a second; video has more, and what is not suspect is known to be a
/// duplicate or not.
const MAX_MISORDER: u64 = WINDOW;
const WINDOW: u64 = 64 * WORDS as u64;
const WORDS: usize = 16;
const MAX_DIFFERENCE_SECONDS: u64 = 5;
