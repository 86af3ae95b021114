//! Byte streams as TCP gives them, with segments of their own kind: what is lost is sent again, so loss becomes delay.
//!
//! 1. A node asks for a stream by [`StreamRequest::Open`], with both addresses. The network sends an opening segment
//!    until it is answered, refused, or 31 seconds have passed.
//! 2. It is answered where a node listens, or has asked for the same stream from the other end (a simultaneous open);
//!    anywhere else it is refused. A NAT or firewall that does not let it in drops it in silence.
//! 3. While a stream is open the network pulls bytes from its node as there is room, and hands over what arrives, in order.
//! 4. It ends with a reset, an orderly close from either end, or because nothing sent was acknowledged for long.

mod connection;
mod host;
mod segment;

pub(crate) use host::{Streams, Told};
pub(crate) use segment::Segment;

use crate::node::Addresses;
use std::net::SocketAddr;

/// What a node wants done about its streams. A stream is named by its [`Addresses`] as the host sees them: `source` is the
/// host's own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamRequest {
    /// Accept streams at this address from now on.
    Listen(SocketAddr),
    /// Open a stream. One that exists already stays as it is.
    Open(Addresses),
    /// End a stream once all that it has taken is delivered. Bytes of the other end are ignored from now on, and nothing
    /// is told of it any more.
    Close(Addresses),
    /// End a stream at once; nothing is told of it any more.
    Reset(Addresses),
}

/// What has become of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// It is open: one asked for, or one that another host has opened to where the node listens.
    Opened,
    /// It could not be opened.
    Failed(StreamFailure),
    /// The next bytes, cut anyhow.
    Bytes(&'a mut [u8]),
    /// It has ended.
    Closed(StreamEnd),
}

/// Why a stream could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFailure {
    /// Nobody listens there.
    Refused,
    /// No answer came.
    TimedOut,
    /// The host has no such source address.
    NoInterface,
}

/// How a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The other end closed it, and all that it sent has arrived.
    Finished,
    /// The other end reset it, or the interface was removed.
    Reset,
    /// What was sent has not been acknowledged for long.
    TimedOut,
}
