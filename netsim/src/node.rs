//! What the network asks of a machine under test.

use std::net::SocketAddr;
use std::time::Instant;

/// The two ends of a datagram, as the host that sends or receives it sees them.
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
/// after each of these drains `poll_transmit` until it returns `None`.
pub trait Node {
    /// A deadline has come.
    fn handle_timeout(&mut self, now: Instant);

    /// A datagram has arrived; its bytes may be changed in place.
    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]);

    /// Appends the next datagram to `out` and says where it goes. `None` when there is nothing to send.
    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Addresses>;

    /// When the node next wants `handle_timeout`; `None` waits for a datagram.
    fn poll_timeout(&self) -> Option<Instant>;
}
