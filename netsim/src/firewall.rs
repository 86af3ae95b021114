//! Firewalls: they filter as NATs do and translate nothing, as in front of most IPv6 hosts
//! ([RFC 6092](https://www.rfc-editor.org/rfc/rfc6092)).

use crate::nat::{Behaviour, Seen};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// RFC 5382, Section 5: the mapping of an established connection lives for at least 2 hours and 4 minutes.
pub(crate) const STREAM_TIMEOUT: Duration = Duration::from_secs(7_440);

/// How a firewall behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallConfig {
    /// From whom an inside endpoint that has sent something accepts datagrams.
    pub filtering: Behaviour,
    /// Whether datagrams pass at all; streams do always.
    pub datagrams: bool,
    /// How long a flow stays open without an outbound datagram. Streams stay open for 2 hours and 4 minutes.
    pub timeout: Duration,
}

impl Default for FirewallConfig {
    /// Address- and port-dependent filtering, with flows that live for two minutes.
    fn default() -> Self {
        Self {
            filtering: Behaviour::AddressAndPortDependent,
            datagrams: true,
            timeout: Duration::from_secs(120),
        }
    }
}

/// What a packet belongs to: the two have mappings and flows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    Datagram,
    Stream,
}

/// A firewall at work.
#[derive(Debug)]
pub(crate) struct Firewall {
    config: FirewallConfig,
    /// When each flow was last used from inside.
    flows: BTreeMap<(Transport, SocketAddr, Seen), Instant>,
}

impl Firewall {
    pub(crate) const fn new(config: FirewallConfig) -> Self {
        Self { config, flows: BTreeMap::new() }
    }

    /// Forgets all flows, as a restart does.
    pub(crate) fn forget(&mut self) {
        self.flows.clear();
    }

    /// Whether a packet may leave; it opens the way for what comes back.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        transport: Transport,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> bool {
        let passes = self.config.datagrams || transport == Transport::Stream;
        if passes {
            self.flows.insert((transport, inside, self.config.filtering.sees(remote)), now);
        }
        passes
    }

    /// Whether a packet may enter.
    pub(crate) fn inbound(
        &self,
        now: Instant,
        transport: Transport,
        remote: SocketAddr,
        inside: SocketAddr,
    ) -> bool {
        let timeout = match transport {
            Transport::Datagram => self.config.timeout,
            Transport::Stream => STREAM_TIMEOUT,
        };
        let used = self.flows.get(&(transport, inside, self.config.filtering.sees(remote)));
        used.is_some_and(|used| now.saturating_duration_since(*used) < timeout)
    }
}
