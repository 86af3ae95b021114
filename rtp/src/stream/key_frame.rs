//! Requests for key frames: those we send for one receiver, and those that come to one sender.

use crate::Ssrc;
use std::time::{Duration, Instant};

/// When to ask a source for a key frame, by PLI or FIR. The first request leaves at once; it is repeated until a key
/// frame begins, each time after one and a half round trips, 300 ms at least, and ever later from the eighth on.
#[derive(Debug)]
pub struct KeyFrameRequests {
    interval: Duration,
    sequence: u8,
    last: Option<Instant>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Content,
    Asking { since: Instant, sent: u32 },
}

/// One request, to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFrameRequest {
    /// The number of a FIR. A PLI has none.
    pub sequence: u8,
    /// Whether the same was asked before.
    pub repeated: bool,
}

impl Default for KeyFrameRequests {
    fn default() -> Self {
        Self { interval: SHORTEST, sequence: 0, last: None, state: State::Content }
    }
}

impl KeyFrameRequests {
    /// The path's round trip, which a key frame takes at least.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.interval = (round_trip + round_trip / 2).clamp(SHORTEST, LONGEST);
    }

    /// A key frame is needed. Nothing changes while one is being asked for.
    pub fn request(&mut self, now: Instant) {
        // RFC 5104, Section 3.5.1.1: no more than one command is outstanding, and another one has another number.
        if self.state == State::Content {
            self.sequence = self.sequence.wrapping_add(1);
            self.state = State::Asking { since: now, sent: 0 };
        }
    }

    /// The first packet of a key frame came.
    // RFC 5104, Section 3.5.1.1: an attempt to send one, even if it was damaged, ends the repetitions.
    pub fn received_key_frame(&mut self) {
        self.state = State::Content;
    }

    /// No key frame is needed any more: the stream has ended, or nobody looks at it.
    pub fn cancel(&mut self) {
        self.state = State::Content;
    }

    /// The request to send now, if it is time.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> Option<KeyFrameRequest> {
        if self.deadline()? > now {
            return None;
        }
        let State::Asking { sent, .. } = &mut self.state else { return None };
        let repeated = *sent > 0;
        *sent = sent.saturating_add(1);
        self.last = Some(now);
        // RFC 5104, Section 4.3.1.1: a repetition keeps the number.
        Some(KeyFrameRequest { sequence: self.sequence, repeated })
    }

    /// When the next request is to be sent. `None` while none is.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let State::Asking { since, sent } = self.state else { return None };
        let slower = (sent / PATIENCE).min(3);
        let next = self.last.map_or(since, |last| last + self.interval * (1 << slower));
        Some(next.max(since))
    }
}

/// What a peer asks one sender for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// Picture loss indication ([RFC 4585, Section 6.3.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.1)).
    Pli,
    /// Full intra request ([RFC 5104, Section 4.3.1](https://www.rfc-editor.org/rfc/rfc5104#section-4.3.1)).
    Fir {
        /// Who asks.
        from: Ssrc,
        /// Its number: a repetition has the same.
        sequence: u8,
    },
}

/// Which of the requests that come to one sender are worth a key frame: copies, repetitions and what one key frame
/// answers are told once, and nothing sooner than 100 ms after the last.
#[derive(Debug, Default)]
pub struct KeyFrameDemands {
    round_trip: Duration,
    told: Option<Instant>,
    key_frame: Option<Instant>,
    /// When the request came that is to be told.
    pending: Option<Instant>,
    commands: [Option<(Ssrc, u8)>; COMMANDERS],
    oldest: usize,
}

impl KeyFrameDemands {
    /// The path's round trip.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// The sender began to send a key frame. It answers what comes within a round trip: that was sent before the frame
    /// can have arrived. Senders of which this is never told are only held to the 100 ms.
    pub fn sent_key_frame(&mut self, now: Instant) {
        self.key_frame = Some(now);
        self.pending = None;
    }

