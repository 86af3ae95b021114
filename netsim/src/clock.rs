//! The one place where a clock is read: the first instant of a simulation.

use std::time::Instant;

/// The instant at which a simulation begins. All later ones are computed from it.
#[expect(clippy::disallowed_methods, reason = "an Instant can only come from the clock; it is read once")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
