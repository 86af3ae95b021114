//! Two negotiators with different capabilities agree, whatever their applications do and however their messages cross.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

mod agreed;
mod capabilities;
mod exhaustive;
mod key;
mod needed;
mod random;
mod world;
