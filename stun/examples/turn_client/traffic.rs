//! The datagrams of one family: what was sent, what has arrived, when.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Which way a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the first allocation to the second.
    There,
    /// Echoed.
    Back,
}

pub(crate) struct Traffic {
    /// The relayed addresses of the first and of the second allocation.
    pub(crate) relayed: [SocketAddr; 2],
    sent: Vec<Instant>,
    there: Arrivals,
    back: Arrivals,
    round_trips: Vec<Duration>,
}

#[derive(Default)]
struct Arrivals {
    seen: Vec<bool>,
    count: u32,
    last: Option<Instant>,
    longest_gap: Duration,
}

/// What became of a family's datagrams.
pub(crate) struct Summary {
    /// In percent of what was sent, both ways together.
    pub(crate) loss: f64,
    /// The longest time between two arrivals one way.
    pub(crate) longest_gap: Duration,
    pub(crate) text: String,
}

impl Traffic {
    pub(crate) fn new(relayed: [SocketAddr; 2]) -> Self {
        Self {
            relayed,
            sent: Vec::new(),
            there: Arrivals::default(),
            back: Arrivals::default(),
            round_trips: Vec::new(),
        }
    }

    /// Writes the next datagram over `payload` whole: the way, the number, and bytes that follow from it.
    pub(crate) fn send(&mut self, now: Instant, payload: &mut [u8]) {
        let number = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        self.sent.push(now);
        let [n0, n1, n2, n3] = number.to_be_bytes();
        let head = [THERE, n0, n1, n2, n3];
        for (at, to) in payload.iter_mut().enumerate() {
            *to = head.get(at).copied().unwrap_or_else(|| filler(number, at));
        }
    }

    /// Takes what has arrived. Makes an echo of it in place when it is to go back; `None`: it is none of ours.
    pub(crate) fn arrived(&mut self, now: Instant, payload: &mut [u8]) -> Option<Way> {
        let [way, n0, n1, n2, n3, rest @ ..] = payload else { return None };
        let number = u32::from_be_bytes([*n0, *n1, *n2, *n3]);
        let at = usize::try_from(number).ok()?;
        let sent = *self.sent.get(at)?;
        if rest.iter().zip(5..).any(|(byte, at)| *byte != filler(number, at)) {
            return None;
        }
        match *way {
            THERE => {
                *way = BACK;
                self.there.note(now, at);
                Some(Way::There)
            }
            BACK => {
                if self.back.note(now, at) {
                    self.round_trips.push(now - sent);
                }
                Some(Way::Back)
            }
            _ => None,
        }
    }

    /// Whether as much has come back as was sent.
    pub(crate) fn is_complete(&self) -> bool {
        usize::try_from(self.back.count) == Ok(self.sent.len())
    }

    pub(crate) fn summary(mut self) -> Summary {
        self.round_trips.sort_unstable();
        let at = |index: usize| self.round_trips.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3;
        let (median, last) = (self.round_trips.len() / 2, self.round_trips.len().saturating_sub(1));
        let (sent, there, back) = (self.sent.len(), self.there.count, self.back.count);
        let longest_gap = self.there.longest_gap.max(self.back.longest_gap);
        let expected = u32::try_from(sent).unwrap_or(u32::MAX);
        let loss = f64::from(expected - back.min(expected)) * 100.0 / f64::from(expected.max(1));
        let family = if self.relayed.iter().all(SocketAddr::is_ipv4) { "IPv4" } else { "IPv6" };
        let text = format!(
            "{family}: {sent} sent, {there} there, {back} back ({loss:.1}% lost); round trip through both relays \
             {:.1} ms, {:.1} ms, {:.1} ms (least, median, most); longest gap {} ms",
            at(0),
            at(median),
            at(last),
            longest_gap.as_millis()
        );
        Summary { loss, longest_gap, text }
    }
}

impl Arrivals {
    /// Counts an arrival; `false` when it is a second one.
    fn note(&mut self, now: Instant, at: usize) -> bool {
        if self.seen.len() <= at {
            self.seen.resize(at + 1, false);
        }
        let Some(seen) = self.seen.get_mut(at).filter(|seen| !**seen) else { return false };
        *seen = true;
        self.count += 1;
        if let Some(last) = self.last.replace(now) {
            self.longest_gap = self.longest_gap.max(now - last);
        }
        true
    }
}

/// A byte that tells whether the rest is whole and in its place.
fn filler(number: u32, at: usize) -> u8 {
    let [.., low] = number.to_be_bytes();
    let [.., place] = at.to_be_bytes();
    low.wrapping_mul(31).wrapping_add(place)
}

const THERE: u8 = b'>';
const BACK: u8 = b'<';
