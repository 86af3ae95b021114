//! What browsers are tested for, of negotiations: each test has the name of a behaviour in `TABLE.tsv`, in a module named
//! after its group.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod candidates;
mod codecs;
mod content;
mod implicit;
mod life;
mod local;
mod msid;
mod needed;
mod offers;
mod parameters;
mod remote;
mod remote_tracks;
mod restart;
mod rollback;
mod simulcast;
mod stopped;
mod support;
mod table;
mod tracks;
mod transport;
