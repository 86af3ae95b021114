//! What browsers are tested for, as far as it needs whole connections: the rows of `sdp/tests/behaviours/TABLE.tsv` that
//! begin with `root`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod channels;
mod connection;
mod grammar;
mod messages;
mod pair;