    /// A request came. Then [`poll`](Self::poll).
    pub fn received(&mut self, now: Instant, demand: Demand) {
        if let Demand::Fir { from, sequence } = demand
            && self.is_repetition(from, sequence)
        {
            // RFC 5104, Section 3.5.1.1: a repetition more than two round trips after the refresh point asks for a new one.
            let patience = (self.round_trip * 2).max(APART);
            let last = self.told.max(self.key_frame);
            if last.is_some_and(|last| now.saturating_duration_since(last) <= patience) {
                return;
            }
        }
        let answered =
            self.key_frame.is_some_and(|sent| now.saturating_duration_since(sent) < self.round_trip);
        let being_answered = self.told.is_some_and(|told| {
            now.saturating_duration_since(told) < APART && self.key_frame.is_none_or(|sent| sent < told)
        });
        if !answered && !being_answered {
            self.pending.get_or_insert(now);
        }
    }

    /// Whether to make a key frame now. True once for each.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        self.pending = None;
        self.told = Some(now);
        true
    }

    /// When to [`poll`](Self::poll).
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let pending = self.pending?;
        Some(self.told.map_or(pending, |told| pending.max(told + APART)))
    }

    fn is_repetition(&mut self, from: Ssrc, sequence: u8) -> bool {
        let known = self.commands.iter_mut().flatten().find(|(source, _)| *source == from);
        if let Some((_, last)) = known {
            // One that was overtaken on the way is no new one either.
            let newer = sequence.wrapping_sub(*last).cast_signed() > 0;
            if newer {
                *last = sequence;
            }
            return !newer;
        }
        if let Some(place) = self.commands.get_mut(self.oldest) {
            *place = Some((from, sequence));
        }
        self.oldest = (self.oldest + 1) % COMMANDERS;
        false
    }
}

