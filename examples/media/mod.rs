//! What the examples with sound and pictures share: files, sockets, and the loop of a server with many peers.

pub(crate) mod ivf;
pub(crate) mod ogg;
pub(crate) mod recorder;
pub(crate) mod wav;
