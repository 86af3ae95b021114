//! The receiver's record for feedback on one source.

use super::ecn::Ecn;
use super::window::{Place, Window};
use crate::{ExtendedSequence, SequenceNumber};
use std::time::{Duration, Instant};

/// When the packets of one source arrived, and their ECN marks, until that was reported
/// ([RFC 8888, Section 3.1](https://www.rfc-editor.org/rfc/rfc8888#section-3.1)).
/// [`ArrivalsBySource`](super::ArrivalsBySource) has those of all.
#[derive(Debug)]
pub struct SourceArrivals {
    window: Window<SourceArrival>,
}

/// What is known of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceArrival {
    /// When it arrived.
    pub at: Instant,
    /// The mark that it arrived with.
    pub ecn: Option<Ecn>,
}

impl Default for SourceArrivals {
    fn default() -> Self {
        Self { window: Window::new(MOST) }
    }
}

impl SourceArrivals {
    /// A packet arrived. Tells whether there is news to report.
    pub fn received(&mut self, sequence: ExtendedSequence, arrival: SourceArrival) -> bool {
        match self.window.insert(sequence.0, arrival) {
            Place::New => true,
            // RFC 8888, Section 3.1: the first copy's time must be told, and CE if any copy has it.
            Place::Known(known) if arrival.ecn == Some(Ecn::Ce) && known.ecn != arrival.ecn => {
                known.ecn = arrival.ecn;
                self.window.report_again(sequence.0);
                true
            }
            Place::Known(_) | Place::Gone => false,
        }
    }

    /// The number of the first packet to report on, and what is known of each from there on, `None` for those that have not
    /// arrived. `None` when all was told.
    #[must_use]
    pub fn pending(
        &self,
    ) -> Option<(SequenceNumber, impl Iterator<Item = Option<SourceArrival>> + Clone + use<'_>)> {
        let (begin, slots) = self.window.pending()?;
        Some((ExtendedSequence(begin).wire(), slots.copied()))
    }

    /// A report of the first `count` pending packets left. Tells whether more are to be reported.
    pub fn reported(&mut self, now: Instant, count: u16) -> bool {
        let Some((begin, _)) = self.window.pending() else { return false };
        let next = begin.saturating_add(u64::from(count));
        self.window.reported(next, |record| now.saturating_duration_since(record.at) > KEPT)
    }
}

/// Numbers that are kept, arrived or not: there may be many sources.
const MOST: usize = 2048;
/// How long packets are kept once they were reported. Until then what was missing among them may still come.
const KEPT: Duration = Duration::from_millis(500);