/// Soonest repetition of a request.
const SHORTEST: Duration = Duration::from_millis(300);
/// Latest first repetition, whatever the round trip.
const LONGEST: Duration = Duration::from_secs(3);
/// Requests after which the time between them doubles, up to eight times the first.
const PATIENCE: u32 = 8;
/// Time between two key frames that are asked of a sender.
const APART: Duration = Duration::from_millis(100);
/// Sources whose last command is remembered: a peer behind a mixer may have several.
const COMMANDERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use duologue_netsim::Network;

    const MS: Duration = Duration::from_millis(1);

    /// The times, in milliseconds, of the requests sent within `length`, and their numbers.
    fn sent(requests: &mut KeyFrameRequests, start: Instant, length: u32) -> Vec<(u32, u8, bool)> {
        let request = |ms: u32| Some((ms, requests.poll(start + MS * ms)?));
        (0..length).filter_map(request).map(|(ms, r)| (ms, r.sequence, r.repeated)).collect()
    }

    #[test]
    fn a_request_leaves_at_once_and_is_repeated_under_its_number_until_a_key_frame_begins() {
        let start = Network::new(0).now();
        let mut requests = KeyFrameRequests::default();
        assert_eq!((requests.poll(start), requests.deadline()), (None, None));
        requests.request(start);
        assert_eq!(requests.deadline(), Some(start));
        assert_eq!(sent(&mut requests, start, 700), [(0, 1, false), (300, 1, true), (600, 1, true)]);
        requests.request(start + MS * 700);
        assert_eq!(requests.deadline(), Some(start + MS * 900));
        let again = KeyFrameRequest { sequence: 1, repeated: true };
        assert_eq!(requests.poll(start + MS * 900), Some(again));
        requests.received_key_frame();
        assert_eq!((requests.poll(start + MS * 1200), requests.deadline()), (None, None));
    }

    #[test]
    fn another_request_has_the_next_number_and_comes_no_sooner_than_a_repetition() {
        let start = Network::new(0).now();
        let mut requests = KeyFrameRequests::default();
        requests.set_round_trip(MS * 400);
        requests.request(start);
        assert_eq!(sent(&mut requests, start, 100), [(0, 1, false)]);
        requests.received_key_frame();
        requests.request(start + MS * 100);
        assert_eq!(sent(&mut requests, start, 1300), [(600, 2, false), (1200, 2, true)]);
        for _ in 0..254 {
            requests.cancel();
            requests.request(start + MS * 1300);
        }
        assert_eq!(sent(&mut requests, start, 1801), [(1800, 0, false)]);
    }

    #[test]
    fn a_source_that_never_answers_is_asked_ever_more_rarely() {
        let start = Network::new(0).now();
        let mut requests = KeyFrameRequests::default();
        requests.request(start);
        let sent = sent(&mut requests, start, 120_000);
        let gaps: Vec<_> = sent.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert_eq!(gaps[..7], [300; 7]);
        assert_eq!((gaps[7], gaps[15], gaps[23], gaps[40]), (600, 1200, 2400, 2400));
    }

    #[test]
    fn copies_of_a_demand_are_told_once() {
        let start = Network::new(0).now();
        let mut demands = KeyFrameDemands::default();
        let mut told = Vec::new();
        for ms in 0..250 {
            // One every 20 ms, by both kinds, and nobody tells of a key frame.
            if ms % 20 == 0 {
                demands.received(start + MS * ms, Demand::Pli);
            }
            if demands.poll(start + MS * ms) {
                told.push(ms);
            }
        }
        assert_eq!(told, [0, 100, 200]);
        assert_eq!(demands.deadline(), None);
    }

    #[test]
    fn a_key_frame_answers_what_was_asked_before_it_arrived() {
        let start = Network::new(0).now();
        let mut demands = KeyFrameDemands::default();
        demands.set_round_trip(MS * 80);
        demands.received(start, Demand::Pli);
        assert!(demands.poll(start));
        demands.sent_key_frame(start + MS * 10);
        demands.received(start + MS * 89, Demand::Pli);
        assert_eq!(demands.deadline(), None);
        // This one was sent by someone who has not got the key frame. It waits until two may follow one another.
        demands.received(start + MS * 91, Demand::Pli);
        assert_eq!(demands.deadline(), Some(start + MS * 100));
        assert!(!demands.poll(start + MS * 99));
        assert!(demands.poll(start + MS * 100));
        assert!(!demands.poll(start + MS * 300));
    }

    #[test]
    fn a_key_frame_sent_meanwhile_answers_what_waits() {
        let start = Network::new(0).now();
        let mut demands = KeyFrameDemands::default();
        demands.received(start, Demand::Pli);
        assert!(demands.poll(start));
        demands.sent_key_frame(start + MS);
        demands.received(start + MS * 50, Demand::Pli);
        demands.sent_key_frame(start + MS * 60);
        assert!(!demands.poll(start + MS * 200));
    }

    #[test]
    fn a_repeated_command_is_obeyed_again_only_two_round_trips_after_the_key_frame() {
        let start = Network::new(0).now();
        let fir = |sequence| Demand::Fir { from: Ssrc(7), sequence };
        let mut demands = KeyFrameDemands::default();
        demands.set_round_trip(MS * 80);
        demands.received(start, fir(255));
        assert!(demands.poll(start));
        demands.sent_key_frame(start + MS * 20);
        for (ms, sequence) in [(110, 255), (170, 254), (180, 255)] {
            demands.received(start + MS * ms, fir(sequence));
            assert!(!demands.poll(start + MS * ms));
        }
        demands.received(start + MS * 181, fir(255));
        assert!(demands.poll(start + MS * 181));
        demands.sent_key_frame(start + MS * 181);
        // A new command, whose number has wrapped, need not wait so long; nor one by another source.
        demands.received(start + MS * 290, fir(0));
        assert!(demands.poll(start + MS * 290));
        demands.sent_key_frame(start + MS * 291);
        demands.received(start + MS * 395, Demand::Fir { from: Ssrc(8), sequence: 0 });
        assert!(demands.poll(start + MS * 395));
    }
}
