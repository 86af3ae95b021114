//! Congestion control's feedback: what arrived when, told by the receiver, and what the sender makes of it.

mod arrivals;
mod arrivals_by_source;
mod history;
mod timer;
mod window;

pub use arrivals::{Arrivals, ArrivalsStats, PendingArrivals, PendingReport};
pub use arrivals_by_source::{SourceArrival, SourceArrivals};
pub use history::{Fate, History, HistoryStats, Outcome, Told};
pub use timer::FeedbackTimer;
