//! Congestion control's feedback: what arrived when, told by the receiver, and what the sender makes of it.

mod arrivals;
mod arrivals_by_source;
mod clock;
mod ecn;
mod history;
mod record;
mod sent_by_source;
mod source_arrivals;
mod timer;
mod window;

pub use arrivals::{Arrivals, ArrivalsStats, PendingArrivals, PendingReport};
pub use arrivals_by_source::{ArrivalsBySource, ArrivalsBySourceStats};
pub use ecn::Ecn;
pub use history::{Fate, History, HistoryStats, Outcome, Told};
pub use source_arrivals::{SourceArrival, SourceArrivals};
pub use timer::FeedbackTimer;
