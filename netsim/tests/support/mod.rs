//! A node that posts datagrams.

use duologue_netsim::{Addresses, Node};
use std::collections::VecDeque;
use std::time::Instant;

/// Sends what it was told to and keeps what it hears.
#[derive(Default)]
pub(crate) struct Post {
    pub(crate) outbox: VecDeque<(Addresses, Vec<u8>)>,
    pub(crate) inbox: Vec<(Instant, Addresses, Vec<u8>)>,
    pub(crate) replies: bool,
}

impl Node for Post {
    fn handle_timeout(&mut self, _now: Instant) {}

    fn handle_datagram(&mut self, now: Instant, addresses: Addresses, datagram: &mut [u8]) {
        self.inbox.push((now, addresses, datagram.to_vec()));
        if self.replies {
            let back = Addresses { source: addresses.destination, destination: addresses.source };
            self.outbox.push_back((back, datagram.to_vec()));
        }
    }

    fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<Addresses> {
        let (addresses, bytes) = self.outbox.pop_front()?;
        out.extend_from_slice(&bytes);
        Some(addresses)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

pub(crate) fn addresses(source: &str, destination: &str) -> Addresses {
    Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}
