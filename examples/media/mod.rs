//! What the examples with sound and pictures share: files, sockets, and the loop of a server with many peers.

pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod ivf;
pub(crate) mod ogg;
pub(crate) mod outbox;
pub(crate) mod recorder;
pub(crate) mod recordings;
pub(crate) mod relay;
pub(crate) mod sockets;
pub(crate) mod streams;
pub(crate) mod tracks;
pub(crate) mod wav;
