//! What the network asks of a machine under test.

use crate::stream::{StreamEvent, StreamRequest};
use std::net::SocketAddr;
use std::time::Instant;

/// The two ends of a datagram, as the host that sends or receives it sees them; or of a stream, as the host at `source`
/// sees them.
///
/// For a host behind a NAT, `source` of a sent datagram is the host's private address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addresses {
    /// Who sent it.
    pub source: SocketAddr,
    /// Who shall receive it.
    pub destination: SocketAddr,
}

/// A host's program: a machine under test behind its datagrams and its deadline.
///
/// The network calls `handle_timeout` once `poll_timeout` has come, hands over each datagram that arrives, and
/// after each of these drains `poll_transmit` until it returns `None`. A node without streams leaves those calls out.
pub trait Node {
    /// A deadline has come.
    fn handle_timeout(&mut self, now: Instant);

    /// A datagram has arrived; its bytes may be changed in place.
    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]);

    /// Appends the next datagram to `out` and says where it goes. `None` when there is nothing to send.
    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses>;

    /// When the node next wants `handle_timeout`; `None` waits for a datagram.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next thing that the node wants done about its streams. Drained like `poll_transmit`.
    fn poll_stream_request(&mut self, _now: Instant) -> Option<StreamRequest> {
        None
    }

    /// Something has become of a stream, which is named by its addresses as the node's host sees them.
    fn handle_stream(&mut self, _now: Instant, _stream: Addresses, _event: StreamEvent<'_>) {}

    /// Appends to `out` the next bytes of an open stream, of which at most `room` are taken. Asked whenever there is room.
    fn poll_stream_bytes(&mut self, _now: Instant, _stream: Addresses, _room: usize, _out: &mut Vec<u8>) {}
}
